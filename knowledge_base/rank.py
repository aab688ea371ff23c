"""Ranking: what the systems say of the candidates, weighed by gradient-boosted trees (LambdaRank).

Which columns there are is decided here; how they are weighed is learned (`knowledge_base.training.ranker`) from rankings
whose question was unknown to every system.
"""

import re
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from knowledge_base.candidates import Candidates
from knowledge_base.model_files import RANKER
from knowledge_base.trees import Trees

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

_SYSTEMS = ("lexical", "lexicon", "dense", "meaning", "around", "asked", "near", "near_share", "near_words")
FEATURES = (
    *(f"{system}_{form}" for system in _SYSTEMS for form in ("value", "gap", "rank")),
    "lexical_ratio", "asked_ratio", "near_first", "count", "named", "local", "length",
    "law_by_meaning", "law_by_words", "law_by_near", "law_gap", "known", "question_length", "nearest_similarity", "systems",
    "learned", "law_learned", "law_learned_share",
)  # fmt: skip
_MARKS = re.compile(r"[\W_]+")
LOCAL_MARGIN = 1.0
"""How far, in the ranker's scores, a local article may lie behind the third and still be shown (`law_of_the_place`)."""
LOCAL_WORDS, LEAST_WORDS = 0.75, 5.0
"""Or else which part of the best BM25 score it must have, and the least that counts as the best."""
LOCAL_SHOWN = 2
_TOP = 20  # candidates by which a law's share is counted


def ranking_features(question: str, candidates: Candidates) -> NDArray[np.float32]:
    """A row per candidate, shape (n, len(FEATURES)). Of each system: its value, how far below its best, its rank."""
    count = len(candidates.rows)
    columns: list[NDArray[np.floating]] = []
    ranks: dict[str, NDArray[np.float32]] = {}
    for system in _SYSTEMS:
        values: Floats = getattr(candidates, system)
        known = np.where(np.isnan(values), np.float32(-1), values)
        ranks[system] = np.empty(count, np.float32)
        ranks[system][np.argsort(-known, kind="stable")] = np.arange(count, dtype=np.float32)
        columns += [values, known.max(initial=-1) - known, np.log1p(ranks[system])]
    laws, position = np.unique(candidates.laws, return_inverse=True)
    meaning = np.nan_to_num(candidates.meaning, nan=-1)
    best_of_law = np.full(len(laws), -1, dtype=np.float32)
    np.maximum.at(best_of_law, position, meaning)

    def share(chosen: NDArray[np.bool_] | Floats) -> Floats:
        return np.bincount(position, weights=chosen, minlength=len(laws)).astype(np.float32)[position]

    def whole(value: float) -> Floats:
        return np.full(count, value, dtype=np.float32)

    top = [(ranks[system] < _TOP) for system in ("meaning", "lexical", "dense", "asked")]
    asked = np.nan_to_num(candidates.asked)
    columns += [
        candidates.lexical / max(float(candidates.lexical.max(initial=0)), 1e-6),
        asked / max(float(asked.max(initial=0)), 1e-6),
        candidates.near_first, np.log1p(candidates.count), candidates.named, candidates.local, np.log1p(candidates.length),
        share(top[0]) / _TOP, share(top[1]) / _TOP, share(candidates.near_share),
        best_of_law.max(initial=-1) - best_of_law[position],
        whole(candidates.known), whole(np.log1p(len(question))), whole(candidates.nearest_similarity),
        np.sum(top, axis=0).astype(np.float32),
        np.log1p(candidates.learned), np.log1p(candidates.law_learned), 100 * candidates.law_learned_share,
    ]  # fmt: skip
    return np.stack(columns, axis=1).astype(np.float32)


@cache
def ranker() -> Trees:
    """The one that ships. Its values are comparable within one question, roughly between questions."""
    return Trees(RANKER, FEATURES)


def law_of_the_place(order: Integers, candidates: Candidates, scores: Floats) -> Integers:
    """`order`, with the best articles of the place third (and second) where none is among the first three and they fit.

    Whoever asks from a place wants to know what holds there, while the ranker has only learned from national law. An article fits
    that is not far behind, or that has nearly as many of the question's words as any.
    """
    if len(order) < 4 or candidates.local[order[:3]].any():
        return order
    fits = (candidates.local > 0) & (
        (scores >= scores[order[2]] - LOCAL_MARGIN)
        | (candidates.lexical >= LOCAL_WORDS * max(float(candidates.lexical.max()), LEAST_WORDS))
    )
    places = np.flatnonzero(fits[order])[:LOCAL_SHOWN]
    keep = 3 - len(places)
    return np.concatenate([order[:keep], order[places], np.delete(order, [*range(keep), *places.tolist()])])


def answers_of_known(question: str, candidates: Candidates, texts: Sequence[str]) -> Integers:
    """Positions of the candidates that the known question names which this one is word for word, the best first; none else."""
    if candidates.nearest < 0 or _plain(texts[candidates.nearest]) != _plain(question):
        return np.zeros(0, dtype=np.int64)
    named = np.flatnonzero(candidates.near_question == candidates.nearest)
    return named[np.argsort(-candidates.near_first[named], kind="stable")]


def _plain(text: str) -> str:
    return _MARKS.sub("", text)

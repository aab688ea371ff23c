"""Ranking: what BM25, the embedding and the everyday questions say of each candidate, fused by a weighted sum.

The fusion is a plain function of the columns of `Candidates`, so that a learned ranker can take its place: it gets the
same columns and returns scores.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.regions import NATION
from knowledge_base.cards.matching import CardMatches, match_cards
from knowledge_base.index import Index
from knowledge_base.lexical import Spans, best
from knowledge_base.references import named_laws

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

CANDIDATES = 150  # of each system
NEAREST_QUESTIONS = 16
_NATION = int(NATION)

# Found by grid search over five random and five contiguous folds of STARD's train split (benchmarks/calibrate.py): the
# embedding refitted and the other folds' questions used as known questions in each, mean nDCG@10 of both kinds of fold.
# `local` has no part in that: set so that both the cards of the three provinces and the national ones, asked there, gain.
WEIGHTS = {"lexical": 1.0, "dense": 2.0, "question": 0.5, "named": 0.3, "local": 0.3}


@dataclass(frozen=True)
class Candidates:
    """One row per candidate. Scores are absolute; `fuse` brings those of one question to one scale."""

    rows: Integers
    """Rows of the index, shape (n,)."""
    laws: Integers
    """The law of each, as a position in `Index.laws`."""
    lexical: Floats
    """BM25, ≥ 0."""
    dense: Floats
    """Cosine, -1…1."""
    question: Floats
    """How near the nearest everyday question that points to the article is, 0…1; 0 where none does."""
    named: Floats
    """1 where the question names the article's law."""
    local: Floats
    """1 where the article is of a place and not of the nation."""
    known: float
    """The share of the question's tokens that some article holds."""
    nearest: int
    """The nearest everyday question (its position in `Index.questions`), -1 where there is none."""
    nearest_similarity: float
    cards: CardMatches
    """The cards of the region that come nearest."""


def gather(
    index: Index,
    question: str,
    vector: Floats,
    mask: NDArray[np.bool_],
    spans: Spans,
    places: Sequence[int] = (int(NATION),),
) -> Candidates:
    """What each system finds among the rows that apply (`Index.applicable` gives `mask` and `spans`).

    `vector`: the question's unit vector, shape (dimension,). `places`: the codes of the region asked from and of all it lies
    in, the narrowest first.
    """
    scores, known = index.lexical.scores(question, spans)
    for start, stop in spans:
        scores[start:stop] *= mask[start:stop]
    near, _ = index.dense.search(vector, CANDIDATES, mask, spans)
    near_questions = _questions(index, question, vector, places)
    asked = near_questions.rows
    pointed = np.array([row for row in asked if mask[row]], dtype=np.int64)
    rows = np.unique(np.concatenate([best(scores, CANDIDATES, spans), near, pointed])).astype(np.int64)
    laws = {
        position
        for each in named_laws(question, index.laws_by_name)
        for position in index.laws_by_name.get(each.law, [])
    }
    named = np.isin(index.law[rows], list(laws)) if laws else np.zeros(len(rows), dtype=np.bool_)
    return Candidates(
        rows=rows,
        laws=index.law[rows],
        lexical=scores[rows],
        dense=index.dense.cosines(vector, rows),
        question=np.array([asked.get(int(row), 0.0) for row in rows], dtype=np.float32),
        named=named.astype(np.float32),
        local=(index.region[rows] != _NATION).astype(np.float32),
        known=known,
        nearest=near_questions.nearest,
        nearest_similarity=near_questions.similarity,
        cards=match_cards(index, question, vector, places, near_questions.cosine),
    )


def fuse(candidates: Candidates, weights: dict[str, float] = WEIGHTS) -> Floats:
    """One score per candidate, shape (n,): the weighted sum, over the weights of the systems that always speak."""
    if not len(candidates.rows):
        return np.zeros(0, dtype=np.float32)
    score = (
        weights["lexical"] * _to_best(candidates.lexical)
        + weights["dense"] * _to_best(candidates.dense)
        + weights["question"] * candidates.question
        + weights["named"] * candidates.named
        + weights["local"] * candidates.local * _to_best(candidates.dense)
    )
    fused: Floats = (score / (weights["lexical"] + weights["dense"])).astype(np.float32)
    return fused


def _to_best(scores: Floats) -> Floats:
    return scores / max(float(scores.max()), 1e-6)


class _Nearest(NamedTuple):
    """Rows that the nearest everyday questions point to, with their similarity; the nearest one; all cosines."""

    rows: dict[int, float]
    nearest: int
    similarity: float
    cosine: Floats


def _questions(index: Index, question: str, vector: Floats, places: Sequence[int]) -> _Nearest:
    """What the everyday questions asked in these places say of a question."""
    if not index.questions:
        return _Nearest({}, -1, 0.0, np.zeros(0, np.float32))
    lexical, _ = index.question_lexical.scores(question)
    here = np.isin(index.question_region, places)
    cosine = np.where(here, np.maximum(index.question_vectors @ vector, 0), np.float32(0))
    # A question's BM25 with itself is out of reach for others, so the best one found sets the scale, never alone.
    similarity = 0.7 * cosine + 0.3 * cosine * _to_best(np.where(here, lexical, 0))
    count = min(NEAREST_QUESTIONS, len(similarity))
    order = np.argpartition(-similarity, count - 1)[:count]
    order = order[np.argsort(-similarity[order])]
    found: dict[int, float] = {}
    for each in order:
        for row in index.targets[each]:
            found.setdefault(row, float(similarity[each]))
    return _Nearest(found, int(order[0]), float(similarity[order[0]]), cosine)

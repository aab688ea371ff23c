"""The second look: the first few candidates weighed against each other.

The ranker (`knowledge_base.rank`) weighs every candidate by itself. Here a second set of trees sees how far each of the
first twelve is from its best rival, and which of the question's words its text has. Their log-odds that it answers are
added to the ranker's score, and tell the decision how sure to be (`knowledge_base.decide`).
"""

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from knowledge_base import rank
from knowledge_base.candidates import Candidates
from knowledge_base.lexical import LexicalIndex
from knowledge_base.model_files import RERANKER
from knowledge_base.rank import ranker, ranking_features
from knowledge_base.trees import Trees

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

TOP = 12
"""How many are looked at."""
_OWN = (*rank.FEATURES, "score", "place", "covered", "told")
FEATURES = (*_OWN, *(f"{name}_above_others" for name in _OWN))


@dataclass(frozen=True)
class Ranking:
    """How the candidates of a question rank, in the candidates' own order."""

    columns: Floats
    """Of `rank.ranking_features`, shape (n, …)."""
    scores: Floats
    """The ranker's, shape (n,)."""
    odds: Floats
    """The reranker's log-odds that it answers, shape (n,); the candidates it has not looked at get the least that it gave, and
    never more than 0."""

    @cached_property
    def total(self) -> Floats:
        """By what they are ordered."""
        return self.scores + self.odds

    @cached_property
    def order(self) -> Integers:
        """Positions of the candidates, the best first."""
        order: Integers = np.argsort(-self.total, kind="stable")
        return order


def first_of(scores: Floats) -> Integers:
    """Positions of the candidates that get a second look, the best first."""
    first: Integers = np.argsort(-scores, kind="stable")[:TOP]
    return first


def reranking_features(columns: Floats, scores: Floats, overlap: Floats) -> Floats:
    """A row for each of `first_of`, of their columns, scores and overlap (`LexicalIndex.overlap`), the best first;
    shape (≤ TOP, len(FEATURES)).
    """
    place = np.log1p(np.arange(len(scores), dtype=np.float32))
    own = np.concatenate([columns, scores[:, None], place[:, None], overlap], axis=1)
    return np.concatenate([own, _above_others(own)], axis=1).astype(np.float32)


def _above_others(own: Floats) -> Floats:
    """By how much each row is above the best of the other rows, in each column; NaN where it or they have no value."""
    values = np.where(np.isnan(own), -np.inf, own)
    highest = np.sort(np.concatenate([np.full((2, own.shape[1]), -np.inf), values]), axis=0)[-2:]
    is_best = np.arange(len(own))[:, None] == values.argmax(axis=0)
    others = np.where(is_best, highest[0], highest[1])
    return own - np.where(np.isinf(others), np.nan, others).astype(np.float32)


@cache
def reranker() -> Trees:
    """The one that ships. Its values are log-odds that a row of `reranking_features` answers."""
    return Trees(RERANKER, FEATURES)


def rank_candidates(question: str, candidates: Candidates, lexical: LexicalIndex) -> Ranking:
    """The candidates weighed by the models that ship. `lexical`: the index they are from."""
    columns = ranking_features(question, candidates)
    scores = ranker().values(columns)
    if not len(scores):
        return Ranking(columns, scores, scores)
    first = first_of(scores)
    overlap = lexical.overlap(question, candidates.rows[first])
    odds = reranker().values(reranking_features(columns[first], scores[first], overlap))
    return with_odds(columns, scores, first, odds)


def with_odds(columns: Floats, scores: Floats, first: Integers, odds: Floats) -> Ranking:
    """A ranking from the odds of those that got a second look."""
    every = np.full(len(scores), odds.min(initial=0), dtype=np.float32)
    every[first] = odds
    return Ranking(columns, scores, every)

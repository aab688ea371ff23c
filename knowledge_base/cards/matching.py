"""How near a question is to the cards: by the words of the whole card, by its meaning, by each of its questions.

What comes out are features, a row a card; `decide` makes a probability of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.regions import NATION
from knowledge_base.index import Index

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

FEATURES = (
    "words", "words_best", "words_gap", "whole", "whole_gap", "question", "question_gap",
    "meaning", "meaning_second", "meaning_gap", "meaning_squared", "local", "length",
)  # fmt: skip
_CONSIDERED = 8  # cards by words, and as many by their nearest question


@dataclass(frozen=True)
class CardMatches:
    """`cards`: positions in `Index.cards`, shape (n,); `features`: shape (n, len(FEATURES))."""

    cards: Integers
    features: NDArray[np.float64]

    def local(self) -> "CardMatches":
        """Those of a place alone."""
        chosen = self.features[:, FEATURES.index("local")] > 0
        return CardMatches(self.cards[chosen], self.features[chosen])


def match_cards(index: Index, question: str, words: Floats, meaning: Floats, places: Sequence[int]) -> CardMatches:
    """The cards of `places` that come nearest. `words`, `meaning`: the question's vectors of the static embedding and of the
    question encoder.
    """
    none = CardMatches(np.zeros(0, np.int64), np.zeros((0, len(FEATURES))))
    here = np.isin(index.card_region, places)
    if not here.any():
        return none
    bm25, _ = index.card_lexical.scores(question)
    bm25 = (bm25 * here / max(index.card_lexical.ceiling(question), 1e-6)).astype(np.float32)
    whole = np.where(here, np.maximum(index.card_vectors @ words, 0), np.float32(0))
    asked_here = np.isin(index.card_asked_in, places)
    by_words, _ = _two_best(index, np.where(asked_here, np.maximum(index.card_asked @ words, 0), np.float32(0)))
    first, second = _two_best(index, np.where(asked_here, np.maximum(index.card_meaning @ meaning, 0), np.float32(0)))
    count = min(_CONSIDERED, len(bm25))
    considered = np.unique(
        np.concatenate([np.argpartition(-score, count - 1)[:count] for score in (bm25, whole, by_words, first)])
    )
    considered = considered[here[considered]]
    if not len(considered):
        return none
    scores = [each[considered].astype(np.float64) for each in (bm25, whole, by_words, first, second)]
    bm25_, whole_, by_words_, first_, second_ = scores
    features = np.stack([
        bm25_, bm25_ / max(bm25_.max(), 1e-6), _gap(bm25_), whole_, _gap(whole_), by_words_, _gap(by_words_),
        first_, second_, _gap(first_), first_**2,
        (index.card_region[considered] != int(NATION)).astype(np.float64), np.full(len(considered), np.log(len(question))),
    ], axis=1)  # fmt: skip
    return CardMatches(considered.astype(np.int64), features)


def _two_best(index: Index, own: Floats) -> tuple[Floats, Floats]:
    """By card, the cosines of its nearest question and of the next (its nearest again where it has only one).

    `own`: of all questions of cards.
    """
    starts, stops = index.card_questions[:, 0], index.card_questions[:, 1]
    first = np.maximum.reduceat(own, starts - starts[0])
    others = np.where(own == np.repeat(first, stops - starts), np.float32(0), own)
    second = np.maximum.reduceat(others, starts - starts[0])
    return first, np.where(stops - starts > 1, second, first)


def _gap(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much higher each is than the best of the others."""
    if len(scores) == 1:
        return scores
    top = np.sort(scores)
    return np.asarray(scores - np.where(scores == top[-1], top[-2], top[-1]))

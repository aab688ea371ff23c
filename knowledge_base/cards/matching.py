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
    "words", "words_best", "words_gap", "meaning", "meaning_gap", "question", "question_second", "question_gap", "local",
    "length",
)  # fmt: skip
_CONSIDERED = 8  # cards by words, and as many by their nearest question


@dataclass(frozen=True)
class CardMatches:
    """`cards`: positions in `Index.cards`, shape (n,); `features`: shape (n, len(FEATURES))."""

    cards: Integers
    features: NDArray[np.float64]


def match_cards(
    index: Index, question: str, vector: Floats, places: Sequence[int], question_cosine: Floats
) -> CardMatches:
    """The cards of `places` that come nearest. `question_cosine`: of all `Index.questions`, 0 for those of other places."""
    none = CardMatches(np.zeros(0, np.int64), np.zeros((0, len(FEATURES))))
    here = np.isin(index.card_region, places)
    if not here.any():
        return none
    words, _ = index.card_lexical.scores(question)
    words = (words * here / max(index.card_lexical.ceiling(question), 1e-6)).astype(np.float32)
    meaning = np.where(here, np.maximum(index.card_vectors @ vector, 0), np.float32(0))
    first, second = _two_best(index, question_cosine)
    count = min(_CONSIDERED, len(words))
    considered = np.unique(
        np.concatenate([np.argpartition(-score, count - 1)[:count] for score in (words, meaning, first)])
    )
    considered = considered[here[considered] & (words[considered] > 0)]
    if not len(considered):
        return none
    scores = [each[considered].astype(np.float64) for each in (words, meaning, first, second)]
    words_, meaning_, first_, second_ = scores
    features = np.stack([
        words_, words_ / max(words_.max(), 1e-6), _gap(words_), meaning_, _gap(meaning_), first_, second_, _gap(first_),
        (index.card_region[considered] != int(NATION)).astype(np.float64), np.full(len(considered), np.log(len(question))),
    ], axis=1)  # fmt: skip
    return CardMatches(considered.astype(np.int64), features)


def _two_best(index: Index, cosine: Floats) -> tuple[Floats, Floats]:
    """By card, the cosines of its nearest question and of the next (its nearest again where it has only one)."""
    starts, stops = index.card_questions[:, 0], index.card_questions[:, 1]
    own = cosine[starts[0] :]  # the cards' questions come last, card by card
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

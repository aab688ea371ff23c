"""What a question is about: one of the cards' categories, by the cards' questions that come nearest in meaning."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from knowledge_base.cards.files import CATEGORIES
from knowledge_base.index import Index

Floats = NDArray[np.float32]

UNSORTED = CATEGORIES[-1]
_NEAREST = 40
_SHARPNESS = 0.1  # how fast a farther question counts for less, in cosine
_ENOUGH = 0.4
"""The share of the votes that a category must have. Of the cards' 4,415 questions, each sorted by the other cards alone,
.92 reach it and .79 of those are sorted as their card is."""


class Categories:
    """The cards of one index as voters. `of_card`: their categories, by id."""

    def __init__(self, index: Index, of_card: Mapping[str, str]) -> None:
        spans = index.card_questions
        by_card = np.array([CATEGORIES.index(of_card.get(card, UNSORTED)) for card in index.cards], dtype=np.int64)
        self._category = np.repeat(by_card, spans[:, 1] - spans[:, 0]) if index.cards else by_card
        self._meaning = index.card_meaning

    def of(self, meaning: Floats) -> str:
        """The category of a question by its unit vector of the question encoder; UNSORTED where the votes are split."""
        if not len(self._category):
            return UNSORTED
        cosine = self._meaning @ meaning
        count = min(_NEAREST, len(cosine))
        nearest = np.argpartition(-cosine, count - 1)[:count]
        votes = np.zeros(len(CATEGORIES))
        np.add.at(votes, self._category[nearest], np.exp((cosine[nearest] - cosine.max()) / _SHARPNESS))
        best = int(votes.argmax())
        return CATEGORIES[best] if votes[best] >= _ENOUGH * votes.sum() else UNSORTED

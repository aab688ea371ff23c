"""Cards that ask nearly the same as one that is being written: whoever writes a card must know of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session, lazyload

from core.regions import lineage
from knowledge_base.models import Card, CardState
from knowledge_base.search import KnowledgeBase

Floats = NDArray[np.float32]
NEAR, NEARLY_THE_SAME = 0.8, 0.9
"""Cosines of the question encoder. Among the shipped cards, a third of all questions have one of another card as near as the
first, 4 % as near as the second."""
_MOST = 5
_ENCODED = 60
"""So many of the cards that no index has are looked at: 2 ms a question."""


@dataclass(frozen=True, slots=True)
class Similar:
    """A card one of whose questions comes near."""

    id: str
    title: str
    question: str
    """The question that comes nearest."""
    region: str
    state: CardState
    cosine: float

    @property
    def how(self) -> str:
        """The nearness in words."""
        return "几乎是同一个问题" if self.cosine >= NEARLY_THE_SAME else "问的很接近"


def similar_cards(
    session: Session, knowledge_base: KnowledgeBase, questions: Sequence[str], region: str, but: str = ""
) -> list[Similar]:
    """The cards that answer people in `region`, or in a part of it, and ask nearly the same; the nearest first.

    Drafts and withdrawn cards too. `but`: the card itself.
    """
    asked = [each for each in questions if each]
    if not asked:
        return []
    own = knowledge_base.encode(asked)
    indexed = dict[str, list[int]]()
    owners, vectors = knowledge_base.indexed_questions()
    for row, owner in enumerate(owners):
        indexed.setdefault(owner, []).append(row)
    near = (vectors @ own.T).max(axis=1) if owners else np.zeros(0, np.float32)
    here = lineage(region)
    candidates = select(Card).options(lazyload(Card.citations)).where(Card.id != but).order_by(Card.changed_at.desc())
    found, fresh = [], []
    for card in session.scalars(candidates):
        if card.region not in here and region not in lineage(card.region):
            continue
        rows = indexed.get(card.id, [])
        if len(rows) == len(card.questions):  # as the index has it
            found.append((card, near[rows]))
        else:
            fresh.append(card)
    found += _encoded(knowledge_base, fresh, own)
    similar = []
    for card, cosines in found:
        best = int(np.argmax(cosines))
        if cosines[best] >= NEAR:
            state, cosine = CardState(card.state), float(cosines[best])
            similar.append(Similar(card.id, card.questions[0], card.questions[best], card.region, state, cosine))
    return sorted(similar, key=lambda each: -each.cosine)[:_MOST]


def _encoded(knowledge_base: KnowledgeBase, cards: Sequence[Card], own: Floats) -> list[tuple[Card, Floats]]:
    """Of cards that no index has, the newest, how near each of their questions comes."""
    some = cards[:_ENCODED]
    if not some:
        return []
    near = (knowledge_base.encode([question for card in some for question in card.questions]) @ own.T).max(axis=1)
    stops = np.cumsum([len(card.questions) for card in some]).tolist()
    return [(card, near[stop - len(card.questions) : stop]) for card, stop in zip(some, stops, strict=True)]

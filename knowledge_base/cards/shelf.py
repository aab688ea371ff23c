"""The cards as those who look after them see them: found by words, state, kind and place; and those that wait for review."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session, lazyload

from core import clock
from core.regions import NATION, lineage
from knowledge_base.cards.store import unfit_cards
from knowledge_base.models import Card, CardState
from knowledge_base.text import normalise

REVIEW_AFTER = timedelta(days=365)
"""A review older than this is to be made again."""
LOOK_AHEAD = timedelta(days=90)
"""So long before the law ends a card it is shown to be ending."""

_IN_REVIEW = (Card.state == CardState.WITHDRAWN, Card.reason != "")


class Waiting(StrEnum):
    """Why a card waits for review, the most pressing first."""

    WITHDRAWN = "法规变了，已停用"
    ENDING = "所引条文快要变了"
    DRAFT = "草稿"
    OLD = "审核已过一年"


@dataclass(frozen=True, slots=True)
class CardRow:
    """A card in a list."""

    id: str
    title: str
    questions: int
    category: str
    region: str
    state: CardState
    reason: str
    reviewer: str
    reviewed_on: date
    source: str
    kept: bool
    changed_at: datetime
    waiting: Waiting | None = None


def list_cards(session: Session, state: str = "review") -> list[Card]:
    """Cards of a state, by region and name; ``review``: those that the law took out of service."""
    query = select(Card).order_by(Card.region, Card.id)
    if state == "review":
        return list(session.scalars(query.where(*_IN_REVIEW)))
    return list(session.scalars(query.where(Card.state == state)))


def find_cards(
    session: Session, words: str = "", *, state: str = "", category: str = "", region: str = ""
) -> list[CardRow]:
    """The cards with all these words in their questions, answer, name or reason; those changed last come first.

    `state`: as for `list_cards`. `region`: cards of this place and of all that lies in it; of the nation, those that hold
    everywhere.
    """
    query = select(Card).options(lazyload(Card.citations)).order_by(Card.changed_at.desc(), Card.id)
    if state:
        query = query.where(*_IN_REVIEW) if state == "review" else query.where(Card.state == state)
    if category:
        query = query.where(Card.category == category)
    wanted = normalise(words).lower().split()
    found = []
    for card in session.scalars(query):  # questions are JSON, which no database here searches alike
        if region and (card.region != NATION if region == NATION else region not in lineage(card.region)):
            continue
        text = "\n".join([card.id, *card.questions, card.answer, card.reason, card.source]).lower()
        if all(word in text for word in wanted):
            found.append(_row(card))
    return found


def card_regions(session: Session) -> list[str]:
    """Where cards hold, and the places above those, by code."""
    found = {each for code in session.scalars(select(Card.region).distinct()) for each in lineage(code)}
    return [NATION, *sorted(found - {NATION})]


def waiting_cards(session: Session, day: date | None = None) -> list[CardRow]:
    """The cards that wait for somebody's review on `day` (today): withdrawn by the law, soon to be, drafts, reviewed long ago."""
    day = day or clock.today()
    query = select(Card).options(lazyload(Card.citations)).order_by(Card.changed_at.desc(), Card.id)
    rows = {card.id: _row(card, Waiting.WITHDRAWN) for card in session.scalars(query.where(*_IN_REVIEW))}
    for card, reason in unfit_cards(session, day + LOOK_AHEAD):
        rows[card.id] = _row(card, Waiting.ENDING, reason)
    rows |= {card.id: _row(card, Waiting.DRAFT) for card in session.scalars(query.where(Card.state == CardState.DRAFT))}
    old = query.where(Card.state == CardState.PUBLISHED, Card.reviewed_on < day - REVIEW_AFTER)
    for card in session.scalars(old):
        rows.setdefault(card.id, _row(card, Waiting.OLD))
    order = list(Waiting)
    return sorted(rows.values(), key=lambda row: order.index(row.waiting or Waiting.OLD))


def _row(card: Card, waiting: Waiting | None = None, reason: str = "") -> CardRow:
    return CardRow(
        id=card.id, title=card.questions[0], questions=len(card.questions), category=card.category, region=card.region,
        state=CardState(card.state), reason=reason or card.reason, reviewer=card.reviewer, reviewed_on=card.reviewed_on,
        source=card.source, kept=card.kept, changed_at=card.changed_at, waiting=waiting,
    )  # fmt: skip

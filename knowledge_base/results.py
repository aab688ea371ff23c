"""What a search gives: articles as they may be shown and cited, a card where one answers, and the decision."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from knowledge_base.decide import Decision


@dataclass(frozen=True, slots=True)
class Hit:
    """One article as it may be shown and cited."""

    article_id: UUID
    law_id: UUID
    version_id: UUID
    law: str
    """The law's full name, without book-title marks."""
    article: str
    """第一百一十条."""
    path: str
    text: str
    score: float
    """Comparable within one result only."""
    version: str
    """2020年版."""
    status: str
    """现行有效 on the day asked about; 2027-01-01起施行 where it was asked for by name and is not in force yet."""
    effective_from: date | None
    """None where the source does not give the day."""
    region: str
    notice: str
    """What a reader must be told of this text; empty for nearly all."""
    held: bool = True
    """False where this machine lacks the law: then `text` is the gist that a card's reviewer wrote of the article."""


@dataclass(frozen=True, slots=True)
class CardAnswer:
    """A card that answers. Its citations are the first of the result's hits, `citations` of them."""

    id: str
    title: str
    answer: str
    category: str
    region: str
    reviewer: str
    reviewed_on: date
    citations: int


@dataclass(frozen=True, slots=True)
class SearchResult:
    """`confidence`: the calibrated probability that the first three hits answer the question."""

    hits: list[Hit]
    decision: Decision
    confidence: float
    card: CardAnswer | None = None
    """Set where the decision is to answer with a card."""
    reason: str = ""
    """Which rule decided, for the log; empty where the probability did."""
    first_confidence: float = 0.0
    """The calibrated probability that the first hit alone answers."""
    choices: tuple[str, ...] = ()
    """Where the decision is to clarify and there are two readings: a question for each, to ask instead."""

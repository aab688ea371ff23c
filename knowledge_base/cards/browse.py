"""Cards by what they are about, for whoever would rather point than write."""

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from core.regions import lineage
from knowledge_base.cards.files import CATEGORIES
from knowledge_base.models import Card, CardState


def categories_with_cards(session: Session, region: str) -> list[str]:
    """The categories in which some card answers in this region, in the order of `CATEGORIES`."""
    found = set(session.scalars(select(Card.category).where(*_answering(region)).distinct()))
    return [each for each in CATEGORIES if each in found]


def titles_in(session: Session, category: str, region: str) -> list[str]:
    """The titles of a category's cards that answer in this region: its own before the nation's, then those asked in most ways."""
    near = {code: place for place, code in enumerate(lineage(region))}
    rows = session.execute(select(Card.questions, Card.region).where(Card.category == category, *_answering(region)))
    ordered = sorted(rows, key=lambda row: (near[row.region], -len(row.questions), row.questions[0]))
    return [row.questions[0] for row in ordered]


def _answering(region: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return Card.state == CardState.PUBLISHED, Card.region.in_(lineage(region))

"""What a lawyer may know of their ratings: sums of five and more, made so that no single one can be worked out.

Sums over "all so far" would tell each new rating by the difference to the sum before. So ratings are shown in groups of five,
in the order in which they came, a group at a time and whole. An appeal upheld before the rating was shown takes it out; one
upheld afterwards takes out the group that it stands in, for what is left of the group would tell it by difference too.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from escalation.models import Answer, Appeal, Rating, Round

SHOWN_FROM = 5


@dataclass(frozen=True, slots=True)
class RatingSums:
    """How a lawyer was rated, in sums only."""

    counted: int
    """How many ratings are in the sums: 0, 5, 10, …"""
    by_level: dict[int, int]
    """How many of each level, 5 to 1; empty below five."""
    mean: float | None


def ratings_of_lawyer(session: Session, lawyer_id: UUID) -> RatingSums:
    """The ratings given, after they had answered in it, to consultations that this lawyer answered in."""
    shown = [level for group in _groups(*_history(session, lawyer_id)) for level in group]
    if not shown:
        return RatingSums(0, {}, None)
    by_level = {level: shown.count(level) for level in range(5, 0, -1)}
    return RatingSums(len(shown), by_level, round(sum(shown) / len(shown), 2))


def _history(session: Session, lawyer_id: UUID) -> tuple[list[Rating], dict[UUID, datetime]]:
    """The lawyer's ratings in the order in which they came, and when each consultation's were taken out by an appeal.

    A rating from before they answered there is not about them, and would break in among those that have been shown.
    """
    first = (
        select(Round.consultation_id, func.min(Answer.created_at).label("at"))
        .join(Round, Round.id == Answer.round_id)
        .where(Answer.lawyer_id == lawyer_id)
        .group_by(Round.consultation_id)
        .subquery()
    )
    rated = (
        select(Rating)
        .join(first, first.c.consultation_id == Rating.consultation_id)
        .where(Rating.created_at >= first.c.at)
        .order_by(Rating.created_at, Rating.id)
    )
    upheld = select(Appeal.consultation_id, Appeal.decided_at).where(
        Appeal.lawyer_id == lawyer_id, Appeal.state == "upheld"
    )
    taken_out = {consultation_id: at for consultation_id, at in session.execute(upheld) if at is not None}
    return list(session.execute(rated).scalars()), taken_out


def _groups(ratings: list[Rating], taken_out: dict[UUID, datetime]) -> list[list[int]]:
    """The levels of each group that may be shown. Goes through what happened in its order, as the lawyer could watch it."""
    groups: list[list[Rating]] = []
    waiting: list[Rating] = []
    for rating in ratings:
        waiting = [each for each in waiting if not _out_by(taken_out, each, rating.created_at)]
        if not _out_by(taken_out, rating, rating.created_at):
            waiting.append(rating)
        if len(waiting) == SHOWN_FROM:
            groups.append(waiting)
            waiting = []
    return [
        [rating.level for rating in group] for group in groups if not any(r.consultation_id in taken_out for r in group)
    ]


def _out_by(taken_out: dict[UUID, datetime], rating: Rating, at: datetime) -> bool:
    decided = taken_out.get(rating.consultation_id)
    return decided is not None and decided <= at

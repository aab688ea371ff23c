"""What each lawyer of a region did in a period: rounds answered and how soon, pushes left without a sign, how they were rated.

For supervisors. A lawyer sees of their own ratings only sums (`escalation.ratings`). Claims that lapsed are not told: the record
keeps no trace of them.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Float, case, func, select
from sqlalchemy.orm import Session

from escalation.call_backs import DISSATISFIED
from escalation.figures.silence import silent_pushes
from escalation.figures.sql import epoch
from escalation.models import Answer, Appeal, Lawyer, Push, Rating, Round
from escalation.places import lies_in

_AT_ONCE = 400


@dataclass(frozen=True, slots=True)
class LawyerFigures:
    """One lawyer's period. Who did nothing and left nothing undone has none."""

    lawyer: Lawyer
    answered: int
    """Rounds that started in the period and that they answered."""
    median_s: float | None
    """From the push to their first answer in a round."""
    silent: int
    rated: int
    """Ratings given in the period, after they had answered there; without those that an upheld appeal took out."""
    mean: float | None
    dissatisfied: int


def lawyer_figures(session: Session, since: datetime, until: datetime, region: str) -> list[LawyerFigures]:
    """The lawyers of the region and all that lies in it, who answered most first. Raises UnknownRegion."""
    answered = _answered(session, since, until, region)
    rated = _rated(session, since, until, region)
    silent = {each.lawyer.id: each for each in silent_pushes(session, since, until, region)}
    lawyers = {lawyer_id: each.lawyer for lawyer_id, each in silent.items()}
    missing = [lawyer_id for lawyer_id in {**answered, **rated} if lawyer_id not in lawyers]
    for start in range(0, len(missing), _AT_ONCE):
        some = select(Lawyer).where(Lawyer.id.in_(missing[start : start + _AT_ONCE]))
        lawyers.update((each.id, each) for each in session.execute(some).scalars())
    found = []
    for lawyer_id, lawyer in lawyers.items():
        rounds, median_s = answered.get(lawyer_id, (0, None))
        ratings, mean, dissatisfied = rated.get(lawyer_id, (0, None, 0))
        quiet = silent[lawyer_id].silent if lawyer_id in silent else 0
        found.append(LawyerFigures(lawyer, rounds, median_s, quiet, ratings, mean, dissatisfied))
    return sorted(found, key=lambda each: (-each.answered, each.silent, each.lawyer.name))


def _answered(session: Session, since: datetime, until: datetime, region: str) -> dict[UUID, tuple[int, float | None]]:
    """By lawyer: rounds answered, median seconds (nearest rank)."""
    firsts = (
        select(Answer.lawyer_id, Answer.round_id, func.min(Answer.created_at).label("at"))
        .join(Round, Round.id == Answer.round_id)
        .join(Lawyer, Lawyer.id == Answer.lawyer_id)
        .where(Round.started_at >= since, Round.started_at < until, lies_in(Lawyer, region))
        .group_by(Answer.lawyer_id, Answer.round_id)
        .subquery()
    )
    took = epoch(firsts.c.at) - epoch(Push.pushed_at)
    timed = (
        select(firsts.c.lawyer_id, took.label("seconds"))
        .join(Push, (Push.round_id == firsts.c.round_id) & (Push.lawyer_id == firsts.c.lawyer_id))
        .subquery()
    )
    placed = select(
        timed.c.lawyer_id,
        timed.c.seconds,
        func.row_number().over(partition_by=timed.c.lawyer_id, order_by=timed.c.seconds).label("place"),
        func.count().over(partition_by=timed.c.lawyer_id).label("rounds"),
    ).subquery()
    middle = select(placed.c.lawyer_id, placed.c.rounds, placed.c.seconds).where(
        placed.c.place == (placed.c.rounds + 1) // 2
    )
    return {lawyer_id: (rounds, round(seconds, 1)) for lawyer_id, rounds, seconds in session.execute(middle)}


def _rated(session: Session, since: datetime, until: datetime, region: str) -> dict[UUID, tuple[int, float, int]]:
    """By lawyer: ratings, their mean, how many of them call for a call back."""
    taken_out = (
        select(Appeal.id)
        .where(
            Appeal.consultation_id == Rating.consultation_id,
            Appeal.lawyer_id == Answer.lawyer_id,
            Appeal.state == "upheld",
        )
        .exists()
    )
    theirs = (
        select(Answer.lawyer_id, Rating.id, Rating.level)
        .select_from(Rating)
        .join(Round, Round.consultation_id == Rating.consultation_id)
        .join(Answer, Answer.round_id == Round.id)
        .join(Lawyer, Lawyer.id == Answer.lawyer_id)
        .where(Rating.created_at >= since, Rating.created_at < until, lies_in(Lawyer, region))
        .where(Answer.created_at <= Rating.created_at, ~taken_out)
        .distinct()
        .subquery()
    )
    bad = func.sum(case((theirs.c.level <= DISSATISFIED, 1), else_=0))
    counted = select(theirs.c.lawyer_id, func.count(), func.avg(theirs.c.level).cast(Float), bad)
    rows = session.execute(counted.group_by(theirs.c.lawyer_id))
    return {lawyer_id: (count, round(mean, 2), dissatisfied) for lawyer_id, count, mean, dissatisfied in rows}

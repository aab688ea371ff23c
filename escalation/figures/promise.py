"""The promise in a region and a period, in one look: shares, times, and how citizens judged."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, case, func, select
from sqlalchemy.orm import Session

from core.regions import NATION
from escalation.figures.rounds import FOLLOW_UP, NOTHING, QUESTION, Tallies, Tally, first_answer_at, tallies
from escalation.figures.sql import epoch
from escalation.models import Answer, Consultation, Rating, Round
from escalation.places import lies_in


@dataclass(frozen=True, slots=True)
class PromiseFigures:
    """How the promise was kept. Seconds count from the start of the round."""

    tally: Tally
    questions: Tally
    follow_ups: Tally
    """All rounds; the first of each consultation; those that followed."""
    first_median_s: float | None
    first_p90_s: float | None
    third_median_s: float | None
    third_p90_s: float | None
    """To the first and the third lawyer's answer, of the rounds that have one."""
    ratings: dict[int, int]
    """How many of each level, 5 to 1."""
    closed: int
    rated: int
    """Of the consultations closed in the period, and still closed, how many have been rated."""

    @property
    def rounds(self) -> int:
        return self.tally.rounds

    @property
    def kept(self) -> int:
        return self.tally.kept

    @property
    def broken(self) -> int:
        return self.tally.broken

    @property
    def rated_share(self) -> float | None:
        return round(self.rated / self.closed, 4) if self.closed else None


def promise_figures(
    session: Session, since: datetime, until: datetime, region: str, counted: Tallies | None = None
) -> PromiseFigures:
    """The figures of the rounds that started in the period. Raises UnknownRegion.

    `counted`: their tallies by `all` and `kind`, where somebody has them already.
    """
    counted = counted or tallies(session, since, until, region, ("all", "kind"))
    first_s = epoch(first_answer_at()) - epoch(Round.started_at)
    first_median_s, first_p90_s = _median_and_p90(session, first_s, since, until, region)
    third_median_s, third_p90_s = _median_and_p90(session, _third_answer_s(), since, until, region)
    closed, rated = _closed_and_rated(session, since, until, region)
    return PromiseFigures(
        tally=counted["all"].get("", NOTHING),
        questions=counted["kind"].get(QUESTION, NOTHING),
        follow_ups=counted["kind"].get(FOLLOW_UP, NOTHING),
        first_median_s=first_median_s,
        first_p90_s=first_p90_s,
        third_median_s=third_median_s,
        third_p90_s=third_p90_s,
        ratings=_ratings(session, since, until, region),
        closed=closed,
        rated=rated,
    )


def _median_and_p90(
    session: Session, seconds: ColumnElement[float], since: datetime, until: datetime, region: str
) -> tuple[float | None, float | None]:
    """The values that half, and nine tenths, of the rounds that have one do not pass (nearest rank)."""
    having = select(seconds.label("seconds")).where(Round.started_at >= since, Round.started_at < until)
    if region != NATION:
        having = having.join(Consultation, Consultation.id == Round.consultation_id).where(
            lies_in(Consultation, region)
        )
    each = having.subquery()
    placed = (
        select(
            each.c.seconds,
            func.row_number().over(order_by=each.c.seconds).label("place"),
            func.count().over().label("all"),
        )
        .where(each.c.seconds.is_not(None))
        .subquery()
    )
    half, most = (placed.c["all"] + 1) // 2, (9 * placed.c["all"] + 9) // 10
    statement = select(*(func.min(case((placed.c.place == place, placed.c.seconds))) for place in (half, most)))
    found = session.execute(statement).one()
    return _rounded(found[0]), _rounded(found[1])


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


def _third_answer_s() -> ColumnElement[float]:
    """Seconds to the third lawyer's first answer: nearly always the one that met the quorum, then nobody need look for it."""
    third_at = (
        select(func.min(Answer.created_at).label("at"))
        .where(Answer.round_id == Round.id)
        .group_by(Answer.lawyer_id)
        .order_by("at")
        .limit(1)
        .offset(2)
        .scalar_subquery()
    )
    started = epoch(Round.started_at)
    return case(
        (and_(Round.quorum == 3, Round.met_at.is_not(None)), epoch(Round.met_at) - started),
        (Round.answered >= 3, epoch(third_at) - started),
    )


def _ratings(session: Session, since: datetime, until: datetime, region: str) -> dict[int, int]:
    statement = (
        select(Rating.level, func.count())
        .join(Consultation, Consultation.id == Rating.consultation_id)
        .where(Rating.created_at >= since, Rating.created_at < until, lies_in(Consultation, region))
        .group_by(Rating.level)
    )
    found = dict(session.execute(statement).all())
    return {level: found.get(level, 0) for level in range(5, 0, -1)}


def _closed_and_rated(session: Session, since: datetime, until: datetime, region: str) -> tuple[int, int]:
    rated = and_(Rating.consultation_id == Consultation.id, Rating.closing == Consultation.closings)
    statement = (
        select(func.count(), func.count(Rating.id))
        .select_from(Consultation)
        .outerjoin(Rating, rated)
        .where(Consultation.closed_at >= since, Consultation.closed_at < until, lies_in(Consultation, region))
    )
    closed, with_rating = session.execute(statement).one()
    return closed, with_rating

"""Figures for the board: how the promise was kept, how citizens judged, which pushes lawyers left without a sign.

A period is that of the rounds that started in it (for ratings: that were given in it), from `since` up to but not at `until`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from math import ceil
from typing import TypeVar
from uuid import UUID

from sqlalchemy import JSON, Row, Select, and_, case, func, or_, select, type_coerce
from sqlalchemy.orm import Session

from core.database import database_now
from escalation.models import Answer, AuditRow, Consultation, Lawyer, Push, Rating, Round
from escalation.places import lies_in
from escalation.policy import Policy

# Conditions in one statement: SQLite takes an expression no deeper than a thousand.
_AT_ONCE = 400

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class PromiseFigures:
    """How the promise was kept in a region and a period. Seconds count from the start of the round."""

    rounds: int
    kept: int
    """The quorum was met before the deadline."""
    broken: int
    """The deadline passed without it. What is neither still waits, or ended before its deadline without the quorum."""
    first_median_s: float | None
    first_p90_s: float | None
    third_median_s: float | None
    third_p90_s: float | None
    """To the first and the third lawyer's answer, of the rounds that have one."""
    ratings: dict[int, int]
    """How many of each level, 5 to 1."""
    rated_share: float | None
    """Of the consultations closed in the period, and still closed, how many have been rated."""


@dataclass(frozen=True, slots=True)
class SilentLawyer:
    """How many pushes a lawyer neither claimed nor answered in time. Counted, not punished."""

    lawyer: Lawyer
    silent: int


def promise_figures(session: Session, since: datetime, until: datetime, region: str) -> PromiseFigures:
    """The figures of the rounds that started in the period. Raises UnknownRegion."""
    now = database_now(session)
    rounds = kept = broken = 0
    first: list[float] = []
    third: list[float] = []
    for row in session.execute(_rounds_with_times(since, until, region)):
        rounds += 1
        deadline = row.started_at + timedelta(seconds=row.broken_after)
        if row.met_at is not None and row.met_at <= deadline:
            kept += 1
        elif row.broken_at is not None or (row.state in ("open", "met") and now > deadline):
            broken += 1
        for at, seconds in ((row.first_at, first), (row.third_at, third)):
            if at is not None:
                seconds.append((at - row.started_at).total_seconds())
    return PromiseFigures(
        rounds=rounds,
        kept=kept,
        broken=broken,
        first_median_s=_percentile(first, 0.5),
        first_p90_s=_percentile(first, 0.9),
        third_median_s=_percentile(third, 0.5),
        third_p90_s=_percentile(third, 0.9),
        ratings=_ratings(session, since, until, region),
        rated_share=_rated_share(session, since, until, region),
    )


def silent_pushes(session: Session, since: datetime, until: datetime, region: str) -> list[SilentLawyer]:
    """By lawyer of the region, how many pushes of the period's rounds they neither claimed nor answered while it was their turn:
    within the policy's `silent_after` of the push, the round open all that time. Most first; those without any left out.
    """
    silent: Counter[UUID] = Counter()
    for some in _batches(_long_open_rounds(session, since, until)):
        silent.update(_due_pushes(session, dict(some)))
        silent.subtract(_reactions_in_time(session, dict(some)))
    found: list[SilentLawyer] = []
    for ids in _batches(lawyer_id for lawyer_id, count in silent.items() if count > 0):
        lawyers = session.execute(select(Lawyer).where(Lawyer.id.in_(ids), lies_in(Lawyer, region))).scalars()
        found.extend(SilentLawyer(lawyer, silent[lawyer.id]) for lawyer in lawyers)
    return sorted(found, key=lambda each: (-each.silent, each.lawyer.name))


def _rounds_with_times(since: datetime, until: datetime, region: str) -> Select[tuple[object, ...]]:
    """Each round with its policy's deadline and the moments of its first and third lawyer's first answers."""
    which = (Round.started_at >= since, Round.started_at < until, lies_in(Consultation, region))
    firsts = (
        select(Answer.round_id, func.min(Answer.created_at).label("at"))
        .join(Round, Round.id == Answer.round_id)
        .join(Consultation, Consultation.id == Round.consultation_id)
        .where(*which)
        .group_by(Answer.round_id, Answer.lawyer_id)
        .subquery()
    )
    order = func.row_number().over(partition_by=firsts.c.round_id, order_by=firsts.c.at).label("place")
    placed = select(firsts.c.round_id, firsts.c.at, order).subquery()
    times = (
        select(
            placed.c.round_id,
            func.min(placed.c.at).label("first_at"),
            func.min(case((placed.c.place == 3, placed.c.at))).label("third_at"),
        )
        .group_by(placed.c.round_id)
        .subquery()
    )
    return (
        select(
            Round.state,
            Round.started_at,
            Round.met_at,
            Round.broken_at,
            type_coerce(Round.policy, JSON)["broken_after"].as_float().label("broken_after"),
            times.c.first_at,
            times.c.third_at,
        )
        .join(Consultation, Consultation.id == Round.consultation_id)
        .outerjoin(times, times.c.round_id == Round.id)
        .where(*which)
    )


def _percentile(values: Sequence[float], share: float) -> float | None:
    """The value that this share of the values does not pass (nearest rank)."""
    return round(sorted(values)[ceil(share * len(values)) - 1], 1) if values else None


def _ratings(session: Session, since: datetime, until: datetime, region: str) -> dict[int, int]:
    statement = (
        select(Rating.level, func.count())
        .join(Consultation, Consultation.id == Rating.consultation_id)
        .where(Rating.created_at >= since, Rating.created_at < until, lies_in(Consultation, region))
        .group_by(Rating.level)
    )
    found = dict(session.execute(statement).all())
    return {level: found.get(level, 0) for level in range(5, 0, -1)}


def _rated_share(session: Session, since: datetime, until: datetime, region: str) -> float | None:
    rated = and_(Rating.consultation_id == Consultation.id, Rating.closing == Consultation.closings)
    statement = (
        select(func.count(), func.count(Rating.id))
        .select_from(Consultation)
        .outerjoin(Rating, rated)
        .where(Consultation.closed_at >= since, Consultation.closed_at < until, lies_in(Consultation, region))
    )
    closed, with_rating = session.execute(statement).one()
    return round(with_rating / closed, 4) if closed else None


@dataclass(frozen=True, slots=True)
class _Wait:
    """How long a round gives those whom it reaches, and until when a push must have gone out to have had that time."""

    seconds: timedelta
    pushed_by: datetime


def _long_open_rounds(session: Session, since: datetime, until: datetime) -> Iterator[tuple[UUID, _Wait]]:
    """The rounds of the period that were open for longer than a lawyer may be silent; the others count against nobody."""
    now = database_now(session)
    statement = select(
        Round.id,
        Round.consultation_id,
        Round.state,
        Round.started_at,
        Round.met_at,
        type_coerce(Round.policy, JSON)["silent_after"].as_float().label("silent_after"),
    ).where(Round.started_at >= since, Round.started_at < until)
    rows = session.execute(statement).all()
    ends = _ends(session, [row for row in rows if row.state in ("ended", "referred")])
    for row in rows:
        end = {"open": now, "met": row.met_at}.get(row.state) or ends.get(row.id)
        seconds = timedelta(seconds=row.silent_after or Policy().silent_after)
        if end is not None and row.started_at + seconds <= end:
            yield row.id, _Wait(seconds, end - seconds)


def _ends(session: Session, rows: Sequence[Row[tuple[object, ...]]]) -> dict[UUID, datetime]:
    """When rounds ended that were not met: only the audit says so. A consultation that was reopened may have closed often."""
    subjects = {str(row.id if row.state == "referred" else row.consultation_id) for row in rows}
    moments: dict[str, list[datetime]] = {}
    for some in _batches(subjects):
        statement = select(AuditRow.subject, AuditRow.at).where(
            AuditRow.subject.in_(some), AuditRow.verb.in_(("close_consultation", "refer_round"))
        )
        for subject, at in session.execute(statement.order_by(AuditRow.at)):
            moments.setdefault(subject, []).append(at)
    found = {}
    for row in rows:
        ended = moments.get(str(row.id if row.state == "referred" else row.consultation_id), ())
        if (end := next((each for each in ended if each >= row.started_at), None)) is not None:
            found[row.id] = end
    return found


def _due_pushes(session: Session, rounds: dict[UUID, _Wait]) -> dict[UUID, int]:
    """By lawyer, how many pushes had their whole time. Of all regions: the database is not to go by the lawyers here."""
    in_time = or_(
        *(and_(Push.round_id == round_id, Push.pushed_at <= wait.pushed_by) for round_id, wait in rounds.items())
    )
    statement = select(Push.lawyer_id, func.count()).where(in_time).group_by(Push.lawyer_id)
    return dict(session.execute(statement).all())


def _reactions_in_time(session: Session, rounds: dict[UUID, _Wait]) -> Counter[UUID]:
    """By lawyer, how many of those pushes they claimed or answered in time. Claims leave no trace but in the audit."""
    reacted: dict[tuple[UUID, UUID], datetime] = {}
    answered = select(Answer.round_id, Answer.lawyer_id, Answer.created_at).where(Answer.round_id.in_(rounds))
    acts = [(round_id, lawyer_id, at) for round_id, lawyer_id, at in session.execute(answered)]
    claimed = select(AuditRow.subject, AuditRow.actor, AuditRow.at).where(
        AuditRow.subject.in_([str(round_id) for round_id in rounds]), AuditRow.verb == "claim_round"
    )
    acts += [(UUID(subject), UUID(actor.partition(":")[2]), at) for subject, actor, at in session.execute(claimed)]
    for round_id, lawyer_id, at in acts:
        reacted[round_id, lawyer_id] = min(at, reacted.get((round_id, lawyer_id), at))
    found: Counter[UUID] = Counter()
    for some in _batches(reacted):
        pairs = or_(*(and_(Push.round_id == round_id, Push.lawyer_id == lawyer_id) for round_id, lawyer_id in some))
        for push in session.execute(select(Push).where(pairs)).scalars():
            wait = rounds[push.round_id]
            at = reacted[push.round_id, push.lawyer_id]
            found[push.lawyer_id] += push.pushed_at <= wait.pushed_by and at <= push.pushed_at + wait.seconds
    return found


def _batches(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    rest = iter(items)
    while some := list(islice(rest, _AT_ONCE)):
        yield some

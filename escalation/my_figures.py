"""What a lawyer sees of their own work: how much they answered, how fast, how often they came among the first three.

Counted as the board counts (`escalation.figures`), for one lawyer: a silent push is one that had the whole of the policy's
`silent_after` while the round was open and was neither claimed nor answered in it. Ratings are not here: they are shown in
groups of five only (`escalation.ratings`), and a sum over today would tell a single one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import JSON, Row, func, or_, select, type_coerce
from sqlalchemy.orm import Session

from core.clock import from_local, local
from core.database import database_now
from escalation.models import Answer, AuditRow, Push, Round
from escalation.policy import Policy

PERIODS = {"today": 1, "week": 7, "month": 30}
"""How many days each goes back, today among them."""
_FIRST = 3
# Values in one statement: SQLite takes 32,766 of them, and a condition over few is planned better.
_AT_ONCE = 400

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class MyFigures:
    """One lawyer's work from `since` on."""

    since: datetime
    pushed: int
    """How many of the rounds that started in the period were pushed to them."""
    answers: int
    """How many answers they gave, additions among them."""
    rounds: int
    """How many rounds they answered for the first time."""
    first_three: int
    """In how many of these they were among the first three."""
    median_s: float | None
    """From the push to their first answer, of these rounds."""
    silent: int
    """Pushes of the period's rounds that they left without a sign."""


def my_figures(session: Session, lawyer_id: UUID, since: datetime) -> MyFigures:
    """The figures up to this moment."""
    pushes = _pushes(session, lawyer_id, since)
    firsts = _first_answers(session, lawyer_id, since)
    answers = select(func.count()).where(Answer.lawyer_id == lawyer_id, Answer.created_at >= since)
    waits = [(at - pushed_at).total_seconds() for at, pushed_at, _ in firsts.values()]
    return MyFigures(
        since=since,
        pushed=len(pushes),
        answers=session.execute(answers).scalar_one(),
        rounds=len(firsts),
        first_three=sum(place <= _FIRST for _, _, place in firsts.values()),
        median_s=round(median(waits), 1) if waits else None,
        silent=_silent(session, lawyer_id, pushes),
    )


def since_days(session: Session, days: int) -> datetime:
    """Midnight in China, so many days back with today counted."""
    today = local(database_now(session)).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    return from_local(today - timedelta(days=days - 1))


def _first_answers(session: Session, lawyer_id: UUID, since: datetime) -> dict[UUID, tuple[datetime, datetime, int]]:
    """By round that this lawyer first answered in the period: when, when it was pushed to them, and the how many-th they were."""
    mine = (
        select(Answer.round_id, func.min(Answer.created_at).label("at"))
        .where(Answer.lawyer_id == lawyer_id)
        .group_by(Answer.round_id)
        .having(func.min(Answer.created_at) >= since)
        .subquery()
    )
    earlier = (
        select(func.count(func.distinct(Answer.lawyer_id)))
        .where(Answer.round_id == mine.c.round_id, Answer.created_at < mine.c.at, Answer.lawyer_id != lawyer_id)
        .scalar_subquery()
    )
    statement = select(mine.c.round_id, mine.c.at, Push.pushed_at, earlier).join(
        Push, (Push.round_id == mine.c.round_id) & (Push.lawyer_id == lawyer_id)
    )
    return {row[0]: (row[1], row[2], row[3] + 1) for row in session.execute(statement)}


def _pushes(session: Session, lawyer_id: UUID, since: datetime) -> Sequence[Row[Any]]:
    statement = (
        select(
            Round.id,
            Round.consultation_id,
            Round.state,
            Round.started_at,
            Round.met_at,
            type_coerce(Round.policy, JSON)["silent_after"].as_float().label("silent_after"),
            Push.pushed_at,
        )
        .join(Push, Push.round_id == Round.id)
        .where(Push.lawyer_id == lawyer_id, Round.started_at >= since)
    )
    return session.execute(statement).all()


def _silent(session: Session, lawyer_id: UUID, pushes: Sequence[Row[Any]]) -> int:
    now, ends, signs = database_now(session), _ends(session, pushes), _signs(session, lawyer_id, pushes)
    count = 0
    for push in pushes:
        turn_over = push.pushed_at + timedelta(seconds=push.silent_after or Policy().silent_after)
        end = {"open": now, "met": push.met_at}.get(push.state) or ends.get(push.id)
        sign = signs.get(push.id)
        count += end is not None and turn_over <= end and (sign is None or sign > turn_over)
    return count


def _signs(session: Session, lawyer_id: UUID, pushes: Sequence[Row[Any]]) -> dict[UUID, datetime]:
    """By round, when this lawyer first claimed or answered it. Claims leave no trace but in the audit."""
    found: dict[UUID, datetime] = {}
    for some in _batches([push.id for push in pushes]):
        answered = select(Answer.round_id, Answer.created_at)
        answered = answered.where(Answer.round_id.in_(some), Answer.lawyer_id == lawyer_id)
        claimed = select(AuditRow.subject, AuditRow.at).where(
            AuditRow.subject.in_([str(each) for each in some]),
            AuditRow.verb == "claim_round",
            AuditRow.actor == f"lawyer:{lawyer_id}",
        )
        acts = [(row[0], row[1]) for row in session.execute(answered)]
        acts += [(UUID(row[0]), row[1]) for row in session.execute(claimed)]
        for round_id, at in acts:
            found[round_id] = min(at, found.get(round_id, at))
    return found


def _ends(session: Session, pushes: Sequence[Row[Any]]) -> dict[UUID, datetime]:
    """When rounds ended that were not met: only the audit says so, of the consultation or, where it was referred, of the round."""
    over = [push for push in pushes if push.state in ("ended", "referred")]
    subject = {push.id: str(push.id if push.state == "referred" else push.consultation_id) for push in over}
    moments: dict[str, list[datetime]] = {}
    for some in _batches(sorted(set(subject.values()))):
        verbs = or_(AuditRow.verb == "close_consultation", AuditRow.verb == "refer_round")
        statement = select(AuditRow.subject, AuditRow.at).where(AuditRow.subject.in_(some), verbs)
        for name, at in session.execute(statement.order_by(AuditRow.at)):
            moments.setdefault(name, []).append(at)
    ended = {push.id: [at for at in moments.get(subject[push.id], ()) if at >= push.started_at] for push in over}
    return {round_id: found[0] for round_id, found in ended.items() if found}


def _batches(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    for start in range(0, len(items), _AT_ONCE):
        yield items[start : start + _AT_ONCE]

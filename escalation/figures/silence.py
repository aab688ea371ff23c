"""Silence: which pushes lawyers left without a sign. Counted, not punished."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TypeVar
from uuid import UUID

from sqlalchemy import JSON, Row, and_, func, or_, select, type_coerce
from sqlalchemy.orm import Session

from core.database import database_now
from escalation.figures.sql import epoch
from escalation.models import Answer, AuditRow, Lawyer, Push, Round
from escalation.places import lies_in
from escalation.policy import Policy

# Conditions in one statement: SQLite takes an expression no deeper than a thousand.
_AT_ONCE = 400

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class SilentLawyer:
    """How many pushes a lawyer neither claimed nor answered in time. Counted, not punished."""

    lawyer: Lawyer
    silent: int


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


@dataclass(frozen=True, slots=True)
class _Wait:
    """How long a round gives those whom it reaches, and until when a push must have gone out to have had that time."""

    seconds: timedelta
    pushed_by: datetime


def _long_open_rounds(session: Session, since: datetime, until: datetime) -> Iterator[tuple[UUID, _Wait]]:
    """The rounds of the period that were open for longer than a lawyer may be silent; the others count against nobody."""
    now = database_now(session)
    silent_after = func.coalesce(type_coerce(Round.policy, JSON)["silent_after"].as_float(), Policy().silent_after)
    statement = select(
        Round.id,
        Round.consultation_id,
        Round.state,
        Round.started_at,
        Round.met_at,
        silent_after.label("silent_after"),
    ).where(
        Round.started_at >= since,
        Round.started_at < until,
        # Most rounds are met at once and count against nobody: they stay in the database.
        or_(Round.state != "met", epoch(Round.met_at) - epoch(Round.started_at) >= silent_after),
    )
    rows = session.execute(statement).all()
    ends = _ends(session, [row for row in rows if row.state in ("ended", "referred")])
    for row in rows:
        end = {"open": now, "met": row.met_at}.get(row.state) or ends.get(row.id)
        seconds = timedelta(seconds=row.silent_after)
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

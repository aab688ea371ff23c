"""Deliveries: word to lawyers beside the desk, as the record has it. Taken for a while, sent by `escalation.courier`, recorded.

Whoever takes a delivery moves its `due_at` ahead: if they die, it falls due again and another sends it. So each is sent at
least once; its id goes along, and whoever receives one twice shows it once.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Update, func, select, update
from sqlalchemy.orm import Session

from core.database import database_now
from escalation.errors import Conflict, NotFound
from escalation.journal import BOARD, audit, emit
from escalation.media.medium import Notice
from escalation.models import Consultation, Contact, Delivery, Lawyer, Push, Round
from escalation.policy import Policy

LEASE = timedelta(seconds=60)
"""How long whoever takes a delivery has for it. More than an attempt may last."""
MAX_ATTEMPTS = 23
"""With the pauses below that is 12 hours of trying, on average."""
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 5, 7200


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of trying to send a notice."""

    notice: Notice
    error: str = ""
    """Empty: the receiver has confirmed it."""
    never: bool = False
    """It would fail again however often it were tried."""
    put_off_seconds: float = 0
    """It was not tried at all, and is to be in so many seconds."""


@dataclass(frozen=True, slots=True)
class DeadDelivery:
    """One line of the board's list of what could not be delivered."""

    delivery: Delivery
    lawyer: str
    consultation: str
    """Its number."""
    round: int
    resendable: bool
    """False for a push whose round is over: it would reach nobody in need of it."""


@dataclass(frozen=True, slots=True)
class MediumFigures:
    """How a medium fares, for the board."""

    medium: str
    waiting: int
    sent: int
    dead: int
    dropped: int
    oldest_waiting: datetime | None
    """When the oldest that still waits was made."""
    error: str
    """Why the oldest that has failed so far still waits; empty when none has."""


def anything_due(session: Session, medium: str) -> bool:
    """Whether there is anything to take. Costs no write lock."""
    due = _due(medium, database_now(session))
    return session.execute(select(Delivery.id).where(due).limit(1)).first() is not None


def take_deliveries(session: Session, medium: str, limit: int) -> list[Notice]:
    """Take up to `limit` of a medium's due deliveries for as long as LEASE; drop pushes whose round is over.

    Those never tried come first: a push is not to wait behind what has failed before. Others' are skipped, not waited for.
    """
    at = database_now(session)
    due = _due(medium, at)
    taken: list[Delivery] = []
    for these in (Delivery.attempts == 0, Delivery.attempts > 0):
        statement = select(Delivery).where(due, these).order_by(Delivery.due_at).limit(limit - len(taken))
        taken += session.execute(statement.with_for_update(skip_locked=True)).scalars()
    ids = [delivery.id for delivery in taken]
    session.execute(update(Delivery).where(Delivery.id.in_(ids)).values(due_at=at + LEASE))
    notices, dropped = _notices(session, ids)
    session.execute(update(Delivery).where(Delivery.id.in_(dropped)).values(state="dropped"))
    return notices


def record_outcomes(session: Session, outcomes: Sequence[Outcome]) -> None:
    """Record what came of sending. A delivery that somebody else has recorded meanwhile stays as it is."""
    at = database_now(session)
    sent = [outcome.notice.id for outcome in outcomes if not outcome.error]
    confirmed = {"state": "sent", "sent_at": at, "error": "", "attempts": Delivery.attempts + 1}
    session.execute(_waiting(sent).values(confirmed))
    for outcome in outcomes:
        if outcome.error:
            _record_failure(session, outcome, at)


def dead_deliveries(session: Session, limit: int = 100) -> list[DeadDelivery]:
    """What has been given up, the newest first."""
    statement = (
        select(Delivery, Lawyer.name, Consultation.number, Round)
        .join(Lawyer, Lawyer.id == Delivery.lawyer_id)
        .join(Round, Round.id == Delivery.round_id)
        .join(Consultation, Consultation.id == Round.consultation_id)
        .where(Delivery.state == "dead")
        .order_by(Delivery.created_at.desc())
        .limit(limit)
    )
    return [
        DeadDelivery(delivery, lawyer, consultation, round_.number, not _over(delivery.kind, round_))
        for delivery, lawyer, consultation, round_ in session.execute(statement)
    ]


def resend_delivery(session: Session, delivery_id: UUID, actor: str) -> Delivery:
    """Try again what had been given up, from the beginning. Raises NotFound; Conflict when it is not dead or no longer needed."""
    statement = select(Delivery).where(Delivery.id == delivery_id).with_for_update()
    delivery = session.execute(statement).scalar_one_or_none()
    if delivery is None:
        raise NotFound("没有这条通知。")
    if delivery.state != "dead":
        raise Conflict("这条通知已经在发送，或已经送达。")
    if _over(delivery.kind, session.get_one(Round, delivery.round_id)):
        raise Conflict("这一轮已经结束，不用再发。")
    delivery.state, delivery.attempts, delivery.due_at = "waiting", 0, database_now(session)
    audit(session, actor, "resend_delivery", delivery.id, medium=delivery.medium, error=delivery.error)
    emit(session, BOARD, "delivery")
    return delivery


def delivery_figures(session: Session) -> list[MediumFigures]:
    """How each medium fares that anything was ever to be sent by."""
    counts: dict[str, dict[str, int]] = {}
    counted = select(Delivery.medium, Delivery.state, func.count()).group_by(Delivery.medium, Delivery.state)
    for medium, state, count in session.execute(counted):
        counts.setdefault(medium, {})[state] = count
    return [
        MediumFigures(
            medium=medium,
            waiting=of.get("waiting", 0),
            sent=of.get("sent", 0),
            dead=of.get("dead", 0),
            dropped=of.get("dropped", 0),
            oldest_waiting=session.execute(
                select(func.min(Delivery.created_at)).where(Delivery.state == "waiting", Delivery.medium == medium)
            ).scalar_one(),
            error=_waits_because(session, medium),
        )
        for medium, of in sorted(counts.items())
    ]


def _due(medium: str, at: datetime) -> ColumnElement[bool]:
    return (Delivery.state == "waiting") & (Delivery.due_at <= at) & (Delivery.medium == medium)


def _notices(session: Session, ids: Sequence[UUID]) -> tuple[list[Notice], list[UUID]]:
    """What is to be sent of these deliveries, and the ids of those that nobody needs any more."""
    statement = (
        select(Delivery, Round, Consultation, Lawyer.active, Push.tier, Contact)
        .join(Round, Round.id == Delivery.round_id)
        .join(Consultation, Consultation.id == Round.consultation_id)
        .join(Lawyer, Lawyer.id == Delivery.lawyer_id)
        .outerjoin(Push, (Push.round_id == Delivery.round_id) & (Push.lawyer_id == Delivery.lawyer_id))
        .outerjoin(Contact, (Contact.lawyer_id == Delivery.lawyer_id) & (Contact.medium == Delivery.medium))
        .where(Delivery.id.in_(ids))
    )
    notices, dropped = [], []
    for delivery, round_, consultation, active, tier, contact in session.execute(statement):
        if not active or _over(delivery.kind, round_):
            dropped.append(delivery.id)
            continue
        notices.append(
            Notice(
                id=delivery.id,
                medium=delivery.medium,
                kind=delivery.kind,
                attempts=delivery.attempts,
                created_at=delivery.created_at,
                address=contact.address if contact else "",
                secret_encrypted=contact.secret_encrypted if contact else "",
                consultation=consultation.number,
                round_id=round_.id,
                round=round_.number,
                region=consultation.region,
                tier=tier or round_.tier,
                deadline=Policy.of_round(round_).deadline(round_.started_at),
                urgent=consultation.urgent,
            )
        )
    return notices, dropped


def _over(kind: str, round_: Round) -> bool:
    """A push of a round that is no longer open asks for nothing; an alarm is worth knowing of even then."""
    return kind == "push" and round_.state != "open"


def _record_failure(session: Session, outcome: Outcome, at: datetime) -> None:
    notice = outcome.notice
    failed = _waiting([notice.id]).values(error=outcome.error)
    if outcome.put_off_seconds:
        session.execute(failed.values(due_at=at + timedelta(seconds=outcome.put_off_seconds)))
        return
    attempts = notice.attempts + 1
    dead = outcome.never or attempts >= MAX_ATTEMPTS
    failed = failed.values(attempts=attempts)
    if not dead:
        session.execute(failed.values(due_at=at + _pause(attempts)))
    elif session.execute(failed.values(state="dead").returning(Delivery.id)).first() is not None:
        audit(session, "dispatcher", "give_up_delivery", notice.id, medium=notice.medium, error=outcome.error)
        emit(session, BOARD, "delivery")


def _waiting(ids: Iterable[UUID]) -> Update:
    return update(Delivery).where(Delivery.id.in_(ids), Delivery.state == "waiting")


def _pause(attempts: int) -> timedelta:
    """Exponential backoff with full jitter: anything up to the bound, so that what failed together does not return together."""
    bound = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** (attempts - 1))
    return timedelta(seconds=random.uniform(0, bound))  # noqa: S311 (no secret)


def _waits_because(session: Session, medium: str) -> str:
    failed = (Delivery.state == "waiting") & (Delivery.medium == medium) & (Delivery.error != "")
    statement = select(Delivery.error).where(failed).order_by(Delivery.created_at).limit(1)
    return session.execute(statement).scalar_one_or_none() or ""

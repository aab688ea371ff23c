"""A lawyer's side of a round: see it, take a lease, let go, answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from core.clock import now
from core.database import Database, database_now
from escalation.conversations import append_lawyer_message
from escalation.errors import Conflict, Refused
from escalation.journal import BOARD, DESK, audit, emit, tell_citizen
from escalation.masking import masked
from escalation.models import Answer, AnswerDraft, Consultation, Conversation, Lawyer, Lease, Message, Push, Round
from escalation.policy import Policy
from escalation.queue import ClaimSaid, LiveQueue
from escalation.reach import leave_to_citizen, lock_reached_round, reached_round
from escalation.replies import Citation

ANSWER_MAX_CHARS = 5000
FULL = "已有足够的律师在解答这个问题。有人放下时您可以再认领。"


@dataclass(frozen=True, slots=True)
class RoundView:
    """A round as all desks see it."""

    id: UUID
    consultation_id: UUID
    consultation: str
    """The consultation's number."""
    number: int
    question: str
    """Numbers that are somebody's masked: a queue stands open on a screen."""
    region: str
    tier: str
    state: str
    urgent: bool
    category: str
    quorum: int
    answered: int
    started_at: datetime
    deadline: datetime
    broken: bool
    writing: tuple[tuple[UUID, str], ...]
    """Who holds a lease, the longest first: lawyer and name."""
    answered_by: frozenset[UUID]
    addressed_to: frozenset[UUID]


class DeskRound(NamedTuple):
    """One line of a lawyer's queue. Lawyers to whom a round looks the same have equal ones."""

    view: RoundView
    mine: bool
    """This lawyer holds a lease."""
    addressed_to_me: bool
    answered_by_me: bool

    @classmethod
    def of(cls, view: RoundView, lawyer_id: UUID) -> "DeskRound":
        mine = any(holder == lawyer_id for holder, _ in view.writing)
        return cls(view, mine, lawyer_id in view.addressed_to, lawyer_id in view.answered_by)

    @property
    def order(self) -> tuple[bool, bool, datetime]:
        """Urgent first, then those addressed to this lawyer, then the oldest."""
        return not self.view.urgent, not self.addressed_to_me, self.view.started_at


def waiting_rounds(session: Session, lawyer_id: UUID, limit: int = 100) -> list[DeskRound]:
    """The open rounds pushed to this lawyer: urgent first, then those addressed to them, then the oldest."""
    # Which rounds are open is asked first: over the years a lawyer has been pushed more than are ever open at once.
    open_rounds = select(Round.id).where(Round.state == "open")
    statement = (
        select(Round.id)
        .join(Push, Push.round_id == Round.id)
        .join(Consultation, Consultation.id == Round.consultation_id)
        .where(Push.lawyer_id == lawyer_id, Push.round_id.in_(open_rounds))
        .order_by(Consultation.urgent.desc(), (Push.tier == "addressed").desc(), Round.started_at)
        .limit(limit)
    )
    views = round_views(session, session.execute(statement).scalars().all())
    found = [DeskRound.of(view, lawyer_id) for view in views.values()]
    return sorted(found, key=lambda each: each.order)


def round_views(session: Session, round_ids: Sequence[UUID]) -> dict[UUID, RoundView]:
    """How these rounds stand, by id: a few queries, however many they are."""
    rows = session.execute(
        select(Round, Consultation, Message.text)
        .join(Consultation, Consultation.id == Round.consultation_id)
        .join(Message, Message.id == Round.message_id)
        .where(Round.id.in_(round_ids))
    ).all()
    leases = _leases(session, round_ids)
    answered: dict[UUID, set[UUID]] = {}
    of_rounds = select(Answer.round_id, Answer.lawyer_id).where(Answer.round_id.in_(round_ids))
    for round_id, lawyer_id in session.execute(of_rounds):
        answered.setdefault(round_id, set()).add(lawyer_id)
    return {
        round_.id: RoundView(
            id=round_.id,
            consultation_id=consultation.id,
            consultation=consultation.number,
            number=round_.number,
            question=masked(question),
            region=consultation.region,
            tier=round_.tier,
            state=round_.state,
            urgent=consultation.urgent,
            category=consultation.category,
            quorum=round_.quorum,
            answered=round_.answered,
            started_at=round_.started_at,
            deadline=Policy.of_round(round_).deadline(round_.started_at),
            broken=round_.broken_at is not None,
            writing=tuple(leases.get(round_.id, ())),
            answered_by=frozenset(answered.get(round_.id, ())),
            addressed_to=frozenset(UUID(each) for each in round_.addressed_to),
        )
        for round_, consultation, question in rows
    }


def round_thread(session: Session, round_id: UUID, lawyer_id: UUID) -> tuple[Round, Consultation, list[Message]]:
    """A round that was pushed to this lawyer, with all that was said in its consultation. Raises NotFound otherwise.

    To others than the city's own legal advisers with citizens' telephone, identity, card and plate numbers masked; those
    messages are copies, of no session.
    """
    round_, consultation = reached_round(session, round_id, lawyer_id)
    statement = select(Message).where(Message.consultation_id == consultation.id).order_by(Message.seq)
    messages = list(session.execute(statement).scalars())
    if not _advises_the_city(session.get_one(Lawyer, lawyer_id), consultation):
        for message in messages:
            if message.author == "citizen" and (shown := masked(message.text)) != message.text:
                session.expunge(message)
                message.text = shown
    return round_, consultation, messages


def _advises_the_city(lawyer: Lawyer, consultation: Consultation) -> bool:
    return lawyer.tier == "city" and lawyer.city == consultation.city


def claim(database: Database, queue: LiveQueue, round_id: UUID, lawyer_id: UUID, policy: Policy) -> Lease:
    """`claim_round` behind the live queue, which turns away whom there is no place for; the record decides on the others.

    `policy`: how long the queue keeps the place until it hears from the record.
    """
    said = queue.claim(round_id, lawyer_id, now() + timedelta(seconds=policy.lease_seconds))
    if said is ClaimSaid.FULL:
        raise Conflict(FULL)
    try:
        with database.write() as session:
            return claim_round(session, round_id, lawyer_id)
    except Refused:
        if said is ClaimSaid.TAKEN:
            queue.release(round_id, lawyer_id)
        raise


def claim_round(session: Session, round_id: UUID, lawyer_id: UUID) -> Lease:
    """Take a place under the quorum, or renew the one held. Leases and answers together never pass the quorum.

    Raises Conflict when the places are taken, the round is over, or this lawyer has answered it already, or holds as many
    rounds as they can.
    """
    round_, consultation = lock_reached_round(session, round_id, lawyer_id)
    at = database_now(session)
    if round_.state != "open":
        raise Conflict("这一轮提问已有足够的解答、已转其他部门，或市民已结束咨询，不必再认领。您仍可以补充解答。")
    session.execute(delete(Lease).where(Lease.round_id == round_id, Lease.expires_at <= at))
    mine = session.get(Lease, (round_id, lawyer_id))
    expires_at = at + timedelta(seconds=Policy.of_round(round_).lease_seconds)
    if mine is not None:
        mine.expires_at = expires_at
        return mine
    if _has_answered(session, round_id, lawyer_id):
        raise Conflict("您已经解答过这一轮提问。要补充，直接再写一条解答即可。")
    held = session.execute(select(func.count()).select_from(Lease).where(Lease.round_id == round_id)).scalar_one()
    if held + round_.answered >= round_.quorum:
        raise Conflict(FULL)
    _check_capacity(session, lawyer_id, at)
    lease = Lease(round_id=round_id, lawyer_id=lawyer_id, taken_at=at, expires_at=expires_at)
    session.add(lease)
    audit(session, f"lawyer:{lawyer_id}", "claim_round", round_id)
    _announce(session, round_id)
    tell_citizen(session, consultation)
    return lease


def release_round(session: Session, round_id: UUID, lawyer_id: UUID) -> None:
    """Give the place back. Without a lease nothing changes."""
    _, consultation = lock_reached_round(session, round_id, lawyer_id)
    lease = session.get(Lease, (round_id, lawyer_id))
    if lease is None:
        return
    session.delete(lease)
    audit(session, f"lawyer:{lawyer_id}", "release_round", round_id)
    _announce(session, round_id)
    tell_citizen(session, consultation)


def answer_round(
    session: Session,
    round_id: UUID,
    lawyer_id: UUID,
    text: str,
    *,
    citations: Sequence[Citation] = (),
    client_message_id: str | None = None,
) -> Message:
    """Give a lawyer's answer to the citizen. The same client message id a second time gives the answer stored the first time.

    Answers are welcome beyond the quorum, when nobody else is kept from a place by them, and after it is met; a
    lawyer's second answer in a round adds to the first. Raises Refused for an empty or overlong text, Conflict when others
    hold all the places that are left.
    """
    words = text.strip()
    if not words:
        raise Refused("解答不能为空。", "text")
    if len(words) > ANSWER_MAX_CHARS:
        raise Refused(f"解答最多 {ANSWER_MAX_CHARS} 字，现在有 {len(words)} 字。", "text")
    round_, consultation = lock_reached_round(session, round_id, lawyer_id)
    conversation = session.get_one(Conversation, consultation.conversation_id)
    key = f"lawyer:{lawyer_id}:{client_message_id}"[:128] if client_message_id else None
    if key is not None:
        known = session.execute(
            select(Message).where(Message.conversation_id == conversation.id, Message.client_message_id == key)
        ).scalar_one_or_none()
        if known is not None:
            return known
    at = database_now(session)
    if round_.state == "open" and not _has_answered(session, round_id, lawyer_id):
        _check_place(session, round_, lawyer_id, at)
    lawyer = session.get_one(Lawyer, lawyer_id)
    data: dict[str, Any] = {
        "citations": [citation.model_dump(exclude_none=True) for citation in citations],
        "lawyer": {"id": str(lawyer.id), "name": lawyer.name, "firm": lawyer.firm},
        "round": round_.number,
    }
    message = append_lawyer_message(session, conversation, consultation, lawyer_id, words, data, key)
    session.add(Answer(message_id=message.id, round_id=round_id, lawyer_id=lawyer_id, created_at=at))
    for mine in (Lease, AnswerDraft):
        session.execute(delete(mine).where(mine.round_id == round_id, mine.lawyer_id == lawyer_id))
    session.flush()
    round_.answered = session.execute(
        select(func.count(func.distinct(Answer.lawyer_id))).where(Answer.round_id == round_id)
    ).scalar_one()
    audit(session, f"lawyer:{lawyer_id}", "answer_round", round_id, message=str(message.id))
    if round_.state == "open" and round_.answered >= round_.quorum:
        _meet(session, round_, consultation, at)
    _announce(session, round_id)
    tell_citizen(session, consultation)
    emit(session, BOARD, "answer")
    return message


def _meet(session: Session, round_: Round, consultation: Consultation, at: datetime) -> None:
    round_.state, round_.met_at, round_.due_at = "met", at, None
    leave_to_citizen(session, round_, consultation)
    audit(session, "policy", "meet_quorum", round_.id, answered=round_.answered)


def _check_place(session: Session, round_: Round, lawyer_id: UUID, at: datetime) -> None:
    others = session.execute(
        select(func.count())
        .select_from(Lease)
        .where(Lease.round_id == round_.id, Lease.lawyer_id != lawyer_id, Lease.expires_at > at)
    ).scalar_one()
    if others + round_.answered >= round_.quorum:
        raise Conflict("已有足够的律师在解答这个问题。您写的内容还在，等名额空出或有人答完后可以再发。")


def _check_capacity(session: Session, lawyer_id: UUID, at: datetime) -> None:
    capacity = session.get_one(Lawyer, lawyer_id).capacity
    held = select(func.count()).select_from(Lease).where(Lease.lawyer_id == lawyer_id, Lease.expires_at > at)
    if session.execute(held).scalar_one() >= capacity:
        raise Conflict(f"您手上已有 {capacity} 轮提问，是您登记的最大同时在办数。答完或放下一轮后可以再认领。")


def _has_answered(session: Session, round_id: UUID, lawyer_id: UUID) -> bool:
    statement = select(Answer.message_id).where(Answer.round_id == round_id, Answer.lawyer_id == lawyer_id)
    return session.execute(statement.limit(1)).first() is not None


def _leases(session: Session, round_ids: Sequence[UUID]) -> dict[UUID, list[tuple[UUID, str]]]:
    """Who is writing, by round: (lawyer id, name), longest first."""
    statement = (
        select(Lease.round_id, Lease.lawyer_id, Lawyer.name)
        .join(Lawyer, Lawyer.id == Lease.lawyer_id)
        .where(Lease.round_id.in_(round_ids), Lease.expires_at > database_now(session))
        .order_by(Lease.taken_at)
    )
    found: dict[UUID, list[tuple[UUID, str]]] = {}
    for round_id, lawyer_id, name in session.execute(statement):
        found.setdefault(round_id, []).append((lawyer_id, name))
    return found


def _announce(session: Session, round_id: UUID) -> None:
    emit(session, DESK, "round", round_id=str(round_id))

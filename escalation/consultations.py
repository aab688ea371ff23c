"""Consultations 咨询 and their rounds 轮次, from the citizen's side: open, ask on, add to, close, rate."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from core.database import database_now
from core.ids import new_id
from core.regions import ancestor
from escalation.call_backs import DISSATISFIED, open_call_back
from escalation.conversations import lock_conversation
from escalation.errors import Conflict, NotFound, Refused
from escalation.journal import BOARD, DESK, audit, emit, tell_citizen
from escalation.models import UNSORTED, Answer, Consultation, Lease, Message, Rating, Round
from escalation.numbers import next_number
from escalation.policy import Policy
from escalation.tiers import enter_tier, first_tier

RATING_LEVELS = {5: "非常满意", 4: "满意", 3: "基本满意", 2: "不满意", 1: "非常不满意"}


def open_consultation(
    session: Session, message_id: UUID, policy: Policy, *, urgent: bool = False, category: str = UNSORTED
) -> Consultation:
    """Take a citizen's message to the lawyers, as the policy of their region promises (`policy`: where none decides).

    The same message a second time gives the consultation opened the first time.
    """
    message = session.get_one(Message, message_id)
    conversation = lock_conversation(session, message.conversation_id)
    assert conversation is not None
    known = session.execute(
        select(Consultation).where(Consultation.opening_message_id == message_id)
    ).scalar_one_or_none()
    if known is not None:
        return known
    at, policy = database_now(session), policy.for_region(session, conversation.region)
    consultation = Consultation(
        id=new_id(),
        number=next_number(session, conversation.region),
        conversation_id=conversation.id,
        opening_message_id=message_id,
        region=conversation.region,
        city=ancestor(conversation.region, "prefecture"),
        province=ancestor(conversation.region, "province"),
        urgent=urgent,
        category=category,
        state="waiting",
        opened_at=at,
    )
    session.add(consultation)
    session.flush()
    message.consultation_id = consultation.id
    audit(session, f"citizen:{conversation.id}", "open_consultation", consultation.id, number=consultation.number)
    _start_round(session, consultation, message, policy, quorum=policy.quorum, addressed_to=())
    return consultation


def ask_follow_up(
    session: Session, consultation_id: UUID, message_id: UUID, policy: Policy, address_to: Sequence[UUID] = ()
) -> Round:
    """A further question in a consultation, which it reopens if it was closed; for some of its lawyers, or for all.

    Before anybody has answered it is an addition to the question that waits, and starts no clock of its own. The same message
    a second time gives the round that it asked or was added to the first time.
    Raises Refused when `address_to` names a lawyer who has not answered here.
    """
    consultation = session.get_one(Consultation, consultation_id)
    lock_conversation(session, consultation.conversation_id)
    session.refresh(consultation)
    message = session.get_one(Message, message_id)
    session.refresh(message)
    known = session.execute(select(Round).where(Round.message_id == message_id)).scalar_one_or_none()
    if known is not None:
        return known
    if message.consultation_id == consultation_id:
        return _round_it_was_added_to(session, consultation_id, message)
    answerers = lawyers_who_answered(session, consultation_id)
    addressed = list(dict.fromkeys(address_to)) or answerers
    _check_answered(addressed, answerers)
    message.consultation_id = consultation.id
    waiting = _newest_open_round(session, consultation_id)
    if waiting is not None and not answerers:
        audit(
            session, f"citizen:{consultation.conversation_id}", "add_to_question", waiting.id, message=str(message_id)
        )
        emit(session, DESK, "round", round_id=str(waiting.id))
        return waiting
    if consultation.state == "closed":
        audit(session, f"citizen:{consultation.conversation_id}", "reopen_consultation", consultation.id)
    consultation.state, consultation.closed_at = "waiting", None
    audit(session, f"citizen:{consultation.conversation_id}", "ask_follow_up", consultation.id, message=str(message_id))
    policy = policy.for_region(session, consultation.region)
    return _start_round(
        session, consultation, message, policy, quorum=1 if answerers else policy.quorum, addressed_to=addressed
    )


def close_consultation(session: Session, consultation_id: UUID) -> Consultation:
    """The citizen is satisfied: rounds that still wait end. Closing a closed one changes nothing."""
    consultation = session.get_one(Consultation, consultation_id)
    lock_conversation(session, consultation.conversation_id)
    session.refresh(consultation)
    if consultation.state == "closed":
        return consultation
    ended = update(Round).where(Round.consultation_id == consultation_id, Round.state == "open")
    round_ids = session.execute(ended.values(state="ended", due_at=None).returning(Round.id)).scalars().all()
    session.execute(delete(Lease).where(Lease.round_id.in_(round_ids)))
    for round_id in round_ids:
        emit(session, DESK, "round", round_id=str(round_id))
    consultation.state = "closed"
    consultation.closings += 1
    consultation.closed_at = database_now(session)
    audit(session, f"citizen:{consultation.conversation_id}", "close_consultation", consultation.id)
    tell_citizen(session, consultation)
    emit(session, BOARD, "consultation")
    return consultation


def rate_consultation(session: Session, consultation_id: UUID, level: int, comment: str = "") -> Rating:
    """Record the citizen's judgement, 1 to 5, once per closing. The same level again is the same rating.

    A bad one is a task for a supervisor. The level itself is in no audit row and no event: those may be seen by others.
    Raises Conflict before the consultation is closed or after it has been rated otherwise, Refused for another level.
    """
    if level not in RATING_LEVELS:
        raise Refused("评价只能是 1 到 5（5 为非常满意）。", "level")
    consultation = session.get_one(Consultation, consultation_id)
    lock_conversation(session, consultation.conversation_id)
    session.refresh(consultation)
    if consultation.state != "closed":
        raise Conflict("咨询还没有结束。您说“满意”结束之后，就可以评价。")
    known = session.execute(
        select(Rating).where(Rating.consultation_id == consultation_id, Rating.closing == consultation.closings)
    ).scalar_one_or_none()
    if known is not None:
        if known.level == level:
            return known
        raise Conflict("这次咨询您已经评价过了，谢谢。")
    rating = Rating(
        consultation_id=consultation_id,
        closing=consultation.closings,
        level=level,
        comment=comment,
        created_at=database_now(session),
    )
    session.add(rating)
    closing = consultation.closings
    audit(session, f"citizen:{consultation.conversation_id}", "rate_consultation", consultation_id, closing=closing)
    if level <= DISSATISFIED:
        open_call_back(session, consultation, "dissatisfied", closing)
    emit(session, BOARD, "rating")
    tell_citizen(session, consultation)
    return rating


def is_rated(session: Session, consultation: Consultation) -> bool:
    """Whether the present closing has its rating."""
    statement = select(Rating.id).where(
        Rating.consultation_id == consultation.id, Rating.closing == consultation.closings
    )
    return session.execute(statement).first() is not None


def open_consultations(session: Session, conversation_id: UUID) -> list[Consultation]:
    """The conversation's consultations that are not closed, the newest first."""
    statement = select(Consultation).where(
        Consultation.conversation_id == conversation_id, Consultation.state != "closed"
    )
    return list(session.execute(statement.order_by(Consultation.opened_at.desc())).scalars())


def latest_consultation(session: Session, conversation_id: UUID) -> Consultation | None:
    """The consultation of this conversation that was spoken in last, open or closed."""
    statement = (
        select(Consultation)
        .join(Message, Message.consultation_id == Consultation.id)
        .where(Consultation.conversation_id == conversation_id)
        .order_by(Message.seq.desc())
        .limit(1)
    )
    return session.execute(statement).scalar_one_or_none()


def get_consultation(session: Session, consultation_id: UUID) -> Consultation:
    """Raises NotFound."""
    consultation = session.get(Consultation, consultation_id)
    if consultation is None:
        raise NotFound("没有这个咨询。")
    return consultation


def consultation_numbered(session: Session, number: str) -> Consultation:
    """The consultation of this number, as a person says it. Raises NotFound."""
    found = session.execute(select(Consultation).where(Consultation.number == number.strip())).scalar_one_or_none()
    if found is None:
        raise NotFound("没有这个咨询。")
    return found


def check_addressees(session: Session, conversation_id: UUID, address_to: Sequence[UUID]) -> None:
    """Raises Refused when a message is addressed to somebody who has not answered in the latest consultation."""
    if address_to:
        consultation = latest_consultation(session, conversation_id)
        _check_answered(address_to, lawyers_who_answered(session, consultation.id) if consultation else [])


def _check_answered(addressed: Sequence[UUID], answerers: Sequence[UUID]) -> None:
    if unknown := set(addressed) - set(answerers):
        raise Refused(f"追问只能给已经解答过这次咨询的律师（有 {len(unknown)} 位不在其中）。", "address_to")


def lawyers_who_answered(session: Session, consultation_id: UUID) -> list[UUID]:
    """The lawyers who have answered in any of its rounds, in the order of their first answers: the first, the second, …"""
    statement = (
        select(Answer.lawyer_id, func.min(Answer.created_at))
        .join(Round, Round.id == Answer.round_id)
        .where(Round.consultation_id == consultation_id)
        .group_by(Answer.lawyer_id)
        .order_by(func.min(Answer.created_at), Answer.lawyer_id)
    )
    return [lawyer_id for lawyer_id, _ in session.execute(statement)]


def _start_round(
    session: Session,
    consultation: Consultation,
    message: Message,
    policy: Policy,
    *,
    quorum: int,
    addressed_to: Sequence[UUID],
) -> Round:
    at = database_now(session)
    last = session.execute(
        select(func.coalesce(func.max(Round.number), 0)).where(Round.consultation_id == consultation.id)
    ).scalar_one()
    tier = "addressed" if addressed_to else first_tier(session, consultation)
    round_ = Round(
        id=new_id(),
        consultation_id=consultation.id,
        number=last + 1,
        message_id=message.id,
        quorum=quorum,
        policy=policy.as_dict(),
        addressed_to=[str(lawyer_id) for lawyer_id in addressed_to],
        tier=tier,
        state="open",
        started_at=at,
        due_at=policy.due(tier, at),
    )
    session.add(round_)
    session.flush()
    enter_tier(session, round_, consultation, tier)
    tell_citizen(session, consultation)
    emit(session, BOARD, "consultation")
    return round_


def _round_it_was_added_to(session: Session, consultation_id: UUID, message: Message) -> Round:
    """The round that was newest when this message came; the first one for what was written before that."""
    of_consultation = select(Round).where(Round.consultation_id == consultation_id)
    asked_before = of_consultation.join(Message, Message.id == Round.message_id).where(Message.seq < message.seq)
    found = session.execute(asked_before.order_by(Round.number.desc()).limit(1)).scalar_one_or_none()
    return found or session.execute(of_consultation.order_by(Round.number).limit(1)).scalar_one()


def _newest_open_round(session: Session, consultation_id: UUID) -> Round | None:
    statement = select(Round).where(Round.consultation_id == consultation_id, Round.state == "open")
    return session.execute(statement.order_by(Round.number.desc()).limit(1)).scalar_one_or_none()

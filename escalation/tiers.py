"""Tiers 层级: the circles of lawyers that a round is pushed to, one after the other, each exactly once."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, false, func, insert, literal, select, true
from sqlalchemy.orm import Session

from core.database import database_now
from core.ids import new_id
from escalation.conversations import lock_conversation, say
from escalation.duty import has_duty_now, on_duty
from escalation.journal import BOARD, DESK, audit, emit, tell_citizen
from escalation.models import Consultation, Contact, Delivery, Lawyer, Push, Round, RoundMove
from escalation.policy import Policy
from escalation.replies import Choice, Reply

BROKEN_PROMISE = (
    "很抱歉，{time}内没有足够的律师解答您的问题。我们已通知{who}，并会继续催请，解答一到就显示在这里。"
    "您可以留下电话，由工作人员给您回电，也可以继续等待，或者拨打 12348 法律服务热线。"
)


def first_tier(session: Session, consultation: Consultation) -> str:
    """The narrowest circle that has anybody in it: three minutes of waiting for nobody would help no one."""
    for tier in ("city", "province"):
        if _anybody(session, _circle(consultation, tier)):
            return tier
    return "nation"


def enter_tier(session: Session, round_: Round, consultation: Consultation, tier: str) -> None:
    """Push the round to every lawyer of the tier whom it has not reached yet. The caller holds the conversation's lock."""
    at, policy = database_now(session), Policy.of_round(round_)
    if tier == "addressed":
        circle: ColumnElement[bool] = Lawyer.id.in_([UUID(lawyer_id) for lawyer_id in round_.addressed_to])
    else:
        circle = _circle(consultation, tier)
        if policy.duty_hours and _anybody(session, circle & on_duty(at)):
            circle &= on_duty(at)
    pushed = push_to(session, round_, circle, tier, at)
    session.add(RoundMove(round_id=round_.id, tier=tier, pushed=pushed, moved_at=at))
    round_.tier = tier
    round_.due_at = policy.due(tier, round_.started_at)
    audit(session, "dispatcher", "push_round", round_.id, tier=tier, pushed=pushed)
    emit(session, DESK, "push", round_id=str(round_.id), tier=tier)
    tell_citizen(session, consultation)


def push_to(session: Session, round_: Round, circle: ColumnElement[bool], tier: str, at: datetime) -> int:
    """Push the round to the lawyers of `circle` whom it has not reached; how many those were. Other media follow by delivery."""
    reached = select(Push.lawyer_id).where(Push.round_id == round_.id)
    chosen = select(
        literal(round_.id, Push.round_id.type), Lawyer.id, literal(tier), literal(at, Push.pushed_at.type)
    ).where(circle, Lawyer.active.is_(True), Lawyer.id.not_in(reached))
    session.execute(insert(Push).from_select(["round_id", "lawyer_id", "tier", "pushed_at"], chosen))
    these = (Push.round_id == round_.id) & (Push.tier == tier) & (Push.pushed_at == at)
    deliver(session, round_.id, select(Push.lawyer_id).where(these), "push", at)
    return session.execute(select(func.count()).select_from(Push).where(these)).scalar_one()


def deliver(session: Session, round_id: UUID, lawyers: Select[UUID], kind: str, at: datetime) -> None:
    """Send word of the round to these lawyers through every medium that they can be reached by besides the desk."""
    contacts = session.execute(select(Contact.lawyer_id, Contact.medium).where(Contact.lawyer_id.in_(lawyers)))
    rows = [
        {
            "id": new_id(), "round_id": round_id, "lawyer_id": lawyer_id, "medium": medium, "kind": kind,
            "state": "waiting", "attempts": 0, "due_at": at, "error": "", "created_at": at,
        }
        for lawyer_id, medium in contacts
    ]  # fmt: skip
    if rows:
        session.execute(insert(Delivery), rows)


def move_round(session: Session, round_id: UUID) -> bool:
    """Do what is due for a round: the next tier, or the broken promise. False when nothing is due or somebody else has it.

    Safe to call from any number of dispatchers: the conversation's lock and the keys of `round_moves` let one of them act.
    """
    round_ = session.get(Round, round_id)
    if round_ is None:
        return False
    consultation = session.get_one(Consultation, round_.consultation_id)
    if lock_conversation(session, consultation.conversation_id, skip_locked=True) is None:
        return False
    session.refresh(round_)
    at = database_now(session)
    if round_.state != "open" or round_.due_at is None or round_.due_at > at:
        return False
    tier = Policy.of_round(round_).next_tier(round_.tier)
    if tier is not None:
        enter_tier(session, round_, consultation, tier)
    else:
        _break_promise(session, round_, consultation)
    return True


def _break_promise(session: Session, round_: Round, consultation: Consultation) -> None:
    at = database_now(session)
    round_.broken_at, round_.due_at = at, None
    audit(session, "dispatcher", "break_promise", round_.id, answered=round_.answered, quorum=round_.quorum)
    minutes = Policy.of_round(round_).broken_after / 60
    who = "值班律师和主管人员" if _alarm(session, round_, consultation, at) else "主管人员"
    said = BROKEN_PROMISE.format(time=f"{minutes:g} 分钟" if minutes >= 1 else f"{minutes * 60:g} 秒", who=who)
    choices = [Choice(title="请给我回电话", payload="/call_back"), Choice(title="继续等律师", payload="/wait_time")]
    say(session, consultation.conversation_id, Reply(kind="notice", text=said, choices=choices), consultation.id)
    emit(session, BOARD, "broken_promise", round_id=str(round_.id))
    emit(session, DESK, "push", round_id=str(round_.id), tier="duty")
    tell_citizen(session, consultation)


def _alarm(session: Session, round_: Round, consultation: Consultation, at: datetime) -> bool:
    """The lawyers on duty hear of it by every medium, whether the round had reached them or not: they are the last resort.

    Whether there are any.
    """
    for tier in ("city", "province", "nation"):
        circle = _circle(consultation, tier) & has_duty_now(at)
        if _anybody(session, circle):
            pushed = push_to(session, round_, circle, "duty", at)
            deliver(session, round_.id, select(Lawyer.id).where(circle, Lawyer.active.is_(True)), "alarm", at)
            audit(session, "dispatcher", "alarm_duty", round_.id, circle=tier, pushed=pushed)
            return True
    return False


def _anybody(session: Session, circle: ColumnElement[bool]) -> bool:
    return session.execute(select(Lawyer.id).where(circle, Lawyer.active.is_(True)).limit(1)).first() is not None


def _circle(consultation: Consultation, tier: str) -> ColumnElement[bool]:
    if tier == "city":
        return (Lawyer.city == consultation.city) & (Lawyer.tier == "city") if consultation.city else false()
    if tier == "province":
        return (Lawyer.province == consultation.province) if consultation.province else false()
    return true()

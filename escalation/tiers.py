"""Tiers 层级: the circles of lawyers that a round is pushed to, one after the other, each exactly once."""

from uuid import UUID

from sqlalchemy import ColumnElement, false, func, insert, literal, select, true
from sqlalchemy.orm import Session

from core.database import database_now
from escalation.conversations import lock_conversation, say
from escalation.journal import BOARD, DESK, audit, emit, tell_citizen
from escalation.models import Consultation, Lawyer, Push, Round, RoundMove
from escalation.policy import Policy
from escalation.replies import Choice, Reply

BROKEN_PROMISE = "很抱歉，十分钟内没有足够的律师解答您的问题。我们已通知值班人员，并会继续催请律师，解答一到就显示在这里。您可以继续等待，也可以拨打 12348 法律服务热线。"


def first_tier(session: Session, consultation: Consultation) -> str:
    """The narrowest circle that has anybody in it: three minutes of waiting for nobody would help no one."""
    for tier in ("city", "province"):
        if session.execute(select(Lawyer.id).where(_circle(consultation, tier)).limit(1)).first() is not None:
            return tier
    return "nation"


def enter_tier(session: Session, round_: Round, consultation: Consultation, tier: str, policy: Policy) -> None:
    """Push the round to every lawyer of the tier whom it has not reached yet. The caller holds the conversation's lock."""
    at = database_now(session)
    if tier == "addressed":
        circle: ColumnElement[bool] = Lawyer.id.in_([UUID(lawyer_id) for lawyer_id in round_.addressed_to])
    else:
        circle = _circle(consultation, tier)
    reached = select(Push.lawyer_id).where(Push.round_id == round_.id)
    chosen = select(
        literal(round_.id, Push.round_id.type),
        Lawyer.id,
        literal("desk"),
        literal(tier),
        literal(at, Push.pushed_at.type),
    ).where(circle, Lawyer.active.is_(True), Lawyer.id.not_in(reached))
    session.execute(insert(Push).from_select(["round_id", "lawyer_id", "medium", "tier", "pushed_at"], chosen))
    pushed = session.execute(
        select(func.count()).select_from(Push).where(Push.round_id == round_.id, Push.tier == tier)
    ).scalar_one()
    session.add(RoundMove(round_id=round_.id, tier=tier, pushed=pushed, moved_at=at))
    round_.tier = tier
    round_.due_at = policy.due(tier, round_.started_at)
    audit(session, "dispatcher", "push_round", round_.id, tier=tier, pushed=pushed)
    emit(session, DESK, "queue", round_id=str(round_.id), tier=tier)
    tell_citizen(session, consultation)


def move_round(session: Session, round_id: UUID, policy: Policy) -> bool:
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
    tier = policy.next_tier(round_.tier)
    if tier is not None:
        enter_tier(session, round_, consultation, tier, policy)
    else:
        _break_promise(session, round_, consultation)
    return True


def _break_promise(session: Session, round_: Round, consultation: Consultation) -> None:
    round_.broken_at = database_now(session)
    round_.due_at = None
    audit(session, "dispatcher", "break_promise", round_.id, answered=round_.answered, quorum=round_.quorum)
    say(
        session,
        consultation.conversation_id,
        Reply(kind="notice", text=BROKEN_PROMISE, choices=[Choice(title="还有多久", payload="/wait_time")]),
        consultation.id,
    )
    emit(session, BOARD, "broken_promise", round_id=str(round_.id))
    emit(session, DESK, "queue", round_id=str(round_.id))
    tell_citizen(session, consultation)


def _circle(consultation: Consultation, tier: str) -> ColumnElement[bool]:
    if tier == "city":
        return (Lawyer.city == consultation.city) & (Lawyer.tier == "city") if consultation.city else false()
    if tier == "province":
        return (Lawyer.province == consultation.province) if consultation.province else false()
    return true()

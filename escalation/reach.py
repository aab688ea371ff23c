"""Which rounds a lawyer may see and act in: those that have been pushed to them, and no others."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from escalation.conversations import lock_conversation
from escalation.errors import Forbidden, NotFound
from escalation.models import Consultation, Lawyer, Lease, Push, Round


def reached_round(session: Session, round_id: UUID, lawyer_id: UUID) -> tuple[Round, Consultation]:
    """A round that has reached this lawyer. Raises NotFound otherwise, whether or not there is such a round."""
    round_ = session.get(Round, round_id)
    if round_ is None or session.get(Push, (round_id, lawyer_id)) is None:
        raise NotFound("没有这一轮提问，或它没有推送给您。")
    return round_, session.get_one(Consultation, round_.consultation_id)


def lock_reached_round(session: Session, round_id: UUID, lawyer_id: UUID) -> tuple[Round, Consultation]:
    """The same, held until the transaction ends and as it stands now. Raises Forbidden for a lawyer no longer active."""
    round_, consultation = reached_round(session, round_id, lawyer_id)
    if not session.get_one(Lawyer, lawyer_id).active:
        raise Forbidden("您的律师账号已停用，请联系管理员。")
    lock_conversation(session, consultation.conversation_id)
    session.refresh(round_)
    session.refresh(consultation)
    return round_, consultation


def check_reached(session: Session, consultation_id: UUID, lawyer_id: UUID) -> None:
    """Raises NotFound unless some round of the consultation has reached this lawyer."""
    statement = select(Push.round_id).join(Round, Round.id == Push.round_id)
    statement = statement.where(Round.consultation_id == consultation_id, Push.lawyer_id == lawyer_id)
    if session.execute(statement.limit(1)).first() is None:
        raise NotFound("没有这次咨询，或它没有推送给您。")


def leave_to_citizen(session: Session, round_: Round, consultation: Consultation) -> None:
    """The round is over: nobody holds a place in it, and where no other waits it is the citizen's turn."""
    session.execute(delete(Lease).where(Lease.round_id == round_.id))
    session.flush()
    waiting = select(Round.id).where(Round.consultation_id == consultation.id, Round.state == "open").limit(1)
    if consultation.state == "waiting" and session.execute(waiting).first() is None:
        consultation.state = "answered"


def reached_among(session: Session, round_ids: Sequence[UUID], lawyer_ids: Sequence[UUID]) -> set[tuple[UUID, UUID]]:
    """(round, lawyer) for each of these lawyers whom one of these rounds has been pushed to."""
    statement = select(Push.round_id, Push.lawyer_id)
    rows = session.execute(statement.where(Push.round_id.in_(round_ids), Push.lawyer_id.in_(lawyer_ids)))
    return {(round_id, lawyer_id) for round_id, lawyer_id in rows}

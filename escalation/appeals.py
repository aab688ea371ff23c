"""Appeals 申诉: a lawyer holds that a consultation's ratings do them wrong; a supervisor decides.

Whether a consultation has been rated at all is not for its lawyers to know, so nothing here depends on it.
"""

from collections import defaultdict
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.database import database_now
from core.ids import new_id
from escalation.conversations import lock_conversation
from escalation.errors import Conflict, NotFound, Refused
from escalation.journal import BOARD, audit, emit
from escalation.models import Answer, Appeal, Consultation, Lawyer, Rating, Round
from escalation.places import lies_in

TEXT_MAX_CHARS = 2000


@dataclass(frozen=True, slots=True)
class OpenAppeal:
    """An appeal as the supervisor who decides it sees it."""

    appeal: Appeal
    lawyer: Lawyer
    consultation: Consultation
    ratings: tuple[tuple[int, str], ...]
    """(level, comment) of each closing that was rated, in order."""


def appeal(session: Session, consultation_id: UUID, lawyer_id: UUID, text: str) -> Appeal:
    """A lawyer who answered in a consultation appeals against its ratings, once.

    Raises Refused for an empty or overlong text, NotFound for a consultation that they have not answered in, Conflict the
    second time.
    """
    words = _words(text, "text", "请写明申诉的理由。", "申诉理由")
    consultation = session.get(Consultation, consultation_id)
    answered = (
        select(Answer.message_id)
        .join(Round, Round.id == Answer.round_id)
        .where(Round.consultation_id == consultation_id, Answer.lawyer_id == lawyer_id)
    )
    if consultation is None or session.execute(answered.limit(1)).first() is None:
        raise NotFound("没有这次咨询，或您没有在其中解答过。")
    lock_conversation(session, consultation.conversation_id)
    known = select(Appeal.id).where(Appeal.consultation_id == consultation_id, Appeal.lawyer_id == lawyer_id)
    if session.execute(known).first() is not None:
        raise Conflict(f"您已经就咨询 {consultation.number} 提出过申诉，结果会显示在申诉列表里。")
    made = Appeal(
        id=new_id(),
        consultation_id=consultation_id,
        lawyer_id=lawyer_id,
        text=words,
        state="open",
        decision="",
        created_at=database_now(session),
    )
    session.add(made)
    session.flush()
    audit(session, f"lawyer:{lawyer_id}", "appeal", made.id, consultation=consultation.number)
    emit(session, BOARD, "appeal")
    return made


def appeals_of(session: Session, lawyer_id: UUID, limit: int = 100) -> list[tuple[Appeal, str]]:
    """A lawyer's appeals with the number of each consultation, the newest first."""
    statement = select(Appeal, Consultation.number).join(Consultation, Consultation.id == Appeal.consultation_id)
    statement = statement.where(Appeal.lawyer_id == lawyer_id).order_by(Appeal.created_at.desc()).limit(limit)
    return [(each, number) for each, number in session.execute(statement)]


def open_appeals(session: Session, region: str, limit: int = 200) -> list[OpenAppeal]:
    """The appeals to be decided about consultations in a region and all that lies in it, the oldest first."""
    statement = (
        select(Appeal, Lawyer, Consultation)
        .join(Lawyer, Lawyer.id == Appeal.lawyer_id)
        .join(Consultation, Consultation.id == Appeal.consultation_id)
        .where(Appeal.state == "open", lies_in(Consultation, region))
        .order_by(Appeal.created_at)
        .limit(limit)
    )
    rows = session.execute(statement).all()
    ratings: dict[UUID, list[tuple[int, str]]] = defaultdict(list)
    rated = select(Rating).where(Rating.consultation_id.in_([row.Consultation.id for row in rows]))
    for rating in session.execute(rated.order_by(Rating.closing)).scalars():
        ratings[rating.consultation_id].append((rating.level, rating.comment))
    return [
        OpenAppeal(each, lawyer, consultation, tuple(ratings[consultation.id])) for each, lawyer, consultation in rows
    ]


def count_open_appeals(session: Session, region: str) -> int:
    """How many appeals there are to be decided about consultations in a region and all that lies in it."""
    statement = select(func.count()).select_from(Appeal).join(Consultation, Consultation.id == Appeal.consultation_id)
    return session.execute(statement.where(Appeal.state == "open", lies_in(Consultation, region))).scalar_one()


def decide_appeal(session: Session, appeal_id: UUID, staff_id: UUID, upheld: bool, decision: str) -> Appeal:
    """Uphold an appeal, so that the consultation's ratings no longer count for this lawyer, or reject it; with reasons.

    Raises NotFound, Refused without reasons, Conflict when it has been decided.
    """
    words = _words(decision, "decision", "请写明决定的理由，律师会看到。", "决定的理由")
    found = session.get(Appeal, appeal_id)
    if found is None:
        raise NotFound("没有这个申诉。")
    lock_conversation(session, session.get_one(Consultation, found.consultation_id).conversation_id)
    session.refresh(found)
    if found.state != "open":
        raise Conflict("这个申诉已经有决定了。")
    found.state, found.decision = ("upheld" if upheld else "rejected"), words
    found.decided_at, found.decided_by = database_now(session), staff_id
    audit(session, f"staff:{staff_id}", "decide_appeal", found.id, upheld=upheld)
    emit(session, BOARD, "appeal")
    return found


def _words(text: str, field: str, missing: str, name: str) -> str:
    words = text.strip()
    if not words:
        raise Refused(missing, field)
    if len(words) > TEXT_MAX_CHARS:
        raise Refused(f"{name}最多 {TEXT_MAX_CHARS} 字，现在有 {len(words)} 字。", field)
    return words

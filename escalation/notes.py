"""Internal notes 内部备注: what lawyers tell each other about a consultation.

They are rows of their own and never messages, so that nothing which reads the citizen's conversation can come upon them;
their event goes to the desks alone and carries no words.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.database import database_now
from core.ids import new_id
from escalation.errors import Refused
from escalation.journal import DESK, audit, emit
from escalation.models import Lawyer, Note
from escalation.reach import check_reached, lock_reached_round

NOTE_MAX_CHARS = 2000


@dataclass(frozen=True, slots=True)
class WrittenNote:
    """A note with who wrote it."""

    id: UUID
    lawyer_id: UUID
    lawyer: str
    firm: str
    text: str
    created_at: datetime


def write_note(session: Session, round_id: UUID, lawyer_id: UUID, text: str) -> Note:
    """Leave a note for all whom the round's consultation has reached or will reach.

    The same words twice in a row from one lawyer are one note: a form sent twice. Raises Refused for an empty or overlong
    text, NotFound unless the round was pushed to this lawyer.
    """
    words = text.strip()
    if not words:
        raise Refused("备注不能为空。", "text")
    if len(words) > NOTE_MAX_CHARS:
        raise Refused(f"备注最多 {NOTE_MAX_CHARS} 字，现在有 {len(words)} 字。", "text")
    _, consultation = lock_reached_round(session, round_id, lawyer_id)
    last = session.execute(
        select(Note).where(Note.consultation_id == consultation.id).order_by(Note.created_at.desc()).limit(1)
    ).scalar_one_or_none()
    if last is not None and (last.lawyer_id, last.text) == (lawyer_id, words):
        return last
    note = Note(
        id=new_id(),
        consultation_id=consultation.id,
        lawyer_id=lawyer_id,
        text=words,
        created_at=database_now(session),
    )
    session.add(note)
    audit(session, f"lawyer:{lawyer_id}", "write_note", consultation.id, note=str(note.id))
    emit(session, DESK, "round", round_id=str(round_id))
    return note


def notes_of(session: Session, consultation_id: UUID, lawyer_id: UUID) -> list[WrittenNote]:
    """All notes of a consultation, the oldest first. Raises NotFound unless it has reached this lawyer."""
    check_reached(session, consultation_id, lawyer_id)
    rows = session.execute(
        select(Note, Lawyer.name, Lawyer.firm)
        .join(Lawyer, Lawyer.id == Note.lawyer_id)
        .where(Note.consultation_id == consultation_id)
        .order_by(Note.created_at, Note.id)
    )
    return [WrittenNote(note.id, note.lawyer_id, name, firm, note.text, note.created_at) for note, name, firm in rows]

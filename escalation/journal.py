"""What every verb leaves behind in its own transaction: an audit row, and an event for live pages."""

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from core.database import database_now
from escalation.models import AuditRow, Consultation, OutboxEvent

DESK = "desk"
BOARD = "board"


def conversation_topic(conversation_id: UUID) -> str:
    return f"conversation:{conversation_id}"


def audit(session: Session, actor: str, verb: str, subject: object, **detail: Any) -> None:
    """Record that `actor` (citizen:…, lawyer:…, staff:…, dispatcher, command line) did `verb` to `subject`."""
    session.add(AuditRow(at=database_now(session), actor=actor, verb=verb, subject=str(subject), detail=detail))


def emit(session: Session, topic: str, kind: str, **data: Any) -> None:
    """Tell live pages, once this transaction is committed. Events say where to look; the record says what is there."""
    session.add(OutboxEvent(topic=topic, kind=kind, data=data, created_at=database_now(session)))


def tell_citizen(session: Session, consultation: Consultation) -> None:
    """A consultation stands differently: the citizen's pages look again."""
    topic = conversation_topic(consultation.conversation_id)
    emit(session, topic, "consultation", consultation_id=str(consultation.id))

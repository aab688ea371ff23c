"""A citizen's consultations, and each of them as rounds: what was asked, and what each lawyer answered to that."""

from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.models import Consultation, Message, Round


@dataclass(frozen=True, slots=True)
class Exchange:
    """A round with its messages, each in the order in which it came."""

    number: int
    asked: list[Message] = field(default_factory=list)
    """The question, and what the citizen added to it before anybody had answered."""
    answers: list[Message] = field(default_factory=list)


def consultations_of(session: Session, conversation_id: UUID, limit: int = 50) -> list[tuple[Consultation, Message]]:
    """The conversation's consultations with their first questions, the newest first."""
    statement = (
        select(Consultation, Message)
        .join(Message, Message.id == Consultation.opening_message_id)
        .where(Consultation.conversation_id == conversation_id)
        .order_by(Consultation.opened_at.desc())
        .limit(limit)
    )
    return [(row[0], row[1]) for row in session.execute(statement)]


def thread_of(session: Session, consultation_id: UUID) -> list[Exchange]:
    """A consultation's rounds in order. An answer stands with the question it is to, however late it came."""
    rounds = select(Round.message_id, Round.number).where(Round.consultation_id == consultation_id)
    asked_in = dict(session.execute(rounds).all())
    statement = select(Message).where(Message.consultation_id == consultation_id).order_by(Message.seq)
    exchanges: dict[int, Exchange] = {}
    newest = 1
    for message in session.execute(statement).scalars():
        if message.author == "citizen":
            newest = asked_in.get(message.id, newest)
            exchanges.setdefault(newest, Exchange(newest)).asked.append(message)
        elif message.author == "lawyer":
            number = message.data.get("round", newest)
            exchanges.setdefault(number, Exchange(number)).answers.append(message)
    return [exchanges[number] for number in sorted(exchanges)]

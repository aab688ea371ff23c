"""Questions that the knowledge base did not answer, as the record has them: they went to lawyers, or were asked back about.

What a person wrote leaves this module masked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from escalation.masking import masked
from escalation.models import UNSORTED, Answer, Consultation, Conversation, Lawyer, Message, Rating, Round
from knowledge_base.names import short_name

AnyRow = Row[*tuple[Any, ...]]
MOST = 5000
"""So many of the newest are looked at: more cost more than they say."""
_ASKED_BACK = ("rephrasing", "reading")


@dataclass(frozen=True, slots=True)
class Asked:
    """One question. `consultation_id` is None where it was only asked back about."""

    message_id: UUID
    text: str
    region: str
    category: str
    asked_at: datetime
    consultation_id: UUID | None


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """What a lawyer answered to a first question, masked."""

    message_id: UUID
    consultation_id: UUID
    consultation: str
    """Its number."""
    question_id: UUID
    question: str
    region: str
    category: str
    lawyer: str
    text: str
    citations: tuple[str, ...]
    answered_at: datetime
    level: int | None
    """How the citizen rated the consultation, 5 to 1; None where they have not."""


def newest(session: Session, since: datetime) -> tuple[datetime, int] | None:
    """When the newest unanswered question was asked and how many there are: what a grouping of them is good for."""
    opened = select(func.max(Consultation.opened_at), func.count()).where(Consultation.opened_at >= since)
    asked_back = select(func.max(Message.created_at), func.count()).where(
        Message.kind == "clarify", Message.created_at >= since
    )
    rows = [session.execute(statement).one() for statement in (opened, asked_back)]
    times = [row[0] for row in rows if row[0] is not None]
    return (max(times), sum(row[1] for row in rows)) if times else None


def unanswered(session: Session, since: datetime) -> list[Asked]:
    """The questions since then, the newest first, `MOST` at the most. Not those of people in danger: no card is for them."""
    found = {each.message_id: each for each in _opened(session, since)}
    for each in _asked_back(session, since):
        found.setdefault(each.message_id, each)
    return sorted(found.values(), key=lambda each: each.asked_at, reverse=True)[:MOST]


def given_answers(session: Session, *, since: datetime | None = None, of: Sequence[UUID] = ()) -> list[GivenAnswer]:
    """Lawyers' answers to first questions, the best rated first and of those the newest: all since then, or those `of` these
    consultations. A lawyer's several answers in a round are one each."""
    statement = (
        select(Answer, Message.text, Message.data, Lawyer.name, Consultation)
        .join(Round, Round.id == Answer.round_id)
        .join(Consultation, Consultation.id == Round.consultation_id)
        .join(Message, Message.id == Answer.message_id)
        .join(Lawyer, Lawyer.id == Answer.lawyer_id)
        .where(Round.number == 1, Message.kind == "lawyer_answer", Consultation.urgent.is_(False))
        .order_by(Answer.created_at.desc())
    )
    statement = statement.where(Answer.created_at >= since) if since else statement.where(Consultation.id.in_(of))
    return _with_ratings(session, session.execute(statement.limit(MOST)).all())


def given_answer(session: Session, message_id: UUID) -> GivenAnswer | None:
    """One answer by its message; None where there is none that a card may be made of."""
    row = session.get(Answer, message_id)
    if row is None:
        return None
    round_ = session.get_one(Round, row.round_id)
    return next(
        (each for each in given_answers(session, of=[round_.consultation_id]) if each.message_id == message_id), None
    )


def questions_by_id(session: Session, ids: Sequence[UUID]) -> list[str]:
    """Citizens' questions by their messages, masked, in this order; of unknown ones nothing."""
    rows = session.execute(select(Message.id, Message.text).where(Message.id.in_(ids), Message.author == "citizen"))
    texts = {row.id: masked(row.text) for row in rows}
    return list(dict.fromkeys(texts[each] for each in ids if each in texts))


def _opened(session: Session, since: datetime) -> list[Asked]:
    rows = session.execute(
        select(
            Message.id,
            Message.text,
            Consultation.region,
            Consultation.category,
            Consultation.opened_at,
            Consultation.id,
        )
        .join(Message, Message.id == Consultation.opening_message_id)
        .where(Consultation.opened_at >= since, Consultation.urgent.is_(False))
        .order_by(Consultation.opened_at.desc())
        .limit(MOST)
    )
    return [Asked(row[0], masked(row[1]), *row[2:]) for row in rows]


def _asked_back(session: Session, since: datetime) -> list[Asked]:
    reply = select(Message).where(Message.kind == "clarify", Message.created_at >= since).subquery()
    rows = session.execute(
        select(Message.id, Message.text, Conversation.region, Message.created_at, reply.c.data)
        .join(reply, reply.c.in_reply_to == Message.id)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(Message.author == "citizen", Message.kind == "text", Message.consultation_id.is_(None))
        .order_by(Message.created_at.desc())
        .limit(MOST)
    )
    return [
        Asked(row.id, masked(row.text), row.region, UNSORTED, row.created_at, None)
        for row in rows
        if row.data.get("expects") in _ASKED_BACK
    ]


def _with_ratings(session: Session, rows: Sequence[AnyRow]) -> list[GivenAnswer]:
    consultations = {consultation.id: consultation for *_, consultation in rows}
    questions = dict(
        session.execute(
            select(Message.id, Message.text).where(
                Message.id.in_([each.opening_message_id for each in consultations.values()])
            )
        ).all()
    )
    rated = select(Rating).where(Rating.consultation_id.in_(consultations)).order_by(Rating.closing)
    levels = {rating.consultation_id: rating.level for rating in session.scalars(rated)}  # the last closing's counts
    found = [
        GivenAnswer(
            message_id=answer.message_id, consultation_id=consultation.id, consultation=consultation.number,
            question_id=consultation.opening_message_id, question=masked(questions[consultation.opening_message_id]),
            region=consultation.region, category=consultation.category, lawyer=lawyer, text=masked(text),
            citations=tuple(_as_line(each) for each in data.get("citations", ())),
            answered_at=answer.created_at, level=levels.get(consultation.id),
        )
        for answer, text, data, lawyer, consultation in rows
    ]  # fmt: skip
    return sorted(found, key=lambda each: -(each.level or 0))


def _as_line(citation: Mapping[str, str]) -> str:
    """A stored citation as a line of a card's form (`knowledge_base.cards.lines`)."""
    read = parse_qs(urlsplit(citation["url"]).query).get("version", [""])[0]
    return f"《{short_name(citation['law'])}》{f'（{read}公布）' if read else ''}{citation['article']}"

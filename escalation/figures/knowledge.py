"""The law against people: what was answered from cards and articles, what went to lawyers, which questions want a card.

An answer from the law is a message of kind `answer`; whether a card or articles gave it, the record does not say.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Row, and_, func, literal_column, select, type_coerce
from sqlalchemy.orm import Session, aliased
from sqlalchemy.types import JSON

from escalation.figures.sql import epoch
from escalation.models import ANSWER_OR_QUESTION_BACK, Consultation, Conversation, Message
from escalation.places import code_lies_in, lies_in

TURNED_WITHIN = timedelta(hours=24)
"""Who opens a consultation in the same conversation so soon after an answer of the law is held to have wanted a person after all."""
_ASKS_BACK = ("reading", "rephrasing")
_NO_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class KnowledgeFigures:
    """What became of the questions of a period."""

    answered: int
    """Answers from the law."""
    turned: int
    """… after which a consultation was opened in the same conversation within TURNED_WITHIN."""
    asked_back: int
    """Questions that were too unclear, or could be read in two ways."""
    consultations: int
    """Opened in the period, whatever came before."""
    straight: int
    """… whose question the law had not answered before."""


@dataclass(frozen=True, slots=True)
class RepeatedQuestion:
    """A question that several messages put in the same words, and that the law did not answer."""

    text: str
    """As it was written last."""
    times: int
    consultations: int
    """How many of them went to lawyers."""
    last_at: datetime


def knowledge_figures(session: Session, since: datetime, until: datetime, region: str) -> KnowledgeFigures:
    """What was answered, asked back and handed over in the period. Raises UnknownRegion."""
    expects = type_coerce(Message.data, JSON)["expects"].as_string()
    seconds = epoch(Consultation.opened_at) - epoch(Message.created_at)
    turned = (
        select(Consultation.id)
        .where(Consultation.conversation_id == Message.conversation_id)
        .where(seconds >= 0, seconds <= TURNED_WITHIN.total_seconds())
        .exists()
    )
    said = select(func.count()).select_from(Message).join(Conversation, Conversation.id == Message.conversation_id)
    said = said.where(_said(since, until), code_lies_in(Conversation.region, region))
    answers = said.where(Message.kind == "answer")
    opened = select(func.count()).select_from(Consultation).where(_opened(since, until, region))
    return KnowledgeFigures(
        answered=session.execute(answers).scalar_one(),
        turned=session.execute(answers.where(turned)).scalar_one(),
        asked_back=session.execute(said.where(Message.kind == "clarify", expects.in_(_ASKS_BACK))).scalar_one(),
        consultations=session.execute(opened).scalar_one(),
        straight=session.execute(opened.where(~_answered_by_law())).scalar_one(),
    )


def questions_without_card(
    session: Session, since: datetime, until: datetime, region: str, limit: int = 20
) -> list[RepeatedQuestion]:
    """The questions asked more than once in the period, in the same words but for signs and spaces, most often asked first.

    Those that went to lawyers without an answer from the law, and those that were asked back. Raises UnknownRegion.
    """
    to_lawyers = (
        select(Message.id, Message.text, Message.created_at, Consultation.id.label("consultation_id"))
        .join(Consultation, Consultation.opening_message_id == Message.id)
        .where(_opened(since, until, region), ~_answered_by_law())
    )
    question = aliased(Message)
    expects = type_coerce(Message.data, JSON)["expects"].as_string()
    asked_back = (
        select(question.id, question.text, question.created_at, Consultation.id.label("consultation_id"))
        .join(Message, Message.in_reply_to == question.id)
        .join(Conversation, Conversation.id == question.conversation_id)
        .outerjoin(Consultation, Consultation.opening_message_id == question.id)
        .where(_said(since, until), Message.kind == "clarify", expects.in_(_ASKS_BACK))
        .where(code_lies_in(Conversation.region, region), Consultation.id.is_(None))
    )
    rows = [*session.execute(to_lawyers), *session.execute(asked_back)]
    return _repeated(rows)[:limit]


def _repeated(rows: Iterable[Row[tuple[object, ...]]]) -> list[RepeatedQuestion]:
    groups: dict[str, list[Row[tuple[object, ...]]]] = {}
    for row in rows:
        groups.setdefault(_same(row.text), []).append(row)
    found = []
    for words, group in groups.items():
        if words and len(group) > 1:
            last = max(group, key=lambda row: row.created_at)
            consultations = sum(row.consultation_id is not None for row in group)
            found.append(RepeatedQuestion(last.text, len(group), consultations, last.created_at))
    return sorted(found, key=lambda each: (-each.times, -each.last_at.timestamp()))


def _same(text: str) -> str:
    """What questions in the same words have in common: width, case, signs and spaces make no difference."""
    return _NO_WORD.sub("", unicodedata.normalize("NFKC", text)).casefold()


def _said(since: datetime, until: datetime) -> ColumnElement[bool]:
    # As the index has it, word for word, or SQLite does not use it.
    in_index: ColumnElement[bool] = literal_column(f"messages.{ANSWER_OR_QUESTION_BACK}")
    return and_(in_index, Message.created_at >= since, Message.created_at < until)


def _opened(since: datetime, until: datetime, region: str) -> ColumnElement[bool]:
    return and_(Consultation.opened_at >= since, Consultation.opened_at < until, lies_in(Consultation, region))


def _answered_by_law() -> ColumnElement[bool]:
    reply = aliased(Message)
    answered = select(reply.id).where(reply.in_reply_to == Consultation.opening_message_id, reply.kind == "answer")
    return answered.exists()

"""Calling back 回访: what a supervisor owes a citizen after a broken promise or a bad rating.

A number that a citizen leaves is encrypted before anything of it is committed; their message keeps it masked.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from core.database import database_now
from core.ids import new_id
from core.security import Vault
from escalation.conversations import Received, lock_conversation, receive_message, recent_messages
from escalation.errors import Conflict, NotFound, Refused
from escalation.journal import BOARD, audit, emit
from escalation.models import CallBack, Consultation, Message, Rating, Round
from escalation.phones import phones_in, read_phone, with_phones_masked, without_phones
from escalation.places import lies_in

CALL_BACK = "/call_back"
"""The payload of the button that asks for a call."""
DISSATISFIED = 2
"""Ratings up to this level bring a call from a supervisor."""
NOTE_MAX_CHARS = 2000

Reason = Literal["broken_promise", "dissatisfied"]
Asked = Literal["number", "number_again", "offered"]

# With a number, so few words say when to call and whom to ask for; more of them are a message of their own.
_WORDS_ABOUT_THE_CALL = 12
# "请打我手机", "我的电话是", "给我回电话": words that make the number beside them the citizen's own.
_THEIR_OWN = re.compile(r"我的?(电话|手机|号码?|座机|固话)|给我[打回拨来]|[打回拨]给我|联系我")


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a call back would be about."""

    consultation_id: UUID
    reason: Reason
    number: int
    """The round's, or the closing's."""
    at: datetime


@dataclass(frozen=True, slots=True)
class OpenCallBack:
    """A task as a supervisor sees it in the list. The number itself is only told by `reveal_phone`."""

    task: CallBack
    consultation: Consultation
    question: str
    level: int | None
    """The rating that it follows; None after a broken promise."""
    comment: str


def receive(
    session: Session,
    conversation_id: UUID,
    text: str,
    client_message_id: str,
    vault: Vault,
    *,
    payload: str | None = None,
    address_to: Sequence[UUID] = (),
) -> Received:
    """Store what a citizen wrote; a number that they leave for a call back becomes the task and is masked in the message.

    A message that says little else is of kind `phone`; one that says more goes on as any other. `data.call_back` holds the
    masked number.
    """
    lock_conversation(session, conversation_id)
    phones = [] if payload else phones_in(text)
    occasion = call_back_occasion(session, conversation_id) if phones else None
    words = without_phones(text, phones)
    if occasion is None or not _is_left(words, asked_for(recent_messages(session, conversation_id))):
        return receive_message(
            session, conversation_id, text, client_message_id, payload=payload, address_to=address_to
        )
    masked = with_phones_masked(text, phones)
    received = receive_message(session, conversation_id, masked, client_message_id, address_to=address_to)
    if received.fresh:
        about_the_call = len(words) <= _WORDS_ABOUT_THE_CALL
        said = masked if about_the_call and words else ""
        ask_call_back(session, occasion.consultation_id, text, vault, said)
        shown = "、".join(dict.fromkeys(phone.masked for phone in phones))
        received.message.data = {**received.message.data, "call_back": shown}
        if about_the_call:
            received.message.kind = "phone"
    return received


def asked_for(recent: Iterable[Message]) -> Asked | None:
    """Whether the citizen, who has not written since, was asked for a number (once, or again) or was offered a call.

    `recent`: the latest messages, the latest first.

    Looks past what lawyers answered meanwhile, and past numbers that have just come in and are not confirmed yet.
    """
    found: set[Asked] = set()
    for message in recent:
        if message.author == "citizen" and (message.kind != "phone" or message.handled_at is not None):
            if message.handled_at is None and message.data.get("payload") == CALL_BACK:
                found.add("number")
            break
        if (expects := message.data.get("expects")) in ("phone", "phone_again"):
            found.add("number" if expects == "phone" else "number_again")
        elif any(choice["payload"] == CALL_BACK for choice in message.data.get("choices", ())):
            found.add("offered")
    return next((each for each in ("number", "number_again", "offered") if each in found), None)


def call_back_occasion(session: Session, conversation_id: UUID) -> Occasion | None:
    """What a call would be about: the conversation's newest broken promise or bad rating. None when there was neither."""
    return _newest_occasion(session, Consultation.conversation_id == conversation_id)


def has_left_number(session: Session, occasion: Occasion) -> bool:
    """Whether the citizen has left a number for this occasion."""
    statement = select(CallBack.id).where(CallBack.consultation_id == occasion.consultation_id)
    statement = statement.where(CallBack.reason == occasion.reason, CallBack.occasion == occasion.number)
    return session.execute(statement.where(CallBack.phone_encrypted != "")).first() is not None


def ask_call_back(session: Session, consultation_id: UUID, phone: str, vault: Vault, said: str = "") -> CallBack:
    """The citizen leaves a number after a broken promise or a bad rating; another number later replaces it.

    `phone` may hold more than the number; `said`: what the citizen wrote beside it, masked, for whoever calls. Raises Refused
    for a text without a number, Conflict when there is nothing to call about.
    """
    number = read_phone(phone)
    consultation = session.get_one(Consultation, consultation_id)
    lock_conversation(session, consultation.conversation_id)
    occasion = _newest_occasion(session, Consultation.id == consultation_id)
    if occasion is None:
        raise Conflict("超过承诺的时间，或您评价不满意之后，才可以预约回电。您也可以拨打 12348 法律服务热线。")
    task = open_call_back(session, consultation, occasion.reason, occasion.number)
    again = bool(task.phone_encrypted)
    if task.state == "done":
        task.state, task.done_at, task.done_by = "open", None, None
    task.phone_encrypted, task.phone_hash = vault.encrypt(number), vault.fingerprint(number.partition("、")[0])
    task.note = _joined(task.note, f"市民留言：{said}" if said else "")
    audit(session, f"citizen:{consultation.conversation_id}", "ask_call_back", task.id, replaced=again)
    emit(session, BOARD, "call_back")
    return task


def open_call_back(session: Session, consultation: Consultation, reason: Reason, occasion: int) -> CallBack:
    """The task for this occasion, made if there is none yet. The caller holds the conversation's lock.

    It has no audit row beside that of the deed it follows from, which would tell a bad rating from a good one.
    """
    statement = select(CallBack).where(CallBack.consultation_id == consultation.id)
    known = session.execute(statement.where(CallBack.reason == reason, CallBack.occasion == occasion))
    if (task := known.scalar_one_or_none()) is not None:
        return task
    task = CallBack(
        id=new_id(),
        consultation_id=consultation.id,
        reason=reason,
        occasion=occasion,
        phone_encrypted="",
        phone_hash="",
        note="",
        state="open",
        created_at=database_now(session),
    )
    session.add(task)
    session.flush()
    emit(session, BOARD, "call_back")
    return task


def open_call_backs(session: Session, region: str, limit: int = 200) -> list[OpenCallBack]:
    """The tasks to be done in a region and all that lies in it, the oldest first. Raises UnknownRegion."""
    statement = (
        select(CallBack, Consultation, Message.text, Rating.level, Rating.comment)
        .join(Consultation, Consultation.id == CallBack.consultation_id)
        .join(Message, Message.id == Consultation.opening_message_id)
        .outerjoin(
            Rating,
            (CallBack.reason == "dissatisfied")
            & (Rating.consultation_id == CallBack.consultation_id)
            & (Rating.closing == CallBack.occasion),
        )
        .where(CallBack.state == "open", lies_in(Consultation, region))
        .order_by(CallBack.created_at)
        .limit(limit)
    )
    return [
        OpenCallBack(task, consultation, question, level, comment or "")
        for task, consultation, question, level, comment in session.execute(statement)
    ]


def count_open_call_backs(session: Session, region: str) -> int:
    """How many tasks there are to be done in a region and all that lies in it."""
    statement = (
        select(func.count()).select_from(CallBack).join(Consultation, Consultation.id == CallBack.consultation_id)
    )
    return session.execute(statement.where(CallBack.state == "open", lies_in(Consultation, region))).scalar_one()


def reveal_phone(session: Session, call_back_id: UUID, staff_id: UUID, vault: Vault) -> str:
    """The number to call, told to a supervisor and put on record. Raises NotFound, Conflict once the task is done."""
    task = _open_task(session, call_back_id)
    if not task.phone_encrypted:
        raise NotFound("市民没有留下电话。可以在会话里等市民留言，或按咨询编号联系。")
    audit(session, f"staff:{staff_id}", "reveal_phone", task.id)
    return vault.decrypt(task.phone_encrypted)


def finish_call_back(session: Session, call_back_id: UUID, staff_id: UUID, note: str) -> CallBack:
    """The citizen has been called, or could not be reached: `note` says what came of it. Raises NotFound, Refused, Conflict."""
    words = note.strip()
    if not words:
        raise Refused("请写明回访的结果。", "note")
    if len(words) > NOTE_MAX_CHARS:
        raise Refused(f"回访结果最多 {NOTE_MAX_CHARS} 字，现在有 {len(words)} 字。", "note")
    task = _open_task(session, call_back_id)
    task.state, task.done_at, task.done_by = "done", database_now(session), staff_id
    task.note = _joined(task.note, words)
    audit(session, f"staff:{staff_id}", "finish_call_back", task.id)
    emit(session, BOARD, "call_back")
    return task


def _is_left(words: str, asked: Asked | None) -> bool:
    """Whether the number beside these words is the citizen's own, left for a call."""
    if asked == "offered":
        return not words or (len(words) <= _WORDS_ABOUT_THE_CALL and _THEIR_OWN.search(words) is not None)
    return asked is not None


def _newest_occasion(session: Session, which: ColumnElement[bool]) -> Occasion | None:
    broken = (
        select(Consultation.id, Round.number, Round.broken_at)
        .join(Consultation, Consultation.id == Round.consultation_id)
        .where(which, Round.broken_at.is_not(None))
        .order_by(Round.broken_at.desc())
    )
    rated = (
        select(Consultation.id, Rating.closing, Rating.created_at)
        .join(Consultation, Consultation.id == Rating.consultation_id)
        .where(which, Rating.level <= DISSATISFIED)
        .order_by(Rating.created_at.desc())
    )
    found: list[Occasion] = []
    for row in session.execute(broken.limit(1)):
        assert row.broken_at is not None
        found.append(Occasion(row.id, "broken_promise", row.number, row.broken_at))
    for row in session.execute(rated.limit(1)):
        found.append(Occasion(row.id, "dissatisfied", row.closing, row.created_at))
    return max(found, key=lambda each: each.at, default=None)


def _open_task(session: Session, call_back_id: UUID) -> CallBack:
    task = session.get(CallBack, call_back_id)
    if task is None:
        raise NotFound("没有这个回访任务。")
    lock_conversation(session, session.get_one(Consultation, task.consultation_id).conversation_id)
    session.refresh(task)
    if task.state != "open":
        raise Conflict("这个回访任务已经办结，号码不再显示。")
    return task


def _joined(before: str, added: str) -> str:
    return "\n".join(each for each in (before, added) if each)

"""Requests that have gone in: how far they are, what an office asked, taking one back. And earlier consultations."""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.actions.turn import Turn
from core.clock import local
from escalation.models import Answer, Consultation, Lawyer, Message, Round
from escalation.replies import Choice, Reply
from services import drafts
from services.catalogue import SERVICES
from services.models import OVER, Office, RequestStep, ServiceRequest
from services.requests import (
    STATES,
    STATUS,
    STEPS,
    reply_to_office,
    requests_of,
    steps_of,
    withdraw_request,
)

_SHOWN_WORDS = 24
_SHOWN = 5
_STATES = {"waiting": "等律师解答", "answered": "已有解答", "closed": "已结束"}


def reply(turn: Turn) -> list[Reply] | None:
    """What the citizen writes to an office that has just asked; None where none has, or where they pressed a button."""
    if turn.pressed:
        return None
    with turn.services.database.read() as session:
        known = requests_of(session, turn.message.conversation_id)
        chosen = _replied(session, turn.message.id) if known else None
    if chosen is None and turn.expects == "request_reply":
        chosen = next((each for each in known if each.state == "asked"), None)
    if chosen is None:
        return None
    with turn.services.database.write() as session:
        request = reply_to_office(session, chosen.id, turn.message.id)
        office = session.get(Office, request.office_id) if request.office_id else None
    return [
        Reply(
            kind="notice",
            text=f"已补充到申请 {request.number}，{office.name if office else '工作人员'}会看到。",
            choices=[STATUS],
        )
    ]


def request_status(turn: Turn) -> list[Reply]:
    """Where the citizen's requests stand, and the form that is not sent yet."""
    with turn.services.database.read() as session:
        found = requests_of(session, turn.message.conversation_id, limit=3)
        aside = drafts.drafts_aside(session, turn.message.conversation_id)
        steps = steps_of(session, [each.id for each in found])
        told = []
        for request in found:
            office = session.get(Office, request.office_id) if request.office_id else None
            last = steps[request.id][-1]
            at = local(last.at)
            step = f"{STEPS[last.kind]}：{last.text}" if last.text else STEPS[last.kind]
            phone = f"，电话 {office.phone}" if office and office.phone else ""
            told.append(
                f"{request.number} {SERVICES[request.service].name}：{STATES[request.state]}\n"
                f"{office.name if office else '等待转到合适的机构'}{phone}\n{at.month}月{at.day}日 {at:%H:%M} {step}"
            )
    choices = []
    for request in found:
        if request.state == "asked":
            choices.append(
                Choice(title=f"补充 {request.number}", payload=f'/reply_request{{"request": "{request.id}"}}')
            )
        elif request.state not in OVER:
            choices.append(
                Choice(title=f"撤回 {request.number}", payload=f'/withdraw_request{{"request": "{request.id}"}}')
            )
    if aside:
        told.append(f"还有一份没填完的{drafts.form_of(aside[0]).title}。")
        choices.append(Choice(title="接着填", payload="/resume"))
    if not told:
        text = "您在这里还没有提交过申请。在别处申请的，请问当时的机构，或拨 12348。"
        return [Reply(kind="notice", text=text, choices=[Choice(title="能办什么", payload="/what_can_you_do")])]
    return [Reply(kind="notice", text="\n\n".join(told), choices=choices)]


def reply_request(turn: Turn) -> list[Reply]:
    return [Reply(kind="prompt", text="请写下要补充的话，写完就转给办理机构。", expects="request_reply")]


def withdraw(turn: Turn) -> list[Reply]:
    """Asked once more before it is done: the button says which, and that it is meant."""
    request_id = UUID(turn.entities["request"])
    if turn.entities.get("sure") != "yes":
        sure = Choice(title="确定撤回", payload=f'/withdraw_request{{"request": "{request_id}", "sure": "yes"}}')
        return [Reply(kind="clarify", text="撤回后这份申请就不办了。确定吗？", choices=[sure, STATUS])]
    with turn.services.database.write() as session:
        request = withdraw_request(session, request_id, turn.message.id)
    return [Reply(kind="notice", text=f"申请 {request.number} 已撤回。以后需要，可以重新申请。")]


def past_consultations(turn: Turn) -> list[Reply]:
    """Earlier consultations of this conversation, to look into again."""
    answers = (
        select(func.count())
        .select_from(Answer)
        .join(Round, Round.id == Answer.round_id)
        .where(Round.consultation_id == Consultation.id)
        .correlate(Consultation)
        .scalar_subquery()
    )
    statement = (
        select(Consultation, Message.text, answers)
        .join(Message, Message.id == Consultation.opening_message_id)
        .where(Consultation.conversation_id == turn.message.conversation_id)
        .order_by(Consultation.opened_at.desc())
        .limit(_SHOWN)
    )
    with turn.services.database.read() as session:
        found = session.execute(statement).all()
    if not found:
        return [
            Reply(
                kind="notice", text="在这个会话里您还没有向律师咨询过。换了手机或微信号，以前的会话要用当时的链接打开。"
            )
        ]
    lines = []
    for consultation, text, count in found:
        at = local(consultation.opened_at)
        lines.append(
            f"{at.year}年{at.month}月{at.day}日 {consultation.number} {_STATES[consultation.state]}，{count} 条解答：{_cut(text)}"
        )
    choices = [
        Choice(title=f"看 {consultation.number}", payload=f'/show_consultation{{"consultation": "{consultation.id}"}}')
        for consultation, _, count in found
        if count
    ]
    return [Reply(kind="notice", text="\n".join(lines), choices=choices)]


def show_consultation(turn: Turn) -> list[Reply]:
    """The answers of an earlier consultation once more."""
    with turn.services.database.read() as session:
        consultation = session.get(Consultation, UUID(turn.entities["consultation"]))
        if consultation is None or consultation.conversation_id != turn.message.conversation_id:
            return [Reply(kind="notice", text="没有找到这次咨询。")]
        statement = (
            select(Message, Lawyer.name)
            .join(Lawyer, Lawyer.id == Message.lawyer_id)
            .where(Message.consultation_id == consultation.id, Message.kind == "lawyer_answer")
            .order_by(Message.seq)
        )
        found = session.execute(statement).all()
    told = [f"{name}律师：\n{message.text}" for message, name in found]
    return [Reply(kind="notice", text="\n\n".join([f"咨询 {consultation.number}", *told]))]


def _replied(session: Session, message_id: UUID) -> ServiceRequest | None:
    """The request to which this very message has been added."""
    statement = select(ServiceRequest).join(RequestStep, RequestStep.request_id == ServiceRequest.id)
    statement = statement.where(RequestStep.message_id == message_id, RequestStep.kind == "reply")
    return session.execute(statement).scalar_one_or_none()


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_WORDS else f"{text[:_SHOWN_WORDS]}…"

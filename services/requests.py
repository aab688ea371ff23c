"""Service requests 办事申请: sent by a citizen, worked on at an office's desk, followed in the citizen's own thread.

One verb per function, one transaction each: check, write, step, audit row, event.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.clock import local
from core.database import database_now
from core.ids import new_id
from core.security import Vault
from escalation.conversations import lock_conversation, say
from escalation.errors import Conflict, NotFound, Refused
from escalation.journal import audit, conversation_topic, emit
from escalation.models import Message
from escalation.numbers import next_number
from escalation.replies import Choice, Reply
from services.catalogue import SERVICES, WITH_REQUESTS
from services.drafts import form_of, locked_draft
from services.forms import Form, load_forms, shown
from services.models import OVER, Office, RequestStep, ServiceRequest
from services.offices import office_for

OFFICES = "offices"
"""The topic of the offices' desks."""
WORDS_MAX_CHARS = 1000
RECONSIDERATION_DAYS = 60
"""行政复议法第二十条: sixty days from knowing of the act, unless a law says longer."""
STATES = {
    "submitted": "已提交，等待受理", "accepted": "已受理", "asked": "等您补充", "appointed": "已约定时间",
    "finished": "已办结", "declined": "未予受理", "withdrawn": "已撤回",
}  # fmt: skip
STEPS = {
    "submit": "提交申请", "accept": "受理", "ask": "要求补充", "reply": "补充", "appoint": "约定时间", "hand_on": "转交",
    "finish": "办结", "decline": "不予受理", "withdraw": "撤回",
}  # fmt: skip
STATUS = Choice(title="办到哪了", payload="/request_status")


@dataclass(frozen=True, slots=True)
class Worker:
    """Who acts: a clerk of an office, or a supervisor, for whom `office_id` is None."""

    staff_id: UUID
    name: str
    office_id: UUID | None


def submit_request(
    session: Session, conversation_id: UUID, draft_id: UUID, message_id: UUID, vault: Vault
) -> ServiceRequest:
    """Send a draft to the nearest office that takes it. The same draft a second time gives the request made the first time.

    Raises Refused while something is still to be filled in.
    """
    draft = locked_draft(session, conversation_id, draft_id)
    known = session.execute(select(ServiceRequest).where(ServiceRequest.draft_id == draft.id)).scalar_one_or_none()
    if known is not None:
        return known
    form = form_of(draft)
    if draft.state not in ("filling", "aside") or form.next_slot(draft.values) is not None:
        raise Refused("还没有填完，请先填完再提交。")
    region, at = str(draft.values["region"]), database_now(session)
    office = office_for(session, draft.service, region)
    number = vault.decrypt(draft.phone_encrypted) if draft.phone_encrypted and draft.values.get("phone") else ""
    request = ServiceRequest(
        id=new_id(), number=next_number(session, region, SERVICES[draft.service].letter), conversation_id=conversation_id,
        draft_id=draft.id, service=draft.service, form=draft.service, region=region, office_id=office.id if office else None,
        values=dict(draft.values), phone_encrypted=draft.phone_encrypted if number else "",
        phone_hash=vault.fingerprint(number) if number else "", other_phone_encrypted=draft.other_phone_encrypted, state="submitted", due_on=_last_day(draft.values),
        created_at=at, updated_at=at,
    )  # fmt: skip
    session.add(request)
    draft.state, draft.message_id, draft.updated_at = "sent", message_id, at
    session.flush()
    _step(session, request, "submit", "citizen", message_id=message_id)
    audit(session, f"citizen:{conversation_id}", "submit_request", request.id, service=request.service)
    return request


def accept_request(session: Session, request_id: UUID, worker: Worker, words: str = "") -> ServiceRequest:
    request = _locked(session, request_id, worker, "submitted")
    return _move(
        session, request, worker, "accept", "accepted", "{office}已受理您的申请 {number}。{words}", words, needed=False
    )


def ask_citizen(session: Session, request_id: UUID, worker: Worker, words: str) -> ServiceRequest:
    """Ask the citizen for something; what they write next in their thread is taken for the reply."""
    request = _locked(session, request_id, worker, "submitted", "accepted", "asked", "appointed")
    said = "关于您的申请 {number}，{office}请您补充：\n{words}\n请直接在这里回复。"
    return _move(session, request, worker, "ask", "asked", said, words, expects=True)


def reply_to_office(session: Session, request_id: UUID, message_id: UUID) -> ServiceRequest:
    """What a citizen writes to an office that has asked. The same message a second time changes nothing."""
    message = session.get_one(Message, message_id)
    lock_conversation(session, message.conversation_id)
    request = session.get(ServiceRequest, request_id, populate_existing=True)
    if request is None or request.conversation_id != message.conversation_id:
        raise NotFound("没有这份申请。")
    if _step_of(session, message_id) is not None:
        return request
    if request.state in OVER:
        raise Conflict(f"申请 {request.number} {STATES[request.state]}，不能再补充。")
    if request.state == "asked":
        request.state = "accepted"
    _step(session, request, "reply", "citizen", text=message.text, message_id=message_id)
    audit(session, f"citizen:{request.conversation_id}", "reply_to_office", request.id)
    return request


def appoint(
    session: Session, request_id: UUID, worker: Worker, at: datetime, place: str, words: str = ""
) -> ServiceRequest:
    """Fix when and where the citizen comes or is called. Raises Refused for a time that is past or no place."""
    if at <= database_now(session):
        raise Refused("约定的时间要在现在之后。", "at")
    where = _words(place, "place", "请写明在哪里，或用什么方式。")
    request = _locked(session, request_id, worker, "submitted", "accepted", "asked", "appointed")
    day = local(at)
    when = f"{day.year}年{day.month}月{day.day}日 {day:%H:%M}"
    text = f"{when}，{where}。{words.strip()}"
    said = "您的申请 {number} 已约好：\n{words}\n来不了请直接在这里说一声。"
    return _move(session, request, worker, "appoint", "appointed", said, text)


def hand_on(
    session: Session, request_id: UUID, worker: Worker, office_id: UUID, service: str, words: str
) -> ServiceRequest:
    """Give a request to another office, as another service if need be (援调对接). It keeps its number and its thread.

    Raises Refused where that office does not take the service.
    """
    request = _locked(session, request_id, worker, "submitted", "accepted", "asked", "appointed")
    office = session.get(Office, office_id)
    if office is None or not office.active or service not in WITH_REQUESTS or service not in office.services:
        raise Refused("那个机构不办理这项服务，请另选。", "office_id")
    if office.id == request.office_id and service == request.service:
        raise Refused("申请已经在这个机构，不必转交。", "office_id")
    why = _words(words, "words", "请写明为什么转交，市民会看到。")
    before = _office_name(session, request)
    request.office_id, request.service, request.state = office.id, service, "submitted"
    _step(session, request, "hand_on", worker.name, text=f"转{office.name}：{why}", office_id=office.id)
    audit(session, f"staff:{worker.staff_id}", "hand_on_request", request.id, office=str(office.id), service=service)
    text = f"您的申请 {request.number} 已由{before}转给{office.name}（{SERVICES[service].name}）：\n{why}\n编号不变，不用重新填写。"
    say(session, request.conversation_id, Reply(kind="notice", text=text, choices=[STATUS]))
    return request


def finish_request(session: Session, request_id: UUID, worker: Worker, words: str) -> ServiceRequest:
    request = _locked(session, request_id, worker, "submitted", "accepted", "asked", "appointed")
    return _move(session, request, worker, "finish", "finished", "您的申请 {number} 已办结：\n{words}", words)


def decline_request(session: Session, request_id: UUID, worker: Worker, words: str) -> ServiceRequest:
    """Not taken; the citizen is told why and that a lawyer can be asked."""
    request = _locked(session, request_id, worker, "submitted", "accepted", "asked", "appointed")
    said = "您的申请 {number} 没有受理：\n{words}\n有不同意见，可以直接在这里问律师。"
    return _move(session, request, worker, "decline", "declined", said, words)


def withdraw_request(session: Session, request_id: UUID, message_id: UUID) -> ServiceRequest:
    """The citizen wants it no more."""
    message = session.get_one(Message, message_id)
    lock_conversation(session, message.conversation_id)
    request = session.get(ServiceRequest, request_id, populate_existing=True)
    if request is None or request.conversation_id != message.conversation_id:
        raise NotFound("没有这份申请。")
    if request.state == "withdrawn":
        return request
    if request.state in OVER:
        raise Conflict(f"申请 {request.number} {STATES[request.state]}，不用撤回了。")
    request.state, request.done_at = "withdrawn", database_now(session)
    _step(session, request, "withdraw", "citizen", message_id=message_id)
    audit(session, f"citizen:{request.conversation_id}", "withdraw_request", request.id)
    return request


def requests_of(session: Session, conversation_id: UUID, limit: int = 5) -> list[ServiceRequest]:
    """A citizen's own requests, the newest first."""
    statement = select(ServiceRequest).where(ServiceRequest.conversation_id == conversation_id)
    return list(session.execute(statement.order_by(ServiceRequest.created_at.desc()).limit(limit)).scalars())


def requests_at(session: Session, worker: Worker, *, over: bool = False, limit: int = 200) -> list[ServiceRequest]:
    """What lies at an office, the oldest first; for a supervisor what no office has got. `over`: what is done, the newest first."""
    statement = select(ServiceRequest).where(
        ServiceRequest.office_id == worker.office_id if worker.office_id else ServiceRequest.office_id.is_(None)
    )
    if over:
        statement = statement.where(ServiceRequest.state.in_(OVER)).order_by(ServiceRequest.done_at.desc())
    else:
        statement = statement.where(ServiceRequest.state.not_in(OVER)).order_by(ServiceRequest.created_at)
    return list(session.execute(statement.limit(limit)).scalars())


def due_requests(session: Session, worker: Worker) -> list[ServiceRequest]:
    """What waits for the office and not for the citizen, the oldest first."""
    return [each for each in requests_at(session, worker) if each.state != "asked"]


def find_request(session: Session, request_id: UUID, worker: Worker) -> ServiceRequest:
    """Raises NotFound, also for a request of another office."""
    request = session.get(ServiceRequest, request_id, populate_existing=True)
    if request is None or (worker.office_id is not None and request.office_id != worker.office_id):
        raise NotFound("没有这份申请，或它已经转到别的机构。")
    return request


def unplaced_requests(session: Session) -> int:
    """How many wait for a supervisor because no office takes them."""
    waiting = ServiceRequest.office_id.is_(None) & ServiceRequest.state.not_in(OVER)
    return session.execute(select(func.count()).select_from(ServiceRequest).where(waiting)).scalar_one()


def steps_of(session: Session, request_ids: Sequence[UUID]) -> dict[UUID, list[RequestStep]]:
    """The steps of each of these requests, the first one first."""
    statement = select(RequestStep).where(RequestStep.request_id.in_(request_ids)).order_by(RequestStep.position)
    found: dict[UUID, list[RequestStep]] = {each: [] for each in request_ids}
    for step in session.execute(statement).scalars():
        found[step.request_id].append(step)
    return found


@dataclass(frozen=True, slots=True)
class Numbers:
    """Telephone numbers of a request, in clear; empty where none was left."""

    citizen: str
    other_party: str


def reveal_phones(session: Session, request_id: UUID, worker: Worker, vault: Vault) -> Numbers:
    """The numbers, told to who works on the request and put on record. Raises NotFound, Conflict once it is over."""
    request = find_request(session, request_id, worker)
    if request.state in OVER:
        raise Conflict("申请已经了结，号码不再显示。")
    kept = (request.phone_encrypted, request.other_phone_encrypted)
    if not any(kept):
        raise NotFound("市民没有留下电话，可以用“要求补充”在会话里联系。")
    audit(session, f"staff:{worker.staff_id}", "reveal_request_phone", request.id)
    return Numbers(*(vault.decrypt(each) if each else "" for each in kept))


def lines_of(request: ServiceRequest) -> list[tuple[str, str]]:
    """What the citizen filled in, as title and words."""
    return summary(load_forms()[request.form], request.values)


def summary(form: Form, values: dict[str, Any]) -> list[tuple[str, str]]:
    return [(slot.title, shown(slot, values[slot.name])) for slot in form.wanted(values) if slot.name in values]


def _move(
    session: Session, request: ServiceRequest, worker: Worker, kind: str, state: str, said: str, words: str, *,
    needed: bool = True, expects: bool = False,
) -> ServiceRequest:  # fmt: skip
    text = _words(words, "words", "请写一两句，市民会看到。") if needed or words.strip() else ""
    request.state = state
    if state in OVER:
        request.done_at = database_now(session)
    _step(session, request, kind, worker.name, text=text, office_id=worker.office_id)
    audit(session, f"staff:{worker.staff_id}", f"{kind}_request", request.id)
    told = said.format(number=request.number, office=_office_name(session, request), words=text)
    reply = Reply(kind="notice", text=told, choices=[STATUS], expects="request_reply" if expects else None)
    say(session, request.conversation_id, reply)
    return request


def _step(session: Session, request: ServiceRequest, kind: str, actor: str, **columns: Any) -> None:
    at = database_now(session)
    count = select(func.count()).select_from(RequestStep).where(RequestStep.request_id == request.id)
    position = session.execute(count).scalar_one() + 1
    session.add(RequestStep(request_id=request.id, position=position, kind=kind, actor=actor, at=at, **columns))
    request.updated_at = at
    session.flush()
    emit(session, OFFICES, "request", request_id=str(request.id), office_id=str(request.office_id or ""))
    emit(session, conversation_topic(request.conversation_id), "request", request_id=str(request.id))


def _step_of(session: Session, message_id: UUID) -> RequestStep | None:
    return session.execute(select(RequestStep).where(RequestStep.message_id == message_id)).scalars().first()


def _locked(session: Session, request_id: UUID, worker: Worker, *states: str) -> ServiceRequest:
    """The request, in one of these states, with its conversation's lock held. Raises NotFound, Conflict."""
    request = find_request(session, request_id, worker)
    lock_conversation(session, request.conversation_id)
    request = find_request(session, request_id, worker)
    if request.state not in states:
        raise Conflict(f"申请 {request.number} 现在是“{STATES[request.state]}”，不能这样办。请刷新页面。")
    return request


def _office_name(session: Session, request: ServiceRequest) -> str:
    return session.get_one(Office, request.office_id).name if request.office_id else "工作人员"


def _words(words: str, field: str, missing: str) -> str:
    text = words.strip()
    if not text:
        raise Refused(missing, field)
    if len(text) > WORDS_MAX_CHARS:
        raise Refused(f"最多 {WORDS_MAX_CHARS} 字，现在有 {len(text)} 字。", field)
    return text


def _last_day(values: dict[str, Any]) -> date | None:
    learned = values.get("learned_on")
    return date.fromisoformat(learned) + timedelta(days=RECONSIDERATION_DAYS) if learned else None

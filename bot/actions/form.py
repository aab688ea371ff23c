"""A form in the conversation: one question at a time, several answers in one message, left, taken up again, corrected, sent.

What the citizen writes while a form is open belongs to it unless it says otherwise; danger has been looked for before.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.actions import wording
from bot.actions.turn import Turn
from core.clock import today
from escalation.models import Message
from escalation.phones import phones_in, with_phones_masked
from escalation.replies import Choice, Reply
from services import drafts
from services.catalogue import SERVICES
from services.checks import check
from services.forms import Form, Slot, Taken, corrected_slot, load_forms, options_of, region_options, take
from services.models import Draft, Office, ServiceRequest
from services.offices import office_lines
from services.requests import STATUS, submit_request, summary

LEAVE = Choice(title="先不填了", payload="/leave")
RESUME = Choice(title="接着填", payload="/resume")
_DROP = Choice(title="删掉这份", payload="/drop_form")
_SEND = Choice(title="确认提交", payload="/affirm")
_CHANGE = Choice(title="改一处", payload="/correct")
_PERSON = Choice(title="转人工", payload="/ask_person")
# Whoever writes more than this while a story is asked for tells it, whatever a word in it sounds like.
_A_COMMAND = 12
_LEAVING = frozenset({"leave", "goodbye"})
# What says so itself, whatever Rasa takes it for.
_LEAVE_WORDS = re.compile(r"^(?:算了|不填|不办|不弄|退出|返回|取消|先不|回头再|下次再|不想填)")
_WRONG_WORDS = re.compile(r"错了|不对|改一下|改成|改为|修改|上一[步个]|应该是")
# What a citizen may want in the middle of a form besides filling it in, where what they wrote is no answer to what was asked.
_ELSEWHERE = frozenset({
    "ask_person", "wait_time", "request_status", "past_consultations", "what_can_you_do", "call_back", "satisfied",
    "not_satisfied", "rate", "new_question", "find_lawyer", "learn_law",
})  # fmt: skip
_QUESTION = re.compile(r"[?？]|吗|怎么|多少|多久|什么|能不能|可以不可以|要不要")


def apply(turn: Turn) -> list[Reply]:
    """Begin, or go on with, the form of the service that a button names; what the citizen said before it is taken in."""
    service = turn.entities.get("service", "")
    if service not in load_forms():
        return [_nothing_open()]
    form = load_forms()[service]
    with turn.services.database.write() as session:
        said = _said_before(session, turn)
        draft = drafts.begin(session, turn.message.conversation_id, service, turn.message.id, turn.region)
        before = dict(draft.values)
        taken = take(form, before, None, said, today()).values
        if phones := phones_in(said):
            number = turn.services.vault.encrypt(phones[0].number)
            if drafts.is_theirs(draft, said):
                draft.other_phone_encrypted = number
                taken.pop("phone", None)
            elif "phone" in taken:
                draft.phone_encrypted = number
            taken = {
                name: with_phones_masked(value, phones_in(value)) if isinstance(value, str) else value
                for name, value in taken.items()
            }
        drafts.fill(session, draft, taken, turn.message.id)
        replies = [*_checked(form, draft.values, before), _next(session, draft, begun=True)]
    return [_with_articles(turn, reply) for reply in replies]


def _said_before(session: Session, turn: Turn) -> str:
    """What the citizen had typed when this button was offered; empty where they had pressed one."""
    last = turn.last_said
    origin = session.get(Message, last.in_reply_to) if last is not None and last.in_reply_to else None
    return origin.text if origin is not None and origin.kind == "text" else ""


def at_work(turn: Turn) -> list[Reply] | None:
    """What this message means for the form that is open; None where none is, or where it wants something else."""
    replies = _at_work(turn)
    return None if replies is None else [_with_articles(turn, reply) for reply in replies]


def _at_work(turn: Turn) -> list[Reply] | None:
    # Looked at first without the write lock: most messages meet no form.
    with turn.services.database.read() as session:
        if not drafts.concerns_a_form(session, turn.message):
            return None
    with turn.services.database.write() as session:
        sent = _sent_by(session, turn)
        if sent is not None:
            return [_sent(session, sent)]
        draft = drafts.draft_at_work(session, turn.message.conversation_id)
        if draft is None:
            return None
        if draft.message_id == turn.message.id:  # a second look at a message that has been taken in
            return [_next(session, draft)]
        if turn.pressed:
            return _pressed(turn, session, draft)
        return _typed(turn, session, draft)


def leave(turn: Turn) -> list[Reply]:
    """Nothing is open that could be left."""
    return [Reply(kind="notice", text="好的。需要时随时再来，直接写下您的问题就行。")]


def resume(turn: Turn) -> list[Reply]:
    """Take up the form that was left last, or the one named."""
    with turn.services.database.write() as session:
        aside = drafts.drafts_aside(session, turn.message.conversation_id)
        if not aside:
            return [_nothing_open()]
        draft = drafts.begin(session, turn.message.conversation_id, aside[0].service, turn.message.id, turn.region)
        return [_next(session, draft, begun=True)]


def drop(turn: Turn) -> list[Reply]:
    """Throw the form away that was left last."""
    with turn.services.database.write() as session:
        for draft in drafts.drafts_aside(session, turn.message.conversation_id)[:1]:
            drafts.drop(session, draft)
    return [Reply(kind="notice", text="已删掉这份没有提交的申请。")]


def _pressed(turn: Turn, session: Session, draft: Draft) -> list[Reply] | None:
    form = drafts.form_of(draft)
    match turn.intent:
        case "form_value":
            name, value = turn.entities.get("slot", ""), turn.entities.get("value", "")
            if name not in form.names:
                return [_next(session, draft)]
            return _filled(turn, session, draft, {name: value})
        case "affirm":
            return _affirmed(turn, session, draft)
        case "correct":
            name = turn.entities.get("slot", "")
            return _correct(session, draft, form.slot(name) if name in form.names else None)
        case "leave":
            return _left(session, draft)
        case "resume":
            return [_next(session, draft)]
        case "apply":
            return None
    # Another button is another wish: the form is kept for later.
    drafts.lay_aside(session, draft)
    return None


def _typed(turn: Turn, session: Session, draft: Draft) -> list[Reply] | None:
    form, text = drafts.form_of(draft), turn.text
    asked = form.slot(draft.asked) if draft.asked in form.names else None
    short = len(text) <= _A_COMMAND
    if short or asked is None or asked.kind != "text":
        if turn.intent == "resume" and short:
            return [_next(session, draft, begun=True)]
        if turn.intent in _LEAVING or _LEAVE_WORDS.match(text):
            return _left(session, draft)
        if turn.intent == "correct" or (
            _WRONG_WORDS.search(text) and corrected_slot(form, draft.values, text) is not None
        ):
            return _corrected(turn, session, draft)
        if turn.intent == "ask_person":
            drafts.lay_aside(session, draft)
            return None
    if asked is None:
        return _at_summary(turn, session, draft)
    if turn.intent in _ELSEWHERE and short and asked.kind == "text":
        drafts.lay_aside(session, draft)
        return None
    taken = _take(turn, form, draft, asked)
    if taken.ambiguous:
        return [_which_place(asked, taken.ambiguous)]
    if taken.values:
        return _filled(turn, session, draft, taken.values)
    if turn.intent in _ELSEWHERE or (turn.intent == "legal_question" and _QUESTION.search(text) and not short):
        drafts.lay_aside(session, draft)
        return None
    misses = drafts.miss(session, draft, turn.message.id)
    return [_ask(asked, asked.help, [_PERSON] if misses > 1 else [])]


def _at_summary(turn: Turn, session: Session, draft: Draft) -> list[Reply] | None:
    """The citizen has the summary before them."""
    form = drafts.form_of(draft)
    if turn.intent in ("affirm", "satisfied") and len(turn.text) <= _A_COMMAND:
        return _affirmed(turn, session, draft)
    if turn.intent == "deny":
        return _correct(session, draft, None)
    if corrected_slot(form, draft.values, turn.text) is not None:
        return _corrected(turn, session, draft)
    if turn.intent in _ELSEWHERE or turn.intent == "legal_question":
        drafts.lay_aside(session, draft)
        return None
    return [_next(session, draft)]


def _corrected(turn: Turn, session: Session, draft: Draft) -> list[Reply]:
    """ "电话写错了，是…": the new value where it stands there, else the question once more."""
    form = drafts.form_of(draft)
    slot = corrected_slot(form, draft.values, turn.text)
    if slot is None:
        return _correct(session, draft, None)
    rest = re.split(r"[，,。：:；;\s]|应该是|改成|改为|换成|不是.*?是|是", turn.text)[-1]
    taken = _take(turn, form, draft, slot, rest) if slot.kind != "text" and rest != turn.text else Taken()
    if slot.name in taken.values:
        return _filled(turn, session, draft, {slot.name: taken.values[slot.name]})
    return _correct(session, draft, slot)


def _correct(session: Session, draft: Draft, slot: Slot | None) -> list[Reply]:
    if slot is not None:
        drafts.ask(session, draft, slot.name)
        return [_ask(slot, f"重新填“{slot.title}”。{slot.ask}", [])]
    form = drafts.form_of(draft)
    choices = [
        Choice(title=each.title, payload=f'/correct{{"slot": "{each.name}"}}')
        for each in form.wanted(draft.values)
        if each.name in draft.values
    ]
    return [Reply(kind="prompt", text="要改哪一项？", choices=[*choices, LEAVE], expects="form")]


def _filled(turn: Turn, session: Session, draft: Draft, values: Mapping[str, Any]) -> list[Reply]:
    before = dict(draft.values)
    drafts.fill(session, draft, values, turn.message.id)
    return [*_checked(drafts.form_of(draft), draft.values, before), _next(session, draft)]


def _affirmed(turn: Turn, session: Session, draft: Draft) -> list[Reply]:
    if drafts.form_of(draft).next_slot(draft.values) is not None:
        return [_next(session, draft)]
    request = submit_request(session, draft.conversation_id, draft.id, turn.message.id, turn.services.vault)
    return [_sent(session, request)]


def _left(session: Session, draft: Draft) -> list[Reply]:
    drafts.lay_aside(session, draft)
    title = drafts.form_of(draft).title
    said = f"好的，{title}先放着，填过的都留着。想接着填，点“接着填”或写“继续”。"
    return [Reply(kind="notice", text=said, choices=[RESUME, _DROP])]


def _take(turn: Turn, form: Form, draft: Draft, asked: Slot, text: str | None = None) -> Taken:
    """What a message gives. Its telephone number was taken out before it was stored."""
    number = turn.message.data.get("form_phone")
    taken = take(form, draft.values, asked, turn.text if text is None else text, today())
    if number and "phone" in form.names:
        return Taken({**taken.values, "phone": number}, taken.answered or asked.name == "phone", taken.ambiguous)
    return taken


def _next(session: Session, draft: Draft, *, begun: bool = False) -> Reply:
    """The next question, or the summary when there is none."""
    form = drafts.form_of(draft)
    slot = form.next_slot(draft.values)
    if slot is not None:
        drafts.ask(session, draft, slot.name)
        left = sum(1 for each in form.wanted(draft.values) if each.name not in draft.values)
        opening = f"{form.title}，还要问 {left} 样，随时可以停下，填过的会留着。\n" if begun else ""
        return _ask(slot, f"{opening}{slot.ask}", [])
    drafts.ask(session, draft, drafts.SUMMARY)
    lines = "\n".join(f"{title}：{value}" for title, value in summary(form, draft.values))
    text = f"请核对您的{form.title}：\n{lines}\n没有错就点“确认提交”；哪里不对，直接写，例如“电话写错了”。"
    return Reply(kind="prompt", text=text, choices=[_SEND, _CHANGE, LEAVE], expects="form")


def _ask(slot: Slot, text: str, more: Sequence[Choice]) -> Reply:
    return Reply(
        kind="prompt",
        text=text,
        choices=[*(_value(slot, title, value) for title, value in options_of(slot)), *more, LEAVE],
        expects="form",
    )


def _which_place(slot: Slot, codes: Sequence[str]) -> Reply:
    choices = [_value(slot, title, code) for title, code in region_options(codes)]
    return Reply(kind="prompt", text="叫这个名字的地方不止一个，请选一个。", choices=[*choices, LEAVE], expects="form")


def _value(slot: Slot, title: str, value: str) -> Choice:
    return Choice(title=title, payload=f'/form_value{{"slot": "{slot.name}", "value": "{value}"}}')


class _Checked(Reply):
    """What the law says, without its articles yet: they are looked up once nobody waits for this transaction any more."""

    articles: tuple[tuple[str, str], ...]


def _checked(form: Form, values: Mapping[str, Any], before: Mapping[str, Any]) -> list[Reply]:
    """What the law says of it, once enough is known."""
    found = check(form.service, values, before, today())
    return [_Checked(kind="notice", text=found.text, articles=found.articles)] if found else []


def _with_articles(turn: Turn, reply: Reply) -> Reply:
    if not isinstance(reply, _Checked):
        return reply
    citations = []
    base = turn.services.knowledge_base
    for law, article in reply.articles:
        hits = [] if base is None else base.search(f"{law}{article}", region=turn.region, limit=1).hits
        citations += [wording.citation(hit) for hit in hits if hit.article == article and hit.law.endswith(law)]
    return Reply(kind=reply.kind, text=reply.text, citations=citations)


def _sent_by(session: Session, turn: Turn) -> ServiceRequest | None:
    """The request that this very message sent."""
    statement = select(ServiceRequest).join(Draft, Draft.id == ServiceRequest.draft_id)
    return session.execute(
        statement.where(Draft.message_id == turn.message.id, Draft.state == "sent")
    ).scalar_one_or_none()


def _sent(session: Session, request: ServiceRequest) -> Reply:
    form = load_forms()[request.form]
    office = session.get(Office, request.office_id) if request.office_id else None
    if office is None:
        where = f"本地还没有登记办理“{SERVICES[request.service].name}”的机构，工作人员会为您转到合适的机构。"
    else:
        where = f"办理机构：{office_lines(office)}。"
    text = f"已提交，编号 {request.number}。\n{where}\n{form.sent}"
    return Reply(kind="notice", text=text, choices=[STATUS])


def _nothing_open() -> Reply:
    return Reply(
        kind="notice",
        text="现在没有填了一半的申请。要办什么，请从下面选。",
        choices=[Choice(title=SERVICES[each].name, payload=f"/{each}") for each in load_forms()],
    )

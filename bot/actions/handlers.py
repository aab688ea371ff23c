"""What the service does for each intent. A handler reads the record, acts through escalation's verbs and says what it did.

Handlers may run twice for one message (a crash, a slow Rasa): every verb they call is idempotent by the message's id,
and a message that has gone to lawyers stays there whatever the second look makes of it.
"""

import re
from collections.abc import Callable
from uuid import UUID

from sqlalchemy.orm import Session

from bot.actions import call_back, wording
from bot.actions.danger import NUMBERS, speaks_of_danger
from bot.actions.services import SERVICE_INTENTS, describe, menu
from bot.actions.turn import Turn
from core.log import get_logger
from core.regions import NATION, Region, UnknownRegion, full_name, get_region, regions_in
from escalation import consultations, conversations
from escalation.call_backs import DISSATISFIED
from escalation.errors import Refused
from escalation.models import Consultation, Message
from escalation.progress import Progress, progress_of
from escalation.replies import Choice, Reply
from knowledge_base.decide import Decision
from knowledge_base.search import SearchResult

log = get_logger("bot")

# A request for a person that is longer than this says what it is about as well.
_SAYS_WHY = 14
_ORDINALS = {"一": 1, "1": 1, "二": 2, "2": 2, "两": 2, "三": 3, "3": 3, "四": 4, "4": 4, "五": 5, "5": 5}
_POSITION = re.compile(r"第\s*([一二两三四五1-5])\s*[位个名]")


def handle(turn: Turn) -> list[Reply]:
    """Do what the citizen wants and say so. Always says something."""
    try:
        noted = call_back.noted(turn)
        known = _already_with_lawyers(turn)
        if known is not None:
            return [*known, *noted]
        left_a_number = turn.message.kind == "phone"
        if (turn.intent == "danger" and not left_a_number) or (not turn.pressed and speaks_of_danger(turn.text)):
            return [*_danger(turn), *noted]
        if left_a_number:
            return noted
        return call_back.no_number(turn) or [*noted, *_HANDLERS.get(turn.intent, _unclear)(turn)]
    except Refused as refused:
        return [Reply(kind="notice", text=refused.message)]


def question(turn: Turn) -> list[Reply]:
    """A question of law: to the lawyers of the consultation under way, else answered from the law, else to lawyers."""
    with turn.services.database.read() as session:
        consultation = consultations.latest_consultation(session, turn.message.conversation_id)
        last = conversations.last_service_message(session, turn.message.conversation_id)
    expects = last.data.get("expects") if last else None
    if expects == "question_for_lawyers":
        return _to_lawyers(turn, turn.message.id)
    if consultation is None or expects == "new_question":
        return _answer_or_hand_over(turn, turn.message)
    moved_on = last is not None and last.kind in ("answer", "clarify")
    if consultation.state == "closed" or moved_on:
        return [_which_one(turn, consultation)]
    return _follow_up(turn, consultation.id, turn.message)


def ask_person(turn: Turn) -> list[Reply]:
    """A person, about the message named, about what was just said, or about what was asked before."""
    if turn.about is not None:
        return _to_lawyers(turn, _own_message(turn, turn.about).id)
    if len(turn.text) >= _SAYS_WHY and not turn.pressed:
        return question(turn) if _open_consultation(turn) else _to_lawyers(turn, turn.message.id)
    if consultation := _open_consultation(turn):
        return [wording.waiting(_progress(turn, consultation))]
    with turn.services.database.read() as session:
        asked = conversations.last_question(session, turn.message.conversation_id, turn.message.seq)
        last = conversations.last_service_message(session, turn.message.conversation_id)
    if asked is not None and last is not None and last.kind in ("answer", "clarify"):
        return _to_lawyers(turn, asked.id)
    return [
        Reply(
            kind="prompt",
            text="好的。请写下您的问题：发生了什么、什么时候、您想怎么样。写完就转给律师。",
            expects="question_for_lawyers",
        )
    ]


def follow_up(turn: Turn) -> list[Reply]:
    """A further question to the lawyers who answered, or to those named."""
    with turn.services.database.read() as session:
        consultation = consultations.latest_consultation(session, turn.message.conversation_id)
    if consultation is None:
        return _answer_or_hand_over(turn, turn.message)
    about = turn.message if turn.about is None else _own_message(turn, turn.about)
    if turn.pressed and turn.about is None:
        return [Reply(kind="prompt", text="请写下您想追问的话。要问其中一位，可以写“给第二位律师”。")]
    return _follow_up(turn, consultation.id, about)


def new_question(turn: Turn) -> list[Reply]:
    """Something else: the message named, or what the citizen will write next."""
    if turn.about is not None:
        return _answer_or_hand_over(turn, _own_message(turn, turn.about))
    if len(turn.text) >= _SAYS_WHY and not turn.pressed:
        return _answer_or_hand_over(turn, turn.message)
    return [Reply(kind="prompt", text="请写下您的新问题。", expects="new_question")]


def satisfied(turn: Turn) -> list[Reply]:
    consultation = _open_consultation(turn)
    if consultation is None:
        return [Reply(kind="notice", text="好的。以后有别的法律问题，随时来问。")]
    progress = _progress(turn, consultation)
    if not progress.lawyers and not turn.pressed:
        end = Choice(title="结束咨询", payload="/satisfied")
        wait = Choice(title="继续等律师", payload="/wait_time")
        return [Reply(kind="clarify", text="律师还没有解答。您要现在结束这次咨询吗？", choices=[end, wait])]
    with turn.services.database.write() as session:
        consultations.close_consultation(session, consultation.id)
    said = f"咨询 {consultation.number} 已结束，谢谢您。愿意的话请为这次服务评价，不评也没关系。以后接着写，咨询会重新打开。"
    return [Reply(kind="prompt", text=said, choices=_rating_choices())]


def not_satisfied(turn: Turn) -> list[Reply]:
    consultation = _open_consultation(turn)
    if consultation is not None:
        said = "对不起，没有帮到您。请告诉我们哪里没说清楚，您写的话会作为追问转给律师。"
        return [Reply(kind="prompt", text=said)]
    with turn.services.database.read() as session:
        asked = conversations.last_question(session, turn.message.conversation_id, turn.message.seq)
    if asked is not None:
        return _to_lawyers(turn, asked.id)
    return ask_person(turn)


def rate(turn: Turn) -> list[Reply]:
    with turn.services.database.write() as session:
        consultation = consultations.latest_consultation(session, turn.message.conversation_id)
        if consultation is None:
            return [Reply(kind="notice", text="您还没有向律师咨询过，暂时没有可以评价的。")]
        try:
            level = int(turn.entities.get("level", ""))
        except ValueError:
            return [Reply(kind="prompt", text="请选择您的评价。", choices=_rating_choices())]
        consultations.rate_consultation(session, consultation.id, level)
    return [wording.rated(consultations.RATING_LEVELS[level], level <= DISSATISFIED)]


def wait_time(turn: Turn) -> list[Reply]:
    with turn.services.database.read() as session:
        consultation = consultations.latest_consultation(session, turn.message.conversation_id)
    if consultation is None:
        return [Reply(kind="notice", text="您现在没有在等律师的咨询。写下问题，我先看看法规能不能直接回答。")]
    return [wording.waiting(_progress(turn, consultation))]


def set_region(turn: Turn) -> list[Reply]:
    """The region named by a button's code or found in the words."""
    if code := turn.entities.get("code"):
        try:
            found = [get_region(code)]
        except UnknownRegion:
            found = []
    else:
        found = regions_in(turn.text)
    if len(found) == 1:
        with turn.services.database.write() as session:
            conversations.set_region(session, turn.message.conversation_id, found[0].code)
        return [
            Reply(kind="notice", text=f"好的，按{full_name(found[0].code)}为您查找法规、联系律师。请写下您的问题。")
        ]
    if found:
        choices = [_region_choice(region) for region in found[:6]]
        return [Reply(kind="clarify", text="叫这个名字的地方不止一个，请选一个。", choices=choices)]
    return [Reply(kind="prompt", text="没有认出地名。请写全称，例如“内蒙古乌兰察布市”或“集宁区”。")]


def out_of_scope(turn: Turn) -> list[Reply]:
    if _open_consultation(turn):
        return question(turn)
    return [menu("这个我帮不上。我能回答法律问题，也能把问题转给律师，还可以告诉您怎么办这些事：")]


def greet(turn: Turn) -> list[Reply]:
    place = "" if turn.region == NATION else f"（按{full_name(turn.region)}查找）"
    return [menu(f"您好。请直接写下您遇到的法律问题{place}：能马上回答的马上回答，其余转给律师。也可以选下面的服务。")]


def thanks(turn: Turn) -> list[Reply]:
    if consultation := _open_consultation(turn):
        progress = _progress(turn, consultation)
        choices = [Choice(title="满意，结束咨询", payload="/satisfied")] if progress.lawyers else []
        return [Reply(kind="notice", text="不客气。咨询还开着，您可以继续问。", choices=choices)]
    return [Reply(kind="notice", text="不客气。以后有法律问题，随时来问。")]


def service(turn: Turn) -> list[Reply]:
    return [describe(turn.intent)]


def _unclear(turn: Turn) -> list[Reply]:
    """No intent is likely. Mostly it is a question in unusual words: try the law; ask once; then a person."""
    if _open_consultation(turn):
        return question(turn)
    with turn.services.database.read() as session:
        last = conversations.last_service_message(session, turn.message.conversation_id)
    expects = last.data.get("expects") if last else None
    if expects in ("question_for_lawyers", "rephrasing"):
        return _to_lawyers(turn, turn.message.id)
    result = _search(turn, turn.text)
    if result is not None and result.decision is Decision.ANSWER:
        return [wording.answer(result, str(turn.message.id))]
    if expects == "reading":
        return _to_lawyers(turn, turn.message.id)
    if result is not None and result.choices:
        return [wording.which_reading(result.choices, str(turn.message.id))]
    return [_tell_more(turn.message)]


def _danger(turn: Turn) -> list[Reply]:
    numbers = Reply(kind="notice", text=NUMBERS)
    with turn.services.database.write() as session:
        consultation = consultations.open_consultation(session, turn.message.id, turn.services.policy, urgent=True)
        progress = progress_of(session, consultation)
    return [numbers, wording.handed_over(progress)]


def _answer_or_hand_over(turn: Turn, message: Message) -> list[Reply]:
    result = _search(turn, message.text)
    if result is not None and result.decision is Decision.ANSWER:
        return [wording.answer(result, str(message.id))]
    if result is not None and result.decision is Decision.CLARIFY and not _has_been_asked(turn):
        return [wording.which_reading(result.choices, str(message.id)) if result.choices else _tell_more(message)]
    return _to_lawyers(turn, message.id)


def _tell_more(message: Message) -> Reply:
    return Reply(
        kind="clarify",
        text="请再说详细些：发生了什么事、和谁、什么时候、您想怎么样。也可以现在就转给律师。",
        choices=[wording.ask_lawyers(str(message.id)), Choice(title="能办什么", payload="/what_can_you_do")],
        expects="rephrasing",
    )


def _has_been_asked(turn: Turn) -> bool:
    with turn.services.database.read() as session:
        last = conversations.last_service_message(session, turn.message.conversation_id)
    return last is not None and last.data.get("expects") in ("rephrasing", "reading")


def _to_lawyers(turn: Turn, message_id: UUID) -> list[Reply]:
    with turn.services.database.write() as session:
        consultation = consultations.open_consultation(session, message_id, turn.services.policy)
        progress = progress_of(session, consultation)
    return [wording.handed_over(progress)]


def _follow_up(turn: Turn, consultation_id: UUID, message: Message) -> list[Reply]:
    policy = turn.services.policy
    with turn.services.database.write() as session:
        consultation = consultations.get_consultation(session, consultation_id)
        answerers = consultations.lawyers_who_answered(session, consultation_id)
        addressed = [UUID(each) for each in message.data.get("address_to", ())] or _named(message.text, answerers)
        round_ = consultations.ask_follow_up(session, consultation_id, message.id, policy, addressed)
        progress = progress_of(session, consultation)
        names = [each.name for each in progress.lawyers if str(each.id) in round_.addressed_to]
    # A question that nobody has answered goes out anew after a referral: that is no addition to one that waits.
    if round_.message_id == message.id and not names:
        return [wording.handed_over(progress)]
    return [wording.follow_up_sent(progress, names)]


def _named(text: str, answerers: list[UUID]) -> list[UUID]:
    """The lawyers that "给第二位律师" means."""
    positions = [_ORDINALS[each] for each in _POSITION.findall(text)] if "律师" in text else []
    return [answerers[position - 1] for position in positions if position <= len(answerers)]


def _which_one(turn: Turn, consultation: Consultation) -> Reply:
    about = f'{{"about": "{turn.message.id}"}}'
    return Reply(
        kind="clarify",
        text=f"您是接着咨询 {consultation.number} 追问，还是一个新的问题？",
        choices=[
            Choice(title="接着追问", payload=f"/follow_up{about}"),
            Choice(title="新的问题", payload=f"/new_question{about}"),
        ],
    )


def _already_with_lawyers(turn: Turn) -> list[Reply] | None:
    """What was said, or would have been, of a message that a first look took to the lawyers before the service broke off."""
    with turn.services.database.read() as session:
        consultation = consultations.consultation_of_message(session, turn.message.id)
        if consultation is None:
            return None
        progress = progress_of(session, consultation)
    if consultation.opening_message_id == turn.message.id:
        numbers = [Reply(kind="notice", text=NUMBERS)] if consultation.urgent else []
        return [*numbers, wording.handed_over(progress)]
    return [wording.follow_up_sent(progress, [each.name for each in progress.lawyers])]


def _search(turn: Turn, text: str) -> SearchResult | None:
    if turn.services.knowledge_base is None:
        return None
    try:
        return turn.services.knowledge_base.search(text, region=turn.region, limit=wording.SHOWN_ARTICLES)
    except Exception:
        # A citizen with a question is better off with a lawyer than with our stack trace.
        log.exception("检索出错，问题转给律师", message=str(turn.message.id))
        return None


def _open_consultation(turn: Turn) -> Consultation | None:
    with turn.services.database.read() as session:
        consultation = consultations.latest_consultation(session, turn.message.conversation_id)
    return consultation if consultation is not None and consultation.state != "closed" else None


def _progress(turn: Turn, consultation: Consultation) -> Progress:
    with turn.services.database.read() as session:
        return progress_of(session, consultation)


def _own_message(turn: Turn, message_id: UUID) -> Message:
    """An earlier message of this very conversation. Raises Refused: a button's id must not reach another's words."""
    with turn.services.database.read() as session:
        return _own(session, turn, message_id)


def _own(session: Session, turn: Turn, message_id: UUID) -> Message:
    message = session.get(Message, message_id)
    if message is None or message.conversation_id != turn.message.conversation_id or message.author != "citizen":
        raise Refused("没有找到您说的那条消息，请重新写一遍。")
    return message


def _rating_choices() -> list[Choice]:
    levels = consultations.RATING_LEVELS.items()
    return [Choice(title=name, payload=f'/rate{{"level": {level}}}') for level, name in levels]


def _region_choice(region: Region) -> Choice:
    return Choice(title=full_name(region.code), payload=f'/set_region{{"code": "{region.code}"}}')


_HANDLERS: dict[str, Callable[[Turn], list[Reply]]] = {
    "legal_question": question,
    "ask_person": ask_person,
    "follow_up": follow_up,
    "new_question": new_question,
    "satisfied": satisfied,
    "not_satisfied": not_satisfied,
    "rate": rate,
    "wait_time": wait_time,
    "call_back": call_back.call_back,
    "set_region": set_region,
    "out_of_scope": out_of_scope,
    "greet": greet,
    "what_can_you_do": greet,
    "thanks": thanks,
    "goodbye": thanks,
    **dict.fromkeys(SERVICE_INTENTS, service),
}

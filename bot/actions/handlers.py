"""What the service does for each intent. A handler reads the record, acts through escalation's verbs and says what it did.

Handlers may run twice for one message (a crash, a slow Rasa): every verb they call is idempotent by the message's id,
and a message that has gone to lawyers stays there whatever the second look makes of it.
"""

import re
from collections.abc import Callable

from bot.actions import asking, call_back, directory, form, requests, wording
from bot.actions.danger import NUMBERS, speaks_of_danger
from bot.actions.services import SERVICE_INTENTS, describe, menu
from bot.actions.turn import Turn
from core.regions import NATION, Region, UnknownRegion, full_name, get_region, regions_in
from escalation import consultations, conversations
from escalation.call_backs import DISSATISFIED
from escalation.errors import Refused
from escalation.replies import Choice, Reply
from services.offices import offices_for

_HAN = re.compile(r"[\u3400-\u9fff]")


def handle(turn: Turn) -> list[Reply]:
    """Do what the citizen wants and say so. Always says something."""
    try:
        noted = call_back.noted(turn)
        known = asking.already_with_lawyers(turn)
        if known is not None:
            return [*known, *noted]
        left_a_number = turn.message.kind == "phone"
        says_so = not turn.pressed and speaks_of_danger(turn.text)
        # A number alone speaks of nothing.
        sounds_so = turn.intent == "danger" and not left_a_number and _HAN.search(turn.text) is not None
        if says_so or sounds_so:
            # What is told into a form may only sound like it: the numbers, and the form goes on.
            told = None if says_so else form.at_work(turn)
            if told is not None:
                return [Reply(kind="notice", text=NUMBERS), *told]
            return [*asking.danger(turn), *noted]
        if left_a_number:
            return noted
        if asked_again := call_back.no_number(turn):
            return asked_again
        ours = requests.reply(turn) or form.at_work(turn)
        return ours if ours is not None else [*noted, *_handler(turn)(turn)]
    except Refused as refused:
        return [Reply(kind="notice", text=refused.message)]


def _handler(turn: Turn) -> Callable[[Turn], list[Reply]]:
    if turn.pressed and turn.intent in _BUTTONS:
        return _BUTTONS[turn.intent]
    if asking.addresses_a_lawyer(turn):
        return asking.follow_up
    # While lawyers are at it, "仲裁要交钱吗" is for them; "我要申请仲裁" is for the service.
    if turn.intent in SERVICE_INTENTS and not turn.pressed and asking.asks(turn.text) and asking.under_way(turn):
        return asking.question
    return _HANDLERS.get(turn.intent, asking.unclear)


def satisfied(turn: Turn) -> list[Reply]:
    consultation = asking.under_way(turn)
    if consultation is None:
        return [Reply(kind="notice", text="好的。以后有别的法律问题，随时来问。")]
    progress = asking.how_far(turn, consultation)
    if not progress.lawyers and not turn.pressed:
        end = Choice(title="结束咨询", payload="/satisfied")
        wait = Choice(title="继续等律师", payload="/wait_time")
        return [Reply(kind="clarify", text="律师还没有解答。您要现在结束这次咨询吗？", choices=[end, wait])]
    with turn.services.database.write() as session:
        consultations.close_consultation(session, consultation.id)
    said = f"咨询 {consultation.number} 已结束，谢谢您。愿意的话请为这次服务评价，不评也没关系。以后接着写，咨询会重新打开。"
    return [Reply(kind="prompt", text=said, choices=_rating_choices())]


def not_satisfied(turn: Turn) -> list[Reply]:
    consultation = asking.under_way(turn)
    if consultation is not None:
        said = "对不起，没有帮到您。请告诉我们哪里没说清楚，您写的话会作为追问转给律师。"
        return [Reply(kind="prompt", text=said)]
    with turn.services.database.read() as session:
        asked = conversations.last_question(session, turn.message.conversation_id, turn.message.seq)
    if asked is not None:
        return asking.to_lawyers(turn, asked)
    return asking.ask_person(turn)


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
    return [wording.waiting(asking.how_far(turn, consultation))]


def set_region(turn: Turn) -> list[Reply]:
    """The region named by a button's code or found in the words."""
    if code := turn.entities.get("code"):
        try:
            found = [get_region(code)]
        except UnknownRegion:
            found = []
    else:
        found = regions_in(turn.text, spoken=True)
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
    if asking.under_way(turn):
        return asking.question(turn)
    return [menu("这个我帮不上。我能回答法律问题，也能把问题转给律师，还可以告诉您怎么办这些事：")]


def greet(turn: Turn) -> list[Reply]:
    place = "" if turn.region == NATION else f"（按{full_name(turn.region)}查找）"
    return [menu(f"您好。请直接写下您遇到的法律问题{place}：能马上回答的马上回答，其余转给律师。也可以选下面的服务。")]


def thanks(turn: Turn) -> list[Reply]:
    if consultation := asking.under_way(turn):
        progress = asking.how_far(turn, consultation)
        choices = [Choice(title="满意，结束咨询", payload="/satisfied")] if progress.lawyers else []
        return [Reply(kind="notice", text="不客气。咨询还开着，您可以继续问。", choices=choices)]
    return [Reply(kind="notice", text="不客气。以后有法律问题，随时来问。")]


def service(turn: Turn) -> list[Reply]:
    """What the service is and where; whoever says enough to begin with begins."""
    with turn.services.database.read() as session:
        offices = offices_for(session, turn.intent, turn.region) if turn.region != NATION else []
    return [describe(turn.intent, offices)]


def agreed(turn: Turn) -> list[Reply]:
    """是 or 不用 to what was no question."""
    if consultation := asking.under_way(turn):
        return [wording.waiting(asking.how_far(turn, consultation))]
    return [Reply(kind="notice", text="好的。还有什么法律问题，直接写下来就行。")]


def _rating_choices() -> list[Choice]:
    levels = consultations.RATING_LEVELS.items()
    return [Choice(title=name, payload=f'/rate{{"level": {level}}}') for level, name in levels]


def _region_choice(region: Region) -> Choice:
    return Choice(title=full_name(region.code), payload=f'/set_region{{"code": "{region.code}"}}')


_HANDLERS: dict[str, Callable[[Turn], list[Reply]]] = {
    "legal_question": asking.question,
    "ask_person": asking.ask_person,
    "follow_up": asking.follow_up,
    "new_question": asking.new_question,
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
    "find_lawyer": directory.find_lawyer,
    "learn_law": directory.learn_law,
    "leave": form.leave,
    "resume": form.resume,
    "correct": form.resume,
    "affirm": agreed,
    "deny": agreed,
    "request_status": requests.request_status,
    "past_consultations": requests.past_consultations,
}
INTENTS = frozenset(_HANDLERS) | {"danger"}
"""What Rasa may find in a message; all that is in domain.yml. (Danger is seen to before any handler.)"""
# What only a button can mean: Rasa never hears of it.
_BUTTONS: dict[str, Callable[[Turn], list[Reply]]] = {
    "apply": form.apply,
    "form_value": form.resume,
    "drop_form": form.drop,
    "reply_request": requests.reply_request,
    "withdraw_request": requests.withdraw,
    "show_consultation": requests.show_consultation,
}

"""Asking: a question of law answered or handed to lawyers, asked on, told apart from a new one; danger before all.

Every step is idempotent by the message's id: looked at twice, a message goes to lawyers once.
"""

import re
from uuid import UUID

from bot.actions import wording
from bot.actions.danger import NUMBERS
from bot.actions.turn import Turn
from core.log import get_logger
from escalation import consultations, conversations
from escalation.errors import Refused
from escalation.models import UNSORTED, Consultation, Message
from escalation.progress import Progress, progress_of
from escalation.replies import Choice, Reply
from knowledge_base.decide import Decision
from knowledge_base.search import SearchResult

log = get_logger("bot")

# A request for a person that is longer than this says what it is about as well.
_SAYS_WHY = 14
_MOST_ASKED = 4
_TITLE_CHARS = 12
_ORDINALS = {"一": 1, "1": 1, "二": 2, "2": 2, "两": 2, "三": 3, "3": 3, "四": 4, "4": 4, "五": 5, "5": 5}
_ASKS = re.compile(r"[?？]|[吗么呢]$|多少|多久|能不能|可不可以|要不要|是不是|会不会")
_POSITION = re.compile(r"第\s*([一二两三四五1-5])\s*[位个名]")


def question(turn: Turn) -> list[Reply]:
    """A question of law: to the lawyers of the consultation under way, else answered from the law, else to lawyers."""
    with turn.services.database.read() as session:
        consultation = consultations.latest_consultation(session, turn.message.conversation_id)
    last, expects = turn.last_said, turn.expects
    if expects == "question_for_lawyers":
        return to_lawyers(turn, turn.message)
    if consultation is None or expects == "new_question":
        return _answer_or_hand_over(turn, turn.message)
    if expects == "which":
        return _went_on(turn, consultation)
    moved_on = last is not None and last.kind in ("answer", "clarify")
    if consultation.state == "closed" or moved_on:
        return [_which_one(turn, consultation)]
    return _of_several(turn) or _follow_up(turn, consultation.id, turn.message)


def _went_on(turn: Turn, consultation: Consultation) -> list[Reply]:
    """Asked once which consultation is meant: whoever writes on instead of choosing goes on with the last, and both messages go."""
    with turn.services.database.read() as session:
        earlier = conversations.last_question(session, turn.message.conversation_id, turn.message.seq)
    if earlier is not None:
        _follow_up(turn, consultation.id, earlier)
    return _follow_up(turn, consultation.id, turn.message)


def ask_person(turn: Turn) -> list[Reply]:
    """A person, about the message named, about what was just said, or about what was asked before."""
    if turn.about is not None:
        return to_lawyers(turn, _own_message(turn, turn.about))
    if len(turn.text) >= _SAYS_WHY and not turn.pressed:
        return question(turn) if under_way(turn) else to_lawyers(turn, turn.message)
    if consultation := under_way(turn):
        return [wording.waiting(how_far(turn, consultation))]
    with turn.services.database.read() as session:
        asked = conversations.last_question(session, turn.message.conversation_id, turn.message.seq)
    last = turn.last_said
    if asked is not None and last is not None and last.kind in ("answer", "clarify"):
        return to_lawyers(turn, asked)
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
    if not turn.pressed:
        return _of_several(turn) or _follow_up(turn, consultation.id, about)
    return _follow_up(turn, _chosen(turn, consultation).id, about)


def new_question(turn: Turn) -> list[Reply]:
    """Something else: the message named, or what the citizen will write next."""
    if turn.about is not None:
        return _answer_or_hand_over(turn, _own_message(turn, turn.about))
    if len(turn.text) >= _SAYS_WHY and not turn.pressed:
        return _answer_or_hand_over(turn, turn.message)
    return [Reply(kind="prompt", text="请写下您的新问题。", expects="new_question")]


def unclear(turn: Turn) -> list[Reply]:
    """No intent is likely. Mostly it is a question in unusual words: try the law; ask once; then a person."""
    if under_way(turn):
        return question(turn)
    expects = turn.expects
    if expects in ("question_for_lawyers", "rephrasing"):
        return to_lawyers(turn, turn.message)
    result = _search(turn, turn.text)
    if result is not None and result.decision is Decision.ANSWER:
        return [wording.answer(result, str(turn.message.id))]
    if expects == "reading":
        return to_lawyers(turn, turn.message)
    if result is not None and result.choices:
        return [wording.which_reading(result.choices, str(turn.message.id))]
    return [_tell_more(turn.message)]


def danger(turn: Turn) -> list[Reply]:
    numbers = Reply(kind="notice", text=NUMBERS)
    category = _category(turn, turn.message)
    with turn.services.database.write() as session:
        consultation = consultations.open_consultation(
            session, turn.message.id, turn.services.policy, urgent=True, category=category
        )
        progress = progress_of(session, consultation)
    return [numbers, wording.handed_over(progress, turn.channel)]


def already_with_lawyers(turn: Turn) -> list[Reply] | None:
    """What was said, or would have been, of a message that a first look took to the lawyers before the service broke off."""
    if turn.message.consultation_id is None:
        return None
    with turn.services.database.read() as session:
        consultation = consultations.get_consultation(session, turn.message.consultation_id)
        progress = progress_of(session, consultation)
    if consultation.opening_message_id == turn.message.id:
        numbers = [Reply(kind="notice", text=NUMBERS)] if consultation.urgent else []
        return [*numbers, wording.handed_over(progress, turn.channel)]
    return [wording.follow_up_sent(progress, [each.name for each in progress.lawyers])]


def _answer_or_hand_over(turn: Turn, message: Message) -> list[Reply]:
    result = _search(turn, message.text)
    if result is not None and result.decision is Decision.ANSWER:
        return [wording.answer(result, str(message.id))]
    if result is not None and result.decision is Decision.CLARIFY and not _has_been_asked(turn):
        return [wording.which_reading(result.choices, str(message.id)) if result.choices else _tell_more(message)]
    return to_lawyers(turn, message)


def _tell_more(message: Message) -> Reply:
    return Reply(
        kind="clarify",
        text="请再说详细些：发生了什么事、和谁、什么时候、您想怎么样。也可以现在就转给律师。",
        choices=[wording.ask_lawyers(str(message.id)), Choice(title="能办什么", payload="/what_can_you_do")],
        expects="rephrasing",
    )


def _has_been_asked(turn: Turn) -> bool:
    return turn.expects in ("rephrasing", "reading")


def to_lawyers(turn: Turn, message: Message) -> list[Reply]:
    category = _category(turn, message)
    with turn.services.database.write() as session:
        consultation = consultations.open_consultation(session, message.id, turn.services.policy, category=category)
        progress = progress_of(session, consultation)
    return [wording.handed_over(progress, turn.channel)]


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
        return [wording.handed_over(progress, turn.channel)]
    return [wording.follow_up_sent(progress, names)]


def asks(text: str) -> bool:
    """Whether it is put as a question."""
    return _ASKS.search(text.rstrip("。.！! ")) is not None


def addresses_a_lawyer(turn: Turn) -> bool:
    """Whether it is said to one of those who answered ("给第二位律师：仲裁要交钱吗"), whatever else the words sound like."""
    if turn.pressed or not _POSITION.search(turn.text):
        return False
    consultation = under_way(turn)
    if consultation is None:
        return False
    with turn.services.database.read() as session:
        return bool(_named(turn.text, consultations.lawyers_who_answered(session, consultation.id)))


def _named(text: str, answerers: list[UUID]) -> list[UUID]:
    """The lawyers that "给第二位律师" means."""
    positions = [_ORDINALS[each] for each in _POSITION.findall(text)] if "律师" in text else []
    return [answerers[position - 1] for position in positions if position <= len(answerers)]


def _of_several(turn: Turn) -> list[Reply]:
    """Which of the consultations under way is meant, asked where there are several; nothing where the lawyer is named."""
    with turn.services.database.read() as session:
        candidates = consultations.open_consultations(session, turn.message.conversation_id)[:_MOST_ASKED]
        if len(candidates) < 2 or turn.message.data.get("address_to"):
            return []
        opening = [session.get_one(Message, each.opening_message_id).text for each in candidates]
    about = f'"about": "{turn.message.id}"'
    choices = [
        Choice(
            title=f"{_beginning(text)}（{each.number}）", payload=f'/follow_up{{{about}, "consultation": "{each.id}"}}'
        )
        for each, text in zip(candidates, opening, strict=True)
    ]
    choices.append(Choice(title="新的问题", payload=f"/new_question{{{about}}}"))
    return [
        Reply(kind="clarify", text="您有几次咨询还没有结束，这句话是接着哪一次问的？", choices=choices, expects="which")
    ]


def _chosen(turn: Turn, latest: Consultation) -> Consultation:
    """The consultation that a button names, else the latest."""
    with turn.services.database.read() as session:
        for each in consultations.open_consultations(session, turn.message.conversation_id):
            if str(each.id) == turn.entities.get("consultation"):
                return each
    return latest


def _beginning(text: str) -> str:
    return text if len(text) <= _TITLE_CHARS else f"{text[:_TITLE_CHARS]}…"


def _which_one(turn: Turn, consultation: Consultation) -> Reply:
    about = f'{{"about": "{turn.message.id}"}}'
    return Reply(
        kind="clarify",
        text=f"您是接着咨询 {consultation.number} 追问，还是一个新的问题？",
        choices=[
            Choice(title="接着追问", payload=f"/follow_up{about}"),
            Choice(title="新的问题", payload=f"/new_question{about}"),
        ],
        expects="which",
    )


def _search(turn: Turn, text: str) -> SearchResult | None:
    if turn.services.knowledge_base is None:
        return None
    try:
        return turn.services.knowledge_base.search(text, region=turn.region, limit=wording.SHOWN_ARTICLES)
    except Exception:
        # A citizen with a question is better off with a lawyer than with our stack trace.
        log.exception("检索出错，问题转给律师", message=str(turn.message.id))
        return None


def _category(turn: Turn, message: Message) -> str:
    """What the message is about, for sorting; UNSORTED where nobody can say."""
    if turn.services.knowledge_base is None:
        return UNSORTED
    try:
        return turn.services.knowledge_base.category(message.text)
    except Exception:
        log.exception("类别没有判断出来", message=str(message.id))
        return UNSORTED


def under_way(turn: Turn) -> Consultation | None:
    with turn.services.database.read() as session:
        consultation = consultations.latest_consultation(session, turn.message.conversation_id)
    return consultation if consultation is not None and consultation.state != "closed" else None


def how_far(turn: Turn, consultation: Consultation) -> Progress:
    with turn.services.database.read() as session:
        return progress_of(session, consultation)


def _own_message(turn: Turn, message_id: UUID) -> Message:
    """An earlier message of this very conversation. Raises Refused: a button's id must not reach another's words."""
    with turn.services.database.read() as session:
        message = session.get(Message, message_id)
    if message is None or message.conversation_id != turn.message.conversation_id or message.author != "citizen":
        raise Refused("没有找到您说的那条消息，请重新写一遍。")
    return message

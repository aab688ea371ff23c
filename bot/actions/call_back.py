"""Asking to be called, and leaving the number. The number itself never comes here: `escalation.call_backs.receive` has kept it."""

from bot.actions import wording
from bot.actions.turn import Turn
from escalation import call_backs
from escalation.consultations import get_consultation
from escalation.replies import Reply

# Words that say of themselves what they are for: whoever was asked for a number and writes one of these wants no call.
_PLAIN = frozenset({"satisfied", "wait_time", "thanks", "goodbye"})
# So many digits were meant as a number, whatever a model takes the text for.
_DIGITS_OF_AN_ATTEMPT = 5


def call_back(turn: Turn) -> list[Reply]:
    """The citizen asks to be called."""
    with turn.services.database.read() as session:
        occasion = call_backs.call_back_occasion(session, turn.message.conversation_id)
        left_before = occasion is not None and call_backs.has_left_number(session, occasion)
    if occasion is None:
        said = "现在还不能预约回电：超过承诺的时间没有解答，或您评价不满意之后，可以留下电话。急事请拨打 12348 法律服务热线。"
        return [Reply(kind="notice", text=said)]
    return [wording.ask_phone(occasion.reason, left_before)]


def noted(turn: Turn) -> list[Reply]:
    """What is said of the number that this message left; nothing when it left none."""
    masked = turn.message.data.get("call_back")
    if not masked:
        return []
    with turn.services.database.read() as session:
        occasion = call_backs.call_back_occasion(session, turn.message.conversation_id)
        assert occasion is not None
        number = get_consultation(session, occasion.consultation_id).number
    return [wording.call_back_noted(masked, number, occasion.reason)]


def no_number(turn: Turn) -> list[Reply]:
    """Asks once more, when a number was asked for and something else came; nothing when it is to be taken as it is."""
    if turn.pressed or "call_back" in turn.message.data:
        return []
    attempt = sum(character.isdigit() for character in turn.text) >= _DIGITS_OF_AN_ATTEMPT
    if turn.intent in _PLAIN and not attempt:
        return []
    if call_backs.asked_for(turn.before) != "number":
        return []
    with turn.services.database.read() as session:
        occasion = call_backs.call_back_occasion(session, turn.message.conversation_id)
    return [wording.ask_phone_again(occasion.reason, str(turn.message.id))] if occasion else []

"""Rasa's custom action: the handler of the intent that Rasa found, run inside the api by rasa-sdk's executor."""

from datetime import datetime
from typing import Any
from uuid import UUID

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import ActionExecutor, CollectingDispatcher
from sqlalchemy import select

from bot.actions.handlers import handle
from bot.actions.threads import in_a_turn
from bot.actions.turn import Services, Turn
from core.clock import now
from core.log import get_logger
from escalation.conversations import recent_messages
from escalation.models import Conversation, Message
from escalation.replies import Reply

log = get_logger("bot")


class HandleIntent(Action):  # type: ignore[misc]
    """``action_handle_intent``: named in domain.yml, called for every intent."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def name(self) -> str:
        return "action_handle_intent"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        latest = tracker.latest_message
        metadata = latest.get("metadata") or {}
        if datetime.fromisoformat(metadata["deadline"]) <= now():
            # The api has stopped waiting and answers without Rasa: two answers would be worse than one.
            log.warning("Rasa 太慢，这次调用作废", message=metadata["message_id"])
            return []
        intent = latest["intent"]["name"] or "nlu_fallback"
        entities = {each["entity"]: str(each["value"]) for each in latest.get("entities", ())}
        for reply in await in_a_turn(act, self._services, UUID(metadata["message_id"]), intent, entities):
            dispatcher.utter_message(json_message=reply.model_dump(exclude_none=True))
        return []


def act(services: Services, message_id: UUID, intent: str, entities: dict[str, str]) -> list[Reply]:
    """Do what a stored message is taken to want, and say so."""
    return handle(turn_of(services, message_id, intent, entities))


def turn_of(services: Services, message_id: UUID, intent: str, entities: dict[str, str]) -> Turn:
    """The turn of a stored message."""
    with services.database.read() as session:
        statement = (
            select(Message, Conversation.region, Conversation.channel)
            .join(Conversation, Conversation.id == Message.conversation_id)
            .where(Message.id == message_id)
        )
        message, region, channel = session.execute(statement).one()
        before = recent_messages(session, message.conversation_id, message.seq)
    return Turn(services, message, region, intent, channel, before, entities)


def make_executor(services: Services) -> ActionExecutor:
    """The executor that answers Rasa's calls, with our one action in it."""
    executor = ActionExecutor()
    executor.register_action(HandleIntent(services))
    return executor

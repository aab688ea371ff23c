"""A message through the whole service: stored, understood, answered or handed over, the replies stored.

Stored first: what was accepted survives any crash. A message that a dead process left unanswered is taken up again by
`recover`, and every step is idempotent by the message's id, so that going through it twice changes nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from uuid import UUID
from weakref import WeakValueDictionary

from redis.exceptions import LockError, RedisError
from starlette.concurrency import run_in_threadpool

from api.conversations.nlu import Rasa, RasaUnavailable
from api.state import State
from bot.actions.action import act
from bot.actions.services import STANDING
from bot.actions.threads import in_a_turn
from bot.actions.without_rasa import understand
from core.clock import now
from core.live import PREFIX
from core.log import get_logger
from escalation import consultations, conversations
from escalation.dispatcher import nudge
from escalation.errors import Refused
from escalation.models import Consultation, Message
from escalation.replies import Reply
from services import drafts

# A turn takes as long as Rasa may, and little more. Whoever holds the lock longer is dead, or lost Redis on the way.
_LOCK_SECONDS_BEYOND_RASA = 3.0
_UNHANDLED_AFTER = timedelta(seconds=20)
_RECOVER_EVERY_SECONDS = 10.0

log = get_logger("messages")


class MessageService:
    """Takes citizens' messages, from whichever channel they come."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.rasa = Rasa(state.settings, state.http)
        self._under_way: set[asyncio.Task[list[Message]]] = set()
        self._locks: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    async def receive(
        self, conversation_id: UUID, text: str, client_message_id: str, address_to: Sequence[UUID] = ()
    ) -> tuple[Message, list[Message], Consultation | None]:
        """Store a message and answer it: (message, replies, consultation it belongs to). Raises Refused for a bad text."""
        message, fresh = await self.store(conversation_id, text, client_message_id, address_to)
        replies = await self.handle(message, fresh=fresh)
        consultation = await in_a_turn(self._consultation, conversation_id)
        return message, replies, consultation

    async def store(
        self, conversation_id: UUID, text: str, client_message_id: str, address_to: Sequence[UUID] = ()
    ) -> tuple[Message, bool]:
        """Store a message: the message, and whether it is new. Raises Refused for a bad text."""

        def store() -> tuple[Message, bool]:
            words, payload = self._read(conversation_id, text, address_to)
            with self._state.database.write() as session:
                received = drafts.receive(
                    session,
                    conversation_id,
                    words,
                    client_message_id,
                    self._state.services.vault,
                    payload=payload,
                    address_to=address_to,
                )
                return received.message, received.fresh

        # Not in a turn's thread: however many turns wait, what comes in is stored at once.
        return await run_in_threadpool(store)

    def begin(self, message: Message) -> "asyncio.Task[list[Message]]":
        """Answer a stored message without waiting for it. What this process does not get done, `recover` does."""
        task = asyncio.create_task(self.handle(message))
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[list[Message]]") -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("消息没有处理完，稍后补上", exc_info=error)

    async def handle(self, message: Message, *, fresh: bool = False) -> list[Message]:
        """Answer a stored message, once: whoever comes second gets the replies that the first one stored.

        `fresh`: it was stored just now, and nobody else has seen it yet.
        """
        async with self._one_at_a_time(message.conversation_id):
            known = None if fresh else await in_a_turn(self._handled, message.id)
            if known is not None:
                return known
            replies = await self._replies(message)

            def record() -> list[Message]:
                with self._state.database.write() as session:
                    return conversations.record_replies(session, message, replies)

            stored = await in_a_turn(record)
        # Not in a turn's thread: Redis may hang.
        await run_in_threadpool(nudge, self._state.redis)
        return stored

    async def recover(self) -> None:
        """Forever: take up messages that some process stored and then died over."""
        while True:
            try:
                left = await run_in_threadpool(self._unhandled)
                if left:
                    log.warning("补答未处理的消息", messages=len(left))
                    await asyncio.gather(*(self.handle(message) for message in left))
            except Exception:
                log.exception("补答未处理的消息时出错，稍后重试")
            await asyncio.sleep(_RECOVER_EVERY_SECONDS)

    async def _replies(self, message: Message) -> list[Reply]:
        payload = message.data.get("payload")
        try:
            if payload is None:
                return await self.rasa.replies(message.conversation_id, message.id, message.text)
        except RasaUnavailable:
            log.info("Rasa 不可用，按字面理解", message=str(message.id))
        # A button says what it means: there is nothing to understand.
        intent, entities = understand(message.text, payload)
        return await in_a_turn(act, self._state.services, message.id, intent, entities)

    def _read(self, conversation_id: UUID, text: str, address_to: Sequence[UUID]) -> tuple[str, str | None]:
        """The words as they are stored, and the payload if they are a button that was offered in this conversation."""
        words = text.strip()
        if not words:
            raise Refused("请先写下您的问题，再发送。", "text")
        limit = self._state.settings.message_max_chars
        if len(words) > limit:
            raise Refused(f"一次最多写 {limit} 字，现在有 {len(words)} 字。请分几次写，或只写要点。", "text")
        if not (address_to or words.startswith("/")):
            return words, None
        with self._state.database.read() as session:
            consultations.check_addressees(session, conversation_id, address_to)
            if not words.startswith("/"):
                return words, None
            choice = conversations.offered_choice(session, conversation_id, words) or STANDING.get(words)
        # Nobody may speak to Rasa in its own commands (/restart …): only buttons that we offered are buttons.
        return (choice.title, choice.payload) if choice else (words.lstrip("/ ") or "菜单", None)

    def _handled(self, message_id: UUID) -> list[Message] | None:
        with self._state.database.read() as session:
            if session.get_one(Message, message_id).handled_at is None:
                return None
            return conversations.replies_to(session, message_id)

    def _unhandled(self) -> list[Message]:
        with self._state.database.read() as session:
            return conversations.unhandled_messages(session, now() - _UNHANDLED_AFTER)

    def _consultation(self, conversation_id: UUID) -> Consultation | None:
        with self._state.database.read() as session:
            return consultations.latest_consultation(session, conversation_id)

    @asynccontextmanager
    async def _one_at_a_time(self, conversation_id: UUID) -> AsyncIterator[None]:
        """Messages of one conversation one after the other: in this process by a lock, in all of them by Redis.

        Without Redis only the first holds; the record's own locks still keep it consistent.
        """
        local = self._locks.setdefault(conversation_id, asyncio.Lock())
        longest = self._state.settings.rasa_timeout_s + _LOCK_SECONDS_BEYOND_RASA
        async with local:
            lock = self._state.redis_async.lock(
                f"{PREFIX}turn:{conversation_id}", timeout=longest, blocking_timeout=longest
            )
            with suppress(RedisError, OSError):
                await lock.acquire()
            try:
                yield
            finally:
                with suppress(LockError, RedisError, OSError):
                    await lock.release()

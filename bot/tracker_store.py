"""Where Rasa keeps what was said: in Redis when it is given one, else in memory; bounded either way.

A conversation's tracker is a convenience, not the record (that is the service's database). So a Redis that is away
costs a conversation its context, never its message: the store goes on in memory and tries Redis again.
"""

import json
import logging
import time
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

import redis
from rasa.core.brokers.broker import EventBroker
from rasa.core.tracker_store import SerializedTrackerAsText, TrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.trackers import DialogueStateTracker, get_trackers_for_conversation_sessions

from bot.trim import trim

logger = logging.getLogger(__name__)

EXPIRY_S = 90 * 24 * 3600
IN_MEMORY = 5_000
"""Conversations kept in memory; the one longest silent goes first."""
RETRY_S = 5.0
"""How long Redis is left alone after it failed, so that not every message waits for it."""
TIMEOUT_S = 0.5
PREFIX = "wenfa:tracker:"


class BoundedTrackerStore(TrackerStore, SerializedTrackerAsText):
    """Trackers cut to their last events (bot/trim.py), expiring after 90 days.

    Rasa's own Redis store takes no unix socket and merges what it saves with what is stored, which would bring back
    the events just cut off.
    """

    def __init__(
        self,
        domain: Domain | None,
        host: str | None = None,
        event_broker: EventBroker | None = None,
        **kwargs: Any,
    ) -> None:
        """`host` is the url of endpoints.yml, as Rasa names it: unix:///path, redis://…, or empty for memory."""
        self._redis: redis.Redis | None = None
        if host:
            self._redis = redis.Redis.from_url(
                host, decode_responses=True, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
            )
        self._memory: OrderedDict[str, str] = OrderedDict()
        self._redis_back_at = 0.0
        self._redis_failed = False
        super().__init__(domain, event_broker, **kwargs)

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Store the tracker's last events."""
        await self.stream_events(tracker)
        state = tracker.as_dialogue().as_dict()
        state["events"] = trim(state["events"])
        self._write(tracker.sender_id, json.dumps(state, ensure_ascii=False))

    async def retrieve(self, sender_id: str) -> DialogueStateTracker | None:
        """The tracker of the conversation's last session; None if there is none."""
        tracker = await self.retrieve_full_tracker(sender_id)
        if tracker is None:
            return None
        sessions = get_trackers_for_conversation_sessions(tracker)
        return sessions[-1] if len(sessions) > 1 else tracker

    async def retrieve_full_tracker(self, conversation_id: str) -> DialogueStateTracker | None:
        """The tracker with all sessions that are stored."""
        stored = self._read(conversation_id)
        return None if stored is None else self.deserialise_tracker(conversation_id, stored)

    async def keys(self) -> Iterable[str]:
        """The conversations that are stored."""
        if self._redis_is_up():
            try:
                assert self._redis is not None  # for the type checker
                return [key[len(PREFIX) :] for key in self._redis.scan_iter(PREFIX + "*", count=1000)]
            except redis.RedisError as error:
                self._redis_failure(error)
        return list(self._memory)

    def _read(self, key: str) -> str | None:
        if self._redis is not None and self._redis_is_up():
            try:
                stored = self._redis.get(PREFIX + key)
            except redis.RedisError as error:
                self._redis_failure(error)
            else:
                self._redis_success()
                return stored if stored is not None else self._memory.get(key)
        stored = self._memory.get(key)
        if stored is not None:
            self._memory.move_to_end(key)
        return stored

    def _write(self, key: str, value: str) -> None:
        if self._redis is not None and self._redis_is_up():
            try:
                self._redis.set(PREFIX + key, value, ex=EXPIRY_S)
            except redis.RedisError as error:
                self._redis_failure(error)
            else:
                self._redis_success()
                self._memory.pop(key, None)
                return
        self._memory[key] = value
        self._memory.move_to_end(key)
        while len(self._memory) > IN_MEMORY:
            self._memory.popitem(last=False)

    def _redis_is_up(self) -> bool:
        return self._redis is not None and time.monotonic() >= self._redis_back_at

    def _redis_failure(self, error: redis.RedisError) -> None:
        self._redis_back_at = time.monotonic() + RETRY_S
        if not self._redis_failed:  # once an outage, not once a message
            self._redis_failed = True
            logger.error("Redis is away (%s); conversations go on in memory.", error)

    def _redis_success(self) -> None:
        if self._redis_failed:
            self._redis_failed = False
            logger.warning("Redis is back.")

"""Live updates: one reader of the event stream per process, fanned out to whoever waits for a topic or listens to it.

An event only says that something changed; the listener reads the record. So a lost event, a lost Redis or a listener that
comes late cost at the most one heartbeat, never a message.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from typing import Any

from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import RedisError

from core.log import get_logger
from escalation.dispatcher import EVENTS

HEARTBEAT_SECONDS = 15.0
_RETRY_SECONDS = 1.0
_BLOCK_MS = 10_000

log = get_logger("live")


class Hub:
    """Who waits for what, in this process."""

    def __init__(self, redis: "AsyncRedis") -> None:
        """`redis` must bear reads that block (core.live.connect_async with `blocking`)."""
        self._redis = redis
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._listening: dict[str, Callable[[dict[str, Any] | None], None]] = {}
        self._closing = False

    def listen(self, topic: str, heard: Callable[[dict[str, Any] | None], None]) -> None:
        """Call `heard` with the data of each event of the topic, and with None when some may have been missed."""
        self._listening[topic] = heard

    async def changes(self, topic: str, heartbeat: float = HEARTBEAT_SECONDS) -> AsyncIterator[bool]:
        """True at once, then True at each change of the topic and False at each heartbeat without one, until `close`."""
        changed = asyncio.Event()
        self._waiting[topic].add(changed)
        try:
            yield True
            while not self._closing:
                try:
                    await asyncio.wait_for(changed.wait(), heartbeat)
                except TimeoutError:
                    yield False
                else:
                    changed.clear()
                    if not self._closing:
                        yield True
        finally:
            self._waiting[topic].discard(changed)
            if not self._waiting[topic]:
                del self._waiting[topic]

    async def run(self) -> None:
        """Read the stream until cancelled. After a break everybody looks again."""
        last, gone = "$", False
        while True:
            try:
                batches = await self._redis.xread({EVENTS: last}, count=500, block=_BLOCK_MS)
            except (RedisError, OSError) as error:
                if not gone:
                    log.warning("Redis 不可用，实时更新改为定时查看", error=str(error))
                last, gone = "$", True
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            if gone:
                gone = False
                log.info("Redis 已恢复，实时更新继续")
                self._wake_all()
            for entry_id, fields in _entries(batches):
                last = entry_id
                topic = fields.get("topic", "")
                self.wake(topic)
                if topic in self._listening:
                    self._listening[topic](json.loads(fields.get("data", "{}")))

    def wake(self, topic: str) -> None:
        """Tell the topic's listeners in this process."""
        for changed in self._waiting.get(topic, ()):
            changed.set()

    def close(self) -> None:
        """End every `changes`, so that open streams do not hold up the end of the process."""
        self._closing = True
        self._wake_all()

    def listeners(self) -> int:
        return sum(map(len, self._waiting.values()))

    def _wake_all(self) -> None:
        for topic in list(self._waiting):
            self.wake(topic)
        for heard in self._listening.values():
            heard(None)


def _entries(batches: Any) -> list[tuple[str, dict[str, str]]]:
    """The entries of one stream's XREAD, as either protocol version gives them."""
    if not batches:
        return []
    if isinstance(batches, dict):
        return [entry for chunks in batches.values() for chunk in chunks for entry in chunk]
    return [entry for _, entries in batches for entry in entries]

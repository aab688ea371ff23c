"""The dispatcher: moves due rounds up the tiers, relays the outbox, keeps the live queue, sees to deliveries and the audit chain.

Any number may run; each may die at any moment. The database is the record; Redis only carries word of it. When Redis is
gone rounds still move, and the outbox waits.
"""

import json
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import UUID

from redis import Redis, RedisError
from sqlalchemy import delete, select, update

from core.database import Database, database_now
from core.live import PREFIX
from core.log import get_logger
from escalation.answer_drafts import drop_old_drafts
from escalation.journal import DESK
from escalation.models import Delivery, Lease, OutboxEvent, Round
from escalation.queue import LiveQueue
from escalation.tiers import move_round

EVENTS = PREFIX + "events"
"""The stream that every api process reads: fields topic, kind, data (JSON)."""
NUDGE = PREFIX + "nudge"
"""A list pushed to after a commit, so that the outbox is relayed at once and not at the next poll."""

_STREAM_LENGTH = 20_000
_POLL_SECONDS = 1.0
_LEAST_SECONDS = 0.02  # between two looks: what is due and held by another dispatcher is not asked for without end
_REBUILD_SECONDS = 30.0
_HOLD_SECONDS = {"sqlite": 0.05, "postgresql": 0.25}
"""How long a transaction of moves may grow: rounds due together share its cost. SQLite lets nobody else write meanwhile."""
_SWEEP_SECONDS = 600.0
_SWITCH_SECONDS = 0.0005
_KEEP_RELAYED = timedelta(days=1)
_KEEP_DELIVERIES = timedelta(days=30)

log = get_logger("dispatcher")


class Dispatcher:
    """One worker over one database and one Redis. `pushed` is called when a round has been pushed to lawyers."""

    def __init__(self, database: Database, redis: "Redis", pushed: Callable[[], None] = lambda: None) -> None:
        self.database = database
        self.redis = redis
        self._pushed = pushed
        self.queue = LiveQueue(redis)
        self._redis_gone = False

    def run(self, stop: threading.Event, *beside: Callable[[threading.Event], None]) -> None:
        """Work until told to stop, each kind of work in a thread of its own: a long tier move keeps no event waiting.

        `beside`: further work that runs until the same event. Errors are logged and the next turn tries again: a dead
        dispatcher keeps no promise.
        """
        log.info("分发进程开始工作")
        # Else a thread that computes (the queue made anew) keeps one that moves rounds waiting 5 ms after each of its queries.
        sys.setswitchinterval(_SWITCH_SECONDS)
        works: list[Callable[[threading.Event], None]] = [self._move, self._relay, self._look_after, *beside]
        threads = [threading.Thread(target=work, args=(stop,), daemon=True) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        log.info("分发进程结束")

    def move_due_rounds(self, limit: int = 500) -> int:
        """Move every round that is due, some in one transaction. Returns how many were moved. One that fails holds up no other."""
        with self.database.read() as session:
            statement = select(Round.id).where(Round.state == "open", Round.due_at <= database_now(session))
            due = session.execute(statement.order_by(Round.due_at).limit(limit)).scalars().all()
        moved = 0
        while due:
            try:
                looked_at, done = self._move_some(due)
            except Exception:
                looked_at, done = self._move_alone(due)
            due = due[looked_at:]
            moved += done
            if done:
                nudge(self.redis)
        return moved

    def relay_outbox(self, limit: int = 500) -> int:
        """Send waiting events to live pages, in order, at least once. Returns how many. Raises RedisError, losing none."""
        relayed = 0
        while count := self._relay_some(limit):
            relayed += count
        return relayed

    def rebuild_queue(self) -> int:
        """Make the live queue anew from the record. Returns how many rounds are open. Raises RedisError."""
        with self.database.read() as session:
            return self.queue.rebuild(session)

    def sweep(self) -> None:
        """Throw away what nobody needs any more: yesterday's events, leases long lapsed, last month's deliveries and drafts."""
        with self.database.write() as session:
            at = database_now(session)
            over = Delivery.state.in_(("sent", "dropped")) & (Delivery.created_at < at - _KEEP_DELIVERIES)
            session.execute(delete(Delivery).where(over))
            before = at - _KEEP_RELAYED
            session.execute(delete(OutboxEvent).where(OutboxEvent.relayed_at < before))
            session.execute(delete(Lease).where(Lease.expires_at < before))
            drop_old_drafts(session)

    def _move_some(self, due: Sequence[UUID]) -> tuple[int, int]:
        """Move the first of these, as many as a short transaction holds: how many it looked at, how many it moved."""
        done, looked_at, until = 0, 0, time.perf_counter() + _HOLD_SECONDS[self.database.engine.dialect.name]
        with self.database.write() as session:
            for round_id in due:
                done += move_round(session, round_id)
                looked_at += 1
                if time.perf_counter() > until:
                    break
        return looked_at, done

    def _move_alone(self, due: Sequence[UUID]) -> tuple[int, int]:
        """Move the first of these by itself: of several in one transaction some one failed."""
        try:
            return 1, self._move_some(due[:1])[1]
        except Exception:
            log.exception("推进一轮提问时出错，下一轮重试", round=str(due[0]))
            return 1, 0

    def _move(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._guarded(self.move_due_rounds)
            # The queue knows to the millisecond when the next one is due; without it the poll is late by a second at most.
            left = self.queue.seconds_to_next()
            stop.wait(_POLL_SECONDS if left is None else min(max(left, _LEAST_SECONDS), _POLL_SECONDS))

    def _relay(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._guarded(self.relay_outbox)
            self._wait_for_nudge(stop)

    def _look_after(self, stop: threading.Event) -> None:
        turn, sweep_every = 0, int(_SWEEP_SECONDS / _REBUILD_SECONDS)
        while not stop.is_set():
            self._guarded(self.rebuild_queue)
            if turn % sweep_every == 0:
                self._guarded(self.sweep)
            turn += 1
            stop.wait(_REBUILD_SECONDS)

    def _relay_some(self, limit: int) -> int:
        waiting = select(OutboxEvent).where(OutboxEvent.relayed_at.is_(None)).order_by(OutboxEvent.id).limit(limit)
        # Looking costs no write lock: the outbox is empty most of the time.
        with self.database.read() as session:
            if session.execute(waiting.limit(1)).first() is None:
                return 0
        with self.database.write() as session:
            events = session.execute(waiting.with_for_update(skip_locked=True)).scalars().all()
            self.queue.refresh(session, _rounds_in(events))
            pipeline = self.redis.pipeline(transaction=False)
            for event in events:
                fields = {"topic": event.topic, "kind": event.kind, "data": json.dumps(event.data)}
                pipeline.xadd(EVENTS, fields, maxlen=_STREAM_LENGTH, approximate=True)  # type: ignore[arg-type]
            pipeline.execute()
            ids = [event.id for event in events]
            session.execute(update(OutboxEvent).where(OutboxEvent.id.in_(ids)).values(relayed_at=database_now(session)))
        if any(event.topic == DESK and event.kind == "push" for event in events):
            self._pushed()
        return len(events)

    def _wait_for_nudge(self, stop: threading.Event) -> None:
        """Until somebody commits something, or the poll interval is over."""
        try:
            self.redis.blpop([NUDGE], timeout=_POLL_SECONDS)
        except RedisError:
            stop.wait(_POLL_SECONDS)

    def _guarded(self, work: Callable[[], object]) -> None:
        try:
            work()
        except RedisError as error:
            if not self._redis_gone:
                log.warning("Redis 不可用，实时推送暂停，恢复后继续", error=str(error))
            self._redis_gone = True
        except Exception:
            log.exception("分发出错，下一轮重试", work=work.__name__)
        else:
            if self._redis_gone and work == self.relay_outbox:
                log.info("Redis 已恢复，实时推送继续")
                self._redis_gone = False


def nudge(redis: "Redis") -> None:
    """Ask a dispatcher to relay now. Without Redis nothing is lost: the poll finds the event."""
    try:
        pipeline = redis.pipeline(transaction=False)
        pipeline.lpush(NUDGE, "1")
        pipeline.ltrim(NUDGE, 0, 0)
        pipeline.execute()
    except RedisError:
        log.debug("no nudge: Redis is gone")


def _rounds_in(events: Sequence[OutboxEvent]) -> list[UUID]:
    """The rounds that desks are told of."""
    named = (event.data.get("round_id") for event in events if event.topic == DESK)
    return [UUID(each) for each in dict.fromkeys(named) if each]

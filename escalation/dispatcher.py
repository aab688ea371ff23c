"""The dispatcher: moves due rounds up the tiers and relays the outbox. Any number may run; each may die at any moment.

The database is the record; Redis only carries word of it. When Redis is gone rounds still move, and the outbox waits.
"""

import json
import threading
from collections.abc import Callable
from datetime import timedelta

from redis import Redis, RedisError
from sqlalchemy import delete, select, update

from core.database import Database, database_now
from core.live import PREFIX
from core.log import get_logger
from escalation.models import Lease, OutboxEvent, Round
from escalation.policy import Policy
from escalation.tiers import move_round

EVENTS = PREFIX + "events"
"""The stream that every api process reads: fields topic, kind, data (JSON)."""
NUDGE = PREFIX + "nudge"
"""A list pushed to after a commit, so that the outbox is relayed at once and not at the next poll."""

_STREAM_LENGTH = 20_000
_POLL_SECONDS = 1
_SWEEP_EVERY_TURNS = 600
_KEEP_RELAYED = timedelta(days=1)

log = get_logger("dispatcher")


class Dispatcher:
    """One worker over one database and one Redis."""

    def __init__(self, database: Database, redis: "Redis", policy: Policy) -> None:
        self.database = database
        self.redis = redis
        self.policy = policy
        self._redis_gone = False

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop. Errors are logged and the next turn tries again: a dead dispatcher keeps no promise."""
        log.info("分发进程开始工作")
        turn = 0
        while not stop.is_set():
            self._guarded(self.move_due_rounds)
            self._guarded(self.relay_outbox)
            if turn % _SWEEP_EVERY_TURNS == 0:
                self._guarded(self.sweep)
            turn += 1
            self._wait(stop)
        log.info("分发进程结束")

    def move_due_rounds(self, limit: int = 500) -> int:
        """Move every round that is due, each in a transaction of its own. Returns how many were moved."""
        with self.database.read() as session:
            statement = select(Round.id).where(Round.state == "open", Round.due_at <= database_now(session))
            due = session.execute(statement.order_by(Round.due_at).limit(limit)).scalars().all()
        moved = 0
        for round_id in due:
            with self.database.write() as session:
                moved += move_round(session, round_id, self.policy)
        return moved

    def relay_outbox(self, limit: int = 500) -> int:
        """Send waiting events to live pages, in order, at least once. Returns how many. Raises RedisError, losing none."""
        relayed = 0
        while count := self._relay_some(limit):
            relayed += count
        return relayed

    def sweep(self) -> None:
        """Throw away what nobody needs any more: relayed events of yesterday, leases long lapsed."""
        with self.database.write() as session:
            before = database_now(session) - _KEEP_RELAYED
            session.execute(delete(OutboxEvent).where(OutboxEvent.relayed_at < before))
            session.execute(delete(Lease).where(Lease.expires_at < before))

    def _relay_some(self, limit: int) -> int:
        waiting = select(OutboxEvent).where(OutboxEvent.relayed_at.is_(None)).order_by(OutboxEvent.id).limit(limit)
        # Looking costs no write lock: the outbox is empty most of the time.
        with self.database.read() as session:
            if session.execute(waiting.limit(1)).first() is None:
                return 0
        with self.database.write() as session:
            events = session.execute(waiting.with_for_update(skip_locked=True)).scalars().all()
            pipeline = self.redis.pipeline(transaction=False)
            for event in events:
                fields = {"topic": event.topic, "kind": event.kind, "data": json.dumps(event.data)}
                pipeline.xadd(EVENTS, fields, maxlen=_STREAM_LENGTH, approximate=True)  # type: ignore[arg-type]
            pipeline.execute()
            ids = [event.id for event in events]
            session.execute(update(OutboxEvent).where(OutboxEvent.id.in_(ids)).values(relayed_at=database_now(session)))
            return len(events)

    def _wait(self, stop: threading.Event) -> None:
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

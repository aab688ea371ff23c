"""The live queue: what of the open rounds is asked often and must be known at once, in Redis.

All of it comes from the record and can be made anew from it (`rebuild`, at a dispatcher's start and every 30 s), so it may
be lost at any moment; every caller bears its loss. Leases are the record's too: here they keep the crowd away from it, where
two hundred lawyers want the three places of one round.

Keys, all below `wenfa:`

* ``queue:due``: open rounds by when a dispatcher must look at them next (sorted set, seconds since 1970);
* ``queue:waiting:<tier>:<region>``: open rounds of a circle, by the same time;
* ``queue:{<round>}:places`` (hash: quorum, answered) and ``queue:{<round>}:leases`` (sorted set of lawyers by the end of
  their lease, in milliseconds): in braces, so that a cluster keeps both on one machine;
* ``queue:present``: lawyers at their desks, by when they were last seen.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import IntEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from redis import Redis, RedisError
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from core.clock import now
from core.database import database_now
from core.live import PREFIX
from core.log import get_logger
from core.regions import NATION
from escalation.models import Consultation, Lease, Round

if TYPE_CHECKING:
    from redis.client import Pipeline

DUE = PREFIX + "queue:due"
PRESENT = PREFIX + "queue:present"
_WAITING = PREFIX + "queue:waiting:"
_PRESENT_SECONDS = 45
_KEPT_SECONDS = 3600
"""How long places and leases outlive the last refresh: a round nobody refreshes is over, or will be rebuilt."""

log = get_logger("queue")


_AT_ONCE, _PAUSE_SECONDS = 200, 0.01
"""Rounds in one message to Redis, and the rest after it: while ten thousand are written, others are due and claimed."""


class ClaimSaid(IntEnum):
    """What the queue says to a claim."""

    UNKNOWN = -1
    """It does not know the round, or Redis is gone: the record decides."""
    FULL = 0
    TAKEN = 1
    RENEWED = 2


# KEYS: places, leases. ARGV: lawyer, now, end (milliseconds).
_CLAIM = """
local quorum = redis.call('HGET', KEYS[1], 'quorum')
if not quorum then return -1 end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[2])
if redis.call('ZSCORE', KEYS[2], ARGV[1]) then
  redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
  return 2
end
local answered = tonumber(redis.call('HGET', KEYS[1], 'answered') or '0')
if redis.call('ZCARD', KEYS[2]) + answered >= tonumber(quorum) then return 0 end
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
return 1
"""


class LiveQueue:
    """The queue over one Redis."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._claim = redis.register_script(_CLAIM)

    def claim(self, round_id: UUID, lawyer_id: UUID, until: datetime) -> ClaimSaid:
        """Take or renew a place before the record is asked. FULL is final for now; anything else the record confirms."""
        arguments: list[Any] = [str(lawyer_id), _milliseconds(now()), _milliseconds(until)]
        try:
            return ClaimSaid(int(self._claim(keys=[_places(round_id), _leases(round_id)], args=arguments)))
        except RedisError:
            return ClaimSaid.UNKNOWN

    def release(self, round_id: UUID, lawyer_id: UUID) -> None:
        """Give a place back that the record did not confirm, or no longer holds."""
        try:
            self._redis.zrem(_leases(round_id), str(lawyer_id))
        except RedisError as error:
            log.debug("no release", error=str(error))

    def refresh(self, session: Session, round_ids: Sequence[UUID]) -> None:
        """Bring these rounds up to the record. Raises RedisError."""
        if not round_ids:
            return
        pipeline = self._redis.pipeline(transaction=False)
        for row in _rows(session, Round.id.in_(round_ids)):
            for key in row.circles.values():
                pipeline.zrem(key, str(row.id))
            if row.round.state == "open":
                pipeline.zadd(row.circle, {str(row.id): row.order})
                row.write_places(pipeline)
            else:
                pipeline.delete(_places(row.id), _leases(row.id))
            if row.due:
                pipeline.zadd(DUE, row.due)
            else:
                pipeline.zrem(DUE, str(row.id))
        pipeline.execute()

    def rebuild(self, session: Session) -> int:
        """Make everything but the presence anew from the record. Returns how many rounds are open. Raises RedisError."""
        rows = _rows(session, Round.state == "open")
        circles: dict[str, dict[str, float]] = defaultdict(dict)
        due: dict[str, float] = {}
        for row in rows:
            due |= row.due
            circles[row.circle][str(row.id)] = row.order
        before = set(self._redis.scan_iter(match=_WAITING + "*", count=1000))
        # One transaction for what is looked at as a whole: nobody sees a queue half made.
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.delete(DUE, *(before | set(circles)))
        if due:
            pipeline.zadd(DUE, due)
        for key, members in circles.items():
            pipeline.zadd(key, members)
        pipeline.execute()
        for start in range(0, len(rows), _AT_ONCE):
            pipeline = self._redis.pipeline(transaction=False)
            for row in rows[start : start + _AT_ONCE]:
                row.write_places(pipeline)
            pipeline.execute()
            time.sleep(_PAUSE_SECONDS)
        return len(rows)

    def seconds_to_next(self) -> float | None:
        """How long until a round is due; None where none is, or Redis cannot say."""
        try:
            first: Any = self._redis.zrange(DUE, 0, 0, withscores=True)
        except RedisError:
            return None
        return float(first[0][1]) - now().timestamp() if first else None

    def waiting(self, tier: str, region: str) -> int:
        """How many rounds wait in a circle (nation: region 100000). Raises RedisError."""
        return int(self._redis.zcard(f"{_WAITING}{tier}:{region}"))

    def seen(self, lawyer_ids: Iterable[UUID]) -> None:
        """These lawyers are at their desks. Raises RedisError."""
        at = now().timestamp()
        members = {str(lawyer_id): at for lawyer_id in lawyer_ids}
        pipeline = self._redis.pipeline(transaction=False)
        if members:
            pipeline.zadd(PRESENT, members)
        pipeline.zremrangebyscore(PRESENT, "-inf", at - _PRESENT_SECONDS)
        pipeline.execute()

    def present(self) -> set[UUID]:
        """The lawyers who are at their desks. Raises RedisError."""
        found: Any = self._redis.zrangebyscore(PRESENT, now().timestamp() - _PRESENT_SECONDS, "+inf")
        return {UUID(each) for each in found}


class _Row:
    """An open round as the queue holds it."""

    def __init__(self, row: Any, leases: Sequence[tuple[UUID, datetime]]) -> None:
        self.round, self.leases = row, leases
        self.id: UUID = row.id
        self.circles = _circles(row)
        self.circle = self.circles[row.tier]

    @property
    def due(self) -> dict[str, float]:
        return {str(self.id): self.round.due_at.timestamp()} if self.round.due_at else {}

    @property
    def order(self) -> float:
        return float((self.round.due_at or self.round.started_at).timestamp())

    def write_places(self, pipeline: "Pipeline") -> None:
        places, leases = _places(self.id), _leases(self.id)
        pipeline.hset(places, mapping={"quorum": self.round.quorum, "answered": self.round.answered})
        pipeline.expire(places, _KEPT_SECONDS)
        pipeline.delete(leases)
        if self.leases:
            pipeline.zadd(leases, {str(lawyer_id): _milliseconds(until) for lawyer_id, until in self.leases})
            pipeline.expire(leases, _KEPT_SECONDS)


def _rows(session: Session, chosen: ColumnElement[bool]) -> list[_Row]:
    """These rounds, with the leases that are held. Columns and no objects: every open round is read twice a minute."""
    joined = select(*_COLUMNS).join(Consultation, Consultation.id == Round.consultation_id).where(chosen)
    held = select(Lease.round_id, Lease.lawyer_id, Lease.expires_at).join(Round, Round.id == Lease.round_id)
    leases: dict[UUID, list[tuple[UUID, datetime]]] = defaultdict(list)
    for round_id, lawyer_id, until in session.execute(held.where(chosen, Lease.expires_at > database_now(session))):
        leases[round_id].append((lawyer_id, until))
    return [_Row(row, leases[row.id]) for row in session.execute(joined)]


_COLUMNS = (
    Round.id, Round.tier, Round.state, Round.quorum, Round.answered, Round.due_at, Round.started_at,
    Consultation.region, Consultation.city, Consultation.province,
)  # fmt: skip


def _circles(consultation: Any) -> dict[str, str]:
    """Where a round of the consultation (or of a row with its places) waits, by its tier."""
    regions = {
        "addressed": consultation.region, "city": consultation.city or consultation.region,
        "province": consultation.province or consultation.region, "nation": NATION,
    }  # fmt: skip
    return {tier: f"{_WAITING}{tier}:{region}" for tier, region in regions.items()}


def _places(round_id: UUID) -> str:
    return f"{PREFIX}queue:{{{round_id}}}:places"


def _leases(round_id: UUID) -> str:
    return f"{PREFIX}queue:{{{round_id}}}:leases"


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)

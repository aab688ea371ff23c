"""Two hundred lawyers want the same rounds: claims that succeed, and attempts, in a second. Never more than the quorum.

Each lawyer tries every round once, all in the same order, so that they meet at each. First in this process, a thread for each
lawyer, then over the interface of an api process, a connection for each. A dispatcher runs beside them.
"""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

from redis import Redis

from benchmarks.escalation_parts.figures import percentiles_ms
from benchmarks.escalation_parts.rows import Rows
from benchmarks.escalation_parts.world import Tell, World, cpu_seconds
from core.clock import now
from escalation import desk
from escalation.errors import Conflict
from escalation.policy import Policy
from escalation.queue import LiveQueue

REGION = "150900"
_SETTLE_SECONDS = 2  # within which a dispatcher that has begun brings the live queue up to the record
POLICY = Policy(province_after=36_000, nation_after=72_000, broken_after=108_000, lease_seconds=36_000)


def claim(world: World, round_id: UUID, lawyer_id: UUID) -> None:
    """What is measured in this process: exchange it for another way in. Raises Conflict when the places are taken."""
    desk.claim(world.database, _queue(world.redis), round_id, lawyer_id, POLICY)


@cache
def _queue(redis: "Redis") -> LiveQueue:
    return LiveQueue(redis)


class Fight:
    """Who got which round, who tried, and how long each try took."""

    def __init__(self, seconds: float) -> None:
        self._begun = time.perf_counter()
        self._until = self._begun + seconds
        self._ended = self._begun
        self._took: list[float] = []
        self._winners: list[UUID] = []

    def tries(self, rounds: Sequence[UUID]) -> Iterator[UUID]:
        """The rounds one after the other, until all have been tried or the time is up."""
        return (round_id for round_id in rounds if time.perf_counter() < self._until)

    def tried(self, round_id: UUID, began: float, won: bool) -> None:
        """(Lists take appends from many threads at once.)"""
        self._ended = time.perf_counter()
        self._took.append(self._ended - began)
        if won:
            self._winners.append(round_id)

    def result(self) -> dict[str, float]:
        """Raises SystemExit when a round was given to more lawyers than its quorum."""
        wall = self._ended - self._begun
        most = max(Counter(self._winners).values())
        if most > POLICY.quorum:
            raise SystemExit(f"{most} lawyers hold a round whose quorum is {POLICY.quorum}")
        return {
            "claims_per_s": round(len(self._winners) / wall, 1), "attempts_per_s": round(len(self._took) / wall, 1),
            "claims": len(self._winners), "attempts": len(self._took), "most_holders_of_a_round": most,
            **percentiles_ms("attempt", self._took), "wall_s": round(wall, 2),
        }  # fmt: skip


def measure(world: World, *, lawyers: int, rounds: int, seconds: float, tell: Tell) -> list[dict[str, Any]]:
    """In this process, and over the interface."""
    rows = Rows()
    people = [rows.lawyer(REGION, "city") for _ in range(lawyers)]
    headers = [rows.log_in(lawyer_id) for lawyer_id in people]
    first, second = _open_rounds(world, rows, people, rounds), _open_rounds(world, rows, people, rounds)
    with world.running("dispatcher"):
        time.sleep(_SETTLE_SECONDS)
        tell("claims in this process", 0, 1)
        in_process = _in_threads(world, people, first, seconds)
        tell("claims in this process", 1, 1)
        with world.running("api"):
            tell("claims over the interface", 0, 1)
            over_http = asyncio.run(_over_http(world, headers, second, seconds))
            tell("claims over the interface", 1, 1)
    return [
        {"way": "threads", "lawyers": lawyers, "rounds": rounds, **in_process},
        {"way": "interface", "lawyers": lawyers, "rounds": rounds, **over_http},
    ]


def _open_rounds(world: World, rows: Rows, people: Sequence[UUID], rounds: int) -> list[UUID]:
    at, found = now(), []
    for _ in range(rounds):
        _, _, round_id = rows.consultation(
            REGION, tier="city", state="open", started_at=at, due_at=at + timedelta(hours=10), policy=POLICY
        )
        found.append(round_id)
        for lawyer_id in people:
            rows.push(round_id, lawyer_id, "city", at)
    rows.store(world.database)
    return found


def _in_threads(world: World, people: Sequence[UUID], rounds: Sequence[UUID], seconds: float) -> dict[str, float]:
    fight, start = Fight(seconds), threading.Barrier(len(people))
    # A service has no more threads than connections; here each lawyer is a thread.
    world.redis.connection_pool.max_connections = 2 * len(people)

    def work(lawyer_id: UUID) -> None:
        start.wait()
        for round_id in fight.tries(rounds):
            began = time.perf_counter()
            try:
                claim(world, round_id, lawyer_id)
            except Conflict:
                fight.tried(round_id, began, won=False)
            else:
                fight.tried(round_id, began, won=True)

    threads = [threading.Thread(target=work, args=[lawyer_id]) for lawyer_id in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return fight.result()


async def _over_http(
    world: World, headers: Sequence[dict[str, str]], rounds: Sequence[UUID], seconds: float
) -> dict[str, Any]:
    """Connections are opened before the time begins and kept."""
    host, port = world.settings.host, world.settings.port
    lines = ["".join(f"{name}: {value}\r\n" for name, value in of.items()) for of in headers]
    streams = [await asyncio.open_connection(host, port) for _ in headers]
    before, fight, statuses = cpu_seconds(), Fight(seconds), Counter[int]()

    async def work(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str) -> None:
        for round_id in fight.tries(rounds):
            began = time.perf_counter()
            path = f"/v1/desk/rounds/{round_id}/claim"
            writer.write(f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n{head}\r\n".encode())
            status = await _status(reader)
            statuses[status] += 1
            fight.tried(round_id, began, won=status == 200)
        writer.close()

    await asyncio.gather(*(work(*stream, head) for stream, head in zip(streams, lines, strict=True)))
    if unexpected := {status: times for status, times in statuses.items() if status not in (200, 409)}:
        raise SystemExit(f"claims over the interface were answered with {unexpected}")
    used = {name: seconds - before.get(name, 0) for name, seconds in cpu_seconds().items()}
    return {**fight.result(), "client_share_of_cpu": round(used["client"] / sum(used.values()), 3)}


async def _status(reader: asyncio.StreamReader) -> int:
    """Read one response with a Content-Length; its status."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = head.split(b"content-length:")[1].split(b"\r\n")[0]
    await reader.readexactly(int(length))
    return int(head.split(b" ", 2)[1])

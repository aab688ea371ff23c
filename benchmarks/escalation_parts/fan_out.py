"""One question to everybody: when the last live desk shows it, and when every push is in the record.

The lawyers belong to the nation's circle and to another province than the citizens, so that a question goes to all of them at
once. Time begins when the question was accepted: `started_at` of its round, from which the promise counts too, before the
first push is written. Desks are real connections to a real api process, all read by one event loop that only looks for the
question's mark and the time; what it takes of the processors is told beside the rest.
"""

import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
import psutil
from sqlalchemy import func, select

from benchmarks.escalation_parts.rows import QUESTION, Rows, codes
from benchmarks.escalation_parts.world import Tell, World, cpu_seconds, resident_megabytes
from core.database import Database
from escalation.models import Consultation, Push, Round

CITIZENS_REGION = "150900"
_SHOWN_WITHIN_SECONDS = 120
_CONNECTING_AT_ONCE = 50
_LOOK_EVERY_SECONDS = 0.05
_LETTERS = str.maketrans("0123456789", "ghijklmnop")


class Desk(asyncio.Protocol):
    """A lawyer's live connection, which notes when a text arrives."""

    def __init__(self, host: str, headers: dict[str, str]) -> None:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._request = f"GET /v1/desk/events HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n".encode()
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self._shown: asyncio.Future[float] = loop.create_future()
        self._mark, self._tail = b"", b""

    def look_for(self, mark: str) -> "asyncio.Future[float]":
        """The time at which the mark will have arrived."""
        self._mark, self._tail = mark.encode(), b""
        self._shown = asyncio.get_running_loop().create_future()
        return self._shown

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        at = time.time()
        if not self.opened.done():
            status = data.split(b"\r\n", 1)[0]
            if b" 200 " not in status:
                self.opened.set_exception(ConnectionError(f"the desk's events: {status.decode()}"))
            else:
                self.opened.set_result(None)
        if self._mark and not self._shown.done():
            self._tail += data
            if self._mark in self._tail:
                self._shown.set_result(at)
            self._tail = self._tail[-len(self._mark) :]

    def connection_lost(self, _error: Exception | None) -> None:
        for future in (self.opened, self._shown):
            if not future.done():
                future.set_exception(ConnectionError("the api has closed a desk's connection"))


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of one question, in seconds from its acceptance."""

    answered: float
    """The citizen has the service's reply (from when they sent it)."""
    half_the_desks: float
    last_desk: float
    last_desk_from_sending: float
    recorded: float
    cpu: dict[str, float]
    """Processor seconds of each process until then."""


def measure(world: World, *, lawyers: int, desks: int, questions: int, tell: Tell) -> dict[str, Any]:
    rows = Rows()
    places = [code for code in codes("prefecture") if not code.startswith(CITIZENS_REGION[:2])]
    people = [rows.lawyer(places[number % len(places)], "nation") for number in range(lawyers)]
    headers = [rows.log_in(lawyer_id) for lawyer_id in people[:: lawyers // desks][:desks]]
    rows.store(world.database)
    with world.running("api"), world.running("dispatcher"):
        asked, megabytes = asyncio.run(_ask(world, headers, lawyers, questions, tell))
    asked = asked[1:]  # the first one found everything cold
    used = {name: round(statistics.median(each.cpu.get(name, 0) for each in asked), 3) for name in asked[0].cpu}
    return {
        "fanout_s": _median([each.last_desk for each in asked]),
        "recorded_s": _median([each.recorded for each in asked]),
        "half_the_desks_s": _median([each.half_the_desks for each in asked]),
        "fanout_from_sending_s": _median([each.last_desk_from_sending for each in asked]),
        "reply_to_citizen_s": _median([each.answered for each in asked]),
        "fanout_each_s": [round(each.last_desk, 3) for each in asked],
        "recorded_each_s": [round(each.recorded, 3) for each in asked],
        "lawyers": lawyers, "desks": len(headers), "questions": len(asked),
        "cpu_s": used, "client_share_of_cpu": round(used["client"] / sum(used.values()), 3), "api_rss_mb": megabytes,
    }  # fmt: skip


async def _ask(
    world: World, headers: Sequence[dict[str, str]], lawyers: int, questions: int, tell: Tell
) -> tuple[list[Asked], float]:
    async with httpx.AsyncClient(base_url=world.settings.local_url, trust_env=False, timeout=60) as citizen:
        desks = await _open_desks(world, headers, tell)
        await _rest()
        asked = []
        for number in range(questions + 1):
            asked.append(await _ask_one(world, citizen, desks, lawyers))
            tell("questions to everybody", number, questions)
            await _rest()
        megabytes = resident_megabytes("api")
        for desk in desks:
            desk.transport.close()
        return asked, megabytes


async def _ask_one(world: World, citizen: httpx.AsyncClient, desks: Sequence[Desk], lawyers: int) -> Asked:
    started = (await citizen.post("/v1/conversations", json={"region": CITIZENS_REGION})).json()
    # Letters alone: figures might be taken for somebody's telephone number and masked.
    mark = "mark" + UUID(started["conversation_id"]).hex.translate(_LETTERS)
    shown = [desk.look_for(mark) for desk in desks]
    before, sent = cpu_seconds(), time.time()
    recording = asyncio.create_task(_recorded(world.database, UUID(started["conversation_id"]), lawyers))
    response = await citizen.post(
        f"/v1/conversations/{started['conversation_id']}/messages",
        json={"text": f"{QUESTION}（{mark}）", "client_message_id": mark},
        headers={"Authorization": f"Bearer {started['token']}"},
    )
    answered = time.time() - sent
    response.raise_for_status()
    try:
        arrived = sorted(await asyncio.wait_for(asyncio.gather(*shown), _SHOWN_WITHIN_SECONDS))
        accepted, recorded = await asyncio.wait_for(recording, _SHOWN_WITHIN_SECONDS)
    except TimeoutError:
        done = sum(future.done() and not future.cancelled() for future in shown)
        said = f"after {_SHOWN_WITHIN_SECONDS} s {done} of {len(desks)} desks have shown the question"
        raise SystemExit(said if done < len(desks) else f"{said}, but not all its pushes are recorded") from None
    after, begun = cpu_seconds(), accepted.timestamp()
    return Asked(
        answered=answered,
        half_the_desks=arrived[len(arrived) // 2] - begun,
        last_desk=arrived[-1] - begun,
        last_desk_from_sending=arrived[-1] - sent,
        recorded=recorded - begun,
        cpu={name: seconds - before.get(name, 0) for name, seconds in after.items()},
    )


async def _open_desks(world: World, headers: Sequence[dict[str, str]], tell: Tell) -> list[Desk]:
    loop, gate, opened = asyncio.get_running_loop(), asyncio.Semaphore(_CONNECTING_AT_ONCE), 0

    async def open_desk(of: dict[str, str]) -> Desk:
        nonlocal opened
        async with gate:
            host, port = world.settings.host, world.settings.port
            _, desk = await loop.create_connection(lambda: Desk(f"{host}:{port}", of), host, port)
            await asyncio.wait_for(desk.opened, _SHOWN_WITHIN_SECONDS)
        opened += 1
        if opened % 20 == 0:
            tell("desks", opened, len(headers))
        return desk

    return await asyncio.gather(*(open_desk(of) for of in headers))


async def _recorded(database: Database, conversation_id: UUID, lawyers: int) -> tuple[datetime, float]:
    """When the conversation's round was accepted, and when it was seen that all its pushes are committed."""
    while True:
        found = await asyncio.to_thread(_pushed, database, conversation_id)
        if found is not None and found[1] >= lawyers:
            return found[0], time.time()
        await asyncio.sleep(_LOOK_EVERY_SECONDS)


def _pushed(database: Database, conversation_id: UUID) -> tuple[datetime, int] | None:
    with database.read() as session:
        of = select(Round.id, Round.started_at).join(Consultation, Consultation.id == Round.consultation_id)
        round_ = session.execute(of.where(Consultation.conversation_id == conversation_id)).one_or_none()
        if round_ is None:
            return None
        counted = select(func.count()).select_from(Push).where(Push.round_id == round_.id)
        return round_.started_at, session.execute(counted).scalar_one()


async def _rest() -> None:
    """Until what the last question set in motion is over: our processes leave the processors alone for a second."""
    before = cpu_seconds()
    for _ in range(60):
        await asyncio.sleep(1)
        after = cpu_seconds()
        if sum(after.values()) - sum(before.values()) < 0.1 * psutil.cpu_count():
            return
        before = after


def _median(seconds: Sequence[float]) -> float:
    return round(statistics.median(seconds), 3)

"""Live desks: what a change costs is one look at the record for each process, however many desks watch there.

The rounds that some desk shows are held here as the desks show them. An event names the round that has changed; it is read
once, and each desk concerned is handed its line. A desk's whole queue is read from the record when it opens, and again
now and then, so that a lost event is missed for a minute at the most.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from redis import RedisError
from starlette.concurrency import run_in_threadpool

from api.live import HEARTBEAT_SECONDS
from core.database import Database
from core.log import get_logger
from escalation.desk import DeskRound, RoundView, round_views, waiting_rounds
from escalation.queue import LiveQueue
from escalation.reach import reached_among
from escalation.staff import valid_sessions

_READ_AGAIN_SECONDS = (45.0, 75.0)

log = get_logger("desks")


@dataclass(frozen=True, slots=True)
class Shown:
    """What a desk shows now."""

    rounds: list[DeskRound]
    """The queue in order."""
    touched: frozenset[UUID] | None
    """Consultations in which something has happened since the last time; None where that is not known."""


@dataclass(eq=False)
class _Desk:
    lawyer_id: UUID
    session: str
    """Hash of the log-in's token: the desk is closed when that ends."""
    rounds: dict[UUID, DeskRound] = field(default_factory=dict)
    touched: set[UUID] | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    over: bool = False


@dataclass(frozen=True, slots=True)
class _Look:
    """What the record says of some rounds, for some lawyers and log-ins."""

    views: dict[UUID, RoundView]
    reached: set[tuple[UUID, UUID]]
    sessions: set[str]


class Desks:
    """The desks that watch in this process."""

    def __init__(self, database: Database, queue: LiveQueue) -> None:
        self._database, self._queue = database, queue
        self._desks: set[_Desk] = set()
        self._changed: set[UUID] = set()
        self._all = False
        self._work = asyncio.Event()

    def heard(self, data: dict[str, Any] | None) -> None:
        """An event for desks: the round it names has changed, or nobody knows which (see `Hub.listen`)."""
        if data is not None and "round_id" in data:
            self._changed.add(UUID(data["round_id"]))
        else:
            self._all = True
        self._work.set()

    async def watch(self, lawyer_id: UUID, session: str) -> AsyncIterator[Shown | None]:
        """The queue at once and whenever it has changed, None at each heartbeat without a change; until the log-in ends."""
        desk = _Desk(lawyer_id, session)
        self._desks.add(desk)
        try:
            await self._read(desk)
            read_again_at = self._later()
            while not desk.over:
                if desk.changed.is_set():
                    desk.changed.clear()
                    touched, desk.touched = desk.touched, set()
                    rounds = sorted(desk.rounds.values(), key=lambda each: each.order)
                    yield Shown(rounds, None if touched is None else frozenset(touched))
                try:
                    await asyncio.wait_for(desk.changed.wait(), HEARTBEAT_SECONDS)
                except TimeoutError:
                    yield None
                if asyncio.get_running_loop().time() > read_again_at:
                    await self._read(desk)
                    read_again_at = self._later()
        finally:
            self._desks.discard(desk)

    async def run(self) -> None:
        """Until cancelled: read what has changed and hand it to the desks; tell the queue who is there."""
        seen = asyncio.create_task(self._be_seen())
        try:
            while True:
                await self._work.wait()
                self._work.clear()
                try:
                    await self._hand_out()
                except Exception:
                    log.exception("更新解答台出错，稍后重读")
                    self._all = True
                    self._work.set()
                    await asyncio.sleep(1)
        finally:
            seen.cancel()

    def close(self) -> None:
        """End every `watch`."""
        for desk in self._desks:
            desk.over = True
            desk.changed.set()

    async def _hand_out(self) -> None:
        everything, self._all = self._all, False
        changed, self._changed = list(self._changed), set()
        desks = list(self._desks)
        if everything:
            for desk in desks:
                await self._read(desk)
        if not desks or not changed:
            return
        lawyers, sessions = list({desk.lawyer_id for desk in desks}), list({desk.session for desk in desks})
        look = await run_in_threadpool(self._look, changed, lawyers, sessions)
        for desk in desks:
            if desk.session not in look.sessions:
                desk.over = True
                desk.changed.set()
            else:
                _update(desk, changed, look)

    @staticmethod
    def _later() -> float:
        """When a desk is read again, on the loop's clock: not all of them in one moment."""
        return asyncio.get_running_loop().time() + random.uniform(*_READ_AGAIN_SECONDS)  # noqa: S311

    def _look(self, round_ids: Sequence[UUID], lawyer_ids: Sequence[UUID], sessions: Sequence[str]) -> _Look:
        with self._database.read() as session:
            return _Look(
                round_views(session, round_ids),
                reached_among(session, round_ids, lawyer_ids),
                valid_sessions(session, sessions),
            )

    async def _read(self, desk: _Desk) -> None:
        """Bring the whole queue of one desk up to the record."""

        def look() -> tuple[list[DeskRound], set[str]]:
            with self._database.read() as session:
                return waiting_rounds(session, desk.lawyer_id), valid_sessions(session, [desk.session])

        found, valid = await run_in_threadpool(look)
        rounds = {each.view.id: each for each in found}
        desk.over = desk.over or not valid
        if rounds != desk.rounds or desk.touched is None or desk.over:
            desk.rounds, desk.touched = rounds, None
            desk.changed.set()

    async def _be_seen(self) -> None:
        while True:
            lawyers = {desk.lawyer_id for desk in self._desks}
            with suppress(RedisError):
                await run_in_threadpool(self._queue.seen, lawyers)
            await asyncio.sleep(HEARTBEAT_SECONDS)


def _update(desk: _Desk, changed: Sequence[UUID], look: _Look) -> None:
    """Bring some lines of a desk up to what was read; wake it where that changes what it shows."""
    for round_id in changed:
        view = look.views.get(round_id)
        if view is None:
            continue
        here = view.state == "open" and (round_id, desk.lawyer_id) in look.reached
        line = DeskRound.of(view, desk.lawyer_id) if here else None
        concerns = here or round_id in desk.rounds or (round_id, desk.lawyer_id) in look.reached
        if line is not None:
            desk.rounds[round_id] = line
        else:
            desk.rounds.pop(round_id, None)
        if concerns:
            if desk.touched is not None:
                desk.touched.add(view.consultation_id)
            desk.changed.set()

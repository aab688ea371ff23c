"""The carrier: takes what was said to callers to them, in a thread of every dispatcher process. Any number may run.

One channel's outage does not slow another: each has its own room, its own circuit, and is asked for its own share.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from channels.adapter import Adapter, AllowanceSpent, Parcel
from channels.outgoing import Outcome, anything_due, record_outcomes, take_parcels
from core.database import Database
from core.log import get_logger
from core.security import Vault
from core.settings import Settings
from escalation.media.circuits import Circuits, PutOff
from escalation.media.medium import DeliveryFailed, Rejected, Undeliverable

_AT_ONCE = 50
_ATTEMPT_SECONDS = 30  # well below outgoing.LEASE
_POLL_SECONDS = 0.3
_GRACE_SECONDS = 5

log = get_logger("channels")
_T = TypeVar("_T")


class Carrier:
    """One sender over one database."""

    def __init__(
        self, database: Database, settings: Settings, adapters: Callable[[Database, Settings], Sequence[Adapter]]
    ) -> None:
        """`adapters` is called inside the event loop that their clients will live in."""
        self._database = database
        self._settings = settings
        self._make = adapters
        self._vault = Vault(settings)
        self._circuits = Circuits()
        self._outcomes: list[Outcome] = []
        self._woken = asyncio.Event()

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop; what is under way then has a few seconds to end, or is sent again by another."""
        asyncio.run(self._work(stop))

    async def _work(self, stop: threading.Event) -> None:
        adapters = self._make(self._database, self._settings)
        sending: dict[str, set[asyncio.Task[None]]] = {adapter.channel: set() for adapter in adapters}
        with ThreadPoolExecutor(1, "channels") as self._database_thread:
            try:
                while not stop.is_set():
                    self._woken.clear()
                    await self._turn(adapters, sending)
                    await self._wait()
                if under_way := set().union(*sending.values()):
                    await asyncio.wait(under_way, timeout=_GRACE_SECONDS)
                await self._in_thread(self._record)
            finally:
                for adapter in adapters:
                    await adapter.close()

    async def _turn(self, adapters: Sequence[Adapter], sending: dict[str, set[asyncio.Task[None]]]) -> None:
        try:
            await self._in_thread(self._record)  # before anything is taken: without a database there is no sending
            for adapter in adapters:
                under_way = sending[adapter.channel]
                room = _AT_ONCE - len(under_way)
                for parcel in await self._in_thread(partial(self._take, adapter, room)) if room else ():
                    task = asyncio.create_task(self._carry(adapter, parcel))
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)
        except Exception:
            log.exception("发送出错，下一轮重试")

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(_POLL_SECONDS):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _carry(self, adapter: Adapter, parcel: Parcel) -> None:
        self._outcomes.append(await self._try(adapter, parcel))
        self._woken.set()

    async def _try(self, adapter: Adapter, parcel: Parcel) -> Outcome:
        try:
            with self._circuits.through(adapter.circuit(parcel)):
                try:
                    async with asyncio.timeout(_ATTEMPT_SECONDS):
                        await adapter.send(parcel)
                except TimeoutError as error:
                    raise DeliveryFailed("对方没有及时回应") from error
                except AllowanceSpent:
                    return Outcome(parcel, spent=True)
        except PutOff as put_off:
            return Outcome(parcel, str(put_off), put_off_seconds=put_off.seconds)
        except DeliveryFailed as error:
            return Outcome(
                parcel, str(error), never=isinstance(error, Undeliverable), refused=isinstance(error, Rejected)
            )
        except Exception:
            log.exception("发送出错", conversation=str(parcel.end.conversation_id))
            return Outcome(parcel, "发送程序出错，详见日志")
        return Outcome(parcel)

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._database_thread, work)

    def _take(self, adapter: Adapter, limit: int) -> list[Parcel]:
        with self._database.read() as session:
            if not anything_due(session, adapter.channel):
                return []
        with self._database.write() as session:
            return take_parcels(session, adapter, self._vault, limit)

    def _record(self) -> None:
        count = len(self._outcomes)
        if count:
            with self._database.write() as session:
                record_outcomes(session, self._outcomes[:count])
            del self._outcomes[:count]

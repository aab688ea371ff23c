"""The courier: sends due deliveries, in a thread of every dispatcher process. Any number may run; each may die at any moment.

It is asynchronous inside: a receiver that does not answer costs a socket and not a thread, so that a hundred of them hold
up nobody else. The database is used from one thread beside the event loop.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from core.database import Database
from core.log import get_logger
from core.settings import Settings
from escalation.deliveries import Outcome, anything_due, record_outcomes, take_deliveries
from escalation.media.circuits import Circuits, PutOff
from escalation.media.medium import DeliveryFailed, Medium, Notice, Undeliverable
from escalation.media.webhook import SignedWebhook
from escalation.media.wechat import WeChatTemplate

_AT_ONCE = 100  # by each medium, so that a flood in one does not hold up another
_ATTEMPT_SECONDS = 30  # well below deliveries.LEASE
_POLL_SECONDS = 1
_GRACE_SECONDS = 5

log = get_logger("deliveries")
_T = TypeVar("_T")


class Courier:
    """One sender over one database."""

    def __init__(self, database: Database, settings: Settings, circuits: Circuits | None = None) -> None:
        self.database = database
        self.settings = settings
        self.circuits = circuits or Circuits()
        self._media: dict[str, Medium] = {}
        self._sending: dict[str, set[asyncio.Task[None]]] = {}
        self._outcomes: list[Outcome] = []
        self._woken = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop; what is under way then has a few seconds to end, or is sent again by another."""
        asyncio.run(self._work(stop))

    def wake(self) -> None:
        """There may be new deliveries: look now and not at the next poll. From any thread, at any time."""
        loop = self._loop
        if loop is not None:
            try:
                loop.call_soon_threadsafe(self._woken.set)
            except RuntimeError:
                return  # it has just ended

    async def _work(self, stop: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        # Name look-ups run in the loop's own threads, and some hang for seconds.
        self._loop.set_default_executor(ThreadPoolExecutor(32, "names"))
        self._media = {"webhook": SignedWebhook(self.settings), "wechat": WeChatTemplate(self.settings)}
        with ThreadPoolExecutor(1, "deliveries") as self._database_thread:
            try:
                while not stop.is_set():
                    self._woken.clear()
                    await self._turn()
                    await self._wait()
                await self._finish()
            finally:
                self._loop = None
                for medium in self._media.values():
                    await medium.close()

    async def _turn(self) -> None:
        """Record what has come of the sendings, then start as many as there is room for."""
        try:
            await self._in_thread(self._record)  # before anything is taken: without a database there is no sending
            for medium in self._media:
                sending = self._sending.setdefault(medium, set())
                room = _AT_ONCE - len(sending)
                if room:
                    for notice in await self._in_thread(partial(self._take, medium, room)):
                        task = asyncio.create_task(self._deliver(notice))
                        sending.add(task)
                        task.add_done_callback(sending.discard)
        except Exception:
            log.exception("投递出错，下一轮重试")

    async def _wait(self) -> None:
        """Until a sending ends, somebody wakes us, or the poll interval is over."""
        try:
            async with asyncio.timeout(_POLL_SECONDS):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _finish(self) -> None:
        if under_way := set().union(*self._sending.values()):
            _, late = await asyncio.wait(under_way, timeout=_GRACE_SECONDS)
            for sending in late:
                sending.cancel()
            if late:
                await asyncio.wait(late)
        try:
            await self._in_thread(self._record)
        except Exception:
            log.exception("投递结果没有记下，由下一个分发进程重发")

    async def _deliver(self, notice: Notice) -> None:
        self._outcomes.append(await self._try(notice))
        self._woken.set()

    async def _try(self, notice: Notice) -> Outcome:
        medium = self._media[notice.medium]
        try:
            if not notice.address:
                raise Undeliverable("律师没有登记这种联系方式")
            with self.circuits.through(medium.circuit(notice)):
                await _within(_ATTEMPT_SECONDS, medium.send(notice))
        except PutOff as put_off:
            return Outcome(notice, str(put_off), put_off_seconds=put_off.seconds)
        except DeliveryFailed as error:
            return Outcome(notice, str(error), never=isinstance(error, Undeliverable))
        except Exception:
            log.exception("投递出错", delivery=str(notice.id))
            return Outcome(notice, "发送程序出错，详见日志")
        return Outcome(notice)

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._database_thread, work)

    def _take(self, medium: str, limit: int) -> list[Notice]:
        with self.database.read() as session:
            if not anything_due(session, medium):
                return []
        with self.database.write() as session:
            return take_deliveries(session, medium, limit)

    def _record(self) -> None:
        """In one transaction all that have ended since the last turn; they are kept until it is committed."""
        count = len(self._outcomes)
        if count:
            with self.database.write() as session:
                record_outcomes(session, self._outcomes[:count])
            del self._outcomes[:count]


async def _within(seconds: float, sending: Coroutine[None, None, None]) -> None:
    try:
        async with asyncio.timeout(seconds):
            await sending
    except TimeoutError:
        raise DeliveryFailed("对方没有及时回应") from None

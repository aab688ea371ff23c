"""Live desks: each shows what was pushed to its lawyer, as it stands, as long as its log-in holds."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from factories import HANGZHOU, POLICY, a_consultation, a_lawyer, a_message, the_round
from people import PASSWORD
from redis import Redis

from api.desk.live import Desks, Shown
from core import clock
from core.database import Database
from core.security import hash_token
from escalation import consultations, desk
from escalation.models import Lawyer
from escalation.queue import LiveQueue
from escalation.staff import create_staff, log_in, log_out


class Desk:
    """One open desk, read as its stream is."""

    def __init__(self, desks: Desks, lawyer: Lawyer, session: str) -> None:
        self.lawyer = lawyer
        self._stream = desks.watch(lawyer.id, session)
        self._reading: asyncio.Future[Shown | None] | None = None

    async def next(self, seconds: float = 5) -> Shown:
        """What it shows next, heartbeats left out. Raises TimeoutError, and loses nothing by that."""
        while True:
            self._reading = self._reading or asyncio.ensure_future(anext(self._stream))
            done, _ = await asyncio.wait([self._reading], timeout=seconds)
            if not done:
                raise TimeoutError
            reading, self._reading = self._reading, None
            shown = reading.result()
            if shown is not None:
                return shown

    async def is_quiet(self) -> bool:
        try:
            await self.next(0.3)
        except TimeoutError:
            return True
        return False

    async def has_ended(self) -> bool:
        try:
            await self.next()
        except StopAsyncIteration:
            return True
        return False


def a_log_in(database: Database, lawyer: Lawyer) -> str:
    """The token of a fresh log-in."""
    with database.write() as session:
        create_staff(session, login=lawyer.licence, name=lawyer.name, password=PASSWORD, role="lawyer", lawyer=lawyer)
        return log_in(session, lawyer.licence, PASSWORD, hours=1).token


@asynccontextmanager
async def working(desks: Desks) -> AsyncIterator[None]:
    task = asyncio.create_task(desks.run())
    try:
        yield
    finally:
        desks.close()
        task.cancel()


@pytest.fixture
def watched(database: Database, redis: "Redis") -> Callable[[Callable[[Desks], Awaitable[None]]], None]:
    """Runs a scene over desks that read what they are told of."""

    def run(scene: Callable[[Desks], Awaitable[None]]) -> None:
        async def whole() -> None:
            desks = Desks(database, LiveQueue(redis))
            async with working(desks):
                await scene(desks)

        # In a thread of its own: after browser tests this one has an event loop running.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, whole()).result()

    return run


Watched = Callable[[Callable[[Desks], Awaitable[None]]], None]


def test_a_round_appears_changes_and_goes(database: Database, watched: Watched) -> None:
    here, elsewhere = a_lawyer(database), a_lawyer(database, HANGZHOU)
    tokens = [a_log_in(database, each) for each in (here, elsewhere)]

    async def scene(desks: Desks) -> None:
        first, second = (
            Desk(desks, who, hash_token(token)) for who, token in zip((here, elsewhere), tokens, strict=True)
        )
        assert (await first.next()).rounds == (await second.next()).rounds == []
        consultation = a_consultation(database)
        round_id = the_round(database, consultation).id
        desks.heard({"round_id": str(round_id)})
        [line] = (await first.next()).rounds
        assert (line.view.question, line.mine) == ("房东不退押金怎么办", False)
        with database.write() as session:
            desk.claim_round(session, round_id, here.id)
        desks.heard({"round_id": str(round_id)})
        shown = await first.next()
        assert shown.rounds[0].mine
        assert shown.touched == {consultation.id}
        with database.write() as session:
            consultations.close_consultation(session, consultation.id)
        desks.heard({"round_id": str(round_id)})
        assert (await first.next()).rounds == []
        assert await second.is_quiet()  # never pushed there: not a word of it

    watched(scene)


def test_urgent_comes_first_then_what_is_addressed_to_the_lawyer_then_the_oldest(
    database: Database, watched: Watched
) -> None:
    lawyer = a_lawyer(database)
    token = a_log_in(database, lawyer)
    old = the_round(database, a_consultation(database, text="甲"))
    consultation = a_consultation(database, text="乙")
    with database.write() as session:
        desk.answer_round(session, the_round(database, consultation).id, lawyer.id, "可以。")
    clock.advance(5)
    message = a_message(database, consultation.conversation_id, "丙")
    with database.write() as session:
        asked_on = consultations.ask_follow_up(session, consultation.id, message.id, POLICY)
    urgent = a_message(database, consultation.conversation_id, "丁")
    with database.write() as session:
        consultations.open_consultation(session, urgent.id, POLICY, urgent=True)

    async def scene(desks: Desks) -> None:
        shown = await Desk(desks, lawyer, hash_token(token)).next()
        assert [line.view.question for line in shown.rounds] == ["丁", "丙", "甲", "乙"]
        assert [line.view.id for line in shown.rounds][1:3] == [asked_on.id, old.id]

    watched(scene)


def test_a_desk_closes_with_its_log_in(database: Database, watched: Watched) -> None:
    lawyer = a_lawyer(database)
    token = a_log_in(database, lawyer)

    async def scene(desks: Desks) -> None:
        mine = Desk(desks, lawyer, hash_token(token))
        await mine.next()
        with database.write() as session:
            log_out(session, token)
        desks.heard({"round_id": str(the_round(database, a_consultation(database)).id)})
        assert await mine.has_ended()

    watched(scene)


def test_when_events_may_have_been_missed_everything_is_read_again(database: Database, watched: Watched) -> None:
    lawyer = a_lawyer(database)
    token = a_log_in(database, lawyer)

    async def scene(desks: Desks) -> None:
        mine = Desk(desks, lawyer, hash_token(token))
        await mine.next()
        round_id: UUID = the_round(database, a_consultation(database)).id
        assert await mine.is_quiet()
        desks.heard(None)
        assert [line.view.id for line in (await mine.next()).rounds] == [round_id]

    watched(scene)

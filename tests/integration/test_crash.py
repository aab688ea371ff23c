"""What is there before and after processes are killed and Redis forgets everything, with real processes and under load.

`-s` prints the counts.
"""

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from escalation_walk.record import Record
from factories import (
    HANGZHOU,
    HOHHOT,
    POLICY,
    ULANQAB,
    a_consultation,
    a_conversation,
    a_lawyer,
    the_round,
    wait_until,
)
from redis import Redis
from sqlalchemy import func, select

from core import live
from core.clock import now
from core.database import Database
from core.settings import ROOT, Settings
from escalation import consultations, conversations, desk
from escalation.dispatcher import EVENTS, Dispatcher
from escalation.errors import Conflict, NotFound
from escalation.models import AuditRow, Message, OutboxEvent, Round
from escalation.policy import Policy
from escalation.queue import ClaimSaid, LiveQueue

KILLS = 8
ROUNDS_PER_KILL = 20
FLUSHED_FOR_SECONDS = 10
LATEST_SECONDS = 30
"""How late anything may be because Redis was emptied (design §2)."""


class DispatcherProcess:
    """`wenfa dispatcher` in a process of its own."""

    def __init__(self, settings: Settings, database: Database, log: Path) -> None:
        self.log = log
        environment = {name: value for name, value in os.environ.items() if not name.startswith("WENFA_")}
        url = database.engine.url.render_as_string(hide_password=False)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "wenfa", "dispatcher"],
            cwd=ROOT,
            env={**environment, "WENFA_HOME": str(settings.home_dir), "WENFA_DATABASE_URL": url},
            stdout=log.open("w"),
            stderr=subprocess.STDOUT,
        )

    def works(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return "分发进程开始工作" in self.log.read_text()

    def kill(self) -> None:
        """As the kernel does when memory runs out."""
        self.process.kill()
        self.process.wait()


@pytest.fixture
def start(
    settings: Settings, database: Database, redis: "Redis", tmp_path: Path
) -> Iterator[Callable[[], DispatcherProcess]]:
    """Starts dispatchers; kills those that are left."""
    started: list[DispatcherProcess] = []

    def start_one() -> DispatcherProcess:
        started.append(DispatcherProcess(settings, database, tmp_path / f"dispatcher{len(started)}.log"))
        return started[-1]

    yield start_one
    for each in started:
        each.kill()


def count(database: Database, *conditions: Any) -> int:
    with database.read() as session:
        return session.execute(select(func.count()).where(*conditions)).scalar_one()


def waiting_events(database: Database) -> int:
    return count(database, OutboxEvent.relayed_at.is_(None))


def due_rounds(database: Database) -> int:
    return count(database, Round.state == "open", Round.due_at <= now())


def stream(redis: "Redis") -> Counter[tuple[str, str, str]]:
    """What live pages were sent: (topic, kind, data), and how often."""
    entries: Any = redis.xrange(EVENTS)
    return Counter((each["topic"], each["kind"], each["data"]) for _, each in entries)


@pytest.mark.timeout(600)
def test_dispatchers_killed_again_and_again_move_every_round_once_and_lose_no_event(
    database: Database, redis: "Redis", start: Callable[[], DispatcherProcess]
) -> None:
    for region, tier in ((ULANQAB, "city"), (HOHHOT, "province"), (HANGZHOU, "nation")):
        a_lawyer(database, region, tier)
    quick = Policy(province_after=0.2, nation_after=0.4, broken_after=0.6)
    chance = random.Random(1)
    dispatchers = [start(), start()]
    in_the_middle = 0
    for kill in range(KILLS):
        wait_until(lambda: all(each.works() for each in dispatchers), "a dispatcher does not start", 120)
        for _ in range(ROUNDS_PER_KILL):
            a_consultation(database, policy=quick)
        time.sleep(chance.uniform(0, 0.6))
        dispatchers[kill % 2].kill()
        in_the_middle += bool(due_rounds(database) or waiting_events(database))
        dispatchers[kill % 2] = start()
    opened = KILLS * ROUNDS_PER_KILL
    wait_until(lambda: count(database, Round.broken_at.is_not(None)) == opened, "rounds were left behind", 240)
    wait_until(lambda: waiting_events(database) == 0, "events were left behind", 60)

    with database.read() as session:
        record = Record(session)
        events = Counter(
            (each.topic, each.kind, json.dumps(each.data)) for each in session.execute(select(OutboxEvent)).scalars()
        )
    record.check(now())  # each tier once, in order, not early; each promise broken once
    for moves in record.moves.values():
        assert [(each.tier, each.pushed) for each in moves] == [("city", 1), ("province", 1), ("nation", 1)]
    sent = stream(redis)
    assert not events - sent  # at least once
    assert not set(sent) - set(events)
    print(
        f"{database.engine.dialect.name}: {KILLS} kills, {in_the_middle} of them with work under way; "
        f"{opened} rounds opened, {sum(map(len, record.moves.values()))} moves, "
        f"{count(database, AuditRow.verb == 'break_promise')} broken promises; "
        f"{events.total()} events written, {sent.total()} sent, {sent.total() - events.total()} of them twice"
    )


class Load:
    """Citizens who write and lawyers who claim and answer, each in a thread, as fast as they can; and what they were told."""

    def __init__(self, database: Database, redis: "Redis") -> None:
        self.database = database
        self.queue = LiveQueue(redis)
        self.stop = threading.Event()
        self.written: dict[UUID, str] = {}
        self.answered: set[UUID] = set()
        self.claimed = 0
        self.errors: list[BaseException] = []
        self.lawyers = [a_lawyer(database).id for _ in range(4)]

    def run(self, seconds: float, meanwhile: Callable[[], None]) -> None:
        works = [self._citizen] * 3 + [lambda lawyer=each: self._lawyer(lawyer) for each in self.lawyers]
        threads = [threading.Thread(target=self._guarded, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self.errors:
            meanwhile()
        self.stop.set()
        for thread in threads:
            thread.join()
        if self.errors:
            raise self.errors[0]

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            while not self.stop.is_set():
                work()
        except BaseException as error:
            self.errors.append(error)

    def _citizen(self) -> None:
        conversation_id = a_conversation(self.database)
        policy = Policy(province_after=1, nation_after=2, broken_after=3)
        for number in range(5):
            key = str(uuid4())
            with self.database.write() as session:
                message = conversations.receive_message(session, conversation_id, f"第{number}句", key).message
            self.written[message.id] = key
            if number == 0:
                with self.database.write() as session:
                    consultation = consultations.open_consultation(session, message.id, policy)
            else:
                with self.database.write() as session:
                    consultations.ask_follow_up(session, consultation.id, message.id, policy)

    def _lawyer(self, lawyer_id: UUID) -> None:
        with self.database.read() as session:
            waiting = desk.waiting_rounds(session, lawyer_id, 20)
        for line in random.sample(waiting, min(3, len(waiting))):
            with suppress(Conflict, NotFound):
                self._claim(line.view.id, lawyer_id)
                with self.database.write() as session:
                    said = desk.answer_round(session, line.view.id, lawyer_id, "可以。", client_message_id=str(uuid4()))
                self.answered.add(said.id)

    def _claim(self, round_id: UUID, lawyer_id: UUID) -> None:
        """As the desk does it: the live queue turns away whom there is no place for, the record decides."""
        said = self.queue.claim(round_id, lawyer_id, now() + timedelta(seconds=POLICY.lease_seconds))
        if said is ClaimSaid.FULL:
            raise Conflict(desk.FULL)
        try:
            with self.database.write() as session:
                desk.claim_round(session, round_id, lawyer_id)
        except Conflict:
            if said is ClaimSaid.TAKEN:
                self.queue.release(round_id, lawyer_id)
            raise
        self.claimed += 1


@pytest.mark.timeout(600)
def test_redis_flushed_under_load_loses_nothing_and_delays_nothing_for_long(
    database: Database, settings: Settings, redis: "Redis"
) -> None:
    load, stop, flushes = Load(database, redis), threading.Event(), 0
    dispatchers = [
        threading.Thread(target=Dispatcher(database, live.connect(settings)).run, args=(stop,)) for _ in range(2)
    ]
    for thread in dispatchers:
        thread.start()

    def flush() -> None:
        nonlocal flushes
        time.sleep(0.2)
        redis.flushall()
        flushes += 1

    try:
        load.run(FLUSHED_FOR_SECONDS, flush)
        # A round that moves has events to send: they come last.
        wait_until(lambda: due_rounds(database) == 0, "rounds were left behind", LATEST_SECONDS)
        wait_until(lambda: waiting_events(database) == 0, "events were left behind", LATEST_SECONDS)
    finally:
        stop.set()
        for thread in dispatchers:
            thread.join()

    with database.read() as session:
        record = Record(session)
        stored = {each.id: each for each in session.execute(select(Message)).scalars()}
        waits = [each.relayed_at - each.created_at for each in session.execute(select(OutboxEvent)).scalars()]
    record.check(now())
    assert {each for each, message in stored.items() if message.author == "citizen"} == set(load.written)
    assert {each for each, message in stored.items() if message.author == "lawyer"} == load.answered
    late = []
    for round_ in record.rounds.values():
        for move in record.moves[round_.id][1:]:
            late.append(move.moved_at - round_.started_at - timedelta(seconds=round_.policy[f"{move.tier}_after"]))
        if round_.broken_at is not None:
            late.append(round_.broken_at - round_.started_at - timedelta(seconds=round_.policy["broken_after"]))
    assert max(late) < timedelta(seconds=LATEST_SECONDS)
    assert max(waits) < timedelta(seconds=LATEST_SECONDS)
    with database.read() as session:
        open_rounds = LiveQueue(redis).rebuild(session)
    assert open_rounds == sum(each.state == "open" for each in record.rounds.values())
    print(
        f"{database.engine.dialect.name}: flushed {flushes} times; messages {len(load.written)} told, "
        f"{sum(each.author == 'citizen' for each in stored.values())} stored; answers {len(load.answered)} told, "
        f"{sum(map(len, record.answers.values()))} stored; {load.claimed} claims; {len(late)} moves, the latest "
        f"{max(late).total_seconds():.2f} s; {len(waits)} events, the longest wait {max(waits).total_seconds():.2f} s"
    )


def test_a_place_taken_by_a_process_that_died_is_free_after_the_next_rebuild(
    database: Database, settings: Settings, redis: "Redis"
) -> None:
    first, second = a_lawyer(database), a_lawyer(database)
    round_ = the_round(database, a_consultation(database, policy=Policy(quorum=1)))
    dispatcher, queue = Dispatcher(database, live.connect(settings)), LiveQueue(redis)
    dispatcher.relay_outbox()
    until = now() + timedelta(seconds=POLICY.lease_seconds)
    assert queue.claim(round_.id, first.id, until) is ClaimSaid.TAKEN  # and never reaches the record
    assert queue.claim(round_.id, second.id, until) is ClaimSaid.FULL
    dispatcher.rebuild_queue()
    assert queue.claim(round_.id, second.id, until) is ClaimSaid.TAKEN


def test_without_redis_a_place_is_taken_from_the_record_alone(
    database: Database, redis_process: Callable[[], "subprocess.Popen[bytes]"], settings: Settings
) -> None:
    first, second = a_lawyer(database), a_lawyer(database)
    round_ = the_round(database, a_consultation(database, policy=Policy(quorum=1)))
    server = redis_process()
    queue = LiveQueue(live.connect(settings))
    server.kill()
    server.wait()
    assert queue.claim(round_.id, first.id, now()) is ClaimSaid.UNKNOWN
    with database.write() as session:
        desk.claim_round(session, round_.id, first.id)
    with pytest.raises(Conflict), database.write() as session:
        desk.claim_round(session, round_.id, second.id)

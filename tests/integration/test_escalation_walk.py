"""The escalation walked at random: citizens, lawyers, the clock and dying processes, against a model in plain Python.

After every step the record must hold its own invariants and say what the model says. In CI the walks are the same each time.
`pytest tests/integration/test_escalation_walk.py --hypothesis-show-statistics` shows in how many walks each verb and each
situation was reached, `-s` how often; WENFA_WALKS=400 walks as often as it says, and elsewhere each time.
"""

import os
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from escalation_walk.citizens import Citizens
from escalation_walk.lawyers import Lawyers
from escalation_walk.play import BESIDE, FAR, NEAR, PLACES, POLICIES, which
from escalation_walk.record import Record
from escalation_walk.stage import Stage, fresh_postgresql, fresh_sqlite
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from redis import Redis
from redis.exceptions import ConnectionError as RedisGone
from sqlalchemy import select

from core import clock
from core.settings import Settings
from escalation import models as m
from escalation.dispatcher import EVENTS, Dispatcher
from escalation.policy import Policy
from escalation.tiers import move_round

WALKS = int(os.environ.get("WENFA_WALKS", "0"))
MOST_LAWYERS = 12
OFFICE_HOURS = [(day, 9 * 60, 17 * 60) for day in range(1, 6)]
NIGHTS = [(day, start, end) for day in range(8) for start, end in ((0, 540), (1020, 1440))]
STARTS = [
    datetime(2026, 12, 1, 8, 55, tzinfo=clock.SHANGHAI),  # before the offices open
    datetime(2026, 12, 31, 23, 50, tzinfo=clock.SHANGHAI),  # the year's last minutes
    datetime(2026, 10, 1, 12, 0, tzinfo=clock.SHANGHAI),  # a public holiday
]


class Walk(Citizens, Lawyers):
    """The world around citizens and lawyers, and what must hold whatever they do."""

    @initialize(
        start=st.sampled_from(STARTS),
        near=st.integers(0, 4),
        beside=st.integers(0, 2),
        far=st.integers(1, 2),
        capacity=st.sampled_from([5, 2, 1]),
        duty_hours=st.booleans(),
        conversations=st.integers(1, 2),
        policy=st.sampled_from(POLICIES),
    )
    def the_cast(
        self,
        start: datetime,
        near: int,
        beside: int,
        far: int,
        capacity: int,
        duty_hours: bool,
        conversations: int,
        policy: Policy,
    ) -> None:
        clock.advance((start - clock.now()).total_seconds())
        self.relayed_to = "0"
        cast = [(NEAR, "city")] * near + [(BESIDE, "province")] * beside + [(FAR, "nation")] * far
        for number, (region, tier) in enumerate(cast):
            hours = ([], OFFICE_HOURS, NIGHTS)[number % 3] if duty_hours else []
            self.add_lawyer(region, tier, hours, capacity)
        if duty_hours:
            self.decide("100000", {"duty_hours": True})
        for _ in range(conversations):
            self.starts(region=NEAR, dies=False)
            self.opens(which=-1, again=False, policy=policy, dies=False)

    @precondition(lambda self: self.world.rounds)
    @rule(which=which, who=which)
    def closes_while_somebody_writes(self, which: int, who: int) -> None:
        """Who then has their hands free for another."""
        round_, lawyer = self.a_round_and_a_lawyer(which, who)
        self.claim(round_, lawyer)
        self.closes(which=self.world.consultations.index(round_.consultation), level=None, dies=False)
        self.claims_all_there_is(who=list(self.world.lawyers).index(lawyer.id))

    @rule(
        seconds=st.sampled_from([1, 9, 60, 180, 181, 240, 301, 360, 600, 1800, 3600, 36_000]),
        dispatched=st.booleans(),
        by=which,
    )
    def time_passes(self, seconds: int, dispatched: bool, by: int) -> None:
        before = clock.local(clock.now()).date()
        clock.advance(seconds)
        self.note("time passes")
        if clock.local(clock.now()).date() != before:
            self.situation("midnight passed")
        if dispatched:
            self.move(by)

    @precondition(lambda self: any(each.due_at() for each in self.world.rounds))
    @rule(times=st.integers(1, 4), early=st.booleans(), by=which)
    def it_falls_due(self, times: int, early: bool, by: int) -> None:
        """The clock goes to the next moment at which something must happen, or to just before it; a dispatcher looks."""
        for _ in range(times):
            due = min((at for each in self.world.rounds if (at := each.due_at())), default=clock.now())
            clock.advance(max(0.0, (due - clock.now()).total_seconds() - 2 * early))
            self.move(by)

    @rule(by=which, twice=st.booleans())
    def a_dispatcher_moves(self, by: int, twice: bool) -> None:
        self.move(by)
        if twice:
            self.move(by + 1)

    @precondition(lambda self: self.world.rounds)
    @rule(which=which)
    def a_dispatcher_dies_moving(self, which: int) -> None:
        round_ = self.pick(self.world.rounds, which)
        found = self.attempt("move_round", lambda s: move_round(s, round_.id), dies=True)
        assert found.name == "died"

    @rule(by=which, fate=st.sampled_from(["relayed", "relayed", "Redis gone", "cut off after sending"]))
    def a_dispatcher_relays(self, by: int, fate: str) -> None:
        """Every event once in their order; those of a failed turn again, from the first."""
        statement = select(m.OutboxEvent).where(m.OutboxEvent.relayed_at.is_(None)).order_by(m.OutboxEvent.id)
        with self.database.read() as session:
            waiting = [(each.topic, each.kind) for each in session.execute(statement).scalars()]
        if fate == "relayed":
            assert self.dispatchers[by % 2].relay_outbox() == len(waiting)
        else:
            redis = self.stage.gone if fate == "Redis gone" else self.stage.cut
            try:
                Dispatcher(self.database, redis).relay_outbox()
                assert not waiting
            except RedisGone:
                self.situation(f"events waited: {fate}")
        self.note(f"relay_outbox: {fate}")
        sent: Any = self.stage.redis.xrange(EVENTS, min=f"({self.relayed_to}")
        if sent:
            self.relayed_to = sent[-1][0]
        assert [(each["topic"], each["kind"]) for _, each in sent] == ([] if fate == "Redis gone" else waiting)
        with self.database.read() as session:
            assert len(session.execute(statement).all()) == (0 if fate == "relayed" else len(waiting))

    @rule(really=st.sampled_from([False, False, True]))
    def redis_loses_everything(self, really: bool) -> None:
        if not really:
            return
        self.stage.redis.flushall()
        self.relayed_to = "0"
        self.note("flushall")

    @rule(by=which)
    def a_dispatcher_looks_after(self, by: int) -> None:
        dispatcher = self.dispatchers[by % 2]
        dispatcher.sweep()
        self.traces.swept()
        assert dispatcher.rebuild_queue() == sum(each.state == "open" for each in self.world.rounds)
        self.note("sweep, rebuild_queue")

    @precondition(lambda self: len(self.world.lawyers) < MOST_LAWYERS)
    @rule(region=st.sampled_from(list(PLACES)), tier=st.sampled_from(["city", "province", "nation"]))
    def a_lawyer_joins(self, region: str, tier: str) -> None:
        self.add_lawyer(region, tier, [], 5)
        self.note("register_lawyer")

    @rule(who=which)
    def a_lawyer_leaves_or_returns(self, who: int) -> None:
        lawyer = self.pick(list(self.world.lawyers.values()), who)
        lawyer.active = not lawyer.active
        with self.database.write() as session:
            session.get_one(m.Lawyer, lawyer.id).active = lawyer.active
        self.note("a lawyer leaves or returns")

    @rule(
        region=st.sampled_from(["100000", "150000", NEAR]),
        values=st.sampled_from([{"quorum": 1}, {"quorum": 2}, {"duty_hours": True}, {"lease_seconds": 5.0}]),
    )
    def the_region_decides(self, region: str, values: dict[str, Any]) -> None:
        self.decide(region, values)
        self.note("set_region_policy")

    @invariant()
    def the_record_holds(self) -> None:
        at = clock.now()
        with self.database.read() as session:
            record = Record(session)
        record.check(at)
        record.check_against(self.world, at)
        record.check_announced(self.traces.announced)
        self.note("steps")

    def teardown(self) -> None:
        """In the end everything that is due is done, and every event is sent."""
        try:
            at = clock.now()
            while any((due := each.due_at()) and due <= at for each in self.world.rounds):
                self.move(0)
            self.the_record_holds()
            self.a_dispatcher_relays(0, "relayed")
        finally:
            clock.reset()


def _walks(examples: int, steps: int) -> hypothesis_settings:
    return hypothesis_settings(
        max_examples=WALKS or examples,
        phases=[Phase.generate, Phase.shrink],
        stateful_step_count=steps,
        derandomize=not WALKS,
        database=None,
        deadline=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture
def on_sqlite(settings: Settings, redis: "Redis") -> Iterator[None]:
    yield from _played(Stage.over(settings, redis, fresh_sqlite(settings.home_dir)))


@pytest.fixture
def on_postgresql(settings: Settings, redis: "Redis", postgresql: str) -> Iterator[None]:
    yield from _played(Stage.over(settings, redis, fresh_postgresql(postgresql)))


def _played(stage: Stage) -> Iterator[None]:
    Walk.stage, Walk.totals = stage, Counter()
    yield
    print("\n".join(f"{count:7} {what}" for what, count in sorted(Walk.totals.items())))


@pytest.mark.usefixtures("on_sqlite")
@pytest.mark.timeout(0 if WALKS else 900)  # a failure is made small before it is shown
class TestOnSqlite(Walk.TestCase):  # type: ignore[name-defined,misc]
    settings = _walks(examples=40, steps=50)


@pytest.mark.usefixtures("on_postgresql")
@pytest.mark.timeout(0 if WALKS else 900)
class TestOnPostgresql(Walk.TestCase):  # type: ignore[name-defined,misc]
    settings = _walks(examples=10, steps=40)

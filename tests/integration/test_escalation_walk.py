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
from escalation_walk.dispatchers import Dispatchers
from escalation_walk.lawyers import Lawyers
from escalation_walk.play import BESIDE, FAR, NEAR, POLICIES, which
from escalation_walk.record import Record
from escalation_walk.stage import Stage, fresh_postgresql, fresh_sqlite
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule
from redis import Redis

from core import clock
from core.settings import Settings
from escalation import models as m
from escalation.policy import Policy

WALKS = int(os.environ.get("WENFA_WALKS", "0"))
MOST_LAWYERS = 12
OFFICE_HOURS = [(day, 9 * 60, 17 * 60) for day in range(1, 6)]
NIGHTS = [(day, start, end) for day in range(8) for start, end in ((0, 540), (1020, 1440))]
STARTS = [
    datetime(2026, 12, 1, 8, 55, tzinfo=clock.SHANGHAI),  # before the offices open
    datetime(2026, 12, 31, 23, 50, tzinfo=clock.SHANGHAI),  # the year's last minutes
    datetime(2026, 10, 1, 12, 0, tzinfo=clock.SHANGHAI),  # a public holiday
]


class Walk(Lawyers, Dispatchers):
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
        answered=st.integers(0, 3),
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
        answered: int,
    ) -> None:
        clock.advance((start - clock.now()).total_seconds())
        cast = [(NEAR, "city")] * near + [(BESIDE, "province")] * beside + [(FAR, "nation")] * far
        for number, (region, tier) in enumerate(cast):
            hours = ([], OFFICE_HOURS, NIGHTS)[number % 3] if duty_hours else []
            self.add_lawyer(region, tier, hours, capacity)
        if duty_hours:
            self.decide("100000", {"duty_hours": True})
        for _ in range(conversations):
            self.start(NEAR)
            self.open(-1, again=False, policy=policy)
            for lawyer in list(self.world.rounds[-1].pushes)[:answered]:
                self.answer(self.world.rounds[-1], self.world.lawyers[lawyer])

    @rule(
        who=which,
        what=st.sampled_from(["a lawyer joins", "a lawyer leaves or returns", "the region decides"]),
        where=st.sampled_from([NEAR, NEAR, BESIDE, FAR]),
        values=st.sampled_from([{"quorum": 1}, {"quorum": 2}, {"duty_hours": True}, {"lease_seconds": 5.0}]),
    )
    def the_world_changes(self, who: int, what: str, where: str, values: dict[str, Any]) -> None:
        if what == "a lawyer joins" and len(self.world.lawyers) < MOST_LAWYERS:
            self.add_lawyer(where, self.pick(["city", "province", "nation"], who), [], 5)
        elif what == "a lawyer leaves or returns":
            lawyer = self.pick(list(self.world.lawyers.values()), who)
            lawyer.active = not lawyer.active
            with self.database.write() as session:
                session.get_one(m.Lawyer, lawyer.id).active = lawyer.active
        elif what == "the region decides":
            self.decide(self.pick(["100000", "150000", where], who), values)
        self.note(what)

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
            self.relay(0, "relays")
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
    settings = _walks(examples=30, steps=50)


@pytest.mark.usefixtures("on_postgresql")
@pytest.mark.timeout(0 if WALKS else 900)
class TestOnPostgresql(Walk.TestCase):  # type: ignore[name-defined,misc]
    settings = _walks(examples=4, steps=40)

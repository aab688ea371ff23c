"""The clock, one or two dispatchers who look in or do not, and a Redis that fails."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule
from redis.exceptions import ConnectionError as RedisGone
from sqlalchemy import select

from core import clock
from escalation import models as m
from escalation.dispatcher import EVENTS, Dispatcher
from escalation.tiers import move_round
from escalation_walk.play import Play, which


class Dispatchers(Play):
    relayed_to = "0"
    """The last event of the stream that was looked at."""

    @rule(seconds=st.sampled_from([1, 9, 60, 181, 301, 600, 3600, 36_000]), looks_in=st.sampled_from([0, 1, 2]))
    def time_passes(self, seconds: int, looks_in: int) -> None:
        before = clock.local(clock.now()).date()
        clock.advance(seconds)
        self.note("time passes")
        if clock.local(clock.now()).date() != before:
            self.situation("midnight passed")
        for by in range(looks_in):
            self.move(by)

    @rule(times=st.integers(1, 4), early=st.booleans(), by=which)
    def it_falls_due(self, times: int, early: bool, by: int) -> None:
        """The clock goes to the next moment at which something must happen, or to just before it; a dispatcher looks."""
        self.let_it_fall_due(times, early, by)

    @rule(
        which=which,
        fate=st.sampled_from(["relays", "dies moving", "Redis gone", "cut off after sending", "Redis empty", "sweeps"]),
    )
    def a_dispatcher_works(self, which: int, fate: str) -> None:
        if fate == "dies moving" and self.world.rounds:
            round_ = self.pick(self.world.rounds, which)
            assert self.attempt("move_round", lambda s: move_round(s, round_.id), dies=True).name == "died"
        elif fate == "Redis empty":
            self.stage.redis.flushall()
            self.relayed_to = "0"
            self.note("flushall")
        elif fate == "sweeps":
            self.dispatchers[which % 2].sweep()
            self.traces.swept()
            waiting = sum(each.state == "open" for each in self.world.rounds)
            assert self.dispatchers[which % 2].rebuild_queue() == waiting
            self.note("sweep, rebuild_queue")
        else:
            self.relay(which, fate)

    def relay(self, by: int, fate: str) -> None:
        """Every event once in their order; those of a failed turn again, from the first."""
        statement = select(m.OutboxEvent).where(m.OutboxEvent.relayed_at.is_(None)).order_by(m.OutboxEvent.id)
        with self.database.read() as session:
            waiting = [(each.topic, each.kind) for each in session.execute(statement).scalars()]
        failing = {"Redis gone": self.stage.gone, "cut off after sending": self.stage.cut}.get(fate)
        if failing is None:
            assert self.dispatchers[by % 2].relay_outbox() == len(waiting)
        else:
            try:
                Dispatcher(self.database, failing).relay_outbox()
                assert not waiting
            except RedisGone:
                self.situation(f"events waited: {fate}")
        self.note(f"relay_outbox: {fate}")
        sent: Any = self.stage.redis.xrange(EVENTS, min=f"({self.relayed_to}")
        if sent:
            self.relayed_to = sent[-1][0]
        assert [(each["topic"], each["kind"]) for _, each in sent] == ([] if fate == "Redis gone" else waiting)
        with self.database.read() as session:
            assert len(session.execute(statement).all()) == (len(waiting) if failing else 0)

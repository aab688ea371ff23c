"""How one step is done on the record and on the model, and what each verb may leave behind."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from hypothesis import event
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine
from sqlalchemy import select
from sqlalchemy.orm import Session

from core import clock
from escalation import conversations, desk
from escalation import models as m
from escalation.dispatcher import Dispatcher
from escalation.errors import Refused
from escalation.lawyers import register_lawyer
from escalation.policy import Policy, set_region_policy
from escalation_walk.model import NEXT, Consultation, Conversation, Lawyer, Message, Round, World
from escalation_walk.record import Record, Traces
from escalation_walk.stage import Stage

T = TypeVar("T")

PLACES = {"150900": ("150900", "150000"), "150100": ("150100", "150000"), "330100": ("330100", "330000")}
"""Ulanqab, Hohhot, Hangzhou: their city and province."""
NEAR, BESIDE, FAR = PLACES
POLICIES = [Policy(), Policy(quorum=1), Policy(quorum=2, lease_seconds=20), Policy(3, 6, 10, 3, 15)]

which = st.integers(0, 11)
"""Picks one of what is there, however many there are: what is drawn never hangs on what came before."""
dies = st.integers(0, 9).map(lambda drawn: drawn == 9)
"""Whether the process dies after the verb and before the commit."""


class Died(Exception):
    """The process died in the middle of its transaction."""


@dataclass
class Outcome:
    """How a verb ended: done, died, or the name of its refusal."""

    name: str
    value: Any
    between: tuple[datetime, datetime]
    audit: list[tuple[str, str, str]]
    events: list[tuple[str, str]]

    @property
    def verbs(self) -> list[str]:
        return sorted(verb for _, verb, _ in self.audit)

    def done(self, expected: Callable[[datetime], str | None]) -> bool:
        """Check that it ended as `expected` for the moment, which lies between two; whether it was done."""
        allowed = {expected(at) or "done" for at in self.between}
        ended = "done" if self.name == "died" else self.name
        assert ended in allowed, f"{self.name}, expected {allowed}"
        return self.name == "done"

    def changed_nothing(self) -> None:
        assert not self.audit, self.audit
        assert not self.events, self.events


class Play(RuleBasedStateMachine):
    """A record, a model of it, and what is needed to move both."""

    stage: ClassVar[Stage]
    totals: ClassVar[Counter[str]] = Counter()
    """How often each verb and each situation was reached, in all walks."""

    def __init__(self) -> None:
        super().__init__()
        self.stage.redis.flushall()
        self.database = self.stage.fresh()
        self.dispatchers = [Dispatcher(self.database, self.stage.redis) for _ in range(2)]
        self.world = World()
        self.traces = Traces(self.database)
        self.policies: dict[str, dict[str, Any]] = {}

    def attempt(self, verb: str, work: Callable[[Session], Any], dies: bool = False) -> Outcome:
        """Do it in a transaction of its own. What is refused, or dies, leaves nothing."""
        value, before = None, clock.now()
        try:
            with self.database.write() as session:
                value = work(session)
                if dies:
                    session.flush()
                    raise Died
            name = "done"
        except Died:
            name = "died"
        except Refused as refused:
            name = type(refused).__name__
        found = Outcome(name, value, (before, clock.now()), *self.traces.new())
        if name != "done":
            found.changed_nothing()
        self.note(f"{verb}: {name}")
        return found

    def write(self, conversation: Conversation, dies: bool = False) -> Message | None:
        """The citizen writes. None when the process died over it."""
        number = sum(len(each.messages) for each in self.world.conversations)
        key, text = f"c{number}", f"第{number}句"
        found = self.attempt(
            "receive_message", lambda s: conversations.receive_message(s, conversation.id, text, key), dies
        )
        if not found.done(lambda _: None):
            return None
        assert found.value.fresh
        message = Message(found.value.message.id, "citizen", "text", text, key)
        conversation.messages.append(message)
        return message

    def unasked(self, conversation: Conversation) -> Message:
        """The last message of the citizen that went to no lawyer (its process may have died before it could), or a new one."""
        for message in reversed(conversation.messages):
            if message.author == "citizen" and message.consultation is None:
                return message
        written = self.write(conversation)
        assert written is not None
        return written

    def answer(self, round_: Round, lawyer: Lawyer, again: bool = False, dies: bool = False) -> None:
        """A lawyer answers, or sends the last answer once more."""
        conversation = round_.consultation.conversation
        mine = f"lawyer:{lawyer.id}:"
        sent = [each for each in conversation.messages if (each.client_message_id or "").startswith(mine)]
        known = sent[-1] if again and sent else None
        key = str(known.client_message_id).removeprefix(mine) if known else f"a{len(conversation.messages)}"
        found = self.attempt(
            "answer_round again" if known else "answer_round",
            lambda s: desk.answer_round(s, round_.id, lawyer.id, f"解答{key}", client_message_id=key),
            dies,
        )
        if known is not None:
            if found.done(lambda _: self.world.reach_refused(round_, lawyer)):
                assert found.value.id == known.id
                found.changed_nothing()
            return
        if not found.done(lambda at: self.world.answer_refused(round_, lawyer, at)):
            return
        self.situation(f"answered a round that is {round_.state}")
        self.situation(
            "a second answer by one lawyer" if lawyer.id in round_.answers else "a first answer by one lawyer"
        )
        if lawyer.id in round_.held(found.between[1]):
            self.situation("answered with a lease")
        said = Message(found.value.id, "lawyer", "lawyer_answer", f"解答{key}", mine + key, round_.consultation)
        conversation.messages.append(said)
        met = self.world.answer(round_, lawyer)
        assert found.verbs == sorted(["answer_round", *["meet_quorum"] * met])
        if met:
            self.situation(f"met with {round_.answered} answers")

    def start_round(
        self,
        consultation: Consultation,
        message: Message,
        found: Outcome,
        policy: Policy,
        addressed: list[UUID],
    ) -> None:
        """A round has been started by this verb: with its clock, its quorum and its first circle."""
        number = len(consultation.rounds) + 1
        with self.database.read() as session:
            statement = select(m.Round).where(m.Round.consultation_id == consultation.id, m.Round.number == number)
            row = session.execute(statement).scalar_one()
        assert found.between[0] <= row.started_at <= found.between[1]
        assert row.addressed_to == [str(each) for each in addressed]
        quorum = 1 if addressed else policy.quorum
        round_ = Round(row.id, consultation, number, message, quorum, policy.as_dict(), addressed, row.started_at)
        message.consultation = consultation
        consultation.rounds.append(round_)
        tier = "addressed" if addressed else self.world.first_tier(consultation)
        self.world.enter(round_, tier, row.started_at)
        self.situation(f"a round starts at {tier}")

    def move(self, by: int) -> None:
        """A dispatcher looks for what is due: all of it moves, and nothing else."""
        before = clock.now()
        due = [each for each in self.world.rounds if (at := each.due_at()) and at <= before]
        moved = self.dispatchers[by % 2].move_due_rounds()
        after = clock.now()
        with self.database.read() as session:
            record = Record(session)
        progressed, broken = set(), []
        for round_ in self.world.rounds:
            for done in record.moves[round_.id][len(round_.moves) :]:
                due_at = round_.due_at()
                assert due_at is not None and due_at <= done.moved_at <= after
                assert done.tier == NEXT[round_.moves[-1]]
                self.world.enter(round_, done.tier, done.moved_at)
                self.situation(f"moved to {done.tier}")
                progressed.add(round_.id)
            broken_at = record.rounds[round_.id].broken_at
            if broken_at is not None and not round_.broken:
                due_at = round_.due_at()
                assert round_.moves[-1] == "nation" and due_at is not None and due_at <= broken_at <= after
                broken.append((broken_at, round_))
                progressed.add(round_.id)
            if (later := round_.due_at()) and later <= before and round_.id in progressed:
                self.situation("more than one move was due")
        for broken_at, round_ in sorted(broken, key=lambda each: each[0]):
            self.world.break_promise(round_, broken_at)
            conversation = round_.consultation.conversation
            notice = record.messages[conversation.id][len(conversation.messages)]
            conversation.messages.append(Message(notice.id, "service", "notice", None, None, round_.consultation))
            self.situation("a promise was broken")
            if "duty" in round_.pushes.values():
                self.situation("a lawyer on duty heard of it for the first time")
        assert {each.id for each in due} <= progressed
        assert moved == len(progressed)
        self.traces.new()
        self.note(f"move_due_rounds: {'some' if moved else 'none'}")

    def let_it_fall_due(self, times: int, early: bool = False, by: int = 0) -> None:
        for _ in range(times):
            due = min((at for each in self.world.rounds if (at := each.due_at())), default=clock.now())
            clock.advance(max(0.0, (due - clock.now()).total_seconds() - 2 * early))
            self.move(by)

    def add_lawyer(self, region: str, tier: str, hours: list[tuple[int, int, int]], capacity: int) -> None:
        licence = f"L{len(self.world.lawyers)}"
        with self.database.write() as session:
            lawyer = register_lawyer(session, name=licence, licence=licence, region=region, tier=tier)
            lawyer.capacity = capacity
            session.add_all(
                m.DutyHours(lawyer_id=lawyer.id, day=day, start=start, end=end) for day, start, end in hours
            )
        self.world.lawyers[lawyer.id] = Lawyer(lawyer.id, *PLACES[region], tier, hours, capacity)
        self.traces.new()

    def decide(self, region: str, values: dict[str, Any]) -> None:
        """A region has its own rules: for rounds that start from now on."""
        self.policies[region] = self.policies.get(region, {}) | values
        with self.database.write() as session:
            set_region_policy(session, region, values, "staff:somebody", base=POLICIES[0])
        self.traces.new()

    def policy_of(self, default: Policy, region: str) -> Policy:
        city, province = PLACES[region]
        values = [self.policies.get(place, {}) for place in ("100000", province, city)]
        return default.with_values({name: value for each in values for name, value in each.items()})

    def a_round_and_a_lawyer(self, which: int, who: int) -> tuple[Round, Lawyer]:
        """The newest rounds first; mostly somebody whom it has reached."""
        round_ = self.pick(self.world.rounds[::-1], which)
        reached = list(round_.pushes)
        return round_, self.world.lawyers[self.pick(reached if reached and who < 10 else list(self.world.lawyers), who)]

    def pick(self, found: list[T], which: int) -> T:
        return found[which % len(found)]

    def note(self, what: str) -> None:
        self.totals[what] += 1
        event(what)

    def situation(self, what: str) -> None:
        self.note(f"situation: {what}")

"""The escalation in plain Python, as the design says it: what the record must hold after each step of the walk.

Nothing here looks at the database. Where a moment decides (a lease lapses, a round is due) the caller gives the moment.
Methods that end in `_refused` say how a verb must end: None when it must succeed, else the name of its refusal.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from core.clock import local
from escalation.duty import duty_day

ORDER = ("addressed", "city", "province", "nation")
NEXT = {"addressed": "province", "city": "province", "province": "nation"}


@dataclass
class Lawyer:
    id: UUID
    city: str | None
    province: str | None
    tier: str
    hours: list[tuple[int, int, int]] = field(default_factory=list)
    capacity: int = 5
    active: bool = True

    def on_duty(self, at: datetime) -> bool:
        return not self.hours or self.has_duty(at)

    def has_duty(self, at: datetime) -> bool:
        minute = local(at).hour * 60 + local(at).minute
        return any(day == duty_day(at) and start <= minute < end for day, start, end in self.hours)


@dataclass
class Message:
    id: UUID
    author: str
    kind: str
    text: str | None
    """None where the words are the service's own affair."""
    client_message_id: str | None = None
    consultation: "Consultation | None" = None


@dataclass
class Conversation:
    id: UUID
    region: str
    messages: list[Message] = field(default_factory=list)


@dataclass
class Round:
    id: UUID
    consultation: "Consultation"
    number: int
    message: Message
    quorum: int
    policy: dict[str, Any]
    addressed: list[UUID]
    started_at: datetime
    state: str = "open"
    moves: list[str] = field(default_factory=list)
    pushes: dict[UUID, str] = field(default_factory=dict)
    leases: dict[UUID, datetime] = field(default_factory=dict)
    answers: list[UUID] = field(default_factory=list)
    """One lawyer id for each answer, in their order."""
    suggested: list[tuple[Lawyer, Lawyer]] = field(default_factory=list)
    """Who asked whom to look at it."""
    broken: bool = False

    @property
    def answered(self) -> int:
        return len(set(self.answers))

    def held(self, at: datetime) -> set[UUID]:
        """Who has a lease at this moment."""
        return {lawyer for lawyer, until in self.leases.items() if until > at} if self.state == "open" else set()

    def due_at(self) -> datetime | None:
        if self.state != "open" or self.broken:
            return None
        name = {"city": "province_after", "addressed": "province_after", "province": "nation_after"}
        return self.started_at + timedelta(seconds=self.policy[name.get(self.moves[-1], "broken_after")])


@dataclass
class Consultation:
    id: UUID
    conversation: Conversation
    opening: Message
    region: str
    city: str | None
    province: str | None
    rounds: list[Round] = field(default_factory=list)
    closed: bool = False
    closings: int = 0
    ratings: dict[int, int] = field(default_factory=dict)

    @property
    def state(self) -> str:
        if self.closed:
            return "closed"
        return "waiting" if any(each.state == "open" for each in self.rounds) else "answered"

    @property
    def owes_a_call(self) -> bool:
        """Whether there is something to call the citizen back about."""
        return any(each.broken for each in self.rounds) or any(level <= 2 for level in self.ratings.values())

    @property
    def answerers(self) -> list[UUID]:
        return list(dict.fromkeys(lawyer for each in self.rounds for lawyer in each.answers))


class World:
    """All that there is."""

    def __init__(self) -> None:
        self.lawyers: dict[UUID, Lawyer] = {}
        self.conversations: list[Conversation] = []
        self.consultations: list[Consultation] = []

    @property
    def rounds(self) -> list[Round]:
        return [round_ for consultation in self.consultations for round_ in consultation.rounds]

    def circle(self, consultation: Consultation, tier: str) -> list[Lawyer]:
        active = [each for each in self.lawyers.values() if each.active]
        if tier == "city":
            return [each for each in active if each.city == consultation.city and each.tier == "city"]
        if tier == "province":
            return [each for each in active if each.province == consultation.province]
        return active

    def first_tier(self, consultation: Consultation) -> str:
        return next((tier for tier in ("city", "province") if self.circle(consultation, tier)), "nation")

    def enter(self, round_: Round, tier: str, at: datetime) -> None:
        """A round reaches a circle."""
        round_.moves.append(tier)
        if tier == "addressed":
            circle = [self.lawyers[each] for each in round_.addressed if self.lawyers[each].active]
        else:
            circle = self.circle(round_.consultation, tier)
            if round_.policy["duty_hours"]:
                circle = [each for each in circle if each.on_duty(at)] or circle
        self._push(round_, circle, tier)

    def break_promise(self, round_: Round, at: datetime) -> None:
        round_.broken = True
        for tier in ("city", "province", "nation"):
            if on_duty := [each for each in self.circle(round_.consultation, tier) if each.has_duty(at)]:
                self._push(round_, on_duty, "duty")
                return

    def _push(self, round_: Round, circle: list[Lawyer], tier: str) -> None:
        for lawyer in circle:
            round_.pushes.setdefault(lawyer.id, tier)

    def reach_refused(self, round_: Round, lawyer: Lawyer) -> str | None:
        if lawyer.id not in round_.pushes:
            return "NotFound"
        return None if lawyer.active else "Forbidden"

    def claim_refused(self, round_: Round, lawyer: Lawyer, at: datetime) -> str | None:
        if refused := self.reach_refused(round_, lawyer):
            return refused
        if round_.state != "open":
            return "Conflict"
        held = round_.held(at)
        if lawyer.id in held:
            return None
        full = len(held) + round_.answered >= round_.quorum
        busy = sum(lawyer.id in each.held(at) for each in self.rounds) >= lawyer.capacity
        return "Conflict" if full or busy or lawyer.id in round_.answers else None

    def answer_refused(self, round_: Round, lawyer: Lawyer, at: datetime) -> str | None:
        if refused := self.reach_refused(round_, lawyer):
            return refused
        if round_.state != "open" or lawyer.id in round_.answers:
            return None
        others = round_.held(at) - {lawyer.id}
        return "Conflict" if len(others) + round_.answered >= round_.quorum else None

    def answer(self, round_: Round, lawyer: Lawyer) -> bool:
        """Whether this answer met the quorum."""
        round_.answers.append(lawyer.id)
        round_.leases.pop(lawyer.id, None)
        if round_.state != "open" or round_.answered < round_.quorum:
            return False
        round_.state = "met"
        round_.leases.clear()
        return True

    def close(self, consultation: Consultation) -> None:
        consultation.closed = True
        consultation.closings += 1
        for round_ in consultation.rounds:
            if round_.state == "open":
                round_.state = "ended"

    def refer_refused(self, round_: Round, lawyer: Lawyer) -> str | None:
        if refused := self.reach_refused(round_, lawyer):
            return refused
        return "Conflict" if round_.state != "open" or round_.answers else None

    def refer(self, round_: Round) -> None:
        round_.state = "referred"
        round_.leases.clear()

    def suggest_refused(self, round_: Round, lawyer: Lawyer, colleague: Lawyer) -> str | None:
        if refused := self.reach_refused(round_, lawyer):
            return refused
        if round_.state != "open":
            return "Conflict"
        if not colleague.active:
            return "NotFound"
        full = sum(each is lawyer for each, _ in round_.suggested) >= 5
        return "Conflict" if full or colleague.id in round_.pushes else None

    def suggest(self, round_: Round, lawyer: Lawyer, colleague: Lawyer) -> None:
        round_.suggested.append((lawyer, colleague))
        round_.pushes[colleague.id] = "suggested"

    def rate_refused(self, consultation: Consultation, level: int) -> str | None:
        if not 1 <= level <= 5:
            return "Refused"
        if not consultation.closed or consultation.ratings.get(consultation.closings, level) != level:
            return "Conflict"
        return None

"""Rounds, counted: how many had an answer and their quorum in time; all of them, by time, by place, by whatever they differ in.

A round is held against its own policy: what was promised when it started. It is *due* for a limit when it was answered within
it, or when the limit has passed and it was not. What still has time is no failure yet; what the citizen ended, or a lawyer
referred, before anybody answered and before the deadline is left out of the shares.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import (
    CTE,
    JSON,
    ColumnElement,
    ScalarSelect,
    SQLColumnExpression,
    String,
    and_,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy.orm import Session

from core.database import database_now
from core.regions import get_region
from escalation.figures.sql import epoch, slot
from escalation.models import Answer, Consultation, Conversation, Round
from escalation.places import lies_in
from escalation.policy import Policy

Dimension = Literal["all", "kind", "hour", "day", "region", "tier", "category", "channel"]
QUESTION, FOLLOW_UP = "question", "follow_up"
"""The keys of `kind`: a consultation's first round, and all that follow."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many rounds there are, and of those that are due how many made it. The pairs are (in time, due)."""

    rounds: int = 0
    first_3: int = 0
    first_3_of: int = 0
    """A first answer within the policy's `province_after` (3 minutes)."""
    first_6: int = 0
    first_6_of: int = 0
    """… within `nation_after` (6 minutes)."""
    first_10: int = 0
    first_10_of: int = 0
    """… within `broken_after` (10 minutes)."""
    kept: int = 0
    """The quorum within `broken_after`: the promise."""
    broken: int = 0
    """The deadline passed without it. What is neither still waits, or ended before its deadline without the quorum."""

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(Tally)))


NOTHING = Tally()


Tallies = Mapping[Dimension, Mapping[str, Tally]]
"""By dimension and key."""


def tallies(
    session: Session, since: datetime, until: datetime, region: str, dimensions: Sequence[Dimension]
) -> Tallies:
    """The rounds that started in the period, by each dimension and its keys, all in one statement. Raises UnknownRegion.

    `region`: by what lies directly in the region; what names no narrower place stands under the region itself. `hour`, `day`:
    numbered since 1970 as clocks in China count.
    """
    facts = round_facts(session, since, until, region)
    keys = {name: literal("") if name == "all" else cast(facts.c[name], String) for name in dimensions}
    counted = [
        select(literal(name).label("dimension"), key.label("key"), *_sums(facts)).group_by(key)
        if name != "all"
        else select(literal(name).label("dimension"), key.label("key"), *_sums(facts))
        for name, key in keys.items()
    ]
    found: dict[Dimension, dict[str, Tally]] = {name: {} for name in dimensions}
    for dimension, key, *numbers in session.execute(union_all(*counted)):
        found[dimension][key] = Tally(*(number or 0 for number in numbers))
    return found


def round_facts(session: Session, since: datetime, until: datetime, region: str) -> CTE:
    """One row for each round of the period: what it counts under, its limits, and the seconds that things took.

    Worked out once in a statement, however often that mentions it.
    """
    now = database_now(session).timestamp()
    started = epoch(Round.started_at)
    timed = (
        select(
            Round.id,
            Round.state,
            Round.tier,
            Consultation.category,
            Conversation.channel,
            _part_of(region).label("region"),
            case((Round.number == 1, QUESTION), else_=FOLLOW_UP).label("kind"),
            slot(started, 3600).label("hour"),
            slot(started, 86400).label("day"),
            (now - started).label("age"),
            (epoch(first_answer_at()) - started).label("first_s"),
            (epoch(Round.met_at) - started).label("met_s"),
            Round.broken_at.is_not(None).label("told"),
            _limit("province_after").label("after_3"),
            _limit("nation_after").label("after_6"),
            _limit("broken_after").label("after_10"),
        )
        .join(Consultation, Consultation.id == Round.consultation_id)
        .join(Conversation, Conversation.id == Consultation.conversation_id)
        .where(Round.started_at >= since, Round.started_at < until, lies_in(Consultation, region))
    )
    return timed.cte("facts").prefix_with("MATERIALIZED")


def first_answer_at() -> ScalarSelect[datetime]:
    """When a round had its first answer."""
    return select(func.min(Answer.created_at)).where(Answer.round_id == Round.id).scalar_subquery()


def _part_of(region: str) -> SQLColumnExpression[str]:
    """What of the region a consultation belongs to: a province, a prefecture, a county; else its own region as it is."""
    level = get_region(region).level
    part = {"nation": Consultation.province, "province": Consultation.city}.get(level)
    return func.coalesce(part, Consultation.region) if part is not None else Consultation.region


def _limit(name: str) -> ColumnElement[Any]:
    """Seconds that the round's own policy gives; the usual ones where it says nothing."""
    return func.coalesce(type_coerce(Round.policy, JSON)[name].as_float(), getattr(Policy(), name))


def _sums(facts: CTE) -> list[ColumnElement[Any]]:
    """The columns of a `Tally`, in its order."""
    c = facts.c
    waits_on = c.state.in_(("open", "met"))

    def count(condition: ColumnElement[bool]) -> ColumnElement[Any]:
        return func.sum(case((condition, 1), else_=0))

    columns: list[ColumnElement[Any]] = [func.count()]
    for limit in (c.after_3, c.after_6, c.after_10):
        in_time = c.first_s <= limit
        missed = or_(c.first_s > limit, and_(c.first_s.is_(None), or_(c.told, and_(waits_on, c.age > limit))))
        columns += [count(in_time), count(or_(in_time, missed))]
    kept = c.met_s <= c.after_10
    broken = and_(func.coalesce(c.met_s, c.after_10 + 1) > c.after_10, or_(c.told, and_(waits_on, c.age > c.after_10)))
    return [*columns, count(kept), count(broken)]

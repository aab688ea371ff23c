"""Who waits now: the open rounds of a region, whenever they started."""

from dataclasses import dataclass

from sqlalchemy import Float, func, select, type_coerce
from sqlalchemy.orm import Session
from sqlalchemy.types import JSON

from core.database import database_now
from escalation.desk import RoundView, round_views
from escalation.figures.sql import epoch
from escalation.models import Consultation, Round
from escalation.places import lies_in
from escalation.policy import Policy


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many wait, where they have got to, and the rounds themselves."""

    count: int
    overdue: int
    """Past their deadline."""
    urgent: int
    by_tier: dict[str, int]
    rounds: list[RoundView]
    """Urgent first, then those whose deadline comes (or came) first; at most as many as were asked for."""


def waiting_now(session: Session, region: str, limit: int = 100) -> Waiting:
    """The open rounds of a region and all that lies in it. Raises UnknownRegion."""
    allowed = func.coalesce(type_coerce(Round.policy, JSON)["broken_after"].as_float(), Policy().broken_after)
    deadline = (epoch(Round.started_at) + allowed).cast(Float)
    statement = (
        select(Round.id, Round.tier, Consultation.urgent, deadline.label("deadline"))
        .join(Consultation, Consultation.id == Round.consultation_id)
        .where(Round.state == "open", lies_in(Consultation, region))
        .order_by(Consultation.urgent.desc(), deadline, Round.id)
    )
    rows = session.execute(statement).all()
    now = database_now(session).timestamp()
    by_tier: dict[str, int] = {}
    for row in rows:
        by_tier[row.tier] = by_tier.get(row.tier, 0) + 1
    shown = [row.id for row in rows[:limit]]
    views = round_views(session, shown)
    return Waiting(
        count=len(rows),
        overdue=sum(row.deadline < now for row in rows),
        urgent=sum(row.urgent for row in rows),
        by_tier=by_tier,
        rounds=[views[round_id] for round_id in shown],
    )

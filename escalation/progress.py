"""Where a consultation stands, as the citizen is told: which circle has it, how many have answered, how long it may take."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.database import database_now
from core.regions import full_name
from escalation.consultations import is_rated, lawyers_who_answered
from escalation.models import Consultation, Lawyer, Lease, Round, RoundMove
from escalation.policy import Policy


class LawyerInThread(BaseModel):
    """One who has answered; `position` is what a citizen calls them by: the first, the second, …"""

    id: UUID
    position: int
    name: str
    firm: str


class RoundProgress(BaseModel):
    number: int
    state: str
    tier: str
    quorum: int
    answered: int
    pushed: int
    writing: int
    started_at: datetime
    deadline: datetime
    promised_seconds: float
    """Within which the answers were promised."""
    widened_after_seconds: float
    """After which it goes on from those addressed, or from the city."""
    broken: bool
    referred_to: str | None
    """The office that a lawyer named for what is no matter for lawyers."""


class Progress(BaseModel):
    """What a citizen may know of a consultation of theirs."""

    id: UUID
    number: str
    state: str
    urgent: bool
    region: str
    region_name: str
    opened_at: datetime
    closed_at: datetime | None
    rated: bool
    round: RoundProgress
    """The round that waits, else the last one."""
    lawyers: list[LawyerInThread]


def progress_of(session: Session, consultation: Consultation) -> Progress:
    moved = select(func.coalesce(func.sum(RoundMove.pushed), 0)).where(RoundMove.round_id == Round.id)
    held = select(func.count()).where(Lease.round_id == Round.id, Lease.expires_at > database_now(session))
    statement = (
        select(Round, moved.correlate(Round).scalar_subquery(), held.correlate(Round).scalar_subquery())
        .where(Round.consultation_id == consultation.id)
        .order_by((Round.state == "open").desc(), Round.number.desc())
        .limit(1)
    )
    round_, pushed, writing = session.execute(statement).one()
    policy = Policy.of_round(round_)
    answerers = lawyers_who_answered(session, consultation.id)
    lawyers = session.execute(select(Lawyer).where(Lawyer.id.in_(answerers))).scalars() if answerers else ()
    names = {lawyer.id: lawyer for lawyer in lawyers}
    return Progress(
        id=consultation.id,
        number=consultation.number,
        state=consultation.state,
        urgent=consultation.urgent,
        region=consultation.region,
        region_name=full_name(consultation.region),
        opened_at=consultation.opened_at,
        closed_at=consultation.closed_at,
        rated=consultation.closings > 0 and is_rated(session, consultation),
        round=RoundProgress(
            number=round_.number,
            state=round_.state,
            tier=round_.tier,
            quorum=round_.quorum,
            answered=round_.answered,
            pushed=pushed,
            writing=writing,
            started_at=round_.started_at,
            deadline=policy.deadline(round_.started_at),
            promised_seconds=policy.broken_after,
            widened_after_seconds=policy.province_after,
            broken=round_.broken_at is not None,
            referred_to=round_.referred_to,
        ),
        lawyers=[
            LawyerInThread(id=each, position=position, name=names[each].name, firm=names[each].firm)
            for position, each in enumerate(answerers, start=1)
        ],
    )

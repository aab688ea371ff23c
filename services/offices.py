"""Offices 办事机构: which one takes a request, and where citizens may go themselves."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.regions import get_region, lineage
from escalation.errors import Conflict, Refused
from escalation.journal import audit
from escalation.models import Staff
from services.models import Clerk, Office

_SHOWN = 3


def offices_for(session: Session, service: str, region: str, limit: int = _SHOWN) -> list[Office]:
    """The offices that take this service nearest to a region: its own, else those of what it lies in, else of what lies in it.

    Raises UnknownRegion.
    """
    get_region(region)
    takes = [office for office in _in_reach(session, region) if service in office.services]
    for place in lineage(region):
        if here := [office for office in takes if office.region == place]:
            return here[:limit]
    return takes[:limit]


def office_for(session: Session, service: str, region: str) -> Office | None:
    """The office that gets a request of this service: the nearest one of the region or of what it lies in; None where none does."""
    places = lineage(region)
    return next((office for office in offices_for(session, service, region) if office.region in places), None)


def all_offices(session: Session, service: str = "") -> list[Office]:
    """Those in service, by region and name."""
    statement = select(Office).where(Office.active).order_by(Office.region, Office.name)
    return [each for each in session.execute(statement).scalars() if not service or service in each.services]


def make_clerk(session: Session, account: Staff, office_name: str, actor: str) -> Clerk:
    """Put an account to work at an office. Raises Refused for an unknown office or an account of another role, Conflict where
    several offices bear the name.
    """
    if account.role != "clerk":
        raise Refused("只有办事人员（clerk）的账号能对应办事机构。")
    found = session.execute(select(Office).where(Office.name == office_name.strip(), Office.active)).scalars().all()
    if not found:
        raise Refused(f"没有叫“{office_name}”的办事机构，请先用 wenfa offices import 导入。")
    if len(found) > 1:
        raise Conflict(f"叫“{office_name}”的办事机构不止一个，请在名册里用全称区分。")
    clerk = Clerk(staff_id=account.id, office_id=found[0].id)
    session.add(clerk)
    session.flush()
    audit(session, actor, "make_clerk", account.id, office=str(found[0].id))
    return clerk


def office_of(session: Session, staff_id: UUID) -> Office | None:
    """Where an account works; None where it works at no office, or that office is no longer in service."""
    clerk = session.get(Clerk, staff_id)
    office = session.get_one(Office, clerk.office_id) if clerk is not None else None
    return office if office is not None and office.active else None


def office_lines(office: Office) -> str:
    """An office as one tells somebody to go there."""
    told = [office.address, f"电话 {office.phone}" if office.phone else "", office.hours]
    rest = "，".join(each for each in told if each)
    return f"{office.name}（{rest}）" if rest else office.name


def _in_reach(session: Session, region: str) -> Sequence[Office]:
    places, level = lineage(region), get_region(region).level
    prefix = {"province": region[:2], "prefecture": region[:4]}.get(level)
    inside = Office.region.startswith(prefix) if prefix else Office.region == region
    statement = select(Office).where(Office.active, Office.region.in_(places) | inside)
    return session.execute(statement.order_by(Office.region, Office.name)).scalars().all()

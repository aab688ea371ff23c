"""Offices 办事机构: which one takes a request, and where citizens may go themselves."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Text, cast, func, select, update
from sqlalchemy.orm import Session

from core.paging import Paged, one_page
from core.regions import NATION, get_region, lineage
from escalation.errors import Conflict, NotFound, Refused
from escalation.journal import audit
from escalation.models import Staff
from escalation.places import code_lies_in
from services.models import OVER, Clerk, Office, ServiceRequest

_SHOWN = 3
WORKING_AT_OFFICES = ("clerk", "lawyer")
"""Roles whose accounts may work at an office: many a lawyer sits at a legal aid station too."""


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


def office_named(session: Session, office_name: str) -> Office:
    """The one office in service that bears this name. Raises Refused for an unknown one, Conflict where several bear it."""
    found = session.execute(select(Office).where(Office.name == office_name.strip(), Office.active)).scalars().all()
    if not found:
        raise Refused(f"没有叫“{office_name}”的办事机构，请先用 wenfa offices import 导入。")
    if len(found) > 1:
        raise Conflict(f"叫“{office_name}”的办事机构不止一个，请在名册里用全称区分。")
    return found[0]


def make_clerk(session: Session, account: Staff, office_name: str, actor: str) -> Clerk:
    """Put an account to work at the office of this name. Raises Refused, Conflict as `office_named` and `place_clerk` do."""
    return place_clerk(session, account, office_named(session, office_name).id, actor)


def place_clerk(session: Session, account: Staff, office_id: UUID, actor: str) -> Clerk:
    """Put an account to work at an office, a clerk's or that of a lawyer who sits there, or move it from another one. Raises Refused for an account of another role, and
    for an office that is not in service.
    """
    if account.role not in WORKING_AT_OFFICES:
        raise Refused("只有办事人员（clerk）和律师（lawyer）的账号能对应办事机构。")
    office = session.get(Office, office_id)
    if office is None or not office.active:
        raise Refused("没有这个办事机构，或它已经停办。", "office")
    clerk = session.get(Clerk, account.id)
    if clerk is None:
        clerk = Clerk(staff_id=account.id, office_id=office_id)
        session.add(clerk)
        session.flush()
        audit(session, actor, "make_clerk", account.id, office=str(office_id))
    elif clerk.office_id != office_id:
        audit(session, actor, "move_clerk", account.id, before=str(clerk.office_id), now=str(office_id))
        clerk.office_id = office_id
    return clerk


def office_of(session: Session, staff_id: UUID) -> Office | None:
    """Where an account works; None where it works at no office, or that office is no longer in service."""
    office = office_at(session, staff_id)
    return office if office is not None and office.active else None


def office_at(session: Session, staff_id: UUID) -> Office | None:
    """The same, whether or not the office is in service."""
    clerk = session.get(Clerk, staff_id)
    return session.get_one(Office, clerk.office_id) if clerk is not None else None


def find_offices(
    session: Session,
    text: str = "",
    region: str = NATION,
    service: str = "",
    active: bool | None = None,
    number: int = 1,
) -> Paged[Office]:
    """A page of them by region and name: those that take this service in a region and all below it. Raises UnknownRegion."""
    get_region(region)
    found = select(Office).where(code_lies_in(Office.region, region))
    for word in text.split():
        found = found.where(Office.name.icontains(word, autoescape=True))
    if service:
        found = found.where(cast(Office.services, Text).contains(f'"{service}"', autoescape=True))
    if active is not None:
        found = found.where(Office.active.is_(active))
    return one_page(session, found.order_by(Office.region, Office.name), number)


def clerks_of(session: Session, office_id: UUID) -> Sequence[Staff]:
    """The accounts that work there, by name."""
    statement = select(Staff).join(Clerk, Clerk.staff_id == Staff.id).where(Clerk.office_id == office_id)
    return session.execute(statement.order_by(Staff.active.desc(), Staff.name)).scalars().all()


def open_requests(session: Session, office_id: UUID) -> int:
    """How many requests an office has that are not over."""
    statement = select(func.count()).select_from(ServiceRequest)
    return session.execute(
        statement.where(ServiceRequest.office_id == office_id, ServiceRequest.state.not_in(OVER))
    ).scalar_one()


def close_office(session: Session, office_id: UUID, actor: str) -> Office:
    """It takes no requests any more; those that it has not finished go to the supervisors, who hand them on. Raises NotFound."""
    office = _locked(session, office_id)
    if office.active:
        office.active = False
        left = open_requests(session, office_id)
        unfinished = update(ServiceRequest).where(
            ServiceRequest.office_id == office_id, ServiceRequest.state.not_in(OVER)
        )
        session.execute(unfinished.values(office_id=None))
        audit(session, actor, "close_office", office_id, name=office.name, requests=left)
    return office


def reopen_office(session: Session, office_id: UUID, actor: str) -> Office:
    """Raises NotFound."""
    office = _locked(session, office_id)
    if not office.active:
        office.active = True
        audit(session, actor, "reopen_office", office_id, name=office.name)
    return office


def _locked(session: Session, office_id: UUID) -> Office:
    office = session.get(Office, office_id, with_for_update=True)
    if office is None:
        raise NotFound("没有这个办事机构。")
    return office


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

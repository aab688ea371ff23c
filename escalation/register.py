"""The lawyers' register as an administrator looks it up: found, looked at, written as a file. `lawyers` changes it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from core.paging import Paged, one_page
from core.region_names import region_cell
from core.regions import NATION
from escalation.csv_records import write_csv
from escalation.duty import on_duty
from escalation.duty_grammar import Hours, written_hours
from escalation.errors import NotFound
from escalation.journal import audit
from escalation.lawyer_file import COLUMNS
from escalation.models import Contact, DutyHours, Lawyer, Lease, Staff
from escalation.places import lies_in

TIERS = {"city": "市", "province": "省", "nation": "全国"}
"""As files have them."""
# Telephone numbers and signing secrets do not leave the vault; what a file has no column for stays as it is.
EXPORTED = tuple(column for column in COLUMNS if column not in ("手机", "推送网址", "推送密钥"))

_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Sought:
    """Which lawyers are looked for; empty fields leave it open."""

    text: str = ""
    """Part of a name, a firm or a licence number; each word must be found."""
    region: str = NATION
    tier: str = ""
    active: bool | None = None

    def statement(self) -> Select[Lawyer]:
        """Raises UnknownRegion."""
        found = select(Lawyer).where(lies_in(Lawyer, self.region))
        for word in self.text.split():
            found = found.where(
                or_(*(each.icontains(word, autoescape=True) for each in (Lawyer.name, Lawyer.firm, Lawyer.licence)))
            )
        if self.tier:
            found = found.where(Lawyer.tier == self.tier)
        if self.active is not None:
            found = found.where(Lawyer.active.is_(self.active))
        return found.order_by(Lawyer.region, Lawyer.name, Lawyer.id)


@dataclass(slots=True)
class Standing:
    """A lawyer, and how they stand at this moment."""

    lawyer: Lawyer
    on_duty: bool = False
    held: int = 0
    """Rounds that they have claimed and not answered yet."""
    hours: list[Hours] = field(default_factory=list)
    contacts: dict[str, str] = field(default_factory=dict)
    """By medium: the address."""
    logins: list[str] = field(default_factory=list)
    account: UUID | None = None


def find_lawyers(session: Session, sought: Sought, number: int, at: datetime) -> Paged[Standing]:
    """A page of them by region and name, as they stand at this moment. Raises UnknownRegion."""
    found = one_page(session, sought.statement(), number)
    return Paged(standings(session, found.rows, at), found.total, found.number)


def look_at_lawyer(session: Session, lawyer_id: UUID, at: datetime) -> Standing:
    """One of them. Raises NotFound."""
    lawyer = session.get(Lawyer, lawyer_id)
    if lawyer is None:
        raise NotFound("没有这位律师。")
    return standings(session, [lawyer], at)[0]


def standings(session: Session, lawyers: Sequence[Lawyer], at: datetime) -> list[Standing]:
    """These lawyers, in their order, with what hangs on them."""
    found = {each.id: Standing(each) for each in lawyers}
    of_these = Lawyer.id.in_(found)
    for lawyer_id in session.execute(select(Lawyer.id).where(of_these, on_duty(at))).scalars():
        found[lawyer_id].on_duty = True
    held = select(Lease.lawyer_id, func.count()).where(Lease.lawyer_id.in_(found), Lease.expires_at > at)
    for lawyer_id, count in session.execute(held.group_by(Lease.lawyer_id)):
        found[lawyer_id].held = count
    _hang_on(session, found)
    accounts = select(Staff.lawyer_id, Staff.id, Staff.login).where(Staff.lawyer_id.in_(found))
    for of, account, login in session.execute(accounts.order_by(Staff.created_at)):
        if of is not None:
            found[of].logins.append(login)
            found[of].account = found[of].account or account
    return list(found.values())


def cells_of(standing: Standing) -> dict[str, str]:
    """A lawyer as a row of a file, by column; without what the vault keeps."""
    lawyer = standing.lawyer
    return {
        "姓名": lawyer.name, "执业证号": lawyer.licence, "律所": lawyer.firm, "地区": region_cell(lawyer.region),
        "层级": TIERS[lawyer.tier], "专长": "、".join(map(str, lawyer.specialties)),
        "语言": "、".join(map(str, lawyer.languages)), "值班时间": written_hours(standing.hours),
        "最大同时在办": str(lawyer.capacity), "推送网址": standing.contacts.get("webhook", ""),
        "微信": standing.contacts.get("wechat", ""), "在职": "是" if lawyer.active else "否",
    }  # fmt: skip


def export_lawyers(session: Session, sought: Sought, actor: str) -> str:
    """Those that are looked for as a file that can be changed and imported again. Raises UnknownRegion."""
    lawyers = session.execute(sought.statement()).scalars().all()
    rows: list[list[str]] = []
    for start in range(0, len(lawyers), _AT_ONCE):
        some = {each.id: Standing(each) for each in lawyers[start : start + _AT_ONCE]}
        _hang_on(session, some)
        rows += [[cells[column] for column in EXPORTED] for cells in map(cells_of, some.values())]
    audit(session, actor, "export_lawyers", "lawyers", rows=len(rows))
    return write_csv(EXPORTED, rows)


def _hang_on(session: Session, found: dict[UUID, Standing]) -> None:
    hours = select(DutyHours.lawyer_id, DutyHours.day, DutyHours.start, DutyHours.end)
    for lawyer_id, day, start, end in session.execute(hours.where(DutyHours.lawyer_id.in_(found))):
        found[lawyer_id].hours.append((day, start, end))
    contacts = select(Contact.lawyer_id, Contact.medium, Contact.address)
    for lawyer_id, medium, address in session.execute(contacts.where(Contact.lawyer_id.in_(found))):
        found[lawyer_id].contacts[medium] = address

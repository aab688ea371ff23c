"""The lawyers' register: one entered by hand, or thousands from a file in one go. `lawyer_file` reads and checks what is written."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, get_args
from uuid import UUID

from sqlalchemy import Row, bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from core.database import Base, database_now
from core.ids import new_id
from core.regions import ancestor, get_region
from core.security import Vault
from escalation.csv_records import Fault, Faulty, Imported, Outcome
from escalation.duty_grammar import Hours
from escalation.errors import NotFound, Refused
from escalation.journal import audit
from escalation.lawyer_file import Entry, LawyerFile, read_lawyers, wrong_circle
from escalation.models import AuditRow, Contact, DutyHours, Lawyer

LawyerTier = Literal["city", "province", "nation"]
Progress = Callable[[str, int, int], None]

T = TypeVar("T")

_AT_ONCE = 2000
# Which columns of a file fill which of the table. What a file has no column for stays as it is.
COLUMN_OF = {
    "name": "姓名", "firm": "律所", "region": "地区", "city": "地区", "province": "地区", "tier": "层级",
    "specialties": "专长", "languages": "语言", "capacity": "最大同时在办", "active": "在职",
    "phone": "手机", "duty_hours": "值班时间", "webhook": "推送网址", "wechat": "微信",
}  # fmt: skip
_MEDIA = ("webhook", "wechat")


def register_lawyer(
    session: Session, *, name: str, licence: str, region: str, tier: str, firm: str = "", actor: str = "command line"
) -> Lawyer:
    """Enter a lawyer, or bring one of this licence number up to date. Raises UnknownRegion, Refused."""
    get_region(region)
    if tier not in get_args(LawyerTier):
        raise Refused(f"层级只能是 city、province、nation，不能是“{tier}”。")
    if wrong := wrong_circle(region, tier):
        raise Refused(f"{wrong}。")
    lawyer = find_lawyer(session, licence)
    if lawyer is None:
        lawyer = Lawyer(licence=licence)
        session.add(lawyer)
    lawyer.name, lawyer.firm, lawyer.region, lawyer.tier = name, firm, region, tier
    lawyer.city, lawyer.province = ancestor(region, "prefecture"), ancestor(region, "province")
    session.flush()
    audit(session, actor, "register_lawyer", lawyer.id, licence=licence)
    return lawyer


def find_lawyer(session: Session, licence: str) -> Lawyer | None:
    """The lawyer of this licence number 执业证号."""
    return session.execute(select(Lawyer).where(Lawyer.licence == licence)).scalar_one_or_none()


def import_lawyers(
    session: Session,
    source: LawyerFile | bytes | Iterable[Mapping[str, str]],
    vault: Vault,
    actor: str,
    *,
    dry_run: bool = False,
    progress: Progress = lambda phase, done, total: None,
) -> Imported:
    """Enter the lawyers of a file, or bring those whose licence numbers are known up to date; with `dry_run` only look.

    Rows with faults are left out and reported; what is as it was is not touched, so the same file again changes nothing.
    Raises Refused when the file cannot be read at all.
    """
    file = source if isinstance(source, LawyerFile) else read_lawyers(source)
    held = _held(session, [entry.licence for entry in file.entries])
    work = _Work(file.columns, vault)
    done = Imported(faults=file.faults, unknown_columns=file.unknown_columns)
    for count, entry in enumerate(file.entries, start=1):
        what, changed = work.compare(entry, held.get(entry.licence))
        done.take(entry.line, entry.name, what, changed)
        if count % _AT_ONCE == 0 or count == len(file.entries):
            progress("核对", count, len(file.entries))
    if not dry_run:
        work.write(session, actor, progress)
        audit(
            session, actor, "import_lawyers", "lawyers", added=done.added, updated=done.changed,
            unchanged=done.unchanged, bad=done.bad,
        )  # fmt: skip
    return done


def save_lawyer(
    session: Session, cells: Mapping[str, str], vault: Vault, actor: str, lawyer_id: UUID | None = None
) -> UUID:
    """Enter one lawyer as a row of a file would, or with `lawyer_id` change this one; what `cells` has no column for stays.

    Raises NotFound; Faulty for what a file's row would be left out for, and for a licence number that another lawyer has.
    """
    file = read_lawyers([cells])
    if file.faults:
        raise Faulty(file.faults)
    entry, work = file.entries[0], _Work(file.columns, vault)
    held = _held(session, [entry.licence]).get(entry.licence)
    if held is not None and held.row.id != lawyer_id:
        raise Faulty([Fault(0, "执业证号", entry.licence, f"{held.row.name}已经用这个证号登记了")])
    if lawyer_id is not None and held is None:
        known = session.get(Lawyer, lawyer_id)
        if known is None:
            raise NotFound("没有这位律师。")
        audit(session, actor, "correct_licence", lawyer_id, before=known.licence, now=entry.licence)
        known.licence = entry.licence
        session.flush()
        held = _held(session, [entry.licence])[entry.licence]
    work.compare(entry, held)
    work.write(session, actor, lambda *_: None)
    return lawyer_id or work.added[0]["id"]


def set_lawyer_active(session: Session, lawyer_id: UUID, active: bool, actor: str) -> Lawyer:
    """Whether a lawyer is in service: who is not is asked nothing, and neither answers nor logs in. Raises NotFound."""
    lawyer = session.get(Lawyer, lawyer_id, with_for_update=True)
    if lawyer is None:
        raise NotFound("没有这位律师。")
    if lawyer.active != active:
        lawyer.active = active
        audit(session, actor, "reactivate_lawyer" if active else "deactivate_lawyer", lawyer_id, licence=lawyer.licence)
    return lawyer


@dataclass(frozen=True, slots=True)
class _Held:
    """A lawyer as the database has them."""

    row: Row[Any]
    hours: set[Hours] = field(default_factory=set)
    contacts: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By medium: the address, and the secret as it is encrypted."""


def _held(session: Session, licences: Sequence[str]) -> dict[str, _Held]:
    columns = Lawyer.__table__.columns
    found: dict[UUID, _Held] = {}
    for some in _portions(licences):
        found |= {row.id: _Held(row) for row in session.execute(select(*columns).where(Lawyer.licence.in_(some)))}
    for ids in _portions(list(found)):
        hours = select(DutyHours.lawyer_id, DutyHours.day, DutyHours.start, DutyHours.end)
        for lawyer_id, *span in session.execute(hours.where(DutyHours.lawyer_id.in_(ids))):
            found[lawyer_id].hours.add((span[0], span[1], span[2]))
        contacts = select(Contact.lawyer_id, Contact.medium, Contact.address, Contact.secret_encrypted)
        for lawyer_id, medium, address, secret in session.execute(contacts.where(Contact.lawyer_id.in_(ids))):
            found[lawyer_id].contacts[medium] = (address, secret)
    return {each.row.licence: each for each in found.values()}


class _Work:
    """What is to be written, gathered so that each table is written in bulk."""

    def __init__(self, columns: frozenset[str], vault: Vault) -> None:
        self.columns = columns
        self.vault = vault
        self.added: list[dict[str, Any]] = []
        self.changed: list[dict[str, Any]] = []
        self.touched: dict[UUID, dict[str, Any]] = {}
        """Of every lawyer that is not as they were, what the audit says."""
        self.hours_gone: list[UUID] = []
        self.hours: list[dict[str, Any]] = []
        self.contacts_gone: list[dict[str, Any]] = []
        self.contacts: list[dict[str, Any]] = []

    def compare(self, entry: Entry, held: _Held | None) -> tuple[Outcome, list[str]]:
        """Note what this row changes; says what, in the names of the file's columns."""
        if held is None:
            lawyer_id = new_id()
            self.added.append({"id": lawyer_id, "licence": entry.licence} | _fields(entry) | self._phone(entry))
            self._set_hours(lawyer_id, entry)
            for medium, address, secret in _contacts(entry):
                self._set_contact(lawyer_id, medium, address, secret)
            self.touched[lawyer_id] = {"licence": entry.licence, "added": True}
            return "added", []
        if not (changed := [*self._row(entry, held), *self._duty(entry, held), *self._media(entry, held)]):
            return "unchanged", []
        self.touched[held.row.id] = {"licence": entry.licence, "changed": changed}
        return "changed", list(dict.fromkeys(COLUMN_OF[each] for each in changed))

    def _row(self, entry: Entry, held: _Held) -> list[str]:
        """The columns of its row that it changes."""
        wanted = {name: value for name, value in _fields(entry).items() if COLUMN_OF[name] in self.columns}
        changed = [name for name, value in wanted.items() if getattr(held.row, name) != value]
        phone = {"phone_encrypted": held.row.phone_encrypted, "phone_hash": held.row.phone_hash}
        if (
            "手机" in self.columns
            and (self.vault.fingerprint(entry.phone) if entry.phone else "") != held.row.phone_hash
        ):
            phone = self._phone(entry)
            changed.append("phone")
        if changed:
            self.changed.append({"id": held.row.id} | wanted | phone)
        return changed

    def _duty(self, entry: Entry, held: _Held) -> list[str]:
        if "值班时间" not in self.columns or held.hours == set(entry.hours):
            return []
        self.hours_gone.append(held.row.id)
        self._set_hours(held.row.id, entry)
        return ["duty_hours"]

    def _media(self, entry: Entry, held: _Held) -> list[str]:
        wanted = {medium: (address, secret) for medium, address, secret in _contacts(entry)}
        changed = []
        for medium in _MEDIA:
            if COLUMN_OF[medium] in self.columns and wanted.get(medium) != self._opened(held.contacts.get(medium)):
                self.contacts_gone.append({"of": held.row.id, "through": medium})
                if medium in wanted:
                    self._set_contact(held.row.id, medium, *wanted[medium])
                changed.append(medium)
        return changed

    def _phone(self, entry: Entry) -> dict[str, str]:
        if not entry.phone:
            return {"phone_encrypted": "", "phone_hash": ""}
        return {"phone_encrypted": self.vault.encrypt(entry.phone), "phone_hash": self.vault.fingerprint(entry.phone)}

    def _set_hours(self, lawyer_id: UUID, entry: Entry) -> None:
        self.hours += [
            {"lawyer_id": lawyer_id, "day": day, "start": start, "end": end} for day, start, end in entry.hours
        ]

    def _set_contact(self, lawyer_id: UUID, medium: str, address: str, secret: str) -> None:
        encrypted = self.vault.encrypt(secret) if secret else ""
        self.contacts.append(
            {"lawyer_id": lawyer_id, "medium": medium, "address": address, "secret_encrypted": encrypted}
        )

    def _opened(self, contact: tuple[str, str] | None) -> tuple[str, str] | None:
        """The address and the secret in the clear; None where there is none, or where it was closed with another key."""
        if contact is None:
            return None
        try:
            return contact[0], self.vault.decrypt(contact[1]) if contact[1] else ""
        except ValueError:
            return None

    def write(self, session: Session, actor: str, progress: Progress) -> None:
        """All of it, lawyers before what hangs on them."""
        gone = {
            delete(DutyHours).where(DutyHours.lawyer_id == bindparam("of")): [{"of": each} for each in self.hours_gone],
            delete(Contact).where(
                Contact.lawyer_id == bindparam("of"), Contact.medium == bindparam("through")
            ): self.contacts_gone,
        }
        for statement, rows in gone.items():
            for some in _portions(rows):
                session.connection().execute(statement, some)
        at = database_now(session)
        rows_of: list[tuple[type[Base], list[dict[str, Any]]]] = [
            (Lawyer, self.added), (DutyHours, self.hours), (Contact, self.contacts),
            (AuditRow, [
                {"at": at, "actor": actor, "verb": "register_lawyer", "subject": str(lawyer_id), "detail": detail}
                for lawyer_id, detail in self.touched.items()
            ]),
        ]  # fmt: skip
        total, done = len(self.changed) + sum(len(rows) for _, rows in rows_of), 0
        for some in _portions(self.changed):
            session.execute(update(Lawyer), some)
            progress("写入", done := done + len(some), total)
        for table, rows in rows_of:
            for some in _portions(rows):
                session.execute(insert(table), some)
                progress("写入", done := done + len(some), total)


def _fields(entry: Entry) -> dict[str, Any]:
    """The columns of its row in the table, besides its licence number and telephone."""
    return {
        "name": entry.name, "firm": entry.firm, "region": entry.region, "city": ancestor(entry.region, "prefecture"),
        "province": ancestor(entry.region, "province"), "tier": entry.tier, "specialties": entry.specialties,
        "languages": entry.languages, "capacity": entry.capacity, "active": entry.active,
    }  # fmt: skip


def _contacts(entry: Entry) -> Iterator[tuple[str, str, str]]:
    """Medium, address, secret."""
    if entry.webhook is not None:
        yield "webhook", *entry.webhook
    if entry.wechat:
        yield "wechat", entry.wechat, ""


def _portions(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    """Not all at once: databases limit the values of a statement."""
    for start in range(0, len(rows), _AT_ONCE):
        yield rows[start : start + _AT_ONCE]

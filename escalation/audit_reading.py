"""Reading the audit: found by time, by who, what and to what; names for the identifiers in it; how the chain stands."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from escalation.chain import Head, head
from escalation.journal import audit
from escalation.models import AuditRow, AuditSeal, Lawyer, Staff

PAGE_ROWS = 50
ACTORS = {
    "citizen": "市民", "lawyer": "律师", "staff": "工作人员", "device": "终端", "dispatcher": "分发进程", "policy": "时限规则",
    "command line": "命令行",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sought:
    """Which rows are looked for; empty fields leave it open."""

    since: datetime | None = None
    until: datetime | None = None
    """Up to but not at."""
    actor: str = ""
    """A login, a name, one of `ACTORS`, or as it is written: staff:…"""
    verb: str = ""
    subject: str = ""
    """The thing's identifier, as it is written."""

    def said(self) -> dict[str, str]:
        """For the audit itself: what was looked for."""
        moments = {"since": self.since, "until": self.until}
        found = {name: each.isoformat() for name, each in moments.items() if each}
        return found | {name: each for name in ("actor", "verb", "subject") if (each := getattr(self, name))}


@dataclass(frozen=True, slots=True)
class Reading:
    """A page of rows, the newest first."""

    rows: Sequence[AuditRow]
    names: dict[str, str]
    """Of those actors and subjects whose name is known, by how they are written."""
    older: int | None
    """Where the next page begins: rows below this id. None on the last one."""


@dataclass(frozen=True, slots=True)
class ChainState:
    """How the chain stands; whether it is whole only a check can say."""

    head: Head
    waiting: int
    """Rows that are not chained yet."""
    sealed: AuditSeal | None
    """The last seal."""
    verified: AuditRow | None
    """The last check, as the audit has it."""


def read_audit(session: Session, sought: Sought, before: int | None, actor: str) -> Reading:
    """A page of the rows below id `before`, or the newest. Whoever reads is in the audit too, from the next reading on."""
    found = select(AuditRow)
    if before is not None:
        found = found.where(AuditRow.id < before)
    if sought.since:
        found = found.where(AuditRow.at >= sought.since)
    if sought.until:
        found = found.where(AuditRow.at < sought.until)
    if sought.actor:
        found = found.where(_by(session, sought.actor.strip()))
    if sought.verb:
        found = found.where(AuditRow.verb == sought.verb)
    if sought.subject:
        found = found.where(AuditRow.subject == sought.subject.strip())
    rows = session.execute(found.order_by(AuditRow.id.desc()).limit(PAGE_ROWS + 1)).scalars().all()
    shown = rows[:PAGE_ROWS]
    names = names_of(session, {each.actor for each in shown} | {each.subject for each in shown})
    audit(session, actor, "read_audit", "audit", sought=sought.said())
    return Reading(shown, names, shown[-1].id if len(rows) > PAGE_ROWS else None)


def chain_state(session: Session) -> ChainState:
    waiting = select(func.count()).select_from(AuditRow).where(AuditRow.position.is_(None))
    sealed = select(AuditSeal).order_by(AuditSeal.position.desc()).limit(1)
    verified = select(AuditRow).where(AuditRow.verb == "verify_audit").order_by(AuditRow.id.desc()).limit(1)
    return ChainState(
        head(session),
        session.execute(waiting).scalar_one(),
        session.execute(sealed).scalar_one_or_none(),
        session.execute(verified).scalar_one_or_none(),
    )


def history(session: Session, subject: str, verbs: Iterable[str], most: int = 20) -> Sequence[AuditRow]:
    """What was done to one thing, the newest first."""
    found = select(AuditRow).where(AuditRow.subject == subject, AuditRow.verb.in_(list(verbs)))
    return session.execute(found.order_by(AuditRow.id.desc()).limit(most)).scalars().all()


def names_of(session: Session, written: Iterable[str]) -> dict[str, str]:
    """Names for actors and subjects as they stand in the audit (staff:…, an identifier), where they are people's."""
    ids: dict[UUID, list[str]] = {}
    for each in written:
        try:
            ids.setdefault(UUID(each.rpartition(":")[2]), []).append(each)
        except ValueError:
            continue
    found: dict[str, str] = {}
    for table in (Lawyer, Staff):
        for row_id, name in session.execute(select(table.id, table.name).where(table.id.in_(ids))):
            found |= dict.fromkeys(ids[row_id], name)
    return found


def _by(session: Session, who: str) -> ColumnElement[bool]:
    """Rows of this actor, however they are named."""
    kind = next((key for key, name in ACTORS.items() if who in (key, name)), "")
    if kind:
        # A range and not LIKE: it finds its way through the index on every database.
        return or_(AuditRow.actor == kind, AuditRow.actor.between(f"{kind}:", f"{kind};"))
    people = session.execute(select(Staff.id, Staff.lawyer_id).where(or_(Staff.login == who, Staff.name == who))).all()
    lawyers = session.execute(select(Lawyer.id).where(or_(Lawyer.licence == who, Lawyer.name == who))).scalars()
    actors = {f"staff:{account}" for account, _ in people} | {f"lawyer:{each}" for _, each in people if each}
    return AuditRow.actor.in_(sorted(actors | {f"lawyer:{each}" for each in lawyers} | {who}))

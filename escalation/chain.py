"""The audit chain: what was done can afterwards be neither changed, nor taken away, nor slipped in unseen.

Audit rows are written inside many transactions at once, so they are not chained there but shortly after, by whichever
dispatcher comes first. The chain's order is `position`: a row that is committed late comes later, whatever its id.

The canonical form
------------------
Row `position` of the chain stands for one line of JSON in UTF-8, without spaces, its keys sorted by code point and nothing
escaped that JSON does not demand (`json.dumps(…, sort_keys=True, separators=(",", ":"), ensure_ascii=False)`)::

    {"actor":…,"at":…,"before":…,"detail":…,"id":…,"position":…,"subject":…,"verb":…}

`at` is UTC with six digits after the second and a Z: ``2026-11-22T05:30:00.000000Z``. `before` is the hash of the row before, 64
zeros for the first. Whole numbers are written in digits however they came (1e3 and 1000.0 are 1000), since databases differ in
what they hand back; others as the shortest decimal that reads back as the same double. The row's `hash` is the SHA-256 of that
line, in lower-case hex.

`wenfa audit export` writes the line with its hash as last member, so that nobody needs to build the canonical form again: cut the
last 75 characters off (``,"hash":"<64 digits>"}``), put the ``}`` back, hash what is there, compare; and see that `before` is the
hash of the line before and that positions are 1, 2, 3, …
"""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session

from core.database import Database
from escalation.models import AuditRow

GENESIS = "0" * 64
"""What stands before the first row."""
BATCH = 1000
"""How many rows are chained in one transaction: a fraction of a second's work, for SQLite has one writer."""

_LOCK = int.from_bytes(hashlib.sha256(b"wenfa audit chain").digest()[:8], signed=True)
_PAGE = 2000
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


class Entry(NamedTuple):
    """What an audit row says: all its columns but those that the chain gives it."""

    id: int
    at: datetime
    actor: str
    verb: str
    subject: str
    detail: dict[str, Any]


class Link(NamedTuple):
    """A row in its place. `entry` is None where its content can no longer be read."""

    position: int
    id: int
    hash: str
    entry: Entry | None


class Head(NamedTuple):
    """Where the chain ends."""

    position: int
    hash: str


_ENTRY = tuple(getattr(AuditRow, name) for name in Entry._fields)
_PLACE = (AuditRow.position, AuditRow.id, AuditRow.hash)


def canonical(entry: Entry, position: int, before: str) -> str:
    """The canonical form of a row in its place (see above)."""
    fields = entry._asdict() | {"at": utc(entry.at), "detail": _plain(entry.detail)}
    return _encode(fields | {"position": position, "before": before})


def digest(entry: Entry, position: int, before: str) -> str:
    """The hash of a row in its place. Half a character pair (possible in SQLite) counts as the bytes that it would be."""
    return hashlib.sha256(canonical(entry, position, before).encode("utf-8", "surrogatepass")).hexdigest()


def utc(moment: datetime) -> str:
    """The one way in which a moment is written where it is hashed."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def chain_rows(session: Session, limit: int = BATCH) -> int:
    """Give the rows that have no place in the chain yet their position and hash, in the order of their ids.

    Takes at most `limit` rows; returns how many. 0 also where somebody else is chaining at this moment. `session` is a
    write session: the chain has one writer at a time.
    """
    if not hold_chain(session):
        return 0
    waiting = select(*_ENTRY).where(AuditRow.position.is_(None)).order_by(AuditRow.id).limit(limit)
    entries = [Entry._make(row) for row in session.execute(waiting)]
    position, before = head(session)
    places: list[dict[str, Any]] = []
    for entry in entries:
        position += 1
        before = digest(entry, position, before)
        places.append({"id": entry.id, "position": position, "hash": before})
    if places:
        session.execute(update(AuditRow), places)
    return len(places)


def hold_chain(session: Session) -> bool:
    """Be the chain's only writer until the transaction ends; False where another is. On SQLite every writer is the only one."""
    if session.get_bind().dialect.name != "postgresql":
        return True
    return bool(session.execute(select(func.pg_try_advisory_xact_lock(_LOCK))).scalar_one())


def head(session: Session) -> Head:
    """The last row's place and hash."""
    statement = select(AuditRow.position, AuditRow.hash).where(AuditRow.position.is_not(None))
    last = session.execute(statement.order_by(AuditRow.position.desc()).limit(1)).first()
    return Head(last.position or 0, last.hash or "") if last else Head(0, GENESIS)


def links(database: Database) -> Iterator[Link]:
    """The chain in its order, in bounded memory and without a long transaction: rows that have a place do not change."""
    after: int | None = None
    while True:
        with database.read() as session:
            page = _page(session, after)
        if not page:
            return
        yield from page
        after = page[-1].position


def export_line(link: Link, before: str) -> str:
    """A row as `wenfa audit export` writes it. Raises ValueError where its content cannot be read."""
    if link.entry is None:
        raise ValueError(f"审计记录第 {link.position} 条（id {link.id}）的内容已经读不出")
    return f'{canonical(link.entry, link.position, before)[:-1]},"hash":"{link.hash}"}}'


def _page(session: Session, after: int | None) -> list[Link]:
    """The rows of the next positions. Bounded by position and not by LIMIT: no plan, however stale its statistics, reads more."""
    beyond = AuditRow.position.is_not(None) if after is None else AuditRow.position > after
    first = session.execute(select(func.min(AuditRow.position)).where(beyond)).scalar()
    if first is None:
        return []
    statement = select(*_PLACE, *_ENTRY).where(AuditRow.position.between(first, first + _PAGE - 1))
    # By id as well: somebody may have taken the constraint away and given a position twice.
    statement = statement.order_by(AuditRow.position, AuditRow.id)
    try:
        rows = session.execute(statement).all()
        return [Link(row[0], row[1], row[2] or "", Entry._make(row[3:])) for row in rows]
    except (ValueError, TypeError):
        return _one_by_one(session, statement.with_only_columns(*_PLACE))


def _one_by_one(session: Session, places: Select[int | None, int, str | None]) -> list[Link]:
    """A page of which some row does not even hold JSON or a date any more."""
    found = []
    for position, row_id, hashed in session.execute(places).all():
        try:
            entry = Entry._make(session.execute(select(*_ENTRY).where(AuditRow.id == row_id)).one())
        except (ValueError, TypeError):
            entry = None
        found.append(Link(position or 0, row_id, hashed or "", entry))
    return found


def _plain(value: Any) -> Any:
    """JSON with whole numbers as integers: PostgreSQL gives 1e22 back as an integer and knows no -0.0."""
    if isinstance(value, float):
        return int(Decimal(repr(value))) if value.is_integer() else value
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value

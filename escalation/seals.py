"""Seals under the audit chain. The chain alone could be computed anew by whoever may write to the database; a seal needs a key
that the database does not hold, and is kept a second time in a file outside it, so that a tail cannot be cut off unseen either.

That file is an append-only copy of the table `audit_seals`; each machine that runs a dispatcher has one, with all seals.
"""

import fcntl
import hashlib
import hmac
import json
import os
import threading
from collections.abc import Callable
from datetime import timedelta
from io import BufferedRandom
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.database import Database, database_now
from core.log import get_logger
from core.security import derive_key, same
from core.settings import Settings
from escalation.chain import BATCH, chain_rows, head, hold_chain, utc
from escalation.models import AuditRow, AuditSeal

SEAL_ROWS = 1000
SEAL_AFTER = timedelta(hours=1)

_LINE_AT_MOST = 1024
_EVERY_SECONDS = 1.0
_BREATH_SECONDS = 0.1  # between two full batches: SQLite's other writers have their turn

log = get_logger("audit")


class Seal(NamedTuple):
    """A seal as it stands in the file: one line of JSON, keys sorted, no spaces."""

    at: str
    hash: str
    mac: str
    position: int

    def genuine(self, key: bytes) -> bool:
        return same(self.mac, _mac(key, self.position, self.hash, self.at))


class SealsFile(NamedTuple):
    """What the file holds: its seals, and the numbers of the lines that are none."""

    seals: list[Seal]
    unreadable: list[int]


def seal_key(settings: Settings) -> bytes:
    return derive_key(settings, "audit seal")


def seals_path(settings: Settings) -> Path:
    return settings.home_dir / "audit-seals.jsonl"


def chain_keeper(database: Database, settings: Settings) -> Callable[[threading.Event], None]:
    """Work for a thread of its own beside the dispatcher's other work: `Dispatcher.run(stop, chain_keeper(…))`."""
    key, seals_file = seal_key(settings), seals_path(settings)

    def keep(stop: threading.Event) -> None:
        while not stop.is_set():
            full = False
            try:
                full = keep_chain(database, key, seals_file) == BATCH
            except Exception:
                log.exception("审计链没有接上，下一轮重试")
            stop.wait(_BREATH_SECONDS if full else _EVERY_SECONDS)

    return keep


def keep_chain(database: Database, key: bytes, seals_file: Path) -> int:
    """One turn: chain a batch of waiting rows, seal if a seal is due, copy new seals to the file. Returns how many were chained.

    The file comes after the commit: a seal for rows that were never committed would later look like a tail cut off. Whoever
    dies in between leaves it to the next turn.
    """
    chained = 0
    with database.read() as session:  # looking costs no write lock
        due = _waiting(session) or _due(session)
    if due:
        with database.write() as session:
            chained = chain_rows(session)
            seal(session, key)
    copy_seals(database, seals_file)
    return chained


def seal(session: Session, key: bytes) -> AuditSeal | None:
    """Put a seal under the chain if rows have come since the last one, and they are 1,000 or it is an hour old."""
    if not hold_chain(session) or not _due(session):
        return None
    position, hashed = head(session)
    at = database_now(session)
    made = AuditSeal(position=position, hash=hashed, mac=_mac(key, position, hashed, utc(at)), at=at)
    session.add(made)
    session.flush()
    return made


def copy_seals(database: Database, seals_file: Path) -> int:
    """Append the seals that the file does not have yet, and wait until the disk has them. Returns how many."""
    known = _newest(seals_file)
    with database.read() as session:
        newer = select(AuditSeal).where(AuditSeal.position > known).order_by(AuditSeal.position)
        if session.execute(newer.limit(1)).first() is None:
            return 0
        seals_file.touch(mode=0o600)
        with seals_file.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            _drop_torn_line(file)
            seals = session.execute(newer.where(AuditSeal.position > _newest(seals_file))).scalars().all()
            file.write(b"".join(_line(as_seal(each)) for each in seals))
            file.flush()
            os.fsync(file.fileno())
    if known == 0:
        _sync_folder(seals_file.parent)
    if seals:
        log.info("审计链已封", position=seals[-1].position, hash=seals[-1].hash, mac=seals[-1].mac)
    return len(seals)


def read_seals(seals_file: Path) -> SealsFile:
    """The file's seals. A last line without its end was being written when the power failed, and is not there."""
    seals: list[Seal] = []
    unreadable: list[int] = []
    with seals_file.open("rb") as file:
        for number, line in enumerate(file, 1):
            found = _parse(line)
            if found is not None:
                seals.append(found)
            elif line.endswith(b"\n"):
                unreadable.append(number)
    return SealsFile(seals, unreadable)


def as_seal(row: AuditSeal) -> Seal:
    return Seal(at=utc(row.at), hash=row.hash, mac=row.mac, position=row.position)


def _waiting(session: Session) -> bool:
    return session.execute(select(AuditRow.id).where(AuditRow.position.is_(None)).limit(1)).first() is not None


def _due(session: Session) -> bool:
    last = session.execute(select(AuditSeal).order_by(AuditSeal.position.desc()).limit(1)).scalar()
    since, sealed_at = (last.position, last.at) if last else (0, None)
    new = head(session).position - since
    if new <= 0:
        return False
    return sealed_at is None or new >= SEAL_ROWS or database_now(session) - sealed_at >= SEAL_AFTER


def _mac(key: bytes, position: int, hashed: str, at: str) -> str:
    content = _compact({"at": at, "hash": hashed, "position": position})
    return hmac.new(key, content, hashlib.sha256).hexdigest()


def _line(seal: Seal) -> bytes:
    return _compact(seal._asdict()) + b"\n"


def _compact(content: dict[str, str | int]) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _parse(line: bytes) -> Seal | None:
    """A seal, from exactly the line that would be written for it."""
    try:
        found = Seal(**json.loads(line))
    except (ValueError, TypeError):
        return None
    typed = isinstance(found.position, int) and all(isinstance(each, str) for each in found[:3])
    return found if typed and _line(found) == line else None


def _newest(seals_file: Path) -> int:
    """The position of the file's last whole seal; 0 without one."""
    try:
        with seals_file.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _LINE_AT_MOST))
            found = [seal for line in file if (seal := _parse(line)) is not None]
    except FileNotFoundError:
        return 0
    return found[-1].position if found else 0


def _drop_torn_line(file: BufferedRandom) -> None:
    end = file.seek(0, os.SEEK_END)
    file.seek(max(0, end - _LINE_AT_MOST))
    tail = file.read()
    if not tail.endswith(b"\n"):
        file.truncate(end - len(tail) + tail.rfind(b"\n") + 1)


def _sync_folder(folder: Path) -> None:
    """A new file's name is safe on the disk only when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

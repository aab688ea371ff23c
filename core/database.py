"""The record: SQLAlchemy on SQLite (WAL) or PostgreSQL, the same code on both.

One writer at a time on SQLite: a `write` session begins with ``BEGIN IMMEDIATE``, so that two transactions never
deadlock on an upgrade from reading to writing. Reads never wait for it.
"""

import math
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

from sqlalchemy import JSON, DateTime, Engine, MetaData, create_engine, event, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import ConnectionPoolEntry, Pool
from sqlalchemy.types import TypeDecorator, TypeEngine

from core import clock

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


_CLOCK_SECONDS = 5.0
_clocks: WeakKeyDictionary[Pool, tuple[float, datetime]] = WeakKeyDictionary()
"""Of each database: when its clock was read, on this process's monotonic clock, and what it showed."""


class UtcDateTime(TypeDecorator[datetime]):
    """A timezone-aware UTC moment on every database (SQLite stores no time zone)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime; use core.clock.now()")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Json(TypeDecorator[Any]):
    """JSON: a JSONB column on PostgreSQL, text on SQLite."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(JSONB() if dialect.name == "postgresql" else JSON())


class Base(DeclarativeBase):
    """All tables of the service."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar = {datetime: UtcDateTime, dict[str, Any]: Json, list[Any]: Json}


class Database:
    """One engine and the two kinds of session over it."""

    def __init__(self, url: str) -> None:
        self.engine = _make_engine(url)
        self._write_engine = self.engine.execution_options(wenfa_write=True)
        # SQLite makes the second writer sleep and try again, ever longer; in one process a lock hands over at once.
        self._writing: AbstractContextManager[object] = (
            threading.Lock() if self.engine.dialect.name == "sqlite" else nullcontext()
        )

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that only reads."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction: committed at the end, rolled back on any error."""
        with self._writing, Session(self._write_engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def rehearse(self) -> Iterator[Session]:
        """A transaction that is never committed: to see what would come of it."""
        with self._writing, Session(self._write_engine, expire_on_commit=False) as session:
            yield session
            session.rollback()

    def ping(self) -> None:
        """Raise if the database does not answer."""
        with self.engine.connect() as connection:
            connection.execute(text("SELECT 1"))

    def dispose(self) -> None:
        self.engine.dispose()


def database_now(session: Session) -> datetime:
    """The database's clock: what several dispatchers on several machines agree on.

    Asked every few seconds and counted on in between, to within the time that asking takes: a query for each look at the clock
    was a third of the work of moving a round.
    """
    bind = session.get_bind()
    if bind.dialect.name == "sqlite" or clock.moved():
        return clock.now()
    pool = bind.engine.pool
    read_at, shown = _clocks.get(pool, (-math.inf, datetime.min))
    if time.monotonic() - read_at > _CLOCK_SECONDS:
        before = time.monotonic()
        moment: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
        read_at, shown = (before + time.monotonic()) / 2, moment.astimezone(UTC)
        _clocks[pool] = read_at, shown
    return shown + timedelta(seconds=time.monotonic() - read_at)


def _make_engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, pool_size=20, max_overflow=20, pool_pre_ping=True)
    engine = create_engine(url, pool_size=20, max_overflow=20, connect_args={"timeout": 30, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        write = connection.get_execution_options().get("wenfa_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine

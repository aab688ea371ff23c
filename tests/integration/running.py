"""The whole service as its users run it: `wenfa up` in processes of its own, over a home folder of its own."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

from core.settings import ROOT

Client = httpx.Client


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Running:
    """A started service."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.home = home
        self.port = free_port()
        self.log = home / "up.log"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("WENFA_")},
            "WENFA_HOME": str(home),
            "WENFA_PORT": str(self.port),
            "WENFA_RASA_PORT": str(free_port()),
            "WENFA_DEMO": "1",
            **environment,
        }
        self.client = Client(base_url=f"http://127.0.0.1:{self.port}", trust_env=False, timeout=30)

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "wenfa", "up"],
            cwd=ROOT,
            env=self.environment,
            stdout=self.log.open("a"),
            stderr=subprocess.STDOUT,
        )

    def wait(self, seconds: float = 600, status: str = "ready") -> float:
        """Until everything is ready; gives the seconds that took."""
        started = time.monotonic()
        while self.readiness().get("status") != status:
            assert self.process.poll() is None, f"it ended by itself:\n{self.said()[-3000:]}"
            assert time.monotonic() - started < seconds, f"not {status}: {self.readiness()}\n{self.said()[-3000:]}"
            time.sleep(0.1)
        return time.monotonic() - started

    def readiness(self) -> dict[str, Any]:
        try:
            return dict(self.client.get("/readyz").json())
        except (httpx.HTTPError, ValueError):
            return {}

    def said(self) -> str:
        return self.log.read_text("utf-8", "replace")

    def children(self) -> dict[str, psutil.Process]:
        """The processes it runs, by name."""
        names = {"valkey": "redis", "wenfa rasa": "rasa", "wenfa api": "api", "wenfa dispatcher": "dispatcher"}
        found = {}
        for child in psutil.Process(self.process.pid).children():
            try:
                command = " ".join(child.cmdline())
            except (psutil.ZombieProcess, psutil.NoSuchProcess):  # killed, and not yet noticed by the manager
                continue
            for mark, name in names.items():
                if mark in command:
                    found[name] = child
        return found

    def kill(self, name: str) -> None:
        """As the kernel does when memory runs out."""
        self.children()[name].send_signal(signal.SIGKILL)

    def stop(self) -> int:
        """Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)

    def refused(self, **environment: str) -> str:
        """What `wenfa up` says when it cannot start: words, not a stack trace."""
        command = [sys.executable, "-m", "wenfa", "up"]
        environment = {**self.environment, **environment}
        found = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert found.returncode == 1
        assert "Traceback" not in found.stderr + found.stdout
        return found.stderr

    def demo_password(self) -> str:
        found = re.search(r"密码都是 (\S+?)（", self.said())
        assert found, self.said()
        return found[1]


@contextmanager
def running(home: Path, **environment: str) -> Iterator[Running]:
    service = Running(home, **environment)
    service.start()
    try:
        service.wait()
        yield service
    finally:
        if service.process.poll() is None:
            service.process.send_signal(signal.SIGTERM)
            try:
                service.process.wait(30)
            except subprocess.TimeoutExpired:
                service.process.kill()
        service.client.close()

"""Start and speak to real Rasa in a test: the trained model, the process of bot/.venv, an action server of rasa-sdk."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI, HTTPException, Request
from rasa_sdk import Action
from rasa_sdk.executor import ActionExecutor

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "build" / "rasa"


def bot_python() -> Path:
    """The Python of Rasa's environment; it may not exist."""
    return ROOT / "bot" / ".venv" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def train_model(output: Path = MODELS) -> Path:
    """The model of the repository as it stands, trained now unless it already was (about a minute)."""
    done = subprocess.run(
        [str(bot_python()), str(ROOT / "bot" / "train.py"), "--output", str(output)],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip().splitlines()[-1])


@dataclass
class RasaProcess:
    """A running Rasa and how to speak to it."""

    process: subprocess.Popen[bytes]
    port: int
    token: str
    log: Path
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=10, trust_env=False)

    def send(self, sender: str, message: str, metadata: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """One message through the webhook; what the action answered."""
        response = self.post(sender, message, metadata, token=self.token)
        assert response.status_code == 200, response.text
        return list(response.json())

    def post(
        self, sender: str, message: str, metadata: dict[str, Any] | None = None, token: str | None = None
    ) -> httpx.Response:
        """The webhook's plain response, with any token or none."""
        return self.client.post(
            "/webhooks/rest/webhook",
            json={"sender": sender, "message": message, "metadata": metadata},
            headers={"Authorization": f"Bearer {token}"} if token is not None else {},
        )

    def parse(self, text: str) -> dict[str, Any]:
        """What the model makes of a text, without a conversation."""
        response = self.client.post("/model/parse", params={"token": self.token}, json={"text": text})
        assert response.status_code == 200, response.text
        return dict(response.json())

    def stop(self, timeout_s: float = 10) -> int:
        """SIGTERM; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout_s)


@contextmanager
def running_rasa(
    model: Path, action_url: str, log: Path, *, token: str = "-rasa-token", action_token: str = "", redis_url: str = ""
) -> Iterator[RasaProcess]:
    """Rasa on a free port, ready to answer; stopped on leaving."""
    port = free_port()
    environment = os.environ | {
        "WENFA_RASA_TOKEN": token,
        "WENFA_ACTION_URL": action_url,
        "WENFA_ACTION_TOKEN": action_token,
        "WENFA_TRACKER_REDIS_URL": redis_url,
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(bot_python()), str(ROOT / "bot" / "serve.py"), "--model", str(model), "--port", str(port)],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    rasa = RasaProcess(process, port, token, log)
    try:
        _wait_until_ready(rasa)
        yield rasa
    finally:
        rasa.client.close()
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_ready(rasa: RasaProcess, timeout_s: float = 120) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if rasa.process.poll() is not None:
            raise AssertionError(f"Rasa ended while starting:\n{rasa.log.read_text(errors='replace')}")
        try:
            if rasa.client.get("/status", params={"token": rasa.token}).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"Rasa was not ready after {timeout_s:.0f} s:\n{rasa.log.read_text(errors='replace')}")


@dataclass
class ActionServer:
    """The action endpoint as the api will have it: rasa-sdk's executor behind FastAPI. Keeps the calls it got."""

    url: str
    token: str
    calls: list[dict[str, Any]]


@contextmanager
def running_action_server(
    actions: Iterable[Action], token: str = "action-token", port: int | None = None
) -> Iterator[ActionServer]:
    """An action server on a free port or a given one, in a thread of this process."""
    executor = ActionExecutor()
    for action in actions:
        executor.register_action(action)
    calls: list[dict[str, Any]] = []
    app = FastAPI()

    @app.post("/internal/rasa/actions")
    async def run_action(request: Request) -> dict[str, Any]:
        if request.headers.get("authorization") != f"Bearer {token}":
            raise HTTPException(401)
        call = await request.json()
        calls.append(call)
        result = await executor.run(call)
        return {} if result is None else result.model_dump()

    port = port or free_port()
    with serving(app, port):
        yield ActionServer(f"http://127.0.0.1:{port}/internal/rasa/actions", token, calls)


@contextmanager
def serving(app: FastAPI, port: int) -> Iterator[None]:
    """Serves the app at a port of 127.0.0.1, in a thread of this process."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server.started, "the server did not start"
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(5)

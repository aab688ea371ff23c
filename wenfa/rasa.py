"""Rasa's side of the house: its environment, its trained models, and looking after the process that serves one.

A model trained while the service runs (`wenfa prepare`) takes over by itself: a second server loads it, listens at the
same port, and only then does the first one stop, when it has answered what it had taken.
"""

import json
import os
import select
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import yaml

from core.log import configure, get_logger
from core.process import die_with_parent
from core.security import derive_token
from core.settings import ROOT, Settings

PYTHON = ROOT / "bot" / ".venv" / "bin" / "python"

_LOOK_EVERY_SECONDS = 1.0
_READY_WITHIN_SECONDS = 180.0
_STOPPED_WITHIN_SECONDS = 6.0

log = get_logger("rasa")


def train(settings: Settings, say: Callable[[str], object]) -> None:
    """Train the model if its data has changed. A service without Rasa still answers, so a failure is told and borne."""
    if not PYTHON.exists():
        say("没有 Rasa 环境（bot/.venv），服务将不经 Rasa 直接回答。运行 make setup 可以安装。")
        return
    command = [str(PYTHON), str(ROOT / "bot" / "train.py"), "--output", str(_models(settings))]
    if subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.DEVNULL).returncode != 0:  # noqa: S603 (our own file)
        say("Rasa 模型没有训练成功（原因见上），服务将不经 Rasa 直接回答。")


def newest_model(settings: Settings) -> Path | None:
    """The model to serve; None where none was trained."""
    models = sorted(_models(settings).glob("*.tar.gz"), key=lambda path: path.stat().st_mtime)
    return models[-1] if models and PYTHON.exists() else None


def misfit(model: Path) -> str | None:
    """Why this software cannot use the model, in Chinese; None where it can. Reads the model's own record of itself."""
    try:
        with tarfile.open(model) as archive:
            file = archive.extractfile("metadata.json")
            record = json.load(file) if file else {}
        trained = {_intent(each) for each in record["domain"]["intents"]}
    except (OSError, tarfile.TarError, KeyError, ValueError, TypeError) as error:
        return f"读不出模型文件 {model.name}（{error!r}）"
    wanted = {_intent(each) for each in yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))["intents"]}
    if trained != wanted:
        differing = "、".join(sorted(trained ^ wanted))
        return f"模型 {model.name} 的意图与 domain.yml 不一致：{differing}"
    return None


def serve(settings: Settings, number: int = 0) -> int:
    """Look after the `number`-th Rasa server of the house until told to stop; the exit status. Waits for a first model."""
    configure(settings, "rasa" if number == 0 else f"rasa-{number + 1}")
    die_with_parent()
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    server: _Server | None = None
    refused: Path | None = None
    try:
        while not stop.is_set():
            if server is not None and (status := server.process.poll()) is not None:
                log.error("Rasa 停了", status=status)
                return status or 1
            model = newest_model(settings)
            if model is not None and model != refused and (server is None or server.model != model):
                if why := misfit(model):
                    log.error("不用这个对话模型，请运行 wenfa prepare 重新训练", reason=why)
                    refused = model
                    continue
                successor = _Server(settings, number, model)
                if successor.ready(stop):
                    if server is not None:
                        server.stop()
                    log.info("对话模型已就绪", model=model.name, port=settings.rasa_port + number)
                    server = successor
                elif not stop.is_set():
                    successor.stop()
                    if server is None:
                        return 1  # whoever started us tries again
                    log.error("新的对话模型没有启动成功，继续用原来的", model=model.name)
                    refused = model
            stop.wait(_LOOK_EVERY_SECONDS)
    finally:
        if server is not None:
            server.stop()
    return 0


class _Server:
    """One process of bot/serve.py with one model."""

    def __init__(self, settings: Settings, number: int, model: Path) -> None:
        self.model = model
        port = settings.rasa_port + number
        self._ready, ready_fd = os.pipe()
        environment = {
            **os.environ,
            "WENFA_RASA_TOKEN": derive_token(settings, "rasa"),
            "WENFA_ACTION_TOKEN": derive_token(settings, "rasa actions"),
            "WENFA_ACTION_URL": f"{settings.local_url}/internal/rasa/actions",
            "WENFA_TRACKER_REDIS_URL": settings.live_url,
        }
        command = [str(PYTHON), str(ROOT / "bot" / "serve.py"), "--model", str(model)]
        command += ["--port", str(port), "--ready-fd", str(ready_fd)]
        # Its output goes through us: else it would hold open what our own parent reads, also once we are dead, and circus
        # could not tell the end of one process from the beginning of the next.
        self.process = subprocess.Popen(  # noqa: S603 (our own file)
            command, cwd=ROOT, env=environment, pass_fds=[ready_fd], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        os.close(ready_fd)
        threading.Thread(target=_pass_on, args=[self.process.stdout], daemon=True).start()

    def ready(self, stop: threading.Event) -> bool:
        """Wait until it listens. False where it ended, took too long, or we are to stop."""
        ends = time.monotonic() + _READY_WITHIN_SECONDS
        try:
            while time.monotonic() < ends and not stop.is_set():
                if select.select([self._ready], [], [], 0.2)[0]:
                    return os.read(self._ready, 16) != b""
            return False
        finally:
            os.close(self._ready)

    def stop(self) -> None:
        """Let it answer what it has taken, then end it."""
        self.process.terminate()
        try:
            self.process.wait(_STOPPED_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _pass_on(lines: IO[bytes]) -> None:
    for line in lines:
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()


def _intent(entry: object) -> str:
    """An intent's name; in a domain it stands alone or as the key of its options."""
    return str(next(iter(entry))) if isinstance(entry, dict) else str(entry)


def _models(settings: Settings) -> Path:
    return settings.home_dir / "models" / "rasa"

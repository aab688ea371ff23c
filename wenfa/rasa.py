"""Rasa's side of the house: its environment, its trained models, the command that serves one."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from core.security import derive_token
from core.settings import ROOT, Settings

PYTHON = ROOT / "bot" / ".venv" / "bin" / "python"


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


def serve(settings: Settings) -> None:
    """Become the Rasa server, on loopback. Returns only where there is no model."""
    model = newest_model(settings)
    if model is None:
        return
    tokens = {
        "WENFA_RASA_TOKEN": derive_token(settings, "rasa"),
        "WENFA_ACTION_TOKEN": derive_token(settings, "rasa actions"),
        "WENFA_ACTION_URL": f"{settings.local_url}/internal/rasa/actions",
        "WENFA_TRACKER_REDIS_URL": settings.live_url,
    }
    command = [str(PYTHON), str(ROOT / "bot" / "serve.py"), "--model", str(model), "--port", str(settings.rasa_port)]
    os.chdir(ROOT)
    os.execve(command[0], command, {**os.environ, **tokens})  # noqa: S606 (this process becomes the server)


def _models(settings: Settings) -> Path:
    return settings.home_dir / "models" / "rasa"

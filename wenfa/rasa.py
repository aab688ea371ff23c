"""Rasa's side of the house: its environment, its trained models, the command that serves one."""

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


def serving(settings: Settings) -> tuple[list[str], dict[str, str]] | None:
    """The command and the environment that serve the newest model on loopback; None when there is no model."""
    models = sorted(_models(settings).glob("*.tar.gz"), key=lambda path: path.stat().st_mtime)
    if not models or not PYTHON.exists():
        return None
    serve = [str(PYTHON), str(ROOT / "bot" / "serve.py")]
    command = [*serve, "--model", str(models[-1]), "--port", str(settings.rasa_port)]
    return command, {
        "WENFA_RASA_TOKEN": derive_token(settings, "rasa"),
        "WENFA_ACTION_TOKEN": derive_token(settings, "rasa actions"),
        "WENFA_ACTION_URL": f"http://127.0.0.1:{settings.port}/internal/rasa/actions",
        "WENFA_TRACKER_REDIS_URL": settings.live_url,
    }


def _models(settings: Settings) -> Path:
    return settings.home_dir / "models" / "rasa"

"""Train Rasa's model: `python bot/train.py --output DIR`, with the Python of bot/.venv.

Trains only when something the model rests on has changed; looking takes milliseconds and never imports Rasa. The model
is DIR/<hash>.tar.gz and lands there whole. Progress goes to stderr, the model's path to stdout.
"""

import argparse
import contextlib
import hashlib
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REGIONS = ROOT / "core" / "data" / "regions.csv"
SPOKEN = ROOT / "core" / "data" / "spoken_names.csv"
KEEP = 2  # the model in service and the one before it, to go back to


def sources() -> list[Path]:
    """The files a model rests on, in a fixed order: data, the code that makes features of it, the encoder."""
    data = sorted((ROOT / "bot" / "data").rglob("*.yml"))
    code = [ROOT / "bot" / name for name in ("region_names.py", "classifier.py", "featurizer.py")]
    encoder = sorted((ROOT / "knowledge_base" / "model" / "question").iterdir())
    return [ROOT / "config.yml", ROOT / "domain.yml", *data, REGIONS, SPOKEN, *code, *encoder]


def model_name() -> str:
    """<first 16 hex digits of the sources' SHA-256>.tar.gz"""
    digest = hashlib.sha256()
    for path in sources():
        content = path.read_bytes()
        digest.update(f"{path.relative_to(ROOT).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return f"{digest.hexdigest()[:16]}.tar.gz"


def main() -> int:
    parser = argparse.ArgumentParser(description="训练对话模型；没有变化就不重新训练")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="模型存放的文件夹")
    output: Path = parser.parse_args().output.resolve()
    model = output / model_name()
    if model.exists():
        _say("对话模型已是最新")
    else:
        output.mkdir(parents=True, exist_ok=True)
        _say("正在训练对话模型，约四分钟")
        started = time.monotonic()
        if not _train(model):
            _say("对话模型训练失败")
            return 1
        _say(f"对话模型训练完成，用时 {time.monotonic() - started:.0f} 秒")
    _remove_old(model)
    sys.stdout.write(f"{model}\n")
    return 0


def _train(model: Path) -> bool:
    with tempfile.TemporaryDirectory(dir=model.parent, prefix="training-") as name:
        work = Path(name)
        # Set before Rasa is imported: it reads some of these while importing.
        os.environ.update(
            RASA_TELEMETRY_ENABLED="false",
            RASA_CACHE_DIRECTORY=str(work / "cache"),
            RASA_MAX_CACHE_SIZE="0",
            LOG_LEVEL="ERROR",
            LOG_LEVEL_LIBRARIES="ERROR",
            TF_CPP_MIN_LOG_LEVEL="3",
            CUDA_VISIBLE_DEVICES="-1",
            SQLALCHEMY_SILENCE_UBER_WARNING="1",
            MPLCONFIGDIR=str(work),
        )
        sys.path[0] = str(ROOT)
        from bot.region_names import training_data

        regions = work / "data" / "regions.yml"
        regions.parent.mkdir()
        regions.write_text(training_data(REGIONS, SPOKEN), encoding="utf-8")

        # Third parties' deprecations are nobody's business who trains a model here.
        warnings.simplefilter("ignore")
        warnings.showwarning = lambda *args, **kwargs: None
        import jieba
        import rasa.model_training
        import rasa.utils.common
        from rasa.utils.log_utils import configure_structlog

        jieba.setLogLevel(60)
        rasa.utils.common.configure_logging_and_warnings()
        configure_structlog()
        with contextlib.redirect_stdout(sys.stderr):
            result = rasa.model_training.train(
                domain=str(ROOT / "domain.yml"),
                config=str(ROOT / "config.yml"),
                training_files=[str(ROOT / "bot" / "data"), str(regions.parent)],
                output=str(work),
                fixed_model_name=model.name,
                force_training=True,
            )
        if result.code != 0 or result.model is None:
            return False
        Path(result.model).replace(model)
        return True


def _remove_old(current: Path) -> None:
    models = sorted(current.parent.glob("*.tar.gz"), key=lambda path: path.stat().st_mtime, reverse=True)
    others = [path for path in models if path != current]
    for path in others[KEEP - 1 :]:
        path.unlink(missing_ok=True)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())

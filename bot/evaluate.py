"""Measure a trained model on held-out sentences: `python bot/evaluate.py --model FILE [--data FILE] [--errors] [--chart SVG]`.

Run with the Python of bot/.venv. Prints accuracy, macro-F1, the recalls that matter most, what each fallback threshold
would do, and the time a parse takes; draws the confusion matrix where it is told to.
"""

import argparse
import asyncio
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
_ENTITY = re.compile(r"\[(.*?)\]\(.*?\)")


def read_examples(path: Path) -> list[tuple[str, str]]:
    """(text, intent) of a Rasa NLU file."""
    import yaml

    found = []
    for block in yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]:
        for line in block["examples"].splitlines() if "intent" in block else ():
            found.append((_ENTITY.sub(r"\1", line.removeprefix("- ").strip()), block["intent"]))
    return found


async def predict(model: Path, texts: list[str]) -> tuple[list[dict[str, Any]], list[float]]:
    """What the model parses from each text, and the milliseconds each took."""
    from rasa.core.agent import Agent

    agent = Agent.load(str(model))
    await agent.parse_message(texts[0])
    parsed, took = [], []
    for text in texts:
        started = time.perf_counter()
        parsed.append(await agent.parse_message(text))
        took.append((time.perf_counter() - started) * 1000)
    return parsed, took


def main() -> None:
    parser = argparse.ArgumentParser(description="在测试集上衡量对话模型")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=ROOT / "tests" / "data" / "nlu_test.yml")
    parser.add_argument("--errors", action="store_true", help="列出判错的句子")
    parser.add_argument("--chart", type=Path, metavar="SVG", help="画出混淆矩阵")
    options = parser.parse_args()
    os.environ.update(
        RASA_TELEMETRY_ENABLED="false", LOG_LEVEL="ERROR", TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1"
    )
    sys.path[0] = str(ROOT)
    import logging
    import warnings

    warnings.simplefilter("ignore")
    warnings.showwarning = lambda *args, **kwargs: None
    import jieba
    from rasa.utils.log_utils import configure_structlog
    from sklearn.metrics import classification_report, f1_score

    jieba.setLogLevel(logging.ERROR)
    logging.getLogger("rasa").setLevel(logging.ERROR)
    configure_structlog(logging.ERROR)

    examples = read_examples(options.data)
    parsed, took = asyncio.run(predict(options.model, [text for text, _ in examples]))
    truth = [intent for _, intent in examples]
    best = [max(p["intent_ranking"], key=_unless_fallback) for p in parsed]
    names = [b["name"] for b in best]
    final = [p["intent"]["name"] for p in parsed]

    right = sum(t == n for t, n in zip(truth, final, strict=True))
    lines = [classification_report(truth, names, digits=3, zero_division=0)]
    lines.append(f"accuracy, fallback counted wrong: {right / len(truth):.4f} ({right}/{len(truth)})")
    lines.append(f"accuracy of the best guess: {sum(map(str.__eq__, truth, names)) / len(truth):.4f}")
    lines.append(f"macro-F1 of the best guess: {f1_score(truth, names, average='macro'):.4f}")
    took.sort()
    lines.append(f"parse: p50 {took[len(took) // 2]:.1f} ms, p95 {took[int(len(took) * 0.95)]:.1f} ms")
    lines.append("threshold  right  wrong  fallback | out_of_scope let through | danger found | ask_person found")
    for threshold in (0.0, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7):
        kept = [n if b["confidence"] >= threshold else "" for n, b in zip(names, best, strict=True)]
        pairs = list(zip(truth, kept, strict=True))
        let = sum(t == "out_of_scope" and k not in ("", "out_of_scope") for t, k in pairs)
        lines.append(
            f"{threshold:9.2f} {sum(t == k for t, k in pairs):6d} {sum(k not in ('', t) for t, k in pairs):6d} "
            f"{sum(k == '' for _, k in pairs):9d} | {let}/{truth.count('out_of_scope')} | "
            f"{sum(t == k == 'danger' for t, k in pairs)}/{truth.count('danger')} | "
            f"{sum(t == k == 'ask_person' for t, k in pairs)}/{truth.count('ask_person')}"
        )
    if options.errors:
        for (text, intent), name, guess in zip(examples, final, best, strict=True):
            if name != intent:
                lines.append(f"{intent:>22} -> {name} ({guess['name']} {guess['confidence']:.2f})  {text}")
    sys.stdout.write("\n".join(lines) + "\n")
    if options.chart:
        draw(truth, final, options.chart)


def draw(truth: list[str], guessed: list[str], path: Path) -> None:
    """The confusion matrix: a row for each intent as meant, a column as understood, the share of the row in the cell's colour."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "wenfa"  # the same figures, the same file
    from matplotlib import pyplot
    from sklearn.metrics import confusion_matrix

    names = sorted(set(truth) | set(guessed))
    counts = confusion_matrix(truth, guessed, labels=names)
    figure, axes = pyplot.subplots(figsize=(12, 11), layout="constrained")
    axes.imshow(counts / counts.sum(axis=1, keepdims=True).clip(1), cmap="Blues", vmin=0, vmax=1)
    for row, column in zip(*counts.nonzero(), strict=True):
        dark = counts[row, column] * 2 > counts[row].sum()
        axes.text(
            column, row, counts[row, column], ha="center", va="center", size=7, color="white" if dark else "black"
        )
    axes.set_xticks(range(len(names)), names, rotation=90, size=8)
    axes.set_yticks(range(len(names)), names, size=8)
    axes.set_xlabel("understood")
    axes.set_ylabel("meant")
    figure.savefig(path, metadata={"Date": None})


def _unless_fallback(guess: dict[str, Any]) -> float:
    return -1.0 if guess["name"] == "nlu_fallback" else float(guess["confidence"])


if __name__ == "__main__":
    main()

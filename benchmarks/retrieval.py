"""How well and how fast the right article is found, through the same code as the service.

    python benchmarks/retrieval.py --corpus ../shared/data/stard/corpus.jsonl.gz --questions ../shared/data/stard/train.jsonl
    python benchmarks/retrieval.py … --json result.json

`corpus`: JSON lines with id, law, version, article, path, text. `questions`: JSON lines with question and relevant (ids).
The models that ship have seen STARD's train questions: figures on them say nothing of other questions, and the output says
so. `wenfa kb evaluate` gives the figures out of fold.
"""

import argparse
import json
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import faiss
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from knowledge_base.building import build_index
from knowledge_base.search import Decision, KnowledgeBase
from knowledge_base.training.corpus import load_corpus
from knowledge_base.training.material import shipped_questions
from knowledge_base.training.ranker import calibration_error, coverage_at

DEPTHS = (1, 5, 10, 20, 50, 100)
AS_OF = date(2026, 11, 22)


def selective(confidence: np.ndarray, right: np.ndarray) -> dict[str, float]:
    """Precision when only the surest are answered, and the area under the risk-coverage curve (Geifman et al. 2019)."""
    order = np.argsort(-confidence, kind="stable")
    precision = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    table = {
        f"precision at {share} %": round(float(precision[max(len(order) * share // 100, 1) - 1]), 4)
        for share in range(10, 70, 10)
    }
    return table | {"aurc": round(float(np.mean(1 - precision)), 4)}


def seen_in_training(questions: list[str], trained_on: Path) -> int:
    if not trained_on.exists():
        return 0
    lines = trained_on.read_text(encoding="utf-8").splitlines()
    known = {json.loads(line)["question"] for line in lines}
    return sum(question in known for question in questions)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--corpus", type=Path, default=Path("../shared/data/stard/corpus.jsonl.gz"))
    parser.add_argument("--questions", type=Path, default=Path("../shared/data/stard/train.jsonl"))
    parser.add_argument("--trained-on", type=Path, default=Path("../shared/data/stard/train.jsonl"))
    parser.add_argument("--embedding-model", default="", help="another model than the one that ships")
    parser.add_argument("--limit", type=int, help="ask only so many questions")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    faiss.omp_set_num_threads(1)
    import torch

    torch.set_num_threads(1)
    rows = [json.loads(line) for line in arguments.questions.read_text(encoding="utf-8").splitlines() if line.strip()]
    rows = rows[: arguments.limit]
    with tempfile.TemporaryDirectory(prefix="wenfa-retrieval-") as folder:
        corpus = load_corpus(arguments.corpus.resolve(), Path(folder), arguments.embedding_model)
        started = time.perf_counter()
        built = build_index(corpus.settings, corpus.database, questions=shipped_questions())
        seconds = time.perf_counter() - started
        size = sum(path.stat().st_size for path in corpus.settings.index_dir.rglob("*") if path.is_file()) / 2**20
        knowledge_base = KnowledgeBase.open(corpus.settings, corpus.database)
        found: dict[str, list[float]] = {f"recall@{depth}": [] for depth in DEPTHS}
        found |= {"mrr@10": [], "ndcg@10": [], "hit@1": [], "hit@3": []}
        times, confidence, first_confidence, answered = [], [], [], []
        discount = 1 / np.log2(np.arange(10) + 2)
        for row in rows:
            begun = time.perf_counter()
            # As the service asks: what is shown is ten. The deeper lists below are not timed.
            result = knowledge_base.search(row["question"], as_of=AS_OF, limit=10)
            times.append((time.perf_counter() - begun) * 1000)
            confidence.append(result.confidence)
            first_confidence.append(result.first_confidence)
            answered.append(result.decision is Decision.ANSWER)
            hits = knowledge_base.search(row["question"], as_of=AS_OF, limit=100).hits
            relevant = set(row["relevant"])
            right = np.array([corpus.external[hit.article_id] in relevant for hit in hits] or [False])
            for depth in DEPTHS:
                found[f"recall@{depth}"].append(right[:depth].sum() / len(relevant))
            first = np.flatnonzero(right[:10])
            found["mrr@10"].append(1 / (first[0] + 1) if len(first) else 0.0)
            gain = discount[: len(right[:10])][right[:10]].sum()
            found["ndcg@10"].append(gain / discount[: min(len(relevant), 10)].sum())
            found["hit@1"].append(float(right[:1].any()))
            found["hit@3"].append(float(right[:3].any()))
        corpus.database.dispose()
    sure, sure_first = np.array(confidence), np.array(first_confidence)
    top1, top3 = np.array(found["hit@1"]) > 0, np.array(found["hit@3"]) > 0
    shown = np.array(answered)
    report: dict[str, float] = {key: round(float(np.mean(values)), 4) for key, values in found.items()}
    report |= {
        "ms_p50": round(float(np.percentile(times, 50)), 2),
        "ms_p95": round(float(np.percentile(times, 95)), 2),
        "index_seconds": round(seconds, 1),
        "index_mb": round(size, 1),
        "coverage_at_90_precision_top1": round(coverage_at(sure_first, top1)[0], 4),
        "coverage_at_90_precision_top3": round(coverage_at(sure, top3)[0], 4),
        "ece": round(calibration_error(sure, top3), 4),
        "ece_top1": round(calibration_error(sure_first, top1), 4),
        **{f"{key}, first": value for key, value in selective(sure_first, top1).items()},
        **{f"{key}, three": value for key, value in selective(sure, top3).items()},
        "answered": round(float(shown.mean()), 4),
        "answered_precision_top3": round(float(top3[shown].mean()), 4) if shown.any() else 0.0,
        "questions": len(rows),
        "articles": built.articles,
    }
    overlap = (
        0 if arguments.embedding_model else seen_in_training([row["question"] for row in rows], arguments.trained_on)
    )
    report["questions_seen_in_training"] = overlap
    for key, value in report.items():
        print(f"{key:36} {value}")
    if overlap:
        print(
            f"NOTE: {overlap} of these {len(rows)} questions were used to train the model: figures of quality are too high."
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

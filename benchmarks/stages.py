"""Where a search's time and memory go, stage by stage, on one thread.

    python benchmarks/stages.py --corpus ../shared/data/stard/corpus.jsonl.gz --questions ../shared/data/stard/train.jsonl [--json OUT]

Each stage is timed by itself over the same questions, warm; `whole` is the search as the service asks for it. Memory is
what the process holds (anonymous RSS) after each part has been loaded.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np
import psutil
import torch
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.retrieval import AS_OF
from knowledge_base.building import build_index
from knowledge_base.candidates import Query, gather
from knowledge_base.decide import Decider
from knowledge_base.embedding import Embedding
from knowledge_base.index import open_index
from knowledge_base.lexicon import Lexicon
from knowledge_base.question_encoder import QuestionEncoder
from knowledge_base.rank import ranker, ranking_features
from knowledge_base.rerank import rank_candidates, reranker
from knowledge_base.search import KnowledgeBase
from knowledge_base.training.corpus import load_corpus
from knowledge_base.training.material import shipped_questions


def anonymous() -> float:
    """MB that belong to this process alone."""
    return psutil.Process().memory_full_info().uss / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=Path("../shared/data/stard/corpus.jsonl.gz"))
    parser.add_argument("--questions", type=Path, default=Path("../shared/data/stard/train.jsonl"))
    parser.add_argument("--limit", type=int, default=200)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    faiss.omp_set_num_threads(1)
    torch.set_num_threads(1)
    asked = [json.loads(line)["question"] for line in arguments.questions.read_text(encoding="utf-8").splitlines()]
    asked = asked[:: max(len(asked) // arguments.limit, 1)]
    memory = {"start": anonymous()}
    with tempfile.TemporaryDirectory(prefix="wenfa-stages-") as folder:
        corpus = load_corpus(arguments.corpus.resolve(), Path(folder))
        build_index(corpus.settings, corpus.database, questions=shipped_questions())
        memory["after building the index"] = anonymous()
        embedding, encoder = Embedding(), QuestionEncoder()
        embedding.encode(["甲"])
        memory["static embedding"] = anonymous()
        encoder.encode(["甲"])
        memory["question encoder"] = anonymous()
        index, decider = open_index(corpus.settings.index_dir), Decider.load()
        ranker(), reranker()
        memory["index, ranker, classifier"] = anonymous()
        lexicon = Lexicon(corpus.settings.home_dir / "lexicon.yml")
        mask, spans = index.applicable("100000", AS_OF)
        queries = [
            Query(text, embedding.encode([text])[0], encoder.encode([text])[0], lexicon.legal_words(text))
            for text in asked
        ]
        found = [gather(index, query, mask, spans) for query in queries]
        rankings = [
            rank_candidates(query.text, each, index.lexical) for query, each in zip(queries, found, strict=True)
        ]
        knowledge_base = KnowledgeBase.open(corpus.settings, corpus.database)
        memory["knowledge base open"] = anonymous()
        places = [100000]
        stages: dict[str, Callable[[int], object]] = {
            "static embedding": lambda i: embedding.encode([asked[i]]),
            "question encoder": lambda i: encoder.encode([asked[i]]),
            "lexicon": lambda i: lexicon.legal_words(asked[i]),
            "BM25": lambda i: index.lexical.scores(asked[i], spans),
            "nearest by static embedding": lambda i: index.dense.search(queries[i].words, 60, mask, spans),
            "nearest by meaning": lambda i: index.meaning.search(queries[i].meaning, 120, mask, spans),
            "known questions": lambda i: index.known.near(asked[i], queries[i].meaning, places, mask),
            "BM25 with known questions": lambda i: index.known.asked_scores(asked[i]),
            "all candidates (the above and more)": lambda i: gather(index, queries[i], mask, spans),
            "ranking columns": lambda i: ranking_features(asked[i], found[i]),
            "ranking (the columns too)": lambda i: rank_candidates(asked[i], found[i], index.lexical),
            "decision": lambda i: decider.decide(
                asked[i], queries[i].meaning, found[i], rankings[i], rankings[i].order, []
            ),
            "whole": lambda i: knowledge_base.search(asked[i], as_of=AS_OF, limit=10),
        }
        times: dict[str, dict[str, float]] = {}
        for name, stage in stages.items():
            stage(0)
            taken = []
            for i in range(len(asked)):
                begun = time.perf_counter()
                stage(i)
                taken.append((time.perf_counter() - begun) * 1000)
            times[name] = {"p50": round(float(np.median(taken)), 2), "p95": round(float(np.percentile(taken, 95)), 2)}
        corpus.database.dispose()
    table = Table("stage", "p50 ms", "p95 ms")
    for name, row in times.items():
        table.add_row(name, str(row["p50"]), str(row["p95"]))
    Console().print(table)
    held = Table("memory after", "MB")
    for name, value in memory.items():
        held.add_row(name, f"{value:.0f}")
    Console().print(held)
    if arguments.json:
        arguments.json.write_text(json.dumps({"ms": times, "mb": memory}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

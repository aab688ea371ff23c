"""What the models that ship can do, measured on questions that none of them had seen."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowledge_base.candidates import Candidates
from knowledge_base.decide import DANGER, GREETING, OWN_CASE, VAGUE, WANTS_PERSON, Decider
from knowledge_base.kinds import Kind
from knowledge_base.question_encoder import QuestionEncoder
from knowledge_base.rerank import Ranking
from knowledge_base.training.kinds import read_messages
from knowledge_base.training.material import KINDS_OF_FOLD
from knowledge_base.training.ranker import Case, calibrate, measure, train

Floats = NDArray[np.float32]
Table = list[dict[str, Any]]

SYSTEMS = {
    "BM25": "lexical", "static embedding": "dense", "question encoder": "meaning", "BM25 with known questions": "asked",
    "nearest known question": "near", "known questions, weighed": "near_share",
}  # fmt: skip
PARTS = {
    "the question encoder": ("meaning", "around"),
    "the static embedding": ("dense",),
    "known questions by meaning": ("near", "near_share", "near_first"),
    "known questions by words": ("asked", "near_words", "count"),
    "what citizens asked about": ("learned", "law_learned", "law_learned_share"),
    "BM25": ("lexical",),
    "the lexicon": ("lexicon",),
}


def systems(cases: Sequence[Case], rankings: Sequence[Ranking]) -> Table:
    """Each system alone, the ranker, and the reranker on top of it (`rankings`, out of fold), in both kinds of fold. The systems
    rank what all of them found together.
    """
    rows = []
    for kind in KINDS_OF_FOLD:
        chosen = [i for i, case in enumerate(cases) if case.kind == kind]
        some = [cases[i] for i in chosen]
        for name, column in SYSTEMS.items():
            rows.append(
                {"folds": kind, "system": name, **measure(some, [_column(case.candidates, column) for case in some])}
            )
        rows.append({"folds": kind, "system": "ranker", **measure(some, [rankings[i].scores for i in chosen])})
        rows.append({"folds": kind, "system": "reranker", **measure(some, [rankings[i].total for i in chosen])})
    return rows


def ablations(cases: Sequence[Case]) -> Table:
    """Ranker and reranker without each part: trained and asked anew. What only that part found stays among the candidates."""
    rows = []
    for name, columns in {"nothing": (), **PARTS}.items():
        blind = [replace(case, candidates=_without(case.candidates, columns)) for case in cases]
        rankings = train(blind).rankings
        for kind in KINDS_OF_FOLD:
            chosen = [i for i, case in enumerate(cases) if case.kind == kind]
            rows.append(
                {
                    "folds": kind,
                    "without": name,
                    **measure([blind[i] for i in chosen], [rankings[i].total for i in chosen]),
                }
            )
    return rows


def decisions(cases: Sequence[Case], rankings: Sequence[Ranking]) -> dict[str, Any]:
    """The figures of the calibration, out of fold. `rankings`: out of fold."""
    content = calibrate(cases, rankings)
    return {target: content[target]["out_of_fold"] for target in ("first", "three")}  # type: ignore[index]


def messages(name: str = "test") -> Table:
    """The classifier and the rules together, kind by kind: how many messages of each kind are taken for what they are."""
    texts, labels = read_messages(name)
    decider = Decider.load()
    decided = [
        decider.without_ranking(text, vector)
        for text, vector in zip(texts, QuestionEncoder().encode(texts), strict=True)
    ]
    rows: Table = []
    for kind, reasons in _REASONS.items():
        said = np.array([each in reasons for each in decided])
        true = np.array([_merged(label) is kind for label in labels])
        rows.append({
            "kind": str(kind), "messages": int(true.sum()), "precision": round(float(true[said].mean()), 3) if said.any() else 0.0,
            "recall": round(float(said[true].mean()), 3),
        })  # fmt: skip
    law = np.array([label is Kind.LAW for label in labels])
    stopped = np.array([each != "" for each in decided])
    rows.append(
        {
            "kind": "law left to the ranking",
            "messages": int(law.sum()),
            "precision": "",
            "recall": round(float(1 - stopped[law].mean()), 3),
        }
    )
    human = np.array([label in (Kind.DISPUTE, Kind.STRATEGY, Kind.DANGER, Kind.PERSON) for label in labels])
    rows.append({
        "kind": "dispute, strategy, danger or person: kept from similarity", "messages": int(human.sum()),
        "precision": round(float(human[stopped].mean()), 3), "recall": round(float(stopped[human].mean()), 3),
    })  # fmt: skip
    return rows


_REASONS = {
    Kind.DISPUTE: (OWN_CASE,), Kind.DANGER: (DANGER,), Kind.PERSON: (WANTS_PERSON,), Kind.VAGUE: (VAGUE, GREETING),
}  # fmt: skip


def _merged(kind: Kind) -> Kind:
    return Kind.DISPUTE if kind is Kind.STRATEGY else kind


def _column(candidates: Candidates, name: str) -> Floats:
    column: Floats = getattr(candidates, name)
    return np.nan_to_num(column, nan=-1.0)


def _without(candidates: Candidates, columns: Sequence[str]) -> Candidates:
    return replace(candidates, **{name: np.zeros_like(getattr(candidates, name)) for name in columns})

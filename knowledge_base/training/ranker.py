"""Training the ranker, the reranker and the decision on rankings that had not seen their question.

Every question of STARD's train split is asked twice: in random folds (others have asked alike) and in contiguous ones (a
new topic). What it meets is the service's own search over the corpus, with a question encoder trained without its fold
and without its fold's questions among the known ones.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import lightgbm
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from knowledge_base.candidates import Candidates, Query, gather
from knowledge_base.decide import FEATURES as DECISION
from knowledge_base.decide import features as decision_features
from knowledge_base.index import Index
from knowledge_base.rank import FEATURES, ranking_features
from knowledge_base.rerank import FEATURES as RERANKING
from knowledge_base.rerank import Ranking, first_of, reranking_features, with_odds
from knowledge_base.training.material import FOLDS, SEED
from knowledge_base.trees import values_of

Floats = NDArray[np.float32]
Labels = NDArray[np.bool_]

PARAMETERS = {
    "objective": "lambdarank", "num_leaves": 15, "learning_rate": 0.075, "min_data_in_leaf": 40, "feature_fraction": 0.5,
    "bagging_fraction": 0.7, "bagging_freq": 1, "lambda_l2": 5.0, "lambdarank_truncation_level": 15, "verbosity": -1,
    "deterministic": True, "force_row_wise": True,
}  # fmt: skip
ROUNDS = 160
RERANKING_PARAMETERS = {
    "objective": "binary", "num_leaves": 7, "learning_rate": 0.02, "min_data_in_leaf": 60, "feature_fraction": 0.4,
    "bagging_fraction": 0.7, "bagging_freq": 1, "lambda_l2": 10.0, "verbosity": -1, "deterministic": True, "force_row_wise": True,
}  # fmt: skip
RERANKING_ROUNDS = 375
BLIND = 4
"""One case in so many is shown once more with articles that have no vector, as newly imported ones."""
TARGET = 0.9
"""The precision that what is answered must have."""
DEPTHS = (1, 5, 10, 20, 50, 100)
AS_OF = date(2026, 11, 22)


@dataclass
class Case:
    """One question asked: its candidates, which of them are right, how many right ones there are."""

    kind: str
    fold: int
    question: str
    candidates: Candidates
    right: NDArray[np.bool_]
    total: int
    """0 for what no article answers."""
    overlap: Floats
    """Of `LexicalIndex.overlap`, shape (n, 2)."""


def ask(index: Index, kind: str, fold: int, query: Query, relevant: Sequence[int]) -> Case:
    """Ask `index` as the service does. `relevant`: the rows that answer."""
    mask, spans = index.applicable("100000", AS_OF)
    candidates = gather(index, query, mask, spans)
    right = np.isin(candidates.rows, relevant)
    overlap = index.lexical.overlap(query.text, candidates.rows)
    return Case(kind, fold, query.text, candidates, right, len(relevant), overlap)


@dataclass(frozen=True)
class Trained:
    """Ranker and reranker."""

    ranker: lightgbm.Booster
    reranker: lightgbm.Booster
    rankings: list[Ranking]
    """How they rank each case, where they have seen every question but its own fold's."""


def train(cases: Sequence[Case]) -> Trained:
    """Train both. The reranker learns from the scores of rankers that have not seen the question, as it meets them in service."""
    shown = [*cases, *_blinded(cases)]
    columns = [ranking_features(case.question, case.candidates) for case in shown]
    right = [case.right for case in shown]
    scores, ranker = _cross(shown, columns, right, _train_ranker)
    first = [first_of(each) for each in scores]
    rows = [
        reranking_features(each[top], score[top], case.overlap[top])
        for case, each, score, top in zip(shown, columns, scores, first, strict=True)
    ]
    labels = [each[top] for each, top in zip(right, first, strict=True)]
    odds, reranker = _cross(shown, rows, labels, _train_reranker)
    rankings = [with_odds(columns[i], scores[i], first[i], odds[i]) for i in range(len(cases))]
    return Trained(ranker, reranker, rankings)


def _blinded(cases: Sequence[Case]) -> list[Case]:
    """Some of the cases, as they are met where articles lack a vector."""
    usable = [case for case in cases if case.right.any()]
    return [_half_blind(case, place) for place, case in enumerate(usable) if place % BLIND == 0]


def _half_blind(case: Case, place: int) -> Case:
    """The case on a machine where half of the laws have no vectors yet, or, every other time, none has."""
    laws = case.candidates.laws
    chosen = np.random.default_rng(place).permutation(np.unique(laws))
    blind = np.isin(laws, chosen[: len(chosen) // 2] if place % (2 * BLIND) else chosen)
    meaning, around = (
        np.where(blind, np.float32(np.nan), each) for each in (case.candidates.meaning, case.candidates.around)
    )
    return replace(case, candidates=replace(case.candidates, meaning=meaning, around=around))


def _cross(
    cases: Sequence[Case], rows: list[Floats], labels: list[Labels],
    fit: Callable[[list[Floats], list[Labels]], lightgbm.Booster],
) -> tuple[list[Floats], lightgbm.Booster]:  # fmt: skip
    """What a model says of each case that has not seen its question (in either kind of fold), and a model of all cases."""
    found: list[Floats] = [np.zeros(0, np.float32)] * len(cases)
    for kind in dict.fromkeys(case.kind for case in cases):
        for fold in range(FOLDS):
            held = [i for i, case in enumerate(cases) if case.kind == kind and case.fold == fold]
            asked = {cases[i].question for i in held}
            seen = [i for i, case in enumerate(cases) if case.question not in asked]
            model = fit([rows[i] for i in seen], [labels[i] for i in seen])
            for i in held:
                found[i] = values_of(model, rows[i])
    return found, fit(rows, labels)


def _train_ranker(rows: list[Floats], labels: list[Labels]) -> lightgbm.Booster:
    usable = [i for i, each in enumerate(labels) if each.any()]
    data = lightgbm.Dataset(
        np.concatenate([rows[i] for i in usable]), np.concatenate([labels[i] for i in usable]).astype(np.int32),
        group=[len(labels[i]) for i in usable], feature_name=list(FEATURES), free_raw_data=False,
    )  # fmt: skip
    return lightgbm.train({**PARAMETERS, "seed": SEED}, data, num_boost_round=ROUNDS)


def _train_reranker(rows: list[Floats], labels: list[Labels]) -> lightgbm.Booster:
    data = lightgbm.Dataset(
        np.concatenate(rows), np.concatenate(labels).astype(np.int32), feature_name=list(RERANKING), free_raw_data=False
    )
    return lightgbm.train({**RERANKING_PARAMETERS, "seed": SEED}, data, num_boost_round=RERANKING_ROUNDS)


def measure(cases: Sequence[Case], scores: Sequence[Floats]) -> dict[str, float]:
    """Mean figures over the cases that something answers."""
    found: dict[str, list[float]] = {f"recall@{depth}": [] for depth in DEPTHS}
    found |= {"mrr@10": [], "ndcg@10": [], "hit@1": [], "hit@3": []}
    discount = 1 / np.log2(np.arange(10) + 2)
    for case, each in zip(cases, scores, strict=True):
        if not case.total:
            continue
        right = case.right[np.argsort(-each, kind="stable")]
        places = np.flatnonzero(right[:10])
        for depth in DEPTHS:
            found[f"recall@{depth}"].append(right[:depth].sum() / case.total)
        found["mrr@10"].append(1 / (places[0] + 1) if len(places) else 0.0)
        found["ndcg@10"].append(discount[: len(right[:10])][right[:10]].sum() / discount[: min(case.total, 10)].sum())
        found["hit@1"].append(float(right[:1].any()))
        found["hit@3"].append(float(right[:3].any()))
    return {key: round(float(np.mean(values)), 4) for key, values in found.items()}


def coverage_at(
    confidence: NDArray[np.float64], right: NDArray[np.bool_], target: float = TARGET
) -> tuple[float, float]:
    """The largest share that can be answered, the surest first, with this precision, and the confidence it ends at."""
    order = np.argsort(-confidence, kind="stable")
    precision = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(precision >= target)
    if not len(enough):
        return 0.0, 1.0
    return float((enough[-1] + 1) / len(order)), float(confidence[order[enough[-1]]])


def calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Expected calibration error over ten bins (Naeini et al. 2015)."""
    bins = np.minimum((confidence * 10).astype(int), 9)
    return float(
        sum(
            abs(confidence[bins == b].mean() - right[bins == b].mean()) * (bins == b).mean() for b in set(bins.tolist())
        )
    )


def calibrate(cases: Sequence[Case], rankings: Sequence[Ranking]) -> dict[str, object]:
    """What `calibration.json` holds. `rankings`: of `train`."""
    rows, first, three = [], [], []
    for case, ranking in zip(cases, rankings, strict=True):
        order = ranking.order
        rows.append(decision_features(case.question, case.candidates, ranking, order))
        first.append(bool(case.right[order[:1]].any()))
        three.append(bool(case.right[order[:3]].any()))
    shapes = np.array(rows)
    kinds, folds = np.array([case.kind for case in cases]), np.array([case.fold for case in cases])
    answerable = np.array([case.total > 0 for case in cases])
    scaler = StandardScaler().fit(shapes)
    content: dict[str, object] = {
        "features": list(DECISION), "mean": _rounded(scaler.mean_), "scale": _rounded(scaler.scale_),
    }  # fmt: skip
    for target, labels in (("first", np.array(first)), ("three", np.array(three))):
        probability = np.zeros(len(cases))
        for kind in dict.fromkeys(kinds.tolist()):
            for fold in range(FOLDS):
                held = (kinds == kind) & (folds == fold)
                asked = {cases[i].question for i in np.flatnonzero(held).tolist()}
                seen = np.array([case.question not in asked for case in cases])
                model = _regression().fit(scaler.transform(shapes[seen]), labels[seen])
                probability[held] = model.predict_proba(scaler.transform(shapes[held]))[:, 1]
        model = _regression().fit(scaler.transform(shapes), labels)
        figures: dict[str, object] = {}
        for kind in dict.fromkeys(kinds.tolist()):
            chosen = (kinds == kind) & answerable
            coverage, _ = coverage_at(probability[chosen], labels[chosen])
            figures[kind] = {
                "right": round(float(labels[chosen].mean()), 4), "coverage_at_90_precision": round(coverage, 4),
                "ece": round(calibration_error(probability[chosen], labels[chosen]), 4),
            }  # fmt: skip
        # Both kinds of question together, with what no article answers: no kind may fall below the target by itself.
        threshold = max(
            coverage_at(probability[kinds == kind], labels[kinds == kind])[1] for kind in set(kinds.tolist())
        )
        shown = probability >= threshold
        figures["answered, of what no article answers"] = (
            round(float(shown[~answerable].mean()), 4) if (~answerable).any() else 0.0
        )
        content[target] = {
            "coefficients": _rounded(model.coef_[0]), "intercept": round(float(model.intercept_[0]), 5),
            "threshold": round(threshold, 4), "out_of_fold": figures,
        }  # fmt: skip
    return content


def _regression() -> LogisticRegression:
    return LogisticRegression(C=0.003, max_iter=3000)


def _rounded(values: NDArray[np.float64]) -> list[float]:
    return [round(float(value), 5) for value in values]


def write_calibration(content: dict[str, object], path: Path) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

"""Training the classifier of messages, and measuring it on messages that another writer wrote."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from knowledge_base.kinds import KINDS_IN_ORDER, Kind, features
from knowledge_base.model_files import KINDS
from knowledge_base.question_encoder import QuestionEncoder
from knowledge_base.questions import load_questions
from knowledge_base.text import normalise_question
from knowledge_base.training.material import SEED

MESSAGES = Path(__file__).parent.parent / "data" / "messages"
_EVERY = 40  # of the everyday questions one in so many is shown as a question of law
PRECISION = {Kind.DISPUTE: 0.93, Kind.DANGER: 0.93, Kind.PERSON: 0.95, Kind.VAGUE: 0.95}
"""The precision wanted of each kind against questions of law: these must not be kept from their answer."""


def read_messages(name: str) -> tuple[list[str], list[Kind]]:
    """Texts and labels of `training` or `test`."""
    rows = [json.loads(line) for line in (MESSAGES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]
    return [normalise_question(row["text"]) for row in rows], [Kind(row["label"]) for row in rows]


def train_kinds(encoder: QuestionEncoder, path: Path = KINDS) -> None:
    texts, labels = read_messages("training")
    held_out = set(read_messages("test")[0])
    kept = [i for i, text in enumerate(texts) if text not in held_out]
    texts, labels = [texts[i] for i in kept], [labels[i] for i in kept]
    asked = [question.text for question in load_questions()][::_EVERY]
    rows = _rows(texts + asked, encoder)
    y = np.array([KINDS_IN_ORDER.index(label) for label in labels] + [0] * len(asked))
    model = LogisticRegression(C=100, max_iter=2000, class_weight="balanced")
    folds = StratifiedKFold(8, shuffle=True, random_state=SEED)
    probability = cross_val_predict(model, rows, y, cv=folds, method="predict_proba")
    model.fit(rows, y)
    thresholds = [1.1] + [_threshold(probability[: len(texts)], y[: len(texts)], kind) for kind in KINDS_IN_ORDER[1:]]
    np.savez_compressed(
        path, weights=model.coef_.astype(np.float16), intercepts=model.intercept_.astype(np.float32),
        kinds=np.array([str(kind) for kind in KINDS_IN_ORDER]), thresholds=np.array(thresholds),
    )  # fmt: skip


def _threshold(probability: NDArray[np.float64], y: NDArray[np.int64], kind: Kind) -> float:
    """The lowest probability from which few enough questions of law are taken for this kind. A dispute's is shared with strategy."""
    column = KINDS_IN_ORDER.index(kind)
    sure = probability[:, column]
    true = y == column
    if kind in (Kind.DISPUTE, Kind.STRATEGY):
        columns = [KINDS_IN_ORDER.index(Kind.DISPUTE), KINDS_IN_ORDER.index(Kind.STRATEGY)]
        sure, true = probability[:, columns].sum(1), np.isin(y, columns)
    law = y == 0
    for value in np.arange(0.25 if kind is Kind.DANGER else 0.4, 0.95, 0.01):  # danger rather once too often
        shown = (sure >= value) & (true | law)
        if shown.any() and true[shown].mean() >= PRECISION.get(kind, PRECISION[Kind.DISPUTE]):
            return float(value)
    return 0.95


def _rows(texts: Sequence[str], encoder: QuestionEncoder) -> NDArray[np.float32]:
    vectors = encoder.encode(list(texts))
    return np.stack([features(text, vector) for text, vector in zip(texts, vectors, strict=True)])

"""Training: no model is asked what it has seen, and weights go only as far as they are told."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from knowledge_base.training.encoder import blend
from knowledge_base.training.material import FOLDS, KINDS_OF_FOLD, fold_of
from knowledge_base.training.ranker import _cross

QUESTIONS = 23


class _Memory:
    """A model that knows the rows it was fitted to and says of each row asked whether it is one of them."""

    def __init__(self, rows: list[np.ndarray], labels: list[np.ndarray]) -> None:
        assert len(rows) == len(labels)
        self.seen = {float(value) for each in rows for value in each.ravel()}

    def predict(self, rows: np.ndarray, **_: object) -> np.ndarray:
        return np.array([float(value) in self.seen for value in rows.ravel()])


def test_no_model_is_asked_a_question_that_it_has_seen_in_either_kind_of_fold() -> None:
    cases: list[Any] = [
        SimpleNamespace(kind=kind, fold=int(fold), question=f"第{place}问")
        for kind in KINDS_OF_FOLD
        for place, fold in enumerate(fold_of(QUESTIONS, kind))
    ]
    rows = [np.full((2, 1), place % QUESTIONS, np.float32) for place in range(len(cases))]
    labels = [np.array([True, False])] * len(cases)
    found, whole = _cross(cases, rows, labels, _Memory)  # type: ignore[arg-type]
    assert [each.tolist() for each in found] == [[0, 0]] * len(cases)
    assert len(whole.seen) == QUESTIONS, "the one that ships has seen them all"  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", KINDS_OF_FOLD)
def test_folds_are_of_one_size(kind: str) -> None:
    sizes = np.bincount(fold_of(QUESTIONS, kind), minlength=FOLDS)
    assert sizes.sum() == QUESTIONS and sizes.max() - sizes.min() <= 1


def test_weights_go_a_part_of_the_way() -> None:
    model: Any = torch.nn.Linear(2, 1)
    before = {name: torch.zeros_like(each) for name, each in model.state_dict().items()}
    with torch.no_grad():
        for each in model.parameters():
            each.fill_(4.0)
    blend(model, before, 0.25)
    assert all(each.unique().tolist() == [1.0] for each in model.state_dict().values())

"""What a question is about: told by the cards that come nearest, and left open where they disagree."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from knowledge_base.categories import UNSORTED, Categories


def unit(*numbers: float) -> Any:
    found = np.array(numbers, dtype=np.float32)
    return found / np.linalg.norm(found)


@pytest.fixture
def categories() -> Categories:
    """Two cards on labour, of three and one questions; one on inheritance, of two; one whose category nobody knows."""
    index: Any = SimpleNamespace(
        cards=["a", "b", "c", "d"],
        card_questions=np.array([[7, 10], [10, 11], [11, 13], [13, 14]]),
        card_meaning=np.stack([
            unit(1, 0, 0), unit(1, 0.1, 0), unit(1, 0, 0.1), unit(0.9, 0, 0.1), unit(0, 1, 0), unit(0, 1, 0.1), unit(0, 0, 1),
        ]),
    )  # fmt: skip
    return Categories(index, {"a": "劳动人事", "b": "劳动人事", "c": "继承"})


def test_the_nearest_cards_say_what_it_is_about(categories: Categories) -> None:
    assert categories.of(unit(1, 0.05, 0)) == "劳动人事"
    assert categories.of(unit(0.1, 1, 0)) == "继承"
    assert categories.of(unit(0, 0, 1)) == UNSORTED


def test_where_they_disagree_nobody_says() -> None:
    index: Any = SimpleNamespace(
        cards=["a", "b", "c"],
        card_questions=np.array([[0, 1], [1, 2], [2, 3]]),
        card_meaning=np.eye(3, dtype=np.float32),
    )
    split = Categories(index, {"a": "劳动人事", "b": "继承", "c": "刑事"})
    assert split.of(unit(1, 1, 1)) == UNSORTED


def test_without_cards_nothing_is_sorted() -> None:
    index: Any = SimpleNamespace(
        cards=[], card_questions=np.zeros((0, 2), int), card_meaning=np.zeros((0, 3), np.float32)
    )
    assert Categories(index, {}).of(unit(1, 0, 0)) == UNSORTED

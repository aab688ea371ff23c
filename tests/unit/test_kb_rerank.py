"""The second look: words in common, candidates against each other, and what the odds do to the order."""

import numpy as np
import pytest

from knowledge_base import rank, rerank
from knowledge_base.corpus import Before, write_corpus
from knowledge_base.lexical import LexicalIndex
from knowledge_base.model_files import RANKER
from knowledge_base.rerank import TOP, first_of, reranking_features, with_odds
from knowledge_base.trees import Trees

TEXTS = ["养狗应当办理登记", "养狗应当拴绳", "劳动者有权拒绝加班", "法律另有规定的，依照其规定", "养狗"]


@pytest.fixture(scope="module")
def lexical(tmp_path_factory: pytest.TempPathFactory) -> LexicalIndex:
    folder = tmp_path_factory.mktemp("lexical") / "corpus"
    write_corpus(folder, Before(None, False), [TEXTS], None)
    return LexicalIndex(folder)


def test_words_in_common_are_counted_from_both_sides(lexical: LexicalIndex) -> None:
    covered, told = lexical.overlap("养狗要拴绳吗", np.array([0, 1, 2, 4])).T
    assert covered[1] > covered[0] > covered[2] == 0
    assert told[3] == pytest.approx(1), "every word of the text is in the question"
    assert 0 < told[1] < 1 and told[2] == 0


def test_a_text_has_all_words_of_itself_however_often_they_are_said(lexical: LexicalIndex) -> None:
    for row, text in enumerate(TEXTS):
        assert lexical.overlap(f"{text}，{text}", np.array([row]))[0, 0] == pytest.approx(1)


def test_nothing_is_in_common_with_words_that_no_text_has(lexical: LexicalIndex) -> None:
    assert lexical.overlap("鲸鱼", np.arange(5)).tolist() == [[0, 0]] * 5


def _looked_at(scores: np.ndarray, columns: np.ndarray) -> np.ndarray:
    first = first_of(scores)
    return reranking_features(columns[first], scores[first], np.zeros((len(first), 2), np.float32))


def test_each_is_held_against_the_best_of_the_others() -> None:
    columns = np.zeros((3, len(rank.FEATURES)), np.float32)
    columns[:, 0], columns[:, 1] = (5, 2, 3), (np.nan, 1, np.nan)
    rows = _looked_at(np.array([1, 3, 2], np.float32), columns)
    assert rows.shape == (3, len(rerank.FEATURES))
    named = {name: rows[:, place].tolist() for place, name in enumerate(rerank.FEATURES)}
    assert named["score"] == [3, 2, 1] and named["score_above_others"] == [1, -1, -2]
    first, second = (f"{name}_above_others" for name in rank.FEATURES[:2])
    assert named[first] == [-3, -2, 2]
    assert np.isnan(named[second]).all(), "nothing to hold it against"


def test_one_candidate_alone_has_no_rival() -> None:
    rows = _looked_at(np.ones(1, np.float32), np.zeros((1, len(rank.FEATURES)), np.float32))
    assert np.isnan(rows[0, len(rerank.FEATURES) // 2 :]).all()


def test_the_second_look_reorders_the_first_few_and_nothing_rises_from_below() -> None:
    scores = np.linspace(3, 0, 40, dtype=np.float32)
    odds = np.full(TOP, -4, np.float32)
    odds[3] = 2
    ranking = with_odds(np.zeros((40, 1), np.float32), scores, first_of(scores), odds)
    assert ranking.order[0] == 3
    assert sorted(ranking.order[:TOP].tolist()) == list(range(TOP))
    assert ranking.order[TOP:].tolist() == list(range(TOP, 40))


def test_a_model_of_other_columns_is_refused() -> None:
    with pytest.raises(ValueError, match="wenfa kb train"):
        Trees(RANKER, rerank.FEATURES)

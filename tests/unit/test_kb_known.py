"""Known questions: found by words and by meaning, where they are asked; learned ones without their text."""

import numpy as np
import pytest

from knowledge_base.embedding import Embedding
from knowledge_base.known import KnownQuestions, write_known
from knowledge_base.question_encoder import QuestionEncoder
from knowledge_base.questions import EverydayQuestion, hashed, question_tokens
from knowledge_base.text import tokens

NATION = [100000]
ASKED = [
    ("养猫要不要办证", [3, 1], "100000"),
    ("猫咬了人谁赔", [2], "100000"),
    ("杭州养猫罚多少", [4], "330100"),
    ("老板不发工资怎么办", [5], "100000"),
]


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> KnownQuestions:
    encoder, folder = QuestionEncoder(), tmp_path_factory.mktemp("known") / "known"
    questions = [EverydayQuestion(text, (), region=region) for text, _, region in ASKED]
    questions[3] = EverydayQuestion(hashed(ASKED[3][0]), ())
    documents = {row: f"第{row}条" for row in (1, 2, 3, 4, 5)}
    meaning = encoder.encode([text for text, _, _ in ASKED])
    write_known(folder, None, questions, [rows for _, rows, _ in ASKED], meaning, documents, Embedding())
    return KnownQuestions(folder)


def near(known: KnownQuestions, question: str, places: list[int], applies: list[int]) -> dict[int, float]:
    mask = np.zeros(10, dtype=np.bool_)
    mask[applies] = True
    found = known.near(question, QuestionEncoder().encode([question])[0], places, mask)
    return dict(zip(found.rows.tolist(), found.cosine.tolist(), strict=True))


def test_the_nearest_question_leads_to_its_articles(known: KnownQuestions) -> None:
    found = near(known, "养猫要不要办证", NATION, [1, 2, 3, 5])
    assert found[3] == pytest.approx(1, abs=0.01) and found[1] == pytest.approx(1, abs=0.01)
    assert 4 not in found


def test_only_what_applies_is_pointed_to(known: KnownQuestions) -> None:
    assert set(near(known, "养猫要不要办证", NATION, [1, 5])) <= {1, 5}


def test_a_question_of_another_place_is_not_known_here(known: KnownQuestions) -> None:
    everything = list(range(10))
    assert 4 not in near(known, "杭州养猫罚多少", NATION, everything)
    assert max(near(known, "杭州养猫罚多少", [330100, *NATION], everything).items(), key=lambda each: each[1])[0] == 4
    assert near(known, "养猫", [530000], everything) == {}


def test_a_learned_question_is_found_by_its_words_and_cannot_be_read(known: KnownQuestions) -> None:
    assert "工资" not in known.texts[3]
    scores, _ = known.lexical.scores("老板不发工资")
    assert scores.argmax() == 3
    assert len(question_tokens(known.texts[3])) == len(tokens(ASKED[3][0]))
    mask = np.ones(10, dtype=np.bool_)
    found = known.near("老板不发工资", QuestionEncoder().encode(["老板不发工资"])[0], NATION, mask)
    assert int(found.question[found.rows.tolist().index(5)]) == -1  # nothing that could be shown


def test_articles_are_found_by_the_words_of_the_questions_they_answer(known: KnownQuestions) -> None:
    assert known.asked_rows[known.asked_scores("咬了人").argmax()] == 2
    assert known.asked_count.tolist() == [1, 1, 1, 1, 1]


def test_what_citizens_really_asked_is_counted_apart(known: KnownQuestions) -> None:
    assert (known.learned_rows.tolist(), known.learned_count.tolist()) == ([5], [1])

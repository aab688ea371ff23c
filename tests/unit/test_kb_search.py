"""Search: what may be shown, where, on which day; and that an index in service stays whole."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from kb_world import TODAY, make_database, make_version, open_world, take

from core.database import Database
from core.regions import UnknownRegion
from core.settings import Settings
from knowledge_base.building import build_index
from knowledge_base.index import IndexMissing, current_name
from knowledge_base.laws import UnknownArticle, UnknownLaw, find_law, get_article, get_law, list_laws, verify_citation
from knowledge_base.search import Decision, KnowledgeBase

World = tuple[Settings, Database, KnowledgeBase]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    settings, database, knowledge_base = open_world(tmp_path_factory.mktemp("kb"))
    yield settings, database, knowledge_base
    database.dispose()


def test_an_article_asked_for_by_number_comes_first(world: World) -> None:
    for question in ("民法典1254条", "《中华人民共和国民法典》第一千二百五十四条是怎么规定的", "民法典第1254条"):
        result = world[2].search(question, as_of=TODAY)
        assert (result.hits[0].law, result.hits[0].article) == ("中华人民共和国民法典", "第一千二百五十四条")
        assert result.decision is Decision.ANSWER
        assert result.confidence > 0.95


def test_an_article_that_does_not_exist_is_not_replaced_by_another(world: World) -> None:
    for question in ("民法典第1999条", "婚姻法第三十二条", "《合同法》第五十二条"):
        assert world[2].search(question, as_of=TODAY).decision is Decision.CLARIFY


def test_an_everyday_question_is_answered_by_its_article(world: World) -> None:
    result = world[2].search("公司一直没跟我签劳动合同，能要双倍工资吗", as_of=TODAY)
    assert (result.hits[0].law, result.hits[0].article) == ("中华人民共和国劳动合同法", "第八十二条")
    assert result.decision is Decision.ANSWER


def test_a_repealed_law_never_answers(world: World) -> None:
    for question in (
        "环境保护法第六条",
        "一切单位和个人都有保护环境的义务吗",
        "农村土地承包法第五条",
        "农村土地承包期内能收回承包地吗",
    ):
        result = world[2].search(question, as_of=TODAY, limit=50)
        assert not [hit for hit in result.hits if hit.law.endswith(("环境保护法", "农村土地承包法"))]
    assert world[2].search("环境保护法第六条", as_of=TODAY).decision is not Decision.ANSWER
    assert world[2].search("环境保护法第六条", as_of=date(2020, 1, 1)).hits[0].law == "中华人民共和国环境保护法"


def test_a_law_not_yet_in_force_is_shown_as_such_and_does_not_answer(world: World) -> None:
    result = world[2].search("医疗保障法第三条", as_of=TODAY)
    assert result.hits[0].status == "2027-01-01起施行"
    assert result.decision is not Decision.ANSWER
    assert world[2].search("医疗保障法第三条", as_of=date(2027, 1, 1)).decision is Decision.ANSWER


def test_the_version_in_force_on_the_day_answers(world: World) -> None:
    now, later = (world[2].search("商标法第十条", as_of=day).hits[0] for day in (TODAY, date(2027, 6, 1)))
    assert (now.version, later.version) == ("2019年版", "2026年版")


def test_a_text_older_than_its_amendments_never_answers_by_itself(world: World) -> None:
    for question in ("刑法第二百六十四条", "盗窃公私财物数额较大怎么处罚"):
        result = world[2].search(question, as_of=TODAY)
        assert result.decision is not Decision.ANSWER
        assert result.hits[0].notice


def test_another_regions_law_is_never_shown(world: World) -> None:
    question = "遛狗犬绳不能超过几米"

    def shown(region: str) -> set[str]:
        return {hit.region for hit in world[2].search(question, region=region, as_of=TODAY, limit=50).hits}

    assert shown("100000") == {"100000"}
    assert shown("330106") == {"100000", "330000", "330100"}
    assert shown("370100") == {"100000", "370000"}
    assert world[2].search("山东省养犬管理条例第一条", region="330106", as_of=TODAY).decision is not Decision.ANSWER


def test_an_unknown_region_is_refused(world: World) -> None:
    with pytest.raises(UnknownRegion):
        world[2].search("劳动合同", region="999999")


@pytest.mark.parametrize(
    "question",
    [
        "老板欠我三万块工资，我有聊天记录，我该怎么起诉",
        "能赔多少钱我有录音",
        "帮我找个律师",
        "我要人工服务",
        "他现在正在打我",
        "被公司辞退了，我有证据，能拿到多少赔偿",
    ],
)
def test_ones_own_dispute_danger_and_the_wish_for_a_person_go_to_a_person(world: World, question: str) -> None:
    assert world[2].search(question, as_of=TODAY).decision is Decision.ESCALATE


@pytest.mark.parametrize("question", ["离婚", "劳动", "你好", "工伤？"])
def test_a_question_too_short_to_answer_is_asked_back(world: World, question: str) -> None:
    assert world[2].search(question, as_of=TODAY).decision is Decision.CLARIFY


@pytest.mark.parametrize(
    "question", ["今天天气怎么样", "给我讲个笑话吧", "红烧肉怎么做才好吃", "asdf qwer zxcv", "？？？？？", ""]
)
def test_what_is_no_question_of_law_is_not_answered(world: World, question: str) -> None:
    assert world[2].search(question, as_of=TODAY).decision is not Decision.ANSWER


def test_a_law_repealed_after_the_index_was_built_is_not_shown(tmp_path: Path) -> None:
    settings, database = make_database(tmp_path)
    take(database, make_version("甲猫管理法", ["养猫应当登记。"]), make_version("乙犬管理法", ["养犬应当登记。"]))
    build_index(settings, database)
    knowledge_base = KnowledgeBase.open(settings, database)
    assert knowledge_base.search("甲猫管理法第一条").decision is Decision.ANSWER
    take(database, make_version("甲猫管理法", ["养猫应当登记。"], repealed_on=date(2021, 1, 1)))
    result = knowledge_base.search("甲猫管理法第一条")
    assert not [hit for hit in result.hits if hit.law == "甲猫管理法"]
    assert result.decision is not Decision.ANSWER


def test_an_index_is_built_once_and_reloaded_when_the_record_changes(tmp_path: Path) -> None:
    settings, database = make_database(tmp_path)
    with pytest.raises(IndexMissing):
        KnowledgeBase.open(settings, database)
    take(database, make_version("甲猫管理法", ["养猫应当登记。"]))
    phases: list[str] = []
    assert build_index(settings, database, lambda phase, done, total: phases.append(phase)).built
    assert phases
    assert not build_index(settings, database).built
    knowledge_base = KnowledgeBase.open(settings, database)
    assert not knowledge_base.reload()
    take(database, make_version("乙犬管理法", ["养犬应当登记。"]))
    assert build_index(settings, database).built
    assert not [hit for hit in knowledge_base.search("乙犬管理法第一条").hits if hit.law == "乙犬管理法"]
    assert knowledge_base.reload()
    assert knowledge_base.search("乙犬管理法第一条").hits[0].law == "乙犬管理法"


def test_an_index_made_by_another_model_is_refused(tmp_path: Path) -> None:
    settings, database = make_database(tmp_path)
    take(database, make_version("甲猫管理法", ["养猫应当登记。"]))
    build_index(settings, database)
    other = settings.model_copy(update={"embedding_model": "some/other-model"})
    with pytest.raises(IndexMissing, match="另一个句向量模型"):
        KnowledgeBase.open(other, database)


def test_an_empty_record_does_not_displace_an_index(tmp_path: Path) -> None:
    settings, database = make_database(tmp_path)
    with pytest.raises(IndexMissing):
        build_index(settings, database)
    assert current_name(settings.index_dir) is None
    assert list(settings.index_dir.iterdir()) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from core.database import Database
from core.settings import Settings
from knowledge_base.building import build_index
settings = Settings(home=Path(sys.argv[1]))
def progress(phase, done, total):
    if phase == "常见问题":
        os.kill(os.getpid(), signal.SIGKILL)
build_index(settings, Database(settings.sql_url), progress)
"""


def test_an_index_build_killed_half_way_leaves_the_old_one_in_service(tmp_path: Path) -> None:
    settings, database = make_database(tmp_path)
    take(database, make_version("甲猫管理法", ["养猫应当登记。"]))
    name = build_index(settings, database).name
    knowledge_base = KnowledgeBase.open(settings, database)
    take(database, make_version("乙犬管理法", ["养犬应当登记。"]))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert current_name(settings.index_dir) == name
    assert not knowledge_base.reload()
    assert knowledge_base.search("甲猫管理法第一条").hits
    KnowledgeBase.open(settings, database)
    build_index(settings, database)
    assert not [path.name for path in settings.index_dir.iterdir() if path.name.startswith(".building")]


def test_searches_go_on_while_indexes_are_swapped(tmp_path: Path) -> None:
    settings, database = make_database(tmp_path)
    take(database, make_version("甲猫管理法", ["养猫应当登记。"]))
    build_index(settings, database)
    knowledge_base = KnowledgeBase.open(settings, database)
    stop, failures, searches = threading.Event(), [], []

    def ask() -> None:
        while not stop.is_set():
            try:
                searches.append(knowledge_base.search("甲猫管理法第一条").hits[0].law)
            except Exception as error:
                failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(4):
        take(database, make_version(f"丙鸟管理法{number}", ["养鸟应当登记。"]))
        build_index(settings, database)
        assert knowledge_base.reload()
        time.sleep(0.05)
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert set(searches) == {"甲猫管理法"}


def test_a_law_and_its_articles_can_be_read(world: World) -> None:
    with world[1].read() as session:
        law = find_law(session, "《消保法》")
        text = get_law(session, law.id, TODAY)
        assert text.name == "中华人民共和国消费者权益保护法"
        assert text.version.status == "现行有效"
        assert text.articles[0].number == "第一条"
        code = find_law(session, "刑法")
        assert get_article(session, code.id, "17-1", TODAY).article.number == "第十七条之一"
        for number in ("38", "三十八", "第三十八条"):
            found = get_article(session, law.id, number, TODAY)
            assert (found.article.number, found.previous, found.following) == ("第三十八条", "第三十七条", "第三十九条")
        trade_mark = get_law(session, find_law(session, "商标法").id, TODAY)
        assert [version.status for version in trade_mark.versions] == ["尚未施行", "现行有效"]


def test_what_is_not_there_is_said_in_chinese(world: World) -> None:
    with world[1].read() as session:
        law = find_law(session, "民法典")
        with pytest.raises(UnknownArticle, match="没有第一千九百九十九条"):
            get_article(session, law.id, "1999", TODAY)
        with pytest.raises(UnknownLaw, match="婚姻法"):
            verify_citation(session, "《婚姻法》第三条", TODAY)
        with pytest.raises(UnknownLaw):
            find_law(session, "山东省养犬管理条例", region="330106")
        with pytest.raises(ValueError, match="看不出"):
            verify_citation(session, "随便说说", TODAY)


def test_a_citation_is_verified(world: World) -> None:
    with world[1].read() as session:
        good = verify_citation(session, "《劳动合同法》第三十八条", TODAY)
        assert good.found and good.in_force and "用人单位" in good.text
        repealed = verify_citation(session, "环境保护法第六条", TODAY)
        assert repealed.found and not repealed.in_force and "已废止" in repealed.message
        coming = verify_citation(session, "《医疗保障法》第三条", TODAY)
        assert not coming.in_force and "2027-01-01" in coming.message


def test_only_laws_that_apply_in_a_region_are_listed(world: World) -> None:
    with world[1].read() as session:
        names = {law.name for law in list_laws(session, TODAY, region="330100")}
    assert "杭州市限制养犬规定" in names and "浙江省养犬管理条例" in names and "山东省养犬管理条例" not in names

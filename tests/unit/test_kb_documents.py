"""Reading documents: what a Markdown file, a .docx and plain text become, and what is said of those that cannot be read."""

from datetime import date
from pathlib import Path

import docx
import pytest
from kb_world import make_database
from sqlalchemy import select

from core.regions import NATION
from knowledge_base.importing.document import parse_document
from knowledge_base.importing.drafts import BrokenSource, ImportReport, Source, VersionDraft
from knowledge_base.importing.facts import read_facts
from knowledge_base.importing.places import place_law
from knowledge_base.importing.readers import find_files, read_files
from knowledge_base.importing.store import store
from knowledge_base.models import Rank, Version

LAWS = Path(__file__).parents[2].parent / "shared" / "data" / "laws"
MARKDOWN = """# 温州市测试管理条例

2021年8月26日 温州市第十三届人民代表大会常务委员会第四十次会议通过

2021年9月29日 浙江省第十三届人民代表大会常务委员会第三十一次会议批准

<!-- INFO END -->

## 第一章  总则

第一条 为了测试，制定本条例。

第二条 本市范围内适用本条例。
第六十条第二款规定的情形除外。

### 第一节 范围

第二条之一 补充的一条。

## 第二章 附则

第三条 本条例自2021年12月1日起施行。《温州市测试管理办法》同时废止。
"""


def write(folder: Path, name: str, text: str = MARKDOWN) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def read(*paths: Path, region: str | None = None) -> tuple[list[VersionDraft], ImportReport]:
    report = ImportReport("test")
    return read_files(list(paths), report, lambda *_: None, region=region), report


def test_a_markdown_file_becomes_a_version_with_all_its_facts(tmp_path: Path) -> None:
    (draft,), report = read(write(tmp_path, "温州市测试管理条例(2021-10-14).md"))
    assert not report.left_out
    assert (draft.name, draft.region, draft.rank) == ("温州市测试管理条例", "330300", Rank.LOCAL_REGULATION)
    assert (draft.promulgated, draft.effective_from, draft.effective_known) == (
        date(2021, 10, 14),
        date(2021, 12, 1),
        True,
    )
    assert draft.issuing_body == "温州市人民代表大会常务委员会"
    assert draft.repeals == (("温州市测试管理办法", date(2021, 12, 1)),)
    assert [event[0] for event in draft.history] == ["2021-08-26", "2021-09-29"]
    assert [(each.number, each.path) for each in draft.articles] == [
        ("第一条", "第一章 总则"),
        ("第二条", "第一章 总则"),
        ("第二条之一", "第一章 总则 第一节 范围"),
        ("第三条", "第二章 附则"),
    ]
    # A line that begins with a citation opens no article.
    assert draft.articles[1].text.endswith("第六十条第二款规定的情形除外。")


def test_an_amended_text_does_not_keep_the_first_day_of_the_law() -> None:
    document = parse_document("某市条例", [], ["第一条 甲。", "第二条 本条例自2003年3月1日起施行。"])
    document.notes[:] = ["2002年11月1日 某市人民代表大会常务委员会通过", "2019年5月6日 某市人民代表大会常务委员会修正"]
    facts = read_facts(document)
    assert (facts.promulgated, facts.effective_from, facts.effective_known) == (
        date(2019, 5, 6),
        date(2019, 5, 6),
        False,
    )


@pytest.mark.parametrize(
    "lines, expected",
    [
        (["目录", "第一章 总则", "第二章 附则", "第一章 总则", "第一条 甲。", "第二章 附则", "第二条 乙。"], ["第一条", "第二条"]),
        (["第一条　甲。", "第一条之一　乙。", "第十条：丙。"], ["第一条", "第一条之一", "第十条"]),
        (["第一条 甲。", "第二条：（一）乙；", "第三条第一款的丙。", "第三条丁。"], ["第一条", "第二条", "第三条"]),
        (["一、甲。", "（一）子；", "二、乙。", "三、丙。"], ["第一项", "第二项", "第三项"]),
        (["没有编号的一段话。"], ["全文"]),
        (["# 序言", "很久以前。", "第一条 甲。"], ["序言", "第一条"]),
        (["第一条 甲。", "附件：", "一张表"], ["第一条", "附件"]),
    ],
)  # fmt: skip
def test_the_grammar_of_a_document(lines: list[str], expected: list[str]) -> None:
    assert [article.number for article in parse_document("某法", [], lines).articles] == expected


def test_a_heading_that_leaked_into_the_end_of_an_article_is_cut() -> None:
    lines = ["第一条 甲应当登记。", "对罪犯服刑期间犯罪的处理", "第二章 某某", "第二条 乙。"]
    first, second = parse_document("某法", [], lines).articles
    assert first.text == "甲应当登记。"
    assert second.path == "第二章 某某"


def test_an_article_swallowed_by_the_one_before_is_found_again() -> None:
    lines = ["第一条 甲。", "第二条 乙。第三条 丙。", "第四条 丁。", "第七条 戊。"]
    document = parse_document("某法", [], lines)
    assert [each.number for each in document.articles] == ["第一条", "第二条", "第三条", "第四条", "第七条"]
    assert document.missing == ["第五条", "第六条"]


def test_an_article_that_is_there_twice_is_refused_with_both_lines() -> None:
    with pytest.raises(BrokenSource, match="条文编号重复：第一条（正文第 1 行和第 3 行）"):
        parse_document("某法", [], ["第一条 甲。", "第二条 乙。", "第一条 丙。"])


@pytest.mark.parametrize(
    "title, maker, within, code",
    [
        ("温州市销售燃放烟花爆竹管理规定", "温州市人民代表大会常务委员会", "330000", "330300"),
        ("义乌国际贸易综合改革试验区条例", "浙江省人民代表大会常务委员会", "330000", "330000"),
        ("杭州西湖文化景观保护管理条例", "", "330000", "330100"),
        ("中国（浙江）自由贸易试验区条例", "浙江省人民代表大会常务委员会", "330000", "330000"),
        ("景宁畲族自治县水资源管理条例", "", "330000", "331127"),
        ("乌兰察布市城市供热条例", "乌兰察布市人民代表大会常务委员会", NATION, "150900"),
        ("鄂温克族自治旗自治条例", "", NATION, "150724"),
        ("莱芜市停车条例", "", "370000", "370100"),
    ],
)
def test_a_local_law_is_placed_by_its_title_and_its_maker(title: str, maker: str, within: str, code: str) -> None:
    assert place_law(title, maker, within) == code


@pytest.mark.parametrize(
    "title, maker, within, why",
    [
        ("某某管理办法", "", NATION, "看不出属于哪个地区"),
        ("杭州市养犬条例", "温州市人民代表大会常务委员会", NATION, "制定机关却是"),
        ("朝阳区停车管理办法", "", NATION, "不止一处"),
        ("杭州市养犬条例", "", "370000", "看不出属于哪个地区"),  # in the folder of another province
    ],
)
def test_what_cannot_be_placed_is_refused_and_not_guessed(title: str, maker: str, within: str, why: str) -> None:
    with pytest.raises(BrokenSource, match=why):
        place_law(title, maker, within)


def test_broken_files_are_reported_by_name_and_the_others_are_read(tmp_path: Path) -> None:
    good = write(tmp_path, "温州市测试管理条例(2021-10-14).md")
    (tmp_path / "旧.doc").write_bytes(b"\xd0\xcf\x11\xe0")
    (tmp_path / "坏.docx").write_bytes(b"not a zip")
    (tmp_path / "乱码.md").write_bytes("# 标题".encode("gbk"))
    write(tmp_path, "空.txt", "")
    write(tmp_path, "没有标题.md", "正文\n<!-- INFO END -->\n第一条 甲。")
    write(tmp_path, "没有日期.md", "# 某某市测试条例\n<!-- INFO END -->\n第一条 甲。")
    write(tmp_path, "_index.md", "---")
    drafts, report = read(*find_files(tmp_path))
    assert [draft.where for draft in drafts] == [good.name]
    reasons = {each.where: each.reason for each in report.left_out}
    assert set(reasons) == {"旧.doc", "坏.docx", "乱码.md", "空.txt", "没有标题.md", "没有日期.md"}
    assert "另存为 .docx" in reasons["旧.doc"]
    assert "不是完好的 .docx" in reasons["坏.docx"]
    assert "UTF-8" in reasons["乱码.md"]
    assert "公布日期" in reasons["没有日期.md"]


def official_document(path: Path, city: str, number: int) -> None:
    """A .docx as the national database of laws gives it: title over two lines, note in brackets, 目录, 章, articles."""
    document = docx.Document()
    for line in (
        city, f"第{number}号测试管理条例", "",
        f"（2020年3月{number}日{city}第十六届人民代表大会常务委员会第二十次会议通过　2020年5月15日某省第十三届人民代表大会",
        f"常务委员会第十七次会议批准　根据2022年6月{number}日{city}第十七届人民代表大会常务委员会第四次会议《关于修改〈{city}第{number}号测试管理条例〉的决定》修正）",
        "目　　录", "第一章　总　　则", "第二章　法律责任", "第三章　附　　则", "第一章　总　　则",
        "第一条　为了加强管理，制定本条例。", "第二条　本市行政区域内适用本条例。", "市人民政府负责组织实施。", "第二章　法律责任",
        "第三条　有下列情形之一的，处五百元罚款：", "（一）甲；", "（二）乙。", "第三章　附　　则", "第四条　本条例自2020年7月1日起施行。",
    ):  # fmt: skip
        document.add_paragraph(line)
    document.save(str(path))


def test_ten_documents_of_the_national_database_are_read(tmp_path: Path) -> None:
    cities = [
        ("温州市", "330300"), ("杭州市", "330100"), ("济南市", "370100"), ("郑州市", "410100"), ("乌兰察布市", "150900"),
        ("呼伦贝尔市", "150700"), ("白城市", "220800"), ("昆明市", "530100"), ("巴彦淖尔市", "150800"), ("成都市", "510100"),
    ]  # fmt: skip
    for number, (city, _) in enumerate(cities, start=1):
        official_document(tmp_path / f"{number}.docx", city, number)
    drafts, report = read(*find_files(tmp_path))
    assert not report.left_out
    assert {draft.name: draft.region for draft in drafts} == {
        f"{city}第{number}号测试管理条例": code for number, (city, code) in enumerate(cities, start=1)
    }
    draft = next(each for each in drafts if each.region == "330300")
    assert (draft.source, draft.promulgated) == (Source.OFFICIAL, date(2022, 6, 1))
    assert not draft.effective_known
    assert draft.issuing_body == "温州市人民代表大会常务委员会"
    assert [event[0] for event in draft.history] == ["2020-03-01", "2020-05-15", "2022-06-01"]
    assert [(each.number, each.path) for each in draft.articles] == [
        ("第一条", "第一章 总则"), ("第二条", "第一章 总则"), ("第三条", "第二章 法律责任"), ("第四条", "第三章 附则"),
    ]  # fmt: skip
    assert draft.articles[1].text == "本市行政区域内适用本条例。\n市人民政府负责组织实施。"


def test_plain_text_and_the_region_an_operator_gives(tmp_path: Path) -> None:
    text = "测试管理办法\n（2023年5月6日公布）\n\n第一条　甲。\n第二条　本办法自2023年6月1日起施行。\n"
    path = write(tmp_path, "办法.txt", text)
    drafts, report = read(path)
    assert not drafts
    assert "--region" in report.left_out[0].reason
    (draft,), _ = read(path, region="150900")
    assert (draft.region, draft.source, draft.effective_from) == ("150900", Source.TEXT, date(2023, 6, 1))


def test_a_code_over_several_files_is_one_law_and_none_where_a_part_is_missing(tmp_path: Path) -> None:
    for number, (name, first, last) in enumerate([("总则", 1, 3), ("物权编", 4, 5), ("附则", 6, 6)]):
        articles = "\n\n".join(f"第{'零一二三四五六'[n]}条 第{n}个规定。" for n in range(first, last + 1))
        head = f"# 中华人民共和国测试法典\n\n# {name}\n\n2020年5月28日 第十三届全国人民代表大会第三次会议通过\n\n2021年1月1日 施行\n\n"
        write(tmp_path, f"民法典/{number}{name}.md", f"{head}<!-- INFO END -->\n\n## 第一章 一般规定\n\n{articles}")
    (draft,), report = read(*find_files(tmp_path))
    assert not report.left_out
    assert len(draft.articles) == 6
    assert (draft.effective_from, draft.rank) == (date(2021, 1, 1), Rank.LAW)
    assert draft.articles[3].path == "物权编 第一章 一般规定"
    (tmp_path / "民法典" / "1物权编.md").unlink()
    drafts, report = read(*find_files(tmp_path))
    assert not drafts
    assert "缺第 4 条" in report.left_out[0].reason


def test_an_amendment_says_from_when_the_text_it_made_is_in_force(tmp_path: Path) -> None:
    write(tmp_path, "刑法/刑法.md", "# 中华人民共和国测试刑法\n\n1997年3月14日 全国人民代表大会修订\n\n2023年12月29日 第十四届全国人民代表大会常务委员会第七次会议通过的《测试刑法修正案（二）》\n\n<!-- INFO END -->\n\n第一条 甲。\n\n第二条 本法自1997年10月1日起施行。")  # fmt: skip
    write(tmp_path, "刑法/修正案(2023-12-29).md", "# 测试刑法修正案（二）\n\n2023年12月29日 第十四届全国人民代表大会常务委员会第七次会议通过\n\n<!-- INFO END -->\n\n一、将刑法第一条修改为：“甲。”\n\n二、本修正案自2024年3月1日起施行。")  # fmt: skip
    (draft,), report = read(*find_files(tmp_path))
    assert (draft.effective_from, draft.effective_known) == (date(2024, 3, 1), True)
    assert "修改指令" in report.left_out[0].reason


def test_the_real_collection_is_read_nearly_whole(tmp_path: Path) -> None:
    if not LAWS.is_dir():
        pytest.skip("the collection of laws is not on this machine")
    report = ImportReport("test")
    drafts = read_files(find_files(LAWS), report, lambda *_: None, root=LAWS)
    by_name = {(draft.name, draft.region): draft for draft in drafts}
    assert len(drafts) >= 2700
    assert sum(len(draft.articles) for draft in drafts) >= 118_000
    assert all("修改指令" in each.reason for each in report.left_out)
    assert len(by_name["中华人民共和国民法典", NATION].articles) == 1260
    criminal = by_name["中华人民共和国刑法", NATION]
    assert (criminal.promulgated, criminal.effective_from) == (date(2023, 12, 29), date(2024, 3, 1))
    assert by_name["温州市销售燃放烟花爆竹管理规定", "330300"].rank is Rank.LOCAL_REGULATION
    _, database = make_database(tmp_path)
    store(database, [criminal], ImportReport("test"), lambda *_: None)
    with database.read() as session:
        version = session.scalars(select(Version)).one()
        assert version.history[-1][0] == "2023-12-29"
        assert [each.source for each in version.sources] == ["LawRefBook"]

"""学法律 in a real browser: find a law, read it, compare its versions, check a text. On a phone, without script, for everybody."""

import json
from collections.abc import Callable, Iterator
from datetime import date
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from knowledge_base.importing.drafts import ArticleDraft, ImportReport, Source, VersionDraft
from knowledge_base.importing.store import store
from knowledge_base.models import Rank, law_id
from knowledge_base.numerals import ArticleNumber
from tests.browser.conftest import Service, Visitor

Visit = Callable[..., Visitor]

OLD, NEW = date(2019, 3, 1), date(2024, 5, 1)
LABOUR = f"/laws/{law_id('劳动合同法')}"
LAMPS = f"/laws/{law_id('路灯法')}"
PASTED = (
    "根据《劳动合同法》第三十八条第一款第二项和第九十九条，单位应当补偿。《路灯法》第三条规定："
    "“损坏路灯的，处五十元以上二百元以下罚款。”另见《老动合同法》第三条。"
)


def draft(texts: list[str], promulgated: date) -> VersionDraft:
    articles = [
        ArticleDraft(str(ArticleNumber(number)), ArticleNumber(number).ordinal, "第一章 总则", text)
        for number, text in enumerate(texts, start=1)
    ]
    return VersionDraft(
        name="中华人民共和国路灯法", rank=Rank.LAW, promulgated=promulgated, effective_from=promulgated,
        source=Source.TEXT, articles=articles, history=((promulgated.isoformat(), "公布"),), where="test",
    )  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def lamps(service: Service) -> Iterator[None]:
    """A law in two versions, beside the one that the service has."""
    lights = "路灯应当在日落后开启，在日出后关闭。"
    old = draft([lights, "损坏路灯的，处五十元以上二百元以下罚款。", "管灯人应当每夜巡查。"], OLD)
    new = draft([lights, "路灯应当采用节能光源。", "损坏路灯的，处一百元以上五百元以下罚款。"], NEW)
    store(service.database, [old, new], ImportReport("test"), lambda *_: None)
    yield


def check(page: Page, text: str = PASTED) -> None:
    page.fill("#text", text)
    page.click(".paste .primary")


@pytest.mark.parametrize("script", [True, False])
def test_a_law_is_found_read_and_compared(visit: Visit, script: bool) -> None:
    reader = visit("/", phone=True, script=script)
    page = reader.page
    page.click(".tools >> text=学法律")
    page.fill("#q", "路灯")
    page.click(".find .primary")
    expect(page.locator("#by-text + *")).to_contain_text("条文检索还没有建好")
    page.click(".law-list a")
    expect(page.locator("h1")).to_have_text("中华人民共和国路灯法")
    expect(page.locator(".law-head .marks")).to_contain_text("现行有效")
    page.click(".facts summary")
    expect(page.locator(".facts")).to_contain_text("文本来源")
    expect(page.locator(".history")).to_contain_text("公布")
    page.click(".versions >> text=与上一版比较")
    expect(page.locator("main")).to_contain_text("修改 1 条，新增 1 条，删去 1 条")
    expect(page.locator("del").first).to_be_visible()
    expect(page.locator(".change ins", has_text="一百")).to_be_visible()
    page.click(".heads a >> nth=0")
    expect(page.locator(".warning")).to_contain_text("不是今天适用的版本")
    page.click(".warning a")
    page.click("a.no >> nth=2")
    expect(page.locator("h1")).to_contain_text("第三条")
    expect(page.locator(".versions")).to_contain_text("文字不同")
    page.click(".versions a")
    expect(page.locator(".text.article")).to_contain_text("五十元")
    expect(page.locator(".warning")).to_contain_text("不再适用")
    assert reader.complaints == []


def test_an_address_leads_to_the_article_within_the_law(visit: Visit) -> None:
    for phone in (True, False):
        page = visit(f"{LABOUR}#{quote('第四十七条')}", phone=phone).page
        expect(page.locator("[id='第四十七条']")).to_be_in_viewport()
        expect(page.locator("[id='第一条']")).not_to_be_in_viewport()
        page.fill("#number", "82")
        page.click(".go button")
        expect(page.locator("[id='第八十二条'] .no")).to_be_in_viewport()


def test_the_table_of_contents_is_folded_on_a_phone_and_stands_beside_the_law_on_a_desk(visit: Visit) -> None:
    page = visit(LABOUR, phone=True).page
    chapter = page.locator(".contents a", has_text="法律责任")
    expect(chapter).to_be_hidden()
    page.click(".contents summary")
    chapter.click()
    expect(page.locator(".part h2", has_text="法律责任")).to_be_in_viewport()
    wide = visit(LABOUR).page
    expect(wide.locator(".contents a").first).to_be_visible()


@pytest.mark.parametrize("script", [True, False])
def test_each_citation_of_a_text_is_checked(visit: Visit, script: bool) -> None:
    reader = visit("/laws/verify", phone=True, script=script)
    page = reader.page
    check(page)
    expect(page.locator("#result")).to_have_text("引用了 4 处，其中 3 处要留意")
    verdicts = page.locator(".checks .mark").all_inner_texts()
    assert verdicts == ["现行有效", "没有这一条", "引文有出入", "没有收录"]
    expect(page.locator(".quoted ins")).to_have_text(["五十元", "二百元"])
    expect(page.locator(".checks li").last.locator("a")).to_have_text("《中华人民共和国劳动合同法》")
    page.click(".pasted a >> nth=3")
    expect(page.locator("#c4")).to_be_in_viewport()
    expect(page.locator("#text")).to_have_value(PASTED)
    check(page, "今天天气很好")
    expect(page.locator("#result")).to_contain_text("没有看到法条引用")
    assert reader.complaints == []


def test_the_place_is_changed_where_one_reads(visit: Visit) -> None:
    reader = visit("/laws?rank=" + quote("法律"), phone=True)
    page = reader.page
    page.click(".region summary")
    page.select_option("[name=province]", "330000")
    expect(page.locator("#place option", has_text="杭州市")).to_have_count(1)
    page.select_option("[name=place]", "330100")
    page.click(".region .primary")
    expect(page.locator(".region summary")).to_contain_text("杭州市")
    assert page.url.endswith("/laws?rank=" + quote("法律"))
    assert reader.complaints == []


def test_pages_of_laws_are_accessible_and_fit_a_small_phone(visit: Visit, axe: str) -> None:
    for dark in (False, True):
        visitor = visit("/laws", phone=True, dark=dark)
        page = visitor.page
        page.set_viewport_size({"width": 360, "height": 740})
        for large in (False, True):
            if large:
                page.click("button[name=size]")
            for path in (
                "/laws",
                "/laws?q=" + quote("劳动"),
                LABOUR,
                LAMPS + "/diff",
                LAMPS + "/articles/3",
                "/laws/verify",
                "/",
            ):
                page.goto(path)
                if path == LAMPS + "/articles/3":
                    page.click(".versions a")
                if path == LABOUR:
                    page.click(".facts summary")
                    page.click(".contents summary")
                if path == "/laws/verify":
                    check(page)
                where = f"{path}, dark={dark}, large={large}"
                wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                assert wider <= 0, f"{where}: {wider} px wider than the screen"
                page.evaluate(axe + "; true")
                found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
                problems = [
                    (each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found["violations"]
                ]
                assert not problems, f"{where}: {json.dumps(problems, ensure_ascii=False, indent=1)}"
        assert visitor.complaints == []

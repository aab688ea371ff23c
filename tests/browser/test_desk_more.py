"""The desk besides the answer, in a real browser: old law confirmed, a colleague asked, a note left, a question referred."""

import json
from collections.abc import Callable
from datetime import date

import pytest
from playwright.sync_api import Page, expect

from core.database import Database
from escalation.lawyers import register_lawyer
from knowledge_base.importing.drafts import ArticleDraft, ImportReport, Source, VersionDraft
from knowledge_base.importing.store import store
from knowledge_base.models import Rank
from tests.browser.conftest import PASSWORD, Service, Visitor

Visit = Callable[..., Visitor]

OLD_FINE, FINE = (
    "损坏路灯的，处五十元以上二百元以下罚款。",
    "损坏路灯的，处一百元以上五百元以下罚款；造成损失的，依法赔偿。",
)


@pytest.fixture(scope="module")
def lamps(service: Service) -> None:
    """A law in two versions, and a lawyer in another province."""
    database = Database(service.settings.sql_url)
    drafts = [
        VersionDraft(
            name="中华人民共和国路灯法", rank=Rank.LAW, promulgated=day, effective_from=day, source=Source.TEXT,
            region="100000", articles=[ArticleDraft("第一条", 1000, "第一章 总则", text)], where="test",
        )
        for day, text in ((date(2019, 3, 1), OLD_FINE), (date(2024, 5, 1), FINE))
    ]  # fmt: skip
    store(database, drafts, ImportReport("test"), lambda *_: None)
    with database.write() as session:
        register_lawyer(session, name="云中鹤", licence="33010001", region="330100", tier="nation", firm="江南所")
    database.dispose()


def ask(page: Page, words: str) -> None:
    page.fill("#text", words)
    page.click("#say .send")
    expect(page.locator(".bubble.service").last).to_contain_text("您的问题已转给律师")


def open_question(page: Page, login: str, words: str) -> None:
    page.fill("[name=login]", login)
    page.fill("[name=password]", PASSWORD)
    page.click("main .primary")
    page.locator("#queue a", has_text=words).click()


@pytest.mark.usefixtures("lamps")
def test_old_law_a_colleague_a_note_and_a_referral(visit: Visit, axe: str) -> None:
    citizen = visit("/", phone=True)
    ask(citizen.page, "五年前撞坏了路灯，现在要我交罚款，怎么办？")
    visitor = visit("/desk")
    lawyer = visitor.page
    open_question(lawyer, "chen", "撞坏了路灯")

    # A colleague is found while one types, and asked with one press; a note is for them.
    lawyer.click("text=请同行来看")
    lawyer.fill("#colleague", "江南")
    lawyer.click("text=请来看 >> nth=-1")
    expect(lawyer.locator("#colleagues")).to_contain_text("您已请云中鹤律师来看")
    lawyer.click("summary:has-text('内部备注')")
    lawyer.fill("#note", "事发在 2021 年，请看该用哪一版。")
    lawyer.click("text=记下")
    expect(lawyer.locator("#notes")).to_contain_text("请看该用哪一版")
    expect(lawyer.locator("#note")).to_have_value("")

    # The law of that time is warned of; the words stay; confirmed, it goes out marked.
    lawyer.fill("#q", "《路灯法》（2019年版）第一条")
    lawyer.locator("#hits .cite").click()
    lawyer.fill("#text", "按当时的规定，罚款最多二百元。")
    lawyer.click("#answer .primary")
    warning = lawyer.locator("#warnings fieldset")
    expect(warning).to_contain_text("2019年版，已被修改")
    expect(warning).to_contain_text(FINE)
    expect(lawyer.locator("#text")).to_have_value("按当时的规定，罚款最多二百元。")
    lawyer.click("summary:has-text('不属于法律问题')")
    lawyer.evaluate(axe + "; true")
    found = lawyer.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    problems = [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found["violations"]]
    assert not problems, json.dumps(problems, ensure_ascii=False, indent=1)
    small = lawyer.evaluate(
        "() => [...document.querySelectorAll('.round button, .round summary, .round .option')]"
        ".filter(each => each.offsetParent && each.offsetHeight < 48).map(each => each.outerHTML)"
    )
    assert small == []
    lawyer.locator("#warnings label", has_text="仍要引用").click()
    lawyer.click("#answer .primary")
    expect(lawyer.locator("[data-sent]")).to_be_visible()
    received = citizen.page.locator(".bubble.lawyer")
    expect(received.locator(".mark")).to_have_text("2019年版，已被修改")
    assert "请看该用哪一版" not in citizen.page.content()
    assert citizen.complaints == []
    assert [each for each in visitor.complaints if "409" not in each] == []


@pytest.mark.usefixtures("lamps")
def test_a_question_for_another_office(visit: Visit) -> None:
    citizen = visit("/", phone=True)
    ask(citizen.page, "小区门口的路灯坏了三个月没人修，怎么办？")
    visitor = visit("/desk")
    open_question(visitor.page, "su", "三个月没人修")
    visitor.page.click("summary:has-text('不属于法律问题')")
    visitor.page.locator(".offices label", has_text="12345").click()
    visitor.page.fill("#words", "路灯归城管部门管，说清小区名和灯杆号就行。")
    visitor.page.click("text=告诉市民，结束这一轮")
    expect(visitor.page.locator("#standing")).to_contain_text("已告诉市民找其他部门")
    told = citizen.page.locator(".bubble.lawyer")
    expect(told).to_contain_text("转其他部门")
    expect(told).to_contain_text("政务服务便民热线（电话 12345）")
    expect(citizen.page.locator("#status")).to_contain_text("律师建议这件事找政务服务便民热线")
    assert visitor.complaints == []
    assert citizen.complaints == []

"""A request from the phone to the office's desk and back, in real browsers; the desk without script and for every eye."""

import json
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from core.database import Database
from escalation.staff import create_staff
from services.office_file import TEMPLATE, import_offices
from services.offices import make_clerk
from tests.browser.conftest import PASSWORD, Service, Visitor

Visit = Callable[..., Visitor]
OFFICE = "乌兰察布市公共法律服务中心"


@pytest.fixture(scope="module", autouse=True)
def offices(service: Service) -> Iterator[None]:
    database = Database(service.settings.sql_url)
    with database.write() as session:
        import_offices(session, TEMPLATE.encode(), "test")
        account = create_staff(session, login="zhou", name="周敏", password=PASSWORD, role="clerk")
        make_clerk(session, account, OFFICE, "test")
    yield
    database.dispose()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_a_request_reaches_the_desk_and_the_answer_the_phone(visit: Visit, axe: str, script: bool) -> None:
    citizen = visit("/", phone=True, script=script)
    page = citizen.page

    def says(words: str) -> None:
        page.fill("#text", words)
        page.click("#say .send")

    def presses(title: str) -> None:
        page.get_by_role("button", name=title, exact=True).last.click()

    def hears(words: str) -> None:
        expect(page.locator(".bubble.service").last).to_contain_text(words)

    says("约调解")
    hears(OFFICE)
    presses("在线申请")
    hears("哪一类纠纷")
    presses("邻里")
    hears("另一方是谁")
    says("邻居李强")
    hears("怎么联系对方")
    presses("跳过")
    hears("请说说经过")
    says("他家垒墙占了我家半米过道")
    hears("您的姓名")
    says("王秀英")
    hears("能打通的电话")
    says("13812345678")
    hears("138****5678")
    presses("确认提交")
    hears("已提交")
    number = page.locator(".bubble.service").last.inner_text().split("编号 ")[1].split("。")[0]

    visitor = visit("/office", script=script)
    desk = visitor.page
    desk.fill("[name=login]", "zhou")
    desk.fill("[name=password]", PASSWORD)
    desk.click("main .primary")
    expect(desk).to_have_url(f"{desk.url.split('/office')[0]}/office")
    expect(desk.locator("h1")).to_have_text(OFFICE)
    sheet = desk.locator("article", has_text=number)
    expect(sheet).to_contain_text("王秀英")
    if script:
        desk.evaluate(axe + "; true")
        for scheme in ("light", "dark"):
            desk.emulate_media(color_scheme=scheme)
            found = desk.evaluate("() => axe.run(document, {resultTypes: ['violations']})")["violations"]
            assert not found, json.dumps(found, ensure_ascii=False)[:3000]
    sheet.get_by_text("查看电话").click()
    expect(desk.locator("article", has_text=number)).to_contain_text("13812345678")
    sheet = desk.locator("article", has_text=number)
    sheet.locator("summary", has_text="请市民补充").click()
    sheet.locator("details[open] textarea").fill("请问墙是哪天垒的？")
    sheet.locator("details[open] button").click()
    expect(desk.locator("article", has_text=number)).to_contain_text("等市民补充")

    if not script:
        page.reload()
    hears("请问墙是哪天垒的")
    says("上个月十五号")
    hears("已补充到申请")
    desk.goto("/office")
    sheet = desk.locator("article", has_text=number)
    expect(sheet).to_contain_text("上个月十五号")
    sheet.locator("summary", has_text="办结").click()
    sheet.locator("details[open] textarea").fill("双方同意拆墙，已签协议。")
    sheet.locator("details[open] button").click()
    expect(desk.locator("article", has_text=number)).to_have_count(0)
    if not script:
        page.reload()
    hears("已办结")
    if script:
        assert (citizen.complaints, visitor.complaints) == ([], [])


def test_nobody_else_works_there(visit: Visit) -> None:
    page = visit("/office").page
    page.fill("[name=login]", "chen")
    page.fill("[name=password]", PASSWORD)
    page.click("main .primary")
    expect(page.locator("main")).to_contain_text("只有办事机构的工作人员")

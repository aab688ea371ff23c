"""A lawyer's day at the desk in a real browser: drafts that follow, words put in by keyboard, keys, the bell, a phone."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from factories import a_conversation, a_message, wait_until
from playwright.sync_api import BrowserContext, Page, Route, expect
from sqlalchemy import select

from core import live
from core.database import Database
from escalation import consultations
from escalation.dispatcher import nudge
from escalation.models import AnswerDraft, Round
from escalation.policy import Policy
from knowledge_base.building import build_index
from tests.browser.conftest import PASSWORD, Service, Visitor

Visit = Callable[..., Visitor]
Ask = Callable[..., str]


@pytest.fixture(scope="module")
def record(service: Service) -> Iterator[Database]:
    database = Database(service.settings.sql_url)
    yield database
    database.dispose()


@pytest.fixture
def indexed(service: Service, record: Database) -> Iterator[None]:
    """A service with a knowledge base; the others here send every question to lawyers."""
    build_index(service.settings, record, questions=[])
    service.stop()
    service.start()
    yield
    shutil.rmtree(service.settings.index_dir)
    service.stop()
    service.start()


@pytest.fixture
def ask(service: Service, record: Database) -> Ask:
    """A question that goes to the lawyers at once; gives the id of its round."""
    redis = live.connect(service.settings)

    def put(words: str, *, urgent: bool = False) -> str:
        message = a_message(record, a_conversation(record), words)
        with record.write() as session:
            made = consultations.open_consultation(session, message.id, Policy(), urgent=urgent)
            round_id = session.execute(select(Round.id).where(Round.consultation_id == made.id)).scalar_one()
        nudge(redis)
        return str(round_id)

    return put


def log_in(page: Page, login: str = "chen") -> None:
    page.fill("[name=login]", login)
    page.fill("[name=password]", PASSWORD)
    with page.expect_navigation():  # until it is loaded: a key pressed before the scripts are there does nothing
        page.click("main .primary")


def at_round(visit: Visit, round_id: str, login: str = "chen", **how: bool) -> Visitor:
    visitor = visit(f"/desk/rounds/{round_id}", **how)
    log_in(visitor.page, login)
    expect(visitor.page.locator("#round-title")).to_be_visible()
    return visitor


def drafted(record: Database, round_id: str) -> str | None:
    with record.read() as session:
        return session.execute(
            select(AnswerDraft.text).where(AnswerDraft.round_id == UUID(round_id))
        ).scalar_one_or_none()


def check(page: Page, axe: str, where: str) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.evaluate(axe + "; true")
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    problems = [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found["violations"]]
    assert not problems, f"{where}: {json.dumps(problems, ensure_ascii=False, indent=1)}"


def has_focus(page: Page, selector: str) -> None:
    expect(page.locator(selector)).to_be_focused()


def test_a_draft_follows_its_lawyer_through_a_restart_into_another_browser(
    visit: Visit, service: Service, record: Database, ask: Ask
) -> None:
    round_id = ask("老板拖欠我四个月工资，怎么办")
    office = at_round(visit, round_id).page
    office.locator("#text").press_sequentially("可以先投诉")
    expect(office.locator("#saved")).to_have_text(re.compile(r"草稿已保存 \d\d:\d\d"))
    assert drafted(record, round_id) == "可以先投诉"

    # The line is cut: the words stay in the browser, and are on the server once it is back.
    service.stop()
    try:
        office.locator("#text").press_sequentially("，也可以申请仲裁。")
        expect(office.locator("#saved")).to_have_text("网络断了，草稿暂存在本机")
    finally:
        service.start()
    expect(office.locator("#saved")).to_have_text(re.compile(r"草稿已保存"), timeout=30_000)
    assert drafted(record, round_id) == "可以先投诉，也可以申请仲裁。"

    home = at_round(visit, round_id, phone=True).page
    expect(home.locator("#text")).to_have_value("可以先投诉，也可以申请仲裁。")
    home.fill("#text", "先投诉，再仲裁。")
    home.click("#answer .primary")
    expect(home.locator("[data-sent]")).to_be_visible()
    assert drafted(record, round_id) is None
    # What the office's browser may still hold is older than the answer, and is not sent after it.
    office.reload()
    expect(office.locator("#text")).to_have_value("")
    other = at_round(visit, round_id, "wang").page
    expect(other.locator("#text")).to_have_value("")


def test_logged_out_while_writing_nothing_is_lost(visit: Visit, record: Database, ask: Ask) -> None:
    round_id = ask("房东提前收房，押金不退，怎么办")
    visitor = at_round(visit, round_id)
    page = visitor.page
    page.context.clear_cookies()
    page.locator("#text").press_sequentially("押金应当退")
    expect(page.locator("#saved")).to_have_text("草稿暂存在本机，登录后接着存")
    expect(page.locator("#logged-out")).to_contain_text("登录已经过期")
    page.click("#logged-out a")
    log_in(page)
    expect(page.locator("#text")).to_have_value("押金应当退")
    wait_until(lambda: drafted(record, round_id) == "押金应当退", "the draft to reach the server")


def test_what_is_written_before_the_script_has_come_is_kept(visit: Visit, record: Database, ask: Ask) -> None:
    round_id = ask("网上买的羊肉是坏的，店家不退钱")
    visitor = at_round(visit, round_id)
    page = visitor.page
    held: list[Route] = []
    page.route("**/desk_draft.js*", lambda route: held.append(route))
    page.goto(f"/desk/rounds/{round_id}", wait_until="commit")
    page.locator("#text").press_sequentially("可以退一赔十")
    wait_until(lambda: len(held) == 1 or page.wait_for_timeout(20), "the script to be asked for")
    held[0].continue_()
    expect(page.locator("#saved")).to_have_text(re.compile("草稿已保存"))
    assert drafted(record, round_id) == "可以退一赔十"
    assert visitor.complaints == []


def test_everything_by_keyboard(visit: Visit, ask: Ask) -> None:
    first, second = ask("邻居的狗咬了我，谁赔"), ask("网购的手机是翻新机，能退吗")
    visitor = visit("/desk/templates")
    page = visitor.page
    log_in(page, "su")
    page.fill("#title-new", "保存证据")
    page.fill("#text-new", "先拍照、留下就诊记录。")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("[role=status]", has_text="已存为常用语")).to_be_visible()
    page.goto("/desk")
    expect(page.locator(f"#r-{first}")).to_be_visible()

    page.keyboard.press("j")
    has_focus(page, "#queue li:first-child a")
    page.keyboard.press("j")
    has_focus(page, "#queue li:nth-child(2) a")
    page.keyboard.press("k")
    has_focus(page, "#queue li:first-child a")
    page.locator(f"#r-{first} a").focus()
    with page.expect_navigation():
        page.keyboard.press("o")
    expect(page.locator("#round-title")).to_be_visible()
    expect(page).to_have_url(re.compile(first))

    # Taken: the button is gone, and one can write at once.
    page.keyboard.press("c")
    expect(page.locator("#standing")).to_contain_text("名额为您保留到")
    has_focus(page, "#text")
    page.keyboard.type("jk 可以要求赔偿。")
    expect(page.locator("#text")).to_have_value("jk 可以要求赔偿。")
    page.keyboard.press("Escape")
    has_focus(page, "#round-title")

    # Words of one's own at the cursor, without the pointer.
    page.keyboard.press("t")
    has_focus(page, ".phrases button")
    page.keyboard.press("Enter")
    has_focus(page, "#text")
    expect(page.locator("#text")).to_have_value("jk 可以要求赔偿。先拍照、留下就诊记录。")

    page.keyboard.press("Escape")
    page.keyboard.press("/")
    has_focus(page, "#q")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.uncheck("#keys-on")
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("/")
    expect(page.locator("#q")).not_to_be_focused()
    page.reload()
    expect(page.locator("#text")).to_have_value("jk 可以要求赔偿。先拍照、留下就诊记录。")
    page.keyboard.press("r")
    expect(page.locator("#text")).not_to_be_focused()
    page.locator("#text").focus()
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-sent]")).to_be_visible()
    assert second
    assert visitor.complaints == []


@pytest.mark.usefixtures("indexed")
def test_a_suggestion_is_cited_with_one_tap_and_a_part_of_the_answer_kept(visit: Visit, ask: Ask) -> None:
    round_id = ask("没签劳动合同，单位要付双倍工资吗")
    visitor = at_round(visit, round_id, "wang")
    page = visitor.page
    hit = page.locator("#suggestions .hits li").first
    expect(hit).to_be_visible()
    written = hit.locator("input").get_attribute("value")
    hit.locator(".cite").click()
    expect(hit.locator(".cite")).to_contain_text("已引用")
    expect(page.locator("#cited")).to_contain_text(str(written))
    expect(page.locator("#saved")).to_contain_text("草稿已保存")
    assert page.input_value("#text") == "", "nothing is written by itself"

    page.fill("#text", "应当支付二倍工资。从第二个月算起。")
    page.evaluate("() => document.querySelector('#text').setSelectionRange(0, 9)")
    page.click("#templates-fold summary")
    page.fill("#template-title", "二倍工资")
    page.click("#keep-template button")
    expect(page.locator(".phrases button")).to_contain_text("应当支付二倍工资。")
    expect(page.locator("#template-said")).to_have_text("已存为常用语。")
    page.fill("#template-title", "二倍工资")
    page.fill("#text", "别的话")
    page.click("#keep-template button")
    expect(page.locator("#template-said")).to_contain_text("已经有叫“二倍工资”的常用语")
    expect(page.locator("#template-title")).to_have_value("二倍工资")

    plain = at_round(visit, round_id, "su", script=False).page
    plain.click("text=看法规库找到的条文和卡片")
    plain.check(f'#suggestions input[value="{written}"]')
    plain.fill("#text", "要付的。")
    plain.click("#answer .primary")
    expect(plain.locator(".bubble.lawyer")).to_contain_text("引用的法条")
    assert [each for each in visitor.complaints if "409" not in each] == []


def ringing(context: BrowserContext) -> None:
    """Notifications are written down instead of shown."""
    context.grant_permissions(["notifications"])
    context.add_init_script(
        """window.rung = [];
        class Told extends EventTarget {
          static permission = "granted";
          static requestPermission() { return Promise.resolve("granted"); }
          constructor(said, more) { super(); window.rung.push([said, more.body, more.tag, this]); }
          close() {}
        }
        Object.defineProperty(window, "Notification", { value: Told });"""
    )


def test_a_new_round_rings_once_over_two_tabs_and_without_the_citizens_words(visit: Visit, ask: Ask) -> None:
    page = visit("/").page
    ringing(page.context)
    page.goto("/desk")
    log_in(page)
    before = ask("在提醒打开以前问的")
    expect(page.locator(f"#r-{before}")).to_be_visible()
    assert page.evaluate("window.rung.length") == 0
    page.click("[data-dialog=bell]")
    expect(page.locator("[data-bell=words]")).to_be_disabled()
    page.check("[data-bell=notify]")
    page.click("#bell .primary")
    expect(page.locator("#bell-state")).to_have_text("开")
    other = page.context.new_page()
    other.goto("/desk/me")

    round_id = ask("公司不给我交社保，怎么办")
    expect(page.locator(f"#r-{round_id}")).to_be_visible()
    tabs = (page, other)

    def rung() -> list[list[str]]:
        return [each for tab in tabs for each in tab.evaluate("window.rung.map((each) => each.slice(0, 3))")]

    wait_until(lambda: len(rung()) >= 1, "a notification")
    page.wait_for_timeout(400)
    assert len(rung()) == 1, "one for two tabs"
    said, words, tag = rung()[0]
    assert re.fullmatch(r"有新的问题，还有 (10|9) 分钟", said)
    assert (words, tag) == ("", f"r-{round_id}")

    # A break of the line brings the whole queue again, and rings nothing again.
    page.reload()
    other.reload()
    expect(page.locator(f"#r-{round_id}")).to_be_visible()
    page.wait_for_timeout(400)
    assert rung() == []
    other.close()
    page.click("[data-dialog=bell]")
    page.check("[data-bell=words]")
    page.click("#bell .primary")
    urgent = ask("孩子不见了，怎么办", urgent=True)
    wait_until(lambda: page.evaluate("window.rung.length") == 1, "a notification for the urgent one")
    said, words, _ = page.evaluate("window.rung[0].slice(0, 3)")
    assert said.startswith("紧急：有新的问题")
    assert words == "孩子不见了，怎么办"
    page.evaluate("window.rung[0][3].dispatchEvent(new Event('click'))")
    has_focus(page, f"#r-{urgent} a")


def test_rows_do_not_move_under_the_pointer_and_focus_is_not_lost(visit: Visit, ask: Ask) -> None:
    ask("小区停车费能不能一年涨两次")
    page = visit("/desk").page
    log_in(page)
    row = page.locator("#queue .waiting-round:not(.urgent)").last
    row.hover()
    # What the stream brings at first replaces the row by its like.
    wait_until(lambda: row.bounding_box() is not None, "a row")
    there = row.bounding_box()
    urgent = ask("有人在砸我家的门", urgent=True)
    expect(page.locator("#more")).to_have_text("有 1 个新问题")
    assert row.bounding_box() == there
    expect(page.locator(f"#r-{urgent}")).to_have_count(0)
    page.click("#more")
    expect(page.locator(f"#r-{urgent}")).to_be_visible()
    expect(page.locator("#more")).to_be_hidden()
    has_focus(page, "#queue li:first-child a")

    # The focus is in the list: what comes waits until it has left.
    page.mouse.move(900, 600)
    again = ask("丈夫正在打我", urgent=True)
    page.wait_for_timeout(800)
    has_focus(page, "#queue li:first-child a")
    page.locator(".brand").focus()
    expect(page.locator(f"#r-{again}")).to_be_visible()


@pytest.mark.parametrize("width", [390, 320])
def test_a_lawyer_answers_with_the_thumb(visit: Visit, ask: Ask, axe: str, width: int) -> None:
    round_id = ask(f"宽 {width}：" + "承包地被村里收回，没有给补偿，请问应该怎么办，去哪里说理？" * 8)
    visitor = visit("/desk", phone=True)
    page = visitor.page
    page.set_viewport_size({"width": width, "height": 640})
    log_in(page)

    def fits() -> None:
        page.wait_for_load_state()  # what is measured before the style sheets have come, nobody sees
        assert page.evaluate("document.documentElement.scrollWidth") <= width

    expect(page.locator(f"#r-{round_id}")).to_be_visible()
    fits()
    page.locator(f"#r-{round_id} a").tap()
    expect(page.locator("#round-title")).to_be_visible()
    fits()
    expect(page.locator("#laws-fold")).not_to_have_attribute("open", "")
    there = page.locator(".jump .primary").bounding_box()
    assert there is not None
    assert there["y"] + there["height"] <= 640, "under the thumb, however long the thread"
    page.touchscreen.tap(there["x"] + 20, there["y"] + 20)
    has_focus(page, "#text")
    # The keyboard takes half of the screen: the box and the button are to be seen above it.
    page.set_viewport_size({"width": width, "height": 380})
    page.locator("#text").press_sequentially("可以要求补偿。")
    expect(page.locator(".jump")).to_be_hidden()
    expect(page.locator("#text")).to_be_in_viewport(ratio=0.3)
    expect(page.locator("#answer .primary")).to_be_in_viewport(ratio=1)
    page.set_viewport_size({"width": width, "height": 844})
    page.locator("#text").blur()
    page.locator("#laws-fold summary").tap()
    page.fill("#q", "《劳动合同法》第三十条")
    page.locator("#hits .cite").tap()
    expect(page.locator("#cited")).to_contain_text("第三十条")
    fits()
    small = page.evaluate(
        "() => [...document.querySelectorAll('button, summary, .option, .cite, .desk-nav a, .jump a')]"
        ".filter(each => each.checkVisibility() && each.offsetParent && each.offsetHeight < 48).map(each => each.outerHTML)"
    )
    assert small == []
    check(page, axe, f"a round at {width}")
    page.locator("#answer .primary").tap()
    expect(page.locator("[data-sent]")).to_be_visible()
    assert visitor.complaints == []


@pytest.mark.parametrize("dark", [False, True])
def test_the_desks_pages_are_for_everybody(visit: Visit, ask: Ask, axe: str, dark: bool) -> None:
    round_id = ask("合伙开店散伙了，怎么分账")
    visitor = at_round(visit, round_id, "wang", dark=dark)
    page = visitor.page
    page.click("#templates-fold summary")
    expect(page.locator("#templates")).not_to_contain_text("打开我的常用语")
    check(page, axe, f"a round, dark={dark}")
    for name in ("bell", "keys"):
        page.click(f"[data-dialog={name}]")
        check(page, axe, f"the dialog {name}, dark={dark}")
        page.click(f"#{name} .primary")
        has_focus(page, f"[data-dialog={name}]")
    for path in ("/desk", "/desk/templates", "/desk/me"):
        page.goto(path)
        check(page, axe, f"{path}, dark={dark}")
        for width in (320, 640):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        page.set_viewport_size({"width": 1280, "height": 800})
    assert visitor.complaints == []

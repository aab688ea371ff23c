"""The administration in a real browser: every page for every eye and at every width, a file with faults, by keyboard, without script."""

import json
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from channels.devices import register_device
from channels.hotline.gateways import register_gateway
from channels.posts import import_posts
from core.database import Database
from core.security import Vault
from escalation import seals
from escalation.lawyers import import_lawyers
from escalation.staff import create_staff
from services.office_file import import_offices
from tests.browser.conftest import PASSWORD, Service, Visitor

Visit = Callable[..., Visitor]

LAWYERS = """\
姓名,执业证号,律所,地区,层级,专长,语言,手机,值班时间,最大同时在办
其其格,11509201812345601,明德律师事务所,乌兰察布市,市,婚姻家庭、劳动人事,汉语、蒙古语,13800001234,周一至周五 9:00-17:30,5
赵志强,11501201511234502,北疆律师事务所,呼和浩特市,自治区,合同纠纷、公司经营,汉语,,每天 18:00-次日8:00,10
刘慧敏,11101201611234503,京华律师事务所,北京市东城区,全国,知识产权,汉语,,,8
"""
OFFICES = """\
名称,地区,承办事项,上级机构,地址,电话,办公时间,在用
集宁区公共法律服务中心,集宁区,求法援、约调解、办公证,,集宁区解放路1号,0474-8200000,工作日 8:30-17:30,是
"""
POSTS = """\
名称,地区,编号,负责人,地址,在用
集宁区桥西街道法律明白人工作点,集宁区,jn001,巴特尔,桥西街道党群服务中心,是
凉城县岱海镇先锋岗,凉城县,lc001,李秀芹,岱海镇政府一楼,是
"""
PAGES = (
    "/admin", "/admin/lawyers", "/admin/lawyers/new", "/admin/lawyers/import", "/admin/accounts", "/admin/accounts/new",
    "/admin/offices", "/admin/offices/new", "/admin/posts", "/admin/posts/new", "/admin/posts/jn001",
    "/admin/posts/jn001/active", "/admin/devices", "/admin/devices/new", "/admin/keys", "/admin/keys/nmg-12348",
    "/admin/keys/new", "/admin/policy?region=150900", "/admin/audit",
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def registers(service: Service) -> Iterator[None]:
    database, vault = Database(service.settings.sql_url), Vault(service.settings)
    with database.write() as session:
        import_lawyers(session, LAWYERS.encode(), vault, "command line")
        import_offices(session, OFFICES.encode(), "command line")
        import_posts(session, POSTS.encode(), "command line")
        register_device(session, "政务大厅一楼 1 号机", "150902", "jn001", vault, "command line")
        register_gateway(session, "nmg-12348", "150000", "https://gw.example.cn/wenfa", vault, "command line")
        create_staff(session, login="bao", name="包乌兰", password=PASSWORD, role="administrator")
    seals.keep_chain(database, seals.seal_key(service.settings), seals.seals_path(service.settings))
    yield
    database.dispose()


def logged_in(visit: Visit, path: str, **how: bool) -> Visitor:
    visitor = visit(path, **how)
    visitor.page.fill("[name=login]", "bao")
    visitor.page.fill("[name=password]", PASSWORD)
    visitor.page.click("main .primary")
    expect(visitor.page.locator("h1")).not_to_contain_text("登录")
    return visitor


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def first_of(page: Page, path: str) -> str:
    page.goto(path)
    return page.locator(".item-head a").first.get_attribute("href") or ""


def sound(page: Page, axe: str) -> None:
    """axe finds nothing, in light and in dark."""
    page.evaluate(axe + "; true")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")["violations"]
        assert not found, f"{page.url} {scheme}: {json.dumps(found, ensure_ascii=False)[:3000]}"


def test_every_page_is_for_every_eye_and_every_width(visit: Visit, axe: str) -> None:
    visitor = logged_in(visit, "/admin/lawyers")
    page = visitor.page
    lawyer, account, office, device = (
        first_of(page, path) for path in ("/admin/lawyers", "/admin/accounts", "/admin/offices", "/admin/devices")
    )
    for path in (*PAGES, lawyer, f"{lawyer}/active", account, office, device):
        page.set_viewport_size({"width": 1280, "height": 800})
        page.goto(path)
        assert fits(page), path
        sound(page, axe)
        for width in (390, 320):
            page.set_viewport_size({"width": width, "height": 844})
            assert fits(page), (path, width)
    page.set_viewport_size({"width": 390, "height": 844})
    small = page.evaluate(
        """() => [...document.querySelectorAll("main button, main .button, main select, main input:not([type=hidden], [type=checkbox])")]
        .filter((each) => each.offsetHeight && each.offsetHeight < 48).map((each) => each.outerHTML)"""
    )
    assert not small
    assert visitor.complaints == []


def test_a_file_with_faults_is_told_line_by_line_and_the_rest_imported(visit: Visit, axe: str) -> None:
    visitor = logged_in(visit, "/admin/lawyers/import", phone=True)
    page = visitor.page
    content = (
        LAWYERS
        + "白云,,某所,乌兰察布市,市,,,,,\n孟和,11509202012345699,草原律师事务所,集宁区,市,,,,有空就来,\n钱进,11509202012345698,草原律师事务所,集宁区,市,,,,,\n"
    )
    page.set_input_files("[name=file]", {"name": "名册.csv", "mimeType": "text/csv", "buffer": content.encode()})
    page.click("button[value=check]")
    expect(page.locator(".done-note")).to_contain_text("只是检查，还没有写入")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("执业证号")
    expect(rows.nth(1)).to_contain_text("看不懂“有空就来”")
    assert fits(page)
    sound(page, axe)
    page.click("text=导入这 1 位")
    expect(page.locator(".done-note")).to_contain_text("新增 1 位，更新 0 位，没有变化 3 位，有问题 2 行")
    page.goto("/admin/lawyers?q=钱进")
    expect(page.locator(".item")).to_have_count(1)
    assert visitor.complaints == []


def test_an_account_is_opened_by_keyboard_alone(visit: Visit, axe: str) -> None:
    page = logged_in(visit, "/admin/accounts/new").page

    def tab_to(selector: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
        pytest.fail(f"{selector} is not reached")

    tab_to("[name=role]")
    page.keyboard.press("ArrowDown")
    expect(page.locator("[name=role]")).to_have_value("supervisor")
    tab_to("[name=login]")
    page.keyboard.type("gao2")
    tab_to("[name=name]")
    page.keyboard.type("高娃")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("高娃（gao2）")
    password = page.locator(".secret").inner_text()
    assert len(password) == 19
    sound(page, axe)
    tab_to("[href$='/active']")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("停用账号 gao2")
    sound(page, axe)
    tab_to(".danger")
    page.keyboard.press("Enter")
    expect(page.locator(".done-note")).to_have_text("已停用。")


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_the_chain_is_checked_while_one_looks(visit: Visit, script: bool) -> None:
    visitor = logged_in(visit, "/admin/audit", script=script)
    page = visitor.page
    page.click("text=现在核对")
    expect(page).to_have_url(f"{page.url.split('/admin')[0]}/admin/audit#chain")
    if not script:
        page.wait_for_timeout(1000)
        page.reload()
    expect(page.locator("#chain-state")).to_contain_text("上次核对没有发现问题")
    page.select_option("[name=verb]", "create_staff")
    page.click("form.search button")
    row = page.locator(".item", has_text="包乌兰，").last
    row.locator("summary").click()
    expect(row).to_contain_text("角色administrator")
    assert visitor.complaints == []


def test_without_script_a_post_is_entered_corrected_and_its_code_kept(visit: Visit) -> None:
    page = logged_in(visit, "/admin/posts/new", phone=True, script=False).page
    page.fill("[name=名称]", "卓资县旗下营镇先锋岗")
    page.fill("[name=地区]", "朝阳")
    page.fill("[name=编号]", "zz001")
    page.click("main .primary")
    expect(page.locator("#e-地区")).to_contain_text("不止一处")
    expect(page.locator("[name=名称]")).to_have_value("卓资县旗下营镇先锋岗")
    assert page.locator("[name=地区]").get_attribute("aria-invalid") == "true"
    page.fill("[name=地区]", "卓资县")
    page.click("main .primary")
    expect(page.locator(".done-note")).to_have_text("已登记。")
    with page.expect_download() as download:
        page.click("text=下载 PDF")
    assert download.value.suggested_filename == "服务点二维码.pdf"
    page.goto("/admin/policy?region=卓资县")
    page.fill("[name=quorum]", "2")
    page.click("main .sheet .primary")
    expect(page.locator("section[aria-labelledby=here]")).to_contain_text("10 分钟内 2 位")

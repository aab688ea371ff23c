"""A service with people in it, for what looks at its pages: lawyers at their desks, a supervisor, an administrator, a device."""

import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)  # not this folder: its escalation.py would stand for the package
sys.path += [str(ROOT / "tests"), str(ROOT / "tests" / "integration")]

from running import Running, running  # noqa: E402

from channels.devices import register_device  # noqa: E402
from core.database import Database  # noqa: E402
from core.security import Vault  # noqa: E402
from core.settings import Settings  # noqa: E402
from escalation.lawyers import register_lawyer  # noqa: E402
from escalation.staff import create_staff  # noqa: E402

REGION = "150900"
PASSWORD = secrets.token_urlsafe(12)
LAWYERS = (
    ("陈晓梅", "明德律师事务所"),
    ("王立军", "草原律师事务所"),
    ("苏日娜", "集宁衡正律师事务所"),
)
QUESTION = "我在工地干了三个月，包工头一直不给工资，没有签合同，我有考勤照片和微信记录，能要回来吗？"
ANSWERS = (
    "可以要回来。没有签书面合同，只要能证明在那里干活，也算劳动关系，考勤照片和微信记录都是证据。"
    "先带上这些，到工地所在地的劳动保障监察大队投诉，不收费。",
    "能要。分三步走：\n一、把考勤照片、微信记录、工友的证言整理好，写清楚欠了几个月、多少钱。\n"
    "二、向劳动监察投诉，请总包单位先行清偿。\n三、投诉没有结果的，到劳动人事争议仲裁委员会申请仲裁。",
    "可以。包工头个人没有用工资格的，由把活包给他的公司支付工资。您还可以申请法律援助，农民工讨薪不审查经济状况，律师免费帮您写材料、出庭。",
)
CITED = "《劳动合同法》第三十条"
FOLLOW_UP = "包工头说等甲方结账才给，这样合法吗？"


@dataclass(frozen=True, slots=True)
class Stage:
    service: Running
    url: str
    lawyers: list[tuple[str, str]]
    """Login and name."""
    supervisor: str
    administrator: str
    device_code: str


@contextmanager
def staged(home: Path | None, **environment: str) -> Iterator[Stage]:
    """A started service. `home`: a prepared home folder, whose record is added to; None prepares one, which takes minutes."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = home or Path(temporary)
        defaults = {"WENFA_DEFAULT_REGION": REGION, "WENFA_MESSAGES_PER_MINUTE": "0", "WENFA_DEMO": "0"}
        with running(folder, **{**defaults, **environment}) as service:
            yield _people(service, Settings(home=folder))


def _people(service: Running, settings: Settings) -> Stage:
    mark = secrets.token_hex(2)  # of those who came this time, where a record is used again
    database, logins = Database(settings.sql_url), []
    with database.write() as session:
        for number, (name, firm) in enumerate(LAWYERS):
            login = f"lawyer{number}-{mark}"
            lawyer = register_lawyer(
                session,
                name=name,
                licence=f"1150920{mark}{number}",
                region=REGION,
                tier="city",
                firm=firm,
            )
            create_staff(session, login=login, name=name, password=PASSWORD, role="lawyer", lawyer=lawyer)
            logins.append((login, name))
        for role, name in (("supervisor", "高主任"), ("administrator", "白管理员")):
            create_staff(session, login=f"{role}-{mark}", name=name, password=PASSWORD, role=role)
        code = register_device(session, f"政务大厅一楼 {mark} 号机", REGION, "", Vault(settings), "benchmark")
    database.dispose()
    url = f"http://127.0.0.1:{service.port}"
    return Stage(service, url, logins, f"supervisor-{mark}", f"administrator-{mark}", code)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The machine's own Chromium, which asks nobody for updates."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        sys.exit("没有找到 chromium，请先安装。")
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu", *quiet])
        yield browser
        browser.close()


def open_browser(
    browser: Browser, stage: Stage, size: tuple[int, int], *, phone: bool = False, dark: bool = False
) -> BrowserContext:
    """A browser of one person's own."""
    context = browser.new_context(
        base_url=stage.url,
        viewport={"width": size[0], "height": size[1]},
        is_mobile=phone,
        has_touch=phone,
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
        locale="zh-CN",
    )
    context.set_default_timeout(20_000)
    return context


def log_in(page: Page, path: str, login: str) -> None:
    page.goto(path)
    page.fill("[name=login]", login)
    page.fill("[name=password]", PASSWORD)
    page.click("main .primary")
    page.wait_for_selector("form[action='/desk/logout']")


def ask(page: Page, words: str) -> None:
    said = page.locator(".bubble.service").count()
    page.fill("#text", words)
    page.click("#say .send")
    page.wait_for_function("count => document.querySelectorAll('.bubble.service').length > count", arg=said)


def find_law(page: Page, named: str) -> None:
    """Look an article up beside the answer; on a phone that part is folded."""
    if not page.locator("#q").is_visible():
        page.click("#laws-fold > summary")
    page.fill("#q", named)
    page.locator("#hits .cite").first.wait_for()


def answer(page: Page, beginning: str, words: str, *, cite: str = "") -> None:
    """Open the waiting question that begins so, at the desk, and answer it."""
    page.locator("#queue a", has_text=beginning).first.click()
    page.wait_for_selector("#answer")
    page.fill("#text", words)
    if cite:
        find_law(page, cite)
        page.locator("#hits .cite").first.click()
    page.click("#answer .primary")
    page.wait_for_selector("[data-sent]")

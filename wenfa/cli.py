"""``wenfa``: the command line. Chinese, for the person who installs and looks after the service."""

import os
import signal
import sys
import threading
from typing import Annotated

import typer
from rich.table import Table
from typer import rich_utils

from core.database import Database
from core.settings import Settings
from wenfa.audit import audit
from wenfa.channels import gateway, wechat
from wenfa.kb import kb
from wenfa.kiosk import kiosk
from wenfa.offices import offices
from wenfa.orders import orders
from wenfa.policy import policy
from wenfa.posts import posts
from wenfa.rasa import PYTHON
from wenfa.staff import staff
from wenfa.terminal import console, fail, interruptible, load_settings, open_database

rich_utils.ARGUMENTS_PANEL_TITLE = "参数"
rich_utils.OPTIONS_PANEL_TITLE = "选项"
rich_utils.COMMANDS_PANEL_TITLE = "命令"
rich_utils.ERRORS_PANEL_TITLE = "错误"
rich_utils.DEFAULT_STRING = "[默认：{}]"
rich_utils.REQUIRED_LONG_STRING = "[必填]"

app = typer.Typer(
    help="问法：公共法律咨询服务。", no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False
)
db = typer.Typer(help="数据库：升级表结构。", no_args_is_help=True)
app.add_typer(kb, name="kb")
app.add_typer(db, name="db")
app.add_typer(staff, name="staff")
app.add_typer(offices, name="offices")
app.add_typer(policy, name="policy")
app.add_typer(audit, name="audit")
app.add_typer(posts, name="posts")
app.add_typer(gateway, name="gateway")
app.add_typer(wechat, name="wechat")
app.add_typer(kiosk, name="kiosk")
app.add_typer(orders, name="orders")


@app.command(name="up", help="准备并启动全部：Redis、Rasa、接口、分发。Ctrl-C 停止。")
def up_command() -> None:
    from wenfa.up import CannotStart, up

    with interruptible():
        try:
            up(load_settings())
        except CannotStart as error:
            fail(str(error))


@app.command(help="只做启动前的准备：表结构、法律、索引、Rasa 模型、首个账号。")
def prepare() -> None:
    from wenfa.prepare import prepare as prepare_all

    with interruptible():
        prepare_all(load_settings())


@app.command(help="只启动接口进程。")
def api() -> None:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when faiss is loaded; see api.app.serve
    from api.app import serve
    from core.process import die_with_parent

    settings = load_settings()
    die_with_parent()
    serve(settings)


@app.command(name="dispatcher", help="只启动分发进程（可以启动多个）。")
def dispatcher_command() -> None:
    from channels.adapter import Adapter
    from channels.carrier import Carrier
    from channels.hotline.adapter import HotlineAdapter
    from channels.wechat.adapter import WeChatAdapter
    from core import live
    from core.log import configure
    from core.process import die_with_parent
    from escalation.courier import Courier
    from escalation.dispatcher import Dispatcher
    from escalation.seals import chain_keeper

    def adapters(database: Database, settings: Settings) -> list[Adapter]:
        found: list[Adapter] = [HotlineAdapter(database, settings)]
        return [*found, WeChatAdapter(database, settings)] if settings.wechat_app_id else found

    settings = load_settings()
    configure(settings, "dispatcher")
    die_with_parent()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    database = Database(settings.sql_url)
    courier = Courier(database, settings)
    dispatcher = Dispatcher(database, live.connect(settings), pushed=courier.wake)
    carrier = Carrier(database, settings, adapters)
    dispatcher.run(stop, courier.run, carrier.run, chain_keeper(database, settings))


@app.command(help="只启动自带的 Redis（Valkey）。")
def redis() -> None:
    from wenfa.up import run_redis

    run_redis(load_settings())


@app.command(name="rasa", help="只启动 Rasa（用已训练的模型，只听本机）。")
def rasa_command(
    number: Annotated[int, typer.Option("--number", min=1, help="第几个进程（端口依次往后）")] = 1,
) -> None:
    from wenfa.rasa import serve

    settings = load_settings()
    if not PYTHON.exists():
        fail("没有 Rasa 环境（bot/.venv）。请先运行 make setup。")
    sys.exit(serve(settings, number - 1))


@app.command(name="settings", help="列出所有设置、现在的值和说明。")
def settings_command(
    markdown: Annotated[bool, typer.Option("--markdown", help="输出 docs/CONFIGURATION.md 的内容")] = False,
) -> None:
    from wenfa.configuration import as_markdown, rows

    if markdown:
        sys.stdout.write(as_markdown())
        return
    table = Table("环境变量", "现在的值", "说明")
    for row in rows(load_settings()):
        table.add_row(*row)
    console.print(table)


@db.command(name="upgrade", help="把表结构升级到最新。")
def db_upgrade() -> None:
    from wenfa.database import upgrade

    with open_database(current=False) as database:
        console.print("已升级" if upgrade(database) else "已是最新")


@db.command(name="revision", help="（开发用）按模型生成一个新的迁移。")
def db_revision(message: Annotated[str, typer.Argument(help="做了什么")]) -> None:
    from wenfa.database import new_revision

    with open_database(current=False) as database:
        new_revision(database, message)

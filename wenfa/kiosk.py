"""``wenfa kiosk``: devices in service halls. Chinese, for the person who looks after them."""

from typing import Annotated

import typer
from rich.table import Table

from core.clock import local
from core.regions import full_name
from core.security import Vault
from escalation.errors import Refused
from wenfa.terminal import console, fail, load_settings, open_database, region_code

kiosk = typer.Typer(help="服务大厅的终端（一体机、机器人）：登记、停用。", no_args_is_help=True)

ACTOR = "command line"


@kiosk.command(help="登记一台终端（已有的改地区，或换一个登记码），显示它的登记码。")
def add(
    name: Annotated[str, typer.Argument(help="名称，例如“政务大厅一楼 1 号机”")],
    region: Annotated[str, typer.Option(help="终端所在地区：六位代码或名称")],
    post: Annotated[str, typer.Option(help="所在服务点的编号（wenfa posts），可以没有")] = "",
) -> None:
    from channels.devices import register_device

    settings, code = load_settings(), region_code(region)
    try:
        with open_database() as database, database.write() as session:
            written = register_device(session, name, code, post, Vault(settings), ACTOR)
    except Refused as error:
        fail(error.message)
    console.print(f"登记码 {written}", markup=False)
    console.print(f"一天之内，在终端的浏览器里打开 {settings.site_url}/kiosk ，输入登记码。只能用一次。", markup=False)


@kiosk.command(help="停用一台终端。它上面的会话不受影响，只是不能再从它开始新的。")
def retire(name: Annotated[str, typer.Argument(help="名称")]) -> None:
    from channels.devices import retire_device

    try:
        with open_database() as database, database.write() as session:
            retire_device(session, name, ACTOR)
    except Refused as error:
        fail(error.message)
    console.print("已停用")


@kiosk.command(name="list", help="列出终端。")
def list_devices() -> None:
    from channels.devices import all_devices

    table = Table("名称", "地区", "服务点", "状态", "最近有人使用")
    with open_database() as database, database.read() as session:
        for each in all_devices(session):
            state = "已停用" if each.retired_at else "在用" if each.token_hash else "等待登记"
            seen = f"{local(each.seen_at):%Y-%m-%d %H:%M}" if each.seen_at else "还没有"
            table.add_row(each.name, full_name(each.region), each.post or "", state, seen)
    console.print(table)

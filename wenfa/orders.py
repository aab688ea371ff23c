"""``wenfa orders``: consultations as a hotline's orders. Chinese, for whoever hands them on."""

from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Literal

import typer

from core.clock import SHANGHAI
from core.regions import NATION
from core.security import Vault
from wenfa.terminal import console, fail, load_settings, open_database, region_code

orders = typer.Typer(help="工单：每个咨询一件，导出成表格或 JSON。", no_args_is_help=True)

ACTOR = "command line"


@orders.callback()
def _commands() -> None:
    """工单：每个咨询一件，导出成表格或 JSON。"""


@orders.command(help="导出一段时间里受理的工单（含联系方式，留下记录）。按文件名写成 .csv 或 .json。")
def export(
    file: Annotated[Path, typer.Argument(help="写到哪个文件：.csv 或 .json", dir_okay=False)],
    since: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="从哪天起")],
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="到哪天为止（含当天）")],
    region: Annotated[str, typer.Option(help="只要这个地区和它下面的：六位代码或名称")] = NATION,
    channel: Annotated[Literal["", "hotline", "wechat", "kiosk", "web"], typer.Option(help="只要这个渠道")] = "",
) -> None:
    from channels.orders import as_csv, as_json, export_orders

    writers = {".csv": as_csv, ".json": as_json}
    if file.suffix not in writers:
        fail("文件名要以 .csv 或 .json 结尾。")
    begins, ends = (datetime.combine(each.date(), time(), SHANGHAI) for each in (since, until))
    if ends < begins:
        fail("开始的日子不能晚于结束的日子。")
    code = region_code(region)
    with open_database() as database, database.write() as session:
        vault = Vault(load_settings())
        found = export_orders(session, vault, begins, ends + timedelta(days=1), code, channel, ACTOR)
    file.touch(mode=0o600)
    file.write_text(writers[file.suffix](found), encoding="utf-8", newline="")
    console.print(f"{len(found)} 件工单，已写到 {file}", markup=False)

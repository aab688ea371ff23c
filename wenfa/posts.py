"""``wenfa posts``: places with a QR code of their own. Chinese, for the person who looks after them."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress
from rich.table import Table

from core.clock import now
from core.regions import NATION, full_name
from wenfa.terminal import console, fail, import_file, interruptible, load_settings, open_database, region_code

posts = typer.Typer(help="服务点（先锋岗）：导入、二维码、统计。", no_args_is_help=True)

ACTOR = "command line"
RegionOption = Annotated[str, typer.Option(help="只要这个地区和它下面的：六位代码或名称")]


@posts.command(name="import")
def import_command(
    file: Annotated[
        Path | None, typer.Argument(help="服务点名册：CSV 文件（UTF-8 或 GBK）", exists=True, dir_okay=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只看会发生什么，不写入")] = False,
    template: Annotated[bool, typer.Option("--template", help="输出一份名册的样子，可以照着填")] = False,
) -> None:
    """导入服务点，按编号（没有编号的按地区和名称）增加或更新，可以反复运行，编号不会变；有问题的行逐一列出，其余照常导入。"""
    from channels.posts import TEMPLATE, import_posts

    shown = TEMPLATE if template else None
    import_file(file, shown, "posts", lambda session, content: import_posts(session, content, ACTOR), dry_run=dry_run)


@posts.command(help="把服务点的二维码排成 A4 页（每页六个），写成 PDF。")
def sheets(
    file: Annotated[Path, typer.Argument(help="写到哪个 PDF 文件", dir_okay=False)], region: RegionOption = NATION
) -> None:
    from channels.posts import posts_in
    from channels.sheets import print_sheets

    with interruptible(), open_database() as database, database.read() as session:
        found = posts_in(session, region_code(region))
        if not found:
            fail("没有在用的服务点。先用 wenfa posts import 导入。")
        with Progress(console=console) as bar:
            task = bar.add_task("二维码", total=len(found))
            pages = print_sheets(found, load_settings().site_url, file, lambda done: bar.update(task, completed=done))
    console.print(f"{len(found)} 个服务点，{pages} 页，已写到 {file}", markup=False)


@posts.command(help="各服务点一段时间里的会话、消息和咨询。")
def stats(days: Annotated[int, typer.Option(min=1, help="最近多少天")] = 30, region: RegionOption = NATION) -> None:
    from channels.posts import post_figures

    table = Table("编号", "名称", "地区", "负责人", "会话", "消息", "咨询")
    with open_database() as database, database.read() as session:
        for each in post_figures(session, region_code(region), now() - timedelta(days=days), now()):
            post = each.post
            counts = (str(count) for count in (each.conversations, each.messages, each.consultations))
            table.add_row(post.code, post.name, full_name(post.region), post.keeper, *counts)
    console.print(table)

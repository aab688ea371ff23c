"""``wenfa gateway`` and ``wenfa wechat``: connecting the channels. Chinese, for the person who installs."""

import asyncio
import json
import sys
from typing import Annotated

import typer
from rich.table import Table

from core.regions import full_name
from core.security import Vault
from escalation.errors import Refused
from escalation.media.medium import DeliveryFailed
from wenfa.terminal import console, fail, load_settings, open_database, region_code

gateway = typer.Typer(help="热线文字网关：登记、换密钥。", no_args_is_help=True)
wechat = typer.Typer(help="微信公众号：菜单。", no_args_is_help=True)

ACTOR = "command line"


@gateway.command(name="add", help="登记一个网关（已有的改地址、加一把密钥），显示它的密钥。")
def add(
    name: Annotated[str, typer.Argument(help="名称：小写字母、数字和连字符")],
    region: Annotated[str, typer.Option(help="网关所在地区：六位代码或名称")],
    callback: Annotated[str, typer.Option(help="送回解答的网址")],
) -> None:
    from channels.hotline.gateways import register_gateway

    code = region_code(region)
    try:
        with open_database() as database, database.write() as session:
            key = register_gateway(session, name, code, callback, Vault(load_settings()), ACTOR)
    except Refused as error:
        fail(error.message)
    _show(key.id, key.secret)


@gateway.command(name="rotate", help="给网关加一把新密钥；旧的继续有效，直到停用。")
def rotate(name: Annotated[str, typer.Argument(help="网关名称")]) -> None:
    from channels.hotline.gateways import rotate_key

    try:
        with open_database() as database, database.write() as session:
            key = rotate_key(session, name, Vault(load_settings()), ACTOR)
    except Refused as error:
        fail(error.message)
    _show(key.id, key.secret)


@gateway.command(name="retire", help="停用一把密钥。")
def retire(key: Annotated[str, typer.Argument(help="密钥编号")]) -> None:
    from channels.hotline.gateways import retire_key

    try:
        with open_database() as database, database.write() as session:
            retire_key(session, key, ACTOR)
    except Refused as error:
        fail(error.message)
    console.print("已停用")


@gateway.command(name="list", help="列出网关和它们有效的密钥。")
def list_gateways() -> None:
    from channels.hotline.gateways import all_gateways, keys_of

    table = Table("名称", "地区", "回调地址", "有效的密钥", "在用")
    with open_database() as database, database.read() as session:
        for each in all_gateways(session):
            keys = "、".join(key.id for key in keys_of(session, each.name))
            table.add_row(each.name, full_name(each.region), each.callback_url, keys, "是" if each.active else "否")
    console.print(table)


@wechat.command(name="menu", help="把八项服务的菜单发布到公众号。")
def publish_menu(
    show: Annotated[bool, typer.Option("--show", help="只看菜单内容，不发布")] = False,
) -> None:
    from channels.wechat.menu import menu
    from escalation.media.wechat import OfficialAccount, judge

    if show:
        sys.stdout.write(json.dumps(menu(), ensure_ascii=False, indent=2) + "\n")
        return

    async def publish() -> None:
        account = OfficialAccount(load_settings())
        try:
            judge(await account.call("/cgi-bin/menu/create", menu()))
        finally:
            await account.close()

    try:
        asyncio.run(publish())
    except DeliveryFailed as error:
        fail(str(error))
    console.print("菜单已发布，公众号里最多二十四小时后可见（取消关注再关注可以马上看到）")


def _show(key: str, secret: str) -> None:
    console.print(f"密钥编号 {key}\n密钥 {secret}\n（只显示这一次，请交给网关的管理人）", markup=False)

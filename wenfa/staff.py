"""``wenfa staff``: accounts and the lawyers' register from the command line. Chinese, for the person who looks after them."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from core.clock import local
from core.regions import UnknownRegion
from escalation.errors import Refused
from wenfa.terminal import console, fail, interruptible, load_settings, open_database, show_faults, write_template

if TYPE_CHECKING:
    from escalation.csv_records import Fault

staff = typer.Typer(help="工作人员：账号和律师。", no_args_is_help=True)

ACTOR = "command line"


@staff.command(name="import")
def import_command(
    file: Annotated[
        Path | None, typer.Argument(help="律师名册：CSV 文件（UTF-8 或 GBK）", exists=True, dir_okay=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只看会发生什么，不写入")] = False,
    report: Annotated[Path | None, typer.Option(help="把有问题的行写成这个 CSV 文件")] = None,
    template: Annotated[bool, typer.Option("--template", help="输出一份名册的样子，可以照着填")] = False,
) -> None:
    """导入律师名册，按执业证号增加或更新，可以反复运行；有问题的行逐一列出，其余照常导入。"""
    from escalation.lawyer_file import TEMPLATE, read_lawyers

    if template:
        write_template(TEMPLATE)
        return
    if file is None:
        fail("请写出名册文件，例如 wenfa staff import lawyers.csv；名册的样子用 --template 看。")
    from core.security import Vault
    from escalation.lawyers import import_lawyers
    from wenfa.prepare import progress_bar

    with interruptible(), open_database() as database:
        try:
            lawyers, vault = read_lawyers(file.read_bytes()), Vault(load_settings())
            with progress_bar() as progress, database.read() if dry_run else database.write() as session:
                done = import_lawyers(session, lawyers, vault, ACTOR, dry_run=dry_run, progress=progress)
        except Refused as error:
            fail(error.message)
        except IntegrityError:
            fail("同时有别人在登记同一位律师，什么也没有写入，请再试一次。")
    if done.unknown_columns:
        console.print(f"没有用到的列：{'、'.join(done.unknown_columns)}", style="yellow", markup=False)
    show_faults(done.faults, "用 --report 写成文件看全部。")
    if report is not None:
        _write_report(report, done.faults)
        console.print(f"有问题的行已写到 {report}", markup=False)
    console.print(
        f"{'（只是预览，没有写入）' if dry_run else ''}新增 {done.added} 位，更新 {done.changed} 位，"
        f"没有变化 {done.unchanged} 位，有问题 {done.bad} 行"
    )
    if done.faults:
        raise typer.Exit(1)


@staff.command(help="新建账号；密码从提示输入。律师已在名册里的，只写执业证号即可。")
def create(
    login: Annotated[str, typer.Argument(help="登录名")],
    name: Annotated[str, typer.Option(help="姓名；名册里的律师不用写")] = "",
    role: Annotated[str, typer.Option(help="lawyer、supervisor、administrator 或 clerk（办事人员）")] = "lawyer",
    licence: Annotated[str, typer.Option(help="执业证号（律师）")] = "",
    region: Annotated[str, typer.Option(help="执业地区代码（名册里没有的律师）")] = "",
    tier: Annotated[str, typer.Option(help="city 市法律顾问，province 全省律师，nation 全国平台（律师）")] = "city",
    firm: Annotated[str, typer.Option(help="律师事务所（律师）")] = "",
    office: Annotated[str, typer.Option(help="办事机构的名称（办事人员；在那里值班的律师）")] = "",
    password: Annotated[str, typer.Option(prompt="密码", hide_input=True, confirmation_prompt="再输一次")] = "",
) -> None:
    from escalation.lawyers import find_lawyer, register_lawyer
    from services.accounts import open_account
    from services.offices import office_named

    with open_database() as database:
        try:
            with database.write() as session:
                if role == "lawyer" and licence and region and name:
                    register_lawyer(session, name=name, licence=licence, region=region, tier=tier, firm=firm)
                elif role == "lawyer" and find_lawyer(session, licence) is None:
                    raise Refused("名册里没有这位律师。请先导入名册，或写上 --licence、--name 和 --region。")
                elif role != "lawyer" and not name:
                    raise Refused("请用 --name 写上姓名。")
                open_account(
                    session, login=login, name=name, role=role, password=password, actor=ACTOR, licence=licence,
                    office_id=office_named(session, office).id if role == "clerk" or office else None,
                )  # fmt: skip
        except Refused as error:
            fail(error.message)
        except UnknownRegion as error:
            fail(f"没有代码为“{error}”的地区，应是 GB/T 2260 的六位代码，例如 150900。")
    console.print(f"已建立账号 {login}")


@staff.command(help="改密码，并让这个账号已有的登录全部失效。")
def password(
    login: Annotated[str, typer.Argument(help="登录名")],
    new: Annotated[
        str, typer.Option("--password", prompt="新密码", hide_input=True, confirmation_prompt="再输一次")
    ] = "",
) -> None:
    from escalation.staff import set_password

    with open_database() as database:
        try:
            with database.write() as session:
                set_password(session, login, new)
        except Refused as error:
            fail(error.message)
    console.print("密码已改")


@staff.command(name="list", help="列出账号。")
def list_staff() -> None:
    from escalation.models import Lawyer, Staff

    table = Table("登录名", "姓名", "角色", "执业证号", "地区", "层级", "建立时间")
    with open_database() as database, database.read() as session:
        rows = session.execute(
            select(Staff, Lawyer).outerjoin(Lawyer, Lawyer.id == Staff.lawyer_id).order_by(Staff.created_at)
        )
        for account, lawyer in rows:
            of_lawyer = (lawyer.licence, lawyer.region, lawyer.tier) if lawyer else ("", "", "")
            created = f"{local(account.created_at):%Y-%m-%d %H:%M}"
            table.add_row(account.login, account.name, account.role, *of_lawyer, created)
    console.print(table)


def _write_report(path: Path, faults: list["Fault"]) -> None:
    """For Excel, like the file that it is about."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("行", "列", "写的是", "问题"))
        writer.writerows((fault.line, fault.column, fault.written, fault.message) for fault in faults)

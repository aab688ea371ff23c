"""``wenfa offices``: the offices that take citizens' requests, from a file. Chinese, for the person who looks after them."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from sqlalchemy import select

from core.regions import full_name
from escalation.errors import Refused
from wenfa.terminal import console, fail, import_file, open_database

offices = typer.Typer(help="办事机构：法律援助、调解、公证等机构。", no_args_is_help=True)

ACTOR = "command line"


@offices.command(name="import")
def import_command(
    file: Annotated[
        Path | None, typer.Argument(help="机构名册：CSV 文件（UTF-8 或 GBK）", exists=True, dir_okay=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只看会发生什么，不写入")] = False,
    template: Annotated[bool, typer.Option("--template", help="输出一份名册的样子，可以照着填")] = False,
) -> None:
    """导入办事机构，按地区和名称增加或更新，可以反复运行；有问题的行逐一列出，其余照常导入。"""
    from services.office_file import TEMPLATE, import_offices

    shown = TEMPLATE if template else None
    import_file(
        file, shown, "offices", lambda session, content: import_offices(session, content, ACTOR), dry_run=dry_run
    )


@offices.command(help="让一个账号在办事机构办事：办事人员，或在那里值班的律师。")
def staff(
    login: Annotated[str, typer.Argument(help="登录名")],
    office: Annotated[str, typer.Argument(help="办事机构的名称")],
) -> None:
    from escalation.models import Staff
    from services.offices import make_clerk

    with open_database() as database:
        try:
            with database.write() as session:
                account = session.execute(select(Staff).where(Staff.login == login)).scalar_one_or_none()
                if account is None:
                    raise Refused(f"没有登录名为“{login}”的账号。")
                make_clerk(session, account, office, ACTOR)
        except Refused as error:
            fail(error.message)
    console.print(f"{login} 现在可以在{office}办事")


@offices.command(name="list", help="列出在用的办事机构。")
def list_offices() -> None:
    from services.catalogue import SERVICES
    from services.offices import all_offices

    table = Table("名称", "地区", "承办事项", "电话")
    with open_database() as database, database.read() as session:
        for office in all_offices(session):
            names = "、".join(SERVICES[each].name for each in office.services)
            table.add_row(office.name, full_name(office.region), names, office.phone)
    console.print(table)

"""``wenfa policy``: what regions have decided about the promise otherwise than the settings. For the person who looks after it."""

from typing import Annotated

import typer
from rich.table import Table
from sqlalchemy import select

from core.region_names import UnclearRegion, region_written
from core.regions import NATION, full_name
from escalation.errors import Refused
from wenfa.terminal import console, fail, load_settings, open_database

policy = typer.Typer(help="时限规则：各地区推送、值班、认领的时限，没有自己规定的随上级和设置。", no_args_is_help=True)

ACTOR = "command line"
Region = Annotated[str, typer.Argument(help="地区：六位代码或名称，如 150900、乌兰察布市")]


@policy.command(name="list")
def list_policy(region: Region = NATION) -> None:
    """列出一个地区现行的规则和每一条是谁定的；不写地区时列出全国的，以及有自己规则的地区。"""
    from escalation.models import RegionPolicy
    from escalation.policy import NAMES, Policy, in_force, said, shown_value

    code = _code(region)
    table = Table("规则", "含义", "现行的值", "谁定的", title=full_name(code))
    with open_database() as database, database.read() as session:
        found = in_force(session, code, Policy.from_settings(load_settings()))
        deciding = session.execute(select(RegionPolicy).order_by(RegionPolicy.region)).scalars().all()
    for name, value in found.policy.as_dict().items():
        decided_by = found.decided_by.get(name)
        table.add_row(name, NAMES[name], shown_value(value), full_name(decided_by) if decided_by else "设置")
    console.print(table)
    console.print(said(code, found.policy), markup=False)
    for place, reason in found.passed_over.items():
        console.print(f"{full_name(place)}的规则没有采用：{reason}", style="red", markup=False)
    if code == NATION and deciding:
        others = Table("地区", "代码", "自己的规则")
        for each in deciding:
            rules = "，".join(f"{name}={shown_value(value)}" for name, value in each.values.items())
            others.add_row(full_name(each.region), each.region, rules)
        console.print(others)


@policy.command(name="set")
def set_policy(
    region: Region,
    rules: Annotated[list[str], typer.Argument(help="规则=值，可以几条，如 province_after=120 duty_hours=是")],
) -> None:
    """一个地区自己定几条规则，对其中各地也有效；没有写到的不变，已经开始的轮次仍按原来的规则。"""
    from escalation.policy import Policy, set_region_policy

    code, values = _code(region), {}
    for rule in rules:
        name, sign, value = rule.replace("＝", "=").partition("=")
        if not sign or not value.strip():
            fail(f"“{rule}”要写成 规则=值，例如 province_after=120。")
        values[name.strip()] = value.strip()
    with open_database() as database:
        try:
            with database.write() as session:
                set_region_policy(session, code, values, ACTOR, base=Policy.from_settings(load_settings()))
        except Refused as error:
            fail(error.message)
    list_policy(code)


@policy.command(name="clear")
def clear_policy(
    region: Region,
    names: Annotated[list[str] | None, typer.Argument(help="哪几条规则；不写就是全部")] = None,
) -> None:
    """一个地区不再自己定这些规则，随上级和设置。"""
    from escalation.policy import Policy, clear_region_policy

    code = _code(region)
    with open_database() as database:
        try:
            with database.write() as session:
                base = Policy.from_settings(load_settings())
                clear_region_policy(session, code, ACTOR, base=base, names=names or ())
        except Refused as error:
            fail(error.message)
    list_policy(code)


def _code(written: str) -> str:
    try:
        return region_written(written).code
    except UnclearRegion as error:
        fail(f"{error}。")

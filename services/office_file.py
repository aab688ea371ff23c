"""Files of offices as bureaus fill them in: every cell checked, every fault with its line; good rows land."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.ids import new_id
from core.region_names import region_cell
from escalation.csv_records import Fault, Faulty, Imported, Row, open_csv, write_csv
from escalation.errors import NotFound, Refused
from escalation.journal import audit
from services.catalogue import SERVICES, WITH_REQUESTS, service_called
from services.models import Office

REQUIRED = ("名称", "地区", "承办事项")
COLUMNS = (*REQUIRED, "上级机构", "地址", "电话", "办公时间", "在用")
TEMPLATE = """\
名称,地区,承办事项,上级机构,地址,电话,办公时间,在用
乌兰察布市公共法律服务中心,150900,求法援、约调解、办公证、问鉴定,,集宁区格根西街1号,0474-8888888,工作日 8:30-12:00 14:30-17:30,是
察右中旗法律援助工作站,察哈尔右翼中旗,求法援,乌兰察布市公共法律服务中心,科布尔镇科镇路2号,0474-5900000,工作日 8:30-17:30,是
"""
_MOST = {"名称": 128, "地址": 300, "电话": 64, "办公时间": 300}


_COLUMN_OF = {
    "name": "名称", "region": "地区", "services": "承办事项", "address": "地址", "phone": "电话", "hours": "办公时间",
    "active": "在用",
}  # fmt: skip


@dataclass(slots=True)
class _Row:
    line: int
    values: dict[str, object]
    parent: str


def import_offices(session: Session, content: bytes, actor: str) -> Imported:
    """Add or change offices by region and name; rows with a fault are left out and told. Raises Refused for what is no such file."""
    head, records = open_csv(content, ("地址", "办公时间"))
    if missing := [column for column in REQUIRED if column not in head]:
        raise Refused(f"缺少列：{'、'.join(missing)}。表头（第一行）应有：{'、'.join(COLUMNS)}。")
    done = Imported(unknown_columns=[each for each in head if each not in COLUMNS])
    known = {(each.region, each.name): each for each in session.execute(select(Office)).scalars()}
    rows: list[_Row] = []
    for record in records:
        if record.broken:
            done.faults.append(Fault(record.line, "", "", record.broken))
        elif any(record.cells):
            row = _read(Row(record.line, dict(zip(head, record.cells, strict=False)), done.faults))
            rows.extend([row] if row else [])
    for row in rows:
        key = (str(row.values["region"]), str(row.values["name"]))
        office = known.get(key)
        if office is None:
            known[key] = office = Office(id=new_id(), **row.values)
            session.add(office)
            done.take(row.line, office.name, "added")
        elif changed := _change(office, row.values):
            done.take(row.line, office.name, "changed", (_COLUMN_OF[name] for name in changed))
        else:
            done.take(row.line, office.name, "unchanged")
    session.flush()
    _tie(rows, known, done)
    audit(session, actor, "import_offices", "offices", added=done.added, changed=done.changed, faults=len(done.faults))
    return done


def save_office(session: Session, cells: Mapping[str, str], actor: str, office_id: UUID | None = None) -> UUID:
    """Enter one office as a row of a file would, or with `office_id` change this one. Whether it is in service stays as it is.

    Raises NotFound; Faulty for what a file's row would be left out for, and where another office there bears the name.
    """
    faults: list[Fault] = []
    row = _read(Row(0, {column: " ".join(text.split()) for column, text in cells.items()} | {"在用": ""}, faults))
    office = session.get(Office, office_id) if office_id else None
    if office_id and office is None:
        raise NotFound("没有这个办事机构。")
    if row is None:
        raise Faulty(faults)
    values = {name: value for name, value in row.values.items() if name != "active"}
    same = select(Office).where(Office.region == values["region"], Office.name == values["name"])
    namesake = session.execute(same).scalar_one_or_none()
    if namesake is not None and namesake is not office:
        raise Faulty([Fault(0, "名称", row.values["name"], "这个地区已经有叫这个名字的机构")])  # type: ignore[arg-type]
    if office is None:
        office = Office(id=new_id(), **values)
        session.add(office)
        changed = ["added"]
    else:
        changed = _change(office, values)
    parents = session.execute(select(Office).where(Office.name == row.parent)).scalars().all() if row.parent else []
    if row.parent and (len(parents) != 1 or parents[0] is office):
        raise Faulty([Fault(0, "上级机构", row.parent, "没有（或不止一个）叫这个名字的机构")])
    if office.parent_id != (parent := parents[0].id if parents else None):
        office.parent_id = parent
        changed.append("parent")
    session.flush()
    if changed:
        audit(session, actor, "save_office", office.id, name=office.name, changed=changed)
    return office.id


def cells_of(office: Office, parent: str) -> dict[str, str]:
    """An office as a row of a file, by column."""
    return {
        "名称": office.name, "地区": region_cell(office.region),
        "承办事项": "、".join(SERVICES[each].name for each in office.services), "上级机构": parent, "地址": office.address,
        "电话": office.phone, "办公时间": office.hours, "在用": "是" if office.active else "否",
    }  # fmt: skip


def export_offices(session: Session, actor: str) -> str:
    """All offices as a file that can be changed and imported again."""
    offices = session.execute(select(Office).order_by(Office.region, Office.name)).scalars().all()
    names = {each.id: each.name for each in offices}
    rows = [cells_of(each, names[each.parent_id] if each.parent_id else "") for each in offices]
    audit(session, actor, "export_offices", "offices", rows=len(rows))
    return write_csv(COLUMNS, _in_order(rows))


def _in_order(rows: Sequence[Mapping[str, str]]) -> list[list[str]]:
    return [[row[column] for column in COLUMNS] for row in rows]


def _change(office: Office, values: Mapping[str, object]) -> list[str]:
    """Which of these it did not have yet: now it has."""
    changed = [name for name, value in values.items() if getattr(office, name) != value]
    for name in changed:
        setattr(office, name, values[name])
    return changed


def _tie(rows: list[_Row], known: dict[tuple[str, str], Office], done: Imported) -> None:
    """Offices to those that they belong to, which may stand further down in the file."""
    by_name: dict[str, list[Office]] = {}
    for office in known.values():
        by_name.setdefault(office.name, []).append(office)
    for row in rows:
        office = known[str(row.values["region"]), str(row.values["name"])]
        found = by_name.get(row.parent, []) if row.parent else []
        if row.parent and (len(found) != 1 or found[0] is office):
            done.faults.append(Fault(row.line, "上级机构", row.parent, "没有（或不止一个）叫这个名字的机构，上级留空"))
            found = []
        office.parent_id = found[0].id if found else None


def _read(row: Row) -> _Row | None:
    """The row, None when something is wrong with it."""
    row.check_lengths(_MOST)
    name, region = row.name("名称"), row.region("地区")
    services = []
    for word in filter(None, re.split(r"[、，,;；/\s]+", row.text("承办事项"))):
        if (key := service_called(word)) is None:
            names = "、".join(SERVICES[each].name for each in (*WITH_REQUESTS, "labour_inspection"))
            row.wrong("承办事项", f"不认识“{word}”，可以写：{names}")
        else:
            services.append(key)
    if not services and row.good:
        row.wrong("承办事项", "不能为空")
    active = row.yes("在用")
    if not row.good:
        return None
    values = {
        "name": name, "region": region, "services": list(dict.fromkeys(services)), "address": row.text("地址"),
        "phone": row.text("电话"), "hours": row.text("办公时间"), "active": active,
    }  # fmt: skip
    return _Row(row.line, values, row.text("上级机构"))

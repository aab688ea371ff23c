"""Files of offices as bureaus fill them in: every cell checked, every fault with its line; good rows land."""

import re
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.ids import new_id
from core.region_names import UnclearRegion, region_written
from escalation.csv_records import Fault, open_csv
from escalation.errors import Refused
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
_YES = {"": True, "是": True, "1": True, "否": False, "0": False}
_MOST = {"名称": 128, "地址": 300, "电话": 64, "办公时间": 300}


@dataclass(slots=True)
class Imported:
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    faults: list[Fault] = field(default_factory=list)
    unknown_columns: list[str] = field(default_factory=list)


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
            row = _read(record.line, dict(zip(head, record.cells, strict=False)), done.faults)
            rows.extend([row] if row else [])
    for row in rows:
        key = (str(row.values["region"]), str(row.values["name"]))
        office = known.get(key)
        if office is None:
            known[key] = office = Office(id=new_id(), **row.values)
            session.add(office)
            done.added += 1
        elif any(getattr(office, name) != value for name, value in row.values.items()):
            for name, value in row.values.items():
                setattr(office, name, value)
            done.changed += 1
        else:
            done.unchanged += 1
    session.flush()
    _tie(rows, known, done)
    audit(session, actor, "import_offices", "offices", added=done.added, changed=done.changed, faults=len(done.faults))
    return done


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


def _read(line: int, cells: dict[str, str], faults: list[Fault]) -> _Row | None:
    """The row, None when something is wrong with it."""
    before = len(faults)

    def wrong(column: str, message: str) -> None:
        faults.append(Fault(line, column, cells.get(column, ""), message))

    for column, most in _MOST.items():
        if len(cells.get(column, "")) > most:
            wrong(column, f"最多 {most} 个字")
    name = " ".join(cells.get("名称", "").split())
    if not name:
        wrong("名称", "不能为空")
    region = ""
    try:
        region = region_written(cells.get("地区", "")).code
    except UnclearRegion as error:
        wrong("地区", str(error))
    services = []
    for word in filter(None, re.split(r"[、，,;；/\s]+", cells.get("承办事项", ""))):
        if (key := service_called(word)) is None:
            names = "、".join(SERVICES[each].name for each in (*WITH_REQUESTS, "labour_inspection"))
            wrong("承办事项", f"不认识“{word}”，可以写：{names}")
        else:
            services.append(key)
    if not services and len(faults) == before:
        wrong("承办事项", "不能为空")
    if cells.get("在用", "") not in _YES:
        wrong("在用", "应是 是 或 否")
    if len(faults) > before:
        return None
    values = {
        "name": name, "region": region, "services": list(dict.fromkeys(services)), "address": cells.get("地址", ""),
        "phone": cells.get("电话", ""), "hours": cells.get("办公时间", ""), "active": _YES[cells.get("在用", "")],
    }  # fmt: skip
    return _Row(line, values, cells.get("上级机构", ""))

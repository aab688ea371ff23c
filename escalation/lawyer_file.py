"""Files of lawyers, as offices fill them in: every cell checked, every fault with its line. `lawyers` stores what is without."""

import binascii
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

from standardwebhooks import Webhook

from core.region_names import UnclearRegion, region_written
from core.regions import ancestor
from escalation.csv_records import Fault, Record, open_csv
from escalation.duty_grammar import Hours, Unreadable, parse_duty_hours
from escalation.errors import Refused
from escalation.phones import phones_in

REQUIRED = ("姓名", "执业证号", "地区", "层级")
COLUMNS = (
    "姓名", "执业证号", "律所", "地区", "层级", "专长", "语言", "手机", "值班时间", "最大同时在办",
    "推送网址", "推送密钥", "微信", "在职",
)  # fmt: skip
TEMPLATE = """\
姓名,执业证号,律所,地区,层级,专长,语言,手机,值班时间,最大同时在办
王明,11509202010123456,明德律师事务所,乌兰察布市,市,婚姻家庭、劳动,汉语、蒙古语,13800001234,周一至周五 9:00-17:30；周六 9:00-12:00,5
李娜,11501201511234567,北疆律师事务所,150100,自治区,合同,汉语,,每天 18:00-次日8:00,10
"""

DEFAULT_CAPACITY = 5
_MOST_AT_ONCE = 50
_TIERS = {
    **dict.fromkeys(("市", "市级", "盟", "盟市", "city"), "city"),
    **dict.fromkeys(("省", "省级", "自治区", "自治区级", "province"), "province"),
    **dict.fromkeys(("全国", "国家", "nation"), "nation"),
}
_YES = {"是": True, "在职": True, "1": True, "true": True, "否": False, "离职": False, "0": False, "false": False}
# A cell that Excel may have broken into lines; in the others a line's end means that a quotation mark is missing.
_MAY_BREAK = ("律所", "专长", "语言", "值班时间")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry:
    """A row without fault."""

    line: int
    name: str
    licence: str
    firm: str
    region: str
    tier: str
    specialties: list[str]
    languages: list[str]
    phone: str
    hours: tuple[Hours, ...]
    capacity: int
    webhook: tuple[str, str] | None
    """URL, secret."""
    wechat: str
    active: bool


@dataclass(frozen=True, slots=True)
class LawyerFile:
    entries: list[Entry]
    faults: list[Fault]
    columns: frozenset[str]
    """The known ones that it has: what it has no column for is left as it is."""
    unknown_columns: list[str]


class Wrong(ValueError):
    """A cell that cannot be taken; the message is for the office that wrote it."""


def read_lawyers(source: bytes | Iterable[Mapping[str, str]]) -> LawyerFile:
    """A CSV file's content (UTF-8 or GBK, columns in any order), or rows by column name, counted as lines of a file with a head.

    Raises Refused when it is no such file or lacks a column that must be there.
    """
    if isinstance(source, bytes):
        head, records = open_csv(source, _MAY_BREAK)
    else:
        rows = list(source)
        head = list(dict.fromkeys(column for row in rows for column in row))
        records = (Record(line, [row.get(column, "") for column in head]) for line, row in enumerate(rows, start=2))
    _check_head(head)
    file = LawyerFile([], [], frozenset(head) & frozenset(COLUMNS), [each for each in head if each not in COLUMNS])
    first_lines: dict[str, int] = {}
    for record in records:
        if record.broken:
            file.faults.append(Fault(record.line, "", "", record.broken))
        elif any(record.cells):
            cells = dict(zip(head, record.cells, strict=False))
            entry = _entry(_Row(record.line, cells, file.faults), first_lines)
            file.entries.extend([entry] if entry else [])
    return file


def wrong_circle(region: str, tier: str) -> str:
    """Why a lawyer of this region would never be asked in the circle of this tier; empty where they would."""
    if tier == "city" and ancestor(region, "prefecture") is None:
        return "层级为市的律师，地区要写到市（盟、州）或更小"
    if tier == "province" and ancestor(region, "province") is None:
        return "层级为省的律师，地区要写到省（自治区）或更小"
    return ""


@dataclass(slots=True)
class _Row:
    line: int
    cells: dict[str, str]
    faults: list[Fault]
    ok: bool = True

    def read(self, column: str, reader: Callable[[str], T], otherwise: T) -> T:
        """The cell as the reader takes it; where it does not, the fault is noted and the rest of the row is read on."""
        try:
            return reader(self.cells.get(column, ""))
        except Wrong as error:
            self.fault(column, str(error))
            return otherwise

    def fault(self, column: str, message: str) -> None:
        self.ok = False
        self.faults.append(Fault(self.line, column, self.cells.get(column, ""), message))


def _entry(row: _Row, first_lines: dict[str, int]) -> Entry | None:
    """The row, None when something is wrong with it. `first_lines` says which line had a licence number first."""
    entry = Entry(
        line=row.line,
        name=row.read("姓名", _name, ""),
        licence=row.read("执业证号", _licence, ""),
        firm=row.read("律所", _firm, ""),
        region=row.read("地区", _region, ""),
        tier=row.read("层级", _tier, ""),
        specialties=row.read("专长", _words, []),
        languages=row.read("语言", _words, []),
        phone=row.read("手机", _phone, ""),
        hours=row.read("值班时间", _hours, ()),
        capacity=row.read("最大同时在办", _capacity, DEFAULT_CAPACITY),
        webhook=_webhook(row),
        wechat=row.read("微信", _openid, ""),
        active=row.read("在职", _in_service, True),
    )
    if entry.region and entry.tier and (wrong := wrong_circle(entry.region, entry.tier)):
        row.fault("地区", wrong)
    if entry.licence and (first := first_lines.setdefault(entry.licence, row.line)) != row.line:
        row.fault("执业证号", f"与第 {first} 行重复，以第 {first} 行为准")
    return entry if row.ok else None


def _name(written: str) -> str:
    return _required(_short(written, 64))


def _firm(written: str) -> str:
    return _short(written, 128)


def _licence(written: str) -> str:
    number = unicodedata.normalize("NFKC", _required(written)).upper()
    if not re.fullmatch(r"[\w-]{1,32}", number):
        raise Wrong(_in_excel(number) or "执业证号只能有数字和字母，最多 32 位")
    return number


def _region(written: str) -> str:
    try:
        return region_written(_required(written)).code
    except UnclearRegion as error:
        raise Wrong(str(error)) from None


def _tier(written: str) -> str:
    tier = _TIERS.get(_required(written).lower())
    if tier is None:
        raise Wrong("层级只能是 市、省（或自治区）、全国")
    return tier


def _words(written: str) -> list[str]:
    words = list(dict.fromkeys(filter(None, re.split(r"[、，,;；/\s]+", written))))
    if any(len(word) > 32 for word in words) or len(words) > 50:
        raise Wrong("每一项最多 32 个字，最多 50 项，之间用顿号分开")
    return words


def _phone(written: str) -> str:
    found = phones_in(written)
    if written and (len(found) != 1 or found[0].number[0] != "1" or found[0].end - found[0].start != len(written)):
        raise Wrong(_in_excel(written) or "应是一个 11 位的大陆手机号码")
    return found[0].number if found else ""


def _hours(written: str) -> tuple[Hours, ...]:
    try:
        return parse_duty_hours(written)
    except Unreadable as error:
        raise Wrong(str(error)) from None


def _capacity(written: str) -> int:
    if not written:
        return DEFAULT_CAPACITY
    number = unicodedata.normalize("NFKC", written)
    if not re.fullmatch(r"\d{1,4}", number) or not 1 <= int(number) <= _MOST_AT_ONCE:
        raise Wrong(f"应是 1 到 {_MOST_AT_ONCE} 的整数")
    return int(number)


def _webhook(row: _Row) -> tuple[str, str] | None:
    url = row.read("推送网址", _url, "")
    secret = row.read("推送密钥", _secret, "")
    # An office that cannot prove who pushed would have to believe everybody.
    if bool(row.cells.get("推送网址")) != bool(row.cells.get("推送密钥")):
        row.fault("推送密钥" if row.cells.get("推送网址") else "推送网址", "推送网址和推送密钥要一起填")
    return (url, secret) if url and secret else None


def _url(written: str) -> str:
    try:
        parts = urlsplit(written)
        fits = (
            parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
        )
    except ValueError:
        fits = False
    if written and (not fits or not re.fullmatch(r"[\x21-\x7e]{1,2000}", written)):
        raise Wrong("应是 https:// 开头的网址")
    return written


def _secret(written: str) -> str:
    """As Standard Webhooks writes it: base64 of 24 to 64 bytes, with or without whsec_."""
    if not written:
        return ""
    encoded = written.removeprefix("whsec_")
    try:
        size = len(binascii.a2b_base64(encoded + "=" * (-len(encoded) % 4), strict_mode=True))
        Webhook(written)
    except (ValueError, RuntimeError):
        size = 0
    if not 24 <= size <= 64:
        raise Wrong("应是 whsec_ 开头的密钥（24 到 64 个字节的 Base64）")
    return written


def _openid(written: str) -> str:
    if written and not re.fullmatch(r"[A-Za-z0-9_-]{16,64}", written):
        raise Wrong("应是公众号里的 openid（28 位字母数字），不是微信号")
    return written


def _in_service(written: str) -> bool:
    if written and written.lower() not in _YES:
        raise Wrong("应是 是 或 否")
    return _YES[written.lower()] if written else True


def _required(written: str) -> str:
    if not written:
        raise Wrong("不能为空")
    return written


def _short(written: str, most: int) -> str:
    if len(written) > most:
        raise Wrong(f"最多 {most} 个字")
    return " ".join(written.split())


def _in_excel(number: str) -> str:
    """What happened to a long number that Excel took for a quantity; empty where that is not what it looks like."""
    if re.fullmatch(r"\d(\.\d+)?E\+?\d+", number.upper()):
        return "号码被 Excel 改成了科学计数法，请把这一列设为文本格式后重新填写"
    return ""


def _check_head(head: list[str]) -> None:
    if missing := [column for column in REQUIRED if column not in head]:
        found = "、".join(filter(None, head))[:200] or "空的"
        raise Refused(f"缺少列：{'、'.join(missing)}。表头（第一行）是：{found}。")
    if twice := sorted({column for column in head if column and head.count(column) > 1}):
        raise Refused(f"表头里有重复的列：{'、'.join(twice)}。")

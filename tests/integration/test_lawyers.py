"""The register of lawyers from a file, their hours of duty, and what regions decide about the promise."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from factories import HANGZHOU, HOHHOT, POLICY, ULANQAB, a_consultation, a_lawyer, the_round
from people import PASSWORD
from sqlalchemy import func, select
from typer.testing import CliRunner

from core import clock
from core.database import Database
from core.region_names import UnclearRegion, region_written
from core.security import Vault, hash_token
from core.settings import Settings, get_settings
from escalation import lawyers, staff
from escalation.csv_records import Imported
from escalation.duty import duty_day
from escalation.duty_grammar import Hours, Unreadable, parse_duty_hours
from escalation.errors import Forbidden, NotFound, Refused
from escalation.lawyer_file import TEMPLATE, read_lawyers
from escalation.lawyers import find_lawyer
from escalation.models import AuditRow, Contact, DutyHours, Lawyer, Push
from escalation.policy import Policy, clear_region_policy, in_force, set_region_policy
from wenfa.cli import app

HEAD = "姓名,执业证号,律所,地区,层级,专长,语言,手机,值班时间,最大同时在办,推送网址,推送密钥,微信,在职"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OPENID = "oABCD1234567890abcdefghijkl0"
FULL = (
    f"王明,L1,明德所,乌兰察布市,市,婚姻家庭、劳动,汉语 蒙古语,138 0000 1234,周一至周五 9:00-17:30,7,"
    f"https://office.example/hook,{SECRET},{OPENID},是"
)
SHORT = "李娜,L2,,150100,自治区"

WEEK = range(1, 6)
EVERY = range(8)


def imported(database: Database, settings: Settings, *rows: str, head: str = HEAD) -> Imported:
    content = "\n".join([head, *rows]).encode()
    with database.write() as session:
        return lawyers.import_lawyers(session, content, Vault(settings), "test")


def the_lawyer(database: Database, licence: str) -> Lawyer:
    with database.read() as session:
        found = find_lawyer(session, licence)
        assert found is not None, licence
        return found


def hours_of(database: Database, licence: str) -> set[Hours]:
    with database.read() as session:
        statement = select(DutyHours.day, DutyHours.start, DutyHours.end).join(Lawyer).where(Lawyer.licence == licence)
        return {(day, start, end) for day, start, end in session.execute(statement)}


def contacts_of(database: Database, licence: str) -> dict[str, Contact]:
    with database.read() as session:
        found = session.execute(select(Contact).join(Lawyer).where(Lawyer.licence == licence)).scalars()
        return {contact.medium: contact for contact in found}


def audited(database: Database, verb: str) -> list[AuditRow]:
    with database.read() as session:
        return list(session.execute(select(AuditRow).where(AuditRow.verb == verb).order_by(AuditRow.id)).scalars())


def go_to(moment: str) -> None:
    """Set the clock to a time on the wall in China."""
    clock.reset()
    there = datetime.fromisoformat(moment).replace(tzinfo=clock.SHANGHAI)
    clock.advance((there - datetime.now(UTC)).total_seconds())


# --- the file


def test_a_row_lands_with_all_that_it_says(database: Database, settings: Settings) -> None:
    report = imported(database, settings, FULL)
    assert (report.added, report.bad) == (1, 0)
    lawyer = the_lawyer(database, "L1")
    assert (lawyer.name, lawyer.firm, lawyer.region, lawyer.city, lawyer.province) == (
        "王明", "明德所", ULANQAB, ULANQAB, "150000",
    )  # fmt: skip
    assert (lawyer.tier, lawyer.specialties, lawyer.languages) == ("city", ["婚姻家庭", "劳动"], ["汉语", "蒙古语"])
    assert (lawyer.capacity, lawyer.active) == (7, True)
    assert hours_of(database, "L1") == {(day, 540, 1050) for day in WEEK}


def test_telephone_numbers_and_secrets_do_not_lie_open(database: Database, settings: Settings) -> None:
    imported(database, settings, FULL)
    lawyer, contacts, vault = the_lawyer(database, "L1"), contacts_of(database, "L1"), Vault(settings)
    assert "13800001234" not in lawyer.phone_encrypted
    assert vault.decrypt(lawyer.phone_encrypted) == "13800001234"
    assert lawyer.phone_hash == vault.fingerprint("13800001234")
    assert contacts["webhook"].address == "https://office.example/hook"
    assert SECRET not in contacts["webhook"].secret_encrypted
    assert vault.decrypt(contacts["webhook"].secret_encrypted) == SECRET
    assert contacts["wechat"].address == OPENID


FAULTS = {
    ",L10,,150100,省": [("姓名", "空")],
    "甲,,,150100,省": [("执业证号", "空")],
    "甲,1.15092E+16,,150100,省": [("执业证号", "科学计数法")],
    "甲,L 11,,150100,省": [("执业证号", "数字和字母")],
    "甲,L12,,150999,省": [("地区", "没有代码为 150999")],
    "甲,L13,,朝阳,市": [("地区", "北京市朝阳区（110105）")],
    "甲,L14,,乌兰察布市分所,市": [("地区", "没有“乌兰察布市分所”")],
    "甲,L15,,150000,市": [("地区", "地区要写到市")],
    "甲,L16,,全国,省": [("地区", "地区要写到省")],
    "甲,L17,,150100,县": [("层级", "只能是")],
    "甲,L18,,150100,省,,,1380000123": [("手机", "11 位")],
    "甲,L19,,150100,省,,,0474-8888888": [("手机", "11 位")],
    "甲,L20,,150100,省,,,13800001234 张三": [("手机", "11 位")],
    "甲,L21,,150100,省,,,,周一至周五 9:00-17:30；看情况": [("值班时间", "“看情况”")],
    "甲,L22,,150100,省,,,,,0": [("最大同时在办", "1 到 50")],
    "甲,L23,,150100,省,,,,,51": [("最大同时在办", "1 到 50")],
    "甲,L24,,150100,省,,,,,五": [("最大同时在办", "1 到 50")],
    f"甲,L25,,150100,省,,,,,,javascript:1,{SECRET}": [("推送网址", "网址")],
    "甲,L26,,150100,省,,,,,,https://office.example/,": [("推送密钥", "一起填")],
    f"甲,L27,,150100,省,,,,,,,{SECRET}": [("推送网址", "一起填")],
    "甲,L28,,150100,省,,,,,,https://office.example/,whsec_c2hvcnQ=": [("推送密钥", "whsec_")],
    "甲,L29,,150100,省,,,,,,,,我的微信": [("微信", "openid")],
    "甲,L30,,150100,省,,,,,,,,,也许": [("在职", "是 或 否")],
    f"{'名' * 65},L31,,150100,省": [("姓名", "64")],
    "甲,L32,,150100,省,,,,,,,,,是,多": [("", "多出 1 格")],
    ",L33,,火星,乡,,,1,随叫随到,99": [
        ("姓名", "空"), ("地区", "没有“火星”"), ("层级", "只能是"), ("手机", "11 位"), ("值班时间", "“随叫随到”"),
        ("最大同时在办", "1 到 50"),
    ],
}  # fmt: skip


def test_every_fault_is_named_with_its_line_and_the_good_rows_land(database: Database, settings: Settings) -> None:
    report = imported(database, settings, SHORT, *FAULTS, "", ",,,,,", FULL)
    assert (report.added, report.bad) == (2, len(FAULTS))
    for line, (row, expected) in enumerate(FAULTS.items(), start=3):
        found = [(fault.column, fault.message) for fault in report.faults if fault.line == line]
        assert [column for column, _ in found] == [column for column, _ in expected], (row, found)
        assert all(said in message for (_, said), (_, message) in zip(expected, found, strict=True)), (row, found)
    with database.read() as session:
        assert set(session.execute(select(Lawyer.licence)).scalars()) == {"L1", "L2"}


def test_a_licence_number_written_twice_keeps_the_first(database: Database, settings: Settings) -> None:
    report = imported(database, settings, SHORT, "另一人,l2,,150900,市")
    assert [(fault.line, fault.column) for fault in report.faults] == [(3, "执业证号")]
    assert "第 2 行" in report.faults[0].message
    assert the_lawyer(database, "L2").name == "李娜"


def test_a_quotation_mark_without_its_pair_costs_its_own_line_only(database: Database, settings: Settings) -> None:
    report = imported(
        database, settings, '甲,L3,"明德所,150100,省', "乙,L4,,150100,省", '丙,L5,,150900,市,,,,"周一 9:00-12:00', '周六 9:00-12:00"',
        '丁"丁,L6,,150100,省', "戊,L7,,150100,省",
    )  # fmt: skip
    assert [fault.line for fault in report.faults] == [2]
    assert report.added == 4
    assert hours_of(database, "L5") == {(1, 540, 720), (6, 540, 720)}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
def test_columns_are_found_by_name_in_every_encoding_of_excel(encoding: str) -> None:
    content = '备注,层级,执业证号 ,地区,姓名\r\n好,全国,"=""0012""",杭州,赵一\r\n,市,\'0013,乌兰察布,钱二\r\n'
    file = read_lawyers(content.encode(encoding))
    assert [(entry.name, entry.licence, entry.region, entry.tier) for entry in file.entries] == [
        ("赵一", "0012", HANGZHOU, "nation"), ("钱二", "0013", ULANQAB, "city"),
    ]  # fmt: skip
    assert (file.faults, file.unknown_columns) == ([], ["备注"])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("姓名,地区\n王明,150900\n".encode(), "缺少列：执业证号、层级"),
        (b"", "缺少列"),
        ((HEAD + ",姓名\n").encode(), "重复的列：姓名"),
        (b"PK\x03\x04rest", "另存为"),
        (b"\xff\xff\xff", "编码"),
    ],
)
def test_what_is_no_register_is_refused_whole(content: bytes, said: str) -> None:
    with pytest.raises(Refused) as refused:
        read_lawyers(content)
    assert said in refused.value.message


def test_the_same_file_again_touches_nobody(database: Database, settings: Settings) -> None:
    imported(database, settings, FULL, SHORT)
    before = the_lawyer(database, "L1").phone_encrypted
    report = imported(database, settings, FULL, SHORT)
    assert (report.added, report.changed, report.unchanged) == (0, 0, 2)
    assert the_lawyer(database, "L1").phone_encrypted == before
    assert len(audited(database, "register_lawyer")) == 2
    assert [row.detail["unchanged"] for row in audited(database, "import_lawyers")] == [0, 2]


def test_what_has_changed_is_brought_up_to_date_and_named_in_the_audit(database: Database, settings: Settings) -> None:
    imported(database, settings, FULL, SHORT)
    changed = FULL.replace("明德所", "新所").replace("1234,", "9999,").replace("9:00-17:30", "8:00-12:00")
    report = imported(database, settings, changed.replace(f"https://office.example/hook,{SECRET}", ","), SHORT)
    assert (report.added, report.changed, report.unchanged) == (0, 1, 1)
    lawyer = the_lawyer(database, "L1")
    assert (lawyer.firm, Vault(settings).decrypt(lawyer.phone_encrypted)) == ("新所", "13800009999")
    assert hours_of(database, "L1") == {(day, 480, 720) for day in WEEK}
    assert set(contacts_of(database, "L1")) == {"wechat"}
    row = audited(database, "register_lawyer")[-1]
    assert row.detail == {"licence": "L1", "changed": ["firm", "phone", "duty_hours", "webhook"]}
    assert "13800009999" not in str(row.detail)


def test_what_a_file_has_no_column_for_stays_as_it_was(database: Database, settings: Settings) -> None:
    imported(database, settings, FULL)
    report = imported(database, settings, "王小明,L1,150900,市", head="姓名,执业证号,地区,层级")
    lawyer = the_lawyer(database, "L1")
    assert (report.changed, lawyer.name, lawyer.firm, lawyer.capacity) == (1, "王小明", "明德所", 7)
    assert Vault(settings).decrypt(lawyer.phone_encrypted) == "13800001234"
    assert hours_of(database, "L1")
    assert set(contacts_of(database, "L1")) == {"webhook", "wechat"}


def test_who_has_left_is_neither_pushed_to_nor_let_in(database: Database, settings: Settings) -> None:
    imported(database, settings, FULL, SHORT)
    with database.write() as session:
        staff.create_staff(
            session, login="wang", name="王明", password=PASSWORD, role="lawyer", lawyer=find_lawyer(session, "L1")
        )
    with database.write() as session:
        token = staff.log_in(session, "wang", PASSWORD, 1).token
    imported(database, settings, FULL.removesuffix("是") + "否")
    assert pushed(database) == {"L2"}
    with database.read() as session:
        assert staff.find_log_in(session, token) is None
        assert staff.valid_sessions(session, [hash_token(token)]) == set()
    with pytest.raises(Forbidden), database.write() as session:
        staff.log_in(session, "wang", PASSWORD, 1)


def test_sixteen_thousand_rows_land(database: Database, settings: Settings) -> None:
    regions = ("150900", "乌兰察布市集宁区", "330100")
    rows = [
        f"律师{n},N{n:05d},某所,{regions[n % 3]},全国,劳动,汉语,139{n:08d},每天 18:00-次日8:00,{n % 50 + 1},,,,"
        for n in range(16_000)
    ]
    assert imported(database, settings, *rows).added == 16_000
    with database.read() as session:
        count = select(func.count())
        assert session.execute(count.select_from(Lawyer)).scalar_one() == 16_000
        assert session.execute(count.select_from(DutyHours)).scalar_one() == 16_000 * 16
    assert len(audited(database, "register_lawyer")) == 16_000
    rows[7] = rows[7].replace("某所", "他所")
    again = imported(database, settings, *rows)
    assert (again.changed, again.unchanged) == (1, 15_999)


# --- regions as they are written


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("150900", "150900"), ("乌兰察布", "150900"), ("内蒙古自治区乌兰察布市", "150900"), ("内蒙古 乌兰察布", "150900"),
        ("内蒙古", "150000"), ("集宁区", "150902"), ("北京朝阳", "110105"), ("朝阳市", "211300"), ("全国", "100000"),
    ],
)  # fmt: skip
def test_regions_are_known_by_code_and_by_name(written: str, code: str) -> None:
    assert region_written(written).code == code


@pytest.mark.parametrize("written", ["朝阳", "鼓楼区", "吉林", "不在北京", "15090", "999999", "某地"])
def test_a_name_that_is_none_or_several_is_no_region(written: str) -> None:
    with pytest.raises(UnclearRegion):
        region_written(written)


# --- hours of duty


def rows(days: range | list[int], *spans: tuple[int, int]) -> set[Hours]:
    return {(day, start, end) for day in days for start, end in spans}


HOURS = {
    "": set(),
    "周一至周五 9:00-17:30": rows(WEEK, (540, 1050)),
    "周一至周五9：00－17：30；周六9:00—12:00": rows(WEEK, (540, 1050)) | {(6, 540, 720)},
    "周一至周五 9:00-12:00，14:00-17:30，周六 9:00-12:00": rows(WEEK, (540, 720), (840, 1050)) | {(6, 540, 720)},
    "工作日 8:30-12:00；14:30-17:30": rows(WEEK, (510, 720), (870, 1050)),
    "周一三五 上午9点到12点、下午2点半至5点半": rows([1, 3, 5], (540, 720), (870, 1050)),
    "周一、三、五 9-17": rows([1, 3, 5], (540, 1020)),
    "周1-5 8:30-12:00": rows(WEEK, (510, 720)),
    "每周二 十点到十二点": {(2, 600, 720)},
    "星期五至星期一 早8点-晚8点": rows([5, 6, 7, 1], (480, 1200)),
    "每天 18:00-次日8:00": rows(EVERY, (0, 480), (1080, 1440)),
    "周日 22:00-6:00": {(7, 1320, 1440), (1, 0, 360)},
    "工作日 晚上8点-12点": rows(WEEK, (1200, 1440)),
    "工作日": rows(WEEK, (0, 1440)),
    "周末": rows([6, 7], (0, 1440)),
    "节假日 9:00-21:00": rows([0], (540, 1260)),
    "全天": rows(EVERY, (0, 1440)),
    "8:00-次日8:00": rows(EVERY, (0, 1440)),
    "9:00-17:00": rows(EVERY, (540, 1020)),
    "每天 9:00-17:00（节假日除外）": rows(range(1, 8), (540, 1020)),
    "周一至周日 9:00-17:00(含节假日)": rows(EVERY, (540, 1020)),
    "每天 9:00-17:00，周日休息": rows([0, 1, 2, 3, 4, 5, 6], (540, 1020)),
    "周一至周五 9:00-17:30；周一 8:00-10:00": rows([2, 3, 4, 5], (540, 1050)) | {(1, 480, 1050)},
}


@pytest.mark.parametrize("written", HOURS)
def test_hours_are_read_as_offices_write_them(written: str) -> None:
    assert set(parse_duty_hours(written)) == HOURS[written]


@pytest.mark.parametrize(
    ("written", "piece"),
    [
        ("随叫随到", "随叫随到"), ("周八 9:00-10:00", "周八"), ("周一 9:00-25:00", "9:00-25:00"), ("周一 9:60-10:00", "9:60-10:00"),
        ("周一 9:00", "9:00"), ("9:00-9:00", "9:00-9:00"), ("上午9:00-5:00", "上午9:00-5:00"),
        ("8:00-次日9:00", "8:00-次日9:00"), ("周一至周五 9:00-17:30，看情况", "看情况"), ("节假日除外", "节假日除外"),
        ("9:00-17:30 周一至周五", "9:00-17:30 周一至周五"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named_and_never_guessed(written: str, piece: str) -> None:
    with pytest.raises(Unreadable) as unreadable:
        parse_duty_hours(written)
    assert unreadable.value.piece == piece


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2026-10-01", 0), ("2026-10-04", 0), ("2026-10-10", 1), ("2026-10-11", 7), ("2026-09-20", 1), ("2026-01-03", 0),
        ("2026-01-04", 1), ("2026-02-15", 0), ("2026-11-23", 1), ("2026-11-28", 6),
    ],
)  # fmt: skip
def test_a_day_counts_as_people_work_on_it(day: str, expected: int) -> None:
    """National Day with its Sunday, the weekends worked for it, New Year, Spring Festival, an ordinary week."""
    assert duty_day(datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=clock.SHANGHAI)) == expected


# --- pushes to those on duty


def pushed(database: Database) -> set[str]:
    """The licence numbers of those whom a question from 乌兰察布 reaches at once."""
    round_ = the_round(database, a_consultation(database))
    with database.read() as session:
        statement = select(Lawyer.licence).join(Push, Push.lawyer_id == Lawyer.id).where(Push.round_id == round_.id)
        return set(session.execute(statement).scalars())


@pytest.fixture
def on_call(database: Database, settings: Settings) -> None:
    """Four advisers of one city with hours of their own, in a region that goes by them."""
    head = "姓名,执业证号,地区,层级,值班时间"
    written = {
        "OFFICE": "工作日 9:00-17:00",
        "HOLIDAY": "节假日 9:00-17:00",
        "NIGHT": "周五 18:00-次日8:00",
        "SAT": "周六 9:00-12:00",
    }
    imported(database, settings, *(f"某,{key},150900,市,{hours}" for key, hours in written.items()), head=head)
    with database.write() as session:
        set_region_policy(session, "150000", {"duty_hours": "是"}, "test", base=POLICY)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-23T09:00", {"OFFICE"}),  # a Monday
        ("2026-10-01T10:00", {"HOLIDAY"}),
        ("2026-10-03T10:00", {"HOLIDAY"}),  # the Saturday in it
        ("2026-10-10T10:00", {"OFFICE"}),  # a Saturday that is worked
        ("2026-11-28T10:00", {"SAT"}),
        ("2026-11-27T23:30", {"NIGHT"}),  # Friday night
        ("2026-11-28T07:59", {"NIGHT"}),  # and the morning after
        ("2026-11-28T08:00", {"OFFICE", "HOLIDAY", "NIGHT", "SAT"}),  # nobody is on duty: all hear of it
        ("2026-11-23T17:00", {"OFFICE", "HOLIDAY", "NIGHT", "SAT"}),
    ],
)
@pytest.mark.usefixtures("on_call")
def test_pushes_go_to_those_on_duty_as_long_as_there_are_any(
    database: Database, moment: str, expected: set[str]
) -> None:
    go_to(moment)
    assert pushed(database) == expected


@pytest.mark.usefixtures("on_call")
def test_without_hours_of_their_own_a_lawyer_is_always_on_duty(database: Database) -> None:
    always = a_lawyer(database)
    go_to("2026-11-28T08:00")
    assert pushed(database) == {always.licence}


@pytest.mark.usefixtures("on_call")
def test_where_the_region_does_not_ask_for_it_hours_narrow_nothing(database: Database) -> None:
    with database.write() as session:
        set_region_policy(session, ULANQAB, {"duty_hours": False}, "test", base=POLICY)
    go_to("2026-11-23T09:00")
    assert len(pushed(database)) == 4


# --- what regions decide


def decide(database: Database, region: str, base: Policy = POLICY, **values: object) -> None:
    with database.write() as session:
        set_region_policy(session, region, values, "test", base=base)


def policy_of(database: Database, region: str, base: Policy = POLICY) -> Policy:
    with database.read() as session:
        return base.for_region(session, region)


def test_a_region_goes_by_its_own_rules_then_by_those_above_it(database: Database) -> None:
    decide(database, "150000", province_after="60", quorum=2)
    decide(database, ULANQAB, province_after=90)
    assert policy_of(database, ULANQAB) == Policy(province_after=90, quorum=2)
    assert policy_of(database, "150902") == Policy(province_after=90, quorum=2)
    assert policy_of(database, HOHHOT) == Policy(province_after=60, quorum=2)
    assert policy_of(database, HANGZHOU) == POLICY
    with database.read() as session:
        assert in_force(session, ULANQAB, POLICY).decided_by == {"province_after": ULANQAB, "quorum": "150000"}
    a_lawyer(database)
    round_ = the_round(database, a_consultation(database))
    assert round_.due_at is not None
    assert ((round_.due_at - round_.started_at).total_seconds(), round_.quorum) == (90, 2)


def test_a_rule_changed_later_changes_no_promise_given(database: Database) -> None:
    a_lawyer(database)
    consultation = a_consultation(database)
    decide(database, ULANQAB, broken_after=400)
    assert Policy.of_round(the_round(database, consultation)).broken_after == 600


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"speed": 1}, "speed"), ({"quorum": "三"}, "整数"), ({"quorum": 0}, "1 到 100"), ({"quorum": "2.5"}, "整数"),
        ({"duty_hours": "也许"}, "是 或 否"), ({"province_after": "nan"}, "递增"), ({"broken_after": "inf"}, "30 天"),
        ({"silent_after": "nan"}, "30 天"), ({"province_after": 400}, "递增"), ({}, "没有写"),
    ],
)  # fmt: skip
def test_what_is_no_rule_is_refused(database: Database, values: dict[str, object], said: str) -> None:
    with pytest.raises(Refused, match=said):
        decide(database, ULANQAB, **values)
    assert policy_of(database, ULANQAB) == POLICY
    assert audited(database, "set_region_policy") == []


def test_rules_that_do_not_fit_those_above_or_below_are_refused(database: Database) -> None:
    decide(database, "150000", province_after=30, nation_after=60)
    decide(database, ULANQAB, broken_after=100)  # fits only below the province's
    with pytest.raises(Refused, match="乌兰察布市"):
        decide(database, "150000", nation_after=150)
    with pytest.raises(Refused, match="乌兰察布市"), database.write() as session:
        clear_region_policy(session, "150000", "test", base=POLICY)
    with pytest.raises(Refused, match="集宁区"):
        decide(database, "150902", nation_after=120)
    assert policy_of(database, ULANQAB) == Policy(30, 60, 100)


def test_a_region_that_clears_its_rules_goes_by_those_above_again(database: Database) -> None:
    decide(database, ULANQAB, quorum=1, province_after=30)
    with database.write() as session:
        clear_region_policy(session, ULANQAB, "test", base=POLICY, names=["quorum"])
    assert policy_of(database, ULANQAB) == Policy(province_after=30)
    with database.write() as session:
        clear_region_policy(session, ULANQAB, "test", base=POLICY)
    assert policy_of(database, ULANQAB) == POLICY
    with pytest.raises(NotFound), database.write() as session:
        clear_region_policy(session, ULANQAB, "test", base=POLICY)
    assert [row.detail["now"] for row in audited(database, "clear_region_policy")] == [{"province_after": 30.0}, {}]


def test_rules_that_no_longer_fit_the_settings_do_not_cost_a_question(database: Database) -> None:
    a_lawyer(database)
    decide(database, "150000", quorum=2)
    decide(database, ULANQAB, province_after=120)
    quick = Policy(3, 6, 10)
    assert a_consultation(database, policy=quick).state == "waiting"
    assert policy_of(database, ULANQAB, quick) == Policy(3, 6, 10, quorum=2)
    with database.read() as session:
        assert set(in_force(session, ULANQAB, quick).passed_over) == {ULANQAB}


# --- the command line


@pytest.fixture
def wenfa(database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator["Command"]:
    monkeypatch.setenv("WENFA_DATABASE_URL", database.engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("WENFA_HOME", str(settings.home))
    monkeypatch.setenv("COLUMNS", "200")
    get_settings.cache_clear()
    yield Command()
    get_settings.cache_clear()


class Command:
    """Runs a command as an operator would; gives its exit code and what it said."""

    def __call__(self, *arguments: str | Path) -> tuple[int, str]:
        result = CliRunner().invoke(app, [str(each) for each in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.output


def test_import_at_the_command_line_shows_and_writes_the_bad_rows(
    database: Database, wenfa: Command, tmp_path: Path
) -> None:
    file, report = tmp_path / "lawyers.csv", tmp_path / "bad.csv"
    file.write_bytes("\n".join([HEAD, SHORT, "[甲],L9,,朝阳,市", FULL]).encode("gbk"))
    code, said = wenfa("staff", "import", file, "--dry-run")
    assert (code, "新增 2 位" in said) == (1, True)
    with database.read() as session:
        assert session.execute(select(func.count()).select_from(Lawyer)).scalar_one() == 0
    code, said = wenfa("staff", "import", file, "--report", report)
    assert (code, "新增 2 位" in said, "有问题 1 行" in said, "朝阳" in said) == (1, True, True, True)
    with report.open(encoding="utf-8-sig", newline="") as written:
        assert [(row["行"], row["列"], row["写的是"]) for row in csv.DictReader(written)] == [("3", "地区", "朝阳")]
    file.write_text(f"{HEAD}\n{SHORT}\n{FULL}", encoding="utf-8")
    code, said = wenfa("staff", "import", file)
    assert (code, "没有变化 2 位" in said) == (0, True)
    code, said = wenfa("staff", "create", "lina", "--licence", "L2", "--password", PASSWORD)
    assert code == 0, said


def test_the_template_is_a_file_that_can_be_imported(wenfa: Command, tmp_path: Path) -> None:
    code, written = wenfa("staff", "import", "--template")
    assert (code, written) == (0, f"\ufeff{TEMPLATE}")
    assert len(list(csv.reader(io.StringIO(TEMPLATE)))) == 3
    file = tmp_path / "template.csv"
    file.write_text(written, encoding="utf-8")
    code, said = wenfa("staff", "import", file)
    assert (code, "新增 2 位" in said) == (0, True), said


def test_policy_at_the_command_line(database: Database, wenfa: Command) -> None:
    code, said = wenfa("policy", "set", "乌兰察布", "province_after=120", "duty_hours=是")
    assert code == 0, said
    assert policy_of(database, ULANQAB) == Policy(province_after=120, duty_hours=True)
    lines = {line.split("│")[1].strip(): line for line in said.splitlines() if line.startswith("│")}
    assert "120" in lines["province_after"]
    assert "乌兰察布市" in lines["province_after"]
    assert "设置" in lines["quorum"]
    assert "乌兰察布市" in wenfa("policy", "list")[1]
    code, said = wenfa("policy", "set", ULANQAB, "province_after=500")
    assert (code, "递增" in said) == (1, True)
    assert wenfa("policy", "clear", ULANQAB)[0] == 0
    assert policy_of(database, ULANQAB) == POLICY

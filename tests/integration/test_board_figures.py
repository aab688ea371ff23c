"""What the board counts, on a small record counted by hand; and how it goes out: JSON, CSV, the page without a script."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from factories import (
    HANGZHOU,
    HOHHOT,
    POLICY,
    ULANQAB,
    a_consultation,
    a_conversation,
    a_lawyer,
    a_message,
    answer,
    the_round,
)
from people import Service

from core import clock
from core.csv_text import csv_text
from core.database import Database
from escalation import consultations, conversations
from escalation.appeals import appeal, decide_appeal
from escalation.figures.knowledge import KnowledgeFigures, knowledge_figures, questions_without_card
from escalation.figures.lawyers import lawyer_figures
from escalation.figures.rounds import Tally, tallies
from escalation.figures.timeline import timeline
from escalation.figures.waiting import waiting_now
from escalation.models import Consultation, Lawyer
from escalation.replies import Reply
from escalation.staff import create_staff

NATION, INNER_MONGOLIA, COUNTY = "100000", "150000", "150902"
LONG_AGO, LATER = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


class Record:
    """Six rounds: kept; missed at 3 minutes and broken; never answered; still in time; given up by the citizen; a follow-up kept."""

    def __init__(self, database: Database) -> None:
        self.a, self.b, self.c = (a_lawyer(database) for _ in range(3))
        a_lawyer(database, HOHHOT, "nation")
        self.kept, self.late, self.silent = (a_consultation(database, each) for each in (COUNTY, ULANQAB, HANGZHOU))
        self._answers(database, 60, (self.kept, self.a))
        self._answers(database, 140, (self.kept, self.b), (self.late, self.a))
        self._answers(database, 200, (self.kept, self.c))
        message = a_message(database, self.kept.conversation_id, "那我先做什么")
        with database.write() as session:
            consultations.ask_follow_up(session, self.kept.id, message.id, POLICY, [self.a.id])
        clock.advance(50)
        answer(database, the_round(database, self.kept, 2).id, self.a)
        clock.advance(POLICY.broken_after)
        given_up = a_consultation(database, ULANQAB)
        with database.write() as session:
            consultations.close_consultation(session, given_up.id)
        self.in_time = a_consultation(database, ULANQAB)
        clock.advance(30)

    def _answers(self, database: Database, later: float, *those: tuple[Consultation, Lawyer]) -> None:
        clock.advance(later)
        for consultation, lawyer in those:
            answer(database, the_round(database, consultation).id, lawyer)


def test_only_what_is_due_counts_and_each_round_once(database: Database) -> None:
    Record(database)
    with database.read() as session:
        found = tallies(session, LONG_AGO, LATER, NATION, ("all", "kind", "region", "tier", "channel", "category"))
    whole = Tally(
        rounds=6, first_3=2, first_3_of=4, first_6=3, first_6_of=4, first_10=3, first_10_of=4, kept=2, broken=2
    )
    assert found["all"] == {"": whole}
    assert found["kind"]["follow_up"] == Tally(1, 1, 1, 1, 1, 1, 1, 1, 0)
    assert {key: each.rounds for key, each in found["region"].items()} == {INNER_MONGOLIA: 5, "330000": 1}
    assert {key: each.rounds for key, each in found["tier"].items()} == {"city": 4, "addressed": 1, "nation": 1}
    assert (list(found["channel"]), list(found["category"])) == (["web"], ["其他"])
    for dimension in ("kind", "region", "tier", "channel", "category"):
        assert sum(found[dimension].values(), Tally()) == whole, dimension


def test_a_region_is_told_apart_by_what_lies_directly_in_it(database: Database) -> None:
    Record(database)
    expected = {
        INNER_MONGOLIA: {ULANQAB: 5},
        ULANQAB: {COUNTY: 2, ULANQAB: 3},
        COUNTY: {COUNTY: 2},
        HOHHOT: {},
        HANGZHOU: {HANGZHOU: 1},
    }
    with database.read() as session:
        for region, parts in expected.items():
            found = tallies(session, LONG_AGO, LATER, region, ["region"])["region"]
            assert {key: each.rounds for key, each in found.items()} == parts, region


def test_a_round_is_held_against_its_own_policy(database: Database) -> None:
    lawyer = a_lawyer(database)
    slow = POLICY.with_values({"province_after": 300, "nation_after": 400, "broken_after": 3600, "quorum": 1})
    patient, usual = a_consultation(database, policy=slow), a_consultation(database)
    clock.advance(200)
    for consultation in (patient, usual):
        answer(database, the_round(database, consultation).id, lawyer)
    clock.advance(1000)
    with database.read() as session:
        [found] = tallies(session, LONG_AGO, LATER, NATION, ["all"])["all"].values()
    assert (found.first_3, found.first_3_of, found.kept, found.broken) == (1, 2, 1, 1)


def test_who_waits_now_and_how_far_they_are(database: Database) -> None:
    record = Record(database)
    with database.read() as session:
        found = waiting_now(session, NATION)
        here = waiting_now(session, ULANQAB, limit=1)
    assert (found.count, found.overdue, found.by_tier) == (3, 2, {"city": 2, "nation": 1})
    assert {each.consultation_id for each in found.rounds} == {record.late.id, record.silent.id, record.in_time.id}
    assert (here.count, len(here.rounds), here.rounds[0].consultation_id) == (2, 1, record.late.id)
    assert (here.rounds[0].answered, here.rounds[0].quorum) == (1, 3)


def test_a_lawyer_in_figures_without_what_an_appeal_took_out(database: Database) -> None:
    record = Record(database)
    with database.write() as session:
        staff_id = create_staff(session, login="sv", name="王", password="一个足够长的密码123", role="supervisor").id
        consultations.close_consultation(session, record.kept.id)
        consultations.rate_consultation(session, record.kept.id, 2)
        made = appeal(session, record.kept.id, record.a.id, "市民点错了")
        decide_appeal(session, made.id, staff_id, True, "属实")
    with database.read() as session:
        found = {each.lawyer.id: each for each in lawyer_figures(session, LONG_AGO, LATER, INNER_MONGOLIA)}
        assert lawyer_figures(session, LONG_AGO, LATER, HANGZHOU) == []
    a, b, c = (found[each.id] for each in (record.a, record.b, record.c))
    assert [each.answered for each in (a, b, c)] == [3, 1, 1]
    assert [each.median_s for each in (a, b, c)] == pytest.approx([60, 200, 400], abs=3)
    assert [(each.rated, each.mean, each.dissatisfied) for each in (a, b, c)] == [
        (0, None, 0),
        (1, 2.0, 1),
        (1, 2.0, 1),
    ]


def test_a_day_begins_at_midnight_in_china_and_no_stretch_is_missing(database: Database) -> None:
    there = clock.local(clock.now())
    midnight = (there + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    clock.advance((midnight - there).total_seconds() - 600)
    a_consultation(database)
    clock.advance(1200)
    a_consultation(database)
    clock.advance(2 * 86400)
    with database.read() as session:
        days = timeline(session, midnight - timedelta(days=2), midnight + timedelta(days=9), NATION)
        hours = timeline(session, midnight, midnight + timedelta(days=1), NATION)
        weeks = timeline(session, midnight - timedelta(days=300), midnight + timedelta(days=9), NATION)
        months = timeline(session, LONG_AGO, midnight + timedelta(days=9), NATION)
    assert [each.tally.rounds for each in days] == [0, 1, 1, 0, 0]
    assert days[2].start == midnight
    assert [each.tally.rounds for each in hours] == [1] + [0] * 23
    assert sum(each.tally.rounds for each in weeks) == sum(each.tally.rounds for each in months) == 2
    assert all(clock.local(each.start).weekday() == 0 for each in weeks)
    assert all(clock.local(each.start).day == 1 for each in months)
    assert len(months) <= 2


def said(database: Database, text: str, kind: Any, expects: Any = None, region: str = ULANQAB) -> tuple[UUID, UUID]:
    """A citizen's message and the service's reply; the conversation's id and the message's."""
    message = a_message(database, a_conversation(database, region), text)
    with database.write() as session:
        conversations.record_replies(session, message, [Reply(kind=kind, text="……", expects=expects)])
    return message.conversation_id, message.id


def opened(database: Database, message_id: UUID) -> None:
    with database.write() as session:
        consultations.open_consultation(session, message_id, POLICY)


def test_the_law_against_people(database: Database) -> None:
    said(database, "年假有几天", "answer")
    _, turned = said(database, "试用期最长多久", "answer")
    came_back, _ = said(database, "加班费怎么算", "answer")
    said(database, "押金", "clarify", "reading")
    said(database, "哪一次咨询", "clarify", "which")
    said(database, "呼和浩特的问题", "answer", region=HOHHOT)
    clock.advance(3600)
    opened(database, turned)
    clock.advance(24 * 3600)
    opened(database, a_message(database, came_back, "另外一件事：邻居占了我的地").id)
    with database.read() as session:
        found = knowledge_figures(session, LONG_AGO, LATER, ULANQAB)
        everywhere = knowledge_figures(session, LONG_AGO, LATER, INNER_MONGOLIA)
        before = knowledge_figures(session, LONG_AGO, LONG_AGO + timedelta(days=1), NATION)
    assert found == KnowledgeFigures(answered=3, turned=1, asked_back=1, consultations=2, straight=1)
    assert everywhere.answered == 4
    assert before == KnowledgeFigures(0, 0, 0, 0, 0)


def test_questions_in_the_same_words_that_no_card_answers(database: Database) -> None:
    a_consultation(database, text="草场到期怎么续？")
    a_consultation(database, text="草场到期，怎么续")
    said(database, "草场 到期 怎么续?", "clarify", "rephrasing")
    a_consultation(database, text="只问过一次")
    for _ in range(2):
        opened(database, said(database, "年假有几天", "answer")[1])
    with database.read() as session:
        [found] = questions_without_card(session, LONG_AGO, LATER, ULANQAB)
        assert questions_without_card(session, LONG_AGO, LATER, HANGZHOU) == []
    assert (found.text, found.times, found.consultations) == ("草场 到期 怎么续?", 3, 2)


# ---- over the interface


def rows_of(text: str) -> list[dict[str, str]]:
    assert text.startswith("\N{BYTE ORDER MARK}")
    return list(csv.DictReader(io.StringIO(text[1:])))


def test_json_csv_and_the_page_say_the_same(service: Service) -> None:
    Record(service.database)
    supervisor = service.a_supervisor()
    summary = supervisor.gets(f"summary?region={ULANQAB}")["promise"]
    assert (summary["rounds"], summary["kept"], summary["broken"]) == (5, 2, 1)
    assert summary["questions"]["quorum_10"] == {"in_time": 1, "of": 2, "share": 0.5}
    [county, rest] = supervisor.gets(f"breakdown?by=region&region={ULANQAB}")["rows"][::-1]
    assert (county["name"], county["quorum_10"]["share"], rest["name"]) == ("集宁区", 1.0, "乌兰察布市（未写明下级）")
    timeline_rows = supervisor.gets(f"timeline?region={ULANQAB}")["rows"]
    assert sum(each["rounds"] for each in timeline_rows) == 5
    sheet = service.client.get(f"/v1/board/breakdown?by=region&region={ULANQAB}&format=csv", headers=supervisor.headers)
    assert "attachment" in sheet.headers["Content-Disposition"]
    found = {each["地区"]: each for each in rows_of(sheet.text)}
    assert (found["集宁区"]["轮次"], found["集宁区"]["按承诺解答"], found["集宁区"]["按承诺解答：应计轮数"]) == (
        "2",
        "100.0%",
        "2",
    )
    page = service.client.get(f"/board?region={ULANQAB}", headers={**supervisor.headers, "Accept": "text/html"}).text
    table = re.search(r'<table id="t-region".*?</table>', page, re.DOTALL)[0]  # type: ignore[index]
    assert re.findall(r'<th scope="row">\s*(?:<a href="([^"]*)">)?\s*([^<\s]+)', table) == [
        ("", "乌兰察布市（未写明下级）"),
        (f"/board?region={COUNTY}", "集宁区"),
    ]
    assert re.search(r'<td class="n" data-value="1.0">\s*100% <span class="meta">2/2</span>', table)


TABLES = (
    "timeline", "waiting", "satisfaction", "knowledge", "questions", "silent", "media", "posts",
    *(f"breakdown?by={by}" for by in ("kind", "region", "tier", "category", "channel", "lawyer")),
)  # fmt: skip


def test_every_table_is_for_supervisors_and_can_be_taken_along(service: Service) -> None:
    lawyer, supervisor = service.a_lawyer(), service.a_supervisor()
    a_consultation(service.database)
    for path in TABLES:
        address = f"/v1/board/{path}"
        assert service.client.get(address, headers=lawyer.headers).status_code == 403, path
        supervisor.gets(path)
        sheet = service.client.get(f"{address}{'&' if '?' in path else '?'}format=csv", headers=supervisor.headers)
        assert (sheet.status_code, sheet.headers["Content-Type"]) == (200, "text/csv; charset=utf-8"), path
        assert sheet.text.startswith("\N{BYTE ORDER MARK}"), path


def test_no_cell_becomes_a_formula(service: Service) -> None:
    for _ in range(2):
        a_consultation(service.database, text='=HYPERLINK("http://x.example","点我")')
    supervisor = service.a_supervisor()
    found = service.client.get("/v1/board/questions?format=csv", headers=supervisor.headers).text
    assert rows_of(found)[0]["问题"] == '\'=HYPERLINK("http://x.example","点我")'
    for begins in "=+-@＝＋－＠\t":
        assert csv_text(["a"], [[f"{begins}1"]]).splitlines()[-1].strip('"').startswith("'"), begins
    assert csv_text(["a"], [[-1.5]]).splitlines()[-1] == "-1.5"


def test_wrong_dates_and_places_are_said_beside_the_field_and_stay_there(service: Service) -> None:
    supervisor = service.a_supervisor()
    headers = {**supervisor.headers, "Accept": "text/html"}
    found = service.client.get("/board?from=gestern&to=2026-11-22&region=火星", headers=headers)
    assert found.status_code == 422
    assert re.search(r'id="error-from"[^>]*>日期应写成', found.text)
    assert re.search(r'id="error-region"[^>]*>没有“火星”这个地区', found.text)
    assert all(f'value="{each}"' in found.text for each in ("gestern", "2026-11-22", "火星"))
    for query, field in (("from=2026-11-22&to=2026-11-20", "from"), ("to=9999-12-31", "to"), ("range=ever", "range")):
        found = service.client.get(f"/board?{query}", headers=headers)
        assert (found.status_code, f'id="error-{field}"' in found.text) == (422, True), query
    assert service.client.get("/v1/board/summary?from=0001-01-01", headers=supervisor.headers).status_code == 422
    named = service.client.get("/board?range=30d&region=乌兰察布", headers=headers)
    assert (named.status_code, 'aria-current="location">乌兰察布市' in named.text) == (200, True)


def test_the_pages_stand_on_an_empty_record_and_on_a_full_one(service: Service) -> None:
    supervisor, lawyer = service.a_supervisor(), service.a_lawyer()
    headers = {**supervisor.headers, "Accept": "text/html"}
    pages = ("/board", "/board/waiting", "/board/lawyers", "/board/tasks")
    assert [service.client.get(path, headers=headers).status_code for path in pages] == [200] * 4
    a_consultation(service.database, text="邻居占了我的地 <b>")
    for path in pages:
        page = service.client.get(path, headers=headers)
        assert (page.status_code, "<b>" in page.text) == (200, False), path
        assert service.client.get(path, headers={**lawyer.headers, "Accept": "text/html"}).status_code == 403, path


def test_tasks_of_a_region_stay_those_of_the_region(service: Service) -> None:
    lawyer, supervisor = a_lawyer(service.database), service.a_supervisor()
    for region in (ULANQAB, HOHHOT):
        consultation = a_consultation(service.database, region)
        answer(service.database, the_round(service.database, consultation).id, lawyer) if region == ULANQAB else None
        with service.database.write() as session:
            consultations.close_consultation(session, consultation.id)
            consultations.rate_consultation(session, consultation.id, 1)
    headers = {**supervisor.headers, "Accept": "text/html"}
    page = service.client.get(f"/board/tasks?region={ULANQAB}", headers=headers).text
    [action] = re.findall(r'action="(/board/call-backs/[^"]*/done[^"]*)"', page)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)[1]  # type: ignore[index]
    done = service.client.post(
        action, data={"csrf_token": token, "note": "已道歉"}, headers=headers, follow_redirects=False
    )
    assert (done.status_code, done.headers["Location"]) == (303, f"/board/tasks?region={ULANQAB}#call-backs")
    assert "没有待办的回访" in service.client.get(done.headers["Location"], headers=headers).text
    assert supervisor.gets("summary")["open_call_backs"] == 1

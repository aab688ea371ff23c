"""What happens when the promise breaks or a citizen is not satisfied: call backs, ratings, appeals, silence, figures, the board."""

import contextlib
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from factories import HANGZHOU, HOHHOT, POLICY, ULANQAB, a_consultation, a_lawyer, answer, the_round
from people import Citizen, LawyerAtDesk, Service, SupervisorAtBoard
from sqlalchemy import select

from core import clock
from core.database import Base, Database
from core.security import Vault
from core.settings import Settings
from escalation import call_backs, consultations, conversations, desk, referral
from escalation.appeals import appeal, decide_appeal
from escalation.errors import Conflict, NotFound, Refused
from escalation.figures.promise import promise_figures
from escalation.figures.silence import silent_pushes
from escalation.models import AuditRow, CallBack, Consultation, Delivery, Lawyer, Message, OutboxEvent, Round
from escalation.ratings import RatingSums, ratings_of_lawyer
from escalation.staff import create_staff
from escalation.tiers import move_round

PHONE = "13812345678"
NATION = "100000"
LONG_AGO, LATER = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def vault(settings: Settings) -> Vault:
    return Vault(settings)


def break_promises(database: Database) -> None:
    """Let the time run out for every round that waits."""
    clock.advance(POLICY.broken_after + 1)
    with database.read() as session:
        waiting = session.execute(select(Round.id).where(Round.state == "open")).scalars().all()
    for round_id in waiting:
        moved = True
        while moved:
            with database.write() as session:
                moved = move_round(session, round_id)


def a_supervisor(database: Database) -> Any:
    with database.write() as session:
        return create_staff(session, login="sv", name="王", password="一个足够长的密码123", role="supervisor").id


def close_and_rate(database: Database, consultation: Consultation, level: int) -> None:
    with database.write() as session:
        consultations.close_consultation(session, consultation.id)
        consultations.rate_consultation(session, consultation.id, level)


def rated_consultation(database: Database, lawyer: Lawyer, level: int) -> Consultation:
    consultation = a_consultation(database)
    answer(database, the_round(database, consultation).id, lawyer)
    close_and_rate(database, consultation, level)
    return consultation


def sums(database: Database, lawyer: Lawyer) -> RatingSums:
    with database.read() as session:
        return ratings_of_lawyer(session, lawyer.id)


# ---- call backs, by the verbs


def test_one_open_task_for_a_broken_round_and_a_second_number_replaces_the_first(
    database: Database, vault: Vault
) -> None:
    a_lawyer(database)
    consultation = a_consultation(database)
    with pytest.raises(Conflict, match="超过承诺的时间"), database.write() as session:
        call_backs.ask_call_back(session, consultation.id, PHONE, vault)
    break_promises(database)
    for phone in (PHONE, "0474-888 8888"):
        with database.write() as session:
            call_backs.ask_call_back(session, consultation.id, phone, vault)
    staff_id = a_supervisor(database)
    with database.write() as session:
        [found] = call_backs.open_call_backs(session, NATION)
        assert (found.task.reason, found.task.occasion, found.question) == ("broken_promise", 1, "房东不退押金怎么办")
        assert found.task.phone_hash == vault.fingerprint("0474-8888888")
        assert call_backs.reveal_phone(session, found.task.id, staff_id, vault) == "0474-8888888"
        with pytest.raises(Refused, match="结果"):
            call_backs.finish_call_back(session, found.task.id, staff_id, " ")
        call_backs.finish_call_back(session, found.task.id, staff_id, "已说明情况")
    with database.write() as session:
        assert call_backs.open_call_backs(session, NATION) == []
        for again in (call_backs.reveal_phone, call_backs.finish_call_back):
            with pytest.raises(Conflict):
                again(session, found.task.id, staff_id, vault if again is call_backs.reveal_phone else "又一次")
        call_backs.ask_call_back(session, consultation.id, PHONE, vault)
    with database.read() as session:
        assert session.execute(select(CallBack.state, CallBack.note)).all() == [("open", "已说明情况")]
        rows = session.execute(select(AuditRow).where(AuditRow.subject == str(found.task.id)).order_by(AuditRow.id))
        trail = [(row.verb, row.detail) for row in rows.scalars()]
    assert [verb for verb, _ in trail] == [*["ask_call_back"] * 2, "reveal_phone", "finish_call_back", "ask_call_back"]
    assert "8888888" not in str(trail)


@pytest.mark.parametrize("written", ["", "明天下午", "1381234567", "138123456789", "8888888", "110101199003078888"])
def test_what_is_no_number_is_refused_in_words(database: Database, vault: Vault, written: str) -> None:
    consultation = a_consultation(database)
    break_promises(database)
    with pytest.raises(Refused, match="11 位手机号，或带区号的座机号"), database.write() as session:
        call_backs.ask_call_back(session, consultation.id, written, vault)


def test_tasks_are_those_of_the_region_and_of_all_that_lies_in_it(database: Database, vault: Vault) -> None:
    in_county, in_city = a_consultation(database, "150902"), a_consultation(database, ULANQAB)
    elsewhere = a_consultation(database, HANGZHOU)
    break_promises(database)
    for consultation in (in_county, in_city, elsewhere):
        with database.write() as session:
            call_backs.ask_call_back(session, consultation.id, PHONE, vault)
    expected = {
        "150902": {in_county.id},
        ULANQAB: {in_county.id, in_city.id},
        "150000": {in_county.id, in_city.id},
        HOHHOT: set(),
        NATION: {in_county.id, in_city.id, elsewhere.id},
    }
    with database.read() as session:
        for region, ids in expected.items():
            assert {each.consultation.id for each in call_backs.open_call_backs(session, region)} == ids, region


def test_a_number_sent_twice_before_the_service_has_replied_is_never_stored_in_clear(
    database: Database, vault: Vault
) -> None:
    consultation = a_consultation(database)
    break_promises(database)
    conversation_id = consultation.conversation_id
    with database.write() as session:
        conversations.receive_message(session, conversation_id, "请给我回电话", "press", payload="/call_back")
    for client_message_id, text in (("a", PHONE), ("a", PHONE), ("b", f"{PHONE[:3]} {PHONE[3:7]} {PHONE[7:]}，找老李")):
        with database.write() as session:
            call_backs.receive(session, conversation_id, text, client_message_id, vault)
    with database.read() as session:
        kept = select(Message).where(Message.conversation_id == conversation_id, Message.kind == "phone")
        assert [each.text for each in session.execute(kept.order_by(Message.seq)).scalars()] == [
            "138****5678",
            "138****5678，找老李",
        ]
        [task] = session.execute(select(CallBack)).scalars()
    assert (vault.decrypt(task.phone_encrypted), task.note) == (PHONE, "市民留言：138****5678，找老李")


# ---- ratings and appeals, by the verbs


def test_a_bad_rating_is_a_task_and_a_good_one_is_none(database: Database, vault: Vault) -> None:
    lawyer = a_lawyer(database)
    for level in (5, 4, 3):
        rated_consultation(database, lawyer, level)
    bad = [rated_consultation(database, lawyer, level) for level in (2, 1)]
    with database.read() as session:
        found = call_backs.open_call_backs(session, ULANQAB)
    assert [(each.consultation.id, each.task.reason, each.level) for each in found] == [
        (bad[0].id, "dissatisfied", 2),
        (bad[1].id, "dissatisfied", 1),
    ]
    staff_id = a_supervisor(database)
    with pytest.raises(NotFound, match="没有留下电话"), database.write() as session:
        call_backs.reveal_phone(session, found[0].task.id, staff_id, vault)
    with database.write() as session:
        call_backs.ask_call_back(session, bad[0].id, PHONE, vault)
        assert call_backs.reveal_phone(session, found[0].task.id, staff_id, vault) == PHONE


def test_no_audit_row_and_no_event_tells_a_bad_rating_from_a_good_one(database: Database) -> None:
    lawyer = a_lawyer(database)
    left = []
    for level in (5, 1):
        with database.read() as session:
            rows = session.execute(select(AuditRow.id).order_by(AuditRow.id.desc()).limit(1)).scalar_one()
        rated_consultation(database, lawyer, level)
        with database.read() as session:
            new = session.execute(select(AuditRow).where(AuditRow.id > rows).order_by(AuditRow.id)).scalars()
            left.append([(row.verb, sorted(row.detail), row.detail.get("closing")) for row in new])
    assert left[0] == left[1]
    with database.read() as session:
        events = session.execute(select(OutboxEvent)).scalars().all()
    assert not [each for each in events if "level" in json.dumps(each.data)]
    assert not [each for each in events if each.topic == "desk" and each.kind in ("rating", "call_back")]


def test_ratings_show_in_whole_fives_only(database: Database) -> None:
    lawyer, colleague = a_lawyer(database), a_lawyer(database)
    seen = []
    for level in (5, 5, 4, 3, 1, 1, 1, 2, 2):
        rated_consultation(database, lawyer, level)
        seen.append(sums(database, lawyer).counted)
    assert seen == [0, 0, 0, 0, 5, 5, 5, 5, 5]
    assert sums(database, lawyer) == RatingSums(5, {5: 2, 4: 1, 3: 1, 2: 0, 1: 1}, 3.6)
    rated_consultation(database, lawyer, 5)
    assert sums(database, lawyer) == RatingSums(10, {5: 3, 4: 1, 3: 1, 2: 2, 1: 3}, 2.9)
    assert sums(database, colleague) == RatingSums(0, {}, None)


def test_a_rating_from_before_the_lawyer_answered_is_not_theirs(database: Database) -> None:
    first, late = a_lawyer(database), a_lawyer(database)
    rated = [rated_consultation(database, first, 4) for _ in range(5)]
    for consultation in rated:
        answer(database, the_round(database, consultation).id, late)
    assert (sums(database, first).counted, sums(database, late).counted) == (5, 0)


def uphold(database: Database, consultation: Consultation, lawyer: Lawyer, staff_id: Any, upheld: bool = True) -> None:
    with database.write() as session:
        made = appeal(session, consultation.id, lawyer.id, "市民把法院的判决算在我头上")
        decide_appeal(session, made.id, staff_id, upheld, "查看了会话")


def test_an_upheld_appeal_takes_its_rating_out_before_it_was_shown(database: Database) -> None:
    lawyer, staff_id = a_lawyer(database), a_supervisor(database)
    unfair = rated_consultation(database, lawyer, 1)
    uphold(database, unfair, lawyer, staff_id)
    for _ in range(4):
        rated_consultation(database, lawyer, 5)
    assert sums(database, lawyer).counted == 0
    rated_consultation(database, lawyer, 5)
    assert sums(database, lawyer) == RatingSums(5, {5: 5, 4: 0, 3: 0, 2: 0, 1: 0}, 5.0)


def test_an_upheld_appeal_against_a_rating_already_shown_tells_nothing_by_difference(database: Database) -> None:
    lawyer, staff_id = a_lawyer(database), a_supervisor(database)
    given = [rated_consultation(database, lawyer, level) for level in (1, 5, 5, 5, 5, 2, 2, 2, 2, 3)]
    before = sums(database, lawyer)
    uphold(database, given[9], lawyer, staff_id, upheld=False)
    assert sums(database, lawyer) == before
    uphold(database, given[0], lawyer, staff_id)
    after = sums(database, lawyer)
    assert after == RatingSums(5, {5: 0, 4: 0, 3: 1, 2: 4, 1: 0}, 2.2)
    # What has gone is a whole group of five: the sum of five ratings, which had been shown as such.
    assert sum(before.by_level.values()) - sum(after.by_level.values()) == 5
    for level in (4, 4, 4, 4):
        rated_consultation(database, lawyer, level)
        assert sums(database, lawyer) == after


def test_a_lawyer_appeals_once_and_only_where_they_answered(database: Database) -> None:
    lawyer, other = a_lawyer(database), a_lawyer(database)
    consultation = a_consultation(database)
    answer(database, the_round(database, consultation).id, lawyer)
    with pytest.raises(NotFound), database.write() as session:
        appeal(session, consultation.id, other.id, "不公")
    with pytest.raises(Refused, match="理由"), database.write() as session:
        appeal(session, consultation.id, lawyer.id, "  ")
    # Whether there is a rating is not for them to learn: an appeal is taken either way.
    with database.write() as session:
        made = appeal(session, consultation.id, lawyer.id, "不公")
    with pytest.raises(Conflict, match="已经"), database.write() as session:
        appeal(session, consultation.id, lawyer.id, "再说一遍")
    staff_id = a_supervisor(database)
    with database.write() as session:
        decide_appeal(session, made.id, staff_id, False, "评价与解答相符")
    with pytest.raises(Conflict, match="已经有决定"), database.write() as session:
        decide_appeal(session, made.id, staff_id, True, "改了主意")


# ---- figures, by the verbs


def test_who_neither_claims_nor_answers_in_time_is_counted(database: Database) -> None:
    silent, claimer, answerer, late = (a_lawyer(database) for _ in range(4))
    far = a_lawyer(database, HANGZHOU, "nation")
    consultation = a_consultation(database)
    round_id = the_round(database, consultation).id
    clock.advance(60)
    answer(database, round_id, answerer)
    with database.write() as session:
        desk.claim_round(session, round_id, claimer.id)

    def counted(region: str = NATION) -> dict[str, int]:
        with database.read() as session:
            return {each.lawyer.name: each.silent for each in silent_pushes(session, LONG_AGO, LATER, region)}

    clock.advance(POLICY.silent_after - 61)
    assert counted() == {}
    break_promises(database)
    answer(database, round_id, late)
    assert counted() == {silent.name: 1, late.name: 1}
    clock.advance(POLICY.silent_after)
    assert counted() == {silent.name: 1, late.name: 1, far.name: 1}
    assert counted(ULANQAB) == counted("150000") == {silent.name: 1, late.name: 1}
    assert counted(HANGZHOU) == {far.name: 1}
    with database.read() as session:
        assert silent_pushes(session, LONG_AGO, LONG_AGO + timedelta(days=1), NATION) == []


def test_a_round_that_ended_in_time_counts_against_nobody(database: Database) -> None:
    lawyers = [a_lawyer(database) for _ in range(4)]
    met, closed, referred, closed_late = (a_consultation(database) for _ in range(4))
    clock.advance(60)
    for lawyer in lawyers[:3]:
        answer(database, the_round(database, met).id, lawyer)
    with database.write() as session:
        consultations.close_consultation(session, closed.id)
        referral.refer_round(session, the_round(database, referred).id, lawyers[0].id, "12345", "这是物业服务投诉")
    clock.advance(POLICY.silent_after)
    with database.write() as session:
        consultations.close_consultation(session, closed_late.id)
    clock.advance(POLICY.silent_after)
    with database.read() as session:
        found = silent_pushes(session, LONG_AGO, LATER, NATION)
    assert sorted((each.lawyer.id, each.silent) for each in found) == sorted((each.id, 1) for each in lawyers)


def test_the_promise_in_figures(database: Database) -> None:
    lawyers = [a_lawyer(database) for _ in range(3)]
    kept, broken = a_consultation(database), a_consultation(database)
    a_consultation(database, HANGZHOU)
    for lawyer, seconds in zip(lawyers, (30, 30, 60), strict=True):
        clock.advance(seconds)
        answer(database, the_round(database, kept).id, lawyer)
    clock.advance(80)
    answer(database, the_round(database, broken).id, lawyers[0])
    answer(database, the_round(database, broken).id, lawyers[0], "补充一句")
    break_promises(database)
    close_and_rate(database, kept, 5)
    with database.write() as session:
        consultations.close_consultation(session, broken.id)
    a_consultation(database)  # still waits
    with database.read() as session:
        found = promise_figures(session, LONG_AGO, LATER, ULANQAB)
        everywhere = promise_figures(session, LONG_AGO, LATER, NATION)
        none = promise_figures(session, LONG_AGO, LONG_AGO + timedelta(days=1), NATION)
    assert (found.rounds, found.kept, found.broken) == (3, 1, 1)
    assert [found.first_median_s, found.first_p90_s] == pytest.approx([30, 200], abs=2)
    assert [found.third_median_s, found.third_p90_s] == pytest.approx([120, 120], abs=2)
    assert (found.ratings, found.rated_share) == ({5: 1, 4: 0, 3: 0, 2: 0, 1: 0}, 0.5)
    assert (everywhere.rounds, everywhere.broken) == (4, 2)
    assert (none.rounds, none.first_median_s, none.rated_share) == (0, None, None)


def test_answers_after_the_deadline_keep_no_promise_though_no_dispatcher_saw_it(database: Database) -> None:
    lawyers = [a_lawyer(database) for _ in range(3)]
    consultation = a_consultation(database)
    clock.advance(POLICY.broken_after + 5)
    for lawyer in lawyers:
        answer(database, the_round(database, consultation).id, lawyer)
    with database.read() as session:
        found = promise_figures(session, LONG_AGO, LATER, NATION)
    assert (found.kept, found.broken) == (0, 1)


# ---- over the interface


def with_a_broken_promise(service: Service) -> Citizen:
    citizen = service.a_citizen()
    citizen.asks("我的房东不退押金怎么办")
    break_promises(service.database)
    return citizen


def offered(citizen: Citizen) -> list[str]:
    return [choice["payload"] for choice in citizen.reads()["messages"][-1]["choices"]]


def everything_stored(service: Service) -> bytes:
    """The database as it lies on the disk; on PostgreSQL, what a dump of every table would hold."""
    engine = service.database.engine
    if engine.dialect.name == "sqlite":
        return b"".join(path.read_bytes() for path in sorted(service.settings.home_dir.glob("wenfa.db*")))
    with engine.connect() as connection:
        tables = Base.metadata.sorted_tables
        return "".join(str(row) for table in tables for row in connection.execute(select(table))).encode()


def test_the_citizen_leaves_a_number_which_lies_nowhere_in_clear(
    service: Service, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    lawyer = service.a_lawyer()
    citizen = with_a_broken_promise(service)
    assert offered(citizen) == ["/call_back", "/wait_time"]
    [prompt] = citizen.asks("/call_back")
    assert "电话号码" in prompt["text"]
    # They keep pressing the lawyers meanwhile: an answer in between does not make the number an ordinary message.
    lawyer.answers(lawyer.waiting()[0]["id"])
    [said] = citizen.asks("138 1234-5678，下午三点后打", client_message_id="the-number")
    assert "138****5678" in said["text"]
    assert "回电" in said["text"]
    citizen.asks("138 1234-5678，下午三点后打", client_message_id="the-number")
    stored = [each for each in citizen.reads()["messages"] if each["author"] == "citizen"]
    assert [each["text"] for each in stored] == ["我的房东不退押金怎么办", "请给我回电话", "138****5678，下午三点后打"]
    thread = service.client.get(f"/v1/desk/rounds/{lawyer.waiting()[0]['id']}", headers=lawyer.headers).text
    assert "138****5678" not in thread

    supervisor = service.a_supervisor()
    [task] = supervisor.gets("call-backs")["call_backs"]
    assert (task["reason"], task["has_phone"]) == ("broken_promise", True)
    assert task["note"] == "市民留言：138****5678，下午三点后打"
    revealed = supervisor.posts(f"call-backs/{task['id']}/reveal").json()
    assert revealed["phone"] == PHONE
    service.dispatcher.relay_outbox()
    written = capfd.readouterr()
    found = everything_stored(service) + (written.out + written.err + caplog.text).encode()
    with contextlib.suppress(FileNotFoundError):
        found += b"".join(path.read_bytes() for path in (service.settings.home_dir / "redis").rglob("*.aof"))
    assert b"138****5678" in found
    assert not re.search(rb"138[ -]?1234[ -]?5678", found)
    assert b"12345678" not in found


def test_the_number_may_come_straight_after_the_notice_and_be_changed(service: Service) -> None:
    service.a_lawyer()
    citizen = with_a_broken_promise(service)
    citizen.asks("我的电话是０４７４－８８８８８８８")
    [said] = citizen.asks("13987654321")
    assert "139****4321" in said["text"]
    supervisor = service.a_supervisor()
    [task] = supervisor.gets("call-backs")["call_backs"]
    assert supervisor.posts(f"call-backs/{task['id']}/reveal").json()["phone"] == "13987654321"


def test_anothers_number_in_a_question_is_no_call_back(service: Service) -> None:
    lawyer = service.a_lawyer()
    citizen = with_a_broken_promise(service)
    citizen.asks("老板的电话13912345678一直打不通，我该去哪里找他要工资")
    assert service.a_supervisor().gets("call-backs")["call_backs"] == []
    thread = service.client.get(f"/v1/desk/rounds/{lawyer.waiting()[0]['id']}", headers=lawyer.headers).json()
    assert "13912345678" in thread["messages"][-1]["text"]


def test_what_is_no_number_is_asked_about_once_and_can_go_to_the_lawyers(service: Service) -> None:
    lawyer = service.a_lawyer()
    citizen = with_a_broken_promise(service)
    citizen.asks("/call_back")
    [again] = citizen.asks("合同里没有写押金怎么退")
    assert "没有认出电话号码" in again["text"]
    to_lawyers = next(each["payload"] for each in again["choices"] if each["title"] == "转给律师")
    [ordinary] = citizen.asks("房东说要扣清洁费")
    assert "已补充到咨询" in ordinary["text"]
    [sent] = citizen.asks(to_lawyers)
    assert "已补充到咨询" in sent["text"]
    thread = service.client.get(f"/v1/desk/rounds/{lawyer.waiting()[0]['id']}", headers=lawyer.headers).text
    assert "合同里没有写押金怎么退" in thread
    assert "房东说要扣清洁费" in thread


def test_words_beside_the_number_go_on_as_a_message_and_danger_comes_first(service: Service) -> None:
    lawyer = service.a_lawyer()
    citizen = with_a_broken_promise(service)
    citizen.asks("/call_back")
    noted, ordinary = citizen.asks(f"{PHONE}。另外房东今天把我的行李扔到楼道里了，我能不能报警")
    assert "138****5678" in noted["text"]
    assert "已补充到咨询" in ordinary["text"]
    thread = service.client.get(f"/v1/desk/rounds/{lawyer.waiting()[0]['id']}", headers=lawyer.headers).text
    assert "138****5678。另外房东今天把我的行李扔到楼道里了" in thread
    citizen.asks("/call_back")
    replies = citizen.asks(f"{PHONE} 我不想活了")
    assert "110" in replies[0]["text"]
    assert "138****5678" in replies[-1]["text"]


def test_nobody_is_called_where_nothing_went_wrong(service: Service) -> None:
    citizen = service.a_citizen()
    citizen.asks("我的房东不退押金怎么办")
    [said] = citizen.asks("请给我回电话")
    assert "还不能预约" in said["text"]


def test_after_a_bad_rating_a_call_is_offered(service: Service) -> None:
    lawyer = service.a_lawyer()
    citizen = service.a_citizen()
    citizen.asks("我的房东不退押金怎么办")
    lawyer.answers(lawyer.waiting()[0]["id"])
    citizen.asks("满意")
    [said] = citizen.asks('/rate{"level": 1}')
    assert [each["payload"] for each in said["choices"]] == ["/call_back"]
    supervisor = service.a_supervisor()
    [task] = supervisor.gets("call-backs")["call_backs"]
    assert (task["reason"], task["level"], task["has_phone"]) == ("dissatisfied", 1, False)
    citizen.asks("/call_back")
    citizen.asks(PHONE)
    [task] = supervisor.gets("call-backs")["call_backs"]
    assert task["has_phone"]
    done = supervisor.posts(f"call-backs/{task['id']}/done", note="已道歉")
    assert (done.status_code, done.json()["state"]) == (200, "done")
    assert supervisor.gets("summary")["open_call_backs"] == 0


@pytest.mark.parametrize(
    "path", ["summary", "call-backs", "appeals", "deliveries?state=dead", "silent", "deliveries/x/resend"]
)
def test_the_board_is_for_supervisors(service: Service, path: str) -> None:
    lawyer = service.a_lawyer()
    method = "POST" if path.endswith("resend") else "GET"
    path = f"/v1/board/{path}".replace("/x/", f"/{lawyer.id}/")
    assert service.client.request(method, path).status_code == 401
    assert service.client.request(method, path, headers=lawyer.headers).status_code == 403
    for role in ("supervisor", "administrator"):
        found = service.client.request(method, path, headers=service.a_supervisor(role).headers)
        assert found.status_code == (404 if method == "POST" else 200), found.text


def test_a_lawyer_sees_sums_and_their_appeals_and_no_single_rating(service: Service) -> None:
    lawyer: LawyerAtDesk = service.a_lawyer()
    supervisor: SupervisorAtBoard = service.a_supervisor()
    numbers = []
    for level in (1, 5, 5, 5, 5):
        shown = service.client.get("/v1/desk/ratings", headers=lawyer.headers).json()
        assert (shown["enough"], shown["note"], shown["by_level"], shown["mean"]) == (False, "不足五次", {}, None)
        citizen = service.a_citizen()
        numbers.append(citizen.says("我的房东不退押金怎么办").json()["consultation"]["number"])
        lawyer.answers(lawyer.waiting()[0]["id"])
        citizen.asks("满意")
        citizen.asks(f'/rate{{"level": {level}}}')
    shown = service.client.get("/v1/desk/ratings", headers=lawyer.headers).json()
    assert (shown["counted"], shown["by_level"]["1"], shown["mean"]) == (5, 1, 4.2)

    url, body = "/v1/desk/appeals", {"consultation": numbers[0], "text": "市民点错了"}
    assert service.client.post(url, json=body, headers=lawyer.headers).status_code == 201
    assert service.client.post(url, json=body, headers=lawyer.headers).status_code == 409
    assert service.client.post(url, json=body, headers=service.a_lawyer().headers).status_code == 404
    [waiting] = supervisor.gets("appeals")["appeals"]
    assert (waiting["consultation"], waiting["ratings"]) == (numbers[0], [{"level": 1, "comment": ""}])
    decided = supervisor.posts(f"appeals/{waiting['id']}/decision", upheld=True, decision="属实")
    assert (decided.status_code, decided.json()["state"]) == (200, "upheld")
    [mine] = service.client.get(url, headers=lawyer.headers).json()["appeals"]
    assert (mine["state"], mine["decision"], "ratings" in mine) == ("upheld", "属实", False)
    assert service.client.get("/v1/desk/ratings", headers=lawyer.headers).json()["counted"] == 0


def test_the_summary_is_of_today_or_of_the_days_asked_for(service: Service) -> None:
    service.a_lawyer()
    with_a_broken_promise(service)
    supervisor = service.a_supervisor()
    found = supervisor.gets("summary?region=150900")
    assert (found["promise"]["rounds"], found["promise"]["broken"], found["region_name"][-4:]) == (1, 1, "兰察布市")
    today = clock.local(clock.now())
    day, moment = f"{today:%Y-%m-%d}", today.replace(hour=0, minute=0).isoformat()
    for query, rounds in (
        (f"from={day}&to={day}", 1),
        (f"from={moment}", 1),
        ("from=2020-01-01&to=2020-12-31", 0),
        (f"from={day}&to={day}&region=330100", 0),
    ):
        assert supervisor.gets(f"summary?{query}")["promise"]["rounds"] == rounds, query
    for query, words in (
        ("from=gestern", "日期应写成"),
        (f"from={day}&to=2020-01-01", "早于"),
        ("region=999999", "地区"),
    ):
        refused = service.client.get(f"/v1/board/summary?{query}", headers=supervisor.headers)
        assert refused.status_code == 422
        assert words in refused.text


def a_dead_delivery(service: Service) -> None:
    lawyer = a_lawyer(service.database)
    consultation = a_consultation(service.database)
    with service.database.write() as session:
        session.add(
            Delivery(
                round_id=the_round(service.database, consultation).id, lawyer_id=lawyer.id, medium="webhook", kind="push",
                state="dead", attempts=9, due_at=clock.now(), error="HTTP 500", created_at=clock.now(),
            )
        )  # fmt: skip


def test_a_dead_delivery_is_sent_again(service: Service) -> None:
    a_dead_delivery(service)
    supervisor = service.a_supervisor()
    [dead] = supervisor.gets("deliveries?state=dead")["deliveries"]
    assert (dead["error"], dead["attempts"], dead["resendable"]) == ("HTTP 500", 9, True)
    assert supervisor.posts(f"deliveries/{dead['id']}/resend").status_code == 204
    assert supervisor.gets("deliveries")["deliveries"] == []
    assert supervisor.posts(f"deliveries/{dead['id']}/resend").status_code == 409


def test_the_tasks_are_all_done_without_a_script(service: Service) -> None:
    citizen = with_a_broken_promise(service)
    citizen.asks(PHONE)
    lawyer = service.a_lawyer()
    other = service.a_citizen()
    number = other.says("邻居占了我的地 <b>").json()["consultation"]["number"]
    waiting = next(each for each in lawyer.waiting() if each["consultation"] == number)
    lawyer.answers(waiting["id"])
    service.client.post(
        "/v1/desk/appeals", json={"consultation": number, "text": "不公 <script>"}, headers=lawyer.headers
    )
    a_dead_delivery(service)
    supervisor = service.a_supervisor()
    pages = {"headers": {**supervisor.headers, "Accept": "text/html"}, "follow_redirects": False}

    def shown(**more: Any) -> str:
        found = service.client.get("/board/tasks", **pages, **more)
        assert found.status_code == 200, found.text
        return str(found.text)

    page = shown()
    assert "<script" not in page.replace("&lt;script", "")
    assert PHONE not in page
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)[1]  # type: ignore[index]

    def act(name: str, **form: str) -> Any:
        action = re.search(rf'action="(/board/[^"#]*/{name})["#]', shown())
        assert action, name
        return service.client.post(action[1], data={"csrf_token": token, **form}, **pages)

    assert PHONE in act("reveal").text
    refused = act("done", note=" ")
    assert (refused.status_code, "请写明回访的结果" in refused.text) == (422, True)
    for name, form in (
        ("done", {"note": "已回电"}),
        ("decision", {"upheld": "0", "decision": "与事实相符"}),
        ("resend", {}),
    ):
        assert act(name, **form).status_code == 303, name
    page = shown()
    assert [f"没有{words}" in page for words in ("待办的回访", "待决定的申诉", "发送失败的通知")] == [True] * 3
    forged = service.client.post(f"/board/call-backs/{lawyer.id}/done", data={"note": "x"}, **pages)
    assert forged.status_code == 403
    turned_away = service.client.get("/board", headers={**lawyer.headers, "Accept": "text/html"})
    assert (turned_away.status_code, "只有督导员和管理员" in turned_away.text) == (403, True)
    assert 'name="wanted" value="/board"' in service.client.get("/board", headers={"Accept": "text/html"}).text

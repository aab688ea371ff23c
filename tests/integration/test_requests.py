"""Offices, forms and requests against real databases: what lands, who sees it, what happens twice and by whom."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from factories import ULANQAB, a_conversation, a_message
from people import PASSWORD, LawyerAtDesk, Service
from sqlalchemy import func, select
from typer.testing import CliRunner

from bot.actions.handlers import handle
from bot.actions.turn import Services, Turn
from core.clock import now
from core.database import Database
from core.security import Vault
from core.settings import Settings
from escalation.conversations import messages_after
from escalation.errors import Conflict, NotFound, Refused
from escalation.models import AuditRow, Consultation, Message
from escalation.policy import Policy
from escalation.staff import create_staff
from services import drafts, requests
from services.models import Draft, Office, RequestStep, ServiceRequest
from services.office_file import TEMPLATE, import_offices
from services.offices import make_clerk, office_for, offices_for
from services.requests import Worker
from wenfa.cli import app
from wenfa.database import upgrade

VALUES = {
    "matter": "wages", "group": "migrant_worker", "region": "150902", "story": "包头工欠我两万", "name": "王大力",
    "phone": "138****5678",
}  # fmt: skip


@pytest.fixture
def vault(settings: Settings) -> Vault:
    return Vault(settings)


@pytest.fixture
def offices(database: Database) -> dict[str, Office]:
    with database.write() as session:
        done = import_offices(session, TEMPLATE.encode(), "test")
        assert (done.added, done.faults) == (2, [])
        return {each.name: each for each in session.execute(select(Office)).scalars()}


def a_request(database: Database, vault: Vault, region: str = "150902") -> ServiceRequest:
    """Somebody asks for legal aid."""
    conversation = a_conversation(database, ULANQAB)
    message = a_message(database, conversation, "确认")
    with database.write() as session:
        draft = drafts.begin(session, conversation, "legal_aid", message.id, region)
        drafts.fill(session, draft, {**VALUES, "region": region}, message.id)
        draft.phone_encrypted = vault.encrypt("13812345678")
        return requests.submit_request(session, conversation, draft.id, message.id, vault)


def a_worker(database: Database, office: Office | None) -> Worker:
    with database.write() as session:
        login = f"c{now().timestamp()}"
        role = "clerk" if office else "supervisor"
        account = create_staff(session, login=login, name="周办事员", password=PASSWORD, role=role)
        if office:
            make_clerk(session, account, office.name, "test")
    return Worker(account.id, account.name, office.id if office else None)


def test_good_rows_land_and_bad_ones_are_told_with_their_line(database: Database) -> None:
    content = (
        "名称,地区,承办事项,上级机构,电话\n"
        "集宁区法援中心,集宁区,求法援,没有的机构,0474-1\n"
        "某处,火星,求法援,,\n"
        ",150900,求法援,,\n"
        "某站,150900,修车,,\n"
        "仲裁委,150900,仲裁、行政复议,,\n"
    ).encode("gb18030")
    with database.write() as session:
        done = import_offices(session, content, "test")
    assert done.added == 2
    assert [(fault.line, fault.column) for fault in done.faults] == [
        (3, "地区"), (4, "名称"), (5, "承办事项"), (2, "上级机构"),
    ]  # fmt: skip
    with database.write() as session:
        again = import_offices(session, content, "test")
    assert (again.added, again.changed, again.unchanged) == (0, 0, 2)


def test_a_request_goes_to_the_nearest_office_that_takes_it(database: Database, offices: dict[str, Office]) -> None:
    centre, station = offices["乌兰察布市公共法律服务中心"], offices["察右中旗法律援助工作站"]
    with database.read() as session:
        assert office_for(session, "legal_aid", "150927").id == station.id  # type: ignore[union-attr]
        assert office_for(session, "legal_aid", "150902").id == centre.id  # type: ignore[union-attr]
        assert office_for(session, "mediation", "150927").id == centre.id  # type: ignore[union-attr]
        assert office_for(session, "legal_aid", "410204") is None
        assert office_for(session, "arbitration", "150927") is None
        # Whoever asks from the league sees those of its banners where it has none itself.
        assert [each.name for each in offices_for(session, "legal_aid", "150000")] == [centre.name, station.name]


def test_a_draft_is_sent_once_however_often_it_is_confirmed(
    database: Database, vault: Vault, offices: dict[str, Office]
) -> None:
    first = a_request(database, vault)
    with database.write() as session:
        again = requests.submit_request(
            session, first.conversation_id, first.draft_id, session.get_one(Draft, first.draft_id).message_id, vault
        )
    assert again.id == first.id
    assert first.number.startswith("F150902-")
    with database.read() as session:
        assert session.execute(select(func.count()).select_from(ServiceRequest)).scalar_one() == 1
        assert session.execute(select(func.count()).select_from(RequestStep)).scalar_one() == 1
        assert vault.decrypt(session.get_one(ServiceRequest, first.id).phone_encrypted) == "13812345678"


def test_an_unfinished_form_is_not_sent(database: Database, vault: Vault) -> None:
    conversation = a_conversation(database, ULANQAB)
    message = a_message(database, conversation, "确认")
    with database.write() as session:
        draft = drafts.begin(session, conversation, "legal_aid", message.id, "150902")
    with database.write() as session, pytest.raises(Refused, match="没有填完"):
        requests.submit_request(session, conversation, draft.id, message.id, vault)


def test_one_form_is_open_at_a_time_and_the_others_are_kept(database: Database) -> None:
    conversation = a_conversation(database, ULANQAB)
    message = a_message(database, conversation, "一")
    with database.write() as session:
        aid = drafts.begin(session, conversation, "legal_aid", message.id, "150902")
        drafts.fill(session, aid, {"matter": "wages"}, message.id)
        notary = drafts.begin(session, conversation, "notary", message.id, "150902")
        assert drafts.draft_at_work(session, conversation).id == notary.id  # type: ignore[union-attr]
        assert [each.id for each in drafts.drafts_aside(session, conversation)] == [aid.id]
        back = drafts.begin(session, conversation, "legal_aid", message.id, "150902")
        assert (back.id, back.values["matter"]) == (aid.id, "wages")


def test_a_number_is_never_stored_in_the_clear(database: Database, vault: Vault) -> None:
    conversation = a_conversation(database, ULANQAB)
    message = a_message(database, conversation, "一")
    with database.write() as session:
        draft = drafts.begin(session, conversation, "legal_aid", message.id, "150902")
        drafts.ask(session, draft, "phone")
    with database.write() as session:
        received = drafts.receive(session, conversation, "打13812345678找我", "c2", vault)
        again = drafts.receive(session, conversation, "打13812345678找我", "c2", vault)
    assert received.message.text == "打138****5678找我"
    assert (again.message.id, again.fresh) == (received.message.id, False)
    with database.read() as session:
        kept = session.get_one(Draft, draft.id)
        assert vault.decrypt(kept.phone_encrypted) == "13812345678"
        everything = [str(row) for row in session.execute(select(Message.text, Message.data)).all()]
    assert not any("13812345678" in each for each in everything)


@pytest.mark.parametrize("asked", ["other_contact", "story"])
def test_the_other_partys_number_is_kept_apart_and_encrypted(
    database: Database, vault: Vault, offices: dict[str, Office], asked: str
) -> None:
    conversation = a_conversation(database, ULANQAB)
    values = {
        "matter": "neighbour",
        "other_party": "李强",
        "region": "150900",
        "name": "王秀英",
        "phone": "139****1111",
    }
    begun = a_message(database, conversation, "约调解")
    with database.write() as session:
        draft = drafts.begin(session, conversation, "mediation", begun.id, ULANQAB)
        draft.phone_encrypted = vault.encrypt("13900001111")
        drafts.ask(session, draft, asked)
        received = drafts.receive(session, conversation, "他电话13812345678，天天吵", "c1", vault)
        assert received.message.text == "他电话138****5678，天天吵"
        assert "form_phone" not in received.message.data
        drafts.fill(session, draft, {**values, "other_contact": "", "story": "天天吵"}, received.message.id)
        request = requests.submit_request(session, conversation, draft.id, received.message.id, vault)
    clerk = a_worker(database, offices["乌兰察布市公共法律服务中心"])
    with database.write() as session:
        told = requests.reveal_phones(session, request.id, clerk, vault)
    assert told == requests.Numbers("13900001111", "13812345678")


def test_a_request_goes_its_way_and_the_citizen_hears_of_each_step(
    database: Database, vault: Vault, offices: dict[str, Office]
) -> None:
    request = a_request(database, vault)
    clerk = a_worker(database, offices["乌兰察布市公共法律服务中心"])
    with database.write() as session:
        requests.accept_request(session, request.id, clerk)
        requests.ask_citizen(session, request.id, clerk, "请拍工资条")
    reply = a_message(database, request.conversation_id, "这是工资条")
    for _ in range(2):  # the second look changes nothing
        with database.write() as session:
            assert requests.reply_to_office(session, request.id, reply.id).state == "accepted"
    with database.write() as session:
        requests.appoint(session, request.id, clerk, now() + timedelta(days=1), "二楼 3 号窗口", "带身份证")
        requests.finish_request(session, request.id, clerk, "已指派律师")
    with database.write() as session, pytest.raises(Conflict, match="已办结"):
        requests.ask_citizen(session, request.id, clerk, "再补充")
    with database.read() as session:
        assert [step.kind for step in requests.steps_of(session, [request.id])[request.id]] == [
            "submit", "accept", "ask", "reply", "appoint", "finish",
        ]  # fmt: skip
        told = [each.text for each in messages_after(session, request.conversation_id, 0) if each.author == "service"]
        verbs = session.execute(select(AuditRow.verb).where(AuditRow.subject == str(request.id))).scalars().all()
    assert [request.number in each for each in told] == [True] * 4
    assert len(verbs) == 6


def test_what_is_handed_on_is_seen_there_and_no_longer_here(
    database: Database, vault: Vault, offices: dict[str, Office]
) -> None:
    request = a_request(database, vault, "150927")
    station, centre = offices["察右中旗法律援助工作站"], offices["乌兰察布市公共法律服务中心"]
    here, there = a_worker(database, station), a_worker(database, centre)
    with database.write() as session, pytest.raises(NotFound):
        requests.accept_request(session, request.id, there)
    with database.write() as session, pytest.raises(Refused, match="不办理"):
        requests.hand_on(session, request.id, here, centre.id, "arbitration", "应当仲裁")
    with database.write() as session:
        requests.hand_on(session, request.id, here, centre.id, "mediation", "先调解")
    with database.write() as session, pytest.raises(NotFound):
        requests.accept_request(session, request.id, here)
    with database.read() as session:
        [seen] = requests.requests_at(session, there)
        assert (seen.number, seen.service, seen.form) == (request.number, "mediation", "legal_aid")
        assert ("申请事项", "拖欠工资") in requests.lines_of(seen)


def test_what_no_office_takes_waits_for_a_supervisor(
    database: Database, vault: Vault, offices: dict[str, Office]
) -> None:
    request = a_request(database, vault, "410204")
    supervisor = a_worker(database, None)
    with database.read() as session:
        assert [each.id for each in requests.requests_at(session, supervisor)] == [request.id]
    with database.write() as session:
        requests.hand_on(session, request.id, supervisor, offices["察右中旗法律援助工作站"].id, "legal_aid", "代收")
    with database.read() as session:
        assert requests.requests_at(session, supervisor) == []


def test_only_the_citizen_takes_it_back_and_only_while_it_is_open(
    database: Database, vault: Vault, offices: dict[str, Office]
) -> None:
    request = a_request(database, vault)
    other = a_conversation(database, ULANQAB)
    strange = a_message(database, other, "撤回")
    with database.write() as session, pytest.raises(NotFound):
        requests.withdraw_request(session, request.id, strange.id)
    mine = a_message(database, request.conversation_id, "撤回")
    for _ in range(2):
        with database.write() as session:
            assert requests.withdraw_request(session, request.id, mine.id).state == "withdrawn"


def login(service: Service, name: str) -> LawyerAtDesk:
    return LawyerAtDesk(service.client, name)


def test_a_clerk_sees_their_offices_requests_and_nobody_elses(service: Service) -> None:
    with service.database.write() as session:
        import_offices(session, TEMPLATE.encode(), "test")
        for name, office in (("a", "乌兰察布市公共法律服务中心"), ("b", "察右中旗法律援助工作站")):
            make_clerk(
                session, create_staff(session, login=name, name=name, password=PASSWORD, role="clerk"), office, "test"
            )
    request = a_request(service.database, Vault(service.settings))
    first, second = login(service, "a"), login(service, "b")

    def gets(who: LawyerAtDesk, path: str) -> Any:
        return service.client.get(f"/v1/office/{path}", headers=who.headers)

    [seen] = gets(first, "requests").json()["requests"]
    assert seen["number"] == request.number
    assert {"title": "姓名", "value": "王大力"} in seen["lines"]
    assert "13812345678" not in str(seen)
    assert gets(second, "requests").json()["requests"] == []
    assert gets(second, f"requests/{request.id}").status_code == 404
    assert gets(service.a_lawyer(), "requests").status_code == 403
    assert service.client.get("/v1/office/requests").status_code == 401
    revealed = service.client.post(f"/v1/office/requests/{request.id}/reveal", headers=first.headers)
    assert revealed.json()["phone"] == "13812345678"
    page = service.client.get("/office", headers=first.headers)
    assert request.number in page.text
    refused = service.client.post(
        f"/v1/office/requests/{request.id}/finish", json={"words": " "}, headers=first.headers
    )
    assert refused.status_code == 422 or refused.status_code == 400
    assert "请写一两句" in refused.text


def test_offices_are_imported_from_the_command_line(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WENFA_HOME", str(settings.home_dir))
    database = Database(settings.sql_url)
    upgrade(database)
    file = tmp_path / "机构.csv"
    file.write_text(TEMPLATE + "某站,火星,求法援,,,,,\n", encoding="utf-8")

    def runs(*arguments: str) -> tuple[int, str]:
        found = CliRunner().invoke(app, arguments)
        return found.exit_code, found.output

    code, said = runs("offices", "import", str(file))
    assert code == 1
    assert "│ 4  │ 地区 │ 火星" in said
    assert "新增 2 个" in said
    assert runs("offices", "import", "--template")[1].lstrip("\ufeff") == TEMPLATE
    assert "0474-5900000" in runs("offices", "list")[1]
    code, said = runs(
        "staff", "create", "zhou", "--name", "周敏", "--role", "clerk", "--office", "没有的", "--password", PASSWORD
    )
    assert code != 0
    assert "没有叫“没有的”的办事机构" in said
    made = runs(
        "staff",
        "create",
        "zhou",
        "--name",
        "周敏",
        "--role",
        "clerk",
        "--office",
        "察右中旗法律援助工作站",
        "--password",
        PASSWORD,
    )
    assert made[0] == 0, made[1]
    lawyer = ("--licence", "150901", "--name", "李梅", "--region", "150900", "--password", PASSWORD)
    assert runs("staff", "create", "li", *lawyer)[0] == 0
    assert runs("offices", "staff", "li", "察右中旗法律援助工作站")[0] == 0, "a lawyer may sit there too"
    assert runs("offices", "staff", "li", "乌兰察布市公共法律服务中心")[0] == 0, "and move to another one"
    assert "没有登录名为" in runs("offices", "staff", "nobody", "察右中旗法律援助工作站")[1]
    database.dispose()


def test_a_draft_outlives_the_process_and_rasa(service: Service) -> None:
    """Rasa is not there at all: the form goes on, a message sent twice counts once."""
    citizen = service.a_citizen("150902")
    citizen.asks("/mediation")
    citizen.asks('/apply{"service": "mediation"}')
    first = citizen.asks("邻居占了我家的地", client_message_id="same")
    again = citizen.asks("邻居占了我家的地", client_message_id="same")
    assert first == again
    assert "另一方" in first[0]["text"]
    assert "另一方" in citizen.asks("接着填")[0]["text"]


def test_a_story_that_sounds_like_danger_gets_the_numbers_and_the_form_goes_on(
    database: Database, vault: Vault
) -> None:
    conversation = a_conversation(database, ULANQAB)
    begun = a_message(database, conversation, "在线投诉")
    with database.write() as session:
        draft = drafts.begin(session, conversation, "enforcement_complaint", begun.id, "150902")
        drafts.fill(session, draft, {"authority": "城管大队", "occurred_on": "2026-11-21"}, begun.id)
        drafts.ask(session, draft, "story")
    told = a_message(database, conversation, "在菜市场门口没出示证件就把我的三轮车拉走，旁边有监控")
    numbers, next_question = handle(Turn(Services(database, Policy(), None, vault), told, "150902", "danger"))
    assert "110" in numbers.text
    assert "您的姓名" in next_question.text
    with database.read() as session:
        assert session.get_one(Draft, draft.id).values["story"] == told.text
        assert session.execute(select(func.count()).select_from(Consultation)).scalar_one() == 0

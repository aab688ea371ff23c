"""What a lawyer can do besides answering, over the interface and the pages, on both databases."""

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from people import Citizen, LawyerAtDesk, Service
from sqlalchemy import select

from api.pages.citizen import CHAT_COOKIE
from core import clock
from core.database import Base
from escalation.models import AuditRow, Consultation, Lawyer, Lease, OutboxEvent, Round
from knowledge_base.importing.drafts import ArticleDraft, ImportReport, Source, VersionDraft
from knowledge_base.importing.store import store
from knowledge_base.models import Rank
from knowledge_base.numerals import ArticleNumber

QUESTION = "小区路灯坏了三个月没有人修，怎么办"
SECRET = "此人上周也问过同一件事，疑似代写"

OLD, NEW = date(2019, 3, 1), date(2024, 5, 1)
FINE = "损坏路灯的，处五十元以上二百元以下罚款。"
NEW_FINE = "损坏路灯的，处一百元以上五百元以下罚款；造成损失的，依法赔偿。"
LANTERNS = "损坏公共照明设施的，应当依法赔偿，并由主管部门责令改正。"


def in_json(lawyer: LawyerAtDesk, method: str, path: str, **body: Any) -> Any:
    json = body or None if method == "POST" else None
    return lawyer.client.request(method, f"/v1/desk/{path}", json=json, headers=lawyer.headers)


def notes(lawyer: LawyerAtDesk, round_id: str) -> list[str]:
    found = in_json(lawyer, "GET", f"rounds/{round_id}/notes")
    assert found.status_code == 200, found.text
    return [each["text"] for each in found.json()["notes"]]


def by_form(lawyer: LawyerAtDesk, path: str, *, script: bool = False, **fields: Any) -> Any:
    """Send one of the desk's forms, as a browser does without script or as htmx does."""
    headers = {"Cookie": lawyer.headers["Cookie"], "Accept": "text/html"} | ({"HX-Request": "true"} if script else {})
    data = {"csrf_token": lawyer.headers["X-CSRF-Token"], **fields}
    return lawyer.client.post(f"/desk/rounds/{path}", data=data, headers=headers, follow_redirects=False)


def desk_page(lawyer: LawyerAtDesk, path: str) -> str:
    found = lawyer.client.get(f"/desk/rounds/{path}", headers={"Cookie": lawyer.headers["Cookie"]})
    assert found.status_code == 200, found.text
    return str(found.text)


def citizens_page(citizen: Citizen) -> str:
    cookie = {"Cookie": f"{CHAT_COOKIE}={citizen.id}.{citizen.token}"}
    return str(citizen.client.get("/", headers=cookie).text)


def the_round(service: Service, round_id: str) -> Round:
    with service.database.read() as session:
        return session.get_one(Round, UUID(round_id))


def verbs(service: Service, subject: str) -> list[str]:
    with service.database.read() as session:
        statement = select(AuditRow.verb).where(AuditRow.subject == subject).order_by(AuditRow.id)
        return list(session.execute(statement).scalars())


def described(service: Service, lawyer: LawyerAtDesk, **columns: Any) -> None:
    with service.database.write() as session:
        found = session.get_one(Lawyer, UUID(lawyer.id))
        for name, value in columns.items():
            setattr(found, name, value)


# ---- notes ----


def test_a_note_is_seen_by_the_lawyers_whom_the_consultation_reached_and_by_nobody_else(service: Service) -> None:
    writer, reader, elsewhere = service.a_lawyer(), service.a_lawyer(), service.a_lawyer("330100")
    citizen = service.a_citizen()
    citizen.asks(QUESTION)
    round_id = writer.waiting()[0]["id"]
    written = in_json(writer, "POST", f"rounds/{round_id}/notes", text=f"  {SECRET}\n")
    assert written.status_code == 201, written.text
    assert (written.json()["text"], written.json()["lawyer_id"]) == (SECRET, writer.id)
    assert notes(reader, round_id) == [SECRET]
    assert in_json(elsewhere, "GET", f"rounds/{round_id}/notes").status_code == 404
    assert in_json(elsewhere, "POST", f"rounds/{round_id}/notes", text="我也说一句").status_code == 404

    # A follow-up is the same consultation: whom it reaches reads what was noted before.
    reader.answers(round_id)
    citizen.asks("那该找谁呢")
    assert notes(reader, reader.waiting()[0]["id"]) == [SECRET]


def test_a_note_never_reaches_the_citizen(service: Service) -> None:
    lawyer = service.a_lawyer()
    citizen = service.a_citizen()
    citizen.asks(QUESTION)
    round_id = lawyer.waiting()[0]["id"]
    before = citizen.reads()
    with service.database.read() as session:
        last_event = session.execute(select(OutboxEvent.id).order_by(OutboxEvent.id.desc()).limit(1)).scalar_one()
    in_json(lawyer, "POST", f"rounds/{round_id}/notes", text=SECRET)

    assert citizen.reads() == before
    assert SECRET not in citizens_page(citizen)
    assert SECRET in desk_page(lawyer, round_id)
    with service.database.read() as session:
        topics = session.execute(select(OutboxEvent.topic).where(OutboxEvent.id > last_event)).scalars().all()
        holding = {
            table.name
            for table in Base.metadata.sorted_tables
            if any(SECRET in str(row) for row in session.execute(select(table)))
        }
    assert set(topics) == {"desk"}, "the citizen's page is not even told to look"
    assert holding == {"notes"}, "no message, event or audit row has the words that an export could find"


def test_a_note_sent_twice_is_one_and_an_empty_one_is_refused(service: Service) -> None:
    lawyer = service.a_lawyer()
    service.a_citizen().asks(QUESTION)
    round_id = lawyer.waiting()[0]["id"]
    for text, status in ((SECRET, 201), (SECRET, 201), ("  ", 422), ("长" * 2001, 422), ("另一条", 201)):
        assert in_json(lawyer, "POST", f"rounds/{round_id}/notes", text=text).status_code == status
    assert notes(lawyer, round_id) == [SECRET, "另一条"]


# ---- colleagues ----


def test_a_colleague_who_is_suggested_has_the_round_and_may_answer_it(service: Service) -> None:
    asking = service.a_lawyer()
    friend = service.a_lawyer("330100", "nation")
    service.a_citizen().asks(QUESTION)
    round_id = asking.waiting()[0]["id"]
    assert friend.waiting() == []
    said = in_json(asking, "POST", f"rounds/{round_id}/suggest", colleague=friend.id)
    assert said.status_code == 200, said.text
    assert said.json()["lawyer_id"] == friend.id
    assert [each["id"] for each in friend.waiting()] == [round_id]
    assert "同行请您来看" in desk_page(friend, round_id)
    assert "suggest_colleague" in verbs(service, round_id)
    with service.database.read() as session:
        events = session.execute(select(OutboxEvent.data).where(OutboxEvent.topic == "desk")).scalars().all()
    assert {"round_id": round_id, "tier": "suggested"} in events
    assert friend.answers(round_id).status_code == 201

    again = in_json(asking, "POST", f"rounds/{round_id}/suggest", colleague=friend.id)
    assert (again.status_code, "已经推送给" in again.json()["title"]) == (409, True)


def test_a_colleague_may_be_named_by_licence_and_must_exist(service: Service) -> None:
    asking, friend, gone = service.a_lawyer(), service.a_lawyer("330100"), service.a_lawyer("330100")
    described(service, gone, active=False)
    service.a_citizen().asks(QUESTION)
    round_id = asking.waiting()[0]["id"]
    for colleague, status in ((friend.login, 200), (gone.login, 404), (gone.id, 404), ("没有这个号", 404)):
        said = in_json(asking, "POST", f"rounds/{round_id}/suggest", colleague=colleague)
        assert said.status_code == status, said.text
    assert (
        in_json(service.a_lawyer("110101"), "POST", f"rounds/{round_id}/suggest", colleague=gone.id).status_code == 404
    )


def test_one_lawyer_suggests_five_at_the_most_and_none_once_the_round_is_over(service: Service) -> None:
    asking, other = service.a_lawyer(), service.a_lawyer()
    friends = [service.a_lawyer("330100") for _ in range(7)]
    citizen = service.a_citizen()
    citizen.asks(QUESTION)
    round_id = asking.waiting()[0]["id"]
    statuses = [
        in_json(asking, "POST", f"rounds/{round_id}/suggest", colleague=each.id).status_code for each in friends
    ]
    assert statuses == [200] * 5 + [409] * 2
    assert in_json(other, "POST", f"rounds/{round_id}/suggest", colleague=friends[5].id).status_code == 200
    citizen.asks("满意")
    citizen.asks("/satisfied")
    over = in_json(other, "POST", f"rounds/{round_id}/suggest", colleague=friends[6].id)
    assert (over.status_code, "不再等待解答" in over.json()["title"]) == (409, True)


def test_colleagues_are_found_by_name_firm_and_specialty_the_nearest_first(service: Service) -> None:
    asking = service.a_lawyer()
    far, province, city = service.a_lawyer("330100"), service.a_lawyer("150100"), service.a_lawyer("150900")
    for lawyer, name in ((far, "甲一"), (province, "乙二"), (city, "丙三")):
        described(
            service, lawyer, name=name, firm="公道所", specialties=["婚姻家庭", "劳动_争议"], phone_encrypted="密文"
        )

    def found(**query: str) -> list[str]:
        answer = asking.client.get("/v1/desk/colleagues", params=query, headers=asking.headers)
        assert answer.status_code == 200, answer.text
        assert "密文" not in answer.text
        assert all("phone" not in key for each in answer.json()["colleagues"] for key in each)
        return [each["name"] for each in answer.json()["colleagues"]]

    assert found(q="公道") == ["丙三", "乙二", "甲一"]
    assert found(q="婚姻") == ["丙三", "乙二", "甲一"]
    assert found(q="公道 甲") == ["甲一"]
    assert found(q="公道", region="330106") == ["甲一", "丙三", "乙二"]
    assert found(q="公道", specialty="劳动") == ["丙三", "乙二", "甲一"]
    assert found(specialty="刑事") == []
    assert found(q="%") == []
    assert found(q="动_争") == ["丙三", "乙二", "甲一"]
    described(service, city, active=False)
    assert found(q="公道") == ["乙二", "甲一"]
    for _ in range(12):
        service.a_lawyer()
    assert len(found()) == 10


# ---- referral ----


def test_what_is_no_matter_for_lawyers_goes_to_the_right_office_and_the_citizen_is_told(service: Service) -> None:
    lawyer, other = service.a_lawyer(), service.a_lawyer()
    citizen = service.a_citizen()
    citizen.asks(QUESTION)
    round_id = lawyer.waiting()[0]["id"]
    assert other.claims(round_id).status_code == 200
    words = "路灯归城管部门管，打电话时说清小区名和灯杆号。"
    said = in_json(lawyer, "POST", f"rounds/{round_id}/refer", office="12345", words=words)
    assert said.status_code == 200, said.text
    assert said.json()["referred_to"] == "政务服务便民热线（电话 12345）"

    seen = citizen.reads()
    bubble = seen["messages"][-1]
    assert (bubble["author"], bubble["kind"], bubble["lawyer"]["id"]) == ("lawyer", "notice", lawyer.id)
    assert "12345" in bubble["text"]
    assert words in bubble["text"]
    assert seen["consultation"]["state"] == "answered"
    assert seen["consultation"]["lawyers"] == []
    assert (seen["consultation"]["round"]["state"], seen["consultation"]["round"]["answered"]) == ("referred", 0)
    page = citizens_page(citizen)
    assert "转其他部门" in page
    assert "律师建议这件事找政务服务便民热线" in page
    assert "追问这位律师" not in page

    assert [lawyer.waiting(), other.waiting()] == [[], []]
    with service.database.read() as session:
        assert session.execute(select(Lease).where(Lease.round_id == UUID(round_id))).first() is None
    assert "refer_round" in verbs(service, round_id)
    again = in_json(other, "POST", f"rounds/{round_id}/refer", office="110", words="应当报警。")
    assert (again.status_code, "12345" in again.json()["title"]) == (409, True)


def test_a_referral_breaks_no_promise_and_closes_nothing(service: Service) -> None:
    lawyer = service.a_lawyer()
    citizen = service.a_citizen()
    citizen.asks(QUESTION)
    round_id = lawyer.waiting()[0]["id"]
    in_json(lawyer, "POST", f"rounds/{round_id}/refer", office="当地住房和城乡建设局", words="物业维修由他们管。")
    clock.advance(3600)
    assert service.dispatcher.move_due_rounds() == 0
    found = the_round(service, round_id)
    assert (found.state, found.broken_at, found.due_at, found.referred_to) == (
        "referred", None, None, "当地住房和城乡建设局",
    )  # fmt: skip
    with service.database.read() as session:
        consultation = session.get_one(Consultation, found.consultation_id)
    assert (consultation.state, consultation.closings) == ("answered", 0)


def test_after_a_referral_the_citizen_may_go_on_and_all_are_asked_anew(service: Service) -> None:
    lawyers = [service.a_lawyer() for _ in range(2)]
    citizen = service.a_citizen()
    number = citizen.says(QUESTION).json()["consultation"]["number"]
    in_json(
        lawyers[0], "POST", f"rounds/{lawyers[0].waiting()[0]['id']}/refer", office="community", words="先找居委会。"
    )
    [told] = citizen.asks("还有多久")
    assert "律师建议这件事找所在的社区居委会或村委会" in told["text"]
    [sent] = citizen.asks("居委会说不归他们管，我能起诉物业吗")
    assert sent["kind"] == "handoff"
    assert f"咨询编号 {number}" in sent["text"]
    for lawyer in lawyers:
        [waiting] = lawyer.waiting()
        assert (waiting["question"], waiting["quorum"], waiting["number"]) == (
            "居委会说不归他们管，我能起诉物业吗",
            3,
            2,
        )
    assert citizen.reads()["consultation"]["state"] == "waiting"


def test_a_follow_up_that_was_referred_leaves_the_next_to_those_who_answered(service: Service) -> None:
    answering, other = service.a_lawyer(), service.a_lawyer()
    citizen = service.a_citizen()
    citizen.asks(QUESTION)
    answering.answers(answering.waiting()[0]["id"])
    citizen.asks("那物业态度很差怎么办")
    [follow_up] = [each for each in answering.waiting() if each["number"] == 2]
    assert in_json(
        answering, "POST", f"rounds/{follow_up['id']}/refer", office="12345", words="态度问题可以投诉。"
    ).status_code == 200  # fmt: skip
    seen = citizen.reads()["consultation"]
    assert (seen["state"], len(seen["lawyers"])) == ("waiting", 1), "the first question still waits for two more"
    assert "第 1 位解答" in citizens_page(citizen)
    citizen.asks("投诉没有用，能要求退物业费吗")
    assert [each["number"] for each in other.waiting()] == [1]
    assert 3 in [each["number"] for each in answering.waiting()]


def test_what_a_colleague_has_answered_is_not_referred(service: Service) -> None:
    lawyer, other = service.a_lawyer(), service.a_lawyer()
    citizen = service.a_citizen()
    citizen.asks(QUESTION)
    round_id = lawyer.waiting()[0]["id"]
    other.answers(round_id)
    refused = in_json(lawyer, "POST", f"rounds/{round_id}/refer", office="12345", words="打热线。")
    assert (refused.status_code, "已有律师解答" in refused.json()["title"]) == (409, True)
    assert citizen.reads()["consultation"]["round"]["state"] == "open"


@pytest.mark.parametrize(
    ("office", "words", "field"),
    [("", "打热线。", "office"), ("长" * 41, "打热线。", "office"), ("12345", " ", "words")],
)
def test_a_referral_without_office_or_words_is_refused_by_name(
    service: Service, office: str, words: str, field: str
) -> None:
    lawyer = service.a_lawyer()
    service.a_citizen().asks(QUESTION)
    round_id = lawyer.waiting()[0]["id"]
    refused = in_json(lawyer, "POST", f"rounds/{round_id}/refer", office=office, words=words)
    assert refused.status_code == 422
    assert [each["field"] for each in refused.json()["errors"]] == [field]
    assert the_round(service, round_id).state == "open"


def test_an_answer_is_still_welcome_after_a_referral(service: Service) -> None:
    lawyer, other = service.a_lawyer(), service.a_lawyer()
    citizen = service.a_citizen()
    citizen.asks(QUESTION)
    round_id = lawyer.waiting()[0]["id"]
    other.claims(round_id)
    in_json(lawyer, "POST", f"rounds/{round_id}/refer", office="12345", words="打热线。")
    assert other.answers(round_id, "也可以要求物业公司履行合同。").status_code == 201
    assert [each["kind"] for each in citizen.reads()["messages"][-2:]] == ["notice", "lawyer_answer"]


# ---- citations of law not in force ----


def draft(name: str, texts: list[str], promulgated: date) -> VersionDraft:
    return VersionDraft(
        name=name, rank=Rank.LAW, promulgated=promulgated, effective_from=promulgated, source=Source.TEXT, region="100000",
        articles=[
            ArticleDraft(str(ArticleNumber(number)), ArticleNumber(number).ordinal, "第一章 总则", text)
            for number, text in enumerate(texts, start=1)
        ],
        repeals=(("灯笼法", promulgated),) if promulgated == NEW else (), where=name,
    )  # fmt: skip


@pytest.fixture
def lamps(service: Service) -> None:
    """A law in two versions, the second of which has moved an article and repealed another law."""
    report = ImportReport("test")
    lit = "路灯应当在日落后开启，在日出后关闭。"
    drafts = [
        draft("中华人民共和国灯笼法", [LANTERNS], date(2001, 1, 1)),
        draft("中华人民共和国路灯法", [lit, FINE], OLD),
        draft("中华人民共和国路灯法", [lit, "路灯应当节能。", NEW_FINE, LANTERNS], NEW),
    ]
    store(service.database, drafts, report, lambda *_: None)
    assert not report.left_out


OLD_ARTICLE = "《路灯法》（2019年版）第二条"


@pytest.mark.usefixtures("lamps")
def test_a_citation_not_in_force_is_warned_of_with_what_is_in_force_now(service: Service) -> None:
    lawyer = service.a_lawyer()
    citizen = service.a_citizen()
    citizen.asks(QUESTION)
    round_id = lawyer.waiting()[0]["id"]
    warned = lawyer.answers(round_id, citations=[OLD_ARTICLE, "《灯笼法》第一条", "《路灯法》第一条"])
    assert warned.status_code == 409
    assert warned.headers["content-type"] == "application/problem+json"
    moved, repealed = warned.json()["warnings"]
    assert (moved["citation"], moved["status"], moved["version"]) == (OLD_ARTICLE, "已被修改", "2019年版")
    assert (moved["text"], moved["current"]["text"]) == (FINE, NEW_FINE)
    assert moved["current"]["citation"] == "《中华人民共和国路灯法》第三条"
    assert (repealed["status"], repealed["current"]["article"]) == ("已废止", "第四条")
    assert repealed["current"]["law"] == "中华人民共和国路灯法"
    assert all(each["author"] != "lawyer" for each in citizen.reads()["messages"]), "nothing was sent"

    # One press takes what is in force.
    taken = lawyer.answers(round_id, citations=[moved["current"]["citation"]])
    assert taken.status_code == 201
    assert taken.json()["citations"][0]["text"] == NEW_FINE


@pytest.mark.usefixtures("lamps")
def test_old_law_that_is_confirmed_is_stored_and_shown_as_old(service: Service) -> None:
    lawyer = service.a_lawyer()
    citizen = service.a_citizen()
    citizen.asks(QUESTION)
    round_id = lawyer.waiting()[0]["id"]
    other = lawyer.answers(round_id, citations=[OLD_ARTICLE, "《灯笼法》第一条"], confirmed=[OLD_ARTICLE])
    assert [each["citation"] for each in other.json()["warnings"]] == ["《灯笼法》第一条"], (
        "each is confirmed by itself"
    )
    kept = lawyer.answers(round_id, citations=[OLD_ARTICLE], confirmed=[OLD_ARTICLE])
    assert kept.status_code == 201, kept.text
    [citation] = citizen.reads()["messages"][-1]["citations"]
    assert (citation["text"], citation["status"], citation["version"]) == (FINE, "已被修改", "2019年版")
    assert service.client.get(citation["url"]).text.count(FINE) == 1, "it leads to the old text"
    page = citizens_page(citizen)
    assert "2019年版，已被修改" in page
    assert "按事情发生时的法律引用" in page


@pytest.mark.usefixtures("lamps")
@pytest.mark.parametrize(
    "citation", ["《路灯法》第九十条", "《路灯法》（2007年版）第二条", "《无此法》第一条", "看看再说"]
)
def test_an_article_that_is_not_there_stays_refused_confirmed_or_not(service: Service, citation: str) -> None:
    lawyer = service.a_lawyer()
    service.a_citizen().asks(QUESTION)
    refused = lawyer.answers(lawyer.waiting()[0]["id"], citations=[citation], confirmed=[citation])
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "citations"


# ---- the pages, with and without script ----


@pytest.mark.usefixtures("lamps")
def test_the_warning_on_the_page_keeps_what_was_written_and_takes_a_decision(service: Service) -> None:
    lawyer = service.a_lawyer()
    citizen = service.a_citizen()
    citizen.asks(QUESTION)
    round_id = lawyer.waiting()[0]["id"]
    written = {
        "client_message_id": "one",
        "text": "当时的法律规定了罚款。",
        "citations": [OLD_ARTICLE, "《灯笼法》第一条"],
    }
    warned = by_form(lawyer, f"{round_id}/answer", **written)
    assert warned.status_code == 409
    assert "当时的法律规定了罚款。</textarea>" in warned.text
    assert f'name="on:{OLD_ARTICLE}" value="《中华人民共和国路灯法》第三条"' in warned.text
    piece = by_form(lawyer, f"{round_id}/answer", script=True, **written)
    assert (piece.status_code, piece.text.startswith('<div id="warnings"')) == (409, True)
    assert piece.headers["content-type"].startswith("text/html")

    decided = {f"on:{OLD_ARTICLE}": "keep", "on:《灯笼法》第一条": "drop"}
    assert by_form(lawyer, f"{round_id}/answer", **written, **decided).status_code == 303
    assert [each["version"] for each in citizen.reads()["messages"][-1]["citations"]] == ["2019年版"]

    written["client_message_id"] = "two"
    decided = {f"on:{OLD_ARTICLE}": "《中华人民共和国路灯法》第三条", "on:《灯笼法》第一条": "drop"}
    assert by_form(lawyer, f"{round_id}/answer", script=True, **written, **decided).status_code == 204
    assert [each["text"] for each in citizen.reads()["messages"][-1]["citations"]] == [NEW_FINE]


@pytest.mark.usefixtures("lamps")
def test_old_law_is_found_by_its_year_at_the_desk_and_marked(service: Service) -> None:
    lawyer = service.a_lawyer()
    service.a_citizen().asks(QUESTION)
    round_id = lawyer.waiting()[0]["id"]
    hits = desk_page(lawyer, f"{round_id}/laws?q={OLD_ARTICLE}")
    assert FINE in hits
    assert "2019年版，已被修改" in hits
    assert 'value="《中华人民共和国路灯法》（2019年版）第二条"' in hits


def test_notes_and_colleagues_work_as_plain_forms_and_as_pieces(service: Service) -> None:
    lawyer, friend = service.a_lawyer(), service.a_lawyer("330100")
    described(service, friend, name="云中鹤")
    service.a_citizen().asks(QUESTION)
    round_id = lawyer.waiting()[0]["id"]
    assert by_form(lawyer, f"{round_id}/notes", text=SECRET).status_code == 303
    assert SECRET in desk_page(lawyer, round_id)
    piece = by_form(lawyer, f"{round_id}/notes", script=True, text="<b>第二条</b>")
    assert piece.text.startswith('<ul id="notes"')
    assert "&lt;b&gt;第二条" in piece.text
    refused = by_form(lawyer, f"{round_id}/notes", text="长" * 2001)
    assert (refused.status_code, "备注最多 2000 字" in refused.text) == (422, True)
    assert "长" * 2001 in refused.text, "nothing written is lost"

    picker = desk_page(lawyer, f"{round_id}?colleague=云中")
    assert f'name="chosen" value="{friend.id}"' in picker
    assert f'value="{friend.id}"' in desk_page(lawyer, f"{round_id}/colleagues?colleague=云中")
    assert by_form(lawyer, f"{round_id}/suggest", chosen=friend.id).status_code == 303
    assert [each["id"] for each in friend.waiting()] == [round_id]
    assert "您已请云中鹤律师来看" in desk_page(lawyer, round_id)
    assert "已有这一轮" in desk_page(lawyer, f"{round_id}/colleagues?colleague=云中")
    twice = by_form(lawyer, f"{round_id}/suggest", script=True, chosen=friend.id)
    assert (twice.status_code, "已经推送给云中鹤" in twice.text) == (409, True)


def test_a_referral_works_as_a_plain_form_and_loses_nothing_when_refused(service: Service) -> None:
    lawyer = service.a_lawyer()
    citizen = service.a_citizen()
    citizen.asks(QUESTION)
    round_id = lawyer.waiting()[0]["id"]
    refused = by_form(lawyer, f"{round_id}/refer", office="other", other_office="", words="找他们修。")
    assert refused.status_code == 422
    assert "请选择或写明应当找的部门" in refused.text
    assert "找他们修。</textarea>" in refused.text
    without_token = lawyer.client.post(
        f"/desk/rounds/{round_id}/refer", data={"office": "12345", "words": "打热线。"},
        headers={"Cookie": lawyer.headers["Cookie"]},
    )  # fmt: skip
    assert without_token.status_code == 403
    sent = by_form(lawyer, f"{round_id}/refer", office="other", other_office="区路灯管理所", words="找他们修。")
    assert sent.status_code == 303
    assert "建议您找区路灯管理所。\n找他们修。" in citizen.reads()["messages"][-1]["text"]
    assert "已告诉市民找其他部门" in desk_page(lawyer, round_id)
    assert "不属于法律问题，转其他部门" not in desk_page(lawyer, round_id)

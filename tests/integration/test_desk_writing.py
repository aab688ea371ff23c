"""What a lawyer writes is kept: drafts on the server, words of their own; the figures of their work, the office they sit at."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from people import LawyerAtDesk, Service
from sqlalchemy import func, select

from core import clock
from core.regions import NATION
from escalation.answer_drafts import drop_old_drafts
from escalation.figures.silence import silent_pushes
from escalation.models import AnswerDraft, AuditRow, Rating, Staff
from escalation.my_figures import since_days
from services.office_file import TEMPLATE, import_offices
from services.offices import make_clerk

QUESTION = "小区路灯坏了三个月没有人修，怎么办"
WORDS = "可以先向物业公司书面提出。"
OFFICE = "乌兰察布市公共法律服务中心"
ON_ONE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""What a page shows does not depend on the database."""


def asks(lawyer: LawyerAtDesk, method: str, path: str, **body: Any) -> Any:
    json = body if method in ("POST", "PUT") else None
    return lawyer.client.request(method, f"/v1/desk/{path}", json=json, headers=lawyer.headers)


def opens(lawyer: LawyerAtDesk, path: str) -> Any:
    return lawyer.client.get(path, headers={"Cookie": lawyer.headers["Cookie"], "Accept": "text/html"})


def sends(lawyer: LawyerAtDesk, path: str, **fields: Any) -> Any:
    headers = {"Cookie": lawyer.headers["Cookie"], "Accept": "text/html"}
    data = {"csrf_token": lawyer.headers["X-CSRF-Token"], **fields}
    return lawyer.client.post(path, data=data, headers=headers, follow_redirects=False)


def draft(lawyer: LawyerAtDesk, round_id: str) -> str:
    found = asks(lawyer, "GET", f"rounds/{round_id}/draft")
    assert found.status_code == 200, found.text
    return str(found.json()["text"])


# ---- drafts ----


def test_a_draft_comes_back_to_who_wrote_it_and_to_nobody_else(service: Service) -> None:
    writer, reader, elsewhere = service.a_lawyer(), service.a_lawyer(), service.a_lawyer("330100")
    service.a_citizen().asks(QUESTION)
    round_id = writer.waiting()[0]["id"]
    kept = asks(writer, "PUT", f"rounds/{round_id}/draft", text=WORDS, citations=["《民法典》第九百四十二条"])
    assert kept.status_code == 200, kept.text
    assert (kept.json()["text"], kept.json()["citations"]) == (WORDS, ["《民法典》第九百四十二条"])

    page = opens(LawyerAtDesk(writer.client, writer.login), f"/desk/rounds/{round_id}").text
    assert WORDS in page, "the page of another browser has it, with or without script"
    assert "《民法典》第九百四十二条" in page
    assert draft(reader, round_id) == ""
    assert WORDS not in opens(reader, f"/desk/rounds/{round_id}").text
    for answer in (
        asks(elsewhere, "GET", f"rounds/{round_id}/draft"),
        asks(elsewhere, "PUT", f"rounds/{round_id}/draft", text="我也来写"),
    ):
        assert answer.status_code == 404
    with service.database.read() as session:
        assert not any(WORDS in str(row.detail) for row in session.execute(select(AuditRow)).scalars())


def test_the_newest_words_win_however_late_they_arrive(service: Service) -> None:
    lawyer = service.a_lawyer()
    service.a_citizen().asks(QUESTION)
    path = f"rounds/{lawyer.waiting()[0]['id']}/draft"
    asks(lawyer, "PUT", path, text="在手机上写的，写到一半断了网", written_ms_ago=5000)
    asks(lawyer, "PUT", path, text=WORDS)
    late = asks(lawyer, "PUT", path, text="手机连上了", written_ms_ago=3000)
    assert late.json()["text"] == WORDS, "the phone is told what stands"
    asks(lawyer, "PUT", path, text="")
    assert asks(lawyer, "PUT", path, text="更早的话", written_ms_ago=60_000).json()["text"] == "", "struck out stays so"
    for body in ({"text": "长" * 5001}, {"text": WORDS, "citations": ["《民法典》第一条"] * 21}):
        refused = asks(lawyer, "PUT", path, **body)
        assert refused.status_code == 422
        assert "最多" in refused.json()["title"]
    assert asks(lawyer, "PUT", path, text=WORDS, written_ms_ago=-1).status_code == 422


def test_what_goes_on_from_the_words_that_stand_is_newer_however_long_those_were_on_their_way(service: Service) -> None:
    lawyer = service.a_lawyer()
    service.a_citizen().asks(QUESTION)
    path = f"rounds/{lawyer.waiting()[0]['id']}/draft"
    stood = asks(lawyer, "PUT", path, text="可以").json()["written_at"]
    # Typed while the first was on its way, so by the clocks two seconds older than that one.
    grown = asks(lawyer, "PUT", path, text=WORDS, written_ms_ago=2000, goes_on_from=stood).json()
    assert grown["text"] == WORDS
    assert grown["written_at"] > stood
    # Another browser still has the first on its page.
    late = asks(lawyer, "PUT", path, text="可以，不过", written_ms_ago=2000, goes_on_from=stood).json()
    assert late == grown
    assert asks(lawyer, "PUT", path, text="后来写的", goes_on_from=stood).json()["text"] == "后来写的"


def test_a_draft_is_gone_once_its_answer_is_sent(service: Service) -> None:
    lawyer = service.a_lawyer()
    service.a_citizen().asks(QUESTION)
    round_id = lawyer.waiting()[0]["id"]
    asks(lawyer, "PUT", f"rounds/{round_id}/draft", text=WORDS)
    assert lawyer.answers(round_id, WORDS).status_code == 201
    assert draft(lawyer, round_id) == ""
    overtaken = asks(lawyer, "PUT", f"rounds/{round_id}/draft", text=WORDS, written_ms_ago=60_000)
    assert (overtaken.status_code, overtaken.json()["written_at"]) == (200, None), "what was on its way comes too late"
    assert draft(lawyer, round_id) == ""
    clock.advance(10)
    asks(lawyer, "PUT", f"rounds/{round_id}/draft", text="再补充一点")
    assert draft(lawyer, round_id) == "再补充一点"


def test_drafts_of_rounds_long_over_are_swept_away(service: Service) -> None:
    lawyer = service.a_lawyer()
    over, waiting = service.a_citizen(), service.a_citizen()
    over.asks(QUESTION)
    waiting.asks(QUESTION)
    first, second = (each["id"] for each in lawyer.waiting())
    for round_id in (first, second):
        asks(lawyer, "PUT", f"rounds/{round_id}/draft", text=WORDS)
    over.asks("/satisfied")
    open_now = {each["id"] for each in lawyer.waiting()}
    assert len(open_now) == 1
    for days, left in ((29, 2), (2, 1)):
        clock.advance(timedelta(days=days).total_seconds())
        with service.database.write() as session:
            drop_old_drafts(session)
        with service.database.read() as session:
            found = session.execute(select(AnswerDraft.round_id)).scalars().all()
        assert len(found) == left
    assert {str(each) for each in found} == open_now


@ON_ONE
def test_without_script_a_button_keeps_the_draft(service: Service) -> None:
    lawyer = service.a_lawyer()
    service.a_citizen().asks(QUESTION)
    round_id = lawyer.waiting()[0]["id"]
    kept = sends(lawyer, f"/desk/rounds/{round_id}/draft", text=f"{WORDS}\r\n第二行")
    assert (kept.status_code, kept.headers["Location"]) == (303, f"/desk/rounds/{round_id}#answer")
    assert draft(lawyer, round_id) == f"{WORDS}\n第二行"
    assert f"{WORDS}\n第二行</textarea>" in opens(lawyer, f"/desk/rounds/{round_id}").text
    # A form beside the answer that is refused gives the page back with the draft in it.
    assert WORDS in sends(lawyer, f"/desk/rounds/{round_id}/notes", text=" ").text


@ON_ONE
def test_logged_out_while_writing_the_log_in_leads_back(service: Service) -> None:
    lawyer = service.a_lawyer()
    service.a_citizen().asks(QUESTION)
    round_id = lawyer.waiting()[0]["id"]
    lawyer.client.post("/v1/auth/logout", headers=lawyer.headers)
    assert asks(lawyer, "PUT", f"rounds/{round_id}/draft", text=WORDS).status_code == 401
    for page in (
        opens(lawyer, f"/desk/rounds/{round_id}"),
        sends(lawyer, f"/desk/rounds/{round_id}/answer", text=WORDS),
    ):
        assert f'name="wanted" value="/desk/rounds/{round_id}"' in page.text


# ---- words of one's own ----


def test_templates_are_kept_changed_and_deleted_by_their_lawyer_alone(service: Service) -> None:
    lawyer, other = service.a_lawyer(), service.a_lawyer()
    kept = asks(lawyer, "POST", "templates", title="  欠薪  投诉 ", text=WORDS)
    assert kept.status_code == 201, kept.text
    template = kept.json()
    assert template["title"] == "欠薪 投诉"
    assert asks(lawyer, "POST", "templates", title="欠薪 投诉", text=WORDS).json()["id"] == template["id"], "sent twice"
    taken = asks(lawyer, "POST", "templates", title="欠薪 投诉", text="别的话")
    assert (taken.status_code, "已经有叫" in taken.json()["title"]) == (409, True)
    for title, text in (("", WORDS), ("长" * 41, WORDS), ("空的", " "), ("长的", "长" * 2001)):
        assert asks(lawyer, "POST", "templates", title=title, text=text).status_code == 422
    path = f"templates/{template['id']}"
    assert asks(other, "GET", "templates").json() == {"templates": []}
    assert asks(other, "PUT", path, title="改", text="改").status_code == 404
    assert asks(other, "DELETE", path).status_code == 404
    assert asks(lawyer, "PUT", path, title="欠薪", text="到劳动监察大队投诉。").status_code == 200
    assert [each["text"] for each in asks(lawyer, "GET", "templates").json()["templates"]] == ["到劳动监察大队投诉。"]
    assert asks(lawyer, "DELETE", path).status_code == 204
    assert asks(lawyer, "GET", "templates").json() == {"templates": []}


@ON_ONE
def test_there_are_at_most_fifty_templates(service: Service) -> None:
    lawyer = service.a_lawyer()
    for number in range(50):
        assert asks(lawyer, "POST", "templates", title=f"第{number}条", text=WORDS).status_code == 201
    full = asks(lawyer, "POST", "templates", title="第五十一条", text=WORDS)
    assert (full.status_code, "最多 50 条" in full.json()["title"]) == (409, True)


@ON_ONE
def test_the_page_of_templates_works_without_script_and_loses_nothing(service: Service) -> None:
    lawyer = service.a_lawyer()
    assert sends(lawyer, "/desk/templates", title="欠薪", text=WORDS).status_code == 303
    refused = sends(lawyer, "/desk/templates", title="欠薪", text="别的话<b>")
    assert refused.status_code == 409
    assert "已经有叫“欠薪”的常用语" in refused.text
    assert "别的话&lt;b&gt;</textarea>" in refused.text
    template = asks(lawyer, "GET", "templates").json()["templates"][0]["id"]
    empty = sends(lawyer, f"/desk/templates/{template}", title="欠薪怎么办", text=" ")
    assert 'value="欠薪怎么办"' in empty.text
    assert "不能为空" in empty.text
    assert sends(lawyer, f"/desk/templates/{template}", title="欠薪怎么办", text=WORDS).status_code == 303
    assert "欠薪怎么办" in opens(lawyer, "/desk/templates").text
    assert sends(lawyer, f"/desk/templates/{template}/delete").status_code == 303
    assert "没有这条常用语" in sends(lawyer, f"/desk/templates/{template}/delete").text
    no_token = lawyer.client.post(
        "/desk/templates", data={"title": "x", "text": "x"}, headers={"Cookie": lawyer.headers["Cookie"]}
    )
    assert no_token.status_code == 403


# ---- suggestions ----


@ON_ONE
def test_without_a_knowledge_base_the_place_for_suggestions_says_so(service: Service) -> None:
    lawyer, elsewhere = service.a_lawyer(), service.a_lawyer("330100")
    service.a_citizen().asks(QUESTION)
    round_id = lawyer.waiting()[0]["id"]
    assert "法规库还没有建好" in asks(lawyer, "GET", f"rounds/{round_id}/suggestions").json()["problem"]
    assert "法规库还没有建好" in opens(lawyer, f"/desk/rounds/{round_id}/suggestions").text
    assert "法规库还没有建好" in opens(lawyer, f"/desk/rounds/{round_id}?suggest=true").text
    assert asks(elsewhere, "GET", f"rounds/{round_id}/suggestions").status_code == 404


# ---- my figures ----


def test_my_figures_count_answers_places_waits_and_silence(service: Service) -> None:
    me, second, third, fourth = (service.a_lawyer() for _ in range(4))
    citizens = [service.a_citizen() for _ in range(3)]
    for citizen in citizens:
        citizen.asks(QUESTION)
    first_round, late_round, silent_round = (each["id"] for each in me.waiting())
    clock.advance(60)
    me.answers(first_round)
    me.answers(first_round, "再补充一点。")
    for other in (second, third, fourth):
        assert other.answers(late_round).status_code == 201
    clock.advance(60)
    me.answers(late_round)

    today = asks(me, "GET", "me").json()["today"]
    assert (today["pushed"], today["answers"], today["rounds"], today["first_three"]) == (3, 3, 2, 1)
    assert 90 <= today["median_s"] < 100, "one after 60 s, one after 120 s"
    assert today["silent"] == 0

    # Half an hour later the third round has had its time; so says the board, of everybody.
    clock.advance(1900)
    found = asks(me, "GET", "me").json()
    assert found["month"]["silent"] == 1
    assert found["ratings"]["enough"] is False
    with service.database.read() as session:
        since = since_days(session, 30)
        board = {each.lawyer.id: each.silent for each in silent_pushes(session, since, clock.now(), NATION)}
    for lawyer in (me, second, third, fourth):
        assert asks(lawyer, "GET", "me").json()["month"]["silent"] == board.get(UUID(lawyer.id), 0)
    assert silent_round not in (first_round, late_round)

    clock.advance(timedelta(days=8).total_seconds())
    me = LawyerAtDesk(me.client, me.login)
    found = asks(me, "GET", "me").json()
    assert [found[name]["answers"] for name in ("today", "week", "month")] == [0, 0, 3]
    page = opens(me, "/desk/me").text
    assert "近 30 天共 2 轮" in page
    assert "评价还不足五次" in page


def test_a_round_that_the_citizen_closed_counts_as_the_board_counts_it(service: Service) -> None:
    me = service.a_lawyer()
    quick, slow = service.a_citizen(), service.a_citizen()
    quick.asks(QUESTION)
    slow.asks(QUESTION)
    quick.asks("/satisfied")
    clock.advance(1900)
    slow.asks("/satisfied")
    clock.advance(1900)
    assert asks(me, "GET", "me").json()["month"]["silent"] == 1, "of the first one they had not their whole time"


@ON_ONE
def test_ratings_on_my_page_are_sums_of_five_and_more(service: Service) -> None:
    me = service.a_lawyer()
    for _ in range(5):
        citizen = service.a_citizen()
        citizen.asks(QUESTION)
        me.answers(me.waiting()[0]["id"])
        citizen.asks("/satisfied")
        citizen.asks('/rate{"level": 5}')
    with service.database.read() as session:
        rated = session.execute(select(func.count()).select_from(Rating)).scalar_one()
    assert rated == 5
    assert asks(me, "GET", "me").json()["ratings"]["by_level"]["5"] == 5
    page = opens(me, "/desk/me").text
    assert "5.0 分" in page
    assert "申诉成立的评价不在其中" in page


# ---- an office on the same desk ----


def test_a_lawyer_who_sits_at_an_office_has_its_requests_on_the_desk(service: Service) -> None:
    lawyer, other = service.a_lawyer(), service.a_lawyer()
    with service.database.write() as session:
        import_offices(session, TEMPLATE.encode(), "test")
        account = session.execute(select(Staff).where(Staff.lawyer_id == UUID(lawyer.id))).scalar_one()
        make_clerk(session, account, OFFICE, "test")
        make_clerk(session, account, OFFICE, "test")
    citizen = service.a_citizen()
    for words in (
        "约调解", "在线申请", "邻里", "邻居李强", "跳过", "他家垒墙占了我家半米过道", "王秀英", "13812345678", "提交",
    ):  # fmt: skip
        choices = [each for reply in citizen.reads()["messages"][-1:] for each in reply["choices"]]
        payload = next((each["payload"] for each in choices if each["title"].startswith(words)), words)
        citizen.asks(payload)
    page = opens(lawyer, "/desk").text
    assert "办事申请" in page
    assert OFFICE in page
    assert 'id="requests-count" class="count">1<' in page
    assert "已提交，等待受理" in page
    assert "138" not in page, "no number on the desk"
    assert "办事申请" not in opens(other, "/desk").text
    office = opens(lawyer, "/office")
    assert office.status_code == 200
    assert 'href="/desk"' in office.text, "and back"
    assert opens(other, "/office").status_code == 403
    # With the citizen's turn the office has nothing to do.
    request = asks_office(lawyer, "requests").json()["requests"][0]
    sends(lawyer, f"/office/requests/{request['id']}/ask", words="请补一张照片")
    assert 'id="requests-count" class="count"><' in opens(lawyer, "/desk").text


def asks_office(lawyer: LawyerAtDesk, path: str) -> Any:
    return lawyer.client.get(f"/v1/office/{path}", headers=lawyer.headers)

"""Devices, shares and orders: over the interface and the pages, on both databases."""

import csv
import io
import json
import re
from datetime import timedelta

import pytest
from factories import a_consultation, a_lawyer, answer, the_round
from people import Service
from sqlalchemy import select
from starlette.testclient import TestClient

from channels.devices import register_device, retire_device
from channels.models import Caller, Post
from channels.orders import HEADINGS, as_csv, as_json, export_orders
from core import clock
from core.regions import NATION
from core.security import Vault
from escalation.errors import Refused
from escalation.models import AuditRow, Consultation, Conversation

NAME = "政务大厅一楼 1 号机"


@pytest.fixture
def code(service: Service) -> str:
    with service.database.write() as session:
        session.add(Post(code="hall-1", name="政务大厅", region="150900"))
        session.flush()
        return register_device(session, NAME, "150921", "hall-1", Vault(service.settings), "test")


def enrolled(service: Service, code: str) -> dict[str, str]:
    """A program's device: the header of its requests."""
    found = service.client.post("/v1/channels/kiosk/devices", json={"code": code})
    assert found.status_code == 201, found.text
    return {"Authorization": f"Bearer {found.json()['device_id']}.{found.json()['token']}"}


def own(session: dict[str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {session['token']}"}


# Devices


def test_a_program_enrols_asks_hands_over_and_forgets(service: Service, code: str) -> None:
    client = service.client
    a_lawyer(service.database)
    device = enrolled(service, code)
    begun = client.post("/v1/channels/kiosk/sessions", headers=device)
    assert begun.status_code == 201
    session = begun.json()
    assert session["idle_seconds"] == 60
    at = f"/v1/conversations/{session['conversation_id']}"
    said = client.post(f"{at}/messages", headers=own(session), json={"text": "房东不退押金", "client_message_id": "k"})
    assert said.status_code == 200
    assert "拿取件码" in said.json()["replies"][0]["text"]  # not "come back to this page"
    with service.database.read() as read:
        conversation = read.execute(select(Conversation)).scalar_one()
    assert (conversation.channel, conversation.region, conversation.post) == ("kiosk", "150921", "hall-1")
    claimed = client.post(f"{at}/claim", headers=own(session))
    assert claimed.status_code == 201
    assert client.post(f"{at}/end", headers=own(session)).status_code == 204
    assert client.get(f"{at}/messages", headers=own(session)).status_code == 401
    opened = client.post("/c", data={"code": claimed.json()["code"]})
    assert "房东不退押金" in opened.text


def test_a_code_enrols_once_and_not_for_long(service: Service, code: str) -> None:
    enrolled(service, code)
    again = service.client.post("/v1/channels/kiosk/devices", json={"code": code})
    assert again.status_code == 404
    assert "登记码不对" in again.json()["title"]
    with service.database.write() as session:
        late = register_device(session, NAME, "150921", "", Vault(service.settings), "test")
    clock.advance(timedelta(days=1, seconds=1).total_seconds())
    assert service.client.post("/v1/channels/kiosk/devices", json={"code": late}).status_code == 404


def test_an_old_token_is_good_until_the_new_code_is_used(service: Service, code: str) -> None:
    old = enrolled(service, code)
    with service.database.write() as session:
        new = register_device(session, NAME, "150921", "", Vault(service.settings), "test")
    assert service.client.post("/v1/channels/kiosk/sessions", headers=old).status_code == 201
    fresh = enrolled(service, new)
    assert service.client.post("/v1/channels/kiosk/sessions", headers=old).status_code == 401
    assert service.client.post("/v1/channels/kiosk/sessions", headers=fresh).status_code == 201
    with service.database.write() as session:
        retire_device(session, NAME, "test")
    assert service.client.post("/v1/channels/kiosk/sessions", headers=fresh).status_code == 401


@pytest.mark.parametrize("header", ["", "Bearer x", "Bearer x.y", "Bearer 00000000-0000-0000-0000-000000000000.y"])
def test_nobody_else_is_a_device(service: Service, header: str) -> None:
    headers = {"Authorization": header} if header else {}
    assert service.client.post("/v1/channels/kiosk/sessions", headers=headers).status_code == 401


def test_what_is_no_device_is_refused(service: Service) -> None:
    with service.database.write() as session, pytest.raises(Refused, match="名称"):
        register_device(session, " ", "150921", "", Vault(service.settings), "test")
    with service.database.write() as session, pytest.raises(Refused, match="没有编号为 nothing 的服务点"):
        register_device(session, NAME, "150921", "nothing", Vault(service.settings), "test")


def at_the_device(service: Service, code: str) -> TestClient:
    """The device's browser."""
    shown = service.client.get("/kiosk")
    assert "登记这台终端" in shown.text
    assert "登记码不对" in service.client.post("/kiosk/enrol", data={"code": "ABCD-2346"}).text
    assert "您遇到了什么法律问题" in service.client.post("/kiosk/enrol", data={"code": code}).text
    return service.client


def test_a_browser_enrols_asks_and_ends_with_a_code(service: Service, code: str) -> None:
    client = at_the_device(service, code)
    said = client.post("/chat/messages", data={"text": "邻居的狗咬了我", "client_message_id": "k" * 32})
    assert said.url.path == "/kiosk"
    assert "邻居的狗咬了我" in said.text
    kept = client.cookies["wenfa_chat"]
    age = next(each for each in said.history[0].headers.get_list("set-cookie") if each.startswith("wenfa_chat"))
    assert "Max-Age=120" in age
    ended = client.post("/kiosk/end")
    assert re.search(r">[2-9A-Y]{4}-[2-9A-Y]{4}<", ended.text)
    assert "邻居的狗" not in ended.text
    assert "邻居的狗" not in client.get("/kiosk").text
    client.cookies["wenfa_chat"] = kept  # whoever finds it in the browser's files
    assert "邻居的狗" not in client.get("/kiosk").text


def test_who_has_gone_leaves_nothing_and_no_code(service: Service, code: str) -> None:
    client = at_the_device(service, code)
    client.post("/chat/messages", data={"text": "邻居的狗咬了我", "client_message_id": "k" * 32})
    ended = client.post("/kiosk/end", data={"gone": "true"})
    assert "您遇到了什么法律问题" in ended.text
    assert "邻居的狗" not in ended.text


def test_ending_at_a_device_takes_nothing_from_the_phone(service: Service, code: str) -> None:
    phone = service.client
    phone.post("/chat/messages", data={"text": "邻居的狗咬了我", "client_message_id": "p" * 32})
    own_cookie = phone.cookies["wenfa_chat"]
    claim = re.search(r">([2-9A-Y]{4}-[2-9A-Y]{4})<", phone.post("/chat/claim").text)[1]  # type: ignore[index]
    phone.cookies.clear()
    client = at_the_device(service, code)
    assert "邻居的狗" in client.post("/c", data={"code": claim}).text
    client.post("/kiosk/end", data={"gone": "true"})
    assert "邻居的狗" not in client.get("/kiosk").text
    client.cookies.clear()
    client.cookies["wenfa_chat"] = own_cookie
    assert "邻居的狗" in client.get("/").text


def test_a_person_who_comes_back_keeps_the_conversation_for_ninety_days_again(service: Service) -> None:
    client = service.client
    client.post("/chat/messages", data={"text": "邻居的狗咬了我", "client_message_id": "p" * 32})
    clock.advance(timedelta(days=89).total_seconds())
    again = client.get("/")
    assert "邻居的狗" in again.text
    assert f"Max-Age={90 * 24 * 3600}" in again.headers["set-cookie"]


# Shares


def link_of(page: str) -> str:
    return re.search(r'href="[^"]*(/s/[^"]+)"', page)[1]  # type: ignore[index]


def test_family_reads_and_cannot_write_until_it_is_taken_back(service: Service) -> None:
    client = service.client
    client.post("/chat/messages", data={"text": "邻居的狗咬了我", "client_message_id": "p" * 32})
    link = link_of(client.post("/share").text)
    own_cookies = dict(client.cookies)
    client.cookies.clear()
    seen = client.get(link)
    assert "邻居的狗咬了我" in seen.text
    assert "<textarea" not in seen.text
    assert "/chat/messages" not in seen.text
    assert "wenfa_chat" not in client.cookies
    assert client.get("/share").status_code == 404
    client.cookies.update(own_cookies)
    given = re.search(r'name="share" value="([^"]+)"', client.get("/share").text)[1]  # type: ignore[index]
    assert "现在没有分享" in client.post("/share/revoke", data={"share": given}).text
    gone = client.get(link, headers={"Accept": "text/html"})
    assert gone.status_code == 404
    assert "已被撤回" in gone.text
    assert client.get("/s/made-up", headers={"Accept": "text/html"}).status_code == 404


def test_nobody_takes_back_anothers_share_and_there_is_an_end_to_them(service: Service) -> None:
    client = service.client
    client.post("/chat/messages", data={"text": "邻居的狗咬了我", "client_message_id": "p" * 32})
    link = link_of(client.post("/share").text)
    given = re.search(r'name="share" value="([^"]+)"', client.get("/share").text)[1]  # type: ignore[index]
    for _ in range(9):
        assert client.post("/share").status_code == 200
    full = client.post("/share")
    assert full.status_code == 422
    assert "请先撤回" in full.text
    client.cookies.clear()
    client.post("/chat/messages", data={"text": "试用期多久", "client_message_id": "q" * 32})
    assert client.post("/share/revoke", data={"share": given}).status_code == 404
    assert "邻居的狗咬了我" in client.get(link).text
    clock.advance(timedelta(days=91).total_seconds())
    assert client.get(link).status_code == 404


# Orders


def test_an_order_for_each_consultation(service: Service) -> None:
    database, vault = service.database, Vault(service.settings)
    lawyer = a_lawyer(database)
    consultation = a_consultation(database, text="=房东不退押金怎么办")
    answer(database, the_round(database, consultation).id, lawyer, "可以要求退还。")
    with database.write() as session:
        conversation = session.get_one(Conversation, consultation.conversation_id)
        conversation.channel = "hotline"
        session.get_one(Consultation, consultation.id).category = "房产物业"
        session.add(
            Caller(
                conversation_id=conversation.id,
                channel="hotline",
                account="nmg-12348",
                address_encrypted=vault.encrypt("13800138000"),
                address_hash=vault.fingerprint("13800138000"),
            )
        )
    a_consultation(database, region="330100")  # elsewhere, and on the web
    since, until = clock.now() - timedelta(hours=1), clock.now() + timedelta(hours=1)
    with database.write() as session:
        [order] = export_orders(session, vault, since, until, "150900", "hotline", "test")
        assert len(export_orders(session, vault, since, until, NATION, "", "test")) == 2
        assert not export_orders(session, vault, until, until + timedelta(1), NATION, "", "test")
        told = session.execute(select(AuditRow).where(AuditRow.verb == "export_orders")).scalars().first()
        assert told is not None
    assert (order.contact, order.category, order.gateway) == ("13800138000", "房产物业", "nmg-12348")
    assert order.reply == f"{lawyer.name}：可以要求退还。"
    assert order.first_answered_at is not None
    [row] = csv.DictReader(io.StringIO(as_csv([order]).removeprefix("\N{BYTE ORDER MARK}")))
    assert set(row) == set(HEADINGS.values())
    assert row["诉求"] == "'=房东不退押金怎么办"  # no formula
    assert json.loads(as_json([order]))[0]["matter"] == "=房东不退押金怎么办"


def test_supervisors_export_and_nobody_else(service: Service) -> None:
    a_consultation(service.database)
    assert service.client.get("/v1/board/orders").status_code == 401
    gao = service.a_supervisor()
    found = service.client.get("/v1/board/orders", headers=gao.headers)
    assert found.status_code == 200
    assert len(found.json()) == 1
    table = service.client.get("/v1/board/orders?format=csv", headers=gao.headers)
    assert table.headers["content-type"].startswith("text/csv")
    assert "工单号" in table.text

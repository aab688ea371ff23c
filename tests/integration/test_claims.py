"""Claim codes: a conversation taken along to another device, and nobody else's."""

import re
from datetime import timedelta

import pytest
from factories import a_conversation
from people import Service

from channels.claims import make_claim, open_claim
from core import clock
from core.security import Vault
from escalation.conversations import open_with_token
from escalation.errors import NotFound


def begun(service: Service) -> str:
    """A conversation in the browser, and a code for it as the page shows it."""
    said = service.client.post("/chat/messages", data={"text": "房东不退押金怎么办", "client_message_id": "c" * 32})
    assert said.status_code == 200
    shown = service.client.post("/chat/claim")
    assert shown.status_code == 200
    assert "data:image/svg+xml" in shown.text
    return re.search(r">([2-9A-Y]{4}-[2-9A-Y]{4})<", shown.text)[1]  # type: ignore[index]


@pytest.mark.parametrize("spell", [str, str.lower, lambda code: code.replace("-", " "), lambda code: f" {code} "])
def test_the_code_opens_the_conversation_on_another_phone(service: Service, spell: object) -> None:
    code = begun(service)
    service.client.cookies.clear()
    assert "房东不退押金" not in service.client.get("/").text
    asked = service.client.get(f"/c/{code}")
    assert code in asked.text
    assert "房东不退押金" not in asked.text  # whoever only looks at the link sees nothing
    opened = service.client.post("/c", data={"code": spell(code)})  # type: ignore[operator]
    assert opened.status_code == 200
    assert "房东不退押金" in opened.text


def test_a_wrong_code_says_so_and_keeps_what_was_typed(service: Service) -> None:
    wrong = service.client.post("/c", data={"code": "ABCD-2346"})
    assert wrong.status_code == 404
    assert "取件码不对" in wrong.text
    assert "ABCD-2346" in wrong.text


def test_guessing_is_stopped(service: Service) -> None:
    code = begun(service)
    service.client.cookies.clear()
    found = [service.client.post("/c", data={"code": f"ACDE-23{place:02}"}).status_code for place in range(11)]
    assert found == [404] * 10 + [429]
    late = service.client.post("/c", data={"code": code})
    assert late.status_code == 429
    assert "分钟后再试" in late.text


def test_another_site_cannot_open_a_code_here(service: Service) -> None:
    code = begun(service)
    other = service.client.post("/c", data={"code": code}, headers={"Origin": "https://elsewhere.example"})
    assert other.status_code == 403


def test_a_code_is_good_for_a_month(service: Service) -> None:
    vault, database = Vault(service.settings), service.database
    conversation = a_conversation(database)
    with database.write() as session:
        code, _ = make_claim(session, conversation, vault)
    another = a_conversation(database)
    with database.write() as session:
        found, token = open_claim(session, code, vault)
        session.flush()
        assert found == conversation
        assert open_with_token(session, conversation, token).id == conversation
        with pytest.raises(NotFound):
            open_with_token(session, another, token)
    clock.advance(timedelta(days=31).total_seconds())
    with database.write() as session, pytest.raises(NotFound):
        open_claim(session, code, vault)

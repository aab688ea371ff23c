"""A conversation taken from one device to another, as a citizen does it."""

import json
import re
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Service, Visitor

Visit = Callable[..., Visitor]


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_from_one_phone_to_another(visit: Visit, service: Service, script: bool) -> None:
    here = visit("/", phone=True, script=script).page
    here.fill("#text", "邻居家的狗把我咬了，他不肯赔")
    here.click("#say .send")
    expect(here.locator(".bubble.service").first).to_be_visible()
    here.goto(service.url)  # the button is there once a conversation is
    here.click("text=换手机接着看")
    code = here.locator(".claim-code")
    expect(code).to_have_text(re.compile(r"^[2-9A-Y]{4}-[2-9A-Y]{4}$"))
    expect(here.locator(".qr")).to_be_visible()
    written = code.inner_text()

    there = visit("/c", phone=True, script=script).page
    there.fill("[name=code]", "AAAA-2222")
    there.click("main .primary")
    expect(there.locator("#error")).to_contain_text("取件码不对")
    there.fill("[name=code]", written.lower().replace("-", " "))
    there.click("main .primary")
    expect(there.locator(".bubble.citizen")).to_contain_text("邻居家的狗")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_its_pages_are_accessible(visit: Visit, service: Service, axe: str, dark: bool) -> None:
    visitor = visit("/", phone=True, dark=dark)
    page = visitor.page
    page.fill("#text", "试用期多久")
    page.click("#say .send")
    expect(page.locator(".bubble.service").first).to_be_visible()
    page.goto(f"{service.url}/")
    page.click("text=换手机接着看")
    for path in (None, "/c", "/c/ABCD-2346"):
        if path:
            page.goto(service.url + path)
        page.evaluate(axe + "; true")
        found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
        assert not found["violations"], json.dumps(found["violations"], ensure_ascii=False, indent=1)[:3000]


def test_a_link_that_is_none_is_told_kindly(service: Service) -> None:
    with httpx.Client(base_url=service.url, trust_env=False, headers={"Accept": "text/html"}) as client:
        found = client.get("/t/nothing")
        assert found.status_code == 404
        assert "链接不对" in found.text

"""A device in a hall, as those use it who stand before it, upright and across."""

import json
import re
from collections.abc import Callable
from contextlib import suppress

import pytest
from playwright.sync_api import Error, Page, expect

from channels.devices import register_device
from core.security import Vault
from tests.browser.conftest import Service, Visitor

Visit = Callable[..., Visitor]
UPRIGHT, ACROSS = {"width": 1080, "height": 1920}, {"width": 1920, "height": 1080}


def device(
    visit: Visit, service: Service, *, size: dict[str, int] = UPRIGHT, dark: bool = False, script: bool = True
) -> Page:
    """A browser that has been enrolled."""
    with service.database.write() as session:
        code = register_device(session, "政务大厅一楼 1 号机", "150921", "", Vault(service.settings), "test")
    page = visit("/kiosk", dark=dark, script=script).page
    page.set_viewport_size(size)  # type: ignore[arg-type]
    page.fill("[name=code]", code.lower())
    page.click("main .primary")
    expect(page.locator("h2.title")).to_be_visible()
    return page


def ask(page: Page, words: str) -> None:
    page.fill("#text", words)
    page.click("#say .send")
    expect(page.locator(".bubble.service").last).to_be_visible()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_asked_at_the_device_read_on_the_phone(visit: Visit, service: Service, script: bool) -> None:
    page = device(visit, service, script=script)
    ask(page, "邻居家的狗把我咬了，他不肯赔")
    expect(page.locator(".take-away")).to_be_visible()
    page.click("text=结束")
    code = page.locator(".claim-code")
    expect(code).to_have_text(re.compile(r"^[2-9A-Y]{4}-[2-9A-Y]{4}$"))
    written = code.inner_text()
    page.click("text=回到首页")
    expect(page.locator("h2.title")).to_be_visible()
    expect(page.locator(".bubble")).to_have_count(0)
    with suppress(Error):  # a form is not sent again
        page.go_back()
    expect(page.locator("body")).not_to_contain_text("邻居家的狗")
    phone = visit("/c", phone=True).page
    phone.fill("[name=code]", written)
    phone.click("main .primary")
    expect(phone.locator(".bubble.citizen")).to_contain_text("邻居家的狗")


def test_who_goes_away_is_asked_and_then_forgotten(visit: Visit, service: Service) -> None:
    page = device(visit, service)
    page.clock.install()
    page.reload()
    ask(page, "邻居家的狗把我咬了")
    page.clock.run_for(45_000)
    expect(page.locator("#still")).to_be_visible()
    page.click("#stay")
    expect(page.locator("#still")).to_be_hidden()
    page.fill("#text", "还没写完")
    page.clock.run_for(55_000)
    expect(page.locator("#still")).to_be_visible()
    page.clock.run_for(10_000)
    expect(page.locator("#still")).to_be_hidden()
    expect(page.locator("body")).not_to_contain_text("邻居家的狗")
    expect(page.locator("#say .send")).to_be_enabled()  # the page is a new one: the old one was blanked and shut
    expect(page.locator("h2.title")).to_be_visible()
    expect(page.locator("#text")).to_have_value("")
    assert not [each for each in page.context.cookies() if each["name"] == "wenfa_chat"]
    assert page.evaluate("sessionStorage.getItem('wenfa-draft')") is None


def test_a_lost_connection_is_said_keeps_what_was_typed_and_mends(visit: Visit, service: Service) -> None:
    page = device(visit, service)
    ask(page, "邻居家的狗把我咬了")
    page.context.set_offline(True)
    page.fill("#text", "他说狗不是他家的")
    page.click("#say .send")
    expect(page.locator("#error")).to_contain_text("您写的话还在框里")
    expect(page.locator("#text")).to_have_value("他说狗不是他家的")
    page.click("text=结束")
    expect(page.locator("#error")).to_contain_text("网络断开了")
    page.context.set_offline(False)
    page.click("#say .send")
    expect(page.locator(".bubble.citizen").last).to_contain_text("他说狗不是他家的")
    expect(page.locator(".bubble.citizen")).to_have_count(2)


def test_forgotten_also_without_a_network(visit: Visit, service: Service) -> None:
    page = device(visit, service)
    page.clock.install()
    page.reload()
    ask(page, "邻居家的狗把我咬了")
    page.context.set_offline(True)
    page.clock.run_for(65_000)
    expect(page.locator("#offline")).to_be_visible()
    expect(page.locator("body")).not_to_contain_text("邻居家的狗")
    page.context.set_offline(False)
    page.clock.run_for(6_000)
    expect(page.locator("#say .send")).to_be_enabled()
    assert not [each for each in page.context.cookies() if each["name"] == "wenfa_chat"]


def test_reading_aloud_and_listening_are_offered_where_they_are(visit: Visit, service: Service) -> None:
    page = device(visit, service)
    page.add_init_script(
        """
        const said = (window.said = []);
        window.SpeechSynthesisUtterance = class { constructor(text) { this.text = text; } };
        Object.defineProperty(window, "speechSynthesis", { value: {
          speaking: false, getVoices: () => [{ lang: "zh-CN" }], cancel() {}, addEventListener() {},
          speak(utterance) { said.push([utterance.text, utterance.lang]); utterance.onend(); },
        } });
        window.SpeechRecognition = class extends EventTarget {
          start() {
            const heard = new Event("result");
            heard.results = [[{ transcript: "老板不发工资" }]];
            setTimeout(() => { this.dispatchEvent(heard); this.dispatchEvent(new Event("end")); }, 50);
          }
          stop() {}
        };
        """
    )
    page.reload()
    page.click("#speak")
    expect(page.locator("#text")).to_have_value("老板不发工资")
    expect(page.locator("#speak")).to_have_text("说话")
    page.click("#say .send")
    expect(page.locator(".bubble.service").last).to_be_visible()
    page.click("#read")
    [[text, lang]] = page.evaluate("window.said")
    assert lang == "zh-CN"
    assert text == page.locator(".bubble.service .body > .text").last.inner_text()


@pytest.mark.parametrize("size", [UPRIGHT, ACROSS], ids=["upright", "across"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_is_accessible_and_large(visit: Visit, service: Service, axe: str, size: dict[str, int], dark: bool) -> None:
    page = device(visit, service, size=size, dark=dark)
    page.emulate_media(reduced_motion="reduce")  # axe looks at once

    def checked() -> None:
        page.evaluate(axe + "; true")
        found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
        assert not found["violations"], json.dumps(found["violations"], ensure_ascii=False, indent=1)[:3000]
        small = page.evaluate(
            """() => [...document.querySelectorAll("button, main a, textarea, summary")].filter((each) => {
              const box = each.getBoundingClientRect();
              return box.width && box.height && each.checkVisibility() && box.height < 95;
            }).map((each) => each.outerHTML.slice(0, 200))"""
        )
        assert not small
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    checked()
    ask(page, "劳动合同法第八十二条")
    checked()
    page.click("text=结束")
    expect(page.locator(".claim-code")).to_be_visible()
    checked()

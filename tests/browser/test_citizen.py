"""The citizen's pages besides asking: answers beside each other, by keyboard alone, enlarged, and steady while answers come in."""

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import LAWYERS, Service, Visitor
from tests.browser.test_walk import answer, ask, log_in

Visit = Callable[..., Visitor]
SHIFTS = """
window.shifted = [];
new PerformanceObserver(list => list.getEntries().forEach(each => {
  if (!each.hadRecentInput) shifted.push([each.value, each.sources.map(source => source.node?.className ?? "")]);
})).observe({type: "layout-shift", buffered: false});
"""


def desks(visit: Visit) -> list[Page]:
    pages = []
    for login in LAWYERS:
        page = visit("/desk", phone=True).page
        log_in(page, login)
        pages.append(page)
    return pages


def answered_by(page: Page, question: str, words: str) -> None:
    page.locator("#queue a", has_text=question).click()
    answer(page, words)
    page.goto(f"{page.url.partition('/desk')[0]}/desk")


def not_wider_than_its_window(page: Page) -> None:
    wide = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide[0] <= wide[1], f"{page.url} is {wide[0]} px wide in a window of {wide[1]}"


def test_three_answers_beside_each_other(visit: Visit, service: Service, axe: str) -> None:
    question = "楼上漏水泡坏了我家的地板"
    lawyers = desks(visit)
    citizen = visit("/", phone=True)
    page = citizen.page
    ask(page, f"{question}，物业也不管，该怎么办？")
    for lawyer, words in zip(lawyers[:2], ("先请物业到场看明原因。", "拍照、做笔录、留下维修的单据。"), strict=True):
        answered_by(lawyer, question, words)
    expect(page.locator(".compare a")).to_contain_text("把 2 位律师的解答放在一起看")
    for width in (390, 320):
        page.set_viewport_size({"width": width, "height": 844})
        not_wider_than_its_window(page)
    page.click(".compare a")
    expect(page.locator(".answers .bubble")).to_have_count(2)
    not_wider_than_its_window(page)

    # The third comes while they are being read: nothing moves, a button says so.
    expect(page.locator("#news")).to_be_hidden()
    answered_by(lawyers[2], question, "协商不成，可以起诉楼上的业主。")
    page.click("#news")
    expect(page.locator(".answers .bubble")).to_have_count(3)
    page.locator(".answers .bubble", has_text="起诉").locator("text=追问这位律师").click()
    expect(page.locator("#address input[name=address_to]:checked")).to_have_count(1)
    not_wider_than_its_window(page)

    wide = visit("/")
    wide.page.context.add_cookies(page.context.cookies())  # type: ignore[arg-type]
    wide.page.goto(f"{service.url}/consultations")
    wide.page.click(".threads a")
    tops = wide.page.eval_on_selector_all(".answers .bubble", "all => all.map(each => each.offsetTop)")
    assert len(tops) == 3
    assert len(set(tops)) == 1, "beside each other where there is room"
    with wide.page.expect_download() as download:
        wide.page.click("text=存成 PDF")
    assert download.value.suggested_filename.endswith(".pdf")
    for dark in (False, True):
        phone = visit("/", phone=True, dark=dark).page
        phone.context.add_cookies(page.context.cookies())  # type: ignore[arg-type]
        for path in ("/", "/consultations", wide.page.url.removeprefix(service.url)):
            phone.goto(f"{service.url}{path}")
            phone.evaluate(axe + "; true")
            found = phone.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
            problems = [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found["violations"]]
            assert not problems, f"{path}, dark={dark}: {json.dumps(problems, ensure_ascii=False, indent=1)}"
    assert citizen.complaints == []
    assert wide.complaints == []


@pytest.mark.parametrize("large", [False, True], ids=["normal type", "large type"])
def test_enlarged_twice_nothing_is_cut_off(visit: Visit, service: Service, large: bool) -> None:
    """200 % on a computer is a window of half the size."""
    page = visit("/").page
    page.set_viewport_size({"width": 640, "height": 400})
    if large:
        page.click("text=大字")
    ask(page, "邻居养的公鸡每天凌晨三点打鸣，怎么办？")
    expect(page.locator(".bubble.service").first).to_be_visible()
    for path in ("/", "/consultations", "/laws", "/laws/verify", "/c", "/share", "/desk"):
        page.goto(f"{service.url}{path}")
        not_wider_than_its_window(page)


def test_by_keyboard_alone(visit: Visit) -> None:
    visitor = visit("/")
    page = visitor.page
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "text":
            break
    expect(page.locator("#text")).to_be_focused()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.type("房东提前收房，说给一个月租金，行吗？")
    page.keyboard.press("Enter")
    expect(page.locator(".bubble.service").last).to_contain_text("您的问题已转给律师")
    # What has come can be reached backwards from the box, and pressed.
    for _ in range(12):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == "还有多久":
            break
    page.keyboard.press("Enter")
    expect(page.locator(".bubble.service").last).to_contain_text(re.compile(r"已推送给 \d+ 位律师"))
    assert visitor.complaints == []


def test_nothing_moves_under_the_finger_when_answers_come(visit: Visit) -> None:
    question = "快递把我的电脑摔坏了"
    (lawyer, *_) = desks(visit)
    page = visit("/", phone=True).page
    ask(page, f"{question}，只肯赔三倍运费，对吗？")
    for number in range(3):
        ask(page, f"补充 {number}：电脑是上个月买的，有发票，也有开箱的照片。")
        expect(page.locator(".bubble.service")).to_have_count(number + 2)
    page.evaluate("scrollTo(0, 200)")
    page.wait_for_timeout(300)
    page.evaluate(SHIFTS)
    row = lawyer.locator("#queue a", has_text=question)
    row.click()
    lawyer.locator("#text").press_sequentially("先")
    expect(page.locator("#status")).to_contain_text("1 位正在写")
    answer(lawyer, "先看寄件时有没有保价。没有保价，也要看快递公司有没有重大过失。")
    expect(page.locator(".bubble.lawyer")).to_have_count(1)
    expect(page.locator("#news")).to_be_visible()
    page.wait_for_timeout(600)
    shifted = page.evaluate("shifted")
    assert sum(value for value, _ in shifted) < 0.02, shifted

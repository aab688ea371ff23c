"""What a citizen on a phone and a lawyer at a desk go through, in a real browser against the real service."""

import json
import re
from collections.abc import Callable

import httpx
from playwright.sync_api import Page, expect

from tests.browser.conftest import PASSWORD, Service, Visitor

Visit = Callable[..., Visitor]

QUESTION = "我在工地干了三个月，包工头一直不给工资，没有签合同，怎么办？"


def ask(page: Page, words: str) -> None:
    page.fill("#text", words)
    page.click("#say .send")
    expect(page.locator(".bubble.citizen .text", has_text=words).last).to_be_visible()


def log_in(page: Page, login: str = "chen") -> None:
    page.fill("[name=login]", login)
    page.fill("[name=password]", PASSWORD)
    page.click("main .primary")


def answer(page: Page, words: str) -> None:
    page.fill("#text", words)
    page.click("#answer .primary")
    expect(page.locator("[data-sent]")).to_be_visible()


def test_a_question_is_answered_live_followed_up_and_rated(visit: Visit) -> None:
    lawyer = visit("/desk")
    log_in(lawyer.page)
    row = lawyer.page.locator("#queue .waiting-round", has_text="包工头")
    expect(lawyer.page.locator("#queue")).to_be_visible()
    expect(row).to_have_count(0)

    citizen = visit("/", phone=True)
    ask(citizen.page, QUESTION)
    expect(citizen.page.locator(".bubble.service").last).to_contain_text("您的问题已转给律师")
    status = citizen.page.locator("#status")
    expect(status).to_contain_text(re.compile(r"已推送给乌兰察布市 \d+ 位律师"))
    expect(status).to_contain_text(re.compile(r"咨询 150900-\d{8}-\d{4}"))
    expect(status).to_contain_text(re.compile(r"约还有 (10|9) 分钟"))

    # The lawyer, who has reloaded nothing, sees it, opens it and starts to write: the citizen is told.
    expect(row).to_be_visible()
    expect(row.locator(".due")).to_contain_text("还有")
    row.locator("a").click()
    lawyer.page.locator("#text").press_sequentially("可以")
    expect(lawyer.page.locator("#standing")).to_contain_text("名额为您保留到")
    expect(status).to_contain_text("1 位正在写")

    # The draft outlives a reload. The answer goes out with an article in force.
    lawyer.page.reload()
    expect(lawyer.page.locator("#text")).to_have_value("可以")
    lawyer.page.fill("#q", "《劳动合同法》第三十条")
    lawyer.page.locator("#hits .cite").click()
    expect(lawyer.page.locator("#cited")).to_contain_text("劳动合同法》第三十条")
    answer(lawyer.page, "可以要回来。先收好考勤和聊天记录，再向劳动监察大队投诉。")

    received = citizen.page.locator(".bubble.lawyer")
    expect(received).to_contain_text("第 1 位解答")
    expect(received).to_contain_text("陈晓梅律师")
    expect(received).to_contain_text("明德律师事务所")
    received.locator("summary").click()
    expect(received.locator("details")).to_contain_text("现行有效")
    expect(status).to_contain_text("1 位已解答")

    # A follow-up to this lawyer alone, answered; then the end and the rating.
    received.locator("[data-to]").click()
    expect(citizen.page.locator("#address input[name=address_to]")).to_be_checked()
    ask(citizen.page, "包工头说等甲方结账才给，合法吗？")
    expect(citizen.page.locator(".bubble.service").last).to_contain_text("您的追问已转给陈晓梅律师")
    follow_up = lawyer.page.locator("#queue .waiting-round", has_text="甲方结账")
    expect(follow_up).to_contain_text("追问您")
    follow_up.locator("a").click()
    answer(lawyer.page, "不合法。甲方有没有结账，不影响他付您工资。")
    expect(citizen.page.locator(".bubble.lawyer")).to_have_count(2)

    citizen.page.click("#closing button")
    citizen.page.click("text=非常满意")
    expect(citizen.page.locator(".bubble.service").last).to_contain_text("已记下您的评价：非常满意")
    expect(status).to_contain_text("这次咨询已经结束")

    seqs = citizen.page.eval_on_selector_all(".bubble", "all => all.map(each => Number(each.dataset.seq))")
    assert seqs == list(range(1, len(seqs) + 1)), "every bubble once and in order"
    citizen.page.reload()
    expect(citizen.page.locator(".bubble")).to_have_count(len(seqs))
    assert citizen.complaints == []
    assert lawyer.complaints == []


def test_it_works_without_script(visit: Visit, service: Service) -> None:
    citizen = visit("/", phone=True, script=False).page
    citizen.fill("#text", "邻居装修砸穿了我家的墙，该找谁赔？")
    citizen.click("#say .send")
    expect(citizen.locator(".bubble.citizen")).to_contain_text("砸穿")
    expect(citizen.locator(".bubble.service")).to_contain_text("您的问题已转给律师")
    citizen.click(".bubble.service .choices button")
    expect(citizen.locator(".bubble.service").last).to_contain_text(re.compile(r"已推送给 \d+ 位律师"))
    lawyer = visit("/desk", script=False).page
    log_in(lawyer, "wang")
    lawyer.locator("#queue a", has_text="砸穿").click()
    lawyer.click("#standing button")
    expect(lawyer.locator("#standing")).to_contain_text("名额为您保留到")
    lawyer.fill("#q", "《劳动合同法》第三条")
    lawyer.click(".laws button")
    lawyer.check("#hits input")
    answer(lawyer, "先和邻居、装修公司一起确认损坏，留下照片。")
    citizen.reload()
    expect(citizen.locator(".bubble.lawyer")).to_contain_text("王立军律师")


def test_what_was_written_is_shown_as_written(visit: Visit) -> None:
    citizen = visit("/", phone=True)
    words = "<script>document.title='x'</script><b>粗</b>"
    ask(citizen.page, words)
    expect(citizen.page.locator(".bubble.service")).to_be_visible()
    citizen.page.reload()
    assert citizen.page.locator(".bubble.citizen .text").inner_text() == words
    assert citizen.page.locator(".bubble b, .bubble script").count() == 0
    assert "问法" in citizen.page.title()
    assert citizen.complaints == []


def test_words_are_kept_while_the_service_is_down_and_sent_once_after(visit: Visit, service: Service) -> None:
    page = visit("/", phone=True).page
    ask(page, "公司要我自己辞职，不辞就调岗，怎么办？")
    expect(page.locator(".bubble.service")).to_be_visible()
    service.stop()
    try:
        page.fill("#text", "补充：我在公司干了八年。")
        page.click("#say .send")
        expect(page.locator("#error")).to_contain_text("没有发出去，您写的话还在框里")
        expect(page.locator("#text")).to_have_value("补充：我在公司干了八年。")
        expect(page.locator("#offline")).to_be_visible()
    finally:
        service.start()
    page.click("#say .send")
    expect(page.locator(".bubble.service").last).to_contain_text("已补充到咨询")
    expect(page.locator("#error")).to_be_empty()
    # The stream comes back by itself and goes on where it was.
    expect(page.locator("#offline")).to_be_hidden(timeout=20_000)
    expect(page.locator(".bubble.citizen", has_text="干了八年")).to_have_count(1)


def test_a_refused_answer_loses_nothing(visit: Visit) -> None:
    citizen = visit("/", phone=True).page
    ask(citizen, "房东不退押金，说墙面有划痕，怎么办？")
    lawyer = visit("/desk").page
    log_in(lawyer, "su")
    lawyer.locator("#queue a", has_text="墙面有划痕").click()
    lawyer.fill("#text", "可以要求房东说明依据。")
    lawyer.evaluate(
        """() => {
          const cited = document.createElement("input");
          Object.assign(cited, {type: "hidden", name: "citations", value: "《劳动合同法》第九百九十九条"});
          document.querySelector("#answer").append(cited);
        }"""
    )
    lawyer.click("#answer .primary")
    expect(lawyer.locator("#error")).to_contain_text("没有发出去，您写的都还在")
    expect(lawyer.locator("#error")).to_contain_text("没有第九百九十九条")
    expect(lawyer.locator("#text")).to_have_value("可以要求房东说明依据。")


def test_a_reader_of_old_messages_is_not_scrolled_away(visit: Visit) -> None:
    page = visit("/", phone=True).page
    for number in range(4):
        ask(page, f"第 {number} 次补充：情况还和以前一样，没有人来处理，请问怎么办？")
        expect(page.locator(".bubble.service")).to_have_count(number + 1)
    other = page.context.new_page()
    other.goto("/")
    page.bring_to_front()
    page.evaluate("scrollTo(0, 0)")
    ask(other, "在另一个窗口写的。")
    expect(page.locator("#news")).to_be_visible()
    assert page.evaluate("scrollY") == 0
    page.click("#news")
    expect(page.locator(".bubble").last).to_be_in_viewport()
    expect(page.locator("#news")).to_be_hidden()


def test_the_place_and_the_type_size_are_kept(visit: Visit) -> None:
    page = visit("/?region=110101", phone=True).page
    expect(page.locator(".region summary")).to_contain_text("东城区")
    page.click(".region summary")
    page.select_option("[name=province]", "150000")
    page.select_option("[name=place]", "150900")
    page.click(".region .primary")
    expect(page.locator(".region summary")).to_contain_text("乌兰察布市")
    page.click("text=大字")
    expect(page.locator("html")).to_have_class("large")
    assert page.evaluate("getComputedStyle(document.documentElement).fontSize") == "24px"
    page.reload()
    expect(page.locator("html")).to_have_class("large")


def test_pages_are_accessible_in_light_and_dark(visit: Visit, axe: str) -> None:
    def check(page: Page, where: str) -> None:
        page.evaluate(axe + "; true")
        found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
        problems = [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found["violations"]]
        assert not problems, f"{where}: {json.dumps(problems, ensure_ascii=False, indent=1)}"

    for dark in (False, True):
        citizen = visit("/", phone=True, dark=dark).page
        check(citizen, f"/ empty, dark={dark}")
        question = f"被公司无故辞退，能要多少赔偿？（{'暗' if dark else '亮'}色）"
        ask(citizen, question)
        expect(citizen.locator(".bubble.service")).to_be_visible()
        visitor = visit("/desk", dark=dark)
        lawyer = visitor.page
        check(lawyer, f"log-in, dark={dark}")
        log_in(lawyer)
        row = lawyer.locator("#queue a", has_text=question)
        expect(row).to_be_visible()
        check(lawyer, f"/desk, dark={dark}")
        row.click()
        lawyer.fill("#q", "《劳动合同法》第四十七条")
        lawyer.locator("#hits .cite").click()
        check(lawyer, f"a round, dark={dark}")
        answer(lawyer, "工作满一年给一个月工资。")
        lawyer.goto("/desk")
        expect(citizen.locator(".bubble.lawyer")).to_be_visible()
        check(citizen, f"/ with an answer, dark={dark}")
        citizen.locator(".bubble.lawyer summary").click()
        citizen.click(".bubble.lawyer .citations a")
        expect(citizen.locator("h1")).to_contain_text("第四十七条")
        check(citizen, f"article, dark={dark}")
        assert visitor.complaints == []


def test_forms_of_other_sites_are_refused_and_errors_are_pages(service: Service) -> None:
    with httpx.Client(base_url=service.url, headers={"Accept": "text/html"}) as browser:
        form = {"client_message_id": "0" * 32, "text": "你好"}
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}, {"Origin": "null"}):
            refused = browser.post("/chat/messages", data=form, headers=headers)
            assert refused.status_code == 403
            assert "不是从本网站" in refused.text
        for path in ("/nowhere", "/laws/0/articles/1", "/laws/00000000-0000-0000-0000-000000000000/articles/1"):
            missing = browser.get(path)
            assert missing.status_code == 404
            assert missing.headers["Content-Type"].startswith("text/html")
        assert browser.get("/v1/laws/0").headers["Content-Type"] == "application/problem+json"

    twice = [httpx.post(f"{service.url}/chat/messages", data=form) for _ in range(2)]
    assert len({each.headers["Set-Cookie"].split(";")[0] for each in twice}) == 1, "one conversation, one message"
    with httpx.Client(base_url=service.url, headers={"Accept": "text/html"}) as browser:
        browser.post("/desk/login", data={"login": "gao", "password": PASSWORD})
        other = browser.get("/desk")
        assert other.status_code == 403
        assert "解答台只供律师使用" in other.text
        assert browser.post("/desk/logout", data={"csrf_token": "wrong"}).status_code == 403
        assert browser.get("/desk").status_code == 403, "still logged in"


def test_the_first_page_is_light(service: Service) -> None:
    with httpx.Client(base_url=service.url, headers={"Accept-Encoding": "gzip"}) as browser:

        def weight(path: str) -> int:
            with browser.stream("GET", path) as response:
                assert response.status_code == 200
                return sum(map(len, response.iter_raw()))

        assets = re.findall(r'(?:src|href)="(/static/[^"]+)"', browser.get("/").text)
        assert any("htmx" in each for each in assets), "htmx is missing: run `npm ci && npm run build`"
        weights = {path: weight(path) for path in ("/", *assets)}
        assert sum(weights.values()) <= 60_000, weights
        assert "immutable" in browser.get(assets[0]).headers["Cache-Control"]


def test_the_interface_is_documented_without_asking_another_host(visit: Visit) -> None:
    reader = visit("/docs")
    expect(reader.page.locator(".opblock").first).to_be_visible()
    expect(reader.page.locator(".opblock-summary-path").first).to_contain_text("/v1/conversations")
    assert reader.complaints == []

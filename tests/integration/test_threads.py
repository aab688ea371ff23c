"""A citizen's own consultations: listed, one by one with the answers beside each other, on paper; nobody else's."""

import io
import re
from datetime import timedelta

import pypdf
import pytest
from markupsafe import Markup
from people import Service

from api.pages.rendering import ago, unbroken
from core import clock

_ids = iter(f"{number:032}" for number in range(1, 1000))


def say(service: Service, text: str) -> str:
    """Write on the page; gives the page that comes back."""
    said = service.client.post("/chat/messages", data={"text": text, "client_message_id": next(_ids)})
    assert said.status_code == 200, said.text
    return said.text


def number_on(html: str) -> str:
    found = re.search(r"咨询 (\d{6}-\d{8}-\d{4})", html)
    assert found is not None
    return found.group(1)


def claim_code(service: Service) -> str:
    shown = service.client.post("/chat/claim")
    return re.search(r">([2-9A-Y]{4}-[2-9A-Y]{4})<", shown.text)[1]  # type: ignore[index]


def test_each_answer_stands_with_its_question_and_all_of_it_goes_on_paper(service: Service) -> None:
    lawyers = [service.a_lawyer() for _ in range(3)]
    service.client.cookies.clear()
    say(service, "房东不退押金，说墙上有划痕")
    number = number_on(say(service, "合同写的是正常磨损不扣"))
    (first,) = lawyers[0].waiting()
    for lawyer, words in zip(lawyers[:2], ("可以要求退还。", "先书面催告。"), strict=True):
        assert lawyer.answers(first["id"], words).status_code == 201
    say(service, "他要是一直不接电话呢")
    (late,) = lawyers[2].waiting()
    assert lawyers[2].answers(late["id"], "也可以去法院起诉。").status_code == 201

    page = service.client.get(f"/consultations/{number}").text
    first_round, second_round = page.split("您的第 1 次追问")
    for words in ("墙上有划痕", "正常磨损", "可以要求退还。", "先书面催告。", "也可以去法院起诉。"):
        assert words in first_round, words
    assert "一直不接电话" in second_round
    assert "还没有律师解答" in second_round

    found = service.client.get(f"/consultations/{number}.pdf")
    assert found.headers["content-type"] == "application/pdf"
    text = "".join(each.extract_text() for each in pypdf.PdfReader(io.BytesIO(found.content)).pages)
    for words in (number, "墙上有划痕", "一直不接电话", "先书面催告", "不代替律师针对您个案的意见"):
        assert words in text, words
    whole = service.client.get("/conversation.pdf")
    text = "".join(each.extract_text() for each in pypdf.PdfReader(io.BytesIO(whole.content)).pages)
    assert "您的问题已转给律师" in text


def test_nobody_else_sees_a_consultation(service: Service) -> None:
    number = number_on(say(service, "邻居家的狗咬了我"))
    service.client.cookies.clear()
    for path in (f"/consultations/{number}", f"/consultations/{number}.pdf", "/consultations/150900-20200101-0001"):
        other = service.client.get(path, headers={"Accept": "text/html"})
        assert other.status_code == 404
        assert "狗咬" not in other.text
    assert "还没有咨询" in service.client.get("/consultations").text
    assert service.client.get("/conversation.pdf").status_code == 404


def test_a_code_opened_here_takes_nothing_away(service: Service) -> None:
    say(service, "奶奶的宅基地被占了")
    code = claim_code(service)
    service.client.cookies.clear()
    say(service, "公司不给我缴社保")
    assert service.client.post("/c", data={"code": code}).status_code == 200
    assert "宅基地" in service.client.get("/").text
    listed = service.client.get("/consultations").text
    assert listed.index("宅基地") < listed.index("不给我缴社保")

    aside = re.search(r'name="conversation" value="([0-9a-f-]{36})">打开', listed)[1]  # type: ignore[index]
    back = service.client.post("/consultations/open", data={"conversation": aside})
    assert "不给我缴社保" in back.text
    assert "宅基地" in service.client.get("/consultations").text


def test_what_is_removed_from_a_phone_no_longer_opens_there(service: Service) -> None:
    say(service, "我想离婚")
    code = claim_code(service)
    cookies = dict(service.client.cookies)
    listed = service.client.get("/consultations").text
    own = re.search(r'name="conversation" value="([0-9a-f-]{36})">确定移除', listed)[1]  # type: ignore[index]
    gone = service.client.post("/consultations/forget", data={"conversation": own})
    assert "还没有咨询" in gone.text
    # Not even with what the browser may have kept of it; but whoever has the code goes on.
    for name, value in cookies.items():
        service.client.cookies.set(name, value)
    assert "我想离婚" not in service.client.get("/").text
    service.client.cookies.clear()
    assert "我想离婚" in service.client.post("/c", data={"code": code}).text


@pytest.mark.parametrize(
    ("passed", "said"),
    [
        (timedelta(seconds=20), "刚刚"),
        (timedelta(minutes=3, seconds=59), "3分钟前"),
        (timedelta(minutes=59), "59分钟前"),
        (timedelta(days=400), "年"),
    ],
)
def test_times_are_told_as_people_tell_them(passed: timedelta, said: str) -> None:
    assert said in Markup(ago(clock.now() - passed)).striptags()


def test_yesterday_is_called_so() -> None:
    noon = clock.local(clock.now()).replace(hour=12, minute=5) - timedelta(days=1)
    assert Markup(ago(noon)).striptags() == "昨天 12:05"


def test_numbers_stay_whole_and_what_was_written_stays_harmless() -> None:
    shown = unbroken("依《劳动法》第四十一条之一，<b>3 小时</b>&#39;")
    assert '<span class="whole">第四十一条之一</span>' in shown
    assert '<span class="whole">3 小时</span>' in shown
    assert "<b>" not in shown
    assert (
        shown.unescape().replace('<span class="whole">', "").replace("</span>", "")
        == "依《劳动法》第四十一条之一，<b>3 小时</b>&#39;"
    )

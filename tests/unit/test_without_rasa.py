"""What is understood without Rasa, and the net under danger."""

import pytest
import yaml

from bot.actions.danger import speaks_of_danger
from bot.actions.handlers import _HANDLERS
from bot.actions.without_rasa import parse_payload, understand
from core.settings import ROOT
from escalation.call_backs import CALL_BACK


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("你好", "greet"),
        ("谢谢了", "thanks"),
        ("满意！", "satisfied"),
        ("解决了。", "satisfied"),
        ("不满意", "not_satisfied"),
        ("转人工", "ask_person"),
        ("还有多久", "wait_time"),
        ("请给我回电话。", "call_back"),
        ("他不给我回电话怎么办", "legal_question"),
        ("我老公打我我想离婚孩子归谁", "legal_question"),
        ("律师费谁出", "legal_question"),
    ],
)
def test_plain_words_are_understood_and_the_rest_is_a_question(text: str, intent: str) -> None:
    assert understand(text, None) == (intent, {})


def test_a_button_is_exact() -> None:
    assert understand("非常满意", '/rate{"level": 5}') == ("rate", {"level": "5"})
    assert parse_payload("/satisfied") == ("satisfied", {})
    assert understand("请给我回电话", CALL_BACK) == ("call_back", {})
    with pytest.raises(ValueError, match="nonsense"):
        parse_payload("nonsense")


@pytest.mark.parametrize(
    "text",
    [
        "他正在打我",
        "我不想活了",
        "孩子丢了怎么办",
        "有人拿着刀在门口",
        "我被关起来了",
        "他说要杀了我",
        "活着没意思 想跳楼",
        "娃娃走丢了",
        "他现在砸门",
        "丈夫喝醉了又打我，现在我和孩子躲在屋里，他在砸门",
    ],
)
def test_danger_now_is_heard(text: str) -> None:
    assert speaks_of_danger(text)


@pytest.mark.parametrize(
    "text",
    [
        "他去年打过我能离婚吗",
        "孩子的抚养费怎么算",
        "钱包丢了被人捡走不还",
        "故意杀人罪怎么判",
        "正在打官司",
        "房子被法院查封了",
        "拿着合同去找他",
    ],
)
def test_what_is_over_or_only_talked_about_is_no_danger(text: str) -> None:
    assert not speaks_of_danger(text)


def test_rasa_passes_on_every_intent_that_has_a_handler() -> None:
    domain = yaml.safe_load((ROOT / "domain.yml").read_text("utf-8"))
    rules = yaml.safe_load((ROOT / "bot" / "data" / "rules.yml").read_text("utf-8"))
    known = {intent for each in domain["intents"] for intent in each}
    passed_on = {each["steps"][0]["intent"] for each in rules["rules"]}
    assert set(_HANDLERS) <= known & passed_on

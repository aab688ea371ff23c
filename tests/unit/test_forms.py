"""Forms without a conversation: what a message gives, what is asked next, what the law says of it."""

import re
from datetime import date
from typing import Any

import pytest

from services.catalogue import SERVICES, WITH_REQUESTS
from services.checks import check
from services.forms import Form, corrected_slot, load_forms, shown, take

TODAY = date(2026, 11, 22)
FORMS = load_forms()


@pytest.mark.parametrize("form", FORMS.values(), ids=lambda form: form.service)
def test_every_form_asks_for_what_a_request_needs(form: Form) -> None:
    assert form.service in WITH_REQUESTS
    assert {"region", "name", "phone"} <= form.names
    for slot in form.slots:
        assert slot.ask
        assert slot.help
        assert bool(slot.options) == (slot.kind == "choice")
        assert len({option.key for option in slot.options}) == len(slot.options)
        for words in (*slot.words, *(word for option in slot.options for word in option.words)):
            re.compile(words)
        for name, wanted in slot.when.items():
            keys = {option.key for option in form.slot(name).options}
            assert set(wanted) <= keys, (slot.name, wanted)


def test_every_service_with_requests_has_a_form_and_a_letter_of_its_own() -> None:
    assert set(FORMS) == set(WITH_REQUESTS)
    letters = [SERVICES[each].letter for each in WITH_REQUESTS]
    assert len(set(letters)) == len(letters)


def test_one_message_fills_several_slots() -> None:
    text = "我是农民工 在包头干活老板欠我三万五工资 我叫王大力，电话13812345678"
    assert take(FORMS["legal_aid"], {}, None, text, TODAY).values == {
        "matter": "wages", "group": "migrant_worker", "region": "150200", "name": "王大力", "phone": "138****5678",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("service", "slot", "text", "value"),
    [
        ("legal_aid", "matter", "2", "work_injury"),
        ("legal_aid", "matter", "欠薪", "wages"),
        ("legal_aid", "matter", "邻居的狗咬了我", "邻居的狗咬了我"),
        ("legal_aid", "group", "都不是", "none"),
        ("legal_aid", "group", "我今年七十二岁了", "elderly"),
        ("legal_aid", "group", "随便", None),
        ("legal_aid", "region", "乌兰察布", "150900"),
        ("legal_aid", "region", "不晓得", None),
        ("legal_aid", "name", "我叫巴特尔", "巴特尔"),
        ("legal_aid", "name", "孟和·巴雅尔", "孟和·巴雅尔"),
        ("legal_aid", "name", "我是农民工", None),
        ("legal_aid", "name", "不知道", None),
        ("legal_aid", "phone", "0474-8888888", "0474-****888"),
        ("legal_aid", "phone", "12345", None),
        ("legal_aid", "story", "没有", None),
        ("legal_aid", "story", "欠钱", "欠钱"),
        ("mediation", "other_contact", "不知道", ""),
        ("notary", "note", "跳过", ""),
        ("arbitration", "amount", "35000", 35_000),
        ("arbitration", "since", "上个月15号", "2026-10-15"),
    ],
)
def test_an_answer_is_read_or_asked_for_again(service: str, slot: str, text: str, value: Any) -> None:
    form = FORMS[service]
    taken = take(form, {}, form.slot(slot), text, TODAY)
    # What only some need to answer is asked of those: here nothing else is known.
    assert taken.answered == (value is not None)
    if value is not None:
        assert taken.values[slot] == value


def test_a_name_of_several_places_is_not_guessed() -> None:
    form = FORMS["legal_aid"]
    taken = take(form, {}, form.slot("region"), "鼓楼区", TODAY)
    assert "region" not in taken.values
    assert "410204" in taken.ambiguous


def test_what_an_answer_rules_out_is_not_asked() -> None:
    form = FORMS["arbitration"]
    assert "agreement" not in [slot.name for slot in form.wanted({"kind": "labour"})]
    assert "agreement" in [slot.name for slot in form.wanted({"kind": "commercial"})]


def test_a_correction_names_its_slot() -> None:
    form = FORMS["legal_aid"]
    assert corrected_slot(form, {}, "电话写错了").name == "phone"  # type: ignore[union-attr]
    assert corrected_slot(form, {}, "名字不对").name == "name"  # type: ignore[union-attr]
    assert corrected_slot(form, {}, "写错了") is None


def test_values_are_shown_in_words() -> None:
    form = FORMS["arbitration"]
    assert shown(form.slot("amount"), 35_000) == "35,000 元"
    assert shown(form.slot("since"), "2026-03-05") == "2026年3月5日"
    assert shown(form.slot("kind"), "labour") == "劳动争议"
    assert shown(form.slot("region"), "150902") == "内蒙古自治区乌兰察布市集宁区"
    assert shown(form.slot("amount"), "") == "（未填）"


@pytest.mark.parametrize(
    ("values", "article", "word"),
    [
        ({"matter": "wages", "group": "migrant_worker"}, "第四十二条", "免予核查"),
        ({"matter": "violence", "group": "none"}, "第三十二条", "不受经济困难条件的限制"),
        ({"matter": "support", "group": "none", "means": "no"}, "第三十一条", "可能不获批准"),
        ({"matter": "support", "group": "elderly"}, "第四十二条", "没有固定生活来源"),
        ({"matter": "wages", "group": "military"}, "第六十一条", "优先"),
    ],
)
def test_the_self_check_says_what_the_article_says(values: dict[str, str], article: str, word: str) -> None:
    found = check("legal_aid", values, {}, TODAY)
    assert found is not None
    assert word in found.text
    assert article in [each for _, each in found.articles]
    assert check("legal_aid", values, values, TODAY) is None, "it is said once"


def test_the_sixty_days_count_from_the_day_of_knowing() -> None:
    in_time = check("reconsideration", {"learned_on": "2026-11-12"}, {}, TODAY)
    late = check("reconsideration", {"learned_on": "2026-09-01"}, {}, TODAY)
    assert in_time is not None
    assert "还有 50 天" in in_time.text
    assert late is not None
    assert "已经过了" in late.text

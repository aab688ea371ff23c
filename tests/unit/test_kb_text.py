"""Text: numbers, names and references are the same however they are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge_base.names import abridge, normalise_name, resolve_alias, short_name
from knowledge_base.numerals import ArticleNumber, parse_article_number, to_chinese, to_int
from knowledge_base.references import find_references, named_laws, parse_citation
from knowledge_base.text import bigrams, normalise, query_tokens, tokens

NAMES = ["民法典", "劳动法", "劳动合同法", "道路交通安全法", "消费者权益保护法", "土地管理法", "城市房地产管理法"]


@given(st.integers(1, 9999))
def test_a_number_written_in_chinese_reads_back(number: int) -> None:
    assert to_int(to_chinese(number)) == number


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading_of_references(text: str) -> None:
    find_references(text, NAMES)
    parse_citation(text)
    tokens(normalise(text))
    query_tokens(text)


@pytest.mark.parametrize(
    "written",
    ["第一百二十条之一", "120条之1", "120-1", "一百二十条之一", "第120条之一", "一二〇之一"],
)
def test_all_ways_of_writing_an_article_number_are_one(written: str) -> None:
    assert parse_article_number(written) == ArticleNumber(120, 1)


def test_subarticles_stand_between_their_neighbours() -> None:
    numbers = [ArticleNumber(120), ArticleNumber(120, 1), ArticleNumber(120, 2), ArticleNumber(121)]
    assert sorted(numbers, key=lambda each: each.ordinal) == numbers


@pytest.mark.parametrize("written", ["全文", "", "第条", "第零条", "a", "第一百二十条第二款"])
def test_what_is_no_article_number_is_none(written: str) -> None:
    assert parse_article_number(written) is None


@pytest.mark.parametrize(
    ("text", "law", "number", "clause"),
    [
        ("民法典1254条", "民法典", "第一千二百五十四条", None),
        ("《中华人民共和国劳动合同法》第三十八条第二款是什么", "劳动合同法", "第三十八条", 2),
        ("劳动合同法里的第38条怎么规定", "劳动合同法", "第三十八条", None),
        ("消保法 55 条", "消费者权益保护法", "第五十五条", None),
        ("交通安全法第９１条", "道路交通安全法", "第九十一条", None),
        ("民法典第一千一百八十八条", "民法典", "第一千一百八十八条", None),
        ("城市房地产管理法第三十八条", "城市房地产管理法", "第三十八条", None),
    ],
)
def test_an_article_asked_for_is_recognised(text: str, law: str, number: str, clause: int | None) -> None:
    (reference,) = find_references(text, NAMES)
    assert (reference.law, str(reference.number), reference.clause) == (law, number, clause)


def test_several_articles_of_one_law_are_recognised() -> None:
    found = find_references("民法典第1062条、第1063条和劳动法第四十四条", NAMES)
    assert [(each.law, each.number.main) for each in found] == [("民法典", 1062), ("民法典", 1063), ("劳动法", 44)]


@pytest.mark.parametrize("text", ["劳动法律关系第三条路", "有三条狗", "工资条丢了怎么办", "第三条"])
def test_no_law_no_reference(text: str) -> None:
    assert find_references(text, NAMES) == []


def test_the_longest_name_is_the_one_meant() -> None:
    assert [each.law for each in named_laws("按城市房地产管理法和劳动合同法", NAMES)] == [
        "城市房地产管理法",
        "劳动合同法",
    ]


def test_one_law_has_one_name() -> None:
    ways = ["《中华人民共和国民法典》", "中华人民共和国民法典", "民法典", " 民 法 典 "]
    assert {short_name(each) for each in ways} == {"民法典"}
    assert normalise_name("最高人民法院解释(一)") == "最高人民法院解释（一）"
    assert resolve_alias("《消保法》") == "消费者权益保护法"


def test_full_width_forms_and_stray_spaces_are_normalised() -> None:
    assert normalise("本法自 ２０２６年 8月１５日　起施行。\r\n\r\n第二款") == "本法自2026年8月15日起施行。\n第二款"


def test_bigrams_do_not_cross_punctuation() -> None:
    assert bigrams("离婚，财产") == ["离婚", "财产"]


def test_words_of_asking_are_not_looked_up() -> None:
    assert "怎么" not in query_tokens("请问被狗咬了怎么办") and "请问" not in query_tokens("请问被狗咬了怎么办")


@pytest.mark.parametrize(
    "written, name",
    [
        ("民间借贷司法解释", "最高人民法院关于审理民间借贷案件适用法律若干问题的规定"),
        ("劳动争议司法解释一", "最高人民法院关于审理劳动争议案件适用法律问题的解释（一）"),
        ("婚姻家庭编解释一", "最高人民法院关于适用《中华人民共和国民法典》婚姻家庭编的解释（一）"),
        ("民诉法解释", "最高人民法院关于适用《中华人民共和国民事诉讼法》的解释"),
    ],
)
def test_an_interpretation_is_known_by_what_people_call_it(written: str, name: str) -> None:
    assert abridge(written) == abridge(name) != ""

"""Sums and days as people write them."""

from datetime import date

import pytest

from services.amounts import day_in, sums_in

TODAY = date(2026, 11, 22)  # a Sunday


@pytest.mark.parametrize(
    ("text", "yuan"),
    [
        ("三万五", 35_000),
        ("3.5万元", 35_000),
        ("1万2千", 12_000),
        ("三千五百块", 3_500),
        ("一百二", 120),
        ("两千多块", 2_000),
        ("１２万".replace("１２", "12"), 120_000),
        ("1,200元", 1_200),
        ("3w", 30_000),
        ("八百块钱", 800),
    ],
)
def test_a_sum_is_read_as_it_is_said(text: str, yuan: int) -> None:
    assert sums_in(text) == [yuan]


def test_a_bare_number_is_a_sum_only_where_money_was_asked_for() -> None:
    assert sums_in("我今年35岁，欠我35000") == []
    assert sums_in("我今年35岁，欠我35000", bare=True) == [35_000]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("今天", date(2026, 11, 22)),
        ("前天下午", date(2026, 11, 20)),
        ("上周三", date(2026, 11, 11)),
        ("上个月十五号", date(2026, 10, 15)),
        ("上上个月", date(2026, 9, 1)),
        ("6月18号", date(2026, 6, 18)),
        ("12月5日", date(2025, 12, 5)),
        ("去年10月", date(2025, 10, 1)),
        ("前年六月", date(2024, 6, 1)),
        ("二零二五年三月五号", date(2025, 3, 5)),
        ("2026-03-05", date(2026, 3, 5)),
        ("10天前", date(2026, 11, 12)),
        ("半年前", date(2026, 5, 22)),
        ("三个月前", date(2026, 8, 22)),
        ("2月30日", None),
        ("明年3月", None),
        ("记不得了", None),
    ],
)
def test_a_day_is_the_one_meant_and_never_one_to_come(text: str, day: date | None) -> None:
    assert day_in(text, TODAY) == day


def test_a_months_last_day_stays_in_its_month() -> None:
    assert day_in("一个月前", date(2026, 3, 31)) == date(2026, 2, 28)
    assert day_in("一年前", date(2028, 2, 29)) == date(2027, 2, 28)

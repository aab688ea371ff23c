"""Bubbles as plain text: cut where sentences end, numbered, never longer than allowed, and nothing lost."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.callers import meant
from channels.writing import segments, within_bytes

LONG = "根据法律，用人单位自用工之日起超过一个月不满一年未订立书面劳动合同的，应当每月支付二倍的工资。" * 20


def test_a_short_text_is_left_alone() -> None:
    assert segments("您好。", 500) == ["您好。"]


def test_a_long_text_is_cut_where_sentences_end() -> None:
    pieces = segments(LONG, 500)
    assert [piece.startswith(f"（{place}/{len(pieces)}）") for place, piece in enumerate(pieces, 1)] == [True] * len(
        pieces
    )
    assert all(piece.endswith("。") for piece in pieces)


@given(st.text(alphabet="法律一二三。，！\n 1a", max_size=3000), st.integers(40, 500))
def test_no_segment_is_too_long_and_nothing_is_lost(text: str, most: int) -> None:
    pieces = segments(text, most)
    assert all(len(piece) <= most for piece in pieces)
    joined = "".join(re.sub(r"^（\d+/\d+）", "", piece) for piece in pieces) if len(text) > most else pieces[0]
    assert re.sub(r"\s", "", joined) == re.sub(r"\s", "", text)


@given(st.text(max_size=1500), st.integers(60, 2000))
def test_what_has_to_fit_into_bytes_fits(text: str, most: int) -> None:
    found = within_bytes(text, most, "……看全部")
    assert len(found.encode()) <= most
    assert found == text if len(text.encode()) <= most else found.endswith("……看全部")


@pytest.mark.parametrize("written", ["2", "２", "回复2", "选2", " 2。", "第2个", "我选2"])
def test_a_number_is_what_was_offered(written: str) -> None:
    assert meant(["/a", "/b"], written) == "/b"


@pytest.mark.parametrize("written", ["3", "0", "20", "2万", "2024年", "打2折怎么办", ""])
def test_any_other_number_is_what_it_says(written: str) -> None:
    assert meant(["/a", "/b"], written) == written

"""Telephone numbers as people write them."""

import pytest

from escalation.errors import Refused
from escalation.phones import phones_in, read_phone, with_phones_masked, without_phones


@pytest.mark.parametrize(
    ("written", "number", "masked"),
    [
        ("13812345678", "13812345678", "138****5678"),
        ("138 1234 5678", "13812345678", "138****5678"),
        ("+86 138-1234-5678", "13812345678", "138****5678"),
        ("１３８１２３４５６７８", "13812345678", "138****5678"),
        ("打13812345678找我", "13812345678", "打138****5678找我"),
        ("13812345678 10点以后", "13812345678", "138****5678 10点以后"),
        ("0474-8888888", "0474-8888888", "0474-****888"),
        ("（0474）8888888转802", "0474-8888888", "0474-****888转802"),
        ("010 8888 8888", "010-88888888", "010-****888"),
        ("13812345678或者0474 8888888", "13812345678、0474-8888888", "138****5678或者0474-****888"),
    ],
)
def test_a_number_is_read_however_it_is_written_and_only_it_is_masked(written: str, number: str, masked: str) -> None:
    assert read_phone(written) == number
    assert with_phones_masked(written, phones_in(written)) == masked


@pytest.mark.parametrize(
    "written",
    ["", "8888888", "1381234567", "138123456789", "12812345678", "150921199001011234", "6222 0213 8123 4567 890"],
)
def test_what_is_no_number_is_refused(written: str) -> None:
    with pytest.raises(Refused, match="没有认出电话号码"):
        read_phone(written)


def test_what_is_said_beside_a_number() -> None:
    text = "我的电话：138-1234-5678，谢谢。"
    assert without_phones(text, phones_in(text)) == "我的电话谢谢"

"""Telephone numbers in what people write: found, brought to one form, masked."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from escalation.errors import Refused

# One character for one, so that places in the text stay where they are.
_PLAIN = str.maketrans("０１２３４５６７８９－—–−（）＋\u3000\u00a0", "0123456789----()+  ")
_DIGITS = re.compile(r"[0-9]+")
_BETWEEN = re.compile(r"[ \-()]{1,3}")
_MOST_PIECES = 6

_MOBILE = re.compile(r"(?:00)?(?:86)?0?(1[3-9]\d{9})")
_LANDLINE = re.compile(r"(0(?:10|2\d))([2-9]\d{7})|(0[3-9]\d{2})([2-9]\d{6,7})")


@dataclass(frozen=True, slots=True)
class Phone:
    """A number and where in the text it stands."""

    start: int
    end: int
    number: str
    """13812345678 or 0474-8888888, however it was written."""
    masked: str
    """138****5678 or 0474-****888."""


def phones_in(text: str) -> list[Phone]:
    """The mobile and landline numbers (with area code) of China in a text, in order. Spaces, dashes and brackets may divide them."""
    plain = text.translate(_PLAIN)
    pieces = list(_DIGITS.finditer(plain))
    found, place = [], 0
    while place < len(pieces):
        for count in range(min(_MOST_PIECES, len(pieces) - place), 0, -1):
            phone = _read(plain, pieces[place : place + count])
            if phone is not None:
                found.append(phone)
                place += count
                break
        else:
            place += 1
    return found


def read_phone(text: str) -> str:
    """The numbers that a text holds, in one form, one after the other. Raises Refused when there is none."""
    found = phones_in(text)
    if not found:
        raise Refused("没有认出电话号码。请写 11 位手机号，或带区号的座机号，例如 0474-8888888。", "phone")
    return "、".join(dict.fromkeys(phone.number for phone in found))


def with_phones_masked(text: str, phones: Sequence[Phone]) -> str:
    """The text with these of its numbers masked and nothing else changed."""
    for phone in reversed(phones):
        text = text[: phone.start] + phone.masked + text[phone.end :]
    return text


def without_phones(text: str, phones: Sequence[Phone]) -> str:
    """What a text says besides these of its numbers: letters and characters only."""
    for phone in reversed(phones):
        text = text[: phone.start] + text[phone.end :]
    return re.sub(r"\W", "", text)


def _read(plain: str, pieces: Sequence[re.Match[str]]) -> Phone | None:
    """These neighbouring runs of digits as one number; None when they are none."""
    for left, right in pairwise(pieces):
        if not _BETWEEN.fullmatch(plain, left.end(), right.start()):
            return None
    start, end = pieces[0].start(), pieces[-1].end()
    before = plain[start - 1 : start]
    if before == "+" or (before == "(" and ")" in plain[start:end]):
        start -= 1
    digits = "".join(piece[0] for piece in pieces)
    if mobile := _MOBILE.fullmatch(digits):
        number = mobile[1]
        return Phone(start, end, number, f"{number[:3]}****{number[-4:]}")
    if landline := _LANDLINE.fullmatch(digits):
        area, local = landline[1] or landline[3], landline[2] or landline[4]
        return Phone(start, end, f"{area}-{local}", f"{area}-****{local[-3:]}")
    return None

"""Personal data in what people write, masked for those who need the matter and not the person.

Telephone numbers, identity numbers, bank cards and number plates; the first and last characters stay, so that a text still
reads. What merely looks like one, and has a wrong check digit, stays as it is.
"""

import re

from escalation.phones import phones_in, with_phones_masked

# One character for one, so that places in the text stay where they are.
_PLAIN = str.maketrans("０１２３４５６７８９Ｘｘ", "0123456789XX")
_IDENTITY = re.compile(r"(?<![0-9])[1-9]\d{16}[0-9Xx](?![0-9])")
_CARD = re.compile(r"(?<![0-9])[3-6](?:[ -]?\d){14,18}(?![0-9])")
_PLATE = re.compile(
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-HJ-NP-Z][·• ]?[A-HJ-NP-Z0-9]{4,5}[A-HJ-NP-Z0-9挂学警港澳](?![A-Za-z0-9])"
)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"
_SHOWN_FIRST, _SHOWN_LAST = 3, 2


def masked(text: str) -> str:
    """The text with every number that is somebody's masked."""
    plain = text.translate(_PLAIN)
    for pattern, is_one in ((_IDENTITY, _is_identity), (_CARD, _is_bank_card), (_PLATE, _is_plate)):
        for match in reversed(list(pattern.finditer(plain))):
            if is_one(match[0]):
                stars = _starred(match[0])
                text = text[: match.start()] + stars + text[match.end() :]
                plain = plain[: match.start()] + stars + plain[match.end() :]
    return with_phones_masked(text, phones_in(text))


def _starred(written: str) -> str:
    hidden = len(written) - _SHOWN_FIRST - _SHOWN_LAST
    return written[:_SHOWN_FIRST] + "*" * hidden + written[-_SHOWN_LAST:]


def _is_identity(written: str) -> bool:
    """GB 11643: the last character checks the others."""
    total = sum(int(digit) * weight for digit, weight in zip(written[:17], _WEIGHTS, strict=True))
    return _CHECKS[total % 11] == written[17].upper()


def _is_bank_card(written: str) -> bool:
    """Luhn's sum."""
    digits = [int(char) for char in written if char.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) if place % 2 else digit for place, digit in enumerate(reversed(digits))]
    return 15 <= len(digits) <= 19 and sum(doubled) % 10 == 0


def _is_plate(written: str) -> bool:
    return any(char.isdigit() for char in written)

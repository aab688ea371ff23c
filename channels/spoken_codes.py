"""Codes that a person can read aloud and type: eight characters of which none looks like another."""

import re
import secrets
import unicodedata

_ALPHABET = "2346789ACDEFHJKMNPQRTUVWXY"
"""Nothing that looks like something else: no 0 and O, 1 and I and L, 5 and S, B (8), G (6), Z (2)."""
_LENGTH = 8

HINT = "请看清楚再输一次：八个字母和数字，没有 0、1、5 和字母 O、I、L、S。"


def new_code() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def shown(code: str) -> str:
    """ABCD-2346, as it stands on a screen."""
    return f"{code[:4]}-{code[4:]}"


def read_code(written: str) -> str | None:
    """The code as somebody wrote it, full-width or in small letters, with spaces or strokes; None for what can be none."""
    code = re.sub(r"[\s\-–—－]", "", unicodedata.normalize("NFKC", written)).upper()
    return code if len(code) == _LENGTH else None

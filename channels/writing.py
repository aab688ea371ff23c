"""Bubbles as plain text: for channels that have no buttons and no links, and a limit to each message."""

import re
from collections.abc import Sequence

from escalation.models import Message

_AFTER_SENTENCE = re.compile(r"(?<=[。！？!?；;\n])")
_AFTER_CLAUSE = re.compile(r"(?<=[，,、：: ])")
_NUMBERING = 10
"""Room for "（12/34）" in front of a segment."""


def plain(message: Message) -> str:
    """What a bubble says: who says it, the text, the articles by name, the choices by number."""
    data = message.data
    parts = [message.text]
    if lawyer := data.get("lawyer"):
        firm = f"（{lawyer['firm']}）" if lawyer.get("firm") else ""
        parts[0] = f"{lawyer['name']}律师{firm}：\n{message.text}"
    if cited := data.get("citations"):
        named = [f"《{each['law']}》{each['article']}" for each in cited]
        parts.append("依据：" + "；".join(dict.fromkeys(named)))
    if choices := data.get("choices"):
        parts.append("\n".join(f"回复{place} {each['title']}" for place, each in enumerate(choices, 1)))
    return "\n".join(parts)


def payloads(messages: Sequence[Message]) -> list[str] | None:
    """What a number stands for once these have been read; None where they change nothing.

    After a lawyer's words it stands for itself: "3" may well be the answer to what they asked.
    """
    for message in reversed(messages):
        if message.author == "lawyer":
            return []
        if choices := message.data.get("choices"):
            return [choice["payload"] for choice in choices]
    return None


def segments(text: str, most: int) -> list[str]:
    """The text in pieces of at most `most` characters, cut at the ends of sentences and numbered where there are several."""
    if len(text) <= most:
        return [text]
    room = most - _NUMBERING
    pieces = [""]
    for part in _fitting(text, room):
        if len(pieces[-1]) + len(part) > room:
            pieces.append("")
        pieces[-1] += part
    kept = [piece.strip("\n") for piece in pieces if piece.strip()]
    return [f"（{place}/{len(kept)}）{piece}" for place, piece in enumerate(kept, 1)]


def within_bytes(text: str, most: int, instead: str) -> str:
    """The text, or as much of it as goes into `most` bytes of UTF-8 with `instead` behind it, cut at the end of a sentence."""
    if len(text.encode()) <= most:
        return text
    room = most - len(instead.encode())
    kept = text.encode()[:room].decode(errors="ignore")
    ends = [found.end() for found in re.finditer(r"[。！？!?；;\n]", kept)]
    return (kept[: ends[-1]] if ends and ends[-1] > len(kept) // 2 else kept) + instead


def _fitting(text: str, room: int) -> list[str]:
    """Sentences; clauses of what is too long a sentence; runs of characters of what is too long a clause."""
    found: list[str] = []
    for sentence in _AFTER_SENTENCE.split(text):
        for clause in [sentence] if len(sentence) <= room else _AFTER_CLAUSE.split(sentence):
            found += [clause[start : start + room] for start in range(0, len(clause), room)]
    return found

"""Inside an article: its 款 and 项, and whether it says what is quoted from it."""

import re
from dataclasses import dataclass

from knowledge_base.laws.library import bigrams
from knowledge_base.numerals import to_chinese, to_int
from knowledge_base.references import Quote

_NOT_LETTERS = re.compile(r"[^\u3400-\u9fff0-9a-zA-Z]")
_ELLIPSIS = re.compile(r"(?:…+|\.{3,}|。{3,})")
_ITEM = re.compile(r"^[（(](?P<number>[零一二三四五六七八九十百]+)[）)]|^(?P<loose>[一二三四五六七八九十百]+)、")
_WITHIN_AN_ITEM = re.compile(r"^(?:\d+[.．、]|[（(]\d+[）)]|[①-⑳])")
_SENTENCE = re.compile(r"[^。；\n]+[。；]?")


@dataclass(frozen=True, slots=True)
class QuoteCheck:
    """A passage in quotation marks behind a citation, at text[start:end]. `stands`: the article says it, word for word.

    Punctuation and width do not count, and an ellipsis may leave words out.
    """

    text: str
    start: int
    end: int
    stands: bool
    closest: str
    """The sentence of the article that is most like it, where it does not stand there."""


def clauses(text: str) -> list[tuple[str, dict[int, str]]]:
    """The 款 of an article, each with its 项 by number. What follows the last 项 on a line of its own is the next 款."""
    found: list[tuple[list[str], dict[int, str]]] = []
    for line in text.split("\n"):
        match = _ITEM.match(line)
        if found and match:
            found[-1][0].append(line)
            found[-1][1][to_int(match["number"] or match["loose"])] = line
        elif found and _WITHIN_AN_ITEM.match(line):
            found[-1][0].append(line)
        else:
            found.append(([line], {}))
    return [("\n".join(lines), items) for lines, items in found]


def find_passage(text: str, clause: int | None, item: int | None) -> tuple[str, str]:
    """The 款 or 项 cited ("" for a whole article), and what is wrong with it ("" for nothing)."""
    if clause is None and item is None:
        return "", ""
    parts = clauses(text)
    if clause is not None and not 1 <= clause <= len(parts):
        return "", f"只有{_count(len(parts))}款，没有第{_chinese(clause)}款"
    chosen = parts if clause is None else [parts[clause - 1]]
    if item is None:
        return chosen[0][0], ""
    for _, items in chosen:
        if item in items:
            return items[item], ""
    most = max((len(items) for _, items in chosen), default=0)
    where = f"第{_chinese(clause)}款" if clause is not None else ""
    return "", f"{where}只有{_count(most)}项，没有第{_chinese(item)}项" if most else f"{where}没有分项"


def written_within(clause: int | None, item: int | None) -> str:
    return (f"第{_chinese(clause)}款" if clause else "") + (f"第{_chinese(item)}项" if item else "")


def _count(number: int) -> str:
    return "两" if number == 2 else _chinese(number)


def _chinese(number: int) -> str:
    return to_chinese(number) if 0 < number < 10000 else str(number)


def check_quote(text: str, quote: Quote) -> QuoteCheck:
    letters = _NOT_LETTERS.sub("", text)
    place, stands = 0, True
    for part in _ELLIPSIS.split(quote.text):
        wanted = _NOT_LETTERS.sub("", part)
        at = letters.find(wanted, place)
        if at < 0:
            stands = False
            break
        place = at + len(wanted)
    closest = "" if stands else _closest(text, quote.text)
    return QuoteCheck(quote.text, quote.start, quote.end, stands, closest)


def _closest(text: str, quote: str) -> str:
    """The run of sentences of `text` that is most like the quote, as long as the quote has sentences."""
    sentences = _SENTENCE.findall(text)
    length = max(1, len(_SENTENCE.findall(quote)))
    runs = ["".join(sentences[i : i + length]) for i in range(max(1, len(sentences) - length + 1))]
    wanted = bigrams(_NOT_LETTERS.sub("", quote))

    def likeness(run: str) -> float:
        theirs = bigrams(_NOT_LETTERS.sub("", run))
        return len(wanted & theirs) / max(1, len(wanted) + len(theirs))

    return max(runs, key=likeness)

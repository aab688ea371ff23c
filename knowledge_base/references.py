"""Recognising that somebody asks for an article by its name: "民法典1254条", "《劳动合同法》第三十八条第二款"."""

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass

from knowledge_base.names import ALIASES, FORMER, normalise_name, resolve_alias, short_name
from knowledge_base.numerals import NUMERAL, ArticleNumber, to_int
from knowledge_base.text import normalise

_ARTICLE = re.compile(
    rf"第?\s*(?P<main>{NUMERAL})\s*条(?:\s*之\s*(?P<sub>{NUMERAL}))?(?:\s*第?\s*(?P<clause>{NUMERAL})\s*款)?"
)
_QUOTED = re.compile(r"《(?P<name>[^《》]*(?:《[^《》]*》[^《》]*)*)》")
# What may stand between a law's name and the number: 劳动合同法里的第38条, 《民法典》（2020年版）第十条.
_BETWEEN = re.compile(r"^(?:\s|的|里|中|里面|规定|（[^）]{0,12}）|第?[一二三四五六七八九十]+(?:编|分编|章|节)){0,4}$")
_LIST = re.compile(r"^(?:[、，,和与及或至到]|第[一二三四五六七八九十]+[款项]|以及|还有|\s)*$")
# 劳动法 in 劳动法律关系 is no law's name.
_NOT_AFTER = "律院官规定庭医盲学"


@dataclass(frozen=True, slots=True)
class Reference:
    """An article asked for. `law` is a short name, as `names.short_name` gives it."""

    law: str
    number: ArticleNumber
    clause: int | None = None


@dataclass(frozen=True, slots=True)
class NamedLaw:
    """A law named in a text, at text[start:end]."""

    law: str
    start: int
    end: int


def named_laws(text: str, names: Iterable[str]) -> list[NamedLaw]:
    """The laws named in `text`, in order: quoted ones, and those of `names` (short names) and known aliases.

    The longest name wins where several overlap. Quoted names are given whether or not anybody knows them.
    """
    found = [NamedLaw(resolve_alias(match["name"]), match.start(), match.end()) for match in _QUOTED.finditer(text)]
    loose: list[NamedLaw] = []
    if "法" in text or "条例" in text or "规定" in text or "解释" in text or "办法" in text or "决定" in text:
        for name in itertools.chain(names, FORMER):
            loose += _occurrences(text, name, name)
        for alias, law in ALIASES.items():
            loose += _occurrences(text, alias, law)
    for each in sorted(loose, key=lambda each: (each.start - each.end, each.start)):
        if all(each.end <= other.start or other.end <= each.start for other in found):
            found.append(each)
    return sorted(found, key=lambda each: each.start)


def find_references(text: str, names: Iterable[str]) -> list[Reference]:
    """All articles that `text` asks for by law and number, in order and once each. `names`: short names of known laws."""
    if "条" not in text:
        return []
    text = normalise(text)
    laws = named_laws(text, names)
    found: list[Reference] = []
    law, last = "", -1
    for match in _ARTICLE.finditer(text):
        before = [each for each in laws if each.end <= match.start()]
        if before and _BETWEEN.match(text[before[-1].end : match.start()]):
            law = before[-1].law
        elif last < 0 or not _LIST.match(text[last : match.start()]):
            law = ""
        last = match.end()
        reference = _reference(law, match)
        if reference is not None and reference not in found:
            found.append(reference)
    return found


def parse_citation(text: str) -> Reference | None:
    """A citation as one writes it, whether or not its law is known: "《劳动合同法》第三十八条", "劳动合同法38条"."""
    text = normalise(text).strip("。 ")
    match = _last(_ARTICLE, text)
    if match is None:
        return None
    name = re.sub(r"(?:第?[一二三四五六七八九十]+(?:编|分编|章|节)|（\d{4}[^）]*）|的|\s)*$", "", text[: match.start()])
    quoted = _last(_QUOTED, name)
    law = quoted["name"] if quoted else name
    return _reference(resolve_alias(short_name(normalise_name(law))), match) if law else None


def _reference(law: str, match: "re.Match[str]") -> Reference | None:
    if not law:
        return None
    try:
        main, sub = to_int(match["main"]), to_int(match["sub"]) if match["sub"] else 0
        clause = to_int(match["clause"]) if match["clause"] else None
    except ValueError:
        return None
    return Reference(law, ArticleNumber(main, sub), clause) if 0 < main < 10000 and sub < 1000 else None


def _occurrences(text: str, name: str, law: str) -> list[NamedLaw]:
    found, start = [], text.find(name)
    while start >= 0:
        end = start + len(name)
        if not (
            name.endswith("法") and text[end : end + 1] and text[end] in _NOT_AFTER and text[end : end + 2] != "规定"
        ):
            found.append(NamedLaw(law, start, end))
        start = text.find(name, end)
    return found


def _last(pattern: "re.Pattern[str]", text: str) -> "re.Match[str] | None":
    matches = list(pattern.finditer(text))
    return matches[-1] if matches else None

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


# ---- all citations of a text ----

_SEPARATOR = r"(?:[、，,和与及或至到~～—–-]|以及|或者|还有)"
_TOKEN = re.compile(
    rf"第?(?P<articles>{NUMERAL}(?:{_SEPARATOR}第?{NUMERAL})*)条(?:之(?P<sub>{NUMERAL}))?"
    rf"|第?(?P<clause>{NUMERAL})款|第?（?(?P<item>{NUMERAL})）?项|第?（?(?P<point>{NUMERAL})）?目|之(?P<again>{NUMERAL})"
)
_SEPARATED = re.compile(rf"({_SEPARATOR})")
_SEPARATORS = re.compile(rf"{_SEPARATOR}+")
_RANGE = frozenset("至到~～—–-")
_MOST_IN_A_RANGE = 30  # of a longer one its two ends are checked
# What may stand between a law's name and the number, when everything in a text is looked at.
_NEAR = re.compile(
    rf"^(?:的|里面|里|中|规定|[）”]|（(?P<note>[^）]{{0,30}})）|第?{NUMERAL}(?:编|分编|章|节)[^，。；、]{{0,12}}?"
    r"|[\u3400-\u9fff]{2,6}编){0,5}$"
)
_SAME_LAW = re.compile(r"(?:该|同|上述|前述|上列)(?:法律|法典|法|条例|办法|规定|规则|解释|决定)(?:的|中|里)?$")
_GOES_ON = re.compile(r"(?:依照|依据|根据|按照|适用|违反|符合|参照|又|并|同时|和|以及|及|或者|或|与|、|，|,|其|其中)$")
_SENTENCE_END = re.compile(r"[。；;！!？?“”]")
# A law's name without book-title marks that nobody holds, with whatever stands before it.
_LOOSE_NAME = re.compile(
    r"[\u3400-\u9fff、（）]{2,40}(?:法典|法|条例|规定|办法|解释|规则|细则|决定|通则|总则)(?:（[^）]{1,8}）|[一二三四五])?$"
)
_BEFORE_A_NAME = re.compile(
    r".*(?:根据|依据|依照|按照|违反|适用|参照|符合|我国|以及|中华人民共和国|关于|看看|看|查|按|依|据|是|在|和|与|及|的|、)"
)
_NO_NAME = re.compile(
    r"^(?:本|该|此|这|那|其|上述|前述|同|各|有关|相关|以上|下列|国家|现行|法律|合同|协议|公司)|^.{0,2}$"
)
# Papers between two parties have articles too, and are no laws.
_PAPERS = re.compile(
    r"(?:合同|合同书|协议|协议书|章程|手册|通知|通知书|判决书|裁定书|调解书|裁决书|承诺书|说明书|公约|约定|意见书|起诉状)$"
)
_CALLED = re.compile(
    r"《(?P<law>[^《》]*(?:《[^《》]*》[^《》]*)*)》（(?:以下|下文|后文)?(?:统称|合称|简称|下称|称)为?[“\"]?《?(?P<short>[^《》“”\"（）]{2,20})》?[”\"]?）"
)
_QUOTE = re.compile(
    r"(?:之|的)?(?:明确|也|均|还|亦|就)?(?:规定|载明|指出|写明|要求|写道|原文|内容)?(?:了|为|是|如下|说)?[：:，,]{0,2}"
    r"(?:“(?P<a>[^“”]*(?:“[^“”]*”[^“”]*)*)”|\"(?P<b>[^\"]+)\"|「(?P<c>[^」]+)」|『(?P<d>[^』]+)』)"
)
_SHORTEST_QUOTE = 4


@dataclass(frozen=True, slots=True)
class Quote:
    """What a text claims that the law says, word for word, at text[start:end] without its marks."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Written:
    """One article cited in a text, at text[start:end]; the law's name belongs to the first of several numbers.

    `law` is a short name, as `names.short_name` gives it, known or not. `year` is that of the version, where it is named.
    """

    law: str
    number: ArticleNumber
    clause: int | None
    item: int | None
    year: int | None
    start: int
    end: int
    quote: Quote | None
    group: int
    """Equal for the numbers of one list, which share a quote."""


def find_citations(text: str, names: Iterable[str]) -> list[Written]:
    """Every article that `text` cites, in order, each as often as it stands there. `names`: short names of known laws.

    Numbers without a law's name before them count where they go on from the citation before (第三十八条、第四十六条, 该法第十条);
    本法第X条, 前款 and articles of contracts are nobody's citation.
    """
    compact, places = _compact(text)
    if "条" not in compact:
        return []
    laws = _named_in(compact, names)
    found: list[Written] = []
    law, reach, year = "", 0, None
    for match in _TOKEN.finditer(compact):
        if match["articles"] is None or match.start() < reach or _inside(match.start(), laws):
            continue
        start = match.start()
        before = next((each for each in reversed(laws) if each.end <= start), None)
        near = _NEAR.match(compact[before.end : start]) if before and start - before.end < 60 else None
        if before is not None and near is not None:
            law, start = before.law, before.start
            year = _year(near["note"] or "") or _year(compact[before.start : before.end])
        elif not (law and _goes_on(compact, reach, start)):
            name = _loose_name(compact[max(reach, start - 60) : start])
            law, start, year = name, start - len(name), None
        steps, reach = _numbers(compact, match.start())
        if not law or _PAPERS.search(law):
            law = ""
            continue
        quote = _quote(compact, places, reach)
        for place, (number, clause, item, first, last) in enumerate(steps):
            begin = places[start if place == 0 else first]
            found.append(
                Written(short_name(law), number, clause, item, year, begin, places[last - 1] + 1, quote, match.start())
            )
    return found


def _compact(text: str) -> tuple[str, list[int]]:
    """The text in half width and without any space, and for each of its characters the place in `text`."""
    written = {char: normalise(char).translate(_BRACKETS) for char in set(text)}
    kept = [(written[char], place) for place, char in enumerate(text) if written[char]]
    return "".join(char for char, _ in kept), [place for _, place in kept]


_BRACKETS = str.maketrans("()<>〈〉[]", "（）《》《》（）")


def _named_in(compact: str, names: Iterable[str]) -> list[NamedLaw]:
    """`named_laws`, with 中华人民共和国 taken in and with what the text itself says it will call a law."""
    called = {
        match["short"]: resolve_alias(match["law"])
        for match in _CALLED.finditer(compact)
        if short_name(match["short"]) not in ALIASES
    }
    found = [NamedLaw(resolve_alias(match["law"]), *match.span()) for match in _CALLED.finditer(compact)]
    loose = [NamedLaw(called.get(each.law, each.law), each.start, each.end) for each in named_laws(compact, names)]
    loose += [each for short, law in called.items() for each in _occurrences(compact, short, law)]
    for each in loose:
        if all(each.end <= other.start or other.end <= each.start for other in found):
            found.append(each)
    whole = "中华人民共和国"
    found = [
        NamedLaw(each.law, each.start - len(whole) if compact.endswith(whole, 0, each.start) else each.start, each.end)
        for each in found
    ]
    return sorted(found, key=lambda each: each.start)


def _inside(place: int, laws: list[NamedLaw]) -> bool:
    return any(each.start <= place < each.end for each in laws)


def _goes_on(compact: str, reach: int, start: int) -> bool:
    """The number at `start` is one of the law cited last, up to `reach`."""
    between = compact[reach:start]
    if _SAME_LAW.search(between):
        return True
    return not _SENTENCE_END.search(between) and (not between or bool(_GOES_ON.search(between)))


def _loose_name(before: str) -> str:
    match = _LOOSE_NAME.search(before)
    if match is None:
        return ""
    name = _BEFORE_A_NAME.sub("", match[0]) if not match[0].startswith("最高人民") else match[0]
    return "" if _NO_NAME.match(name) or not _LOOSE_NAME.match(name) else name


def _numbers(compact: str, start: int) -> tuple[list[tuple[ArticleNumber, int | None, int | None, int, int]], int]:
    """(article, 款, 项, start, end) for each of the numbers that follow each other from `start`, and where they end."""
    found: list[tuple[ArticleNumber, int | None, int | None, int, int]] = []
    reach, place, ranged = start, start, False
    while match := _TOKEN.match(compact, place):
        if not found and match["articles"] is None:
            break
        try:
            steps = _step(match, found[-1] if found else None, ranged)
        except ValueError:
            break
        # 第三十八条第一款 is one citation; 第一款、第二款 are two.
        replaced = bool(found) and place == reach and match["articles"] is None
        if replaced:
            first = found.pop()[3]
            steps = [(*step[:3], first, step[4]) for step in steps]
        found += steps
        reach = place = match.end()
        separator = _SEPARATORS.match(compact, place)
        ranged = bool(separator and separator[0] in _RANGE)
        if separator:
            place = separator.end()
    return found, reach


def _step(
    match: "re.Match[str]", last: "tuple[ArticleNumber, int | None, int | None, int, int] | None", ranged: bool
) -> "list[tuple[ArticleNumber, int | None, int | None, int, int]]":
    """What one token adds after the citation `last`. Raises ValueError where it is no such number."""
    start, end = match.span()
    if match["articles"] is not None:
        mains: list[int] = [last[0].main] if last is not None and ranged else []
        parts = _SEPARATED.split(match["articles"])
        ranges = [ranged, *(part in _RANGE for part in parts[1::2])]
        numbers: list[int] = []
        for part, through in zip(parts[::2], ranges, strict=True):
            number = to_int(part.removeprefix("第"))
            if not 0 < number < 10000:
                raise ValueError(part)
            if through and mains and 1 < number - mains[-1] <= _MOST_IN_A_RANGE:
                numbers += range(mains[-1] + 1, number)
            numbers.append(number)
            mains.append(number)
        sub = to_int(match["sub"]) if match["sub"] else 0
        if sub >= 1000:
            raise ValueError(match["sub"])
        subs = [0] * (len(numbers) - 1) + [sub]
        # What lies within a range stands nowhere in the text: all of the range is its place.
        begins = [last[3] if last is not None and ranged else start] * (len(numbers) - 1) + [start]
        return [
            (ArticleNumber(main, sub), None, None, begin, end)
            for main, sub, begin in zip(numbers, subs, begins, strict=True)
        ]
    if last is None:
        raise ValueError(match[0])
    number_, clause, item, *_ = last
    if match["again"]:
        if not number_.sub:
            raise ValueError(match[0])
        subs = _through(number_.sub, to_int(match["again"]), ranged)
        return [(ArticleNumber(number_.main, each), None, None, start, end) for each in subs]
    if match["clause"]:
        clauses = _through(clause, to_int(match["clause"]), ranged)
        return [(number_, each, None, start, end) for each in clauses]
    if match["item"]:
        items = _through(item, to_int(match["item"]), ranged)
        return [(number_, clause, each, start, end) for each in items]
    return [(number_, clause, item, start, end)]


def _through(last: int | None, number: int, ranged: bool) -> list[int]:
    if ranged and last is not None and 1 < number - last <= _MOST_IN_A_RANGE:
        return list(range(last + 1, number + 1))
    return [number]


def _year(written: str) -> int | None:
    match = re.search(r"(?:19|20)\d{2}", written)
    return int(match[0]) if match else None


def _quote(compact: str, places: list[int], reach: int) -> Quote | None:
    match = _QUOTE.match(compact, reach)
    if match is None:
        return None
    kind = next(name for name in "abcd" if match[name] is not None)
    if len(match[kind]) < _SHORTEST_QUOTE:
        return None
    return Quote(match[kind], places[match.start(kind)], places[match.end(kind) - 1] + 1)

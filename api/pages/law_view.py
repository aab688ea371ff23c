"""A law laid out for reading: its parts with their headings, the table of contents, the marks of a comparison."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

from knowledge_base.laws import ArticleText, CitationCheck, Mark, VersionInfo, mark_changes
from knowledge_base.models import Force

# 第二编 物权 第一分编 通则 第一章 一般规定: a heading begins where the next 第X编, 章, 节 stands.
_HEADING = re.compile(r" (?=第[零一二三四五六七八九十百]+(?:分编|编|章|节)(?: |$))")
_DEEPEST = 6  # HTML has no heading below h6
_PER_LINE = 17  # characters on a small phone
_SIZES = (300, 600, 1000, 1500, 2200, 3200, 4800, 8000)  # px; those of the classes h0 to h8 in wenfa.css


@dataclass(slots=True)
class Heading:
    """编, 章 or 节. `level` as HTML counts them, from 2; `first`: the number of its first article."""

    title: str
    anchor: str
    level: int
    first: str
    children: list["Heading"] = field(default_factory=list)


@dataclass(slots=True)
class Part:
    """Articles that stand under the same headings, and those of the headings that begin here."""

    headings: list[Heading]
    articles: list[ArticleText]

    @property
    def size(self) -> int:
        """How long the part is on a phone: a class of the style sheet, which reserves that much before laying it out.

        Never too short: a browser that reserves too little cannot scroll to what stands near the law's end.
        """
        lines = sum(-(-len(line) // _PER_LINE) for each in self.articles for line in each.text.split("\n"))
        height = 70 * len(self.headings) + 66 * len(self.articles) + 33 * lines
        return bisect_left(_SIZES, height)


def parts_of(articles: Sequence[ArticleText]) -> tuple[list[Part], list[Heading]]:
    """The law in parts, and its table of contents (nested; empty where the law has no headings)."""
    parts: list[Part] = []
    contents: list[Heading] = []
    above: list[Heading] = []  # the headings that the article before stands under
    path: str | None = None
    for article in articles:
        if article.path == path:
            parts[-1].articles.append(article)
            continue
        path = article.path
        titles = _HEADING.split(path) if path else []
        kept = 0
        while kept < min(len(above), len(titles)) and above[kept].title == titles[kept]:
            kept += 1
        above = above[:kept]
        begun = []
        for title in titles[kept:]:
            heading = Heading(
                title, f"{article.number}-{len(above) + 1}", min(len(above) + 2, _DEEPEST), article.number
            )
            (above[-1].children if above else contents).append(heading)
            above.append(heading)
            begun.append(heading)
        parts.append(Part(begun, [article]))
    return parts, contents


def badge(version: VersionInfo) -> tuple[str, str]:
    """The words of a version's status, and the class of their mark: good for what can be relied on, grey for the rest."""
    if version.status == Force.IN_FORCE:
        return version.status, "good"
    if version.status == Force.NOT_YET and version.effective_from:
        return f"{version.effective_from} 起施行", ""
    return version.status, "past"


@dataclass(frozen=True, slots=True)
class ShownCheck:
    """A citation as it stands in the list of those checked."""

    number: int
    check: CitationCheck
    verdict: str
    good: bool
    quote: list[Mark]
    """From the article's words to those quoted; empty where they are the same or nothing is quoted."""


def shown_check(number: int, check: CitationCheck) -> ShownCheck:
    wrong_words = check.quote is not None and not check.quote.stands
    if not check.found:
        verdict = "没有这一条" if check.held else "没有收录"
    elif not check.in_force:
        verdict = check.version.status if check.version else ""
    elif not check.applies:
        verdict = "不适用于本地"
    elif wrong_words:
        verdict = "引文有出入"
    else:
        verdict = "现行有效"
    marks = mark_changes(check.quote.closest, check.quote.text) if check.quote and wrong_words else []
    good = check.found and check.in_force and check.applies and not wrong_words
    return ShownCheck(number, check, verdict, good, marks)


def with_places(text: str, checks: Sequence[CitationCheck]) -> list[tuple[str, int]]:
    """The text in pieces, each with the number (from 1) of the citation that it is, 0 for what is none."""
    pieces: list[tuple[str, int]] = []
    place = 0
    for number, check in enumerate(checks, start=1):
        if check.start < place:  # within a range that has been shown
            continue
        pieces += [(text[place : check.start], 0), (text[check.start : check.end], number)]
        place = check.end
    return [piece for piece in [*pieces, (text[place:], 0)] if piece[0]]

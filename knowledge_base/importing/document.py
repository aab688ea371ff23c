"""The grammar of a Chinese legal document: lines in; title, 沿革, headings and articles out.

Every reader (Markdown, .docx, plain text) hands its lines to `parse_document`. What it settles:

* Articles are lines that begin with 第X条. A line that merely cites an article ("第六十条第二款规定的…") opens none.
* Headings (编, 分编, 章, 节) make the path of the articles below, at whatever level the source sets them. A heading that
  leaked into the end of the article before it is cut off.
* A table of contents is left out: its headings are followed by no article.
* Without articles, the paragraphs numbered 一、二、… are what one cites: 第一项. Without those, the whole is 全文.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from knowledge_base.importing.drafts import ArticleDraft, BrokenSource
from knowledge_base.numerals import ArticleNumber, parse_article_number, to_chinese, to_int
from knowledge_base.text import normalise

_CHINESE = "一二三四五六七八九十百千零〇"
_ARTICLE = re.compile(rf"^(?P<number>第[{_CHINESE}]+条(?:之[{_CHINESE}]+)?)(?P<gap>[\s\u3000:：]*)(?P<text>.*)$")
# What follows a number that is cited in the middle of a sentence which happens to begin a line.
_CITED = re.compile(r"^(?:第|的|规定|和|及|、|至|或|中的|所|之|，|项|款|修改|改为|增加|删)")
_HEADING = re.compile(
    rf"^第\s*(?P<number>[{_CHINESE}\d]+)\s*(?P<level>编|分编|章|节|部分)(?:[\s\u3000:：]+(?P<name>\S.*)?|(?P<glued>[^\s，。；].{{0,40}})?)$"
)
_LEVELS = {"编": 0, "部分": 0, "分编": 1, "章": 2, "节": 3}
_ADDENDUM = re.compile(r"^附\s*则$")
_ANNEX = re.compile(r"^(?P<name>附(?:件|表|录|图)?\s*[一二三四五六七八九十\d]*)\s*(?:[:：].*|$)")
_ITEM = re.compile(rf"^(?P<number>[{_CHINESE}]+)、\s*(?P<text>.*)$")
_PREAMBLE = re.compile(r"^[序前][言文]$")
_CONTENTS = re.compile(r"^目\s*[录次]$")
_DAY = r"(?P<year>\d{4})\s*年\s*(?P<month>\d{1,2})\s*月\s*(?P<day>\d{1,2})\s*日"
DAY = re.compile(_DAY)
_ENDS = "。；：！？…”）》】.;:!?)"
_MAX_ARTICLES = 5000


@dataclass(slots=True)
class Document:
    """One document as written. `notes`: what stands between the title and the text, a line each."""

    title: str
    notes: list[str] = field(default_factory=list)
    articles: list[ArticleDraft] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    """Articles that the source has lost: numbers between the first and the last that are nowhere."""


def parse_document(title: str, notes: Sequence[str], lines: Sequence[str]) -> Document:
    """The document of this title whose body are `lines` (Markdown's # marks allowed).

    Raises BrokenSource, with the number of the line within `lines`, for what no reader could cite from.
    """
    body = [line.strip() for line in _without_contents(lines)]
    numbered = any((match := _ARTICLE.match(_bare(line))) and _opens(match, 0) for line in body)
    articles = _found_again(_articles(body)) if numbered else _items(body)
    if not articles:
        raise BrokenSource("没有正文")
    if len(articles) > _MAX_ARTICLES:
        raise BrokenSource(f"条文超过 {_MAX_ARTICLES} 条，不像一部法规")
    return Document(title, list(notes), articles, _missing(articles))


def _missing(articles: Sequence[ArticleDraft]) -> list[str]:
    """What the source has lost: numbers that are nowhere, and an end that breaks off."""
    held = {article.ordinal // 1000 for article in articles if article.ordinal}
    missing = [
        str(ArticleNumber(number)) for number in range(min(held, default=1), max(held, default=0)) if number not in held
    ]
    closing = articles[-1].text
    if articles[-1].ordinal and closing[-1] not in _ENDS and not re.search(r"施行|废止", closing):
        missing.append(f"{articles[-1].number}的结尾")
    return missing


def _found_again(articles: list[ArticleDraft]) -> list[ArticleDraft]:
    """Articles with those that stand, number and all, within the paragraph of the one before."""
    found: list[ArticleDraft] = []
    for article, following in zip(articles, [*articles[1:], None], strict=True):
        found.append(article)
        if following is None or not article.ordinal or following.ordinal // 1000 - article.ordinal // 1000 < 2:
            continue
        for number in range(article.ordinal // 1000 + 1, following.ordinal // 1000):
            parts = re.split(rf"(?:(?<=[。；])|\n)\s*{ArticleNumber(number)}\s*", found[-1].text)
            if len(parts) == 2 and all(parts):
                found[-1] = replace(found[-1], text=parts[0].strip())
                new = ArticleNumber(number)
                found.append(ArticleDraft(str(new), new.ordinal, article.path, parts[1].strip()))
    return found


def _without_contents(lines: Sequence[str]) -> list[str]:
    """Lines without a table of contents: from 目录 to where its first heading is seen again."""
    start = next((i for i, line in enumerate(lines) if _CONTENTS.match(_bare(line))), None)
    if start is None:
        return list(lines)
    first = next((_bare(line) for line in lines[start + 1 :] if _bare(line)), "")
    key = _comparable(first)
    for i in range(start + 2, len(lines)):
        if _comparable(_bare(lines[i])) == key:
            return [*lines[:start], *lines[i:]]
        if _ARTICLE.match(
            lines[i].strip()
        ):  # the headings are not repeated: then the contents end where articles begin
            return [*lines[:start], *lines[i:]]
    return list(lines)


def _articles(lines: Sequence[str]) -> list[ArticleDraft]:
    path = _Path()
    articles: list[ArticleDraft] = []
    seen: dict[str, int] = {}
    preamble: list[str] | None = None
    current: list[str] | None = None  # the lines of the article being read
    head: tuple[str, int, str] | None = None  # its number, ordinal and path
    annexed = False

    def close() -> None:
        nonlocal current, head
        if current is not None and head is not None:
            text = normalise("\n".join(current))
            if not text:
                raise BrokenSource(f"{head[0]}没有内容")
            articles.append(ArticleDraft(*head, text))
        current, head = None, None

    for place, written in enumerate(lines, start=1):
        line = _bare(written)
        if not line:
            continue
        match = _ARTICLE.match(line)
        last = head[1] if head else next((each.ordinal for each in reversed(articles) if each.ordinal), 0)
        if match and not annexed and _opens(match, last):
            close()
            number = parse_article_number(match["number"])
            if number is None:
                raise BrokenSource(f"看不懂的条号“{match['number']}”（正文第 {place} 行）")
            if str(number) in seen:
                raise BrokenSource(f"条文编号重复：{number}（正文第 {seen[str(number)]} 行和第 {place} 行）")
            seen[str(number)] = place
            head, current = (str(number), number.ordinal, str(path)), [match["text"]] if match["text"] else []
            continue
        heading = _heading(line, written)
        if heading is not None and not annexed:
            if current is not None:
                _cut_leak(current)
            close()
            path.enter(*heading)
            if not articles and _PREAMBLE.match(heading[1]):
                preamble = []
            continue
        annex = _ANNEX.match(line)
        if annex and (articles or current) and not annexed:
            close()
            annexed = True
            head, current = (re.sub(r"\s+", "", annex["name"]), 0, ""), [line]
            continue
        if current is not None:
            current.append(line)
        elif not articles and preamble is not None:
            preamble.append(line)
        # What else stands above an article belongs to none: "为了……，制定本解释", a subtitle.
    close()
    if preamble:
        articles.insert(0, ArticleDraft("序言", 0, "", normalise("\n".join(preamble))))
    return articles


def _opens(match: "re.Match[str]", last: int) -> bool:
    """Whether this line opens an article after the one whose ordinal is `last`, and does not merely begin with a citation."""
    number = parse_article_number(match["number"])
    following = {last + 1, (last // 1000 + 1) * 1000} if last else {ArticleNumber(1).ordinal}
    expected = number is not None and number.ordinal in following
    if match["gap"] or not match["text"]:
        return expected or not re.match(r"^(?:规定|第[一二三四五六七八九十]+[款项])", match["text"])
    return expected and not _CITED.match(match["text"])


def _items(lines: Sequence[str]) -> list[ArticleDraft]:
    """A document without articles: its 一、二、…, which must count up; else the whole of it."""
    starts: list[tuple[int, str]] = []
    for place, written in enumerate(lines):
        match = _ITEM.match(_bare(written))
        if match and to_int(match["number"]) == len(starts) + 1:
            starts.append((place, match["number"]))
    text = [line for line in map(_bare, lines) if line]
    if len(starts) < 2:
        return [ArticleDraft("全文", 0, "", normalise("\n".join(text)))] if text else []
    found = []
    opening = normalise("\n".join(filter(None, map(_bare, lines[: starts[0][0]]))))
    if len(opening) >= 60:
        found.append(ArticleDraft("序言", 0, "", opening))
    for (start, number), end in zip(starts, [place for place, _ in starts[1:]] + [len(lines)], strict=True):
        body = normalise("\n".join(filter(None, map(_bare, lines[start:end]))))
        found.append(ArticleDraft(f"第{to_chinese(to_int(number))}项", 0, "", body.split("、", 1)[1].strip() or body))
    return found


def _heading(line: str, written: str) -> tuple[int, str] | None:
    """(level, heading) where the line is one. A Markdown heading need not begin with 第X章."""
    if _ADDENDUM.match(line):
        return 2, "附则"
    match = _HEADING.match(line)
    if match:
        name = re.sub(r"\s+", "", normalise(match["name"] or match["glued"] or ""))
        number = match["number"] if not match["number"].isdigit() else to_chinese(int(match["number"]))
        if not name.endswith(tuple("。；，：")) and len(name) <= 40:
            return _LEVELS[match["level"]], " ".join(filter(None, (f"第{number}{match['level']}", name)))
    if written.lstrip().startswith("#") and line and not _ARTICLE.match(line):
        return 4, re.sub(r"\s+", "", normalise(line))
    return None


class _Path:
    """编 / 分编 / 章 / 节 as they are entered: a wider one ends the narrower ones."""

    def __init__(self) -> None:
        self._names = [""] * 5

    def enter(self, level: int, heading: str) -> None:
        self._names[level:] = [heading] + [""] * (4 - level)

    def __str__(self) -> str:
        return " ".join(filter(None, self._names))


def _cut_leak(lines: list[str]) -> None:
    """Take off the end of an article what is part of the heading that follows it: a short line without a full stop."""
    while (
        len(lines) > 1 and lines[-1] and len(lines[-1]) <= 25 and lines[-1][-1] not in _ENDS and "，" not in lines[-1]
    ):
        if lines[-2][-1:] in _ENDS:
            lines.pop()
        else:
            return


def _bare(line: str) -> str:
    """The line without Markdown's marks and outer spaces."""
    return line.strip().lstrip("#").replace("**", "").replace("<!-- FORCE BREAK -->", "").strip(" \t\u3000>")


def _comparable(line: str) -> str:
    return re.sub(r"\s+", "", normalise(line))


def days_in(text: str) -> list[date]:
    """All days written in the text, in its order. Impossible ones (2月30日) are passed over."""
    found = []
    for match in DAY.finditer(text):
        try:
            found.append(date(int(match["year"]), int(match["month"]), int(match["day"])))
        except ValueError:
            continue
    return found

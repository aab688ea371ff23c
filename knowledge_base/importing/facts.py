"""What the notes under a title say of a law: when it was promulgated and amended, by whom, under which number, from when.

"2019年8月1日 某市第十六届人民代表大会常务委员会第二十次会议通过" is one event of its 沿革. Nothing is guessed: a day that is not
written is taken to be the earliest possible and marked as not known.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from core import clock
from knowledge_base.importing.document import DAY, Document, days_in
from knowledge_base.importing.drafts import ArticleDraft, BrokenSource
from knowledge_base.models import Rank
from knowledge_base.names import short_name
from knowledge_base.text import normalise

_CONGRESS = re.compile(
    r"(?P<body>[\u3400-\u9fff]{2,20}?)第[一二三四五六七八九十]+届(?P<kind>人民代表大会(?:常务委员会)?)"
)
_NATIONAL = re.compile(r"^(?:第[一二三四五六七八九十]+届)?(全国人民代表大会(?:常务委员会)?)")
_BODIES = re.compile(
    r"最高人民法院|最高人民检察院|国家监察委员会|中央军事委员会|国务院(?=令|第|发布|公布|批准|常务会议|通过|关于|办公厅|$)|"
    r"[\u3400-\u9fff]{2,14}?人民政府(?=令|第|发布|公布)|"
    r"[\u3400-\u9fff]{2,16}?(?:部|委员会|总局|总署|银行|局|署)(?=令|公告|第\d+号|发布|公布)"
)
_NUMBER = re.compile(
    r"(?:[\u3400-\u9fff]{2,24}(?:令|公告))?第[\d一二三四五六七八九十百]+号|[\u3400-\u9fff]{1,8}[〔\[]\d{4}[〕\]]\d+号"
)
_AMENDED = re.compile(r"修正|修订|修改")
_ENDS_WITH = re.compile(r"(?:起|公布之日|发布之日|之日)\s*(?:施行|实施|生效|执行)")
_FROM_DAY = re.compile(rf"自\s*{DAY.pattern}\s*起?\s*(?:施行|实施|生效|执行)")
_AT_ONCE = re.compile(r"自(?:公布|发布|颁布|通过)之日起\s*(?:施行|实施|生效|执行)")
# The names stand in the sentence that ends in 同时废止; what an earlier sentence names is not repealed.
_REPEAL = re.compile(rf"自\s*{DAY.pattern}\s*起(?:施行|实施)(?:[^\n]{{0,400}}?。)??(?P<names>[^。\n]{{0,600}})同时废止")
_REPEAL_AT_ONCE = re.compile(
    r"自(?:公布|发布|颁布|通过)之日起(?:施行|实施)(?:[^\n]{0,400}?。)??(?P<names>[^。\n]{0,600})同时废止"
)
_QUOTED = re.compile(r"《((?:[^《》]|《[^《》]*》)+)》(?!\s*(?:第|中的|的有关))")
# An amendment is in force within a year of its promulgation; within that time a day that is not stated is not guessed.
_SETTLED = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a version besides its text. `history`: (ISO date, what happened), the oldest first."""

    promulgated: date
    effective_from: date
    effective_known: bool
    issuing_body: str
    document_number: str
    history: tuple[tuple[str, str], ...]
    repeals: tuple[tuple[str, date], ...]
    """(short name, first day without it) of the laws that the closing articles repeal."""
    undated: bool
    """Amended so lately that the day, which is not written, may still lie ahead."""


def read_facts(document: Document, promulgated: date | None = None) -> Facts:
    """The facts of a document; `promulgated` where the source gives that day outside the text.

    Raises BrokenSource where no day of promulgation is to be found.
    """
    events = _events(document.notes)
    passed = [event for event in events if not re.search(r"^自?.{0,4}施行$", event[1])]
    if promulgated is None:
        if not passed:
            raise BrokenSource("没有公布日期，无法判断版本")
        promulgated = max(day for day, _ in passed)
    amended = any(_AMENDED.search(what) for _, what in passed[1:])
    effective = _effective(document, promulgated, amended=amended, noted=_noted_effective(document.notes, promulgated))
    return Facts(
        promulgated=promulgated, effective_from=effective or promulgated, effective_known=effective is not None,
        issuing_body=_issuing_body(document), document_number=_document_number(document.notes),
        history=tuple((day.isoformat(), what) for day, what in events),
        repeals=closing_repeals(document.title, document.articles, passed[0][0] if amended else effective or promulgated),
        undated=effective is None and amended and promulgated > clock.today() - _SETTLED,
    )  # fmt: skip


def rank_of(title: str, issuing_body: str, region_is_national: bool) -> Rank:
    """效力级别 by who made it and what it calls itself. Raises BrokenSource where neither tells."""
    if title.endswith("宪法") or title.startswith("宪法"):
        return Rank.CONSTITUTION
    if "最高人民法院" in issuing_body + title[:12] or "最高人民检察院" in issuing_body + title[:12]:
        return Rank.JUDICIAL_INTERPRETATION
    if not region_is_national:
        return Rank.LOCAL_RULE if "人民政府" in issuing_body else Rank.LOCAL_REGULATION
    if "监察委员会" in issuing_body:
        return Rank.SUPERVISION_REGULATION
    if "全国人民代表大会" in issuing_body:
        return Rank.LAW
    if "国务院" in issuing_body or "中央军事委员会" in issuing_body:
        return Rank.ADMINISTRATIVE_REGULATION
    if issuing_body:
        return Rank.DEPARTMENT_RULE
    raise BrokenSource("看不出由谁制定，无法判断效力级别")


def closing_repeals(title: str, articles: Sequence[ArticleDraft], first_day: date) -> tuple[tuple[str, date], ...]:
    """What the closing articles repeal ("…同时废止"), and from which day. A law never repeals itself by this clause.

    `first_day`: that of the law's first version: an amended text still prints the clause with which the law began.
    """
    found: dict[str, date] = {}
    for article in articles[-4:]:
        for match in _REPEAL.finditer(article.text):
            try:
                day = date(int(match["year"]), int(match["month"]), int(match["day"]))
            except ValueError:
                continue
            found |= {short_name(name): day for name in _QUOTED.findall(match["names"])}
        for match in _REPEAL_AT_ONCE.finditer(article.text):
            found |= {short_name(name): first_day for name in _QUOTED.findall(match["names"])}
    found.pop(short_name(title), None)
    return tuple(found.items())


def _events(notes: Sequence[str]) -> list[tuple[date, str]]:
    """The 沿革: each line of the notes, or each "根据…修正" within one, that names a day."""
    events = []
    for note in notes:
        for part in re.split(
            r"[\u3000\s]+(?=根据\s*\d{4}年|\d{4}年\d)|(?<=[^（(])(?=根据\s*\d{4}年)", note.strip("（）() \u3000")
        ):
            if days := days_in(part):
                what = DAY.sub("", part, count=1) if DAY.match(part.removeprefix("根据").strip()) else part
                events.append((days[0], normalise(what.removeprefix("根据").strip(" \u3000，。）)"))))
    return sorted(events, key=lambda event: event[0])


def _noted_effective(notes: Sequence[str], promulgated: date) -> date | None:
    for note in notes:
        if re.search(r"施行|实施", note) and not _AMENDED.search(note):
            days = [day for day in days_in(note) if day >= promulgated]
            if days:
                return days[-1]
    return None


def _effective(document: Document, promulgated: date, *, amended: bool, noted: date | None) -> date | None:
    """The first day in force, where it is written: by the notes, else by the closing articles. A day before the
    promulgation is that of the first version, which an amended text still prints."""
    if noted is not None:
        return noted
    closing = "\n".join(article.text for article in document.articles[-4:])
    stated = []
    for match in _FROM_DAY.finditer(closing):
        try:
            stated.append(date(int(match["year"]), int(match["month"]), int(match["day"])))
        except ValueError:
            continue
    later = [day for day in stated if day >= promulgated]
    if later:
        return max(later)
    # Passed in June, in force from July, promulgated (as its source counts) in August: in force from July.
    if not amended and stated and max(stated) > promulgated - _SETTLED:
        return promulgated
    return promulgated if not amended and not stated and _AT_ONCE.search(closing) else None


def _issuing_body(document: Document) -> str:
    """Who made it: of the first event that is no mere approval; else what stands at the title's head."""
    for note in document.notes:
        if "批准" in note and "通过" not in note and "公布" not in note and "发布" not in note:
            continue
        text = re.sub(r"\s+", "", DAY.sub("", note)).removeprefix("根据").lstrip("（(")
        if match := _NATIONAL.search(text):
            return match[1]
        if match := _CONGRESS.search(text):
            return match["body"].removeprefix("中华人民共和国") + match["kind"]
        if match := _BODIES.search(text):
            return match[0].removeprefix("中华人民共和国")
    if match := re.match(
        r"最高人民法院|最高人民检察院|国务院|全国人民代表大会常务委员会|全国人民代表大会", document.title
    ):
        return match[0]
    return ""


def _document_number(notes: Sequence[str]) -> str:
    for note in notes:
        match = _NUMBER.search(re.sub(r"\s+", "", DAY.sub("", note)))
        if match and "会议" not in match[0] and "届" not in match[0]:
            return match[0].removeprefix("中华人民共和国")
    return ""

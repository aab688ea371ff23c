"""Readers of files: Markdown in the layout of LawRefBook/Laws, .docx of the national database of laws, plain text.

Each turns one file into lines and lets `document` and `facts` make sense of them. What cannot be taken raises BrokenSource;
the caller notes it with the file's name and goes on.
"""

import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from zipfile import BadZipFile

import docx
from docx.opc.exceptions import PackageNotFoundError

from core.regions import NATION, named_at_start
from knowledge_base.importing.document import Document, parse_document
from knowledge_base.importing.drafts import (
    ArticleDraft,
    BrokenSource,
    ImportReport,
    LeftOut,
    Progress,
    Source,
    VersionDraft,
)
from knowledge_base.importing.facts import Facts, rank_of, read_facts
from knowledge_base.importing.places import place_law
from knowledge_base.models import Rank
from knowledge_base.names import normalise_name, short_name
from knowledge_base.text import normalise

_DATED = re.compile(r"[（(](\d{4})-(\d{2})-(\d{2})[）)]$")
_INFO_END = re.compile(r"<!--\s*INFO END\s*-->")
_LOCAL_FOLDER = re.compile(r"^(?P<province>[\u3400-\u9fff]{2,8}?)地方法规$")
_NATIONAL_FOLDERS = {
    "宪法": Rank.CONSTITUTION, "宪法相关法": Rank.LAW, "民法典": Rank.LAW, "民法商法": Rank.LAW, "刑法": Rank.LAW,
    "行政法": Rank.LAW, "经济法": Rank.LAW, "社会法": Rank.LAW, "诉讼与非诉讼程序法": Rank.LAW,
    "行政法规": Rank.ADMINISTRATIVE_REGULATION, "监察法规": Rank.SUPERVISION_REGULATION,
    "司法解释": Rank.JUDICIAL_INTERPRETATION, "部门规章": Rank.DEPARTMENT_RULE,
}  # fmt: skip
_CHANGES = re.compile(
    r"关于(?:(?:修改|修正|废止).*(?:决定|决议|通知)|.{0,12}修订.*决定)(?:（.{1,8}）)?$|修正案(?:（.{1,6}）)?$"
)
_CLOSING = re.compile(r"施行|实施|废止|生效|执行")
_ABOLISHES = re.compile(r"废止((?:《(?:[^《》]|《[^《》]*》)+》(?:、|和|及|，)?)+)(?!第|中|的)")
_NAMES = re.compile(r"《((?:[^《》]|《[^《》]*》)+)》")
_TEXT_SUFFIXES = {".md", ".txt", ".docx"}
_OLD_WORD = "是旧版 Word 格式，请用 Word 或 LibreOffice 另存为 .docx 后再导入"


@dataclass(slots=True)
class _File:
    """One file as read, before its law is known: several can be parts of one law."""

    document: Document
    facts: Facts
    source: Source
    where: str
    rank: Rank | None = None
    within: str = NATION
    """Where it must lie: the province whose folder it is in, or what the caller said."""
    local: bool = False
    region: str | None = None
    repealed: bool = False
    parts: list[str] = field(default_factory=list)


def read_files(
    paths: list[Path], report: ImportReport, progress: Progress, *, region: str | None = None, root: Path | None = None
) -> list[VersionDraft]:
    """The versions in these files. `region`: where local regulations apply, instead of finding it in their titles."""
    read: list[_File] = []
    meta = _Folders()
    for done, path in enumerate(paths):
        progress("读取文件", done, len(paths))
        where = str(path.relative_to(root)) if root is not None else path.name
        try:
            read.append(_read(path, where, region, meta))
        except (BrokenSource, UnicodeDecodeError, OSError) as error:
            reason = "不是 UTF-8 编码的文本" if isinstance(error, UnicodeDecodeError) else str(error)
            report.left_out.append(LeftOut(path.stem, reason, where))
    progress("读取文件", len(paths), len(paths))
    drafts = []
    changes: list[_File] = []
    for file in _joined(read, report):
        name = normalise_name(file.document.title)
        try:
            if _CHANGES.search(name):
                changes.append(file)
                raise BrokenSource(_what_changes_do(name))
            drafts.append(_draft(file, name))
        except BrokenSource as error:
            report.left_out.append(LeftOut(name, str(error), file.where))
    _apply_changes(drafts, changes)
    return drafts


def find_files(folder: Path) -> list[Path]:
    """All readable files under `folder`, in order; a repository's own pages (_index.md, README.md) are none."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in {*_TEXT_SUFFIXES, ".doc"}
        and not path.name.startswith((".", "~", "_"))
        and path.name.lower() not in ("readme.md", "license.md")
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _read(path: Path, where: str, region: str | None, meta: "_Folders") -> _File:
    suffix = path.suffix.lower()
    if suffix == ".doc":
        raise BrokenSource(_OLD_WORD)
    if suffix not in _TEXT_SUFFIXES:
        raise BrokenSource(f"不认识的文件类型 {suffix or '（没有扩展名）'}，可以导入 .md、.docx、.txt")
    if suffix == ".docx":
        title, notes, body = _docx_lines(path)
        source = Source.OFFICIAL
    else:
        text = path.read_text(encoding="utf-8-sig")
        title, notes, body = _markdown_lines(text) if suffix == ".md" else _plain_lines(text.splitlines())
        source = Source.LAWREFBOOK if suffix == ".md" else Source.TEXT
    dated = _DATED.search(path.stem)
    named = date(*map(int, dated.groups())) if dated else None
    document = parse_document(normalise(title), notes, body)
    rank, within, local = _by_folder(path)
    known = meta.of(path)
    return _File(
        document=document, facts=read_facts(document, named or known.promulgated), source=source, where=where,
        rank=rank, within=region or within, local=local, region=region, repealed=known.expired,
        parts=[note for note in notes if note.startswith("# ")],
    )  # fmt: skip


def _markdown_lines(text: str) -> tuple[str, list[str], list[str]]:
    """Title, notes and body of a file in LawRefBook's layout. A second title (a part of a code) stays among the notes."""
    parts = _INFO_END.split(text, maxsplit=1)
    lines = [line.strip() for line in parts[0].splitlines() if line.strip()]
    if not lines or not lines[0].startswith("# "):
        raise BrokenSource("第 1 行不是“# 法规名称”")
    if len(parts) == 1:  # no end of the notes is marked: they end where the text begins
        return _plain_lines(lines)
    return lines[0].removeprefix("# "), lines[1:], parts[1].splitlines()


def _plain_lines(lines: list[str]) -> tuple[str, list[str], list[str]]:
    """Title, notes and body of lines: the first line is the title; notes are what follows in brackets or names a day."""
    stripped = [line.strip(" \t\u3000\ufeff") for line in lines]
    start = next((i for i, line in enumerate(stripped) if line), None)
    if start is None:
        raise BrokenSource("文件是空的")
    title = stripped[start].lstrip("# ")
    place = start + 1
    # A long title is broken over lines: it goes on while nothing else has begun.
    while place < len(stripped) and stripped[place] and _goes_on(title, stripped[place]):
        title += stripped[place]
        place += 1
    notes: list[str] = []
    depth = 0
    while place < len(stripped):
        line = stripped[place]
        if line and depth == 0 and not _is_note(line):
            break
        if line:
            notes.append(line)
            depth = max(0, depth + line.count("（") + line.count("(") - line.count("）") - line.count(")"))
        place += 1
    return title, _unbracketed(notes), stripped[place:]


def _goes_on(title: str, line: str) -> bool:
    return len(title) + len(line) <= 60 and not _is_note(line) and not re.match(r"^(?:第.{1,5}[编章节条]|目\s*录|一、|#|序言)", line) and not re.search(r"[。；：，]$", line) and not re.search(r"(?:法|条例|规定|办法|决定|规则|细则|解释|批复|通知|意见|（试行）)$", title)  # fmt: skip


def _is_note(line: str) -> bool:
    return bool(
        line.startswith(("（", "("))
        or re.match(r"^(?:根据)?\d{4}\s*年\s*\d{1,2}\s*月\s*\d{1,2}\s*日|^(?:法释|国务院令|.{2,12}令第)", line)
    )


def _unbracketed(notes: list[str]) -> list[str]:
    """The notes without the brackets around them, one line for all that stands in one pair."""
    joined = "".join(notes) if any(note.startswith(("（", "(")) for note in notes) else ""
    return [part for part in re.split(r"[（()）]\s*(?=[（(]|$)|^[（(]", joined) if part] if joined else notes


def _docx_lines(path: Path) -> tuple[str, list[str], list[str]]:
    try:
        paragraphs = [paragraph.text for paragraph in docx.Document(str(path)).paragraphs]
    except (PackageNotFoundError, BadZipFile, KeyError, ValueError) as error:
        raise BrokenSource(
            f"不是完好的 .docx 文件（如果是旧版 Word 文件，它{_OLD_WORD.removeprefix('是')}）"
        ) from error
    lines = [line for paragraph in paragraphs for line in paragraph.splitlines()]
    return _plain_lines(lines)


def _by_folder(path: Path) -> tuple[Rank | None, str, bool]:
    """What the folders of LawRefBook's layout say: rank of national law, and the province of local law."""
    for parent in path.parents:
        if local := _LOCAL_FOLDER.match(parent.name):
            return None, _province(local["province"]), True
        if parent.name in _NATIONAL_FOLDERS:
            return _NATIONAL_FOLDERS[parent.name], NATION, False
    return None, NATION, False


def _province(name: str) -> str:
    found = [region for region in named_at_start(name) if region.level == "province"]
    return found[0].code if found else NATION


@dataclass(frozen=True, slots=True)
class _Known:
    promulgated: date | None = None
    expired: bool = False


class _Folders:
    """The data file that LawRefBook's local collections carry: days of laws without one, and which are out of force."""

    def __init__(self) -> None:
        self._folders: dict[Path, dict[str, list[_Known]]] = {}

    def of(self, path: Path) -> _Known:
        for parent in list(path.parents)[:5]:
            if parent not in self._folders:
                self._folders[parent] = self._load(parent / "db.sqlite3")
            if self._folders[parent]:
                found = self._folders[parent].get(normalise_name(_DATED.sub("", path.stem)), [])
                return found[0] if len(found) == 1 else _Known()
        return _Known()

    @staticmethod
    def _load(file: Path) -> dict[str, list[_Known]]:
        found: dict[str, list[_Known]] = defaultdict(list)
        if file.is_file():
            try:
                with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as connection:
                    for name, publish, expired in connection.execute("SELECT name, publish, expired FROM law"):
                        day = date.fromisoformat(publish) if publish else None
                        found[normalise_name(name)].append(_Known(day, bool(expired)))
            except (sqlite3.Error, ValueError):
                return {}
        return found


def _joined(files: list[_File], report: ImportReport) -> Iterator[_File]:
    """Files whose parts make one law (the civil code over eight files) as one; all others as they are."""
    whole: dict[tuple[str, str], list[_File]] = defaultdict(list)
    for file in files:
        if file.parts:
            whole[short_name(file.document.title), str(file.facts.promulgated)].append(file)
        else:
            yield file
    for parts in whole.values():
        parts.sort(key=lambda file: next((each.ordinal for each in file.document.articles if each.ordinal), 0))
        articles: list[ArticleDraft] = []
        for number, file in enumerate(parts, start=1):
            heading = normalise(file.parts[0].removeprefix("# ")).replace(" ", "")
            articles += [replace(each, path=f"{heading} {each.path}".strip()) for each in file.document.articles]
            numbers = [each.ordinal for each in articles if each.ordinal]
            if numbers != sorted(set(numbers)):
                report.left_out.append(LeftOut(file.document.title, f"第 {number} 个文件与前面的条号重叠", file.where))
                break
        else:
            expected = [each.ordinal // 1000 for each in articles]
            if expected and expected[-1] - expected[0] + 1 > len(set(expected)):
                missing = next(n for n in range(expected[0], expected[-1]) if n not in set(expected))
                report.left_out.append(
                    LeftOut(parts[0].document.title, f"分成几个文件，缺第 {missing} 条", parts[0].where)
                )
                continue
            last, first = parts[-1], parts[0]
            document = Document(first.document.title, first.document.notes[1:], articles)
            facts = replace(last.facts, history=max((file.facts.history for file in parts), key=len))
            yield replace(first, document=document, facts=facts, where=str(Path(first.where).parent), parts=[])


def _draft(file: _File, name: str) -> VersionDraft:
    facts = file.facts
    region = file.region or NATION
    if region == NATION and file.rank is None:
        region = _place(file, name)
    return VersionDraft(
        name=name, rank=file.rank or rank_of(name, facts.issuing_body, region == NATION), region=region,
        promulgated=facts.promulgated, effective_from=facts.effective_from, effective_known=facts.effective_known,
        undated=facts.undated, source=file.source, articles=file.document.articles, issuing_body=facts.issuing_body,
        document_number=facts.document_number, history=facts.history, repeals=facts.repeals, repealed=file.repealed,
        where=file.where, missing=(*file.document.missing, *_cut_short(file, region)),
    )  # fmt: skip


def _cut_short(file: _File, region: str) -> tuple[str, ...]:
    """Every local regulation ends by saying from when it is in force: one that does not is cut short in its source."""
    articles = file.document.articles
    if region == NATION or len(articles) < 4 or any(_CLOSING.search(each.text) for each in articles[-3:]):
        return ()
    return (f"{articles[-1].number}以后（没有施行日期的条款，文件可能不完整）",)


def _place(file: _File, name: str) -> str:
    """The region: by folder it must be local; elsewhere only what title or maker name as local is."""
    national_maker = re.match(r"全国|国务院|最高人民|中央|国家", file.facts.issuing_body)
    if not file.local and (national_maker or name.startswith(("中华人民共和国", "全国", "国务院", "最高人民"))):
        return NATION
    if not file.local and file.facts.issuing_body and "人民" not in file.facts.issuing_body:
        return NATION  # a ministry
    return place_law(name, file.facts.issuing_body, file.within)


def _what_changes_do(name: str) -> str:
    kind = "修正案" if "修正案" in name else "废止决定" if "废止" in name else "修改决定"
    return f"{kind}是对原法的修改指令，不作为条文展示；已用来判断原法的修改与废止"


def _apply_changes(drafts: list[VersionDraft], changes: list[_File]) -> None:
    """Let amendments say from when the texts they made are in force, and decisions of repeal end what they name."""
    for change in changes:
        name = normalise_name(change.document.title)
        quoted = {short_name(each) for each in _NAMES.findall(name)}
        if "修正案" in name and not quoted:
            quoted = {short_name(re.sub(r"修正案.*$", "", name))}
        text = "\n".join(article.text for article in change.document.articles)
        ended = {short_name(each) for match in _ABOLISHES.finditer(text + name) for each in _NAMES.findall(match[0])}
        for draft in drafts:
            short = short_name(draft.name)
            if short in quoted and draft.promulgated == change.facts.promulgated and change.facts.effective_known:
                draft.effective_from, draft.effective_known, draft.undated = change.facts.effective_from, True, False
        if ended and drafts:
            region = _region_of(change)
            carrier = next((draft for draft in drafts if draft.region == region), None)
            if carrier is not None:
                carrier.repeals += tuple((each, change.facts.effective_from) for each in sorted(ended))


def _region_of(change: _File) -> str:
    try:
        return change.region or (
            _place(change, normalise_name(change.document.title)) if change.rank is None else NATION
        )
    except BrokenSource:
        return NATION

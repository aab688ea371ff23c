"""Two versions of a law beside each other: what was put in, taken out, reworded or only given another number."""

import re
from dataclasses import dataclass
from datetime import date
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Literal
from uuid import UUID

import rjieba
from sqlalchemy.orm import Session

from core import clock
from knowledge_base.laws.alignment import Signature, align
from knowledge_base.laws.reading import ArticleText, VersionInfo, articles_of, choose_version, load_law, version_info

_SENTENCE = re.compile(r"[^。；：\n]*[。；：\n]?")
_WORD_BY_WORD = 4000  # characters; beyond, whole sentences are compared: such a text is a table or an annex
_NOISE = 2  # characters that stay between two changes of a text are read more easily as changed too


class Change(StrEnum):
    """What happened to an article, as the amending decisions say it."""

    AMENDED = "修改"
    RENUMBERED = "改条号"
    ADDED = "新增"
    DELETED = "删去"


@dataclass(frozen=True, slots=True)
class Mark:
    """A piece of text. Equal and deleted pieces make the older text, equal and inserted ones the newer."""

    kind: Literal["equal", "delete", "insert"]
    text: str


@dataclass(frozen=True, slots=True)
class ArticleChange:
    """One article that is not the same in both versions. `moved`: it bears another number in the newer one."""

    change: Change
    older: ArticleText | None
    newer: ArticleText | None
    moved: bool
    marks: list[Mark]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two versions of a law. `changes` are in the order of the newer one; `unchanged` counts the articles left out."""

    law_id: UUID
    law: str
    older: VersionInfo
    newer: VersionInfo
    changes: list[ArticleChange]
    unchanged: int

    def count(self, change: Change) -> int:
        return sum(each.change is change for each in self.changes)


def compare_versions(
    session: Session, law_id: UUID, older: date, newer: date, *, as_of: date | None = None
) -> Comparison:
    """The versions promulgated on these two days. An article whose text merely stands under another number is RENUMBERED.

    Punctuation and spaces alone make no change: they differ between sources. Raises UnknownLaw, UnknownVersion.
    """
    day = as_of or clock.today()
    law = load_law(session, law_id)
    first, second = choose_version(law, day, older), choose_version(law, day, newer)
    before, after = articles_of(session, first.id), articles_of(session, second.id)
    signed_before = [Signature.of(each.number, each.text) for each in before]
    signed_after = [Signature.of(each.number, each.text) for each in after]
    changes, unchanged = [], 0
    for i, j in align(signed_before, signed_after):
        was, is_ = (before[i] if i is not None else None), (after[j] if j is not None else None)
        if was is None or is_ is None:
            whole = was or is_
            kind: Literal["delete", "insert"] = "insert" if was is None else "delete"
            change = Change.ADDED if was is None else Change.DELETED
            changes.append(ArticleChange(change, was, is_, False, [Mark(kind, whole.text if whole else "")]))
            continue
        moved = was.number != is_.number
        if i is not None and j is not None and signed_before[i].letters == signed_after[j].letters:
            if moved:
                changes.append(ArticleChange(Change.RENUMBERED, was, is_, True, [Mark("equal", is_.text)]))
            else:
                unchanged += 1
            continue
        changes.append(ArticleChange(Change.AMENDED, was, is_, moved, mark_changes(was.text, is_.text)))
    return Comparison(law.id, law.name, version_info(first, day), version_info(second, day), changes, unchanged)


def mark_changes(older: str, newer: str) -> list[Mark]:
    """What was deleted and inserted, word by word; deletions stand before the insertions that replace them."""
    one, other = _pieces(older), _pieces(newer)
    marks: list[Mark] = []
    for kind, i, k, j, m in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        gone, come = "".join(one[i:k]), "".join(other[j:m])
        if kind == "equal":
            marks.append(Mark("equal", gone))
            continue
        if gone:
            marks.append(Mark("delete", gone))
        if come:
            marks.append(Mark("insert", come))
    return _joined(marks)


def _pieces(text: str) -> list[str]:
    if len(text) > _WORD_BY_WORD:
        return [piece for piece in _SENTENCE.findall(text) if piece]
    return list(rjieba.cut(text))


def _joined(marks: list[Mark]) -> list[Mark]:
    """Crumbs between two changes belong to both sides; neighbouring changes become one deletion and one insertion."""
    joined: list[Mark] = []
    gone = come = ""
    for place, mark in enumerate(marks):
        between = 0 < place < len(marks) - 1 and marks[place - 1].kind != "equal" != marks[place + 1].kind
        crumb = mark.kind == "equal" and between and len(mark.text) < _NOISE and "\n" not in mark.text
        if mark.kind == "equal" and not crumb:
            joined += [Mark("delete", gone)] * bool(gone) + [Mark("insert", come)] * bool(come) + [mark]
            gone = come = ""
            continue
        gone += mark.text if mark.kind != "insert" else ""
        come += mark.text if mark.kind != "delete" else ""
    return joined + [Mark("delete", gone)] * bool(gone) + [Mark("insert", come)] * bool(come)

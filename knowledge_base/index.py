"""Reading the search index: which one is in service, and its parts, opened by mmap.

`knowledge_base.building` writes it. Searched is every version that the record has, with its days and region as arrays,
so that a search for any day and place filters instead of rebuilding.
"""

import itertools
import json
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from knowledge_base.dense import DenseIndex
from knowledge_base.lexical import LexicalIndex

Integers = NDArray[np.int64]


class IndexMissing(RuntimeError):
    """There is no index in service. The message tells the operator what to do, in Chinese."""


@dataclass(frozen=True)
class _LawRow:
    id: UUID
    name: str
    short_name: str
    rank: str
    region: str


class Index:
    """One opened index. Rows are articles of versions; all arrays have shape (size,) and are mapped, not read."""

    def __init__(self, folder: Path) -> None:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        self.folder = folder
        self.name = folder.name
        self.size: int = manifest["articles"]
        self.model = (folder / "model.txt").read_text(encoding="utf-8")
        """`embedding.model_digest` of the model that made the vectors."""
        self.lexical = LexicalIndex.open(folder / "lexical", self.size)
        self.dense = DenseIndex.open(folder / "dense.faiss")
        self.article_ids = np.load(folder / "article_ids.npy", mmap_mode="r")  # (size, 16) bytes
        self.law = self._array("law")
        self.ordinal = self._array("ordinal")
        self.length = self._array("length")
        self.effective_from = self._array("effective_from")
        self.ended_on = self._array("ended_on")
        self.region = self._array("region")
        self.noticed = self._array("noticed")
        rows = json.loads((folder / "laws.json").read_text(encoding="utf-8"))
        self.laws = [_LawRow(UUID(row[0]), *row[1:]) for row in rows]
        self.questions: list[str] = json.loads((folder / "questions.json").read_text(encoding="utf-8"))
        self.question_lexical = LexicalIndex.open(folder / "question_lexical", len(self.questions))
        self.question_dense = DenseIndex.open(folder / "question_dense.faiss")
        starts, targets = self._array("target_starts"), self._array("targets").tolist()
        self.targets: list[list[int]] = [targets[a:b] for a, b in itertools.pairwise(starts.tolist())]
        """By question, the rows that it points to, the most fitting first."""

    def _array(self, name: str) -> Integers:
        array: Integers = np.asarray(np.load(self.folder / f"{name}.npy", mmap_mode="r"))
        return array

    @cached_property
    def laws_by_name(self) -> dict[str, list[int]]:
        """Positions in `laws` by short name: the same name can be a law of several regions."""
        found: dict[str, list[int]] = defaultdict(list)
        for position, law in enumerate(self.laws):
            found[law.short_name].append(position)
        return dict(found)

    def rows_of(self, law: int, ordinal: int) -> Integers:
        """Rows of this article in all versions of the law at this position in `laws`."""
        return np.flatnonzero((self.law == law) & (self.ordinal == ordinal))

    def article_id(self, row: int) -> UUID:
        return UUID(bytes=self.article_ids[row].tobytes())


def current_name(index_dir: Path) -> str | None:
    """The name of the index in service; None where there is none."""
    try:
        return (index_dir / "CURRENT").read_text(encoding="ascii").strip() or None
    except FileNotFoundError:
        return None


def open_index(index_dir: Path) -> Index:
    """The index in service. Raises IndexMissing."""
    for _ in range(3):  # between reading the name and opening the folder, a build may have swept it away
        name = current_name(index_dir)
        if name is None:
            break
        try:
            return Index(index_dir / name)
        except FileNotFoundError:
            continue
    raise IndexMissing("还没有检索索引。请先导入法规并建立索引（wenfa kb build）。")

"""Reading the search index: which one is in service, and its parts, opened by mmap.

`knowledge_base.building` writes it. Searched is every version that the record has, with its days and region as arrays,
so that a search for any day and place filters instead of rebuilding. Rows are in the order of regions, laws, versions
and articles: what applies in a place is a few ranges of rows, and no other row is looked at.
"""

import itertools
import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from core.log import get_logger
from core.regions import lineage
from knowledge_base.dense import DenseIndex
from knowledge_base.integrity import MANIFEST, IndexDamaged, IndexMissing, check_once
from knowledge_base.known import KnownQuestions
from knowledge_base.lexical import LexicalIndex, Spans
from knowledge_base.models import Rank
from knowledge_base.names import abridge, resolve_alias
from knowledge_base.postings import mapped

__all__ = ["Applicable", "Index", "IndexDamaged", "IndexMissing", "current_name", "open_index"]

log = get_logger(__name__)

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class _LawRow:
    id: UUID
    name: str
    short_name: str
    rank: str
    region: str


class Applicable(NamedTuple):
    """The applicable law of a region and a day."""

    mask: NDArray[np.bool_]
    """By row, whether it applies; shape (size,)."""
    spans: Spans
    """The ranges of rows outside of which none does."""


class Index:
    """One opened index. Rows are articles of versions; all arrays have shape (size,) and are mapped, not read."""

    def __init__(self, folder: Path) -> None:
        """Open an intact folder, see `integrity.check`."""
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        self.folder = folder
        self.name = folder.name
        self.size: int = manifest["articles"]
        self.model: str = manifest["model"]
        """`embedding.model_digest` of the model that made the vectors."""
        self.lexical = LexicalIndex(folder / "articles")
        self.dense = DenseIndex(folder / "articles")
        self.article_ids = self._array("article_ids")  # (size, 16) bytes
        self.law = self._array("law")
        self.ordinal = self._array("ordinal")
        self.length = self._array("length")
        self.effective_from = self._array("effective_from")
        self.ended_on = self._array("ended_on")
        self.region = self._array("region")
        self.noticed = self._array("noticed")
        rows = json.loads((folder / "laws.json").read_text(encoding="utf-8"))
        self.laws = [_LawRow(UUID(row[0]), *row[1:]) for row in rows]
        self._law_starts = np.searchsorted(self.law, np.arange(len(self.laws) + 1)).tolist()
        self.law_sizes = np.diff(self._law_starts).astype(np.float32)
        """By law, how many articles all its versions have."""
        self._regions = _region_spans([law.region for law in self.laws], self._law_starts)
        self.meaning = DenseIndex(folder / "meaning")
        """The articles' vectors for the question encoder; zero where there is none."""
        self.encoded = self._array("encoded")
        """By row, whether it has such a vector."""
        self.known = KnownQuestions(folder / "known")
        self.cards: list[str] = json.loads((folder / "cards.json").read_text(encoding="utf-8"))
        self.card_region = self._array("card_region")
        self.card_questions = self._array("card_questions")
        """By card, the range of its questions among the known ones, shape (cards, 2): the last ones there, card by card."""
        self.card_lexical = LexicalIndex(folder / "cards")
        self.card_vectors = mapped(folder / "cards" / "vectors.npy").astype(np.float32)
        first = int(self.card_questions[0, 0]) if self.cards else len(self.known.texts)
        self.card_asked = self.known.words[first:].astype(np.float32)
        """Static vectors of the cards' questions, card by card."""
        self.card_meaning = self.known.meaning[first:].astype(np.float32)
        """Their vectors of the question encoder."""
        self.card_asked_in = self.known.region[first:]

    def _array(self, name: str) -> NDArray[Any]:
        return mapped(self.folder / f"{name}.npy")

    def applicable(self, region: str, as_of: date) -> Applicable:
        """The law that applies in `region` on `as_of`: national law, the region's own and its ancestors', in force that day.

        The one place that decides it: whatever is searched for is searched for within this. Takes 20 µs for 26,000
        applicable articles, 0.8 ms for 1,000,000; rows of other regions cost nothing. Raises core.regions.UnknownRegion.
        """
        spans = tuple(sorted(self._regions[code] for code in lineage(region) if code in self._regions))
        mask = np.zeros(self.size, dtype=np.bool_)
        day = as_of.toordinal()
        for start, stop in spans:
            mask[start:stop] = (self.effective_from[start:stop] <= day) & (day < self.ended_on[start:stop])
        mask.setflags(write=False)  # kept and shared by those who ask
        return Applicable(mask, spans)

    @cached_property
    def statutes_only(self) -> bool:
        """Whether neither administrative regulations nor judicial interpretations are held."""
        return not {law.rank for law in self.laws} & {Rank.ADMINISTRATIVE_REGULATION, Rank.JUDICIAL_INTERPRETATION}

    @cached_property
    def laws_by_name(self) -> dict[str, list[int]]:
        """Positions in `laws` by short name: the same name can be a law of several regions."""
        found: dict[str, list[int]] = defaultdict(list)
        for position, law in enumerate(self.laws):
            found[law.short_name].append(position)
        return dict(found)

    @cached_property
    def _interpretations(self) -> dict[str, list[int]]:
        """Positions in `laws` of judicial interpretations by what all their names come to."""
        found: dict[str, list[int]] = defaultdict(list)
        for position, law in enumerate(self.laws):
            if law.short_name.startswith("最高人民") and (key := abridge(law.short_name)):
                found[key].append(position)
        return dict(found)

    def laws_called(self, name: str) -> list[int]:
        """Positions in `laws` of those that people mean by this name; of several interpretations alike, all."""
        return self.laws_by_name.get(resolve_alias(name)) or self._interpretations.get(abridge(name), [])

    def rows_of(self, law: int, ordinal: int) -> Integers:
        """Rows of this article in all versions of the law at this position in `laws`."""
        start, stop = self._law_starts[law], self._law_starts[law + 1]
        rows: Integers = np.flatnonzero(self.ordinal[start:stop] == ordinal) + start
        return rows

    def article_id(self, row: int) -> UUID:
        return UUID(bytes=self.article_ids[row].tobytes())


def current_name(index_dir: Path) -> str | None:
    """The name of the index in service; None where there is none."""
    try:
        return (index_dir / "CURRENT").read_text(encoding="ascii").strip() or None
    except FileNotFoundError:
        return None


def open_index(index_dir: Path) -> Index:
    """The index in service; where that is damaged, the one that was in service before it.

    An older index is safe to serve, since what is shown is read from the record. Raises IndexMissing; IndexDamaged
    where there is no older one either. Files are held to their checksums the first time a process opens a folder.
    """
    for _ in range(3):  # between reading the name and opening the folder, a build may have swept it away
        name = current_name(index_dir)
        if name is None:
            break
        try:
            return _open(index_dir / name)
        except FileNotFoundError:
            continue
        except IndexDamaged as error:
            log.warning("在用的检索索引已损坏，找之前的", error=str(error))
            older = _newest_intact(index_dir, leave_out=name)
            if older is None:
                raise
            return older
    raise IndexMissing("还没有检索索引。请先导入法规并建立索引（wenfa kb build）。")


def _open(folder: Path) -> Index:
    check_once(folder)
    return Index(folder)


def _newest_intact(index_dir: Path, leave_out: str) -> Index | None:
    folders = [path.parent for path in index_dir.glob(f"[!.]*/{MANIFEST}") if path.parent.name != leave_out]
    for folder in sorted(folders, key=lambda folder: (folder / MANIFEST).stat().st_mtime, reverse=True):
        try:
            return _open(folder)
        except (FileNotFoundError, IndexMissing):
            continue
    return None


def _region_spans(regions: list[str], law_starts: list[int]) -> dict[str, tuple[int, int]]:
    """The range of rows of each region. `regions`: of each law; laws of one region lie together."""
    spans: dict[str, tuple[int, int]] = {}
    for region, group in itertools.groupby(range(len(regions)), key=lambda law: regions[law]):
        laws = list(group)
        spans[region] = (law_starts[laws[0]], law_starts[laws[-1] + 1])
    return spans

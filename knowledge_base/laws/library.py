"""The names of all laws that are held, and of all that were repealed, as they are looked up for one text."""

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.regions import NATION, full_name, get_region, lineage
from knowledge_base.models import Law, Repeal
from knowledge_base.names import abridge, resolve_alias, short_name

_SUGGESTIONS = 3
_MOST_SUGGESTIONS = 20  # in one text: whoever invents more laws than this is told only that they are not held
_SIMILAR = 0.4


@dataclass(frozen=True, slots=True)
class LawName:
    """A law by name; `law_id` is None where it is not held."""

    law_id: UUID | None
    name: str


@dataclass(frozen=True, slots=True)
class HeldLaw:
    """A law held, without its text."""

    id: UUID
    name: str
    short_name: str
    region: str


@dataclass(frozen=True, slots=True)
class Repealed:
    """By which instrument, in which region and from when on a law is no more."""

    region: str
    by: str
    repealed_on: date


class Library:
    """The names of all laws held and of all repealed, each read when first needed, for one text."""

    def __init__(self, session: Session, region: str) -> None:
        self.places = lineage(region)
        self._session = session
        self._asked = 0

    @cached_property
    def _by_name(self) -> dict[str, list[HeldLaw]]:
        found: dict[str, list[HeldLaw]] = defaultdict(list)
        for row in self._session.execute(select(Law.id, Law.name, Law.short_name, Law.region)):
            found[row.short_name].append(HeldLaw(*row))
        return found

    @cached_property
    def _repeals(self) -> dict[str, list[Repealed]]:
        found: dict[str, list[Repealed]] = defaultdict(list)
        rows = self._session.execute(select(Repeal.short_name, Repeal.region, Repeal.by, Repeal.repealed_on))
        for name, region, by, day in rows:
            found[name].append(Repealed(region, by, day))
        return found

    @property
    def names(self) -> set[str]:
        return {*self._by_name, *self._repeals}

    def find(self, written: str) -> HeldLaw | None:
        """The law of this name: of the region or what it lies in, the narrowest first; else another region's."""
        tried = [resolve_alias(written), short_name(written)]
        tried += [each + short_name(written) for place in self.places for each in _place_names(place)]
        for name in tried:
            if laws := self._by_name.get(name):
                return min(laws, key=lambda law: self._distance(law.region))
        alike = self._abridged.get(abridge(written), [])
        return min(self._by_name[alike[0]], key=lambda law: self._distance(law.region)) if len(alike) == 1 else None

    def repeal(self, law: str, region: str | None = None) -> Repealed | None:
        """The first instrument that repealed the law, of this region; of the nearest one where it is not given."""
        rows = [
            row
            for row in self._repeals.get(law, [])
            if row.region == region or (region is None and row.region in self.places)
        ]
        return min(rows, key=lambda row: (self._distance(row.region), row.repealed_on), default=None)

    def named(self, name: str) -> LawName:
        laws = self._by_name.get(short_name(name), [])
        held = min(laws, key=lambda law: self._distance(law.region), default=None)
        return LawName(held.id, held.name) if held else LawName(None, name)

    def similar(self, written: str) -> list[LawName]:
        """The most similar names held that apply in the region (anywhere, where the region is the nation).

        By the pairs of characters they share, rare ones counting more: 养犬 tells more than 管理条例.
        """
        self._asked += 1
        if self._asked > _MOST_SUGGESTIONS:
            return []
        ours = bigrams(short_name(written))
        own = sum(map(self._weight, ours))
        scored = []
        for short, (theirs, weight) in self._candidates.items():
            shared = ours & theirs
            if shared and (score := 2 * sum(map(self._weight, shared)) / (own + weight)) >= _SIMILAR:
                scored.append((-score, len(short), short))
        return [self.named(short) for _, _, short in sorted(scored)[:_SUGGESTIONS]]

    @cached_property
    def _candidates(self) -> dict[str, tuple[set[str], float]]:
        """The pairs of characters of each name that may be suggested, and their weights' sum."""
        ours = [
            (short, bigrams(short))
            for short, laws in self._by_name.items()
            if len(self.places) == 1 or any(law.region in self.places for law in laws)
        ]
        return {short: (theirs, sum(map(self._weight, theirs))) for short, theirs in ours}

    @cached_property
    def _names_with(self) -> Counter[str]:
        return Counter(bigram for short in self._by_name for bigram in bigrams(short))

    def _weight(self, bigram: str) -> float:
        return math.log((len(self._by_name) + 1) / (self._names_with[bigram] + 0.5))

    def _distance(self, region: str) -> int:
        return self.places.index(region) if region in self.places else len(self.places)

    @cached_property
    def _abridged(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for short in self._by_name:
            if short.startswith("最高人民") and (key := abridge(short)):
                found[key].append(short)
        return found


def _place_names(code: str) -> list[str]:
    return [] if code == NATION else list(dict.fromkeys((full_name(code), get_region(code).name)))


def bigrams(name: str) -> set[str]:
    return {name[i : i + 2] for i in range(len(name) - 1)}

"""The list of laws: those that apply in a place, by name or by rank, with their status on a day."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import rjieba
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import clock
from core.regions import NATION, lineage
from knowledge_base.models import Article, Force, Law, Rank, Version, force_on
from knowledge_base.names import resolve_alias, short_name
from knowledge_base.text import STOPWORDS, normalise

_ORDER = {str(rank): place for place, rank in enumerate(Rank)}
_LONGEST_NAME_ASKED = 60  # what is longer is a question, not a name


@dataclass(frozen=True, slots=True)
class LawSummary:
    """A law in a list, with the version that would be read on the day."""

    law_id: UUID
    name: str
    rank: str
    issuing_body: str
    region: str
    status: str
    version: str
    promulgated: date
    effective_from: date | None
    versions: int
    """How many versions are held."""
    articles: int
    """In the version shown."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A stretch of the list. `total` and `ranks` count all that were found, `ranks` before narrowing to one of them."""

    laws: list[LawSummary]
    total: int
    ranks: dict[str, int]


def find_laws(
    session: Session,
    query: str = "",
    *,
    region: str = NATION,
    as_of: date | None = None,
    rank: str = "",
    limit: int = 20,
    offset: int = 0,
) -> Catalogue:
    """Laws that apply in `region` and whose name, alias or short form is or contains `query`; all of them without one.

    By name: the best match first, then the narrowest region. Without: by rank, what is in force before what is not, the
    latest first. Three statements however many laws there are.
    """
    day = as_of or clock.today()
    places = {code: place for place, code in enumerate(lineage(region))}
    shown = _shown_versions(session, list(places), day)
    asked = _Asked(query) if query.strip() else None
    found: list[tuple[tuple[Any, ...], Any, str]] = []
    for row, status in shown:
        if asked is None:
            order: tuple[Any, ...] = (
                _ORDER.get(row.rank, len(_ORDER)),
                _PAST[status],
                -row.effective_from.toordinal(),
                row.short_name,
            )
        elif (distance := asked.distance(row.short_name)) is not None:
            order = (
                distance,
                _PAST[status],
                places[row.region],
                _ORDER.get(row.rank, len(_ORDER)),
                len(row.short_name),
                row.short_name,
            )
        else:
            continue
        found.append((order, row, status))
    ranks = Counter(row.rank for _, row, _ in found)
    chosen = sorted((each for each in found if not rank or each[1].rank == rank), key=lambda each: each[0])
    page = chosen[offset : offset + limit]
    held, articles = _counts(session, [row for _, row, _ in page])
    return Catalogue(
        laws=[
            LawSummary(
                law_id=row.id, name=row.name, rank=row.rank, issuing_body=row.issuing_body, region=row.region,
                status=str(status), version=f"{row.promulgated.year}年版", promulgated=row.promulgated,
                effective_from=row.effective_from if row.effective_known else None,
                versions=held[row.id], articles=articles[row.version_id],
            )
            for _, row, status in page
        ],
        total=len(chosen),
        ranks={str(each): ranks[each] for each in Rank if ranks[each]},
    )  # fmt: skip


def list_laws(session: Session, as_of: date | None = None, *, region: str = NATION) -> list[LawSummary]:
    """All laws that apply in `region`, by rank, with their status on `as_of` (today)."""
    return find_laws(session, region=region, as_of=as_of, limit=1_000_000).laws


# In a list, what cannot be relied on stands behind what can.
_PAST = {Force.IN_FORCE: 0, Force.NOT_YET: 0, Force.SUPERSEDED: 1, Force.REPEALED: 1}


def _shown_versions(session: Session, places: list[str], day: date) -> list[tuple[Any, Force]]:
    """Each law that applies in these regions, with the version that `reading.version_on` would choose, as plain rows."""
    rows = session.execute(
        select(
            Law.id, Law.name, Law.short_name, Law.rank, Law.issuing_body, Law.region, Version.id.label("version_id"),
            Version.promulgated, Version.effective_from, Version.effective_known, Version.superseded_on, Version.repealed_on,
        )
        .join(Version, Version.law_id == Law.id)
        .where(Law.region.in_(places))
        .order_by(Version.effective_from)
    )  # fmt: skip
    best: dict[UUID, tuple[int, Any, Force]] = {}
    for row in rows:
        force = force_on(day, row.effective_from, row.superseded_on, row.repealed_on)
        # In force before begun before to come; of two alike the later, but the first of those to come.
        merit = 2 if force is Force.IN_FORCE else 1 if row.effective_from <= day else 0
        held = best.get(row.id)
        if held is None or merit > held[0] or merit == held[0] > 0:
            best[row.id] = merit, row, force
    return [(row, force) for _, row, force in best.values()]


def _counts(session: Session, rows: list[Any]) -> tuple[dict[UUID, int], dict[UUID, int]]:
    """How many versions each law has, and how many articles each version shown."""
    versions: dict[UUID, int] = defaultdict(int)
    articles: dict[UUID, int] = defaultdict(int)
    if len(rows) <= 500:
        laws = session.execute(
            select(Version.law_id, func.count())
            .where(Version.law_id.in_([row.id for row in rows]))
            .group_by(Version.law_id)
        )
        texts = session.execute(
            select(Article.version_id, func.count())
            .where(Article.version_id.in_([row.version_id for row in rows]))
            .group_by(Article.version_id)
        )
    else:
        laws = session.execute(select(Version.law_id, func.count()).group_by(Version.law_id))
        texts = session.execute(select(Article.version_id, func.count()).group_by(Article.version_id))
    versions.update((key, total) for key, total in laws)
    articles.update((key, total) for key, total in texts)
    return versions, articles


class _Asked:
    """A name asked for, as it is compared with the names held."""

    def __init__(self, query: str) -> None:
        self.name = short_name(query)
        self.meant = resolve_alias(query)
        parts = [short_name(part) for part in normalise(query).split()]
        words = [word for part in parts for word in rjieba.cut(part) if word not in STOPWORDS and len(word) > 1]
        self._words = words if len(query) <= _LONGEST_NAME_ASKED else []

    def distance(self, short: str) -> int | None:
        """0 for the name itself; None for another one."""
        if short in (self.name, self.meant):
            return 0
        if self.name and short.startswith(self.name):
            return 1
        if self.name and self.name in short:
            return 2
        if self._words and all(word in short for word in self._words):
            return 3
        return None

"""What the machine holds of the law, for whoever looks after it: every law wherever it applies, and what is doubtful about it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Row, or_, select, type_coerce
from sqlalchemy.orm import Session

from core import clock
from core.regions import NATION, lineage
from knowledge_base.laws.reading import VersionInfo, load_law, version_info
from knowledge_base.models import Card, CardCitation, Force, Law, Rank, Repeal, Version, VersionSource, force_on
from knowledge_base.names import short_name

_ORDER = {str(rank): place for place, rank in enumerate(Rank)}


class Doubt(StrEnum):
    """What somebody should look at in a version."""

    DIFFERS = "来源不一致"
    NOTICE = "附有说明"
    UNDATED = "施行日期不详"
    MISSING = "缺条"


@dataclass(frozen=True, slots=True)
class HeldLaw:
    """A law in the list, with the version that is read today."""

    id: UUID
    name: str
    rank: str
    region: str
    status: Force
    promulgated: date
    versions: int
    sources: tuple[str, ...]
    doubts: tuple[Doubt, ...]


@dataclass(frozen=True, slots=True)
class Holdings:
    """A stretch of the list. The counts are of all that were found before narrowing to a status or a doubt."""

    laws: list[HeldLaw]
    total: int
    by_status: dict[Force, int]
    by_doubt: dict[Doubt, int]


@dataclass(frozen=True, slots=True)
class SourceOfVersion:
    source: str
    where: str
    kept: bool
    """Its text is the one that is kept."""
    missing: str
    imported_at: datetime


@dataclass(frozen=True, slots=True)
class HeldVersion:
    info: VersionInfo
    sources: list[SourceOfVersion]
    doubts: tuple[Doubt, ...]
    effective_known: bool


@dataclass(frozen=True, slots=True)
class HeldLawInFull:
    id: UUID
    name: str
    rank: str
    region: str
    issuing_body: str
    versions: list[HeldVersion]
    """The newest first."""
    repealed_by: list[Repeal]
    repeals: list[Repeal]
    cards: list[Card]
    """Those that cite it, whatever their state."""


def find_holdings(
    session: Session,
    words: str = "",
    *,
    rank: str = "",
    region: str = "",
    status: str = "",
    doubt: str = "",
    limit: int = 30,
    offset: int = 0,
) -> Holdings:
    """The laws with all these words in their name, by rank, then the latest first. `region`: of this place and of all that
    lies in it; of the nation, national law. `doubt`: one of Doubt's, or ``any``.
    """
    found = [
        law
        for law in _all_laws(session, words, rank)
        if not region or (law.region == NATION if region == NATION else region in lineage(law.region))
    ]
    by_status, by_doubt = Counter(each.status for each in found), Counter(one for each in found for one in each.doubts)
    if status:
        found = [each for each in found if each.status == status]
    if doubt:
        found = [each for each in found if each.doubts and (doubt == "any" or doubt in each.doubts)]
    found.sort(key=lambda each: (_ORDER.get(each.rank, len(_ORDER)), -each.promulgated.toordinal(), each.name))
    return Holdings(found[offset : offset + limit], len(found), dict(by_status), dict(by_doubt))


def get_holding(session: Session, law_id: UUID) -> HeldLawInFull:
    """All that is held of one law. Raises UnknownLaw."""
    law, day = load_law(session, law_id), clock.today()
    repeals = session.scalars(
        select(Repeal).where(
            or_(
                (Repeal.region == law.region) & (Repeal.short_name == law.short_name),
                Repeal.by.in_((law.name, law.short_name)),
            )
        )
    ).all()
    citing = select(CardCitation.card_id).where(CardCitation.law == law.short_name)
    cards = session.scalars(select(Card).where(Card.id.in_(citing)).order_by(Card.state, Card.id))
    return HeldLawInFull(
        id=law.id, name=law.name, rank=law.rank, region=law.region, issuing_body=law.issuing_body,
        versions=[_version(each, day) for each in reversed(law.versions)],
        repealed_by=[each for each in repeals if each.short_name == law.short_name],
        repeals=[each for each in repeals if short_name(each.by) == law.short_name],
        cards=[card for card in cards if law.region in lineage(card.region)],
    )  # fmt: skip


def _all_laws(session: Session, words: str, rank: str) -> Iterator[HeldLaw]:
    """The laws of this rank with these words in their name. Plain rows: 20,000 laws as entities take seconds."""
    day = clock.today()
    chosen = select(Law.id)
    if rank:
        chosen = chosen.where(Law.rank == rank)
    for word in words.split():
        chosen = chosen.where(Law.name.contains(word, autoescape=True))
    lost = type_coerce(VersionSource.facts, JSON)["missing"].as_string()
    sources: dict[UUID, list[tuple[str, bool, bool]]] = defaultdict(list)
    for version_id, source, differs, missing in session.execute(
        select(VersionSource.version_id, VersionSource.source, VersionSource.differs, lost)
        .join(Version, Version.id == VersionSource.version_id)
        .where(Version.law_id.in_(chosen))
        .order_by(VersionSource.source)
    ):
        sources[version_id].append((source, differs, bool(missing)))
    rows = session.execute(
        select(
            Law.id, Law.name, Law.rank, Law.region, Version.id.label("version_id"), Version.promulgated,
            Version.effective_from, Version.effective_known, Version.superseded_on, Version.repealed_on, Version.notice,
        )
        .join(Version, Version.law_id == Law.id)
        .where(Law.id.in_(chosen))
        .order_by(Law.id, Version.effective_from)
    )  # fmt: skip
    for _, group in groupby(rows, key=lambda row: row.id):
        versions = list(group)
        shown, force = _shown(versions, day)
        doubts = {
            doubt for row in versions for doubt in _signs(row.notice, row.effective_known, sources[row.version_id])
        }
        found = dict.fromkeys(source for row in versions for source, _, _ in sources[row.version_id])
        yield HeldLaw(
            id=shown.id, name=shown.name, rank=shown.rank, region=shown.region, status=force,
            promulgated=shown.promulgated, versions=len(versions), sources=tuple(found),
            doubts=tuple(doubt for doubt in Doubt if doubt in doubts),
        )  # fmt: skip


def _shown(versions: Sequence[Row[*tuple[Any, ...]]], day: date) -> tuple[Row[*tuple[Any, ...]], Force]:
    """Of a law's versions in order of their force, the one that `reading.version_on` would choose, and its force."""
    forces = [force_on(day, row.effective_from, row.superseded_on, row.repealed_on) for row in versions]
    for row, force in zip(reversed(versions), reversed(forces), strict=True):
        if force is Force.IN_FORCE:
            return row, force
    begun = [place for place, row in enumerate(versions) if row.effective_from <= day]
    place = begun[-1] if begun else 0
    return versions[place], forces[place]


def _signs(notice: str, effective_known: bool, sources: Iterable[tuple[str, bool, bool]]) -> Iterator[Doubt]:
    """What is doubtful about a version. `sources`: of each its name, whether its text differs, whether it has lost articles."""
    held = list(sources)
    if any(differs for _, differs, _ in held):
        yield Doubt.DIFFERS
    if notice:
        yield Doubt.NOTICE
    if not effective_known:
        yield Doubt.UNDATED
    if any(lost and not differs for _, differs, lost in held):
        yield Doubt.MISSING


def _version(version: Version, day: date) -> HeldVersion:
    sources = [
        SourceOfVersion(each.source, each.where, not each.differs, _lost(each), each.imported_at)
        for each in version.sources
    ]
    told = [(each.source, each.differs, bool(_lost(each))) for each in version.sources]
    doubts = tuple(_signs(version.notice, version.effective_known, told))
    return HeldVersion(version_info(version, day), sources, doubts, version.effective_known)


def _lost(source: VersionSource) -> str:
    return source.facts.get("missing", "")


def regions_held(session: Session) -> Sequence[str]:
    """Where the laws apply, by code."""
    found = {each for code in session.scalars(select(Law.region).distinct()) for each in lineage(code)}
    return [NATION, *sorted(found - {NATION})]

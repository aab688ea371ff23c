"""Writing drafts into the record: one transaction a law, so that a broken law neither stops the rest nor half-lands.

A version is known by its law and its day of promulgation. Two sources with the same text of it are one version with two
sources; where their texts differ, the more trusted one's is kept and the difference reported. The days on which versions
supersede each other, and the days of repeal, are worked out from all that is held, in whatever order it came.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from uuid import UUID

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from core.clock import now
from core.database import Database
from core.log import get_logger
from knowledge_base.importing.drafts import (
    BrokenSource,
    Difference,
    ImportReport,
    LeftOut,
    Outcome,
    Progress,
    Source,
    VersionDraft,
    fingerprint,
)
from knowledge_base.models import Article, Law, Rank, Repeal, Version, VersionSource, article_id, law_id, version_id
from knowledge_base.names import normalise_name, short_name

log = get_logger(__name__)


def store(
    database: Database,
    drafts: Iterable[VersionDraft],
    report: ImportReport,
    progress: Progress,
    *,
    dry_run: bool = False,
) -> None:
    """Write all versions of each law in one transaction and note in `report` what became of them.

    A version whose content has not changed is left as it is; versions from other sources stay. Afterwards force is worked
    out anew for the laws touched and for those that they repeal. `dry_run`: report the same and write nothing.
    """
    by_law: dict[UUID, list[VersionDraft]] = defaultdict(list)
    for draft in _once_each(drafts, report):
        by_law[law_id(short_name(draft.name), draft.region)].append(draft)
    report.dry_run = dry_run
    known = _known(database)
    for done, (key, versions) in enumerate(by_law.items()):
        progress("导入法规", done, len(by_law))
        outcome = _Outcome()
        if all((key, draft.source, draft.digest()) in known for draft in versions):
            outcome.unchanged = len(versions)
            outcome.each = [(draft, "未变") for draft in versions]
        else:
            try:
                with database.write() as session:
                    for draft in versions:
                        outcome.note(draft, _store_version(session, key, draft))
                    _set_repeals(session, versions)
                    session.flush()
                    _set_force(session, key)
                    if dry_run:
                        session.rollback()
            except (SQLAlchemyError, BrokenSource) as error:
                log.warning("law left out", law=versions[0].name, error=str(error))
                reason = str(error) if isinstance(error, BrokenSource) else f"写入失败：{error}"
                report.left_out.append(LeftOut(versions[0].name, reason, versions[0].where))
                continue
        outcome.add_to(report)
        report.articles += sum(len(draft.articles) for draft in versions)
        report.missing += [(f"{d.name}（{d.promulgated}）", "、".join(d.missing)) for d in versions if d.missing]
        report.notices += [(f"{draft.name}（{draft.promulgated}）", draft.notice) for draft in versions if draft.notice]
    progress("导入法规", len(by_law), len(by_law))


def _once_each(drafts: Iterable[VersionDraft], report: ImportReport) -> list[VersionDraft]:
    """The drafts, of several files of one version in one source only the fullest: a source speaks once of a version."""
    found: dict[tuple[str, str, date, Source], VersionDraft] = {}
    for draft in drafts:
        key = (short_name(draft.name), draft.region, draft.promulgated, draft.source)
        other = found.get(key)
        if other is None:
            found[key] = draft
            continue
        fuller, lesser = (draft, other) if len(draft.articles) > len(other.articles) else (other, draft)
        found[key] = fuller
        report.left_out.append(LeftOut(lesser.name, f"与 {fuller.where} 是同一版本，只收一份", lesser.where))
    return list(found.values())


_BECAME = {"taken": "新收", "updated": "更新", "unchanged": "未变"}


class _Outcome:
    """What became of one law's versions; added to the report when its transaction is through."""

    def __init__(self) -> None:
        self.taken = self.updated = self.unchanged = self.joined = 0
        self.differences: list[Difference] = []
        self.each: list[tuple[VersionDraft, str]] = []

    def note(self, draft: VersionDraft, result: "str | Difference") -> None:
        if isinstance(result, Difference):
            self.differences.append(result)
            result = "unchanged"
        elif result == "joined":
            self.joined += 1
            result = "unchanged"
        setattr(self, result, getattr(self, result) + 1)
        self.each.append((draft, _BECAME[result]))

    def add_to(self, report: ImportReport) -> None:
        report.taken += self.taken
        report.updated += self.updated
        report.unchanged += self.unchanged
        report.joined += self.joined
        report.differences += self.differences
        report.outcomes += [
            Outcome(draft.where, f"{draft.name}（{draft.promulgated}）", became) for draft, became in self.each
        ]


def _known(database: Database) -> set[tuple[UUID, str, str]]:
    """(law, source, digest) of everything held: an import of the same files reads this once and writes nothing."""
    with database.read() as session:
        rows = session.execute(
            select(Version.law_id, VersionSource.source, VersionSource.digest).join(
                Version, VersionSource.version_id == Version.id
            )
        )
        return {(row.law_id, row.source, row.digest) for row in rows}


def _store_version(session: Session, law_key: UUID, draft: VersionDraft) -> "str | Difference":
    if not draft.articles:
        raise BrokenSource("没有条文")
    law = _law(session, law_key, draft)
    session.flush()
    session.refresh(law, ["versions"])
    version = session.get(Version, version_id(law_key, draft.promulgated)) or _same_text(session, law, draft)
    if version is None:
        version = Version(
            id=version_id(law_key, draft.promulgated), law_id=law_key, promulgated=draft.promulgated,
            effective_from=draft.effective_from, digest="",
        )  # fmt: skip
        session.add(version)
        _write_text(session, version, draft)
        _note_source(session, version, draft, differs=False)
        return "taken"
    own = session.get(VersionSource, (version.id, draft.source))
    if own is not None and own.digest == draft.digest():
        return "unchanged"
    kept = [source for source in version.sources if not source.differs and source.source != draft.source]
    if not kept:  # nobody else vouches for the text that is held
        _write_text(session, version, draft)
        _note_source(session, version, draft, differs=False)
        return "updated"
    held = session.execute(
        select(Article.number, Article.text).where(Article.version_id == version.id).order_by(Article.position)
    ).all()
    theirs = {number: fingerprint([(number, text)]) for number, text in held}
    ours = {article.number: fingerprint([(article.number, article.text)]) for article in draft.articles}
    unlike = [number for number in {**theirs, **ours} if theirs.get(number) != ours.get(number)]
    unlike = [number for number in unlike if number not in ("序言", "附件")]
    if not unlike:
        _fill_in(version, draft)
        _note_source(session, version, draft, differs=False)
        return "joined"
    trusted = max((Source(source.source) for source in kept), key=lambda source: source.trust)
    ours_first = draft.source.trust > trusted.trust
    if ours_first:
        _write_text(session, version, draft)
        for source in kept:
            source.differs = True
    _note_source(session, version, draft, differs=not ours_first)
    winner, loser = (draft.source, trusted) if ours_first else (trusted, draft.source)
    name = f"{draft.name}（{draft.promulgated}）"
    return Difference(name, str(winner), str(loser), unlike[:10], draft.where)


def _law(session: Session, law_key: UUID, draft: VersionDraft) -> Law:
    name = normalise_name(draft.name)
    law = session.get(Law, law_key)
    if law is None:
        law = Law(
            id=law_key, name=name, short_name=short_name(name), rank=draft.rank, region=draft.region,
            issuing_body=draft.issuing_body,
        )  # fmt: skip
        session.add(law)
        session.flush()
    else:
        law.issuing_body = law.issuing_body or draft.issuing_body
        if len(name) > len(law.name):  # with 中华人民共和国, where only one source gives it
            law.name = name
    return law


def _same_text(session: Session, law: Law, draft: VersionDraft) -> Version | None:
    """A version of another day whose text is the draft's: two sources that date one text differently."""
    wanted = fingerprint((article.number, article.text) for article in draft.articles)
    for version in law.versions:
        own = session.get(VersionSource, (version.id, draft.source))
        if own is not None and own.facts["promulgated"] != draft.promulgated.isoformat():
            continue  # the same source has this text on another day: then it is promulgated twice
        rows = session.execute(
            select(Article.number, Article.text).where(Article.version_id == version.id).order_by(Article.position)
        )
        if fingerprint((row.number, row.text) for row in rows) == wanted:
            return version
    return None


def _write_text(session: Session, version: Version, draft: VersionDraft) -> None:
    version.digest, version.imported_at = draft.text_digest(), now()
    version.document_number = draft.document_number or version.document_number or ""
    version.history = [list(event) for event in draft.history] or version.history or []
    session.flush()
    session.execute(delete(Article).where(Article.version_id == version.id))
    session.execute(
        insert(Article),
        [
            {
                "id": article_id(version.id, article.number), "version_id": version.id, "position": position,
                "number": article.number, "ordinal": article.ordinal, "path": article.path, "text": article.text,
            }
            for position, article in enumerate(draft.articles)
        ],
    )  # fmt: skip


def _fill_in(version: Version, draft: VersionDraft) -> None:
    """What the other source knows of the same text and we did not."""
    version.document_number = version.document_number or draft.document_number
    if len(draft.history) > len(version.history):
        version.history = [list(event) for event in draft.history]


def _note_source(session: Session, version: Version, draft: VersionDraft, *, differs: bool) -> None:
    facts = {
        "promulgated": draft.promulgated.isoformat(),
        "effective_from": draft.effective_from.isoformat() if draft.effective_known else "",
        "earliest": draft.effective_from.isoformat(),
        "undated": "1" if draft.undated else "",
        "repealed": "1" if draft.repealed else "",
        "notice": draft.notice,
        "missing": "、".join(draft.missing),
    }
    own = session.get(VersionSource, (version.id, draft.source))
    if own is None:
        own = VersionSource(version_id=version.id, source=draft.source)
        version.sources.append(own)
    own.where, own.digest, own.differs, own.facts, own.imported_at = draft.where, draft.digest(), differs, facts, now()


def _set_repeals(session: Session, drafts: list[VersionDraft]) -> None:
    """Keep what the drafts repeal, and work the force of the laws named out anew."""
    for draft in drafts:
        for name, day in draft.repeals:
            key = (draft.region, name, draft.name)
            held = session.get(Repeal, key)
            if held is None:
                session.add(
                    Repeal(region=draft.region, short_name=name, by=draft.name, rank=draft.rank, repealed_on=day)
                )
            elif held.repealed_on > day:
                held.repealed_on = day
            session.flush()
            _set_force(session, law_id(name, draft.region))


def _set_force(session: Session, law_key: UUID) -> None:
    """Set the days of all versions of a law from what their sources and the repealing instruments say."""
    law = session.get(Law, law_key)
    if law is None:
        return
    versions = session.scalars(select(Version).where(Version.law_id == law_key)).all()
    ranks = list(Rank)
    able = ranks[: ranks.index(Rank(law.rank)) + 1]  # a law is ended by its equals and by those above it
    declared = session.scalars(
        select(Repeal.repealed_on).where(
            Repeal.region == law.region, Repeal.short_name == law.short_name, Repeal.rank.in_(able)
        )
    ).all()
    for version in versions:
        sources = sorted(version.sources, key=lambda each: (each.differs, -Source(each.source).trust))
        known = [each.facts["effective_from"] for each in sources if each.facts["effective_from"]]
        first = sources[0].facts
        _set(version, "effective_from", date.fromisoformat(known[0] if known else first["earliest"]))
        _set(version, "effective_known", bool(known))
        _set(version, "repealed_on", min((day for day in declared if day > version.promulgated), default=None))
        notice = first["notice"]
        if version.repealed_on is None and first["repealed"]:
            _set(version, "repealed_on", version.effective_from)  # since when is not known: better never than wrongly
            notice = "资料标明本法已废止，未载明废止日期。"
        elif not known and first["undated"]:
            notice = notice or f"本文本于{version.promulgated}修改公布，所用资料未载明修改后的施行日期。"
        _set(version, "notice", notice)
    # Each version ends when the next one begins; of two that begin on one day the later promulgated counts.
    ordered = sorted(versions, key=lambda each: (each.effective_from, each.promulgated))
    for version, later in zip(ordered, [*ordered[1:], None], strict=True):
        superseded = later.effective_from if later is not None else None
        ended = min((day for day in (superseded, version.repealed_on) if day is not None), default=None)
        _set(version, "superseded_on", superseded)
        _set(version, "ended_on", ended)


def _set(version: Version, name: str, value: object) -> None:
    # Assigned only when different: an import that changes nothing must write nothing.
    if getattr(version, name) != value:
        setattr(version, name, value)

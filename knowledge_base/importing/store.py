"""Writing drafts into the record: one transaction a law, so that a broken law neither stops the rest nor half-lands."""

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
from knowledge_base.importing.drafts import BrokenSource, ImportReport, LeftOut, Progress, VersionDraft
from knowledge_base.models import Article, Law, Version, article_id, law_id, version_id
from knowledge_base.names import normalise_name, short_name

log = get_logger(__name__)


def store(database: Database, drafts: Iterable[VersionDraft], report: ImportReport, progress: Progress) -> None:
    """Write all versions of each law in one transaction and note in `report` what became of them.

    A version whose content has not changed is left as it is; one that has is replaced; versions of the same law from
    other sources stay. Afterwards the days on which versions supersede each other are set anew for the laws touched.
    """
    by_law: dict[UUID, list[VersionDraft]] = defaultdict(list)
    for draft in drafts:
        by_law[law_id(short_name(draft.name), draft.region)].append(draft)
    for done, (key, versions) in enumerate(by_law.items()):
        progress("导入法规", done, len(by_law))
        try:
            with database.write() as session:
                outcome = [_store_version(session, key, draft) for draft in versions]
                session.flush()
                _set_succession(session, key)
        except (SQLAlchemyError, BrokenSource) as error:
            log.warning("law left out", law=versions[0].name, error=str(error))
            report.left_out.append(LeftOut(versions[0].name, f"写入失败：{error}", versions[0].where))
            continue
        report.taken += outcome.count("taken")
        report.updated += outcome.count("updated")
        report.unchanged += outcome.count("unchanged")
        report.articles += sum(len(draft.articles) for draft in versions)
        report.notices += [(f"{draft.name}（{draft.promulgated}）", draft.notice) for draft in versions if draft.notice]
    progress("导入法规", len(by_law), len(by_law))


def _store_version(session: Session, law_key: UUID, draft: VersionDraft) -> str:
    if not draft.articles:
        raise BrokenSource("没有条文")
    name = normalise_name(draft.name)
    if session.get(Law, law_key) is None:
        session.add(Law(
            id=law_key, name=name, short_name=short_name(name), rank=draft.rank, region=draft.region,
            issuing_body=draft.issuing_body,
        ))  # fmt: skip
        session.flush()
    key, digest = version_id(law_key, draft.promulgated), draft.digest()
    old = session.get(Version, key)
    if old is not None and old.digest == digest:
        return "unchanged"
    outcome = "taken" if old is None else "updated"
    version = old or Version(id=key, law_id=law_key, promulgated=draft.promulgated)
    version.effective_from, version.effective_known = draft.effective_from, draft.effective_known
    version.repealed_on = draft.repealed_on
    version.source, version.notice, version.digest, version.imported_at = draft.source, draft.notice, digest, now()
    session.add(version)
    session.flush()
    session.execute(delete(Article).where(Article.version_id == key))
    session.execute(
        insert(Article),
        [
            {
                "id": article_id(key, article.number), "version_id": key, "position": position,
                "number": article.number, "ordinal": article.ordinal, "path": article.path, "text": article.text,
            }
            for position, article in enumerate(draft.articles)
        ],
    )  # fmt: skip
    return outcome


def _set_succession(session: Session, law_key: UUID) -> None:
    """Each version ends when the next one begins; of two that begin on one day the later promulgated counts."""
    versions = session.scalars(
        select(Version).where(Version.law_id == law_key).order_by(Version.effective_from, Version.promulgated)
    ).all()
    for version, following in zip(versions, [*versions[1:], None], strict=True):
        superseded = following.effective_from if following is not None else None
        ended = min((day for day in (superseded, version.repealed_on) if day is not None), default=None)
        _set_days(version, superseded, ended)


def _set_days(version: Version, superseded: date | None, ended: date | None) -> None:
    # Assigned only when different: an import that changes nothing must write nothing.
    if version.superseded_on != superseded:
        version.superseded_on = superseded
    if version.ended_on != ended:
        version.ended_on = ended

"""Loading a retrieval corpus (JSON lines: id law version article path text) into a temporary record, as an import would."""

import gzip
import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from uuid import UUID

from core.database import Base, Database
from core.settings import Settings
from knowledge_base.importing.drafts import ArticleDraft, ImportReport, Source, VersionDraft
from knowledge_base.importing.store import store
from knowledge_base.models import Rank, article_id, law_id, version_id
from knowledge_base.names import short_name
from knowledge_base.numerals import parse_article_number
from knowledge_base.text import normalise

UNDATED = "2000-01-01"  # a law whose date the corpus does not give counts as in force


@dataclass
class Corpus:
    """`external`: the corpus's ids by ours; `by_external`: ours by the corpus's."""

    settings: Settings
    database: Database
    external: dict[UUID, str]

    @property
    def by_external(self) -> dict[str, UUID]:
        return {external: key for key, external in self.external.items()}


def load_corpus(path: Path, home: Path, embedding_model: str = "") -> Corpus:
    """Store the corpus at `path` (.jsonl or .jsonl.gz) below `home`. Every law counts as in force since it was dated."""
    settings = Settings(home=home, embedding_model=embedding_model)
    database = Database(settings.sql_url)
    Base.metadata.create_all(database.engine)
    laws: dict[tuple[str, date], list[dict[str, str]]] = defaultdict(list)
    content = path.read_bytes()
    for line in (gzip.decompress(content) if path.suffix == ".gz" else content).decode().rstrip("\n").split("\n"):
        row = json.loads(line)
        laws[short_name(row["law"]), date.fromisoformat(row["version"] or UNDATED)].append(row)
    external: dict[UUID, str] = {}
    drafts = []
    for (name, day), rows in laws.items():
        version = version_id(law_id(name), day)
        articles = []
        for row in rows:
            parsed = parse_article_number(row["article"])
            external[article_id(version, row["article"])] = row["id"]
            text = normalise(row["text"])
            articles.append(ArticleDraft(row["article"], parsed.ordinal if parsed else 0, row["path"], text))
        drafts.append(VersionDraft(name, Rank.LAW, day, day, Source.TEXT, articles, where=path.name))
    report = ImportReport(path.name)
    store(database, drafts, report, lambda *_: None)
    if report.left_out:
        raise SystemExit(f"corpus not loaded in full: {report.left_out[:3]}")
    return Corpus(settings, database, external)

"""Vectors by meaning of articles and known questions: what ships, what this machine has worked out, and what is missing."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from core.database import Database
from core.settings import Settings
from knowledge_base.article_encoder import ArticleEncoder, article_text
from knowledge_base.model_files import ARTICLE_VECTORS, PROJECTION, QUESTION_VECTORS
from knowledge_base.models import Article, Law, Version
from knowledge_base.question_encoder import QuestionEncoder
from knowledge_base.questions import HASHED
from knowledge_base.vectors import VectorStore, keys_of, write_vectors

Floats = NDArray[np.float32]
_IN_ONE_FILE = 4096  # articles encoded between two savings: some two minutes' work


def local_vectors(settings: Settings) -> list[Path]:
    """The files of vectors that this machine has worked out, oldest first."""
    return sorted((settings.home_dir / "vectors").glob("[!.]*.npz"))


def dimension() -> int:
    with np.load(PROJECTION) as content:
        return int(content["matrix"].shape[1])


class Meaning:
    """The vectors at hand on this machine."""

    def __init__(self, settings: Settings) -> None:
        self.dimension = dimension()
        self._articles = VectorStore([ARTICLE_VECTORS, *local_vectors(settings)])
        self._questions = VectorStore([QUESTION_VECTORS])
        self._encoder = QuestionEncoder()

    def of_articles(self, texts: Sequence[str]) -> tuple[Floats, NDArray[np.bool_]]:
        """Vectors of texts from `article_text`, zero where there is none yet; and where there is one."""
        return self._articles.find(keys_of(texts), self.dimension)

    def of_questions(self, texts: list[str], progress: Callable[[int, int], None] = lambda *_: None) -> Floats:
        """Vectors of known questions; those that do not ship are worked out, 5 ms each. Zero for hashes without a vector."""
        found, known = self._questions.find(keys_of(texts), self.dimension)
        missing = [i for i in np.flatnonzero(~known).tolist() if not texts[i].startswith(HASHED)]
        if missing:
            found[missing] = self._encoder.encode([texts[i] for i in missing], progress)
        return found


def article_texts(database: Database) -> list[str]:
    """What is encoded of the articles in the record, each once."""
    statement = (
        select(Law.short_name, Article.path, Article.text)
        .join(Version, Article.version_id == Version.id)
        .join(Law, Version.law_id == Law.id)
        .order_by(Law.region, Law.short_name, Version.promulgated.desc(), Article.position)
    )
    with database.read() as session:
        rows = session.execute(statement).all()
    return list(dict.fromkeys(article_text(*row) for row in rows))


def missing_articles(settings: Settings, database: Database) -> list[str]:
    """The texts of articles in the record that have no vector."""
    texts = article_texts(database)
    _, known = Meaning(settings).of_articles(texts)
    return [text for text, has in zip(texts, known, strict=True) if not has]


def encode_articles(
    settings: Settings, texts: list[str], progress: Callable[[int, int], None] = lambda *_: None
) -> None:
    """Work out the vectors of `texts` and keep them; what is done stays done when this is stopped."""
    encoder = ArticleEncoder()
    for start in range(0, len(texts), _IN_ONE_FILE):
        some = texts[start : start + _IN_ONE_FILE]

        def advance(done: int, _: int, start: int = start) -> None:
            progress(start + done, len(texts))

        vectors = encoder.encode(some, advance)
        keys = keys_of(some)
        write_vectors(settings.home_dir / "vectors" / f"{int(keys.min()):016x}.npz", keys, vectors)

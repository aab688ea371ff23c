"""Where the models that ship are, and what makes an index one of theirs. See `knowledge_base/model/README.md`."""

import hashlib
from functools import cache
from pathlib import Path

MODEL = Path(__file__).parent / "model"
WORD_MODEL = MODEL / "words"
"""The static embedding: a vector a word (`embedding.Embedding`)."""
QUESTION_MODEL = MODEL / "question"
"""The question encoder (`question_encoder.QuestionEncoder`)."""
PROJECTION = MODEL / "projection.npz"
"""From the article encoder's 384 dimensions to the index's (`article_encoder.ArticleEncoder`)."""
ARTICLE_VECTORS = MODEL / "article_vectors.npz"
QUESTION_VECTORS = MODEL / "question_vectors.npz"
"""Vectors worked out beforehand (`vectors.VectorStore`)."""
LEARNED = MODEL / "learned.jsonl"
"""Questions of the training data as the search needs them: hashed words and the articles that answer."""
RANKER = MODEL / "ranker.txt"
RERANKER = MODEL / "reranker.txt"
KINDS = MODEL / "kinds.npz"
"""The classifier of messages (`kinds.KindClassifier`)."""
CALIBRATION = MODEL / "calibration.json"
CARD_CALIBRATION = MODEL / "card_calibration.json"


@cache
def shipped_digest() -> str:
    """What an index must be rebuilt for when it changes: vectors, and the encoder that they belong to."""
    digest = hashlib.sha256()
    for path in (QUESTION_MODEL / "model.onnx", PROJECTION, ARTICLE_VECTORS, QUESTION_VECTORS, LEARNED):
        digest.update(path.name.encode() + b"\0" + hashlib.file_digest(path.open("rb"), "sha256").digest())
    return digest.hexdigest()

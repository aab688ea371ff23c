"""The static embedding: a vector a word, as it ships with the service, or any sentence-transformers name or path.

See `knowledge_base/model/README.md` for the model's data, licence and figures.
"""

import hashlib
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.settings import Settings
from knowledge_base.model_files import WORD_MODEL, shipped_digest

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


Floats = NDArray[np.float32]


class Embedding:
    """Texts as unit vectors. `name` is a path or a name that SentenceTransformer knows; empty for the shipped model."""

    def __init__(self, name: str = "") -> None:
        self.name = name or str(WORD_MODEL)

    @cached_property
    def _model(self) -> "SentenceTransformer":
        """Loaded when a text is first to be embedded: it takes seconds, which a build that finds nothing new is spared."""
        from sentence_transformers import SentenceTransformer

        # float(): the shipped table is stored in halves, and the CPU adds up whole floats several times faster.
        return SentenceTransformer(self.name, device="cpu").float()

    def encode(self, texts: list[str], progress: Callable[[int, int], None] = lambda *_: None) -> Floats:
        """Vectors of shape (len(texts), dimension), each of length 1 (0 for a text without a known word)."""
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        size, found = 1024, []
        for start in range(0, len(texts), size):
            found.append(
                self._model.encode(
                    texts[start : start + size], batch_size=256, convert_to_numpy=True, normalize_embeddings=True,
                    show_progress_bar=False,
                )
            )  # fmt: skip
            progress(min(start + size, len(texts)), len(texts))
        return np.ascontiguousarray(np.concatenate(found), dtype=np.float32)

    def encode_one(self, text: str) -> Floats:
        """The vector of one text, shape (dimension,), without the millisecond that the library's batching takes."""
        import torch

        with torch.inference_mode():
            vector = self._model.forward(self._model.preprocess([text]))["sentence_embedding"][0].float().numpy()
        return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), dtype=np.float32)

    @property
    def dimension(self) -> int:
        dimension = self._model.get_embedding_dimension()
        assert dimension is not None
        return dimension


def model_digest(settings: Settings) -> str:
    """What an index must be rebuilt for when it changes: the models that its vectors are of, by content or by name."""
    folder = Path(settings.embedding_model) if settings.embedding_model else WORD_MODEL
    digest = hashlib.sha256(shipped_digest().encode())
    if not folder.is_dir():
        return f"name:{settings.embedding_model}:{digest.hexdigest()}"
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".safetensors", ".bin", ".txt") or path.name in ("tokenizer.json", "modules.json"):
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()

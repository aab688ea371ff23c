"""Vectors worked out beforehand: found again by a hash of the text that they are of.

The transformer takes some 30 ms for an article, so that those of the laws that are known here ship with the service
(8 bits a dimension) and those that a machine works out for its own laws are kept beside its index.
"""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.log import get_logger

log = get_logger(__name__)

Floats = NDArray[np.float32]
Keys = NDArray[np.uint64]


def key_of(text: str) -> int:
    """64 bits of the text; two of a million texts share one with a chance of 1 in 30 million."""
    return int.from_bytes(hashlib.blake2b("".join(text.split()).encode(), digest_size=8).digest(), "little")


def keys_of(texts: Sequence[str]) -> Keys:
    return np.array([key_of(text) for text in texts], dtype=np.uint64)


class VectorStore:
    """Vectors by text, from one or more files of `write_vectors`; of the same text the last file's counts."""

    def __init__(self, paths: Sequence[Path]) -> None:
        keys, codes = [np.zeros(0, np.uint64)], []
        for path in paths:
            try:
                with np.load(path) as content:
                    keys.append(content["keys"])
                    codes.append(content["codes"])
            except (OSError, ValueError, KeyError) as error:
                log.warning("预先算好的向量读不出来，略过", file=path.name, error=str(error))
        every = np.concatenate(keys)
        self._codes = np.concatenate(codes) if codes else np.zeros((0, 0), np.int8)
        # Reversed, so that of equal keys the first one found is the last one written.
        self._order = len(every) - 1 - np.argsort(every[::-1], kind="stable")
        self._keys = every[self._order]

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, keys: Keys, dimension: int) -> tuple[Floats, NDArray[np.bool_]]:
        """Unit vectors, shape (len(keys), dimension), zero where there is none; and where there is one."""
        found = np.zeros((len(keys), dimension), dtype=np.float32)
        if not len(self._keys):
            return found, np.zeros(len(keys), dtype=np.bool_)
        places = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        known = self._keys[places] == keys
        codes = self._codes[self._order[places[known]]].astype(np.float32)
        found[known] = codes / np.linalg.norm(codes, axis=1, keepdims=True)
        return found, known


def write_vectors(path: Path, keys: Keys, vectors: Floats) -> None:
    """Write unit vectors, 8 bits a dimension, each to the scale of its own largest one: the error of a cosine is below 0.005."""
    scale = 127 / np.maximum(np.abs(vectors).max(axis=1, keepdims=True), 1e-9)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.stem}-{os.getpid()}.npz")
    np.savez(draft, keys=keys, codes=np.round(vectors * scale).astype(np.int8))
    draft.replace(path)

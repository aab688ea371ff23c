"""Nearest vectors (FAISS, exact inner product), from an index that is opened by mmap."""

from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class DenseIndex:
    """Exact search: at this size the whole table is read in about a millisecond, and no near miss is lost."""

    def __init__(self, index: "faiss.IndexFlat") -> None:
        self._index = index
        self.vectors: Floats = faiss.rev_swig_ptr(index.get_xb(), index.ntotal * index.d).reshape(-1, index.d)
        """All vectors, shape (size, dimension); a view of the mapped file, not to be written."""

    @classmethod
    def build(cls, vectors: Floats) -> "DenseIndex":
        """Index unit vectors, shape (size, dimension), in their order."""
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(np.ascontiguousarray(vectors, dtype=np.float32))
        return cls(index)

    def save(self, path: Path) -> None:
        faiss.write_index(self._index, str(path))

    @classmethod
    def open(cls, path: Path) -> "DenseIndex":
        index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        assert isinstance(index, faiss.IndexFlat)
        return cls(index)

    def search(self, query: Floats, count: int, allowed: "faiss.IDSelector") -> tuple[NDArray[np.int64], Floats]:
        """Positions and cosines of the `count` best that `allowed` lets through, best first. `query`: shape (dimension,)."""
        parameters = faiss.SearchParameters(sel=allowed)  # type: ignore[call-arg]
        scores, found = self._index.search(query[None, :], count, params=parameters)
        keep = found[0] >= 0
        return found[0][keep], scores[0][keep]

    def cosines(self, query: Floats, positions: NDArray[np.int64]) -> Floats:
        """Cosines of the vectors at `positions`, shape (len(positions),)."""
        result: Floats = self.vectors[positions] @ query
        return result


def selector(mask: NDArray[np.bool_]) -> "faiss.IDSelector":
    """What lets through the positions where `mask` is true. Keeps its own copy of the bits."""
    bits = np.packbits(mask, bitorder="little")
    chosen = faiss.IDSelectorBitmap(len(mask), faiss.swig_ptr(bits))
    # FAISS holds only the address: the array must live as long as the selector.
    chosen.bits = bits  # type: ignore[attr-defined]
    return chosen

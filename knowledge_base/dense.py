"""Nearest vectors: every one looked at up to some 150,000, and the nearest cells of them (FAISS IVF) beyond that.

Vectors are stored as 16-bit floats and mapped: half the memory and half the time of 32 bits, for an error of a cosine
below 0.0001.
"""

from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from knowledge_base.lexical import Spans
from knowledge_base.postings import ArrayWriter, mapped, read_slice

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

EXACT_ROWS = 150_000
"""Where more rows than this apply, cells are searched. 150,000 are looked at in 5 ms, a million in 30 ms."""
PROBED = 256
"""How many cells are searched: an eighth of the rows at 300,000, a sixteenth at a million.
On the package's 26,000 articles, 635 cells, 128 of them searched: 0.96 of the 100 nearest found; 256 of them: 0.98.
On a million articles of copies: 0.99 in 3 ms, where looking at every one takes 27 ms."""
_TRAINED, _CELLS, _ASSIGNED = "cells.trained.faiss", "cells.faiss", "cells.npy"
_ROWS_AT_ONCE = 2**15
_TRAINING_ROWS = 40  # a cell


class DenseIndex:
    """Searches the vectors in `folder`; unit vectors, shape (size, dimension). Looks at every one where `exact`."""

    def __init__(self, folder: Path, *, exact: bool = False) -> None:
        self.vectors: NDArray[np.float16] = mapped(folder / "vectors.npy")
        has_cells = (folder / _CELLS).exists() and not exact
        self._cells = _read_cells(folder / _CELLS, faiss.IO_FLAG_MMAP_IFC) if has_cells else None

    def search(self, query: Floats, count: int, mask: NDArray[np.bool_], spans: Spans) -> tuple[Integers, Floats]:
        """Rows and cosines of the `count` nearest among the rows of `spans` that `mask` lets through, in no order.

        `query`: shape (dimension,); `mask`: shape (size,), False outside of `spans`.
        """
        rows, scores = [np.zeros(0, np.int64)], [np.zeros(0, np.float32)]
        for start, stop in spans:
            let_through = int(np.count_nonzero(mask[start:stop]))
            if self._cells is not None and (start, stop) == (0, self._cells.ntotal) and let_through > EXACT_ROWS:
                probed = PROBED * stop // let_through  # what is not let through must not take the place of what is
                each = self._search_cells(self._cells, query, count, mask[:stop], probed)
            else:
                each = self._search_all(query, count, mask, start, stop)
            rows.append(each[0])
            scores.append(each[1])
        found, near = np.concatenate(rows), np.concatenate(scores)
        if len(found) > count:
            first = np.argpartition(-near, count - 1)[:count]
            found, near = found[first], near[first]
        return found, near

    def cosines(self, query: Floats, rows: Integers) -> Floats:
        """Cosines of the vectors of `rows`, shape (len(rows),)."""
        result: Floats = self.vectors[rows].astype(np.float32) @ query
        return result

    def _search_all(
        self, query: Floats, count: int, mask: NDArray[np.bool_], start: int, stop: int
    ) -> tuple[Integers, Floats]:
        scanner = _scanner(self.vectors[start:stop])
        parameters = faiss.SearchParameters(sel=_selector(mask[start:stop]))  # type: ignore[call-arg]
        scores, found = scanner.search(query[None, :], min(count, stop - start), params=parameters)
        keep = found[0] >= 0
        return found[0][keep] + start, scores[0][keep]

    def _search_cells(
        self, cells: "faiss.IndexIVF", query: Floats, count: int, mask: NDArray[np.bool_], probed: int
    ) -> tuple[Integers, Floats]:
        parameters = faiss.SearchParametersIVF(sel=_selector(mask), nprobe=probed)  # type: ignore[call-arg]
        scores, found = cells.search(query[None, :], count, params=parameters)
        keep = found[0] >= 0
        return found[0][keep], scores[0][keep]


def write_cells(folder: Path, previous: Path | None, origin: Integers, rows: int) -> None:
    """Sort the first `rows` vectors of `folder` into cells, where they are too many to look at every one.

    `previous`: a folder with vectors of the same model. `origin`: the row there of each row here, -1 where it is new,
    shape (≥ rows,). Its cells are kept, and only new rows are assigned, until so many rows ask for more cells.
    """
    if rows <= EXACT_ROWS:
        return
    cells = _cells_before(previous, rows)
    if cells is None:
        previous, cells = None, _train(folder, rows)
    faiss.write_index(cells, str(folder / _TRAINED))
    before = mapped(previous / _ASSIGNED) if previous is not None else np.zeros(0, np.int32)
    with ArrayWriter(folder / _ASSIGNED, np.int32) as assigned:
        for start in range(0, rows, _ROWS_AT_ONCE):
            stop = min(start + _ROWS_AT_ONCE, rows)
            vectors = read_slice(folder / "vectors.npy", start, stop).astype(np.float32)
            came_from = origin[start:stop]
            known = (came_from >= 0) & (came_from < len(before))
            chosen = np.empty(stop - start, np.int64)
            chosen[known] = before[came_from[known]]
            if not known.all():
                chosen[~known] = cells.quantizer.search(vectors[~known], 1)[1][:, 0]
            ids = np.arange(start, stop)
            cells.add_core(len(ids), faiss.swig_ptr(vectors), faiss.swig_ptr(ids), faiss.swig_ptr(chosen))
            assigned.add(chosen)
    faiss.write_index(cells, str(folder / _CELLS))


def _read_cells(path: Path, flags: int = 0) -> "faiss.IndexIVF":
    cells = faiss.read_index(str(path), flags)
    assert isinstance(cells, faiss.IndexIVF)
    return cells


def _cells_before(previous: Path | None, rows: int) -> "faiss.IndexIVF | None":
    """Trained cells of the index before, still empty; None where there are none that fit this number of rows."""
    if previous is None or not (previous / _TRAINED).exists():
        return None
    cells = _read_cells(previous / _TRAINED)
    return cells if cells.nlist == _cell_count(rows) else None


def _cell_count(rows: int) -> int:
    """Some 4·√rows, in steps of a half, so that a few rows more do not ask for other cells."""
    return int(4 * (1.5 ** int(np.log(rows) / np.log(1.5))) ** 0.5)


def _train(folder: Path, rows: int) -> "faiss.IndexIVF":
    """Cells found on a sample that is the same for the same rows; 8 bits a dimension for what lies in them."""
    count = _cell_count(rows)
    chosen = np.sort(np.random.default_rng(0).choice(rows, min(rows, _TRAINING_ROWS * count), replace=False))
    blocks = []
    for start in range(0, rows, _ROWS_AT_ONCE):
        inside = chosen[(chosen >= start) & (chosen < start + _ROWS_AT_ONCE)] - start
        blocks.append(read_slice(folder / "vectors.npy", start, min(start + _ROWS_AT_ONCE, rows))[inside])
    sample = np.concatenate(blocks).astype(np.float32)
    dimension = sample.shape[1]
    quantizer = faiss.IndexFlatIP(dimension)
    cells = faiss.IndexIVFScalarQuantizer(
        quantizer, dimension, count, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
    )
    cells.cp.spherical = True  # the longer centres of tight cells must not draw every question
    cells.cp.niter = 10
    cells.cp.min_points_per_centroid = 1  # FAISS wants 39 and says so aloud
    cells.train(sample)
    return cells


def _scanner(vectors: NDArray[np.float16]) -> "faiss.IndexScalarQuantizer":
    """FAISS's search of every vector over memory that is numpy's and must outlive it: nothing is copied."""
    dimension = vectors.shape[1]
    scanner = faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    codes: Any = scanner.codes
    codes.is_owned = False
    codes.view_data = codes.c_ptr = faiss.swig_ptr(vectors.view(np.uint8).reshape(-1))
    codes.view_size = codes.c_size = vectors.nbytes
    scanner.ntotal = len(vectors)
    return scanner


def _selector(mask: NDArray[np.bool_]) -> "faiss.IDSelector":
    """What lets through the positions where `mask` is true."""
    bits = np.packbits(mask, bitorder="little")
    chosen = faiss.IDSelectorBitmap(len(mask), faiss.swig_ptr(bits))
    # FAISS holds only the address: the array must live as long as the selector.
    chosen.bits = bits  # type: ignore[attr-defined]
    return chosen

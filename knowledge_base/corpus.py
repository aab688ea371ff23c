"""A corpus: texts in a fixed order, made searchable by words and by meaning in one folder of the index.

The articles are one, the everyday questions are one. A text's words and its vector depend on the text alone: both are
kept beside the postings, and the next build takes them over for every text that it finds in the corpus before.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from knowledge_base.embedding import Embedding
from knowledge_base.postings import (
    ArrayWriter,
    Counted,
    ForwardWriter,
    Vocabulary,
    invert,
    mapped,
    ragged,
    read_forward,
)
from knowledge_base.text import tokens

Integers = NDArray[np.int64]
Digests = NDArray[np.uint64]
Vectors = NDArray[np.float16]


class Before:
    """The same corpus in the index before; an empty one where there is none (None).

    `folder` must be intact; `same_model`: whether its vectors are of the model in use.
    """

    def __init__(self, folder: Path | None, same_model: bool) -> None:
        self.folder, self.same_model = folder, folder is not None and same_model
        self.vocabulary = np.zeros(0, np.uint64) if folder is None else np.load(folder / "vocabulary.npy")
        digests = np.zeros((0, 2), np.uint64) if folder is None else np.load(folder / "digests.npy")
        self._order = np.argsort(digests[:, 0], kind="stable")
        self._digests = digests[self._order]

    def find(self, digests: Digests) -> Integers:
        """The row here of each text, -1 where it is not here. `digests`: shape (texts, 2)."""
        if not len(self._order):
            return np.full(len(digests), -1)
        places = np.minimum(np.searchsorted(self._digests[:, 0], digests[:, 0]), len(self._order) - 1)
        found: Integers = np.where((self._digests[places] == digests).all(axis=1), self._order[places], -1)
        return found

    def counted(self, rows: Integers) -> Counted | None:
        return read_forward(self.folder, rows) if self.folder is not None and len(rows) else None

    def vectors(self, rows: Integers) -> Vectors:
        """Read through a mapping of its own each time, so that the pages are let go afterwards."""
        assert self.folder is not None
        return mapped(self.folder / "vectors.npy")[rows]


def write_corpus(
    folder: Path,
    before: Before,
    texts: Iterable[Sequence[str]],
    embedding: Embedding | None,
    taken: Callable[[int], None] = lambda _: None,
    sorted_in: Callable[[int, int], None] = lambda *_: None,
    tokenise: Callable[[str], Sequence[str | int]] = tokens,
) -> Integers:
    """Write `folder` and return the row of each text in `before`, -1 where it was not there; shape (texts,).

    `texts`: some at a time, as many as may be in memory. `tokenise` gives a text's tokens or their hashes. `taken` hears how many texts have been read, `sorted_in` how
    many postings of how many are written. Files, besides those of `postings`, by text: digests (two uint64 of its
    BLAKE2) and vectors (float16, unit length; none without `embedding`).
    """
    folder.mkdir()
    vocabulary = Vocabulary(before.vocabulary)
    forward = ForwardWriter(folder)
    origins, done = [np.zeros(0, np.int64)], 0
    dimension = 0
    if embedding is not None:
        dimension = before.vectors(np.zeros(0, np.int64)).shape[1] if before.same_model else embedding.dimension
    with (
        ArrayWriter(folder / "digests.npy", np.uint64, (2,)) as digests,
        ArrayWriter(folder / "vectors.npy", np.float16, (dimension,)) as vectors,
    ):
        for some in texts:
            named = _digests(some)
            origin = before.find(named)
            new = vocabulary.count(tokenise(some[i]) for i in np.flatnonzero(origin < 0).tolist())
            digests.add(named)
            forward.add(_merge(origin >= 0, before.counted(origin[origin >= 0]), new))
            if embedding is not None:
                vectors.add(_vectors(some, origin, before, embedding, dimension))
            origins.append(origin)
            done += len(some)
            taken(done)
    forward.close(vocabulary.hashes())
    invert(folder, sorted_in)
    return np.concatenate(origins)


def _digests(texts: Sequence[str]) -> Digests:
    joined = b"".join(hashlib.blake2b(text.encode(), digest_size=16).digest() for text in texts)
    return np.frombuffer(joined, dtype="<u8").reshape(-1, 2)


def _merge(is_old: NDArray[np.bool_], old: Counted | None, new: Counted) -> Counted:
    """`old` and `new` texts in the order that `is_old` gives."""
    if old is None:
        return new
    sizes, kinds = np.empty(len(is_old), np.int64), np.empty(len(is_old), np.int64)
    for part, chosen in ((old, is_old), (new, ~is_old)):
        sizes[chosen], kinds[chosen] = part.sizes, part.kinds
    starts = np.cumsum(kinds) - kinds
    tokens, counts = np.empty(kinds.sum(), np.int32), np.empty(kinds.sum(), np.uint16)
    for part, chosen in ((old, is_old), (new, ~is_old)):
        places = ragged(starts[chosen], kinds[chosen])
        tokens[places], counts[places] = part.tokens, part.counts
    return Counted(sizes, kinds, tokens, counts)


def _vectors(texts: Sequence[str], origin: Integers, before: Before, embedding: Embedding, dimension: int) -> Vectors:
    vectors = np.empty((len(texts), dimension), np.float16)
    is_old = (origin >= 0) & before.same_model
    if is_old.any():
        vectors[is_old] = before.vectors(origin[is_old])
    if not is_old.all():
        vectors[~is_old] = embedding.encode([texts[i] for i in np.flatnonzero(~is_old).tolist()])
    return vectors

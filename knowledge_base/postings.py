"""Which texts hold which token, on disk: written text by text, then turned round to be read token by token.

Nothing here grows with the number of texts but files, and one number a text. A token is known by a 64-bit hash, so the
vocabulary is one sorted array that needs no reading in; that two of a few million tokens share one has a chance of 1 in
a million, and would make the one be found for the other.
"""

import hashlib
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

Longs = NDArray[np.int64]
Hashes = NDArray[np.uint64]

K1, B = 1.2, 0.75
_ROW_BITS, _COUNT_BITS = 27, 16
_TOKENS_AT_ONCE = 2 ** (64 - _ROW_BITS - _COUNT_BITS)
_POSTINGS_AT_ONCE = 2**23  # sorted in memory: some 300 MB
_ROWS_AT_ONCE = 2**15


class ArrayWriter:
    """A .npy file that is appended to: shape (0, *tail) at first, then whatever has been added."""

    def __init__(self, path: Path, dtype: DTypeLike, tail: tuple[int, ...] = ()) -> None:
        self.dtype, self.tail, self.length = np.dtype(dtype), tail, 0
        self._file = path.open("wb")
        self._write_header()
        self._start = self._file.tell()

    def add(self, values: Any) -> None:
        """Append `values`, shape (n, *tail)."""
        values = np.asarray(values, dtype=self.dtype).reshape(-1, *self.tail)
        self._file.write(values.tobytes())
        self.length += len(values)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Put the length that it has come to into the header."""
        self._file.seek(0)
        self._write_header()
        assert self._file.tell() == self._start  # numpy leaves room for the first axis to grow
        self._file.close()

    def _write_header(self) -> None:
        np.lib.format.write_array_header_1_0(
            self._file,
            {"descr": self.dtype.str, "fortran_order": False, "shape": (self.length, *self.tail)},
        )


def read_slice(path: Path, start: int, stop: int) -> NDArray[Any]:
    """Rows start…stop of a .npy file, read and not mapped: what a build has passed over must not stay in memory."""
    with path.open("rb") as file:
        np.lib.format.read_magic(file)
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        width = int(np.prod(shape[1:], dtype=np.int64))
        file.seek(start * width * dtype.itemsize, 1)
        return np.fromfile(file, dtype=dtype, count=(stop - start) * width).reshape(-1, *shape[1:])


def mapped(path: Path) -> NDArray[Any]:
    """The array in a .npy file, mapped, without numpy's memmap class, whose every slice costs microseconds."""
    return np.asarray(np.load(path, mmap_mode="r"))


def ragged(starts: Longs, lengths: Longs) -> Longs:
    """The numbers start…start+length of each pair, one after the other, shape (sum of lengths,)."""
    ends = np.cumsum(lengths)
    places: Longs = np.arange(int(ends[-1]) if len(ends) else 0) + np.repeat(starts - (ends - lengths), lengths)
    return places


def hash_token(token: str) -> int:
    """The 64 bits by which a token is known."""
    return int.from_bytes(hashlib.blake2b(token.encode(), digest_size=8).digest(), "little")


class Counted(NamedTuple):
    """Some texts as tokens. A text's own tokens lie together, in the order in which it first has them."""

    sizes: Longs
    """How many tokens each text has, shape (texts,): its length to BM25."""
    kinds: Longs
    """How many different ones, shape (texts,)."""
    tokens: NDArray[np.int32]
    """Positions in a vocabulary, shape (sum of kinds,)."""
    counts: NDArray[np.uint16]
    """How often the text has it, the same shape."""


class Vocabulary:
    """Positions of tokens: of those that the index before knew, as there; of new ones behind them."""

    def __init__(self, known: Hashes) -> None:
        self._known = known
        self._positions: dict[str | int, int] = {}
        self._new = array("Q")

    def count(self, texts: Iterable[Sequence[str | int]]) -> Counted:
        """Texts, each given by its tokens or their hashes, as positions in this vocabulary."""
        sizes, kinds, tokens, counts = array("q"), array("q"), array("i"), array("q")
        for text in texts:
            found = Counter(text)
            sizes.append(len(text))
            kinds.append(len(found))
            tokens.extend(map(self._position, found))
            counts.extend(found.values())
        limit = 2**_COUNT_BITS - 1
        return Counted(
            np.array(sizes, np.int64), np.array(kinds, np.int64), np.array(tokens, np.int32),
            np.minimum(np.array(counts, np.int64), limit).astype(np.uint16),
        )  # fmt: skip

    def hashes(self) -> Hashes:
        """By position."""
        return np.concatenate([self._known, np.array(self._new, np.uint64)])

    def _position(self, token: str | int) -> int:
        position = self._positions.get(token)
        if position is None:
            value = token if isinstance(token, int) else hash_token(token)
            position = int(np.searchsorted(self._known, np.uint64(value)))
            if position == len(self._known) or int(self._known[position]) != value:
                position = self._positions.get(value, len(self._known) + len(self._new))
                if position == len(self._known) + len(self._new):
                    self._new.append(value)
            self._positions[token] = self._positions[value] = position
        return position


class ForwardWriter:
    """Texts as tokens, one after the other, with the vocabulary that they turn out to have.

    Files: sizes (int32) and starts (int64, one more than texts) by text; tokens (int32, positions in vocabulary) and
    counts (uint16), starts[i]…starts[i+1] being those of text i; vocabulary (uint64), sorted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._raw = folder / "tokens.raw.npy"
        self._sizes = ArrayWriter(folder / "sizes.npy", np.int32)
        self._starts = ArrayWriter(folder / "starts.npy", np.int64)
        self._tokens = ArrayWriter(self._raw, np.int32)
        self._counts = ArrayWriter(folder / "counts.npy", np.uint16)
        self._starts.add([0])
        self._texts_with = np.zeros(0, np.int64)

    def add(self, counted: Counted) -> None:
        starts = self._tokens.length + np.cumsum(counted.kinds)
        self._sizes.add(counted.sizes)
        self._starts.add(starts)
        self._tokens.add(counted.tokens)
        self._counts.add(counted.counts)
        more = np.bincount(counted.tokens, minlength=len(self._texts_with))
        more[: len(self._texts_with)] += self._texts_with
        self._texts_with = more

    def close(self, hashes: Hashes) -> None:
        """Drop the tokens that no text has, put the others in the order of their hashes."""
        for writer in (self._sizes, self._starts, self._tokens, self._counts):
            writer.close()
        used = np.flatnonzero(self._texts_with)
        vocabulary, place = np.unique(hashes[used], return_inverse=True)
        positions = np.zeros(len(hashes), np.int32)
        positions[used] = place
        np.save(self.folder / "vocabulary.npy", vocabulary)
        with ArrayWriter(self.folder / "tokens.npy", np.int32) as tokens:
            for start in range(0, self._tokens.length, _POSTINGS_AT_ONCE):
                stop = min(start + _POSTINGS_AT_ONCE, self._tokens.length)
                tokens.add(positions[read_slice(self._raw, start, stop)])
        self._raw.unlink()


def read_forward(folder: Path, rows: Longs) -> Counted:
    """What ForwardWriter wrote of the texts `rows`, in their order."""
    sizes, starts = mapped(folder / "sizes.npy"), mapped(folder / "starts.npy")
    first, kinds = starts[rows], starts[rows + 1] - starts[rows]
    places = ragged(first, kinds)
    # Mapped anew at each call, so that the pages are let go with the arrays.
    return Counted(
        sizes[rows].astype(np.int64),
        kinds,
        mapped(folder / "tokens.npy")[places],
        mapped(folder / "counts.npy")[places],
    )


def invert(folder: Path, progress: Callable[[int, int], None] = lambda *_: None) -> None:
    """Turn a folder of ForwardWriter's round, with the BM25 score of each token in each text worked out (Lucene's idf).

    Files: posting_starts (int64, one more than tokens), posting_rows (int32, ascending within a token) and
    posting_scores (float32). Passes over the texts once for each 8 million postings, sorting those in memory.
    """
    starts, sizes = np.load(folder / "starts.npy"), np.load(folder / "sizes.npy")
    texts, vocabulary = len(sizes), len(mapped(folder / "vocabulary.npy"))
    assert texts < 2**_ROW_BITS
    texts_with = np.zeros(vocabulary, np.int64)
    for first in range(0, texts, _ROWS_AT_ONCE):
        block = read_slice(folder / "tokens.npy", starts[first], starts[min(first + _ROWS_AT_ONCE, texts)])
        texts_with += np.bincount(block, minlength=vocabulary)
    posting_starts = np.concatenate([[0], np.cumsum(texts_with)])
    np.save(folder / "posting_starts.npy", posting_starts)
    idf = np.log(1 + (texts - texts_with + 0.5) / (texts_with + 0.5)).astype(np.float32)
    norms = K1 * ((1 - B) + B * sizes / max(sizes.mean() if texts else 0, 1e-9))
    total = int(posting_starts[-1])
    with (
        ArrayWriter(folder / "posting_rows.npy", np.int32) as rows,
        ArrayWriter(folder / "posting_scores.npy", np.float32) as scores,
    ):
        low = 0
        while low < vocabulary:
            high = int(np.searchsorted(posting_starts, posting_starts[low] + _POSTINGS_AT_ONCE, side="right")) - 1
            high = min(max(high, low + 1), low + _TOKENS_AT_ONCE, vocabulary)
            keys = _sorted_keys(folder, starts, low, high, int(posting_starts[high] - posting_starts[low]))
            for part in np.array_split(keys, len(keys) // 2**20 + 1):
                row = (part >> _COUNT_BITS & (2**_ROW_BITS - 1)).astype(np.int32)
                count = part & (2**_COUNT_BITS - 1)
                token = (part >> (_ROW_BITS + _COUNT_BITS)).astype(np.int64) + low
                rows.add(row)
                scores.add(idf[token] * (count / (norms[row] + count)))
            low = high
            progress(rows.length, total)


def _sorted_keys(folder: Path, starts: Longs, low: int, high: int, total: int) -> NDArray[np.uint64]:
    """All postings of the tokens low…high: token, row and count packed into one number each, so that sorting is plain."""
    keys, filled = np.empty(total, np.uint64), 0
    for first in range(0, len(starts) - 1, _ROWS_AT_ONCE):
        bounds = starts[first : first + _ROWS_AT_ONCE + 1]
        tokens = read_slice(folder / "tokens.npy", bounds[0], bounds[-1])
        chosen = np.flatnonzero((tokens >= low) & (tokens < high))
        if not len(chosen):
            continue
        counts = read_slice(folder / "counts.npy", bounds[0], bounds[-1])[chosen]
        rows = np.searchsorted(bounds, chosen + bounds[0], side="right") - 1 + first
        keys[filled : filled + len(chosen)] = (
            (tokens[chosen] - low).astype(np.uint64) << (_ROW_BITS + _COUNT_BITS)
            | rows.astype(np.uint64) << _COUNT_BITS
            | counts
        )
        filled += len(chosen)
    keys.sort()
    return keys

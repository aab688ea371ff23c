"""Region names for Rasa: one pattern that finds them in a message, and synonyms that bring short names to official ones.

Made from core/data/regions.csv and spoken_names.csv (呼市, 察右前旗) when the model is trained, so that the names live in one
place. Standard library only: bot/train.py must start fast.
"""

import csv
import re
from pathlib import Path

_ETHNIC = (
    "朝鲜族|土家族|苗族|藏族|羌族|彝族|布依族|侗族|哈尼族|壮族|傣族|白族|景颇族|傈僳族|回族|蒙古族|蒙古|柯尔克孜|哈萨克"
)
_LONG_SUFFIX = re.compile(
    rf"(?:(?:{_ETHNIC})+自治州|特别行政区|壮族自治区|回族自治区|维吾尔自治区|自治区|省|市|地区|盟)$"
)
_COUNTY_SUFFIX = re.compile(r"[市县区旗]$")

# Short names that are everyday words, or that mean several places.
_TOO_COMMON = frozenset(
    [
        "日照",
        "来宾",
        "白银",
        "安康",
        "朝阳",
        "回民",
        "青山",
        "红山",
        "松山",
        "新城",
        "海南",
        "全国",
        "玉泉",
        "石拐",
        "临河",
        "吉林",
    ]
)
# Official names that are everyday words.
_NOT_A_PLACE = frozenset(["全国", "城区", "郊区", "矿区", "市辖区"])


def read_names(path: Path) -> dict[str, str]:
    """Official names by code, in order of the codes."""
    with path.open(encoding="utf-8", newline="") as file:
        return {row["code"]: row["name"] for row in csv.DictReader(file) if row["name"] not in _NOT_A_PLACE}


def short_names(names: dict[str, str]) -> dict[str, str]:
    """Official name by short name: provinces and prefectures everywhere, counties in Inner Mongolia only.

    Elsewhere a county's short name is too often a word (和平, 新华, 公安).
    """
    found: dict[str, str] = {}
    for code, name in names.items():
        short = _LONG_SUFFIX.sub("", name) if code.endswith("00") else ""
        if not short and code.startswith("15") and len(name) >= 3:
            short = _COUNTY_SUFFIX.sub("", name)
        if len(short) >= 2 and short != name and short not in _TOO_COMMON:
            found.setdefault(short, name)
    found.update({"海南": "海南省", "吉林": "吉林省"})
    return found


def trie_pattern(words: set[str]) -> str:
    """One regular expression that matches exactly these words, the longest first.

    Thousands of plain alternatives would be tried one by one at every character; a trie fails at the first.
    """
    root: dict[str, dict] = {}
    for word in words:
        node = root
        for char in word:
            node = node.setdefault(char, {})
        node[""] = {}
    return _render(root)


def _render(node: dict[str, dict]) -> str:
    branches = [re.escape(char) + _render(child) for char, child in sorted(node.items()) if char]
    if not branches:
        return ""
    body = branches[0] if len(branches) == 1 and "" not in node else "(?:" + "|".join(branches) + ")"
    return body + "?" if "" in node else body


def spoken_names(path: Path, names: dict[str, str]) -> dict[str, str]:
    """Official name by what people call the place."""
    with path.open(encoding="utf-8", newline="") as file:
        return {row["name"]: names[row["code"]] for row in csv.DictReader(file)}


def training_data(regions: Path, spoken: Path) -> str:
    """The NLU file with the pattern `region` and a synonym for each short name. Not JSON: Rasa takes that for another format."""
    names = read_names(regions)
    shorts = {**spoken_names(spoken, names), **short_names(names)}
    by_name: dict[str, list[str]] = {}
    for short, name in shorts.items():
        by_name.setdefault(name, []).append(short)
    pattern = trie_pattern(set(names.values()) | set(shorts))
    lines = ['version: "3.1"', "nlu:", "- regex: region", "  examples: |", f"    - {pattern}"]
    for name, found in by_name.items():
        lines += [f"- synonym: {name}", "  examples: |", *(f"    - {short}" for short in found)]
    return "\n".join(lines) + "\n"

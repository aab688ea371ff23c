"""The lexicon: what people say, and the words that the law has for it. 炒鱿鱼 is 解除劳动合同.

What ships is in `knowledge_base/data/lexicon.yml`; a machine adds to it, or takes from it, in ``lexicon.yml`` of its own
folder (`wenfa kb lexicon`). The file is read anew when it changes: nothing has to be built.
"""

import fcntl
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import yaml

SHIPPED = Path(__file__).parent / "data" / "lexicon.yml"
MAX_KEY, MAX_VALUES = 12, 6


class BrokenLexicon(ValueError):
    """A lexicon that cannot be read. The message says where and why, in Chinese."""


class Lexicon:
    """The shipped lexicon with the one at `own` over it; a word with an empty list there is taken out."""

    def __init__(self, own: Path) -> None:
        self.own = own

    def entries(self) -> dict[str, tuple[str, ...]]:
        """Everyday word to legal words. Raises BrokenLexicon."""
        return _with_own(self.own, self.own.stat().st_mtime_ns if self.own.exists() else 0)

    def legal_words(self, question: str, changed: Mapping[str, Sequence[str]] | None = None) -> str:
        """The legal words for the everyday words in `question`, between spaces. A broken file of one's own counts for nothing.

        `changed`: entries as they might be, over those that there are; an empty one is taken out.
        """
        try:
            entries = self.entries()
        except BrokenLexicon:
            entries = _with_own(SHIPPED, 0)
        if changed:
            entries = {word: tuple(legal) for word, legal in {**entries, **changed}.items() if legal}
        found = [word for word in entries if word in question]
        # 网购 says more than 购: a word inside another one that is there too is left out.
        longest = [word for word in found if not any(word != other and word in other for other in found)]
        legal = dict.fromkeys(each for word in longest for each in entries[word] if each not in question)
        return " ".join(legal)

    def own_words(self) -> set[str]:
        """The words whose entries this machine has added, changed or taken out. Raises BrokenLexicon."""
        return set(_read(self.own, self.own.stat().st_mtime_ns)) if self.own.exists() else set()

    def put(self, word: str, legal: list[str]) -> None:
        """Add or change an entry in the machine's own file; without `legal` words the entry is taken out. Raises BrokenLexicon."""
        self.own.parent.mkdir(parents=True, exist_ok=True)
        with self.own.with_name(".lexicon.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two who write at once must not lose each other's words
            self._put(word, legal)

    def _put(self, word: str, legal: list[str]) -> None:
        own = dict(_read(self.own, self.own.stat().st_mtime_ns)) if self.own.exists() else {}
        own[word] = _checked(word, legal, self.own.name)
        if not legal and word not in _read(SHIPPED, 0):
            del own[word]
        draft = self.own.with_name(f".{self.own.name}")
        content = {each: list(values) for each, values in sorted(own.items())}
        draft.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
        draft.replace(self.own)


@lru_cache(maxsize=8)  # asked at every search
def _with_own(own: Path, changed: int) -> dict[str, tuple[str, ...]]:
    """`changed`: when, 0 where there is no such file."""
    entries = {**_read(SHIPPED, 0), **(_read(own, changed) if changed else {})}
    return {word: legal for word, legal in entries.items() if legal}


@lru_cache(maxsize=8)
def _read(path: Path, changed: int) -> dict[str, tuple[str, ...]]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BrokenLexicon(f"词典 {path.name} 读不出来：{error}") from error
    if not isinstance(content, dict):
        raise BrokenLexicon(f"词典 {path.name} 应当每行是“日常用语: [法律用语]”")
    return {str(word): _checked(str(word), legal, path.name) for word, legal in content.items()}


def _checked(word: str, legal: object, where: str) -> tuple[str, ...]:
    if not word.strip() or len(word) > MAX_KEY:
        raise BrokenLexicon(f"词典 {where}：“{word}”应当是 1 到 {MAX_KEY} 个字")
    if (
        not isinstance(legal, list)
        or len(legal) > MAX_VALUES
        or not all(isinstance(each, str) and each.strip() for each in legal)
    ):
        raise BrokenLexicon(f"词典 {where}：“{word}”后面应当是 1 到 {MAX_VALUES} 个法律用语，如 [用人单位]")
    return tuple(each.strip() for each in legal)

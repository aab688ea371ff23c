"""The lexicon in the hands of a reviewer: a word added, changed, taken out; and what it would do to a search."""

from dataclasses import dataclass

from core.database import Database
from core.settings import Settings
from escalation.errors import NotFound, Refused
from escalation.journal import audit
from knowledge_base.lexicon import MAX_KEY, MAX_VALUES, BrokenLexicon, Lexicon
from knowledge_base.search import KnowledgeBase, SearchResult

_SHOWN = 5
MAX_LEGAL_CHARS = 30


@dataclass(frozen=True, slots=True)
class Entry:
    word: str
    legal: tuple[str, ...]
    own: bool
    """This machine has added or changed it."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One search with the lexicon as it is, and as it would be."""

    legal_before: str
    legal_after: str
    before: SearchResult
    after: SearchResult

    @property
    def same(self) -> bool:
        return [hit.article_id for hit in self.before.hits] == [hit.article_id for hit in self.after.hits]


def lexicon_of(settings: Settings) -> Lexicon:
    return Lexicon(settings.home_dir / "lexicon.yml")


def entries(lexicon: Lexicon, words: str = "") -> list[Entry]:
    """The entries with these words on either side. Raises BrokenLexicon."""
    own = lexicon.own_words()
    return [
        Entry(word, legal, word in own)
        for word, legal in sorted(lexicon.entries().items())
        if all(each in word or any(each in other for other in legal) for each in words.split())
    ]


def written(word: str, legal: str) -> tuple[str, list[str]]:
    """An entry as somebody writes it, the legal words parted by 、 or spaces. Raises Refused with the field that is wrong."""
    word, parts = (
        word.strip(),
        list(dict.fromkeys(legal.replace("、", " ").replace("，", " ").replace(",", " ").split())),
    )
    if not word or len(word) > MAX_KEY or any(char.isspace() for char in word):
        raise Refused(f"日常用语应当是 1 到 {MAX_KEY} 个字，中间没有空格。", "word")
    if not parts or len(parts) > MAX_VALUES:
        raise Refused(f"请写 1 到 {MAX_VALUES} 个法律用语，用顿号或空格隔开。", "legal")
    if long := next((each for each in parts if len(each) > MAX_LEGAL_CHARS), None):
        raise Refused(f"“{long[:12]}…”太长，一个法律用语最多 {MAX_LEGAL_CHARS} 字。", "legal")
    return word, parts


def put(database: Database, lexicon: Lexicon, word: str, legal: list[str], actor: str) -> None:
    """Add or change an entry; it counts from the next question on. Raises Refused."""
    with database.write() as session:
        audit(session, actor, "put_word", word, legal=legal, before=list(_held(lexicon).get(word, ())))
        _keep(lexicon, word, legal)  # last: what goes wrong here takes the audit row with it


def remove(database: Database, lexicon: Lexicon, word: str, actor: str) -> None:
    """Take an entry out. Raises NotFound, Refused."""
    before = _held(lexicon).get(word)
    if before is None:
        raise NotFound(f"词典里没有“{word}”，也许已经去掉了。")
    with database.write() as session:
        audit(session, actor, "remove_word", word, before=list(before))
        _keep(lexicon, word, [])


def attempt(
    knowledge_base: KnowledgeBase, lexicon: Lexicon, question: str, region: str, word: str, legal: list[str]
) -> Tried:
    """What the entry (taken out, without `legal` words) would do to a search for `question`."""
    before, after = lexicon.legal_words(question), lexicon.legal_words(question, {word: legal} if word else None)
    first = knowledge_base.search(question, region=region, limit=_SHOWN, legal_words=before)
    return Tried(
        before,
        after,
        first,
        first if before == after else knowledge_base.search(question, region=region, limit=_SHOWN, legal_words=after),
    )


def _held(lexicon: Lexicon) -> dict[str, tuple[str, ...]]:
    try:
        return lexicon.entries()
    except BrokenLexicon as error:
        raise Refused(f"{error}。请先改好这个文件。") from error


def _keep(lexicon: Lexicon, word: str, legal: list[str]) -> None:
    try:
        lexicon.put(word, legal)
    except BrokenLexicon as error:
        raise Refused(f"{error}。", "word") from error

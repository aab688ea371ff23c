"""Everyday questions 常见问题: how citizens ask for what an article says. Written for this project and checked against it.

They lend their words to the articles they point to (document expansion), are matched as questions of their own, and
train the models. An entry holds questions that the same articles answer; the first article is the one to show first.
See `knowledge_base/data/questions/README.md`.
"""

import json
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from core.regions import NATION
from knowledge_base.model_files import LEARNED
from knowledge_base.names import short_name
from knowledge_base.numerals import parse_article_number
from knowledge_base.postings import hash_token
from knowledge_base.text import tokens

QUESTIONS = Path(__file__).parent / "data" / "questions"
HASHED = "#"
"""How the text of a learned question begins: hashes of its words follow, in hexadecimal, and not the words."""


@dataclass(frozen=True, slots=True)
class EverydayQuestion:
    """`articles`: (short name of the law, number as written), the most fitting first."""

    text: str
    articles: tuple[tuple[str, str], ...]
    reviewed: tuple[tuple[str, date], ...] = ()
    """By law, the promulgation of the version that the entry was held against; laws not named are not checked."""
    card: str = ""
    """The card that answers it; empty where only the articles do."""
    region: str = NATION
    """Where it is asked: a question of another place points to nothing."""


@cache
def load_questions(path: Path = QUESTIONS) -> tuple[EverydayQuestion, ...]:
    """All questions in the file `path`, or in all such files of the folder: ``{"articles": ["劳动合同法 82"], "questions": ["…"]}``.

    The first line, ``{"reviewed": {"劳动合同法": "2012-12-28"}}``, names the version of each law that the entries were
    held against: when a law is amended its numbers move, and a question must not lead to whatever then bears the number.

    Raises ValueError with the line's number for a line that is not of that form.
    """
    if path.is_dir():
        return tuple(question for file in sorted(path.glob("*.jsonl")) for question in load_questions(file))
    found: list[EverydayQuestion] = []
    reviewed: dict[str, date] = {}
    for line_number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            if "reviewed" in entry:
                reviewed = {short_name(law): date.fromisoformat(day) for law, day in entry["reviewed"].items()}
                continue
            articles = tuple(_reference(each) for each in entry["articles"])
            versions = tuple((law, reviewed[law]) for law in dict.fromkeys(law for law, _ in articles))
            found += [EverydayQuestion(question, articles, versions) for question in entry["questions"]]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path.name} 第 {line_number} 行无法读取：{error}") from error
    return tuple(found)


def learned_questions() -> tuple[EverydayQuestion, ...]:
    """The questions that the models were trained with and that do not ship as text (see the models' README)."""
    return load_questions(LEARNED)


def question_tokens(text: str) -> list[str | int]:
    """The tokens of a known question, or of an article with the questions that it answers below it; hashes where only those ship."""
    found: list[str | int] = []
    for line in text.split("\n"):
        found += [int(value, 16) for value in line[1:].split()] if line.startswith(HASHED) else tokens(line)
    return found


def hashed(text: str) -> str:
    """A question as its words' hashes, sorted: enough to find it by its words, not to read it."""
    return HASHED + " ".join(sorted(f"{hash_token(token):x}" for token in tokens(text)))


def _reference(written: str) -> tuple[str, str]:
    law, _, number = written.rpartition(" ")
    parsed = parse_article_number(number)
    if parsed is None or not law:
        raise ValueError(f"不是“法规 条号”：{written}")
    return short_name(law), str(parsed)

"""Everyday questions 常见问题: how citizens ask for what an article says. Written for this project and checked against it.

They lend their words to the articles they point to (document expansion), are matched as questions of their own, and
train the embedding. An entry holds questions that the same articles answer; the first article is the one to show first.
"""

import json
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from core.regions import NATION
from knowledge_base.names import short_name
from knowledge_base.numerals import parse_article_number

QUESTIONS = Path(__file__).parent / "data" / "questions.jsonl"


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
    """All questions in `path`: JSON lines ``{"articles": ["劳动合同法 82"], "questions": ["…"]}``.

    The first line, ``{"reviewed": {"劳动合同法": "2012-12-28"}}``, names the version of each law that the entries were
    held against: when a law is amended its numbers move, and a question must not lead to whatever then bears the number.

    Raises ValueError with the line's number for a line that is not of that form.
    """
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


def _reference(written: str) -> tuple[str, str]:
    law, _, number = written.rpartition(" ")
    parsed = parse_article_number(number)
    if parsed is None or not law:
        raise ValueError(f"不是“法规 条号”：{written}")
    return short_name(law), str(parsed)

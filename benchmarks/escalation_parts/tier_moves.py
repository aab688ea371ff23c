"""How late rounds move up when ten thousand are open: `RoundMove.moved_at` against the round's `due_at`.

Rounds of all prefectures come due one after the other over the window, and after it a batch of them all at once, which says
how many a dispatcher can move in a second. Each move pushes its round to every lawyer of its province.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from time import sleep
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import func, select

from benchmarks.escalation_parts.rows import Rows, codes
from benchmarks.escalation_parts.world import Tell, World
from core.clock import now
from escalation.models import RoundMove
from escalation.policy import Policy

# From city to province; what comes after that is beyond the window.
POLICY = Policy(province_after=180, nation_after=36_000, broken_after=72_000)
_PAUSE_SECONDS = 10
_PATIENCE_SECONDS = 300


def measure(
    world: World, *, dispatchers: int, rounds: int, window: float, circle: int, lead: float, tell: Tell
) -> dict[str, Any]:
    """`circle` lawyers in each province. The first round is due `lead` seconds after it was laid into the record, past the
    verbs: long enough for a dispatcher that keeps a timetable to have made it anew."""
    rows = Rows()
    for province in codes("province"):
        for _ in range(circle):
            rows.lawyer(province, "province")
    rows.store(world.database)
    with ExitStack() as running:
        for _ in range(dispatchers):
            running.enter_context(world.running("dispatcher"))
        due = _lay_in(world, rows, rounds, window, lead)
        _wait_for(world, len(due), max(due.values()) + timedelta(seconds=_PATIENCE_SECONDS), tell)
    with world.database.read() as session:
        moved = {move.round_id: move.moved_at for move in session.execute(select(RoundMove)).scalars()}
    late = [(moved[each] - at).total_seconds() for each, at in due.items()]
    burst = len(late) - rounds
    return {
        **_lateness(late[:rounds]), "dispatchers": dispatchers, "rounds": rounds, "window_s": window,
        "pushes_per_move": circle, "moved": len(moved), "burst": burst,
        "burst_moves_per_s": round(burst / max(*late[rounds:], 0.001), 1),
    }  # fmt: skip


def _lay_in(world: World, rows: Rows, rounds: int, window: float, lead: float) -> dict[UUID, datetime]:
    """When each round is due: those of the window, then those of the batch."""
    burst = max(rounds // 10, 1)
    begin = now() + timedelta(seconds=lead + rounds / 1000)
    offsets = [window * number / rounds for number in range(rounds)] + [window + _PAUSE_SECONDS] * burst
    places = codes("prefecture")
    due: dict[UUID, datetime] = {}
    for number, offset in enumerate(offsets):
        at = begin + timedelta(seconds=offset)
        _, _, round_id = rows.consultation(
            places[number % len(places)], tier="city", state="open", due_at=at, policy=POLICY,
            started_at=at - timedelta(seconds=POLICY.province_after),
        )  # fmt: skip
        due[round_id] = at
    rows.store(world.database)
    if now() > begin:
        raise SystemExit("the first round was due before all were laid in: give a longer --lead")
    return due


def _wait_for(world: World, moves: int, until: datetime, tell: Tell) -> None:
    done = 0
    while done < moves:
        if now() > until:
            raise SystemExit(f"{done} of {moves} rounds moved; gave up {_PATIENCE_SECONDS} s after the last was due")
        sleep(1)
        with world.database.read() as session:
            done = session.execute(select(func.count()).select_from(RoundMove)).scalar_one()
        tell("rounds moved", done, moves)


def _lateness(seconds: Sequence[float]) -> dict[str, float]:
    found = zip(("p50", "p99", "max"), np.percentile(seconds, [50, 99, 100]), strict=True)
    return {f"lateness_{name}_s": round(float(each), 3) for name, each in found}

"""Messages stored in a second, and what a desk and a citizen wait for, in an empty record and in one of a million messages.

What lies in the record already: conversations of ten messages, each with a consultation that three lawyers answered and that
was pushed to ten of a hundred, who so have years of work behind them; and twenty rounds that wait for all hundred.
"""

import random
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import UUID

from benchmarks.escalation_parts.figures import percentiles_ms
from benchmarks.escalation_parts.rows import QUESTION, Rows
from benchmarks.escalation_parts.world import Tell, World
from core.clock import now
from core.database import Database
from escalation import conversations, desk
from escalation.models import Answer, Consultation
from escalation.policy import Policy
from escalation.progress import progress_of

REGION = "150900"
POLICY = Policy(province_after=36_000, nation_after=72_000, broken_after=108_000)
THREADS = 8
_LAWYERS, _PUSHED_TO, _WAITING, _NEW_CONVERSATIONS = 100, 10, 20, 800
_MESSAGES_EACH = 10
_AT_ONCE = 1000
_LOOKS = 200


def measure(world: World, *, sizes: Sequence[int], seconds: float, tell: Tell) -> list[dict[str, float]]:
    """One result for each number of stored messages, in ascending order."""
    record = Record(world.database)
    results = []
    for size in sorted(sizes):
        record.grow(size, tell)
        world.settle()
        tell(f"storing into {size} messages", 0, 1)
        results.append({"stored": size, **record.figures(seconds), "database_mb": world.megabytes()})
        tell(f"storing into {size} messages", 1, 1)
    return results


class Record:
    """The record, and what of it is known here."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._random = random.Random(36103)
        self._stored = 0
        rows, at = Rows(), now()
        self._lawyers = [rows.lawyer(REGION, "city") for _ in range(_LAWYERS)]
        self._conversations = [rows.conversation(REGION) for _ in range(_NEW_CONVERSATIONS)]
        self._consultations: list[UUID] = []
        for _ in range(_WAITING):
            _, consultation_id, round_id = rows.consultation(
                REGION, tier="city", state="open", started_at=at, due_at=at + timedelta(hours=10), policy=POLICY
            )
            self._consultations.append(consultation_id)
            for lawyer_id in self._lawyers:
                rows.push(round_id, lawyer_id, "city", at)
        rows.store(database)

    def grow(self, size: int, tell: Tell) -> None:
        """Until so many messages have been laid in."""
        rows = Rows()
        while self._stored < size:
            for _ in range(min(_AT_ONCE, -(-(size - self._stored) // _MESSAGES_EACH))):
                self._lay_in(rows)
                self._stored += _MESSAGES_EACH
            rows.store(self._database)
            tell("laying in messages", self._stored, size)

    def figures(self, seconds: float) -> dict[str, float]:
        return {
            **self._store_messages(seconds),
            **percentiles_ms("queue", _timed(self._look_at_a_queue)),
            **percentiles_ms("progress", _timed(self._look_at_progress)),
        }

    def _lay_in(self, rows: Rows) -> None:
        """One consultation of the past."""
        at = now() - timedelta(days=self._random.uniform(1, 1000))
        conversation_id, consultation_id, round_id = rows.consultation(
            REGION, tier="city", state="met", started_at=at, due_at=None, policy=POLICY, messages=_MESSAGES_EACH
        )
        pushed = self._random.sample(self._lawyers, _PUSHED_TO)
        for lawyer_id in pushed:
            rows.push(round_id, lawyer_id, "city", at)
        for seq in range(2, _MESSAGES_EACH + 1):
            said_at = at + timedelta(seconds=20 * seq)
            if 3 <= seq < 3 + POLICY.quorum:
                lawyer_id = pushed[seq - 3]
                message_id = rows.message(conversation_id, seq, "lawyer", said_at, consultation_id, lawyer_id)
                rows.add(Answer, message_id=message_id, round_id=round_id, lawyer_id=lawyer_id, created_at=said_at)
            else:
                rows.message(conversation_id, seq, "service" if seq % 2 == 0 else "citizen", said_at, consultation_id)
        self._conversations.append(conversation_id)
        self._consultations.append(consultation_id)

    def _store_messages(self, seconds: float) -> dict[str, float]:
        """Citizens of now and of the past write, eight at a time."""
        writers = self._random.sample(self._conversations, _NEW_CONVERSATIONS)
        took: list[float] = []
        begun = time.perf_counter()

        def work(thread: int) -> None:
            mine, number = writers[thread::THREADS], 0
            while time.perf_counter() - begun < seconds:
                began = time.perf_counter()
                with self._database.write() as session:
                    key = f"{self._stored}-{thread}-{number}"
                    conversations.receive_message(session, mine[number % len(mine)], QUESTION, key)
                took.append(time.perf_counter() - began)
                number += 1

        threads = [threading.Thread(target=work, args=[thread]) for thread in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wall = time.perf_counter() - begun
        return {"messages_per_s": round(len(took) / wall, 1), **percentiles_ms("message", took)}

    def _look_at_a_queue(self) -> None:
        with self._database.read() as session:
            assert len(desk.waiting_rounds(session, self._random.choice(self._lawyers))) == _WAITING

    def _look_at_progress(self) -> None:
        with self._database.read() as session:
            consultation = session.get_one(Consultation, self._random.choice(self._consultations))
            progress_of(session, consultation)


def _timed(look: Callable[[], None]) -> list[float]:
    """Seconds that each look takes."""
    took = []
    for _ in range(_LOOKS):
        began = time.perf_counter()
        look()
        took.append(time.perf_counter() - began)
    return took

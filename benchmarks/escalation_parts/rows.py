"""Rows by the million, past the verbs that would have written them one by one. Only what is measured goes through verbs."""

from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from sqlalchemy import insert

from core.clock import now
from core.database import Base, Database
from core.ids import new_id, new_token
from core.regions import all_regions, ancestor
from core.security import hash_token
from escalation.models import Answer, Consultation, Conversation, Lawyer, Message, Push, Round, Staff, StaffSession
from escalation.policy import Policy

QUESTION = "房东不退押金，说房子有损坏，但搬进去的时候就是这样的，我该怎么办"
_ORDER: tuple[type[Base], ...] = (Lawyer, Staff, StaffSession, Conversation, Message, Consultation, Round, Answer, Push)

_numbers = count(1)


class Rows:
    """Rows that go in together, each table after those it points to."""

    def __init__(self) -> None:
        self._of: dict[type[Base], list[dict[str, Any]]] = {table: [] for table in _ORDER}

    def add(self, table: type[Base], **values: Any) -> None:
        self._of[table].append(values)

    def store(self, database: Database) -> None:
        """In one transaction; begins anew after it."""
        with database.write() as session:
            for table, rows in self._of.items():
                if rows:
                    session.connection().execute(insert(table), rows)
                    rows.clear()

    def lawyer(self, region: str, tier: str) -> UUID:
        """Somebody who may take any number of rounds at once."""
        lawyer_id, number = new_id(), next(_numbers)
        self.add(
            Lawyer, id=lawyer_id, name=f"律师{number}", licence=f"L{number:08d}", firm="某律师事务所", region=region, tier=tier,
            city=ancestor(region, "prefecture"), province=ancestor(region, "province"), capacity=1_000_000,
        )  # fmt: skip
        return lawyer_id

    def log_in(self, lawyer_id: UUID) -> dict[str, str]:
        """An account that is logged in; gives the headers of its requests. (The password fits nobody: argon2 is slow on purpose.)"""
        staff_id, token, csrf_token = new_id(), new_token(), new_token()
        login = f"lawyer{next(_numbers)}"
        self.add(Staff, id=staff_id, login=login, name=login, password_hash="-", role="lawyer", lawyer_id=lawyer_id)
        self.add(
            StaffSession, token_hash=hash_token(token), staff_id=staff_id, csrf_token=csrf_token,
            expires_at=now() + timedelta(days=1),
        )  # fmt: skip
        return {"Cookie": f"wenfa_staff={token}", "X-CSRF-Token": csrf_token}

    def conversation(self, region: str, last_seq: int = 0) -> UUID:
        conversation_id = new_id()
        self.add(
            Conversation, id=conversation_id, channel="web", region=region, token_hash=hash_token(new_token()),
            last_seq=last_seq,
        )  # fmt: skip
        return conversation_id

    def message(
        self, conversation_id: UUID, seq: int, author: str, at: datetime, consultation_id: UUID | None = None,
        lawyer_id: UUID | None = None,
    ) -> UUID:  # fmt: skip
        message_id = new_id()
        kind = {"citizen": "text", "service": "notice", "lawyer": "lawyer_answer"}[author]
        self.add(
            Message, id=message_id, conversation_id=conversation_id, seq=seq, author=author, kind=kind, text=QUESTION,
            data={}, client_message_id=f"m{seq}" if author == "citizen" else None, consultation_id=consultation_id,
            lawyer_id=lawyer_id, created_at=at, handled_at=at if author == "citizen" else None,
        )  # fmt: skip
        return message_id

    def consultation(
        self, region: str, *, tier: str, state: str, started_at: datetime, due_at: datetime | None, policy: Policy,
        messages: int = 1,
    ) -> tuple[UUID, UUID, UUID]:  # fmt: skip
        """A conversation whose first message went to lawyers; gives the ids of conversation, consultation and round.

        Of its `messages` the caller adds those after the first.
        """
        conversation_id, consultation_id, round_id = self.conversation(region, messages), new_id(), new_id()
        message_id = self.message(conversation_id, 1, "citizen", started_at, consultation_id)
        self.add(
            Consultation, id=consultation_id, number=f"{region}-20000101-{next(_numbers):07d}", region=region,
            conversation_id=conversation_id, opening_message_id=message_id, city=ancestor(region, "prefecture"),
            province=ancestor(region, "province"), state="waiting" if state == "open" else "answered",
            opened_at=started_at,
        )  # fmt: skip
        self.add(
            Round, id=round_id, consultation_id=consultation_id, number=1, message_id=message_id, quorum=policy.quorum,
            policy=policy.as_dict(), addressed_to=[], tier=tier, state=state, started_at=started_at, due_at=due_at,
            answered=0 if state == "open" else policy.quorum, met_at=None if state == "open" else started_at,
        )  # fmt: skip
        return conversation_id, consultation_id, round_id

    def push(self, round_id: UUID, lawyer_id: UUID, tier: str, at: datetime) -> None:
        self.add(Push, round_id=round_id, lawyer_id=lawyer_id, tier=tier, pushed_at=at)


def codes(level: str) -> list[str]:
    """The codes of all regions of this level."""
    return [region.code for region in all_regions().values() if region.level == level]

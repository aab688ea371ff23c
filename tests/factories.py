"""What tests set the stage with: citizens, lawyers, questions, answers."""

import os
import time
from collections.abc import Callable
from itertools import count
from uuid import UUID

import pytest
from sqlalchemy import select

from core.database import Database
from escalation import consultations, conversations, desk
from escalation.lawyers import register_lawyer
from escalation.models import Consultation, Lawyer, Message, Round
from escalation.policy import Policy

ULANQAB, HOHHOT, HANGZHOU = "150900", "150100", "330100"
POLICY = Policy()

_numbers = count(1)


def a_conversation(database: Database, region: str = ULANQAB) -> UUID:
    with database.write() as session:
        conversation, _token = conversations.start_conversation(session, "web", region)
        return conversation.id


def a_message(database: Database, conversation_id: UUID, text: str = "房东不退押金怎么办") -> Message:
    with database.write() as session:
        return conversations.receive_message(session, conversation_id, text, f"client-{next(_numbers)}").message


def a_lawyer(database: Database, region: str = ULANQAB, tier: str = "city") -> Lawyer:
    number = next(_numbers)
    with database.write() as session:
        return register_lawyer(
            session, name=f"律师{number}", licence=f"L{number}", region=region, tier=tier, firm="某所"
        )


def a_consultation(
    database: Database, region: str = ULANQAB, policy: Policy = POLICY, text: str = "房东不退押金怎么办"
) -> Consultation:
    message = a_message(database, a_conversation(database, region), text)
    with database.write() as session:
        return consultations.open_consultation(session, message.id, policy)


def the_round(database: Database, consultation: Consultation, number: int = 1) -> Round:
    with database.read() as session:
        statement = select(Round).where(Round.consultation_id == consultation.id, Round.number == number)
        return session.execute(statement).scalar_one()


def answer(database: Database, round_id: UUID, lawyer: Lawyer, text: str = "可以要求退还。") -> Message:
    with database.write() as session:
        return desk.answer_round(session, round_id, lawyer.id, text)


def wait_until(ready: Callable[[], bool], otherwise: str, seconds: float = 30) -> None:
    """Wait for something to become true; fail with `otherwise` when it does not."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            pytest.fail(otherwise)
        time.sleep(0.05)


def skip(reason: str) -> None:
    """Skip, or fail where everything must be there (CI)."""
    if os.environ.get("WENFA_TESTS_MUST_NOT_SKIP"):
        pytest.fail(f"may not be skipped here: {reason}")
    pytest.skip(reason)

"""What the desk does over escalation's verbs: citations are checked against the knowledge base before an answer goes out."""

from collections.abc import Collection, Sequence
from uuid import UUID

from api.desk.citations import check_citations
from api.state import State
from escalation import desk
from escalation.models import Lease, Message
from escalation.reach import reached_round
from escalation.replies import Citation


def claim(state: State, round_id: UUID, lawyer_id: UUID) -> Lease:
    return desk.claim(state.database, state.queue, round_id, lawyer_id, state.policy)


def release(state: State, round_id: UUID, lawyer_id: UUID) -> None:
    with state.database.write() as session:
        desk.release_round(session, round_id, lawyer_id)
    state.queue.release(round_id, lawyer_id)


def answer(
    state: State,
    round_id: UUID,
    lawyer_id: UUID,
    text: str,
    citations: Sequence[str] = (),
    client_message_id: str | None = None,
    confirmed: Collection[str] = (),
) -> tuple[Message, list[Citation]]:
    """Give an answer.

    Raises Refused when a citation names no article, NotInForce for those of law not in force that are not `confirmed`: a
    citizen is never shown dead law by mistake.
    """
    with state.database.read() as session:
        _, consultation = reached_round(session, round_id, lawyer_id)
        checked = check_citations(session, citations, consultation.region, confirmed)
    with state.database.write() as session:
        message = desk.answer_round(
            session, round_id, lawyer_id, text, citations=checked, client_message_id=client_message_id
        )
    return message, checked

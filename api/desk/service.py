"""What the desk does over escalation's verbs: citations are checked against the knowledge base before an answer goes out."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from api.state import State
from bot.actions.wording import article_url
from escalation import desk
from escalation.errors import Refused
from escalation.models import Lease, Message
from escalation.replies import Citation
from knowledge_base.laws import UnknownArticle, UnknownLaw, verify_citation


def claim(state: State, round_id: UUID, lawyer_id: UUID) -> Lease:
    with state.database.write() as session:
        return desk.claim_round(session, round_id, lawyer_id, state.policy)


def release(state: State, round_id: UUID, lawyer_id: UUID) -> None:
    with state.database.write() as session:
        desk.release_round(session, round_id, lawyer_id)


def answer(
    state: State,
    round_id: UUID,
    lawyer_id: UUID,
    text: str,
    citations: Sequence[str] = (),
    client_message_id: str | None = None,
) -> tuple[Message, list[Citation]]:
    """Give an answer. Raises Refused when a citation names no article in force: a citizen is never shown dead law."""
    with state.database.read() as session:
        _, consultation, _ = desk.round_thread(session, round_id, lawyer_id)
        checked = [_check(session, each, consultation.region) for each in citations]
    with state.database.write() as session:
        message = desk.answer_round(
            session, round_id, lawyer_id, text, citations=checked, client_message_id=client_message_id
        )
    return message, checked


def _check(session: Session, written: str, region: str) -> Citation:
    """The article as it will be shown. Law of the citizen's own region counts, another region's does not."""
    try:
        found = verify_citation(session, written, region=region)
    except (UnknownLaw, UnknownArticle, ValueError) as error:
        raise Refused(f"引用“{written}”：{error.args[0]}", "citations") from error
    if not found.in_force or found.version is None:
        raise Refused(f"引用“{written}”：{found.message}", "citations")
    return Citation(
        law=found.law,
        article=found.article,
        text=found.text,
        version=found.version.version,
        status=found.version.status,
        effective_from=found.version.effective_from.isoformat() if found.version.effective_from else None,
        region=found.region,
        url=article_url(found.law_id, found.article),
    )

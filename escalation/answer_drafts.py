"""Answers being written 草稿: kept on the server, so that a lawyer goes on in another browser or after a restart.

Only the lawyer who wrote one can read it. What was written last wins, by when it was written and not by when it arrived: a
browser that was cut off may come back with words older than those saved meanwhile. What goes on from the words that stand is
newer than they are whatever the clocks say. Nothing is told to anybody and no audit
row is written: it is nobody's business how often somebody changes a sentence, and once it is sent the answer has its row.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from core.database import database_now
from escalation.desk import ANSWER_MAX_CHARS
from escalation.errors import Refused
from escalation.models import Answer, AnswerDraft, Push, Round
from escalation.reach import reached_round

MOST_CITATIONS = 20
_CITATION_MAX_CHARS = 200
_KEPT = timedelta(days=30)
"""How long a draft outlives the round that it was for."""


def save_draft(
    session: Session,
    round_id: UUID,
    lawyer_id: UUID,
    text: str,
    citations: Sequence[str] = (),
    written_ago: timedelta = timedelta(0),
    goes_on_from: datetime | None = None,
) -> AnswerDraft | None:
    """Keep what a lawyer has written so far. Gives what stands now: the saved words, newer ones from elsewhere, or None where
    an answer that was sent since has overtaken them.

    `written_ago`: how long before this moment the last key was pressed (clocks of browsers are not to be relied on).
    `goes_on_from`: the `written_at` of the draft that these words were written over, as it was given by this function. Raises
    Refused for too much of it, NotFound unless the round was pushed to this lawyer.
    """
    text = text.replace("\r\n", "\n")
    if len(text) > ANSWER_MAX_CHARS:
        raise Refused(f"草稿最多 {ANSWER_MAX_CHARS} 字，现在有 {len(text)} 字。", "text")
    if len(citations) > MOST_CITATIONS or any(len(each) > _CITATION_MAX_CHARS for each in citations):
        raise Refused(f"一份草稿最多引用 {MOST_CITATIONS} 条，每条最多 {_CITATION_MAX_CHARS} 字。", "citations")
    reached_round(session, round_id, lawyer_id)
    _lock(session, round_id, lawyer_id)
    at = database_now(session)
    written_at = at - max(written_ago, timedelta(0))
    answered_at = _answered_at(session, round_id, lawyer_id)
    if answered_at is not None and written_at <= answered_at:
        return None
    draft = session.get(AnswerDraft, (round_id, lawyer_id), populate_existing=True)
    if draft is None:
        draft = AnswerDraft(round_id=round_id, lawyer_id=lawyer_id)
        session.add(draft)
    elif draft.written_at == goes_on_from:
        written_at = max(written_at, draft.written_at + timedelta(microseconds=1))
    elif draft.written_at > written_at:
        return draft
    draft.text, draft.citations, draft.written_at, draft.saved_at = text, list(citations), written_at, at
    return draft


def draft_of(session: Session, round_id: UUID, lawyer_id: UUID) -> AnswerDraft | None:
    """What this lawyer has written since they answered last. Raises NotFound unless the round was pushed to them."""
    reached_round(session, round_id, lawyer_id)
    draft = session.get(AnswerDraft, (round_id, lawyer_id))
    # One that was saved in the same moment in which the answer went out may be there still.
    answered_at = _answered_at(session, round_id, lawyer_id) if draft is not None else None
    return draft if draft is None or answered_at is None or draft.written_at > answered_at else None


def drop_old_drafts(session: Session) -> None:
    """Throw away what nobody came back to for a month, of rounds that wait for no answer."""
    open_rounds = select(Round.id).where(Round.state == "open")
    old = AnswerDraft.saved_at < database_now(session) - _KEPT
    session.execute(delete(AnswerDraft).where(old, AnswerDraft.round_id.not_in(open_rounds)))


def _lock(session: Session, round_id: UUID, lawyer_id: UUID) -> None:
    """Two browsers of one lawyer, one after the other: the push is the one row that is there for the two of them."""
    statement = select(Push.round_id).where(Push.round_id == round_id, Push.lawyer_id == lawyer_id)
    session.execute(statement.with_for_update())


def _answered_at(session: Session, round_id: UUID, lawyer_id: UUID) -> datetime | None:
    statement = select(func.max(Answer.created_at)).where(Answer.round_id == round_id, Answer.lawyer_id == lawyer_id)
    return session.execute(statement).scalar_one()

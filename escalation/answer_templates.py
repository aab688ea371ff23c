"""Words that a lawyer writes again and again 常用语: kept under a title, put into an answer with one press."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.database import database_now
from core.ids import new_id
from escalation.errors import Conflict, NotFound, Refused
from escalation.journal import audit
from escalation.models import AnswerTemplate, Lawyer

TITLE_MAX_CHARS = 40
TEXT_MAX_CHARS = 2000
MOST_TEMPLATES = 50


def templates_of(session: Session, lawyer_id: UUID) -> Sequence[AnswerTemplate]:
    """A lawyer's own, by title."""
    statement = select(AnswerTemplate).where(AnswerTemplate.lawyer_id == lawyer_id).order_by(AnswerTemplate.title)
    return session.execute(statement).scalars().all()


def template_of(session: Session, template_id: UUID, lawyer_id: UUID) -> AnswerTemplate:
    """Raises NotFound, also for another lawyer's."""
    found = session.get(AnswerTemplate, template_id)
    if found is None or found.lawyer_id != lawyer_id:
        raise NotFound("没有这条常用语，可能已经删除。")
    return found


def keep_template(session: Session, lawyer_id: UUID, title: str, text: str) -> AnswerTemplate:
    """A new one. The same title and words a second time are the one that is there: a form sent twice.

    Raises Refused for words missing or overlong, Conflict where the title is taken or there are as many as one may have.
    """
    name, words = _title(title), _text(text)
    # Whoever counts and adds does so alone.
    session.execute(select(Lawyer.id).where(Lawyer.id == lawyer_id).with_for_update())
    same = _titled(session, lawyer_id, name)
    if same is not None and same.text == words:
        return same
    _check_free(same)
    count = select(func.count()).select_from(AnswerTemplate).where(AnswerTemplate.lawyer_id == lawyer_id)
    if session.execute(count).scalar_one() >= MOST_TEMPLATES:
        raise Conflict(f"常用语最多 {MOST_TEMPLATES} 条，请先删掉用不着的。", "title")
    made = AnswerTemplate(id=new_id(), lawyer_id=lawyer_id, title=name, text=words, changed_at=database_now(session))
    session.add(made)
    audit(session, f"lawyer:{lawyer_id}", "keep_template", made.id)
    return made


def change_template(session: Session, template_id: UUID, lawyer_id: UUID, title: str, text: str) -> AnswerTemplate:
    """Raises NotFound, Refused, Conflict as `keep_template`."""
    name, words = _title(title), _text(text)
    session.execute(select(Lawyer.id).where(Lawyer.id == lawyer_id).with_for_update())
    found = template_of(session, template_id, lawyer_id)
    same = _titled(session, lawyer_id, name)
    _check_free(same if same is not found else None)
    found.title, found.text, found.changed_at = name, words, database_now(session)
    audit(session, f"lawyer:{lawyer_id}", "change_template", template_id)
    return found


def delete_template(session: Session, template_id: UUID, lawyer_id: UUID) -> None:
    """Raises NotFound."""
    session.delete(template_of(session, template_id, lawyer_id))
    audit(session, f"lawyer:{lawyer_id}", "delete_template", template_id)


def _titled(session: Session, lawyer_id: UUID, title: str) -> AnswerTemplate | None:
    statement = select(AnswerTemplate).where(AnswerTemplate.lawyer_id == lawyer_id, AnswerTemplate.title == title)
    return session.execute(statement).scalar_one_or_none()


def _check_free(same: AnswerTemplate | None) -> None:
    if same is not None:
        raise Conflict(f"已经有叫“{same.title}”的常用语，请换一个名称，或去改那一条。", "title")


def _title(title: str) -> str:
    name = " ".join(title.split())
    if not name:
        raise Refused("请给这条常用语起个名称。", "title")
    if len(name) > TITLE_MAX_CHARS:
        raise Refused(f"名称最多 {TITLE_MAX_CHARS} 字，现在有 {len(name)} 字。", "title")
    return name


def _text(text: str) -> str:
    words = text.replace("\r\n", "\n").strip()
    if not words:
        raise Refused("常用语的内容不能为空。", "text")
    if len(words) > TEXT_MAX_CHARS:
        raise Refused(f"常用语最多 {TEXT_MAX_CHARS} 字，现在有 {len(words)} 字。", "text")
    return words

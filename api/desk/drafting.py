"""/v1/desk: what makes writing easier: the draft of an answer, and words that a lawyer keeps for the next one."""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from api.auth.dependencies import LawyerId
from api.state import StateDep
from escalation import answer_templates
from escalation.answer_drafts import draft_of, save_draft
from escalation.models import AnswerDraft, AnswerTemplate

router = APIRouter(prefix="/v1/desk", tags=["律师"])


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SaveDraft(_Strict):
    text: str
    citations: list[str] = Field(default_factory=list)
    written_ms_ago: Annotated[int, Field(ge=0, le=10**11)] = 0
    """How long before this request the last key was pressed: a browser that was cut off sends older words."""
    goes_on_from: datetime | None = None
    """`written_at` of the draft that was on the page while these words were written."""


class DraftOut(BaseModel):
    """The newest that this lawyer has written for a round, wherever they wrote it; empty words where nothing stands."""

    text: str
    citations: list[str]
    written_at: datetime | None

    @classmethod
    def of(cls, draft: AnswerDraft | None) -> "DraftOut":
        if draft is None:
            return cls(text="", citations=[], written_at=None)
        return cls(text=draft.text, citations=draft.citations, written_at=draft.written_at)


class KeepTemplate(_Strict):
    title: str
    text: str


class TemplateOut(BaseModel):
    id: UUID
    title: str
    text: str
    changed_at: datetime

    @classmethod
    def of(cls, found: AnswerTemplate) -> "TemplateOut":
        return cls(id=found.id, title=found.title, text=found.text, changed_at=found.changed_at)


class Templates(BaseModel):
    templates: list[TemplateOut]


@router.get("/rounds/{round_id}/draft", summary="我的草稿")
def read_draft(round_id: UUID, lawyer_id: LawyerId, state: StateDep) -> DraftOut:
    with state.database.read() as session:
        return DraftOut.of(draft_of(session, round_id, lawyer_id))


@router.put("/rounds/{round_id}/draft", summary="存草稿（后写的为准，返回现在的草稿）")
def keep_draft(round_id: UUID, body: SaveDraft, lawyer_id: LawyerId, state: StateDep) -> DraftOut:
    ago = timedelta(milliseconds=body.written_ms_ago)
    with state.database.write() as session:
        return DraftOut.of(save_draft(session, round_id, lawyer_id, body.text, body.citations, ago, body.goes_on_from))


@router.get("/templates", summary="我的常用语")
def templates(lawyer_id: LawyerId, state: StateDep) -> Templates:
    with state.database.read() as session:
        found = answer_templates.templates_of(session, lawyer_id)
        return Templates(templates=[TemplateOut.of(each) for each in found])


@router.post("/templates", status_code=201, summary="新的常用语")
def keep(body: KeepTemplate, lawyer_id: LawyerId, state: StateDep) -> TemplateOut:
    with state.database.write() as session:
        return TemplateOut.of(answer_templates.keep_template(session, lawyer_id, body.title, body.text))


@router.put("/templates/{template_id}", summary="修改常用语")
def change(template_id: UUID, body: KeepTemplate, lawyer_id: LawyerId, state: StateDep) -> TemplateOut:
    with state.database.write() as session:
        found = answer_templates.change_template(session, template_id, lawyer_id, body.title, body.text)
        return TemplateOut.of(found)


@router.delete("/templates/{template_id}", status_code=204, summary="删除常用语")
def delete(template_id: UUID, lawyer_id: LawyerId, state: StateDep) -> None:
    with state.database.write() as session:
        answer_templates.delete_template(session, template_id, lawyer_id)

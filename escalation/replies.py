"""What is said to a citizen: the one shape in which it is made, stored and sent (design §8)."""

from typing import Literal

from pydantic import BaseModel, Field

ReplyKind = Literal["answer", "clarify", "handoff", "prompt", "menu", "notice", "lawyer_answer"]


class Citation(BaseModel):
    """An article as it was shown to somebody at a time. Stored with the message it was shown in."""

    law: str
    article: str
    text: str
    version: str
    status: str
    effective_from: str | None = None
    region: str
    url: str


class Choice(BaseModel):
    """One button, or one line of "回复1…"."""

    title: str
    payload: str


class Reply(BaseModel):
    """One bubble."""

    kind: ReplyKind
    text: str
    citations: list[Citation] = Field(default_factory=list)
    choices: list[Choice] = Field(default_factory=list)
    confidence: float | None = None
    """Calibrated probability that an answer answers the question; None for all that is not a matter of confidence."""
    expects: (
        Literal[
            "question_for_lawyers",
            "new_question",
            "rephrasing",
            "reading",
            "phone",
            "phone_again",
            "form",
            "request_reply",
            "which",
        ]
        | None
    ) = None
    """What the next free text will be taken for. Stored with the message, of no interest to clients."""

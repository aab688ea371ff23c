"""The form of a card: what was typed into it, read; and what is shown beside it while it is being typed."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated

from fastapi import Form

from api.knowledge.preview import Examined
from api.pages.bubbles import Bubble
from core.clock import now
from core.region_names import UnclearRegion, region_written
from core.regions import NATION, full_name
from escalation.conversations import DISCLAIMER
from knowledge_base.cards.editing import WrittenCard, questions_of
from knowledge_base.cards.lines import as_lines, read_lines
from knowledge_base.importing.drafts import BrokenSource
from knowledge_base.models import Card

_LONGEST = 8000


@dataclass(frozen=True, slots=True)
class CardForm:
    """The fields as they were typed. `faults`: by field, what is wrong with it."""

    category: str = ""
    region: str = ""
    questions: str = ""
    answer: str = ""
    citations: str = ""
    seen: str = ""
    """When the card, as the form shows it, had last been changed; empty for a new one."""
    faults: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, card: Card) -> "CardForm":
        return cls(
            card.category, "" if card.region == NATION else full_name(card.region), "\n".join(card.questions),
            card.answer, as_lines(card.citations), card.changed_at.isoformat(),
        )  # fmt: skip

    def read(self) -> "tuple[WrittenCard, CardForm]":
        """What was typed as a card, and the form with what could not be read of it: then the card lacks that."""
        faults = {}
        region, citations = NATION, []
        if self.region.strip():
            try:
                region = region_written(self.region).code
            except UnclearRegion as error:
                faults["region"] = f"{error}。"
        try:
            citations = read_lines(self.citations)
        except BrokenSource as error:
            faults["citations"] = f"{error}。"
        answer = self.answer.replace("\r\n", "\n").strip()
        written = WrittenCard(self.category, region, questions_of(self.questions), answer, tuple(citations))
        return written, replace(self, faults=faults)

    @property
    def seen_at(self) -> datetime | None:
        try:
            return datetime.fromisoformat(self.seen) if self.seen else None
        except ValueError:
            return None


def card_form(
    category: Annotated[str, Form(max_length=40)] = "",
    region: Annotated[str, Form(max_length=100)] = "",
    questions: Annotated[str, Form(max_length=_LONGEST)] = "",
    answer: Annotated[str, Form(max_length=_LONGEST)] = "",
    citations: Annotated[str, Form(max_length=_LONGEST)] = "",
    seen: Annotated[str, Form(max_length=60)] = "",
) -> CardForm:
    return CardForm(category, region, questions, answer, citations, seen)


def preview_bubbles(title: str, examined: Examined) -> list[Bubble]:
    """The question and the answer as they would stand in the chat."""
    shown = []
    if title:
        shown.append(_bubble(1, "citizen", "text", title, None))
    if examined.reply is not None:
        shown.append(_bubble(2, "service", "answer", examined.reply.text, examined))
    return shown


def _bubble(seq: int, author: str, kind: str, text: str, examined: Examined | None) -> Bubble:
    reply = examined.reply if examined is not None else None
    return Bubble(
        seq=seq, author=author, kind=kind, text=text, disclaimer=DISCLAIMER if reply else "",
        citations=reply.citations if reply else [], choices=reply.choices if reply else [], lawyer_id=None, lawyer="",
        firm="", position=0, client_message_id="", created_at=now(),
    )  # fmt: skip

"""One turn of a conversation: a citizen's stored message, what they are taken to want, and what the service can do about it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from core.database import Database
from core.security import Vault
from escalation.models import Message
from escalation.policy import Policy
from knowledge_base.search import SearchResult


class Searches(Protocol):
    """The part of the knowledge base that a conversation needs."""

    def search(self, question: str, *, region: str, limit: int) -> SearchResult: ...

    def category(self, question: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Services:
    """What handlers stand on. Without a knowledge base every question goes to the lawyers."""

    database: Database
    policy: Policy
    knowledge_base: Searches | None
    vault: Vault


@dataclass(frozen=True, slots=True)
class Turn:
    services: Services
    message: Message
    region: str
    intent: str
    channel: str = "web"
    before: Sequence[Message] = ()
    """What had been said when it was written, the latest first, as far as anything is made of it."""
    entities: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return self.message.text

    @property
    def last_said(self) -> Message | None:
        """What the service or a lawyer had said last."""
        return next((each for each in self.before if each.author != "citizen"), None)

    @property
    def expects(self) -> object:
        """What was asked for with it; None where nothing was."""
        last = self.last_said
        return last.data.get("expects") if last is not None else None

    @property
    def pressed(self) -> bool:
        """The citizen pressed a button: they mean what it says."""
        return self.message.kind == "choice"

    @property
    def about(self) -> UUID | None:
        """The earlier message that a pressed button is about."""
        try:
            return UUID(self.entities["about"])
        except (KeyError, ValueError):
            return None

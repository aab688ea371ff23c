"""What a channel has to be able to do to carry messages to its callers. Adding one touches no other."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from escalation.models import Message


@dataclass(frozen=True, slots=True)
class End:
    """The caller's end of a conversation, as it stands when something is to be sent."""

    conversation_id: UUID
    account: str
    address: str
    heard_at: datetime
    sent_since: int
    sent_at: datetime | None
    number: str
    """Of the latest consultation; empty without one."""
    waiting: bool
    """Its round is still open: more answers may come."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """What goes to one caller at once: some messages, as the channel writes them."""

    end: End
    messages: Sequence[Message]
    pieces: Sequence[dict[str, Any]]
    """What the channel sends, in order, one request each."""
    costs: int = 0
    """How many of the messages that the channel allows between two of theirs."""


class Adapter(Protocol):
    channel: str

    def pack(self, end: End, messages: Sequence[Message], at: datetime) -> Parcel | datetime | None:
        """What to send of these messages; a time to look again; None when nothing may be sent until they write."""
        ...

    def circuit(self, parcel: Parcel) -> str:
        """What fails together."""
        ...

    async def send(self, parcel: Parcel) -> None:
        """Returns when the channel has confirmed it. Raises DeliveryFailed, Undeliverable, AllowanceSpent."""
        ...

    async def close(self) -> None: ...


class AllowanceSpent(Exception):
    """The channel takes no more until they write. Nothing is wrong, and nothing is lost."""

"""What goes out by a medium, and the ways in which it can fail to."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Word of one round for one lawyer, all of it: the citizen's words are not in here, so none of them can leave the house."""

    id: UUID
    """The delivery's: what the receiver knows it by."""
    medium: str
    kind: str
    """push, or alarm (the promise is broken)."""
    attempts: int
    """How often it has been tried before."""
    created_at: datetime
    address: str
    """Empty where the lawyer can no longer be reached by this medium."""
    secret_encrypted: str
    consultation: str
    """Its number."""
    round_id: UUID
    round: int
    region: str
    tier: str
    """The circle through which it reached this lawyer."""
    deadline: datetime
    urgent: bool


class Medium(Protocol):
    """A way to reach lawyers."""

    def circuit(self, notice: Notice) -> str:
        """What fails together: its notices stand behind one circuit breaker."""
        ...

    async def send(self, notice: Notice) -> None:
        """Returns when the receiver has confirmed it. Raises DeliveryFailed."""
        ...

    async def close(self) -> None: ...


class DeliveryFailed(Exception):
    """It did not get through, and is to be tried again. The message is Chinese, for the board."""


class Rejected(DeliveryFailed):
    """The receiver is there but would not have this one, which says nothing about the others it receives."""


class Undeliverable(Rejected):
    """It will never get through as it is: somebody must see to it first."""


class MediumUnavailable(DeliveryFailed):
    """Nothing gets through by this medium at present, for a reason that no single delivery is to blame for."""

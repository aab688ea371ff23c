"""The 36103 promise as data: what happens to a round at which second of the citizen's waiting."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from core.settings import Settings

Tier = Literal["addressed", "city", "province", "nation"]


@dataclass(frozen=True, slots=True)
class Policy:
    """When a round moves on, seconds after it started, while it is below its quorum."""

    province_after: float = 180
    nation_after: float = 360
    broken_after: float = 600
    quorum: int = 3
    """Different lawyers' answers to a first question. A follow-up always asks for one."""
    lease_seconds: float = 300

    @classmethod
    def from_settings(cls, settings: Settings) -> "Policy":
        province, nation, broken = settings.policy_seconds
        return cls(province, nation, broken, settings.quorum, settings.lease_seconds)

    def next_tier(self, tier: str) -> Tier | None:
        """The circle after this one; None after the widest."""
        return {"addressed": "province", "city": "province", "province": "nation"}.get(tier)  # type: ignore[return-value]

    def due(self, tier: str, started_at: datetime) -> datetime:
        """When a round that has reached `tier` must be looked at again. After the nation comes only the broken promise."""
        seconds = {"addressed": self.province_after, "city": self.province_after, "province": self.nation_after}
        return started_at + timedelta(seconds=seconds.get(tier, self.broken_after))

    def deadline(self, started_at: datetime) -> datetime:
        """When the promise is broken."""
        return started_at + timedelta(seconds=self.broken_after)

"""The 36103 promise as data: what happens to a round at which second of the citizen's waiting."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.database import database_now
from core.log import get_logger
from core.paging import Paged, one_page
from core.regions import ancestor, full_name, get_region, lineage
from core.settings import Settings
from escalation.errors import NotFound, Refused
from escalation.journal import audit
from escalation.models import RegionPolicy, Round

Tier = Literal["addressed", "city", "province", "nation"]

NAMES = {
    "province_after": "推向全省（秒）",
    "nation_after": "推向全国（秒）",
    "broken_after": "承诺落空（秒）",
    "quorum": "要几位律师解答",
    "lease_seconds": "认领保留（秒）",
    "duty_hours": "只推给值班律师",
    "silent_after": "多久不理算未响应（秒）",
}
"""What people call the fields of a policy."""

_LONGEST_SECONDS = 30 * 24 * 3600
_MOST_ANSWERS = 100

log = get_logger("policy")


@dataclass(frozen=True, slots=True)
class Policy:
    """When a round moves on, seconds after it started, while it is below its quorum."""

    province_after: float = 180
    nation_after: float = 360
    broken_after: float = 600
    quorum: int = 3
    """Different lawyers' answers to a first question. A follow-up always asks for one."""
    lease_seconds: float = 300
    duty_hours: bool = False
    """Whether pushes go only to lawyers who are on duty, as long as the tier has any."""
    silent_after: float = 1800
    """Who has been pushed a round and has neither claimed nor answered it after so many seconds is counted as silent."""

    def __post_init__(self) -> None:
        """Raises Refused, whose message names what is wrong."""
        if not 0 < self.province_after < self.nation_after < self.broken_after:
            raise Refused("推向全省、推向全国、承诺落空的秒数必须是递增的正数。", "province_after")
        # Comparisons that hold for no NaN.
        if not self.broken_after <= _LONGEST_SECONDS:
            raise Refused("承诺落空最多 30 天。", "broken_after")
        if not 1 <= self.quorum <= _MOST_ANSWERS:
            raise Refused(f"{NAMES['quorum']}应在 1 到 {_MOST_ANSWERS} 之间。", "quorum")
        for name in ("lease_seconds", "silent_after"):
            if not 1 <= getattr(self, name) <= _LONGEST_SECONDS:
                raise Refused(f"{NAMES[name]}应在 1 秒到 30 天之间。", name)

    @classmethod
    def from_settings(cls, settings: Settings) -> "Policy":
        province, nation, broken = settings.policy_seconds
        return cls(province, nation, broken, settings.quorum, settings.lease_seconds)

    @classmethod
    def of_round(cls, round_: Round) -> "Policy":
        """What was promised when the round started."""
        return cls(**round_.policy)

    def for_region(self, session: Session, region: str) -> "Policy":
        """This policy with what the region, and those it lies in, have decided otherwise; the narrowest has the last word."""
        return in_force(session, region, self).policy

    def with_values(self, values: Mapping[str, object]) -> "Policy":
        """Raises Refused for a name that is no field of a policy, or a value that does not fit."""
        return replace(self, **_read(values))

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

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


@dataclass(frozen=True, slots=True)
class InForce:
    """The policy that holds in a region, and whose it is."""

    policy: Policy
    decided_by: dict[str, str] = field(default_factory=dict)
    """By the name of a rule, the region whose decision it is; what is missing here is as the settings have it."""
    passed_over: dict[str, str] = field(default_factory=dict)
    """Regions whose decisions do not fit what stands above them, and why."""


def in_force(session: Session, region: str, base: Policy) -> InForce:
    """What holds in a region over `base`, the policy of the settings.

    Decisions were checked when they were made, but settings change: what does not fit them any more is passed over with a
    warning, for a question must never fail because of it.
    """
    decisions = select(RegionPolicy).where(RegionPolicy.region.in_(lineage(region)))
    found = _resolve(region, {each.region: each.values for each in session.execute(decisions).scalars()}, base)
    for place, reason in found.passed_over.items():
        log.warning("地区规则与设置不合，未采用", region=place, reason=reason)
    return found


def set_region_policy(
    session: Session, region: str, values: Mapping[str, object], actor: str, *, base: Policy
) -> RegionPolicy:
    """A region decides some rules otherwise; those that it does not name stay as they were. `base` is that of the settings.

    Raises UnknownRegion; Refused for what does not fit, also together with what the regions above and below have decided.
    """
    get_region(region)
    if not values:
        raise Refused("没有写要改哪一条规则。")
    decision = session.get(RegionPolicy, region, with_for_update=True)
    before = dict(decision.values) if decision is not None else {}
    now = before | _read(values)
    _check(session, region, now, base)
    at = database_now(session)
    if decision is None:
        decision = RegionPolicy(region=region)
        session.add(decision)
    decision.values, decision.changed_at = now, at
    audit(session, actor, "set_region_policy", region, before=before, now=now)
    return decision


def write_region_policy(
    session: Session, region: str, values: Mapping[str, object], actor: str, *, base: Policy
) -> bool:
    """A region decides exactly these rules, and leaves all others to those above it. False where that is as it was.

    Raises UnknownRegion; Refused for what does not fit, also together with what the regions above and below have decided.
    """
    get_region(region)
    decision = session.get(RegionPolicy, region, with_for_update=True)
    before = dict(decision.values) if decision is not None else {}
    now = _read(values)
    if now == before:
        return False
    _check(session, region, now, base)
    at = database_now(session)
    if decision is None:
        session.add(RegionPolicy(region=region, values=now, changed_at=at))
    elif now:
        decision.values, decision.changed_at = now, at
    else:
        session.delete(decision)
    audit(session, actor, "set_region_policy" if now else "clear_region_policy", region, before=before, now=now)
    return True


def deciding_regions(session: Session, number: int = 1) -> Paged[RegionPolicy]:
    """A page of the regions that have decided something themselves, by their codes."""
    return one_page(session, select(RegionPolicy).order_by(RegionPolicy.region), number)


def said(region: str, policy: Policy) -> str:
    """What a policy means in a region, in a sentence."""
    place = full_name(region)
    whole = ancestor(region, "province")
    province = get_region(whole).name if whole else ""
    circle = next((f"全{kind}" for kind in ("自治区", "省", "市") if province.endswith(kind)), "全省（自治区、直辖市）")
    first = "值班的本市（盟、州）律师" if policy.duty_hours else "本市（盟、州）律师"
    steps = f"0 秒推给{first}，{_length(policy.province_after)}推到{circle}，{_length(policy.nation_after)}推到全国"
    return f"{place}：{steps}，{_length(policy.broken_after)}内 {policy.quorum} 位"


def shown_value(value: object) -> str:
    """A rule's value as people write it."""
    if isinstance(value, bool):
        return "是" if value else "否"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _length(seconds: float) -> str:
    """90 秒, 3 分钟, 2.5 小时: in the largest unit in which it is short."""
    for size, unit in ((3600, "小时"), (60, "分钟")):
        if seconds >= size and seconds % (size / 2) == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} 秒"


def clear_region_policy(
    session: Session, region: str, actor: str, *, base: Policy, names: Collection[str] = ()
) -> None:
    """A region leaves these rules, or all, to those above it again. Raises NotFound where it has decided no such thing,
    Refused where what a region in it has decided would not fit any more."""
    decision = session.get(RegionPolicy, region, with_for_update=True)
    before = dict(decision.values) if decision is not None else {}
    names = set(names or before)
    if decision is None or not names <= set(before):
        raise NotFound(f"{full_name(region)}没有自己的规则{'、'.join(sorted(names - set(before)))}。")
    now = {name: value for name, value in before.items() if name not in names}
    _check(session, region, now, base)
    if now:
        decision.values, decision.changed_at = now, database_now(session)
    else:
        session.delete(decision)
    audit(session, actor, "clear_region_policy", region, before=before, now=now)


def _check(session: Session, region: str, values: Mapping[str, object], base: Policy) -> None:
    """Whether the region's decision fits below those above it, and those of the regions in it still fit. Raises Refused."""
    decisions = {each.region: each.values for each in session.execute(select(RegionPolicy)).scalars()} | {
        region: values
    }
    within = sorted(each for each in decisions if region in lineage(each) and each != region)
    for place in (region, *within):
        if reason := _resolve(place, decisions, base).passed_over.get(place):
            raise Refused(f"这样，{full_name(place)}的规则合起来不成立：{reason}")


def _resolve(region: str, decisions: Mapping[str, Mapping[str, object]], base: Policy) -> InForce:
    found = InForce(base)
    for place in reversed(lineage(region)):
        values = decisions.get(place, {})
        try:
            found = replace(
                found,
                policy=found.policy.with_values(values),
                decided_by=found.decided_by | dict.fromkeys(values, place),
            )
        except Refused as error:
            found.passed_over[place] = error.message
    return found


def _read(values: Mapping[str, object]) -> dict[str, Any]:
    """Values as a policy has them, each for itself. Raises Refused for an unknown name, or what is no such value."""
    kinds = {field.name: field.type for field in fields(Policy)}
    if unknown := set(values) - set(kinds):
        raise Refused(f"没有名为“{'、'.join(sorted(unknown))}”的规则，只有：{'、'.join(kinds)}。")
    read = {}
    for name, value in values.items():
        reader, shape = _KINDS[kinds[name]]
        try:
            read[name] = reader(str(value))
        except (KeyError, ValueError):
            raise Refused(f"{name}（{NAMES[name]}）要写成{shape}，不能是“{value}”。", name) from None
    return read


def _flag(written: str) -> bool:
    return {"1": True, "true": True, "是": True, "0": False, "false": False, "否": False}[written.lower()]


_KINDS: dict[Any, tuple[Callable[[str], object], str]] = {
    float: (float, "数字"),
    int: (int, "整数"),
    bool: (_flag, " 是 或 否"),
}

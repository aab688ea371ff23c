"""Which period and which region a page of the board shows: read from its address, written into the addresses that it links to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query

from api.board.period import NAMED, Period, asked_period, named_period
from core.clock import local
from core.region_names import UnclearRegion, region_written
from core.regions import NATION, full_name, get_region, lineage
from escalation.errors import Refused


@dataclass(frozen=True, slots=True)
class Scope:
    """What was asked for. Where that was no period or no region, today and all of the country stand in for it."""

    period: Period
    range: str
    """Its name in NAMED; empty where days were written."""
    since: str
    until: str
    place: str
    """The fields of the form, as they were written."""
    region: str
    errors: Mapping[str, str] = field(default_factory=dict)
    """Why what was written will not do, by field."""

    @property
    def title(self) -> str:
        """今天; 11月17日至11月23日."""
        if self.range:
            return NAMED[self.range]
        first, last = local(self.period.since), local(self.period.until - timedelta(microseconds=1))
        year = (
            f"{first.year}年" if first.year != last.year or first.year != local(datetime.now(first.tzinfo)).year else ""
        )
        begins = f"{year}{first.month}月{first.day}日"
        ends = f"{f'{last.year}年' if last.year != first.year else ''}{last.month}月{last.day}日"
        return begins if first.date() == last.date() else f"{begins}至{ends}"

    @property
    def crumbs(self) -> Sequence[tuple[str, str]]:
        """(code, name) of the region and all it lies in, the nation first."""
        return [(code, get_region(code).name) for code in reversed(lineage(self.region))]

    @property
    def ranges(self) -> dict[str, str]:
        return NAMED

    def address(
        self,
        path: str = "/board",
        *,
        range: str = "",
        region: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        **more: str | int,
    ) -> str:
        """A page of the board like this one, with these changed."""
        asked: dict[str, str | int]
        if since is not None and until is not None:
            asked = {**_days(Period(since, until))}
        elif named := range or self.range:
            asked = {} if named == "today" else {"range": named}
        else:
            asked = {**_days(self.period)}
        if (place := region or self.region) != NATION:
            asked["region"] = place
        asked |= more
        return f"{path}?{urlencode(asked)}" if asked else path

    def sheet(self, name: str) -> str:
        """Where this table is to be had as CSV."""
        by = {"by": name} if name in ("region", "kind", "tier", "category", "channel", "lawyer") else {}
        asked = {**by, **_days(self.period), "region": self.region, "format": "csv"}
        return f"/v1/board/{'breakdown' if by else name}?{urlencode(asked)}"


def asked_scope(
    range: Annotated[str, Query(max_length=20)] = "",
    since: Annotated[str, Query(alias="from", max_length=40)] = "",
    until: Annotated[str, Query(alias="to", max_length=40)] = "",
    region: Annotated[str, Query(max_length=60)] = "",
) -> Scope:
    """The scope of a request: a named range, or days; a region by its code or its name."""
    errors: dict[str, str] = {}
    named = range if range or since or until else "today"
    try:
        period = named_period(named) if named else asked_period(since, until)
    except Refused as refused:
        errors[refused.field or "from"] = refused.message
        period, named = named_period("today"), "" if since or until else "today"
    code = NATION
    try:
        code = region_written(region).code if region.strip() else NATION
    except UnclearRegion as unclear:
        errors["region"] = f"{unclear}。"
    written = _days(period) if not (since or until) else {"from": since, "to": until}
    return Scope(
        period=period,
        range=named,
        since=written["from"],
        until=written["to"],
        place=region if "region" in errors else full_name(code),
        region=code,
        errors=errors,
    )


def _days(period: Period) -> dict[str, str]:
    """The period as an address has it: days, the last one included; moments where it is not made of whole days."""
    first, end = local(period.since), local(period.until)
    if first.time() == end.time() == time():
        return {"from": f"{first:%Y-%m-%d}", "to": f"{end - timedelta(days=1):%Y-%m-%d}"}
    return {"from": first.isoformat(), "to": end.isoformat()}

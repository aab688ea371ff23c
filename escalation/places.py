"""Who and what lies in a region: conditions on tables that carry a region, with its city and its province or without."""

from sqlalchemy import ColumnElement, true
from sqlalchemy.orm import InstrumentedAttribute

from core.regions import get_region
from escalation.models import Consultation, Lawyer


def lies_in(table: type[Consultation] | type[Lawyer], region: str) -> ColumnElement[bool]:
    """Of this region or of any that lies in it. Raises UnknownRegion."""
    level = get_region(region).level
    if level == "nation":
        return true()
    if level == "province":
        return table.province == region
    if level == "prefecture":
        return table.city == region
    return table.region == region


def code_lies_in(column: InstrumentedAttribute[str], region: str) -> ColumnElement[bool]:
    """The same for a table that has the code alone, which says of itself what it lies in. Raises UnknownRegion."""
    level = get_region(region).level
    if level == "nation":
        return true()
    return column.startswith({"province": region[:2], "prefecture": region[:4]}.get(level, region))

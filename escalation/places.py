"""Who and what lies in a region: conditions on the tables that carry a region with its city and its province."""

from sqlalchemy import ColumnElement, true

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

"""A long list in pages: where one is, and the addresses of the pages beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode


@dataclass(frozen=True, slots=True)
class Pages:
    """`previous` and `following` are empty where there is none."""

    number: int
    of: int
    previous: str
    following: str


def pages(address: str, chosen: Mapping[str, str], number: int, total: int, size: int) -> Pages:
    """`chosen`: what the list has been narrowed to; it goes along from page to page."""
    of = max(1, -(-total // size))

    def to(place: int) -> str:
        query = {**chosen, "page": str(place) if place > 1 else ""}
        written = urlencode({key: value for key, value in query.items() if value})
        return f"{address}?{written}" if written else address

    return Pages(number, of, to(min(number - 1, of)) if number > 1 else "", to(number + 1) if number < of else "")

"""Long lists a page at a time: the rows of one page, and how many there are in all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

T = TypeVar("T")

PAGE_ROWS = 50


@dataclass(frozen=True, slots=True)
class Paged(Generic[T]):
    rows: Sequence[T]
    total: int
    number: int = 1
    """Which page this is, counted from 1."""
    size: int = PAGE_ROWS

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.size))


def page_of(rows: Sequence[T], number: int, size: int = PAGE_ROWS) -> Paged[T]:
    """A page of a list; a number beyond the last page, or below the first, gives that page."""
    wanted = _within(number, len(rows), size)
    return Paged(rows[(wanted - 1) * size : wanted * size], len(rows), wanted, size)


def one_page(session: Session, statement: Select[T], number: int) -> Paged[T]:
    """A page of an ordered statement; a number beyond the last page, or below the first, gives that page."""
    total = session.execute(select(func.count()).select_from(statement.order_by(None).subquery())).scalar_one()
    wanted = _within(number, total, PAGE_ROWS)
    rows = session.execute(statement.offset((wanted - 1) * PAGE_ROWS).limit(PAGE_ROWS)).scalars().all()
    return Paged(rows, total, wanted)


def _within(number: int, total: int, size: int) -> int:
    return min(max(number, 1), Paged([], total, size=size).pages)

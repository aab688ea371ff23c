"""What SQLite and PostgreSQL write differently about moments: seconds, and slots of an hour or a day."""

from typing import Any

from sqlalchemy import ColumnElement, Float, Integer
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

# All of China keeps this time, and has no other in summer.
_SHANGHAI_AHEAD_SECONDS = 8 * 3600


class epoch(FunctionElement[float]):  # noqa: N801 (reads as the function it is)
    """Seconds since 1970 of a column with a moment, to the millisecond."""

    type = Float()
    inherit_cache = True


class _whole(FunctionElement[int]):  # noqa: N801
    """A number without what is behind its point."""

    type = Integer()
    inherit_cache = True


def slot(seconds: ColumnElement[float], length: int) -> ColumnElement[int]:
    """In which hour (`length` 3600) or day (86400) since 1970 the moment lies, as clocks in China count."""
    return _whole((seconds + _SHANGHAI_AHEAD_SECONDS) / float(length))


@compiles(epoch, "sqlite")
def _epoch_sqlite(element: epoch, compiler: SQLCompiler, **kw: Any) -> str:
    return f"((julianday({compiler.process(element.clauses, **kw)}) - 2440587.5) * 86400.0)"


@compiles(epoch, "postgresql")
def _epoch_postgresql(element: epoch, compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST(EXTRACT(EPOCH FROM {compiler.process(element.clauses, **kw)}) AS DOUBLE PRECISION)"


@compiles(_whole, "sqlite")
def _whole_sqlite(element: _whole, compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **kw)} AS INTEGER)"


@compiles(_whole, "postgresql")
def _whole_postgresql(element: _whole, compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST(FLOOR({compiler.process(element.clauses, **kw)}) AS INTEGER)"

"""Where turns are worked at: in few threads, for they are Python's work, of which there is one at a time."""

from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

from anyio import CapacityLimiter, to_thread

AT_ONCE = 2
"""More only make each other wait: every look at the database gives up the interpreter's lock, and must queue for it again."""

_limiter: CapacityLimiter | None = None
_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")


async def in_a_turn(work: Callable[[*_Arguments], _Result], *arguments: *_Arguments) -> _Result:
    """Run a part of a turn that waits for nobody but the database."""
    global _limiter
    if _limiter is None:
        _limiter = CapacityLimiter(AT_ONCE)
    return await to_thread.run_sync(work, *arguments, limiter=_limiter)

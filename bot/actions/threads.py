"""Where turns are worked at: in few threads, for they are Python's work, of which there is one at a time."""

from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar

AT_ONCE = 2
"""More only make each other wait: every look at the database gives up the interpreter's lock, and must queue for it again.
At 20 messages a second on two cores eight threads took 1.8 seconds for what two took 0.1."""

_limiter: RunVar[CapacityLimiter] = RunVar("turns")
_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")


async def in_a_turn(work: Callable[[*_Arguments], _Result], *arguments: *_Arguments) -> _Result:
    """Run a part of a turn that waits for nobody but the database."""
    limiter = _limiter.get(None)
    if limiter is None:
        limiter = CapacityLimiter(AT_ONCE)
        _limiter.set(limiter)
    return await to_thread.run_sync(work, *arguments, limiter=limiter)

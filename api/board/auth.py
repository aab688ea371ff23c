"""Who may use the board: supervisors and administrators. Staff have no regions yet: all see all."""

from typing import Annotated

from fastapi import Depends
from starlette.exceptions import HTTPException

from api.auth.dependencies import LoggedIn, LoggedInDep

SUPERVISING = frozenset({"supervisor", "administrator"})


def supervisor(who: LoggedInDep) -> LoggedIn:
    """The account that is asking. 401 without a log-in, 403 for other roles."""
    if who.staff.role not in SUPERVISING:
        raise HTTPException(403, "只有督导员和管理员可以使用督导台")
    return who


SupervisorDep = Annotated[LoggedIn, Depends(supervisor)]

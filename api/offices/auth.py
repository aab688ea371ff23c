"""Who may use an office's desk: its clerks, and lawyers who sit there; supervisors and administrators for what no office has got."""

from typing import Annotated

from fastapi import Depends
from starlette.exceptions import HTTPException

from api.auth.dependencies import LoggedIn, LoggedInDep
from api.board.auth import SUPERVISING
from api.state import State, StateDep
from services.offices import WORKING_AT_OFFICES, office_of
from services.requests import Worker

FORBIDDEN = "只有办事机构的工作人员可以使用办事台"


def worker_of(who: LoggedIn, state: State) -> Worker:
    """The account as who works on requests. 403 for other staff, and for those of an office no longer in service."""
    if who.staff.role in SUPERVISING:
        return Worker(who.staff.id, who.staff.name, None)
    if who.staff.role in WORKING_AT_OFFICES:
        with state.database.read() as session:
            office = office_of(session, who.staff.id)
        if office is not None:
            return Worker(who.staff.id, who.staff.name, office.id)
    raise HTTPException(403, FORBIDDEN)


def worker(who: LoggedInDep, state: StateDep) -> Worker:
    return worker_of(who, state)


WorkerDep = Annotated[Worker, Depends(worker)]

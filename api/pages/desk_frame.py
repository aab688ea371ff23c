"""What every page of the desk shows: who is here, how much waits, and the requests of the office where they sit."""

from dataclasses import dataclass

from api.auth.dependencies import LoggedIn
from api.offices.schemas import RequestOut
from api.pages import desk_view
from api.pages.rendering import fragment
from api.state import State
from services.offices import office_of
from services.requests import Worker, due_requests

_SHOWN = 8


@dataclass(frozen=True, slots=True)
class OfficeWork:
    """What waits at the office of a lawyer who works at one."""

    office: str
    count: int
    due: list[RequestOut]
    """The first of them, the oldest first."""


def frame(state: State, who: LoggedIn) -> dict[str, object]:
    """For the templates over `desk_base.html`. Only for accounts of lawyers."""
    assert who.staff.lawyer_id is not None
    return {
        "account": who.staff,
        "csrf_token": who.csrf_token,
        "rows": desk_view.queue_rows(desk_view.waiting(state, who.staff.lawyer_id)),
        "work": office_work(state, who),
        "round": None,
    }


def office_work(state: State, who: LoggedIn) -> OfficeWork | None:
    """None for an account that works at no office."""
    with state.database.read() as session:
        office = office_of(session, who.staff.id)
        if office is None:
            return None
        due = due_requests(session, Worker(who.staff.id, who.staff.name, office.id))
        return OfficeWork(office.name, len(due), RequestOut.all(session, due[:_SHOWN]))


def requests_html(state: State, who: LoggedIn) -> str:
    """The list as a piece for live pages; empty for who works at no office."""
    work = office_work(state, who)
    return fragment("_requests.html", work=work) if work else ""

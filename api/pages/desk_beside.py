"""What stands beside the answer on the desk: notes, colleagues to ask, other offices to send the citizen to."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from api.pages.rendering import fragment
from api.state import State
from escalation.colleagues import MOST_SUGGESTIONS, Colleague, find_colleagues, suggested_by
from escalation.models import Lawyer
from escalation.notes import WrittenNote, notes_of
from escalation.reach import reached_among, reached_round
from escalation.referral import OFFICES, Office


@dataclass(frozen=True, slots=True)
class Filled:
    """What a lawyer has filled in there so far: given back with a refusal, beside the part it is about."""

    part: Literal["", "note", "colleague", "refer"] = ""
    error: str = ""
    note: str = ""
    colleague: str = ""
    office: str = ""
    other_office: str = ""
    words: str = ""


NOTHING_FILLED = Filled()


@dataclass(frozen=True, slots=True)
class Colleagues:
    """The picker: whom it shows for the words looked for, and who has been asked before."""

    round_id: UUID
    words: str
    found: list[Colleague]
    reached: set[UUID]
    """Those of them who have the round already."""
    suggested: list[Lawyer]
    """Whom this lawyer has asked."""
    full: bool
    """This lawyer has asked as many as one may."""


@dataclass(frozen=True, slots=True)
class Beside:
    notes: list[WrittenNote]
    colleagues: Colleagues
    offices: list[Office]
    filled: Filled


def beside(state: State, round_id: UUID, lawyer_id: UUID, filled: Filled) -> Beside:
    """Raises NotFound unless the round was pushed to this lawyer."""
    picked = colleagues(state, round_id, lawyer_id, filled.colleague)
    return Beside(_notes(state, round_id, lawyer_id), picked, list(OFFICES.values()), filled)


def colleagues(state: State, round_id: UUID, lawyer_id: UUID, words: str) -> Colleagues:
    """Colleagues for these words, the nearest to the citizen first; nobody without words."""
    with state.database.read() as session:
        _, consultation = reached_round(session, round_id, lawyer_id)
        found = find_colleagues(session, words, region=consultation.region) if words.strip() else []
        found = [each for each in found if each.id != lawyer_id]
        suggested = suggested_by(session, round_id, lawyer_id)
        return Colleagues(
            round_id=round_id,
            words=words,
            found=found,
            reached={each for _, each in reached_among(session, [round_id], [each.id for each in found])},
            suggested=suggested,
            full=len(suggested) >= MOST_SUGGESTIONS,
        )


def notes_html(state: State, round_id: UUID, lawyer_id: UUID) -> str:
    return fragment("_notes.html", notes=_notes(state, round_id, lawyer_id))


def colleagues_html(state: State, round_id: UUID, lawyer_id: UUID, words: str, csrf_token: str) -> str:
    found = colleagues(state, round_id, lawyer_id, words)
    return fragment("_colleagues.html", colleagues=found, csrf_token=csrf_token)


def _notes(state: State, round_id: UUID, lawyer_id: UUID) -> list[WrittenNote]:
    with state.database.read() as session:
        _, consultation = reached_round(session, round_id, lawyer_id)
        return notes_of(session, consultation.id, lawyer_id)

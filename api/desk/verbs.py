"""/v1/desk: what a lawyer can do with a round besides answering it: note, ask a colleague, refer elsewhere."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from api.auth.dependencies import LawyerId
from api.desk.verb_schemas import (
    ColleagueList,
    ColleagueOut,
    NoteList,
    NoteOut,
    OfficeList,
    OfficeOut,
    Referred,
    ReferRound,
    SuggestColleague,
    Suggested,
    WriteNote,
)
from api.state import StateDep
from escalation.colleagues import find_colleagues, suggest_colleague
from escalation.dispatcher import nudge
from escalation.models import Lawyer, Round
from escalation.notes import notes_of, write_note
from escalation.reach import reached_round
from escalation.referral import OFFICES, refer_round

router = APIRouter(prefix="/v1/desk", tags=["律师"])


@router.get("/rounds/{round_id}/notes", summary="内部备注，市民看不到")
def notes(round_id: UUID, lawyer_id: LawyerId, state: StateDep) -> NoteList:
    with state.database.read() as session:
        _, consultation = reached_round(session, round_id, lawyer_id)
        return NoteList(notes=[NoteOut.of(each) for each in notes_of(session, consultation.id, lawyer_id)])


@router.post("/rounds/{round_id}/notes", status_code=201, summary="写内部备注")
def note(round_id: UUID, body: WriteNote, lawyer_id: LawyerId, state: StateDep) -> NoteOut:
    with state.database.write() as session:
        written = write_note(session, round_id, lawyer_id, body.text)
        session.flush()
        found = next(each for each in notes_of(session, written.consultation_id, lawyer_id) if each.id == written.id)
    nudge(state.redis)
    return NoteOut.of(found)


@router.get("/colleagues", summary="找同行：按姓名、律所或专长，本市的在前")
def colleagues(
    lawyer_id: LawyerId,
    state: StateDep,
    q: Annotated[str, Query(max_length=100, description="姓名、律所或专长，几个词用空格隔开")] = "",
    specialty: Annotated[str, Query(max_length=50, description="只要这个专长的")] = "",
    region: Annotated[str, Query(description="离哪里近，GB/T 2260 六位代码，默认自己所在地")] = "",
) -> ColleagueList:
    with state.database.read() as session:
        near = region or session.get_one(Lawyer, lawyer_id).region
        found = find_colleagues(session, q, region=near, specialty=specialty)
    return ColleagueList(colleagues=[ColleagueOut.of(each) for each in found])


@router.post("/rounds/{round_id}/suggest", summary="请同行来看：把这一轮推送给他")
def suggest(round_id: UUID, body: SuggestColleague, lawyer_id: LawyerId, state: StateDep) -> Suggested:
    with state.database.write() as session:
        chosen = suggest_colleague(session, round_id, lawyer_id, body.colleague)
    nudge(state.redis)
    return Suggested(round_id=round_id, lawyer_id=chosen.id, name=chosen.name)


@router.get("/offices", summary="可以转去的部门")
def offices(_lawyer_id: LawyerId) -> OfficeList:
    return OfficeList(offices=[OfficeOut.model_validate(each, from_attributes=True) for each in OFFICES.values()])


@router.post("/rounds/{round_id}/refer", summary="不属于法律问题，转其他部门")
def refer(round_id: UUID, body: ReferRound, lawyer_id: LawyerId, state: StateDep) -> Referred:
    with state.database.write() as session:
        message = refer_round(session, round_id, lawyer_id, body.office, body.words)
        referred_to = session.get_one(Round, round_id).referred_to or ""
    nudge(state.redis)
    return Referred(round_id=round_id, message_id=message.id, referred_to=referred_to)

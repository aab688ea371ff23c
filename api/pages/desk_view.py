"""What the desk shows: rows of the queue, one round with all that was said, and articles to cite."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from uuid import UUID, uuid4

from sqlalchemy import select

from api.desk.citations import CitationWarning, check_citation, url_of, version_of
from api.desk.schemas import WaitingRound
from api.desk.suggestions import ArticleToCite
from api.pages.bubbles import Bubble, bubbles
from api.pages.rendering import clock_time, fragment
from api.state import State
from core.database import database_now
from core.regions import full_name
from escalation import desk
from escalation.answer_drafts import draft_of
from escalation.desk import DeskRound
from escalation.errors import Refused
from escalation.models import Consultation, Lawyer, Lease, Push
from escalation.policy import Policy
from escalation.reach import reached_round

TIERS = {"addressed": "追问您", "city": "本市", "province": "全省（区）", "nation": "全国"}
_OUT_OF_TURN = {"suggested": "同行请您来看", "duty": "值班"}
KEEP, DROP = "keep", "drop"
_HITS = 6


@dataclass(frozen=True, slots=True)
class Drafted:
    """What a lawyer has filled in so far: given back with every refusal."""

    text: str = ""
    citations: tuple[str, ...] = ()
    confirmed: tuple[str, ...] = ()
    """Those of the citations that are cited on purpose though they are not in force."""
    warnings: Sequence[CitationWarning] = ()
    """Those of which the lawyer has still to decide."""
    q: str = ""
    error: str = ""
    written_at: datetime | None = None
    """When these words were written, where they come from the draft that is kept."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Who holds a round, and what this lawyer can do about it."""

    state: str
    answered: int
    quorum: int
    mine_until: datetime | None
    """Until when this lawyer's place is kept; None without one."""
    writing: tuple[str, ...]
    """The others who are writing."""
    full: bool
    """Leases and answers fill the quorum, without this lawyer."""
    answered_by_me: bool


@dataclass(frozen=True, slots=True)
class OpenRound:
    id: UUID
    consultation: str
    number: int
    region: str
    region_name: str
    tier: str
    urgent: bool
    category: str
    state: str
    deadline: datetime
    broken: bool
    thread: list[Bubble]
    last_seq: int
    standing: Standing
    message_id: str
    """For the answer to be written: sent twice, it is one answer."""


def waiting(state: State, lawyer_id: UUID) -> list[DeskRound]:
    """The lawyer's queue as it stands."""
    with state.database.read() as session:
        return desk.waiting_rounds(session, lawyer_id)


def queue_rows(rounds: Sequence[DeskRound]) -> list[str]:
    """A lawyer's queue, a piece of HTML per round; what they have answered comes last.

    Lawyers who see the same row share its rendering.
    """
    return [_row(each) for each in sorted(rounds, key=lambda each: each.answered_by_me)]


def queue_html(rounds: Sequence[DeskRound]) -> str:
    return fragment("_queue.html", rows=queue_rows(rounds))


def open_round(state: State, round_id: UUID, lawyer_id: UUID) -> OpenRound:
    """A round with its thread. Raises NotFound unless it was pushed to this lawyer."""
    with state.database.read() as session:
        round_, consultation, messages = desk.round_thread(session, round_id, lawyer_id)
        thread = bubbles(session, messages)
        came_by = session.get_one(Push, (round_id, lawyer_id)).tier
    return OpenRound(
        id=round_.id,
        consultation=consultation.number,
        number=round_.number,
        region=consultation.region,
        region_name=full_name(consultation.region),
        tier=_OUT_OF_TURN.get(came_by) or TIERS.get(round_.tier, ""),
        urgent=consultation.urgent,
        category=consultation.category,
        state=round_.state,
        deadline=Policy.of_round(round_).deadline(round_.started_at),
        broken=round_.broken_at is not None,
        thread=thread,
        last_seq=thread[-1].seq if thread else 0,
        standing=standing(state, round_id, lawyer_id),
        message_id=uuid4().hex,
    )


def drafted(state: State, round_id: UUID, lawyer_id: UUID, *, q: str = "", error: str = "") -> Drafted:
    """What this lawyer has written so far and not sent. Raises NotFound unless the round was pushed to them."""
    with state.database.read() as session:
        kept = draft_of(session, round_id, lawyer_id)
    if kept is None:
        return Drafted(q=q, error=error)
    return Drafted(kept.text, tuple(kept.citations), q=q, error=error, written_at=kept.written_at)


def standing(state: State, round_id: UUID, lawyer_id: UUID) -> Standing:
    """Raises NotFound unless the round was pushed to this lawyer."""
    with state.database.read() as session:
        round_, _, messages = desk.round_thread(session, round_id, lawyer_id)
        leases = (
            select(Lease.lawyer_id, Lawyer.name, Lease.expires_at)
            .join(Lawyer, Lawyer.id == Lease.lawyer_id)
            .where(Lease.round_id == round_id, Lease.expires_at > database_now(session))
            .order_by(Lease.taken_at)
        )
        held = session.execute(leases).all()
    mine = next((expires for holder, _, expires in held if holder == lawyer_id), None)
    answered_by_me = any(each.lawyer_id == lawyer_id and each.data.get("round") == round_.number for each in messages)
    return Standing(
        state=round_.state,
        answered=round_.answered,
        quorum=round_.quorum,
        mine_until=mine,
        writing=tuple(name for holder, name, _ in held if holder != lawyer_id),
        full=mine is None and len(held) + round_.answered >= round_.quorum,
        answered_by_me=answered_by_me,
    )


def standing_html(state: State, round_id: UUID, lawyer_id: UUID) -> str:
    return fragment("_standing.html", round_id=round_id, standing=standing(state, round_id, lawyer_id))


def news(state: State, lawyer_id: UUID, round_id: UUID, after: int) -> tuple[list[tuple[int, str]], str]:
    """What has happened to the round that a desk has open: new bubbles after this sequence number, and who holds it now."""
    with state.database.read() as session:
        _, _, messages = desk.round_thread(session, round_id, lawyer_id)
        shown = bubbles(session, [message for message in messages if message.seq > after])
    bubbles_html = [(each.seq, fragment("_bubble.html", bubble=each, at_desk=True)) for each in shown]
    return bubbles_html, standing_html(state, round_id, lawyer_id)


def consultation_of(state: State, round_id: UUID, lawyer_id: UUID) -> Consultation:
    """Raises NotFound unless the round was pushed to this lawyer."""
    with state.database.read() as session:
        _, consultation = reached_round(session, round_id, lawyer_id)
    return consultation


def search(state: State, q: str, region: str) -> list[ArticleToCite] | None:
    """Articles for these words; None while there is no index and the words name no article exactly."""
    if not q.strip():
        return []
    exact = _exact(state, q, region) if "条" in q else None
    if state.knowledge_base is None:
        return [exact] if exact else None
    hits = state.knowledge_base.search(q, region=region, limit=_HITS).hits
    found = [ArticleToCite.of(hit) for hit in hits]
    # An index holds what is in force: a version of the past is asked for by its year, and comes from the record.
    past = exact is not None and not exact.in_force and exact.written not in {each.written for each in found}
    return [exact, *found] if exact is not None and past else found


def decide(citations: Sequence[str], decisions: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """The citations after the lawyer's decisions on those not in force, and those of them that are confirmed.

    A decision says what becomes of a citation: KEEP, DROP, or another citation to put in its place.
    """
    kept = [each for each in citations if decisions.get(each) == KEEP]
    cited = [each if each in kept else decisions.get(each, each) for each in citations]
    return [each for each in dict.fromkeys(cited) if each != DROP], kept


def _exact(state: State, q: str, region: str) -> ArticleToCite | None:
    """An article named by law and number is found in the record itself, index or none; in the version whose year is named."""
    with state.database.read() as session:
        try:
            found = check_citation(session, q, region)
        except Refused:
            return None
    version = version_of(found)
    return ArticleToCite(
        law=found.law,
        article=found.article,
        path="",
        text=found.text,
        version=version.version,
        status=version.status,
        url=url_of(found),
        in_force=found.in_force,
    )


@lru_cache(maxsize=8192)
def _row(found: DeskRound) -> str:
    """One row, rendered once for all who see it so: what a queue's change costs must not grow with the desks that watch."""
    row = WaitingRound.of(found)
    return fragment("_row.html", row=row, tier=TIERS.get(row.tier, ""), by=clock_time(row.deadline))

"""What the desk shows: rows of the queue, one round with all that was said, and articles to cite."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from uuid import UUID, uuid4

from sqlalchemy import select

from api.desk.endpoints import look
from api.desk.schemas import WaitingRound
from api.pages.bubbles import Bubble, bubbles
from api.pages.rendering import clock_time, fragment
from api.state import State
from bot.actions.wording import article_url, hit_url
from core.database import database_now
from core.regions import full_name
from escalation import desk
from escalation.models import Lawyer, Lease
from knowledge_base.laws import UnknownArticle, UnknownLaw, verify_citation
from knowledge_base.models import Force

TIERS = {"addressed": "追问您", "city": "本市", "province": "全省（区）", "nation": "全国"}
_HITS = 6


@dataclass(frozen=True, slots=True)
class Drafted:
    """What a lawyer has filled in so far: given back with every refusal."""

    text: str = ""
    citations: tuple[str, ...] = ()
    q: str = ""
    error: str = ""


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
    state: str
    deadline: datetime
    broken: bool
    thread: list[Bubble]
    last_seq: int
    standing: Standing
    message_id: str
    """For the answer to be written: sent twice, it is one answer."""


@dataclass(frozen=True, slots=True)
class ArticleToCite:
    law: str
    article: str
    path: str
    text: str
    version: str
    status: str
    url: str
    citable: bool
    """Only law in force can be shown to a citizen."""

    @property
    def written(self) -> str:
        """As one cites it: 《中华人民共和国劳动合同法》第三十八条."""
        return f"《{self.law}》{self.article}"


def queue_rows(state: State, lawyer_id: UUID) -> list[str]:
    """The lawyer's queue, a piece of HTML per round; what they have answered comes last.

    Lawyers who see the same row share its rendering.
    """
    rounds = sorted(look(state, lawyer_id).rounds, key=lambda each: each.answered_by_me)
    return [_row(each.model_dump_json()) for each in rounds]


def queue_html(state: State, lawyer_id: UUID) -> str:
    return fragment("_queue.html", rows=queue_rows(state, lawyer_id))


def open_round(state: State, round_id: UUID, lawyer_id: UUID) -> OpenRound:
    """A round with its thread. Raises NotFound unless it was pushed to this lawyer."""
    with state.database.read() as session:
        round_, consultation, messages = desk.round_thread(session, round_id, lawyer_id)
        thread = bubbles(session, messages)
    return OpenRound(
        id=round_.id,
        consultation=consultation.number,
        number=round_.number,
        region=consultation.region,
        region_name=full_name(consultation.region),
        tier=TIERS.get(round_.tier, ""),
        urgent=consultation.urgent,
        state=round_.state,
        deadline=state.policy.deadline(round_.started_at),
        broken=round_.broken_at is not None,
        thread=thread,
        last_seq=thread[-1].seq if thread else 0,
        standing=standing(state, round_id, lawyer_id),
        message_id=uuid4().hex,
    )


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


def news(
    state: State, lawyer_id: UUID, round_id: UUID | None, after: int
) -> tuple[list[tuple[int, str]], dict[str, str]]:
    """What a live desk shows now: new bubbles of the open round after this sequence number, and pieces by name."""
    pieces = {"queue": queue_html(state, lawyer_id)}
    if round_id is None:
        return [], pieces
    pieces["standing"] = standing_html(state, round_id, lawyer_id)
    with state.database.read() as session:
        _, _, messages = desk.round_thread(session, round_id, lawyer_id)
        shown = bubbles(session, [message for message in messages if message.seq > after])
    return [(each.seq, fragment("_bubble.html", bubble=each, at_desk=True)) for each in shown], pieces


def region_of(state: State, round_id: UUID, lawyer_id: UUID) -> str:
    """Whose law applies to the question. Raises NotFound unless the round was pushed to this lawyer."""
    with state.database.read() as session:
        _, consultation, _ = desk.round_thread(session, round_id, lawyer_id)
    return consultation.region


def search(state: State, q: str, region: str) -> list[ArticleToCite] | None:
    """Articles for these words; None while there is no index and the words name no article exactly."""
    if not q.strip():
        return []
    if state.knowledge_base is None:
        exact = _exact(state, q, region)
        return [exact] if exact else None
    hits = state.knowledge_base.search(q, region=region, limit=_HITS).hits
    return [
        ArticleToCite(
            law=hit.law,
            article=hit.article,
            path=hit.path,
            text=hit.text,
            version=hit.version,
            status=hit.status,
            url=hit_url(hit),
            citable=hit.status == Force.IN_FORCE,
        )
        for hit in hits
    ]


def _exact(state: State, q: str, region: str) -> ArticleToCite | None:
    """An article named by law and number is found in the record itself, index or none."""
    with state.database.read() as session:
        try:
            found = verify_citation(session, q, region=region)
        except (UnknownLaw, UnknownArticle, ValueError):
            return None
    if found.version is None:
        return None
    return ArticleToCite(
        law=found.law,
        article=found.article,
        path="",
        text=found.text,
        version=found.version.version,
        status=found.version.status,
        url=article_url(found.law_id, found.article),
        citable=found.in_force,
    )


@lru_cache(maxsize=4096)
def _row(row: str) -> str:
    """One row, rendered once for all who see it so: what a queue's change costs must not grow with the desks that watch."""
    found = WaitingRound.model_validate_json(row)
    return fragment("_row.html", row=found, tier=TIERS.get(found.tier, ""), by=clock_time(found.deadline))

"""What the knowledge base finds for a round's question, for the lawyer to look at: nothing of it goes out by itself."""

import asyncio
from datetime import date
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, computed_field

from api.auth.dependencies import LawyerId
from api.state import State, StateDep
from bot.actions.wording import hit_url
from escalation.models import Message
from escalation.reach import reached_round
from knowledge_base.models import Force
from knowledge_base.results import Hit

router = APIRouter(prefix="/v1/desk", tags=["律师"])

_ARTICLES, _GISTS = 5, 2
_PATIENCE_SECONDS = 4.0
"""A search takes hundredths of a second; what takes this long is in trouble, and the lawyer has a clock running."""
_MISSING = "法规库还没有建好，暂时没有建议。可以按法条名称和条号检索。"
_SLOW = "法规库现在很慢，没有等到建议。您可以先写，稍后再试。"


class ArticleToCite(BaseModel):
    law: str
    article: str
    path: str
    text: str
    version: str
    status: str
    url: str
    in_force: bool
    """What is not may be cited too, but only on purpose."""
    held: bool = True
    """Whether the machine has the article itself: what it has only the gist of cannot be cited."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def written(self) -> str:
        """As one cites it: 《中华人民共和国劳动合同法》第三十八条, of a version not in force with its year."""
        return f"《{self.law}》{'' if self.in_force else f'（{self.version}）'}{self.article}"

    @classmethod
    def of(cls, hit: Hit) -> "ArticleToCite":
        return cls(
            law=hit.law,
            article=hit.article,
            path=hit.path,
            text=hit.text,
            version=hit.version,
            status=hit.status,
            url=hit_url(hit),
            in_force=hit.status == Force.IN_FORCE,
            held=hit.held,
        )


class SuggestedCard(BaseModel):
    """A reviewed answer to such a question: its words may be used as they are."""

    title: str
    answer: str
    reviewer: str
    reviewed_on: date


class Suggestions(BaseModel):
    card: SuggestedCard | None = None
    hits: list[ArticleToCite] = []
    problem: str = ""
    """Why there are none, in words, where the knowledge base is missing or slow."""


@router.get("/rounds/{round_id}/suggestions", summary="法规库对这个问题的建议")
async def suggestions(round_id: UUID, lawyer_id: LawyerId, state: StateDep) -> Suggestions:
    return await suggest(state, round_id, lawyer_id)


async def suggest(state: State, round_id: UUID, lawyer_id: UUID) -> Suggestions:
    """`find`, for as long as one waits for it."""
    try:
        return await asyncio.wait_for(asyncio.to_thread(find, state, round_id, lawyer_id), _PATIENCE_SECONDS)
    except TimeoutError:
        return Suggestions(problem=_SLOW)


def find(state: State, round_id: UUID, lawyer_id: UUID) -> Suggestions:
    """For the words of this round and the place they come from. Raises NotFound unless it was pushed to this lawyer."""
    with state.database.read() as session:
        round_, consultation = reached_round(session, round_id, lawyer_id)
        question = session.get_one(Message, round_.message_id).text
    if state.knowledge_base is None:
        return Suggestions(problem=_MISSING)
    found = state.knowledge_base.search(question, region=consultation.region, limit=2 * _ARTICLES)
    card = found.card and SuggestedCard(
        title=found.card.title,
        answer=found.card.answer,
        reviewer=found.card.reviewer,
        reviewed_on=found.card.reviewed_on,
    )
    # What can be cited first; of what the machine has only the gist of, a hint where to look is enough.
    held = [hit for hit in found.hits if hit.held][:_ARTICLES]
    gists = [hit for hit in found.hits if not hit.held][:_GISTS]
    return Suggestions(card=card, hits=[ArticleToCite.of(hit) for hit in (*held, *gists)])

"""词典 /admin/lexicon: everyday words and the legal ones they lead to; what a change would do to a search, before it is made."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.auth.dependencies import LoggedIn
from api.knowledge import words
from api.knowledge.words import Tried
from api.pages.admin import ActingReviewer, ReadingReviewer, admin_page
from api.problems import status_of
from api.state import State, StateDep
from bot.actions.wording import hit_url
from core.paging import page_of
from core.region_names import UnclearRegion, region_written
from core.regions import NATION
from escalation.errors import Refused
from knowledge_base.lexicon import MAX_KEY, MAX_VALUES, BrokenLexicon

router = APIRouter(prefix="/admin/lexicon")

_A_PAGE = 40
_LONGEST_QUESTION = 200


@router.get("")
def lexicon(
    request: Request,
    who: ReadingReviewer,
    state: StateDep,
    q: Annotated[str, Query(max_length=40)] = "",
    word: Annotated[str, Query(max_length=40)] = "",
    number: Annotated[int, Query(alias="page", ge=1, le=100_000)] = 1,
) -> HTMLResponse:
    """`word`: one to be changed."""
    legal = ""
    if word:
        held = next((each for each in _entries(state, "")[0] if each.word == word), None)
        legal = "、".join(held.legal) if held is not None else ""
    return _page(request, state, who, q=q.strip(), number=number, word=word, legal=legal)


@router.post("")
def write(
    request: Request,
    who: ActingReviewer,
    state: StateDep,
    word: Annotated[str, Form(max_length=200)] = "",
    legal: Annotated[str, Form(max_length=500)] = "",
    question: Annotated[str, Form(max_length=_LONGEST_QUESTION)] = "",
    region: Annotated[str, Form(max_length=60)] = "",
    do: Annotated[str, Form()] = "keep",
) -> Response:
    """Keep the entry, or only try it (`do`)."""
    try:
        if do == "try":
            return _try(request, state, who, word, legal, question, region)
        name, parts = words.written(word, legal)
        words.put(state.database, words.lexicon_of(state.settings), name, parts, who.actor)
    except Refused as refused:
        return _page(
            request, state, who, refused=refused, word=word, legal=legal, question=question, region=region
        )  # fmt: skip
    return RedirectResponse(f"/admin/lexicon?{urlencode({'q': name})}#listed", 303)


@router.post("/remove")
def remove(request: Request, who: ActingReviewer, state: StateDep, word: Annotated[str, Form()] = "") -> Response:
    try:
        words.remove(state.database, words.lexicon_of(state.settings), word, who.actor)
    except Refused as refused:
        return _page(request, state, who, refused=refused)
    return RedirectResponse("/admin/lexicon#listed", 303)


def _try(
    request: Request, state: State, who: LoggedIn, word: str, legal: str, question: str, region: str
) -> HTMLResponse:
    if state.knowledge_base is None:
        raise Refused("检索还没有建好，现在不能试。", "question")
    if not question.strip():
        raise Refused("请写一个试用的问题。", "question")
    name, parts = words.written(word, legal) if word.strip() or legal.strip() else ("", [])
    try:
        place = region_written(region).code if region.strip() else NATION
    except UnclearRegion as error:
        raise Refused(f"{error}。", "region") from error
    tried = words.attempt(
        state.knowledge_base, words.lexicon_of(state.settings), question.strip(), place, name, parts
    )  # fmt: skip
    return _page(request, state, who, word=word, legal=legal, question=question, region=region, tried=tried)


def _entries(state: State, q: str) -> tuple[list[words.Entry], str]:
    """The entries with these words, and why there are none to show where the machine's own file is broken."""
    try:
        return words.entries(words.lexicon_of(state.settings), q), ""
    except BrokenLexicon as error:
        return [], f"{error}。改好这个文件以前，只用随软件附带的词典。"


def _page(
    request: Request,
    state: State,
    who: LoggedIn,
    *,
    q: str = "",
    number: int = 1,
    word: str = "",
    legal: str = "",
    question: str = "",
    region: str = "",
    tried: Tried | None = None,
    refused: Refused | None = None,
) -> HTMLResponse:
    found, broken = _entries(state, q)
    return admin_page(
        request, "admin_lexicon.html", who, status_of(refused) if refused else 200, q=q, word=word, legal=legal,
        question=question, region=region, tried=tried, broken=broken, found=page_of(found, number, _A_PAGE),
        error=refused.message if refused else "", field=refused.field if refused else "", ready=state.knowledge_base is not None,
        max_word=MAX_KEY, max_legal=MAX_VALUES, url_of=hit_url,
    )  # fmt: skip

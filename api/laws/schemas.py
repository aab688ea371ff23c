"""What /v1/laws says: laws, versions, articles, comparisons, checked citations."""

from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import BaseModel

from knowledge_base.laws import Change


class HitOut(BaseModel):
    law_id: UUID
    law: str
    article: str
    path: str
    text: str
    score: float
    version: str
    status: str
    effective_from: date | None
    region: str
    notice: str
    url: str


class CardOut(BaseModel):
    """问答卡片: the first `citations` of the hits are what it rests on."""

    id: str
    title: str
    answer: str
    reviewer: str
    reviewed_on: date
    citations: int


class SearchOut(BaseModel):
    hits: list[HitOut]
    decision: str
    confidence: float
    card: CardOut | None


class LawSummaryOut(BaseModel):
    law_id: UUID
    name: str
    rank: str
    issuing_body: str
    region: str
    status: str
    version: str
    promulgated: date
    effective_from: date | None
    versions: int
    articles: int
    url: str


class LawListOut(BaseModel):
    laws: list[LawSummaryOut]
    total: int
    ranks: dict[str, int]
    """How many of each rank were found, before narrowing to one."""


class VersionOut(BaseModel):
    version: str
    status: str
    promulgated: date
    effective_from: date | None
    ended_on: date | None
    document_number: str
    sources: list[str]
    missing: str
    history: list[list[str]]
    notice: str


class ArticleOut(BaseModel):
    number: str
    path: str
    text: str


class LawOut(BaseModel):
    law_id: UUID
    name: str
    rank: str
    issuing_body: str
    region: str
    version: VersionOut
    versions: list[VersionOut]
    articles: list[ArticleOut]


class ArticleInVersionOut(BaseModel):
    """What became of the article in a version. `number` is null where that version has nothing like it."""

    version: VersionOut
    number: str | None
    same_text: bool


class ArticleOfLawOut(BaseModel):
    law_id: UUID
    law: str
    region: str
    version: VersionOut
    article: ArticleOut
    previous: str | None
    following: str | None
    versions: list[ArticleInVersionOut]


class MarkOut(BaseModel):
    """Equal and deleted pieces make the older text, equal and inserted ones the newer."""

    kind: Literal["equal", "delete", "insert"]
    text: str


class ArticleChangeOut(BaseModel):
    change: Change
    older: ArticleOut | None
    newer: ArticleOut | None
    moved: bool
    marks: list[MarkOut]


class ComparisonOut(BaseModel):
    law_id: UUID
    law: str
    older: VersionOut
    newer: VersionOut
    changes: list[ArticleChangeOut]
    unchanged: int


class LawNameOut(BaseModel):
    """`law_id` is null where the law is not held."""

    law_id: UUID | None
    name: str


class QuoteOut(BaseModel):
    text: str
    start: int
    end: int
    stands: bool
    closest: str


class CitationOut(BaseModel):
    """One citation, checked: at text[start:end], counted in characters."""

    citation: str
    start: int = 0
    end: int = 0
    found: bool
    in_force: bool
    applies: bool = False
    law_id: UUID | None = None
    law: str
    region: str = ""
    article: str
    clause: int | None = None
    item: int | None = None
    text: str
    passage: str = ""
    version: VersionOut | None
    quote: QuoteOut | None = None
    replaced_by: list[LawNameOut] = []
    suggestions: list[LawNameOut] = []
    message: str
    url: str = ""


class VerifyOut(CitationOut):
    """The first citation, and all of them in order."""

    citations: list[CitationOut]

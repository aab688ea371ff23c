"""The administration's knowledge pages as a test drives them: a reviewer at the forms, and a small record with an index."""

import re
from dataclasses import dataclass, field
from datetime import date
from html import unescape
from typing import Any

from people import PASSWORD, Client, Service

from core.database import Database
from core.settings import Settings
from escalation.staff import create_staff
from knowledge_base.building import build_index
from knowledge_base.importing.drafts import ArticleDraft, ImportReport, Source, VersionDraft
from knowledge_base.importing.store import store
from knowledge_base.models import Rank
from knowledge_base.numerals import ArticleNumber

LAW = "路灯管理法"
LAMPS = "路灯应当在日落后开启，在日出后关闭。"
FINE = "损坏路灯的，处五十元以上二百元以下罚款。"


def take_law(
    database: Database, texts: list[str], promulgated: date = date(2020, 1, 1), name: str = LAW, region: str = "100000"
) -> None:
    report = ImportReport("test")
    articles = [
        ArticleDraft(str(ArticleNumber(number)), ArticleNumber(number).ordinal, "", text)
        for number, text in enumerate(texts, start=1)
    ]
    rank = Rank.LAW if region == "100000" else Rank.LOCAL_REGULATION
    draft = VersionDraft(
        name=name, rank=rank, promulgated=promulgated, effective_from=promulgated, source=Source.TEXT, region=region,
        articles=articles, where=name,
    )  # fmt: skip
    store(database, [draft], report, lambda *_: None)
    assert not report.left_out


def build(settings: Settings, database: Database) -> None:
    """The law of the lamps, indexed."""
    take_law(database, [LAMPS, FINE])
    build_index(settings, database)


@dataclass
class Reviewer:
    """Somebody at the administration, without script."""

    client: Client
    login: str
    token: str = ""
    cookie: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.client.cookies.clear()
        found = self.client.post("/v1/auth/login", json={"login": self.login, "password": PASSWORD})
        assert found.status_code == 200, found.text
        self.token = found.json()["csrf_token"]
        self.cookie = {"Cookie": f"wenfa_staff={found.cookies['wenfa_staff']}", "Accept": "text/html"}
        self.client.cookies.clear()

    def sees(self, path: str, status: int = 200) -> str:
        """The words of a page."""
        found = self.client.get(path, headers=self.cookie)
        assert found.status_code == status, found.text
        return words(found.text)

    def sends(self, path: str, status: int = 303, **fields: Any) -> Any:
        """Send a form; gives the response."""
        found = self.client.post(
            path, data={"csrf_token": self.token, **fields}, headers=self.cookie, follow_redirects=False
        )  # fmt: skip
        assert found.status_code == status, words(found.text)[:2000]
        return found

    def writes(self, card_id: str, do: str = "publish", status: int = 303, **fields: str) -> Any:
        """Send the form of a card; what is not given is that of the lamps."""
        card = {
            "category": "城市管理", "questions": "弄坏路灯罚多少钱\n砸坏路灯要赔吗", "answer": "处五十元以上二百元以下罚款。",
            "citations": f"《{LAW}》第二条 | 五十元以上二百元以下", "region": "", "seen": "",
        }  # fmt: skip
        return self.sends(f"/admin/cards/{card_id}", status, **{**card, "do": do, **fields})


def words(html: str) -> str:
    """What a page says, without its marks."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", html, flags=re.DOTALL)))


def a_reviewer(service: Service, role: str = "supervisor") -> Reviewer:
    login = f"{role}-{id(service)}"
    with service.database.write() as session:
        create_staff(session, login=login, name="高主任", password=PASSWORD, role=role)
    return Reviewer(service.client, login)

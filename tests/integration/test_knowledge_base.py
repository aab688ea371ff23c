"""From files to an answer on both databases: import, index, search, a change of the law, the review list."""

from datetime import date
from pathlib import Path

from core.database import Database
from core.settings import Settings
from knowledge_base.building import build_index
from knowledge_base.cards.editing import publish_card
from knowledge_base.cards.shelf import list_cards
from knowledge_base.importing.sources import import_sources
from knowledge_base.search import Decision, KnowledgeBase
from knowledge_base.status import get_status

LAW = """# 温州市测试烟花规定

{day} 温州市第十三届人民代表大会常务委员会第四十次会议通过

<!-- INFO END -->

第一条 市区禁止燃放烟花爆竹，违者处{fine}罚款。

第二条 本规定自{begins}起施行。
"""
CARD = """
reviewer: 某律师
reviewed_on: 2024-05-01
cards:
  - id: wenzhou-yanhua
    category: 城市管理
    region: 温州市
    questions: [过年能不能放烟花爆竹, 市区准不准放鞭炮]
    answer: 市区不能放烟花爆竹，违反的由公安机关处五百元罚款。
    cites: [{law: 温州市测试烟花规定, version: 2021-10-14, article: 第一条, says: [五百元], gist: 市区放烟花的，罚款五百元}]
"""


def test_from_files_to_an_answer_and_to_the_review_list(database: Database, settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "laws"
    folder.mkdir()
    old = LAW.format(day="2021年8月26日", fine="五百元", begins="2021年12月1日")
    (folder / "温州市测试烟花规定(2021-10-14).md").write_text(old, encoding="utf-8")
    (folder / "cards.yml").write_text(CARD, encoding="utf-8")
    laws, cards = import_sources(database, [str(folder)])
    assert (laws.taken, cards.taken, cards.withdrawn) == (1, 1, [])
    build_index(settings, database)
    knowledge_base = KnowledgeBase.open(settings, database)
    result = knowledge_base.search("过年能不能放烟花爆竹", region="330300", as_of=date(2026, 11, 22))
    assert result.decision is Decision.ANSWER
    assert result.card is not None
    assert result.hits[0].held

    new = LAW.format(day="2025年5月6日", fine="一千元", begins="2025年7月1日")
    (folder / "温州市测试烟花规定(2025-05-20).md").write_text(new, encoding="utf-8")
    reports = import_sources(database, [str(folder)])
    assert [report.taken for report in reports] == [1, 0]
    assert [reason for _, reason in reports[-1].withdrawn] == [
        "《温州市测试烟花规定》已于2025-05-20修改（卡片依据2021-10-14的文本）"
    ]
    # The index still holds the card and the old text: neither is shown.
    result = knowledge_base.search("过年能不能放烟花爆竹", region="330300", as_of=date(2026, 11, 22))
    assert result.card is None
    assert not result.hits
    build_index(settings, database)
    assert knowledge_base.reload()
    (hit, *_) = knowledge_base.search("过年能不能放烟花爆竹", region="330300", as_of=date(2026, 11, 22)).hits
    assert hit.text == "市区禁止燃放烟花爆竹，违者处一千元罚款。"
    with database.read() as session:
        assert [card.id for card in list_cards(session)] == ["wenzhou-yanhua"]
    status = get_status(settings, database)
    assert status.cards_by_state["其中待复核"] == 1
    assert status.index is not None
    assert status.index.up_to_date

    # Somebody writes the card anew; what the law says now is what it must say.
    (folder / "cards.yml").write_text(
        CARD.replace("version: 2021-10-14", "version: 2025-05-20").replace("五百元", "一千元"), encoding="utf-8"
    )
    reports = import_sources(database, [str(folder)])
    assert [report.updated for report in reports] == [0, 1]
    with database.write() as session:
        assert not list_cards(session)
        publish_card(session, "wenzhou-yanhua", "王律师")
    assert import_sources(database, [str(folder)])[0].unchanged == 2

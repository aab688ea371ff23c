"""词典 /admin/lexicon: a word tried, kept, changed and taken out; each deed on record."""

from collections.abc import Iterator

import pytest
from knowledge import Reviewer, a_reviewer, build
from people import Service
from sqlalchemy import select
from starlette.testclient import TestClient

from api.app import make_app
from core.database import Database
from core.settings import Settings
from escalation.models import AuditRow
from wenfa.database import upgrade


@pytest.fixture
def reviewer(settings: Settings, redis: object) -> Iterator[Reviewer]:
    settings = settings.model_copy(update={"rasa_port": 1})
    database = Database(settings.sql_url)
    upgrade(database)
    build(settings, database)
    with TestClient(make_app(settings), raise_server_exceptions=False) as client:
        yield a_reviewer(Service(settings, database, client))
    database.dispose()


def test_a_word_is_tried_kept_changed_and_taken_out(reviewer: Reviewer, settings: Settings) -> None:
    tried = {"word": "亮杆子", "legal": "路灯、照明设施", "question": "亮杆子晚上几点开"}
    page = reviewer.sends("/admin/lexicon", 200, do="try", **tried).text
    assert "没有想到法律用语" in page and "想到的法律用语：路灯 照明设施" in page
    assert "路灯应当在日落后开启" in page
    assert "词典里没有“亮杆子”" in reviewer.sees("/admin/lexicon?q=亮杆子")  # tried, not kept
    reviewer.sends("/admin/lexicon", **tried)
    assert "亮杆子 路灯、照明设施 本机的" in reviewer.sees("/admin/lexicon?q=亮杆子")
    assert 'value="路灯、照明设施"' in reviewer.client.get("/admin/lexicon?word=亮杆子", headers=reviewer.cookie).text
    reviewer.sends("/admin/lexicon", word="亮杆子", legal="路灯")
    reviewer.sends("/admin/lexicon/remove", word="亮杆子")
    assert "词典里没有“亮杆子”" in reviewer.sees("/admin/lexicon?q=亮杆子")
    reviewer.sends("/admin/lexicon/remove", 404, word="亮杆子")
    for word, legal, said in (
        ("", "路灯", "1 到 12 个字"),
        ("灯", "", "1 到 6 个法律用语"),
        ("亮 杆", "路灯", "没有空格"),
    ):
        assert said in reviewer.sends("/admin/lexicon", 422, word=word, legal=legal).text
    assert "请写一个试用的问题" in reviewer.sends("/admin/lexicon", 422, do="try", word="灯", legal="路灯").text
    database = Database(settings.sql_url)
    with database.read() as session:
        rows = session.scalars(select(AuditRow).where(AuditRow.subject == "亮杆子").order_by(AuditRow.id)).all()
    database.dispose()
    assert [(row.verb, row.detail.get("before")) for row in rows] == [
        ("put_word", []), ("put_word", ["路灯", "照明设施"]), ("remove_word", ["路灯"]),
    ]  # fmt: skip

"""Posts: from a file to a sheet of QR codes, and from a scanned code to a conversation that is counted there."""

from datetime import timedelta
from pathlib import Path

import pytest
from people import Service
from sqlalchemy import select
from typer.testing import CliRunner

from channels.models import Post
from channels.posts import TEMPLATE, find_post, import_posts, post_figures, posts_in
from core.clock import now
from core.database import Database
from core.regions import NATION
from core.settings import Settings
from escalation.models import Conversation
from wenfa.cli import app
from wenfa.database import upgrade


def test_thousands_of_posts_land_and_keep_their_numbers(database: Database) -> None:
    rows = "".join(f"{place}号服务点,察哈尔右翼后旗,,王{place},某路{place}号,是\n" for place in range(5_292))
    content = f"名称,地区,编号,负责人,地址,在用\n{rows}坏的,火星,,,,\n,150902,,,,\n某点,150902,a b,,,\n".encode(
        "gb18030"
    )
    with database.write() as session:
        done = import_posts(session, content, "test")
    assert done.added == 5_292
    assert [(fault.line, fault.column) for fault in done.faults] == [(5294, "地区"), (5295, "名称"), (5296, "编号")]
    with database.read() as session:
        before = {post.name: post.code for post in session.execute(select(Post)).scalars()}
    assert len(set(before.values())) == 5_292
    changed = content.replace("王7,".encode("gb18030"), "李7,".encode("gb18030"))
    with database.write() as session:
        again = import_posts(session, changed, "test")
    assert (again.added, again.changed, again.unchanged) == (0, 1, 5_291)
    with database.read() as session:
        assert {post.name: post.code for post in session.execute(select(Post)).scalars()} == before
        assert len(posts_in(session, "150900")) == 5_292
        assert posts_in(session, "220000") == []


@pytest.fixture
def code(service: Service) -> str:
    with service.database.write() as session:
        import_posts(session, TEMPLATE.encode(), "test")
        return session.execute(select(Post.code).where(Post.name.startswith("土牧尔台"))).scalar_one()


def test_who_scans_a_post_asks_from_there_and_is_counted_there(service: Service, code: str) -> None:
    opened = service.client.get(f"/q/{code}")
    assert opened.status_code == 200
    assert "察哈尔右翼后旗" in opened.text
    said = service.client.post("/chat/messages", data={"text": "房东不退押金怎么办", "client_message_id": "m" * 32})
    assert said.status_code == 200
    with service.database.read() as session:
        conversation = session.execute(select(Conversation)).scalar_one()
        figures = post_figures(session, NATION, now() - timedelta(days=1), now() + timedelta(minutes=1))
    assert (conversation.post, conversation.region) == (code, "150928")
    assert [(each.conversations, each.messages, each.consultations) for each in figures] == [(1, 1, 1), (0, 0, 0)]
    [first, _] = service.a_supervisor().gets("posts")["posts"]
    assert (first["code"], first["consultations"]) == (code, 1)


@pytest.mark.parametrize("wrong", ["nothere", "..", "a%00b", "x" * 200])
def test_a_code_that_is_none_opens_the_page_all_the_same(service: Service, wrong: str) -> None:
    assert service.client.get(f"/q/{wrong}").status_code in (200, 404)


def test_a_post_that_is_closed_says_nothing_of_where(service: Service, code: str) -> None:
    with service.database.write() as session:
        session.get_one(Post, code).active = False
        assert find_post(session, code) is None
    service.client.get(f"/q/{code}")
    assert "wenfa_post" not in service.client.cookies


def test_sheets_are_printed_from_the_command_line(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WENFA_HOME", str(settings.home_dir))
    upgrade(Database(settings.sql_url))
    names, pdf = tmp_path / "posts.csv", tmp_path / "posts.pdf"
    rows = "".join(f"{place}号服务点,集宁区,,,,\n" for place in range(7))
    names.write_text(f"名称,地区,编号,负责人,地址,在用\n{rows}")
    run = CliRunner()
    assert run.invoke(app, ["posts", "import", str(names)]).exit_code == 0
    done = run.invoke(app, ["posts", "sheets", str(pdf), "--region", "乌兰察布"])
    assert done.exit_code == 0, done.output
    assert "7 个服务点，2 页" in done.output
    assert pdf.read_bytes().startswith(b"%PDF")
    nowhere = run.invoke(app, ["posts", "sheets", str(pdf), "--region", "火星"])
    assert nowhere.exit_code == 1

"""法规 /admin/laws: files taken in while one watches, one import at a time, what is doubtful found, a body too large refused."""

import os
from pathlib import Path

import pytest
from factories import wait_until
from knowledge import FINE, LAMPS, LAW, Reviewer, a_reviewer, take_law, words
from people import Service
from sqlalchemy import select

from api.knowledge.works import Kind, Work, Works, try_lock
from api.pages.admin_laws import MAX_BYTES, MAX_FILES
from core import clock
from core.database import Database
from core.settings import Settings
from escalation.models import AuditRow
from knowledge_base.laws.holdings import Doubt, find_holdings
from knowledge_base.models import Law

GOOD = """乌兰察布市测试路灯条例
（2024年3月1日乌兰察布市第五届人民代表大会常务委员会第十次会议通过）
第一条 路灯应当亮着。
第二条 损坏路灯的，处一百元罚款。
第三条 本条例自2024年5月1日起施行。
"""
FILES = [("乌兰察布市测试路灯条例.txt", GOOD), ("坏的.docx", "这不是压缩文件"), ("空.txt", ""), ("扫描.pdf", "%PDF")]


@pytest.fixture
def administrator(service: Service) -> Reviewer:
    return a_reviewer(service, "administrator")


def uploads(reviewer: Reviewer, files: list[tuple[str, str]], status: int = 303, **fields: str) -> str:
    sent = [("files", (name, content.encode())) for name, content in files]
    found = reviewer.client.post(
        "/admin/laws/import", data={"csrf_token": reviewer.token, **fields}, files=sent, headers=reviewer.cookie,
        follow_redirects=False,
    )  # fmt: skip
    assert found.status_code == status, words(found.text)[:1500]
    return words(found.text)


def import_of(service: Service) -> Work:
    work = Works(service.settings).last(Kind.IMPORT)
    assert work is not None
    return work


def test_each_file_is_told_of_and_a_broken_one_stops_no_other(service: Service, administrator: Reviewer) -> None:
    uploads(administrator, FILES)
    assert "另一次导入还没有结束" in uploads(administrator, FILES[:1], 409)
    wait_until(lambda: import_of(service).state != "running", "the import to end", 90)
    work = import_of(service)
    assert (work.state, work.error) == ("done", "")
    fates = {each.where: (each.became, each.reason) for each in work.fates}
    assert fates["乌兰察布市测试路灯条例.txt"] == ("新收", "")
    assert fates["空.txt"] == ("未收", "文件是空的")
    assert fates["坏的.docx"][0] == "未收" and "不是完好的 .docx 文件" in fates["坏的.docx"][1]
    assert fates["扫描.pdf"] == ("未收", "不认识的文件类型 .pdf，可以导入 .md、.docx、.txt")
    # Whoever comes now, with another browser or after a reload, sees the same.
    page = administrator.sees("/admin/laws")
    assert "新收 1 部" in page and "文件是空的" in page and "高主任" in page
    assert "乌兰察布市测试路灯条例（2024-03-01）" in administrator.sees("/admin/laws/work")
    with service.database.read() as session:
        law = session.scalars(select(Law)).one()
        verbs = session.scalars(select(AuditRow.verb).where(AuditRow.subject == work.id).order_by(AuditRow.id)).all()
    assert (law.region, verbs) == ("150900", ["import_laws", "laws_imported"])
    assert "现行有效" in administrator.sees(f"/admin/laws/{law.id}")
    assert not list((service.settings.home_dir / "work" / "uploads").iterdir())


def test_what_cannot_be_taken_in_is_said_beside_its_field(service: Service, administrator: Reviewer) -> None:
    assert "请先选择文件" in uploads(administrator, [], 422)
    page = uploads(administrator, FILES[:1], 422, region="亚特兰蒂斯")
    assert "没有“亚特兰蒂斯”这个地区" in page
    assert Works(service.settings).last(Kind.IMPORT) is None
    uploads(a_reviewer(service), FILES[:1], 403)  # a supervisor
    large = [("大.txt", "法" * (MAX_BYTES // 3 + 1))]
    assert "这些文件一共 33 MB，一次最多上传 32 MB" in uploads(administrator, large, 422)
    assert f"一次最多 {MAX_FILES} 个文件" in uploads(administrator, [FILES[0]] * (MAX_FILES + 1), 422)
    elsewhere = administrator.sends("/admin/lexicon", 413, word="灯" * 30_000)
    assert "一个请求最多 64 KB" in words(elsewhere.text)


def test_a_work_whose_process_is_gone_is_shown_as_broken_off(settings: Settings) -> None:
    works = Works(settings)
    work = Work(id="1", kind=Kind.BUILD, by="高主任", actor="staff:1", started_at=clock.now())
    (settings.home_dir / "work").mkdir()
    lock = os.open(settings.home_dir / "work" / "build.lock", os.O_RDWR | os.O_CREAT)
    assert try_lock(lock)
    works.save(work)
    last = works.last(Kind.BUILD)
    assert last is not None and last.state == "running"
    os.close(lock)
    last = works.last(Kind.BUILD)
    assert last is not None and last.state == "broken"


def test_what_is_doubtful_is_found(database: Database, tmp_path: Path) -> None:
    from knowledge_base.importing.sources import import_sources

    take_law(database, [LAMPS, FINE])
    other = tmp_path / f"{LAW}(2020-01-01).md"
    other.write_text(
        f"# {LAW}\n\n2020年1月1日 全国人民代表大会常务委员会通过\n\n<!-- INFO END -->\n\n第一条 {LAMPS}\n\n第二条 损坏路灯的，处一万元罚款。\n",
        encoding="utf-8",
    )
    import_sources(database, [str(other)])
    with database.read() as session:
        found = find_holdings(session, doubt="any")
        assert [(law.name, law.doubts) for law in found.laws] == [(LAW, (Doubt.DIFFERS,))]
        assert found.laws[0].sources == ("LawRefBook", "文本文件")
        assert find_holdings(session, doubt=Doubt.NOTICE).total == 0
        assert find_holdings(session, "路灯", rank="法律", region="100000", status="现行有效").total == 1
        assert find_holdings(session, region="150000").total == 0

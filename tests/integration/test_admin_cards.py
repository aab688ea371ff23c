"""问答卡片 /admin/cards: what a reviewer does with a card, on both databases; and that what is published answers, without a restart."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from factories import a_consultation, a_lawyer, the_round, wait_until
from knowledge import FINE, LAMPS, LAW, Reviewer, a_reviewer, build, take_law, words
from people import Citizen, Service
from sqlalchemy import select
from starlette.testclient import TestClient

from api.app import make_app
from core import clock
from core.database import Database
from core.settings import Settings
from escalation import consultations, desk
from escalation.models import AuditRow
from escalation.replies import Citation
from knowledge_base.cards.files import SHIPPED, read_cards
from knowledge_base.cards.lines import as_line, read_lines
from knowledge_base.cards.shelf import Waiting, waiting_cards
from knowledge_base.importing.drafts import BrokenSource, ImportReport
from knowledge_base.importing.sources import import_sources
from knowledge_base.models import Card, CardCitation

FILE = """
reviewer: 某律师
reviewed_on: 2024-05-01
cards:
  - id: ludeng-fakuan
    category: 城市管理
    questions: [路灯坏了找谁, 路灯不亮]
    answer: {answer}
    cites: [{{law: 路灯管理法, version: 2020-01-01, article: 第一条, says: [日落后开启], gist: 日落开灯}}]
"""


@pytest.fixture
def reviewer(service: Service) -> Reviewer:
    take_law(service.database, [LAMPS, FINE])
    return a_reviewer(service)


def card(service: Service, card_id: str) -> Card:
    with service.database.read() as session:
        return session.get_one(Card, card_id)


def trail(service: Service, subject: str) -> list[tuple[str, str]]:
    with service.database.read() as session:
        rows = session.scalars(select(AuditRow).where(AuditRow.subject == subject).order_by(AuditRow.id))
        return [(row.verb, row.actor.partition(":")[0]) for row in rows]


def test_a_card_is_written_published_withdrawn_and_each_deed_is_on_record(service: Service, reviewer: Reviewer) -> None:
    reviewer.writes("card-lamp", do="save")
    assert card(service, "card-lamp").state == "draft"
    held = card(service, "card-lamp")
    reviewer.writes("card-lamp", seen=held.changed_at.isoformat())
    held = card(service, "card-lamp")
    assert (held.state, held.reviewer, held.reviewed_on) == ("published", "高主任", clock.today())
    assert [(each.law, each.article, each.promulgated) for each in held.citations] == [
        (LAW, "第二条", date(2020, 1, 1))
    ]
    reviewer.sends("/admin/cards/card-lamp/withdraw", reason="罚款标准要改了")
    assert card(service, "card-lamp").state == "withdrawn"
    assert "高主任 撤下：罚款标准要改了" in reviewer.sees("/admin/cards/card-lamp")
    reviewer.sends("/admin/cards/card-lamp/withdraw", 409)
    reviewer.sends("/admin/cards/card-lamp/return")
    reviewer.sends("/admin/cards/card-lamp/publish")
    assert trail(service, "card-lamp") == [
        (verb, "staff")
        for verb in ("draft_card", "save_card", "publish_card", "withdraw_card", "return_card", "publish_card")
    ]


def test_what_the_law_does_not_bear_out_is_not_published_and_nothing_typed_is_lost(
    service: Service, reviewer: Reviewer
) -> None:
    wrong: list[tuple[dict[str, str], str]] = [
        ({"citations": f"《{LAW}》第九条"}, "没有第九条"),
        ({"citations": f"《{LAW}》第二条 | 一万元"}, "里没有“一万元”"),
        ({"citations": ""}, "没有引用任何条文"),
        ({"citations": "《路灯管里法》第二条"}, "请核对名称"),
        ({"citations": "路灯要赔"}, "第 1 行看不出引用"),
        ({"questions": " \n "}, "请至少写一个问法"),
        ({"answer": "答" * 1001}, "现在有 1001 字"),
        ({"category": "天文"}, "请选一个类别"),
        ({"region": "亚特兰蒂斯"}, "没有“亚特兰蒂斯”这个地区"),
    ]
    for fields, said in wrong:
        written = {"answer": "处五十元以上二百元以下罚款，我写了很久。", **fields}
        page = reviewer.writes("card-lamp", status=422, **written).text
        assert said in words(page)
        assert written["answer"] in page
    with service.database.read() as session:
        assert session.get(Card, "card-lamp") is None
    assert trail(service, "card-lamp") == []


def test_who_is_slower_is_told_and_overwrites_nothing(service: Service, reviewer: Reviewer) -> None:
    reviewer.writes("card-lamp", do="save")
    reviewer.writes("card-lamp", do="save")  # the same form sent twice is one card
    seen = card(service, "card-lamp").changed_at.isoformat()
    reviewer.writes("card-lamp", do="save", seen=seen, answer="先改的。")
    page = reviewer.writes("card-lamp", do="save", status=409, seen=seen, answer="后改的。").text
    assert "已经有人改过" in words(page)
    assert "后改的。" in page
    assert card(service, "card-lamp").answer == "先改的。"


def test_while_one_writes_the_citations_are_checked_and_the_answer_is_shown_as_a_citizen_will_see_it(
    reviewer: Reviewer,
) -> None:
    said = words(
        reviewer.sends(
            "/admin/cards/-/check", 200, questions="弄坏路灯罚多少钱", answer="处罚款。",
            citations=f"《{LAW}》第二条 | 五十元以上；一千元\n《某某条例》（2023-01-01公布）第三条 | | 要点在此",
        ).text
    )  # fmt: skip
    assert "里没有“一千元”" in said and "有“五十元以上”" in said and FINE in said
    assert "（要点，本机没有收录原文）要点在此" in said
    assert "弄坏路灯罚多少钱" in said and "不代替律师针对您个案的意见" in said
    assert "解决了、转律师" in said
    assert "没有收录" in said
    # Without script the same is a page.
    page = words(reviewer.writes("card-lamp", do="check", status=200, citations=f"《{LAW}》第一条 | 五十元").text)
    assert "里没有“五十元”" in page and "市民会看到" in page


def test_only_reviewers_come_in_and_only_with_the_forms_token(service: Service, reviewer: Reviewer) -> None:
    lawyer = service.a_lawyer()
    cookie = {"Cookie": lawyer.headers["Cookie"], "Accept": "text/html"}
    for path in ("/admin/cards", "/admin/questions", "/admin/lexicon", "/admin/laws"):
        assert service.client.get(path, headers=cookie).status_code == 403
    reviewer.token = "wrong"
    reviewer.writes("card-lamp", status=403)
    supervisor = reviewer
    assert "只有管理员" in supervisor.sees("/admin/laws", 403)


def test_what_people_here_have_made_their_own_no_file_overrules(service: Service, tmp_path: Path) -> None:
    take_law(service.database, [LAMPS, FINE])
    path = tmp_path / "lamps.yml"
    path.write_text(FILE.format(answer="日落后开。"), encoding="utf-8")
    import_sources(service.database, [str(path)])
    reviewer = a_reviewer(service)
    seen = card(service, "ludeng-fakuan").changed_at.isoformat()
    reviewer.writes("ludeng-fakuan", seen=seen, answer="本地改过的回答。")
    assert import_sources(service.database, [str(path)])[0].unchanged == 1
    path.write_text(FILE.format(answer="新版的回答。"), encoding="utf-8")
    (report,) = import_sources(service.database, [str(path)])
    assert [each.reason for each in report.left_out] == [
        "这张卡片由本机的人编写、改过或审核过，保留本机的；文件里的新内容没有采用"
    ]
    path.write_text(FILE.split("  - id")[0].rstrip() + " []\n", encoding="utf-8")  # the file has it no longer
    import_sources(service.database, [str(path)])
    held = card(service, "ludeng-fakuan")
    assert (held.state, held.answer) == ("published", "本地改过的回答。")


def test_the_queue_says_why_each_card_waits(service: Service, reviewer: Reviewer) -> None:
    for name, question in (("card-a", "路灯甲"), ("card-b", "路灯乙"), ("card-c", "路灯丙"), ("card-d", "路灯丁")):
        reviewer.writes(name, questions=question, do="save" if name == "card-b" else "publish")
    with service.database.write() as session:
        session.get_one(Card, "card-c").reviewed_on = date(2020, 1, 1)
        session.get_one(Card, "card-d").citations[0].article = "第一条"
        session.get_one(Card, "card-d").citations[0].says = ["日落后开启"]
    take_law(service.database, [LAMPS.replace("日落", "天黑"), FINE], clock.today().replace(day=1))
    with service.database.write() as session:
        found = {row.id: row.waiting for row in waiting_cards(session)}
    assert found == {"card-b": Waiting.DRAFT, "card-c": Waiting.OLD, "card-d": Waiting.ENDING}
    import_sources(service.database, [])  # every import holds the cards against the law
    page = reviewer.sees("/admin/cards")
    assert "法规变了，已停用 1 路灯丁" in page and "草稿 1 路灯乙" in page and "审核已过一年 1 路灯丙" in page
    # Beside the form the card is held against the new text, as publishing will hold it.
    page = reviewer.sees("/admin/cards/card-d")
    assert "有了新的版本（卡片写的是 2020-01-01 的）" in page and "里没有“日落后开启”" in page
    found_by_words = reviewer.sees("/admin/cards?q=已于&state=review")
    assert "找到 1 张" in found_by_words and "已于" in found_by_words
    assert "找到 0 张" in reviewer.sees("/admin/cards?category=刑事")
    assert "找到 4 张" in reviewer.sees("/admin/cards?region=100000&category=城市管理")


def test_one_tap_makes_a_draft_of_an_answer_and_a_second_finds_it(service: Service, reviewer: Reviewer) -> None:
    lawyer = a_lawyer(service.database)
    consultation = a_consultation(
        service.database, text="弄坏了路灯，电话13812345678，身份证11010519491231002X，罚多少"
    )
    cited = Citation(
        law=LAW,
        article="第二条",
        text=FINE,
        version="2020年版",
        status="现行有效",
        region="100000",
        url="/laws/1/articles/2",
    )
    with service.database.write() as session:
        answer = desk.answer_round(
            session, the_round(service.database, consultation).id, lawyer.id, "罚五十到二百。卡号6222020200112233446勿外传",
            citations=[cited],
        )  # fmt: skip
    with service.database.write() as session:
        consultations.close_consultation(session, consultation.id)
        consultations.rate_consultation(session, consultation.id, 5)
    page = reviewer.sees("/admin/questions")
    assert "138****5678" in page and "13812345678" not in page and "11010519491231002X" not in page
    assert "做成卡片草稿" in page and "非常满意" in page
    first = reviewer.sends("/admin/questions/card", answer=str(answer.id)).headers["location"]
    assert reviewer.sends("/admin/questions/card", answer=str(answer.id)).headers["location"] == first
    held = card(service, first.rsplit("/", 1)[1])
    assert (held.state, held.category, held.region) == ("draft", "其他", "100000")
    assert held.source == f"咨询 {consultation.number}，{lawyer.name}律师解答"
    assert [(each.law, each.article) for each in held.citations] == [(LAW, "第二条")]
    assert "13812345678" not in held.questions[0] and "11010519491231002X" not in held.questions[0]
    assert held.answer == "罚五十到二百。卡号622**************46勿外传"
    assert [verb for verb, _ in trail(service, held.id)] == ["draft_card"]
    assert "已经有草稿" in reviewer.sees("/admin/questions")
    assert "看原来的问题和解答" in reviewer.sees(first)
    reviewer.sends("/admin/questions/card", 404, answer=str(consultation.id))


def test_every_shipped_card_can_be_read_back_from_the_lines_of_its_form() -> None:
    report = ImportReport("test")
    for draft in read_cards(sorted(SHIPPED.glob("*.yml")), report):
        for each in draft.citations:
            assert each.promulgated is not None
            citation = CardCitation(
                law=each.law, article=each.article, promulgated=each.promulgated, says=list(each.says), gist=each.gist
            )
            assert read_lines(as_line(citation)) == [each], draft.id


@pytest.mark.parametrize(
    "line, said",
    [
        ("《某法》（2024-02-30公布）第一条", "不是一个日子"),
        ("《某法》", "看不出引用"),
        ("\n".join(["某法1条"] * 21), "最多 20 行"),
    ],
)
def test_a_line_that_is_no_citation_is_named(line: str, said: str) -> None:
    with pytest.raises(BrokenSource, match=said):
        read_lines(line)


@pytest.fixture
def answering(settings: Settings, redis: object) -> Iterator[Service]:
    """The api over an index, with the knowledge base open."""
    from wenfa.database import upgrade

    settings = settings.model_copy(update={"rasa_port": 1})
    database = Database(settings.sql_url)
    upgrade(database)
    build(settings, database)
    with TestClient(make_app(settings), raise_server_exceptions=False) as client:
        yield Service(settings, database, client)
    database.dispose()


def test_what_is_published_answers_without_a_restart_and_stops_when_withdrawn(answering: Service) -> None:
    reviewer = a_reviewer(answering)
    question = "弄坏路灯罚多少钱"

    def answer() -> str:
        replies = Citizen(answering.client).asks(question)
        return str(replies[0]["text"]) if replies[0]["kind"] == "answer" else ""

    assert "赔偿照付" not in answer()
    reviewer.writes("card-lamp", answer="处五十元以上二百元以下罚款，赔偿照付。")
    wait_until(lambda: "赔偿照付" in answer(), "the published card to answer", 60)
    assert "正在用来回答市民" in reviewer.sees("/admin/cards/card-lamp")
    similar = words(reviewer.sends("/admin/cards/-/check", 200, questions="弄坏路灯要罚多少钱", answer="罚款。").text)
    assert "几乎是同一个问题" in similar
    reviewer.sends("/admin/cards/card-lamp/withdraw")
    assert "赔偿照付" not in answer()

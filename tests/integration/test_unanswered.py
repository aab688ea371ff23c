"""没答上的问题: what was not answered, masked, put together by what it means; and a card begun from it, on both databases."""

from datetime import timedelta

import numpy as np
import pytest
from factories import a_consultation, a_conversation, a_lawyer, a_message, answer, the_round
from knowledge import build, take_law
from sqlalchemy import select

from api.knowledge.asked import given_answers, unanswered
from api.knowledge.clusters import Cluster, Clusters, group
from api.knowledge.drafts import cards_made, draft_from_answer
from core import clock
from core.database import Database
from core.settings import Settings
from escalation import consultations, conversations
from escalation.masking import masked
from escalation.models import AuditRow, Message
from escalation.replies import Reply
from knowledge_base.models import Card
from knowledge_base.search import KnowledgeBase

DEPOSIT = ["房东不退押金怎么办", "租房到期房东不给退押金", "房东扣着租房押金不退"]
NOISE = ["邻居家狗半夜叫怎么办", "楼上邻居的狗晚上一直叫"]


@pytest.fixture
def knowledge_base(settings: Settings, database: Database) -> KnowledgeBase:
    build(settings, database)
    return KnowledgeBase.open(settings, database)


def asked_back(database: Database, text: str, expects: str) -> Message:
    message = a_message(database, a_conversation(database), text)
    with database.write() as session:
        reply = Reply.model_validate({"kind": "clarify", "text": "请再说详细些。", "expects": expects})
        conversations.record_replies(session, message, [reply])
    return message


@pytest.mark.parametrize(
    "written, shown",
    [
        ("打13812345678找我", "打138****5678找我"),
        ("身份证11010519491231002X", "身份证110*************2X"),
        ("身份证110105194912310021", "身份证110105194912310021"),  # the check digit is another
        ("卡号6222 0202 0011 2233 446", "卡号622******************46"),
        ("号码6222020200112233445", "号码6222020200112233445"),  # nor is this a card's
        ("车牌蒙J12345被撞", "车牌蒙J1**45被撞"),
        ("判了三年，罚款2000元，案号（2024）内09民终1234号", "判了三年，罚款2000元，案号（2024）内09民终1234号"),
    ],
)
def test_what_is_somebodys_number_is_masked_and_nothing_else(written: str, shown: str) -> None:
    assert masked(written) == shown


def test_questions_that_mean_the_same_come_together_whatever_their_number(knowledge_base: KnowledgeBase) -> None:
    texts = [*DEPOSIT, *NOISE, "公司注销要什么材料"]
    vectors = knowledge_base.encode(texts)
    few = group(vectors)
    assert [len(set(few[:3])), len(set(few[3:5])), len(set(few))] == [1, 1, 3]
    # Beyond two thousand one looks at each only once: the same groups.
    many = group(np.repeat(vectors, 400, axis=0))
    assert len(set(many.tolist())) == 3
    assert len(set(many[: 3 * 400].tolist())) == 1
    assert group(vectors[:0]).tolist() == [] and group(vectors[:1]).tolist() == [0]


def test_what_was_not_answered_is_grouped_and_looked_at_again_when_something_comes_in(
    database: Database, knowledge_base: KnowledgeBase
) -> None:
    for text in DEPOSIT[:2]:
        a_consultation(database, text=text)
    asked_back(database, DEPOSIT[2], "rephrasing")
    asked_back(database, "您是接着问吗", "which")  # which consultation was meant, not what
    a_consultation(database, "150100", text=NOISE[0])
    message = a_message(database, a_conversation(database), "他在打我")
    with database.write() as session:
        from factories import POLICY

        consultations.open_consultation(session, message.id, POLICY, urgent=True)
    clusters = Clusters(database, knowledge_base)

    def groups() -> list[Cluster]:
        found = clusters.look(30)
        assert found is not None
        return found.clusters

    first = clusters.look(30)
    assert first is not None and (first.total, first.alone) == (4, 1)
    [deposit] = first.clusters
    assert [each.text for each in deposit.questions] == [DEPOSIT[2], DEPOSIT[1], DEPOSIT[0]]  # the newest first
    assert (deposit.regions, len(deposit.consultations)) == ([("150900", 3)], 2)
    assert clusters.look(0) is first  # nothing has come in
    a_consultation(database, "150102", text=NOISE[1])
    assert [len(each.questions) for each in groups()] == [3, 2]
    clock.advance(timedelta(days=31).total_seconds())
    assert groups() == []


def test_a_card_begins_with_the_best_rated_answer_and_the_wordings_of_all(database: Database) -> None:
    take_law(database, ["路灯应当亮着。"])
    lawyers = [a_lawyer(database), a_lawyer(database)]
    opened = [a_consultation(database, text=text) for text in DEPOSIT[:2]]
    for consultation, lawyer, level in zip(opened, lawyers, (3, 5), strict=True):
        answer(database, the_round(database, consultation).id, lawyer, f"{level} 分的解答。")
        with database.write() as session:
            consultations.close_consultation(session, consultation.id)
            consultations.rate_consultation(session, consultation.id, level)
    with database.write() as session:
        questions = [each.message_id for each in unanswered(session, clock.now() - timedelta(days=30))]
        best = given_answers(session, of=[each.id for each in opened])[0]
        assert (best.level, best.text) == (5, "5 分的解答。")
        name = draft_from_answer(session, best.message_id, "staff:1", questions)
    with database.write() as session:
        assert draft_from_answer(session, best.message_id, "staff:1") == name
        card = session.get_one(Card, name)
        assert (card.questions, card.answer, card.state) == ([DEPOSIT[1], DEPOSIT[0]], "5 分的解答。", "draft")
        assert cards_made(session, [best.message_id]) == {best.message_id: name}
        assert session.scalars(select(AuditRow.verb).where(AuditRow.subject == name)).all() == ["draft_card"]

"""The 36103 promise on both databases, with the clock moved by hand."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from factories import (
    HANGZHOU,
    HOHHOT,
    POLICY,
    ULANQAB,
    a_consultation,
    a_conversation,
    a_lawyer,
    a_message,
    answer,
    the_round,
)
from redis import Redis
from sqlalchemy import func, select

from core import clock, live
from core.database import Database
from core.settings import Settings
from escalation import consultations, conversations, desk
from escalation.dispatcher import EVENTS, Dispatcher
from escalation.errors import Conflict, NotFound, Refused
from escalation.models import AuditRow, Consultation, DutyHours, Lawyer, Message, OutboxEvent, Push, Round, RoundMove
from escalation.progress import progress_of
from escalation.replies import Reply
from escalation.tiers import move_round


@pytest.fixture
def dispatcher(database: Database, settings: Settings) -> Dispatcher:
    """One without a Redis: moving rounds must not need it."""
    return Dispatcher(database, live.connect(settings))


def tiers(database: Database, consultation: Consultation, number: int = 1) -> list[tuple[str, int]]:
    """(tier, lawyers newly reached) of each move of a round, in order."""
    round_ = the_round(database, consultation, number)
    with database.read() as session:
        statement = select(RoundMove.tier, RoundMove.pushed).where(RoundMove.round_id == round_.id)
        return list(session.execute(statement.order_by(RoundMove.moved_at)))


def test_a_message_sent_twice_is_stored_once(database: Database) -> None:
    conversation_id = a_conversation(database)
    for _ in range(2):
        with database.write() as session:
            received = conversations.receive_message(session, conversation_id, "你好", "same")
    assert not received.fresh
    with database.read() as session:
        assert len(conversations.messages_after(session, conversation_id, 0)) == 1


def test_messages_written_at_once_are_all_kept_in_one_unbroken_order(database: Database) -> None:
    conversation_id = a_conversation(database)

    def write(number: int) -> None:
        with database.write() as session:
            conversations.receive_message(session, conversation_id, f"第{number}句", f"c{number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(40)))
    with database.read() as session:
        assert [each.seq for each in conversations.messages_after(session, conversation_id, 0)] == list(range(1, 41))


def test_a_wrong_token_and_a_wrong_conversation_look_the_same(database: Database) -> None:
    conversation_id = a_conversation(database)
    with database.read() as session:
        with pytest.raises(NotFound) as wrong_token:
            conversations.open_with_token(session, conversation_id, "guess")
        with pytest.raises(NotFound) as wrong_id:
            conversations.open_with_token(session, a_message(database, conversation_id).id, "guess")
    assert wrong_token.value.message == wrong_id.value.message


def test_replies_are_recorded_once_whoever_comes_second(database: Database) -> None:
    message = a_message(database, a_conversation(database))
    with database.write() as session:
        first = conversations.record_replies(session, message, [Reply(kind="answer", text="甲")])
    with database.write() as session:
        second = conversations.record_replies(session, message, [Reply(kind="answer", text="乙")])
    assert [each.id for each in second] == [each.id for each in first]


def test_the_disclaimer_is_said_once_per_conversation(database: Database) -> None:
    conversation_id = a_conversation(database)
    said = []
    for _ in range(2):
        message = a_message(database, conversation_id)
        with database.write() as session:
            stored = conversations.record_replies(session, message, [Reply(kind="answer", text="依据")])
            said.append(stored[0].text)
    assert conversations.DISCLAIMER in said[0]
    assert conversations.DISCLAIMER not in said[1]


def test_a_question_goes_to_the_city_then_the_province_then_the_nation(
    database: Database, dispatcher: Dispatcher
) -> None:
    for region, tier in ((ULANQAB, "city"), (HOHHOT, "province"), (HANGZHOU, "nation")):
        a_lawyer(database, region, tier)
    consultation = a_consultation(database)
    assert tiers(database, consultation) == [("city", 1)]
    for seconds, expected in ((179, 1), (1, 2), (179, 2), (1, 3), (600, 3)):
        clock.advance(seconds)
        dispatcher.move_due_rounds()
        assert len(tiers(database, consultation)) == expected
    assert tiers(database, consultation) == [("city", 1), ("province", 1), ("nation", 1)]


def test_a_city_without_advisers_is_not_waited_for(database: Database) -> None:
    a_lawyer(database, HOHHOT, "province")
    assert tiers(database, a_consultation(database)) == [("province", 1)]


def test_another_citys_advisers_are_not_asked_first(database: Database) -> None:
    a_lawyer(database, ULANQAB)
    other = a_lawyer(database, HANGZHOU)
    consultation = a_consultation(database)
    with database.read() as session:
        with pytest.raises(NotFound):
            desk.round_thread(session, the_round(database, consultation).id, other.id)
        assert desk.waiting_rounds(session, other.id) == []


def test_a_third_answer_stops_the_widening(database: Database, dispatcher: Dispatcher) -> None:
    lawyers = [a_lawyer(database) for _ in range(4)]
    a_lawyer(database, HOHHOT, "province")
    consultation = a_consultation(database)
    round_ = the_round(database, consultation)
    for lawyer in lawyers[:3]:
        answer(database, round_.id, lawyer)
    clock.advance(700)
    assert dispatcher.move_due_rounds() == 0
    assert the_round(database, consultation).state == "met"
    with database.read() as session:
        assert consultations.get_consultation(session, consultation.id).state == "answered"
    answer(database, round_.id, lawyers[3])  # it never stops the answering
    assert the_round(database, consultation).answered == 4


def test_one_lawyer_answering_three_times_is_one_lawyer(database: Database) -> None:
    lawyer = a_lawyer(database)
    consultation = a_consultation(database)
    for _ in range(3):
        answer(database, the_round(database, consultation).id, lawyer)
    assert (the_round(database, consultation).answered, the_round(database, consultation).state) == (1, "open")


def test_a_broken_promise_is_recorded_and_the_citizen_told_once(database: Database, dispatcher: Dispatcher) -> None:
    a_lawyer(database)
    consultation = a_consultation(database)
    for _ in range(5):
        clock.advance(400)
        dispatcher.move_due_rounds()
    assert the_round(database, consultation).broken_at is not None
    with database.read() as session:
        said = conversations.messages_after(session, consultation.conversation_id, 0)
        rows = session.execute(select(func.count()).where(AuditRow.verb == "break_promise")).scalar_one()
    assert [each.kind for each in said if each.author == "service"] == ["notice"]
    assert rows == 1
    lawyer = a_lawyer(database)
    with pytest.raises(NotFound):
        answer(database, the_round(database, consultation).id, lawyer)  # it was pushed before this one was there


def test_leases_and_answers_never_pass_the_quorum(database: Database) -> None:
    lawyers = [a_lawyer(database) for _ in range(12)]
    consultation = a_consultation(database)
    round_ = the_round(database, consultation)
    answer(database, round_.id, lawyers[0])

    def claim(number: int) -> bool:
        try:
            with database.write() as session:
                desk.claim_round(session, round_.id, lawyers[number].id)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(11) as pool:
        assert sum(pool.map(claim, range(1, 12))) == 2


def test_a_lease_that_lapses_frees_the_place(database: Database) -> None:
    first, second = a_lawyer(database), a_lawyer(database)
    message = a_message(database, a_conversation(database))
    policy = POLICY.__class__(quorum=1)
    with database.write() as session:
        consultation = consultations.open_consultation(session, message.id, policy)
    round_ = the_round(database, consultation)
    with database.write() as session:
        desk.claim_round(session, round_.id, first.id)
    with pytest.raises(Conflict), database.write() as session:
        desk.answer_round(session, round_.id, second.id, "我来答")
    clock.advance(301)
    with database.write() as session:
        desk.claim_round(session, round_.id, second.id)


def test_a_lawyers_answer_sent_twice_is_given_once(database: Database) -> None:
    lawyer = a_lawyer(database)
    round_ = the_round(database, a_consultation(database))
    for _ in range(2):
        with database.write() as session:
            desk.answer_round(session, round_.id, lawyer.id, "可以。", client_message_id="once")
    with database.read() as session:
        assert session.execute(select(func.count()).where(Message.author == "lawyer")).scalar_one() == 1


def test_a_follow_up_goes_to_the_lawyer_it_is_for_and_one_answer_is_enough(database: Database) -> None:
    first, second, third = (a_lawyer(database) for _ in range(3))
    consultation = a_consultation(database)
    for lawyer in (first, second, third):
        answer(database, the_round(database, consultation).id, lawyer)
    message = a_message(database, consultation.conversation_id, "合同丢了呢")
    with database.write() as session:
        round_ = consultations.ask_follow_up(session, consultation.id, message.id, POLICY, [second.id])
    with database.read() as session:
        reached = session.execute(select(Push.lawyer_id).where(Push.round_id == round_.id)).scalars().all()
    assert reached == [second.id]
    assert round_.quorum == 1
    answer(database, round_.id, second)
    assert the_round(database, consultation, 2).state == "met"


def test_a_follow_up_to_a_stranger_is_refused(database: Database) -> None:
    lawyer, stranger = a_lawyer(database), a_lawyer(database)
    consultation = a_consultation(database)
    answer(database, the_round(database, consultation).id, lawyer)
    message = a_message(database, consultation.conversation_id, "再问一句")
    with pytest.raises(Refused), database.write() as session:
        consultations.ask_follow_up(session, consultation.id, message.id, POLICY, [stranger.id])


def test_what_is_added_before_anybody_answers_starts_no_second_clock(database: Database) -> None:
    a_lawyer(database)
    consultation = a_consultation(database)
    message = a_message(database, consultation.conversation_id, "补充：有收据")
    with database.write() as session:
        round_ = consultations.ask_follow_up(session, consultation.id, message.id, POLICY)
    assert round_.id == the_round(database, consultation).id


def test_an_addition_that_comes_twice_starts_no_clock_even_after_an_answer(database: Database) -> None:
    lawyer = a_lawyer(database)
    consultation = a_consultation(database)
    message = a_message(database, consultation.conversation_id, "补充：有收据")
    rounds = []
    for _ in range(2):
        with database.write() as session:
            rounds.append(consultations.ask_follow_up(session, consultation.id, message.id, POLICY).id)
        answer(database, the_round(database, consultation).id, lawyer)
    assert rounds == [the_round(database, consultation).id] * 2


def test_what_a_closed_round_held_counts_against_no_lawyer(database: Database) -> None:
    lawyer = a_lawyer(database)
    with database.write() as session:
        session.get_one(Lawyer, lawyer.id).capacity = 1
    first, second = a_consultation(database), a_consultation(database)
    with database.write() as session:
        desk.claim_round(session, the_round(database, first).id, lawyer.id)
    with database.write() as session:
        consultations.close_consultation(session, first.id)
    with database.write() as session:
        desk.claim_round(session, the_round(database, second).id, lawyer.id)


def test_closing_ends_the_rounds_and_the_next_question_reopens(database: Database, dispatcher: Dispatcher) -> None:
    lawyer = a_lawyer(database)
    consultation = a_consultation(database)
    answer(database, the_round(database, consultation).id, lawyer)
    with database.write() as session:
        consultations.close_consultation(session, consultation.id)
    clock.advance(1000)
    assert dispatcher.move_due_rounds() == 0
    message = a_message(database, consultation.conversation_id, "还想问一句")
    with database.write() as session:
        consultations.ask_follow_up(session, consultation.id, message.id, POLICY)
        assert consultations.get_consultation(session, consultation.id).state == "waiting"


def test_a_rating_is_given_once_per_closing_and_again_after_reopening(database: Database) -> None:
    lawyer = a_lawyer(database)
    consultation = a_consultation(database)
    answer(database, the_round(database, consultation).id, lawyer)
    with pytest.raises(Conflict), database.write() as session:
        consultations.rate_consultation(session, consultation.id, 5)
    for level in (5, 4):
        with database.write() as session:
            consultations.close_consultation(session, consultation.id)
            consultations.rate_consultation(session, consultation.id, level)
            consultations.rate_consultation(session, consultation.id, level)
        with pytest.raises(Conflict), database.write() as session:
            consultations.rate_consultation(session, consultation.id, 1)
        message = a_message(database, consultation.conversation_id, "再问")
        with database.write() as session:
            consultations.ask_follow_up(session, consultation.id, message.id, POLICY)
    with pytest.raises(Refused), database.write() as session:
        consultations.rate_consultation(session, consultation.id, 6)


def test_opening_twice_for_one_message_opens_one_consultation(database: Database) -> None:
    a_lawyer(database)
    message = a_message(database, a_conversation(database))
    numbers = set()
    for _ in range(2):
        with database.write() as session:
            numbers.add(consultations.open_consultation(session, message.id, POLICY).number)
    assert len(numbers) == 1


def test_numbers_count_up_by_region_and_day(database: Database) -> None:
    day = clock.local(clock.now()).strftime("%Y%m%d")

    def number(region: str) -> str:
        return a_consultation(database, region).number

    assert [number(ULANQAB), number(ULANQAB), number(HANGZHOU)] == [
        f"150900-{day}-0001",
        f"150900-{day}-0002",
        f"330100-{day}-0001",
    ]
    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(number, [HOHHOT] * 12))) == 12


def test_many_dispatchers_move_a_round_to_each_tier_once(database: Database, settings: Settings) -> None:
    for region, tier in ((ULANQAB, "city"), (HOHHOT, "province"), (HANGZHOU, "nation")):
        a_lawyer(database, region, tier)
    opened = [a_consultation(database) for _ in range(5)]
    dispatchers = [Dispatcher(database, live.connect(settings)) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        for _ in range(4):
            clock.advance(200)
            list(pool.map(lambda each: each.move_due_rounds(), dispatchers))
            for each in dispatchers:  # whatever was skipped because another held it
                each.move_due_rounds()
    for consultation in opened:
        assert tiers(database, consultation) == [("city", 1), ("province", 1), ("nation", 1)]
    with database.read() as session:
        broken = session.execute(select(func.count()).where(AuditRow.verb == "break_promise")).scalar_one()
    assert broken == len(opened)


def test_the_outbox_waits_for_redis_and_loses_nothing(
    database: Database, settings: Settings, redis_process: "object"
) -> None:
    dispatcher = Dispatcher(database, live.connect(settings))
    conversation_id = a_conversation(database)
    for number in range(3):
        a_message(database, conversation_id, f"第{number}句")
    dispatcher._guarded(dispatcher.relay_outbox)  # no Redis yet: borne
    assert callable(redis_process)
    redis_process()
    assert dispatcher.relay_outbox() == 3
    assert live.connect(settings).xlen(EVENTS) == 3
    with database.read() as session:
        waiting = select(func.count()).select_from(OutboxEvent).where(OutboxEvent.relayed_at.is_(None))
        assert session.execute(waiting).scalar_one() == 0


def test_progress_says_what_the_citizen_is_promised(database: Database) -> None:
    lawyer = a_lawyer(database)
    a_lawyer(database)
    consultation = a_consultation(database)
    answer(database, the_round(database, consultation).id, lawyer)
    with database.read() as session:
        found = progress_of(session, consultation)
    assert (found.round.pushed, found.round.answered, found.round.quorum) == (2, 1, 3)
    assert found.round.deadline - found.round.started_at == timedelta(seconds=600)
    assert [(each.position, each.name) for each in found.lawyers] == [(1, lawyer.name)]


@pytest.mark.parametrize("on_duty", [True, False])
def test_the_lawyer_on_duty_is_the_last_resort(database: Database, dispatcher: Dispatcher, on_duty: bool) -> None:
    """Whoever has hours of their own that are now hears of the broken promise; the citizen is told what is true."""
    a_lawyer(database)
    consultation = a_consultation(database)
    last = a_lawyer(database)  # came after the push to the city
    if on_duty:
        with database.write() as session:
            session.add_all(DutyHours(lawyer_id=last.id, day=day, start=0, end=1440) for day in range(8))
    clock.advance(601)
    for _ in range(3):
        dispatcher.move_due_rounds()
    with database.read() as session:
        said = conversations.messages_after(session, consultation.conversation_id, 0)[-1].text
        alarms = session.execute(select(AuditRow.detail).where(AuditRow.verb == "alarm_duty")).scalars().all()
    assert ("值班律师" in said) == on_duty
    assert [each["circle"] for each in alarms] == (["city"] if on_duty else [])


def test_a_round_that_cannot_be_moved_holds_up_no_other(database: Database, redis: "Redis") -> None:
    """Several are moved in one transaction: what is wrong with one of them is its own affair."""
    a_lawyer(database)
    broken, sound = a_consultation(database), a_consultation(database)
    with database.write() as session:
        session.get_one(Round, the_round(database, broken).id).policy = {"province_after": "?"}
    clock.advance(POLICY.province_after + 1)
    assert Dispatcher(database, redis).move_due_rounds() == 1
    assert the_round(database, sound).tier == "province"
    assert the_round(database, broken).tier == "city"


def test_lawyers_from_elsewhere_do_not_see_whose_number_it_is(database: Database) -> None:
    text = "我叫王大力，电话 13812345678，身份证 11010519491231002X，蒙A12345 被扣了怎么办"
    adviser, far = a_lawyer(database), a_lawyer(database, HANGZHOU, "nation")
    consultation = a_consultation(database, text=text)
    round_ = the_round(database, consultation)
    while the_round(database, consultation).tier != "nation":
        clock.advance(POLICY.province_after + 1)
        with database.write() as session:
            move_round(session, round_.id)
    with database.read() as session:
        for_adviser = desk.round_thread(session, round_.id, adviser.id)[2]
        assert for_adviser[0].text == text
        for_the_other = desk.round_thread(session, round_.id, far.id)[2]
        for hidden in ("13812345678", "11010519491231002X", "蒙A12345"):
            assert hidden not in for_the_other[0].text
        assert "被扣了怎么办" in for_the_other[0].text
        # A queue stands open on a screen: there nobody sees them.
        (waiting,) = desk.waiting_rounds(session, adviser.id)
        assert "13812345678" not in waiting.view.question
    with database.write() as session:
        desk.round_thread(session, round_.id, far.id)
    with database.read() as session:
        assert desk.round_thread(session, round_.id, adviser.id)[2][0].text == text, "only what is shown is masked"

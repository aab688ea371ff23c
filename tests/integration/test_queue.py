"""The live queue: made from the record, lost at any moment, and never the one that decides."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest
from factories import HOHHOT, ULANQAB, a_consultation, a_lawyer, the_round
from people import Service
from redis import Redis
from sqlalchemy import func, select

from core import clock, live
from core.database import Database
from core.regions import NATION
from core.settings import Settings
from escalation import consultations, desk
from escalation.dispatcher import Dispatcher
from escalation.errors import Conflict
from escalation.models import Lease
from escalation.queue import ClaimSaid, LiveQueue


@pytest.fixture
def dispatcher(database: Database, redis: "Redis") -> Dispatcher:
    return Dispatcher(database, redis)


def an_open_round(database: Database, lawyers: int = 5) -> tuple[UUID, list[UUID]]:
    people = [a_lawyer(database).id for _ in range(lawyers)]
    return the_round(database, a_consultation(database)).id, people


def claim(queue: LiveQueue, round_id: UUID, lawyer_id: UUID) -> ClaimSaid:
    return queue.claim(round_id, lawyer_id, clock.now() + timedelta(seconds=300))


def test_a_crowd_gets_as_many_places_as_there_are(database: Database, dispatcher: Dispatcher) -> None:
    round_id, lawyers = an_open_round(database, 40)
    dispatcher.relay_outbox()
    with ThreadPoolExecutor(16) as pool:
        said = list(pool.map(lambda lawyer: claim(dispatcher.queue, round_id, lawyer), lawyers))
    assert sorted(said) == [ClaimSaid.FULL] * 37 + [ClaimSaid.TAKEN] * 3
    holder = lawyers[said.index(ClaimSaid.TAKEN)]
    assert claim(dispatcher.queue, round_id, holder) is ClaimSaid.RENEWED
    dispatcher.queue.release(round_id, holder)
    assert claim(dispatcher.queue, round_id, lawyers[said.index(ClaimSaid.FULL)]) is ClaimSaid.TAKEN


def test_a_lease_lapses_in_the_queue_as_well(database: Database, dispatcher: Dispatcher) -> None:
    round_id, lawyers = an_open_round(database)
    dispatcher.relay_outbox()
    for lawyer in lawyers[:3]:
        assert claim(dispatcher.queue, round_id, lawyer) is ClaimSaid.TAKEN
    assert claim(dispatcher.queue, round_id, lawyers[3]) is ClaimSaid.FULL
    clock.advance(301)
    assert claim(dispatcher.queue, round_id, lawyers[3]) is ClaimSaid.TAKEN


def test_the_record_is_asked_where_the_queue_knows_nothing(
    database: Database, dispatcher: Dispatcher, settings: Settings
) -> None:
    round_id, lawyers = an_open_round(database)
    assert claim(dispatcher.queue, round_id, lawyers[0]) is ClaimSaid.UNKNOWN
    nowhere = LiveQueue(live.connect(settings.model_copy(update={"redis_url": "redis://127.0.0.1:1"})))
    assert claim(nowhere, round_id, lawyers[0]) is ClaimSaid.UNKNOWN
    nowhere.release(round_id, lawyers[0])
    assert nowhere.seconds_to_next() is None


def test_the_queue_is_the_same_after_everything_was_lost(
    database: Database, dispatcher: Dispatcher, redis: "Redis"
) -> None:
    a_lawyer(database, HOHHOT, "province")
    round_id, lawyers = an_open_round(database)
    with database.write() as session:
        desk.answer_round(session, round_id, lawyers[0], "可以要求退还。")
        desk.claim_round(session, round_id, lawyers[1])
    other = the_round(database, a_consultation(database)).id
    dispatcher.relay_outbox()
    before = everything_in(redis)
    redis.flushall()
    assert dispatcher.rebuild_queue() == 2
    assert everything_in(redis) == before
    assert dispatcher.queue.waiting("city", ULANQAB) == 2
    assert claim(dispatcher.queue, round_id, lawyers[2]) is ClaimSaid.TAKEN  # one has answered, one is writing
    assert claim(dispatcher.queue, round_id, lawyers[3]) is ClaimSaid.FULL
    assert claim(dispatcher.queue, other, lawyers[3]) is ClaimSaid.TAKEN


def test_a_round_moves_through_the_circles_of_the_queue_and_leaves_it(
    database: Database, dispatcher: Dispatcher, redis: "Redis"
) -> None:
    a_lawyer(database, HOHHOT, "province")
    an_open_round(database)
    dispatcher.relay_outbox()
    assert dispatcher.queue.waiting("city", ULANQAB) == 1
    assert dispatcher.queue.seconds_to_next() == pytest.approx(180, abs=5)
    clock.advance(181)
    assert dispatcher.move_due_rounds() == 1
    dispatcher.relay_outbox()
    assert (dispatcher.queue.waiting("city", ULANQAB), dispatcher.queue.waiting("province", "150000")) == (0, 1)
    clock.advance(500)
    for _ in range(3):
        dispatcher.move_due_rounds()
    dispatcher.relay_outbox()
    assert dispatcher.queue.waiting("nation", NATION) == 1  # broken, and still open
    assert dispatcher.queue.seconds_to_next() is None
    consultation = a_consultation(database)
    with database.write() as session:
        consultations.close_consultation(session, consultation.id)
    dispatcher.relay_outbox()
    assert dispatcher.queue.waiting("city", ULANQAB) == 0
    assert list(redis.scan_iter(match=f"*{the_round(database, consultation).id}*")) == []


def test_the_stale_queue_hands_out_no_place_that_the_record_lacks(service: Service) -> None:
    """Redis says there is room; SQL knows better."""
    lawyers = [service.a_lawyer() for _ in range(5)]
    service.a_citizen().asks("包工头拖欠我三个月工资一直不给怎么办")
    service.dispatcher.relay_outbox()
    round_id = UUID(lawyers[0].waiting()[0]["id"])
    with service.database.write() as session:
        for lawyer in lawyers[:3]:
            desk.claim_round(session, round_id, UUID(lawyer.id))
    refused = lawyers[3].claims(str(round_id))
    assert refused.status_code == 409, refused.text
    with service.database.read() as session:
        assert session.execute(select(func.count()).select_from(Lease)).scalar_one() == 3
    redis = live.connect(service.settings)
    assert redis.zcard(f"wenfa:queue:{{{round_id}}}:leases") == 0  # the place it took on the way is given back


def test_nobody_holds_more_rounds_than_they_can(database: Database) -> None:
    lawyer = a_lawyer(database)
    with database.write() as session:
        session.merge(lawyer).capacity = 1
    first, second = (the_round(database, a_consultation(database)).id for _ in range(2))
    with database.write() as session:
        desk.claim_round(session, first, lawyer.id)
        desk.claim_round(session, first, lawyer.id)
    with pytest.raises(Conflict, match="最大同时在办"), database.write() as session:
        desk.claim_round(session, second, lawyer.id)


def test_who_is_at_their_desk_is_known_for_a_while(database: Database, dispatcher: Dispatcher) -> None:
    first, second = a_lawyer(database), a_lawyer(database)
    dispatcher.queue.seen([first.id])
    clock.advance(30)
    dispatcher.queue.seen([second.id])
    assert dispatcher.queue.present() == {first.id, second.id}
    clock.advance(30)
    assert dispatcher.queue.present() == {second.id}


def everything_in(redis: "Redis") -> dict[str, object]:
    """What the queue holds."""
    found: dict[str, object] = {}
    for key in redis.scan_iter(match="wenfa:queue:*"):
        if redis.type(key) == "hash":
            found[key] = redis.hgetall(key)
        else:
            found[key] = dict(redis.zrange(key, 0, -1, withscores=True))  # type: ignore[arg-type]
    return found

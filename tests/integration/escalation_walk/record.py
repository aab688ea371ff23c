"""What the record itself must never say, whatever was done; and that it says what the model of the walk says.

Only reads. One `Record` is the whole database as it is after a step.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, func, select
from sqlalchemy.orm import Session

from core.clock import local
from core.database import Database
from escalation import models as m
from escalation.journal import conversation_topic
from escalation_walk.model import ORDER, World

Rows = list[Row[Any]]


class Traces:
    """What each step leaves in the audit and in the outbox."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen = {m.AuditRow: 0, m.OutboxEvent: 0}
        self.announced: Counter[tuple[str, int]] = Counter()
        """How often each message (topic, sequence number) has had its event."""

    def new(self) -> tuple[list[tuple[str, str, str]], list[tuple[str, str]]]:
        """Since the last call: audit rows (actor, verb, subject) and events (topic, kind)."""
        with self._database.read() as session:
            audit = self._after(session, m.AuditRow, select(m.AuditRow))
            events = self._after(session, m.OutboxEvent, select(m.OutboxEvent))
        self.announced.update((each.topic, each.data["seq"]) for each in events if each.kind == "message")
        return [(each.actor, each.verb, each.subject) for each in audit], [(each.topic, each.kind) for each in events]

    def swept(self) -> None:
        """Old events were thrown away; SQLite may give their ids anew."""
        with self._database.read() as session:
            self._seen[m.OutboxEvent] = session.execute(select(func.max(m.OutboxEvent.id))).scalar_one() or 0

    def _after(self, session: Session, table: type[Any], statement: Select[Any]) -> list[Any]:
        found = list(session.execute(statement.where(table.id > self._seen[table]).order_by(table.id)).scalars())
        if found:
            self._seen[table] = found[-1].id
        return found


class Record:
    """Every table of the escalation, read at once."""

    def __init__(self, session: Session) -> None:
        def rows(table: type[Any], *order: Any) -> Rows:
            return list(session.execute(select(*table.__table__.columns).order_by(*order)))

        self.conversations = {each.id: each for each in rows(m.Conversation)}
        self.consultations = {each.id: each for each in rows(m.Consultation)}
        self.lawyers = {each.id: each for each in rows(m.Lawyer)}
        self.rounds = {each.id: each for each in rows(m.Round, m.Round.consultation_id, m.Round.number)}
        self.messages = _by(rows(m.Message, m.Message.seq), "conversation_id")
        self.moves = _by(rows(m.RoundMove, m.RoundMove.moved_at), "round_id")
        self.pushes = _by(rows(m.Push), "round_id")
        self.leases = _by(rows(m.Lease), "round_id")
        self.answers = _by(rows(m.Answer, m.Answer.created_at), "round_id")
        self.ratings = _by(rows(m.Rating), "consultation_id")
        self.call_backs = _by(rows(m.CallBack), "consultation_id")
        self.notes = rows(m.Note)
        self.audit = _by(rows(m.AuditRow, m.AuditRow.id), "verb")

    def check(self, at: datetime) -> None:
        """The invariants, from the record alone."""
        self._messages_in_one_unbroken_order()
        for round_ in self.rounds.values():
            self._each_tier_once_in_order_and_not_early(round_)
            self._pushed_within_the_circle(round_)
            self._quorum(round_, at)
            self._promise(round_)
        for consultation in self.consultations.values():
            self._closed_by_the_citizen_alone(consultation)
            self._waiting_while_a_round_is_open(consultation)
        self._every_change_has_its_audit_row()

    def _messages_in_one_unbroken_order(self) -> None:
        for conversation in self.conversations.values():
            found = self.messages[conversation.id]
            assert [each.seq for each in found] == list(range(1, conversation.last_seq + 1))
            sent = [each.client_message_id for each in found if each.client_message_id]
            assert len(sent) == len(set(sent))

    def _each_tier_once_in_order_and_not_early(self, round_: Any) -> None:
        tiers = [each.tier for each in self.moves[round_.id]]
        places = [ORDER.index(tier) for tier in tiers]
        assert places == sorted(set(places)), tiers
        assert tiers[-1] == round_.tier
        assert self.moves[round_.id][0].moved_at - round_.started_at < timedelta(seconds=5)
        for move in self.moves[round_.id][1:]:
            assert move.moved_at >= round_.started_at + timedelta(seconds=round_.policy[f"{move.tier}_after"])

    def _pushed_within_the_circle(self, round_: Any) -> None:
        consultation = self.consultations[round_.consultation_id]
        counted: Counter[str] = Counter()
        for push in self.pushes[round_.id]:
            lawyer = self.lawyers[push.lawyer_id]
            counted[push.tier] += 1
            if push.tier == "addressed":
                assert str(lawyer.id) in round_.addressed_to
            elif push.tier == "city":
                assert (lawyer.city, lawyer.tier) == (consultation.city, "city")
            elif push.tier == "province":
                assert lawyer.province == consultation.province
        for move in self.moves[round_.id]:
            assert move.pushed == counted[move.tier]
        assert not set(counted) - {each.tier for each in self.moves[round_.id]} - {"duty", "suggested"}

    def _quorum(self, round_: Any, at: datetime) -> None:
        answered = {each.lawyer_id for each in self.answers[round_.id]}
        assert round_.answered == len(answered)
        assert answered <= {each.lawyer_id for each in self.pushes[round_.id]}
        if round_.state == "open":
            held = {each.lawyer_id for each in self.leases[round_.id] if each.expires_at > at}
            assert not held & answered
            assert len(held) + len(answered) <= round_.quorum
            assert len(answered) < round_.quorum
        if round_.state == "referred":
            assert round_.referred_to
        if round_.state == "met":
            assert len(answered) >= round_.quorum
            in_time = {each.lawyer_id for each in self.answers[round_.id] if each.created_at <= round_.met_at}
            assert len(in_time) == round_.quorum

    def _promise(self, round_: Any) -> None:
        message = next(each for found in self.messages.values() for each in found if each.id == round_.message_id)
        assert (message.author, message.consultation_id) == ("citizen", round_.consultation_id)
        assert round_.started_at >= message.created_at
        deadline = round_.started_at + timedelta(seconds=round_.policy["broken_after"])
        recorded = [each for each in self.audit["break_promise"] if each.subject == str(round_.id)]
        assert len(recorded) == (round_.broken_at is not None)
        if round_.broken_at is not None:
            assert round_.broken_at >= deadline
            assert recorded[0].detail["answered"] < round_.quorum
        over = round_.state != "open" or round_.broken_at is not None
        assert (round_.due_at is None) == over  # the clock runs only while the citizen waits

    def _closed_by_the_citizen_alone(self, consultation: Any) -> None:
        closings = [each for each in self.audit["close_consultation"] if each.subject == str(consultation.id)]
        assert {each.actor for each in closings} <= {f"citizen:{consultation.conversation_id}"}
        assert len(closings) == consultation.closings
        assert (consultation.state == "closed") == (consultation.closed_at is not None)
        given = [each.closing for each in self.ratings[consultation.id]]
        assert len(given) == len(set(given))
        assert all(1 <= closing <= consultation.closings for closing in given)
        self._call_backs_have_their_reason(consultation)
        day = f"{local(consultation.opened_at):%Y%m%d}"
        assert consultation.number.startswith(f"{consultation.region}-{day}-")

    def _call_backs_have_their_reason(self, consultation: Any) -> None:
        """One task at the most for each broken promise and each bad rating; a bad rating always has one."""
        tasks = Counter((each.reason, each.occasion) for each in self.call_backs[consultation.id])
        broken = {
            ("broken_promise", each.number)
            for each in self.rounds.values()
            if each.consultation_id == consultation.id and each.broken_at is not None
        }
        bad = {("dissatisfied", each.closing) for each in self.ratings[consultation.id] if each.level <= 2}
        assert all(count == 1 for count in tasks.values())
        assert bad <= set(tasks) <= bad | broken

    def _waiting_while_a_round_is_open(self, consultation: Any) -> None:
        states = [each.state for each in self.rounds.values() if each.consultation_id == consultation.id]
        assert (consultation.state == "waiting") == ("open" in states)

    def _every_change_has_its_audit_row(self) -> None:
        recorded = {verb: Counter(each.subject for each in found) for verb, found in self.audit.items()}

        def expect(verb: str, subjects: Iterable[UUID]) -> None:
            assert recorded.get(verb, Counter()) == Counter(str(each) for each in subjects), verb

        expect("start_conversation", self.conversations)
        expect("open_consultation", self.consultations)
        expect("push_round", [round_id for round_id, moves in self.moves.items() for _ in moves])
        expect("answer_round", [round_id for round_id, answers in self.answers.items() for _ in answers])
        expect("meet_quorum", [each.id for each in self.rounds.values() if each.state == "met"])
        expect("break_promise", [each.id for each in self.rounds.values() if each.broken_at is not None])
        expect("refer_round", [each.id for each in self.rounds.values() if each.state == "referred"])
        expect(
            "suggest_colleague",
            [round_id for round_id, pushes in self.pushes.items() for each in pushes if each.tier == "suggested"],
        )
        expect("write_note", [each.consultation_id for each in self.notes])
        expect("rate_consultation", [subject for subject, ratings in self.ratings.items() for _ in ratings])

    def check_against(self, world: World, at: datetime) -> None:
        """The record says what the model says."""
        assert set(self.conversations) == {each.id for each in world.conversations}
        assert set(self.consultations) == {each.id for each in world.consultations}
        assert set(self.rounds) == {each.id for each in world.rounds}
        for conversation in world.conversations:
            found = self.messages[conversation.id]
            assert len(found) == len(conversation.messages)
            for stored, expected in zip(found, conversation.messages, strict=True):
                assert (stored.id, stored.author, stored.kind) == (expected.id, expected.author, expected.kind)
                assert stored.client_message_id == expected.client_message_id
                assert stored.consultation_id == (expected.consultation.id if expected.consultation else None)
                assert expected.text in (None, stored.text)
        for consultation in world.consultations:
            row = self.consultations[consultation.id]
            assert (row.state, row.closings) == (consultation.state, consultation.closings)
            assert {each.closing: each.level for each in self.ratings[row.id]} == consultation.ratings
        for round_ in world.rounds:
            row = self.rounds[round_.id]
            assert (row.state, row.quorum, row.number) == (round_.state, round_.quorum, round_.number)
            assert row.policy == round_.policy
            assert row.started_at == round_.started_at
            assert row.due_at == round_.due_at()
            assert (row.broken_at is not None) == round_.broken
            assert [each.tier for each in self.moves[row.id]] == round_.moves
            assert {each.lawyer_id: each.tier for each in self.pushes[row.id]} == round_.pushes
            assert Counter(each.lawyer_id for each in self.answers[row.id]) == Counter(round_.answers)
            if round_.state == "open":
                assert {each.lawyer_id for each in self.leases[row.id] if each.expires_at > at} == round_.held(at)

    def check_announced(self, announced: Counter[tuple[str, int]]) -> None:
        """The outbox has had one event for each message."""
        written = {
            (conversation_topic(each.conversation_id), each.seq) for found in self.messages.values() for each in found
        }
        assert announced == Counter(written)


def _by(rows: Rows, name: str) -> "defaultdict[Any, Rows]":
    found: defaultdict[Any, Rows] = defaultdict(list)
    for row in rows:
        found[getattr(row, name)].append(row)
    return found

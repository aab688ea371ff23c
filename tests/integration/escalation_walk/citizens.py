"""What citizens do."""

from uuid import UUID, uuid4

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from escalation import call_backs, consultations, conversations
from escalation.policy import Policy
from escalation_walk.model import Consultation, Conversation, Message
from escalation_walk.play import FAR, NEAR, PLACES, POLICIES, Play, dies, which

MOST_CONVERSATIONS = 4


class Citizens(Play):
    def start(self, region: str, dies: bool = False) -> None:
        found = self.attempt(
            "start_conversation", lambda s: conversations.start_conversation(s, "web", region)[0].id, dies
        )
        if found.done(lambda _: None):
            assert found.verbs == ["start_conversation"]
            self.world.conversations.append(Conversation(found.value, region))

    @precondition(lambda self: self.world.conversations)
    @rule(which=which, again=st.booleans(), dies=dies)
    def writes(self, which: int, again: bool, dies: bool) -> None:
        """Again: the same client message id, which is the same message whatever it says."""
        conversation = self.pick(self.world.conversations, which)
        sent = [each for each in conversation.messages if each.author == "citizen"]
        if not again or not sent:
            self.write(conversation, dies)
            return
        first = self.pick(sent, which)
        key = str(first.client_message_id)
        found = self.attempt(
            "receive_message again", lambda s: conversations.receive_message(s, conversation.id, "别的话", key), dies
        )
        if found.done(lambda _: None):
            assert (found.value.fresh, found.value.message.id) == (False, first.id)
            found.changed_nothing()

    @rule(
        which=which,
        how=st.sampled_from(["here", "in a new conversation", "far away", "again"]),
        policy=st.sampled_from(POLICIES),
        dies=dies,
    )
    def opens(self, which: int, how: str, policy: Policy, dies: bool) -> None:
        new = how in ("in a new conversation", "far away") and len(self.world.conversations) < MOST_CONVERSATIONS
        if new or not self.world.conversations:
            self.start(FAR if how == "far away" else NEAR, dies)
        if self.world.conversations:
            self.open(-1 if new else which, how == "again", policy, dies)

    def open(self, which: int, again: bool, policy: Policy, dies: bool = False) -> None:
        conversation = self.pick(self.world.conversations, which)
        opened = [each for each in self.world.consultations if each.conversation is conversation]
        known = self.pick(opened, which) if again and opened else None
        message = known.opening if known else self.unasked(conversation)
        found = self.attempt(
            "open_consultation again" if known else "open_consultation",
            lambda s: consultations.open_consultation(s, message.id, policy),
            dies,
        )
        if not found.done(lambda _: None):
            return
        if known is not None:
            assert found.value.id == known.id
            found.changed_nothing()
            return
        assert found.verbs == ["open_consultation", "push_round"]
        region = conversation.region
        consultation = Consultation(found.value.id, conversation, message, region, *PLACES[region])
        self.world.consultations.append(consultation)
        self.start_round(consultation, message, found, self.policy_of(policy, region), [])

    @precondition(lambda self: self.world.consultations)
    @rule(
        which=which,
        to=st.sampled_from(["all", "one", "several", "a stranger"]),
        again=st.booleans(),
        policy=st.sampled_from(POLICIES),
        waits=st.integers(0, 3),
        dies=dies,
    )
    def asks_on(self, which: int, to: str, again: bool, policy: Policy, waits: int, dies: bool) -> None:
        """And sometimes waits while it goes up the tiers."""
        self.ask_on(self.pick(self.world.consultations, which), which, to, again, policy, dies)
        self.let_it_fall_due(waits)

    def ask_on(self, consultation: Consultation, which: int, to: str, again: bool, policy: Policy, dies: bool) -> None:
        answerers = consultation.answerers
        named: dict[str, list[UUID]] = {
            "all": [],
            "one": answerers[:1],
            "several": answerers[-2:],
            "a stranger": [uuid4(), *answerers[:1]],
        }
        asked = [each for each in consultation.conversation.messages if self._asked_on(each, consultation)]
        known = self.pick(asked, which) if again and asked else None
        message = known or self.unasked(consultation.conversation)
        found = self.attempt(
            "ask_follow_up again" if known else f"ask_follow_up to {to}",
            lambda s: consultations.ask_follow_up(s, consultation.id, message.id, policy, named[to]),
            dies,
        )
        if not found.done(lambda _: "Refused" if to == "a stranger" and known is None else None):
            return
        if known is not None:
            started = next((each for each in consultation.rounds if each.message is known), None)
            assert started is None or found.value.id == started.id
            found.changed_nothing()
            self.situation("the same follow-up twice" if started else "the same addition twice")
            return
        waiting = [each for each in consultation.rounds if each.state == "open"]
        if waiting and not answerers:
            message.consultation = consultation
            assert found.value.id == waiting[-1].id
            assert found.verbs == ["add_to_question"]
            self.situation("an addition to a question that waits")
            return
        assert found.verbs == sorted(["ask_follow_up", "push_round", *["reopen_consultation"] * consultation.closed])
        self.situation("reopened" if consultation.closed else "asked on")
        if consultation.rounds[-1].state == "referred":
            self.situation("asked on after a referral")
        consultation.closed = False
        self.start_round(
            consultation, message, found, self.policy_of(policy, consultation.region), named[to] or answerers
        )

    def _asked_on(self, message: Message, consultation: Consultation) -> bool:
        mine = message.author == "citizen" and message.consultation is consultation
        return mine and message is not consultation.opening

    @precondition(lambda self: self.world.consultations)
    @rule(which=which, level=st.sampled_from([None, None, 1, 5]), dies=dies)
    def closes(self, which: int, level: int | None, dies: bool) -> None:
        """And often says at once how it was."""
        self.close(self.pick(self.world.consultations, which), level, dies)

    def close(self, consultation: Consultation, level: int | None = None, dies: bool = False) -> None:
        found = self.attempt("close_consultation", lambda s: consultations.close_consultation(s, consultation.id), dies)
        if not found.done(lambda _: None):
            return
        if consultation.closed:
            found.changed_nothing()
            self.situation("closed twice")
            return
        assert found.verbs == ["close_consultation"]
        self.situation(f"closed while {consultation.state}")
        self.world.close(consultation)
        if level is not None:
            self.rate(consultation, level)

    @precondition(lambda self: self.world.consultations)
    @rule(which=which, level=st.integers(0, 6), dies=dies)
    def rates(self, which: int, level: int, dies: bool) -> None:
        """And asks to be called, which is refused where there is nothing to call about."""
        consultation = self.pick(self.world.consultations, which)
        self.rate(consultation, level, dies)
        self.ask_to_be_called(consultation, dies)

    def rate(self, consultation: Consultation, level: int, dies: bool = False) -> None:
        found = self.attempt(
            "rate_consultation", lambda s: consultations.rate_consultation(s, consultation.id, level), dies
        )
        if not found.done(lambda _: self.world.rate_refused(consultation, level)):
            return
        if consultation.closings in consultation.ratings:
            found.changed_nothing()
            self.situation("the same rating twice")
            return
        assert found.verbs == ["rate_consultation"]
        if consultation.ratings:
            self.situation("rated again after a reopening")
        consultation.ratings[consultation.closings] = level

    def ask_to_be_called(self, consultation: Consultation, dies: bool) -> None:
        found = self.attempt(
            "ask_call_back",
            lambda s: call_backs.ask_call_back(s, consultation.id, "13800138000", self.stage.vault),
            dies,
        )
        if found.done(lambda _: None if consultation.owes_a_call else "Conflict"):
            assert found.verbs == ["ask_call_back"]

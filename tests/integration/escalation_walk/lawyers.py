"""What lawyers do, and what they and citizens are shown."""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from escalation import colleagues, desk, notes, referral
from escalation import models as m
from escalation.progress import progress_of
from escalation_walk.citizens import Citizens
from escalation_walk.model import Lawyer, Message, Round
from escalation_walk.play import dies, which


class Lawyers(Citizens):
    @precondition(lambda self: self.world.rounds)
    @rule(
        which=which,
        who=which,
        then=st.sampled_from(["writes", "claims all there is", "lets go", "is closed out"]),
        dies=dies,
    )
    def claims(self, which: int, who: int, then: str, dies: bool) -> None:
        round_, lawyer = self.a_round_and_a_lawyer(which, who)
        self.claim(round_, lawyer, dies)
        if then == "lets go":
            self.release(round_, lawyer, dies)
        if then == "is closed out":
            self.close(round_.consultation)
        if then in ("claims all there is", "is closed out"):
            for other in [each for each in self.world.rounds[::-1] if lawyer.id in each.pushes][:4]:
                self.claim(other, lawyer)

    def claim(self, round_: Round, lawyer: Lawyer, dies: bool = False) -> None:
        found = self.attempt("claim_round", lambda s: desk.claim_round(s, round_.id, lawyer.id), dies)
        held = round_.held(found.between[0])
        if not found.done(lambda at: self.world.claim_refused(round_, lawyer, at)):
            if round_.state == "open" and found.name == "Conflict" and lawyer.id not in round_.answers:
                full = len(held) + round_.answered >= round_.quorum
                self.situation("claimed beyond the quorum" if full else "claimed beyond the lawyer's capacity")
            return
        renewed = lawyer.id in held
        assert found.verbs == ([] if renewed else ["claim_round"])
        self.situation("a lease was renewed" if renewed else "a lease was taken")
        if len(held) < len(round_.leases):
            self.situation("a lease had lapsed")
        taken_at = found.value.expires_at - timedelta(seconds=round_.policy["lease_seconds"])
        assert found.between[0] <= taken_at <= found.between[1]
        round_.leases[lawyer.id] = found.value.expires_at

    def release(self, round_: Round, lawyer: Lawyer, dies: bool) -> None:
        found = self.attempt("release_round", lambda s: desk.release_round(s, round_.id, lawyer.id), dies)
        if found.done(lambda _: self.world.reach_refused(round_, lawyer)):
            if lawyer.id in round_.held(found.between[1]):
                assert found.verbs == ["release_round"]
                self.situation("a lease was given back")
            round_.leases.pop(lawyer.id, None)

    @precondition(lambda self: self.world.rounds)
    @rule(which=which, who=which, count=st.integers(1, 4), again=st.booleans(), dies=dies)
    def answers(self, which: int, who: int, count: int, again: bool, dies: bool) -> None:
        """One, or several one after the other, so that quorums are met often."""
        for number in range(count):
            self.answer(*self.a_round_and_a_lawyer(which, who + number), again, dies)

    @precondition(lambda self: self.world.rounds)
    @rule(which=which, answered=st.integers(0, 2), then_answer=st.booleans())
    def everybody_wants_it(self, which: int, answered: int, then_answer: bool) -> None:
        """Some answer, all claim, and those who got no place try to answer all the same."""
        round_ = self.pick(self.world.rounds[::-1], which)
        everybody = [self.world.lawyers[each] for each in round_.pushes]
        for lawyer in everybody[:answered]:
            self.answer(round_, lawyer)
        for lawyer in everybody:
            self.claim(round_, lawyer)
        for lawyer in reversed(everybody) if then_answer else ():
            self.answer(round_, lawyer)

    @precondition(lambda self: self.world.rounds)
    @rule(which=which, who=which, whom=which, what=st.sampled_from(["refer", "suggest", "suggest", "note"]), dies=dies)
    def does_something_else(self, which: int, who: int, whom: int, what: str, dies: bool) -> None:
        round_, lawyer = self.a_round_and_a_lawyer(which, who)
        if what == "refer":
            self._refer(round_, lawyer, dies)
        elif what == "suggest":
            self._suggest(round_, lawyer, self.pick(list(self.world.lawyers.values()), whom), dies)
        else:
            work = notes.write_note
            found = self.attempt("write_note", lambda s: work(s, round_.id, lawyer.id, "请先看合同。"), dies)
            found.done(lambda _: self.world.reach_refused(round_, lawyer))

    def _refer(self, round_: Round, lawyer: Lawyer, dies: bool) -> None:
        found = self.attempt(
            "refer_round", lambda s: referral.refer_round(s, round_.id, lawyer.id, "12345", "请拨打热线。"), dies
        )
        if found.done(lambda _: self.world.refer_refused(round_, lawyer)):
            assert found.verbs == ["refer_round"]
            consultation = round_.consultation
            said = Message(found.value.id, "lawyer", "notice", None, None, consultation)
            consultation.conversation.messages.append(said)
            self.world.refer(round_)

    def _suggest(self, round_: Round, lawyer: Lawyer, colleague: Lawyer, dies: bool) -> None:
        found = self.attempt(
            "suggest_colleague", lambda s: colleagues.suggest_colleague(s, round_.id, lawyer.id, colleague.id), dies
        )
        if found.done(lambda _: self.world.suggest_refused(round_, lawyer, colleague)):
            assert found.verbs == ["suggest_colleague"]
            self.world.suggest(round_, lawyer, colleague)

    @precondition(lambda self: self.world.rounds)
    @rule(which=which, who=which)
    def looks(self, which: int, who: int) -> None:
        """The citizen at how it stands, the lawyer at the desk."""
        round_, lawyer = self.a_round_and_a_lawyer(which, who)
        consultation = round_.consultation
        with self.database.read() as session:
            shown = progress_of(session, session.get_one(m.Consultation, consultation.id))
            waiting = {each.view.id for each in desk.waiting_rounds(session, lawyer.id)}
        assert [each.id for each in shown.lawyers] == consultation.answerers
        assert shown.state == consultation.state
        assert shown.rated == (consultation.closings in consultation.ratings)
        asked = next((each for each in reversed(consultation.rounds) if each.state == "open"), consultation.rounds[-1])
        assert (shown.round.number, shown.round.answered) == (asked.number, asked.answered)
        assert waiting == {each.id for each in self.world.rounds if each.state == "open" and lawyer.id in each.pushes}
        self.note("progress_of, waiting_rounds")

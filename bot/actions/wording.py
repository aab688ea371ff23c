"""What the service says about its own work: who has the question, how long it may take. Facts from the record, in plain words."""

from collections.abc import Sequence
from urllib.parse import quote
from uuid import UUID

from core.clock import now
from escalation.call_backs import CALL_BACK
from escalation.progress import Progress
from escalation.replies import Choice, Citation, Reply
from knowledge_base.search import Hit, SearchResult

SHOWN_ARTICLES = 3


def answer(result: SearchResult, about: str) -> Reply:
    """A card with the articles it rests on; else the articles themselves, the best one in the text.

    `about` is the id of the question, for the button that asks lawyers.
    """
    if result.card is not None:
        text, shown = result.card.answer, result.hits[: result.card.citations]
    else:
        best, shown = result.hits[0], result.hits[:SHOWN_ARTICLES]
        more = f"\n\n相关的还有 {len(shown) - 1} 条，点开可以看原文。" if len(shown) > 1 else ""
        text = f"{name_of(best)}规定：\n{best.text}{more}"
    return Reply(
        kind="answer",
        text=text,
        citations=[citation(hit) for hit in shown],
        choices=[Choice(title="解决了", payload="/satisfied"), ask_lawyers(about)],
        confidence=round(result.confidence, 4),
    )


def which_reading(choices: Sequence[str], about: str) -> Reply:
    """A question back: what was asked can mean two things that different law answers."""
    return Reply(
        kind="clarify",
        text="您问的是下面哪一种？点一个，或者再说详细些。",
        choices=[*(Choice(title=each, payload=each) for each in choices), ask_lawyers(about)],
        expects="reading",
    )


def ask_lawyers(about: str) -> Choice:
    return Choice(title="转律师", payload=f'/ask_person{{"about": "{about}"}}')


def citation(hit: Hit) -> Citation:
    return Citation(
        law=hit.law,
        article=hit.article,
        text=hit.text,
        version=hit.version,
        status=hit.status,
        effective_from=hit.effective_from.isoformat() if hit.effective_from else None,
        region=hit.region,
        url=hit_url(hit),
    )


def hit_url(hit: Hit) -> str:
    """The page of a hit's article; empty where this machine does not hold the law."""
    return article_url(hit.law_id, hit.article) if hit.held else ""


def article_url(law_id: UUID, article: str) -> str:
    """The page of an article, on this site."""
    return f"/laws/{law_id}/articles/{quote(article)}"


def name_of(hit: Hit) -> str:
    return f"《{hit.law}》{hit.article}"


_SENT = "解答一到就发给您。"
_WHERE = {
    "web": "解答一到就显示在这里。您可以先离开，稍后回到这个页面查看。",
    "kiosk": "不用在这里等：按“结束”拿取件码，解答到了用手机看。",
}


def handed_over(progress: Progress, channel: str) -> Reply:
    """A first question has gone to the lawyers: the number, who has it, what happens next and when, and where to see it."""
    if progress.round.pushed == 0:
        said = (
            f"您的问题已经登记，咨询编号 {progress.number}。眼下平台上没有可以接收的律师，我们会一直保留您的问题，"
            "有律师上线就推送给他们。事情紧急的话，请拨打 12348 法律服务热线。"
        )
    else:
        said = (
            f"您的问题已转给律师，咨询编号 {progress.number}。\n"
            f"已推送给{_circle(progress)} {progress.round.pushed} 位，"
            f"我们的目标是 {minutes(progress.round.promised_seconds)}内至少有 {progress.round.quorum} 位律师解答；"
            "人手不够时会推送给更多律师。\n"
            f"{_WHERE.get(channel, _SENT)}您可以随时补充情况。"
        )
    return Reply(kind="handoff", text=said, choices=[Choice(title="还有多久", payload="/wait_time")])


def follow_up_sent(progress: Progress, names: Sequence[str]) -> Reply:
    """A follow-up has gone out, or an addition to the question that waits."""
    if not progress.lawyers:
        return Reply(
            kind="notice",
            text=f"已补充到咨询 {progress.number} 里，律师会一并看到。",
            choices=[Choice(title="还有多久", payload="/wait_time")],
        )
    return Reply(
        kind="handoff",
        text=f"您的追问已转给{'、'.join(map(lawyer_title, names))}。{minutes(progress.round.widened_after_seconds)}内没有回复，会再推送给更多律师。",
        choices=[Choice(title="还有多久", payload="/wait_time"), Choice(title="满意，结束咨询", payload="/satisfied")],
    )


def waiting(progress: Progress) -> Reply:
    """How long it may still take, and where it stands."""
    round_ = progress.round
    if progress.state == "closed":
        said = f"咨询 {progress.number} 已经结束。您再写一句就会重新打开。"
    elif round_.state == "referred":
        said = f"咨询 {progress.number}：{referred(progress)}"
    elif round_.state != "open":
        said = f"咨询 {progress.number} 已有 {len(progress.lawyers)} 位律师解答。您可以继续追问，也可以结束咨询。"
    else:
        left = (round_.deadline - now()).total_seconds()
        when = f"大约还有 {minutes(left)}" if left > 0 else "已经超过我们承诺的时间，很抱歉，我们在继续催请"
        writing = f"，{round_.writing} 位正在书写" if round_.writing else ""
        said = (
            f"咨询 {progress.number}：已推送给 {round_.pushed} 位律师，{round_.answered} 位已解答"
            f"（目标 {round_.quorum} 位）{writing}。{when}。"
        )
    return Reply(kind="notice", text=said)


def referred(progress: Progress) -> str:
    """A lawyer has said that another office helps, and what the citizen can still do."""
    answered = f"已有 {len(progress.lawyers)} 位律师解答；" if progress.lawyers else ""
    return f"{answered}律师建议这件事找{progress.round.referred_to}。仍想听律师的意见，接着写就可以。"


def ask_phone(reason: str, left_before: bool) -> Reply:
    """The citizen wants to be called: the number, please."""
    again = "您留过电话了，再写一个，就按新的号码打。" if left_before else ""
    return Reply(
        kind="prompt",
        text=f"{again}请写下您的电话号码，手机号或带区号的座机号都可以。号码加密保存，只有给您回电的工作人员能看到。",
        choices=_or_wait(reason),
        expects="phone",
    )


def ask_phone_again(reason: str, about: str) -> Reply:
    """What came was no number. It is not lost: one button makes it a question for the lawyers."""
    return Reply(
        kind="prompt",
        text="没有认出电话号码。要我们回电，请再写一次：11 位手机号，或带区号的座机号，例如 0474-8888888。"
        "刚才写的是想问律师的话，请点“转给律师”。",
        choices=[Choice(title="转给律师", payload=f'/follow_up{{"about": "{about}"}}'), *_or_wait(reason)],
        expects="phone_again",
    )


def call_back_noted(masked: str, number: str, reason: str) -> Reply:
    """The number has been taken down: what happens next. `number`: the consultation's."""
    also = "律师的解答一到，照样显示在这里。" if reason == "broken_promise" else "您接着写，咨询会重新打开。"
    return Reply(
        kind="notice",
        text=f"已记下您的电话 {masked}。主管人员看到后会给您回电，说的是咨询 {number}；我们不会在电话里要您转账或报验证码。{also}",
        choices=[Choice(title="换一个号码", payload=CALL_BACK), *_or_wait(reason)],
    )


def rated(level_name: str, bad: bool) -> Reply:
    """The rating has been taken down; after a bad one a supervisor looks into it, and calls if the citizen wishes."""
    if not bad:
        return Reply(kind="notice", text=f"已记下您的评价：{level_name}。谢谢您。")
    return Reply(
        kind="notice",
        text=f"已记下您的评价：{level_name}。对不起，没有让您满意。主管人员会查看这次咨询；愿意的话，您可以留下电话，由他们给您回电。",
        choices=[Choice(title="请给我回电话", payload=CALL_BACK)],
    )


def _or_wait(reason: str) -> list[Choice]:
    return [Choice(title="继续等律师", payload="/wait_time")] if reason == "broken_promise" else []


def lawyer_title(name: str) -> str:
    """How a lawyer is called: 陈晓梅律师."""
    return name if name.endswith("律师") else f"{name}律师"


def minutes(seconds: float) -> str:
    """A length of time as one says it: 3 分钟, 45 秒."""
    if seconds < 60:
        return f"{max(1, round(seconds))} 秒"
    return f"{round(seconds / 60)} 分钟"


def _circle(progress: Progress) -> str:
    return {
        "city": f"{progress.region_name}的法律顾问",
        "province": "全省（区）的律师",
        "nation": "全国平台的律师",
    }.get(progress.round.tier, "律师")

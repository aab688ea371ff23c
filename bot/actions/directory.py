"""找律师 and 学法律: who answers here, and the reviewed questions by category."""

from collections.abc import Sequence

from sqlalchemy import select

from bot.actions.turn import Turn
from bot.actions.wording import lawyer_title
from core.regions import NATION, ancestor, full_name, regions_in
from escalation.models import Lawyer
from escalation.places import lies_in
from escalation.replies import Choice, Reply
from knowledge_base.cards.browse import categories_with_cards, titles_in

_SHOWN = 5
_MOST = 2000
_QUESTIONS = 8
_LANGUAGES = ("蒙古语", "藏语", "维吾尔语", "哈萨克语", "朝鲜语", "彝语", "傣语", "壮语", "俄语", "英语")
_SPOKEN = {"蒙语": "蒙古语", "蒙文": "蒙古语", "藏文": "藏语", "维语": "维吾尔语"}
_MATTERS = {
    "婚姻家庭": ("离婚", "抚养", "家暴", "彩礼", "婚姻", "继承"), "劳动": ("工资", "工伤", "辞退", "劳动", "社保"),
    "交通事故": ("车祸", "交通"), "合同": ("合同", "欠款", "借款", "欠钱"), "刑事": ("刑事", "拘留", "被抓"),
    "房产": ("房子", "房产", "物业", "拆迁"), "土地草场": ("土地", "草场", "承包"), "行政": ("行政", "处罚", "复议"),
}  # fmt: skip


def find_lawyer(turn: Turn) -> list[Reply]:
    """Lawyers of the place, those first who do such matters and speak the language that was named."""
    named = [] if turn.pressed else regions_in(turn.text, spoken=True)
    region = named[0].code if len(named) == 1 else turn.region
    if region == NATION:
        text = "您想在哪里找律师？请写旗县或城市的名字，例如“集宁区”。也可以直接写下问题，由律师在这里解答，不收费。"
        return [Reply(kind="prompt", text=text, choices=[_ASK])]
    city = ancestor(region, "prefecture") or region
    text = "" if turn.pressed else turn.text
    language = next((each for each in _LANGUAGES if each in text), "") or next(
        (name for spoken, name in _SPOKEN.items() if spoken in text), ""
    )
    matter = next((name for name, words in _MATTERS.items() if name in text or any(word in text for word in words)), "")
    with turn.services.database.read() as session:
        statement = select(Lawyer).where(Lawyer.active, lies_in(Lawyer, city)).order_by(Lawyer.licence).limit(_MOST)
        lawyers = session.execute(statement).scalars().all()
    if language:
        lawyers = [each for each in lawyers if language in each.languages]
    fits = [each for each in lawyers if matter and _does(each, matter)]
    # Nobody always stands first: the day turns the list.
    turned = _turned(fits, turn) + _turned([each for each in lawyers if each not in fits], turn)
    wanted = "、".join(filter(None, (full_name(city), matter, f"会{language}" if language else "")))
    if not turned:
        text = f"平台上还没有登记{wanted}的律师。写下您的问题，会推送给更大范围的律师；司法部“12348 中国法网”也可以查律师。"
        return [Reply(kind="notice", text=text, choices=[_ASK])]
    lines = [_line(each) for each in turned[:_SHOWN]]
    more = f"等 {len(turned)} 位" if len(turned) > _SHOWN else ""
    said = (
        f"{wanted}的律师{more}：\n"
        + "\n".join(lines)
        + "\n写下您的问题，他们会在这里解答，不收费；要委托代理，再按解答里的姓名和律所联系。"
    )
    return [
        Reply(
            kind="menu",
            text=said,
            choices=[_ASK, Choice(title="申请法律援助", payload='/apply{"service": "legal_aid"}')],
        )
    ]


def learn_law(turn: Turn) -> list[Reply]:
    """The categories of reviewed questions, or the questions of the one chosen: each is answered when it is pressed."""
    category = turn.entities.get("category", "") if turn.pressed else ""
    with turn.services.database.read() as session:
        categories = categories_with_cards(session, turn.region)
        questions = titles_in(session, category, turn.region) if category in categories else []
    if questions:
        start = _whole(turn.entities.get("from", "0")) % len(questions)
        shown = questions[start : start + _QUESTIONS]
        choices = [Choice(title=each, payload=each) for each in shown]
        if len(questions) > _QUESTIONS:
            after = (start + _QUESTIONS) if start + _QUESTIONS < len(questions) else 0
            choices.append(Choice(title="换一批", payload=f'/learn_law{{"category": "{category}", "from": {after}}}'))
        return [Reply(kind="menu", text=f"{category}：点一个看答案和法条，或直接写您想问的。", choices=choices)]
    text = "学法律：直接写下想了解的事或法条，例如“试用期最长多久”“劳动合同法第十九条”，我找出现行有效的条文。也可以按类看："
    return [Reply(kind="menu", text=text, choices=[_category(each) for each in categories])]


_ASK = Choice(title="写下问题问律师", payload="/ask_person")


def _category(name: str) -> Choice:
    return Choice(title=name, payload=f'/learn_law{{"category": "{name}"}}')


def _does(lawyer: Lawyer, matter: str) -> bool:
    words = (matter, *_MATTERS[matter])
    return any(word in specialty or specialty in word for specialty in lawyer.specialties for word in words)


def _turned(lawyers: Sequence[Lawyer], turn: Turn) -> list[Lawyer]:
    start = turn.message.created_at.toordinal() % len(lawyers) if lawyers else 0
    return [*lawyers[start:], *lawyers[:start]]


def _line(lawyer: Lawyer) -> str:
    parts = [lawyer.firm, f"专长 {'、'.join(lawyer.specialties)}" if lawyer.specialties else ""]
    parts.append(f"语言 {'、'.join(lawyer.languages)}" if set(lawyer.languages) - {"汉语"} else "")
    return f"{lawyer_title(lawyer.name)}（{'，'.join(filter(None, parts)) or '执业律师'}）"


def _whole(written: str) -> int:
    return int(written) if written.isdigit() else 0

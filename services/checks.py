"""What can be said of a form before it is sent: who gets legal aid without a means test, what is late, what will not be taken.

Each says only what the articles that it names say; whether to send the form stays the citizen's decision.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from services.requests import RECONSIDERATION_DAYS

LEGAL_AID = "法律援助法"
_ONE_YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Check:
    text: str
    articles: tuple[tuple[str, str], ...] = ()
    """Law and article that it rests on."""


def check(service: str, known: Mapping[str, Any], before: Mapping[str, Any], today: date) -> Check | None:
    """What is to be said now that these values are known and was not to be said `before`; None for nothing."""
    found = _CHECKS[service](known, today) if service in _CHECKS else None
    return found if found is not None and found != _CHECKS[service](before, today) else None


def _legal_aid(values: Mapping[str, Any], _today: date) -> Check | None:
    """法律援助法 31, 32, 42; 军人地位和权益保障法 61."""
    matter, group = values.get("matter"), values.get("group")
    if matter is None or group is None:
        return None
    if matter == "violence":
        said = "遭受家庭暴力、虐待、遗弃的受害人主张相关权益，申请法律援助不受经济困难条件的限制。"
        return Check(said, ((LEGAL_AID, "第三十二条"),))
    if matter == "criminal":
        said = (
            "刑事案件里，未成年人、视力听力言语残疾人、可能判无期徒刑或死刑的人等没有委托辩护人的，办案机关应当通知法律援助机构指派律师。"
            "其他人因经济困难没有辩护人的，可以申请。"
        )
        return Check(said, ((LEGAL_AID, "第二十五条"), (LEGAL_AID, "第二十四条")))
    if group == "migrant_worker" and matter in ("wages", "work_injury"):
        said = "进城务工人员申请支付劳动报酬、请求工伤赔偿，免予核查经济困难状况，要有证明身份的材料。"
        return Check(_with_wages(said, matter), ((LEGAL_AID, "第四十二条"), (LEGAL_AID, "第三十一条")))
    if group == "relief":
        said = "社会救助、司法救助或优抚对象申请法律援助，免予核查经济困难状况，带上低保证等材料就行。"
        return Check(_with_wages(said, matter), ((LEGAL_AID, "第四十二条"),))
    if group in ("elderly", "minor", "disabled"):
        said = "没有固定生活来源的老年人、未成年人、残疾人申请法律援助，免予核查经济困难状况；有固定收入的，由法律援助机构核查。"
        return Check(_with_wages(said, matter), ((LEGAL_AID, "第四十二条"), (LEGAL_AID, "第三十一条")))
    if group == "military":
        said = "军人、军人家属和烈士、因公牺牲军人、病故军人的遗属维权遇到困难的，法律援助机构应当优先提供法律援助。"
        return Check(_with_wages(said, matter), (("军人地位和权益保障法", "第六十一条"),))
    if values.get("means") == "no":
        said = "这类事项的法律援助一般要求经济困难。您说家里不困难，申请可能不获批准；仍可以提交，也可以直接问这里的律师，不收费。"
        return Check(said, ((LEGAL_AID, "第三十一条"),))
    said = "这类事项，因经济困难没有委托律师的，可以申请法律援助；经济状况由法律援助机构核查，也可以个人诚信承诺。"
    return Check(_with_wages(said, matter), ((LEGAL_AID, "第三十一条"), (LEGAL_AID, "第四十一条")))


def _with_wages(said: str, matter: str) -> str:
    if matter != "wages":
        return said
    return f"{said}拖欠工资还可以同时向当地劳动保障监察机构投诉（电话 12333），两件事不冲突。"


def _reconsideration(values: Mapping[str, Any], today: date) -> Check | None:
    """行政复议法 20."""
    if not values.get("learned_on"):
        return None
    last = date.fromisoformat(values["learned_on"]) + timedelta(days=RECONSIDERATION_DAYS)
    rests_on = (("行政复议法", "第二十条"),)
    if last < today:
        said = (
            f"行政复议一般要在知道决定之日起六十日内申请，从您说的日子算，到{_day(last)}已经过了。"
            "没有告诉您复议权利和期限、有不可抗力等正当理由的，期限另算；请在理由里写明。"
        )
    else:
        said = f"行政复议一般要在知道决定之日起六十日内申请，从您说的日子算，最后一天是{_day(last)}，还有 {(last - today).days} 天。"
    return Check(said, rests_on)


def _arbitration(values: Mapping[str, Any], today: date) -> Check | None:
    """劳动争议调解仲裁法 27; 仲裁法 4."""
    if values.get("agreement") == "no":
        said = "合同纠纷没有书面仲裁协议的，仲裁机构不予受理，可以向法院起诉，或先申请人民调解。"
        return Check(said, (("仲裁法", "第四条"),))
    if (
        values.get("kind") == "labour"
        and values.get("since")
        and date.fromisoformat(values["since"]) + _ONE_YEAR < today
    ):
        said = (
            "劳动争议申请仲裁的时效是一年，您说的时间已经超过一年。还在职的欠薪不受一年限制；"
            "向单位要过、向有关部门投诉过的，时效从那时重新计算。请把这些写进理由。"
        )
        return Check(said, (("劳动争议调解仲裁法", "第二十七条"),))
    return None


def _day(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"


_CHECKS: dict[str, Callable[[Mapping[str, Any], date], Check | None]] = {
    "legal_aid": _legal_aid, "reconsideration": _reconsideration, "arbitration": _arbitration,
}  # fmt: skip

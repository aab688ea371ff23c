"""The services of the menu: what each is, who may, what to bring. Facts of national law and practice; places come with the offices."""

from collections.abc import Sequence
from dataclasses import dataclass

from escalation.replies import Choice, Reply
from services.forms import load_forms
from services.models import Office
from services.offices import office_lines

ASK_LAWYERS = Choice(title="问律师", payload="/ask_person")
WHAT_ELSE = Choice(title="还能办什么", payload="/what_can_you_do")


@dataclass(frozen=True, slots=True)
class ServiceInfo:
    intent: str
    name: str
    text: str


MENU = (
    ServiceInfo(
        "learn_law",
        "学法律",
        "学法律：直接写下您想了解的事或法条，例如“试用期最长多久”“劳动合同法第十九条”，我会找出现行有效的条文给您看。",
    ),
    ServiceInfo(
        "find_lawyer",
        "找律师",
        "找律师：写下您遇到的事，本市的法律顾问会在这里解答，您不必先知道找谁。要委托律师代理案件，可凭解答中的姓名和律所名称联系；"
        "律师是否执业，可拨 12348 核实。",
    ),
    ServiceInfo(
        "legal_aid",
        "求法援",
        "法律援助：经济困难的公民，请求工伤或交通事故赔偿、劳动报酬、赡养抚养费等事项时，可以申请由律师免费代理。"
        "进城务工人员讨薪、要工伤赔偿的，免予核查经济状况；受虐待、遗弃或家庭暴力的受害人不受经济困难条件限制；军人军属优先。"
        "一般要带：身份证、申请表、与事情有关的材料。可以在这里申请，也可以到当地法律援助中心办理，或拨 12348。",
    ),
    ServiceInfo(
        "mediation",
        "约调解",
        "人民调解：邻里、家庭、欠款、物业、损害赔偿等民间纠纷都可以申请，不收费，双方自愿。"
        "要说明双方是谁、为什么事、在哪里、怎么联系。可到村（居）、乡镇（街道）人民调解委员会，或拨 12348。"
        "调解协议可以在三十日内一起向法院申请司法确认。",
    ),
    ServiceInfo(
        "notary",
        "办公证",
        "公证：遗嘱、继承、委托、房产、学历、出国用的证明等都可以办。一般要带：身份证、户口簿、与公证事项有关的证明。"
        "委托、声明、遗嘱、收养等要本人到场。可到住所地、行为地或不动产所在地的公证处办理。",
    ),
    ServiceInfo(
        "appraisal",
        "问鉴定",
        "司法鉴定：伤残、亲子、笔迹、医疗损害等。打官司用的鉴定一般由法院委托，或双方商定鉴定机构；先自己做的，对方可能不认。"
        "一般要带：身份证、病历或检材、委托书。鉴定机构名册可向当地司法局查询，或拨 12348。",
    ),
    ServiceInfo(
        "arbitration",
        "询仲裁",
        "仲裁有两种：劳动争议先到劳动合同履行地或单位所在地的劳动人事争议仲裁委员会申请，不收费，一般要在一年内提出；"
        "合同等商事纠纷，双方有书面仲裁协议的，到约定的仲裁委员会申请。一般要带：申请书、身份证明、合同等证据。",
    ),
    ServiceInfo(
        "quick_answer",
        "快解答",
        "快解答：请直接写下您的问题，说说发生了什么、什么时候、您想怎么样。能马上回答的马上回答，其余转给律师。",
    ),
    ServiceInfo(
        "reconsideration",
        "行政复议",
        "行政复议：认为行政机关的处罚、强制措施、许可等侵犯了您的合法权益，一般可以自知道之日起六十日内申请复议，不收费。"
        "要写明您是谁、被申请的机关、请求和理由，并附上行政决定书。一般向本级人民政府的行政复议机构申请。",
    ),
    ServiceInfo(
        "enforcement_complaint",
        "执法监督",
        "投诉执法：对执法人员不出示证件、乱罚款、态度粗暴等，可以说明是哪个机关、什么时候、什么事，向同级司法局的行政执法监督机构反映，"
        "也可拨 12345。对处罚决定本身不服，可以申请行政复议。",
    ),
)

# Buttons that a page may always show: pressing one is a choice, though no message of the conversation offered it.
STANDING = {
    choice.payload: choice
    for choice in (
        *(Choice(title=each.name, payload=f"/{each.intent}") for each in MENU),
        Choice(title="满意，结束咨询", payload="/satisfied"),
        Choice(title="您好", payload="/greet"),
        Choice(title="我的咨询", payload="/past_consultations"),
        Choice(title="办到哪了", payload="/request_status"),
    )
}

_HOTLINE = ServiceInfo(
    "government_hotline",
    "12345",
    "这件事归政府部门办，不是法律问题，可以直接拨 12345 政务服务便民热线，也可以在这里登记，我们转过去。",
)
_APPLY = {
    "notary": "在线预约",
    "appraisal": "在线预约",
    "enforcement_complaint": "在线投诉",
    "government_hotline": "在这里登记",
}
_BY_INTENT = {service.intent: service for service in (*MENU, _HOTLINE)}
SERVICE_INTENTS = frozenset(_BY_INTENT)


def describe(intent: str, offices: Sequence[Office] = ()) -> Reply:
    """What this service is, where it is to be had, and what to do next."""
    where = "".join(f"\n{office_lines(office)}" for office in offices)
    apply = [Choice(title=_APPLY.get(intent, "在线申请"), payload=f'/apply{{"service": "{intent}"}}')]
    return Reply(
        kind="menu",
        text=f"{_BY_INTENT[intent].text}{where}",
        choices=[*(apply if intent in load_forms() else []), ASK_LAWYERS, WHAT_ELSE],
    )


def menu(opening: str) -> Reply:
    """All services as buttons, after an opening sentence."""
    return Reply(
        kind="menu", text=opening, choices=[Choice(title=each.name, payload=f"/{each.intent}") for each in MENU]
    )

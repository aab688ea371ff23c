"""Names of laws: one spelling for each, and the short forms that people use.

A law is the same law with or without 中华人民共和国, book-title marks, spaces or half-width brackets.
"""

import re

from knowledge_base.text import normalise

_SPACES = re.compile(r"\s+")

# What people call a law when it is neither its name nor its name without 中华人民共和国. Only names with one meaning.
ALIASES: dict[str, str] = {
    "消法": "消费者权益保护法",
    "消保法": "消费者权益保护法",
    "消费者保护法": "消费者权益保护法",
    "消费者权益法": "消费者权益保护法",
    "交通安全法": "道路交通安全法",
    "道交法": "道路交通安全法",
    "交安法": "道路交通安全法",
    "道路安全法": "道路交通安全法",
    "治安处罚法": "治安管理处罚法",
    "治安法": "治安管理处罚法",
    "治安管理法": "治安管理处罚法",
    "个保法": "个人信息保护法",
    "个人信息法": "个人信息保护法",
    "未保法": "未成年人保护法",
    "未成年保护法": "未成年人保护法",
    "妇女权益法": "妇女权益保障法",
    "妇女保护法": "妇女权益保障法",
    "老年人保护法": "老年人权益保障法",
    "老年人权益法": "老年人权益保障法",
    "老年法": "老年人权益保障法",
    "残保法": "残疾人保障法",
    "反家暴法": "反家庭暴力法",
    "家暴法": "反家庭暴力法",
    "民诉法": "民事诉讼法",
    "刑诉法": "刑事诉讼法",
    "行诉法": "行政诉讼法",
    "劳动仲裁法": "劳动争议调解仲裁法",
    "劳动争议仲裁法": "劳动争议调解仲裁法",
    "调解仲裁法": "劳动争议调解仲裁法",
    "房产管理法": "城市房地产管理法",
    "房地产管理法": "城市房地产管理法",
    "土地承包法": "农村土地承包法",
    "居委会组织法": "城市居民委员会组织法",
    "居民委员会组织法": "城市居民委员会组织法",
    "村委会组织法": "村民委员会组织法",
    "破产法": "企业破产法",
    "社保法": "社会保险法",
    "反诈法": "反电信网络诈骗法",
    "反电诈法": "反电信网络诈骗法",
    "网安法": "网络安全法",
    "电商法": "电子商务法",
    "义教法": "义务教育法",
    "环保法": "环境保护法",
    "生态环境法": "生态环境法典",
    "劳合法": "劳动合同法",
    "法援法": "法律援助法",
    "基本医疗法": "基本医疗卫生与健康促进法",
    "职业病法": "职业病防治法",
    "工伤条例": "工伤保险条例",
    "公积金条例": "住房公积金管理条例",
    "农民工工资条例": "保障农民工工资支付条例",
    "欠薪条例": "保障农民工工资支付条例",
    "年休假条例": "职工带薪年休假条例",
    "物业条例": "物业管理条例",
}

# Laws that the civil code and others replaced and that people still cite. No source has their text, so an article of
# theirs that is asked for is known to be one and is not answered with whatever resembles it.
FORMER = (
    "婚姻法", "继承法", "合同法", "物权法", "侵权责任法", "担保法", "收养法", "民法通则", "民法总则", "行政监察法",
    "执业医师法", "学位条例",
)  # fmt: skip


def normalise_name(name: str) -> str:
    """The name as we store it: no outer book-title marks, no spaces, full-width brackets."""
    name = _SPACES.sub("", normalise(name)).replace("(", "（").replace(")", "）")
    while name.startswith("《") and name.endswith("》") and name.count("《") == 1:
        name = name[1:-1]
    return name


def short_name(name: str) -> str:
    """The name by which a law is known to be the same: without 中华人民共和国, wherever it stands."""
    shortened = normalise_name(name).replace("中华人民共和国", "")
    return shortened or normalise_name(name)


def resolve_alias(name: str) -> str:
    """The short name that `name` stands for; itself where it is no alias."""
    short = short_name(name)
    return ALIASES.get(short, short)


_CEREMONY = re.compile(
    r"最高人民法院|最高人民检察院|公安部|司法部|关于|适用|审理|若干|问题|案件|法律|应用|具体|司法|民法典(?=.)|[《》（）、的]"
)


def abridge(name: str) -> str:
    """婚姻家庭编一 for 最高人民法院关于适用《民法典》婚姻家庭编的解释（一）: what all names of an interpretation come to.

    Empty for what is no interpretation's name.
    """
    short = short_name(name)
    if not re.search(r"(?:解释|规定|批复|意见)(?:（?[一二三四五六]）?)?$", short):
        return ""
    for alias in ("民诉法", "刑诉法", "行诉法"):
        short = short.replace(alias, resolve_alias(alias))
    # 民间借贷司法解释 is what people call the 规定 on 民间借贷.
    return re.sub(r"(?:解释|规定|批复|意见)(?=[一二三四五六]?$)", "", _CEREMONY.sub("", short))

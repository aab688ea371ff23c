"""What a citizen wants, without Rasa: buttons are exact, a few whole messages are plain, all the rest is a question."""

import json
import re

_PAYLOAD = re.compile(r"/(\w+)\s*(\{.*\})?\s*", re.DOTALL)
_FILLER = re.compile(r"\W|[了吧啊呀呢哦的]+\W*$")

_PLAIN = {
    "greet": ("你好", "您好", "在吗", "hi", "hello", "喂"),
    "thanks": ("谢谢", "谢谢您", "多谢", "感谢"),
    "goodbye": ("再见", "拜拜"),
    "satisfied": ("满意", "很满意", "非常满意", "解决", "明白", "没问题"),
    "not_satisfied": ("不满意", "没解决", "没有解决", "没用"),
    "ask_person": ("转律师", "人工", "转人工", "律师", "找律师", "我要律师", "要律师"),
    "wait_time": ("还有多久", "还要多久", "还要等多久", "多久"),
    "call_back": ("请给我回电话", "给我回电话", "给我回电", "请回电", "回电话", "请给我打电话", "给我打电话"),
    "affirm": ("是", "是的", "对", "对的", "可以", "行", "确认", "没错", "提交", "确认提交"),
    "deny": ("不是", "不对", "不用", "不用了", "不需要"),
    "leave": ("算了", "先不填", "不填", "不办", "退出", "返回", "取消"),
    "resume": ("继续", "接着填", "继续填", "接着办"),
    "request_status": ("办到哪", "进度", "查进度", "申请到哪一步", "办理进度"),
    "past_consultations": ("以前的咨询", "咨询记录", "历史记录", "我的咨询"),
    "government_hotline": ("12345", "打12345", "转12345"),
    "what_can_you_do": ("菜单", "帮助", "你能做什么", "能办什么"),
    "legal_aid": ("法律援助", "求法援"),
    "mediation": ("调解", "约调解"),
    "notary": ("公证", "办公证"),
    "appraisal": ("鉴定", "问鉴定"),
    "arbitration": ("仲裁", "询仲裁"),
}
_BY_WORDS = {words: intent for intent, all_words in _PLAIN.items() for words in all_words}


def parse_payload(payload: str) -> tuple[str, dict[str, str]]:
    """A button's payload as intent and entities: ``/rate{"level": 5}`` → ("rate", {"level": "5"}). Raises ValueError."""
    match = _PAYLOAD.fullmatch(payload)
    if match is None:
        raise ValueError(payload)
    entities = json.loads(match[2]) if match[2] else {}
    return match[1], {name: str(value) for name, value in entities.items()}


def understand(text: str, payload: str | None) -> tuple[str, dict[str, str]]:
    """Intent and entities of a message."""
    if payload is not None:
        try:
            return parse_payload(payload)
        except ValueError:
            return "legal_question", {}
    return _BY_WORDS.get(_FILLER.sub("", text.lower()), "legal_question"), {}

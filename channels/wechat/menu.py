"""The account's menu 自定义菜单: the services, each a button that says what it stands for.

https://developers.weixin.qq.com/doc/service/api/custommenu/api_createcustommenu.html
"""

from typing import Any

_MENU = {
    "问律师": (("快解答", "quick_answer"), ("找律师", "find_lawyer"), ("我的咨询", "past_consultations"), ("学法律", "learn_law")),
    "办事": (
        ("求法援", "legal_aid"), ("约调解", "mediation"), ("办公证", "notary"), ("问鉴定", "appraisal"), ("询仲裁", "arbitration"),
    ),
    "更多": (
        ("行政复议", "reconsideration"), ("执法监督", "enforcement_complaint"), ("12345", "government_hotline"),
        ("办到哪了", "request_status"),
    ),
}  # fmt: skip


def menu() -> dict[str, Any]:
    """The menu as the platform wants it: at most three buttons, at most five below each."""
    return {
        "button": [
            {
                "name": name,
                "sub_button": [{"type": "click", "name": title, "key": f"/{intent}"} for title, intent in below],
            }
            for name, below in _MENU.items()
        ]
    }

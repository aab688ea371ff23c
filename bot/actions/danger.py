"""Danger now: words that bring the numbers to call before anything else, whatever a model made of the message.

A net under Rasa's intent `danger`, not its replacement: only phrases that hardly ever mean anything else.
"""

import re

_NOW = re.compile(
    r"(正在|现在|刚刚?)[^。！？]{0,8}(打我|砍|捅|掐我|追我|撞门|砸门|绑架)"
    r"|[他她人公夫婆][^。！？，,]{0,4}(在|正)[^。！？，,]{0,4}(砸|撞|踹|堵)(着|我家|我)?门"
    r"|(要|想|说要?)(杀了?我|弄死我|砍死我|打死我)"
    r"|不想活|活不下去|想(自杀|死了算了|跳楼|轻生)|要(自杀|跳楼|喝农药)|结束(自己的|我的)生命|割腕"
    r"|(孩子|娃|女儿|儿子|闺女|老人|小孩)[^。！？]{0,4}(不见了|走丢了?|丢了|失踪)"
    r"|(把我|被人?|遭到)(关起来|锁起来|囚禁|绑架|拘禁)(了|着|在)?"
    r"|拿着?(刀|斧|枪)[^。！？]{0,6}(我|门口|家里)"
)

NUMBERS = (
    "如果您或身边的人现在有危险，请马上打电话：\n"
    "报警 110，急救 120；\n"
    "不方便说话时可以发短信到 12110；\n"
    "妇女维权 12338，青少年求助 12355，心理援助 12356；\n"
    "其他紧急求助 12345。\n"
    "先到安全的地方。您一个人难受的时候，也可以先给亲人或朋友打个电话。"
)


def speaks_of_danger(text: str) -> bool:
    """Whether the words say that somebody is in danger at this moment."""
    return _NOW.search(text) is not None

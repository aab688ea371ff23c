"""Carrying messages to citizens in WeChat: customer-service messages 客服消息, of which the platform allows few.

Five to each message of theirs, within 48 hours of it. So what several lawyers write goes out together, and the last one is
kept for asking how it was.
https://developers.weixin.qq.com/doc/service/api/customer/message/api_sendcustommessage.html
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from channels.adapter import AllowanceSpent, End, Parcel
from channels.links import thread_link
from channels.writing import plain, within_bytes
from core.database import Database
from core.settings import Settings
from escalation.media.wechat import OfficialAccount, judge
from escalation.models import Message

ALLOWANCE = 5
TEXT_BYTES = 2000
"""Of a text, in a reply and in a customer-service message: the platform takes 2,048."""
_WINDOW = timedelta(hours=48) - timedelta(minutes=10)
_BETWEEN = timedelta(seconds=60)
_AT_MOST = timedelta(minutes=10)
_LOOK_AGAIN = timedelta(seconds=20)
_SPENT = {45015, 45047}


class WeChatAdapter:
    channel = "wechat"

    def __init__(self, database: Database, settings: Settings) -> None:
        self._settings = settings
        self._account = OfficialAccount(settings)

    def pack(self, end: End, messages: Sequence[Message], at: datetime) -> Parcel | datetime | None:
        """All that waits, as one text. It waits on where more may come and few may still be sent."""
        left = ALLOWANCE - end.sent_since
        asks_for_rating = any(_asks_for_rating(message) for message in messages)
        if left <= 0 or at - end.heard_at > _WINDOW or (left == 1 and not asks_for_rating):
            return None
        answers = any(message.author == "lawyer" for message in messages)
        if answers and not asks_for_rating:
            since = at - messages[0].created_at
            if left == 2 and end.waiting and since < _AT_MOST:
                return at + _LOOK_AGAIN
            if end.sent_at is not None and at < end.sent_at + _BETWEEN:
                return end.sent_at + _BETWEEN
        content = as_text(messages, end.conversation_id.hex, self._settings)
        piece = {"touser": end.address, "msgtype": "text", "text": {"content": content}}
        return Parcel(end, messages, [piece], costs=1)

    def circuit(self, parcel: Parcel) -> str:
        return "wechat customers"

    async def send(self, parcel: Parcel) -> None:
        for piece in parcel.pieces:
            answer = await self._account.call("/cgi-bin/message/custom/send", piece)
            if answer.get("errcode") in _SPENT:
                raise AllowanceSpent
            judge(answer)

    async def close(self) -> None:
        await self._account.close()


def as_text(messages: Sequence[Message], conversation: str, settings: Settings) -> str:
    """Some bubbles as one text; what does not fit is behind a link to the whole thread."""
    answers = sum(message.author == "lawyer" for message in messages)
    head = f"有 {answers} 位律师的解答：\n\n" if answers > 1 else ""
    text = head + "\n\n".join(plain(message) for message in messages)
    if len(text.encode()) <= TEXT_BYTES:
        return text
    return within_bytes(text, TEXT_BYTES, f"……\n看全部：{thread_link(settings, conversation)}")


def _asks_for_rating(message: Message) -> bool:
    return any(choice["payload"].startswith("/rate") for choice in message.data.get("choices", ()))

"""How a gateway and we know each other: HMAC-SHA256 over timestamp, nonce and body, with a key that both hold.

    signature = hex(HMAC-SHA256(secret, timestamp + "\\n" + nonce + "\\n" + body))

`timestamp` is in seconds since 1970, `nonce` 8 to 64 characters that are used once. Both directions sign alike.
"""

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass

KEY, TIMESTAMP, NONCE, SIGNATURE = "X-Wenfa-Key", "X-Wenfa-Timestamp", "X-Wenfa-Nonce", "X-Wenfa-Signature"
SKEW_SECONDS = 300
_NONCE = re.compile(r"[A-Za-z0-9_.~+/=-]{8,64}")


class BadSignature(Exception):
    """Not from who it says, or too old. The message is Chinese, for whoever connects a gateway."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What a request claims."""

    key: str
    timestamp: str
    nonce: str
    signature: str

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> "Signed":
        """Raises BadSignature for headers that are missing or no such thing."""
        found = cls(*(headers.get(name, "") for name in (KEY, TIMESTAMP, NONCE, SIGNATURE)))
        if not (found.key and found.signature):
            raise BadSignature(f"请求头里缺少签名：{KEY}、{TIMESTAMP}、{NONCE}、{SIGNATURE}")
        if not found.timestamp.isascii() or not found.timestamp.isdigit() or len(found.timestamp) > 12:
            raise BadSignature(f"{TIMESTAMP} 应当是 1970 年以来的秒数")
        if not _NONCE.fullmatch(found.nonce):
            raise BadSignature(f"{NONCE} 应当是 8 到 64 个字母、数字或 _.~+/=-")
        return found

    def check(self, secret: str, body: bytes, at: float) -> None:
        """Raises BadSignature."""
        right = signature(secret, self.timestamp, self.nonce, body)
        if not hmac.compare_digest(right.encode(), self.signature.lower().encode()):
            raise BadSignature("签名不对")
        if abs(at - int(self.timestamp)) > SKEW_SECONDS:
            raise BadSignature("时间相差超过五分钟，请校准网关的时钟")


def signature(secret: str, timestamp: str, nonce: str, body: bytes) -> str:
    content = f"{timestamp}\n{nonce}\n".encode() + body
    return hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()


def sign(key: str, secret: str, body: bytes) -> dict[str, str]:
    """The headers of a request of ours. (By the machine's own clock: the other side holds it against theirs.)"""
    timestamp, nonce = str(int(time.time())), secrets.token_urlsafe(18)
    return {KEY: key, TIMESTAMP: timestamp, NONCE: nonce, SIGNATURE: signature(secret, timestamp, nonce, body)}

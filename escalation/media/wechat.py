"""WeChat template messages 微信模板消息, by the protocol of the official account platform 公众平台.

https://developers.weixin.qq.com/doc/service/api/notify/template/api_sendtemplatemessage.html
"""

import asyncio
import time
from collections.abc import Mapping

import httpx
from redis import RedisError

from core import live
from core.clock import local
from core.regions import full_name
from core.settings import Settings
from escalation.media.medium import DeliveryFailed, MediumUnavailable, Notice, Undeliverable

# What the platform answers with (全局返回码).
_TOKEN_REFUSED = {40001, 40014, 42001}
_NEVER = {
    40003: "openid 不对，或不属于这个公众号",
    43004: "对方没有关注公众号",
    43019: "对方在公众号的黑名单里",
    43101: "对方拒收消息",
}
_ACCOUNT = {
    40013: "AppID 不对",
    40037: "模板 ID 不对",
    40125: "AppSecret 不对",
    40164: "本机的出口 IP 不在公众号的白名单里",
    45009: "今天的调用次数已用完",
    45011: "调用太频繁",
    48001: "公众号没有模板消息的权限",
    48004: "接口被封禁",
}
_MARGIN_SECONDS = 300  # the platform renews so long before the end, while the old token still works
_LENGTHS = {"thing": 20, "character_string": 32, "phrase": 5}


class OfficialAccount:
    """Our official account 公众号 on the platform: calls with its access token, which is asked for anew when it is refused."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = httpx.AsyncClient(
            base_url=settings.wechat_api_base,
            timeout=httpx.Timeout(settings.delivery_timeout_s, pool=None),
            limits=httpx.Limits(max_connections=50, max_keepalive_connections=50),
            verify=httpx.create_ssl_context(),
            trust_env=False,  # no proxies but the one that the address names
        )
        self._token = AccessToken(self._client, settings)

    async def call(self, path: str, body: Mapping[str, object]) -> dict[str, object]:
        """The platform's answer, whatever that says. Raises DeliveryFailed when there is none."""
        if not (self._settings.wechat_app_id and self._settings.wechat_app_secret):
            raise MediumUnavailable("还没有设置微信公众号（WENFA_WECHAT_APP_ID、WENFA_WECHAT_APP_SECRET）")
        token = await self._token.get()
        answer = await call(self._client, path, body, access_token=token)
        if answer.get("errcode") in _TOKEN_REFUSED:
            await self._token.refused(token)
            answer = await call(self._client, path, body, access_token=await self._token.get())
        return answer

    async def close(self) -> None:
        await self._token.close()
        await self._client.aclose()


class WeChatTemplate:
    """Sends notices to the openid of each."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._fields = settings.wechat_field_names
        self._account = OfficialAccount(settings)

    def circuit(self, notice: Notice) -> str:
        return "wechat"

    async def send(self, notice: Notice) -> None:
        if not self._settings.wechat_template_id:
            raise MediumUnavailable(
                "还没有设置微信公众号或通知律师的模板（WENFA_WECHAT_APP_ID、…_APP_SECRET、…_TEMPLATE_ID）"
            )
        judge(await self._account.call("/cgi-bin/message/template/send", self._message(notice)))

    async def close(self) -> None:
        await self._account.close()

    def _message(self, notice: Notice) -> dict[str, object]:
        return {
            "touser": notice.address,
            "template_id": self._settings.wechat_template_id,
            "url": f"{self._settings.site_url}/desk/rounds/{notice.round_id}",
            "data": {
                field: {"value": value[: _LENGTHS.get(field.rstrip("0123456789"), 200)]}
                for name, value in _words(notice).items()
                if (field := self._fields.get(name))
            },
            # The platform shows one message for one such id, for ten minutes: that is longer than our first retries.
            "client_msg_id": notice.id.hex,
        }


class AccessToken:
    """The account's access token: shared over Redis, asked for by one process at a time, renewed before it ends.

    The stable interface is used: asked again it gives the same token, so that processes which cannot agree (no Redis) do not
    invalidate each other's, as they would with /cgi-bin/token.
    https://developers.weixin.qq.com/doc/service/api/base/api_getstableaccesstoken.html
    """

    def __init__(self, client: httpx.AsyncClient, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._redis = live.connect_async(settings)
        self._key = f"{live.PREFIX}wechat:token:{settings.wechat_app_id}"
        self._asking = asyncio.Lock()
        self._held = ""
        self._held_until = 0.0

    async def get(self) -> str:
        """Raises DeliveryFailed."""
        async with self._asking:
            if not self._held or time.monotonic() >= self._held_until:
                self._held, seconds = await self._shared()
                self._held_until = time.monotonic() + seconds
            return self._held

    async def refused(self, token: str) -> None:
        """The platform would not have this one: forget it, unless somebody has renewed it meanwhile."""
        if self._held == token:
            self._held = ""
        try:
            if await self._redis.get(self._key) == token:
                await self._redis.delete(self._key)
        except RedisError:
            return  # it holds nothing that we could use either

    async def close(self) -> None:
        await self._redis.aclose()

    async def _shared(self) -> tuple[str, float]:
        """The token and the seconds it is good for: the one in Redis, else a new one, left there for the others."""
        try:
            async with self._redis.lock(f"{self._key}:asking", timeout=30, blocking_timeout=15):
                found, left = await self._redis.get(self._key), await self._redis.pttl(self._key)
                if found and left > 0:
                    return str(found), left / 1000
                token, seconds = await self._ask()
                await self._redis.set(self._key, token, px=int(seconds * 1000))
                return token, seconds
        except RedisError:
            return await self._ask()

    async def _ask(self) -> tuple[str, float]:
        request = {
            "grant_type": "client_credential",
            "appid": self._settings.wechat_app_id,
            "secret": self._settings.wechat_app_secret,
        }
        answer = await call(self._client, "/cgi-bin/stable_token", request)
        if "access_token" not in answer:
            if answer.get("errcode") == 40001:
                raise MediumUnavailable("微信不给凭据：AppSecret 不对")
            judge(answer)
            raise DeliveryFailed("微信没有给出凭据")
        valid = float(str(answer.get("expires_in", 0)))
        return str(answer["access_token"]), max(valid - _MARGIN_SECONDS, valid / 2)


async def call(client: httpx.AsyncClient, path: str, body: Mapping[str, object], **query: str) -> dict[str, object]:
    """One call of the platform: its answer, whatever that says. Raises DeliveryFailed when there is none."""
    try:
        response = await client.post(path, params=query, json=body)
        response.raise_for_status()
        answer = response.json()
    except httpx.TimeoutException as error:
        raise DeliveryFailed("微信没有及时回应") from error
    except httpx.HTTPStatusError as error:
        raise DeliveryFailed(f"微信出错（{error.response.status_code}）") from error
    except httpx.HTTPError as error:
        raise DeliveryFailed("连不上微信") from error
    except ValueError as error:
        raise DeliveryFailed("微信的回应看不懂") from error
    if not isinstance(answer, dict):
        raise DeliveryFailed("微信的回应看不懂")
    return answer


def judge(answer: dict[str, object]) -> None:
    """Nothing for success; raises Undeliverable, MediumUnavailable or DeliveryFailed for what the platform complains of."""
    code = int(str(answer.get("errcode", 0)))
    if code == 0:
        return
    if code in _NEVER:
        raise Undeliverable(f"微信：{_NEVER[code]}（{code}）")
    if code in _ACCOUNT:
        raise MediumUnavailable(f"微信：{_ACCOUNT[code]}（{code}）")
    raise DeliveryFailed(f"微信：{answer.get('errmsg', '')}（{code}）"[:200])


def _words(notice: Notice) -> dict[str, str]:
    """What can be put into the fields of a template, by the names that WENFA_WECHAT_FIELDS uses."""
    alarm = notice.kind == "alarm"
    question = "追问" if notice.round > 1 else "咨询"
    manner = "紧急" if notice.urgent else "新的"
    return {
        "number": notice.consultation,
        "region": full_name(notice.region),
        "deadline": f"{local(notice.deadline):%Y-%m-%d %H:%M}",
        "matter": f"{question}已超过承诺时间，请尽快解答" if alarm else f"{manner}{question}等您解答",
        "status": "已超时" if alarm else "紧急" if notice.urgent else "待解答",
    }

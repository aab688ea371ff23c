"""Webhooks: JSON posted to an address that a lawyer's office gave, signed as standardwebhooks.com has it.

The address is theirs, so it is not trusted: our network would be open to whoever may enter one. It is resolved here, every
address is checked, and the connection goes to the very address that was checked. No redirect is followed.
"""

import asyncio
import binascii
import json
import socket
import ssl
from collections.abc import Iterable
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import httpcore
import httpx
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from core.regions import full_name
from core.security import Vault
from core.settings import Settings
from escalation.media.medium import DeliveryFailed, Notice, Rejected, Undeliverable

_TYPES = {"push": "round.pushed", "alarm": "promise.broken"}
# All the internet that is; outside lie addresses that stand for IPv4 ones (mapped, NAT64), which may be anything.
_IPV6_INTERNET = IPv6Network("2000::/3")
_READ_MAX_BYTES = 64 * 1024
_BUSY = {408, 425, 429}


class SignedWebhook:
    """Sends notices to the URL of each."""

    def __init__(self, settings: Settings) -> None:
        self._vault = Vault(settings)
        self._site = settings.site_url
        self._private = settings.webhook_private
        self._timeouts = dict.fromkeys(("connect", "read", "write", "pool"), settings.delivery_timeout_s)
        context = httpx.create_ssl_context()  # the usual authorities, or those that SSL_CERT_FILE names
        # Unencrypted only within our own network, where that is allowed at all.
        self._pools = {
            "https": _pool(_Guarded(public=True, private=self._private), context),
            "http": _pool(_Guarded(public=False, private=self._private)),
        }

    def circuit(self, notice: Notice) -> str:
        """The receiving host. Raises Undeliverable for what is no URL."""
        return f"webhook {self._url(notice).netloc.decode('ascii', 'replace')}"

    async def send(self, notice: Notice) -> None:
        url, body = self._url(notice), json.dumps(self._payload(notice), ensure_ascii=False)
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        headers: dict[bytes | str, bytes | str] = {"Host": url.netloc.decode("ascii"), **self._signed(notice, body)}
        try:
            async with self._pools[url.scheme].stream(
                "POST", target, headers=headers, content=body.encode(), extensions={"timeout": self._timeouts}
            ) as response:
                _judge(response.status)
                await _read_some(response)  # to the end, so that the connection can be used again
        except httpcore.TimeoutException as error:
            raise DeliveryFailed("对方没有及时回应") from error
        except httpcore.ConnectError as error:
            raise DeliveryFailed(f"连不上对方：{error}"[:200]) from error
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise DeliveryFailed(f"与对方的连接中断：{error}"[:200]) from error

    async def close(self) -> None:
        for pool in self._pools.values():
            await pool.aclose()

    def _url(self, notice: Notice) -> httpx.URL:
        try:
            url = httpx.URL(notice.address)
        except httpx.InvalidURL:
            raise Undeliverable("webhook 地址写错了") from None
        if url.scheme not in self._pools or not url.host or url.userinfo:
            raise Undeliverable("webhook 地址要以 https:// 开头，不带用户名")
        if url.scheme == "http" and not self._private:
            raise Undeliverable("webhook 地址必须是 https")
        return url

    def _payload(self, notice: Notice) -> dict[str, object]:
        return {
            "type": _TYPES[notice.kind],
            "timestamp": notice.created_at.isoformat(),
            "data": {
                "consultation": notice.consultation,
                "round": notice.round,
                "region": notice.region,
                "region_name": full_name(notice.region),
                "tier": notice.tier,
                "deadline": notice.deadline.isoformat(),
                "urgent": notice.urgent,
                "url": f"{self._site}/desk/rounds/{notice.round_id}",
            },
        }

    def _signed(self, notice: Notice, body: str) -> dict[bytes | str, bytes | str]:
        # Not core.clock: the receiver holds this against its own clock, which no test of ours moves.
        at = datetime.now(UTC)
        try:
            signature = Webhook(self._vault.decrypt(notice.secret_encrypted)).sign(str(notice.id), at, body)
        except (ValueError, binascii.Error, EmptyWebhookSecretError) as error:
            raise Undeliverable("webhook 的签名密钥缺失或解不开，请重新登记") from error
        return {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "wenfa",
            "webhook-id": str(notice.id),
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": signature,
        }


class _Guarded(httpcore.AsyncNetworkBackend):
    """Connects only to addresses of the kinds that are allowed."""

    def __init__(self, *, public: bool, private: bool) -> None:
        self._public = public
        self._private = private
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (httpcore's interface)
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        allowed = [address for address in await _resolve(host, port) if self._allows(address)]
        if not allowed:
            raise Undeliverable("webhook 地址指向内网或不能使用的地址，已拒绝")
        for address in allowed[:-1]:
            try:
                return await self._network.connect_tcp(str(address), port, timeout, local_address, socket_options)
            except httpcore.ConnectError:
                continue  # a host with several addresses, of which this one is down
        return await self._network.connect_tcp(str(allowed[-1]), port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def _allows(self, address: IPv4Address | IPv6Address) -> bool:
        return (self._public and _is_public(address)) or (self._private and _is_private(address))


async def _resolve(host: str, port: int) -> list[IPv4Address | IPv6Address]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise DeliveryFailed(f"找不到主机 {host}") from error
    return [ip_address(str(address[0]).partition("%")[0]) for *_, address in found]


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address) and (address not in _IPV6_INTERNET or address.sixtofour):
        return False
    return address.is_global and not address.is_multicast


def _is_private(address: IPv4Address | IPv6Address) -> bool:
    """Loopback and private networks. Never link-local ones, where clouds keep their machines' credentials."""
    if address.is_loopback:
        return True
    return address.is_private and not (address.is_link_local or address.is_reserved or address.is_unspecified)


def _pool(guard: _Guarded, context: ssl.SSLContext | None = None) -> httpcore.AsyncConnectionPool:
    return httpcore.AsyncConnectionPool(
        ssl_context=context, max_connections=None, max_keepalive_connections=50, network_backend=guard
    )


def _judge(status: int) -> None:
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise Rejected(f"对方要求转到别处（{status}），不跟随")
    if status == 410:
        raise Undeliverable("对方已停用这个地址（410）")
    if 400 <= status < 500 and status not in _BUSY:
        raise Rejected(f"对方拒收（{status}）")
    raise DeliveryFailed(f"对方出错（{status}）")


async def _read_some(response: httpcore.Response) -> None:
    size = 0
    async for chunk in response.aiter_stream():
        size += len(chunk)
        if size > _READ_MAX_BYTES:
            return

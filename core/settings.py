"""Every setting of the service, read from environment variables ``WENFA_*``.

This is the only place where settings are named; ``wenfa settings`` prints them and docs/CONFIGURATION.md is made from them.
Descriptions are in Chinese because the installer reads them.
"""

import hashlib
import re
import tempfile
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent
# Longer socket paths are refused by the kernel (108 bytes with the closing zero on Linux, 104 on macOS).
_SOCKET_PATH_LIMIT = 100


class Settings(BaseSettings):
    """Settings of one installation. All have defaults that work on a bare machine."""

    model_config = SettingsConfigDict(env_prefix="WENFA_", extra="ignore")

    home: Path = Field(Path("var"), description="数据目录：数据库、索引、Redis 文件、日志、密钥都在这里")
    host: str = Field("127.0.0.1", description="对外服务监听的地址；要让局域网内其他机器访问，设为 0.0.0.0")
    port: int = Field(8000, ge=1, le=65535, description="对外服务的端口")
    public_url: str = Field("", description="市民访问的网址（用于链接和二维码）；默认按地址和端口推出")
    database_url: str = Field("", description="数据库；默认为数据目录里的 SQLite，正式服务用 postgresql+psycopg://…")
    redis_url: str = Field("", description="Redis/Valkey；默认由本服务自带的 Valkey 提供，也可填 redis://…")
    rasa_url: str = Field("", description="外部 Rasa 的网址，多个用逗号隔开；默认由本服务自己启动，只监听本机")
    rasa_port: int = Field(5005, ge=1, le=65535, description="自带 Rasa 的本机端口；有几个进程就依次往后用几个")
    rasa_processes: int = Field(
        1, ge=1, le=16, description="自带 Rasa 的进程数（每个约 650 MB）；一个会话始终由同一个进程处理"
    )
    rasa_timeout_s: float = Field(3.0, gt=0, description="等待 Rasa 的最长秒数，超过就不经它直接回答")
    secret_key: str = Field("", description="主密钥（至少 32 个字符）；默认首次启动时生成并存于数据目录")
    demo: bool = Field(False, description="设为 1 时在首次启动时建立演示用律师")
    default_region: str = Field(
        "100000", description="没有说明地区的市民按哪个地区处理（GB/T 2260 六位代码，100000 为全国）"
    )
    policy_seconds: Annotated[tuple[int, int, int], NoDecode] = Field(
        (180, 360, 600), description="36103 的三个时刻（秒）：推向全省、推向全国、承诺落空；演示可设为 3,6,10"
    )
    quorum: int = Field(3, ge=1, description="首次提问要有几位不同律师的解答")
    lease_seconds: int = Field(300, ge=10, description="律师认领后保留的秒数，书写时自动续期")
    delivery_timeout_s: float = Field(
        10.0, gt=0, le=25, description="给律师发 webhook 或微信时，等待对方回应的最长秒数"
    )
    webhook_private: bool = Field(
        False, description="设为 1 时允许 webhook 发往本机和内网地址（可以不加密）；默认只发往公网的 https 地址"
    )
    wechat_api_base: str = Field(
        "https://api.weixin.qq.com", description="微信公众平台接口的网址；经内网代理时改为代理的网址"
    )
    wechat_app_id: str = Field("", description="微信公众号的 AppID；不填则不发微信，待发的微信通知一直等着")
    wechat_app_secret: str = Field("", description="微信公众号的 AppSecret")
    wechat_token: str = Field("", description="公众号“服务器配置”里的 Token；不填则不接市民的微信消息")
    wechat_aes_key: str = Field("", description="公众号“服务器配置”里的 EncodingAESKey（43 个字符）；明文模式不用填")
    wechat_template_id: str = Field("", description="通知律师用的微信模板 ID")
    wechat_fields: str = Field(
        "number=character_string1,region=thing2,deadline=time3,matter=thing4",
        description="模板里各字段的名称：number 咨询编号，region 地区，deadline 解答时限，matter 事项（二十字内），"
        "status 状态（五字内）；模板没有的不写",
    )
    embedding_model: str = Field(
        "",
        description="检索时按词义比较用的句向量模型（sentence-transformers 的名称或路径）；默认用随软件附带的小模型。随软件附带的问题编码器照常使用，不受它影响",
    )
    messages_per_minute: int = Field(
        60, ge=0, description="一个市民一分钟最多发多少条消息，超过就请其稍后再发；0 为不限"
    )
    message_max_chars: int = Field(2000, ge=1, description="一条消息最多多少字")
    body_max_bytes: int = Field(65536, ge=1024, description="一个请求最多多少字节")
    session_hours: int = Field(12, ge=1, description="工作人员登录有效的小时数")
    cookie_secure: bool = Field(False, description="登录 Cookie 只经 HTTPS 发送；用 HTTPS 对外服务时设为 1")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="日志级别")
    log_format: Literal["text", "json"] = Field("text", description="日志格式：text 便于人看，json 便于收集")

    @field_validator("policy_seconds", mode="before")
    @classmethod
    def _split_seconds(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value

    @field_validator("wechat_aes_key")
    @classmethod
    def _aes_key(cls, value: str) -> str:
        if value and not re.fullmatch(r"[A-Za-z0-9]{43}", value):
            raise ValueError("EncodingAESKey 应是 43 个字母和数字，与公众号后台里的一致")
        return value

    @field_validator("policy_seconds")
    @classmethod
    def _ascending(cls, value: tuple[int, int, int]) -> tuple[int, int, int]:
        if not 0 < value[0] < value[1] < value[2]:
            raise ValueError("三个时刻必须是递增的正整数,例如 180,360,600")
        return value

    @field_validator("wechat_fields")
    @classmethod
    def _named(cls, value: str) -> str:
        names = {"number", "region", "deadline", "matter", "status"}
        for pair in value.split(","):
            name, equals, field = pair.partition("=")
            if name.strip() not in names or not equals or not field.strip():
                raise ValueError(f"应是“名称=模板字段”，用逗号隔开，名称为 {'、'.join(sorted(names))}；不认识“{pair}”")
        return value

    @cached_property
    def home_dir(self) -> Path:
        """`home` as an absolute path, made if it is missing."""
        path = self.home.expanduser().resolve()
        path.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def index_dir(self) -> Path:
        """Where indexes lie, one folder each, beside the name of the current one."""
        return self.home_dir / "index"

    @property
    def sql_url(self) -> str:
        return self.database_url or f"sqlite:///{self.home_dir / 'wenfa.db'}"

    @property
    def redis_socket(self) -> Path:
        """The unix socket of the bundled server; in the temporary folder where the path would be too long."""
        path = self.home_dir / "redis" / "redis.sock"
        if len(str(path).encode()) <= _SOCKET_PATH_LIMIT:
            return path
        digest = hashlib.sha256(str(path).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"wenfa-{digest}.sock"

    @property
    def live_url(self) -> str:
        """The Redis that is used: the one configured, else the bundled one."""
        return self.redis_url or f"unix://{self.redis_socket}"

    @property
    def nlu_urls(self) -> list[str]:
        """Where Rasa's processes answer: those configured, else our own."""
        if self.rasa_url:
            return [url.strip().rstrip("/") for url in self.rasa_url.split(",") if url.strip()]
        return [f"http://127.0.0.1:{self.rasa_port + number}" for number in range(self.rasa_processes)]

    @property
    def wechat_field_names(self) -> dict[str, str]:
        """The template's field of each of our names."""
        pairs = (pair.partition("=") for pair in self.wechat_fields.split(","))
        return {name.strip(): field.strip() for name, _, field in pairs}

    @property
    def local_url(self) -> str:
        """Where processes of this machine reach the api."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104 (compared, not bound)
        return f"http://{host}:{self.port}"

    @property
    def site_url(self) -> str:
        return self.public_url.rstrip("/") or self.local_url


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()

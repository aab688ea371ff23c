"""The settings as a table, for the terminal and for docs/CONFIGURATION.md."""

from collections.abc import Iterator

from core.settings import Settings

_SECRET = {"secret_key", "database_url", "redis_url", "wechat_app_secret", "wechat_token", "wechat_aes_key"}


def rows(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """(environment variable, present value, description) of every setting; secrets are not shown."""
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        shown = "（已设置）" if name in _SECRET and value else _written(value)
        yield f"WENFA_{name.upper()}", shown, field.description or ""


def as_markdown() -> str:
    """The whole of docs/CONFIGURATION.md."""
    lines = [
        "# 设置",
        "",
        "所有设置都是环境变量，都有默认值。`wenfa settings` 列出现在的值；本页由 `wenfa settings --markdown` 生成。",
        "",
        "| 环境变量 | 默认值 | 说明 |",
        "|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        lines.append(f"| `WENFA_{name.upper()}` | {_quoted(field.default)} | {field.description} |")
    return "\n".join(lines) + "\n"


def _quoted(value: object) -> str:
    written = _written(value)
    return f"`{written}`" if written else ""


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)

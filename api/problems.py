"""Errors as problem details (RFC 9457) whose titles a citizen can read."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.desk.citations import NotInForce
from core.log import get_logger
from core.regions import UnknownRegion
from escalation.errors import Conflict, Forbidden, NotFound, Refused, TooMany
from knowledge_base.laws import UnknownArticle, UnknownLaw

log = get_logger("api")

_TITLES = {
    400: "请求有误",
    401: "需要凭证",
    403: "没有权限",
    404: "没有找到",
    405: "不能这样请求这个地址",
    409: "情况已经变化",
    413: "内容太大",
    415: "不支持这种内容格式",
    422: "有内容填得不对",
    429: "请求太频繁，请稍后再试",
    500: "服务出了问题，您写的内容没有丢失，请稍后再试",
    503: "服务暂时不可用，请稍后再试",
}

_BROKEN_JSON = "不是正确的 JSON"
_VALIDATION = {
    "missing": "缺少这一项",
    "string_too_long": "太长，最多 {max_length} 个字",
    "string_too_short": "太短，至少 {min_length} 个字",
    "string_type": "应当是文字",
    "string_pattern_mismatch": "格式不对",
    "json_invalid": _BROKEN_JSON,
    "uuid_parsing": "不是正确的编号",
    "uuid_type": "不是正确的编号",
    "int_parsing": "应当是整数",
    "int_type": "应当是整数",
    "less_than_equal": "不能大于 {le}",
    "greater_than_equal": "不能小于 {ge}",
    "extra_forbidden": "没有这一项",
    "literal_error": "只能是 {expected}",
    "date_from_datetime_parsing": "日期应写成 2026-01-31 的样子",
    "date_parsing": "日期应写成 2026-01-31 的样子",
    "model_attributes_type": "应当是 JSON 对象",
    "dict_type": "应当是 JSON 对象",
    "list_type": "应当是列表",
    "value_error": "{error}",
}


def problem(
    status: int, detail: str = "", *, title: str = "", errors: Sequence[dict[str, str]] = (), **more: object
) -> JSONResponse:
    """One problem. `errors` name the fields: [{"field": "text", "message": "…"}]; `more` are members of its own kind."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": title or _TITLES.get(status, HTTPStatus(status).phrase),
        "status": status,
    }
    if detail:
        body["detail"] = detail
    if errors:
        body["errors"] = list(errors)
    body.update(more)
    return JSONResponse(body, status, media_type="application/problem+json")


def status_of(error: Exception) -> int:
    """The HTTP status of an error of ours."""
    if isinstance(error, NotFound):
        return 404
    if isinstance(error, Forbidden):
        return 403
    if isinstance(error, Conflict):
        return 409
    if isinstance(error, TooMany):
        return 429
    return 422


def too_large(request: Request) -> str:
    """What to say to who brings more than a request may hold."""
    return f"内容太大，一个请求最多 {request.app.state.settings.body_max_bytes // 1024} KB"


class BodyTooLarge:
    """The server's own refusal of a large body is plain English text: say it as a problem."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = False

        async def explain(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and message["status"] == 413:
                kind = Headers(raw=message.get("headers", [])).get("content-type", "")
                refused = kind.startswith("text/plain")
                if refused:
                    await problem(413, title=too_large(Request(scope)))(scope, receive, send)
            if not refused:
                await send(message)

        await self._app(scope, receive, explain)


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem."""
    app.add_middleware(BodyTooLarge)

    @app.exception_handler(Refused)
    async def _refused(_request: Request, error: Refused) -> JSONResponse:
        errors = [{"field": error.field, "message": error.message}] if error.field else []
        response = problem(status_of(error), title=error.message, errors=errors)
        if isinstance(error, TooMany):
            response.headers["Retry-After"] = str(error.seconds)
        return response

    @app.exception_handler(NotInForce)
    async def _not_in_force(_request: Request, error: NotInForce) -> JSONResponse:
        warnings = [each.model_dump() for each in error.warnings]
        return problem(409, title=error.message, warnings=warnings)

    @app.exception_handler(UnknownArticle)
    @app.exception_handler(UnknownLaw)
    async def _no_such_law(_request: Request, error: LookupError) -> JSONResponse:
        return problem(404, title=str(error.args[0]))

    @app.exception_handler(UnknownRegion)
    async def _region(_request: Request, error: UnknownRegion) -> JSONResponse:
        message = f"没有代码为“{error}”的地区，应是 GB/T 2260 的六位代码，例如 150900"
        return problem(422, errors=[{"field": "region", "message": message}])

    @app.exception_handler(RequestValidationError)
    async def _invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        errors = [_explain(each) for each in error.errors()]
        broken = any(each["type"] == "json_invalid" for each in error.errors())
        return problem(400 if broken else 422, title="请求不是正确的 JSON" if broken else "", errors=errors)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        detail = error.detail if error.detail != HTTPStatus(error.status_code).phrase else ""
        if error.status_code == 413:
            detail = too_large(request)
        response = problem(error.status_code, title=detail if detail and not detail.isascii() else "")
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(Exception)
    async def _unexpected(request: Request, error: Exception) -> JSONResponse:
        log.error("意外错误", path=request.url.path, exc_info=error)
        return problem(500)


def _explain(error: dict[str, Any]) -> dict[str, str]:
    field = ".".join(str(part) for part in error["loc"] if part not in ("body", "query", "path", "header")) or "body"
    if error["type"] == "json_invalid":
        field = "body"
    template = _VALIDATION.get(error["type"], "填得不对")
    return {"field": field, "message": template.format(**error.get("ctx", {}))}

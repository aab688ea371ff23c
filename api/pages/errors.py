"""Errors as pages: what the interface would say as problem details, said in HTML to those who came with a browser."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.pages.rendering import is_htmx, page
from api.problems import too_large

# Addresses that programs use: they get problem details whatever they say they accept.
_INTERFACES = ("/v1/", "/healthz", "/readyz", "/metrics", "/webhook")

_ADVICE = {
    404: "网址可能写错了，或者这一页已经不在了。",
    413: "请返回上一页，减少内容后再试。",
    429: "请稍等几分钟再试。",
}

Handler = Callable[[Request, Any], Awaitable[Response]]


def install(app: FastAPI) -> None:
    """Let every error handler of `app` print a page where a page was asked for."""
    app.add_middleware(TooLargePage)
    for kind, handler in list(app.exception_handlers.items()):
        app.exception_handlers[kind] = _printed(handler)  # type: ignore[arg-type]


class TooLargePage:
    """A body that is too large is refused before any handler sees it: to a browser, say so on a page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not wants_page(Request(scope)):
            await self._app(scope, receive, send)
            return
        refused = False

        async def print_it(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and message["status"] == 413:
                refused = True
                await says(Request(scope), 413, too_large(Request(scope)))(scope, receive, send)
            if not refused:
                await send(message)

        await self._app(scope, receive, print_it)


def says(request: Request, status: int, title: str) -> Response:
    """An error in words: one line for the script, which shows it beside what was being done; else a page."""
    if is_htmx(request):
        return PlainTextResponse(title, status)
    return page(request, "error.html", status, title=title, advice=_ADVICE.get(status, ""))


def _printed(handler: Handler) -> Handler:
    async def handle(request: Request, error: Exception) -> Response:
        response = await handler(request, error)
        if getattr(response, "media_type", None) != "application/problem+json" or not wants_page(request):
            return response
        problem = json.loads(bytes(response.body))
        printed = says(request, response.status_code, problem["title"])
        if retry := response.headers.get("Retry-After"):
            printed.headers["Retry-After"] = retry
        return printed

    return handle


def wants_page(request: Request) -> bool:
    """A browser is at the other end, on an address that is not the interface's."""
    if request.url.path.startswith(_INTERFACES):
        return False
    return is_htmx(request) or "text/html" in request.headers.get("Accept", "")

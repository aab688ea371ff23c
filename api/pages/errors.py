"""Errors as pages: what the interface would say as problem details, said in HTML to those who came with a browser."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import PlainTextResponse, Response

from api.pages.rendering import is_htmx, page

# Addresses that programs use: they get problem details whatever they say they accept.
_INTERFACES = ("/v1/", "/healthz", "/readyz", "/metrics", "/webhook")

_ADVICE = {
    404: "网址可能写错了，或者这一页已经不在了。",
    429: "请稍等几分钟再试。",
}

Handler = Callable[[Request, Any], Awaitable[Response]]


def install(app: FastAPI) -> None:
    """Let every error handler of `app` print a page where a page was asked for."""
    for kind, handler in list(app.exception_handlers.items()):
        app.exception_handlers[kind] = _printed(handler)  # type: ignore[arg-type]


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

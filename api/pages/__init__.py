"""The pages that people see: HTML over the same services as /v1. The interface in JSON stays with the other packages."""

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from api.pages import board, chat, claim, desk, desk_verbs, docs, errors, kiosk, laws, office, region, share, staff
from api.pages.rendering import STATIC, StaticAssets

# Below this a packet is a packet; event streams are never compressed (the middleware leaves them alone).
_GZIP_FROM_BYTES = 1024


def install(app: FastAPI) -> None:
    """Add the pages to `app`, after its error handlers are in place: the pages print what those say."""
    for each in (chat, claim, share, kiosk, region, laws, desk, desk_verbs, board, office, docs):
        app.include_router(each.router, include_in_schema=False)
    app.mount("/static", StaticAssets(directory=STATIC), name="static")
    app.add_middleware(GZipMiddleware, minimum_size=_GZIP_FROM_BYTES)
    staff.install(app)
    errors.install(app)

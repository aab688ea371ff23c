"""The pages that people see: HTML over the same services as /v1. The interface in JSON stays with the other packages."""

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from api.pages import (
    admin,
    admin_accounts,
    admin_audit,
    admin_cards,
    admin_devices,
    admin_import,
    admin_keys,
    admin_laws,
    admin_lawyers,
    admin_lexicon,
    admin_offices,
    admin_policy,
    admin_posts,
    admin_questions,
    board,
    board_figures,
    chat,
    claim,
    desk,
    desk_me,
    desk_templates,
    desk_verbs,
    docs,
    errors,
    kiosk,
    laws,
    office,
    region,
    share,
    staff,
    threads,
)
from api.pages.rendering import STATIC, StaticAssets

_CITIZENS = (chat, threads, claim, share, kiosk, region, laws)
_STAFF = (desk, desk_verbs, desk_templates, desk_me, board, board_figures, office)
# Imports before the pages of single lawyers, offices, posts: /admin/lawyers/import is no lawyer.
_ADMINISTRATION = (
    admin, admin_laws, admin_cards, admin_questions, admin_lexicon, admin_import, admin_lawyers, admin_accounts,
    admin_offices, admin_posts, admin_devices, admin_keys, admin_policy, admin_audit,
)  # fmt: skip

# Below this a packet is a packet; event streams are never compressed (the middleware leaves them alone).
_GZIP_FROM_BYTES = 1024


def install(app: FastAPI) -> None:
    """Add the pages to `app`, after its error handlers are in place: the pages print what those say."""
    for each in (*_CITIZENS, *_STAFF, *_ADMINISTRATION, docs):
        app.include_router(each.router, include_in_schema=False)
    app.mount("/static", StaticAssets(directory=STATIC), name="static")
    app.add_middleware(GZipMiddleware, minimum_size=_GZIP_FROM_BYTES)
    staff.install(app)
    errors.install(app)

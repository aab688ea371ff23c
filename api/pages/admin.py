"""The administration `/admin`: who may be here, and the way to each of its pages. The pages are in modules of their own."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse

from api.auth.dependencies import LoggedIn
from api.pages.board import supervisor_acting, supervisor_reading
from api.pages.rendering import page
from api.pages.staff import ActingStaff, Reading

router = APIRouter(prefix="/admin")

Section = tuple[str, str, bool]
"""Address, name, and whether supervisors may work there too."""

SECTIONS: tuple[tuple[str, tuple[Section, ...]], ...] = (
    (
        "法规与卡片",
        (
            ("/admin/laws", "法规", False),
            ("/admin/cards", "问答卡片", True),
            ("/admin/questions", "没答上的问题", True),
            ("/admin/lexicon", "词典", True),
        ),
    ),
    ("人员", (("/admin/lawyers", "律师", False), ("/admin/accounts", "账号", False))),
    (
        "机构与渠道",
        (
            ("/admin/offices", "办事机构", False),
            ("/admin/posts", "服务点", False),
            ("/admin/devices", "终端", False),
            ("/admin/keys", "网关密钥", False),
        ),
    ),
    ("规则与记录", (("/admin/policy", "时限规则", False), ("/admin/audit", "审计记录", False))),
)


def administering(who: LoggedIn) -> LoggedIn:
    """This account, when it is an administrator's; else 403."""
    if who.staff.role != "administrator":
        raise HTTPException(403, "只有管理员可以使用这一页")
    return who


def administrator_reading(who: Reading) -> LoggedIn:
    """The administrator who is looking. Raises NotLoggedIn; 403 for other staff."""
    return administering(who)


def administrator_acting(who: ActingStaff) -> LoggedIn:
    """The administrator who sends a form. Raises NotLoggedIn; 403 for other staff, and without the form's token."""
    return administering(who)


ReadingAdministrator = Annotated[LoggedIn, Depends(administrator_reading)]
ActingAdministrator = Annotated[LoggedIn, Depends(administrator_acting)]
ReadingReviewer = Annotated[LoggedIn, Depends(supervisor_reading)]
"""Supervisors review what the service answers with; administrators may too."""
ActingReviewer = Annotated[LoggedIn, Depends(supervisor_acting)]


@router.get("")
def index(request: Request, who: ReadingReviewer) -> HTMLResponse:
    """The way to every page that this account may use."""
    return admin_page(request, "admin_index.html", who)


def admin_page(request: Request, template: str, who: LoggedIn, status: int = 200, /, **context: object) -> HTMLResponse:
    """A page of the administration, with the way to the others beside it."""
    everything = who.staff.role == "administrator"
    sections = [(name, [each for each in pages if everything or each[2]]) for name, pages in SECTIONS]
    return page(
        request,
        template,
        status,
        account=who.staff,
        csrf_token=who.csrf_token,
        sections=[(name, pages) for name, pages in sections if pages],
        **context,
    )

"""What the administration's pages share: forms whose faults stand beside their fields, lists to search, files to download."""

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.auth.dependencies import LoggedIn
from api.pages.admin import admin_page
from api.pages.rendering import HEADERS
from api.problems import status_of
from core.region_names import UnclearRegion, region_cell, region_written
from core.regions import NATION
from escalation.csv_records import Faulty
from escalation.errors import Refused

DONE = {
    "added": "已登记。", "saved": "已保存。", "closed": "已停用。", "opened": "已恢复。", "moved": "已改。",
    "ended": "这个账号的登录都已结束。", "same": "和原来一样，没有改动。",
}  # fmt: skip
STATES = (("", "全部"), ("yes", "在用"), ("no", "已停用"))
ACTIVE = {"yes": True, "no": False}


async def posted(request: Request) -> dict[str, str]:
    """The fields of a plain form as they were sent. (Forms of the administration are small: the limit of every request holds.)"""
    return {name: value for name, value in (await request.form()).items() if isinstance(value, str)}


Posted = Annotated[dict[str, str], Depends(posted)]


def shown(request: Request, template: str, who: LoggedIn, status: int = 200, /, **context: object) -> HTMLResponse:
    """A page of the administration; after a form that did something with what it did."""
    done = DONE.get(request.query_params.get("done", ""), "")
    return admin_page(request, template, who, status, **({"done": done, "errors": {}} | context))


def refused_page(request: Request, template: str, who: LoggedIn, error: Refused, /, **context: object) -> HTMLResponse:
    """The page that a form came from, with what is wrong beside the fields. Their content comes with `context`."""
    return shown(request, template, who, status_of(error), **({"errors": errors_of(error)} | context))


def errors_of(error: Refused) -> dict[str, str]:
    """What is wrong by field; under an empty name what belongs to no field."""
    if isinstance(error, Faulty):
        return {each.column: each.message for each in reversed(error.faults)}
    return {error.field: error.message}


def back(path: str, done: str) -> RedirectResponse:
    """After a form that did what it says."""
    return RedirectResponse(f"{path}?done={done}", 303)


def read_region(written: str, field: str) -> str:
    """The code of the region that somebody wrote. Raises Refused."""
    try:
        return region_written(written).code if written.strip() else _missing(field)
    except UnclearRegion as error:
        raise Refused(f"{error}。", field) from None


def _missing(field: str) -> str:
    raise Refused("请写地区：六位代码或名称，例如乌兰察布市。", field)


class Search:
    """What a list is searched by: its query, the region in it, and what is wrong with it."""

    def __init__(self, request: Request, *names: str) -> None:
        self.fields = {name: request.query_params.get(name, "").strip()[:100] for name in names}
        self.errors: dict[str, str] = {}
        self.region = NATION
        if written := self.fields.get("region", ""):
            try:
                self.region = region_written(written).code
                self.fields["region"] = region_cell(self.region)
            except UnclearRegion as error:
                self.errors["region"] = f"{error}。下面列的是全国的。"

    def __getitem__(self, name: str) -> str:
        return self.fields[name]

    @property
    def active(self) -> bool | None:
        return ACTIVE.get(self.fields.get("state", ""))

    @property
    def any(self) -> bool:
        """Whether anything is looked for: an empty list then means something else."""
        return any(self.fields.values())


def page_number(request: Request) -> int:
    written = request.query_params.get("page", "1")
    return int(written) if written.isdecimal() and len(written) < 7 else 1


def download(content: str | bytes, name: str, media_type: str = "text/csv; charset=utf-8") -> Response:
    """A file to keep. A CSV gets the mark by which Excel sees that it is UTF-8."""
    body = f"\ufeff{content}".encode() if isinstance(content, str) else content
    return Response(body, headers=file_headers(name), media_type=media_type)


def file_headers(name: str) -> Mapping[str, str]:
    return HEADERS | {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}

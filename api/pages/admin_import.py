"""Registers from a file: lawyers, offices, posts. First looked at, then taken in; each line that is wrong is told, and costs no other."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy.exc import IntegrityError
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, Response

from api.pages.admin import ReadingAdministrator
from api.pages.admin_forms import download, errors_of, shown
from api.pages.admin_upload import DRAINED_MAX_BYTES, UPLOAD_MAX_BYTES, Upload, Uploaded, kept_content
from api.problems import status_of
from api.state import State, StateDep
from channels import posts
from core.database import Database
from core.security import Vault
from escalation import lawyer_file, lawyers
from escalation.csv_records import Imported, write_csv
from escalation.errors import Conflict, Refused
from services import office_file

router = APIRouter(prefix="/admin")

SHOWN = 200
"""How many lines of each kind the page shows; all faults are in a file."""


@dataclass(frozen=True, slots=True)
class Register:
    """One kind of file."""

    path: str
    title: str
    unit: str
    template: str
    required: tuple[str, ...]
    columns: tuple[str, ...]
    known_by: str
    """How a line finds what it is about."""
    check: Callable[[Database, bytes, Vault, str], Imported]
    take: Callable[[Database, bytes, Vault, str], Imported]


def _check_lawyers(database: Database, content: bytes, vault: Vault, by: str) -> Imported:
    with database.read() as session:
        return lawyers.import_lawyers(session, content, vault, by, dry_run=True)


def _take_lawyers(database: Database, content: bytes, vault: Vault, by: str) -> Imported:
    with database.write() as session:
        return lawyers.import_lawyers(session, content, vault, by)


def _rehearsed(verb: Callable[[Any, bytes, str], Imported]) -> Callable[[Database, bytes, Vault, str], Imported]:
    def check(database: Database, content: bytes, _vault: Vault, by: str) -> Imported:
        with database.rehearse() as session:
            return verb(session, content, by)

    return check


def _written(verb: Callable[[Any, bytes, str], Imported]) -> Callable[[Database, bytes, Vault, str], Imported]:
    def take(database: Database, content: bytes, _vault: Vault, by: str) -> Imported:
        with database.write() as session:
            return verb(session, content, by)

    return take


REGISTERS = (
    Register(
        "lawyers", "律师", "位", lawyer_file.TEMPLATE, lawyer_file.REQUIRED, lawyer_file.COLUMNS,
        "按执业证号找：名册里已有的更新，没有的新增；文件里没有的列和没有的律师，一概不动。", _check_lawyers, _take_lawyers,
    ),
    Register(
        "offices", "办事机构", "个", office_file.TEMPLATE, office_file.REQUIRED, office_file.COLUMNS,
        "按地区和名称找：已有的更新，没有的新增；文件里没有的机构不动。",
        _rehearsed(office_file.import_offices), _written(office_file.import_offices),
    ),
    Register(
        "posts", "服务点", "个", posts.TEMPLATE, posts.REQUIRED, posts.COLUMNS,
        "按编号找，没有写编号的按地区和名称：已有的更新（编号不变），没有的新增；文件里没有的服务点不动。",
        _rehearsed(posts.import_posts), _written(posts.import_posts),
    ),
)  # fmt: skip


def _add_routes(register: Register) -> None:
    base = f"/{register.path}/import"

    def form(request: Request, who: ReadingAdministrator) -> HTMLResponse:
        return _page(request, register, Upload(who))

    async def take(request: Request, sent: Uploaded, state: StateDep) -> HTMLResponse:
        return await run_in_threadpool(_work, request, register, sent, state)

    def template(_who: ReadingAdministrator) -> Response:
        return download(register.template, f"{register.title}名册样例.csv")

    def faults(who: ReadingAdministrator, state: StateDep, key: str) -> Response:
        found = register.check(state.database, kept_content(state, who, key), state.services.vault, who.actor).faults
        rows = [(str(each.line), each.column, each.written, each.message) for each in found]
        return download(write_csv(("行", "列", "写的是", "问题"), rows), f"{register.title}名册有问题的行.csv")

    router.add_api_route(base, form, methods=["GET"])
    router.add_api_route(base, take, methods=["POST"], max_body_size=DRAINED_MAX_BYTES)
    router.add_api_route(f"{base}/template", template, methods=["GET"])
    router.add_api_route(f"{base}/faults", faults, methods=["GET"])


for _each in REGISTERS:
    _add_routes(_each)


def _work(request: Request, register: Register, sent: Upload, state: State) -> HTMLResponse:
    """Look at what was sent, or take it in; the page says what came of it."""
    if sent.error:
        return _page(request, register, sent, errors={"file": sent.error}, status=422)
    verb = register.take if sent.do == "import" else register.check
    try:
        done = verb(state.database, sent.content, state.services.vault, sent.who.actor)
    except Refused as error:
        return _page(request, register, sent, errors={"file": errors_of(error)[""]}, status=status_of(error))
    except IntegrityError:
        clash = Conflict("同时有别人在登记同样的内容，什么也没有写入，请再试一次。")
        return _page(request, register, sent, errors={"file": clash.message}, status=status_of(clash))
    return _page(request, register, sent, report=done)


def _page(
    request: Request,
    register: Register,
    sent: Upload,
    *,
    report: Imported | None = None,
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> HTMLResponse:
    return shown(
        request,
        "admin_import.html",
        sent.who,
        status,
        register=register,
        sent=sent,
        report=report,
        added=[each for each in report.rows if each.what == "added"][:SHOWN] if report else [],
        changed=[each for each in report.rows if each.what == "changed"][:SHOWN] if report else [],
        most=SHOWN,
        megabytes=UPLOAD_MAX_BYTES // 1024 // 1024,
        errors=errors or {},
    )

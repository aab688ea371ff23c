"""Posts 服务点 (先锋岗): places with a QR code of their own, thousands of them, from a file; and what comes of them."""

import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from channels.models import Post
from core.paging import PAGE_ROWS, Paged, one_page
from core.region_names import region_cell
from core.regions import NATION, get_region
from escalation.csv_records import Fault, Faulty, Imported, Row, open_csv, write_csv
from escalation.errors import NotFound, Refused
from escalation.journal import audit
from escalation.models import Consultation, Conversation, Message
from escalation.places import code_lies_in

REQUIRED = ("名称", "地区")
COLUMNS = (*REQUIRED, "编号", "负责人", "地址", "在用")
TEMPLATE = """\
名称,地区,编号,负责人,地址,在用
镇赉镇公共法律服务先锋岗,镇赉县,,李秀芹,镇赉镇政府一楼,是
土牧尔台嘎查法律明白人工作点,察哈尔右翼后旗,,巴特尔,嘎查党群服务中心,是
"""
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
_CODE = re.compile(r"[A-Za-z0-9-]{3,32}")
_MOST = {"名称": 128, "负责人": 64, "地址": 300}
_COLUMN_OF = {"name": "名称", "region": "地区", "keeper": "负责人", "address": "地址", "active": "在用"}


@dataclass(frozen=True, slots=True)
class PostFigures:
    """What came of one post in a period."""

    post: Post
    conversations: int
    messages: int
    """Written by citizens, in conversations that began there."""
    consultations: int


def import_posts(session: Session, content: bytes, actor: str) -> Imported:
    """Add or change posts by number, or by region and name where the file gives none; each keeps its number for good.

    Rows with a fault are left out and told. Raises Refused for what is no such file.
    """
    head, records = open_csv(content, ("地址",))
    if missing := [column for column in REQUIRED if column not in head]:
        raise Refused(f"缺少列：{'、'.join(missing)}。表头（第一行）应有：{'、'.join(COLUMNS)}。")
    done = Imported(unknown_columns=[each for each in head if each not in COLUMNS])
    by_code = {post.code: post for post in session.execute(select(Post)).scalars()}
    by_name = {(post.region, post.name): post for post in by_code.values()}
    for record in records:
        if record.broken:
            done.faults.append(Fault(record.line, "", "", record.broken))
            continue
        if not any(record.cells):
            continue
        row = _read(Row(record.line, dict(zip(head, record.cells, strict=False)), done.faults))
        if row is None:
            continue
        code, values = row
        post = by_code.get(code) if code else by_name.get((str(values["region"]), str(values["name"])))
        if post is None:
            post = Post(code=code or _new_code(by_code), **values)
            session.add(post)
            by_code[post.code] = by_name[post.region, post.name] = post
            done.take(record.line, post.name, "added")
        elif changed := _change(post, values):
            done.take(record.line, post.name, "changed", (_COLUMN_OF[name] for name in changed))
        else:
            done.take(record.line, post.name, "unchanged")
    audit(session, actor, "import_posts", "posts", added=done.added, changed=done.changed, faults=len(done.faults))
    return done


def save_post(session: Session, cells: Mapping[str, str], actor: str, code: str = "") -> str:
    """Enter one post as a row of a file would, or with `code` change this one, which keeps its number. Whether it is in use
    stays as it is. Gives the number.

    Raises NotFound; Faulty for what a file's row would be left out for, and for a number or name that another post has.
    """
    faults: list[Fault] = []
    read = _read(Row(0, {name: " ".join(text.split()) for name, text in cells.items()} | {"在用": ""}, faults))
    if read is None:
        raise Faulty(faults)
    wanted, values = read
    del values["active"]
    post = session.get(Post, code) if code else None
    if code and post is None:
        raise NotFound("没有这个服务点。")
    if wanted != code and wanted and session.get(Post, wanted) is not None:
        raise Faulty([Fault(0, "编号", wanted, "已经有服务点用这个编号")])
    same = select(Post).where(Post.region == values["region"], Post.name == values["name"])
    if any(each is not post for each in session.execute(same).scalars()):
        raise Faulty([Fault(0, "名称", str(values["name"]), "这个地区已经有叫这个名字的服务点")])
    if post is None:
        post = Post(code=wanted or _new_code(set(session.execute(select(Post.code)).scalars())), **values)
        session.add(post)
        changed = ["added"]
    else:
        changed = _change(post, values)
    session.flush()
    if changed:
        audit(session, actor, "save_post", post.code, name=post.name, changed=changed)
    return post.code


def set_post_active(session: Session, code: str, active: bool, actor: str) -> Post:
    """Whether a post is in use; the code of one that is not opens the front page. Raises NotFound."""
    post = session.get(Post, code, with_for_update=True)
    if post is None:
        raise NotFound("没有这个服务点。")
    if post.active != active:
        post.active = active
        audit(session, actor, "reopen_post" if active else "close_post", code, name=post.name)
    return post


def sought_posts(text: str = "", region: str = NATION, active: bool | None = None) -> Select[Post]:
    """Posts by place and name; `text`: part of a name, a number or a keeper's name. Raises UnknownRegion."""
    get_region(region)
    found = select(Post).where(code_lies_in(Post.region, region))
    for word in text.split():
        found = found.where(
            or_(*(each.icontains(word, autoescape=True) for each in (Post.name, Post.code, Post.keeper)))
        )
    if active is not None:
        found = found.where(Post.active.is_(active))
    return found.order_by(Post.region, Post.name, Post.code)


def find_posts(
    session: Session, sought: Select[Post], number: int, since: datetime, until: datetime
) -> Paged[PostFigures]:
    """A page of them, each with what came of it in a period."""
    page = one_page(session, sought, number)
    return Paged(figures_of(session, page.rows, since, until), page.total, page.number)


def export_posts(session: Session, sought: Select[Post], actor: str) -> str:
    """Those that are looked for as a file that can be changed and imported again."""
    rows = [
        (each.name, region_cell(each.region), each.code, each.keeper, each.address, "是" if each.active else "否")
        for each in session.execute(sought).scalars()
    ]
    audit(session, actor, "export_posts", "posts", rows=len(rows))
    return write_csv(COLUMNS, rows)


def find_post(session: Session, code: str) -> Post | None:
    """The post with this number, if it is in use."""
    post = session.get(Post, code) if _CODE.fullmatch(code) else None
    return post if post is not None and post.active else None


def posts_in(session: Session, region: str) -> Sequence[Post]:
    """Those in use in a region and all below it, by place and name."""
    statement = select(Post).where(Post.active, code_lies_in(Post.region, region)).order_by(Post.region, Post.name)
    return session.execute(statement).scalars().all()


def post_figures(session: Session, region: str, since: datetime, until: datetime) -> list[PostFigures]:
    """What came of each post from `since` up to but not at `until`, the busiest first; those without anything too."""
    found = figures_of(session, posts_in(session, region), since, until)
    return sorted(found, key=lambda each: (-each.messages, -each.conversations, each.post.code))


def figures_of(session: Session, posts: Sequence[Post], since: datetime, until: datetime) -> list[PostFigures]:
    """What came of these posts, in their order."""

    def counted(statement: object) -> dict[str, int]:
        return {str(code): int(count) for code, count in session.execute(statement)}  # type: ignore[call-overload]

    codes = [each.code for each in posts]
    from_a_post = Conversation.post.in_(codes) if len(codes) <= PAGE_ROWS else Conversation.post.is_not(None)
    began = counted(
        select(Conversation.post, func.count())
        .where(from_a_post, Conversation.created_at >= since, Conversation.created_at < until)
        .group_by(Conversation.post)
    )
    wrote = counted(
        select(Conversation.post, func.count())
        .join(Message, Message.conversation_id == Conversation.id)
        .where(from_a_post, Message.author == "citizen", Message.created_at >= since, Message.created_at < until)
        .group_by(Conversation.post)
    )
    asked = counted(
        select(Conversation.post, func.count())
        .join(Consultation, Consultation.conversation_id == Conversation.id)
        .where(from_a_post, Consultation.opened_at >= since, Consultation.opened_at < until)
        .group_by(Conversation.post)
    )
    return [
        PostFigures(post, began.get(post.code, 0), wrote.get(post.code, 0), asked.get(post.code, 0)) for post in posts
    ]


def _change(post: Post, values: Mapping[str, object]) -> list[str]:
    """Which of these it did not have yet: now it has."""
    changed = [name for name, value in values.items() if getattr(post, name) != value]
    for name in changed:
        setattr(post, name, values[name])
    return changed


def _new_code(taken: Collection[str]) -> str:
    """Short enough for a small QR code, without letters that look like numbers."""
    while (code := "".join(secrets.choice(_ALPHABET) for _ in range(7))) in taken:
        continue
    return code


def _read(row: Row) -> tuple[str, dict[str, object]] | None:
    """The number, empty where none is written, and the columns; None when something is wrong."""
    row.check_lengths(_MOST)
    name, region, code = row.name("名称"), row.region("地区"), row.text("编号").strip()
    if code and not _CODE.fullmatch(code):
        row.wrong("编号", "只用 3 到 32 个字母、数字和连字符；不写就自动编")
    active = row.yes("在用")
    if not row.good:
        return None
    return code, {
        "name": name, "region": region, "keeper": row.text("负责人"), "address": row.text("地址"), "active": active,
    }  # fmt: skip

"""Posts 服务点 (先锋岗): places with a QR code of their own, thousands of them, from a file; and what comes of them."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from channels.models import Post
from core.regions import NATION
from escalation.csv_records import Fault, Imported, Row, open_csv
from escalation.errors import Refused
from escalation.journal import audit
from escalation.models import Consultation, Conversation, Message

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
            done.added += 1
        elif any(getattr(post, name) != value for name, value in values.items()):
            for name, value in values.items():
                setattr(post, name, value)
            done.changed += 1
        else:
            done.unchanged += 1
    audit(session, actor, "import_posts", "posts", added=done.added, changed=done.changed, faults=len(done.faults))
    return done


def find_post(session: Session, code: str) -> Post | None:
    """The post with this number, if it is in use."""
    post = session.get(Post, code) if _CODE.fullmatch(code) else None
    return post if post is not None and post.active else None


def posts_in(session: Session, region: str) -> Sequence[Post]:
    """Those in use in a region and all below it, by place and name."""
    statement = (
        select(Post).where(Post.active, Post.region.startswith(_prefix(region))).order_by(Post.region, Post.name)
    )
    return session.execute(statement).scalars().all()


def post_figures(session: Session, region: str, since: datetime, until: datetime) -> list[PostFigures]:
    """What came of each post from `since` up to but not at `until`, the busiest first; those without anything too."""

    def counted(statement: object) -> dict[str, int]:
        return {str(code): int(count) for code, count in session.execute(statement)}  # type: ignore[call-overload]

    from_a_post = Conversation.post.is_not(None)
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
    found = [
        PostFigures(post, began.get(post.code, 0), wrote.get(post.code, 0), asked.get(post.code, 0))
        for post in posts_in(session, region)
    ]
    return sorted(found, key=lambda each: (-each.messages, -each.conversations, each.post.code))


def _prefix(region: str) -> str:
    """What the codes of a region and of all below it begin with."""
    if region == NATION:
        return ""
    return region[:2] if region.endswith("0000") else region[:4] if region.endswith("00") else region


def _new_code(taken: dict[str, Post]) -> str:
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

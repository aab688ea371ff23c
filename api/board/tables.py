"""The figures as tables: what the page prints, what its charts are drawn from, and what a spreadsheet gets."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from api.board.figure_schemas import (
    TIERS,
    Breakdown,
    Counts,
    Knowledge,
    LawyerBreakdown,
    Media,
    Posts,
    Questions,
    Satisfaction,
    Share,
    Silent,
    Timeline,
    WaitingNow,
)
from bot.actions.wording import minutes
from core.clock import local
from core.csv_text import csv_text
from escalation.call_backs import DISSATISFIED
from escalation.policy import Policy

MEDIA = {"webhook": "接口推送", "wechat": "微信"}
BY = {"kind": "首问还是追问", "region": "地区", "tier": "解答时推到了哪一层级", "category": "类别", "channel": "渠道"}
_UNITS = {"hour": "小时", "day": "日期", "week": "从这天起的一周", "month": "月份"}

Value = str | int | float | bool | datetime | Share | None
Tone = Literal["act", "red", "soft", "line"]


@dataclass(frozen=True, slots=True)
class Column:
    heading: str
    kind: Literal["text", "number", "share", "percent", "seconds", "moment", "mean"] = "number"


@dataclass(frozen=True, slots=True)
class Row:
    cells: tuple[Value, ...]
    since: datetime | None = None
    until: datetime | None = None
    region: str = ""
    """Where the row's first cell leads: to this stretch of time, or to this region."""
    tone: Tone = "act"
    """Of its bar, where the chart has one for each row."""


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn of a table: these columns, in these tones. `lines`: shares over time, the number of rounds behind them."""

    kind: Literal["lines", "stack", "bars"]
    columns: tuple[int, ...]
    tones: tuple[Tone, ...]
    says: str
    """The chart in words."""


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    """In addresses and ids."""
    caption: str
    columns: tuple[Column, ...]
    rows: Sequence[Row]
    chart: Chart | None = None

    def as_csv(self) -> str:
        """Shares as three columns, so that a spreadsheet can go on counting."""
        headings: list[str] = []
        for column in self.columns:
            unit = "（秒）" if column.kind == "seconds" else ""
            headings.append(column.heading + unit)
            if column.kind == "share":
                headings += [f"{column.heading}：及时轮数", f"{column.heading}：应计轮数"]
        return csv_text(
            headings,
            (
                [cell for each in zip(row.cells, self.columns, strict=True) for cell in _cells(*each)]
                for row in self.rows
            ),
        )


def _cells(value: Value, column: Column) -> list[object]:
    if isinstance(value, Share):
        return [_percent(value.share, 1), value.in_time, value.of]
    if column.kind == "percent":
        return [_percent(value, 1)]  # type: ignore[arg-type]
    return [value]


def _percent(share: float | None, digits: int = 0) -> str | None:
    return None if share is None else f"{share:.{digits}%}"


def shown(value: Value, column: Column) -> str:
    """As the page prints it."""
    if isinstance(value, Share):
        value = value.share
    if value is None:
        return "—"
    if column.kind in ("share", "percent"):
        return _percent(float(value)) or ""  # type: ignore[arg-type]
    if column.kind == "seconds":
        return length(float(value))  # type: ignore[arg-type]
    if isinstance(value, bool):
        return "是" if value else ""
    if isinstance(value, datetime):
        return f"{local(value):%m-%d %H:%M}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def plain(value: Value) -> float | None:
    """As a script counts with it."""
    if isinstance(value, Share):
        return value.share
    return float(value) if isinstance(value, int | float) else None


def length(seconds: float | None) -> str:
    """3 分 20 秒."""
    if seconds is None:
        return "—"
    whole, rest = divmod(round(seconds), 60)
    if whole >= 60:
        hours, whole = divmod(whole, 60)
        return f"{hours} 小时 {whole} 分"
    return f"{whole} 分 {rest} 秒" if whole else f"{rest} 秒"


# ---- the tables ----


def _count_columns(policy: Policy) -> tuple[Column, ...]:
    three, six, ten = map(minutes, (policy.province_after, policy.nation_after, policy.broken_after))
    return (
        Column("轮次"),
        Column("兑现"),
        Column("落空"),
        Column("其余"),
        Column(f"{three}内有解答", "share"),
        Column(f"{six}内有解答", "share"),
        Column(f"{ten}内有解答", "share"),
        Column("按承诺解答", "share"),
    )


def _counted(counts: Counts) -> tuple[Value, ...]:
    rest = counts.rounds - counts.kept - counts.broken
    shares = (counts.first_3, counts.first_6, counts.first_10, counts.quorum_10)
    return (counts.rounds, counts.kept, counts.broken, rest, *shares)


def _in_words(counts: Counts) -> str:
    kept = _percent(counts.quorum_10.share)
    return f"{counts.rounds} 轮" + (f"，按承诺解答 {kept}" if kept else "")


def timeline_table(found: Timeline, policy: Policy) -> Table:
    rows = [
        Row((stretch_name(each.start, found.unit), *_counted(each)), since=each.start, until=each.end)
        for each in found.rows
    ]
    busy = [each for each in found.rows if each.rounds]
    says = "这段时间没有提问。"
    if busy:
        worst = min(busy, key=lambda each: each.quorum_10.share if each.quorum_10.share is not None else 2)
        says = f"折线图，{len(found.rows)} 段时间，每段按承诺解答和最早有解答的比例，背后是轮次。"
        if worst.quorum_10.share is not None:
            says += f"最低的是{stretch_name(worst.start, found.unit)}：{_in_words(worst)}。"
    return Table(
        "timeline",
        "承诺，按时间",
        (Column(_UNITS[found.unit], "text"), *_count_columns(policy)),
        rows,
        Chart("lines", (8, 5, 1), ("act", "soft", "line"), says),
    )


def stretch_name(start: datetime, unit: str) -> str:
    there = local(start)
    return {
        "hour": f"{there.day}日 {there.hour}时",
        "day": f"{there.month}月{there.day}日",
        "week": f"{there.year}年{there.month}月{there.day}日",
        "month": f"{there.year}年{there.month}月",
    }[unit]


def breakdown_table(found: Breakdown, policy: Policy) -> Table:
    by_region = found.by == "region"
    rows = [
        Row((each.name, *_counted(each)), region=each.key if by_region and each.key != found.region else "")
        for each in found.rows
    ]
    says = "这段时间没有提问。"
    if found.rows:
        most = max(found.rows, key=lambda each: each.rounds)
        says = f"条形图，{len(rows)} 项，每项兑现、其余、落空的轮次。轮次最多的是{most.name}：{_in_words(most)}。"
    return Table(
        found.by,
        f"承诺，按{BY[found.by]}",
        (Column(BY[found.by], "text"), *_count_columns(policy)),
        rows,
        Chart("stack", (2, 4, 3), ("act", "line", "red"), says),
    )


def lawyer_table(found: LawyerBreakdown) -> Table:
    columns = (
        Column("律师", "text"), Column("律所", "text"), Column("地区", "text"), Column("解答轮次"),
        Column("推送到解答，中位数", "seconds"), Column("没有回音的推送"), Column("评价"), Column("平均评价", "mean"),
        Column("不满意"),
    )  # fmt: skip
    rows = [
        Row((
            each.name, each.firm, each.region_name, each.answered, each.median_s, each.silent, each.rated, each.mean,
            each.dissatisfied,
        ))
        for each in found.rows
    ]  # fmt: skip
    return Table("lawyer", "律师", columns, rows)


def silent_table(found: Silent) -> Table:
    columns = (Column("律师", "text"), Column("律所", "text"), Column("地区", "text"), Column("没有回音的推送"))
    return Table(
        "silent",
        "没有回音的推送",
        columns,
        [Row((each.name, each.firm, each.region_name, each.silent)) for each in found.lawyers],
    )


def waiting_table(found: WaitingNow) -> Table:
    columns = (
        Column("咨询", "text"), Column("轮"), Column("紧急", "text"), Column("问题", "text"), Column("地区", "text"),
        Column("类别", "text"), Column("层级", "text"), Column("已解答"), Column("需要"), Column("开始", "moment"),
        Column("期限", "moment"),
    )  # fmt: skip
    rows = [
        Row((
            each.consultation, each.number, each.urgent, each.question, each.region_name, each.category,
            TIERS.get(each.tier, each.tier), each.answered, each.quorum, each.started_at, each.deadline,
        ))
        for each in found.rounds
    ]  # fmt: skip
    return Table("waiting", "正在等待", columns, rows)


def satisfaction_table(found: Satisfaction) -> Table:
    rows = [
        Row((each.name, each.ratings, each.share), tone="red" if each.level <= DISSATISFIED else "act")
        for each in found.levels
    ]
    says = f"条形图，五个等级各有多少次评价，共 {found.ratings} 次。"
    chart = Chart("bars", (1,), ("act",), says)
    return Table(
        "satisfaction", "好差评", (Column("等级", "text"), Column("次数"), Column("比例", "percent")), rows, chart
    )


def knowledge_table(found: Knowledge) -> Table:
    hours = f"{found.turned_within_h:g} 小时内"
    rows = [
        Row((f"法规库回答，{hours}没有再找律师", found.answered - found.turned)),
        Row((f"法规库回答，{hours}又找了律师", found.turned), tone="soft"),
        Row(("没有先回答，直接转律师", found.straight), tone="soft"),
        Row(("问得不清楚，请市民再说", found.asked_back), tone="line"),
    ]
    chart = Chart(
        "bars", (1,), ("act",), "条形图：" + "；".join(f"{row.cells[0]} {row.cells[1]} 次" for row in rows) + "。"
    )
    return Table("knowledge", "法规库与律师", (Column("去向", "text"), Column("次数")), rows, chart)


def question_table(found: Questions) -> Table:
    columns = (Column("问题", "text"), Column("问了几次"), Column("转律师"), Column("最近一次", "moment"))
    rows = [Row((each.text, each.times, each.consultations, each.last_at)) for each in found.questions]
    return Table("questions", "没有卡片的常见问题", columns, rows)


def media_table(found: Media) -> Table:
    columns = (
        Column("媒介", "text"), Column("待发"), Column("已送达"), Column("失败"), Column("不必再发"),
        Column("最早待发", "moment"), Column("最近的原因", "text"),
    )  # fmt: skip
    rows = [
        Row((
            MEDIA.get(each.medium, each.medium), each.waiting, each.sent, each.dead, each.dropped, each.oldest_waiting,
            each.error,
        ))
        for each in found.media
    ]  # fmt: skip
    return Table("media", "通知律师的媒介", columns, rows)


def post_table(found: Posts) -> Table:
    columns = (
        Column("服务点", "text"), Column("编号", "text"), Column("地区", "text"), Column("负责人", "text"),
        Column("会话"), Column("市民消息"), Column("咨询"),
    )  # fmt: skip
    rows = [
        Row((
            each.name, each.code, each.region_name, each.keeper, each.conversations, each.messages, each.consultations,
        ))
        for each in found.posts
    ]  # fmt: skip
    return Table("posts", "服务点", columns, rows)

"""``wenfa kb train``, ``evaluate``, ``encode``, ``lexicon``: the models and the words of the search."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from wenfa.terminal import console, fail, interruptible, load_settings, open_database

Data = Annotated[Path, typer.Option(help="训练材料：含 stard/corpus.jsonl.gz 和 stard/train.jsonl 的文件夹")]
Work = Annotated[Path, typer.Option(help="放中间结果的文件夹，再次运行时接着做")]


class _Bars:
    """A progress bar for each phase, as `say` names them."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, Any] = {}

    def __call__(self, phase: str, done: int, total: int) -> None:
        if phase not in self._tasks:
            self._tasks[phase] = self._progress.add_task(phase, total=total)
        self._progress.update(self._tasks[phase], completed=done, total=total)


def _progress() -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*columns, console=console)


def encode(
    most: Annotated[int, typer.Option("--most", min=1, help="最多算多少条，其余下次接着算")] = 1_000_000,
) -> None:
    """给新导入的条文算语义向量（每秒约 30 条，可中断、可接着做），然后重新建立索引。随软件来的国家法律不必算。"""
    from knowledge_base.meaning import encode_articles, missing_articles
    from wenfa.prepare import build

    settings = load_settings()
    with interruptible(), open_database() as database:
        with console.status("正在核对"):
            missing = missing_articles(settings, database)
        if missing:
            with _progress() as progress:
                bars = _Bars(progress)
                encode_articles(settings, missing[:most], lambda done, total: bars("条文向量", done, total))
        console.print(f"算好 {min(len(missing), most)} 条，还差 {max(len(missing) - most, 0)} 条。")
        report = build(settings, database)
    console.print(f"{'索引已建好' if report.built else '索引没有变化'}：{report.articles} 条")


def train(
    data: Data,
    work: Work = Path("build/train"),
    onward: Annotated[
        bool,
        typer.Option("--onward", help="从随软件来的模型接着训练：条文向量不变，问题编码器向它自己的前身学（约一小时）"),
    ] = False,
) -> None:
    """从数据重新训练随软件来的全部模型（两个核心约三个半小时），写进 knowledge_base/model。"""
    from knowledge_base.training.run import Training

    with interruptible(), _progress() as progress:
        try:
            Training(data, work, _Bars(progress), onward=onward).run()
        except FileNotFoundError as error:
            fail(f"缺少训练材料：{error.filename or error}")
    console.print("全部模型已训练好。请运行 wenfa kb evaluate 看效果，再运行 wenfa kb build。")


def evaluate(
    data: Data,
    work: Work = Path("build/train"),
    ablate: Annotated[bool, typer.Option("--ablate", help="也逐一去掉各部分，看少了它会怎样（约半小时）")] = False,
    as_json: Annotated[Path | None, typer.Option("--json", help="把各表写成 JSON 文件")] = None,
) -> None:
    """列出检索和决定的效果，都用模型没有见过的问题测。"""
    from knowledge_base.training import evaluate as tables
    from knowledge_base.training.ranker import train as train_rankers
    from knowledge_base.training.run import Training

    with interruptible(), _progress() as progress:
        try:
            cases = Training(data, work, _Bars(progress)).cases()
        except FileNotFoundError as error:
            fail(f"缺少材料：{error.filename or error}。请先运行 wenfa kb train。")
    rankings = train_rankers(cases).rankings
    found: dict[str, Any] = {
        "检索": tables.systems(cases, rankings), "决定": tables.decisions(cases, rankings), "消息": tables.messages(),
    }  # fmt: skip
    if ablate:
        found["去掉一部分"] = tables.ablations(cases)
    for title, rows in found.items():
        if isinstance(rows, list):
            _print(title, rows)
        else:
            console.print_json(json.dumps({title: rows}, ensure_ascii=False))
    if as_json is not None:
        as_json.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def lexicon(
    word: Annotated[str, typer.Argument(help="日常用语；不写就列出全部")] = "",
    legal: Annotated[list[str] | None, typer.Argument(help="对应的法律用语，可以几个")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="去掉这个词")] = False,
) -> None:
    """查看、增加、修改、去掉词典里的词（日常用语对应的法律用语）；马上生效，不必重建索引。"""
    from knowledge_base.lexicon import BrokenLexicon, Lexicon

    book = Lexicon(load_settings().home_dir / "lexicon.yml")
    try:
        if remove and (not word or legal):
            fail("要去掉一个词，请写：wenfa kb lexicon 词 --remove")
        if word and (legal or remove):
            if remove and word not in book.entries():
                fail(f"词典里没有“{word}”。")
            book.put(word, list(legal or []))
            console.print(f"{'已去掉' if remove else '已记下'}：{word} {'、'.join(legal or [])}", markup=False)
            return
        entries = book.entries()
    except BrokenLexicon as error:
        fail(str(error))
    if word:
        if word not in entries:
            fail(f"词典里没有“{word}”。要加上，请写：wenfa kb lexicon {word} 法律用语")
        entries = {word: entries[word]}
    _print("词典", [{"日常用语": key, "法律用语": "、".join(values)} for key, values in sorted(entries.items())])


def _print(title: str, rows: list[dict[str, Any]]) -> None:
    table = Table(*rows[0], title=title)
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    console.print(table)


def register(kb: typer.Typer) -> None:
    """Add the commands to ``wenfa kb``."""
    for command in (encode, train, evaluate, lexicon):
        kb.command()(command)

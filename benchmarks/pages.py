"""What each page weighs, when a slow phone shows it, whether it shifts under the finger, and what axe says of it.

    .venv/bin/python benchmarks/pages.py                  # prepares a service of its own, then measures; minutes
    .venv/bin/python benchmarks/pages.py --home var       # over a prepared home folder, whose record is added to

A phone of 390 × 844 with 1.6 Mbit/s, 150 ms to the server and a quarter of this machine's processor, nothing cached, as in
Lighthouse; medians. Budget (design): the citizen's page paints within 1 s and weighs at most 60 kB.
"""

import argparse
import json
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table
from stage import ANSWERS, QUESTION, ROOT, Stage, answer, ask, chromium, log_in, open_browser, staged

PHONE = (390, 844)
NETWORK = {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 93_750}
OBSERVE = """
window.seen = {paint: 0, largest: 0, shift: 0};
new PerformanceObserver(list => list.getEntries().forEach(each => {
  if (each.name === "first-contentful-paint") seen.paint = each.startTime;
})).observe({type: "paint", buffered: true});
new PerformanceObserver(list => list.getEntries().forEach(each => seen.largest = each.startTime))
  .observe({type: "largest-contentful-paint", buffered: true});
new PerformanceObserver(list => list.getEntries().forEach(each => {
  if (!each.hadRecentInput) seen.shift += each.value;
})).observe({type: "layout-shift", buffered: true});
"""
CITIZEN = {"/": "提问", "/?topic=劳动人事": "按类别", "/laws": "学法律", "/laws/verify": "核对引用", "/c": "取件码"}
LAWYER = {"/desk": "解答台", "/desk/me": "我的统计", "/desk/templates": "常用语"}
SUPERVISOR = {"/board": "督导台", "/board?range=30d": "督导台，三十天"}
ADMINISTRATOR = {
    f"/admin{path}": f"管理：{name}"
    for path, name in {
        "": "首页", "/laws": "法规", "/cards": "卡片", "/questions": "没答上的问题", "/lexicon": "词典", "/lawyers": "律师",
        "/accounts": "账号", "/offices": "机构", "/posts": "服务点", "/devices": "终端", "/keys": "密钥", "/policy": "规则",
        "/audit": "审计",
    }.items()
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Measured:
    name: str
    path: str
    kb: float
    requests: int
    paint_ms: float
    largest_ms: float
    shift: float
    axe: int
    """Violations in both themes."""


def measure(browser: Any, stage: Stage, cookies: list[Any], path: str, name: str, runs: int, axe: str) -> Measured:
    """A page opened `runs` times by a browser that has nothing cached."""
    found: list[dict[str, float]] = []
    for _ in range(runs):
        context = open_browser(browser, stage, PHONE, phone=True)
        context.add_cookies(cookies)
        context.add_init_script(OBSERVE)
        page = context.new_page()
        devtools = context.new_cdp_session(page)
        sizes: list[float] = []
        devtools.on("Network.loadingFinished", lambda event, sizes=sizes: sizes.append(event["encodedDataLength"]))
        devtools.send("Network.enable")
        devtools.send("Network.emulateNetworkConditions", NETWORK)
        devtools.send("Emulation.setCPUThrottlingRate", {"rate": 4})
        response = page.goto(path, wait_until="load")
        assert response is not None
        assert response.ok, f"{path}: {response.status}"
        page.wait_for_timeout(1500)  # what comes after the load: the stream, a chart
        found.append({**page.evaluate("seen"), "bytes": sum(sizes), "requests": len(sizes)})
        context.close()
    violations = 0
    for dark in (False, True):
        context = open_browser(browser, stage, PHONE, phone=True, dark=dark)
        context.add_cookies(cookies)
        page = context.new_page()
        page.goto(path)
        page.wait_for_timeout(500)
        page.evaluate(axe + "; true")
        seen = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
        violations += len(seen["violations"])
        for each in seen["violations"]:
            print(path, each["id"], [node["html"][:120] for node in each["nodes"]][:3])
        context.close()
    middle = {key: statistics.median(each[key] for each in found) for key in found[0]}
    return Measured(
        name,
        path,
        round(middle["bytes"] / 1000, 1),
        int(middle["requests"]),
        round(middle["paint"]),
        round(middle["largest"]),
        round(max(each["shift"] for each in found), 3),
        violations,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--home", type=Path, help="a prepared home folder, whose record is added to")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    axe = (ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")
    with staged(arguments.home) as stage, chromium() as browser:
        citizen = open_browser(browser, stage, PHONE, phone=True)
        lawyers = [open_browser(browser, stage, (1280, 800)) for _ in stage.lawyers]
        supervisor, administrator = (open_browser(browser, stage, (1280, 800)) for _ in range(2))
        chat = citizen.new_page()
        chat.goto("/")
        ask(chat, QUESTION)
        number = chat.locator("#status .number .whole").inner_text().split()[-1]
        for context, (login, _), words in zip(lawyers, stage.lawyers, ANSWERS, strict=True):
            desk = context.new_page()
            log_in(desk, "/desk", login)
            answer(desk, QUESTION[:12], words)
        for context, path, login in (
            (supervisor, "/board", stage.supervisor),
            (administrator, "/admin", stage.administrator),
        ):
            log_in(context.new_page(), path, login)
        mine = {
            "/": "会话，三位解答",
            "/consultations": "我的咨询",
            f"/consultations/{number}": "一次咨询",
            "/share": "给家人看",
        }
        plan: list[tuple[list[Any], str, str]] = [([], path, name) for path, name in CITIZEN.items()]
        for context, pages in (
            (citizen, mine),
            (lawyers[0], {**LAWYER, desk.url.removeprefix(stage.url).partition("?")[0]: "解答台，一个问题"}),
            (supervisor, SUPERVISOR),
            (administrator, ADMINISTRATOR),
        ):
            plan += [(context.cookies(), path, name) for path, name in pages.items()]
        results = [
            measure(browser, stage, cookies, path, name, arguments.runs, axe)
            for cookies, path, name in track(plan, description="各页")
        ]
    show(results)
    if arguments.json:
        rows = [{name: getattr(each, name) for name in Measured.__slots__} for each in results]
        arguments.json.write_text(json.dumps(rows, indent=2, ensure_ascii=False))


def show(results: list[Measured]) -> None:
    table = Table(
        "page", "kB", "requests", "first paint ms", "largest ms", "shift", "axe", title="390 × 844, slow phone"
    )
    for each in results:
        numbers = (each.kb, each.requests, each.paint_ms, each.largest_ms, each.shift, each.axe)
        table.add_row(f"{each.name} {each.path[:40]}", *map(str, numbers))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()

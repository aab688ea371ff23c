"""A citizen and three lawyers, each in a browser of their own, through a whole consultation; pictures of it for the documents.

    .venv/bin/python benchmarks/tour.py                 # prepares a service of its own, then walks; minutes
    .venv/bin/python benchmarks/tour.py --home var      # over a prepared home folder, whose record is added to

Writes docs/images/consultation.webp, the recording (four phones beside each other, a frame after each thing somebody does),
and pictures of the citizen's pages, the desk and the device in a hall. Nothing is staged but the words: questions and answers
go through the running service and reach the other browsers by its event streams.
"""

import argparse
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, expect
from rich.console import Console
from stage import (
    ANSWERS,
    CITED,
    FOLLOW_UP,
    QUESTION,
    ROOT,
    Stage,
    answer,
    ask,
    chromium,
    find_law,
    log_in,
    open_browser,
    staged,
)

IMAGES = ROOT / "docs" / "images"
PHONE, DESKTOP = (390, 844), (1280, 800)
UPRIGHT, ACROSS = (1080, 1920), (1920, 1080)
GAP, SCALE = 16, 0.62
GROUND = "#5f6a6c"
SHORT_MS, LONG_MS = 1100, 2600
console = Console()


@dataclass
class Recording:
    """Frames of several pages beside each other."""

    pages: list[Page]
    frames: list[Image.Image] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)

    def take(self, milliseconds: int = SHORT_MS) -> None:
        """One frame of all of them as they are now."""
        frame = beside([Image.open(io.BytesIO(each.screenshot())).convert("RGB") for each in self.pages])
        size = (round(frame.width * SCALE), round(frame.height * SCALE))
        self.frames.append(frame.resize(size, Image.Resampling.LANCZOS))
        self.lengths.append(milliseconds)

    def save(self, path: Path) -> None:
        first, *rest = self.frames
        first.save(path, save_all=True, append_images=rest, duration=self.lengths, loop=0, quality=62, method=6)


def picture(page: Page, name: str, **options: Any) -> None:
    """A screenshot for the documents."""
    page.wait_for_timeout(400)
    save(Image.open(io.BytesIO(page.screenshot(**options))).convert("RGB"), name)


def consult(browser: Browser, stage: Stage) -> None:
    """The whole consultation, recorded; and pictures where there is something to see."""
    citizen = open_browser(browser, stage, PHONE, phone=True).new_page()
    desks = []
    for login, _ in stage.lawyers:
        desk = open_browser(browser, stage, PHONE, phone=True).new_page()
        log_in(desk, "/desk", login)
        desks.append(desk)
    wide = open_browser(browser, stage, DESKTOP).new_page()
    log_in(wide, "/desk", stage.lawyers[0][0])
    recording = Recording([citizen, *desks])
    mark = QUESTION[:12]

    citizen.goto("/")
    picture(citizen, "chat-start.png")
    recording.take(LONG_MS)
    citizen.fill("#text", QUESTION)
    recording.take()
    ask(citizen, QUESTION)
    for desk in desks:
        expect(desk.locator("#queue a", has_text=mark).first).to_be_visible()
    recording.take(LONG_MS)
    picture(citizen, "chat-waiting.png")
    for number, (desk, words) in enumerate(zip(desks, ANSWERS, strict=True)):
        desk.locator("#queue a", has_text=mark).first.click()
        desk.locator("#text").press_sequentially(words[:6])
        expect(citizen.locator("#status")).to_contain_text("位正在写")
        recording.take()
        if number == 0:
            wide.locator("#queue a", has_text=mark).first.click()
            find_law(wide, CITED)
            picture(wide, "desk-desktop.png")
        desk.fill("#text", words)
        if number == 1:
            find_law(desk, CITED)
            desk.locator("#hits .cite").first.click()
        desk.locator("#text").scroll_into_view_if_needed()
        recording.take()
        desk.click("#answer .primary")
        desk.wait_for_selector("[data-sent]")
        expect(citizen.locator(".bubble.lawyer")).to_have_count(number + 1)
        citizen.locator(".bubble.lawyer").last.scroll_into_view_if_needed()
        recording.take(LONG_MS)
        desk.goto("/desk")
    picture(citizen, "chat-phone.png")
    compare(browser, stage, citizen)
    citizen.locator(".bubble.lawyer [data-to]").nth(1).click()
    citizen.fill("#text", FOLLOW_UP)
    recording.take()
    ask(citizen, FOLLOW_UP)
    expect(desks[1].locator("#queue a", has_text=FOLLOW_UP[:8])).to_be_visible()
    recording.take(LONG_MS)
    picture(desks[1], "desk-phone.png")
    answer(desks[1], FOLLOW_UP[:8], "不合法。甲方有没有结账，是他们之间的事，不影响付您工资。")
    expect(citizen.locator(".bubble.lawyer")).to_have_count(4)
    citizen.locator(".bubble.lawyer").last.scroll_into_view_if_needed()
    recording.take(LONG_MS)
    citizen.click("#closing button")
    citizen.locator("text=非常满意").last.wait_for()
    recording.take()
    citizen.click("text=非常满意")
    expect(citizen.locator(".bubble.service").last).to_contain_text("已记下您的评价")
    recording.take(LONG_MS)
    recording.save(IMAGES / "consultation.webp")


def compare(browser: Browser, stage: Stage, citizen: Page) -> None:
    """The three answers beside each other, on a wide screen and on the phone; the list; a thread on a wide screen, in the dark."""
    wide = open_browser(browser, stage, DESKTOP)
    wide.add_cookies(citizen.context.cookies())
    page = wide.new_page()
    page.goto("/")
    page.wait_for_timeout(500)
    picture(page, "chat-desktop.png")
    page.click(".compare a")
    page.wait_for_selector(".answers")
    picture(page, "answers-desktop.png")
    dark = open_browser(browser, stage, PHONE, phone=True, dark=True)
    dark.add_cookies(citizen.context.cookies())
    night = dark.new_page()
    night.goto("/")
    night.wait_for_timeout(500)
    picture(night, "chat-dark.png")
    night.goto("/consultations")
    picture(night, "consultations-phone.png")


def device(browser: Browser, stage: Stage) -> None:
    """The device in a hall: upright and across, an answer, and the code to go home with."""
    context = open_browser(browser, stage, UPRIGHT)
    page = context.new_page()
    page.goto("/kiosk")
    page.fill("[name=code]", stage.device_code)
    page.click("main .primary")
    page.wait_for_selector("h2.title")
    upright = small(page)
    page.set_viewport_size({"width": ACROSS[0], "height": ACROSS[1]})
    save(beside([upright, small(page)]), "kiosk.png")
    page.set_viewport_size({"width": UPRIGHT[0], "height": UPRIGHT[1]})
    ask(page, "一天最多能让加班几个小时")
    answered = small(page)
    page.click("text=结束")
    page.wait_for_selector(".claim-code")
    save(beside([answered, small(page)]), "kiosk-end.png")


def gallery(browser: Browser, stage: Stage) -> None:
    """Every other page, several to a picture: the citizen's and the desk's on a phone, the others on a computer."""
    citizen = open_browser(browser, stage, PHONE, phone=True).new_page()
    citizen.goto("/")
    ask(citizen, "邻居装修砸了承重墙，物业不管，该找谁？")
    rows(citizen, "citizen-more.png", ["/?topic=劳动人事", "/consultations", "/share", "/c", "/laws", "/laws/verify"])
    lawyer = open_browser(browser, stage, PHONE, phone=True).new_page()
    log_in(lawyer, "/desk", stage.lawyers[2][0])
    rows(lawyer, "desk-more.png", ["/desk", "/desk/me", "/desk/templates"])
    supervisor = open_browser(browser, stage, DESKTOP).new_page()
    log_in(supervisor, "/board", stage.supervisor)
    rows(supervisor, "board-more.png", ["/board/tasks", "/board/waiting", "/board/lawyers"])
    administrator = open_browser(browser, stage, DESKTOP).new_page()
    log_in(administrator, "/admin", stage.administrator)
    rows(administrator, "admin-knowledge.png", [f"/admin/{each}" for each in ("laws", "cards", "lexicon")])
    rows(administrator, "admin-people.png", ["/admin", "/admin/accounts", "/office"])
    rows(administrator, "admin-places.png", [f"/admin/{each}" for each in ("offices", "posts", "devices")])
    rows(administrator, "admin-rules.png", [f"/admin/{each}" for each in ("keys", "policy", "questions")])


def rows(page: Page, name: str, paths: list[str]) -> None:
    """One picture of several pages at half their size."""
    shots = []
    for path in paths:
        page.goto(path)
        shots.append(small(page, 2))
    save(beside(shots), name)


def small(page: Page, times: int = 3) -> Image.Image:
    """The screen, so many times smaller; a device's at a third of its size."""
    page.wait_for_timeout(500)
    shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    return shot.resize((shot.width // times, shot.height // times), Image.Resampling.LANCZOS)


def beside(shots: list[Image.Image]) -> Image.Image:
    """Screens in a row, on a common ground."""
    row = Image.new(
        "RGB", (sum(each.width + GAP for each in shots) + GAP, max(each.height for each in shots) + 2 * GAP), GROUND
    )
    left = GAP
    for shot in shots:
        row.paste(shot, (left, GAP))
        left += shot.width + GAP
    return row


def save(shot: Image.Image, name: str) -> None:
    """In few enough colours to be small."""
    shot.quantize(128, dither=Image.Dither.NONE).save(IMAGES / name, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--home", type=Path, help="a prepared home folder, whose record is added to")
    arguments = parser.parse_args()
    IMAGES.mkdir(parents=True, exist_ok=True)
    with staged(arguments.home) as stage, chromium() as browser:
        with console.status("四个浏览器，一次咨询"):
            consult(browser, stage)
        with console.status("大厅里的终端"):
            device(browser, stage)
        with console.status("其余各页"):
            gallery(browser, stage)
    for path in sorted(IMAGES.glob("*")):
        console.print(f"{path.relative_to(ROOT)}  {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()

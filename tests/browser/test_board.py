"""The board in a real browser: charts over their tables, into a region and a day, who waits now, for every eye."""

import json
from collections.abc import Callable, Iterator

import pytest
from factories import a_consultation, a_lawyer, answer, the_round
from playwright.sync_api import Page, expect

from core import clock
from core.database import Database
from tests.browser.conftest import PASSWORD, Service, Visitor

Visit = Callable[..., Visitor]

LEAGUE, BANNER, CITY = "152500", "152527", "152502"
"""锡林郭勒盟, where no other test asks anything, with 太仆寺旗 and 锡林浩特市 in it."""


@pytest.fixture(scope="module", autouse=True)
def record(service: Service) -> Iterator[None]:
    """Three days ago a question that three lawyers answered; today one that waits, and another from elsewhere in the league."""
    database = Database(service.settings.sql_url)
    lawyers = [a_lawyer(database, LEAGUE) for _ in range(3)]
    clock.advance(-3 * 86400)
    kept = a_consultation(database, BANNER, text="草场承包合同到期以后怎么续？")
    for lawyer in lawyers:
        answer(database, the_round(database, kept).id, lawyer)
    clock.reset()
    a_consultation(database, BANNER, text="邻居家的羊吃了我家的草，能要赔偿吗？")
    a_consultation(database, CITY, text="饭店不给开发票怎么办？")
    yield
    database.dispose()


def at_the_board(visit: Visit, path: str, **more: bool) -> Visitor:
    visitor = visit("/board", **more)
    visitor.page.fill("[name=login]", "gao")
    visitor.page.fill("[name=password]", PASSWORD)
    visitor.page.click("main .primary")
    visitor.page.goto(path)
    return visitor


def colours(page: Page, table: str) -> set[str]:
    """What a chart is painted with."""
    found = page.evaluate(
        """(table) => {
          const canvas = document.querySelector(`.chart[data-table="${table}"] canvas`);
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          const seen = new Map();
          for (let at = 0; at < data.length; at += 4)
            if (data[at + 3] === 255) {
              const colour = `${data[at]},${data[at + 1]},${data[at + 2]}`;
              seen.set(colour, (seen.get(colour) || 0) + 1);
            }
          return [...seen].filter(([, count]) => count > 300).map(([colour]) => colour);
        }""",
        table,
    )
    return set(found)


def test_charts_are_drawn_of_the_tables_in_the_pages_colours(visit: Visit) -> None:
    visitor = at_the_board(visit, f"/board?range=7d&region={LEAGUE}")
    page = visitor.page
    expect(page.locator("#promise")).to_have_text("近7天的承诺")
    expect(page.locator(".promise dd").first).to_contain_text("100% 1 / 1 轮")
    chart = page.locator('.chart[data-table="t-region"]')
    expect(chart.locator("canvas")).to_be_visible()
    expect(chart).to_have_attribute(
        "aria-label", "条形图，2 项，每项兑现、其余、落空的轮次。轮次最多的是太仆寺旗：2 轮，按承诺解答 100%。"
    )
    assert "11,85,96" in colours(page, "t-region")
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(200)
    assert "143,208,212" in colours(page, "t-region"), "drawn anew in the dark"
    # The table holds the same, for those who do not see the chart.
    page.locator("section:has(#h-timeline) summary").click()
    expect(page.locator("#t-timeline tbody tr")).to_have_count(7)
    assert visitor.complaints == []


def test_a_bar_leads_into_the_region_and_a_row_to_its_day(visit: Visit) -> None:
    visitor = at_the_board(visit, f"/board?range=7d&region={LEAGUE}")
    page = visitor.page
    expect(page.locator('.chart[data-table="t-region"] canvas')).to_be_visible()
    box = page.locator('.chart[data-table="t-region"]').bounding_box()
    assert box
    # The first bar is the region with the most rounds; it begins right of the names.
    page.locator('.chart[data-table="t-region"]').click(position={"x": 130, "y": 36 + (box["height"] - 60) * 0.25})
    expect(page.locator(".crumbs [aria-current]")).to_have_text("太仆寺旗")
    page.locator(".crumbs a", has_text="锡林郭勒盟").click()
    expect(page.locator("#promise")).to_have_text("近7天的承诺")
    page.locator("section:has(#h-timeline) summary").click()
    day = clock.local(clock.now()).date()
    page.locator("#t-timeline tbody a", has_text=f"{day.month}月{day.day}日").click()
    expect(page.locator("#promise")).to_have_text(f"{day.month}月{day.day}日的承诺")
    expect(page.locator("#from")).to_have_value(day.isoformat())
    assert f"region={LEAGUE}" in page.url
    page.fill("#region", "太仆寺")
    page.click(".scope form button")
    expect(page.locator(".crumbs [aria-current]")).to_have_text("太仆寺旗")
    page.locator(".ranges a", has_text="近30天").click()
    expect(page.locator("#promise")).to_have_text("近30天的承诺")
    assert visitor.complaints == []


def test_who_waits_is_looked_at_again_and_nothing_moves(visit: Visit, service: Service) -> None:
    visitor = at_the_board(visit, f"/board?region={LEAGUE}", phone=True)
    page = visitor.page
    waiting = page.locator("#waiting")
    expect(waiting).to_contain_text("2 轮在等")
    expect(waiting.locator(".due").first).to_contain_text("还有")
    below = page.locator("#h-timeline").bounding_box()
    database = Database(service.settings.sql_url)
    a_consultation(database, BANNER, text="借钱没有写借条，还能要回来吗？")
    database.dispose()
    page.clock.install()
    page.reload()
    expect(waiting).to_contain_text("3 轮在等")
    database = Database(service.settings.sql_url)
    a_consultation(database, BANNER, text="老人没有留遗嘱，房子怎么分？")
    database.dispose()
    page.clock.fast_forward(31_000)
    expect(waiting).to_contain_text("4 轮在等")
    assert page.locator("#h-timeline").bounding_box() == below
    service.stop()
    try:
        page.clock.fast_forward(31_000)
        expect(page.locator("#stale")).to_contain_text("下面还是上一次的情况")
        expect(waiting).to_contain_text("4 轮在等")
    finally:
        service.start()
    page.clock.fast_forward(31_000)
    expect(page.locator("#stale")).to_be_empty()
    assert [each for each in visitor.complaints if "ERR_CONNECTION" not in each and "htmx:" not in each] == []


@pytest.mark.parametrize("phone", [True, False], ids=["phone", "desktop"])
def test_it_is_for_every_eye_and_every_width(visit: Visit, axe: str, phone: bool) -> None:
    visitor = at_the_board(visit, f"/board?range=7d&region={LEAGUE}", phone=phone)
    page = visitor.page
    page.emulate_media(reduced_motion="reduce")
    for path in (
        f"/board?range=7d&region={LEAGUE}",
        "/board?from=x&region=火星",
        "/board/lawyers?range=7d",
        "/board/waiting",
        "/board/tasks",
    ):
        page.goto(path)
        page.evaluate(axe + "; true")
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")["violations"]
            assert not found, (path, scheme, json.dumps(found, ensure_ascii=False)[:3000])
        for width in (320, 390) if phone else (640, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (path, width)
        small = page.evaluate(
            "() => [...document.querySelectorAll('main a, main button, main summary, main input')]"
            ".filter(each => each.offsetParent && each.offsetHeight < 48 && !each.closest('p')).map(each => each.outerHTML)"
        )
        assert small == [], path
    assert [each for each in visitor.complaints if "422" not in each] == []


def test_without_script_the_tables_say_it_all(visit: Visit) -> None:
    page = at_the_board(visit, f"/board?range=7d&region={LEAGUE}", script=False).page
    expect(page.locator(".chart").first).to_be_hidden()
    expect(page.locator("#t-region")).to_be_visible()
    expect(page.locator("#t-region tbody tr").first).to_contain_text("太仆寺旗")
    page.locator("section:has(#h-category) summary").click()
    expect(page.locator("#t-category")).to_be_visible()
    expect(page.locator("#waiting")).to_contain_text("轮在等")
    with page.expect_download() as download:
        page.locator("section:has(#h-region) a[download]").click()
    assert download.value.suggested_filename == "region.csv"

"""Long lists a page at a time."""

import pytest

from api.pages.rendering import _environment, query
from core.paging import Paged, page_of


@pytest.mark.parametrize(
    ("number", "shown", "at"),
    [(1, ["a", "b"], 1), (3, ["e"], 3), (9, ["e"], 3), (0, ["a", "b"], 1), (-4, ["a", "b"], 1)],
)
def test_a_number_beyond_either_end_gives_the_page_there(number: int, shown: list[str], at: int) -> None:
    found = page_of(list("abcde"), number, 2)
    assert (list(found.rows), found.number, found.pages, found.total) == (shown, at, 3, 5)


def test_an_empty_list_has_one_page() -> None:
    found = page_of([], 2, 30)
    assert (list(found.rows), found.number, found.pages) == ([], 1, 1)


def test_what_a_list_is_narrowed_to_goes_along_in_its_addresses() -> None:
    assert (
        query({"q": "离婚 & 财产", "rank": "", "names": "1"}) == "q=%E7%A6%BB%E5%A9%9A+%26+%E8%B4%A2%E4%BA%A7&names=1"
    )


def test_from_beyond_the_last_page_the_way_back_leads_to_the_last() -> None:
    pager = _environment.get_template("_pager.html").module.pager  # type: ignore[attr-defined]
    drawn = pager(Paged([], 40, 99, 20), "q=a")
    assert 'rel="prev" href="?q=a&amp;page=2"' in drawn
    assert 'rel="next"' not in drawn
    assert pager(Paged([1], 1)).strip() == "", "one page needs no turning"

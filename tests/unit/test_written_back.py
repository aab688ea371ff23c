"""What is shown to be changed, or written to be imported again, is read as it was: duty hours, regions, cells of a file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.region_names import region_cell, region_written
from core.regions import all_regions
from escalation.csv_records import open_csv, write_csv
from escalation.duty_grammar import parse_duty_hours, written_hours

MINUTES = st.integers(0, 1440)
SPANS = st.tuples(MINUTES, MINUTES).filter(lambda span: span[0] < span[1])


@given(st.dictionaries(st.integers(0, 7), st.lists(SPANS, min_size=1, max_size=3)))
def test_duty_hours_are_read_back_as_the_same_rows(wanted: dict[int, list[tuple[int, int]]]) -> None:
    rows = []
    for day, spans in wanted.items():
        end = -1
        for start, last in sorted(spans):
            if start > end:  # as the record has them: in order, without touching
                rows.append((day, start, last))
                end = last
    assert set(parse_duty_hours(written_hours(rows))) == set(rows)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("周一到周五 上午9点到12点，下午2点到5点半", "周一至周五 9:00-12:00、14:00-17:30"),
        ("每天", "每天 全天"),
        ("周六、周日 9:00-12:00；节假日 10:00-12:00", "周六、周日 9:00-12:00；节假日 10:00-12:00"),
        ("", ""),
    ],
)
def test_duty_hours_are_written_as_an_office_would(written: str, shown: str) -> None:
    assert written_hours(parse_duty_hours(written)) == shown


def test_every_region_is_read_back_as_itself() -> None:
    assert all(region_written(region_cell(code)).code == code for code in all_regions())


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zs", "Zl", "Zp")), max_size=20))
def test_a_cell_is_read_back_and_never_computed(cell: str) -> None:
    text = write_csv(("名称",), [[cell or "空"]])
    assert text.splitlines()[1].lstrip('"')[:1] not in ("=", "+", "-", "@")
    _, records = open_csv(text.encode(), ())
    assert next(records).cells == [cell or "空"]

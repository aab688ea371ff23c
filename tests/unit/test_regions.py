"""Regions: codes know their places, and names are found in what people write."""

import pytest

from core import regions


def test_a_county_lies_in_its_prefecture_its_province_and_the_nation() -> None:
    assert regions.lineage("150981") == ("150981", "150900", "150000", "100000")
    assert regions.full_name("150981") == "内蒙古自治区乌兰察布市丰镇市"


def test_a_county_governed_by_its_province_stands_in_for_a_city() -> None:
    assert regions.lineage("429004") == ("429004", "420000", "100000")
    assert regions.ancestor("429004", "prefecture") == "429004"
    assert regions.ancestor("150000", "prefecture") is None


def test_every_region_reaches_the_nation() -> None:
    assert all(regions.lineage(code)[-1] == regions.NATION for code in regions.all_regions())


def test_an_unknown_code_is_named() -> None:
    with pytest.raises(regions.UnknownRegion, match="999999"):
        regions.get_region("999999")


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("我在内蒙古乌兰察布", ["150900"]),
        ("乌兰察布市集宁区的", ["150902"]),
        ("北京朝阳那边", ["110105"]),
        ("内蒙古自治区", ["150000"]),
        ("就在那个地方", []),
    ],
)
def test_a_place_is_found_in_words(text: str, codes: list[str]) -> None:
    assert [region.code for region in regions.regions_in(text)] == codes


def test_a_name_that_many_places_have_gives_them_all() -> None:
    assert len(regions.regions_in("朝阳")) > 2

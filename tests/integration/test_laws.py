"""学法律 over the interface, on both databases: list, read, compare, verify; mistakes are told in Chinese and by field."""

from datetime import date
from uuid import UUID

import pytest
from people import Service

from knowledge_base.importing.drafts import ArticleDraft, ImportReport, Source, VersionDraft
from knowledge_base.importing.store import store
from knowledge_base.models import Rank, law_id
from knowledge_base.numerals import ArticleNumber

OLD, NEW = date(2019, 3, 1), date(2024, 5, 1)
LAMPS = "路灯应当在日落后开启，在日出后关闭。"
FINE = "损坏路灯的，处五十元以上二百元以下罚款。"
NEW_FINE = "损坏路灯的，处一百元以上五百元以下罚款；造成损失的，依法赔偿。"


def draft(
    name: str, texts: list[str], promulgated: date, region: str = "100000", rank: Rank = Rank.LAW
) -> VersionDraft:
    return VersionDraft(
        name=name, rank=rank, promulgated=promulgated, effective_from=promulgated, source=Source.TEXT, region=region,
        articles=[
            ArticleDraft(str(ArticleNumber(number)), ArticleNumber(number).ordinal, "第一章 总则", text)
            for number, text in enumerate(texts, start=1)
        ],
        repeals=(("灯笼法", promulgated),) if promulgated == NEW and rank is Rank.LAW else (), where=name,
    )  # fmt: skip


@pytest.fixture
def lamps(service: Service) -> UUID:
    """A law in two versions and a local regulation; the law's id."""
    report = ImportReport("test")
    drafts = [
        draft("中华人民共和国路灯法", [LAMPS, FINE], OLD),
        draft("中华人民共和国路灯法", [LAMPS, "路灯应当节能。", NEW_FINE], NEW),
        draft("浙江省路灯管理条例", ["本省的路灯每日巡查。"], NEW, "330000", Rank.LOCAL_REGULATION),
    ]
    store(service.database, drafts, report, lambda *_: None)
    assert not report.left_out
    return law_id("路灯法")


def test_laws_are_listed_and_found_by_name(service: Service, lamps: UUID) -> None:
    listed = service.client.get("/v1/laws", params={"region": "330100"}).json()
    assert [law["name"] for law in listed["laws"]] == ["中华人民共和国路灯法", "浙江省路灯管理条例"]
    assert listed["ranks"] == {"法律": 1, "地方性法规": 1}
    assert listed["laws"][0]["url"] == f"/laws/{lamps}"
    narrowed = service.client.get("/v1/laws", params={"region": "330100", "rank": "地方性法规", "q": "路灯"}).json()
    assert (narrowed["total"], narrowed["laws"][0]["status"]) == (1, "现行有效")
    assert service.client.get("/v1/laws", params={"region": "370000", "q": "浙江"}).json()["total"] == 0


def test_any_version_is_read_and_two_are_compared(service: Service, lamps: UUID) -> None:
    law = service.client.get(f"/v1/laws/{lamps}").json()
    assert (len(law["articles"]), law["version"]["promulgated"], len(law["versions"])) == (3, "2024-05-01", 2)
    for params in ({"version": "2019-03-01"}, {"as_of": "2020-01-01"}):
        assert len(service.client.get(f"/v1/laws/{lamps}", params=params).json()["articles"]) == 2
    diff = service.client.get(f"/v1/laws/{lamps}/diff", params={"from": "2019-03-01", "to": "2024-05-01"}).json()
    assert [each["change"] for each in diff["changes"]] == ["新增", "修改"]
    assert diff["unchanged"] == 1
    amended = diff["changes"][1]
    assert (amended["older"]["number"], amended["newer"]["number"], amended["moved"]) == ("第二条", "第三条", True)
    assert "".join(mark["text"] for mark in amended["marks"] if mark["kind"] != "insert") == FINE


def test_an_article_comes_with_its_other_versions(service: Service, lamps: UUID) -> None:
    article = service.client.get(f"/v1/laws/{lamps}/articles/3").json()
    assert article["article"]["text"] == NEW_FINE
    assert [(each["version"]["promulgated"], each["number"], each["same_text"]) for each in article["versions"]] == [
        ("2024-05-01", "第三条", True), ("2019-03-01", "第二条", False),
    ]  # fmt: skip
    old = service.client.get(f"/v1/laws/{lamps}/articles/2", params={"version": "2019-03-01"}).json()
    assert (old["article"]["text"], old["version"]["status"]) == (FINE, "已被修改")


def test_one_citation_is_verified_as_it_always_was(service: Service, lamps: UUID) -> None:
    found = service.client.get("/v1/laws/verify", params={"citation": "《路灯法》第三条"}).json()
    assert (found["found"], found["in_force"], found["text"]) == (True, True, NEW_FINE)
    assert found["law_id"] == str(lamps)
    assert [each["article"] for each in found["citations"]] == ["第三条"]
    for citation, status, said in (
        ("《路灯法》第九条", 404, "没有第九条"),
        ("《马灯法》第一条", 404, "没有收录《马灯法》"),
        ("灯笼法第一条", 404, "被《中华人民共和国路灯法》废止"),
        ("随便说说", 422, "看不出引用的是哪部法规"),
    ):
        response = service.client.get("/v1/laws/verify", params={"citation": citation})
        assert response.status_code == status
        assert said in response.json()["title"]


def test_every_citation_of_a_text_is_verified(service: Service, lamps: UUID) -> None:
    text = "依照《路灯法》第一条、第三条、第九条和灯笼法第二条，以及《浙江省路灯管理条例》第一条规定：“每周巡查路灯”。"
    found = service.client.get("/v1/laws/verify", params={"text": text, "region": "370000"}).json()
    assert [each["found"] for each in found["citations"]] == [True, True, False, False, True]
    assert all(text[each["start"] : each["end"]] == each["citation"] for each in found["citations"])
    assert found["citation"] == "《路灯法》第一条"
    gone, local = found["citations"][3:]
    assert gone["replaced_by"] == [{"law_id": str(lamps), "name": "中华人民共和国路灯法"}]
    assert (gone["law_id"], local["applies"], local["quote"]["stands"]) == (None, False, False)
    nothing = service.client.get("/v1/laws/verify", params={"text": "今天天气很好"}).json()
    assert (nothing["citations"], nothing["found"]) == ([], False)
    assert "没有看到" in nothing["message"]


@pytest.mark.parametrize(
    ("address", "status", "field", "said"),
    [
        ("/v1/laws/verify", 422, "text", "请写出"),
        ("/v1/laws/verify?citation=%20", 422, "text", "请写出"),
        ("/v1/laws/verify?text=a&citation=b", 422, "text", "只能写一个"),
        ("/v1/laws/verify?text=" + "a" * 2001, 422, "text", "最多 2000 个字"),
        ("/v1/laws/verify?text=a&region=999999", 422, "region", "六位代码"),
        ("/v1/laws?region=1", 422, "region", "六位代码"),
        ("/v1/laws?rank=法", 422, "rank", "只能是宪法、法律"),
        ("/v1/laws?limit=0", 422, "limit", "不能小于 1"),
        ("/v1/laws/{law}?version=2019", 422, "version", "2026-01-31"),
        ("/v1/laws/{law}/diff", 422, "from", "缺少"),
        ("/v1/laws/{law}/diff?from=2019-03-01&to=x", 422, "to", "2026-01-31"),
        ("/v1/laws/{law}?version=2019-03-02", 404, "", "收录的是 2019-03-01、2024-05-01"),
        ("/v1/laws/{law}/diff?from=2019-03-02&to=2024-05-01", 404, "", "没有 2019-03-02 公布的版本"),
        ("/v1/laws/00000000-0000-0000-0000-000000000000/diff?from=2019-03-01&to=2024-05-01", 404, "", "没有这部法规"),
    ],
)
def test_a_mistake_is_told_in_chinese_and_by_its_field(
    service: Service, lamps: UUID, address: str, status: int, field: str, said: str
) -> None:
    response = service.client.get(address.replace("{law}", str(lamps)))
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert said in (problem["errors"][0]["message"] if field else problem["title"])
    assert [each["field"] for each in problem.get("errors", [])][:1] == ([field] if field else [])


def test_pages_of_laws_are_for_browsers_and_say_what_is_missing(service: Service, lamps: UUID) -> None:
    browser = {"Accept": "text/html"}
    for path in (
        "/laws",
        "/laws?q=路灯",
        f"/laws/{lamps}",
        f"/laws/{lamps}/diff",
        f"/laws/{lamps}/articles/3",
        "/laws/verify",
    ):
        response = service.client.get(path, headers=browser)
        assert response.status_code == 200, path
        assert "script-src 'self'" in response.headers["Content-Security-Policy"]
        assert " style=" not in response.text and "<script>" not in response.text
    local = law_id("浙江省路灯管理条例", "330000")
    for path in ("/laws/0", f"/laws/{lamps}?version=2000-01-01", f"/laws/{local}/diff", f"/laws/{lamps}/go?number=77"):
        response = service.client.get(path, headers=browser)
        assert (response.status_code, "text/html" in response.headers["Content-Type"]) == (404, True), path
    to = service.client.get(f"/laws/{lamps}/go?number=3", headers=browser, follow_redirects=False)
    assert (to.status_code, to.headers["Location"]) == (303, f"/laws/{lamps}#%E7%AC%AC%E4%B8%89%E6%9D%A1")


def test_what_is_pasted_is_shown_as_written(service: Service, lamps: UUID) -> None:
    pasted = "<script>alert(1)</script>《路灯法》第三条<b>粗</b>"
    page = service.client.post("/laws/verify", data={"text": pasted}).text
    assert "<script>alert" not in page and "<b>粗" not in page
    assert "现行有效" in page
    assert service.client.post("/laws/verify", data={"text": " "}).status_code == 422
    refused = service.client.post(
        "/laws/verify", data={"text": pasted}, headers={"Origin": "https://elsewhere.example"}
    )
    assert refused.status_code == 403


@pytest.mark.parametrize("back", ["//elsewhere.example/", "https://elsewhere.example/", "/desk", "/laws\r\nX: y"])
def test_after_choosing_a_region_nobody_is_sent_elsewhere(service: Service, lamps: UUID, back: str) -> None:
    form = {"province": "330000", "back": back}
    response = service.client.post("/laws/region", data=form, follow_redirects=False)
    assert (response.status_code, response.headers["Location"]) == (303, "/laws")
    assert "wenfa_region=330000" in response.headers["Set-Cookie"]
    kept = service.client.post(
        "/laws/region",
        data={"province": "330000", "place": "330100", "back": "/laws?q=%E8%B7%AF"},
        follow_redirects=False,
    )
    assert kept.headers["Location"] == "/laws?q=%E8%B7%AF"
    assert "浙江省路灯管理条例" in service.client.get("/laws?q=路灯", headers={"Accept": "text/html"}).text

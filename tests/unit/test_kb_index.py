"""The index on disk: the same scores as bm25s, the same files however it came about, and never served damaged."""

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import bm25s
import numpy as np
import pytest
from kb_world import TODAY, make_database, make_version, make_world, open_world, take

from core.database import Database
from core.regions import UnknownRegion, lineage
from core.settings import Settings
from knowledge_base import dense, postings
from knowledge_base.building import build_index
from knowledge_base.corpus import Before, write_corpus
from knowledge_base.dense import DenseIndex
from knowledge_base.embedding import Embedding
from knowledge_base.index import Index, IndexDamaged, IndexMissing, current_name, open_index
from knowledge_base.integrity import MANIFEST
from knowledge_base.lexical import LexicalIndex, best
from knowledge_base.models import Article, Force, Law, Version
from knowledge_base.numerals import ArticleNumber
from knowledge_base.questions import load_questions
from knowledge_base.search import Decision, KnowledgeBase
from knowledge_base.status import get_status
from knowledge_base.text import query_tokens, tokens

QUESTIONS = [question.text for question in load_questions()][::150]
World = tuple[Settings, Database, KnowledgeBase]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    settings, database, knowledge_base = open_world(tmp_path_factory.mktemp("kb"))
    yield settings, database, knowledge_base
    database.dispose()


@pytest.fixture(scope="module")
def embedding() -> Embedding:
    return Embedding()


@pytest.fixture
def index(world: World) -> Index:
    return open_index(world[0].index_dir)


def texts_of(database: Database) -> list[str]:
    with database.read() as session:
        return [article.text for article in session.query(Article).order_by(Article.id)]


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != MANIFEST
    }


# What is found


def test_scores_are_those_of_bm25s(world: World, tmp_path: Path, embedding: Embedding) -> None:
    texts = texts_of(world[1])
    assert len(texts) > 2000
    write_corpus(tmp_path / "corpus", Before(None, False), [texts[:1500], texts[1500:]], embedding)
    ours = LexicalIndex(tmp_path / "corpus")
    theirs = bm25s.BM25(k1=1.2, b=0.75)
    theirs.index([tokens(text) for text in texts], show_progress=False)
    for question in QUESTIONS:
        asked = query_tokens(question)
        in_texts = [token for token in asked if token in theirs.vocab_dict]
        expected = theirs.get_scores(in_texts) if in_texts else np.zeros(len(texts))
        found, known = ours.scores(question)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
        assert known == pytest.approx(len(in_texts) / len(asked))


def test_a_question_of_unknown_words_scores_nothing(index: Index) -> None:
    for question in ("", "qwxyz", "的了吗"):
        scores, known = index.lexical.scores(question)
        assert not scores.any()
        assert known == 0.0


def test_scores_within_ranges_are_those_of_the_whole(index: Index) -> None:
    spans = ((3, 700), (900, index.size - 1))
    inside = np.zeros(index.size, np.bool_)
    for start, stop in spans:
        inside[start:stop] = True
    for question in QUESTIONS[:20]:
        whole, known = index.lexical.scores(question)
        part, also_known = index.lexical.scores(question, spans)
        np.testing.assert_array_equal(part, np.where(inside, whole, 0))
        assert known == also_known


@pytest.mark.parametrize("shape", ["all different", "nearly all nothing", "few different", "best at the end"])
def test_the_best_are_found_among_many(shape: str) -> None:
    random = np.random.default_rng(0)
    scores = random.random(200_000).astype(np.float32)
    if shape == "nearly all nothing":
        scores[random.random(len(scores)) < 0.9999] = 0
    if shape == "few different":
        scores = np.round(scores, 1)
    if shape == "best at the end":
        scores[-150:] += 1
    spans = ((0, 50_000), (60_000, 200_000))
    scores[50_000:60_000] = 0
    found = best(scores, 150, spans)
    assert len(set(found.tolist())) == min(150, np.count_nonzero(scores))
    np.testing.assert_array_equal(np.sort(scores[found]), np.sort(scores[scores > 0])[-150:])


def test_the_applicable_law_is_that_of_the_place_and_its_ancestors_in_force_on_the_day(index: Index) -> None:
    for region in ("100000", "330106", "330000", "370100", "150100"):
        for day in (TODAY, date(2027, 6, 1), date(2008, 1, 1), date(1949, 1, 1)):
            mask, spans = index.applicable(region, day)
            expected = [
                index.laws[index.law[row]].region in lineage(region)
                and index.effective_from[row] <= day.toordinal() < index.ended_on[row]
                for row in range(index.size)
            ]
            np.testing.assert_array_equal(mask, expected)
            inside = np.zeros(index.size, np.bool_)
            for start, stop in spans:
                inside[start:stop] = True
            assert not (mask & ~inside).any()
    with pytest.raises(UnknownRegion):
        index.applicable("999999", TODAY)


def test_the_nearest_vectors_are_found_within_what_applies(index: Index, embedding: Embedding) -> None:
    everything = index.dense.vectors.astype(np.float32)
    for region in ("100000", "330106"):
        mask, spans = index.applicable(region, TODAY)
        for question in QUESTIONS[:20]:
            vector = embedding.encode([question])[0]
            found, cosines = index.dense.search(vector, 50, mask, spans)
            assert mask[found].all()
            expected = np.sort(np.where(mask, everything @ vector, -2))[-50:]
            np.testing.assert_allclose(np.sort(cosines), expected, atol=1e-5)
            np.testing.assert_allclose(index.dense.cosines(vector, found), cosines, atol=1e-5)


def test_many_national_articles_are_searched_by_cells_and_the_filter_holds(
    tmp_path: Path, embedding: Embedding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dense, "EXACT_ROWS", 1000)
    settings, database = make_world(tmp_path)
    build_index(settings, database)
    index = open_index(settings.index_dir)
    exact = DenseIndex(index.folder / "articles", exact=True)
    assert (index.folder / "articles" / "cells.faiss").exists()
    monkeypatch.setattr(dense, "PROBED", 60)  # of some two hundred
    recalls = []
    for region, day in (("100000", TODAY), ("330106", TODAY), ("330106", date(2019, 1, 1))):
        mask, spans = index.applicable(region, day)
        for question in QUESTIONS:
            vector = embedding.encode([question])[0]
            found, _ = index.dense.search(vector, 100, mask, spans)
            assert mask[found].all()
            expected = exact.search(vector, 100, mask, spans)[0]
            recalls.append(len(set(found.tolist()) & set(expected.tolist())) / len(expected))
    assert np.mean(recalls) > 0.9
    knowledge_base = KnowledgeBase.open(settings, database)
    assert {hit.region for hit in knowledge_base.search("遛狗犬绳不能超过几米", region="330106", as_of=TODAY).hits} == {
        "100000", "330000", "330100",
    }  # fmt: skip
    # The next build keeps the cells and assigns only what is new.
    trained = (index.folder / "articles" / "cells.trained.faiss").read_bytes()
    take(database, make_version("甲猫管理法", ["养猫应当登记。"]))
    build_index(settings, database)
    again = open_index(settings.index_dir)
    assert (again.folder / "articles" / "cells.trained.faiss").read_bytes() == trained
    mask, spans = again.applicable("100000", TODAY)
    (new,) = again.rows_of(again.laws_by_name["甲猫管理法"][0], ArticleNumber(1).ordinal)
    near, _ = again.dense.search(again.dense.vectors[new].astype(np.float32), 5, mask, spans)
    assert new in near


# How it is built


def test_a_build_over_an_index_writes_what_a_build_from_nothing_writes(world: World, tmp_path: Path) -> None:
    shutil.copytree(world[0].home_dir, tmp_path / "home")
    settings, database = make_database(tmp_path / "home")
    before = current_name(settings.index_dir)
    with database.write() as session:
        version = session.query(Law).filter_by(short_name="劳动合同法").one().versions[-1]
        version.digest = "another"
        version.articles[3].text += "本条经修改。"
        session.delete(session.query(Law).filter_by(short_name="反家庭暴力法").one())
    take(database, make_version("甲猫管理法", ["养猫应当登记。", "喵星人不得扰邻。"]))
    name = build_index(settings, database).name
    assert name != before
    incremental = files_of(settings.index_dir / name)
    shutil.rmtree(settings.index_dir)
    assert build_index(settings, database).name == name
    assert files_of(settings.index_dir / name) == incremental


def test_only_texts_that_are_new_are_cut_and_embedded(tmp_path: Path, embedding: Embedding) -> None:
    first, second, third = tmp_path / "1", tmp_path / "2", tmp_path / "3"
    old, new = ["养猫应当登记。", "养犬应当登记。", "养鸟应当登记。"], ["养鱼不必登记。"]
    write_corpus(first, Before(None, False), [old], embedding)
    unused = Embedding()
    assert write_corpus(second, Before(first, True), [old[1:], old[:1]], unused).tolist() == [1, 2, 0]
    assert "_model" not in vars(unused)  # loaded with the first text that it is asked to embed
    assert write_corpus(third, Before(first, True), [[old[0], *new, old[2]]], embedding).tolist() == [0, -1, 2]
    scores, _ = LexicalIndex(third).scores("养鱼")
    assert scores.argmax() == 1


def test_postings_sorted_in_many_passes_are_the_same(
    tmp_path: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(index.folder / "articles", tmp_path / "articles")
    monkeypatch.setattr(postings, "_POSTINGS_AT_ONCE", 10_000)
    monkeypatch.setattr(postings, "_ROWS_AT_ONCE", 100)
    postings.invert(tmp_path / "articles")
    assert files_of(tmp_path / "articles") == files_of(index.folder / "articles")


def test_an_index_is_built_on_either_database(settings: Settings, database: Database) -> None:
    take(
        database, make_version("甲猫管理法", ["养猫应当登记。"]), make_version("杭州猫办法", ["猫。"], region="330100")
    )
    build_index(settings, database)
    assert not build_index(settings, database).built
    assert [law.region for law in open_index(settings.index_dir).laws] == ["100000", "330100"]


# What is served


FILES = [
    "articles/posting_scores.npy", "articles/tokens.npy", "articles/vectors.npy", "law.npy", "laws.json",
    "known/questions/vocabulary.npy", "meaning/vectors.npy", MANIFEST,
]  # fmt: skip


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x11
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.fixture
def cats(tmp_path: Path) -> tuple[Settings, Database]:
    settings, database = make_database(tmp_path)
    take(database, make_version("劳动合同法", ["养猫应当登记。"] * 90))  # long enough for everyday questions
    build_index(settings, database)
    return settings, database


@pytest.mark.parametrize("damage", [flip, cut, Path.unlink])
@pytest.mark.parametrize("file", FILES)
def test_a_damaged_index_is_not_served_and_the_next_build_makes_it_anew(
    cats: tuple[Settings, Database], file: str, damage: Callable[[Path], None]
) -> None:
    settings, database = cats
    folder = settings.index_dir / str(current_name(settings.index_dir))
    whole = files_of(folder)
    damage(folder / file)
    with pytest.raises(IndexMissing) as caught:
        open_index(settings.index_dir)
    assert isinstance(caught.value, IndexDamaged) or (damage is Path.unlink and file == MANIFEST)
    assert "wenfa kb build" in str(caught.value)
    assert build_index(settings, database).built
    assert files_of(folder) == whole
    assert not build_index(settings, database).built
    assert KnowledgeBase.open(settings, database).search("劳动合同法第一条").decision is Decision.ANSWER
    assert [path.name for path in settings.index_dir.iterdir() if path.is_dir()] == [folder.name]


def test_where_the_index_in_service_is_damaged_the_one_before_serves(cats: tuple[Settings, Database]) -> None:
    settings, database = cats
    before = current_name(settings.index_dir)
    take(database, make_version("乙犬管理法", ["养犬应当登记。"]))
    name = build_index(settings, database).name
    flip(settings.index_dir / name / "articles" / "posting_rows.npy")
    assert open_index(settings.index_dir).name == before
    assert KnowledgeBase.open(settings, database).search("劳动合同法第一条").hits
    # What is damaged is neither served nor built upon.
    take(database, make_version("丙鸟管理法", ["养鸟应当登记。"]))
    build_index(settings, database)
    assert KnowledgeBase.open(settings, database).search("丙鸟管理法第一条").decision is Decision.ANSWER


def test_an_index_of_another_format_is_built_anew(cats: tuple[Settings, Database]) -> None:
    settings, database = cats
    manifest = settings.index_dir / str(current_name(settings.index_dir)) / MANIFEST
    manifest.write_text('{"format": "3", "articles": 1}', encoding="utf-8")
    with pytest.raises(IndexMissing, match="重新建立索引"):
        open_index(settings.index_dir)
    assert build_index(settings, database).built
    open_index(settings.index_dir)


KILLED = """
import os, signal, sys, time
from pathlib import Path
from core.database import Database
from core.settings import Settings
from knowledge_base.building import build_index
from knowledge_base.index import current_name
import sentence_transformers
settings = Settings(home=Path(sys.argv[1]))
for delay in map(float, sys.argv[2:]):
    child = os.fork()
    if child == 0:
        build_index(settings, Database(settings.sql_url))
        os._exit(0)
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), current_name(settings.index_dir))
"""


def test_builds_killed_at_any_moment_leave_the_old_index_in_service(world: World, tmp_path: Path) -> None:
    shutil.copytree(world[0].home_dir, tmp_path / "home")
    settings, database = make_database(tmp_path / "home")
    old = current_name(settings.index_dir)
    # Every article is new, so that no part of the build is spared.
    with database.write() as session:
        for version in session.query(Version):
            version.digest += "2"
        for article in session.query(Article):
            article.text += "本条经修改。"
    # The shortest first: once a build is through, there is nothing more to kill.
    delays = [f"{delay:.3f}" for delay in sorted(random.Random(seed).uniform(0.05, 2.5) for seed in range(8))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "home"), *delays], env=environment, check=True,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    outcomes = [line.split() for line in ran.stdout.splitlines() if line.split()[0] in ("0", "-9")]
    assert len(outcomes) == len(delays)
    assert any(code == "-9" for code, _ in outcomes)
    finished = False
    for code, name in outcomes:
        finished = finished or code == "0"
        assert finished or name == old
    assert KnowledgeBase.open(settings, database).search("劳动合同法第三十八条", as_of=TODAY).hits
    build_index(settings, database)
    left = {path.name for path in settings.index_dir.iterdir()} - {"CURRENT", current_name(settings.index_dir), old}
    assert not left


# What is told of it


def test_the_status_says_what_is_in_the_record_and_in_the_index(world: World) -> None:
    settings, database, knowledge_base = world
    status = get_status(settings, database, TODAY)
    assert sum(status.laws_by_rank.values()) == sum(status.laws_by_region.values())
    assert status.laws_by_rank["地方性法规"] == 3
    assert list(status.laws_by_region) == ["全国", "浙江省", "山东省"]
    assert status.laws_by_region["浙江省"] == 2
    assert status.versions_by_force[Force.REPEALED] >= 1
    assert status.versions_by_force[Force.NOT_YET] >= 1
    assert status.versions_with_notice >= 1
    assert sum(status.versions_by_source.values()) >= sum(status.versions_by_force.values())
    index = status.index
    assert index is not None and index.built_at is not None
    assert (index.name, index.articles, index.problem) == (knowledge_base.index_name, knowledge_base.size, "")
    assert index.up_to_date
    assert index.megabytes > 1
    assert status.tables()


def test_the_status_says_that_an_index_is_behind_or_damaged(cats: tuple[Settings, Database]) -> None:
    settings, database = cats
    take(database, make_version("乙犬管理法", ["养犬应当登记。"]))
    index = get_status(settings, database).index
    assert index is not None and not index.up_to_date and not index.problem
    flip(settings.index_dir / index.name / "articles" / "vectors.npy")
    index = get_status(settings, database).index
    assert index is not None and "vectors.npy" in index.problem
    shutil.rmtree(settings.index_dir)
    assert get_status(settings, database).index is None

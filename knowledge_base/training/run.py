"""Training every model that ships, step by step. What a step has made is kept in a working folder and found there again."""

import json
import pickle
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import faiss
import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from core.database import Base, Database
from core.settings import Settings
from knowledge_base.article_encoder import ArticleEncoder, project
from knowledge_base.base_model import BaseModelFile, base_model_path, cut_vocabulary
from knowledge_base.building import build_index
from knowledge_base.candidates import Query
from knowledge_base.embedding import Embedding
from knowledge_base.importing.sources import import_sources
from knowledge_base.index import Index, open_index
from knowledge_base.known import KnownQuestions, write_known
from knowledge_base.lexicon import Lexicon
from knowledge_base.meaning import article_texts
from knowledge_base.model_files import (
    ARTICLE_VECTORS,
    CALIBRATION,
    CARD_CALIBRATION,
    LEARNED,
    PROJECTION,
    QUESTION_MODEL,
    QUESTION_VECTORS,
    RANKER,
    RERANKER,
    WORD_MODEL,
)
from knowledge_base.question_encoder import QuestionEncoder
from knowledge_base.questions import EverydayQuestion, hashed, load_questions
from knowledge_base.training import ranker
from knowledge_base.training.cards import calibrate_cards
from knowledge_base.training.corpus import Corpus, load_corpus
from knowledge_base.training.encoder import (
    DIMENSION,
    EPOCHS_ONWARD,
    EPOCHS_OWN,
    EPOCHS_STARD,
    EPOCHS_TEACHER,
    RATE_OWN,
    RATE_STARD,
    RATE_TAUGHT,
    RATE_TEACHER,
    SHARE_STARD,
    Encoder,
    blend,
    export,
    find_projection,
    new_encoder,
    shorten,
    train,
)
from knowledge_base.training.kinds import train_kinds
from knowledge_base.training.material import (
    FOLDS,
    KINDS_OF_FOLD,
    Asked,
    Material,
    card_questions,
    clauses,
    fold_of,
    load_material,
    shipped_cards,
)
from knowledge_base.training.off_topic import OFF_TOPIC
from knowledge_base.training.progress import Say
from knowledge_base.training.words import train_words
from knowledge_base.vectors import VectorStore, keys_of, write_vectors

Floats = NDArray[np.float32]


class Training:
    """All steps over `data` (see `material.load_material`), with `work` as the working folder."""

    def __init__(self, data: Path, work: Path, say: Say, *, onward: bool = False) -> None:
        """`onward`: from the models that ship, not from nothing: the articles' vectors stay, and the vectors of the known
        questions teach the question encoder instead of a model of twelve layers.
        """
        self.data, self.work, self.say, self.onward = data.resolve(), work.resolve(), say, onward
        self.work.mkdir(parents=True, exist_ok=True)
        self.material: Material = load_material(self.data)

    def run(self) -> None:
        """Every step, in the order in which they stand on each other. Some three and a half hours on two cores; onward, one."""
        if not self.onward:
            self.cut_vocabulary()
            train_words(self.material, WORD_MODEL, self.say)
            self.make_article_vectors()
        self.train_encoder()
        self.train_ranker()
        train_kinds(QuestionEncoder())
        self.calibrate_cards()

    def cut_vocabulary(self) -> None:
        """The tokenizer of the encoders: the base model's, with the tokens that law and citizens use."""
        kept = self.work / "tokenizer.json"
        if not kept.exists():
            texts = [*self.material.texts, *self._law_texts(), *(asked.text for asked in self.material.own)]
            cut_vocabulary(BaseModelFile(base_model_path()), texts).save(str(kept), pretty=False)
        shutil.copyfile(kept, QUESTION_MODEL / "tokenizer.json")

    def make_article_vectors(self) -> None:
        """The articles' vectors and their projection."""
        kept = self.work / "base.npy"
        if not kept.exists():
            hidden = ArticleEncoder().hidden(self.material.texts, partial(self.say, "条文向量"))
            np.save(kept, hidden.astype(np.float16))
        mean, matrix = find_projection(np.load(kept).astype(np.float32))
        np.savez(PROJECTION, mean=mean, matrix=matrix)
        write_vectors(ARTICLE_VECTORS, keys_of(self.material.texts), self._stored_articles())

    def train_encoder(self) -> None:
        """The question encoder and, for the ranker, one without each fold; the vectors of the known questions."""
        stard, vectors = self.material.stard, self._stored_articles()
        own = self._own(vectors)
        for kind in KINDS_OF_FOLD:
            folds = fold_of(len(stard), kind)
            for fold in range(FOLDS):
                kept = self.work / f"asked-{kind}-{fold}.npy"
                if not kept.exists():
                    learned = [asked for asked, each in zip(stard, folds, strict=True) if each != fold]
                    self._learn(own, learned, vectors, f"问题编码器 {kind} {fold + 1}/{FOLDS}")
                    np.save(kept, own.encode([asked.text for asked in stard]))
        self._restore(own)
        of_cards = [question for card in shipped_cards() for question in card.questions]
        known_texts = list(dict.fromkeys([*(question.text for question in load_questions()), *of_cards]))
        known_vectors = own.encode(known_texts)
        self._learn(own, stard, vectors, "问题编码器")
        learned_vectors = own.encode([asked.text for asked in stard])
        hashes = [hashed(asked.text) for asked in stard]
        write_vectors(
            QUESTION_VECTORS, keys_of([*known_texts, *hashes]), np.concatenate([known_vectors, learned_vectors])
        )
        self._write_learned(hashes)
        export(own, QUESTION_MODEL)

    def train_ranker(self) -> None:
        """The ranker, the reranker and the calibration of the decision."""
        cases = self.cases()
        trained = ranker.train(cases)
        trained.ranker.save_model(str(RANKER))
        trained.reranker.save_model(str(RERANKER))
        ranker.write_calibration(ranker.calibrate(cases, trained.rankings), CALIBRATION)

    def calibrate_cards(self) -> None:
        """When a card answers."""
        meaning_of: dict[str, Floats] = {}
        folds = fold_of(len(self.material.stard), "random")
        for fold in range(FOLDS):
            vectors = np.load(self.work / f"asked-random-{fold}.npy")
            meaning_of |= {self.material.stard[i].text: vectors[i] for i in np.flatnonzero(folds == fold).tolist()}
        calibrate_cards(self.material, CARD_CALIBRATION, meaning_of)

    def cases(self) -> list[ranker.Case]:
        """The questions of STARD, asked in both kinds of fold."""
        kept = self.work / "cases.pickle"
        if kept.exists():
            cases: list[ranker.Case] = pickle.loads(kept.read_bytes())  # noqa: S301 - our own file
            return cases
        faiss.omp_set_num_threads(1)
        corpus = load_corpus(self.data / "stard" / "corpus.jsonl.gz", self.work / "corpus")
        build_index(corpus.settings, corpus.database, questions=[*load_questions(), *card_questions()])
        index = open_index(corpus.settings.index_dir)
        asked = _Asked(self.material, corpus, index)
        cases = []
        for kind in KINDS_OF_FOLD:
            folds = fold_of(len(self.material.stard), kind)
            for fold in range(FOLDS):
                vectors = np.load(self.work / f"asked-{kind}-{fold}.npy")
                index.known = asked.known(
                    self.work / f"known-{kind}-{fold}", vectors, np.flatnonzero(folds != fold).tolist()
                )
                cases += asked.ask(kind, fold, vectors, np.flatnonzero(folds == fold).tolist())
                cases += asked.ask_off_topic(kind, fold)
                self.say("排序样本", len(cases), 2 * len(self.material.stard))
        kept.write_bytes(pickle.dumps(cases))
        return cases

    def _law_texts(self) -> list[str]:
        """The articles of the regulations in `data`/laws, those of places above all: the vocabulary must cover them."""
        if not (self.data / "laws").exists():
            return []
        database = Database(Settings(home=self.work / "laws").sql_url)
        Base.metadata.create_all(database.engine)
        import_sources(database, [str(self.data / "laws")], self.say)
        texts = article_texts(database)
        database.dispose()
        return texts

    def _stored_articles(self) -> Floats:
        if self.onward:
            vectors, known = VectorStore([ARTICLE_VECTORS]).find(keys_of(self.material.texts), DIMENSION)
            lacking = [text for text, there in zip(self.material.texts, known, strict=True) if not there]
            vectors[~known] = ArticleEncoder().encode(lacking)
            return vectors
        with np.load(PROJECTION) as content:
            return project(np.load(self.work / "base.npy").astype(np.float32), content["mean"], content["matrix"])

    def _own(self, vectors: Floats) -> Encoder:
        """The question encoder trained on everything but STARD."""
        tokenizer = Tokenizer.from_file(str(QUESTION_MODEL / "tokenizer.json"))
        own, kept = self.material.own, self.work / "own.pt"
        with np.load(PROJECTION) as content:
            encoder = new_encoder(tokenizer, content["matrix"], [asked.text for asked in own])
        if kept.exists():
            shorten(encoder)
        elif self.onward:
            # Of before STARD was seen; zero, and so without a say, for questions written since.
            taught, _ = VectorStore([QUESTION_VECTORS]).find(keys_of([asked.text for asked in own]), DIMENSION)
            train(shorten(encoder), own, vectors, EPOCHS_ONWARD, RATE_TAUGHT, self.say, "问题编码器 六层", taught)
            torch.save(encoder.state_dict(), kept)
        else:
            teacher = self.work / "teacher.pt"
            if not teacher.exists():
                train(encoder, own, vectors, EPOCHS_TEACHER, RATE_TEACHER, self.say, "问题编码器 十二层")
                torch.save(encoder.state_dict(), teacher)
            encoder.load_state_dict(torch.load(teacher))
            read = [*own, *(Asked(text, ()) for text in clauses(self.material))]
            taught = encoder.encode([asked.text for asked in read])
            shorten(encoder)
            train(encoder, read, vectors, EPOCHS_OWN, RATE_TAUGHT, self.say, "问题编码器 六层", taught)
            train(encoder, own, vectors, EPOCHS_OWN, RATE_OWN, self.say, "问题编码器 常见问题", taught[: len(own)])
            torch.save(encoder.state_dict(), kept)
        self._restore(encoder)
        return encoder

    def _restore(self, encoder: Encoder) -> dict[str, torch.Tensor]:
        before: dict[str, torch.Tensor] = torch.load(self.work / "own.pt")
        encoder.load_state_dict(before)
        return before

    def _learn(self, encoder: Encoder, asked: Sequence[Asked], vectors: Floats, phase: str) -> None:
        """From the encoder before STARD to one that has learned these of STARD's questions."""
        before = self._restore(encoder)
        train(encoder, asked, vectors, EPOCHS_STARD, RATE_STARD, self.say, phase)
        blend(encoder, before, SHARE_STARD)

    def _write_learned(self, hashes: Sequence[str]) -> None:
        """STARD's questions as `questions.learned_questions` reads them."""
        documents = {document.id: document for document in self.material.documents[: self.material.corpus]}
        reviewed: dict[str, str] = {}
        lines = []
        for text, relevant in zip(hashes, self.material.relevant, strict=True):
            answers = [documents[each] for each in relevant]
            reviewed |= {each.law: str(each.promulgated) for each in answers if each.promulgated}
            lines.append({"articles": [f"{each.law} {each.number}" for each in answers], "questions": [text]})
        content = [{"reviewed": dict(sorted(reviewed.items()))}, *lines]
        LEARNED.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in content), encoding="utf-8")


class _Asked:
    """STARD's questions over one index of its corpus."""

    def __init__(self, material: Material, corpus: Corpus, index: Index) -> None:
        self.index, self.stard = index, material.stard
        self.embedding = Embedding()
        self.words = self.embedding.encode([asked.text for asked in material.stard])
        lexicon = Lexicon(corpus.settings.home_dir / "lexicon.yml")
        self.legal = [lexicon.legal_words(asked.text) for asked in material.stard]
        rows = {corpus.external[index.article_id(row)]: row for row in range(index.size)}
        self.relevant = [[rows[each] for each in relevant] for relevant in material.relevant]
        self.documents = {
            rows[each.id]: f"{each.law}\n{each.path}\n{each.text}" for each in material.documents[: material.corpus]
        }
        known = index.known
        self.questions = [EverydayQuestion(text, ()) for text in known.texts]
        self.targets = known.targets
        self.meaning = np.load(index.folder / "known" / "meaning" / "vectors.npy").astype(np.float32)
        self.before = index.folder / "known"

    def known(self, folder: Path, vectors: Floats, learned: list[int]) -> KnownQuestions:
        """The index's known questions and these of STARD's."""
        questions = [*self.questions, *(EverydayQuestion(hashed(self.stard[i].text), ()) for i in learned)]
        targets = [*self.targets, *(self.relevant[i] for i in learned)]
        pointed = {row for each in targets for row in each}
        if not folder.exists():
            write_known(
                folder, self.before, questions, targets, np.concatenate([self.meaning, vectors[learned]]),
                {row: self.documents[row] for row in pointed}, self.embedding, same_model=True,
            )  # fmt: skip
        return KnownQuestions(folder)

    def ask(self, kind: str, fold: int, vectors: Floats, held: list[int]) -> list[ranker.Case]:
        queries = {i: Query(self.stard[i].text, self.words[i], vectors[i], self.legal[i]) for i in held}
        return [ranker.ask(self.index, kind, fold, query, self.relevant[i]) for i, query in queries.items()]

    def ask_off_topic(self, kind: str, fold: int) -> list[ranker.Case]:
        """What no article answers: a fifth of it in each fold."""
        some = OFF_TOPIC[fold::FOLDS]
        words, meaning = self.embedding.encode(some), QuestionEncoder().encode(some)
        return [
            ranker.ask(self.index, kind, fold, Query(text, words[i], meaning[i]), ()) for i, text in enumerate(some)
        ]

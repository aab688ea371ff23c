"""Training the static embedding: a vector a word.

A text's vector is the sum of the vectors of its words (see `Vocabulary`), so that encoding is a table look-up. While
training, a word's vector is the sum of those of its parts: itself, the shorter words in it, its character pairs and its
characters. What is learned of 合同 helps 劳动合同. For the model that ships, the parts are summed once and for all: the
result is a plain `StaticEmbedding` with a Unigram tokenizer, whose Viterbi path over word frequencies is the algorithm
of jieba itself. Everything is seeded; figures vary in the third digit with the number of threads.

Stage 1 learns from the statutes alone: law and heading ↔ article, one half of an article ↔ the other. Stage 2 learns
from the everyday questions that ship with the service. It sees nothing of STARD: the ranker, which does, takes its part
for what it says of unseen questions.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import rjieba
import torch
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from knowledge_base.training.material import SEED, Document, Material
from knowledge_base.training.progress import Say

MINIMUM, LIMIT = 10, 30_000
"""A word must occur in so many articles; so many words at most."""
DIMENSION, EPOCHS_1, EPOCHS_2 = 256, 2, 2
TEMPERATURE = 0.05
_RUN = re.compile(r"[\u3400-\u9fff]+|[a-z]+|[0-9]+")


class Vocabulary:
    """Words that at least `minimum` articles hold, all their characters, and the parts that each word has."""

    def __init__(self, documents: Iterable[str], questions: Iterable[str], minimum: int, limit: int) -> None:
        in_documents: Counter[str] = Counter()
        frequency: Counter[str] = Counter()
        characters: Counter[str] = Counter()
        for text in documents:
            found = [word for word in rjieba.cut(text.lower()) if _RUN.fullmatch(word)]
            frequency.update(found)
            in_documents.update(set(found))
            characters.update(set("".join(found)))
        asked: Counter[str] = Counter()
        for text in questions:
            said = {word for word in rjieba.cut(text.lower()) if _RUN.fullmatch(word)}
            asked.update(said)
            characters.update(set("".join(said)))
        kept = {word: count for word, count in in_documents.items() if count >= minimum}
        kept |= {word: max(in_documents[word], count) for word, count in asked.items() if count >= 2}
        for character, count in characters.items():
            if count >= 3 or character.isascii():
                kept.setdefault(character, count)
        ranked = sorted(kept, key=lambda word: (len(word) > 1, -kept[word], word))[:limit]
        total = sum(frequency.values())
        self.words = ["[UNK]", *ranked]
        self.id = {word: index for index, word in enumerate(self.words)}
        # A character is a word of last resort: never cheaper than a word that holds it.
        self.scores = [0.0] + [float(np.log(max(frequency[word], asked[word], 0.5) / total)) for word in ranked]
        documents_total = max(in_documents.values())
        self.idf = np.array([0.0] + [float(np.log(1 + documents_total / (1 + in_documents[w]))) for w in ranked])
        pairs = Counter(word[i : i + 2] for word in ranked if len(word) > 2 for i in range(len(word) - 1))
        self.extra = [pair for pair, count in pairs.items() if count >= 2 and pair not in self.id]
        extra_id = {pair: len(self.words) + index for index, pair in enumerate(self.extra)}
        self.size = len(self.words) + len(self.extra)
        self.parts: list[list[int]] = [[]]
        for word in ranked:
            parts = {self.id[word]}
            if len(word) > 1 and not word.isascii():
                for length in range(1, len(word)):
                    for start in range(len(word) - length + 1):
                        piece = word[start : start + length]
                        found_id = self.id.get(piece, extra_id.get(piece) if length == 2 else None)
                        if found_id is not None:
                            parts.add(found_id)
            self.parts.append(sorted(parts))

    def tokenizer(self) -> Tokenizer:
        tokenizer = Tokenizer(models.Unigram(list(zip(self.words, self.scores, strict=True)), unk_id=0))
        tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(r"[^\u3400-\u9fffa-z0-9]+"), "removed"),
                pre_tokenizers.Split(Regex(r"[a-z]+|[0-9]+"), "isolated"),
            ]
        )
        return tokenizer


class Bags:
    """Texts as bags of parts: flat int64 arrays, sliced by batch."""

    def __init__(self, texts: Sequence[str], tokenizer: Tokenizer, parts: list[list[int]]) -> None:
        arrays = [np.array(each, dtype=np.int64) for each in parts]
        self.rows: list[np.ndarray] = []
        for start in range(0, len(texts), 4096):
            for encoding in tokenizer.encode_batch(list(texts[start : start + 4096]), add_special_tokens=False):
                pieces = [arrays[i] for i in encoding.ids]
                self.rows.append(np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.int64))

    def batch(self, indices: Iterable[int]) -> tuple[Tensor, Tensor]:
        rows = [self.rows[i] for i in indices]
        offsets = np.cumsum([0] + [len(row) for row in rows[:-1]])
        return torch.from_numpy(np.concatenate(rows)), torch.from_numpy(offsets)


def embed(table: torch.nn.EmbeddingBag, bags: Bags, indices: Iterable[int]) -> Tensor:
    return F.normalize(table(*bags.batch(indices)), dim=1)


def halves(text: str) -> tuple[str, str] | None:
    pieces = [piece for piece in re.split(r"(?<=[。；\n])", text) if len(piece) > 6]
    if len(pieces) < 2:
        return None
    middle = len(pieces) // 2
    return "".join(pieces[:middle]), "".join(pieces[middle:])


def stage1(table: torch.nn.EmbeddingBag, left: Bags, right: Bags, say: Say) -> None:
    """In-batch softmax both ways over pairs from inside the statutes."""
    generator = np.random.default_rng(SEED)
    optimizer = torch.optim.SparseAdam(list(table.parameters()), lr=2e-3)
    usable = np.array([i for i in range(len(left.rows)) if len(left.rows[i]) > 2 and len(right.rows[i]) > 2])
    size = 384
    for epoch in range(EPOCHS_1):
        order = generator.permutation(usable)
        for start in range(0, len(order) - size, size):
            batch = order[start : start + size]
            scores = embed(table, left, batch) @ embed(table, right, batch).T / TEMPERATURE
            target = torch.arange(len(batch))
            loss = (F.cross_entropy(scores, target) + F.cross_entropy(scores.T, target)) / 2
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            say("词向量：法条", epoch * len(order) + start, EPOCHS_1 * len(order))


def stage2(
    table: torch.nn.EmbeddingBag,
    questions: Bags,
    documents: Bags,
    relevant: Sequence[tuple[int, ...]],
    hard: np.ndarray,
    say: Say,
) -> None:
    """Softmax of each question over its batch's articles and near misses; several right articles share the target."""
    generator = np.random.default_rng(SEED)
    optimizer = torch.optim.SparseAdam(list(table.parameters()), lr=1e-3)
    for epoch in range(EPOCHS_2):
        order = generator.permutation(len(relevant))
        for start in range(0, len(order), 96):
            batch = order[start : start + 96]
            right = {each for i in batch for each in relevant[i]}
            near = {int(hard[i][j]) for i in batch for j in generator.choice(hard.shape[1], 4, replace=False)}
            chosen = sorted(right | near | set(generator.integers(0, len(documents.rows), 128).tolist()))
            place = {document: column for column, document in enumerate(chosen)}
            scores = embed(table, questions, batch) @ embed(table, documents, chosen).T / TEMPERATURE
            target = torch.zeros_like(scores)
            for row, i in enumerate(batch):
                for each in relevant[i]:
                    target[row, place[each]] = 1 / len(relevant[i])
            loss = -(target * F.log_softmax(scores, dim=1)).sum(1).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            say("词向量：问题", epoch * len(order) + start, EPOCHS_2 * len(order))


@torch.no_grad()
def embed_all(table: torch.nn.EmbeddingBag, bags: Bags) -> np.ndarray:
    return np.concatenate(
        [embed(table, bags, range(i, min(i + 2048, len(bags.rows)))).numpy() for i in range(0, len(bags.rows), 2048)]
    )


def new_table(vocabulary: Vocabulary, dimension: int) -> torch.nn.EmbeddingBag:
    """Random vectors, longer for rarer words: before anything is learned a match of rare words already counts more."""
    generator = torch.Generator().manual_seed(SEED)
    weights = torch.randn(vocabulary.size, dimension, generator=generator) / dimension**0.5
    rare = torch.ones(vocabulary.size)
    rare[: len(vocabulary.words)] = torch.from_numpy(vocabulary.idf / vocabulary.idf.mean()).float()
    return torch.nn.EmbeddingBag.from_pretrained(weights * rare[:, None], mode="sum", sparse=True, freeze=False)


def save(table: torch.nn.EmbeddingBag, vocabulary: Vocabulary, folder: Path) -> None:
    """Sum each word's parts, halve the precision, and write a folder that SentenceTransformer loads."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding

    weights = table.weight.detach().numpy()
    summed = np.zeros((len(vocabulary.words), weights.shape[1]), dtype=np.float32)
    for index, parts in enumerate(vocabulary.parts):
        if parts:
            summed[index] = weights[parts].sum(0)
    scale = 4.0 / np.abs(summed).max()  # cosine does not care; halves have fewest errors near one
    static = StaticEmbedding(vocabulary.tokenizer(), embedding_weights=torch.from_numpy(summed * scale).half())
    SentenceTransformer(modules=[static, Normalize()], device="cpu").save_pretrained(
        str(folder), create_model_card=False
    )
    for path in folder.rglob("*.safetensors"):
        path.chmod(0o644)  # the library leaves it readable by its writer alone
    plain = folder / "tokenizer.json"
    plain.write_text(
        json.dumps(json.loads(plain.read_text(encoding="utf-8")), ensure_ascii=False, separators=(",", ":"))
    )


def train_words(material: Material, folder: Path, say: Say) -> None:
    """Train on `material`'s articles and everyday questions, and write the model to `folder`. Some 15 minutes on two cores."""
    torch.manual_seed(SEED)
    questions, documents = material.everyday, material.documents
    vocabulary = Vocabulary(
        (f"{d.law} {d.path} {d.text}" for d in documents), [question.text for question in questions], MINIMUM, LIMIT
    )
    tokenizer = vocabulary.tokenizer()

    def bags(texts: Sequence[str]) -> Bags:
        return Bags(texts, tokenizer, vocabulary.parts)

    table = new_table(vocabulary, DIMENSION)
    unique: list[Document] = list({document.text: document for document in documents}.values())
    split = [pair for document in unique if (pair := halves(document.text))]
    left = bags([first for first, _ in split] + [f"{d.law} {d.path}" for d in unique])
    right = bags([second for _, second in split] + [d.text for d in unique])
    stage1(table, left, right, say)

    texts, asked = bags(material.texts), bags([question.text for question in questions])
    vectors, queries = embed_all(table, texts), embed_all(table, asked)
    hard = np.empty((len(questions), 60), dtype=np.int64)
    for row, question in enumerate(questions):
        scores = vectors @ queries[row]
        scores[list(question.targets)] = -2
        hard[row] = np.argpartition(-scores, 60)[:60]
    stage2(table, asked, texts, [question.targets for question in questions], hard, say)
    save(table, vocabulary, folder)

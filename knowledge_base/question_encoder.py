"""The question encoder: a small transformer that puts an everyday question where the articles that answer it lie.

See `knowledge_base/model/README.md` for its data, licence and figures. It runs in ONNX Runtime with 8-bit weights: half the
time of PyTorch's 16 bits, a quarter of the size. `SentenceTransformer(QUESTION_MODEL, trust_remote_code=True)` loads it as any other model: the code is this file.
"""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from sentence_transformers.base.modules import InputModule
from tokenizers import Tokenizer

from knowledge_base.base_model import fit_to_batches
from knowledge_base.model_files import QUESTION_MODEL

Floats = NDArray[np.float32]
MAX_TOKENS = 96
_AT_ONCE = 32


class OnnxEncoder(InputModule):
    """Texts to unit vectors through an ONNX graph with pooling, projection and normalisation in it."""

    modalities = ["text"]  # noqa: RUF012 - as the base class has it

    def __init__(self, graph: bytes, tokenizer: Tokenizer, threads: int = 1) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads  # a question is too short to share out; the service has several at once
        options.log_severity_level = 3
        self.graph = graph
        self.tokenizer = tokenizer
        fit_to_batches(tokenizer, MAX_TOKENS)
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def vectors(self, texts: list[str]) -> Floats:
        """Unit vectors, shape (len(texts), dimension)."""
        encodings = self.tokenizer.encode_batch(texts)
        ids = np.array([each.ids for each in encodings], dtype=np.int64)
        attention = np.array([each.attention_mask for each in encodings], dtype=np.int64)
        found: Floats = self._session.run(None, {"input_ids": ids, "attention_mask": attention})[0]
        return found

    def preprocess(self, inputs: Any, prompt: str | None = None, **_: Any) -> dict[str, torch.Tensor]:
        """As the library calls it: `inputs` are texts."""
        return {"vectors": torch.from_numpy(self.vectors([(prompt or "") + text for text in inputs]))}

    def forward(self, features: dict[str, torch.Tensor], **_: Any) -> dict[str, torch.Tensor]:
        features["sentence_embedding"] = features["vectors"]
        return features

    @property
    def max_seq_length(self) -> int:
        return MAX_TOKENS

    def get_embedding_dimension(self) -> int:
        return int(self._session.get_outputs()[0].shape[1])

    def save(self, output_path: str, *_: Any, **__: Any) -> None:
        Path(output_path, "model.onnx").write_bytes(self.graph)
        self.tokenizer.save(str(Path(output_path, "tokenizer.json")))

    @classmethod
    def load(cls, model_name_or_path: str, subfolder: str = "", *_: Any, **__: Any) -> Self:
        folder = Path(model_name_or_path, subfolder)
        return cls((folder / "model.onnx").read_bytes(), Tokenizer.from_file(str(folder / "tokenizer.json")))


class QuestionEncoder:
    """The question encoder in `folder`, loaded when it is first asked. Safe to use from several threads."""

    def __init__(self, folder: Path = QUESTION_MODEL) -> None:
        self.folder = folder

    @cached_property
    def _model(self) -> OnnxEncoder:
        return OnnxEncoder.load(str(self.folder))

    def encode(self, texts: list[str], progress: Callable[[int, int], None] = lambda *_: None) -> Floats:
        """Unit vectors, shape (len(texts), dimension). Texts of like length go together."""
        found = np.zeros((len(texts), self._model.get_embedding_dimension()), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        for start in range(0, len(order), _AT_ONCE):
            some = order[start : start + _AT_ONCE]
            found[some] = self._model.vectors([texts[i] for i in some])
            progress(min(start + _AT_ONCE, len(order)), len(order))
        return found

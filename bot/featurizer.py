"""The knowledge base's question encoder as a featurizer: what a sentence is about, also in words that no example has.

The model is the one that searches the law (`knowledge_base/model/question`), read by ONNX Runtime in this environment too.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.featurizers.dense_featurizer.dense_featurizer import DenseFeaturizer
from rasa.nlu.tokenizers.tokenizer import Tokenizer as RasaTokenizer
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from tokenizers import Tokenizer

MODEL = Path(__file__).resolve().parent.parent / "knowledge_base" / "model" / "question"
_MAX_TOKENS = 64
_AT_ONCE = 64


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class SentenceVector(DenseFeaturizer, GraphComponent):
    """One vector a message, times `weight`: beside thousands of counts a unit vector would say nothing."""

    @classmethod
    def required_components(cls) -> list[type]:
        return [RasaTokenizer]

    @staticmethod
    def required_packages() -> list[str]:
        return ["onnxruntime", "tokenizers"]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {**DenseFeaturizer.get_default_config(), "weight": 5.0}

    def __init__(self, config: dict[str, Any], name: str) -> None:
        super().__init__(name, config)
        self._weight: float = config["weight"]
        self._tokenizer = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
        self._tokenizer.enable_truncation(_MAX_TOKENS)
        self._tokenizer.enable_padding(pad_id=self._tokenizer.token_to_id("<pad>"), pad_token="<pad>")  # noqa: S106
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            (MODEL / "model.onnx").read_bytes(), options, providers=["CPUExecutionProvider"]
        )

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "SentenceVector":
        return cls(config, execution_context.node_name)

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """`weight` is a number; the graph takes no other options."""

    def process(self, messages: list[Message]) -> list[Message]:
        for start in range(0, len(messages), _AT_ONCE):
            self._process(messages[start : start + _AT_ONCE])
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        self.process(training_data.training_examples)
        return training_data

    def _process(self, messages: list[Message]) -> None:
        texts = [message.get(TEXT) or "" for message in messages]
        encoded = self._tokenizer.encode_batch(texts)
        vectors = self._session.run(None, {
            "input_ids": np.array([each.ids for each in encoded], dtype=np.int64),
            "attention_mask": np.array([each.attention_mask for each in encoded], dtype=np.int64),
        })[0] * np.float32(self._weight)  # fmt: skip
        for message, text, vector in zip(messages, texts, vectors, strict=True):
            if text:
                # A vector of the sentence alone; every word has it too, for Rasa wants both.
                words = np.tile(vector, (max(len(message.get("text_tokens") or [1]), 1), 1))
                self.add_features_to_message(words, vector[None, :], TEXT, message)

"""Training the question encoder.

The articles' vectors stand still: those of the base model, centred and cut to 256 dimensions. The teacher begins as the same
model and learns to put a question where the articles that answer it lie, by a softmax over *all* articles, which costs
next to nothing when they stand still. The question encoder is every other layer of it, taught by its vectors and by the
everyday questions, in the end by STARD's.
"""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch.nn import functional as F  # noqa: N812

from knowledge_base.base_model import BaseModelFile, base_model_path, fit_to_batches, load_base_model
from knowledge_base.question_encoder import MAX_TOKENS
from knowledge_base.training.material import SEED, Asked
from knowledge_base.training.progress import Say

Floats = NDArray[np.float32]

DIMENSION = 256
BATCH, TEMPERATURE = 48, 0.05
EPOCHS_TEACHER, RATE_TEACHER = 3, 4e-5
EPOCHS_OWN, RATE_TAUGHT, RATE_OWN = 3, 1e-4, 8e-5
EPOCHS_ONWARD = 5
EPOCHS_STARD, RATE_STARD = 5, 1.5e-4
SHARE_STARD = 0.65
"""How much of what STARD has made of each weight goes into the question encoder, the rest being as before: better on topics that nobody has
asked about, and no worse on the others (Wortsman et al. 2022)."""
LAYERS = (0, 2, 4, 7, 9, 11)
"""Of the teacher's twelve, those that the question encoder begins with."""
TAUGHT = 10.0
"""How much the teacher's vectors weigh beside the right articles; twice that where no article is known."""
_TEACHERS_PROMPT = "query: "  # as multilingual-e5 was trained; the question encoder learns to do without
_POOL = 20  # batches cut from questions of like length


class Encoder(torch.nn.Module):
    """The base model, mean pooling, a projection, unit length."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.prompt = _TEACHERS_PROMPT
        fit_to_batches(tokenizer, MAX_TOKENS)
        self.bert = load_base_model(BaseModelFile(base_model_path()), tokenizer)
        self.projection = torch.nn.Linear(self.bert.config.hidden_size, DIMENSION)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return F.normalize(self.projection(self.pooled(input_ids, attention_mask)).float(), dim=1)

    def pooled(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        hidden = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        weight = attention_mask[:, :, None].to(hidden.dtype)
        return F.normalize(((hidden * weight).sum(1) / weight.sum(1)).float(), dim=1)

    def tokens(self, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        found = self.tokenizer.encode_batch([self.prompt + text for text in texts])
        return torch.tensor([each.ids for each in found]), torch.tensor([each.attention_mask for each in found])

    @torch.no_grad()
    def encode(self, texts: Sequence[str], layer: Callable[..., torch.Tensor] | None = None) -> Floats:
        """Vectors of `texts` (or what `layer` makes of them), shape (len(texts), …)."""
        self.eval()
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        parts = []
        for start in range(0, len(order), 64):
            with torch.autocast("cpu", torch.bfloat16):
                parts.append(
                    (layer or self)(*self.tokens([texts[i] for i in order[start : start + 64]])).float().numpy()
                )
        found = np.concatenate(parts)
        result = np.empty_like(found)
        result[order] = found
        return result


def find_projection(hidden: Floats) -> tuple[Floats, Floats]:
    """(mean, matrix) of the articles' principal components. `hidden`: the base model's unit vectors, shape (articles, 384)."""
    mean = hidden.mean(0)
    values, components = np.linalg.eigh(np.cov((hidden - mean).T))
    return mean, components[:, np.argsort(-values)[:DIMENSION]].astype(np.float32)


def new_encoder(tokenizer: Tokenizer, matrix: Floats, questions: Sequence[str]) -> Encoder:
    """The base model with the articles' projection, centred on questions."""
    encoder = Encoder(tokenizer)
    centre = torch.from_numpy(encoder.encode(questions[::12], encoder.pooled).mean(0))
    with torch.no_grad():
        weight = torch.from_numpy(matrix).T
        encoder.projection.weight.copy_(weight)
        encoder.projection.bias.copy_(-(weight @ centre))
    return encoder


def shorten(encoder: Encoder) -> Encoder:
    """`encoder` itself, with half of its layers and without the prompt: half the time for a question."""
    encoder.bert.encoder.layer = torch.nn.ModuleList([encoder.bert.encoder.layer[place] for place in LAYERS])
    encoder.bert.config.num_hidden_layers = len(LAYERS)
    encoder.prompt = ""
    return encoder


def train(
    encoder: Encoder, asked: Sequence[Asked], articles: Floats, epochs: int, rate: float, say: Say, phase: str,
    taught: Floats | None = None,
) -> None:  # fmt: skip
    """Train `encoder` in place. `articles`: unit vectors, shape (texts, DIMENSION). `taught`: a teacher's vectors of `asked`,
    from which alone is learned where a text has no targets; such texts are read in the first epoch only.
    """
    torch.manual_seed(SEED)
    generator = np.random.default_rng(SEED)
    encoder.train()
    head = [encoder.projection.weight, encoder.projection.bias]
    parameters = list(encoder.parameters())
    body = [each for each in parameters if not any(each is one for one in head)]
    groups = [{"params": body, "lr": rate}, {"params": head, "lr": 5 * rate}]
    rates = [rate, 5 * rate]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01, fused=True)
    still = torch.from_numpy(articles).to(torch.bfloat16)
    known = np.array([bool(each.targets) for each in asked])
    plan = []
    for epoch in range(epochs):
        batches = _batches(asked, np.flatnonzero(known), generator)
        batches += _batches(asked, np.flatnonzero(~known), generator) if epoch == 0 else []
        plan.append([batches[place] for place in generator.permutation(len(batches)).tolist()])
    total, step = sum(map(len, plan)), 0
    for batches in plan:
        for rows in batches:
            some = [asked[i] for i in rows]
            warm = min(1.0, (step + 1) / (0.1 * total)) * max(0.02, 1 - step / total)
            for group, full in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = full * warm
            with torch.autocast("cpu", torch.bfloat16):
                vectors = encoder(*encoder.tokens([each.text for each in some]))
                loss = _off_the_mark(vectors, [each.targets for each in some], still)
            if taught is not None:
                apart = (1 - (vectors * torch.from_numpy(taught[rows])).sum(1)).mean()
                loss = loss + (1 if some[0].targets else 2) * TAUGHT * apart
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            step += 1
            say(phase, step, total)
    encoder.eval()


def blend(encoder: Encoder, before: Mapping[str, torch.Tensor], share: float) -> None:
    """Move each weight of `encoder` in place to `share` of the way from what it was `before`."""
    encoder.load_state_dict({name: torch.lerp(before[name], now, share) for name, now in encoder.state_dict().items()})


def _batches(asked: Sequence[Asked], chosen: NDArray[np.int64], generator: np.random.Generator) -> list[list[int]]:
    """Of texts of like length."""
    order = generator.permutation(chosen)
    batches: list[list[int]] = []
    for start in range(0, len(order), BATCH * _POOL):
        pool = sorted(order[start : start + BATCH * _POOL].tolist(), key=lambda i: len(asked[i].text))
        batches += [pool[i : i + BATCH] for i in range(0, len(pool), BATCH)]
    return batches


def _off_the_mark(vectors: torch.Tensor, targets: Sequence[Sequence[int]], articles: torch.Tensor) -> torch.Tensor:
    """Cross entropy over all articles; 0 where no article is known."""
    if not targets[0]:
        return torch.zeros(())
    scores = (vectors.to(torch.bfloat16) @ articles.T).float() / TEMPERATURE
    right = torch.stack([scores[row, list(each)].mean() for row, each in enumerate(targets)])
    return (torch.logsumexp(scores, 1) - right).mean()


def export(encoder: Encoder, folder: Path) -> None:
    """Write `folder` as `question_encoder.OnnxEncoder` reads it: the graph with 8-bit weights, and the tokenizer."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.transformers import optimizer

    folder.mkdir(parents=True, exist_ok=True)
    encoder.eval()
    encoder.bert.config._attn_implementation = "eager"  # what the graph optimiser knows
    ids = torch.randint(5, 1000, (2, 16))
    with tempfile.TemporaryDirectory() as scratch:
        plain, fused = str(Path(scratch, "plain.onnx")), str(Path(scratch, "fused.onnx"))
        axes = {0: "texts", 1: "tokens"}
        torch.onnx.export(
            encoder, (ids, torch.ones_like(ids)), plain, input_names=["input_ids", "attention_mask"],
            output_names=["vectors"], dynamic_axes={"input_ids": axes, "attention_mask": axes}, opset_version=17, dynamo=False,
        )  # fmt: skip
        config = encoder.bert.config
        optimizer.optimize_model(
            plain, model_type="bert", num_heads=config.num_attention_heads, hidden_size=config.hidden_size
        ).save_model_to_file(fused)
        quantize_dynamic(
            fused, str(folder / "model.onnx"), per_channel=True, weight_type=QuantType.QInt8,
            extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
        )  # fmt: skip
    encoder.tokenizer.no_padding()
    encoder.tokenizer.no_truncation()
    encoder.tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    modules = [{"idx": 0, "name": "0", "path": "", "type": "knowledge_base.question_encoder.OnnxEncoder"}]
    (folder / "modules.json").write_text(json.dumps(modules, indent=1) + "\n", encoding="utf-8")
    (folder / "config_sentence_transformers.json").write_text(
        json.dumps({"model_type": "SentenceTransformer", "similarity_fn_name": "cosine"}, indent=1) + "\n",
        encoding="utf-8",
    )

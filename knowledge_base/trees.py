"""Gradient-boosted trees that ship, as LightGBM wrote them."""

from pathlib import Path

import lightgbm
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Trees:
    """The trees at `path`. Raises ValueError where they were trained with other columns than `features`."""

    def __init__(self, path: Path, features: tuple[str, ...]) -> None:
        self._model = lightgbm.Booster(model_file=str(path))
        if tuple(self._model.feature_name()) != features:
            raise ValueError(f"{path.name} 与本版本的特征不符，请重新训练（wenfa kb train）")

    def values(self, rows: Floats) -> Floats:
        """What they come to for each row, shape (n,). `rows`: shape (n, len(features))."""
        return values_of(self._model, rows)


def values_of(model: lightgbm.Booster, rows: Floats) -> Floats:
    """The raw scores of a model, on one thread, shape (n,)."""
    if not len(rows):
        return np.zeros(0, dtype=np.float32)
    return np.asarray(model.predict(rows, raw_score=True, num_threads=1), dtype=np.float32)

"""How figures are summed up."""

from collections.abc import Sequence

import numpy as np


def percentiles_ms(name: str, seconds: Sequence[float]) -> dict[str, float]:
    """p50, p95 and p99 in milliseconds: {"name_ms_p50": …}."""
    found = np.percentile(seconds, [50, 95, 99]) * 1000
    return {f"{name}_ms_p{share}": round(float(each), 2) for share, each in zip((50, 95, 99), found, strict=True)}

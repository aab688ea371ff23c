"""The escalation walked at random (test_escalation_walk.py): who acts, what is expected, what must always hold.

`model`: what must come of it, in plain Python. `record`: what the database must never say, and that it agrees with the model.
`stage`: the databases and Redis, healthy and failing. `play`: how a step is done and checked. `citizens`, `lawyers` and
`dispatchers`: the steps.
"""

import pytest

pytest.register_assert_rewrite(
    *(f"{__name__}.{each}" for each in ("record", "play", "citizens", "lawyers", "dispatchers"))
)

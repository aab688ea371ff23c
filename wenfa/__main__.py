"""``python -m wenfa`` is ``wenfa``."""

from wenfa.cli import app

app()

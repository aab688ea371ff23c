"""How training says how far it is."""

from collections.abc import Callable

Say = Callable[[str, int, int], None]
"""Hears the phase (Chinese), how much is done and how much there is."""

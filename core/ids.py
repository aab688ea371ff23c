"""Identifiers: sortable UUIDv7 for rows, unguessable tokens for people."""

import secrets
from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A UUIDv7: unique, and sorted by the time it was made."""
    return UUID(int=uuid7().int)


def new_token() -> str:
    """256 bits, URL-safe. Shown to its owner once; only its hash is stored."""
    return secrets.token_urlsafe(32)

"""Passwords, tokens and keys. One master key per installation; every use has its own key derived from it."""

import base64
import hashlib
import hmac
import os
import secrets
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.settings import Settings

_hasher = PasswordHasher()


def hash_password(password: str) -> str:
    """An argon2id hash with its parameters."""
    return _hasher.hash(password)


def password_matches(hashed: str, password: str) -> bool:
    try:
        return _hasher.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


def hash_token(token: str) -> str:
    """What is stored of a 256-bit token: SHA-256, in hex. (Slow hashes are for passwords; tokens cannot be guessed.)"""
    return hashlib.sha256(token.encode()).hexdigest()


def same(left: str, right: str) -> bool:
    """Equality that takes the same time wherever they differ."""
    return hmac.compare_digest(left.encode(), right.encode())


def master_key(settings: Settings) -> bytes:
    """The configured key, else one made at first start and kept in the home folder, readable by its owner alone."""
    if settings.secret_key:
        if len(settings.secret_key) < 32:
            raise ValueError("WENFA_SECRET_KEY 至少要 32 个字符")
        return settings.secret_key.encode()
    path = settings.home_dir / "secret.key"
    try:
        return path.read_bytes()
    except FileNotFoundError:
        pass
    # Two processes may start at once: write aside, then link, which fails if the other was first.
    draft = path.with_name(f"secret.key.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(secrets.token_urlsafe(48))
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_bytes()


def derive_key(settings: Settings, purpose: str) -> bytes:
    """32 bytes for one purpose (HKDF-SHA256, RFC 5869)."""
    return _derive(master_key(settings), purpose)


@lru_cache(maxsize=32)
def _derive(master: bytes, purpose: str) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose.encode()).derive(master)


def derive_token(settings: Settings, purpose: str) -> str:
    """The same as text, for headers and query strings."""
    return base64.urlsafe_b64encode(derive_key(settings, purpose)).decode().rstrip("=")

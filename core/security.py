"""Passwords, tokens and keys. One master key per installation; every use has its own key derived from it."""

import base64
import hashlib
import hmac
import os
import secrets
from functools import lru_cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
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
    return _kept_key(settings.home_dir / "secret.key")


@lru_cache(maxsize=32)
def _kept_key(path: Path) -> bytes:
    """Read once a process: every token that is checked rests on it."""
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


class Vault:
    """Encrypts what must not lie open in the database: telephone numbers, signing secrets (AES-256-GCM)."""

    def __init__(self, settings: Settings) -> None:
        self._cipher = AESGCM(derive_key(settings, "vault"))
        self._fingerprint_key = derive_key(settings, "fingerprint")

    def encrypt(self, text: str) -> str:
        nonce = os.urandom(12)
        return base64.urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, text.encode(), None)).decode()

    def decrypt(self, encrypted: str) -> str:
        """Raises ValueError where it was encrypted with another key, or changed."""
        content = base64.urlsafe_b64decode(encrypted)
        try:
            return self._cipher.decrypt(content[:12], content[12:], None).decode()
        except InvalidTag as error:
            raise ValueError("解不开：主密钥不是加密时的那一个，或内容被改动过") from error

    def fingerprint(self, text: str) -> str:
        """A keyed hash, to find the same text again without decrypting any."""
        return hmac.new(self._fingerprint_key, text.encode(), hashlib.sha256).hexdigest()

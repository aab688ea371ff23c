"""Links that open a conversation in a browser: signed, so that nobody can make one up, known to nobody but who got them."""

from uuid import UUID

from itsdangerous import BadData, URLSafeSerializer, URLSafeTimedSerializer

from core.security import derive_token
from core.settings import Settings

_GOOD_FOR_SECONDS = 30 * 24 * 3600


def thread_link(settings: Settings, conversation: str) -> str:
    """To the conversation itself, for a month."""
    return f"{settings.site_url}/t/{_threads(settings).dumps(conversation)}"


def conversation_behind(settings: Settings, signed: str) -> UUID | None:
    """The conversation that a link opens; None for one that is made up, changed or too old."""
    try:
        return UUID(hex=_threads(settings).loads(signed, max_age=_GOOD_FOR_SECONDS))
    except (BadData, ValueError, TypeError, AttributeError):
        return None


def share_link(settings: Settings, share: UUID) -> str:
    """To what a share shows, for as long as the share is good."""
    return f"{settings.site_url}/s/{_shares(settings).dumps(share.hex)}"


def share_behind(settings: Settings, signed: str) -> UUID | None:
    """The share that a link names; None for one that is made up or changed."""
    try:
        return UUID(hex=_shares(settings).loads(signed))
    except (BadData, ValueError, TypeError, AttributeError):
        return None


def _threads(settings: Settings) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(derive_token(settings, "thread links"), salt="thread")


def _shares(settings: Settings) -> URLSafeSerializer:
    return URLSafeSerializer(derive_token(settings, "share links"), salt="share")

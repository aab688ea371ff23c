"""Links that open a conversation on a phone's browser: signed, good for a month, known to nobody but who got them."""

from uuid import UUID

from itsdangerous import BadData, URLSafeTimedSerializer

from core.security import derive_token
from core.settings import Settings

_GOOD_FOR_SECONDS = 30 * 24 * 3600


def thread_link(settings: Settings, conversation: str) -> str:
    return f"{settings.site_url}/t/{_serializer(settings).dumps(conversation)}"


def conversation_behind(settings: Settings, signed: str) -> UUID | None:
    """The conversation that a link opens; None for one that is made up, changed or too old."""
    try:
        return UUID(hex=_serializer(settings).loads(signed, max_age=_GOOD_FOR_SECONDS))
    except (BadData, ValueError, TypeError, AttributeError):
        return None


def _serializer(settings: Settings) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(derive_token(settings, "thread links"), salt="thread")

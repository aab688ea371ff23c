"""Who may read and write a conversation: whoever holds its token."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException

from api.state import StateDep
from escalation import consultations, conversations
from escalation.errors import NotFound
from escalation.models import Consultation, Conversation

_bearer = HTTPBearer(auto_error=False, description="POST /v1/conversations 返回的 token")
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def _unauthorized(message: str) -> HTTPException:
    return HTTPException(401, message, headers={"WWW-Authenticate": "Bearer"})


def own_conversation(conversation_id: UUID, credentials: Bearer, state: StateDep) -> Conversation:
    """The conversation of the path, opened by the bearer's token. 401 without a token or with a wrong one."""
    if credentials is None:
        raise _unauthorized("请求里缺少会话凭证（Authorization: Bearer …）")
    try:
        with state.database.read() as session:
            return conversations.open_with_token(session, conversation_id, credentials.credentials)
    except NotFound as error:
        raise _unauthorized(error.message) from error


def own_consultation(consultation_id: UUID, credentials: Bearer, state: StateDep) -> Consultation:
    """The consultation of the path, in the conversation that the bearer's token opens."""
    with state.database.read() as session:
        consultation = consultations.get_consultation(session, consultation_id)
    own_conversation(consultation.conversation_id, credentials, state)
    return consultation


OwnConversation = Annotated[Conversation, Depends(own_conversation)]
OwnConsultation = Annotated[Consultation, Depends(own_consultation)]

"""The people who use the service, over its interface: in this process or over the wire."""

from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx
from starlette.testclient import TestClient

from core import live
from core.database import Database
from core.settings import Settings
from escalation.dispatcher import Dispatcher
from escalation.lawyers import register_lawyer
from escalation.staff import create_staff

Client = TestClient | httpx.Client

PASSWORD = "一个足够长的密码123"

_numbers = count(1)


@dataclass
class Citizen:
    """Somebody with a conversation."""

    client: Client
    region: str = "150900"
    id: str = ""
    token: str = ""

    def __post_init__(self) -> None:
        started = self.client.post("/v1/conversations", json={"channel": "web", "region": self.region})
        assert started.status_code == 201, started.text
        self.id, self.token = started.json()["conversation_id"], started.json()["token"]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def says(self, text: str, client_message_id: str = "", **more: Any) -> Any:
        """Write; gives the whole response."""
        body = {"text": text, "client_message_id": client_message_id or f"m{next(_numbers)}", **more}
        return self.client.post(f"/v1/conversations/{self.id}/messages", json=body, headers=self.headers)

    def asks(self, text: str, **more: Any) -> list[dict[str, Any]]:
        """Write; gives the replies."""
        response = self.says(text, **more)
        assert response.status_code == 200, response.text
        return list(response.json()["replies"])

    def reads(self, after: int = 0) -> dict[str, Any]:
        found = self.client.get(f"/v1/conversations/{self.id}/messages?after={after}", headers=self.headers)
        assert found.status_code == 200, found.text
        return dict(found.json())


@dataclass
class LawyerAtDesk:
    """Somebody logged in at the desk."""

    client: Client
    login: str
    password: str = PASSWORD
    id: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.client.cookies.clear()
        found = self.client.post("/v1/auth/login", json={"login": self.login, "password": self.password})
        assert found.status_code == 200, found.text
        self.id = found.json()["lawyer_id"]
        self.headers = {
            "X-CSRF-Token": found.json()["csrf_token"],
            "Cookie": f"wenfa_staff={found.cookies['wenfa_staff']}",
        }
        self.client.cookies.clear()

    def waiting(self) -> list[dict[str, Any]]:
        found = self.client.get("/v1/desk/rounds", headers=self.headers)
        assert found.status_code == 200, found.text
        return list(found.json()["rounds"])

    def claims(self, round_id: str) -> Any:
        return self.client.post(f"/v1/desk/rounds/{round_id}/claim", headers=self.headers)

    def answers(self, round_id: str, text: str = "可以要求退还押金。", **more: Any) -> Any:
        body = {"text": text, **more}
        return self.client.post(f"/v1/desk/rounds/{round_id}/answer", json=body, headers=self.headers)


class SupervisorAtBoard(LawyerAtDesk):
    """Somebody logged in at the board: a supervisor, or an administrator."""

    def gets(self, path: str) -> Any:
        found = self.client.get(f"/v1/board/{path}", headers=self.headers)
        assert found.status_code == 200, found.text
        return found.json()

    def posts(self, path: str, **body: Any) -> Any:
        """Gives the whole response."""
        return self.client.post(f"/v1/board/{path}", json=body, headers=self.headers)


class Service:
    """One api over one home folder, as a test drives it."""

    def __init__(self, settings: Settings, database: Database, client: TestClient) -> None:
        self.settings = settings
        self.database = database
        self.client = client
        self.dispatcher = Dispatcher(database, live.connect(settings))

    def a_citizen(self, region: str = "150900") -> Citizen:
        return Citizen(self.client, region)

    def a_lawyer(self, region: str = "150900", tier: str = "city") -> LawyerAtDesk:
        login = f"lawyer{next(_numbers)}"
        with self.database.write() as session:
            lawyer = register_lawyer(session, name=f"律师{login}", licence=login, region=region, tier=tier, firm="某所")
            create_staff(session, login=login, name=lawyer.name, password=PASSWORD, role="lawyer", lawyer=lawyer)
        return LawyerAtDesk(self.client, login)

    def a_supervisor(self, role: str = "supervisor") -> SupervisorAtBoard:
        login = f"{role}{next(_numbers)}"
        with self.database.write() as session:
            create_staff(session, login=login, name="王主管", password=PASSWORD, role=role)
        return SupervisorAtBoard(self.client, login)

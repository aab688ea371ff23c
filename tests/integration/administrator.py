"""An administrator at the pages of the administration, without a browser."""

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from people import Client, Service


@dataclass
class Administrator:
    """Somebody logged in; `post` sends the form's token with what is filled in."""

    client: Client
    headers: dict[str, str]
    csrf_token: str

    @classmethod
    def of(cls, service: Service, role: str = "administrator") -> "Administrator":
        logged_in = service.a_supervisor(role)
        headers = {"Cookie": logged_in.headers["Cookie"], "Accept": "text/html"}
        return cls(service.client, headers, logged_in.headers["X-CSRF-Token"])

    def get(self, path: str) -> Any:
        return self.client.get(path, headers=self.headers)

    def reads(self, path: str) -> str:
        found = self.get(path)
        assert found.status_code == 200, (path, found.status_code, found.text[:500])
        return str(found.text)

    def sees(self, path: str) -> str:
        """What of a page one reads."""
        return Markup(self.reads(path)).striptags()

    def post(self, path: str, **fields: str) -> Any:
        """The page that a browser would show afterwards. (The client would leave its cookie behind at a redirection.)"""
        data = {"csrf_token": self.csrf_token, **fields}
        found = self.client.post(path, data=data, headers=self.headers, follow_redirects=False)
        return self.get(found.headers["Location"]) if found.status_code == 303 else found

    def uploads(self, path: str, content: bytes, do: str = "check", name: str = "名册.csv") -> Any:
        data = {"csrf_token": self.csrf_token, "do": do}
        return self.client.post(path, data=data, files={"file": (name, content, "text/csv")}, headers=self.headers)

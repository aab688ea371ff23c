"""Whole conversations read from `tests/data/transcripts.yml` and held over the interface, with or without Rasa."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import yaml
from people import PASSWORD, Citizen, Client, LawyerAtDesk
from sqlalchemy import select

from bot.actions.services import STANDING
from core.clock import now
from core.database import Database
from escalation.staff import create_staff
from services.models import Clerk, Office
from services.office_file import TEMPLATE, import_offices
from services.offices import make_clerk

TRANSCRIPTS = Path(__file__).parent.parent / "data" / "transcripts.yml"
OFFICES = f"{TEMPLATE}乌兰察布市仲裁委员会,150900,仲裁、行政复议,,,,,\n集宁区司法局,150902,执法监督、12345,,,,,\n"


def transcripts() -> list[dict[str, Any]]:
    return list(yaml.safe_load(TRANSCRIPTS.read_text(encoding="utf-8")))


@dataclass
class Staff:
    """Those on the other side: an account at each office and a supervisor."""

    client: Client
    database: Database
    clerks: dict[str, LawyerAtDesk] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with self.database.write() as session:
            done = import_offices(session, OFFICES.encode(), "test")
            assert not done.faults, done.faults
            logins = {}
            for number, office in enumerate(session.execute(select(Office)).scalars()):
                known = session.execute(select(Clerk).where(Clerk.office_id == office.id)).scalars().first()
                if known is None:
                    account = create_staff(
                        session, login=f"clerk{number}", name="周办事员", password=PASSWORD, role="clerk"
                    )
                    make_clerk(session, account, office.name, "test")
                logins[office.name] = f"clerk{number}"
            create_staff(session, login="placer", name="王主管", password=PASSWORD, role="supervisor")
        self.clerks = {name: _at_desk(self.client, login) for name, login in logins.items()}
        self.supervisor = _at_desk(self.client, "placer")

    def does(self, number: str, step: dict[str, Any]) -> None:
        """Do to the request of this number what the step says, as the clerk of the office that has it."""
        if "supervisor" in step:
            who, verb = self.supervisor, step["supervisor"]
        else:
            who, verb = next(each for each in self.clerks.values() if _find(each, number)), step["clerk"]
        body = {name: step[name] for name in ("words", "place") if name in step}
        if verb == "appoint":
            body["at"] = (now() + timedelta(days=3)).isoformat()
        if verb == "hand_on":
            offices = _get(who, "offices")["offices"]
            body |= {
                "office_id": next(each["id"] for each in offices if each["name"] == step["to"]),
                "service": step["service"],
            }
        path = f"/v1/office/requests/{_find(who, number)['id']}/{verb.replace('_', '-')}"
        found = who.client.post(path, json=body, headers=who.headers)
        assert found.status_code == 200, found.text


def hold(
    transcript: dict[str, Any], citizen: Citizen, staff: Staff, lawyers: list[LawyerAtDesk], *, plain: bool
) -> None:
    """Hold the conversation and compare what is said with what should be. `plain`: Rasa is not there."""
    last: list[dict[str, Any]] = []
    for place, step in enumerate(transcript["turns"]):
        where = f"{transcript['name']}, {place}: {step}"
        if "clerk" in step or "supervisor" in step or "lawyers" in step:
            seq = citizen.reads()["messages"][-1]["seq"]
            if "lawyers" in step:
                _answer(lawyers, _consultation(citizen), step["lawyers"])
            else:
                staff.does(_number(citizen), step)
            last = citizen.reads(seq)["messages"]
        else:
            last = citizen.asks(_words(step, last, plain, where))
        said = "\n".join(each["text"] for each in last)
        for part in step.get("told", ()):
            assert part in said, f"{where}\nwithout {part!r}:\n{said}"
        for part in step.get("not_told", ()):
            assert part not in said, f"{where}\n{said}"
        offered = [choice["title"] for each in last for choice in each["choices"]]
        for title in step.get("offered", ()):
            assert title in offered, f"{where}\n{offered}"
        if step.get("asked", "any") != "any":
            assert last[-1]["kind"] == step["asked"], f"{where}\n{said}"
        if "cites" in step and not plain:
            assert step["cites"] in [each["article"] for reply in last for each in reply["citations"]], (
                f"{where}\n{said}"
            )


def _words(step: dict[str, Any], last: list[dict[str, Any]], plain: bool, where: str) -> str:
    if "say" in step:
        return str(step.get("plain", step["say"]) if plain else step["say"])
    offered = [choice for each in last for choice in each["choices"]]
    if step.get("press_first"):
        return str(offered[0]["payload"])
    for choice in offered:
        if choice["title"] == step["press"]:
            return str(choice["payload"])
    standing = [payload for payload, choice in STANDING.items() if choice.title == step["press"]]
    assert standing, f"{where}: no such button among {[each['title'] for each in offered]}"
    return standing[0]


def _answer(lawyers: list[LawyerAtDesk], consultation: str, count: int) -> None:
    """So many of them answer what waits of this consultation."""
    answered = 0
    for lawyer in lawyers:
        for waiting in lawyer.waiting():
            if waiting["consultation"] != consultation:
                continue
            if answered < count and lawyer.claims(waiting["id"]).status_code == 200:
                found = lawyer.answers(waiting["id"], "可以要求赔偿金，请把录音留好。")
                assert found.status_code == 201, found.text
                answered += 1
    assert answered == count, f"{answered} of {count} answered"


def _consultation(citizen: Citizen) -> str:
    """The number of the consultation that was told of first."""
    said = [each["text"] for each in citizen.reads()["messages"]]
    return next(text.split("咨询编号 ")[1].split("。")[0] for text in said if "咨询编号 " in text)


def _number(citizen: Citizen) -> str:
    """Of the newest request that was told of in the conversation."""
    said = [each["text"] for each in citizen.reads()["messages"] if each["author"] == "service"]
    return next(text.split("编号 ")[1].split("。")[0] for text in reversed(said) if text.startswith("已提交，编号"))


def _find(who: LawyerAtDesk, number: str) -> dict[str, Any]:
    return next((each for each in _get(who, "requests")["requests"] if each["number"] == number), {})


def _get(who: LawyerAtDesk, path: str) -> dict[str, Any]:
    found = who.client.get(f"/v1/office/{path}", headers=who.headers)
    assert found.status_code == 200, found.text
    return dict(found.json())


def _at_desk(client: Client | httpx.Client, login: str) -> LawyerAtDesk:
    return LawyerAtDesk(client, login)

"""One consultation through all tiers, with times: prints as a Markdown table what the record says of it.

    python benchmarks/transcript.py [--seconds 3,6,10]

A real api and a real dispatcher, without law and without Rasa, so that the question goes to people at once; minutes are seconds.
"""

import argparse
import sys
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from uuid import UUID

import httpx
from sqlalchemy import select

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

from integration.people import PASSWORD, Citizen, LawyerAtDesk

from benchmarks.escalation_parts.world import World, new_world
from core.database import Database
from escalation.lawyers import register_lawyer
from escalation.models import AuditRow, Consultation, Message, RoundMove
from escalation.staff import create_staff

PEOPLE = (
    ("赵甲", "150900", "city"),
    ("钱乙", "150902", "city"),
    ("孙丙", "150100", "province"),
    ("李丁", "330100", "nation"),
)
SAID = {"citizen": "市民", "lawyer": "律师", "service": "服务"}
SHOWN = {
    "open_consultation", "claim_round", "meet_quorum", "break_promise", "alarm_duty", "close_consultation", "rate_consultation",
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--seconds", default="3,6,10", help="when it goes to the province, to the nation, and is broken"
    )
    moments = tuple(int(each) for each in parser.parse_args().seconds.split(","))
    with new_world("", None) as made:
        world = replace(made, settings=made.settings.model_copy(update={"policy_seconds": moments}))
        logins = {name: enter(world.database, name, region, tier) for name, region, tier in PEOPLE}
        with world.running("api"), world.running("dispatcher"):
            play(world, logins, moments)
        sys.stdout.write(table(world.database) + "\n")


def enter(database: Database, name: str, region: str, tier: str) -> str:
    with database.write() as session:
        lawyer = register_lawyer(session, name=name, licence=f"演示{name}", region=region, tier=tier, firm="某所")
        create_staff(session, login=name, name=lawyer.name, password=PASSWORD, role="lawyer", lawyer=lawyer)
    return name


def play(world: World, logins: dict[str, str], moments: tuple[int, ...]) -> None:
    """What the people do; the rest happens by itself."""
    with httpx.Client(base_url=world.settings.local_url, trust_env=False, timeout=30) as client:
        desks = {name: LawyerAtDesk(client, login) for name, login in logins.items()}
        citizen = Citizen(client)
        citizen.asks("包工头欠我三个月工资一直不给，我该怎么办")
        begun = time.monotonic()

        def at(second: float) -> None:
            time.sleep(max(0.0, begun + second - time.monotonic()))

        def answer(name: str, text: str) -> UUID:
            [waiting] = desks[name].waiting()
            desks[name].claims(waiting["id"])
            assert desks[name].answers(waiting["id"], text).status_code == 201
            return UUID(desks[name].id)

        at(1)
        answer("赵甲", "可以先到劳动保障监察大队投诉，带上工友证言和转账记录。")
        at(moments[0] + 1)
        third = answer("孙丙", "总承包单位对农民工工资负有清偿责任，可以一并要求。")
        at(moments[2] + 1)
        answer("李丁", "也可以申请支付令或者劳动仲裁，仲裁不收费。")
        citizen.asks("总承包单位不认识我怎么办", address_to=[str(third)])
        time.sleep(1)
        answer("孙丙", "请保存考勤和工友证言，监察部门可以责令总承包单位先行清偿。")
        citizen.says("/satisfied")
        number = citizen.reads()["consultation"]["id"]
        client.post(f"/v1/consultations/{number}/rating", json={"level": 5}, headers=citizen.headers)


def table(database: Database) -> str:
    """Everything that the record says of the consultation, in the order in which it happened."""
    with database.read() as session:
        consultation = session.execute(select(Consultation)).scalar_one()
        begun = consultation.opened_at
        lines: list[tuple[datetime, str]] = []
        for message in session.execute(select(Message)).scalars():
            who = message.data.get("lawyer", {}).get("name") or SAID[message.author]
            lines.append((message.created_at, f"{who}：{message.text.splitlines()[0]}"))
        for move in session.execute(select(RoundMove)).scalars():
            lines.append((move.moved_at, f"推送：{move.tier}，新到 {move.pushed} 位律师"))
        for row in session.execute(select(AuditRow).where(AuditRow.verb.in_(SHOWN))).scalars():
            lines.append((row.at, f"记录：{row.verb}"))
    rows = [f"| {(when - begun).total_seconds():.2f} | {what} |" for when, what in sorted(lines)]
    return "\n".join(["| 秒 | |", "|---:|---|", *rows])


if __name__ == "__main__":
    main()

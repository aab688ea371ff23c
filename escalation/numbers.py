"""Numbers that a person can say on the phone: region, day, serial of the day."""

from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from core.clock import local
from core.database import database_now
from escalation.models import Serial


def next_number(session: Session, region: str, letter: str = "") -> str:
    """The next of this region and day; consultations and requests share the serials, the letter tells what it is.

    One statement that inserts or counts on, so that two first ones of a day never clash.
    """
    day = local(database_now(session)).date()
    insert = postgresql_insert if session.get_bind().dialect.name == "postgresql" else sqlite_insert
    statement = insert(Serial).values(region=region, day=day, last=1)
    counted = statement.on_conflict_do_update(index_elements=["region", "day"], set_={"last": Serial.last + 1})
    serial: int = session.execute(counted.returning(Serial.last)).scalar_one()
    return f"{letter}{region}-{day:%Y%m%d}-{serial:04d}"

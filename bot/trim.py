"""Keep a conversation's stored events few: Rasa replays them all at every message, so a long talk grows slow.

Works on events as Rasa stores them (plain dictionaries), so it needs no Rasa.
"""

from typing import Any

Event = dict[str, Any]

LIMIT = 16
"""Events stored before the oldest are dropped."""
KEEP = 8
"""About how many stay; a cut falls only where the bot was listening, so a few more may."""


def trim(events: list[Event], limit: int = LIMIT, keep: int = KEEP) -> list[Event]:
    """The events, or their last part after the slots as they stood at the cut.

    Cuts right before an `action_listen` that a user's message follows, as a conversation begins. Never inside an active
    loop, which Rasa could not understand without its beginning: then everything from the loop's start is kept.
    """
    if len(events) <= limit:
        return events
    cut = _last_cut(events, len(events) - keep)
    if cut is None:
        return events
    slots = _slots_at(events, cut)
    at = events[cut].get("timestamp")
    restated = [{"event": "slot", "name": name, "value": value, "timestamp": at} for name, value in slots.items()]
    return [events[cut], *restated, *events[cut + 1 :]]


def _last_cut(events: list[Event], end: int) -> int | None:
    """The last place at or before `end` to cut, or the first after it if there is none; None if nowhere."""
    loop: str | None = None
    before: int | None = None
    for index, event in enumerate(events[:-1]):
        if event["event"] == "active_loop":
            loop = event.get("name")
        elif event["event"] in ("restart", "session_started"):
            loop = None
        listens = event["event"] == "action" and event.get("name") == "action_listen"
        if index and loop is None and listens and events[index + 1]["event"] == "user":
            if index > end:
                # A loop that began before this place and is over: cutting after it is as good.
                return before or index
            before = index
    return before


def _slots_at(events: list[Event], cut: int) -> dict[str, Any]:
    """The slots that were set before `cut`."""
    slots: dict[str, Any] = {}
    for event in events[:cut]:
        if event["event"] == "slot":
            slots[event["name"]] = event.get("value")
        elif event["event"] in ("reset_slots", "restart"):
            slots.clear()
    return {name: value for name, value in slots.items() if value is not None}

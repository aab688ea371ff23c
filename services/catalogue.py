"""The services of the menu by key: names, the letter of their numbers, and which of them offices take requests for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Service:
    key: str
    name: str
    """As the menu has it."""
    letter: str = ""
    """The first of its requests' numbers; empty for what is no request."""
    words: tuple[str, ...] = ()
    """Other names that offices use in their files."""


SERVICES = {
    each.key: each
    for each in (
        Service("learn_law", "学法律"),
        Service("find_lawyer", "找律师"),
        Service("legal_aid", "求法援", "F", ("法律援助", "法援")),
        Service("mediation", "约调解", "T", ("人民调解", "调解")),
        Service("notary", "办公证", "G", ("公证",)),
        Service("appraisal", "问鉴定", "J", ("司法鉴定", "鉴定")),
        Service("arbitration", "询仲裁", "Z", ("仲裁", "劳动仲裁")),
        Service("quick_answer", "快解答"),
        Service("reconsideration", "行政复议", "Y", ("复议",)),
        Service("enforcement_complaint", "执法监督", "D", ("行政执法监督", "执法投诉")),
        Service("government_hotline", "12345", "R", ("政务热线", "便民热线", "12345热线")),
        Service("labour_inspection", "劳动监察", "", ("劳动保障监察",)),
    )
}
WITH_REQUESTS = tuple(key for key, service in SERVICES.items() if service.letter)
_BY_NAME = {name: each.key for each in SERVICES.values() for name in (each.key, each.name, *each.words)}


def service_called(name: str) -> str | None:
    """The key of the service that an office calls so; None for an unknown name."""
    return _BY_NAME.get(name.strip())

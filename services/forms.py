"""Forms: what a service has to know, asked one thing at a time. Pure: text in, values and the next question out.

Forms are data (`data/forms.yml`). One message may fill several slots; what was asked for is looked for first, the rest only
where the words leave no doubt.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from core.regions import NATION, full_name, get_region, regions_in
from escalation.phones import phones_in
from services.amounts import day_in, sums_in

Kind = Literal["choice", "text", "name", "phone", "region", "date", "money"]
Values = dict[str, Any]

FORMS = Path(__file__).parent / "data" / "forms.yml"
TEXT_MAX_CHARS = 1000
_NAME = re.compile(
    r"[\u3400-\u9fff]{2,4}|[\u3400-\u9fff]{1,12}(?:[·•][\u3400-\u9fff]{1,12}){1,3}|[A-Za-z][A-Za-z .'-]{1,40}"
)
_CALLED = re.compile(
    r"(?:我叫|我名字叫|我是|名字是|姓名是?|本人)[:： ]*([\u3400-\u9fff]{2,4}(?:[·•][\u3400-\u9fff]{1,12})?)(?=[，,。.、；;\s]|$|电话|手机|住)"
)
# Who says "我是农民工" does not tell their name.
_NO_NAMES = re.compile(
    r"[工民人兵户师生娃女妇方员主家亲属的]$|^(?:一个|一名|老|从|在|想|要|来|不|没|被|给|帮)|什么|怎么|哪|律师|电话|不知道|没有|随便|匿名"
)
_SKIP = re.compile(r"(?:没有|没|无|不知道|不清楚|不填|跳过|略|不用|不方便说|不想说|记不清了?|忘了)[了吧的。.!！ ]*")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _several(value: object) -> object:
    return [value] if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], BeforeValidator(_several)]


class Option(_Strict):
    """One of the answers to choose from."""

    key: str
    title: str
    words: Words = ()
    """Other words that say the same, as regular expressions."""

    def is_meant(self, text: str) -> bool:
        return self.title in text or any(re.search(word, text) for word in self.words)


class Slot(_Strict):
    """One thing to know."""

    name: str
    title: str
    """As the summary calls it."""
    kind: Kind
    ask: str
    help: str
    """What is said when an answer was not understood: what is wanted, with an example."""
    options: tuple[Option, ...] = ()
    other: bool = False
    """For a choice: whether an answer in one's own words is taken as it is."""
    optional: bool = False
    when: dict[str, Words] = Field(default_factory=dict)
    """Asked only where other slots have one of these values."""
    words: Words = ()
    """What people call it when they correct it, as regular expressions."""

    def is_wanted(self, values: Mapping[str, Any]) -> bool:
        return all(values.get(name) in wanted for name, wanted in self.when.items())


class Form(_Strict):
    service: str
    title: str
    sent: str
    """What happens next, said when the request has gone in."""
    slots: tuple[Slot, ...]

    def slot(self, name: str) -> Slot:
        """Raises KeyError."""
        return {slot.name: slot for slot in self.slots}[name]

    @property
    def names(self) -> frozenset[str]:
        return frozenset(slot.name for slot in self.slots)

    def wanted(self, values: Mapping[str, Any]) -> list[Slot]:
        """The slots that apply, given what is known."""
        return [slot for slot in self.slots if slot.is_wanted(values)]

    def next_slot(self, values: Mapping[str, Any]) -> Slot | None:
        """What to ask next; None when all is known."""
        return next((slot for slot in self.wanted(values) if slot.name not in values), None)


@dataclass(frozen=True, slots=True)
class Taken:
    """What a message gave."""

    values: Values = field(default_factory=dict)
    answered: bool = False
    """The slot that was asked for is among them."""
    ambiguous: tuple[str, ...] = ()
    """Codes of regions that a name could mean."""


@cache
def load_forms(path: Path = FORMS) -> dict[str, Form]:
    """The forms by service. Raises ValueError for a file that is none."""
    forms = [Form.model_validate(each) for each in yaml.safe_load(path.read_text(encoding="utf-8"))]
    for form in forms:
        if len(form.names) != len(form.slots) or any(set(slot.when) - form.names for slot in form.slots):
            raise ValueError(f"{path.name}：{form.service} 的栏目有重复，或条件里提到没有的栏目")
    return {form.service: form for form in forms}


def take(form: Form, values: Mapping[str, Any], asked: Slot | None, text: str, today: date) -> Taken:
    """What this message says of the form: of the slot that was asked for, and of those that nobody had to ask for.

    `values` is what is known so far and stays as it is.
    """
    found: Values = {}
    ambiguous: tuple[str, ...] = ()
    if asked is not None:
        if asked.optional and _SKIP.fullmatch(text.strip()):
            found[asked.name] = ""
        else:
            given, ambiguous = _asked(asked, text, today)
            if given is not None:
                found[asked.name] = given
    if not (asked is not None and asked.name in found and _is_short(asked, text)):
        known = {**values, **found}
        for slot in form.slots:
            if slot.name not in known and slot is not asked and (given := _volunteered(slot, text, today)) is not None:
                found[slot.name] = known[slot.name] = given
    answered = asked is not None and asked.name in found
    # What depends on another answer counts only where that answer is such.
    known = {**values, **found}
    applies = {slot.name for slot in form.wanted(known)}
    return Taken({name: value for name, value in found.items() if name in applies}, answered, ambiguous)


def shown(slot: Slot, value: Any) -> str:
    """A value in the words of a summary."""
    if value in ("", None):
        return "（未填）"
    if slot.kind == "choice":
        return next((option.title for option in slot.options if option.key == value), str(value))
    if slot.kind == "region":
        return full_name(str(value))
    if slot.kind == "money":
        return f"{int(value):,} 元"
    if slot.kind == "date":
        day = date.fromisoformat(str(value))
        return f"{day.year}年{day.month}月{day.day}日"
    return str(value)


def corrected_slot(form: Form, values: Mapping[str, Any], text: str) -> Slot | None:
    """The slot that "电话写错了" is about; None where it does not say."""
    return next((slot for slot in form.wanted(values) if _names_it(slot, text)), None)


def _names_it(slot: Slot, text: str) -> bool:
    return slot.title in text or any(re.search(word, text) for word in slot.words)


def _asked(slot: Slot, text: str, today: date) -> tuple[Any, tuple[str, ...]]:
    """The answer to a question, and the regions among which it does not decide."""
    words = text.strip()
    match slot.kind:
        case "choice":
            return _chosen(slot, words), ()
        case "text":
            says = len(re.sub(r"\W", "", words)) >= 2 and (slot.optional or not _SKIP.fullmatch(words))
            return (words[:TEXT_MAX_CHARS] if says else None), ()
        case "name":
            return _name(words), ()
        case "phone":
            found = phones_in(words)
            return (found[0].masked if found else None), ()
        case "region":
            return _region(words)
        case "date":
            day = day_in(words, today)
            return (day.isoformat() if day else None), ()
        case "money":
            sums = sums_in(words, bare=True)
            return (max(sums) if sums else None), ()


def _volunteered(slot: Slot, text: str, today: date) -> Any:
    """What a message says of a slot that nobody has asked for: only where it can mean nothing else."""
    match slot.kind:
        case "choice":
            meant = [option.key for option in slot.options if option.is_meant(text)]
            return meant[0] if len(meant) == 1 else None
        case "name":
            return _called(text)
        case "region":
            regions = regions_in(text, spoken=True)
            return regions[0].code if len(regions) == 1 and regions[0].level in ("prefecture", "county") else None
        case "phone":
            found = phones_in(text)
            return found[0].masked if len(found) == 1 else None
        case "money":
            sums = sums_in(text)
            return sums[0] if len(sums) == 1 else None
        case "date" if any(re.search(word, text) for word in slot.words):
            day = day_in(text, today)
            return day.isoformat() if day else None
        case _:
            return None


def _chosen(slot: Slot, words: str) -> str | None:
    plain = re.sub(r"\W", "", words)
    if re.fullmatch(r"[1-9][0-9]?", plain) and int(plain) <= len(slot.options):
        return slot.options[int(plain) - 1].key
    for option in slot.options:
        if plain in (option.key, re.sub(r"\W", "", option.title)):
            return option.key
    meant = [option.key for option in slot.options if option.is_meant(words)]
    if meant:
        return meant[0]
    return words[:TEXT_MAX_CHARS] if slot.other and len(plain) >= 2 else None


def _called(text: str) -> str | None:
    """The name that somebody gives as theirs."""
    return next((name for name in _CALLED.findall(text) if not _NO_NAMES.search(name)), None)


def _name(words: str) -> str | None:
    if called := _called(words):
        return called
    plain = re.sub(r"^(?:我叫|我是|叫|姓名|名字是?)[:： ]*|[。.，,！! ]+$", "", words)
    return plain if _NAME.fullmatch(plain) and not _NO_NAMES.search(plain) else None


def _region(words: str) -> tuple[str | None, tuple[str, ...]]:
    found = regions_in(words, spoken=True)
    if len(found) == 1:
        return (found[0].code, ()) if found[0].code != NATION else (None, ())
    return None, tuple(region.code for region in found[:6])


def _is_short(slot: Slot, text: str) -> bool:
    """Whether a message that answers a question holds nothing but that answer: then nothing else is looked for in it."""
    return slot.kind in ("choice", "name", "phone", "region", "date", "money") and len(text.strip()) <= 8


def options_of(slot: Slot) -> Iterator[tuple[str, str]]:
    """The buttons below a question: what to press, and the value it stands for."""
    yield from ((option.title, option.key) for option in slot.options)
    if slot.optional:
        yield "跳过", ""


def region_options(codes: Sequence[str]) -> list[tuple[str, str]]:
    """The regions that a name could mean, to choose from."""
    return [(full_name(get_region(code).code), code) for code in codes]

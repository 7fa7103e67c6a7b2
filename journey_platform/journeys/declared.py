"""journeys.yaml: the file in which journeys are declared, read once, with the line of each mistake.

Sections are `segments` (name: condition), `heard` (answer: channels), `topics` (topic: words),
`business_hours` (as `working.BusinessHours`) and one per kind of question (name: declaration); the words of
each are in `questions`. A segment may stand in any condition, as a bare name.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from journey_platform.journeys.conditions import PROFILE, ConditionError, condition
from journey_platform.journeys.history import MOOD
from journey_platform.journeys.questions import (
    BUSINESS,
    Activity,
    Attribution,
    Friction,
    Funnel,
    Paths,
    Question,
    Retention,
    Stages,
    Visits,
)
from journey_platform.journeys.topics import ENGLISH
from journey_platform.journeys.working import BusinessHours
from journey_platform.tables import JOURNEY_TOUCHPOINTS, PROFILES_TABLE

KINDS: Mapping[str, type[Question]] = {
    "visits": Visits,
    "funnels": Funnel,
    "paths": Paths,
    "retention": Retention,
    "activity": Activity,
    "attribution": Attribution,
    "stages": Stages,
    "friction": Friction,
}
SESSION_START = "is_session_start"
_OTHERS = ("segments", "heard", "topics", "business_hours")

COLUMNS = frozenset(
    [
        *JOURNEY_TOUCHPOINTS.schema.names,
        SESSION_START,
        MOOD,
        *(PROFILE + column.name for column in PROFILES_TABLE.columns if not column.is_personal),
    ]
)
"""What a condition may look at: touchpoints' columns, whether a session begins, and what the profile says
that is not personal."""


class DeclarationError(ValueError):
    """journeys.yaml cannot be read, or says what cannot be. One line per mistake, with its place."""


@dataclass(frozen=True)
class Declared:
    """What is declared: `segments` by name, per kind its questions by name, and for what people say of how
    they `heard` of us the channels that it stands for; none where nothing of the kind ever ran. `topics`: the
    words by which a text is about something, of several the first. `business_hours`: when people work here,
    where that is declared."""

    segments: Mapping[str, str] = field(default_factory=dict)
    questions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    heard: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    topics: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: ENGLISH)
    business_hours: BusinessHours | None = None

    def of(self, kind: str) -> Mapping[str, Any]:
        return self.questions.get(kind, {})

    def named(self, kind: str, name: str) -> Any:
        """One question. Raises `LookupError` naming those that are there."""
        known = self.of(kind)
        if name not in known:
            raise LookupError(f"{name} is not declared under {kind}; there are {', '.join(known) or 'none'}")
        return known[name]


def load(path: Path) -> Declared:
    """Read a file. Raises `DeclarationError` naming every mistake with its line."""
    return read(path.read_text(encoding="utf-8"), path.name)


def read(text: str, name: str = "journeys.yaml") -> Declared:
    """What a text declares. Raises `DeclarationError` naming every mistake with its line."""
    import yaml

    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        said = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        raise DeclarationError(f"{name}{line}: {getattr(error, 'problem', None) or 'is no YAML'}") from None
    if root is None:
        return Declared()
    if not isinstance(said, dict):
        raise DeclarationError(f"{name} line 1: sections are expected: {', '.join((*_OTHERS, *KINDS))}")
    reading = _Reading(name, root)
    reading.mistakes += [f"{name} line {line}: {key} is there twice" for key, line in _twice(root)]
    segments = reading.segments(said.get("segments") or {})
    heard = reading.heard(said.get("heard") or {})
    topics = reading.topics(said["topics"]) if "topics" in said else ENGLISH
    hours = reading.business_hours(said["business_hours"]) if "business_hours" in said else None
    questions: dict[str, dict[str, Any]] = {}
    for section, body in said.items():
        if section in KINDS:
            questions[section] = reading.questions(section, body or {}, segments, hours)
        elif section not in _OTHERS:
            known = ", ".join((*_OTHERS, *KINDS))
            reading.mistake((section,), f"is no section; there are {known}")
    if reading.mistakes:
        raise DeclarationError("\n".join(reading.mistakes))
    return Declared(segments, questions, heard, topics, hours)


def checked(kind: str, said: Mapping[str, Any], among: Declared) -> Any:
    """A question of a kind from its words, also where numbers come as text, that may name what is declared.

    Raises `DeclarationError`.
    """
    reading = _Reading("asked", None)
    body = {"": dict(said)}
    found = reading.questions(kind, body, among.segments, among.business_hours, is_strict=False)
    if reading.mistakes:
        raise DeclarationError("; ".join(reading.mistakes))
    return found[""]


class _Reading:
    """Turns what was said into questions and keeps the mistakes."""

    def __init__(self, name: str, root: Any) -> None:
        self.mistakes: list[str] = []
        self._name = name
        self._root = root

    def mistake(self, place: tuple[str | int, ...], told: str) -> None:
        if self._root is None:
            self.mistakes.append(f"{'.'.join(map(str, place[2:])) or 'options'}: {told}")
            return
        dotted = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")
        self.mistakes.append(f"{self._name} line {_line(self._root, place)}, {dotted}: {told}")

    def segments(self, body: Any) -> dict[str, str]:
        if not isinstance(body, dict):
            self.mistake(("segments",), "names and conditions are expected")
            return {}
        kept = {str(name): text for name, text in body.items() if isinstance(text, str)}
        for name, text in body.items():
            if not isinstance(text, str):
                self.mistake(("segments", name), "a condition is expected")
            elif name in COLUMNS:
                self.mistake(("segments", name), "is a column; a segment has a name of its own")
            else:
                self._check(("segments", name), text, kept)
        return kept

    def heard(self, body: Any) -> dict[str, tuple[str, ...]]:
        if not isinstance(body, dict):
            self.mistake(("heard",), "answers and their channels are expected")
            return {}
        found = {}
        for answer, channels in body.items():
            if not isinstance(channels, list) or not all(isinstance(one, str) for one in channels):
                self.mistake(("heard", answer), "a list of channels is expected; an empty one for a decoy")
                continue
            found[str(answer).lower()] = tuple(channels)
        return found

    def topics(self, body: Any) -> dict[str, tuple[str, ...]]:
        if not isinstance(body, dict):
            self.mistake(("topics",), "topics and their words are expected")
            return {}
        found = {}
        for topic, words in body.items():
            if isinstance(words, list) and all(isinstance(one, str) and one.strip("* ") for one in words):
                found[str(topic)] = tuple(words)
            else:
                self.mistake(("topics", topic), "a list of words is expected; * at an end is any ending")
        return found

    def business_hours(self, body: Any) -> BusinessHours | None:
        try:
            return msgspec.convert(body, BusinessHours)
        except msgspec.ValidationError as error:
            told, _, path = str(error).partition(" - at ")
            self.mistake(("business_hours", *_parts(path)), told)
            return None

    def questions(
        self,
        section: str,
        body: Any,
        segments: Mapping[str, str],
        hours: BusinessHours | None,
        *,
        is_strict: bool = True,
    ) -> dict[str, Any]:
        if not isinstance(body, dict):
            self.mistake((section,), "names and declarations are expected")
            return {}
        found = {}
        for name, said in body.items():
            try:
                asked = msgspec.convert(said, KINDS[section], strict=is_strict)
            except msgspec.ValidationError as error:
                told, _, path = str(error).partition(" - at ")
                self.mistake((section, name, *_parts(path)), told)
                continue
            for text in asked.conditions():
                self._check((section, name, *_place_of(said, text)), text, segments)
            for column in asked.columns():
                parts = [part.strip() for part in column.split(",")]
                if column not in COLUMNS and not all(part in segments for part in parts):
                    place = _place_of(said, column)
                    self.mistake(
                        (section, name, *place), f"{column} is no column of a touchpoint and no segment"
                    )
            if isinstance(asked, Funnel) and asked.week == BUSINESS:
                if hours is None:
                    self.mistake((section, name, "week"), "no business_hours are declared")
                asked = msgspec.structs.replace(asked, week=hours)
            found[str(name)] = asked
        return found

    def _check(self, place: tuple[str | int, ...], text: str, segments: Mapping[str, str]) -> None:
        try:
            unknown = condition(text, segments).columns - COLUMNS
        except ConditionError as error:
            self.mistake(place, str(error))
            return
        for column in sorted(unknown):
            self.mistake(place, f"{column} is no column of a touchpoint and no segment")


def _parts(path: str) -> Iterator[str | int]:
    """msgspec's `$.steps[0].where` as its parts, up to a key that it does not name."""
    for part in path.strip("`").removeprefix("$").replace("[", ".[").split("."):
        if part.startswith("["):
            if not part[1:-1].isdigit():
                return
            yield int(part[1:-1])
        elif part:
            yield part


def _place_of(said: Any, text: str) -> tuple[str | int, ...]:
    """Where in what was said a text stands first."""
    entries = said.items() if isinstance(said, dict) else enumerate(said) if isinstance(said, list) else ()
    for key, value in entries:
        if value == text:
            return (key,)
        if inner := _place_of(value, text):
            return (key, *inner)
    return ()


def _line(node: Any, place: tuple[str | int, ...]) -> int:
    """The line, from 1, of the deepest part of a place that is there."""
    import yaml

    line = node.start_mark.line
    for part in place:
        if isinstance(node, yaml.MappingNode):
            pair = next((pair for pair in node.value if pair[0].value == str(part)), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line
        else:
            break
    return int(line) + 1


def _twice(node: Any) -> Iterator[tuple[str, int]]:
    """Keys that a mapping has more than once: YAML would keep the last in silence."""
    import yaml

    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                yield key.value, key.start_mark.line + 1
            seen.add(key.value)
            yield from _twice(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _twice(value)

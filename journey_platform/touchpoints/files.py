"""Dropped files: rows become touchpoints and contacts as the folder's own declaration says.

Here is the language of its `touchpoints` and `contacts`. How files are found and read, and which of their
columns are numbers and times, is declared beside it and read by the connector; a row comes here as JSON.

A text says what it says, with `$column` or `${a column}` standing for the row's value, `$_key` for the row's
own key, `$$` for a dollar; a text in which a column is blank says nothing. `{column: c, values: {a: b},
otherwise: x}` says b where the column holds a, and x for what is not listed; `below: {0: n}` says n of
numbers below 0 that are not listed, and of several such limits the lowest tells. `when` and `unless` choose
rows: every column holds the value, or one of the values, given; null is blank. A row is left out by `unless`
where any of its columns does.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec
import pyarrow as pa

from journey_platform.touchpoints.mapping import (
    Contact,
    LookedUp,
    Mapped,
    Origin,
    Pairs,
    Refusal,
    StreamMapping,
    Touch,
    map_contacts,
    map_touchpoints,
    microseconds,
    number,
    page_path,
)
from journey_platform.touchpoints.traffic import traffic_channel

VENDOR = "files"

Channel = Literal["web", "email", "ticket", "survey", "social", "commerce", "product", "account"]
Scalar = str | int | float | bool | None

_REFERENCE = re.compile(r"\$(?:(?P<dollar>\$)|(?P<name>\w+)|\{(?P<long>[^}]+)\})")
_TYPE = re.compile(r"[a-z][a-z_]*")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_]\w+)*")
_TRUE = frozenset({"true", "1", "yes", "y", "t"})


class Lookup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The counterpart of a column's value: the one listed, else that of the lowest limit above a number.
    Without `otherwise`, a value that has none is refused."""

    column: str
    values: dict[str, Scalar] = {}
    below: dict[float, Scalar] = {}
    otherwise: Scalar = None

    def of(self, value: str) -> Scalar:
        """The counterpart of a value that is not blank. Raises `Refusal` where there is none."""
        if value in self.values:
            return self.values[value]
        if self.below:
            found = number(value, self.column)
            for limit, says in sorted(self.below.items()):
                if found is not None and found < limit:
                    return says
        if self.otherwise is None:
            raise Refusal("the value has no counterpart in the declaration", self.column)
        return self.otherwise


Says = str | int | float | bool | Lookup | None
Choice = dict[str, Scalar | list[Scalar]]


class TouchpointRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The touchpoint that a row gives; names as in `tables.touchpoints_table`.

    `url`: an address, of which the path becomes `page`. `occurred_at`: another time than the row's own, in
    feeds of current state only. `traffic_channel`: where it is not given, the one of `medium` and `campaign`.
    `language`: that of `text`, as en or en-GB; where it is not given, it is guessed.
    """

    type: Says
    channel: Channel
    when: Choice = {}
    unless: Choice = {}
    occurred_at: str | None = None
    identifiers: dict[str, Says] = {}
    visit_id: Says = None
    subject_id: Says = None
    url: Says = None
    page: Says = None
    traffic_channel: Says = None
    source: Says = None
    medium: Says = None
    campaign: Says = None
    reason: Says = None
    value: Says = None
    unit: Says = None
    dwell_s: Says = None
    is_bot: Says = False
    is_machine: Says = False
    text: Says = None
    language: Says = None


class ContactRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a row says about a person."""

    identifiers: dict[str, Says]
    attributes: dict[str, Says] = {}
    when: Choice = {}
    unless: Choice = {}


@dataclass(frozen=True)
class FeedRules:
    """One feed's rules as declared, not yet read. `is_event`: its rows are facts with one time."""

    is_event: bool
    touchpoints: list[Any]
    contacts: list[Any]


class DeclarationMistake(ValueError):  # noqa: N818
    """A rule that means nothing: `path` below the feeds, as orders.touchpoints[0].type, and why."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = path, reason


class FileMapping:
    """The mapping of declared feeds; offers what a vendor's module does (`touchpoints.vendors.Mapper`)."""

    LOOKUPS: Mapping[str, LookedUp] = {}

    def __init__(self, feeds: Mapping[str, FeedRules], kinds: Collection[str]) -> None:
        """`kinds`: of identifiers. Raises `DeclarationMistake`."""
        self._touchpoints: dict[str, list[TouchpointRule]] = {}
        self._contacts: dict[str, list[ContactRule]] = {}
        for name, feed in feeds.items():
            self._touchpoints[name] = _rules(f"{name}.touchpoints", feed.touchpoints, TouchpointRule)
            self._contacts[name] = _rules(f"{name}.contacts", feed.contacts, ContactRule)
            for path, reason in _doubts(self._touchpoints[name], self._contacts[name], feed, kinds):
                raise DeclarationMistake(f"{name}.{path}", reason)
        self.TOUCHPOINT_STREAMS = tuple(name for name, rules in self._touchpoints.items() if rules)
        self.CONTACT_STREAMS = tuple(name for name, rules in self._contacts.items() if rules)

    def channels(self, stream: str) -> frozenset[str]:
        """The channels of a feed's touchpoints."""
        return frozenset(rule.channel for rule in self._touchpoints[stream])

    def carried(self, stream: str) -> dict[str, str]:
        """The columns of a feed that hold an identifier or a reference, with its kind."""
        rules = [*self._touchpoints.get(stream, ()), *self._contacts.get(stream, ())]
        return {
            found["name"] or found["long"]: kind
            for rule in rules
            for kind, says in rule.identifiers.items()
            if isinstance(says, str) and (found := _REFERENCE.fullmatch(says)) and not found["dollar"]
        }

    def touchpoints(self, raw: Mapping[str, pa.Table], *, zone: str) -> Mapped:
        """Rows of `tables.touchpoints_table("files")`."""
        mappings = [
            StreamMapping(name, dict[str, Any], _touches(rules))
            for name, rules in self._touchpoints.items()
            if rules
        ]
        return map_touchpoints(VENDOR, None, mappings, raw, zone)

    def contacts(self, raw: Mapping[str, pa.Table], *, zone: str) -> Mapped:
        """Rows of `tables.contacts_table("files")`."""
        mappings = [
            StreamMapping(name, dict[str, Any], _statements(rules))
            for name, rules in self._contacts.items()
            if rules
        ]
        return map_contacts(VENDOR, mappings, raw, zone)


def _rules(path: str, given: list[Any], kind: Any) -> list[Any]:
    rules = []
    for place, one in enumerate(given):
        try:
            rules.append(msgspec.convert(one, kind))
        except msgspec.ValidationError as error:
            reason, _, at = str(error).partition(" - at ")
            raise DeclarationMistake(f"{path}[{place}]{at.rpartition('$')[2].strip('`')}", reason) from None
    return rules


def _doubts(
    touchpoints: list[TouchpointRule],
    contacts: list[ContactRule],
    feed: FeedRules,
    kinds: Collection[str],
) -> Iterator[tuple[str, str]]:
    for place, rule in enumerate(touchpoints):
        at = f"touchpoints[{place}]"
        if not all(isinstance(name, str) and _TYPE.fullmatch(name) for name in _listed(rule.type)):
            yield f"{at}.type", "a type is of small letters and underscores, or looked up among such"
        if not all(_is_language(name) for name in _listed(rule.language)):
            yield f"{at}.language", "a language is given as en or en-GB"
        if rule.occurred_at is not None and feed.is_event:
            yield f"{at}.occurred_at", "a row of events has one time, the feed's `time`"
        if rule.url is not None and rule.page is not None:
            yield f"{at}.page", "either `url` or `page`"
    named = [(f"touchpoints[{place}]", rule.identifiers) for place, rule in enumerate(touchpoints)]
    named += [(f"contacts[{place}]", about.identifiers) for place, about in enumerate(contacts)]
    known = ", ".join(sorted(kinds))
    for at, identifiers in named:
        for kind in identifiers:
            if kind not in kinds:
                yield f"{at}.identifiers.{kind}", f"no kind of identifier; known are {known}"


def _listed(says: Says) -> list[Any]:
    """What may be said, as far as the declaration alone tells."""
    return [*says.values.values(), *says.below.values()] if isinstance(says, Lookup) else [says]


def _is_language(says: Any) -> bool:
    return says is None or (isinstance(says, str) and ("$" in says or bool(_LANGUAGE.fullmatch(says))))


_Row = Mapping[str, Any]


def _touches(rules: list[TouchpointRule]) -> Callable[[Any, Origin], Iterator[Touch | Refusal]]:
    def rows(row: dict[str, Any], origin: Origin) -> Iterator[Touch | Refusal]:
        row.setdefault("_key", origin.key)
        for place, rule in enumerate(rules):
            part = str(place) if len(rules) > 1 else ""
            try:
                if _is_chosen(rule, row):
                    yield _touch(rule, row, origin, part)
            except Refusal as refusal:
                yield Refusal(refusal.reason, refusal.field, part=part, severity=refusal.severity)

    return rows


def _touch(rule: TouchpointRule, row: _Row, origin: Origin, part: str) -> Touch:
    def said(name: str) -> str | None:
        return _text(_said(getattr(rule, name), row))

    campaign, medium = said("campaign"), said("medium")
    channel = said("traffic_channel")
    if channel is None and (campaign or medium):
        channel = traffic_channel(None, campaign, medium)
    value = number(said("value"), "value")
    kind = said("type")
    if kind is None:
        raise Refusal("no type", "type")
    return Touch(
        type=kind,
        channel=rule.channel,
        occurred_at=origin.occurred_at if rule.occurred_at is None else _moment(rule.occurred_at, row),
        identifiers=_pairs(rule.identifiers, row),
        part=part,
        visit_id=said("visit_id"),
        subject_id=said("subject_id"),
        page=page_path(said("url")) if rule.url is not None else said("page"),
        traffic_channel=channel,
        source=said("source"),
        medium=medium,
        campaign=campaign,
        reason=said("reason"),
        value=value,
        unit=said("unit") if value is not None else None,
        dwell_s=number(said("dwell_s"), "dwell_s"),
        is_bot=(said("is_bot") or "").lower() in _TRUE,
        is_machine=(said("is_machine") or "").lower() in _TRUE,
        text=said("text"),
        language=_language(said("language")),
    )


def _statements(rules: list[ContactRule]) -> Callable[[Any, Origin], Iterator[Contact]]:
    def rows(row: dict[str, Any], origin: Origin) -> Iterator[Contact]:
        row.setdefault("_key", origin.key)
        for place, rule in enumerate(rules):
            if _is_chosen(rule, row):
                yield Contact(
                    observed_at=origin.occurred_at,
                    identifiers=_pairs(rule.identifiers, row),
                    attributes=_pairs(rule.attributes, row),
                    id=f"{VENDOR}/{origin.stream}/{origin.key}#{place}" if len(rules) > 1 else None,
                )

    return rows


def _is_chosen(rule: TouchpointRule | ContactRule, row: _Row) -> bool:
    return all(_holds(row, *of) for of in rule.when.items()) and not any(
        _holds(row, *of) for of in rule.unless.items()
    )


def _holds(row: _Row, column: str, wanted: Scalar | list[Scalar]) -> bool:
    found = _text(_cell(row, column))
    return found in [_text(one) for one in (wanted if isinstance(wanted, list) else [wanted])]


def _pairs(declared: Mapping[str, Says], row: _Row) -> Pairs:
    return tuple((name, _text(_said(says, row)) or "") for name, says in declared.items())


def _said(says: Says, row: _Row) -> Any:
    if isinstance(says, Lookup):
        found = _text(_cell(row, says.column))
        return says.otherwise if found is None else says.of(found)
    if not isinstance(says, str) or "$" not in says:
        return says
    if (whole := _REFERENCE.fullmatch(says)) and not whole["dollar"]:
        return _cell(row, whole["name"] or whole["long"])
    parts: list[str] = []
    end = 0
    for reference in _REFERENCE.finditer(says):
        parts.append(says[end : reference.start()])
        end = reference.end()
        is_dollar = bool(reference["dollar"])
        part = "$" if is_dollar else _text(_cell(row, reference["name"] or reference["long"]))
        if part is None:
            return None
        parts.append(part)
    return "".join([*parts, says[end:]])


def _cell(row: _Row, column: str) -> Any:
    if column not in row:
        raise Refusal("no such column", column)
    return row[column]


def _moment(says: str, row: _Row) -> int:
    found = _said(says, row)
    try:
        moment = datetime.fromisoformat(found)
    except (TypeError, ValueError):
        raise Refusal("not a time: declare the column under `columns` as one", "occurred_at") from None
    if moment.tzinfo is None:
        raise Refusal("time without a zone", "occurred_at")
    return microseconds(moment)


def _language(told: str | None) -> str | None:
    """A language's two letters; what stands after them, a country or a script, is cut."""
    return told and re.split("[-_]", told.lower())[0]


def _text(value: Any) -> str | None:
    """A value as text; None where it is blank."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value).strip() or None

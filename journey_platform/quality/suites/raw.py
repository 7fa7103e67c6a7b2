"""What the suites of all raw archives share, and the few words in which a stream adds to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from journey_platform.quality.rules import (
    Reference,
    Rule,
    Suite,
    drift_rules,
    few_rows_fail,
    holds,
    is_between,
    is_present,
    matches,
    mix_rule,
    rows_kept,
    volume_rules,
)

_CLOCK_SKEW_HOURS = 24.0

_COLUMNS = {
    "hours_ahead": "date_diff('minute', extracted_at, occurred_at) / 60.0",
    "is_on_its_day": "date_diff('hour', day::timestamp, occurred_at::timestamp) between -15 and 39",
}
_RULES = (
    matches("key_present", "record_key", r"\S"),
    is_present("time_present", "occurred_at"),
    is_between("not_in_the_future", "hours_ahead", None, _CLOCK_SKEW_HOURS),
    holds("on_its_day", "is_on_its_day"),
    matches("body_is_an_object", "body", r"^\s*\{"),
)


@dataclass(frozen=True)
class Stream:
    """What one stream adds: check columns, rules about its rows, categories whose mix is watched, the share
    of failing rows above which its day is held, and the records of other streams that it names. `is_steady`:
    one week is like another; not so where a mailing or a survey decides how much comes."""

    rules: tuple[Rule, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    categories: tuple[str, ...] = ()
    largest_share_failed: float = 0.2
    is_steady: bool = True
    references: tuple[Reference, ...] = ()


def kind_of(path: str) -> str:
    """SQL for the JSON type of a field: VARCHAR, ARRAY, OBJECT, UBIGINT, BIGINT, DOUBLE, BOOLEAN or NULL."""
    return f"case when json_valid(body) then json_type(body, '{path}') end"


def number_in(field_name: str) -> str:
    """SQL for a field that holds a number, or text that is one; -1e308 where it holds anything else but
    nothing."""
    return f"case when {field_name} <> '' then coalesce(try_cast({field_name} as double), -1e308) end"


def raw_suite(stream: Stream | None, *, is_entity: bool) -> Suite:
    """The suite of an archive. An entity's pull brings what changed, so that its volume tells nothing."""
    added = stream or Stream()
    return Suite(
        rules=(*_RULES, *added.rules),
        day_rules=(
            few_rows_fail(added.largest_share_failed),
            *(() if is_entity or not added.is_steady else volume_rules()),
            *(() if is_entity else (rows_kept(),)),
            *drift_rules(),
            *map(mix_rule, added.categories),
        ),
        fields=added.fields,
        columns={**_COLUMNS, **added.columns},
        categories=added.categories,
        references=added.references,
    )

"""How two person records are compared, by the kind of attribute, and which pairs are compared at all.

One configuration for every source: what is present and filled is used. Levels are plain DuckDB conditions in
the form that Splink reads; their labels never hold a value. How much each weighs is learnt in `training`.
"""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_FILLED_SHARE = 0.1
_PAIRS_PER_RECORD = 5
_PAIRS_ALWAYS = 1_000_000
_LARGEST_BLOCK = 1_000
_FEWEST_PAIRS = 20

_Level = tuple[str, str]
_SIMILAR = "jaro_winkler_similarity({left}, {right}) >= {threshold}"
_EDITED = "damerau_levenshtein({left}, {right}) <= {edits}"


def _similar(threshold: float, of: str = "{c}") -> _Level:
    left, right = (of.format(c=f"{{c}}_{side}") for side in "lr")
    where = " of the mailbox" if of != "{c}" else ""
    label = f"similar{where}, Jaro-Winkler {threshold}"
    return label, _SIMILAR.format(left=left, right=right, threshold=threshold)


def _edited(edits: int) -> _Level:
    label = f"{edits} edit{'s' if edits > 1 else ''} apart"
    return label, _EDITED.format(left="{c}_l", right="{c}_r", edits=edits)


def _swapped(other: str) -> _Level:
    return f"stands in the {other.replace('_', ' ')}", f"{{c}}_l = {other}_r or {{c}}_r = {other}_l"


_MAILBOX = "split_part({c}, '@', 1)"
_DIFFERENT = ("different", "ELSE")
# Most pairs differ. Where one measure decides, that is asked first: it is then taken once a pair, not thrice.
_NAME = (
    ("different", "jaro_winkler_similarity({c}_l, {c}_r) < 0.7"),
    _similar(0.92),
    _similar(0.88),
    ("similar, Jaro-Winkler 0.7", "ELSE"),
)
_CODE = (
    ("different", "damerau_levenshtein({c}_l, {c}_r) > 2"),
    _edited(1),
    ("2 edits apart", "ELSE"),
)
_PLACE = (_similar(0.88), _DIFFERENT)


@dataclass(frozen=True)
class Comparison:
    """`levels`: (label, condition) of what is not equal, the first that holds; "ELSE" is the last.
    `is_commonness_weighed`: agreeing on a common value tells less. `needs`: another attribute that the first
    level reads; without it the level is left out."""

    levels: tuple[_Level, ...]
    is_commonness_weighed: bool = False
    needs: str | None = None


COMPARISONS: dict[str, Comparison] = {
    "first_name": Comparison((_swapped("last_name"), *_NAME), is_commonness_weighed=True, needs="last_name"),
    "last_name": Comparison((_swapped("first_name"), *_NAME), is_commonness_weighed=True, needs="first_name"),
    "date_of_birth": Comparison(_CODE),
    "email": Comparison(
        (
            ("same mailbox elsewhere", "split_part({c}_l, '@', 1) = split_part({c}_r, '@', 1)"),
            _similar(0.88),
            _similar(0.88, of=_MAILBOX),
            _DIFFERENT,
        )
    ),
    "phone": Comparison(_CODE),
    "person_number": Comparison(_CODE),
    "street": Comparison(_PLACE, is_commonness_weighed=True),
    "house_number": Comparison((_DIFFERENT,), is_commonness_weighed=True),
    "district": Comparison(_PLACE, is_commonness_weighed=True),
    "city": Comparison(_PLACE, is_commonness_weighed=True),
    "postcode": Comparison(_CODE),
    "region": Comparison((_DIFFERENT,), is_commonness_weighed=True),
}

Rule = tuple[str, ...]

BLOCKING: tuple[Rule, ...] = (
    ("person_number",),
    ("email",),
    ("phone",),
    ("first_name", "last_name"),
    ("first_name", "date_of_birth"),
    ("last_name", "date_of_birth"),
    ("first_name", "postcode"),
    ("last_name", "postcode"),
    ("street", "house_number"),
    ("date_of_birth", "postcode"),
    ("date_of_birth", "city"),
    ("date_of_birth",),
    ("postcode",),
    ("last_name",),
    ("first_name",),
)
"""Two records are compared where they agree on all attributes of a rule. From strict to loose."""

LEARNING: tuple[Rule, ...] = (
    ("person_number",),
    ("email",),
    ("phone",),
    ("first_name", "last_name", "date_of_birth"),
    ("first_name", "last_name", "postcode"),
    ("date_of_birth", "postcode"),
    ("street", "house_number"),
)
"""Where to learn how often one person's records agree: among pairs that agree on a rule, most of them one
person. Among mere namesakes, strangers would be taken for one. From the best to the worst."""


def filled(records: pa.Table) -> list[str]:
    """The attributes that enough records fill, with more than one value."""
    enough = max(_FILLED_SHARE * records.num_rows, 2)
    return [
        kind
        for kind in COMPARISONS
        if pc.count(records[kind]).as_py() >= enough and pc.count_distinct(records[kind]).as_py() > 1
    ]


def pairs_within(connection: Any, table: str, rule: Rule) -> int:
    """How many pairs agree on a rule, without the values that very many records share."""
    (pairs,) = connection.execute(
        f"select coalesce(sum(n * (n - 1) // 2), 0) from (select count(*) as n from {table}"
        f" where {_filled_in(rule)} group by {', '.join(rule)}) where n <= {_LARGEST_BLOCK}"
    ).fetchall()[0]
    return int(pairs)


def affordable_rules(connection: Any, table: str, kinds: list[str], records: int) -> list[Rule]:
    """The blocking rules that the attributes allow and that do not give too many pairs.

    The looser ones serve small sets only, or large ones in which the attribute has many values.
    """
    limit = max(_PAIRS_ALWAYS, _PAIRS_PER_RECORD * records)
    possible = [rule for rule in BLOCKING if set(rule) <= set(kinds)]
    return [rule for rule in possible if pairs_within(connection, table, rule) <= limit]


def learning_rules(connection: Any, table: str, kinds: list[str], records: int) -> list[Rule]:
    """The first rules of `LEARNING` to learn every attribute twice; for one that none teaches, of `BLOCKING`.

    Agreement on a rule's own attributes teaches nothing about these, so that each needs rules without it.
    Twice, since pairs that agree on much may differ in the rest all the more: where each has one mistake.
    """
    limit = max(_PAIRS_ALWAYS, _PAIRS_PER_RECORD * records)
    taught = dict.fromkeys(kinds, 0)
    chosen: list[Rule] = []
    for rules in (LEARNING, BLOCKING):
        lacking = [kind for kind in kinds if not taught[kind]]
        for rule in rules:
            learns = [kind for kind in kinds if not {kind, COMPARISONS[kind].needs} & set(rule)]
            is_of_use = any(taught[kind] < 2 for kind in learns if kind in lacking) and rule not in chosen
            if not is_of_use or not set(rule) <= set(kinds):
                continue
            if _FEWEST_PAIRS <= pairs_within(connection, table, rule) <= limit:
                chosen.append(rule)
                taught.update((kind, taught[kind] + 1) for kind in learns)
    return chosen


def reason_to_compare(connection: Any, table: str, rule: Rule) -> str:
    """A rule as a condition on `l` and `r`.

    Values that very many records share are no reason to compare: a shop's mailbox, the date that a form fills
    in by itself.
    """
    columns = ", ".join(rule)
    shared = connection.execute(
        f"select {columns} from {table} where {_filled_in(rule)} group by {columns}"
        f" having count(*) > {_LARGEST_BLOCK} order by {columns}"
    ).fetchall()
    if not shared:
        return agreement(rule)
    side = ", ".join(f"l.{column}" for column in rule)
    return f"{agreement(rule)} and ({side}) not in ({', '.join(map(_literal, shared))})"


def settings(kinds: list[str], reasons: list[str]) -> dict[str, Any]:
    """The untrained model in the form that Splink reads. `reasons`: to compare two records, as conditions."""
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": "unique_id",
        "comparisons": [_comparison(kind, kinds) for kind in kinds],
        "blocking_rules_to_generate_predictions": [
            {"blocking_rule": reason, "sql_dialect": "duckdb"} for reason in reasons
        ],
        # The levels found are kept only together with the values; the values are left behind in `scoring`.
        "retain_matching_columns": True,
        "retain_intermediate_calculation_columns": True,
        "linker_uid": "journey",
        "em_convergence": 0.0001,
        "max_iterations": 25,
    }


def agreement(rule: Rule) -> str:
    return " and ".join(f"l.{column} = r.{column}" for column in rule)


def _comparison(kind: str, kinds: list[str]) -> dict[str, Any]:
    declared = COMPARISONS[kind]
    levels = declared.levels[1:] if declared.needs and declared.needs not in kinds else declared.levels
    equal: dict[str, Any] = {"sql_condition": f"{kind}_l = {kind}_r", "label_for_charts": "equal"}
    if declared.is_commonness_weighed:
        equal["tf_adjustment_column"] = kind
    return {
        "output_column_name": kind,
        "comparison_levels": [
            {
                "sql_condition": f"{kind}_l is null or {kind}_r is null",
                "label_for_charts": "unknown",
                "is_null_level": True,
            },
            equal,
            *({"sql_condition": sql.format(c=kind), "label_for_charts": label} for label, sql in levels),
        ],
    }


def _filled_in(rule: Rule) -> str:
    return " and ".join(f"{column} is not null" for column in rule)


def _literal(key: tuple[str, ...]) -> str:
    quoted = ["'" + value.replace("'", "''") + "'" for value in key]
    return f"({', '.join(quoted)})" if len(key) > 1 else quoted[0]

"""Learning how much each agreement weighs, once, and keeping it.

The model is trained by Splink on a seeded sample: how often strangers agree by chance from random pairs, how
often one person's records agree by expectation maximisation. It is a function of the set of records. Scoring with
a model, new or kept, is in `scoring`.
"""

import hashlib
import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from journey_platform.identity.probabilistic.comparisons import (
    COMPARISONS,
    Rule,
    affordable_rules,
    agreement,
    common_keys,
    filled,
    settings,
)

SEED = 20_260_301
_TRAINING_RECORDS = 250_000
_RANDOM_PAIRS = 1_000_000
_SESSIONS_PER_COMPARISON = 2
_KNOWN_TO_MANY = 10
_LOWEST_M = 1e-4
_SIGNIFICANT_DIGITS = 9
_PRIOR_ROUNDS = 100
_PRIOR_PRECISION = 1e-6


class Model(msgspec.Struct, frozen=True):
    """A trained model: what scoring needs, and no value that fewer than ten records share.

    `settings`: Splink's, with m, u and the prior. `frequencies`: by attribute, how common its common values are.
    `too_common`: by blocking rule, keys that are no reason to compare. `records`: how many it was trained for.
    """

    settings: dict[str, Any]
    rules: list[list[str]]
    too_common: list[list[list[str]]]
    frequencies: dict[str, dict[str, float]]
    records: int

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.to_json()).hexdigest()[:16]

    def to_json(self) -> bytes:
        return msgspec.json.encode(self, order="deterministic")

    @staticmethod
    def from_json(text: bytes | str) -> "Model":
        return msgspec.json.decode(text, type=Model)


def train(records: pa.Table) -> Model | None:
    """A model for `records.PERSON_RECORDS`; None where they tell too little: under two attributes, or no rule by
    which two records would be compared."""
    from journey_platform.identity.probabilistic.scoring import base_weights

    kinds = filled(records)
    if len(kinds) < 2:
        return None
    with duckdb_memory() as connection:
        connection.register("everybody", records)
        rules = affordable_rules(connection, "everybody", kinds, records.num_rows)
        if not rules:
            return None
        too_common = [common_keys(connection, "everybody", rule) for rule in rules]
        frequencies = {
            kind: _frequencies(connection, kind) for kind in kinds if COMPARISONS[kind].is_commonness_weighed
        }
    sample = _sample(records, _TRAINING_RECORDS)
    trained = _estimated(sample, kinds, rules, frequencies)
    model = Model(trained, [list(rule) for rule in rules], too_common, frequencies, records.num_rows)
    prior = _prior(base_weights(sample, model), sample.num_rows)
    return msgspec.structs.replace(
        model, settings={**trained, "probability_two_random_records_match": _rounded(prior)}
    )


@contextmanager
def duckdb_memory() -> Iterator[Any]:
    """A DuckDB of our own: nothing of it outlives the block."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("set enable_progress_bar = false")
        yield connection


def linker(
    connection: Any,
    records: pa.Table,
    model_settings: dict[str, Any],
    frequencies: dict[str, dict[str, float]],
) -> Any:
    """Splink over `numbered` records. The frequencies given stand for those of the records."""
    from splink import DuckDBAPI, Linker

    logging.getLogger("splink").setLevel(logging.ERROR)
    api = DuckDBAPI(connection)
    made = Linker(api.register(records), model_settings)
    for kind, shares in frequencies.items():
        table = pa.table(
            {
                kind: pa.array(list(shares), pa.string()),
                f"tf_{kind}": pa.array(list(shares.values()), pa.float64()),
            }
        )
        made.table_management.register_term_frequency_lookup(api.register(table), kind)
    return made


def numbered(records: pa.Table) -> pa.Table:
    """Records with their place, in the order of `record`, as `unique_id`."""
    return records.append_column("unique_id", pa.array(np.arange(records.num_rows)))


def _sample(records: pa.Table, count: int) -> pa.Table:
    """So many records, drawn with a seed from the set of them."""
    if records.num_rows <= count:
        return records
    drawn = np.random.default_rng(SEED).choice(records.num_rows, count, replace=False)
    return records.take(pa.array(np.sort(drawn)))


def _frequencies(connection: Any, kind: str) -> dict[str, float]:
    """How common each value is that many share. A rarer one weighs as the average one does, and is not kept."""
    rows = connection.execute(
        f"select {kind}, count(*) / (select count({kind}) from everybody) from everybody"
        f" where {kind} is not null group by {kind} having count(*) >= {_KNOWN_TO_MANY} order by {kind}"
    ).fetchall()
    return dict(rows)


def _estimated(
    sample: pa.Table, kinds: list[str], rules: list[Rule], frequencies: dict[str, dict[str, float]]
) -> dict[str, Any]:
    """The settings with m and u of every level."""
    untrained = {
        **settings(kinds, rules),
        "probability_two_random_records_match": 1 / sample.num_rows,
    }
    pairs_of = math.isqrt(2 * _RANDOM_PAIRS) + 1
    strangers = numbered(_sample(sample, pairs_of))
    with duckdb_memory() as connection:
        apart = linker(connection, strangers, untrained, frequencies)
        apart.training.estimate_u_using_random_sampling(
            max_pairs=strangers.num_rows**2, min_count_per_level=None
        )
        with_u = apart.misc.save_model_to_json()
    with duckdb_memory() as connection:
        together = linker(connection, numbered(sample), with_u, frequencies)
        for rule in _sessions(kinds, rules):
            together.training.estimate_parameters_using_expectation_maximisation(
                agreement(rule), estimate_without_term_frequencies=True
            )
        trained: dict[str, Any] = together.misc.save_model_to_json()
    lowest_u = 1 / strangers.num_rows**2
    for comparison in trained["comparisons"]:
        for level in comparison["comparison_levels"]:
            if not level.get("is_null_level"):
                level["m_probability"] = _rounded(max(level.get("m_probability") or 0.0, _LOWEST_M))
                level["u_probability"] = _rounded(max(level.get("u_probability") or 0.0, lowest_u))
    return trained


def _sessions(kinds: list[str], rules: list[Rule]) -> list[Rule]:
    """The rules within whose pairs to learn. Agreement on a rule's own attributes teaches nothing about these, so
    that every attribute needs rules without it."""
    taught = dict.fromkeys(kinds, 0)
    chosen = []
    for rule in rules:
        learns = [kind for kind in kinds if not {kind, COMPARISONS[kind].needs} & set(rule)]
        if any(taught[kind] < _SESSIONS_PER_COMPARISON for kind in learns):
            chosen.append(rule)
            for kind in learns:
                taught[kind] += 1
    return chosen


def _prior(weights: npt.NDArray[np.float64], records: int) -> float:
    """The share of all pairs that are matches, such that it equals what the weights say with it as prior.

    `weights`: log2 Bayes factors of the compared pairs; all others are taken for strangers.
    """
    pairs = records * (records - 1) / 2
    prior = 1 / records
    for _ in range(_PRIOR_ROUNDS):
        chance = 1 / (1 + np.exp2(-np.clip(weights + math.log2(prior / (1 - prior)), -60, 60)))
        found = min(max(float(np.sort(chance).sum()) / pairs, 1 / (pairs * records)), 0.5)
        if abs(math.log(found / prior)) < _PRIOR_PRECISION:
            return found
        prior = found
    return prior


def _rounded(value: float) -> float:
    """Sums of parallel threads differ in their last digits from run to run: these are dropped."""
    return float(f"{value:.{_SIGNIFICANT_DIGITS}g}")

"""Learning how much each agreement weighs.

The model is trained by Splink on a seeded sample: how often strangers agree by chance from random pairs, how
often one person's records agree by expectation maximisation. It is a function of the set of records. Scoring
with a model, new or kept, is in `scoring`.
"""

import math
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from journey_platform.identity.probabilistic.comparisons import (
    COMPARISONS,
    affordable_rules,
    filled,
    learning_rules,
    reason_to_compare,
    settings,
)
from journey_platform.identity.probabilistic.model import Model, duckdb_memory, linker, numbered
from journey_platform.identity.probabilistic.scoring import base_weights

SEED = 20_260_301
_TRAINING_RECORDS = 250_000
_PRIOR_RECORDS = 50_000
_RANDOM_PAIRS = 500_000
_KNOWN_TO_MANY = 10
_LOWEST_M = 1e-4
_SIGNIFICANT_DIGITS = 9
_OUTGROWN = 2
_PRIOR_ROUNDS = 100
_PRIOR_PRECISION = 1e-6


def train(records: pa.Table) -> Model | None:
    """A model for `records.PERSON_RECORDS`; None where they tell too little: under two attributes, or nothing
    by which to choose the pairs to compare and to learn from."""
    kinds = filled(records)
    if len(kinds) < 2:
        return None
    with duckdb_memory() as connection:
        connection.register("everybody", records)
        rules = affordable_rules(connection, "everybody", kinds, records.num_rows)
        within = learning_rules(connection, "everybody", kinds, records.num_rows)
        if not rules or not within:
            return None
        reasons, lessons = (
            [reason_to_compare(connection, "everybody", rule) for rule in chosen]
            for chosen in (rules, within)
        )
        frequencies = {
            kind: _frequencies(connection, kind) for kind in kinds if COMPARISONS[kind].is_commonness_weighed
        }
    untrained = {**settings(kinds, reasons), "probability_two_random_records_match": 1 / records.num_rows}
    trained = _estimated(_sample(records, _TRAINING_RECORDS), untrained, lessons, frequencies)
    model = Model(trained, frequencies, records.num_rows)
    sample = _sample(records, _PRIOR_RECORDS)
    prior = _prior(base_weights(sample, model), sample.num_rows)
    return msgspec.structs.replace(
        model, settings={**trained, "probability_two_random_records_match": _rounded(prior)}
    )


def is_outgrown(model: Model, records: pa.Table) -> bool:
    """Whether the records have doubled since the model was trained, or fill other attributes."""
    compared = [comparison["output_column_name"] for comparison in model.settings["comparisons"]]
    return records.num_rows >= _OUTGROWN * model.records or filled(records) != compared


def _sample(records: pa.Table, count: int) -> pa.Table:
    """So many records, drawn with a seed from the set of them."""
    if records.num_rows <= count:
        return records
    drawn = np.random.default_rng(SEED).choice(records.num_rows, count, replace=False)
    return records.take(pa.array(np.sort(drawn)))


def _frequencies(connection: Any, kind: str) -> dict[str, float]:
    """How common each value is that many share. A rarer one weighs as the average does, and is not kept."""
    rows = connection.execute(
        f"select {kind}, count(*) / (select count({kind}) from everybody) from everybody"
        f" where {kind} is not null group by {kind} having count(*) >= {_KNOWN_TO_MANY} order by {kind}"
    ).fetchall()
    return dict(rows)


def _estimated(
    sample: pa.Table,
    untrained: dict[str, Any],
    lessons: list[str],
    frequencies: dict[str, dict[str, float]],
) -> dict[str, Any]:
    """The settings with m and u of every level. `lessons`: conditions on the pairs from which to learn m."""
    pairs_of = math.isqrt(2 * _RANDOM_PAIRS) + 1
    strangers = numbered(_sample(sample, pairs_of))
    with duckdb_memory() as connection:
        apart = linker(connection, strangers, untrained, frequencies)
        apart.training.estimate_u_using_random_sampling(
            max_pairs=strangers.num_rows**2, min_count_per_level=None, num_chunks=1
        )
        with_u = apart.misc.save_model_to_json()
    with duckdb_memory() as connection:
        together = linker(connection, numbered(sample), with_u, frequencies)
        for lesson in lessons:
            together.training.estimate_parameters_using_expectation_maximisation(
                lesson, estimate_without_term_frequencies=True
            )
        trained: dict[str, Any] = together.misc.save_model_to_json()
    lowest_u = 1 / strangers.num_rows**2
    for comparison in trained["comparisons"]:
        for level in comparison["comparison_levels"]:
            if not level.get("is_null_level"):
                level["m_probability"] = _rounded(max(level.get("m_probability") or 0.0, _LOWEST_M))
                level["u_probability"] = _rounded(max(level.get("u_probability") or 0.0, lowest_u))
    return trained


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

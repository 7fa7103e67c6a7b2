"""Weighing pairs of records with a trained model: all of them, or only those with a new record.

What a pair weighs depends on the two records and the model alone. So new records scored against the existing
ones give exactly what scoring everything again would add.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.identity.probabilistic.model import Model, duckdb_memory, linker, numbered
from journey_platform.tables import PROBABILISTIC_EVIDENCE

LINK, REVIEW = "link", "review"
LINK_PROBABILITY = 0.9
REVIEW_PROBABILITY = 0.1
_DECIMALS = 6
_LOWEST_BASE_WEIGHT = 4.0
_WEIGHED = ("gamma_", "mw_")
_THOSE_IN_PAIRS = "select distinct unnest([join_key_l, join_key_r]) as place from pairs order by place"

SCORED_PAIRS = pa.schema(
    [
        pa.field("left_record", pa.string(), nullable=False),
        pa.field("right_record", pa.string(), nullable=False),
        pa.field("weight", pa.float64(), nullable=False),
        pa.field("probability", pa.float64(), nullable=False),
        pa.field("band", pa.string(), nullable=False),
        pa.field("evidence", PROBABILISTIC_EVIDENCE, nullable=False),
    ]
)
"""One row per pair that is probably, or perhaps, one person; left < right, sorted by both.

`weight`: log2 of the odds that they are one person. `band`: "link" from `LINK_PROBABILITY`, else "review".
`evidence`: per attribute that both fill, how they compare and the bits that adds; no values.
"""


def score(records: pa.Table, model: Model, *, new: pa.Array | None = None) -> pa.Table:
    """`SCORED_PAIRS` of `records.PERSON_RECORDS`; with `new`, of the pairs with a record named there."""
    is_new = None if new is None else pc.is_in(records["record"], new)
    threshold = float(np.log2(REVIEW_PROBABILITY / (1 - REVIEW_PROBABILITY)))
    predicted = _predicted(records, model, threshold, is_new)
    weight = np.round(predicted["match_weight"].to_numpy(), _DECIMALS)
    probability = np.round(1 / (1 + np.exp2(-weight)), _DECIMALS)
    left, right = (predicted[f"unique_id_{side}"].to_numpy() for side in "lr")
    names = records["record"].combine_chunks()
    table = pa.table(
        [
            names.take(pa.array(left)),
            names.take(pa.array(right)),
            pa.array(weight),
            pa.array(probability),
            pc.if_else(pa.array(probability >= LINK_PROBABILITY), LINK, REVIEW),
            _evidence(predicted, model),
        ],
        schema=SCORED_PAIRS,
    )
    return table.take(pa.array(np.lexsort((right, left))))


def base_weights(records: pa.Table, model: Model) -> npt.NDArray[np.float64]:
    """Log2 Bayes factors, without the prior, of the compared pairs that are not plainly strangers."""
    prior = model.settings["probability_two_random_records_match"]
    shift = float(np.log2(prior / (1 - prior)))
    predicted = _predicted(records, model, _LOWEST_BASE_WEIGHT + shift, None)
    weights: npt.NDArray[np.float64] = predicted["match_weight"].to_numpy() - shift
    return weights


def _predicted(records: pa.Table, model: Model, threshold: float, is_new: pa.ChunkedArray | None) -> pa.Table:
    """Splink's rows of the compared pairs that reach a weight, without the values that were compared."""
    kinds = [comparison["output_column_name"] for comparison in model.settings["comparisons"]]
    people = numbered(records.select(kinds))
    with duckdb_memory() as connection:
        if is_new is not None:
            connection.register("everybody", people)
            connection.register("newcomers", people.filter(is_new))
            connection.execute(f"create table pairs as {_pairs_with_new(model)}")
            # Splink prepares every record it is given: only those in a pair, which are few, are its affair.
            people = people.take(connection.sql(_THOSE_IN_PAIRS).to_arrow_table()["place"])
        scorer = linker(connection, people, model.settings, model.frequencies)
        if is_new is not None:
            tables = scorer.table_management
            tables.register_blocked_pairs_for_predict(tables.register_table("pairs", "pairs_to_score"))
        found = scorer.inference.predict(threshold_match_weight=threshold, warning_mode="never")
        relation = found.as_duckdbpyrelation()
        kept = [
            name for name in relation.columns if name.startswith(("match_weight", "unique_id_", *_WEIGHED))
        ]
        table: pa.Table = relation.project(", ".join(kept)).to_arrow_table()
    return table


def _pairs_with_new(model: Model) -> str:
    """The pairs to compare of which one is new, each once, the smaller number left as Splink has it."""
    pairs = " union all ".join(
        "select least(l.unique_id, r.unique_id) as join_key_l,"
        " greatest(l.unique_id, r.unique_id) as join_key_r"
        " from newcomers as l join everybody as r"
        f" on {rule['blocking_rule']} where l.unique_id <> r.unique_id"
        for rule in model.settings["blocking_rules_to_generate_predictions"]
    )
    return f"select distinct '0' as match_key, join_key_l, join_key_r from ({pairs})"


def _evidence(predicted: pa.Table, model: Model) -> pa.Array:
    """Per pair, the levels found: attribute, label and weight in bits, in the model's order."""
    rows, attributes, labels, weights = [], [], [], []
    for place, comparison in enumerate(model.settings["comparisons"]):
        kind = comparison["output_column_name"]
        level = predicted[f"gamma_{kind}"].to_numpy()
        weight = predicted[f"mw_{kind}"].to_numpy()
        if f"mw_tf_adj_{kind}" in predicted.schema.names:
            weight = weight + predicted[f"mw_tf_adj_{kind}"].to_numpy()
        known = np.flatnonzero(level >= 0)
        # Splink numbers the levels from the last, 0, upwards.
        names = [found["label_for_charts"] for found in reversed(comparison["comparison_levels"])]
        rows.append(np.stack([known, np.full(len(known), place)]))
        attributes.append(pa.repeat(pa.scalar(kind), len(known)))
        labels.append(pa.array(names, pa.string()).take(pa.array(level[known])))
        weights.append(np.round(weight[known], _DECIMALS))
    row, place_of = np.concatenate(rows, axis=1)
    order = np.lexsort((place_of, row))
    offsets = np.searchsorted(row[order], np.arange(predicted.num_rows + 1))
    flat = pa.StructArray.from_arrays(
        [
            pa.concat_arrays(attributes).take(pa.array(order)),
            pa.concat_arrays(labels).take(pa.array(order)),
            pa.array(np.concatenate(weights)[order]),
        ],
        fields=list(PROBABILISTIC_EVIDENCE.value_type),
    )
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), flat)

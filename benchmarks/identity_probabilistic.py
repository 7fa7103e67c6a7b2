"""Matching person records by probability: this project beside stock Splink on DuckDB, with the same blocking.

Made-up, seeded records with misspellings and gaps. Four tasks, each in a process of its own: stock Splink
(train, predict, its own clustering); here, the first day (train, score, components); the second day with the
kept model; and one record in a hundred new, scored against all. `python benchmarks/identity_probabilistic.py
--records 1000000` prints the table. The machine should be quiet; ratios are what counts.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

SEED = 20_260_302
NEW_SHARE = 0.01
TASKS = ("stock", "first_day", "second_day", "new_records")
_SYLLABLES = (
    "ba",
    "den",
    "ro",
    "mi",
    "ka",
    "ver",
    "lo",
    "su",
    "tan",
    "el",
    "jo",
    "wit",
    "ha",
    "ri",
    "ne",
    "po",
    "gur",
    "sa",
)


def names(count: int, rng: np.random.Generator) -> npt.NDArray[np.object_]:
    """Distinct pronounceable words."""
    found: dict[str, None] = {}
    while len(found) < count:
        parts = rng.integers(0, len(_SYLLABLES), rng.integers(2, 5))
        found["".join(_SYLLABLES[part] for part in parts)] = None
    return np.array(list(found), dtype=object)


def chosen(values: npt.NDArray[np.object_], count: int, rng: np.random.Generator) -> npt.NDArray[np.object_]:
    """Values drawn as names are: a few are very common."""
    weight = 1 / (np.arange(len(values)) + 10)
    return values[rng.choice(len(values), count, p=weight / weight.sum())]


def misspelled(
    values: npt.NDArray[np.object_], share: float, rng: np.random.Generator
) -> npt.NDArray[np.object_]:
    """A share of the values with one character changed, dropped or doubled."""
    spoilt = values.copy()
    for row in np.flatnonzero(rng.random(len(values)) < share).tolist():
        text = values[row]
        at = int(rng.integers(len(text)))
        letter = (
            chr(ord("0") + int(rng.integers(10))) if text[at].isdigit() else chr(97 + int(rng.integers(26)))
        )
        spoilt[row] = text[:at] + (letter, "", text[at] * 2)[int(rng.integers(3))] + text[at + 1 :]
    return spoilt


def made_up(count: int) -> pa.Table:
    """`PERSON_RECORDS` of so many records with `person`, the truth: about six persons to ten records."""
    rng = np.random.default_rng(SEED)
    persons = int(count * 0.6)
    first = chosen(names(1_500, rng), persons, rng)
    last = chosen(names(30_000, rng), persons, rng)
    born = np.array(rng.integers(-15_000, 12_000, persons), dtype="datetime64[D]")
    town = rng.integers(0, 3_000, persons)
    towns, streets = names(3_000, rng), names(20_000, rng)
    domains = np.array([f"{name}.example" for name in names(200, rng)], dtype=object)
    tail = rng.integers(1, 100, persons).astype(str).astype(object)
    email = first + "." + last + tail + "@" + chosen(domains, persons, rng)
    phone = "+316" + rng.integers(10_000_000, 99_999_999, persons).astype(str).astype(object)
    street = streets[rng.integers(0, len(streets), persons)]
    house = rng.integers(1, 300, persons).astype(str).astype(object)
    postcode = (10_000 + town * 20 + rng.integers(0, 20, persons)).astype(str).astype(object)
    person = np.concatenate([np.arange(persons), rng.integers(0, persons, count - persons)])
    rng.shuffle(person)
    dates = np.char.replace(born.astype(str), "-", "").astype(object)
    columns = {
        "first_name": (first, 0.06, 0.02),
        "last_name": (last, 0.06, 0.02),
        "date_of_birth": (dates, 0.04, 0.25),
        "email": (email, 0.05, 0.35),
        "phone": (phone, 0.04, 0.45),
        "street": (street, 0.06, 0.2),
        "house_number": (house, 0.03, 0.2),
        "city": (towns[town], 0.06, 0.1),
        "postcode": (postcode, 0.03, 0.15),
    }
    found = {
        "record": pa.array([f"made/people/{row:08d}" for row in range(count)]),
        "person": pa.array(person),
    }
    for name, (values, wrong, missing) in columns.items():
        written = misspelled(values[person], wrong, rng)
        found[name] = pa.array(written, pa.string(), mask=rng.random(count) < missing)
    return pa.table(found)


def stock(people: pa.Table, model_path: Path) -> tuple[dict[str, float], npt.NDArray[np.int64]]:
    """Splink as its guide uses it, given the same comparisons, rules and training sessions."""
    import logging

    import duckdb
    from splink import DuckDBAPI, Linker

    from journey_platform.identity.probabilistic.comparisons import agreement, learning_rules, settings
    from journey_platform.identity.probabilistic.model import Model

    logging.getLogger("splink").setLevel(logging.ERROR)
    model = Model.from_json(model_path.read_bytes())
    kinds = [comparison["output_column_name"] for comparison in model.settings["comparisons"]]
    reasons = [rule["blocking_rule"] for rule in model.settings["blocking_rules_to_generate_predictions"]]
    with duckdb.connect() as connection:
        connection.register("everybody", people)
        within = learning_rules(connection, "everybody", kinds, people.num_rows)
    given = settings(kinds, reasons) | {
        "unique_id_column_name": "record",
        "probability_two_random_records_match": model.settings["probability_two_random_records_match"],
        "retain_matching_columns": False,
        "retain_intermediate_calculation_columns": False,
    }
    for comparison in given["comparisons"]:
        comparison["comparison_levels"] = usual_order(comparison["comparison_levels"])
    marks = [time.perf_counter()]
    with duckdb.connect() as connection:
        api = DuckDBAPI(connection)
        linker = Linker(api.register(people), given)
        linker.training.estimate_u_using_random_sampling(max_pairs=1_000_000, seed=1)
        marks.append(time.perf_counter())
        for rule in within:
            linker.training.estimate_parameters_using_expectation_maximisation(
                agreement(rule), estimate_without_term_frequencies=True
            )
        marks.append(time.perf_counter())
        pairs = linker.inference.predict(threshold_match_probability=0.9)
        marks.append(time.perf_counter())
        clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(pairs, 0.9)
        found = clusters.as_duckdbpyrelation().order("record").project("cluster_id").to_arrow_table()
        marks.append(time.perf_counter())
    parts = dict(zip(("u", "em", "predict", "clustering"), np.diff(marks).tolist(), strict=True))
    return parts, found["cluster_id"].combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)


def usual_order(levels: list[dict[str, object]]) -> list[dict[str, object]]:
    """The levels from near to far, as Splink's own comparisons have them: "different" is the last."""
    ahead = [level for level in levels if level["label_for_charts"] != "different"]
    nearest_last = ahead[-1]
    if nearest_last["sql_condition"] != "ELSE":
        return levels
    (far,) = (str(level["sql_condition"]) for level in levels if level["label_for_charts"] == "different")
    near = far.replace(" < ", " >= ").replace(" > ", " <= ")
    return [
        *ahead[:-1],
        nearest_last | {"sql_condition": near},
        {"sql_condition": "ELSE", "label_for_charts": "different"},
    ]


def components(pairs: pa.Table, people: pa.Table) -> npt.NDArray[np.int64]:
    import pyarrow.compute as pc
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    linked = pairs.filter(pc.equal(pairs["band"], "link"))
    names_of = people["record"].combine_chunks()
    left, right = (pc.index_in(linked[f"{side}_record"], names_of).to_numpy() for side in ("left", "right"))
    graph = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(len(names_of),) * 2)
    labels: npt.NDArray[np.int64] = connected_components(graph, directed=False)[1]
    return labels


def here(
    task: str, people: pa.Table, model_path: Path
) -> tuple[dict[str, float], npt.NDArray[np.int64] | None]:
    from journey_platform.identity.probabilistic.model import Model
    from journey_platform.identity.probabilistic.records import PERSON_RECORDS
    from journey_platform.identity.probabilistic.scoring import score
    from journey_platform.identity.probabilistic.training import train

    given = {name: people[name] if name in people.schema.names else None for name in PERSON_RECORDS.names}
    columns = [pa.nulls(people.num_rows, pa.string()) if c is None else c for c in given.values()]
    records = pa.table(columns, schema=PERSON_RECORDS)
    marks = [time.perf_counter()]
    if task == "first_day":
        model = train(records)
        assert model is not None
        model_path.write_bytes(model.to_json())
    else:
        model = Model.from_json(model_path.read_bytes())
    marks.append(time.perf_counter())
    new = None
    if task == "new_records":
        drawn = np.random.default_rng(1).choice(
            records.num_rows, int(records.num_rows * NEW_SHARE), replace=False
        )
        new = records["record"].combine_chunks().take(pa.array(np.sort(drawn)))
    pairs = score(records, model, new=new)
    marks.append(time.perf_counter())
    persons = None if new is not None else components(pairs, records)
    marks.append(time.perf_counter())
    return dict(zip(("train", "score", "components"), np.diff(marks).tolist(), strict=True)), persons


def quality(found: npt.NDArray[np.int64], truth: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Pairwise precision and recall."""

    def pairs(labels: npt.NDArray[np.int64]) -> int:
        sizes = np.unique(labels, return_counts=True)[1].astype(np.int64)
        return int((sizes * (sizes - 1) // 2).sum())

    both = pairs(np.unique(np.stack([found, truth]), axis=1, return_inverse=True)[1].ravel())
    return both / pairs(found), both / pairs(truth)


def run_one(task: str, folder: Path) -> None:
    people = pq.read_table(folder / "people.parquet")
    truth = people["person"].to_numpy()
    given = people.drop_columns(["person"])
    begun, begun_cpu = time.perf_counter(), time.process_time()
    parts, found = (
        stock(given, folder / "model.json") if task == "stock" else here(task, given, folder / "model.json")
    )
    seconds = time.perf_counter() - begun
    cpu = time.process_time() - begun_cpu
    scores = (None, None) if found is None else quality(found, truth)
    print(json.dumps({"task": task, "seconds": seconds, "cpu": cpu, "parts": parts, "scores": scores}))


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--records", type=int, default=1_000_000)
    reader.add_argument("--rounds", type=int, default=3)
    reader.add_argument("--one", nargs=2, metavar=("TASK", "FOLDER"), help="run one task in this process")
    asked = reader.parse_args()
    if asked.one:
        run_one(asked.one[0], Path(asked.one[1]))
        return
    seconds: dict[str, list[float]] = {task: [] for task in TASKS}
    cpu: dict[str, list[float]] = {task: [] for task in TASKS}
    with tempfile.TemporaryDirectory() as place:
        pq.write_table(made_up(asked.records), Path(place) / "people.parquet")
        for _ in range(asked.rounds):
            for task in ("first_day", "stock", "second_day", "new_records"):
                command = [sys.executable, __file__, "--one", task, place]
                said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
                result = json.loads(said.strip().splitlines()[-1])
                seconds[task].append(result["seconds"])
                cpu[task].append(result["cpu"])
                parts = ", ".join(f"{name} {value:.2f}" for name, value in result["parts"].items())
                quality_of = " ".join(f"{score:.4f}" for score in result["scores"] if score is not None)
                spent = f"{result['seconds']:7.2f} s  {result['cpu']:7.2f} CPU s"
                print(f"{task:12} {spent}  ({parts})  {quality_of}", flush=True)
    for name, measured in (("wall", seconds), ("CPU", cpu)):
        median = {task: statistics.median(values) for task, values in measured.items()}
        print(
            f"{name}: first day / stock {median['first_day'] / median['stock']:.2f} (at most 0.85),", end=" "
        )
        print(f"second day / stock {median['second_day'] / median['stock']:.2f} (at most 0.60),", end=" ")
        print(f"new records / second day {median['new_records'] / median['second_day']:.3f} (at most 0.1)")


if __name__ == "__main__":
    main()

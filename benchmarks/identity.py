"""Deterministic identity: two million links over one million text identifiers, from Parquet to Delta.

This project's resolution with all rules, limits, reasons, stable ids and events, written to a lake; beside
what only finds components among the same text identifiers: SciPy over integer codes, NetworkX over the
text, and Splink's clustering of the same pairs. Each runs in a process of its own. `python
benchmarks/identity.py` prints the table; nothing is kept.
"""

import argparse
import multiprocessing
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

LINKS = 2_000_000
IDENTIFIERS_A_PERSON = 5
STRAY_SHARE = 0.002
AT_ONCE = 1_000_000
PAIRS = pa.schema([("left", pa.string()), ("right", pa.string())])
OBSERVED = pa.schema(
    [
        *((name, pa.string()) for name in ("record", "vendor", "kind", "value")),
        ("observed_at", pa.timestamp("us", tz="UTC")),
    ]
)
SECRET = b"a long random text for benchmarks only"


def world(links: int, folder: Path) -> None:
    """`pairs.parquet`: two texts a link. `observations.parquet`: the same as records of two identifiers.

    A person has a user id, an address and three devices, half as many identifiers as links in all; a few
    links go astray to another person, so that components break limits and have to be cut.
    """
    rng = np.random.default_rng(7)
    people = links // 2 // IDENTIFIERS_A_PERSON
    with (
        pq.ParquetWriter(folder / "pairs.parquet", PAIRS) as pairs,
        pq.ParquetWriter(folder / "observations.parquet", OBSERVED) as observed,
    ):
        for first in range(0, links, AT_ONCE):
            some = min(AT_ONCE, links - first)
            ends = _ends(rng, some, people)
            pairs.write_table(pa.table([ends[0][1], ends[1][1]], schema=PAIRS))
            observed.write_table(_records(rng, first, ends))


def _ends(rng: np.random.Generator, links: int, people: int) -> list[tuple[pa.Array, pa.Array]]:
    """(kinds, values) of both ends of so many links."""
    person = rng.integers(0, people, links)
    one = rng.integers(0, IDENTIFIERS_A_PERSON, links)
    other = (one + rng.integers(1, IDENTIFIERS_A_PERSON, links)) % IDENTIFIERS_A_PERSON
    is_stray = rng.random(links) < STRAY_SHARE
    of_other = np.where(is_stray, rng.integers(0, people, links), person)
    # What goes astray is a device.
    other = np.where(is_stray, 2 + rng.integers(0, 3, links), other)
    return [_identifiers(person, one), _identifiers(of_other, other)]


def _records(rng: np.random.Generator, first: int, ends: list[tuple[pa.Array, pa.Array]]) -> pa.Table:
    """Each link as a record that carries both its ends."""
    links = len(ends[0][0])
    moment = pa.array(1_772_000_000_000_000 + rng.integers(0, 90 * 86_400, links) * 1_000_000)
    records = pa.array([f"matomo/visits/{n}" for n in range(first, first + links)])
    both = pa.array(np.repeat(np.arange(links), 2))
    of_record = pa.array(np.arange(2 * links).reshape(2, links).T.ravel())
    columns = [
        records.take(both),
        pa.repeat(pa.scalar("matomo"), 2 * links),
        pa.concat_arrays([ends[0][0], ends[1][0]]).take(of_record),
        pa.concat_arrays([ends[0][1], ends[1][1]]).take(of_record),
        moment.take(both).cast(pa.timestamp("us", tz="UTC")),
    ]
    return pa.table(columns, schema=OBSERVED)


def _identifiers(person: np.ndarray, place: np.ndarray) -> tuple[pa.Array, pa.Array]:
    kinds = pa.array(["user_id", "email", "cookie_id", "cookie_id", "cookie_id"]).take(pa.array(place))
    number = pa.array(person.astype(np.int64)).cast(pa.string())
    devices = pa.array((person * IDENTIFIERS_A_PERSON + place) * 2_654_435_761 % 2**48).cast(pa.string())
    values = pc.choose(
        pa.array(np.minimum(place, 2)),
        pc.binary_join_element_wise("u-", number, ""),
        pc.binary_join_element_wise("person", number, "@mail.example", ""),
        pc.binary_join_element_wise("c", devices, ""),
    )
    return kinds, values


def platform(folder: Path) -> int:
    """Everything: normalise, judge, link, cut, name, tell events, write to Delta."""
    from journey_platform.identity.changes import events, redirects
    from journey_platform.identity.resolve import resolve
    from journey_platform.lake import Lake
    from journey_platform.tables import IDENTIFIERS_TABLE, LINKS_TABLE, PROFILE_REDIRECTS

    now, lake = datetime(2026, 6, 1, tzinfo=UTC), Lake(str(folder / "lake"))
    found = resolve(
        pq.read_table(folder / "observations.parquet", read_dictionary=["vendor", "kind"]), secret=SECRET
    )
    before, today = lake.read(IDENTIFIERS_TABLE), date(2026, 6, 1)
    events(before, found.identifiers, found.links, version=0, now=now, day=today)
    redirects(PROFILE_REDIRECTS.empty(), before, found.identifiers, now=now)
    lake.replace_all(LINKS_TABLE, found.links, run_id="benchmark")
    lake.replace_all(IDENTIFIERS_TABLE, found.identifiers, run_id="benchmark")
    return int(pc.count_distinct(found.identifiers["person_key"]).as_py())


def scipy(folder: Path) -> int:
    """The floor: texts to codes, components, labels."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pairs = pq.read_table(folder / "pairs.parquet")
    texts = pa.chunked_array([*pairs["left"].chunks, *pairs["right"].chunks]).combine_chunks()
    encoded = texts.dictionary_encode()
    codes, count = encoded.indices.to_numpy(), len(encoded.dictionary)
    ends = codes[: pairs.num_rows], codes[pairs.num_rows :]
    graph = coo_array((np.ones(pairs.num_rows, dtype=np.int8), ends), shape=(count, count))
    found, labels = connected_components(graph, directed=False)
    pq.write_table(pa.table([encoded.dictionary, labels], names=["id", "label"]), folder / "labels.parquet")
    return int(found)


def splink(folder: Path) -> int:
    """What Splink does with scored pairs, all of which are links."""
    import duckdb
    from splink import DuckDBAPI
    from splink.clustering import cluster_pairwise_predictions_at_threshold

    pairs = pq.read_table(folder / "pairs.parquet").rename_columns(["id_l", "id_r"])
    texts = pa.chunked_array([*pairs["id_l"].chunks, *pairs["id_r"].chunks])
    with duckdb.connect() as connection:
        connection.execute("set enable_progress_bar = false")
        api = DuckDBAPI(connection)
        found = cluster_pairwise_predictions_at_threshold(
            api.register(pa.table([texts.unique()], names=["id"])), api.register(pairs), api, "id"
        )
        count = f"select count(distinct cluster_id) from {found.physical_name}"
        return int(connection.execute(count).fetchone()[0])


def networkx(folder: Path) -> int:
    import networkx as nx

    pairs = pq.read_table(folder / "pairs.parquet")
    graph = nx.Graph()
    graph.add_edges_from(zip(pairs["left"].to_pylist(), pairs["right"].to_pylist(), strict=True))
    return sum(1 for _ in nx.connected_components(graph))


def timed(task: Callable[[Path], int], source: Path, told: "multiprocessing.connection.Connection") -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for file in source.iterdir():
            (folder / file.name).symlink_to(file)
        began, began_cpu = time.perf_counter(), time.process_time()
        found = task(folder)
        spent = time.perf_counter() - began, time.process_time() - began_cpu
    told.send((*spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--links", type=int, default=LINKS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--floor-only", dest="is_floor_only", action="store_true", help="beside SciPy alone")
    chosen = parser.parse_args()
    tasks = (platform, scipy, *(() if chosen.is_floor_only else (splink, networkx)))
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as scratch:
        maker = spawn.Process(target=world, args=(chosen.links, Path(scratch)))
        maker.start()
        maker.join()
        results: dict[str, list[tuple[float, float, float, int]]] = {}
        for _ in range(chosen.rounds):
            for task in tasks:
                here, there = spawn.Pipe(duplex=False)
                child = spawn.Process(target=timed, args=(task, Path(scratch), there))
                child.start()
                results.setdefault(task.__name__, []).append(here.recv())
                child.join()
    print(f"{chosen.links:,} links, median of {chosen.rounds}")
    print(f"{'':10}{'wall s':>8}{'cpu s':>8}{'peak MB':>9}{'profiles':>10}{'x scipy':>9}")
    floor = statistics.median(wall for wall, *_ in results["scipy"])
    for name, runs in results.items():
        wall, cpu, peak, found = (statistics.median(column) for column in zip(*runs, strict=True))
        print(f"{name:10}{wall:8.2f}{cpu:8.2f}{peak:9.0f}{found:10.0f}{wall / floor:9.2f}")


if __name__ == "__main__":
    main()

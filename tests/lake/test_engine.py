"""The engine reads exactly what the lake names, with exact types, and gives kernels whole persons."""

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journey_platform.engine import Engine
from journey_platform.lake import Lake
from journey_platform.tables import Column, Table
from tests.lake.tables import D1, D2, ORDERS, PEOPLE, of_days, order, orders


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A root whose name needs quoting, with superseded files beside the active ones."""
    lake = Lake(str(tmp_path_factory.mktemp("it's a lake")))
    lake.replace_days(ORDERS, of_days(D1, D2, count=50), [D1, D2], run_id="r1")
    lake.replace_days(ORDERS, of_days(D1, count=40), [D1], run_id="r2")
    return lake


@pytest.fixture
def engine(lake: Lake):
    with Engine(lake, memory_limit="300MB", threads=2) as engine:
        yield engine


def _types(rows: pa.Table) -> dict[str, pa.DataType]:
    return dict(zip(rows.column_names, rows.schema.types, strict=True))


def test_rows_come_back_equal_with_the_declared_types(lake: Lake, engine: Engine) -> None:
    rows = engine.arrow(engine.table(ORDERS))
    assert _types(rows) == _types(ORDERS.empty())
    ordered = rows.sort_by([("day", "ascending"), ("at", "ascending"), ("order_id", "ascending")])
    assert ordered.cast(ORDERS.schema).equals(lake.read(ORDERS))


def test_superseded_files_do_not_come_back(engine: Engine) -> None:
    assert engine.arrow(engine.table(ORDERS)).num_rows == 90


@pytest.mark.parametrize(
    ("days", "rows"),
    [
        pytest.param([D1], 40, id="one day"),
        pytest.param([date(2030, 1, 1)], 0, id="a day without data"),
        pytest.param([], 0, id="no day"),
    ],
)
def test_days_choose_files(engine: Engine, days: list[date], rows: int) -> None:
    found = engine.arrow(engine.table(ORDERS, days))
    assert (found.num_rows, _types(found)) == (rows, _types(ORDERS.empty()))


def test_a_table_that_is_not_there_is_empty_with_its_types(engine: Engine) -> None:
    assert _types(engine.arrow(engine.table(PEOPLE))) == _types(PEOPLE.empty())


def test_what_is_held_is_computed_once_and_gone_afterwards(engine: Engine) -> None:
    import ibis

    drawn = engine.table(ORDERS).mutate(chance=ibis.random())
    with engine.held(drawn) as held:
        assert engine.arrow(held.order_by("order_id")).equals(engine.arrow(held.order_by("order_id")))
        name = held.get_name()
    with pytest.raises(Exception, match=name):
        engine.arrow(held)


def test_columns_added_later_are_null_in_older_files(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    lake.replace_days(ORDERS, of_days(D1), [D1], run_id="r1")
    wider = Table(ORDERS.key, "order", (*ORDERS.columns, Column("note", pa.string(), "note")), ORDERS.sort_by)
    with Engine(lake) as engine:
        assert engine.arrow(engine.table(wider))["note"].to_pylist() == [None] * 5
        lake.replace_days(wider, of_days(D2).append_column("note", pa.array(["x"] * 5)), [D2], run_id="r2")
        notes = engine.arrow(engine.table(wider).order_by("day"))["note"].to_pylist()
    assert notes == [None] * 5 + ["x"] * 5


def test_the_session_is_in_utc_wherever_it_runs(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    late = orders([order(D1, 1, at=datetime(2026, 3, 1, 23, 30, tzinfo=UTC))])
    with Engine(lake) as engine:
        day = engine.memtable(late).mutate(at_day=lambda t: t.at.date()).select("at_day", "at")
        assert engine.arrow(day).to_pylist() == [
            {"at_day": D1, "at": datetime(2026, 3, 1, 23, 30, tzinfo=UTC)}
        ]


def test_files_outside_the_lake_cannot_be_read(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n")
    with pytest.raises(Exception, match=r"disabled by configuration|Permission"):
        engine._duckdb.read_csv(str(tmp_path / "secret.csv"))


def _steps(rows: pa.Table) -> pa.Table:
    """A kernel whose result depends on the order within a person and on having the whole person."""
    persons = np.array([-99 if p is None else p for p in rows["person_key"].to_pylist()], np.int64)
    is_first = np.ones(len(rows), bool)
    is_first[1:] = persons[1:] != persons[:-1]
    start = np.maximum.accumulate(np.where(is_first, np.arange(len(rows)), 0)) if len(rows) else np.zeros(0)
    step = (np.arange(len(rows)) - start).astype(np.int64)
    assert len(set(persons[is_first].tolist())) == is_first.sum()
    return pa.table({"order_id": rows["order_id"], "person_key": rows["person_key"], "step": step})


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.none() | st.integers(-3, 5), st.integers(0, 9)), max_size=40), st.integers(1, 12)
)
def test_persons_are_whole_and_sorted_however_they_are_bundled(
    engine: Engine, rows: list[tuple[int | None, int]], rows_per_call: int
) -> None:
    made = orders(
        order(D1, number, person_key=person, at=datetime(2026, 3, 1, 0, minute, tzinfo=UTC))
        for number, (person, minute) in enumerate(rows)
    )
    sort_by = ["at", "order_id"]
    bundled = engine.map_persons(engine.memtable(made), _steps, sort_by=sort_by, rows_per_call=rows_per_call)
    assert bundled.equals(engine.map_persons(engine.memtable(made), _steps, sort_by=sort_by))
    expected = []
    for person in sorted({p for p, _ in rows}, key=lambda p: (p is None, p or 0)):
        own = sorted((minute, f"o{n}") for n, (p, minute) in enumerate(rows) if p == person)
        expected += [{"order_id": name, "person_key": person, "step": k} for k, (_, name) in enumerate(own)]
    assert bundled.to_pylist() == expected


def test_a_call_gets_no_more_rows_than_asked_beyond_its_last_person(engine: Engine) -> None:
    sizes: list[int] = []

    def kernel(rows: pa.Table) -> pa.Table:
        sizes.append(len(rows))
        return rows.select(["order_id"])

    made = orders(order(D1, number, person_key=number // 3) for number in range(300))
    engine.map_persons(engine.memtable(made), kernel, sort_by=["order_id"], rows_per_call=10)
    assert (sum(sizes), max(sizes)) == (300, 12)


def test_a_failing_kernel_leaves_the_engine_usable(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError):
        engine.map_persons(engine.table(ORDERS), lambda rows: rows.slice(1 // 0), sort_by=["order_id"])
    assert engine.arrow(engine.table(ORDERS)).num_rows == 90


def test_more_rows_than_memory_are_sorted_on_disk(tmp_path: Path) -> None:
    count = 400_000
    rows = pa.table(
        {
            "person_key": np.random.default_rng(3).integers(0, 1000, count),
            "order_id": pa.array(np.arange(count)),
            "text": pa.array([f"{n:0>200}" for n in range(count)]),
        }
    )
    with Engine(Lake(str(tmp_path)), memory_limit="100MB", threads=1) as engine:
        sizes: list[int] = []

        def kernel(bundle: pa.Table) -> pa.Table:
            sizes.append(len(bundle))
            return bundle.select(["order_id"])

        found = engine.map_persons(engine.memtable(rows), kernel, sort_by=["order_id"], rows_per_call=20_000)
    assert (len(found), max(sizes) < 22_000, len(set(found["order_id"].to_pylist()))) == (count, True, count)

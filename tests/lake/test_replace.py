"""Replacing days: exactly those, only what changed, never by accident, and never what does not fit."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from journey_platform.lake import Lake, LakeError, RefusedRows, UnsupportedTable
from journey_platform.tables import Column, Table
from tests.lake.tables import D1, D2, D3, ORDERS, PEOPLE, contents, of_days, order, orders


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def test_what_is_written_is_read_with_the_declared_types_and_order(lake: Lake) -> None:
    rows = of_days(D2, D1, count=200)
    lake.replace_days(ORDERS, rows.take(pa.array(range(len(rows) - 1, -1, -1))), [D1, D2], run_id="r")
    read = lake.read(ORDERS)
    assert read.schema.equals(ORDERS.schema)
    assert read.equals(rows.sort_by([(name, "ascending") for name in ORDERS.sort_by]))


def test_a_missing_table_reads_as_empty(lake: Lake) -> None:
    assert lake.read(ORDERS).equals(ORDERS.empty())
    assert (lake.files(ORDERS), lake.day_states(ORDERS), lake.version(ORDERS), lake.cursor(ORDERS)) == (
        [],
        {},
        None,
        None,
    )


def test_only_the_given_days_are_replaced(lake: Lake) -> None:
    lake.replace_days(ORDERS, of_days(D1, D2), [D1, D2], run_id="r1")
    lake.replace_days(
        ORDERS, orders([order(D2, 99)] * 1 + [order(D2, n) for n in range(4)]), [D2], run_id="r2"
    )
    assert lake.read(ORDERS, [D1]).equals(of_days(D1))
    assert "o99" in lake.read(ORDERS, [D2], columns=["order_id"])["order_id"].to_pylist()


def test_the_same_rows_again_write_nothing(lake: Lake) -> None:
    lake.replace_days(ORDERS, of_days(D1, D2, D3), [D1, D2, D3], run_id="r1")
    files, version = lake.files(ORDERS), lake.version(ORDERS)
    later = of_days(D3, D1, D2).set_column(
        ORDERS.schema.get_field_index("asked_at"),
        ORDERS.schema.field("asked_at"),
        pa.array([datetime(2030, 1, 1, tzinfo=UTC)] * 15, ORDERS.schema.field("asked_at").type),
    )
    writes = lake.replace_days(ORDERS, later, [D1, D2, D3], run_id="r2")
    assert [write.is_changed for write in writes] == [False] * 3
    assert (lake.files(ORDERS), lake.version(ORDERS)) == (files, version)
    assert len(list(Path(lake.root).rglob("*.parquet"))) == 3


def test_only_changed_days_are_rewritten(lake: Lake) -> None:
    lake.replace_days(ORDERS, of_days(D1, D2), [D1, D2], run_id="r1")
    before = lake.files(ORDERS)
    changed = pa.concat_tables([of_days(D1), of_days(D2).slice(1), orders([order(D2, 77)])])
    writes = lake.replace_days(ORDERS, changed, [D1, D2], run_id="r2")
    assert [write.is_changed for write in writes] == [False, True]
    after = lake.files(ORDERS)
    assert (after[0], after[1] != before[1]) == (before[0], True)
    assert [state.version for state in lake.day_states(ORDERS).values()] == [1, 2]


def test_equal_content_gives_equal_bytes(tmp_path: Path) -> None:
    rows = of_days(D1, count=300)
    first, second = Lake(str(tmp_path / "a")), Lake(str(tmp_path / "b"))
    first.replace_days(ORDERS, rows, [D1], run_id="r1")
    halves = pa.concat_tables([rows.slice(150), rows.slice(0, 150)])
    second.replace_days(ORDERS, halves, [D1], run_id="r2")
    assert contents(first, ORDERS) == contents(second, ORDERS)


@pytest.mark.parametrize(
    ("had", "offered", "is_held"),
    [
        pytest.param(100, 0, True, id="empty"),
        pytest.param(1, 0, True, id="empty after one row"),
        pytest.param(100, 49, True, id="less than half"),
        pytest.param(100, 50, False, id="half"),
        pytest.param(12, 2, False, id="a handful"),
        pytest.param(13, 2, True, id="one more than a handful"),
        pytest.param(0, 0, False, id="empty stays empty"),
        pytest.param(5, 500, False, id="growth"),
    ],
)
def test_a_shrunken_day_is_held_and_the_others_go_through(
    lake: Lake, had: int, offered: int, is_held: bool
) -> None:
    lake.replace_days(ORDERS, of_days(D1, count=had), [D1], run_id="r1")
    rows = pa.concat_tables([of_days(D1, count=offered), of_days(D2)])
    first, second = lake.replace_days(ORDERS, rows, [D1, D2], run_id="r2")
    assert (first.held is not None, first.rows) == (is_held, had if is_held else offered)
    assert (second.held, second.is_changed) == (None, True)
    assert len(lake.read(ORDERS, [D1])) == first.rows
    assert len(lake.read(ORDERS, [D2])) == 5
    [allowed] = lake.replace_days(ORDERS, of_days(D1, count=offered), [D1], run_id="r3", allow_shrink=True)
    assert (allowed.held, len(lake.read(ORDERS, [D1]))) == (None, offered)


def test_a_day_landed_without_rows_is_known(lake: Lake) -> None:
    [write] = lake.replace_days(ORDERS, ORDERS.empty(), [D1], run_id="r")
    assert (write.rows, write.is_changed, lake.day_states(ORDERS)[D1].rows) == (0, True, 0)
    assert lake.files(ORDERS) == []
    assert lake.read(ORDERS).equals(ORDERS.empty())
    [again] = lake.replace_days(ORDERS, ORDERS.empty(), [D1], run_id="r")
    assert again.is_changed is False


def _with(column: str, value: Any) -> pa.Table:
    return orders([order(D1, 1), order(D1, 2, **{column: value})])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        pytest.param(of_days(D1, D2), "journeys/orders: rows of 2026-03-02", id="another day"),
        pytest.param(
            orders([order(D1, 1), order(D1, 1)]), "repeat the key .order_id. on 2026-03-01", id="repeated key"
        ),
        pytest.param(of_days(D1).drop_columns(["email"]), "missing columns ..email", id="missing column"),
        pytest.param(
            of_days(D1).append_column("x", pa.nulls(5)), "not declared ..x", id="column not declared"
        ),
        pytest.param(
            of_days(D1).set_column(4, "amount", pa.array(["1"] * 5)),
            "column amount is string",
            id="other type",
        ),
        pytest.param(
            of_days(D1).set_column(2, "at", pa.array([1] * 5, pa.timestamp("us"))),
            "column at is timestamp",
            id="no zone",
        ),
        pytest.param(
            of_days(D1).set_column(1, "order_id", pa.array(["a", None, "b", "c", "d"])),
            "column order_id is null on 2026-03-01",
            id="null key",
        ),
        pytest.param(
            of_days(D1).set_column(0, "day", pa.nulls(5, pa.date32())), "column day is null", id="no day"
        ),
    ],
)
def test_rows_that_do_not_fit_are_refused_and_nothing_changes(
    lake: Lake, rows: pa.Table, message: str
) -> None:
    lake.replace_days(ORDERS, of_days(D1, count=9), [D1], run_id="r1")
    with pytest.raises(RefusedRows, match=message) as refused:
        lake.replace_days(ORDERS, rows, [D1], run_id="r2")
    assert "example.org" not in str(refused.value)
    assert (len(lake.read(ORDERS)), lake.version(ORDERS)) == (9, 1)


@pytest.mark.parametrize(
    "encode",
    [
        pytest.param(lambda c: c.cast(pa.large_string()), id="large string"),
        pytest.param(lambda c: c.cast(pa.string_view()), id="string view"),
        pytest.param(lambda c: c.combine_chunks().dictionary_encode(), id="dictionary"),
    ],
)
def test_other_encodings_of_a_type_are_accepted(lake: Lake, encode: Any) -> None:
    rows = of_days(D1)
    index = rows.schema.get_field_index("email")
    lake.replace_days(ORDERS, rows.set_column(index, "email", encode(rows["email"])), [D1], run_id="r")
    assert lake.read(ORDERS).equals(rows)


@pytest.mark.parametrize(
    "day",
    [
        pytest.param("2026-03-01' or 1=1 --", id="text that is a predicate"),
        pytest.param("../../x", id="text that is a path"),
        pytest.param(datetime(2026, 3, 1, tzinfo=UTC), id="a moment"),
    ],
)
def test_what_is_not_a_date_reaches_no_table(lake: Lake, day: Any) -> None:
    lake.replace_days(ORDERS, of_days(D1, D2), [D1, D2], run_id="r1")
    with pytest.raises(TypeError, match="a day is a"):
        lake.replace_days(ORDERS, ORDERS.empty(), [day], run_id="r2", allow_shrink=True)
    with pytest.raises(TypeError, match="a day is a"):
        lake.files(ORDERS, [day])
    assert len(lake.read(ORDERS)) == 10


def test_earlier_versions_can_be_read_by_number_and_by_time(lake: Lake) -> None:
    before = datetime.now(UTC) - timedelta(seconds=5)
    lake.replace_days(ORDERS, of_days(D1), [D1], run_id="r1")
    first = lake.version(ORDERS)
    between = datetime.now(UTC)
    # Commit times have milliseconds.
    while datetime.now(UTC) - between < timedelta(milliseconds=3):
        pass
    lake.replace_days(ORDERS, of_days(D1, count=8), [D1], run_id="r2")
    assert lake.version_at(ORDERS, before) is None
    assert lake.version_at(ORDERS, between) == first
    assert lake.version_at(ORDERS, datetime.now(UTC)) == lake.version(ORDERS)
    assert len(lake.read(ORDERS, version=first)) == 5
    assert len(lake.read(ORDERS)) == 8
    assert lake.day_states(ORDERS, version=first)[D1].rows == 5
    with pytest.raises(LakeError, match="version 99"):
        lake.read(ORDERS, version=99)


@pytest.mark.parametrize(
    ("told", "asked", "version"),
    [
        pytest.param(["10:00", "08:05", "08:20"], "11:00", 3, id="set back: the newest, asked later"),
        pytest.param(["10:00", "08:05", "08:20"], "08:10", 2, id="set back: the newest until then"),
        pytest.param(["10:00", "20:00", "10:20"], "10:30", 3, id="was ahead, and is right again"),
        pytest.param(["10:00", "20:00", "10:20"], "10:10", 1, id="was ahead: not published before its time"),
    ],
)
def test_versions_by_time_where_the_clock_jumped(
    lake: Lake, tmp_path: Path, told: list[str], asked: str, version: int
) -> None:
    for count in range(len(told)):
        lake.replace_days(ORDERS, of_days(D1, count=count + 5), [D1], run_id=f"r{count}")
    entries = sorted(tmp_path.rglob("_delta_log/*.json"))
    for entry, at in zip(entries, ["00:00", *told], strict=True):
        milliseconds = int(datetime.fromisoformat(f"2026-03-01T{at}:00+00:00").timestamp() * 1000)
        lines = [json.loads(line) for line in entry.read_text().splitlines()]
        for line in lines:
            if "commitInfo" in line:
                line["commitInfo"]["timestamp"] = milliseconds
        entry.write_text("\n".join(map(json.dumps, lines)))
    moment = datetime.fromisoformat(f"2026-03-01T{asked}:00+00:00")
    assert lake.version_at(ORDERS, moment) == version


def test_run_days_and_cursor_are_in_the_commit(lake: Lake) -> None:
    [write] = lake.replace_days(ORDERS, of_days(D1), [D1], run_id="run-7", cursor="c1")
    newest = DeltaTable(str(Path(lake.root, *ORDERS.key))).history(1)[0]["journey"]
    assert newest == {
        "run_id": "run-7",
        "cursor": "c1",
        "days": {"2026-03-01": {"rows": 5, "fingerprint": write.fingerprint}},
    }
    lake.replace_days(ORDERS, of_days(D2), [D2], run_id="run-8")
    assert lake.cursor(ORDERS) == "c1"
    version = lake.version(ORDERS)
    lake.replace_days(ORDERS, of_days(D2), [D2], run_id="run-9", cursor="c2")
    assert (lake.cursor(ORDERS), lake.version(ORDERS)) == ("c2", version + 1)
    lake.replace_days(ORDERS, of_days(D2), [D2], run_id="run-9", cursor="c2")
    assert lake.version(ORDERS) == version + 1


def test_day_states_outlive_the_log(lake: Lake) -> None:
    for number in range(3):
        lake.replace_days(
            ORDERS, of_days(D1, D2, count=5 + number), [D1, D2], run_id=f"r{number}", cursor="c"
        )
    states = lake.day_states(ORDERS)
    folder = Path(lake.root, *ORDERS.key)
    DeltaTable(str(folder)).create_checkpoint()
    for entry in sorted((folder / "_delta_log").glob("*.json"))[:-1]:
        entry.unlink()
    assert Lake(lake.root).day_states(ORDERS) == states
    assert Lake(lake.root).cursor(ORDERS) == "c"


def test_personal_values_stay_out_of_the_log(lake: Lake) -> None:
    lake.replace_days(ORDERS, of_days(D1, count=50), [D1], run_id="r")
    folder = Path(lake.root, *ORDERS.key)
    DeltaTable(str(folder)).create_checkpoint()
    logged = b"".join(path.read_bytes() for path in (folder / "_delta_log").iterdir())
    assert b"example.org" not in logged
    statistics = DeltaTable(str(folder)).metadata().configuration["delta.dataSkippingStatsColumns"].split(",")
    assert {"order_id", "at", "amount"} <= set(statistics)
    assert not {"email", "identifiers"} & set(statistics)


def _changed(*columns: Column) -> Table:
    return Table(ORDERS.key, ORDERS.grain, columns, ORDERS.sort_by, True, ORDERS.fingerprint_without)


def test_a_new_nullable_column_is_added_and_null_before(lake: Lake) -> None:
    lake.replace_days(ORDERS, of_days(D1), [D1], run_id="r1", cursor="c")
    wider = _changed(*ORDERS.columns, Column("note", pa.string(), "note"))
    rows = of_days(D2).append_column("note", pa.array(["x"] * 5))
    lake.replace_days(wider, rows, [D2], run_id="r2")
    assert lake.read(wider)["note"].to_pylist() == [None] * 5 + ["x"] * 5
    assert lake.cursor(wider) == "c"
    untouched = of_days(D1).append_column("note", pa.nulls(5, pa.string()))
    assert [w.is_changed for w in lake.replace_days(wider, untouched, [D1], run_id="r3")] == [False]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        pytest.param(_changed(*ORDERS.columns[:-1]), "no longer declared ..asked_at", id="column dropped"),
        pytest.param(
            _changed(
                *(Column("amount", pa.int64(), "x") if c.name == "amount" else c for c in ORDERS.columns)
            ),
            "of another type ..amount",
            id="type changed",
        ),
        pytest.param(
            _changed(*ORDERS.columns, Column("must", pa.string(), "x", is_key=True)),
            "new and not nullable ..must",
            id="new key",
        ),
    ],
)
def test_other_schema_changes_are_refused(lake: Lake, table: Table, message: str) -> None:
    lake.replace_days(ORDERS, of_days(D1), [D1], run_id="r1")
    with pytest.raises(UnsupportedTable, match=message):
        lake.replace_days(table, table.empty(), [D1], run_id="r2", allow_shrink=True)


@pytest.mark.parametrize(
    "configuration",
    [
        pytest.param({"delta.enableDeletionVectors": "true"}, id="deletion vectors"),
        pytest.param({"delta.columnMapping.mode": "name"}, id="column mapping"),
    ],
)
def test_tables_that_would_be_misread_are_refused(lake: Lake, configuration: dict[str, str]) -> None:
    place = Path(lake.root, *ORDERS.key)
    lake.replace_days(ORDERS, of_days(D1), [D1], run_id="r")
    [first] = (place / "_delta_log").glob("*0.json")
    lines = [json.loads(line) for line in first.read_text().splitlines()]
    for line in lines:
        if "metaData" in line:
            line["metaData"]["configuration"] |= configuration
    first.write_text("\n".join(map(json.dumps, lines)))
    with pytest.raises(UnsupportedTable, match="deletion vectors or a column mapping"):
        Lake(lake.root).read(ORDERS)


def test_a_table_without_days_is_replaced_whole(lake: Lake) -> None:
    people = pa.table({"person_key": [2, 1], "name": ["b", "a"]}, schema=PEOPLE.schema)
    first = lake.replace_all(PEOPLE, people, run_id="r1")
    again = lake.replace_all(PEOPLE, people.slice(1).take([0]), run_id="r2")
    assert (first.rows, first.is_changed, again.rows, again.is_changed) == (2, True, 1, True)
    assert lake.read(PEOPLE).to_pylist() == [{"person_key": 1, "name": "a"}]
    assert lake.read(PEOPLE, version=1)["person_key"].to_pylist() == [1, 2]
    assert lake.replace_all(PEOPLE, people.slice(1), run_id="r3").is_changed is False
    with pytest.raises(RefusedRows, match="repeat the key"):
        lake.replace_all(PEOPLE, pa.concat_tables([people, people]), run_id="r4")


def test_many_days_are_one_commit(lake: Lake) -> None:
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(60)]
    lake.replace_days(ORDERS, of_days(*days, count=2), days, run_id="r")
    assert (lake.version(ORDERS), len(lake.files(ORDERS))) == (1, 60)

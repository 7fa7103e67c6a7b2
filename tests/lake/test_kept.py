"""Small files are read once, unless they tell of persons."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from journey_platform.lake import Lake
from journey_platform.lake.kept import Kept
from journey_platform.tables import Column, Table
from journey_platform.tables.table import DAY

D = date(2026, 3, 1)
A_HUNDRED_BYTES = pa.table({"n": pa.array(range(100), pa.uint8())})


class Reader:
    def __init__(self) -> None:
        self.asked: list[str] = []

    def read(self, kept: Kept, uri: str, rows: pa.Table = A_HUNDRED_BYTES) -> None:
        def read() -> pa.Table:
            self.asked.append(uri)
            return rows

        assert kept.rows(uri, read) is rows


def test_a_file_is_read_once_as_long_as_there_is_room() -> None:
    kept, reader = Kept(room=6_500), Reader()
    for uri in [str(n) for n in range(65)] * 2:
        reader.read(kept, uri)
    assert reader.asked == [str(n) for n in range(65)]


def test_those_read_longest_ago_go_first() -> None:
    kept, reader = Kept(room=6_500), Reader()
    for uri in [*(str(n) for n in range(65)), "0", "new", "0", "1"]:
        reader.read(kept, uri)
    assert reader.asked[65:] == ["new", "1"]


def test_a_large_file_is_not_kept() -> None:
    kept, reader = Kept(room=6_399), Reader()
    for _ in range(2):
        reader.read(kept, "large")
    assert reader.asked == ["large"] * 2


FIGURES = Table(
    key=("tests", "figures"),
    grain="day",
    columns=(DAY, Column("value", pa.string(), "a figure", is_key=True)),
    sort_by=("day", "value"),
)
PERSONAL = replace(FIGURES, columns=(DAY, replace(FIGURES.columns[1], is_personal=True)))


@pytest.mark.parametrize(
    ("table", "is_kept"),
    [pytest.param(FIGURES, True, id="figures"), pytest.param(PERSONAL, False, id="persons")],
)
def test_rows_of_persons_are_not_kept(tmp_path: Path, table: Table, is_kept: bool) -> None:
    lake = Lake(str(tmp_path))
    rows = pa.Table.from_pylist([{"day": D, "value": "a"}], schema=table.schema)
    lake.replace_days(table, rows, [D], run_id="r")
    assert lake.read(table) == rows
    (file,) = lake.files(table)
    Path(file).unlink()
    if is_kept:
        assert lake.read(table) == rows
        assert lake.read(table, columns=["value"]) == rows.select(["value"])
    else:
        with pytest.raises(FileNotFoundError):
            lake.read(table)

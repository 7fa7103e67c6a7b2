"""Whole persons come out the same whether all rows fit in memory or wait in files."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from journey_platform import buckets

ROWS = 5_000


def _rows(seed: int) -> pa.Table:
    """Persons, some unknown, in no order; texts that repeat, and are missing; times that tie."""
    print(f"seed {seed}")
    draw = np.random.default_rng(seed)
    person = draw.integers(-60, 60, ROWS) * 10**15
    return pa.table(
        {
            "person_key": pa.array(person, mask=draw.random(ROWS) < 0.05),
            "at": pa.array(draw.integers(0, 50, ROWS)),
            "id": pa.array([f"t{number:05}" for number in draw.permutation(ROWS)]),
            "page": pa.array([None if n == 7 else f"/p/{n}" for n in draw.integers(0, 30, ROWS)]),
            "same": pa.repeat(pa.scalar("web"), ROWS),
            "never": pa.nulls(ROWS, pa.string()),
        }
    )


def _whole(rows: pa.Table, folder: Path, per_call: int) -> list[pa.Table]:
    batches = [rows.slice(begin, 400) for begin in range(0, ROWS, 400)]
    return list(
        buckets.whole_persons(
            batches,
            person="person_key",
            sort_by=["at", "id"],
            rows_per_call=per_call,
            coded=["page", "same"],
            folder=str(folder),
        )
    )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("chunk_rows", "held_bytes"),
    [
        pytest.param(10**6, 10**9, id="all-in-memory"),
        pytest.param(1_000, 10**9, id="in-buckets"),
        pytest.param(1_000, 50_000, id="in-files"),
    ],
)
def test_rows_come_whole_and_sorted(tmp_path, monkeypatch, seed, chunk_rows, held_bytes):
    monkeypatch.setattr(buckets, "_CHUNK_ROWS", chunk_rows)
    monkeypatch.setattr(buckets, "_HELD_BYTES", held_bytes)
    rows = _rows(seed)
    pieces = _whole(rows, tmp_path, 300)
    assert any(tmp_path.iterdir()) == (held_bytes == 50_000)
    assert len(pieces) > 5
    assert all(pa.types.is_dictionary(piece["page"].type) for piece in pieces)
    persons = [set(piece["person_key"].to_pylist()) for piece in pieces]
    assert sum(map(len, persons)) == len(set().union(*persons))
    found = [row for piece in pieces for row in piece.to_pylist()]
    expected = rows.sort_by([(name, "ascending") for name in ("person_key", "at", "id")]).to_pylist()
    assert found == expected

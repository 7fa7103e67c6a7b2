"""A fingerprint is of the content: nothing about how it arrived changes it, everything that was said does."""

import itertools
import random
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journey_platform.lake.fingerprint import fingerprint
from journey_platform.lake.rows import in_order
from journey_platform.tables import Column, Table
from tests.lake.tables import D1, ORDERS, order, orders

_ROW = st.fixed_dictionaries(
    {
        "at": st.none() | st.datetimes(timezones=st.just(UTC)),
        "person_key": st.none() | st.integers(-(2**63), 2**63 - 1),
        "amount": st.none() | st.floats(allow_nan=False),
        "is_paid": st.none() | st.booleans(),
        "identifiers": st.none()
        | st.lists(st.none() | st.fixed_dictionaries({"kind": st.none() | st.text(), "value": st.text()})),
        "email": st.none() | st.text(),
    }
)


def _of(rows: pa.Table, cuts: list[int]) -> str:
    ordered = in_order(ORDERS, rows)
    borders = [0, *sorted({cut % (len(rows) + 1) for cut in cuts}), len(rows)]
    return fingerprint(ORDERS, [ordered.slice(a, b - a) for a, b in itertools.pairwise(borders)])


@settings(deadline=None, max_examples=150)
@given(
    st.lists(_ROW, max_size=12), st.lists(st.integers(0, 20), max_size=4), st.randoms(use_true_random=False)
)
def test_order_and_batches_do_not_matter(rows: list[dict], cuts: list[int], shuffle: random.Random) -> None:
    made = [order(D1, number, **row) for number, row in enumerate(rows)]
    plain = _of(orders(made), [])
    shuffle.shuffle(made)
    asked = datetime(2027, 1, 1, tzinfo=UTC)
    assert _of(orders([row | {"asked_at": asked} for row in made]), cuts) == plain


@settings(deadline=None, max_examples=150)
@given(_ROW, _ROW)
def test_different_content_differs(one: dict, other: dict) -> None:
    same = orders([order(D1, 1, **one)]).equals(orders([order(D1, 1, **other)]))
    assert (_of(orders([order(D1, 1, **one)]), []) == _of(orders([order(D1, 1, **other)]), [])) is same


@pytest.mark.parametrize(
    ("left", "right"),
    [
        pytest.param({"email": "ab"}, {"email": "a"}, id="shorter text"),
        pytest.param({"email": ""}, {"email": None}, id="empty is not null"),
        pytest.param({"is_paid": False}, {"is_paid": None}, id="false is not null"),
        pytest.param({"amount": 0.0}, {"amount": None}, id="zero is not null"),
        pytest.param({"identifiers": []}, {"identifiers": None}, id="empty list is not null"),
        pytest.param({"identifiers": [None]}, {"identifiers": []}, id="null in a list"),
    ],
)
def test_near_values_differ(left: dict, right: dict) -> None:
    beside = order(D1, 2)
    assert _of(orders([order(D1, 1, **left), beside]), []) != _of(orders([order(D1, 1, **right), beside]), [])


def test_zero_has_no_sign() -> None:
    assert _of(orders([order(D1, 1, amount=-0.0)]), []) == _of(orders([order(D1, 1, amount=0.0)]), [])


def test_text_does_not_leak_into_the_next_row() -> None:
    first = orders([order(D1, 1, email="ab"), order(D1, 2, email="c")])
    second = orders([order(D1, 1, email="a"), order(D1, 2, email="bc")])
    assert _of(first, []) != _of(second, [])


def test_values_under_a_null_do_not_count() -> None:
    values = pa.array([5, 6], pa.int64())
    hidden = pa.Array.from_buffers(pa.int64(), 2, [pa.array([True, False]).buffers()[1], values.buffers()[1]])
    rows = orders([order(D1, 1), order(D1, 2)])
    index = rows.schema.get_field_index("person_key")
    shown = rows.set_column(index, "person_key", pa.array([5, None], pa.int64()))
    assert _of(rows.set_column(index, "person_key", hidden), []) == _of(shown, [])


def test_a_new_column_without_values_changes_nothing() -> None:
    wider = Table(
        ORDERS.key,
        ORDERS.grain,
        (*ORDERS.columns, Column("note", pa.string(), "note")),
        ORDERS.sort_by,
        True,
        ORDERS.fingerprint_without,
    )
    rows = orders(order(D1, number) for number in range(3))
    assert fingerprint(wider, [rows.append_column("note", pa.nulls(3, pa.string()))]) == fingerprint(
        ORDERS, [rows]
    )
    assert fingerprint(wider, [rows.append_column("note", pa.array(["a", None, None]))]) != fingerprint(
        ORDERS, [rows]
    )


def test_time_is_compared_to_the_microsecond() -> None:
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    later = moment + timedelta(microseconds=1)
    assert _of(orders([order(D1, 1, at=moment)]), []) != _of(orders([order(D1, 1, at=later)]), [])

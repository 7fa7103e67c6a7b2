"""What every mapping shares: schemas, order, impossible times, and that nothing is lost."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from journey_platform.tables import contacts_table, touchpoints_table
from journey_platform.touchpoints import matomo
from journey_platform.touchpoints.mapping import (
    REJECTED,
    Mapped,
    Origin,
    Refusal,
    StreamMapping,
    Touch,
    map_touchpoints,
)
from journey_platform.touchpoints.vendors import MAPPINGS
from tests.touchpoints.raws import NOON, raw, refused

ZONE = "America/New_York"


def visit(number: int = 1, **action: Any) -> dict[str, Any]:
    details = [{"type": "action", "url": "https://shop.example/"} | action]
    return {"idSite": 1, "idVisit": number, "visitorId": f"c{number}", "actionDetails": details}


def mapped(table: pa.Table) -> Mapped:
    return matomo.touchpoints({"visits": table}, zone=ZONE)


@pytest.mark.parametrize("vendor", sorted(MAPPINGS))
@pytest.mark.parametrize("is_named", [False, True], ids=["stream absent", "stream empty"])
def test_nothing_in_gives_empty_tables_of_the_declared_schema(vendor: str, is_named: bool) -> None:
    mapping = MAPPINGS[vendor]
    streams = {*mapping.TOUCHPOINT_STREAMS, *mapping.CONTACT_STREAMS}
    given = {stream: raw(vendor, stream) for stream in streams} if is_named else {}
    touchpoints, contacts = mapping.touchpoints(given, zone=ZONE), mapping.contacts(given, zone=ZONE)
    assert touchpoints.rows.equals(touchpoints_table(vendor).empty())
    assert contacts.rows.equals(contacts_table(vendor).empty())
    assert touchpoints.rejected.equals(REJECTED.empty_table())


def test_the_order_and_the_chunks_of_the_raw_rows_change_nothing() -> None:
    """More rows than stand in Python at once."""
    table = raw("matomo", "visits", *(visit(i, timestamp=str(NOON.timestamp() + i % 7)) for i in range(5000)))
    expected = mapped(table)
    turned = pa.concat_tables([table.slice(1234), table.slice(0, 1234)]).take(list(range(4999, -1, -1)))
    assert expected.rows.num_rows == 5000
    assert mapped(turned).rows.equals(expected.rows)


@pytest.mark.parametrize(
    ("at", "day"),
    [
        pytest.param(
            datetime(2026, 3, 8, 4, 59, 59, tzinfo=UTC), "2026-03-07", id="before midnight in winter"
        ),
        pytest.param(datetime(2026, 3, 8, 5, 0, tzinfo=UTC), "2026-03-08", id="midnight in winter"),
        pytest.param(
            datetime(2026, 3, 9, 3, 59, 59, tzinfo=UTC), "2026-03-08", id="before midnight in summer"
        ),
        pytest.param(datetime(2026, 3, 9, 4, 0, tzinfo=UTC), "2026-03-09", id="midnight in summer"),
    ],
)
def test_a_touchpoint_stands_on_its_own_local_day(at: datetime, day: str) -> None:
    (found,) = mapped(raw("matomo", "visits", visit(), at=at)).rows["day"].to_pylist()
    assert found.isoformat() == day


@pytest.mark.parametrize(
    ("at", "extracted_at", "reason"),
    [
        pytest.param(None, NOON, "no time", id="no time"),
        pytest.param(NOON, NOON - timedelta(days=1, seconds=1), "over a day after it was read", id="future"),
        pytest.param(datetime(1, 1, 1, tzinfo=UTC), NOON, "before 1970", id="year one"),
        pytest.param(
            datetime(9999, 12, 31, tzinfo=UTC), NOON, "over a day after it was read", id="year 9999"
        ),
    ],
)
def test_an_impossible_time_is_rejected(at: datetime | None, extracted_at: datetime, reason: str) -> None:
    (row,) = raw("matomo", "visits", visit()).to_pylist()
    table = pa.Table.from_pylist(
        [row | {"occurred_at": at, "extracted_at": extracted_at}], schema=raw("matomo", "visits").schema
    )
    found = mapped(table)
    assert found.rows.num_rows == 0
    assert found.rejected["reason"].to_pylist() == [reason]


def test_a_clock_that_is_an_hour_ahead_is_let_through() -> None:
    soon = NOON.timestamp() + 7200
    assert mapped(raw("matomo", "visits", visit(timestamp=soon))).rows.num_rows == 1


def test_a_rejected_row_is_kept_whole_with_its_day_and_table() -> None:
    body = json.dumps(visit() | {"idVisit": None})
    (row,) = mapped(raw("matomo", "visits", body)).rejected.to_pylist()
    assert (row["body"], row["day"], row["table"]) == (body, NOON.date(), "touchpoints/matomo")
    assert (row["field"], row["reason"]) == ("idVisit", "Expected `int | str`, got `null`")


def test_no_record_is_lost() -> None:
    bodies = [visit(i) if i % 3 else {"idVisit": i} for i in range(300)]
    found = mapped(raw("matomo", "visits", *bodies))
    kept = {row.partition("#")[0] for row in found.rows["touchpoint_id"].to_pylist()}
    assert kept | {record for record, _, _ in refused(found.rejected)} == {
        f"matomo/visits/{i}" for i in range(300)
    }
    assert len(kept) == 200


def test_a_record_that_changed_without_saying_so_counts_as_it_was_read_last() -> None:
    """Two versions of one member under one change time; the later one in either order."""
    versions = [{"id": "5d41", "email_address": f"ann{i}@x.example"} for i in (1, 2)]
    first, second = (raw("mailchimp", "members", version, keys=["l:5d41"]) for version in versions)
    later = pa.array([NOON + timedelta(hours=9)], first.schema.field("extracted_at").type)
    second = second.set_column(3, first.schema.field("extracted_at"), later)
    for order in ([first, second], [second, first]):
        found = MAPPINGS["mailchimp"].contacts({"members": pa.concat_tables(order)}, zone=ZONE).rows
        (row,) = found.to_pylist()
        assert row["identifiers"][0]["value"] == "ann2@x.example"


def test_a_record_refused_midway_gives_nothing() -> None:
    def rows(_: dict[str, Any], origin: Origin) -> Iterator[Touch | Refusal]:
        yield Touch(type="page_view", occurred_at=origin.occurred_at)
        yield Refusal("a part", "x", part="2")
        raise Refusal("all of it", "y")

    found = map_touchpoints(
        "v", "web", [StreamMapping("s", dict[str, Any], rows)], {"s": raw("v", "s", {})}, ZONE
    )
    assert found.rows.num_rows == 0
    assert refused(found.rejected) == [("v/s/0", "y", "error")]


def test_a_bug_in_a_mapping_is_not_taken_for_bad_data() -> None:
    def rows(body: dict[str, Any], _: Origin) -> Iterator[Touch | Refusal]:
        yield Touch(type=body["missing"], occurred_at=0)

    with pytest.raises(KeyError):
        map_touchpoints(
            "v", "web", [StreamMapping("s", dict[str, Any], rows)], {"s": raw("v", "s", {})}, ZONE
        )

"""The identity graph in numbers, and the alarm when one profile swallows others."""

from datetime import timedelta
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from journey_platform.defs.health import NO_GIANT, health_assets
from journey_platform.defs.platform import Platform
from journey_platform.identity.health import LARGEST, giant, health
from journey_platform.identity.resolve import resolve
from journey_platform.tables import IDENTIFIERS_TABLE, IDENTITY_HEALTH
from tests.identity.people import SECRET, Record, observed
from tests.identity.shop import DAY, environment, fill, run


def sized(*sizes: int) -> pa.Table:
    rows = [
        {"day": DAY + timedelta(days=n), "metric": LARGEST, "of": "all", "value": float(size)}
        for n, size in enumerate(sizes)
    ]
    return pa.Table.from_pylist(rows, schema=IDENTITY_HEALTH.schema)


@pytest.mark.parametrize(
    ("earlier", "today", "is_alarm"),
    [
        pytest.param((), 5_000, False, id="nothing to compare with"),
        pytest.param((30, 31, 30), 299, False, id="below ten times"),
        pytest.param((30, 31, 30), 300, True, id="ten times"),
        pytest.param((3, 3, 3), 60, False, id="small profiles grow"),
        pytest.param((30, 30, 4_000), 4_000, True, id="still there a day later"),
    ],
)
def test_a_profile_ten_times_the_usual_is_an_alarm(
    earlier: tuple[int, ...], today: int, is_alarm: bool
) -> None:
    assert (giant(sized(today), sized(*earlier)) is not None) == is_alarm


def test_every_link_and_identifier_is_counted_once() -> None:
    ann, kiosk = ("user_id", "u-ann"), ("cookie_id", "kiosk")
    records: list[Record] = [
        ("a/s/1", 0, [ann, ("email", "ann@x.example"), kiosk]),
        ("a/s/2", 0, [("user_id", "u-bo"), kiosk]),
        ("a/s/3", 0, [("user_id", "null"), ("email", "nobody")]),
    ]
    found = resolve(observed(records), secret=SECRET)
    rows = health(found.identifiers, found.links, {"a": (4, 3), "b": (0, 0)}, day=DAY).to_pylist()
    told = {(row["metric"], row["of"]): row["value"] for row in rows}
    assert told == {
        ("profiles", "all"): 2,
        ("identifiers_per_profile", "mean"): 1.5,
        ("identifiers_per_profile", "99th percentile"): 1.99,
        ("largest_profile", "all"): 2,
        ("profile_size_by_rank", "1"): 2,
        ("profile_size_by_rank", "2"): 1,
        ("identifiers", "active"): 3,
        ("identifiers", "invalid"): 1,
        ("identifiers", "placeholder"): 1,
        ("identifiers", "shared"): 1,
        ("shared_identifiers", "cookie_id"): 1,
        ("links_accepted", "co_observed"): 1,
        ("links_refused", "an end is placeholder"): 1,
        ("links_refused", "an end is shared"): 3,
        ("share_resolved", "a"): 0.75,
    }


def test_the_asset_writes_its_day_and_the_check_fails_on_a_giant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    lake = fill(tmp_path)
    monkeypatch.setenv("JOURNEY_NOW", "2026-03-10T12:00:00+00:00")
    run(tmp_path)
    shares = {
        row["of"]: row["value"]
        for row in lake.read(IDENTITY_HEALTH).to_pylist()
        if row["metric"] == "share_resolved"
    }
    assert shares == {"matomo": 1.0, "zendesk": 1.0}
    one = lake.read(IDENTIFIERS_TABLE).slice(0, 1).to_pylist()[0]
    many = [{**one, "identifier_key": n, "person_key": 1} for n in range(500)]
    giants = pa.Table.from_pylist(many, schema=IDENTIFIERS_TABLE.schema)
    lake.replace_all(IDENTIFIERS_TABLE, giants, run_id="giant")
    monkeypatch.setenv("JOURNEY_NOW", "2026-03-11T12:00:00+00:00")
    result = dg.materialize(health_assets(), resources={"platform": Platform()})
    (check,) = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed) == (NO_GIANT, False)
    assert check.metadata["reason"].value == "the largest profile holds 500 identifiers, where 20 is usual"

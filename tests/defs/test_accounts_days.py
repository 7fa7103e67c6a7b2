"""Which days of KPI values a change of an account's users or milestones concerns."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from journey_platform.defs.accounts import days_of_accounts, days_of_users
from journey_platform.defs.platform import Platform
from journey_platform.tables import ACCOUNT_JOURNEYS, ACCOUNT_USERS, Table

TODAY = date(2026, 3, 12)
D1, D2 = date(2026, 3, 3), date(2026, 3, 9)
USER: dict[str, Any] = {
    "account_key": 1,
    "person_key": 2,
    "days": [D1],
    "first_use_day": D1,
    "is_added": False,
    "is_steady": False,
    "features": [{"day": D1, "feature": "export"}],
}
ACCOUNT: dict[str, Any] = {"account_key": 1, "milestones": [f"{D1} contract_signed"], "shaped_day": None}


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Platform:
    monkeypatch.setenv("JOURNEY_ROOT", str(tmp_path))
    monkeypatch.setenv("JOURNEY_ZONE", "UTC")
    monkeypatch.setenv("JOURNEY_START_DATE", "2026-03-01")
    monkeypatch.setenv("JOURNEY_NOW", f"{TODAY}T06:00:00+00:00")
    monkeypatch.setenv("JOURNEY_SOURCES", "matomo")
    monkeypatch.setenv("JOURNEY_PSEUDONYM_KEY", "any long text")
    for name, value in (("BASE_URL", "http://127.0.0.1:1"), ("TOKEN", "x"), ("SITE_ID", "1")):
        monkeypatch.setenv(f"MATOMO_{name}", value)
    return Platform()


def since(first: date) -> set[date]:
    return {first + timedelta(days=n) for n in range((TODAY - first).days + 1)}


def changed(
    platform: Platform,
    table: Table,
    days_of: Callable[..., set[date]],
    old: dict[str, Any],
    new: dict[str, Any],
) -> set[date]:
    platform.lake.replace_all(table, pa.Table.from_pylist([old], schema=table.schema), run_id="one")
    before = platform.lake.version(table)
    platform.lake.replace_all(table, pa.Table.from_pylist([new], schema=table.schema), run_id="two")
    return days_of(platform, before)


@pytest.mark.parametrize(
    ("change", "days"),
    [
        pytest.param({"days": [D1, D2]}, {D2}, id="another day with use"),
        pytest.param({"features": []}, {D1}, id="a feature less"),
        pytest.param(
            {"features": [*USER["features"], {"day": D2, "feature": "export"}]}, {D2}, id="again, later"
        ),
        pytest.param(
            {"invited_day": D2, "invited_at": datetime(2026, 3, 9, 8, tzinfo=UTC)},
            since(D1),
            id="an invitation: all since the first that is told",
        ),
        pytest.param({"is_steady": True}, since(D1), id="live at another time"),
    ],
)
def test_a_user_who_changes_concerns(platform: Platform, change: dict[str, Any], days: set[date]) -> None:
    assert changed(platform, ACCOUNT_USERS, days_of_users, USER, {**USER, **change}) == days


def test_an_account_with_another_milestone_concerns_the_days_of_all(platform: Platform) -> None:
    new = {**ACCOUNT, "milestones": [*ACCOUNT["milestones"], f"{D2} contract_renewed"]}
    assert changed(platform, ACCOUNT_JOURNEYS, days_of_accounts, ACCOUNT, new) == {D1, D2}

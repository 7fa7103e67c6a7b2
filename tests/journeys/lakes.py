"""A small lake of random touchpoints and profiles, and the settings to ask it."""

from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa

from journey_platform.lake import Lake
from journey_platform.tables import ACCOUNT_MEMBERS_TABLE, JOURNEY_TOUCHPOINTS, PROFILES_TABLE
from tests.journeys.brute import START, random_history

FIRST, LAST = START.date(), START.date() + timedelta(days=11)


def made_lake(folder: Path, rows: pa.Table | None = None) -> Lake:
    """Touchpoints of twelve persons over twelve days, half of them of one account."""
    lake = Lake(str(folder))
    touched = random_history(3) if rows is None else rows
    days = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
    kept = touched.filter(pa.compute.is_in(touched["day"], pa.array(days, pa.date32())))
    lake.replace_days(JOURNEY_TOUCHPOINTS, kept, days, run_id="made", allow_shrink=True)
    people = sorted(set(touched["person_key"].drop_null().to_pylist()))
    profiles = [
        {
            "person_key": person,
            "profile_id": f"P{person}",
            "plan": "month" if person % 3 else "year",
        }
        for person in people
    ]
    lake.replace_all(
        PROFILES_TABLE, pa.Table.from_pylist(profiles, schema=PROFILES_TABLE.schema), run_id="made"
    )
    members = [{"account_key": 77, "person_key": person} for person in people if person % 2]
    table = ACCOUNT_MEMBERS_TABLE
    lake.replace_all(table, pa.Table.from_pylist(members, schema=table.schema), run_id="made")
    return lake


def settings_of(folder: Path, journeys: Path | None = None) -> dict[str, str]:
    """The environment of an installation over that lake, the day after its last."""
    return {
        "JOURNEY_ROOT": str(folder),
        "JOURNEY_ZONE": "UTC",
        "JOURNEY_START_DATE": FIRST.isoformat(),
        "JOURNEY_NOW": f"{LAST + timedelta(days=1)}T06:00:00+00:00",
        "JOURNEY_PSEUDONYM_KEY": "any long text",
        "JOURNEY_SOURCES": "matomo",
        "MATOMO_BASE_URL": "http://127.0.0.1:9",
        "MATOMO_TOKEN": "none",
        "MATOMO_SITE_ID": "1",
        **({"JOURNEY_JOURNEYS": str(journeys)} if journeys else {}),
    }


def day(number: int) -> date:
    return FIRST + timedelta(days=number)

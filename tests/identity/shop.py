"""A small shop's lake: three customers, a kiosk and a family's mailbox, over four days; and runs over it."""

import shutil
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from journey_platform.defs.customers import customer_assets
from journey_platform.defs.health import health_assets
from journey_platform.defs.journeys import journey_assets
from journey_platform.defs.partitions import daily_partitions
from journey_platform.defs.platform import Platform
from journey_platform.identity.keys import identifier_key
from journey_platform.lake import Lake
from journey_platform.settings import load
from journey_platform.tables import ORGANIZATION_MEMBERS, ORGANIZATIONS, contacts_table, touchpoints_table

DAY = date(2026, 3, 2)
SOURCES = ("matomo", "zendesk")
SECRET = "a long random text for tests only"

Identifier = tuple[str, str]
Say = Callable[..., list[str]]
"""The fixture `say`: words of `journey identity`, to what it answers, by line."""

VISITS: tuple[tuple[int, tuple[Identifier, ...]], ...] = (
    (0, (("cookie_id", "c-ann"), ("user_id", "u-ann"))),
    (1, (("cookie_id", "c-ann"),)),
    (1, (("cookie_id", "c-bo"), ("user_id", "u-bo"))),
    (2, (("cookie_id", "c-stray"),)),
    (2, (("cookie_id", "kiosk"), ("user_id", "u-ann"))),
    (3, (("cookie_id", "kiosk"), ("user_id", "u-bo"))),
    (3, (("cookie_id", "c-bo"),)),
)
"""(day, identifiers) of one page view each."""
PEOPLE: tuple[tuple[Identifier, ...], ...] = (
    (("zendesk_user_id", "1"), ("email", "Ann@shop.example"), ("user_id", "u-ann")),
    (("zendesk_user_id", "2"), ("email", "bo@shop.example"), ("user_id", "u-bo")),
    (("zendesk_user_id", "3"), ("email", "cy@shop.example"), ("phone", "+31 6 1234 5678")),
)
TICKETS: tuple[tuple[int, str], ...] = ((1, "1"), (3, "3"))
"""(day, requester)."""


def key(kind: str, value: str) -> int:
    return identifier_key(SECRET.encode(), kind, value)


def environment(root: Path) -> dict[str, str]:
    return {
        "JOURNEY_ROOT": str(root),
        "JOURNEY_ZONE": "UTC",
        "JOURNEY_START_DATE": DAY.isoformat(),
        "JOURNEY_SOURCES": ",".join(SOURCES),
        "JOURNEY_PSEUDONYM_KEY": SECRET,
        "MATOMO_BASE_URL": "http://127.0.0.1:1",
        "MATOMO_TOKEN": "token",
        "MATOMO_SITE_ID": "1",
        "ZENDESK_BASE_URL": "http://127.0.0.1:1",
        "ZENDESK_EMAIL": "agent@shop.example",
        "ZENDESK_TOKEN": "token",
    }


def enter(root: Path, patch: pytest.MonkeyPatch) -> None:
    """Commands and runs find the shop in `root`."""
    for name, value in environment(root).items():
        patch.setenv(name, value)


def filled(root: Path) -> Path:
    """`root` with the shop's lake after a run."""
    with pytest.MonkeyPatch.context() as patch:
        enter(root, patch)
        fill(root)
        run(root)
    return root


def reopened(shop: Path, root: Path, patch: pytest.MonkeyPatch) -> Lake:
    """A copy of a filled shop in `root`."""
    enter(root, patch)
    shutil.copytree(shop, root, dirs_exist_ok=True)
    return Lake(str(root))


def fill(root: Path) -> Lake:
    """Touchpoints, contacts and organisations as mapping leaves them; one of these is named by a person."""
    lake = Lake(str(root))
    touches = [
        *(touch("matomo", "visits", "page_view", f"v{n}", *visit) for n, visit in enumerate(VISITS)),
        *(
            touch("zendesk", "tickets", "ticket_created", f"t{n}", day, (("zendesk_user_id", who),))
            for n, (day, who) in enumerate(TICKETS)
        ),
    ]
    for vendor in SOURCES:
        table = touchpoints_table(vendor)
        rows = pa.Table.from_pylist([t for t in touches if t["vendor"] == vendor], schema=table.schema)
        lake.replace_days(table, rows, [DAY + timedelta(days=n) for n in range(4)], run_id="fill")
    contacts = contacts_table("zendesk")
    said = [
        {
            "day": DAY,
            "contact_id": f"zendesk/users/{n}@0",
            "observed_at": moment(0),
            "vendor": "zendesk",
            "stream": "users",
            "record_key": str(n),
            "identifiers": _pairs(identifiers),
            "attributes": [{"name": "email", "value": dict(identifiers)["email"]}],
        }
        for n, identifiers in enumerate(PEOPLE)
    ]
    lake.replace_days(contacts, pa.Table.from_pylist(said, schema=contacts.schema), [DAY], run_id="fill")
    kept = [
        {"organization": f"zendesk:{n}", "name": name, "domains": [], "changed_at": moment(0)}
        for n, name in enumerate(("Bakery of Ann@shop.example", "Eik Works"))
    ]
    lake.replace_all(ORGANIZATIONS, pa.Table.from_pylist(kept, schema=ORGANIZATIONS.schema), run_id="fill")
    members = [
        {
            "contact_id": f"zendesk/organization_memberships/{user}#1@0",
            "vendor": "zendesk",
            "record": f"zendesk/users/{user}",
            "organization": "zendesk:1",
            "identifiers": _pairs((("zendesk_user_id", user),)),
            "is_default": False,
            "observed_at": moment(0),
        }
        for user in ("1", "3")
    ]
    listed = pa.Table.from_pylist(members, schema=ORGANIZATION_MEMBERS.schema)
    lake.replace_all(ORGANIZATION_MEMBERS, listed, run_id="fill")
    return lake


def run(root: Path) -> dg.ExecuteInProcessResult:
    """Identity, profiles, and the touchpoints of the days that identity changed."""
    partitions = daily_partitions(load(environment(root)))
    touchpoints = next(
        a for a in journey_assets(SOURCES, partitions) if a.key == dg.AssetKey(("journeys", "touchpoints"))
    )
    resources = {"platform": Platform()}
    customers = dg.materialize(customer_assets(SOURCES, has_probabilistic_links=False), resources=resources)
    assert customers.success
    assert dg.materialize([touchpoints], resources=resources, partition_key=DAY.isoformat()).success
    assert dg.materialize(health_assets(), resources=resources).success
    return customers


def touch(
    vendor: str, stream: str, kind: str, key: str, day: int, identifiers: tuple[Identifier, ...]
) -> dict[str, object]:
    return {
        "day": DAY + timedelta(days=day),
        "touchpoint_id": f"{vendor}/{stream}/{key}",
        "occurred_at": moment(day),
        "vendor": vendor,
        "stream": stream,
        "record_key": key,
        "channel": "web",
        "type": kind,
        "identifiers": _pairs(identifiers),
        "is_bot": False,
        "is_machine": False,
    }


def moment(day: int) -> datetime:
    return datetime(DAY.year, DAY.month, DAY.day, 9, tzinfo=UTC) + timedelta(days=day)


def _pairs(identifiers: Iterable[Identifier]) -> list[dict[str, str]]:
    return [{"kind": kind, "value": value} for kind, value in identifiers]

"""The demo company's three stories, told by the journeys that are declared, from the vendors' raw
responses."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from journey_platform.demo.calendar import Calendar
from journey_platform.demo.company import build_world
from journey_platform.demo.people import cast
from journey_platform.demo.stories import Plot, plot
from journey_platform.demo.vendors.server import serve
from journey_platform.tables import ACTIVITY, FRICTION, FUNNELS, PATHS, Table
from tests.runs import contents
from tests.runs.running import PROJECT, ZONE, Installation, Order

FIRST = date(2026, 10, 5)
LAST = FIRST + timedelta(days=34)
CUSTOMERS, SEED = 130, 7

pytestmark = pytest.mark.chaos


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The lake after one daily run over five weeks."""
    world = build_world(seed=SEED, customers=CUSTOMERS, first_day=FIRST, last_day=LAST, zone=ZONE)
    world.outages.clear()
    with serve(world) as served:
        installation = Installation.at(
            tmp_path_factory.mktemp("stories"),
            served.environment,
            start=FIRST,
            now=served.now,
            JOURNEY_JOURNEYS=str(PROJECT / "journeys.yaml"),
            JOURNEY_SOURCES="matomo,mailchimp,zendesk,qualtrics",
        )
        assert installation.run(Order(FIRST, LAST)).failures == {}
        yield installation.lake


@pytest.fixture(scope="module")
def story() -> Plot:
    from zoneinfo import ZoneInfo

    calendar = Calendar(ZoneInfo(ZONE), FIRST, LAST)
    return plot(SEED, cast(SEED, CUSTOMERS, calendar), calendar)


def rows(lake: Path, table: Table, name: str) -> list[dict[str, Any]]:
    return [row for row in contents.rows(lake, table) if row["name"] == name]


def test_software_a_feature_that_many_struggle_with_comes_before_they_give_up(told: Path) -> None:
    scores = {row["page"]: row["score"] for row in rows(told, FRICTION, "site") if row["signal"] == "score"}
    assert max(set(scores) - {"all"}, key=scores.__getitem__) == "/app/reports/export"
    steps = {(row["by"], row["step_name"]): row for row in rows(told, FUNNELS, "struggled_then_asked")}
    assert steps["all", "asks for help"]["units"] > 0
    # Who gave up had failed more often than who stays.
    share = {by: steps[by, "export fails"]["conversion"] for by in ("gave_up", "stays")}
    assert share["gave_up"] > share["stays"]


def test_shop_carts_of_those_who_came_from_social_networks_are_left_for_the_shipping_costs(
    told: Path,
) -> None:
    found = {row["step_name"]: row for row in rows(told, FUNNELS, "discovered_then_bought")}
    entered = found["from social networks"]
    assert entered["units"] + entered["immature"] > 0
    links = [row for row in rows(told, PATHS, "why_carts_are_left") if row["part"] == "link"]
    reasons: dict[str, int] = {}
    for row in links:
        reasons[row["source"]] = reasons.get(row["source"], 0) + row["paths"]
    assert max(reasons, key=reasons.__getitem__) == "shipping costs"
    before = {row["target"] for row in links if row["source"] == "shipping costs"}
    assert "cart of a visit from social networks" in before


def test_telecom_contacts_come_again_until_the_repair_and_then_stop(told: Path, story: Plot) -> None:
    steps = [row["units"] for row in rows(told, FUNNELS, "called_again")]
    assert steps[0] > steps[1] > 0
    weeks = {
        row["period"]: row["value"]
        for row in rows(told, ACTIVITY, "router_contacts")
        if row["measure"] == "active"
    }
    repaired, updated = story.router_repaired_at.date(), story.router_updated_at.date()
    during = [n for week, n in weeks.items() if updated <= week + timedelta(days=6) and week <= repaired]
    after = [n for week, n in weeks.items() if week > repaired + timedelta(days=4)]
    assert max(during) >= 3
    assert sum(after) == 0
    assert after

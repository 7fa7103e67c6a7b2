"""Somebody is erased while a run reads and writes them: the run itself leaves nothing of them behind."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from connectors.base import Page, Record
from journey_platform.defs.platform import Platform
from journey_platform.identity.keys import identifier_key
from journey_platform.lake import Lake
from journey_platform.landing import land_events, land_versions
from journey_platform.landing.checkpoint import checkpoint
from journey_platform.settings import load
from journey_platform.stewardship.erasing import erase, look_again
from journey_platform.stewardship.personal import personal_tables
from journey_platform.stewardship.whom import erased_of
from journey_platform.tables import ERASURES, raw_table
from tests.identity.remains import Traces
from tests.identity.shop import DAY, SECRET, filled, reopened
from tests.runs.definition_set import definitions

ANN = ("u-ann", "c-ann", "ann@shop.example")
NOW = datetime(2026, 3, 9, tzinfo=UTC)
USERS = raw_table("zendesk", "users", "", is_entity=True)
VISITS = raw_table("matomo", "visits", "", is_entity=False)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled(tmp_path_factory.mktemp("shop"))


@pytest.fixture
def lake(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    return reopened(shop, tmp_path, monkeypatch)


def ann_is_erased(lake: Lake) -> None:
    key = identifier_key(SECRET.encode(), "user_id", "u-ann")
    erase(lake, load(), key, secret=SECRET.encode(), who="kim", why="a letter", now=NOW)


def pages(*bodies: dict[str, object], between: Callable[[], None]) -> Iterator[Page]:
    """A page a record, and something that happens before the last."""
    for number, body in enumerate(bodies):
        if number == len(bodies) - 1:
            between()
        yield Page([Record(str(number), datetime(2026, 3, 2, 9, tzinfo=UTC), json.dumps(body).encode())])


def nothing() -> None:
    pass


@pytest.mark.parametrize("moment", ["while it reads", "after it has committed"])
@pytest.mark.parametrize("kind", ["events", "state"])
def test_a_pull_that_was_under_way_leaves_nothing_of_the_person(
    lake: Lake, tmp_path: Path, kind: str, moment: str
) -> None:
    def erasing() -> None:
        ann_is_erased(lake)

    during, after = (erasing, nothing) if moment == "while it reads" else (nothing, erasing)
    visits = pages(
        {"idVisit": 1, "visitorId": "c-ann", "userId": "u-ann"},
        {"idVisit": 2, "visitorId": "c-bo", "userId": "u-bo"},
        between=during,
    )
    users = pages(
        {"id": 1, "email": "ann@shop.example", "external_id": "u-ann"},
        {"id": 2, "email": "bo@shop.example", "external_id": "u-bo"},
        between=during,
    )
    with Platform().minding_erasures() as erased:
        if kind == "events":
            land_events(lake, VISITS, visits, [DAY], zone="UTC", run_id="r", extracted_at=NOW, erased=erased)
        else:
            land_versions(lake, USERS, users, zone="UTC", run_id="r", extracted_at=NOW, erased=erased)
        after()
    table = VISITS if kind == "events" else USERS
    assert lake.read(table)["record_key"].to_pylist() == ["1"], "Bo's record is there, and only his"
    assert Traces(ANN).in_folder(tmp_path) == set()
    if kind == "state":
        assert checkpoint(lake, table) is not None


def test_without_an_erasure_meanwhile_nothing_is_looked_through(lake: Lake) -> None:
    ann_is_erased(lake)
    receipt = lake.version(ERASURES)
    with Platform().minding_erasures() as erased:
        bo = pages({"idVisit": 2, "visitorId": "c-bo", "userId": "u-bo"}, between=nothing)
        land_events(lake, VISITS, bo, [DAY], zone="UTC", run_id="r", extracted_at=NOW, erased=erased)
    assert lake.version(ERASURES) == receipt


def test_what_was_committed_while_an_erasure_looked_through_the_tables_is_looked_at_next_time(
    lake: Lake, tmp_path: Path
) -> None:
    """The receipt says up to which versions the tables were looked through: those before it began."""
    stale = erased_of(lake, secret=SECRET.encode(), settings=load())
    seen = {table.name: lake.version(table) for table in personal_tables()}
    ann_is_erased(lake)
    cursor = json.loads(lake.cursor(ERASURES) or "{}")
    assert cursor == seen
    ann = pages({"idVisit": 1, "visitorId": "c-ann", "userId": "u-ann"}, between=nothing)
    land_events(lake, VISITS, ann, [DAY], zone="UTC", run_id="r", extracted_at=NOW, erased=stale)
    assert Traces(ANN).in_folder(tmp_path) != set()
    look_again(lake, load(), secret=SECRET.encode(), now=NOW)
    assert Traces(ANN).in_folder(tmp_path) == set()


def test_the_look_again_comes_after_every_table_of_persons() -> None:
    """What a run computed from rows it had read before the decision goes by the end of that run. The day that
    is not over is made by runs of its own, which look at the ledger after their commit."""
    graph = definitions().resolve_asset_graph()
    upstream = set(dg.AssetSelection.assets(ERASURES.key).upstream().resolve(graph))
    there = set(graph.get_all_asset_keys())
    held = [table for table in personal_tables() if table.key[0] != "today"]
    wanted = {dg.AssetKey(table.key) for table in held} & there
    assert len(wanted) > 30
    assert wanted <= upstream

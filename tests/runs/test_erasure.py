"""A person is erased whom all sources go on sending: nothing of them is left, and nothing comes back.

Looked through byte by byte and column by column: the lake with its logs, quarantine and quality site,
DAGSTER_HOME with its databases, and everything that runs and commands have printed.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from journey_platform.defs.restatements import MATURE_STAND
from journey_platform.demo.company import build_world
from journey_platform.demo.vendors.server import serve
from journey_platform.demo.world import Customer, Malformed, World
from journey_platform.lake import Lake
from journey_platform.tables import (
    ERASURES,
    IDENTIFIERS_TABLE,
    PROFILES_TABLE,
    QUARANTINE,
    RESTATEMENTS,
    SESSIONS,
    contacts_table,
    touchpoints_table,
)
from tests.identity.remains import Traces
from tests.runs import contents
from tests.runs.conftest import LAST
from tests.runs.running import PROJECT, Installation, Order

pytestmark = pytest.mark.chaos

LEDGER = (("customers", "decisions"), ("customers", "erasures"))


@dataclass(frozen=True)
class Erasure:
    """The installation after the erasure and a backfill of all days; and what was there before.

    `world`: what the sources send, of `whole`'s days; `profile`: whose was erased. `before`: words with the
    file in which they stood; `people`: the profiles' emails; `swept`: fingerprints after the erasure and what
    follows from it, before anything was read again.
    `alarms`: the checks that failed before the erasure, when its days were derived, and after the backfill.
    """

    world: World
    whole: Order
    profile: int
    installation: Installation
    traces: Traces
    words: frozenset[str]
    before: set[tuple[str, str]]
    people: dict[int, str | None]
    swept: contents.Fingerprints
    said: str
    alarms: list[set[str]]


def planted(world: World) -> tuple[World, Customer]:
    """The world with one customer known to every vendor, also by broken records and a mention."""
    person = world.customers[0]
    name = f"{person.first_name} {person.last_name}"
    handle = f"{name.replace(' ', '_').lower()}_1@social.example"
    members = [replace(m, handle=handle) if m.email == person.emails[0] else m for m in world.members]
    mine = next(place for place, post in enumerate(world.posts) if not post.is_brand)
    posts = list(world.posts)
    posts[mine] = replace(posts[mine], handle=handle, account_id=114_999_999, display_name=name)
    told = f"{name} <{person.emails[0].upper()}>"
    broken = [
        Malformed(m.vendor, m.stream, m.day, m.json_text[:-1] + f',"told_by":"{told}"}}')
        for m in world.malformed
    ]
    # An activity has no id of its own: the broken one of the same moment stands in its place.
    others = [m for m in world.malformed if m.vendor != "mailchimp"]
    person = replace(person, handle=handle)
    return replace(world, members=members, posts=posts, malformed=[*others, *broken]), person


def words_of(world: World, person: Customer) -> frozenset[str]:
    assert person.handle is not None
    assert person.user_id is not None
    user = next(user for user in world.support_users if user.external_id == person.user_id)
    spelled = {phone for phone in (person.phone, user.phone) if phone}
    name = f"{person.first_name} {person.last_name}"
    return frozenset(
        {*person.emails, *spelled, *person.cookies, person.user_id, person.handle, name, str(user.user_id)}
    )


def say(installation: Installation, *words: str) -> str:
    """A command as somebody types it; what it prints is kept among the installation's files."""
    done = subprocess.run(
        [sys.executable, "-m", "journey_platform.cli", *words],
        env={**installation.environment, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
    )
    (installation.folder / f"said-{words[1]}.out").write_text(done.stdout + done.stderr)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((60, 14), id="two weeks"),
        pytest.param((40, 90), id="90 days"),
    ],
)
def erasure(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Erasure]:
    customers, days = request.param
    whole = Order(LAST - timedelta(days=days - 1), LAST)
    world = build_world(customers=customers, first_day=whole.first, last_day=whole.last)
    sent, person = planted(replace(world, outages=[]))
    words = words_of(sent, person)
    traces = Traces(words)
    with serve(sent) as served:
        folder = tmp_path_factory.mktemp("erasure")
        installation = Installation.at(folder, served.environment, start=whole.first, now=served.now)
        first = installation.run(whole)
        assert first.failures == {}
        lake = Lake(str(installation.lake))
        before = traces.in_folder(installation.lake)
        people = {r["person_key"]: r["email"] for r in lake.read(PROFILES_TABLE).to_pylist()}
        known = lake.read(IDENTIFIERS_TABLE).to_pylist()
        (profile,) = {row["person_key"] for row in known if row["value"] == person.user_id}
        broken_day = sent.malformed[0].day
        recorded = Order(broken_day, broken_day, is_recorded=True)
        assert installation.run(recorded).failures == {}
        said = say(
            installation, "identity", "erase", f"email:{person.emails[0]}", "--by", "kim", "--why", "a letter"
        )
        derived = installation.run(replace(whole, job="rederive"))
        assert derived.failures == {}
        swept = contents.fingerprints(installation.lake)
        assert installation.run(recorded).failures == {}
        again = installation.run(whole)
        assert again.failures == {}
        alarms = [set(run.failed_checks) for run in (first, derived, again)]
        yield Erasure(sent, whole, profile, installation, traces, words, before, people, swept, said, alarms)


def test_before_the_erasure_the_person_is_found_everywhere(erasure: Erasure) -> None:
    """Otherwise finding nothing would say nothing."""
    assert {word for word, _ in erasure.before} == erasure.words
    tables = {"/".join(Path(file).parts[:2]) for _, file in erasure.before}
    assert tables >= {
        "raw/matomo",
        "raw/mailchimp",
        "raw/zendesk",
        "raw/qualtrics",
        "raw/mastodon",
        *(touchpoints_table(v).name for v in ("matomo", "mailchimp", "zendesk", "qualtrics", "mastodon")),
        *(contacts_table(v).name for v in ("mailchimp", "zendesk", "qualtrics", "mastodon")),
        "customers/identifiers",
        "customers/links",
        "customers/profiles",
        "customers/profile_attributes",
        QUARANTINE.name,
    }


def test_nothing_is_left_after_a_backfill_of_all_days(erasure: Erasure) -> None:
    names = {path.name for path in erasure.installation.folder.rglob("*")}
    assert {"index.db", "runs.db", "run-0.out", "said-erase.out"} <= names
    assert erasure.traces.in_folder(erasure.installation.folder) == set()


def test_everybody_else_is_as_before(erasure: Erasure) -> None:
    lake = Lake(str(erasure.installation.lake))
    now = {r["person_key"]: r["email"] for r in lake.read(PROFILES_TABLE).to_pylist()}
    gone = erasure.people.keys() - now.keys()
    assert gone == {erasure.profile}
    assert now == {person: erasure.people[person] for person in now}
    sessions = lake.read(SESSIONS)["person_key"].to_pylist()
    assert not gone & {*sessions}


def test_no_check_takes_an_erasure_for_a_loss(erasure: Erasure) -> None:
    """Only the restatements say that mature values moved, as they say of every meant correction."""
    before, derived, again = erasure.alarms
    restated = f"{RESTATEMENTS.name}:{MATURE_STAND}"
    assert derived <= before | {restated}
    assert again <= before | {restated}


def test_what_the_erasure_changed_of_published_values_is_told_as_such(erasure: Erasure) -> None:
    rows = Lake(str(erasure.installation.lake)).read(RESTATEMENTS).to_pylist()
    kinds = {cause["kind"] for row in rows for cause in row["causes"]}
    assert "erasure" in kinds
    assert "unexplained" not in kinds


def test_reading_all_days_again_changes_nothing(erasure: Erasure) -> None:
    found = contents.fingerprints(erasure.installation.lake)
    assert contents.differences(found, erasure.swept) == {}


@pytest.mark.chaos
def test_a_rebuild_from_nothing_but_the_ledger_is_the_same(erasure: Erasure) -> None:
    """The sources send everything anew; cursors, archives and profiles are gone."""
    installation = erasure.installation
    with serve(erasure.world) as served:
        again = Installation(installation.folder, {**installation.environment, **served.environment})
        for folder in sorted(installation.lake.glob("*/*")):
            if folder.relative_to(installation.lake).parts not in LEDGER:
                shutil.rmtree(folder) if folder.is_dir() else folder.unlink()
        assert again.run(erasure.whole).failures == {}
    assert erasure.traces.in_folder(installation.folder) == set()
    found = contents.fingerprints(installation.lake)
    assert contents.differences(found, erasure.swept) == {}


def test_the_receipt_names_what_was_touched(erasure: Erasure) -> None:
    rows = Lake(str(erasure.installation.lake)).read(ERASURES).to_pylist()
    touched = {row["table"] for row in rows if row["rows_removed"]}
    assert touched >= {"raw/zendesk/users", "raw/mailchimp/members", IDENTIFIERS_TABLE.name, QUARANTINE.name}
    assert "raw/zendesk/users" in erasure.said

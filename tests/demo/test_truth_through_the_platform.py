"""The demo company, read by the connectors from its vendors and computed by the domain, equals its truth.

Exactly: profiles, shared identifiers, every part of every KPI, and the counts of what was refused. The files
that the company's own systems drop are read, too. The lake's days, the gate and the orchestrator have no part
in it.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from connectors.base import Window
from connectors.config import from_environment
from connectors.registry import CONNECTORS, FILES, connector_of
from journey_platform.demo.company import build_world
from journey_platform.demo.filing import drop
from journey_platform.demo.truth import Identifier, partition
from journey_platform.demo.vendors.server import Served, serve
from journey_platform.demo.world import World
from journey_platform.engine import Engine
from journey_platform.identity.assign import assign
from journey_platform.identity.declared import declared_links
from journey_platform.identity.households import households
from journey_platform.identity.observations import observations
from journey_platform.identity.resolve import resolve
from journey_platform.journeys.accounts import AccountJourneys, account_journeys, deals, use
from journey_platform.journeys.answers import Asked, Span
from journey_platform.journeys.declared import load
from journey_platform.journeys.heard import agreement, heard
from journey_platform.journeys.sentiment import sentiment
from journey_platform.journeys.sessions import sessions
from journey_platform.journeys.tickets import tickets, with_working_time
from journey_platform.kpis.catalogue import KPIS
from journey_platform.lake import Lake
from journey_platform.profiles.accounts import accounts
from journey_platform.profiles.profiles import profiles
from journey_platform.profiles.survivorship import survivors
from journey_platform.sources import file_mapping
from journey_platform.tables import (
    ACCOUNT_JOURNEYS,
    ACCOUNT_USERS,
    CONTRACTS,
    JOURNEY_TOUCHPOINTS,
    MAILINGS,
    PROFILES_TABLE,
    SENTIMENT,
    SESSIONS,
    TICKETS,
    raw_table,
)
from journey_platform.touchpoints.mailings import mailings
from journey_platform.touchpoints.organizations import organization_members, organizations
from journey_platform.touchpoints.vendors import MAPPINGS, Mapper
from tests.connectors.controlled_clock import ControlledClock
from tests.demo.naive import channel
from tests.demo.naive import sessions as sessions_of
from tests.demo.naive_commerce import buyer
from tests.demo.naive_people import Recount
from tests.kpis import made

SECRET = b"a key for tests only"
ZONE = "Europe/Amsterdam"
JOURNEYS = Path(__file__).resolve().parents[2] / "journeys.yaml"


@dataclass
class Outcome:
    """What came of the world: `refused` counts (vendor, reason) of connectors and mappings."""

    world: World
    profiles: set[frozenset[Identifier]]
    shared: set[Identifier]
    parts: dict[tuple[str, str, date, str], tuple[float, float | None]]
    refused: Counter[str]
    households: set[frozenset[int]]
    accounts: dict[str, set[int]]
    companies: dict[str, dict[str, Any]]
    roles: dict[int, str | None]
    journeys: AccountJourneys
    acts_of_accounts: pa.Table
    heard: pa.Table


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    world = build_world(customers=200, first_day=date(2026, 10, 1), last_day=date(2026, 11, 11), zone=ZONE)
    return come_of(world, tmp_path_factory, KPIS)


def come_of(world: World, tmp_path_factory: pytest.TempPathFactory, counted: Collection[str]) -> Outcome:
    refused: Counter[str] = Counter()
    folder = tmp_path_factory.mktemp("files")
    drop(world, folder)
    with serve(world) as served:
        for outage in world.outages:
            served.lift_outage(outage.vendor)
        served.environment["JOURNEY_FILES"] = str(folder)
        raw = {vendor: dict(raw_tables(served, vendor, refused)) for vendor in (*CONNECTORS, FILES)}
    mappings = {**MAPPINGS, FILES: file_mapping({"JOURNEY_FILES": str(folder)})}
    return compute(world, raw, mappings, counted, refused, tmp_path_factory.mktemp("lake"))


def raw_tables(served: Served, vendor: str, refused: Counter[str]) -> Iterator[tuple[str, pa.Table]]:
    """Each stream over the whole range, every record once."""
    world, zone = served.world, ZoneInfo(served.world.zone)
    start, end = (
        datetime.combine(day, time(), zone).astimezone(UTC)
        for day in (world.first_day, world.last_day + timedelta(days=1))
    )
    connector_class = connector_of(vendor, served.environment)
    config = from_environment(connector_class.config_class, served.environment)
    connector = connector_class(config, ControlledClock(served.now))
    for stream in connector_class.streams:
        rows: dict[str, tuple[Any, ...]] = {}
        for page in connector.read(stream.name, Window(start, end)):
            refused.update(f"{vendor}.{stream.name}" for _ in page.bad)
            for record in page.records:
                at = record.time or served.now
                day = at.astimezone(zone).date()
                rows[record.key] = (day, record.key, at, served.now, record.body.decode())
        schema = raw_table(vendor, stream.name, "", is_entity=False).schema
        columns = list(zip(*rows.values(), strict=True)) or [()] * len(schema)
        yield (
            stream.name,
            pa.table([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema),
        )


def compute(
    world: World,
    raw: dict[str, dict[str, pa.Table]],
    mappings: Mapping[str, Mapper],
    kpis: Collection[str],
    refused: Counter[str],
    root: Path,
) -> Outcome:
    touchpoints, contacts = [], []
    for vendor, mapping in mappings.items():
        mapped = mapping.touchpoints(raw[vendor], zone=ZONE)
        touchpoints.append(mapped.rows)
        refused.update(f"{vendor}: {row['reason']}" for row in mapped.rejected.to_pylist())
        if mapping.CONTACT_STREAMS:
            contacts.append(mapping.contacts(raw[vendor], zone=ZONE).rows)
    declared = declared_links(touchpoints, contacts, secret=SECRET)
    resolution = resolve(observations(touchpoints, contacts), secret=SECRET, evidence=declared)
    assert {"ticket_requester", "mailing_click"} <= {*declared["rule"].to_pylist()}
    attributes = survivors(contacts, resolution.identifiers, secret=SECRET)
    people = profiles(resolution.identifiers, attributes)
    bodies = organizations(raw["zendesk"]["organizations"])
    listed = organization_members(raw["zendesk"]["organization_memberships"], raw["zendesk"]["users"])
    assert not bodies.rejected.num_rows + listed.rejected.num_rows
    companies, people_of = accounts(contacts, resolution.identifiers, bodies.rows, listed.rows, secret=SECRET)
    assigned = assign(pa.concat_tables(touchpoints), resolution.identifiers, secret=SECRET)
    with Engine(Lake(str(root))) as engine:
        journeys = engine.memtable(assigned)
        kernel = partial(sessions, zone=ZONE)
        visits = engine.map_persons(journeys, kernel, sort_by=("occurred_at", "touchpoint_id"))
        read = {
            JOURNEY_TOUCHPOINTS: assigned,
            SESSIONS: visits,
            MAILINGS: mailings(raw["mailchimp"]["reports"], zone=ZONE).rows,
            PROFILES_TABLE: people,
            SENTIMENT: sentiment(pa.concat_tables(touchpoints)),
            TICKETS: with_working_time(engine.arrow(tickets(journeys)), load(JOURNEYS).business_hours, ZONE),
        }
        told = agreement(engine.arrow(heard(journeys, engine.memtable(visits))), load(JOURNEYS).heard)
        members_of = engine.memtable(people_of)
        business = account_journeys(
            engine.arrow(use(journeys, members_of)), engine.arrow(deals(journeys, members_of)), companies
        )
        read |= {
            CONTRACTS: business.contracts,
            ACCOUNT_JOURNEYS: business.accounts,
            ACCOUNT_USERS: business.users,
        }
    days = made.days(world.first_day - timedelta(days=31), world.last_day)
    in_truth = {key[0] for key in world.truth.kpis_with_files} | REACHED_BY_TOO_FEW
    counted = [name for name in kpis if name in in_truth]
    found = made.count(read, counted, days, as_of=world.last_day + timedelta(days=1))
    parts = {}
    for row in found.to_pylist():
        dimension, value = row["dimension"], row["dimension_value"]
        of = "all" if dimension == "all" else f"{dimension}={value}"
        parts[row["kpi"], row["period"], row["day"], of] = (row["numerator"], row["denominator"])
    members: dict[int, set[Identifier]] = {}
    shared = set()
    for row in resolution.identifiers.to_pylist():
        identifier = (row["kind"], row["value"])
        if row["person_key"] is not None:
            members.setdefault(row["person_key"], set()).add(identifier)
        if row["status"] == "shared":
            shared.add(identifier)
    together: dict[int, set[int]] = {}
    for row in households(resolution.identifiers, resolution.links).to_pylist():
        owner = world.truth.owner_of[min(members[row["person_key"]])]
        together.setdefault(row["household_key"], set()).add(owner)
    name_of = {row["account_key"]: row["name"] for row in companies.to_pylist()}
    of_company: dict[str, set[int]] = {}
    roles = {}
    for row in people_of.to_pylist():
        owner = world.truth.owner_of[min(members[row["person_key"]])]
        of_company.setdefault(name_of[row["account_key"]], set()).add(owner)
        roles[owner] = row["role"] or roles.get(owner)
    return Outcome(
        world=world,
        profiles={frozenset(found) for found in members.values()},
        shared=shared,
        parts=parts,
        refused=refused,
        households={frozenset(owners) for owners in together.values()},
        accounts=of_company,
        companies={row["name"]: row for row in companies.to_pylist()},
        roles=roles,
        journeys=business,
        heard=told,
        acts_of_accounts=assigned.join(
            people_of.select(["person_key", "account_key"]), "person_key", join_type="inner"
        ),
    )


def test_the_profiles_are_those_that_the_evidence_allows(outcome: Outcome) -> None:
    assert outcome.profiles == set(partition(outcome.world.truth))


def test_households_are_listed_apart(outcome: Outcome) -> None:
    """A family has one number; its members are still two people. Companies and kiosks are no families."""
    by_number: dict[str, set[int]] = {}
    for customer in outcome.world.customers:
        by_number.setdefault(customer.phone, set()).add(customer.number)
    families = {frozenset(members) for members in by_number.values() if len(members) > 1}
    assert outcome.households == families
    assert families


def test_the_companies_and_their_people_are_found(outcome: Outcome) -> None:
    """Who is in a company's account is of that company; everybody whom a vendor told of is in."""
    customers = {customer.number: customer for customer in outcome.world.customers}
    told = {member.email.lower() for member in outcome.world.members}
    told |= {(user.email or "").lower() for user in outcome.world.support_users}
    expected: dict[str, set[int]] = {}
    for customer in customers.values():
        if customer.company and told & {*customer.emails}:
            expected.setdefault(customer.company, set()).add(customer.number)
    named = {body.organization_id: body.name for body in outcome.world.organizations}
    for user in outcome.world.support_users:
        if user.organization_id is not None:
            owner = outcome.world.truth.owner_of["zendesk_user_id", str(user.user_id)]
            expected[named[user.organization_id]].add(owner)
    further = [of for of in outcome.world.memberships if not of.is_default]
    assert len(further) == 2, "who keep another company's books"
    for of in further:
        owner = outcome.world.truth.owner_of["zendesk_user_id", str(of.user_id)]
        expected[named[of.organization_id]].add(owner)
    expected = {name: {n for n in of_name if n > 0} for name, of_name in expected.items()}
    # A company's mailbox, which several read, is a profile of its own.
    people = {name: {n for n in of_name if n > 0} for name, of_name in outcome.accounts.items()}
    assert {name: of_name for name, of_name in people.items() if of_name} == expected
    assert len(expected) > 5
    of_two = Counter(number for of_name in expected.values() for number in of_name)
    assert 2 in of_two.values(), "a consultant is of two companies"
    assert outcome.companies.keys() >= {body.name for body in outcome.world.organizations}
    assert all(
        set(body.domain_names) <= {*outcome.companies[body.name]["domains"]}
        and outcome.companies[body.name]["organizations"] == [f"zendesk:{body.organization_id}"]
        for body in outcome.world.organizations
    )


def test_the_roles_follow_from_the_titles(outcome: Outcome) -> None:
    titles = {customer.number: customer.job_title for customer in outcome.world.customers}
    told = {titles[number]: role for number, role in outcome.roles.items() if role is not None}
    assert told == {
        "Planner": "end_user",
        "Head of Operations": "sponsor",
        "Procurement Manager": "buyer",
        "Data Analyst": "end_user",
        "IT Administrator": "it",
        "Coordinator": "end_user",
        "CFO": "buyer",
    }


def test_the_shared_identifiers_are_found(outcome: Outcome) -> None:
    assert outcome.shared == outcome.world.truth.shared


NOT_IN_THE_TRUTH = {"seats_active_before_renewal"}
"""No contract is as old as three months here."""

REACHED_BY_TOO_FEW = {"time_to_convert_median", "time_to_convert_p75", "time_to_half_of_seats"}
"""Fewer than half of this world's newcomers buy, and of its new contracts fill half of the seats."""


@pytest.mark.parametrize("kpi", sorted(KPIS.keys() - NOT_IN_THE_TRUTH - REACHED_BY_TOO_FEW))
def test_every_part_of_the_kpi_equals_the_truth(outcome: Outcome, kpi: str) -> None:
    assert_equals_the_truth(outcome, kpi)


def test_seats_in_use_before_renewals_equal_the_truth_of_a_longer_range(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    world = build_world(customers=40, first_day=date(2026, 1, 3), last_day=date(2026, 5, 2), zone=ZONE)
    assert_equals_the_truth(come_of(world, tmp_path_factory, NOT_IN_THE_TRUTH), *NOT_IN_THE_TRUTH)


def assert_equals_the_truth(outcome: Outcome, kpi: str) -> None:
    truth = {key: parts for key, parts in outcome.world.truth.kpis_with_files.items() if key[0] == kpi}
    assert truth
    # The tally keeps days where days add up, and not every dimension; what it keeps must be all there is.
    kept = {(period, dimension.partition("=")[0]) for _, period, _, dimension in truth}
    computed = {
        key: parts
        for key, parts in outcome.parts.items()
        if key[0] == kpi and (key[1], key[3].partition("=")[0]) in kept and any(parts)
    }
    # Nothing to count may stand as zeros or not at all.
    assert computed == {key: parts for key, parts in truth.items() if any(parts)}


PARTITIONED = [
    name
    for name, kpi in KPIS.items()
    if {"all", "account"} <= {*kpi.dimensions} and kpi.statistic == "ratio" and not kpi.is_share
    if name not in NOT_IN_THE_TRUTH
]


@pytest.mark.parametrize("kpi", PARTITIONED)
def test_accounts_and_people_without_one_add_up_to_all(outcome: Outcome, kpi: str) -> None:
    """Also where people are counted once a period: nobody in this world is of two accounts."""
    totals: dict[tuple[str, str, date], list[float]] = {}
    found = {key: parts for key, parts in outcome.parts.items() if key[0] == kpi and any(parts)}
    for (*of, shown), (above, below) in found.items():
        if shown.startswith("account="):
            sums = totals.setdefault((of[0], of[1], of[2]), [0.0, 0.0])
            sums[0] += above
            sums[1] += below or 0.0
    whole = {(*key[:3],): parts for key, parts in found.items() if key[3] == "all"}
    assert {key: tuple(sums) for key, sums in totals.items()} == {
        key: pytest.approx((above, below or 0.0)) for key, (above, below) in whole.items()
    }
    assert len({key[3] for key in found if key[3].startswith("account=")}) > 1


@pytest.mark.parametrize("kpi", sorted(REACHED_BY_TOO_FEW))
def test_a_quantile_that_too_few_reach_is_null(outcome: Outcome, kpi: str) -> None:
    assert {parts for key, parts in outcome.parts.items() if key[0] == kpi} == {(None, None)}
    assert not [key for key in outcome.world.truth.kpis_with_files if key[0] == kpi]


def test_what_people_say_of_how_they_heard_of_us_stands_beside_their_first_visit(outcome: Outcome) -> None:
    recount = Recount(outcome.world)
    begun = [(visit, actions[0].at) for visit, actions in sessions_of(outcome.world)]
    visits = [(at, recount.visitor(visit), channel(visit)) for visit, at in begun]
    said = [
        ("survey", r.heard_about_us, r.recorded_at, recount.who(("user_id", r.user_id), ("email", r.email)))
        for r in outcome.world.responses
        if r.heard_about_us is not None and r.is_finished and r.distribution != "preview"
    ]
    said += [
        ("commerce", o.heard, o.created_at, buyer(recount, o))
        for o in outcome.world.orders
        if o.heard is not None and not o.is_test
    ]
    expected: Counter[tuple[str, str, str]] = Counter()
    for asked, stated, at, who in said:
        assert stated is not None
        first = min((visit for visit in visits if visit[1] == who), default=None)
        is_before = first is not None and first[0] <= at
        tracked = first[2] if first and is_before else "(no visit before)"
        expected[asked, stated, "(nobody known)" if who is None else tracked] += 1
    rows = outcome.heard.to_pylist()
    assert {(row["asked"], row["stated"], row["tracked"]): row["answers"] for row in rows} == expected
    assert {row["reading"] for row in rows} >= {"agrees", "differs", "decoy", "not tracked"}


def test_the_account_story_is_told_by_its_declared_journeys(outcome: Outcome) -> None:
    """Companies that sign begin some days later and use the reports again and again. One falls silent, its
    contract and all; one gets a user long after the others; others were there before they signed."""
    declared = load(JOURNEYS)
    world = outcome.world
    span = Span(world.first_day, world.last_day, world.zone)
    answered = {}
    for kind, name in (("funnels", "rolled_out"), ("activity", "account_use")):
        asked = Asked(name, declared.named(kind, name), span, declared.segments)
        asked.see(outcome.acts_of_accounts)
        answered[name] = asked.answer().to_pylist()
    steps = {row["step_name"]: row for row in answered["rolled_out"]}
    assert steps["contract"]["units"] >= steps["first user"]["units"] >= steps["report"]["units"] > 0
    assert 2 * 86_400 < steps["first user"]["converters_median_s"] < 8 * 86_400
    journeys = outcome.journeys.accounts.to_pylist()
    assert {row["shape"] for row in journeys} == {"bottom-up", "top-down", None}
    assert {row["added_users"] for row in journeys} == {0, 1}
    churned = {key: parts for key, parts in outcome.parts.items() if key[0] == "silent_churn" and parts[0]}
    [silent] = {key[3] for key in churned if key[3] != "all"}
    [fallen] = [row for row in journeys if f"company={row['company']}" == silent]
    # Who reads only the contract sees nothing of it.
    assert (fallen["shape"], fallen["seats"] > 0) == ("top-down", True)
    weeks = [row["value"] for row in answered["account_use"] if row["measure"] == "active"]
    assert max(weeks) > 3


@pytest.mark.parametrize(
    ("reasons", "counts"),
    [
        pytest.param(
            ("matomo: over a day after it was read", "matomo: over a day before its visit began"),
            ("matomo.actions.skewed",),
            id="skewed clocks",
        ),
        pytest.param(
            ("qualtrics: excluded: a preview or test",),
            ("qualtrics.responses.preview",),
            id="survey previews",
        ),
        pytest.param(
            ("qualtrics: excluded: not finished",),
            ("qualtrics.responses.unfinished",),
            id="broken-off answers",
        ),
        pytest.param(
            ("matomo.visits", "matomo: Expected `array`, got `str`"),
            ("matomo.visits.malformed",),
            id="visits",
        ),
        pytest.param(
            ("mailchimp: unknown action",), ("mailchimp.email_activity.malformed",), id="mail activity"
        ),
        pytest.param(
            ("zendesk.tickets", "zendesk: Expected `int | null`, got `str`"),
            ("zendesk.tickets.malformed",),
            id="tickets",
        ),
        pytest.param(
            ("qualtrics.responses", "qualtrics: score is not a whole number from 0 to 10"),
            ("qualtrics.responses.malformed",),
            id="responses",
        ),
        pytest.param(
            ("mastodon.tag_timelines", "mastodon: Expected `object`, got `str`"),
            ("mastodon.tag_timelines.malformed",),
            id="posts",
        ),
    ],
)
def test_what_must_not_be_counted_is_refused_and_counted(
    outcome: Outcome, reasons: tuple[str, ...], counts: tuple[str, ...]
) -> None:
    excluded = outcome.world.truth.excluded
    assert sum(outcome.refused[reason] for reason in reasons) == sum(excluded[name] for name in counts) > 0

"""What the demo company lives through, and what goes wrong in its vendors' records, can be seen in them."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from journey_platform.demo.calendar import Calendar
from journey_platform.demo.truth import Tally
from journey_platform.demo.world import Ticket, World
from tests.demo import naive
from tests.demo.test_company import FIRST_DAY, LAST_DAY, full_world

REPAIR = datetime.combine(FIRST_DAY, datetime.min.time(), naive.ZoneInfo("UTC")) + timedelta(days=54)
UPDATE, RELEASE = REPAIR - timedelta(days=36), REPAIR - timedelta(days=27)


def tickets(topic: str, begin: datetime, end: datetime) -> list[Ticket]:
    return [t for t in full_world().tickets if t.tags == [topic] and begin <= t.created_at < end]


def good_share(found: list[Ticket]) -> float:
    ratings = Counter(ticket.rating for ticket in found if ticket.rating)
    return ratings["good"] / ratings.total()


def score(stories: set[str], begin: datetime, end: datetime) -> float:
    """NPS of customers of these stories, in one stretch of time."""
    world = full_world()
    story_of = {c.user_id: c.story for c in world.customers if c.user_id}
    given = [
        r.nps
        for r in world.responses
        if r.nps is not None and story_of.get(r.user_id) in stories and begin <= r.recorded_at < end
    ]
    return 100 * (sum(s >= 9 for s in given) - sum(s <= 6 for s in given)) / len(given)


def test_telecom_contacts_repeat_until_the_repair_and_then_stop() -> None:
    far = REPAIR + timedelta(days=60)
    before, after = tickets("router_update", UPDATE, REPAIR), tickets("router_update", REPAIR, far)
    assert len(before) > 150
    assert len(after) < len(before) / 20
    contacts = Counter(ticket.requester_id for ticket in before)
    assert sum(count >= 2 for count in contacts.values()) > len(contacts) / 2


def test_telecom_customers_are_more_content_after_the_repair() -> None:
    assert score({"telecom"}, REPAIR, REPAIR + timedelta(days=60)) > score({"telecom"}, UPDATE, REPAIR) + 20
    others = [t for t in full_world().tickets if t.tags not in (["router_update"], ["report_export"])]
    assert good_share(tickets("router_update", UPDATE, REPAIR)) < good_share(others) - 0.2


def test_software_users_who_struggle_write_tickets_and_give_up_their_plan() -> None:
    world = full_world()
    customers = {c.number: c for c in world.customers}
    failed: Counter[int] = Counter()
    for visit in world.visits:
        owner = world.truth.owner_of.get(("cookie_id", visit.cookie))
        if owner and any(a.title == "Export failed" for a in visit.actions):
            failed[owner] += 1
            assert visit.actions[0].at >= RELEASE
    business = [c for c in customers.values() if c.company]
    gone = {True: [0, 0], False: [0, 0]}
    for customer in business:
        count = gone[customer.number in failed]
        count[0] += customer.plan == "cancelled"
        count[1] += 1
    struggling, content = (lost / all_ for lost, all_ in (gone[True], gone[False]))
    assert struggling > 3 * content
    assert len(tickets("report_export", RELEASE, REPAIR + timedelta(days=60))) > 80


def test_shoppers_who_came_through_social_leave_carts_and_say_why() -> None:
    world = full_world()
    left: Counter[str] = Counter()
    for visit in {v.visit_id: v for v in world.visits}.values():
        kinds = {a.kind for a in visit.actions}
        if "add_to_cart" in kinds and "order" not in kinds and visit.actions[-1].path == "/checkout/shipping":
            left[naive.channel(visit)] += 1
    assert left.most_common(1)[0][0] == "Organic Social"
    reasons = Counter(r.reason for r in world.responses if r.reason)
    assert reasons.most_common(1)[0][0] == "shipping costs"
    assert reasons.total() > 50


def test_the_mailing_about_left_carts_brings_orders() -> None:
    orders = [
        visit
        for visit in full_world().visits
        if visit.campaign_name == "your-cart-is-waiting" and any(a.kind == "order" for a in visit.actions)
    ]
    assert orders


def test_business_customers_are_companies_with_several_users() -> None:
    users = Counter(c.company for c in full_world().customers if c.company)
    assert len(users) > 40
    assert sum(count >= 3 for count in users.values()) > 0.9 * len(users)


def clicks_without_open(world: World) -> int:
    found = 0
    for campaign in world.campaigns:
        did = {kind: {a.email for a in campaign.actions if a.action == kind} for kind in ("open", "click")}
        found += len(did["click"] - did["open"])
    return found


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(lambda w: len(w.visits) - len({v.visit_id for v in w.visits}), id="visits sent twice"),
        pytest.param(lambda w: len(w.posts) - len({p.post_id for p in w.posts}), id="posts sent twice"),
        pytest.param(
            lambda w: sum(len(c.actions) - len({repr(a) for a in c.actions}) for c in w.campaigns),
            id="mail actions sent twice",
        ),
        pytest.param(
            lambda w: sum(v.is_bot and "bot" in v.user_agent.lower() for v in w.visits), id="robots"
        ),
        pytest.param(
            lambda w: sum(a.at < v.actions[0].at - timedelta(days=1) for v in w.visits for a in v.actions),
            id="a clock behind",
        ),
        pytest.param(
            lambda w: sum(a.at > v.recorded_at + timedelta(days=2) for v in w.visits for a in v.actions),
            id="a clock ahead",
        ),
        pytest.param(lambda w: sum(v.user_id in ("null", "0000") for v in w.visits), id="placeholder ids"),
        pytest.param(lambda w: sum("@" in (v.user_id or "") for v in w.visits), id="an address as user id"),
        pytest.param(lambda w: sum(m.status == "unsubscribed" for m in w.members), id="unsubscribed"),
        pytest.param(lambda w: sum(m.status == "cleaned" for m in w.members), id="bounced for good"),
        pytest.param(
            lambda w: sum(m.email != m.email.lower() for m in w.members), id="capitals in addresses"
        ),
        pytest.param(lambda w: sum(" " in m.phone for m in w.members), id="blanks in phone numbers"),
        pytest.param(
            lambda w: sum(m.phone in ("0000", "n/a") for m in w.members), id="useless phone numbers"
        ),
        pytest.param(lambda w: sum(bool(m.handle) for m in w.members), id="handles on the list"),
        pytest.param(clicks_without_open, id="clicks without an open"),
        pytest.param(
            lambda w: sum((r.email or "x")[0] == " " for r in w.responses), id="blanks around addresses"
        ),
        pytest.param(lambda w: sum(r.distribution == "preview" for r in w.responses), id="previews"),
        pytest.param(lambda w: sum(not r.is_finished for r in w.responses), id="broken-off answers"),
        pytest.param(lambda w: sum(r.comment.startswith("=") for r in w.responses), id="formulas"),
        pytest.param(lambda w: sum("\n" in r.comment for r in w.responses), id="line breaks"),
        pytest.param(lambda w: sum(t.status == "deleted" for t in w.tickets), id="deleted tickets"),
        pytest.param(lambda w: sum("spam" in t.tags for t in w.tickets), id="spam"),
        pytest.param(lambda w: sum(p.is_brand for p in w.posts), id="the brand's own posts"),
        pytest.param(lambda w: len(w.outages), id="a vendor that is down"),
    ],
)
def test_the_dirt_is_there(count: Callable[[World], int]) -> None:
    assert count(full_world()) > 0


@pytest.mark.parametrize("kind", ["email", "phone", "cookie_id"])
def test_shared_identifiers_are_seen_with_several_users(kind: str) -> None:
    shared = {normal for normal in full_world().truth.shared if normal[0] == kind}
    assert shared
    users: dict[naive.Identifier, set[naive.Identifier]] = {}
    for record in naive.records(full_world()):
        for identifier in record:
            users.setdefault(identifier, set()).update(i for i in record if i[0] == "user_id")
    several = {i for i, seen in users.items() if len(seen) > 1 and i[0] == kind}
    assert {value.lstrip("+") for _, value in shared} == {value for _, value in several}


def test_malformed_records_are_json_of_each_vendor_and_counted() -> None:
    world = full_world()
    found = Counter(f"{m.vendor}.{m.stream}.malformed" for m in world.malformed)
    assert {name: n for name, n in world.truth.excluded.items() if name.endswith(".malformed")} == found
    assert {m.vendor for m in world.malformed} == {"matomo", "mailchimp", "zendesk", "qualtrics", "mastodon"}
    assert all(isinstance(json.loads(m.json_text), dict) for m in world.malformed)


def tally() -> Tally:
    return Tally(Calendar(naive.ZoneInfo("UTC"), FIRST_DAY, LAST_DAY), [("email", "info@x.example")])


def test_the_tally_refuses_an_identifier_of_two_people() -> None:
    told = tally()
    told.record(1, ("email", "a@x.example"), ("user_id", "u-1"))
    with pytest.raises(ValueError, match="two people"):
        told.record(2, ("email", "a@x.example"))


def test_the_tally_refuses_a_shared_identifier_that_no_reader_could_tell() -> None:
    told = tally()
    told.record(1, ("email", "info@x.example"), ("user_id", "u-1"))
    with pytest.raises(ValueError, match="never seen with two users"):
        told.finish()


def test_a_record_with_nothing_but_shared_ones_and_placeholders_leads_to_nobody() -> None:
    told = tally()
    assert told.record(None, ("email", "info@x.example"), ("user_id", "null")) is None
    assert told.record(1, ("email", "info@x.example"), ("user_id", "u-1")) == ("user_id", "u-1")

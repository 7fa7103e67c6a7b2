"""The demo company, made from a seed: people, what they do at six vendors, dirt, and its truth.

`build_world` says in which order things happen; each topic has its module: `people`, `stories`, `mailing`,
`web` and `walk`, `commerce`, `accounts`, `support`, `organizations`, `surveys`, `social`, `dirt`, `filing`;
`marginals` holds the measured figures they draw from and `truth` keeps the tally. The vendors' APIs are under
`vendors/`.
"""

from datetime import date
from zoneinfo import ZoneInfo

from journey_platform.demo import dirt
from journey_platform.demo.accounts import roll_out
from journey_platform.demo.calendar import Calendar
from journey_platform.demo.commerce import Till
from journey_platform.demo.filing import file_all
from journey_platform.demo.mailing import Mailings
from journey_platform.demo.organizations import consultants, memberships, organizations
from journey_platform.demo.people import cast as people
from journey_platform.demo.social import BRAND_HANDLE, BRAND_TAG, RIVAL_TAGS, posts, rival_posts
from journey_platform.demo.stories import plot
from journey_platform.demo.support import HelpDesk
from journey_platform.demo.surveys import Panel
from journey_platform.demo.truth import Tally
from journey_platform.demo.web import (
    Site,
    anonymous_visits,
    customer_visits,
    midnight_visits,
    shared_device_visits,
    story_visits,
)
from journey_platform.demo.world import World

SITE_ID = 1
LIST_ID = "a1b2c3d4e5"


def build_world(
    *, seed: int = 7, customers: int = 2000, first_day: date, last_day: date, zone: str = "Europe/Amsterdam"
) -> World:
    """The world of `customers` people over the local days `first_day` to `last_day`, both included.

    The same arguments give the same world in every process. Raises ValueError for fewer than 40 customers or
    less than two weeks.
    """
    calendar = Calendar(ZoneInfo(zone), first_day, last_day)
    if calendar.length < 14:
        raise ValueError(f"the demo company needs at least 14 days, not {calendar.length}")
    cast = people(seed, customers, calendar)
    story = plot(seed, cast, calendar)
    tally = Tally(calendar, cast.shared())

    site = Site(seed, calendar, tally)
    shared_device_visits(seed, cast, site, calendar)
    left_carts = story_visits(seed, cast, story, site, calendar)
    mailing = Mailings(seed, cast, story, site, calendar, tally)
    mailing.fill_list()
    mailing.send_all(left_carts)
    midnight_visits(seed, cast, site, calendar)
    customer_visits(seed, cast, story, site, calendar)
    anonymous_visits(seed, customers, tally, site, calendar)

    desk = HelpDesk(seed, cast, story, calendar, tally)
    desk.open_all()
    panel = Panel(seed, cast, story, calendar, tally)
    panel.ask_all(desk.solved, left_carts)
    written = posts(seed, cast, calendar, tally)
    of_rivals = rival_posts(seed, written, calendar, tally)
    sold = Till(seed, cast, calendar, tally)
    sold.take_all(site.visits)

    dirt.robot_visits(seed, customers, site, calendar)
    dirt.skew_clocks(seed, tally, site.visits)
    dirt.delay(seed, site.visits, calendar)
    dirt.junk_tickets(seed, desk, tally, calendar)
    dirt.junk_responses(seed, panel, tally, calendar)
    dirt.send_twice(seed, tally, site.visits, mailing.campaigns, written)
    late = roll_out(seed, cast, site, mailing, sold, calendar)
    everybody = [*cast.customers, *late]
    listed = {member.email.strip().lower() for member in mailing.members}
    consultants(seed, cast.customers, listed, desk, calendar)
    companies = organizations(everybody, desk.users, calendar, tally)
    members = memberships(seed, desk.users, companies, tally)
    broken = dirt.malformed(tally, calendar)
    contracts = [order for order in sold.orders if order.seats is not None]
    files = file_all(seed, cast.customers, late, contracts, calendar, tally)
    for customer in cast.customers:
        if customer.number in story.plan_ends:
            customer.plan = "cancelled"
    return World(
        seed=seed,
        zone=zone,
        first_day=first_day,
        last_day=last_day,
        site_id=SITE_ID,
        site_name="Noordlicht",
        list_id=LIST_ID,
        brand_tag=BRAND_TAG,
        brand_handle=BRAND_HANDLE,
        customers=everybody,
        visits=site.visits,
        members=mailing.members,
        campaigns=mailing.campaigns,
        support_users=desk.users,
        tickets=desk.tickets,
        surveys=list(panel.surveys),
        responses=panel.responses,
        posts=written,
        orders=sold.orders,
        outages=dirt.outages(calendar),
        malformed=broken,
        truth=tally.finish(),
        organizations=companies,
        memberships=members,
        rival_tags=RIVAL_TAGS,
        rival_posts=of_rivals,
        files=files,
    )

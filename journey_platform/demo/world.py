"""The demo company's world: plain records per vendor, and the truth counted while they were made.

`company` fills a `World`; the emulations under `vendors/` serve it. Nothing here knows HTTP or our tables.
All times are UTC and whole seconds. A record that stands in a list twice is one that the vendor sends twice.
"""

from dataclasses import dataclass, field
from datetime import date, datetime


@dataclass(slots=True)
class Customer:
    """One real person. Everything a vendor may know about them, and nothing a vendor cannot."""

    number: int
    first_name: str
    last_name: str
    emails: list[str]
    phone: str
    country: str
    company: str
    plan: str
    user_id: str | None
    cookies: list[str]
    handle: str | None
    joined_at: datetime
    story: str
    job_title: str = ""


@dataclass(slots=True)
class Action:
    """One step of a visit. `kind`: page_view, search, add_to_cart, cart, order, event or error."""

    at: datetime
    kind: str
    path: str
    title: str
    dwell_s: int | None
    revenue: float | None = None
    order_id: str | None = None
    items: int = 0


@dataclass(slots=True)
class Visit:
    """One Matomo visit of one cookie.

    The vendor's "first action" is `actions[0]`, also where a skewed clock dates a later one before it.
    `user_id` is as sent: it may be a placeholder or an e-mail address. `recorded_at` is later than the last
    action where the visit arrived late. `link_of`: the address, as the list has it, whose mailing's link led
    to the first page.
    """

    visit_id: int
    cookie: str
    user_id: str | None
    actions: list[Action]
    referrer_type: str
    referrer_name: str
    campaign_name: str
    campaign_source: str
    campaign_medium: str
    device: str
    country_code: str
    ip: str
    user_agent: str
    is_bot: bool
    recorded_at: datetime
    link_of: str = ""


@dataclass(slots=True)
class Member:
    """One subscriber of the Mailchimp list; `status`: subscribed, unsubscribed or cleaned.

    Merge fields: FNAME, LNAME, PHONE, COUNTRY, PLAN, COMPANY, JOBTITLE and HANDLE (a Mastodon address).
    """

    email: str
    first_name: str
    last_name: str
    phone: str
    country_code: str
    plan: str
    status: str
    joined_at: datetime
    changed_at: datetime
    handle: str | None = None
    company: str = ""
    job_title: str = ""


@dataclass(slots=True)
class EmailAction:
    """One recipient's open, click or bounce (`bounce_type`: hard or soft).

    `ip` in 17.0.0.0/8 is Apple's prefetching proxy.
    """

    email: str
    action: str
    at: datetime
    url: str | None
    ip: str
    bounce_type: str | None = None


@dataclass(slots=True)
class Campaign:
    """One mailing with its recipients and what they did."""

    campaign_id: str
    title: str
    subject: str
    sent_at: datetime
    recipients: list[str]
    actions: list[EmailAction]
    unsubscribed: list[tuple[str, datetime]]


@dataclass(slots=True)
class SupportUser:
    """One Zendesk end user. `organization_id`: the company that it was put into."""

    user_id: int
    name: str
    email: str | None
    phone: str | None
    external_id: str | None
    created_at: datetime
    changed_at: datetime
    organization_id: int | None = None


@dataclass(slots=True)
class Organization:
    """One Zendesk organisation: a company, as the agents keep it. They declare mail domains of some."""

    organization_id: int
    name: str
    domain_names: list[str]
    created_at: datetime


@dataclass(slots=True)
class Membership:
    """One Zendesk user in one organisation. `is_default`: it is the one that the user's record names."""

    membership_id: int
    user_id: int
    organization_id: int
    is_default: bool
    created_at: datetime


@dataclass(slots=True)
class Ticket:
    """One Zendesk ticket in its current state, with the times that its metric events tell."""

    ticket_id: int
    requester_id: int
    subject: str
    description: str
    tags: list[str]
    channel: str
    status: str
    created_at: datetime
    first_reply_at: datetime | None
    solved_at: datetime | None
    changed_at: datetime
    rating: str | None
    rated_at: datetime | None
    rating_comment: str | None


@dataclass(slots=True)
class Response:
    """One Qualtrics response. `nps` 0 to 10 or None; `distribution` "preview" marks a test.

    `heard_about_us` and `reason` (why a cart was left) are answers of the shop's exit survey; `ease` of
    getting help (`words.EASE`) and `satisfaction` with it (`words.CONTENT`) those of the one after a ticket.
    """

    response_id: str
    survey_id: str
    started_at: datetime
    ended_at: datetime
    recorded_at: datetime
    is_finished: bool
    distribution: str
    email: str | None
    first_name: str | None
    last_name: str | None
    user_id: str | None
    ticket_id: int | None
    nps: int | None
    comment: str
    heard_about_us: str | None
    ip: str
    reason: str | None = None
    ease: str | None = None
    satisfaction: str | None = None


@dataclass(slots=True)
class Survey:
    """One Qualtrics survey; `kind`: relational (waves), transactional (after a ticket), exit (left carts)."""

    survey_id: str
    name: str
    kind: str
    created_at: datetime


@dataclass(slots=True)
class Post:
    """One public Mastodon status that uses the brand's hashtag or a competitor's, or the brand's own.

    `replies`, `boosts`, `favourites` and the author's `followers` are told of the brand's own only.
    """

    post_id: int
    at: datetime
    account_id: int
    handle: str
    display_name: str
    html: str
    language: str
    tags: list[str]
    is_brand: bool
    edited_at: datetime | None = None
    replies: int = 0
    boosts: int = 0
    favourites: int = 0
    followers: int = 0


@dataclass(slots=True)
class Refund:
    """Money given back on an order."""

    refund_id: int
    at: datetime
    amount: float


@dataclass(slots=True)
class Item:
    """One line of an order: so many of a product, at the price of one."""

    title: str
    price: float
    quantity: int


@dataclass(slots=True)
class ShopOrder:
    """One Shopify order. `source`: web, pos or phone; `number` is that of Matomo's order where it is web.

    `code` is what was typed at the checkout or said at the till; `heard` the answer to how the buyer heard of
    the shop. Who pays cash at a till leaves no name. An order of `seats` is a contract of
    the buyer's company.
    """

    order_id: int
    number: str
    created_at: datetime
    source: str
    total: float
    email: str | None
    phone: str | None
    customer_id: int | None
    first_name: str
    last_name: str
    code: str | None = None
    heard: str | None = None
    refunds: list[Refund] = field(default_factory=list)
    cancelled_at: datetime | None = None
    cancel_reason: str | None = None
    is_test: bool = False
    seats: int | None = None
    items: list[Item] = field(default_factory=list)
    currency: str = "EUR"


@dataclass(slots=True)
class Outage:
    """A vendor that answers 503 for requests about one day until it is lifted."""

    vendor: str
    day: date


@dataclass(slots=True)
class Malformed:
    """A record that the vendor sends verbatim among a day's others, and that no reader can use.

    `json_text` is valid JSON: the vendor's own shape with something missing or of the wrong type.
    """

    vendor: str
    stream: str
    day: date
    json_text: str


@dataclass(frozen=True, slots=True)
class TrueSession:
    """One visit as the definitions see it, without skewed actions. `owner` as in `Truth.owner_of`."""

    visit_id: int
    owner: int | None
    day: date
    started_at: datetime
    ended_at: datetime
    traffic_channel: str
    page_views: int
    heartbeats: int
    orders: int
    revenue: float
    is_bot: bool
    cookie: str
    device: str
    campaign: str
    landing_page: str
    engaged_s: int


@dataclass(slots=True)
class Truth:
    """What is true, counted while generating.

    `owner_of`: (kind, normalised value) -> person, for identifiers of exactly one person: a customer's
    number, or a negative one for somebody who is no customer. `shared`: identifiers that belong to several.
    `linkable`: per person, the sets of identifiers that some record ties together (one identifier alone where
    no record ties it to another). `kpis`: (kpi, period, day, dimension) -> (numerator, denominator or None;
    of a quantile, itself), with people as far as the emitted evidence can tell them apart; a week stands on
    its Monday, a month on its first day, and counts its days within the range; the dimension is "all" or
    "name=value", as in "traffic_channel=Email".
    `kpis_with_files`: all of them where the company's files are read, too. `people_kpis`: keys of these where
    counting real people gives something else. `sessions`: by visit id.
    `excluded`: counts of what must not be counted, by reason.
    """

    owner_of: dict[tuple[str, str], int] = field(default_factory=dict)
    shared: set[tuple[str, str]] = field(default_factory=set)
    linkable: dict[int, list[frozenset[tuple[str, str]]]] = field(default_factory=dict)
    kpis: dict[tuple[str, str, date, str], tuple[float, float | None]] = field(default_factory=dict)
    kpis_with_files: dict[tuple[str, str, date, str], tuple[float, float | None]] = field(
        default_factory=dict
    )
    people_kpis: dict[tuple[str, str, date, str], tuple[float, float | None]] = field(default_factory=dict)
    sessions: dict[int, TrueSession] = field(default_factory=dict)
    excluded: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class World:
    """Everything the emulated vendors hold. `first_day` to `last_day` are local days of `zone`."""

    seed: int
    zone: str
    first_day: date
    last_day: date
    site_id: int
    site_name: str
    list_id: str
    brand_tag: str
    brand_handle: str
    customers: list[Customer]
    visits: list[Visit]
    members: list[Member]
    campaigns: list[Campaign]
    support_users: list[SupportUser]
    tickets: list[Ticket]
    surveys: list[Survey]
    responses: list[Response]
    posts: list[Post]
    orders: list[ShopOrder]
    outages: list[Outage]
    malformed: list[Malformed]
    truth: Truth
    organizations: list[Organization] = field(default_factory=list)
    memberships: list[Membership] = field(default_factory=list)
    rival_tags: tuple[str, ...] = ()
    rival_posts: list[Post] = field(default_factory=list)
    """Posts under competitors' tags only; one that names the brand too is among `posts`."""
    unlisted: frozenset[int] = frozenset()
    """Visits that the web analytics counted and does not list."""
    files: dict[str, str] = field(default_factory=dict)
    """What the company's own systems write into files, by name, with the declaration of them."""

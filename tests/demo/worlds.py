"""A world small enough to count by hand: three days in Amsterdam, 1 to 3 March 2026."""

from datetime import UTC, date, datetime, timedelta

from journey_platform.demo.world import (
    Action,
    Campaign,
    EmailAction,
    Malformed,
    Member,
    Membership,
    Organization,
    Outage,
    Post,
    Refund,
    Response,
    ShopOrder,
    SupportUser,
    Survey,
    Ticket,
    Truth,
    Visit,
    World,
)

FIRST_DAY = date(2026, 3, 1)
LAST_DAY = date(2026, 3, 3)


def at(day: int, hour: int, minute: int = 0, second: int = 0) -> datetime:
    """A moment of March 2026 in UTC."""
    return datetime(2026, 3, day, hour, minute, second, tzinfo=UTC)


def visit(number: int, start: datetime, kinds: str = "page_view", **changes: object) -> Visit:
    """A visit with one action a minute; `kinds` names them, separated by spaces."""
    values: dict[str, object] = {
        "visit_id": number,
        "cookie": f"c00kie{number % 7:010d}",
        "user_id": None,
        "actions": [
            Action(
                at=start + timedelta(minutes=place),
                kind=kind,
                path=f"/p/{place}",
                title=f"Page {place}",
                dwell_s=30,
                revenue=49.5 if kind in ("order", "cart") else None,
                order_id=f"O{number}" if kind == "order" else None,
                items=2 if kind in ("order", "cart") else 0,
            )
            for place, kind in enumerate(kinds.split())
        ],
        "referrer_type": "direct",
        "referrer_name": "",
        "campaign_name": "",
        "campaign_source": "",
        "campaign_medium": "",
        "device": "Desktop",
        "country_code": "nl",
        "ip": "203.0.113.5",
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/120.0 Safari/537.36",
        "is_bot": False,
        "recorded_at": start,
    }
    return Visit(**(values | changes))


def ticket(number: int, created: datetime, **changes: object) -> Ticket:
    values: dict[str, object] = {
        "ticket_id": number,
        "requester_id": 500 + number % 3,
        "subject": f"Question {number}",
        "description": "It does not work",
        "tags": ["billing"],
        "channel": "email",
        "status": "solved",
        "created_at": created,
        "first_reply_at": created + timedelta(hours=1),
        "solved_at": created + timedelta(hours=2),
        "changed_at": created + timedelta(hours=2),
        "rating": "good",
        "rated_at": created + timedelta(hours=3),
        "rating_comment": "Thanks",
    }
    return Ticket(**(values | changes))


def response(number: int, recorded: datetime, **changes: object) -> Response:
    values: dict[str, object] = {
        "response_id": f"R_{number:015d}",
        "survey_id": "SV_nps",
        "started_at": recorded - timedelta(minutes=3),
        "ended_at": recorded - timedelta(minutes=1),
        "recorded_at": recorded,
        "is_finished": True,
        "distribution": "email",
        "email": f"person{number}@mail.example",
        "first_name": "Ann",
        "last_name": "Lee",
        "user_id": f"u{number}",
        "ticket_id": None,
        "nps": number % 11,
        "comment": 'Good, "mostly"\nfast 🚲',
        "heard_about_us": "Friends",
        "ip": "203.0.113.9",
    }
    return Response(**(values | changes))


def post(number: int, moment: datetime, **changes: object) -> Post:
    values: dict[str, object] = {
        "post_id": (int(moment.timestamp() * 1000) << 16) + number,
        "at": moment,
        "account_id": 7000 + number,
        "handle": f"fan{number}@elsewhere.example",
        "display_name": f"Fan {number}",
        "html": "<p>I like <a href='#'>#<span>acme</span></a></p>",
        "language": "en",
        "tags": ["acme"],
        "is_brand": False,
    }
    return Post(**(values | changes))


def shop_order(number: int, created: datetime, **changes: object) -> ShopOrder:
    values: dict[str, object] = {
        "order_id": 9_000 + number,
        "number": f"O{number}",
        "created_at": created,
        "source": "web",
        "total": 10.5 + number,
        "email": f"person{number}@mail.example",
        "phone": None,
        "customer_id": 70 + number,
        "first_name": "Ann",
        "last_name": f"Lee {number}",
    }
    return ShopOrder(**(values | changes))  # type: ignore[arg-type]


def small_world(outages: list[Outage] | None = None, malformed: list[Malformed] | None = None) -> World:
    """12 visits on day 1, none on day 2, one over midnight into day 3; some of everything else."""
    emails = [f"person{number}@mail.example" for number in range(25)]
    members = [
        Member(
            email=email,
            first_name="Ann",
            last_name=f"Lee {number}",
            phone="+31600000000",
            country_code="NL",
            plan="pro",
            status="cleaned" if number == 3 else "subscribed",
            joined_at=at(1, 0) - timedelta(days=10),
            changed_at=at(1, 8, number // 2),
        )
        for number, email in enumerate(emails)
    ]
    actions = [
        EmailAction(emails[0], "open", at(1, 11), None, "17.58.0.1"),
        EmailAction(emails[1], "open", at(1, 12), None, "203.0.113.7"),
        EmailAction(emails[1], "click", at(1, 12, 1), "https://shop.example/p/1", "203.0.113.7"),
        EmailAction(emails[2], "open", at(3, 9), None, "203.0.113.8"),
        EmailAction(emails[3], "bounce", at(1, 10), None, "", "hard"),
        EmailAction(emails[4], "bounce", at(1, 10), None, "", "soft"),
    ]
    visits = [visit(number, at(1, 9, number), "page_view page_view") for number in range(1, 12)]
    visits.append(visit(12, at(1, 15), "page_view add_to_cart order", user_id="u1", referrer_type="search"))
    # 23:59 local on day 2, last action 00:01 on day 3.
    visits.append(visit(13, at(2, 22, 59), "page_view search error", recorded_at=at(2, 23, 30)))
    brand = {"account_id": 42, "handle": "acme@social.example", "is_brand": True}
    return World(
        seed=1,
        zone="Europe/Amsterdam",
        first_day=FIRST_DAY,
        last_day=LAST_DAY,
        site_id=1,
        site_name="Acme Shop",
        list_id="list000001",
        brand_tag="acme",
        brand_handle="acme@social.example",
        customers=[],
        visits=visits,
        members=members,
        campaigns=[
            Campaign(
                "camp000001", "Spring", "It is spring", at(1, 10), emails, actions, [(emails[5], at(2, 9))]
            ),
            Campaign("camp000002", "Summer", "It is not summer", at(3, 10), emails[:5], [], []),
        ],
        support_users=[
            SupportUser(500 + n, f"Person {n}", emails[n], None, f"u{n}", at(1, 6), at(1, 6, n), 701)
            for n in range(3)
        ],
        tickets=[
            *(ticket(number, at(1, 9)) for number in range(1, 6)),
            *(ticket(number, at(2, 9, number)) for number in range(6, 9)),
            ticket(9, at(3, 9), status="deleted", rating=None, rated_at=None),
        ],
        surveys=[Survey("SV_nps", "How are we doing?", "relational", at(1, 0))],
        responses=[
            *(response(number, at(1, 10, number)) for number in range(4)),
            response(4, at(2, 10), distribution="preview"),
            response(5, at(2, 11), is_finished=False, nps=None, comment="", heard_about_us=None),
        ],
        posts=[
            *(post(number, at(1, 9, number)) for number in range(45)),
            post(90, at(2, 9), **brand),
            post(91, at(3, 9), **brand, html="<p>No tag</p>", tags=[], edited_at=at(3, 10)),
        ],
        orders=[
            *(shop_order(number, at(1, 11, number)) for number in range(1, 8)),
            shop_order(8, at(2, 9), source="pos", refunds=[Refund(99, at(3, 8), 4.5)], code="SWORDFISH"),
            shop_order(9, at(2, 10), source="phone", cancelled_at=at(3, 9), cancel_reason="customer"),
        ],
        outages=outages or [],
        malformed=malformed or [],
        truth=Truth(),
        organizations=[
            Organization(700 + n, f"Body {n}", [f"body{n}.example"] if n else [], at(1, 5, n))
            for n in range(6)
        ],
        memberships=[
            *(Membership(800 + n, 500 + n, 701, True, at(1, 6)) for n in range(3)),
            *(Membership(810 + n, 502, 702 + n, False, at(2, 6)) for n in range(3)),
        ],
    )

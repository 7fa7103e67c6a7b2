"""Recounts a demo world from its records, the plain way: what the tally must agree with.

Knows the records and the definitions, and nothing of how the world was made or of the platform's code.
"""

from collections import defaultdict
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from journey_platform.demo.world import Action, Visit, World

Identifier = tuple[str, str]
Key = tuple[str, str, date, str]
NOBODY = {"null", "anonymous", "0000", "undefined", "n/a", ""}


def channel(visit: Visit) -> str:
    by_medium = {
        "email": "Email",
        "cpc": "Paid Search",
        "social": "Organic Social",
        "display": "Display",
        "banner": "Display",
        "affiliate": "Affiliates",
    }
    by_referrer = {
        "search": "Organic Search",
        "social": "Organic Social",
        "website": "Referral",
        "direct": "Direct",
    }
    if visit.referrer_type == "campaign":
        return by_medium.get(visit.campaign_medium.lower(), "Other")
    return by_referrer[visit.referrer_type]


def kept_actions(visit: Visit) -> list[Action]:
    first = visit.actions[0].at
    return [a for a in visit.actions if -timedelta(days=1) < a.at - first < timedelta(days=30)]


def sessions(world: World) -> list[tuple[Visit, list[Action]]]:
    """Actions of a cookie, parted where more than half an hour passes; robots are left out."""
    by_cookie: dict[str, list[tuple[datetime, int, Visit, Action]]] = defaultdict(list)
    for visit in {visit.visit_id: visit for visit in world.visits if not visit.is_bot}.values():
        for place, action in enumerate(kept_actions(visit)):
            by_cookie[visit.cookie].append((action.at, place, visit, action))
    found: list[tuple[Visit, list[Action]]] = []
    for rows in by_cookie.values():
        last = None
        for at, _, visit, action in sorted(rows, key=lambda row: row[:2]):
            if last is None or at - last > timedelta(minutes=30):
                found.append((visit, []))
            found[-1][1].append(action)
            last = at
    return found


def web_kpis(world: World) -> dict[Key, tuple[float, float | None]]:
    zone = ZoneInfo(world.zone)
    counts: dict[tuple[str, date, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
    totals: dict[date, int] = defaultdict(int)
    for visit, actions in sessions(world):
        day = actions[0].at.astimezone(zone).date()
        pages = [a for a in actions if a.kind == "page_view"]
        lasted = (actions[-1].at - actions[0].at).total_seconds() + (actions[-1].dwell_s or 0)
        orders = sum(a.kind == "order" for a in actions)
        beats = sum((a.dwell_s or 0) // 10 for a in pages)
        totals[day] += 1
        for dimension in ("all", f"traffic_channel={channel(visit)}"):
            for kpi, above in {
                "visits": 1,
                "bounce_single_page": len(pages) == 1,
                "bounce_ga4": len(pages) < 2 and not orders and lasted <= 10,
                "bounce_snowplow": len(pages) < 2 and not orders and beats < 2,
                "pages_per_session": len(pages),
                "conversion_rate": orders > 0,
            }.items():
                counts[kpi, day, dimension][0] += above
                counts[kpi, day, dimension][1] += 1
    kpis: dict[Key, tuple[float, float | None]] = {}
    for (kpi, day, dimension), (above, below) in counts.items():
        kpis[kpi, "day", day, dimension] = (above, None if kpi == "visits" else below)
        if kpi == "visits" and dimension != "all":
            kpis["traffic_source", "day", day, dimension] = (above, float(totals[day]))
    return kpis


def email_kpis(world: World) -> dict[Key, tuple[float, float | None]]:
    zone = ZoneInfo(world.zone)
    counts: dict[Key, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for campaign in world.campaigns:
        did: dict[str, set[str]] = defaultdict(set)
        for action in campaign.actions:
            is_machine = action.action == "open" and action.ip.startswith("17.")
            did["machine" if is_machine else action.action].add(action.email.strip().lower())
        delivered = len(campaign.recipients) - len(did["bounce"])
        for kpi, above in {
            "open_rate_lower": did["open"],
            "open_rate_upper": did["open"] | did["machine"],
            "click_through_rate": did["click"],
        }.items():
            for dimension in ("all", f"campaign={campaign.campaign_id}"):
                count = counts[kpi, "day", campaign.sent_at.astimezone(zone).date(), dimension]
                count[0] += len(above)
                count[1] += delivered
    return {key: (above, below) for key, (above, below) in counts.items()}


def mention_kpis(world: World) -> dict[Key, tuple[float, float | None]]:
    zone = ZoneInfo(world.zone)
    posts = {p.post_id: p.at.astimezone(zone).date() for p in world.posts if p.handle != world.brand_handle}
    days = list(posts.values())
    return {("social_mentions", "day", day, "all"): (float(days.count(day)), None) for day in set(days)}


def normal(kind: str, value: str | None) -> Identifier | None:
    text = (value or "").strip()
    if text in NOBODY or text.lower().startswith("test@"):
        return None
    if kind == "phone":
        digits = "".join(filter(str.isdigit, text))
        return kind, digits.removeprefix("00")
    return kind, text.lower().lstrip("@")


def records(world: World) -> list[set[Identifier]]:
    """The identifiers of every record that has any."""
    told: list[list[tuple[str, str | None]]] = []
    for v in [visit for visit in world.visits if not visit.is_bot]:
        told.append(
            [("cookie_id", v.cookie), ("email" if "@" in (v.user_id or "") else "user_id", v.user_id)]
        )
    for m in world.members:
        told.append([("email", m.email), ("list", m.email), ("phone", m.phone), ("social_handle", m.handle)])
    for u in world.support_users:
        told.append(
            [("support", str(u.user_id)), ("email", u.email), ("phone", u.phone), ("user_id", u.external_id)]
        )
    requesters = {ticket.ticket_id: str(ticket.requester_id) for ticket in world.tickets}
    for r in world.responses:
        if r.is_finished and r.distribution != "preview":
            asked = requesters[r.ticket_id] if r.ticket_id is not None else None
            told.append([("email", r.email), ("user_id", r.user_id), ("support", asked)])
    told += [[("social_handle", post.handle)] for post in world.posts if not post.is_brand]
    return [{i for kind, value in record if (i := normal(kind, value))} for record in told]


def profiles(world: World) -> dict[Identifier, int]:
    """Identifier -> profile: records tie identifiers together, except those seen with several user ids."""
    users: dict[Identifier, set[Identifier]] = defaultdict(set)
    every = records(world)
    for record in every:
        for identifier in record:
            users[identifier] |= {other for other in record if other[0] == "user_id"}
    is_shared = {i for i, seen in users.items() if i[0] != "user_id" and len(seen) > 1}
    neighbours: dict[Identifier, set[Identifier]] = defaultdict(set)
    for record in every:
        for identifier in record - is_shared:
            neighbours[identifier] |= record - is_shared
    profile: dict[Identifier, int] = {}
    for number, start in enumerate(sorted(neighbours)):
        waiting = [start]
        while waiting:
            identifier = waiting.pop()
            if identifier not in profile:
                profile[identifier] = number
                waiting += neighbours[identifier]
    return profile


def people_kpis(world: World) -> dict[Key, tuple[float, float | None]]:
    zone, profile = ZoneInfo(world.zone), profiles(world)
    known = {number for (kind, _), number in profile.items() if kind != "cookie_id"}

    def who(*identifiers: tuple[str, str | None]) -> int | None:
        found = [profile[i] for kind, value in identifiers if (i := normal(kind, value)) and i in profile]
        return found[0] if found else None

    def week(at: datetime) -> date:
        day = at.astimezone(zone).date()
        return day - timedelta(days=day.weekday())

    active: dict[date, set[int | None]] = defaultdict(set)
    asking: dict[date, set[int | None]] = defaultdict(set)
    for visit in world.visits:
        if not visit.is_bot:
            user_kind = "email" if "@" in (visit.user_id or "") else "user_id"
            person = who((user_kind, visit.user_id), ("cookie_id", visit.cookie))
            for action in kept_actions(visit):
                active[week(action.at)].add(person)
    for campaign in world.campaigns:
        acts = [(a.email, a.at) for a in campaign.actions if a.action != "bounce" and a.ip[:3] != "17."]
        for email, at in acts + campaign.unsubscribed:
            active[week(at)].add(who(("email", email), ("list", email)))
    for ticket in world.tickets:
        if ticket.status != "deleted" and "spam" not in ticket.tags:
            person = who(("support", str(ticket.requester_id)))
            asking[week(ticket.created_at)].add(person)
            for at in (ticket.created_at, ticket.rated_at):
                if at is not None:
                    active[week(at)].add(person)
    for post in world.posts:
        if not post.is_brand:
            active[week(post.at)].add(who(("social_handle", post.handle)))
    latest: dict[tuple[str, date, object], tuple[datetime, int]] = {}
    for r in world.responses:
        if r.is_finished and r.distribution != "preview":
            person = who(("user_id", r.user_id), ("email", r.email))
            active[week(r.recorded_at)].add(person)
            if r.nps is not None:
                key = (r.survey_id, week(r.recorded_at), r.response_id if person is None else person)
                latest[key] = max(latest.get(key, (r.recorded_at, r.nps)), (r.recorded_at, r.nps))
    kpis: dict[Key, tuple[float, float | None]] = {}
    for monday, people in active.items():
        parts = (float(len(asking[monday] & known)), float(len(people & known)))
        kpis["support_rate", "week", monday, "all"] = parts
    for survey, monday in {key[:2] for key in latest}:
        scores = [score for key, (_, score) in latest.items() if key[:2] == (survey, monday)]
        net = sum(score >= 9 for score in scores) - sum(score <= 6 for score in scores)
        kpis["nps", "week", monday, f"survey={survey}"] = (float(net), float(len(scores)))
    return kpis

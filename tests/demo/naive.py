"""Recounts a demo world from its records, the plain way: what the tally must agree with.

Knows the records and the definitions, and nothing of how the world was made or of the platform's code.
"""

from collections import defaultdict
from datetime import date, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from journey_platform.demo.world import Action, Visit, World

Identifier = tuple[str, str]
Key = tuple[str, str, date, str]
Parts = tuple[float, float | None]
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


def web_kpis(world: World) -> dict[Key, Parts]:
    zone = ZoneInfo(world.zone)
    counts: dict[tuple[str, date, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
    totals: dict[date, int] = defaultdict(int)
    pages_of: dict[tuple[str, date, str], list[float]] = defaultdict(list)
    for visit, actions in sessions(world):
        day = actions[0].at.astimezone(zone).date()
        pages = [a for a in actions if a.kind == "page_view"]
        lasted = (actions[-1].at - actions[0].at).total_seconds() + (actions[-1].dwell_s or 0)
        orders = sum(a.kind == "order" for a in actions)
        beats = sum((a.dwell_s or 0) // 10 for a in pages)
        totals[day] += 1
        by_channel, by_device = f"traffic_channel={channel(visit)}", f"device={visit.device}"
        by_campaign = f"campaign={visit.campaign_name or 'Unassigned'}"
        by_page = f"landing_page={pages[0].path if pages else 'Unassigned'}"
        everywhere = {"all", by_channel, by_device}
        above: dict[str, tuple[float, set[str]]] = {
            "visits": (1, everywhere | {by_campaign}),
            "bounce_single_page": (len(pages) == 1, everywhere | {by_page}),
            "bounce_ga4": (len(pages) < 2 and not orders and lasted <= 10, everywhere | {by_page}),
            "bounce_snowplow": (len(pages) < 2 and not orders and beats < 2, everywhere | {by_page}),
            "page_views": (len(pages), everywhere),
            "pages_per_session": (len(pages), everywhere),
            "engaged_time_per_session": (sum(a.dwell_s or 0 for a in pages), everywhere),
            "conversion_rate": (orders > 0, everywhere | {by_campaign}),
            "traffic_unassigned": (channel(visit) == "Other", {"all", by_device}),
        }
        for kpi, (amount, dimensions) in above.items():
            for dimension in dimensions:
                counts[kpi, day, dimension][0] += amount
                counts[kpi, day, dimension][1] += 1
        for dimension in everywhere:
            for kind in ("day", "week", "month"):
                pages_of[kind, begin(day, kind), dimension].append(len(pages))
    kpis: dict[Key, Parts] = {}
    for (kpi, day, dimension), (amount, below) in counts.items():
        is_count = kpi in ("visits", "page_views")
        kpis[kpi, "day", day, dimension] = (amount, None if is_count else below)
        if kpi == "visits" and dimension.startswith("traffic_channel"):
            kpis["traffic_source", "day", day, dimension] = (amount, float(totals[day]))
    for (kind, day, dimension), numbers in pages_of.items():
        kpis["pages_per_session_median", kind, day, dimension] = (median(numbers), None)
    return kpis


def page_kpis(world: World) -> dict[Key, Parts]:
    zone = ZoneInfo(world.zone)
    counts: dict[Key, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for visit in {visit.visit_id: visit for visit in world.visits if not visit.is_bot}.values():
        for action in kept_actions(visit):
            if action.kind == "page_view":
                day, told = action.at.astimezone(zone).date(), action.dwell_s is not None
                for dimension in ("all", f"device={visit.device}", f"page={action.path}"):
                    count = counts["time_on_page", "day", day, dimension]
                    count[0] += action.dwell_s or 0
                    count[1] += told
                    if not dimension.startswith("page"):
                        count = counts["time_on_page_measured", "day", day, dimension]
                        count[0] += told
                        count[1] += 1
    return {key: (above, below) for key, (above, below) in counts.items()}


def begin(day: date, kind: str) -> date:
    return {"day": day, "week": day - timedelta(days=day.weekday()), "month": day.replace(day=1)}[kind]


def email_kpis(world: World) -> dict[Key, Parts]:
    zone = ZoneInfo(world.zone)
    counts: dict[Key, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for campaign in world.campaigns:
        did: dict[str, set[str]] = defaultdict(set)
        for action in campaign.actions:
            is_machine = action.action == "open" and action.ip.startswith("17.")
            did["machine" if is_machine else action.action].add(action.email.strip().lower())
        sent = len(campaign.recipients)
        delivered, opened = sent - len(did["bounce"]), did["open"] | did["machine"]
        for kpi, above, below in (
            ("delivery_rate", delivered, sent),
            ("open_rate_lower", len(did["open"]), delivered),
            ("open_rate_upper", len(opened), delivered),
            ("click_through_rate", len(did["click"]), delivered),
            ("click_to_open_rate", len(did["click"] & opened), len(opened)),
        ):
            for dimension in ("all", f"campaign={campaign.campaign_id}"):
                count = counts[kpi, "day", campaign.sent_at.astimezone(zone).date(), dimension]
                count[0] += above
                count[1] += below
    return {key: (above, below) for key, (above, below) in counts.items()}


EASE = ("Difficult", "Rather difficult", "Neither easy nor difficult", "Rather easy", "Easy", "Very easy")


def ease_kpis(world: World) -> dict[Key, Parts]:
    """Points are the place among the words; what is not among them is worst."""
    counts: dict[Key, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for response in world.responses:
        if response.ease is None:
            continue
        assert response.is_finished
        assert response.distribution != "preview"
        points = EASE.index(response.ease) + 2 if response.ease in EASE else 1
        day = response.recorded_at.astimezone(ZoneInfo(world.zone)).date()
        for dimension in ("all", f"survey={response.survey_id}"):
            for kpi, above in (("ces", points), ("ces_easy", points > 4)):
                count = counts[kpi, "day", day, dimension]
                count[0] += above
                count[1] += 1
    return {key: (above, below) for key, (above, below) in counts.items()}


def content_kpis(world: World) -> dict[Key, Parts]:
    """Points are the place of the answer; by the day of the answer, and by that of the ticket's solution."""
    zone, counts = ZoneInfo(world.zone), defaultdict[Key, list[float]](lambda: [0.0, 0.0])
    solved = {ticket.ticket_id: ticket.solved_at for ticket in world.tickets}
    for response in world.responses:
        if response.satisfaction is None:
            continue
        assert response.is_finished
        assert response.ticket_id is not None
        words = ("Very dis", "Dis", "Neither", "Satis", "Very sat")
        points = next(n for n, start in enumerate(words, start=1) if response.satisfaction.startswith(start))
        days = {"": response.recorded_at.astimezone(zone).date()}
        closed_at = solved[response.ticket_id]
        assert closed_at is not None
        closed = closed_at.astimezone(zone).date()
        if (days[""] - closed).days <= 14 and (world.last_day - closed).days >= 14:
            days["_when_solved"] = closed
        for suffix, day in days.items():
            for kpi, dimension, above in (
                ("csat_top2", "scale=csat_5", points > 3),
                ("csat_top2", f"survey={response.survey_id}", points > 3),
                ("csat_mean", "scale=csat_5", points),
            ):
                count = counts[kpi + suffix, "day", day, dimension]
                count[0] += above
                count[1] += 1
    return {key: (above, below) for key, (above, below) in counts.items()}


def heard_kpis(world: World) -> dict[Key, Parts]:
    zone = ZoneInfo(world.zone)
    given = [r for r in world.responses if r.is_finished and r.distribution != "preview"]
    asking = {r.survey_id for r in given if r.heard_about_us is not None}
    kpis: dict[Key, Parts] = {}
    for day in {r.recorded_at.astimezone(zone).date() for r in given}:
        asked = [r for r in given if r.survey_id in asking and r.recorded_at.astimezone(zone).date() == day]
        answers = [r.heard_about_us for r in asked if r.heard_about_us is not None]
        for survey in asking if asked else ():
            of_survey = [r.heard_about_us for r in asked if r.survey_id == survey]
            parts = (float(len(of_survey) - of_survey.count(None)), float(len(of_survey)))
            kpis["heard_about_us_answered", "day", day, f"survey={survey}"] = parts
        if asked:
            parts = (float(len(answers)), float(len(asked)))
            kpis["heard_about_us_answered", "day", day, "all"] = parts
        for answer in set(answers):
            parts = (float(answers.count(answer)), float(len(answers)))
            kpis["heard_about_us", "day", day, f"answer={answer}"] = parts
    return kpis


def mention_kpis(world: World) -> dict[Key, Parts]:
    zone = ZoneInfo(world.zone)
    posts = {p.post_id: p.at.astimezone(zone).date() for p in world.posts if p.handle != world.brand_handle}
    days = list(posts.values())
    return {
        ("social_mentions", "day", day, of): (float(days.count(day)), None)
        for day in set(days)
        for of in ("all", "platform=mastodon")
    }


def voice_kpis(world: World) -> dict[Key, Parts]:
    zone, named = ZoneInfo(world.zone), set[tuple[date, int, str]]()
    for post in (*world.posts, *world.rival_posts):
        if post.handle != world.brand_handle:
            day = post.at.astimezone(zone).date()
            named |= {(day, post.post_id, tag) for tag in post.tags}
    kpis: dict[Key, Parts] = {}
    for day in {day for day, _, _ in named}:
        tags = [tag for on, _, tag in named if on == day]
        for tag in set(tags):
            brand = "own brand" if tag == world.brand_tag else tag
            kpis["share_of_voice", "day", day, f"brand={brand}"] = float(tags.count(tag)), float(len(tags))
    return kpis


def own_post_kpis(world: World) -> dict[Key, Parts]:
    counts: dict[Key, list[float]] = defaultdict(lambda: [0.0, 0.0])
    own = {post.post_id: post for post in world.posts if post.handle == world.brand_handle}
    for post in own.values():
        assert post.followers
        for of in ("all", "platform=mastodon"):
            day = post.at.astimezone(ZoneInfo(world.zone)).date()
            count = counts["social_engagement_by_followers", "day", day, of]
            count[0] += (post.replies + post.boosts + post.favourites) / post.followers
            count[1] += 1
    return {key: (above, below) for key, (above, below) in counts.items()}


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
        told.append([("cookie_id", v.cookie), ("list", v.link_of)])
    for o in [order for order in world.orders if not order.is_test]:
        shop = None if o.customer_id is None else str(o.customer_id)
        told.append([("email", o.email), ("phone", o.phone), ("shop", shop)])
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

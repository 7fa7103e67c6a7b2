"""What goes wrong in real sources: robots, skewed clocks, duplicates, late arrivals, junk, broken records.

Each kind is counted in `Truth.excluded` where it must not be counted as what it looks like. What dirt does to
the records is never told to the tally as an event.
"""

import json
from datetime import datetime, timedelta
from typing import Any

from journey_platform.demo.calendar import Calendar
from journey_platform.demo.chance import Wheel, happens, one_of, stream, whole
from journey_platform.demo.people import Device, device
from journey_platform.demo.support import HelpDesk
from journey_platform.demo.surveys import Panel
from journey_platform.demo.truth import Tally
from journey_platform.demo.web import Site
from journey_platform.demo.world import Action, Campaign, Malformed, Outage, Post, Visit

ROBOTS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
)
CLOCK_AHEAD = timedelta(days=3653)
CLOCK_BEHIND = timedelta(hours=31)


def robot_visits(seed: int, customers: int, site: Site, calendar: Calendar) -> None:
    """Declared robots, each visit under a new cookie: one page, or many pages a second apart."""
    rng = stream(seed, "robots")
    for _ in range(max(3, round(customers * 0.15 * calendar.length / 90))):
        body = device(rng, Wheel({"desktop": 1.0}))
        robot = Device(body.cookie, "desktop", one_of(rng, ROBOTS), body.ip)
        steps = ["catalog"] if happens(rng, 0.6) else ["home", *["product_view"] * whole(rng, 2, 12)]
        at = calendar.some_time(rng, calendar.day_at(rng.random()))
        site.visit(robot, at, site.source("Direct"), None, steps=steps, is_bot=True)


def skew_clocks(seed: int, tally: Tally, visits: list[Visit]) -> None:
    """Some visits hold one more action that a wrong clock dates over a day before them, or years ahead."""
    rng = stream(seed, "clocks")
    for nth, visit in enumerate(v for v in visits if len(v.actions) >= 3 and not v.is_bot):
        if nth >= 2 and not happens(rng, 0.004):
            continue
        at = visit.actions[1].at
        at = at + CLOCK_AHEAD if nth % 2 == 0 else at - CLOCK_BEHIND
        visit.actions.insert(1, Action(at, "page_view", "/offers", "Offers", dwell_s=None))
        tally.exclude("matomo.actions.skewed")


def delay(seed: int, visits: list[Visit], calendar: Calendar) -> None:
    """Some visits arrive up to two days after they happened, yet within the range."""
    rng = stream(seed, "late")
    latest = calendar.end - timedelta(seconds=1)
    for visit in visits:
        if happens(rng, 0.015):
            late_s = whole(rng, 3600, 40 * 3600)
            visit.recorded_at = min(visit.recorded_at + timedelta(seconds=late_s), latest)


def send_twice(
    seed: int, tally: Tally, visits: list[Visit], campaigns: list[Campaign], posts: list[Post]
) -> None:
    """The vendor sends some records twice, as on pages that shift while they are read."""
    rng = stream(seed, "twice")
    for name, records in (("matomo.visits", visits), ("mastodon.statuses", posts)):
        again: list[Any] = [record for nth, record in enumerate(records) if nth == 0 or happens(rng, 0.01)]
        records.extend(again)
        tally.exclude(f"{name}.duplicate", len(again))
    visits.sort(key=lambda visit: (visit.actions[0].at, visit.visit_id))
    posts.sort(key=lambda post: post.post_id)
    for campaign in campaigns:
        doubled = [a for a in campaign.actions if a.action != "bounce" and happens(rng, 0.01)]
        campaign.actions.extend(doubled)
        campaign.actions.sort(key=lambda action: (action.at, action.email.lower(), action.action))
        tally.exclude("mailchimp.email_activity.duplicate", len(doubled))


def junk_tickets(seed: int, desk: HelpDesk, tally: Tally, calendar: Calendar) -> None:
    """Spam from addresses that nobody knows; agents deleted most of it and tagged the rest."""
    rng = stream(seed, "junk tickets")
    for nth in range(max(2, round(0.2 * calendar.length))):
        owner = tally.stranger()
        user, _ = desk.user(owner, "WIN BIG", owner, f"offer{nth}@junk.example", None, None)
        at = calendar.some_time(rng, calendar.day_at(rng.random()))
        ticket = desk.ticket(user, at, "account", 0, can_rate=False)
        ticket.subject, ticket.description = "You have won!!!", "Click to claim 💰💰💰"
        if nth % 3 == 0:
            ticket.tags = ["spam"]
            tally.exclude("zendesk.tickets.spam")
        else:
            ticket.status = "deleted"
            ticket.changed_at = min(
                ticket.changed_at + timedelta(hours=1), calendar.end - timedelta(seconds=1)
            )
            tally.exclude("zendesk.tickets.deleted")
    desk.tickets.sort(key=lambda ticket: (ticket.created_at, ticket.ticket_id))


def junk_responses(seed: int, panel: Panel, tally: Tally, calendar: Calendar) -> None:
    """Previews by the survey's makers, answers broken off half-way, and one from a test address."""
    rng = stream(seed, "junk responses")

    def moment() -> datetime:
        return calendar.moment(calendar.day_at(rng.random()), 11 * 3600 + whole(rng, 0, 9000))

    for nth in range(max(2, calendar.length // 9)):
        survey = panel.surveys[nth % 2]
        panel.respond(
            survey,
            moment(),
            name=None,
            email=None,
            user_id=None,
            nps=10,
            comment="test",
            distribution="preview",
        )
        tally.exclude("qualtrics.responses.preview")
    for _ in range(max(2, calendar.length // 4)):
        nps = whole(rng, 0, 10) if happens(rng, 0.7) else None
        panel.respond(
            panel.waves, moment(), name=None, email=None, user_id=None, nps=nps, comment="", is_finished=False
        )
        tally.exclude("qualtrics.responses.unfinished")
    for user_id in ("null", "anonymous"):
        at = moment()
        panel.respond(
            panel.waves, at, name=None, email="test@noordlicht.example", user_id=user_id, nps=7, comment=""
        )
        who = tally.record(None, ("email", "test@noordlicht.example"), ("user_id", user_id))
        tally.answer(panel.waves.survey_id, who, None, at, 7)
    panel.responses.sort(key=lambda response: (response.recorded_at, response.response_id))


def malformed(tally: Tally, calendar: Calendar) -> list[Malformed]:
    """Records that no reader can use: a key or a time is missing, or a field is of another type.

    All stand at noon of one day. Qualtrics' cells are named by import id, and all text, as in its exports.
    """
    day = calendar.day_at(0.4)
    noon = calendar.moment(day, 12 * 3600)
    iso, epoch = noon.strftime("%Y-%m-%dT%H:%M:%SZ"), int(noon.timestamp())
    visit = {
        "idSite": "1",
        "visitorId": "00000000deadbeef",
        "firstActionTimestamp": epoch,
        "serverTimestamp": epoch,
    }
    ticket = {"created_at": iso, "updated_at": iso, "generated_timestamp": epoch, "status": "open"}
    activity = {"timestamp": iso.replace("Z", "+00:00"), "ip": "198.18.0.1"}
    cells = {"recordedDate": noon.strftime("%Y-%m-%d %H:%M:%S"), "status": "0", "finished": "1"}
    broken: list[tuple[str, str, dict[str, Any]]] = [
        ("matomo", "visits", {**visit, "idVisit": None, "actionDetails": []}),
        ("matomo", "visits", {**visit, "idVisit": "990002", "actionDetails": "none"}),
        ("mailchimp", "email_activity", {**activity, "action": "stared_at"}),
        ("zendesk", "tickets", {**ticket, "id": None, "requester_id": 1}),
        ("zendesk", "tickets", {**ticket, "id": 990_003, "requester_id": "nobody", "tags": "none"}),
        ("qualtrics", "responses", {**cells, "_recordId": "", "QID1": "9"}),
        ("qualtrics", "responses", {**cells, "_recordId": "R_eleven", "QID1": "11"}),
        ("mastodon", "tag_timelines", {"id": None, "created_at": iso, "account": None}),
        (
            "mastodon",
            "tag_timelines",
            {"id": str((epoch * 1000) << 16), "created_at": iso, "account": "gone"},
        ),
    ]
    for vendor, name, _ in broken:
        tally.exclude(f"{vendor}.{name}.malformed")
    return [
        Malformed(vendor, name, day, json.dumps(record, separators=(",", ":")))
        for vendor, name, record in broken
    ]


def outages(calendar: Calendar) -> list[Outage]:
    """The survey vendor does not answer about one day until somebody lifts it."""
    return [Outage("qualtrics", calendar.day_at(0.66))]

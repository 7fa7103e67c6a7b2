"""A recount of the moods of what people wrote, from the world's records."""

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from zoneinfo import ZoneInfo

from journey_platform.demo.words import COMPLAINTS, ODD_LINES, PRAISE
from journey_platform.demo.world import World

Key = tuple[str, str, date, str]
Parts = tuple[float, float | None]

UNREADABLE, HELPLESS = ODD_LINES[1:3]
PRAISING = ("and it is great", "Thanks to ", "no regrets", "is nicer than")
SORRY = ("It is annoying to see the shipping costs so late.", "My card was refused twice.")


def texts(world: World) -> Iterator[tuple[str, datetime, str]]:
    """Channel, time and mood of each text that counts."""
    for ticket in world.tickets:
        if ticket.status == "deleted" or "spam" in ticket.tags:
            continue
        is_angry = ticket.tags[0] in ("router_update", "report_export") or ticket.description == HELPLESS
        is_lost = ticket.description == UNREADABLE
        yield (
            "ticket",
            ticket.created_at,
            "unknown" if is_lost else "negative" if is_angry else "neutral",
        )
        if ticket.rated_at is not None and ticket.rating_comment:
            yield "ticket", ticket.rated_at, "positive" if ticket.rating == "good" else "negative"
    for response in world.responses:
        said = response.comment
        if not said or not response.is_finished or response.distribution == "preview":
            continue
        mood = "positive" if said in PRAISE else "neutral"
        mood = "negative" if said in (*COMPLAINTS, *SORRY, HELPLESS) else mood
        yield "survey", response.recorded_at, "unknown" if said == UNREADABLE else mood
    for post in {post.post_id: post for post in world.posts}.values():
        if post.handle != world.brand_handle:
            is_praise = any(words in post.html for words in PRAISING)
            yield "social", post.at, "positive" if is_praise else "negative"


def mood_kpis(world: World) -> dict[Key, Parts]:
    zone = ZoneInfo(world.zone)
    told: dict[tuple[date, str], Counter[str]] = {}
    for channel, at, mood in texts(world):
        for of in ("all", f"channel={channel}"):
            told.setdefault((at.astimezone(zone).date(), of), Counter())[mood] += 1
    kpis: dict[Key, Parts] = {}
    for (day, of), moods in told.items():
        good, bad, texts_of_day = moods["positive"], moods["negative"], moods.total()
        known = texts_of_day - moods["unknown"]
        kpis["sentiment_positive", "day", day, of] = (good, known)
        kpis["sentiment_negative", "day", day, of] = (bad, known)
        kpis["sentiment_unknown", "day", day, of] = (moods["unknown"], texts_of_day)
        kpis["net_sentiment", "day", day, of] = (good - bad, known)
        kpis["net_sentiment_of_opinions", "day", day, of] = (good - bad, good + bad)
        if of != "all":
            kpis["text_topics", "day", day, of] = (texts_of_day, told[day, "all"].total())
    return kpis

"""The demo company's world: the same from the same seed, truly told, as lively as the measured figures."""

import hashlib
import itertools
import os
import re
import subprocess
import sys
from collections import Counter
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest

from journey_platform.demo import marginals
from journey_platform.demo.company import build_world
from journey_platform.demo.truth import partition, profiles_of
from journey_platform.demo.words import POSTS
from journey_platform.demo.world import World
from tests.demo import (
    naive,
    naive_accounts,
    naive_commerce,
    naive_conversions,
    naive_files,
    naive_origins,
    naive_people,
    naive_words,
)

FIRST_DAY, LAST_DAY = date(2026, 8, 16), date(2026, 11, 13)

RECOUNTS = (
    naive.web_kpis,
    naive.page_kpis,
    naive.email_kpis,
    naive.heard_kpis,
    naive.ease_kpis,
    naive.content_kpis,
    naive.mention_kpis,
    naive.voice_kpis,
    naive.own_post_kpis,
    naive_words.mood_kpis,
    naive_people.people_kpis,
    naive_people.visitor_kpis,
    naive_people.cart_kpis,
    naive_people.ticket_kpis,
    naive_commerce.order_kpis,
    naive_commerce.left_kpis,
    naive_commerce.followed_kpis,
    naive_conversions.visit_kpis,
    naive_conversions.credit_kpis,
    naive_conversions.newcomer_kpis,
    naive_accounts.account_kpis,
    naive_origins.origin_kpis,
    naive_files.review_kpis,
    naive_files.money_kpis,
    naive_files.member_kpis,
)


def recounted(world: World) -> dict[naive.Key, naive.Parts]:
    return {key: parts for recount in RECOUNTS for key, parts in recount(world).items()}


@cache
def world(customers: int = 150, first_day: date = date(2026, 10, 1), days: int = 42, seed: int = 7) -> World:
    """Built once per shape; tests only read it. October's holds the end of summer time."""
    last_day = first_day + timedelta(days=days - 1)
    return build_world(seed=seed, customers=customers, first_day=first_day, last_day=last_day)


@cache
def full_world() -> World:
    return build_world(first_day=FIRST_DAY, last_day=LAST_DAY)


def digest(world: World) -> str:
    """A hash of everything in it; sets in a fixed order."""
    truth = world.truth
    parts = [repr(getattr(world, name)) for name in World.__slots__ if name != "truth"]
    parts += [repr(sorted(truth.shared)), repr(list(truth.owner_of.items())), repr(list(truth.kpis.items()))]
    parts += [repr(list(truth.kpis_with_files.items()))]
    parts += [repr([(n, [sorted(e) for e in sets]) for n, sets in truth.linkable.items()])]
    parts += [repr(truth.people_kpis), repr(truth.sessions), repr(truth.excluded)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def test_the_same_seed_gives_the_same_world_in_every_process() -> None:
    program = (
        "from datetime import date; from tests.demo.test_company import digest, world; print(digest(world()))"
    )
    root = Path(__file__).resolve().parents[2]
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=root,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for hash_seed in ("1", "2")
    }
    assert found == {digest(world())}


def test_another_seed_gives_another_world() -> None:
    assert digest(world(seed=8)) != digest(world())


@pytest.mark.parametrize(
    ("first_day", "days", "zone", "customers"),
    [
        pytest.param(date(2026, 10, 1), 42, "Europe/Amsterdam", 150, id="a day of 25 hours"),
        pytest.param(date(2026, 3, 16), 28, "Europe/Amsterdam", 60, id="a day of 23 hours"),
        pytest.param(date(2028, 2, 20), 21, "Europe/Amsterdam", 60, id="leap day"),
        pytest.param(date(2026, 12, 20), 21, "Asia/Kathmandu", 60, id="over new year, at +05:45"),
        pytest.param(date(2026, 6, 1), 14, "Pacific/Apia", 40, id="the smallest world, at the date line"),
    ],
)
def test_the_tally_equals_a_naive_recount_of_the_records(
    first_day: date, days: int, zone: str, customers: int
) -> None:
    last_day = first_day + timedelta(days=days - 1)
    made = build_world(customers=customers, first_day=first_day, last_day=last_day, zone=zone)
    from_vendors = recounted(naive_files.without_files(made))
    assert made.truth.kpis == from_vendors
    assert {key[2] for key in from_vendors if key[0] == "visits"} <= {
        first_day + timedelta(days=offset) for offset in range(days)
    }
    assert made.truth.kpis_with_files == recounted(naive_files.with_receipts(made))


@pytest.mark.parametrize("seed", range(8))
def test_the_tally_equals_the_recount_whatever_the_seed(seed: int) -> None:
    rng = Random(seed)
    first_day = date(2025, 1, 1) + timedelta(days=rng.randrange(900))
    customers, days = rng.choice([40, 60, 110, 170]), rng.choice([14, 15, 20, 35])
    made = world(customers, first_day, days, seed)
    told = f"seed {seed}: {customers} customers, {days} days from {first_day}"
    assert made.truth.kpis == recounted(naive_files.without_files(made)), told


def test_contracts_are_decided_upon_where_the_range_is_long_enough() -> None:
    made = world(40, date(2026, 1, 3), 120)
    kpi = "seats_active_before_renewal"
    told = {key: parts for key, parts in made.truth.kpis_with_files.items() if key[0] == kpi}
    again = naive_files.member_kpis(made)
    assert told == {key: parts for key, parts in again.items() if key[0] == kpi}
    assert {key[3] for key in told} > {"all", "outcome=renewed", "outcome=ended"}


def test_the_profiles_are_those_that_the_records_tie_together() -> None:
    by_number: dict[int, int] = Counter(naive.profiles(world()).values())
    assert sorted(by_number.values()) == sorted(len(profile) for profile in partition(world().truth))


def test_no_profile_holds_two_people_or_anything_shared() -> None:
    truth = world().truth
    for profile in partition(truth):
        assert len({truth.owner_of[identifier] for identifier in profile}) == 1
        assert not profile & truth.shared
        assert sum(kind == "user_id" for kind, _ in profile) <= 1


def test_some_customers_cannot_be_joined_and_their_profiles_say_which() -> None:
    profiles = profiles_of(full_world().truth)
    assert set(profiles) <= {customer.number for customer in full_world().customers}
    assert len(profiles) >= 1_950
    whole = sum(len(parts) == 1 for parts in profiles.values())
    assert 0.4 < whole / len(profiles) < 0.7
    for parts in profiles.values():
        unjoined = sorted(parts, key=len)[:-1]
        assert all(len(part) < 4 for part in unjoined)


def test_visits_of_one_cookie_are_over_half_an_hour_apart_and_never_pause_so_long() -> None:
    by_cookie: dict[str, list[tuple[int, int]]] = {}
    for visit in {visit.visit_id: visit for visit in world().visits}.values():
        times = [int(action.at.timestamp()) for action in naive.kept_actions(visit)]
        assert all(0 < later - earlier <= 1800 for earlier, later in itertools.pairwise(times))
        by_cookie.setdefault(visit.cookie, []).append((times[0], times[-1]))
    for spans in by_cookie.values():
        spans.sort()
        assert all(begin - end > 1800 for (_, end), (begin, _) in itertools.pairwise(spans))


def test_nothing_happens_outside_the_range_and_all_times_are_whole_seconds() -> None:
    made = world()
    start, end = (
        naive.datetime.combine(day, naive.datetime.min.time(), ZoneInfo(made.zone))
        for day in (made.first_day, made.last_day + timedelta(days=1))
    )
    times = [a.at for v in made.visits for a in naive.kept_actions(v)] + [v.recorded_at for v in made.visits]
    times += [a.at for c in made.campaigns for a in c.actions] + [
        at for c in made.campaigns for _, at in c.unsubscribed
    ]
    times += [t.created_at for t in made.tickets] + [t.changed_at for t in made.tickets]
    times += [m.changed_at for m in made.members] + [u.changed_at for u in made.support_users]
    times += [r.recorded_at for r in made.responses] + [p.edited_at or p.at for p in made.posts]
    times += [post.at for post in made.rival_posts]
    assert all(start <= at < end and at.microsecond == 0 for at in times)


@pytest.mark.parametrize(
    "kind",
    [
        "one page, seen for over ten seconds",
        "one page, its time not measured",
        "over midnight",
        "over the end of a week",
        "ordered",
        "left cart",
        "arrived late",
        "over the change of the clocks",
    ],
)
def test_every_kind_of_visit_is_there(kind: str) -> None:
    zone = ZoneInfo("Europe/Amsterdam")
    found = set()
    for visit in world().visits:
        actions = naive.kept_actions(visit)
        first, last = (actions[place].at.astimezone(zone) for place in (0, -1))
        kinds = [action.kind for action in actions]
        if kinds == ["page_view"]:
            dwell_s = actions[0].dwell_s
            found |= {"one page, its time not measured"} if dwell_s is None else set()
            found |= {"one page, seen for over ten seconds"} if (dwell_s or 0) > 10 else set()
        found |= {"over midnight"} if first.date() != last.date() else set()
        found |= {"over the end of a week"} if first.isocalendar()[1] != last.isocalendar()[1] else set()
        found |= {"ordered"} if "order" in kinds else set()
        found |= {"left cart"} if "cart" in kinds else set()
        found |= {"arrived late"} if visit.recorded_at > actions[-1].at else set()
        found |= {"over the change of the clocks"} if first.utcoffset() != last.utcoffset() else set()
    assert kind in found


@pytest.mark.parametrize(
    ("share", "expected", "tolerance"),
    [
        pytest.param("one-page visits", marginals.ONE_PAGE_VISITS_OVERALL, 0.05, id="one-page visits"),
        pytest.param("desktop", marginals.PLATFORMS["desktop"], 0.06, id="desktop"),
        pytest.param(
            "search, unknown", marginals.ANONYMOUS_CHANNELS["Organic Search"], 0.03, id="search, unknown"
        ),
        pytest.param(
            "paid, customers", marginals.CUSTOMER_CHANNELS["Paid Search"], 0.05, id="paid, customers"
        ),
        pytest.param("orders, customers", 0.13, 0.06, id="visits with an order, customers"),
        pytest.param("read", marginals.OPEN_RATE, 0.035, id="mails read"),
        pytest.param("bounced", marginals.BOUNCE_RATE, 0.002, id="mails bounced"),
        pytest.param("clicks", 0.0163, 0.004, id="mails clicked"),
        pytest.param("good posts", marginals.POSITIVE_POSTS, 0.05, id="posts that praise"),
        pytest.param("monday tickets", marginals.OPENING_WEEKDAYS[0], 0.05, id="tickets on Mondays"),
        pytest.param("weekend tickets", sum(marginals.OPENING_WEEKDAYS[5:]), 0.08, id="tickets at weekends"),
    ],
)
def test_the_company_behaves_by_the_measured_figures(share: str, expected: float, tolerance: float) -> None:
    assert shares()[share] == pytest.approx(expected, abs=tolerance)


@cache
def shares() -> dict[str, float]:
    made = full_world()
    real = [s for s in made.truth.sessions.values() if not s.is_bot]
    ours = [s for s in real if s.owner is not None and s.owner > 0]
    unknown = [s for s in real if s.owner is not None and s.owner < 0]
    sent = sum(len(c.recipients) for c in made.campaigns)
    weekdays = Counter(t.created_at.weekday() for t in made.tickets if t.status != "deleted")
    read = [
        parts for key, parts in made.truth.people_kpis.items() if key[0] == "open_rate" and key[3] == "all"
    ]
    clicks = [
        parts for key, parts in made.truth.kpis.items() if key[0] == "click_through_rate" and key[3] == "all"
    ]

    written = [post for post in made.posts if not post.is_brand]
    praise = [max(re.split(r"#?{\w+}", line), key=len) for line in POSTS["good"]]

    def ratio(parts: list[tuple[float, float | None]]) -> float:
        return sum(above for above, _ in parts) / sum(below or 0.0 for _, below in parts)

    return {
        "one-page visits": sum(s.page_views == 1 for s in real) / len(real),
        "desktop": Counter(v.device for v in made.visits if not v.is_bot)["desktop"] / len(real),
        "search, unknown": sum(s.traffic_channel == "Organic Search" for s in unknown) / len(unknown),
        "paid, customers": sum(s.traffic_channel == "Paid Search" for s in ours) / len(ours),
        "orders, customers": sum(s.orders > 0 for s in ours) / len(ours),
        "read": ratio(read),
        "bounced": sum(a.action == "bounce" for c in made.campaigns for a in c.actions) / sent,
        "clicks": ratio(clicks),
        "good posts": sum(any(words in p.html for words in praise) for p in written) / len(written),
        "monday tickets": weekdays[0] / weekdays.total(),
        "weekend tickets": (weekdays[5] + weekdays[6]) / weekdays.total(),
    }


def test_pages_per_visit_lie_near_the_measured_quantiles() -> None:
    pages = sorted(s.page_views for s in full_world().truth.sessions.values() if not s.is_bot)
    for share, expected in marginals.PAGES_PER_VISIT:
        assert pages[int(share * len(pages))] == pytest.approx(expected, abs=1 + 0.2 * expected)


def test_the_true_opens_lie_between_the_two_that_can_be_published() -> None:
    truth = full_world().truth
    lower, upper = (
        sum(parts[0] for key, parts in truth.kpis.items() if key[0] == kpi and key[3] == "all")
        for kpi in ("open_rate_lower", "open_rate_upper")
    )
    true = sum(
        parts[0] for key, parts in truth.people_kpis.items() if key[0] == "open_rate" and key[3] == "all"
    )
    assert lower < true < upper


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param({"customers": 39}, "at least 40 customers", id="too few customers"),
        pytest.param({"last_day": FIRST_DAY + timedelta(days=12)}, "at least 14 days", id="too few days"),
        pytest.param(
            {"last_day": FIRST_DAY - timedelta(days=1)}, "lies before", id="days the wrong way round"
        ),
    ],
)
def test_a_world_that_cannot_be_told_is_refused(arguments: dict[str, object], message: str) -> None:
    asked = {"first_day": FIRST_DAY, "last_day": LAST_DAY, **arguments}
    with pytest.raises(ValueError, match=message):
        build_world(**asked)  # type: ignore[arg-type]

"""Channel rules in their order, robots' names, paths of pages; local days against the standard library."""

import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from journey_platform.days import local_days
from journey_platform.touchpoints.mapping import microseconds, page_path
from journey_platform.touchpoints.robots import is_declared_robot
from journey_platform.touchpoints.traffic import traffic_channel


@pytest.mark.parametrize(
    ("referrer", "campaign", "medium", "channel"),
    [
        pytest.param("direct", None, None, "Direct", id="direct"),
        pytest.param("search", None, None, "Organic Search", id="search engine"),
        pytest.param("social", None, None, "Organic Social", id="social network"),
        pytest.param("website", None, None, "Referral", id="other website"),
        pytest.param(None, None, None, "Other", id="nothing known"),
        pytest.param("campaign", "spring", "email", "Email", id="mailing"),
        pytest.param("campaign", "spring", " E-Mail ", "Email", id="mailing spelled otherwise"),
        pytest.param("campaign", "spring", "cpc", "Paid Search", id="paid click"),
        pytest.param("campaign", "spring", "paidsearch", "Paid Search", id="paid"),
        pytest.param("campaign", "spring", "cpcx", "Other", id="an unknown medium that begins like one"),
        pytest.param("campaign", "spring", "social", "Organic Social", id="social campaign"),
        pytest.param("campaign", "spring", "paid_social", "Paid Social", id="paid on a network"),
        pytest.param("campaign", "spring", "paid-social", "Paid Social", id="paid on a network, spelled so"),
        pytest.param("campaign", "spring", "retargeting", "Paid Other", id="paid somewhere"),
        pytest.param("campaign", "spring", "organic", "Organic Search", id="found"),
        pytest.param("campaign", "spring", "referral", "Referral", id="recommended"),
        pytest.param("campaign", "spring", "sms", "SMS", id="text message"),
        pytest.param("campaign", "spring", "banner", "Display", id="banner"),
        pytest.param("campaign", "spring", "affiliate", "Affiliates", id="affiliate"),
        pytest.param("campaign", "spring", "qr", "Other", id="other medium"),
        pytest.param("campaign", "spring", None, "Other", id="campaign without a medium"),
        pytest.param("search", "spring", "email", "Email", id="a campaign goes before the referrer"),
    ],
)
def test_channel_rules(referrer: str | None, campaign: str | None, medium: str | None, channel: str) -> None:
    assert traffic_channel(referrer, campaign, medium) == channel


@pytest.mark.parametrize(
    "agent",
    [
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 (compatible; bingbot/2.0)",
        "Mozilla/5.0 (compatible; Yahoo! Slurp)",
        "Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/120.0",
        "facebookexternalhit/1.1",
        "curl/8.5.0",
        "python-requests/2.32",
        "Bot",
    ],
)
def test_robots_that_say_so_are_found(agent: str) -> None:
    assert is_declared_robot("Chrome", agent)


@pytest.mark.parametrize(
    "agent",
    [
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) Version/17.2 Mobile Safari/604.1",
        "Firefox",
        None,
    ],
)
def test_browsers_are_not_robots(agent: str | None) -> None:
    assert not is_declared_robot(agent)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://shop.example/a/b?email=ann@x.example#top", "/a/b"),
        ("https://shop.example", "/"),
        ("https://shop.example?x=/y", "/"),
        ("https://shop.example/#/route", "/"),
        ("/relative?x", "/relative"),
        ("shop.example/a", "/a"),
        ("", None),
        (None, None),
    ],
)
def test_a_page_is_a_path_without_its_query(url: str | None, path: str | None) -> None:
    assert page_path(url) == path


@pytest.mark.parametrize(
    "zone",
    ["UTC", "Europe/Amsterdam", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia"],
)
def test_local_days_equal_the_standard_library(zone: str) -> None:
    """Seeded moments from 1970 on, and the quarter hours around every change of offset in 2011 and 2026."""
    seed = 20260310
    rng = random.Random(seed)
    moments = [rng.randrange(0, 2_000_000_000_000_000) for _ in range(2000)]
    for year in (2011, 2026):
        start = datetime(year, 1, 1, tzinfo=UTC)
        hours = [start + timedelta(minutes=30 * i) for i in range(2 * 24 * 366)]
        offsets = [hour.astimezone(ZoneInfo(zone)).utcoffset() for hour in hours]
        changes = [hours[i] for i in range(1, len(hours)) if offsets[i] != offsets[i - 1]]
        steps = (-901, -900, -1, 0, 1, 899, 900)
        moments += [microseconds(change + timedelta(seconds=s)) for change in changes for s in steps]
    expected = [
        (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment)).astimezone(ZoneInfo(zone)).date()
        for moment in moments
    ]
    found = [date(1970, 1, 1) + timedelta(days=day) for day in local_days(np.array(moments), zone).tolist()]
    assert found == expected, f"seed {seed}"

"""What Mailchimp's reports count for one mailing."""

import ipaddress
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from journey_platform.demo.world import Campaign, EmailAction

APPLE_PROXY = ipaddress.ip_network("17.0.0.0/8")


def totals(campaign: Campaign, as_of: datetime) -> dict[str, Any]:
    """The `bounces`, `opens` and `clicks` of a mailing's report: what was done until `as_of`."""
    seen = [action for action in campaign.actions if action.at <= as_of]
    opens = [action for action in seen if action.action == "open"]
    clicks = [action for action in seen if action.action == "click"]
    by_person = [action for action in opens if not is_prefetch(action)]
    bounces = {a.email.lower(): a.bounce_type for a in seen if a.action == "bounce"}
    delivered = len(campaign.recipients) - len(bounces)
    kinds = Counter(bounces.values())

    def people(actions: list[EmailAction]) -> int:
        return len({action.email.lower() for action in actions})

    def rate(count: int) -> float:
        return round(count / delivered, 6) if delivered else 0.0

    return {
        "bounces": {"hard_bounces": kinds["hard"], "soft_bounces": kinds["soft"], "syntax_errors": 0},
        "opens": {
            "opens_total": len(opens),
            "proxy_excluded_opens": len(by_person),
            "unique_opens": people(opens),
            "proxy_excluded_unique_opens": people(by_person),
            "open_rate": rate(people(opens)),
            "proxy_excluded_open_rate": rate(people(by_person)),
            "last_open": plus_zero(max(action.at for action in opens)) if opens else "",
        },
        "clicks": {
            "clicks_total": len(clicks),
            "unique_clicks": len({(action.email.lower(), action.url) for action in clicks}),
            "unique_subscriber_clicks": people(clicks),
            "click_rate": rate(people(clicks)),
            "last_click": plus_zero(max(action.at for action in clicks)) if clicks else "",
        },
    }


def is_prefetch(action: EmailAction) -> bool:
    """Whether an open came from Apple's proxy, which fetches images whoever reads."""
    return bool(action.ip) and ipaddress.ip_address(action.ip) in APPLE_PROXY


def plus_zero(moment: datetime) -> str:
    """`2026-01-31T12:00:00+00:00`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")

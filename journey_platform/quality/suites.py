"""The suites: which rules guard which table. To add a rule, add it here, beside its table.

Rules every raw table shares come first, then what single streams add, then touchpoints.
"""

from journey_platform.quality.rules import (
    Rule,
    Suite,
    is_between,
    is_one_of,
    is_present,
    is_unique,
    json_field,
    matches,
)
from journey_platform.quality.verdict import WARN
from journey_platform.tables import Table

_HOURS_AHEAD = "date_diff('minute', extracted_at, occurred_at) / 60.0"
_CLOCK_SKEW_HOURS = 24.0

_RAW_RULES = (
    matches("key_present", "record_key", r"\S"),
    is_present("time_present", "occurred_at"),
    is_between("not_in_the_future", "hours_ahead", None, _CLOCK_SKEW_HOURS),
    matches("body_is_an_object", "body", r"^\s*\{"),
)

_STREAM_RULES: dict[str, tuple[dict[str, str], tuple[Rule, ...]]] = {
    "raw/matomo/visits": (
        {"visitor": json_field("$.visitorId"), "actions": json_field("$.actionDetails")},
        (is_present("visitor_known", "visitor", WARN), is_present("actions_listed", "actions")),
    ),
    "raw/mailchimp/members": (
        {"status": json_field("$.status"), "address": json_field("$.email_address")},
        (
            is_one_of(
                "status_known",
                "status",
                ("subscribed", "unsubscribed", "cleaned", "pending", "transactional", "archived"),
            ),
            matches("address_like", "address", r"^[^@\s]+@[^@\s]+$", WARN),
        ),
    ),
    "raw/mailchimp/email_activity": (
        {"action": json_field("$.action")},
        (is_one_of("action_known", "action", ("open", "click", "bounce")),),
    ),
    "raw/mailchimp/reports": (
        {"emails_sent": f"try_cast({json_field('$.emails_sent')} as double)"},
        (is_between("emails_sent_counted", "emails_sent", 0, None),),
    ),
    "raw/zendesk/tickets": (
        {"status": json_field("$.status"), "requester": json_field("$.requester_id")},
        (
            is_one_of(
                "status_known",
                "status",
                ("new", "open", "pending", "hold", "solved", "closed", "deleted"),
            ),
            is_present("requester_present", "requester", WARN),
        ),
    ),
    "raw/zendesk/satisfaction_ratings": (
        {"score": json_field("$.score")},
        (
            is_one_of(
                "score_known",
                "score",
                (
                    "offered",
                    "unoffered",
                    "received",
                    "good",
                    "bad",
                    "good_with_comment",
                    "good_without_comment",
                    "bad_with_comment",
                    "bad_without_comment",
                ),
            ),
        ),
    ),
    "raw/qualtrics/responses": (
        {"progress": f"try_cast({json_field('$.progress')} as double)"},
        (is_between("progress_in_range", "progress", 0, 100),),
    ),
}

_CHANNELS = ("web", "email", "ticket", "survey", "social")

_TOUCHPOINT_SUITE = Suite(
    columns={
        "nps": "case when unit = 'nps' then value end",
        "revenue": "case when type = 'order' then value end",
    },
    rules=(
        is_unique("id_unique", "touchpoint_id"),
        is_present("time_present", "occurred_at"),
        is_one_of("channel_known", "channel", _CHANNELS),
        matches("type_named", "type", r"^[a-z][a-z_]*$"),
        is_between("nps_on_its_scale", "nps", 0, 10),
        is_between("revenue_sane", "revenue", 0, 1_000_000),
        is_between("dwell_sane", "dwell_s", 0, 86_400, WARN),
    ),
)


def suite_of(table: Table) -> Suite:
    """The suite that guards a raw or a touchpoint table."""
    if table.key[0] == "touchpoints":
        return _TOUCHPOINT_SUITE
    columns, rules = _STREAM_RULES.get(table.name, ({}, ()))
    return Suite(columns={"hours_ahead": _HOURS_AHEAD, **columns}, rules=(*_RAW_RULES, *rules))

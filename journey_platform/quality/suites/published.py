"""What guards the tables that are ours. A row that breaks one of these rules is a fault of ours or an
unforeseen input: of touchpoints such rows are quarantined; a day of sessions or KPIs with one is held."""

from journey_platform.quality.rules import (
    Suite,
    few_rows_fail,
    holds,
    is_between,
    is_one_of,
    is_present,
    is_unique,
    matches,
)
from journey_platform.quality.verdict import WARN

_CHANNELS = ("web", "email", "ticket", "survey", "social", "commerce", "product", "account")
_ON_ITS_DAY = "date_diff('hour', day::timestamp, {time}::timestamp) between -15 and 39"
_MONEY_MOST = 1_000_000
_NO_ROW_FAILS = few_rows_fail(0.0)

TOUCHPOINTS = Suite(
    columns={
        "nps": "case when unit = 'nps' then value end",
        "is_on_its_scale": (
            "case when value is null then null"
            " when unit = 'csat_5' then value between 1 and 5"
            " when unit = 'stars' then value between 1 and 5"
            " when unit in ('csat_7', 'ces_7') then value between 1 and 7"
            " else type not in ('survey_score', 'review') end"
        ),
        "revenue": "case when type in ('order', 'purchase') then value end",
        "given_back": "case when type in ('refund', 'cancellation') then value end",
        "is_on_its_day": _ON_ITS_DAY.format(time="occurred_at"),
    },
    rules=(
        is_unique("id_unique", "touchpoint_id"),
        is_present("time_present", "occurred_at"),
        holds("on_its_day", "is_on_its_day"),
        is_one_of("channel_known", "channel", _CHANNELS),
        is_present("type_given", "type"),
        matches("type_named", "type", r"^[a-z][a-z_]*$"),
        is_between("nps_on_its_scale", "nps", 0, 10),
        holds("score_on_its_scale", "is_on_its_scale"),
        is_between("revenue_sane", "revenue", 0, _MONEY_MOST),
        is_between("given_back_is_negative", "given_back", -_MONEY_MOST, 0),
        is_between("dwell_sane", "dwell_s", 0, 86_400, WARN),
    ),
    day_rules=(few_rows_fail(0.2),),
)

_SESSIONS = Suite(
    columns={
        "seconds": "date_diff('second', started_at, ended_at)",
        "has_its_actions": "actions >= page_views and actions >= orders and actions >= 1",
        "is_on_its_day": _ON_ITS_DAY.format(time="started_at"),
        "is_paid_by_orders": "orders > 0 or coalesce(revenue, 0) = 0",
    },
    rules=(
        is_unique("id_unique", "session_id"),
        holds("on_its_day", "is_on_its_day"),
        is_between("ends_after_it_begins", "seconds", 0, None),
        holds("counts_agree", "has_its_actions"),
        is_between("revenue_sane", "revenue", 0, _MONEY_MOST),
        holds("revenue_has_orders", "is_paid_by_orders"),
        is_between("not_endless", "seconds", None, 86_400, WARN),
    ),
    day_rules=(_NO_ROW_FAILS,),
)

_PROFILES = Suite(
    columns={
        "is_in_order": "first_seen <= last_seen",
        "is_told_by_somebody": "len(vendors) > 0",
    },
    rules=(
        is_unique("person_unique", "person_key"),
        is_unique("profile_unique", "profile_id"),
        matches("profile_id_like", "profile_id", r"^P[0-9A-Z]{13}$"),
        is_between("has_identifiers", "identifiers", 1, None),
        holds("seen_in_order", "is_in_order"),
        holds("vendor_given", "is_told_by_somebody"),
        matches("email_like", "email", r"^[^@\s]+@[^@\s]+$", WARN),
    ),
    day_rules=(_NO_ROW_FAILS,),
)

_KPIS = Suite(
    columns={
        "name": "kpi || '|' || period || '|' || day::varchar || '|' || dimension || '|' || dimension_value",
        "rate": "case when unit = 'ratio' then value end",
        "is_within": "value is null or lower is null or (lower <= value + 1e-9 and value <= upper + 1e-9)",
        "is_null_by_zero": "denominator is null or denominator <> 0 or value is null",
        "is_null_if_missing": "status not in ('missing', 'held') or coverage > 0 or value is null",
    },
    rules=(
        is_unique("row_unique", "name"),
        is_between("rate_in_range", "rate", 0, 1),
        is_between("coverage_in_range", "coverage", 0, 1),
        is_one_of("status_known", "status", ("ok", "open", "partial", "held", "missing")),
        holds("value_within_its_interval", "is_within"),
        holds("zero_denominator_gives_null", "is_null_by_zero"),
        holds("missing_has_no_value", "is_null_if_missing"),
    ),
    day_rules=(_NO_ROW_FAILS,),
)

PUBLISHED: dict[str, Suite] = {
    "customers/profiles": _PROFILES,
    "journeys/sessions": _SESSIONS,
    "kpis/early": _KPIS,
    "kpis/middle": _KPIS,
    "kpis/late": _KPIS,
    "kpis/business": _KPIS,
}

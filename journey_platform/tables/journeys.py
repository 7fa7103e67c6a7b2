"""Touchpoints by person, mailings, sessions."""

import pyarrow as pa

from journey_platform.tables.table import DAY, UTC_MICROSECONDS, Column, Table
from journey_platform.tables.touchpoints import touchpoints_table

JOURNEY_TOUCHPOINTS = Table(
    key=("journeys", "touchpoints"),
    grain="interaction, all vendors, with the profile it belongs to",
    columns=(
        DAY,
        Column("person_key", pa.int64(), "the profile; null where no identifier could be used"),
        Column("occurred_at", UTC_MICROSECONDS, "when it happened"),
        Column("touchpoint_id", pa.string(), "leads back to the raw row", is_key=True),
        Column("device_key", pa.int64(), "identifier_key of the cookie, where there is one"),
        Column(
            "recipient_key", pa.int64(), "identifier_key of the mailing's recipient: two stay two if merged"
        ),
        *(
            column
            for column in touchpoints_table("").columns
            if column.name not in {"day", "touchpoint_id", "occurred_at", "identifiers", "text", "record_key"}
        ),
    ),
    sort_by=("day", "person_key", "occurred_at", "touchpoint_id"),
)

MAILINGS = Table(
    key=("journeys", "mailings"),
    grain="mailing, as its latest report tells it",
    columns=(
        Column("campaign_id", pa.string(), "the sender's id of the mailing", is_key=True),
        Column("day", pa.date32(), "local day on which it was sent"),
        Column("title", pa.string(), "what the sender calls it"),
        Column("sent_at", UTC_MICROSECONDS, "when it was sent"),
        Column("emails_sent", pa.int64(), "recipients"),
        Column("bounces", pa.int64(), "recipients it did not reach, hard and soft"),
        Column("delivered", pa.int64(), "recipients less bounces"),
    ),
    sort_by=("campaign_id",),
    is_daily=False,
)

SESSIONS = Table(
    key=("journeys", "sessions"),
    grain="visit: one device's page actions with no gap over 30 minutes, on the day it began",
    columns=(
        DAY,
        Column("session_id", pa.string(), "touchpoint_id of its first action", is_key=True),
        Column("person_key", pa.int64(), "the profile"),
        Column("device_key", pa.int64(), "the device"),
        Column("started_at", UTC_MICROSECONDS, "first action"),
        Column("ended_at", UTC_MICROSECONDS, "last action plus its dwell"),
        Column("page_views", pa.int64(), "pages viewed"),
        Column("actions", pa.int64(), "actions of every type"),
        Column("engaged_s", pa.float64(), "seconds with a measured dwell"),
        Column("heartbeats", pa.int64(), "ten-second beats within those dwells"),
        Column("orders", pa.int64(), "orders placed"),
        Column("revenue", pa.float64(), "money of those orders, in the site's currency"),
        Column("is_bounce_single_page", pa.bool_(), "exactly one page view"),
        Column("is_engaged_ga4", pa.bool_(), "over 10 s, or an order, or two page views"),
        Column("is_engaged_snowplow", pa.bool_(), "two page views, or two heartbeats, or an order"),
        Column("is_bot", pa.bool_(), "made by a declared robot"),
        Column("traffic_channel", pa.string(), "channel group of the first action"),
        Column("source", pa.string(), "source of the first action"),
        Column("campaign", pa.string(), "campaign of the first action"),
        Column("landing_page", pa.string(), "first page"),
        Column("exit_page", pa.string(), "last page"),
    ),
    sort_by=("day", "person_key", "started_at", "session_id"),
)

"""Touchpoints by person, mailings, sessions, tickets, what texts say."""

import pyarrow as pa

from journey_platform.tables.table import DAY, UTC_MICROSECONDS, Column, Table
from journey_platform.tables.touchpoints import touchpoints_table

_NOT_OF_JOURNEYS = frozenset(
    {"day", "touchpoint_id", "occurred_at", "identifiers", "record_key", "text", "language"}
)
"""Columns of touchpoints that stand elsewhere among a journey's, or in no journey."""

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
        *(column for column in touchpoints_table("").columns if column.name not in _NOT_OF_JOURNEYS),
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
        Column("device", pa.string(), "kind of device of the first action"),
        Column("landing_page", pa.string(), "first page"),
        Column("exit_page", pa.string(), "last page"),
    ),
    sort_by=("day", "person_key", "started_at", "session_id"),
)

TICKETS = Table(
    key=("journeys", "tickets"),
    grain="ticket, with what came of it",
    columns=(
        Column("ticket_id", pa.string(), "the help desk's number", is_key=True),
        Column("person_key", pa.int64(), "the profile that asked; null where no identifier could be used"),
        Column("reason", pa.string(), "its stated reason"),
        Column("created_day", pa.date32(), "local day of its creation"),
        Column("created_at", UTC_MICROSECONDS, "when it was created"),
        Column("replied_at", UTC_MICROSECONDS, "first human reply, where there was one"),
        Column("solved_day", pa.date32(), "local day of its last solution"),
        Column("solved_at", UTC_MICROSECONDS, "last solution, where there was one"),
        Column("next_at", UTC_MICROSECONDS, "when the person next asked for the same reason"),
        Column(
            "replied_working_s",
            pa.int64(),
            "working time from its creation to that reply; null where no business hours are declared",
        ),
        Column("solved_working_s", pa.int64(), "working time from its creation to that solution, likewise"),
    ),
    sort_by=("ticket_id",),
    is_daily=False,
)

SENTIMENT = Table(
    key=("journeys", "sentiment"),
    grain="ticket, comment, post or other text that a person wrote, with its mood; not the text itself",
    columns=(
        DAY,
        Column("touchpoint_id", pa.string(), "the touchpoint that holds the text", is_key=True),
        Column("channel", pa.string(), "where it was written"),
        Column("type", pa.string(), "the touchpoint's type"),
        Column(
            "topic",
            pa.string(),
            "stated reason, else the first declared topic that its words name, else unknown",
        ),
        Column("language", pa.string(), "language as the source tells it, else guessed, else unknown"),
        Column("sentiment", pa.string(), "positive, neutral, negative or unknown"),
        Column("compound", pa.float64(), "-1 to 1; null where unknown"),
        Column("model", pa.string(), "model, rules of language, and topics, with their versions"),
    ),
    sort_by=("day", "touchpoint_id"),
)

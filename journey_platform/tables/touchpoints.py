"""Vendors' records in the canonical shape."""

import pyarrow as pa

from journey_platform.tables.table import ATTRIBUTES, DAY, IDENTIFIERS, UTC_MICROSECONDS, Column, Table


def touchpoints_table(vendor: str) -> Table:
    """One vendor's interactions in the canonical shape."""
    return Table(
        key=("touchpoints", vendor),
        grain=f"interaction of one person with the brand, as {vendor} recorded it",
        columns=(
            DAY,
            Column(
                "touchpoint_id",
                pa.string(),
                "vendor/stream/record_key[#part]: leads back to the raw row",
                True,
            ),
            Column("occurred_at", UTC_MICROSECONDS, "when it happened"),
            Column("vendor", pa.string(), "who told us"),
            Column("stream", pa.string(), "the raw stream"),
            Column("record_key", pa.string(), "the raw record"),
            Column("channel", pa.string(), "web, email, ticket, survey, social, commerce or product"),
            Column("type", pa.string(), "what happened: page_view, order, email_open, ticket_created, ..."),
            Column(
                "identifiers",
                IDENTIFIERS,
                "who, and what about, as (kind, value) pairs as sent",
                is_personal=True,
            ),
            Column("visit_id", pa.string(), "the vendor's own visit"),
            Column("subject_id", pa.string(), "what was acted on: campaign, ticket, survey, post or order"),
            Column("page", pa.string(), "path of the page, without its query"),
            Column("traffic_channel", pa.string(), "channel group of the visit's source"),
            Column(
                "source",
                pa.string(),
                "utm source or referrer, a review's site, a competitor's tag, a score's ticket",
            ),
            Column("medium", pa.string(), "utm medium"),
            Column("campaign", pa.string(), "campaign name or id"),
            Column("device", pa.string(), "kind of device, as the vendor calls it, lower case"),
            Column("reason", pa.string(), "stated reason: a ticket's topic, a survey's question"),
            Column("value", pa.float64(), "score, or money in `unit`"),
            Column(
                "unit",
                pa.string(),
                "unit of `value`: nps, csat, csat_5, csat_7, ces_7, stars, per_follower, a currency code",
            ),
            Column("dwell_s", pa.float64(), "seconds spent, where measured"),
            Column("is_bot", pa.bool_(), "made by a declared robot"),
            Column("is_machine", pa.bool_(), "made by a machine for a person: a prefetched open"),
            Column("text", pa.string(), "what the person wrote", is_personal=True),
            Column("language", pa.string(), "language of the text, where the source tells it: en, nl, ..."),
        ),
        sort_by=("day", "occurred_at", "touchpoint_id"),
    )


def contacts_table(vendor: str) -> Table:
    """What one vendor's person records say about people."""
    return Table(
        key=("contacts", vendor),
        grain=f"statement of {vendor} about a person: its identifiers and attributes at a time",
        columns=(
            DAY,
            Column(
                "contact_id", pa.string(), "vendor/stream/record_key@time: leads back to the raw row", True
            ),
            Column("observed_at", UTC_MICROSECONDS, "when the vendor said so"),
            Column("vendor", pa.string(), "who told us"),
            Column("stream", pa.string(), "the raw stream"),
            Column("record_key", pa.string(), "the raw record"),
            Column("identifiers", IDENTIFIERS, "(kind, value) pairs as sent", is_personal=True),
            Column("attributes", ATTRIBUTES, "(name, value) pairs as sent", is_personal=True),
        ),
        sort_by=("day", "observed_at", "contact_id"),
    )

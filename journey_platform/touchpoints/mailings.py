"""Mailings as their reports tell them: what was sent, when, and how many it reached."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
import numpy as np
import pyarrow as pa

from journey_platform.days import local_days
from journey_platform.tables import MAILINGS
from journey_platform.touchpoints.mapping import Mapped, microseconds, read_records

_Count = Annotated[int, msgspec.Meta(ge=0)]


class _Bounces(msgspec.Struct):
    hard_bounces: _Count
    soft_bounces: _Count


class _Report(msgspec.Struct):
    id: str
    emails_sent: _Count
    send_time: Annotated[datetime, msgspec.Meta(tz=True)]
    bounces: _Bounces
    campaign_title: str | None = None

    def __post_init__(self) -> None:
        if self.bounces.hard_bounces + self.bounces.soft_bounces > self.emails_sent:
            raise ValueError("more bounces than recipients")


def mailings(reports: pa.Table, *, zone: str) -> Mapped:
    """Rows of `tables.MAILINGS` from the current versions of raw `mailchimp/reports`.

    Rejected are reports that do not decode, whose send time has no zone, and that tell of more bounces than
    recipients.
    """
    decode = msgspec.json.Decoder(_Report).decode
    found, rejected = read_records(MAILINGS, "mailchimp/reports", reports, decode)
    rows = [_mailing(report) for report, _ in found]
    days = local_days(np.array([row["sent_at"] for row in rows], dtype=np.int64), zone)
    dated = [{**row, "day": day} for row, day in zip(rows, days.tolist(), strict=True)]
    return Mapped(
        rows=_table(dated, MAILINGS.schema).sort_by("campaign_id"),
        rejected=rejected,
    )


def _mailing(report: _Report) -> dict[str, Any]:
    bounces = report.bounces.hard_bounces + report.bounces.soft_bounces
    return {
        "campaign_id": report.id,
        "title": report.campaign_title,
        "sent_at": microseconds(report.send_time),
        "emails_sent": report.emails_sent,
        "bounces": bounces,
        "delivered": report.emails_sent - bounces,
    }


def _table(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    return pa.table([pa.array([row[f.name] for row in rows], f.type) for f in schema], schema=schema)

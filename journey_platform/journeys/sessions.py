"""Sessions: one person's actions on one device, with no pause longer than the gap.

Vectorised over whole persons: Arrow in, Arrow out. Which touchpoints exist and whose they are is decided in
`touchpoints` and `identity`; rates over sessions are in `kpis.middle`.

Why a range of days can be computed alone. A session stands on the local day of its first action and holds the
actions of that day and of the `CARRY_DAYS` days after it. The caller reads the touchpoints of the days
first - CARRY_DAYS to last + CARRY_DAYS and keeps the sessions that start on first to last. The day before
shows whether an action early on `first` begins a session or continues one; a chain that began even earlier is
seen to start before `first` all the same, for it has no pause. The days after hold everything a session may
hold. So the result does not depend on how a range was cut, whatever the rows are. What a chain does after its
last followed day belongs to no session: only robots get there, and `truncated_chains` counts them.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.days import local_days, moments_us
from journey_platform.tables import SESSIONS

GAP_S = 1800
CARRY_DAYS = 1

_READ = [
    *(
        "person_key",
        "device_key",
        "visit_id",
        "occurred_at",
        "touchpoint_id",
        "type",
        "page",
        "value",
        "dwell_s",
    ),
    *("is_bot", "traffic_channel", "source", "campaign", "device"),
]
_OWNERS = ("account_key", "person_key", "device_key", "visit_id")
_ORIGIN = ("traffic_channel", "source", "campaign")
_SECOND_US = 1_000_000
_ENGAGED_S = 10
_HEARTBEAT_S = 10


@dataclass(frozen=True)
class Variant:
    """What ends a session besides a pause. `has_midnight`: the end of the local day; `has_campaign`: an
    action that comes from another campaign, source or channel than the one before. `is_stitched`: another
    person on the same device begins a session; where false, sessions are those of the device, as before
    stitching."""

    has_midnight: bool = False
    has_campaign: bool = False
    is_stitched: bool = True


VARIANTS = {
    "stitched": Variant(),
    "unstitched": Variant(is_stitched=False),
    "midnight": Variant(has_midnight=True),
    "campaign": Variant(has_campaign=True),
    "universal": Variant(has_midnight=True, has_campaign=True, is_stitched=False),
}
"""Named ways to tell sessions apart. "stitched" is the platform's own; GA4's are "unstitched", and those of
Google's Universal Analytics "universal": https://support.google.com/analytics/answer/12798876."""


def sessions(
    touchpoints: pa.Table,
    *,
    zone: str,
    gap_s: int = GAP_S,
    variant: str = "stitched",
    carry_days: int = CARRY_DAYS,
) -> pa.Table:
    """The sessions of whole persons, in the schema of `tables.SESSIONS`.

    `touchpoints`: columns as in `tables.JOURNEY_TOUCHPOINTS`, each person's rows in the order occurred_at,
    touchpoint_id; other channels than web are passed over. A pause of more than `gap_s` seconds begins a new
    session, and so does another device or another person on a shared one. Where an action has no device, the
    vendor's own visit stands in for it. Sessions come out by person, device and time. `variant`: one of
    `VARIANTS`; without stitching, a session belongs to the person of its first action, and `touchpoints` are
    sorted by the device instead of the person. `carry_days`: for how many days after its first a session is
    followed.

    Raises `ValueError` if a person's rows are out of order.
    """
    order, is_first = session_starts(touchpoints, gap_s=gap_s, zone=zone, variant=VARIANTS[variant])
    web = touchpoints.select(_READ).take(pa.array(order))
    at = moments_us(web["occurred_at"])
    is_followed = at < np.repeat(_closes(at[is_first], zone, carry_days), _lengths(is_first))
    return _measured(web.filter(pa.array(is_followed)), is_first[is_followed], zone)


def session_starts(
    touchpoints: pa.Table, *, gap_s: int = GAP_S, zone: str = "UTC", variant: Variant = VARIANTS["stitched"]
) -> tuple[np.ndarray, np.ndarray]:
    """Where sessions begin: (places of the site's actions in the order of sessions, whether each is a first).

    Raises `ValueError` if the rows of a person, or without stitching of a device, are out of order.
    """
    is_web = is_text(touchpoints["channel"], "web")
    places = np.flatnonzero(is_web)
    looked_at = {*_OWNERS, "occurred_at", "touchpoint_id", *(_ORIGIN if variant.has_campaign else ())}
    web = touchpoints.select([name for name in touchpoints.column_names if name in looked_at])
    if len(places) < len(web):
        web = web.take(pa.array(places))
    order, is_first = _by_owner(web, is_stitched=variant.is_stitched)
    at = moments_us(web["occurred_at"])[order]
    _require_order(web, order, at, is_first)
    is_first[1:] |= np.diff(at) > gap_s * _SECOND_US
    if variant.has_midnight:
        is_first[1:] |= np.diff(local_days(at, zone)) != 0
    if variant.has_campaign:
        for name in _ORIGIN:
            is_first[1:] |= np.diff(_codes(web[name])[order]) != 0
    return places[order], is_first


def truncated_chains(found: pa.Table, *, zone: str, gap_s: int = GAP_S) -> int:
    """How many sessions reach as far as a session is followed, and may have been cut short there.

    `found`: rows of `tables.SESSIONS`. Counted are those that end within a gap of the close of the last day
    they may hold. People pause; almost always this is a robot that does not say so.
    """
    closes = _closes(moments_us(found["started_at"]), zone, CARRY_DAYS)
    return int(np.count_nonzero(moments_us(found["ended_at"]) + gap_s * _SECOND_US >= closes))


def _by_owner(web: pa.Table, *, is_stitched: bool) -> tuple[np.ndarray, np.ndarray]:
    """The order with each person's device in one piece, and whether a row is the first of its piece.

    In rows of accounts whoever is of two stands in both, and has sessions in each.
    """
    has_device = np.asarray(web["device_key"].is_valid())
    keys = [_keys(web["device_key"])]
    if not has_device.all():
        keys = [np.where(has_device, -1, _codes(web["visit_id"])), has_device, *keys]
    if is_stitched:
        keys.append(_keys(web["person_key"]))
    owner, device = keys[-1], keys[-1 - is_stitched]
    is_of_accounts = "account_key" in web.column_names
    if is_of_accounts:
        keys.append(_keys(web["account_key"]))
    # Most people have one device, and come in order.
    is_new = np.diff(owner) != 0
    is_mixed = (np.diff(owner) < 0).any() or (np.diff(device)[~is_new] != 0).any() or not has_device.all()
    is_mixed |= is_of_accounts
    order = np.lexsort(keys) if is_mixed else np.arange(len(web))
    is_first = np.zeros(len(order), dtype=bool)
    is_first[:1] = True
    for key in keys:
        is_first[1:] |= (np.diff(key[order]) != 0) if is_mixed else (np.diff(key) != 0)
    return order, is_first


def _keys(column: pa.ChunkedArray) -> np.ndarray:
    """Keys as numbers; null is the greatest."""
    keys = column.combine_chunks() if column.null_count == 0 else column.fill_null(np.iinfo(np.int64).max)
    return np.asarray(keys.to_numpy(), dtype=np.int64)


def is_text(column: pa.ChunkedArray, text: str) -> np.ndarray:
    """Where a text column, encoded or not, says just this."""
    whole = column.combine_chunks()
    if not pa.types.is_dictionary(whole.type):
        return _flags(pc.equal(whole, text))
    found = np.append(_flags(pc.equal(whole.dictionary, text)), False)
    return np.asarray(found[whole.indices.fill_null(-1).to_numpy(zero_copy_only=False)])


def _codes(column: pa.ChunkedArray) -> np.ndarray:
    """A number per distinct value in order of appearance; -1 for null."""
    whole = column.combine_chunks()
    encoded = whole if pa.types.is_dictionary(whole.type) else whole.dictionary_encode()
    codes = encoded.indices.fill_null(-1)
    return np.asarray(codes.to_numpy(zero_copy_only=False), dtype=np.int64)


def _require_order(web: pa.Table, order: np.ndarray, at: np.ndarray, is_first: np.ndarray) -> None:
    """Those of one instant are in order where no ids say otherwise."""
    pause = np.where(is_first[1:], 1, np.diff(at))
    tied = np.flatnonzero(pause == 0)
    is_tie_wrong = False
    if len(tied) and "touchpoint_id" in web.column_names:
        ids = web["touchpoint_id"]
        earlier, later = (ids.take(pa.array(order[places])) for places in (tied, tied + 1))
        is_tie_wrong = bool(pc.any(pc.greater_equal(earlier, later)).as_py())
    if (pause < 0).any() or is_tie_wrong:
        raise ValueError("sessions need each person's touchpoints in the order occurred_at, touchpoint_id")


def _closes(started: np.ndarray, zone: str, carry_days: int) -> np.ndarray:
    """The instant, in microseconds, from which a session that began at `started` is not followed any more."""
    days, session_day = np.unique(local_days(started, zone), return_inverse=True)
    rules = ZoneInfo(zone)
    after = [date(1970, 1, 1) + timedelta(days=int(day) + carry_days + 1) for day in days]
    starts = [int(datetime.combine(day, time(), rules).timestamp()) * _SECOND_US for day in after]
    return np.array(starts, dtype=np.int64)[session_day]


def _lengths(is_first: np.ndarray) -> np.ndarray:
    """Rows per piece, for pieces that begin where `is_first`."""
    return np.diff(np.append(np.flatnonzero(is_first), len(is_first)))


def _measured(web: pa.Table, is_first: np.ndarray, zone: str) -> pa.Table:
    """One row per session. The rows of a session lie in one piece, in order."""
    first = np.flatnonzero(is_first)
    last = first + _lengths(is_first) - 1
    session = np.cumsum(is_first) - 1

    def total(amounts: np.ndarray) -> np.ndarray:
        # bincount adds row by row: the same sum wherever a session lies in memory.
        return np.bincount(session, weights=amounts, minlength=len(first))

    def count(rows: np.ndarray) -> np.ndarray:
        return np.bincount(session[rows], minlength=len(first))

    at = moments_us(web["occurred_at"])
    dwell = _numbers(web["dwell_s"])
    is_page = _is_type(web, "page_view")
    is_order = _is_type(web, "order")
    started = at[first]
    ended = at[last] + np.round(dwell[last] * _SECOND_US).astype(np.int64)
    page_views, orders = count(is_page), count(is_order)
    heartbeats = total(np.where(is_page, dwell // _HEARTBEAT_S, 0)).astype(np.int64)
    is_active = (page_views >= 2) | (orders > 0)
    page_rows = np.flatnonzero(is_page)
    pages = web["page"].take(pa.array(page_rows))
    landing = np.searchsorted(page_rows, first)
    leaving = np.searchsorted(page_rows, last, side="right") - 1
    opening = web.take(pa.array(first))
    columns: dict[str, Any] = {
        "day": local_days(started, zone),
        "session_id": opening["touchpoint_id"],
        "person_key": opening["person_key"],
        "device_key": opening["device_key"],
        "started_at": started,
        "ended_at": ended,
        "page_views": page_views,
        "actions": count(np.ones(len(at), dtype=bool)),
        "engaged_s": total(np.where(is_page, dwell, 0.0)),
        "heartbeats": heartbeats,
        "orders": orders,
        "revenue": total(np.where(is_order, _numbers(web["value"]), 0.0)),
        "is_bounce_single_page": page_views == 1,
        "is_engaged_ga4": is_active | (ended - started > _ENGAGED_S * _SECOND_US),
        "is_engaged_snowplow": is_active | (heartbeats >= 2),
        "is_bot": count(_flags(web["is_bot"])) > 0,
        "traffic_channel": opening["traffic_channel"],
        "source": opening["source"],
        "campaign": opening["campaign"],
        "device": opening["device"],
        "landing_page": pages.take(pa.array(landing, mask=page_views == 0)),
        "exit_page": pages.take(pa.array(leaving, mask=page_views == 0)),
    }
    return pa.table([_as(columns[f.name], f.type) for f in SESSIONS.schema], schema=SESSIONS.schema)


def _is_type(web: pa.Table, name: str) -> np.ndarray:
    return _flags(pc.equal(web["type"], name))


def _flags(column: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(column.fill_null(False).to_numpy(zero_copy_only=False), dtype=bool)


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(column.fill_null(0.0).to_numpy(), dtype=np.float64)


def _as(column: Any, kind: pa.DataType) -> Any:
    if isinstance(column, np.ndarray):
        return pa.array(column).cast(kind)
    return column

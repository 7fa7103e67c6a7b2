"""Which raw and quarantined rows, and which records of a pull, carry an identifier of somebody erased."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import compress
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from journey_platform.identity.decisions import erasure
from journey_platform.identity.erasure import Erased
from journey_platform.lake import Lake
from journey_platform.landing.page import BadRecord, Page
from journey_platform.landing.quarantine import body_text
from journey_platform.landing.report import Tally
from journey_platform.landing.staging import Record
from journey_platform.tables import DECISIONS, QUARANTINE, Table
from journey_platform.touchpoints.carried import SUBJECTS, THINGS

Flags = npt.NDArray[np.bool_]


def are_theirs(erased: Erased, table: Table, rows: pa.Table) -> Flags:
    """Of each row of any table, whether it carries one."""
    if table.key[0] == "raw":
        sources = [table.key[1:]] * rows.num_rows
    elif table is QUARANTINE:
        told = (rows[name].to_pylist() for name in ("table", "record_key"))
        sources = [_source(*names) for names in zip(*told, strict=True)]
    else:
        return erased.carried_by(rows) | _about_theirs(erased, rows)
    keys, bodies = rows["record_key"].to_pylist(), rows["body"].to_pylist()
    hits = (
        erased.is_named(key) or (body is not None and erased.is_in_body(body, erased.fields_of(*source)))
        for source, key, body in zip(sources, keys, bodies, strict=True)
    )
    return np.fromiter(hits, bool, rows.num_rows)


def without_theirs(erased: Erased | None, table: Table, rows: pa.Table) -> pa.Table:
    """The rows that carry none."""
    return rows.filter(pa.array(~are_theirs(erased, table, rows))) if erased and rows.num_rows else rows


def pages_without_theirs(
    erased: Erased | None, table: Table, pages: Iterable[Page], tally: Tally, *, zone: str
) -> Iterator[Page]:
    """The pages of a pull without the records that carry one, which nobody keeps; `tally` counts them by
    local day of `zone`, and under None where they have no time."""
    if not erased:
        yield from pages
        return
    fields, thing = erased.fields_of(*table.key[1:]), THINGS.get("/".join(table.key[1:]))

    def is_theirs(key: str | None, body: bytes) -> bool:
        return erased.is_named(key or "") or erased.is_in_body(body_text(body), fields)

    for page in pages:
        is_gone = [is_theirs(record.key, record.body) for record in page.records]
        records = [record for record, gone in zip(page.records, is_gone, strict=True) if not gone]
        bad = [record for record in page.bad if not is_theirs(record.key, record.body)]
        tally.erased[None] += len(page.bad) - len(bad)
        for record in compress(page.records, is_gone):
            tally.erased[record.time.astimezone(ZoneInfo(zone)).date() if record.time else None] += 1
            if thing and not erased.is_one(thing, record.key):
                tally.things.add((thing, record.key))
        yield _Kept(records, bad, page.skipped, page.cursor)


def note_things(
    lake: Lake, erased: Erased | None, things: Iterable[tuple[str, str]], *, decided_at: datetime, day: date
) -> None:
    """Add to the ledger what records were about that were left out, as a ticket: other records name it."""
    if erased and (named := sorted(things)):
        pairs = [(kind, erased.key_of(kind, name)) for kind, name in named]
        row = erasure(pairs, who="landing", why="of somebody who was erased", decided_at=decided_at, day=day)
        lake.add_versions(DECISIONS, row, run_id=row["decision_id"][0].as_py(), cursor=None)


@dataclass(frozen=True)
class _Kept:
    records: Sequence[Record]
    bad: Sequence[BadRecord]
    skipped: int
    cursor: str | None


def _about_theirs(erased: Erased, rows: pa.Table) -> Flags:
    """Rows of touchpoints about a thing of theirs."""
    if not {"vendor", "subject_id"} <= {*rows.column_names}:
        return np.zeros(rows.num_rows, dtype=bool)
    told = zip(rows["vendor"].to_pylist(), rows["subject_id"].to_pylist(), strict=True)
    hits = (vendor in SUBJECTS and erased.is_one(SUBJECTS[vendor], about or "") for vendor, about in told)
    return np.fromiter(hits, bool, rows.num_rows)


def _source(table: str, record_key: str) -> tuple[str, str]:
    """(vendor, stream) of a quarantined row: what a mapping refused carries them in its key."""
    kind, *names = table.split("/")
    vendor, stream, *_ = [*(names if kind == "raw" else record_key.split("/")), "", ""]
    return vendor, stream

"""`journey backfill`: ask a source for its days again; look first, then promote or discard."""

import argparse
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime

from journey_platform import settings
from journey_platform.backfills.difference import Difference, difference
from journey_platform.backfills.promotion import finish_promotions
from journey_platform.backfills.running import preview, publish, run
from journey_platform.history.causes import spans
from journey_platform.lake import Lake
from journey_platform.lake.shadows import Shadow, discard, named, shadows
from journey_platform.tables import RESTATEMENTS

HELP = "ask a source for its days again and derive what changed; or look first at what would"

_Lines = Iterator[str]
_SHOWN = 200


def add_commands(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--source", metavar="VENDOR", help="the source to ask again")
    what.add_argument("--list", action="store_true", help="previews that wait to be promoted or discarded")
    what.add_argument("--show", metavar="PREVIEW", help="what a preview would change")
    what.add_argument("--promote", metavar="PREVIEW", help="publish a preview in one step")
    what.add_argument("--discard", metavar="PREVIEW", help="remove a preview")
    parser.add_argument("--from", dest="first", type=date.fromisoformat, help="first day, YYYY-MM-DD")
    parser.add_argument("--to", dest="last", type=date.fromisoformat, help="last day; default the first")
    parser.add_argument("--preview", action="store_true", help="publish nothing: show what would change")
    parser.set_defaults(run=_run)


def _run(chosen: argparse.Namespace) -> _Lines:
    known = settings.load()
    lake = Lake(known.root, known.storage_options)
    for ended in finish_promotions(lake):
        yield f"ended a promotion that had been begun: {len(ended.tables)} tables"
    if chosen.source:
        if chosen.source not in known.sources:
            raise LookupError(f"{chosen.source} is no source in use; there are {', '.join(known.sources)}")
        if chosen.first is None:
            raise ValueError("--source needs --from")
        last = chosen.last or chosen.first
        if chosen.preview:
            yield from _told(preview(lake, chosen.source, chosen.first, last))
        else:
            yield from _published(lake, chosen.source, chosen.first, last)
    elif chosen.list:
        for shadow in shadows(lake):
            about = shadow.about
            yield f"{shadow.name}: {about['source']} {about['first']} to {about['last']}, {about['made_at']}"
    elif chosen.show:
        yield from _told(named(lake, chosen.show))
    elif chosen.promote:
        promoted, restated = publish(
            lake, named(lake, chosen.promote), run_id=f"promote-{uuid.uuid4().hex[:12]}", zone=known.zone
        )
        yield f"{len(promoted.tables)} tables published, {restated.num_rows} values restated"
        if promoted.moved:
            yield f"{promoted.moved} was changed meanwhile: run the job rederive, or backfill again"
    else:
        discard(named(lake, chosen.discard))
        yield f"{chosen.discard}: discarded"


def _published(lake: Lake, source: str, first: date, last: date) -> _Lines:
    began = datetime.now(UTC)
    run(source, first, last)
    rows = [row for row in lake.read(RESTATEMENTS).to_pylist() if row["published_at"] >= began]
    yield f"{source} {first} to {last}: {len(rows)} published values restated"
    for kpi, count in sorted(Counter(row["kpi"] for row in rows).items()):
        yield f"  {kpi}: {count} on {spans({row['value_day'] for row in rows if row['kpi'] == kpi})}"


def _told(shadow: Shadow) -> _Lines:
    found = difference(shadow)
    yield f"preview {shadow.name}: nothing is published"
    yield from _rows(found)
    for event, count in found.identity.items():
        yield f"profiles: {count} x {event}"
    yield f"KPI values that would be restated: {len(found.kpis)}"
    for change, causes in found.kpis[:_SHOWN]:
        old, new = (_number(row.get("value")) for row in (change.old, change.new))
        outside = "  outside its interval" if change.is_significant else ""
        apart = "" if change.difference is None else f"  {change.difference:+.6g}"
        why = ", ".join(f"{cause['kind']} {cause['name']}" for cause in causes)
        yield (
            f"  {change.kpi} {change.period} {change.day} {change.dimension}={change.dimension_value}"
            f"  {old} -> {new}{apart}{outside}  because of {why}"
        )
    if len(found.kpis) > _SHOWN:
        yield f"  and {len(found.kpis) - _SHOWN} more"
    yield f"publish it: journey backfill --promote {shadow.name}"


def _rows(found: Difference) -> _Lines:
    for counts in found.rows:
        days = f" on {spans(counts.days)}" if counts.days else ""
        told = f"{counts.added} rows added, {counts.removed} removed, {counts.changed} changed"
        yield f"{counts.table}: {told}{days}"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.6g}"

"""`journey quarantine`: what was refused, and through the gate with it again. Prints counts, no rows."""

import argparse
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import date

from journey_platform import settings
from journey_platform.backfills.promotion import finish_promotions
from journey_platform.lake import Lake
from journey_platform.landing.replay import quarantined_days, replay
from journey_platform.quality.suites import suite_of
from journey_platform.sources import archives
from journey_platform.stewardship.whom import erased_of
from journey_platform.tables import QUARANTINE, Table

HELP = "rows that failed a rule: list them by reason, replay them without asking the vendor"


def add_commands(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("list", help="rows by table, reason and severity")
    listing.add_argument("--table", help="only this table")
    listing.set_defaults(run=_list)
    again = commands.add_parser("replay", help="rows of a raw table back through the gate")
    again.add_argument("--table", required=True, help="raw/VENDOR/STREAM")
    again.add_argument("--day", type=date.fromisoformat, action="append", help="YYYY-MM-DD; default: all")
    again.add_argument("--reason", help="only rows that failed this rule")
    again.add_argument("--accept", action="store_true", help="let a held day through: somebody has looked")
    again.set_defaults(run=_replay)


def _list(options: argparse.Namespace) -> Iterator[str]:
    columns = ("table", "reason", "severity", "day")
    rows = _lake().read(QUARANTINE, columns=columns).to_pylist()
    wanted = [row for row in rows if options.table in (None, row["table"])]
    counts = Counter((row["table"], row["reason"], row["severity"]) for row in wanted)
    for (table, reason, severity), count in sorted(counts.items()):
        days = {row["day"] for row in wanted if (row["table"], row["reason"]) == (table, reason)}
        yield f"{count:>8}  {severity:<9} {table}  {reason}  on {len(days)} days from {min(days)}"


def _replay(options: argparse.Namespace) -> Iterator[str]:
    chosen, lake, table = settings.load(), _lake(), raw_archive(options.table)
    secret = settings.pseudonym_key().reveal().encode()
    days = options.day or quarantined_days(lake, table, options.reason)
    done = replay(
        lake,
        table,
        suite_of(table),
        days,
        run_id=f"replay-{uuid.uuid4().hex[:12]}",
        reason=options.reason,
        accepts=options.accept,
        erased=erased_of(lake, secret=secret, settings=chosen),
    )
    for day in done:
        held = f"; held by {day.held_by}" if day.held_by else ""
        unreadable = f", {day.unreadable} only the vendor can give again" if day.unreadable else ""
        yield f"{day.day}: {day.taken} taken, {day.landed} landed, {day.refused} refused{unreadable}{held}"
    if any(day.landed for day in done):
        yield "Run the job rederive over these days to bring them into touchpoints and KPIs."


def raw_archive(name: str) -> Table:
    """The raw table of that name. Raises LookupError for another."""
    if table := archives().get(name):
        return table
    raise LookupError(f"{name} is no raw table; replay touchpoints by computing their days again")


def _lake() -> Lake:
    chosen = settings.load()
    lake = Lake(chosen.root, chosen.storage_options)
    finish_promotions(lake)
    return lake

"""`journey accounts`: accounts with the shape of their journeys, or one account's journey beside its users'.

Users are told by their profile ids; who they are is for `journey timeline`.
"""

import argparse
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from journey_platform import settings
from journey_platform.commands.journeys import as_text
from journey_platform.identity.keys import profile_id
from journey_platform.lake import Lake
from journey_platform.tables import ACCOUNT_JOURNEYS, ACCOUNT_USERS

HELP = "accounts' journeys: contracts, users, shape; of one account its milestones and users"

_SHOWN = ("company", "shape", "contracts", "seats", "users", "added_users", "to_first_use_h")
_OF_USER = ("role", "invited_at", "first_use_day", "habitual_on", "is_added")


def add_commands(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("company", nargs="?", metavar="COMPANY", help="the account's name; without one, all")
    parser.set_defaults(run=_run)


def _run(chosen: argparse.Namespace) -> Iterator[str]:
    known = settings.load()
    lake = Lake(known.root, known.storage_options)
    accounts = lake.read(ACCOUNT_JOURNEYS)
    if chosen.company is None:
        yield from as_text(accounts.select(_SHOWN).sort_by("company"))
        return
    found = accounts.filter(pc.equal(pc.utf8_lower(accounts["company"]), chosen.company.strip().lower()))
    if not found.num_rows:
        raise LookupError("no account of this name signed a contract or used the product")
    users = lake.read(ACCOUNT_USERS)
    for account in found.to_pylist():
        seats = "no contract that runs" if account["seats"] is None else f"{account['seats']} seats"
        yield f"{account['company']}: {account['shape'] or 'no shape yet'}, {seats}"
        yield from (f"  {milestone}" for milestone in account["milestones"])
        theirs = users.filter(pc.equal(users["account_key"], account["account_key"]))
        named = pa.array(map(profile_id, theirs["person_key"].to_pylist()), pa.string())
        days = pc.list_value_length(theirs["days"])
        shown = theirs.select(_OF_USER).append_column("days", days).add_column(0, "profile", named)
        yield from as_text(shown.sort_by([("first_use_day", "ascending"), ("profile", "ascending")]))

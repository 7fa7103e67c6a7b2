"""A process of its own that writes to a lake: run by the tests of kills, full disks and two writers.

`python -m tests.lake.worker COMMAND ROOT [ARGUMENT]` imports everything, prints "ready", waits for a line on
stdin, and does its work.
"""

import os
import resource
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.base import BadRecord, Page, Record
from journey_platform.lake import Lake, place, snapshot
from journey_platform.landing import land_events, land_versions, pull, staging
from tests.lake.tables import CONTACTS, D1, D2, D3, EVENTS, ORDERS, of_days, order, orders

NOW = datetime(2026, 3, 10, tzinfo=UTC)
ROUNDS = 10


def land(root: str, state: str) -> None:
    """Bring events, contacts and quarantine to a state named by its number."""
    number = int(state)
    lake, start = Lake(root), datetime(2026, 3, 1, tzinfo=UTC)
    text = "x" * 500
    events = [
        Record(
            f"k{n}", start + timedelta(minutes=n), f'{{"state": {number}, "n": {n}, "t": "{text}"}}'.encode()
        )
        for n in range(60 + number, 4000)
    ]
    bad = [BadRecord(f"reason {number}", "x", f"{{{n}".encode()) for n in range(5)]
    pages = [Page(events[n : n + 500], bad if n == 0 else []) for n in range(0, len(events), 500)]
    run = {"zone": "UTC", "run_id": f"state-{number}", "extracted_at": NOW}
    land_events(lake, EVENTS, pages, [D1, D2, D3], **run)
    contacts = [Record(f"c{n}", start + timedelta(hours=number), b"{}") for n in range(200)]
    land_versions(lake, CONTACTS, [Page(contacts, cursor=f"cursor-{number}")], **run)


def die_at(point: str) -> None:
    """Kill this process with -9 at the named step of landing."""

    def dying(function: Callable[..., Any], *, after: bool, on_call: int = 1) -> Callable[..., Any]:
        calls = 0

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            nonlocal calls
            calls += 1
            call = calls
            if call == on_call and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            result = function(*args, **kwargs)
            if call == on_call:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return wrapper

    match point:
        case "while staging":
            staging.Staging.add = dying(staging.Staging.add, after=True, on_call=4)
        case "before quarantine":
            pull.quarantine = dying(pull.quarantine, after=False)
        case "after quarantine":
            pull.quarantine = dying(pull.quarantine, after=True)
        case "after the first file":
            place.Place.write = dying(place.Place.write, after=True, on_call=2)
        case "before the commit of events":
            snapshot.Snapshot.commit = dying(snapshot.Snapshot.commit, after=False, on_call=2)
        case "after the commit of events":
            snapshot.Snapshot.commit = dying(snapshot.Snapshot.commit, after=True, on_call=2)
        case "before the commit of versions":
            snapshot.Snapshot.commit = dying(snapshot.Snapshot.commit, after=False, on_call=3)
        case "after the commit of versions":
            snapshot.Snapshot.commit = dying(snapshot.Snapshot.commit, after=True, on_call=3)


def die_while_landing(root: str, point: str) -> None:
    die_at(point)
    land(root, "2")


def own_day(root: str, name: str) -> None:
    """Rewrite one day again and again."""
    day = {"a": D1, "b": D2}[name]
    for number in range(ROUNDS):
        rows = orders(order(day, n, amount=float(number)) for n in range(50))
        [write] = Lake(root).replace_days(ORDERS, rows, [day], run_id=f"{name}{number}")
        assert write.is_changed


def same_day(root: str, name: str) -> None:
    """Rewrite the day that another process rewrites too, with rows that tell who wrote them."""
    for number in range(ROUNDS):
        rows = orders(order(D1, n, email=name, amount=float(number)) for n in range(50))
        Lake(root).replace_days(ORDERS, rows, [D1], run_id=f"{name}{number}")


def same_archive(root: str, name: str) -> None:
    """Add versions and quarantined records where another process does the same."""
    for number in range(ROUNDS):
        at = datetime(2026, 3, 1, 0, number, tzinfo=UTC)
        page = Page(
            [Record(f"{name}{number}", at, b"{}")],
            [BadRecord("broken", "x", b"{", f"{name}{number}")],
            cursor="c",
        )
        land_versions(Lake(root), CONTACTS, [page], zone="UTC", run_id="r", extracted_at=NOW)


def little_disk(root: str, size: str) -> None:
    """Land while no file may be longer than `size` bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), int(size)))
    land(root, "2")


def big_days(root: str, size: str) -> None:
    """Replace days directly, without staging, while no file may be longer than `size` bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), int(size)))
    Lake(root).replace_days(ORDERS, of_days(D1, D2, count=20_000), [D1, D2], run_id="r")


COMMANDS = {
    function.__name__: function
    for function in (land, die_while_landing, own_day, same_day, same_archive, little_disk, big_days)
}

if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    print("ready", flush=True)
    sys.stdin.readline()
    COMMANDS[command](*arguments)

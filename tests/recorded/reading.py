"""What the tests of this folder share: a connector over a replay, and the client over any tape."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import msgspec

from connectors.base import BadRecord, Connector, Page, Record, Window
from connectors.config import from_environment
from connectors.http import HttpClient
from connectors.registry import CONNECTORS
from tests.connectors.controlled_clock import ControlledClock
from tests.recorded.tapes import environment
from tests.servers.replay import Recorded, Replay

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ALWAYS = Window(datetime(2000, 1, 1, tzinfo=UTC), NOW)


def days(first: str, end: str) -> Window:
    """From the start of a day to the start of another, UTC."""
    return Window(datetime.fromisoformat(f"{first}T00:00Z"), datetime.fromisoformat(f"{end}T00:00Z"))


def connector(
    vendor: str, replay: Replay, clock: ControlledClock | None = None, **settings: str
) -> Connector:
    """The vendor's real connector, pointed at its replay, with a clock that starts at `NOW`."""
    kind = CONNECTORS[vendor]
    config = from_environment(kind.config_class, environment(vendor, replay) | settings)
    return kind(config, clock or ControlledClock(NOW))


def records(pages: Iterable[Page]) -> list[Record]:
    return [record for page in pages for record in page.records]


def bad(pages: Iterable[Page]) -> list[BadRecord]:
    return [record for page in pages for record in page.bad]


def body(record: Record | BadRecord) -> dict[str, object]:
    return msgspec.json.decode(record.body, type=dict[str, object])


@contextmanager
def client_over(
    tape: Sequence[Recorded], choose: Callable[[Recorded], bool] = lambda _: True
) -> Iterator[tuple[HttpClient, Replay, ControlledClock]]:
    """The client that all connectors use, over the chosen exchanges of a tape.

    The client only reads and asks. An answer that was recorded to a PUT or DELETE is given to a GET of the
    same address, so that it, too, passes through the client.
    """
    chosen = [
        replace(r, asked=replace(r.asked, method="GET", body={}))
        if r.asked.method in ("PUT", "DELETE")
        else r
        for r in tape
        if choose(r)
    ]
    clock = ControlledClock(NOW)
    with Replay(chosen) as replay:
        yield HttpClient(replay.url, None, vendor="tape", clock=clock, jitter=lambda: 0.5), replay, clock

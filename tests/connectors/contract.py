"""What every connector's tests share: the streams of the registry, and reading one from a demo emulation.

A new connector is under the whole suite once it is in the registry and `journey_platform.demo.vendors` serves
it. The suite itself is in `test_contract_*.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from connectors.base import Connector, Page, Stream, Window
from connectors.config import from_environment
from connectors.registry import CONNECTORS
from tests.connectors.controlled_clock import ControlledClock

# The three local days of `tests.demo.worlds.small_world`, and a moment after them.
ALL_DAYS = Window(datetime(2026, 2, 28, 23, tzinfo=UTC), datetime(2026, 3, 3, 23, tzinfo=UTC))
AFTERWARDS = datetime(2026, 3, 10, tzinfo=UTC)

VENDORS = list(CONNECTORS)
STREAMS = [
    pytest.param(vendor, stream, id=f"{vendor}-{stream.name}")
    for vendor, connector in CONNECTORS.items()
    for stream in connector.streams
]


@dataclass
class Read:
    """All that one read of a stream gave. `bodies`: the last body of each key."""

    pages: list[Page] = field(default_factory=list)

    @property
    def bodies(self) -> dict[str, bytes]:
        return {record.key: record.body for page in self.pages for record in page.records}

    @property
    def keys(self) -> set[str]:
        return set(self.bodies)


def build(vendor: str, environment: Mapping[str, str], clock: ControlledClock | None = None) -> Connector:
    """The connector with the settings of an emulation, by a clock on which no wait takes time."""
    connector = CONNECTORS[vendor]
    return connector(
        from_environment(connector.config_class, environment), clock or ControlledClock(AFTERWARDS)
    )


def read(
    vendor: str,
    stream: Stream,
    environment: Mapping[str, str],
    window: Window = ALL_DAYS,
    cursor: str | None = None,
) -> Read:
    """Read a stream to its end. Raises what the connector raises."""
    return Read(list(build(vendor, environment).read(stream.name, window, cursor)))

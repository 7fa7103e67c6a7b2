"""The platform as it is, but for its connectors' clock: a wait is over at once."""

import os

from connectors.base import Connector
from connectors.config import from_environment
from connectors.registry import connector_of
from journey_platform.defs.platform import Platform
from tests.connectors.controlled_clock import ControlledClock


class HurriedPlatform(Platform):
    """Back-offs, rate budgets and the polling of exports take no time."""

    def connector(self, vendor: str) -> Connector:
        chosen = connector_of(vendor, os.environ)
        return chosen(from_environment(chosen.config_class, os.environ), ControlledClock(self.now()))

"""The door from Dagster to the plain classes: settings, lake, engine, connectors and the clock.

Nothing is read from the environment before a run needs it, and nothing secret passes through Dagster's
configuration.
"""

import hmac
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
from pydantic import PrivateAttr

from connectors.base import Connector
from connectors.config import from_environment
from connectors.files.declaration import NAMES as FILE_DECLARATIONS
from connectors.registry import connector_of
from journey_platform import settings
from journey_platform.backfills.promotion import finish_promotions
from journey_platform.code_version import installed_version
from journey_platform.engine import Engine
from journey_platform.identity.erasure import Erased
from journey_platform.identity.normalise import Spelling
from journey_platform.lake import Lake
from journey_platform.stewardship.erasing import look_again
from journey_platform.stewardship.whom import erased_of
from journey_platform.tables import DECISIONS


class Platform(dg.ConfigurableResource[None]):
    """What assets work with. Built from the environment once a run.

    JOURNEY_NOW, an ISO time, stands for the wall clock: a replay of a past state asks it instead.
    """

    _environment: Mapping[str, str] = PrivateAttr(default_factory=lambda: os.environ)

    @cached_property
    def settings(self) -> settings.Settings:
        return settings.load(self._environment)

    @property
    def zone(self) -> str:
        return self.settings.zone

    @cached_property
    def lake(self) -> Lake:
        lake = Lake(self.settings.root, self.settings.storage_options)
        finish_promotions(lake)
        return lake

    @cached_property
    def engine(self) -> Engine:
        return Engine(self.lake, memory_limit=self.settings.memory_limit)

    @cached_property
    def surroundings(self) -> str:
        """What every derived content depends on beside its inputs and today, as one digest: the code and what
        it is built on, the settings, what is declared in files, the key, and who was erased."""
        of = self.settings
        told = (of.zone, of.start_date, of.sources, of.spelling, of.has_probabilistic_links, of.has_canaries)
        digest = hmac.new(self.pseudonym_key(), repr(told).encode(), "sha256")
        folder = self._environment.get("JOURNEY_FILES")
        declared = [Path(of.journeys)] if of.journeys else []
        declared += [Path(folder) / name for name in FILE_DECLARATIONS] if folder else []
        for path in declared:
            digest.update(path.read_bytes() if path.is_file() else b"")
            digest.update(b"|")
        digest.update(f"{installed_version()} {self.lake.version(DECISIONS)}".encode())
        return digest.hexdigest()[:16]

    def connector(self, vendor: str) -> Connector:
        """Build a vendor's connector. Raises `ConfigurationError` naming what is missing."""
        chosen = connector_of(vendor, self._environment)
        return chosen(from_environment(chosen.config_class, self._environment))

    def pseudonym_key(self) -> bytes:
        return settings.pseudonym_key(self._environment).reveal().encode()

    def erased(self) -> Erased:
        """Everybody who was erased, as the ledger has it now."""
        return erased_of(self.lake, secret=self.pseudonym_key(), settings=self.settings)

    @contextmanager
    def minding_erasures(self) -> Iterator[Erased]:
        """Everybody who was erased, for what writes rows of persons. Who is erased while the context lasts
        goes from what was written meanwhile, too: the ledger is looked at again after the last commit."""
        decided = self.lake.version(DECISIONS)
        try:
            yield self.erased()
        finally:
            if self.lake.version(DECISIONS) != decided:
                look_again(self.lake, self.settings, secret=self.pseudonym_key(), now=self.now())

    @property
    def spelling(self) -> Spelling:
        return self.settings.spelling

    def now(self) -> datetime:
        return settings.now(self._environment)

    @property
    def span(self) -> tuple[date, date]:
        """The days that are computed: from the start date to yesterday. A day that has not ended is not."""
        return self.settings.start_date, self.today() - timedelta(days=1)

    def today(self) -> date:
        return self.now().astimezone(ZoneInfo(self.zone)).date()

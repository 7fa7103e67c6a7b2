"""Public data sets dropped as files: through the connector, the landing, the declared mapping and identity.

The same functions that the assets call, without Dagster between them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from connectors.base import StreamKind, Window
from connectors.files.drops import FilesConfig, of_folder
from journey_platform.identity.assign import assign
from journey_platform.identity.observations import observations
from journey_platform.identity.resolve import resolve
from journey_platform.journeys.sessions import CARRY_DAYS, GAP_S, sessions
from journey_platform.lake import Lake
from journey_platform.landing import LandingReport, land_events, land_versions
from journey_platform.landing.current import current_versions
from journey_platform.landing.ledger import gate_of
from journey_platform.profiles.survivorship import survivors
from journey_platform.quality.rules import Suite
from journey_platform.sources import file_mapping
from journey_platform.tables import raw_table

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
NOW = datetime(2026, 11, 1, tzinfo=UTC)
_SECRET = b"any"
_MOST_DAYS = 366


@dataclass(frozen=True)
class Dropped:
    """What came of the files. `touchpoints` and `contacts` as `tables` declares them; `reports` by feed."""

    touchpoints: pa.Table
    contacts: pa.Table
    refused: pa.Table
    reports: dict[str, list[LandingReport]]

    @cached_property
    def identifiers(self) -> pa.Table:
        return resolve(observations([self.touchpoints], [self.contacts]), secret=_SECRET).identifiers

    @cached_property
    def journeys(self) -> pa.Table:
        """`tables.JOURNEY_TOUCHPOINTS`, each person's in the order of time."""
        found = assign(self.touchpoints, self.identifiers, secret=_SECRET)
        order = ("person_key", "occurred_at", "touchpoint_id")
        return found.sort_by([(name, "ascending") for name in order])

    def sessions(self, gap_s: int = GAP_S, carry_days: int = CARRY_DAYS) -> pa.Table:
        return sessions(self.journeys, zone="UTC", gap_s=gap_s, carry_days=carry_days)

    def attributes(self) -> pa.Table:
        """`tables.PROFILE_ATTRIBUTES_TABLE`."""
        return survivors([self.contacts], self.identifiers, secret=_SECRET)

    def with_attributes(self, *names: str) -> pa.Table:
        """The journeys' touchpoints with what the profiles say, as `profile.NAME`."""
        told = self.attributes()
        rows = self.journeys
        for name in names:
            of = told.filter(pc.equal(told["attribute"], name)).select(["person_key", "value"])
            rows = rows.join(of.rename_columns(["person_key", f"profile.{name}"]), "person_key")
        return rows


def dropped(
    folder: Path,
    declaration: str,
    sources: Sequence[Path],
    *,
    first: date,
    last: date,
    lake: Path,
    suites: Mapping[str, Suite] | None = None,
) -> Dropped:
    """Drop files under their own names, with a declaration, and read the days `first` to `last`.

    `suites`: what the gate holds against the rows of a feed.
    """
    folder.mkdir(parents=True)
    (folder / "files.yaml").write_text(declaration)
    for path in sources:
        (folder / path.name).symlink_to(path.resolve())
    source = of_folder(str(folder))(FilesConfig(str(folder)))
    stored, raw = Lake(str(lake)), {}
    reports: dict[str, list[LandingReport]] = {}
    about = {"zone": "UTC", "run_id": "run", "extracted_at": NOW}
    for stream in source.streams:
        is_entity = stream.kind is StreamKind.ENTITY
        table = raw_table("files", stream.name, stream.grain, is_entity=is_entity)
        if is_entity:
            window = Window(datetime(2000, 1, 1, tzinfo=UTC), NOW)
            reports[stream.name] = [land_versions(stored, table, source.read(stream.name, window), **about)]
            raw[stream.name] = current_versions(stored.read(table))
            continue
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        suite = (suites or {}).get(stream.name)
        reports[stream.name] = [
            land_events(
                stored,
                table,
                source.read(stream.name, _window(part)),
                part,
                gate=gate_of(stored, table, suite, part) if suite else None,
                **about,
            )
            for part in (days[n : n + _MOST_DAYS] for n in range(0, len(days), _MOST_DAYS))
        ]
        raw[stream.name] = stored.read(table)
    mapping = file_mapping({"JOURNEY_FILES": str(folder)})
    touched = mapping.touchpoints(raw, zone="UTC")
    return Dropped(touched.rows, mapping.contacts(raw, zone="UTC").rows, touched.rejected, reports)


def _window(days: Sequence[date]) -> Window:
    start = datetime.combine(days[0], datetime.min.time(), UTC)
    return Window(start, start + timedelta(days=len(days)))


def share(above: int, below: int) -> float:
    """Per cent, as published."""
    return round(100 * above / below, 2)

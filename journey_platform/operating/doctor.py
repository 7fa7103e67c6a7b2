"""What is wrong with an installation, and what mends it. Changes nothing and shows no secret.

Each examination gives findings in our own words: an exception's text may hold an address or a password.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from connectors.config import from_environment, settings_of
from connectors.errors import ConnectorError
from connectors.registry import connector_of
from journey_platform import settings
from journey_platform.lake import Lake, LakeError
from journey_platform.settings import Settings, SettingsError
from journey_platform.tables import QUARANTINE

if TYPE_CHECKING:
    import dagster as dg

_SKEW_S = 60.0
_LEAST_FREE_BYTES = 1_000_000_000
_LAYERS = {"runs": "run_storage", "events": "event_log_storage", "schedules": "schedule_storage"}


@dataclass(frozen=True)
class Finding:
    """`subject`: what was looked at. `told`: how it is. `fix`: what to do; empty where all is well."""

    subject: str
    told: str
    fix: str = ""

    @property
    def is_wrong(self) -> bool:
        return bool(self.fix)


def examine(environment: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Settings, zone, clock, lake, vendors' credentials, then Dagster's storage and its migrations."""
    try:
        known = settings.load(environment)
    except SettingsError as error:
        for mistake in str(error).split("; "):
            yield Finding("settings", mistake, "set it for the code server, and start that again")
        yield Finding("vendors, lake", "not looked at before the settings are right")
    else:
        yield Finding("settings", f"{len(known.sources)} sources from {known.start_date}")
        yield _zone(known)
        yield from _lake(known)
        # Together: one that does not answer is asked again for some time.
        with ThreadPoolExecutor() as pool:
            yield from pool.map(lambda vendor: _vendor(vendor, environment), known.sources)
    yield from _frozen_clock(environment)
    yield from _instance(environment)


def _zone(known: Settings) -> Finding:
    local = datetime.now(ZoneInfo(known.zone))
    return Finding("zone", f"days are those of {known.zone}, where it is {local:%Y-%m-%d %H:%M}")


def _frozen_clock(environment: Mapping[str, str]) -> Iterator[Finding]:
    if environment.get("JOURNEY_NOW"):
        yield Finding(
            "clock",
            "JOURNEY_NOW stands for the time: no new day will ever come",
            "unset JOURNEY_NOW; it is for replaying a past state",
        )


def _lake(known: Settings) -> Iterator[Finding]:
    if "://" not in known.root:
        yield from _folder(Path(known.root))
    lake = Lake(known.root, known.storage_options)
    try:
        version = lake.version(QUARANTINE)
    except (LakeError, OSError, ValueError):
        yield Finding(
            "lake",
            "cannot be read",
            "check JOURNEY_ROOT and JOURNEY_STORAGE_...: the address, the region and the rights of the key",
        )
        return
    yield Finding("lake", "can be read" + ("" if version is not None else "; nothing was ever published"))
    last = None if version is None else lake.commit(QUARANTINE, version)
    if last is not None and (ahead := (last.at - datetime.now(UTC)).total_seconds()) > _SKEW_S:
        yield Finding(
            "clock",
            f"the lake was written {ahead:.0f} s in the future",
            "this machine's clock went back: set it (chronyc tracking, timedatectl)",
        )


def _folder(root: Path) -> Iterator[Finding]:
    """Writable (the settings have seen to that), of this clock, with names for previews and with room."""
    try:
        with tempfile.NamedTemporaryFile(dir=root, prefix=".doctor-") as probe:
            apart = abs(Path(probe.name).stat().st_mtime - time.time())
            second = Path(f"{probe.name}.link")
            os.link(probe.name, second)
            second.unlink()
    except OSError as error:
        yield Finding(
            "lake",
            f"a file can be written, but not given a second name ({error.strerror})",
            "previews need hard links: put the lake on a file system that has them (ext4, xfs)",
        )
        return
    if apart > _SKEW_S:
        yield Finding(
            "clock",
            f"this machine and the lake's file server are {apart:.0f} s apart",
            "set both clocks by the same server (chronyc tracking)",
        )
    free = shutil.disk_usage(root).free
    told = f"writable, {free / 1e9:.1f} GB free"
    is_short = free < _LEAST_FREE_BYTES
    yield Finding("lake", told, "free some space, or run `journey maintain`" if is_short else "")


def _vendor(vendor: str, environment: Mapping[str, str]) -> Finding:
    chosen = connector_of(vendor, environment)
    secrets = [told.env for told in settings_of(chosen.config_class).values() if told.is_secret]
    named = " and ".join(secrets) or "its settings"
    try:
        chosen(from_environment(chosen.config_class, environment)).check()
    except ConnectorError as error:
        return Finding(vendor, str(error), f"check {named}, and that this machine reaches the address")
    return Finding(vendor, "answers, and accepts the credentials")


def _instance(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Dagster's own storage: configured, with a driver, reachable, and as new as the code."""
    home = environment.get("DAGSTER_HOME", "")
    if not home or not (Path(home) / "dagster.yaml").is_file():
        told = f"no dagster.yaml in {home}" if home else "DAGSTER_HOME is not set: nothing would be kept"
        fix = "point DAGSTER_HOME to a folder with deploy/dagster.yaml or deploy/production/dagster.yaml"
        yield Finding("storage", told, fix)
        return
    import yaml

    try:
        configured = yaml.safe_load((Path(home) / "dagster.yaml").read_text()) or {}
    except yaml.YAMLError:
        yield Finding("storage", "dagster.yaml is no YAML", "compare it with deploy/production/dagster.yaml")
        return
    database = ((configured.get("storage") or {}).get("postgres") or {}).get("postgres_db") or {}
    if database and (wrong := _database(database, environment)):
        yield wrong
        return
    import dagster as dg

    try:
        with dg.DagsterInstance.from_config(home) as instance:
            yield Finding("storage", "PostgreSQL answers" if database else "SQLite, for one machine")
            yield from _migrations(instance)
    except Exception as error:  # noqa: BLE001 - whatever Dagster makes of a configuration is a finding
        yield Finding(
            "storage",
            f"Dagster's instance cannot be opened ({type(error).__name__})",
            "compare dagster.yaml with deploy/production/dagster.yaml",
        )


def _database(configured: Mapping[str, Any], environment: Mapping[str, str]) -> Finding | None:
    """What keeps PostgreSQL from being used; None where nothing does. Dagster itself would ask for long."""
    scheme = str(configured.get("scheme", "postgresql"))
    if scheme != "postgresql+psycopg2":
        return Finding(
            "driver",
            f"storage.postgres.postgres_db.scheme is {scheme}: which driver that means is not certain",
            "write scheme: postgresql+psycopg2 in dagster.yaml",
        )
    try:
        import psycopg2
    except ImportError:
        return Finding("driver", "psycopg2 is not installed", "pip install psycopg2-binary")
    values: dict[str, str] = {}
    for name in ("hostname", "port", "username", "password", "db_name"):
        told = configured.get(name, "5432" if name == "port" else "")
        variable = told.get("env", "") if isinstance(told, dict) else ""
        if variable and not environment.get(variable):
            return Finding("storage", f"{variable} is not set", "set it for every part of the installation")
        values[name] = environment[variable] if variable else str(told)
    try:
        connection = psycopg2.connect(
            host=values["hostname"],
            port=values["port"],
            user=values["username"],
            password=values["password"],
            dbname=values["db_name"],
            connect_timeout=5,
        )
    except psycopg2.OperationalError as error:
        return _refused(str(error))
    with connection, connection.cursor() as cursor:
        cursor.execute("select extract(epoch from clock_timestamp())")
        apart = abs(float(cursor.fetchone()[0]) - time.time())
    connection.close()
    if apart > _SKEW_S:
        told = f"this machine and the database are {apart:.0f} s apart"
        return Finding("clock", told, "set both clocks by the same server (chronyc tracking)")
    return None


def _refused(reason: str) -> Finding:
    """psycopg2's reason holds host and user: only what kind it is goes on."""
    if "authentication failed" in reason or "no password supplied" in reason:
        return Finding(
            "storage", "PostgreSQL refuses the password", "check DAGSTER_PG_USER and DAGSTER_PG_PASSWORD"
        )
    if "does not exist" in reason:
        return Finding("storage", "PostgreSQL has no such database or role", "create it; check DAGSTER_PG_DB")
    return Finding(
        "storage",
        "PostgreSQL does not answer",
        "start it; check DAGSTER_PG_HOST and DAGSTER_PG_PORT",
    )


def _migrations(instance: "dg.DagsterInstance") -> Iterator[Finding]:
    behind = []
    for name, attribute in _LAYERS.items():
        told = getattr(instance, attribute).alembic_version()
        if told is not None and told[0] != told[1]:
            behind.append(name)
    if behind:
        yield Finding(
            "migrations",
            f"the storage of {', '.join(behind)} is of another version than this code",
            "stop the daemon, run `dagster instance migrate`, and start again",
        )
    else:
        yield Finding("migrations", "none is due")

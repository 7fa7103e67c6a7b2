"""Configuration from the environment, validated once, with one clear line per mistake.

Here are the platform's own settings. What a vendor's API needs is declared beside its connector; whether
those variables are present is checked here too, by name only: no secret is read.
"""

import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.config import Secret, missing_settings
from connectors.registry import CONNECTORS

PSEUDONYM_KEY = "JOURNEY_PSEUDONYM_KEY"


class SettingsError(Exception):
    """One or more settings are missing or malformed. The message names each, one a line."""


@dataclass(frozen=True)
class Settings:
    """Validated settings. `root` is a folder or an object-store URL; `sources` the enabled vendors."""

    root: str
    zone: str
    start_date: date
    sources: tuple[str, ...]
    memory_limit: str
    storage_options: Mapping[str, str]


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read and validate the settings.

    JOURNEY_ROOT: the lake's folder or URL (s3://, gs://, az://). JOURNEY_ZONE: reporting zone, IANA name.
    JOURNEY_START_DATE: first day, ISO. JOURNEY_SOURCES: enabled vendors, comma separated; default all.
    JOURNEY_MEMORY_LIMIT: the engine's, default 1GB. JOURNEY_STORAGE_<NAME>: options for an object store.

    Raises `SettingsError` naming every wrong setting at once.
    """
    mistakes: list[str] = []
    root = _root(environment.get("JOURNEY_ROOT", "lake"), mistakes)
    zone = _zone(environment.get("JOURNEY_ZONE", "UTC"), mistakes)
    start = _start_date(environment.get("JOURNEY_START_DATE", ""), mistakes)
    sources = _sources(environment.get("JOURNEY_SOURCES", ""), mistakes)
    for variable in _missing(sources, environment):
        mistakes.append(f"{variable} is missing")
    if not environment.get(PSEUDONYM_KEY):
        mistakes.append(f"{PSEUDONYM_KEY} is missing: a long random text that keys the profiles' ids")
    if mistakes:
        raise SettingsError("; ".join(mistakes))
    prefix = "JOURNEY_STORAGE_"
    return Settings(
        root=root,
        zone=zone,
        start_date=start,
        sources=sources,
        memory_limit=environment.get("JOURNEY_MEMORY_LIMIT", "1GB"),
        storage_options={k[len(prefix) :].lower(): v for k, v in environment.items() if k.startswith(prefix)},
    )


def pseudonym_key(environment: Mapping[str, str] = os.environ) -> Secret:
    """The key of the profiles' ids. Read where it is used, never at import."""
    return Secret(environment[PSEUDONYM_KEY])


def _root(text: str, mistakes: list[str]) -> str:
    if "://" in text:
        return text.rstrip("/")
    path = Path(text).absolute()
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        mistakes.append(f"JOURNEY_ROOT is not writable: {error.strerror}")
    return str(path)


def _zone(text: str, mistakes: list[str]) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        mistakes.append(f"JOURNEY_ZONE names no known time zone: {text!r}")
    return text


def _start_date(text: str, mistakes: list[str]) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        found = f"not {text!r}" if text else "and is missing"
        mistakes.append(f"JOURNEY_START_DATE must be a date like 2026-01-31, {found}")
        return date.min


def _sources(text: str, mistakes: list[str]) -> tuple[str, ...]:
    known = list(CONNECTORS)
    names = tuple(name.strip() for name in text.split(",") if name.strip()) or tuple(known)
    for name in names:
        if name not in known:
            mistakes.append(f"JOURNEY_SOURCES names no connector: {name!r}; known are {', '.join(known)}")
    return tuple(name for name in known if name in names)


def _missing(sources: Iterable[str], environment: Mapping[str, str]) -> list[str]:
    return [v for name in sources for v in missing_settings(CONNECTORS[name].config_class, environment)]

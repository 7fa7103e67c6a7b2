"""Configuration from the environment, validated once, with one clear line per mistake.

Here are the platform's own settings. What a vendor's API needs is declared beside its connector; whether
those variables are present is checked here too, by name only: no secret is read.
"""

import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.config import Secret, missing_settings
from connectors.errors import ConfigurationError
from connectors.registry import FILES, connector_of
from connectors.registry import sources as known_sources
from journey_platform.identity.normalise import DEFAULT_SPELLING, MailboxRule, Spelling
from journey_platform.sources import mapping_of

PSEUDONYM_KEY = "JOURNEY_PSEUDONYM_KEY"


class SettingsError(Exception):
    """One or more settings are missing or malformed. The message names each, one a line."""


@dataclass(frozen=True)
class Settings:
    """Validated settings. `root` is a folder or an object-store URL; `sources` the enabled vendors;
    `data_docs` a folder, and `data_docs_url` where it is served, if it is; `journeys` the file that declares
    them, empty without one."""

    root: str
    zone: str
    start_date: date
    sources: tuple[str, ...]
    memory_limit: str
    storage_options: Mapping[str, str]
    data_docs: str = "data_docs"
    data_docs_url: str = ""
    journeys: str = ""
    spelling: Spelling = DEFAULT_SPELLING
    has_probabilistic_links: bool = False
    has_canaries: bool = False


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read and validate the settings.

    JOURNEY_ROOT: the lake's folder or URL (s3://, gs://, az://). JOURNEY_ZONE: reporting zone, IANA name.
    JOURNEY_START_DATE: first day, ISO. JOURNEY_SOURCES: enabled vendors, comma separated; default all.
    JOURNEY_FILES: a folder of dropped files with the files.yaml that declares them; default: none.
    JOURNEY_PHONE_REGION: country of phone numbers that name none, as NL; default: they are not read.
    JOURNEY_MAIL_DOMAINS: domains whose mailboxes ignore tags or dots, as gmail.com=tags+dots,x.org=tags.
    JOURNEY_PROBABILISTIC_LINKS: on to link people by name, address and the like; default off.
    JOURNEY_CANARIES: on to send customers with known answers through each run; default off.
    JOURNEY_MEMORY_LIMIT: the engine's, default 1GB. JOURNEY_STORAGE_<NAME>: options for an object store.
    JOURNEY_DATA_DOCS: folder of the quality site, default beside the lake's tables, or in the working folder
    where the lake is not local. JOURNEY_DATA_DOCS_URL: its address, where a web server serves it.
    JOURNEY_JOURNEYS: the file that declares journeys, default journeys.yaml in the working folder, if there.

    Raises `SettingsError` naming every wrong setting at once.
    """
    mistakes: list[str] = []
    root = _root(environment.get("JOURNEY_ROOT", "lake"), mistakes)
    zone = _zone(environment.get("JOURNEY_ZONE", "UTC"), mistakes)
    start = _start_date(environment.get("JOURNEY_START_DATE", ""), mistakes)
    sources = _sources(environment, mistakes)
    spelling = _spelling(environment, mistakes)
    declared = environment.get("JOURNEY_JOURNEYS", "journeys.yaml")
    if not Path(declared).is_file():
        if "JOURNEY_JOURNEYS" in environment:
            mistakes.append(f"JOURNEY_JOURNEYS names no file: {declared!r}")
        declared = ""
    has_probabilistic_links = _switch("JOURNEY_PROBABILISTIC_LINKS", environment, mistakes)
    has_canaries = _switch("JOURNEY_CANARIES", environment, mistakes)
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
        data_docs=environment.get("JOURNEY_DATA_DOCS") or _beside(root, "data_docs"),
        data_docs_url=environment.get("JOURNEY_DATA_DOCS_URL", ""),
        journeys=str(Path(declared).absolute()) if declared else "",
        spelling=spelling,
        has_probabilistic_links=has_probabilistic_links,
        has_canaries=has_canaries,
    )


def now(environment: Mapping[str, str] = os.environ) -> datetime:
    """The time in UTC. JOURNEY_NOW, an ISO time, stands for it where a past state is replayed."""
    stated = environment.get("JOURNEY_NOW")
    return datetime.fromisoformat(stated).astimezone(UTC) if stated else datetime.now(UTC)


def pseudonym_key(environment: Mapping[str, str] = os.environ) -> Secret:
    """The key of the profiles' ids. Read where it is used, never at import."""
    return Secret(environment[PSEUDONYM_KEY])


def _switch(name: str, environment: Mapping[str, str], mistakes: list[str]) -> bool:
    told = environment.get(name, "off").strip().lower()
    if told not in {"on", "off"}:
        mistakes.append(f"{name} is on or off, not {told!r}")
    return told == "on"


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


def _beside(root: str, name: str) -> str:
    return str(Path(name).absolute() if "://" in root else Path(root) / name)


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


def _sources(environment: Mapping[str, str], mistakes: list[str]) -> tuple[str, ...]:
    """The enabled sources, of those whose declaration can be read."""
    known = known_sources(environment)
    text = environment.get("JOURNEY_SOURCES", "")
    names = tuple(name.strip() for name in text.split(",") if name.strip()) or known
    for name in names:
        if name == FILES not in known:
            mistakes.append("JOURNEY_FILES is missing: the folder of dropped files")
        elif name not in known:
            mistakes.append(f"JOURNEY_SOURCES names no connector: {name!r}; known are {', '.join(known)}")
    enabled = tuple(name for name in known if name in names)
    if FILES not in enabled:
        return enabled
    try:
        mapping_of(FILES, environment)
    except ConfigurationError as mistake:
        mistakes.append(str(mistake))
        return tuple(name for name in enabled if name != FILES)
    return enabled


def _spelling(environment: Mapping[str, str], mistakes: list[str]) -> Spelling:
    region = environment.get("JOURNEY_PHONE_REGION", "").strip().upper()
    if region and not (len(region) == 2 and region.isascii() and region.isalpha()):
        mistakes.append(f"JOURNEY_PHONE_REGION is a country's two letters, not {region!r}")
    if "JOURNEY_MAIL_DOMAINS" not in environment:
        return Spelling(region)
    rules = {}
    for entry in filter(None, map(str.strip, environment["JOURNEY_MAIL_DOMAINS"].lower().split(","))):
        domain, _, ignored = entry.partition("=")
        traits = set(ignored.split("+"))
        if not domain or not traits <= {"tags", "dots"}:
            mistakes.append(f"JOURNEY_MAIL_DOMAINS has entries like gmail.com=tags+dots, not {entry!r}")
        rules[domain] = MailboxRule(ignores_tags="tags" in traits, ignores_dots="dots" in traits)
    return Spelling(region, rules)


def _missing(sources: Iterable[str], environment: Mapping[str, str]) -> list[str]:
    configured = [connector_of(name, environment).config_class for name in sources]
    return [variable for of in configured for variable in missing_settings(of, environment)]

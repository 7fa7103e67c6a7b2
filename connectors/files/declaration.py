"""What a folder of dropped files says of them: `files.yaml` (or `files.json`), validated, mistakes by line.

Here is how files are found and read: names, notation, keys and times. What their rows mean (`touchpoints` and
`contacts`) is kept as it stands for whoever maps them, who tells mistakes by `Declared.mistake`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from connectors.errors import ConfigurationError

NAMES = ("files.yaml", "files.yml", "files.json")
PARQUET = {".parquet", ".pq"}
ColumnType = Literal["text", "number", "time", "boolean"]

_FEED_NAME = re.compile(r"[a-z][a-z_]*")
_NO_DELIMITER = frozenset("\n\r\"'")
_UNKNOWN = re.compile(r"unknown field `([^`]*)`")
_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+|\.\.\.)\]")


class Notation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a text file writes values. `times`: formats of strptime; with none, ISO 8601, RFC 1123 or epoch
    seconds. `zone`: that of times which name none. `thousands`: what may stand between groups of digits.
    `quote`: "" where no sign quotes. `header`: the columns' names, where a file does not begin with them.
    """

    delimiter: str = ","
    quote: str = '"'
    encoding: str = "utf-8"
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ".", ",", " ", "'"] = ""
    zone: str = "UTC"
    times: tuple[str, ...] = ()
    header: tuple[str, ...] = ()


class Feed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of file.

    `files`: a glob below the folder; `*.parquet` is Parquet, everything else delimited text, `.gz` packed.
    `kind`: "event", facts with a `time`, archived by day; "entity", current state. `key`: the columns that
    name a row; without them it is named by its content and how many-th such row of its file it is.
    `columns`: those that are not text. `personal`: columns with personal data.
    """

    files: str
    kind: Literal["event", "entity"] = "event"
    grain: str = ""
    notation: Notation = Notation()
    key: tuple[str, ...] = ()
    time: str | None = None
    columns: dict[str, ColumnType] = {}
    personal: tuple[str, ...] = ()
    touchpoints: list[Any] = []
    contacts: list[Any] = []

    def type_of(self, column: str) -> ColumnType:
        return "time" if column == self.time else self.columns.get(column, "text")


@dataclass(frozen=True)
class Declared:
    """The feeds of a folder by name, in their order."""

    folder: Path
    file: str
    feeds: dict[str, Feed]
    _root: Any

    def mistake(self, path: str, reason: str) -> ConfigurationError:
        """A mistake at a path like `feeds.orders.key[0]`, with the line it stands on."""
        return _mistake(self.file, self._root, path, reason)


def declared(folder: str | Path) -> Declared:
    """The declaration of a folder. Raises `ConfigurationError` naming file, line and key."""
    place = Path(folder)
    found = [place / name for name in NAMES if (place / name).is_file()]
    if not found:
        raise ConfigurationError(f"the folder of JOURNEY_FILES holds no {' or '.join(NAMES[::2])}")
    if len(found) > 1:
        raise ConfigurationError(f"both {found[0].name} and {found[1].name} declare the files; keep one")
    state = found[0].stat()
    return _read(found[0], state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=16)
def _read(path: Path, _changed: int, _size: int) -> Declared:
    import yaml

    try:
        text = path.read_text("utf-8-sig")
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
        content = yaml.load(text, Loader=yaml.CSafeLoader)
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path.name}: not UTF-8") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigurationError(f"{path.name} line {line}: {error.problem}") from None
    _check_once(path.name, root)
    feeds = content.get("feeds") if isinstance(content, dict) else None
    if not isinstance(content, dict) or set(content) != {"feeds"} or not isinstance(feeds, dict) or not feeds:
        raise _mistake(path.name, root, "feeds", "a declaration is `feeds:` and, below it, one name a feed")
    known = {}
    for name, given in feeds.items():
        where = f"feeds.{name}"
        if not isinstance(name, str) or not _FEED_NAME.fullmatch(name):
            raise _mistake(path.name, root, where, "a feed's name is of small letters and underscores")
        try:
            feed = msgspec.convert(given, Feed)
        except msgspec.ValidationError as error:
            reason, _, at = str(error).partition(" - at ")
            raise _mistake(path.name, root, where + at.strip("`").removeprefix("$"), reason) from None
        for at, reason in _doubts(feed):
            raise _mistake(path.name, root, f"{where}.{at}", reason)
        known[name] = feed
    return Declared(path.parent, path.name, known, root)


def _doubts(feed: Feed) -> Iterator[tuple[str, str]]:
    """What the types do not say, as (path below the feed, reason)."""
    if feed.kind == "event" and feed.time is None:
        yield "time", "a feed of events names the column of their time"
    if Path(feed.files).is_absolute() or ".." in Path(feed.files).parts:
        yield "files", "a path below the folder of the declaration"
    if feed.time is not None and feed.columns.get(feed.time, "time") != "time":
        yield f"columns.{feed.time}", "the column of the time is of type time"
    notation = feed.notation
    if len(notation.delimiter) != 1 or notation.delimiter in _NO_DELIMITER:
        yield "notation.delimiter", "one character"
    if len(notation.quote) > 1:
        yield "notation.quote", "one character, or none"
    if notation.header and Path(feed.files).suffix.lower() in PARQUET:
        yield "notation.header", "a Parquet file names its columns itself"
    if notation.thousands == notation.decimal:
        yield "notation.thousands", "not the same sign as `decimal`"
    try:
        ZoneInfo(notation.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield "notation.zone", f"no known time zone: {notation.zone!r}"
    try:
        "".encode(notation.encoding)
    except LookupError:
        yield "notation.encoding", f"no known encoding: {notation.encoding!r}"


def _check_once(file: str, node: Any, path: str = "") -> None:
    """Raise for a key that is given twice, of which YAML would silently take the last."""
    if hasattr(node, "value") and isinstance(node.value, list):
        seen = set()
        for place, item in enumerate(node.value):
            if not isinstance(item, tuple):
                _check_once(file, item, f"{path}[{place}]")
                continue
            key, value = item
            at = f"{path}.{key.value}".lstrip(".")
            if key.value in seen:
                line = key.start_mark.line + 1
                raise ConfigurationError(f"{file} line {line}, {at}: given twice")
            seen.add(key.value)
            _check_once(file, value, at)


def _mistake(file: str, root: Any, path: str, reason: str) -> ConfigurationError:
    if unknown := _UNKNOWN.search(reason):
        path, reason = f"{path}.{unknown[1]}", "no such key"
    node, line = root, root.start_mark.line if root is not None else 0
    for step in _STEP.finditer(path):
        name, index = step.groups()
        children = node.value if isinstance(getattr(node, "value", None), list) else []
        if index is not None:
            node = children[int(index)] if index.isdigit() and int(index) < len(children) else None
            line = node.start_mark.line if node is not None else line
        else:
            pairs = (item for item in children if isinstance(item, tuple))
            pair = next((item for item in pairs if item[0].value == name), None)
            node, line = (pair[1], pair[0].start_mark.line) if pair else (None, line)
        if node is None:
            break
    return ConfigurationError(f"{file} line {line + 1}, {path}: {reason}")

"""Letting go of what only old versions hold: their data files, never what they say of themselves.

A day is one file, so that there is nothing to join; what grows is the number of versions. Every log entry
stays: which versions a value was made from, when and by which run is told for good. A version whose files
were let go is no more: reading it is refused, and a mark beside the log says up to where.
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyarrow.fs as pafs

from journey_platform.lake.errors import LakeError
from journey_platform.lake.place import MARK, Place
from journey_platform.lake.snapshot import LOG

# A file that no commit names may still be named by the next; a day later nobody writes it any more.
_DRAFTS_LIVE = timedelta(days=1)


@dataclass(frozen=True)
class Expired:
    """`files` and `bytes` let go; versions before `first` cannot be read, but for those that were kept."""

    files: int
    bytes: int
    first: int


def expire(place: Place, *, before: datetime, now: datetime, keep: Collection[int]) -> Expired:
    """Let go of the files that only versions superseded before `before` need, and of abandoned drafts.

    `keep`: further versions whose files stay. A version is readable again to nobody after this: of those
    superseded before `before`, the ones in `keep` are the exception. Safe to be killed, and to do again.
    """
    newest = place.open()
    if newest is None:
        return Expired(0, 0, 0)
    added: dict[str, int] = {}
    removed: dict[str, int] = {}
    made_at: dict[int, float] = {}
    for version, actions in _entries(place):
        for action in actions:
            if "add" in action:
                added[action["add"]["path"]] = version
            elif "remove" in action:
                removed[action["remove"]["path"]] = version
            elif "commitInfo" in action:
                made_at[version] = action["commitInfo"]["timestamp"] / 1000
    # The version that was the newest at `before`, and all since, can be read.
    old = [version for version, at in made_at.items() if at <= before.timestamp()]
    first = max(old, default=0)
    kept = sorted({version for version in keep if version < first})
    _mark(place, first, kept)

    def is_needed(path: str) -> bool:
        gone = removed.get(path, newest.version + 1)
        return gone > first or any(added.get(path, 0) <= version < gone for version in kept)

    active = {file.path for file in newest.files.values()}
    going, size = [], 0
    for path, bytes_, modified in _data(place):
        if path in active:
            continue
        is_named = path in added or path in removed
        is_draft = not is_named and modified < now - _DRAFTS_LIVE
        if is_draft or (is_named and not is_needed(path)):
            going.append(path)
            size += bytes_
    return Expired(place.remove(going), size, first)


def _entries(place: Place) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    for path in sorted(place.paths(LOG)):
        name = path.rpartition("/")[2]
        stem, _, ending = name.partition(".")
        if ending == "json" and stem.isdecimal():
            with place.filesystem.open_input_file(f"{place.path}/{path}") as entry:
                yield int(stem), [json.loads(line) for line in entry.read().decode().splitlines()]


def _data(place: Place) -> Iterator[tuple[str, int, datetime]]:
    selector = pafs.FileSelector(place.path, recursive=True, allow_not_found=True)
    for info in place.filesystem.get_file_info(selector):
        path = info.path.removeprefix(f"{place.path}/" if place.path else "")
        if info.type == pafs.FileType.File and path.endswith(".parquet") and not path.startswith(f"{LOG}/"):
            yield path, info.size, info.mtime


def _mark(place: Place, first: int, kept: Collection[int]) -> None:
    """Before the files go, so that nobody begins to read what is about to. Never takes back what was said."""
    known, kept_then = place.readable_from()
    if known > first:
        raise LakeError(f"{place.table.name}: versions before {known} were let go already")
    # Of those before the mark of then, only what was kept can be kept again.
    kept = [version for version in kept if version >= known or version in kept_then]
    with place.filesystem.open_output_stream(f"{place.path}/{MARK}.draft") as out:
        out.write(json.dumps({"first": first, "kept": kept}).encode())
    place.filesystem.move(f"{place.path}/{MARK}.draft", f"{place.path}/{MARK}")

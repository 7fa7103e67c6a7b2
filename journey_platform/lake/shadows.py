"""A shadow: every table of a lake at the version it had, without a copy of its files.

Data files are never changed once written, so the shadow holds them by another name (a hard link). It lies
under the lake's own root, in a folder that is no table's, and knows the versions it began with. Local folders
only: an object store has no second name for a file.
"""

import json
import os
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

from journey_platform.lake.errors import LakeError
from journey_platform.lake.place import MARK
from journey_platform.lake.store import Lake

_FOLDER = "_shadows"
_ABOUT = "about.json"
_LOG = "_delta_log"
_NAME = re.compile(r"^[a-z0-9_-]+$")
_ENTRY = re.compile(r"^(\d{20})\.(?:json|checkpoint\.parquet)$")

ORDER = ("raw", "touchpoints", "contacts", "customers", "journeys", "kpis")
"""Groups of tables, each made of those before it; what is not named is made of any of them."""


class Refused(LakeError):  # noqa: N818 - says what happened
    """A shadow could not be made or promoted as things are; the message says what to do."""


@dataclass(frozen=True)
class Shadow:
    """One shadow of the lake at `root`."""

    root: Path
    name: str

    @property
    def folder(self) -> Path:
        return self.root / _FOLDER / self.name

    @property
    def lake(self) -> Lake:
        return Lake(str(self.folder / "lake"))

    @property
    def about(self) -> dict[str, Any]:
        """source, first, last and made_at as text; versions: by table the one it began with."""
        try:
            told: dict[str, Any] = json.loads((self.folder / _ABOUT).read_text())
        except FileNotFoundError:
            raise Refused(f"there is no preview {self.name}") from None
        return told

    @property
    def versions(self) -> dict[str, int]:
        """By table, the version with which the shadow began."""
        return dict(self.about["versions"])


def make(lake: Lake, name: str, *, source: str, first: date, last: date, made_at: str) -> Shadow:
    """A new shadow of the lake as it is."""
    shadow = named(lake, name)
    if shadow.folder.exists():
        raise Refused(f"there is a preview {name} already")
    versions: dict[str, int] = {}
    # What is made of others first: so nothing has consumed a version that comes after the shadow's own.
    for table in tables_of(shadow.root, made_of_others_first=True):
        versions[table] = copied(shadow.root / table, shadow.folder / "lake" / table, put=os.link)
    about = {"source": source, "first": str(first), "last": str(last), "made_at": made_at}
    write_whole(shadow.folder / _ABOUT, {**about, "versions": dict(sorted(versions.items()))})
    return shadow


def named(lake: Lake, name: str) -> Shadow:
    """The shadow of that name, whether it is there or not."""
    if "://" in lake.root:
        raise Refused("a preview needs a lake in a local folder: an object store would copy it")
    if not _NAME.match(name):
        raise ValueError("a preview's name is made of a-z, 0-9, _ and -")
    return Shadow(Path(lake.root), name)


def shadows(lake: Lake) -> list[Shadow]:
    """All that were made and are neither promoted nor discarded, by name."""
    if "://" in lake.root:
        return []
    found = sorted(Path(lake.root).joinpath(_FOLDER).glob(f"*/{_ABOUT}"))
    return [Shadow(Path(lake.root), path.parent.name) for path in found if _NAME.match(path.parent.name)]


def discard(shadow: Shadow) -> None:
    """Remove it, at once for whoever looks. What the lake holds by the same files stays. Raises `Refused`
    where it is gone already."""
    gone = shadow.folder.with_name(f".{uuid4().hex}.gone")
    try:
        shadow.folder.rename(gone)
    except FileNotFoundError:
        raise Refused(f"there is no preview {shadow.name}") from None
    # Also what a discarding that was cut short has left.
    for left in gone.parent.glob(".*.gone"):
        shutil.rmtree(left, ignore_errors=True)


def discard_all(lake: Lake) -> None:
    """Remove every shadow, whole or not: by its names a shadow keeps files that the lake has let go."""
    for shadow in shadows(lake):
        with suppress(Refused):
            discard(shadow)
    if "://" not in lake.root:
        shutil.rmtree(Path(lake.root) / _FOLDER, ignore_errors=True)


def rank(table: str) -> tuple[int, str]:
    group = table.partition("/")[0]
    return (ORDER.index(group) if group in ORDER else len(ORDER), table)


def write_whole(path: Path, told: object) -> None:
    """Write JSON so that the file is there whole or not at all, also after a power cut."""
    draft = path.with_suffix(".draft")
    path.parent.mkdir(parents=True, exist_ok=True)
    with draft.open("w") as out:
        json.dump(told, out)
        out.flush()
        os.fsync(out.fileno())
    draft.rename(path)


def tables_of(root: Path, *, made_of_others_first: bool = False) -> list[str]:
    """The tables under a lake's root by name, each after those it is made of, or before them."""
    found = (log.parent.relative_to(root).as_posix() for log in root.glob(f"[!_]*/**/{_LOG}"))
    return sorted(found, key=rank, reverse=made_of_others_first)


def copied(table: Path, copy: Path, *, put: Callable[[Path, Path], object] = shutil.copyfile) -> int:
    """The table again at `copy`, each file by `put`, as of its newest version, which is returned."""
    entries = {
        path.name: int(found[1]) for path in (table / _LOG).iterdir() if (found := _ENTRY.match(path.name))
    }
    newest = max(version for name, version in entries.items() if name.endswith(".json"))
    (copy / _LOG).mkdir(parents=True)
    for name, version in entries.items():
        if version <= newest:
            put(table / _LOG / name, copy / _LOG / name)
    if (table / MARK).exists():
        shutil.copy(table / MARK, copy / MARK)
    for path in table.rglob("*.parquet"):
        inside = path.relative_to(table)
        if _LOG in inside.parts:
            continue
        (copy / inside).parent.mkdir(exist_ok=True)
        try:
            put(path, copy / inside)
        except FileNotFoundError:
            continue  # another writer's draft that is gone: no version names it
    return newest

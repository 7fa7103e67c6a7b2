"""A shadow's versions become the lake's, all or none: the intent is written first, and anybody can end it.

A shadow continues each table's own history, so that promoting is to put its commits behind the lake's newest,
one after another, each only if that place is still free. The times of the commits become that of the
promotion: what was published when is told by them.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from journey_platform.lake import Lake
from journey_platform.lake.shadows import Refused, Shadow, discard, rank, shadows
from journey_platform.tables import RESTATEMENTS

_INTENT = "promoting.json"
_LOG = "_delta_log"


@dataclass(frozen=True)
class Promoted:
    """`tables`: by name, the version before and since. `moved`: the table at which another writer came first;
    what follows from those before it is computed anew by the next run."""

    tables: dict[str, tuple[int, int]]
    moved: str | None = None


def changed_tables(shadow: Shadow) -> dict[str, tuple[int, int]]:
    """Tables with new commits in the shadow: the version it began with, and its newest.

    The log of restatements is left out: it tells of publications, and nothing was published yet.
    """
    versions, found = shadow.versions, {}
    for table in sorted((shadow.folder / "lake").glob(f"[!_]*/**/{_LOG}"), key=str):
        name = table.parent.relative_to(shadow.folder / "lake").as_posix()
        old, new = versions.get(name, -1), _newest(table)
        if new != old and name != RESTATEMENTS.name:
            found[name] = (old, new)
    return dict(sorted(found.items(), key=lambda entry: rank(entry[0])))


def promote(shadow: Shadow, *, now: datetime) -> Promoted:
    """Publish the shadow, and remove it. Raises `Refused` where a table has moved since it was made, and
    where another one has ended its promotion."""
    changed = changed_tables(shadow)
    moved = [name for name, (old, _) in changed.items() if _newest(shadow.root / name / _LOG) != old]
    if moved:
        raise Refused(
            f"{', '.join(moved)} changed since {shadow.name} was made: discard it and preview again"
        )
    tables = [[name, old, new] for name, (old, new) in changed.items()]
    # A shadow that is gone, or an intent that is there, is another's promotion of it.
    with suppress(FileNotFoundError):
        _create(shadow.folder / _INTENT, json.dumps({"at_ms": int(now.timestamp() * 1000), "tables": tables}))
    intent = _intent(shadow)
    if intent is None:
        raise Refused(f"the promotion of {shadow.name} had been begun and is ended now")
    return _carried_out(shadow, intent)


def finish_promotions(lake: Lake) -> list[Promoted]:
    """End every promotion that was begun and not ended. Everything that writes to a lake calls this first."""
    begun = [(shadow, _intent(shadow)) for shadow in shadows(lake)]
    return [_carried_out(shadow, intent) for shadow, intent in begun if intent is not None]


def _intent(shadow: Shadow) -> dict[str, Any] | None:
    try:
        told: dict[str, Any] = json.loads((shadow.folder / _INTENT).read_text())
    except FileNotFoundError:
        return None
    return told


def _carried_out(shadow: Shadow, intent: Mapping[str, Any]) -> Promoted:
    """Safe to do twice, and by several at once: each step is there already, or is the same.

    Where another one has ended it meanwhile, the shadow is gone and the lake itself tells how far that went.
    """
    done: dict[str, tuple[int, int]] = {}
    moved, at_ms = None, intent["at_ms"]
    for name, old, new in intent["tables"]:
        source, target = shadow.folder / "lake" / name, shadow.root / name
        try:
            is_put = all(_put(source, target, version, at_ms) for version in range(old + 1, new + 1))
        except FileNotFoundError:
            if _intent(shadow) is not None:
                raise
            is_put = _is_there(target, new, at_ms)
        if not is_put:
            moved = name
            break
        done[name] = (old, new)
    with suppress(Refused):
        discard(shadow)
    return Promoted(done, moved)


def _put(source: Path, target: Path, version: int, at_ms: int) -> bool:
    """Make the shadow's commit the lake's; False where another one has its place."""
    entry = _entry(version)
    actions = [json.loads(line) for line in (source / _LOG / entry).read_text().splitlines()]
    for action in actions:
        if "add" in action:
            file = target / action["add"]["path"]
            file.parent.mkdir(parents=True, exist_ok=True)
            _link(source / action["add"]["path"], file)
        if "commitInfo" in action:
            action["commitInfo"]["timestamp"] = at_ms
    content = "\n".join(json.dumps(action, separators=(",", ":")) for action in actions)
    (target / _LOG).mkdir(parents=True, exist_ok=True)
    _create(target / _LOG / entry, content)
    return (target / _LOG / entry).read_text() == content


def _is_there(target: Path, version: int, at_ms: int) -> bool:
    """Whether the lake's commit is that of the promotion of that time: it comes after all before it."""
    try:
        lines = (target / _LOG / _entry(version)).read_text().splitlines()
    except FileNotFoundError:
        return False
    return any(json.loads(line).get("commitInfo", {}).get("timestamp") == at_ms for line in lines)


def _entry(version: int) -> str:
    return f"{version:020}.json"


def _create(path: Path, content: str) -> None:
    """Write a file whole, unless it is there already. Its folder must be there."""
    draft = path.with_name(f".{path.name}.{uuid4().hex}.draft")
    try:
        with draft.open("w") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        _link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _link(source: Path, target: Path) -> None:
    with suppress(FileExistsError):
        os.link(source, target)


def _newest(log: Path) -> int:
    versions = [int(path.stem) for path in log.glob("*.json") if path.stem.isdecimal()]
    return max(versions, default=-1)

"""A shadow's versions become the lake's, all or none: the intent is written first, and anybody can end it.

A shadow continues each table's own history, so that promoting is to put its commits behind the lake's newest,
one after another, each only if that place is still free. The times of the commits become that of the
promotion: what was published when is told by them.
"""

import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from journey_platform.lake import Lake
from journey_platform.lake.shadows import Refused, Shadow, discard, rank, shadows, write_whole
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
    """Publish the shadow, and remove it. Raises `Refused` where a table has moved since it was made."""
    changed = changed_tables(shadow)
    moved = [name for name, (old, _) in changed.items() if _newest(shadow.root / name / _LOG) != old]
    if moved:
        raise Refused(
            f"{', '.join(moved)} changed since {shadow.name} was made: discard it and preview again"
        )
    tables = [[name, old, new] for name, (old, new) in changed.items()]
    write_whole(shadow.folder / _INTENT, {"at_ms": int(now.timestamp() * 1000), "tables": tables})
    return _carried_out(shadow)


def finish_promotions(lake: Lake) -> list[Promoted]:
    """End every promotion that was begun and not ended. Everything that writes to a lake calls this first."""
    return [_carried_out(shadow) for shadow in shadows(lake) if (shadow.folder / _INTENT).exists()]


def _carried_out(shadow: Shadow) -> Promoted:
    """Safe to do twice, and by two at once: each step is there already, or is the same."""
    intent = json.loads((shadow.folder / _INTENT).read_text())
    done: dict[str, tuple[int, int]] = {}
    moved = None
    for name, old, new in intent["tables"]:
        source, target = shadow.folder / "lake" / name, shadow.root / name
        if not all(_put(source, target, version, intent["at_ms"]) for version in range(old + 1, new + 1)):
            moved = name
            break
        done[name] = (old, new)
    discard(shadow)
    return Promoted(done, moved)


def _put(source: Path, target: Path, version: int, at_ms: int) -> bool:
    """Make the shadow's commit the lake's; False where another one has its place."""
    entry = f"{version:020}.json"
    actions = [json.loads(line) for line in (source / _LOG / entry).read_text().splitlines()]
    for action in actions:
        if "add" in action:
            _link(source / action["add"]["path"], target / action["add"]["path"])
        if "commitInfo" in action:
            action["commitInfo"]["timestamp"] = at_ms
    content = "\n".join(json.dumps(action, separators=(",", ":")) for action in actions)
    (target / _LOG).mkdir(parents=True, exist_ok=True)
    draft = target / _LOG / f".{entry}.{os.getpid()}.draft"
    with draft.open("w") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    try:
        _link(draft, target / _LOG / entry)
        return (target / _LOG / entry).read_text() == content
    finally:
        draft.unlink()


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except FileExistsError:
        return


def _newest(log: Path) -> int:
    versions = [int(path.stem) for path in log.glob("*.json") if path.stem.isdecimal()]
    return max(versions, default=-1)

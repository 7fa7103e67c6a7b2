"""Copies of a lake and of Dagster's instance that can be put back, byte for byte.

A backup is a folder: `lake/`, `instance.dump` (PostgreSQL) or `instance/` (SQLite), and a manifest with the
digest of every file, written last: without it a backup is none. It is taken while runs go on; of each table
it holds one version, and nothing that was computed from a later one of another.
"""

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from journey_platform.lake import Lake, LakeError
from journey_platform.lake.shadows import copied, tables_of, write_whole

_MANIFEST = "manifest.json"
_DUMP = "instance.dump"
_CHUNK = 1 << 20


class Unusable(LakeError):  # noqa: N818 - says what happened
    """A backup cannot be taken or put back as things are; the message says what to do."""


@dataclass(frozen=True)
class Taken:
    """What a backup holds: `tables` with their versions, `files` and `bytes` in all."""

    tables: dict[str, int]
    files: int
    bytes: int


def back_up(lake: Lake, target: Path, *, now: datetime, environment: Mapping[str, str] = os.environ) -> Taken:
    """Copy lake and instance to a new folder. Raises `Unusable`."""
    root = _local(lake)
    if target.exists():
        raise Unusable(f"{target} is there already")
    target.mkdir(parents=True)
    versions = {
        name: copied(root / name, target / "lake" / name)
        for name in tables_of(root, made_of_others_first=True)
    }
    _save_instance(target, environment)
    files = {str(path.relative_to(target)): _digest(path) for path in _files(target)}
    size = sum((target / name).stat().st_size for name in files)
    write_whole(target / _MANIFEST, {"taken_at": now.isoformat(), "tables": versions, "files": files})
    return Taken(versions, len(files), size)


def check(source: Path) -> Taken:
    """Read every file of a backup against its digest. Raises `Unusable` naming the first that differs."""
    try:
        manifest = json.loads((source / _MANIFEST).read_text())
    except FileNotFoundError:
        raise Unusable(f"{source} is no backup, or one that was not ended") from None
    size = 0
    for name, digest in manifest["files"].items():
        path = source / name
        if not path.is_file() or _digest(path) != digest:
            raise Unusable(f"{source}: {name} is missing or damaged")
        size += path.stat().st_size
    return Taken(manifest["tables"], len(manifest["files"]), size)


def restore(source: Path, lake: Lake, *, environment: Mapping[str, str] = os.environ) -> Taken:
    """Put a backup back: into a lake without tables, and over the instance. Nothing may run meanwhile.

    Everything is checked before anything is written. Raises `Unusable`.
    """
    root = _local(lake)
    found = check(source)
    if tables_of(root):
        raise Unusable(f"the lake holds tables: move {root} away first")
    draft = root / "_restoring"
    shutil.rmtree(draft, ignore_errors=True)
    if (source / "lake").exists():
        shutil.copytree(source / "lake", draft)
        for folder in sorted(draft.iterdir()):
            folder.rename(root / folder.name)
        draft.rmdir()
    _load_instance(source, environment)
    return found


def _local(lake: Lake) -> Path:
    if "://" in lake.root:
        raise Unusable("a lake in an object store is kept by the store: switch on its replication")
    return Path(lake.root)


def _files(folder: Path) -> Iterator[Path]:
    yield from (path for path in sorted(folder.rglob("*")) if path.is_file())


def _digest(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _save_instance(target: Path, environment: Mapping[str, str]) -> None:
    database = _database(environment)
    if database is not None:
        options = ["--format=custom", "--no-owner", f"--file={target / _DUMP}"]
        _postgres(["pg_dump", *options], database, environment)
        return
    home = Path(environment.get("DAGSTER_HOME") or ".")
    for path in _files(home):
        copy = target / "instance" / path.relative_to(home)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".db":
            with sqlite3.connect(path) as live, sqlite3.connect(copy) as still:
                live.backup(still)
        elif not path.name.endswith((".db-wal", ".db-shm", ".db-journal")):
            shutil.copy2(path, copy)


def _load_instance(source: Path, environment: Mapping[str, str]) -> None:
    database = _database(environment)
    is_dump = (source / _DUMP).exists()
    if is_dump != (database is not None):
        raise Unusable(f"the backup is of {'PostgreSQL' if is_dump else 'SQLite'}, the instance is not")
    if database is not None:
        options = ["--clean", "--if-exists", "--no-owner", "--single-transaction"]
        _postgres(
            ["pg_restore", *options, f"--dbname={database['db_name']}", str(source / _DUMP)],
            database,
            environment,
        )
        return
    home = Path(environment.get("DAGSTER_HOME") or ".")
    shutil.copytree(source / "instance", home, dirs_exist_ok=True)


def _database(environment: Mapping[str, str]) -> dict[str, str] | None:
    """Where the instance's PostgreSQL is; None for SQLite. Raises `Unusable` without a DAGSTER_HOME."""
    import yaml

    home = environment.get("DAGSTER_HOME", "")
    try:
        configured: dict[str, Any] = yaml.safe_load((Path(home) / "dagster.yaml").read_text()) or {}
    except OSError:
        raise Unusable("DAGSTER_HOME names no folder with a dagster.yaml") from None
    told = ((configured.get("storage") or {}).get("postgres") or {}).get("postgres_db")
    if told is None:
        return None
    return {
        name: environment.get(value["env"], "") if isinstance(value, dict) else str(value)
        for name, value in told.items()
    }


def _postgres(command: list[str], database: Mapping[str, str], environment: Mapping[str, str]) -> None:
    where = {
        "PGHOST": database["hostname"],
        "PGPORT": database.get("port", "5432"),
        "PGUSER": database["username"],
        "PGPASSWORD": database.get("password", ""),
        "PGDATABASE": database["db_name"],
    }
    try:
        done = subprocess.run(
            command, env={**environment, **where}, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise Unusable(f"{command[0]} is not installed: it comes with PostgreSQL's client") from None
    if done.returncode:
        raise Unusable(f"{command[0]} failed; `journey doctor` says how the database is")

"""Which code computed a number: a fingerprint of the source that turns raw records into KPI values, and one
of everything that runs."""

import hashlib
import re
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

# What lies between a raw record and a value. Wiring, connectors and the demo change no number.
_ROOT = Path(__file__).parent
_COMPUTES = ("touchpoints", "identity", "profiles", "journeys", "kpis")


@cache
def code_version() -> str:
    """Twelve hexadecimal digits: equal sources, equal version, wherever they are installed."""
    return _digest([_ROOT / package for package in _COMPUTES]).hexdigest()[:12]


@cache
def installed_version() -> str:
    """Twelve hexadecimal digits of all our own source, and of the versions of what it is built on."""
    digest = _digest([_ROOT, _ROOT.parent / "connectors"])
    names = [re.split(r"[^\w.-]", needed)[0] for needed in requires("journey-platform") or ()]
    digest.update("\n".join(f"{name} {_version(name)}" for name in sorted(names)).encode())
    return digest.hexdigest()[:12]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _digest(folders: Iterable[Path]) -> "hashlib._Hash":
    digest = hashlib.sha256()
    for path in sorted(path for folder in folders for path in folder.rglob("*.py")):
        digest.update(f"{path.relative_to(_ROOT.parent).as_posix()}\n".encode() + path.read_bytes())
    return digest

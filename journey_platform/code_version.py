"""Which code computed a number: a fingerprint of the source that turns raw records into KPI values."""

import hashlib
from functools import cache
from pathlib import Path

# What lies between a raw record and a value. Wiring, connectors and the demo change no number.
_COMPUTES = ("touchpoints", "identity", "profiles", "journeys", "kpis")


@cache
def code_version() -> str:
    """Twelve hexadecimal digits: equal sources, equal version, wherever they are installed."""
    root = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(path for package in _COMPUTES for path in (root / package).rglob("*.py")):
        digest.update(f"{path.relative_to(root).as_posix()}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:12]

"""How much of a vendor's API this process has used: requests sent, and what the vendor said was left.

Counted where requests are sent, so that retries and pages count too. For figures to watch; nothing is decided
by it.
"""

import re
import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

_REMAINING = (
    "ratelimit-remaining",
    "x-ratelimit-remaining",
    "x-rate-limit-remaining",
    "rate-limit-remaining",
    "x-ratelimit-app-global-day-remaining",
)
# Shopify's counts what is used of how much, "12/40".
_USED_OF = "x-shopify-shop-api-call-limit"
_NUMBER = re.compile(r"^\d+(?:\.\d+)?$")


@dataclass(frozen=True, slots=True)
class Usage:
    """`requests` answered since the process began; `left`: what the last answer that told it said is left."""

    requests: int = 0
    left: int | None = None


_used: dict[str, Usage] = defaultdict(Usage)
_lock = threading.Lock()


def usage(vendor: str) -> Usage:
    """What this process has used of the vendor's API so far."""
    with _lock:
        return _used[vendor]


def count(vendor: str, headers: Mapping[str, str]) -> None:
    """One request that was answered, with the answer's headers (names in lower case)."""
    left = remaining(headers)
    with _lock:
        known = _used[vendor]
        _used[vendor] = Usage(known.requests + 1, known.left if left is None else left)


def remaining(headers: Mapping[str, str]) -> int | None:
    """The smallest number of requests that the headers say are left; None where they say nothing."""
    found = [float(text) for name in _REMAINING if _NUMBER.match(text := headers.get(name, "").strip())]
    used, _, most = headers.get(_USED_OF, "").partition("/")
    if used.isdecimal() and most.isdecimal():
        found.append(max(float(most) - float(used), 0.0))
    return int(min(found)) if found else None

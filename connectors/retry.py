"""When to ask again: what a 429 asks for in its headers, the back-off otherwise, and the rate budget.

Pure functions of headers and times. Sleeping and deciding are in `http`.
"""

import math
import re
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from connectors.clock import Clock

_RESET_HEADERS = (
    "ratelimit-reset",
    "x-ratelimit-reset",
    "x-rate-limit-reset",
    "rate-limit-reset",
)
_ENDPOINT_RESET = re.compile(r"\bresets=(\d+)")
# A number above this is a moment in epoch seconds (2001-09-09), below it a number of seconds.
_EPOCH_FROM = 1_000_000_000.0
_FIRST_BACKOFF_S = 1.0
_LONGEST_BACKOFF_S = 60.0


def asked_wait_s(headers: Mapping[str, str], now: datetime, *, is_throttled: bool) -> float | None:
    """Seconds that the answer's headers ask to wait; None where they say nothing usable.

    Retry-After (seconds or an HTTP date) goes before a reset header (seconds left, epoch seconds or an
    ISO-8601 time), and that before Zendesk's `zendesk-ratelimit-...: total=; remaining=; resets=`. Vendors
    send reset headers with every answer, so they count only where the client was too fast. A time that has
    passed is 0.
    """
    if (wait_s := _wait_s(headers.get("retry-after"), now)) is not None:
        return wait_s
    if not is_throttled:
        return None
    for name in _RESET_HEADERS:
        if (wait_s := _wait_s(headers.get(name), now, may_be_epoch=True)) is not None:
            return wait_s
    for name, value in headers.items():
        if name.lower().startswith("zendesk-ratelimit-") and (found := _ENDPOINT_RESET.search(value)):
            return float(found[1])
    return None


def _wait_s(text: str | None, now: datetime, *, may_be_epoch: bool = False) -> float | None:
    if text is None:
        return None
    text = text.strip()
    try:
        number = float(text)
    except ValueError:
        moment = _moment(text)
        return None if moment is None else max(0.0, (moment - now).total_seconds())
    if not math.isfinite(number):
        return None
    if may_be_epoch and number >= _EPOCH_FROM:
        number -= now.timestamp()
    return max(0.0, number)


def _moment(text: str) -> datetime | None:
    """A time as ISO-8601 or as an HTTP date; without a zone it is UTC."""
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = parse(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None


def backoff_s(attempt: int, jitter: float) -> float:
    """Seconds before the attempt after `attempt` (1, 2, ...): doubling, of which `jitter` in [0, 1) takes
    up to half away."""
    return min(_LONGEST_BACKOFF_S, _FIRST_BACKOFF_S * 2.0 ** (attempt - 1)) * (1.0 - jitter / 2.0)


class RateBudget:
    """At most `per_minute` requests in any 60 seconds; the one over it waits for the oldest to age."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._sent: deque[float] = deque(maxlen=per_minute)
        self._clock = clock

    def take(self) -> None:
        """Return when one more request is allowed, and count it."""
        if len(self._sent) == self._sent.maxlen:
            wait_s = self._sent[0] + 60.0 - self._clock.monotonic()
            if wait_s > 0:
                self._clock.sleep(wait_s)
        self._sent.append(self._clock.monotonic())

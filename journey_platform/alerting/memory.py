"""What is wrong as far as it was told, and the notices that have not reached every channel yet.

Small enough to be a sensor's cursor: only what is open or waiting is kept.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import msgspec

from journey_platform.alerting.alert import Alert, Happening, Notice
from journey_platform.alerting.channels import Channel, Undelivered

# A channel that is down that long loses what waited for it: by then the UI tells more than old messages do.
_KEPT = timedelta(hours=24)


class Open(msgspec.Struct, frozen=True):
    """A trouble that was told. `at`: when it was last seen; an older sign of recovery does not end it."""

    state: str
    title: str
    path: str
    since: datetime
    at: datetime


class Memory(msgspec.Struct):
    """`open`: by alert key. `waiting`: by channel name, in the order in which it is to be told."""

    open: dict[str, Open] = {}
    waiting: dict[str, list[Notice]] = {}

    def raise_alert(self, alert: Alert, at: datetime) -> list[Notice]:
        """Note a trouble. Returns what is to be told: nothing where this state was told before."""
        known = self.open.get(alert.key)
        since = known.since if known else at
        self.open[alert.key] = Open(alert.state, alert.title, alert.path, since, at)
        if known and known.state == alert.state:
            return []
        happening: Happening = "changed" if known else "raised"
        return [Notice(happening, alert.key, alert.title, alert.path, at, since, dict(alert.facts))]

    def recover(self, key: str, at: datetime) -> list[Notice]:
        """Note that a trouble is over, if it was told and not seen since."""
        known = self.open.get(key)
        if known is None or known.at > at:
            return []
        del self.open[key]
        return [Notice("recovered", key, known.title, known.path, at, known.since)]

    def become(self, alerts: Iterable[Alert], at: datetime) -> list[Notice]:
        """Note that exactly these troubles exist."""
        current = {alert.key: alert for alert in alerts}
        over = [notice for key in [*self.open] if key not in current for notice in self.recover(key, at)]
        return over + [notice for alert in current.values() for notice in self.raise_alert(alert, at)]

    def tell(self, notices: Iterable[Notice], channels: Mapping[str, Channel], now: datetime) -> list[str]:
        """Send each channel what waits for it and `notices`, in one message. Returns why some was not sent.

        What a channel does not take waits for the next call, up to a day; the other channels get theirs.
        """
        told = list(notices)
        troubles: list[str] = []
        waiting: dict[str, list[Notice]] = {}
        for name, channel in channels.items():
            due = [n for n in (*self.waiting.get(name, ()), *told) if now - n.at < _KEPT]
            if not due:
                continue
            try:
                channel.send(due)
            except Undelivered as error:
                waiting[name] = due
                troubles.append(f"{name}: {error}; {len(due)} waiting")
        self.waiting = waiting
        return troubles

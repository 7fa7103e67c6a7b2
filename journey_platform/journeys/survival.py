"""How long until it happens, where for some it has not happened yet: Kaplan and Meier's estimate.

Kaplan, Meier (1958), Nonparametric estimation from incomplete observations, JASA 53, 457-481.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Survival:
    """`times`: those at which something happened, rising; `survival`: share for which it had not after
    each."""

    times: np.ndarray
    survival: np.ndarray

    def quantile(self, share: float) -> float | None:
        """The first time by which it had happened to `share`; None where it never had to so many."""
        reached = np.flatnonzero(self.survival <= 1.0 - share + 1e-12)
        return float(self.times[reached[0]]) if len(reached) else None

    def at(self, time: float) -> float:
        """The share for which it had not happened up to `time`."""
        place = int(np.searchsorted(self.times, time, side="right")) - 1
        return float(self.survival[place]) if place >= 0 else 1.0


def kaplan_meier(durations: np.ndarray, has_happened: np.ndarray) -> Survival:
    """The estimate from how long each was watched, and whether it ended because it happened.

    Who was watched until a time is at risk at that time, also where it happened to others then.
    """
    order = np.sort(durations)
    times, events = np.unique(durations[has_happened], return_counts=True)
    at_risk = len(order) - np.searchsorted(order, times, side="left")
    return Survival(times, np.cumprod(1.0 - events / at_risk) if len(times) else np.zeros(0))

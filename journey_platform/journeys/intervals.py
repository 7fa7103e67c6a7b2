"""95 % intervals of shares and of their differences, for answers that are few rows."""

from math import sqrt


def wilson(successes: int, units: int) -> tuple[float, float]:
    """Wilson's score interval (1927) of a share of at least one unit."""
    from scipy.stats import binomtest

    found = binomtest(successes, units).proportion_ci(0.95, method="wilson")
    return float(found.low), float(found.high)


def difference(more: tuple[int, int], less: tuple[int, int]) -> tuple[float, float]:
    """The interval of one share, (successes, units), less another: Newcombe's hybrid score (1998), method
    10."""
    (p, (p_low, p_high)), (q, (q_low, q_high)) = (
        (successes / units, wilson(successes, units)) for successes, units in (more, less)
    )
    return (
        p - q - sqrt((p - p_low) ** 2 + (q_high - q) ** 2),
        p - q + sqrt((p_high - p) ** 2 + (q - q_low) ** 2),
    )

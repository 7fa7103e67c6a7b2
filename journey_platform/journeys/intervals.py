"""95 % intervals of shares and of their differences, for answers that are few rows."""

from math import sqrt

_Z_95 = 1.959963984540054


def wilson(successes: int, units: int) -> tuple[float, float]:
    """Wilson's score interval (1927) of a share of at least one unit."""
    share, weight = successes / units, _Z_95**2 / units
    centre = share + weight / 2
    half = _Z_95 * sqrt(share * (1 - share) / units + weight / (4 * units))
    low, high = ((centre + side * half) / (1 + weight) for side in (-1, 1))
    # At a share of 0 or 1 the bound is exactly that; the formula leaves a rounding error.
    return (0.0 if share == 0 else low), (1.0 if share == 1 else high)


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

"""95 % intervals from a KPI's parts, many rows at a time. Without a denominator the bounds are NaN."""

import numpy as np

Bounds = tuple[np.ndarray, np.ndarray]

Z_95 = 1.959963984540054


def wilson(successes: np.ndarray, units: np.ndarray) -> Bounds:
    """Wilson's score interval (1927) of a share. NaN also where the share is not within 0 and 1."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = successes / units
        share = np.where((share >= 0) & (share <= 1), share, np.nan)
        weight = Z_95**2 / units
        centre = (share + weight / 2) / (1 + weight)
        half = Z_95 * np.sqrt(share * (1 - share) / units + weight / (4 * units)) / (1 + weight)
    # At a share of 0 or 1 the bound is exactly that; the formula leaves a rounding error.
    return np.where(share == 0, 0.0, centre - half), np.where(share == 1, 1.0, centre + half)


def mean(total: np.ndarray, squares: np.ndarray, units: np.ndarray) -> Bounds:
    """Normal interval of a mean, from the sum and the sum of squares over units.

    For units that are +1, 0 or -1 this is the interval of the net promoter score: the standard error is
    sqrt((p + d - (p - d)^2) / n) for shares p of promoters and d of detractors.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = total / units
        # Rounding may take a variance of nothing below zero.
        half = Z_95 * np.sqrt(np.maximum(squares / units - centre**2, 0.0) / units)
    return centre - half, centre + half


def posterior(total: np.ndarray, squares: np.ndarray, units: np.ndarray) -> Bounds:
    """Normal interval of a mean of choices, from the sums over the units counted and those of the prior.

    The variance is that of the mean under a Dirichlet posterior: of its choices, per units and one.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = total / units
        half = Z_95 * np.sqrt(np.maximum(squares / units - centre**2, 0.0) / (units + 1))
    return centre - half, centre + half


def delta(
    above: np.ndarray,
    below: np.ndarray,
    squares: np.ndarray,
    squares_below: np.ndarray,
    products: np.ndarray,
) -> Bounds:
    """Interval of a ratio of two sums over independent units, by the delta method.

    The standard error of R = sum(x) / sum(y) is sqrt(sum((x - R y)^2)) / sum(y): what one unit adds above and
    below the line belongs together, as the clicks and the views of one person do.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = above / below
        residue = squares - 2 * ratio * products + ratio**2 * squares_below
        half = Z_95 * np.sqrt(np.maximum(residue, 0.0)) / below
    return ratio - half, ratio + half

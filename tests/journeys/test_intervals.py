"""Intervals of shares and of their differences against the KPIs' own and published ones."""

import numpy as np
import pytest

from journey_platform.journeys.intervals import difference, wilson
from journey_platform.kpis import intervals


@pytest.mark.parametrize(("successes", "units"), [(0, 1), (1, 1), (0, 40), (3, 40), (40, 40), (123, 4567)])
def test_a_share_has_the_interval_that_kpis_give_it(successes, units):
    lower, upper = intervals.wilson(np.array([successes]), np.array([units]))
    assert wilson(successes, units) == pytest.approx((lower[0], upper[0]), abs=1e-12)


@pytest.mark.parametrize(
    ("more", "less", "printed"),
    [
        pytest.param((56, 70), (48, 80), (0.0524, 0.3339), id="56-of-70-less-48-of-80"),
        pytest.param((9, 10), (3, 10), (0.1705, 0.8090), id="9-of-10-less-3-of-10"),
        pytest.param((10, 10), (0, 20), (0.6791, 1.0), id="all-less-none"),
    ],
)
def test_differences_have_the_intervals_that_newcombe_prints(more, less, printed):
    # Newcombe (1998), Interval estimation for the difference between independent proportions, Statistics in
    # Medicine 17, 873-890, table II, method 10.
    assert difference(more, less) == pytest.approx(printed, abs=1e-4)

"""Kaplan and Meier's estimate against published figures."""

import numpy as np
import pytest

from journey_platform.journeys.survival import kaplan_meier

# Weeks of remission of 21 patients under 6-mercaptopurine (Freireich and others 1963, Blood 21, 699-716),
# negative where it had not ended; the estimates are those that textbooks print since Cox (1972).
WEEKS = [6, 6, 6, -6, 7, -9, 10, -10, -11, 13, 16, -17, -19, -20, 22, 23, -25, -32, -32, -34, -35]
PRINTED = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}


def _remission():
    weeks = np.array(WEEKS, dtype=float)
    return kaplan_meier(np.abs(weeks), weeks > 0)


def test_the_estimate_is_the_one_that_textbooks_print():
    found = _remission()
    assert found.times.tolist() == list(PRINTED)
    assert found.survival == pytest.approx(list(PRINTED.values()), abs=5e-4)
    assert [found.at(week) for week in (5.9, 6, 21, 40)] == pytest.approx(
        [1.0, 0.857, 0.627, 0.448], abs=5e-4
    )


def test_quantiles_are_the_first_times_by_which_so_many_had_it_happen():
    found = _remission()
    assert (found.quantile(0.25), found.quantile(0.5), found.quantile(0.75)) == (13, 23, None)


def test_without_anybody_nothing_is_estimated():
    found = kaplan_meier(np.zeros(0), np.zeros(0, dtype=bool))
    assert (found.quantile(0.5), found.at(3)) == (None, 1.0)


@pytest.mark.parametrize("seed", range(5))
def test_where_nobody_leaves_early_it_is_the_plain_share(seed):
    print(f"seed {seed}")
    durations = np.random.default_rng(seed).integers(1, 9, 60).astype(float)
    found = kaplan_meier(durations, np.ones(60, dtype=bool))
    for time in range(10):
        assert found.at(time) == pytest.approx((durations > time).mean())

"""Intervals against published figures and SciPy."""

import numpy as np
import pytest
from scipy.stats import binomtest, dirichlet

from journey_platform.kpis.intervals import Z_95, mean, posterior, wilson


@pytest.mark.parametrize(
    ("successes", "units", "lower", "upper"),
    # Newcombe (1998), Two-sided confidence intervals for the single proportion, table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_equals_the_published_figures(successes, units, lower, upper):
    found = wilson(np.array([successes]), np.array([units]))
    assert np.round(np.ravel(found), 4).tolist() == [lower, upper]


def test_wilson_equals_scipy():
    pairs = [(k, n) for n in (1, 2, 7, 40, 1000) for k in {0, 1, n // 3, n - 1, n}]
    found = wilson(*map(np.array, zip(*pairs, strict=True)))
    expected = [binomtest(k, n).proportion_ci(method="wilson") for k, n in pairs]
    np.testing.assert_allclose(np.transpose(found), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("successes", "units"), [pytest.param(0, 0, id="no-units"), pytest.param(3, 2, id="more-than-all")]
)
def test_wilson_says_nothing_where_there_is_no_share(successes, units):
    assert np.isnan(wilson(np.array([successes]), np.array([units]))).all()


@pytest.mark.parametrize(
    ("promoters", "passives", "detractors"),
    [(6, 1, 3), (40, 30, 30), (5, 0, 0), (0, 4, 0), (1, 0, 1)],
)
def test_the_interval_of_a_score_equals_its_formula(promoters, passives, detractors):
    n = promoters + passives + detractors
    p, d = promoters / n, detractors / n
    error = Z_95 * np.sqrt(max(p + d - (p - d) ** 2, 0) / n)
    found = mean(np.array([promoters - detractors]), np.array([promoters + detractors]), np.array([n]))
    np.testing.assert_allclose(np.ravel(found), [p - d - error, p - d + error], atol=1e-12)


@pytest.mark.parametrize("counts", [(0, 0, 0, 0, 1), (3, 0, 1, 7, 40), (1, 1, 1, 1, 1)])
def test_the_interval_with_a_prior_is_that_of_the_dirichlet_posterior(counts):
    stars = np.arange(1, 6)
    alpha = np.array(counts) + 1
    middle = dirichlet.mean(alpha) @ stars
    error = Z_95 * np.sqrt(stars @ dirichlet.cov(alpha) @ stars)
    found = posterior(*(np.array([(alpha * stars**power).sum()]) for power in (1, 2, 0)))
    np.testing.assert_allclose(np.ravel(found), [middle - error, middle + error], atol=1e-12)


def test_the_interval_of_a_mean_equals_that_of_its_units():
    seed = 20
    print(f"seed {seed}")
    units = np.random.default_rng(seed).integers(1, 9, 500).astype(float)
    error = Z_95 * units.std() / np.sqrt(len(units))
    found = mean(units.sum(keepdims=True), (units**2).sum(keepdims=True), np.array([500]))
    np.testing.assert_allclose(np.ravel(found), [units.mean() - error, units.mean() + error])

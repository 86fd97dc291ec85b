# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The scatter as a function of the weight, against numbers that are worked out by hand."""

import numpy as np
import pytest

from lensmap import ShearCatalog
from lensmap.catalog import _scatter
from lensmap.catalog._scatter import VarianceByWeight, add_scatter, scatter_by_weight

# The bin of a weight of 1: the exponent of a float64, 1023, before 9 bits of the mantissa.
BIN_OF_ONE = 1023 * 512


def catalog_of(**columns):
    n = len(columns["e1"])
    table = {"ra": np.full(n, 10.0), "dec": np.zeros(n)} | columns
    return ShearCatalog(table, "generic", "celestial", "shear", max_ellipticity=np.inf)


def sums_of(n, weight, variance, measured=0.0):
    """Return the sums of bins with these numbers of galaxies, weights and variances."""
    n, weight = np.asarray(n, dtype=float), np.asarray(weight, dtype=float)
    columns = [np.arange(len(n)), n, n * weight, n * weight * variance, n * weight * measured]
    return np.stack(columns, axis=1)


# --- sums in bins of weight ----------------------------------------------------------------------


E1 = np.array([0.5, 0.25, -0.5, 0.125, 0.0, 1.0, 0.5])
E2 = np.array([0.0, 0.25, 0.5, -0.25, 0.5, 1.0, -0.25])
# The second bin from a weight of 1 begins at 1 + 1/512 = 1.00195.
WEIGHT = np.array([4.0, 1.0, 1.0009765625, 1.001953125, 0.5, 0.0, 0.5])
SIGMA_M = np.array([0.25, 0.5, 0.5, 1.0, 0.125, 1.0, 0.25])


def test_sums_in_bins_of_weight():
    sums = scatter_by_weight(catalog_of(e1=E1, e2=E2, weight=WEIGHT, sigma_m=SIGMA_M))
    w1, w2 = 1.0009765625, 1.001953125
    expected = [
        [BIN_OF_ONE - 512, 2, 1, 0.5 * (0.25 + 0.3125) / 2, 0.5 * (0.015625 + 0.0625)],
        [BIN_OF_ONE, 2, 1 + w1, (0.125 + w1 * 0.5) / 2, 0.25 + w1 * 0.25],
        [BIN_OF_ONE + 1, 1, w2, w2 * 0.078125 / 2, w2],
        [BIN_OF_ONE + 2 * 512, 1, 4, 4 * 0.25 / 2, 4 * 0.0625],
    ]
    np.testing.assert_allclose(sums, expected, rtol=1e-6)


def test_a_catalog_without_measurement_errors():
    sums = scatter_by_weight(catalog_of(e1=E1, e2=E2, weight=WEIGHT))
    assert sums.shape == (4, 5)
    np.testing.assert_array_equal(sums[:, 1], [2, 2, 1, 1])
    np.testing.assert_array_equal(sums[:, 4], 0)


def test_galaxies_without_weights_count_the_same():
    sums = scatter_by_weight(catalog_of(e1=E1, e2=E2))
    squares = 0.25 + 0.125 + 0.5 + 0.078125 + 0.25 + 2 + 0.3125
    np.testing.assert_allclose(sums, [[BIN_OF_ONE, 7, 7, squares / 2, 0]], rtol=1e-6)


def test_weights_of_zero_do_not_count():
    sums = scatter_by_weight(catalog_of(e1=E1, e2=E2, weight=np.zeros(7)))
    assert sums.shape == (0, 5)
    assert _scatter.no_scatter().shape == (0, 5)


def test_a_single_galaxy():
    one = catalog_of(e1=np.array([0.5]), e2=np.array([0.25]), weight=np.array([2.0]))
    expected = [[BIN_OF_ONE + 512, 1, 2, 0.3125, 0]]
    np.testing.assert_allclose(scatter_by_weight(one), expected, rtol=1e-6)


def test_sums_of_two_catalogs():
    one = np.array([[3.0, 1, 2, 3, 4], [7, 10, 20, 30, 40]])
    other = np.array([[1.0, 5, 6, 7, 8], [7, 1, 1, 2, 3], [9, 2, 2, 2, 2]])
    both = [[1, 5, 6, 7, 8], [3, 1, 2, 3, 4], [7, 11, 21, 32, 43], [9, 2, 2, 2, 2]]
    np.testing.assert_array_equal(add_scatter(one, other), both)
    np.testing.assert_array_equal(add_scatter(other, one), both)
    np.testing.assert_array_equal(add_scatter(one, _scatter.no_scatter()), one)


# --- nodes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_galaxies", "n_nodes"),
    [(1, 0), (59, 0), (60, 2), (89, 2), (90, 3), (400, 11), (399, 10), (15_875, 63), (15_876, 64),
     (16_384, 64), (1_000_000, 64)],
)  # fmt: skip
def test_the_number_of_nodes(n_galaxies, n_nodes):
    """1 + sqrt(n) / 2, with at least 30 galaxies each, and at most 64."""
    n = np.full(1000, n_galaxies / 1000)
    totals, n_effective = _scatter._at_nodes(sums_of(n, np.geomspace(1, 1e4, 1000), 0.1))
    assert totals.shape == (4, n_nodes) and n_effective.shape == (n_nodes,)
    if n_nodes:
        assert totals[0].sum() == pytest.approx(n_galaxies)
        # Half of the galaxies beyond the outermost nodes have no other node to share with.
        np.testing.assert_allclose(totals[0], n_galaxies / n_nodes, rtol=0.02)


def test_galaxies_are_shared_between_two_nodes():
    """20 galaxies below the lower node, 20 halfway, and 20 above the upper one."""
    sums = sums_of([20, 20, 20], [1, 2, 4], [0.25, 0.5, 1.0], [0.125, 0.25, 0.5])
    totals, n_effective = _scatter._at_nodes(sums)
    np.testing.assert_allclose(
        totals, [[30, 30], [20 + 20, 20 + 80], [5 + 10, 10 + 80], [2.5 + 5, 5 + 40]]
    )
    np.testing.assert_allclose(n_effective, 30**2 / (20 + 20 / 4))


def test_galaxies_are_shared_between_three_nodes():
    """At ranks of -1/4, 1/4, 3/4, 5/4, 7/4 and 9/4 in units of the nodes."""
    totals, n_effective = _scatter._at_nodes(sums_of([15] * 6, [1, 2, 3, 5, 8, 13], 1.0))
    np.testing.assert_allclose(totals[0], [30, 30, 30])
    weights = [1 + 0.75 * 2 + 0.25 * 3, 0.25 * (2 + 8) + 0.75 * (3 + 5), 0.25 * 5 + 0.75 * 8 + 13]
    np.testing.assert_allclose(totals[1], 15 * np.array(weights))
    outer, inner = 15 * (1 + 9 / 16 + 1 / 16), 15 * (2 * 9 / 16 + 2 / 16)
    np.testing.assert_allclose(n_effective, [900 / outer, 900 / inner, 900 / outer])


def test_nodes_without_galaxies_are_left_out():
    """Of 4 nodes, the second and the last are at the ranks of the only two weights."""
    totals, n_effective = _scatter._at_nodes(sums_of([90, 30], [1, 2], [0.5, 0.25]))
    np.testing.assert_allclose(totals, [[90, 30], [90, 60], [45, 15], [0, 0]])
    np.testing.assert_allclose(n_effective, [90, 30])


def test_nodes_of_the_same_weight_are_joined():
    sums = sums_of([15] * 6, [1, 1, 1, 1, 1, 3], 1.0)
    totals, _ = _scatter._at_nodes(sums)
    np.testing.assert_allclose(totals[:2], [[60, 30], [60, 60]])
    totals, _ = _scatter._at_nodes(sums_of([15] * 6, [1, 3, 3, 3, 3, 3], 1.0))
    np.testing.assert_allclose(totals[:2], [[30, 60], [60, 180]])


def test_galaxies_of_joined_nodes_count_once():
    """Half of the galaxies, all of one weight, are between the two lower ones of three nodes."""
    _, n_effective = _scatter._at_nodes(sums_of([15] * 6, [1, 1, 1, 1, 1, 3], 1.0))
    # Three groups are in the joined node as a whole, and 3/4 and 1/4 of two more.
    outer = 15 * (1 + 9 / 16 + 1 / 16)
    np.testing.assert_allclose(n_effective, [60**2 / (45 + 15 * 10 / 16), 30**2 / outer])
    _, n_effective = _scatter._at_nodes(sums_of([15] * 6, [1, 3, 3, 3, 3, 3], 1.0))
    np.testing.assert_allclose(n_effective, [30**2 / outer, 60**2 / (45 + 15 * 10 / 16)])
    _, n_effective = _scatter._at_nodes(sums_of([20, 20, 20], [1, 1, 1.001], 1.0))
    np.testing.assert_allclose(n_effective, [60])  # no galaxy counts for more than itself


def test_a_small_share_of_a_node_counts():
    """109 of 400 galaxies have a mean rank just below the second of 11 nodes."""
    totals, _ = _scatter._at_nodes(sums_of([109, 291], [1, 2], [0.5, 0.25]))
    np.testing.assert_allclose(totals[:2], [[109, 291], [109, 582]])


@pytest.mark.parametrize("unit", [0.01, 1.0, 100.0])
def test_nodes_closer_than_a_fifth_of_a_per_cent_are_joined(unit):
    """The weights of the nodes differ by 2/3 of the difference of the weights."""
    for difference, n_nodes in ((0.0028, 1), (0.0032, 2)):
        sums = sums_of([20, 20, 20], unit * np.array([1, 1, 1 + difference]), 1.0)
        totals, n_effective = _scatter._at_nodes(sums)
        assert totals.shape == (4, n_nodes) and n_effective.shape == (n_nodes,)
        variance = _scatter.variance_by_weight(sums)
        assert (variance is None) == (n_nodes == 1)


# --- the trend -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("a", "b"), [(0.25, 0.5), (0.1, 0.0), (0.0, 0.1)])
def test_an_exact_trend(a, b):
    n, nodes = np.array([30.0, 10, 20, 50]), np.array([1.0, 2, 4, 20])
    found = _scatter._trend(n, nodes, a * nodes + b)
    np.testing.assert_allclose(found, (a, b), rtol=1e-12, atol=1e-14)


def test_a_variance_that_falls_faster_than_the_inverse_weight():
    """Without a, b is the mean of the products."""
    found = _scatter._trend(np.array([30.0, 10, 20]), np.array([1.0, 2, 4]), np.array([3.0, 2, 1]))
    np.testing.assert_allclose(found, (0, (30 * 3 + 10 * 2 + 20 * 1) / 60), rtol=1e-12)


def test_a_variance_that_rises_with_the_weight():
    """Without b, a is the mean of the variances, because relative differences count."""
    found = _scatter._trend(np.array([30.0, 10, 20]), np.array([1.0, 2, 4]), np.array([1.0, 3, 8]))
    np.testing.assert_allclose(found, ((30 * 1 + 10 * 1.5 + 20 * 2) / 60, 0), rtol=1e-12)


@pytest.mark.parametrize("products", [[1.0, -1.0], [1.0, -3.0], [0.0, 0.0]])
def test_no_trend_where_the_mean_is_not_positive(products):
    found = _scatter._trend(np.array([7.0, 7.0]), np.array([1.0, 2.0]), np.array(products))
    assert found == (0.0, 0.0)


@pytest.mark.parametrize(
    ("second", "products"),
    [(10.0, [1.0, 4.0, 2.0, 9.0]), (0.1, [3.0, 0.01, 3.0, 9.0]), (0.1, [4.0, -1.0, 5.0, 9.0])],
)
def test_three_steps_of_the_trend(second, products):
    """Errors are first from the products, at least a tenth of their mean, then from the fit."""
    n, nodes = np.array([30.0, second, 20, 50]), np.array([1.0, 2, 4, 20])
    products = np.array(products)
    level = np.maximum(products, 0.1 * np.sum(n * products) / n.sum())
    for _ in range(3):
        v = n / level**2
        matrix = [[np.sum(v * nodes**2), np.sum(v * nodes)], [np.sum(v * nodes), np.sum(v)]]
        a, b = np.linalg.solve(matrix, [np.sum(v * nodes * products), np.sum(v * products)])
        assert a > 0 and b > 0
        level = a * nodes + b
    np.testing.assert_allclose(_scatter._trend(n, nodes, products), (a, b), rtol=1e-10)


def test_low_values_of_the_trend_do_not_fix_it():
    """With b = 0, the error of the first node is a thousandth of the mean of the products."""
    n, nodes = np.array([30.0, 10, 20]), np.array([1e-5, 1, 2])
    products = np.array([0.9e-5, 1.1, 2.4])
    mean = np.sum(n * products) / 60
    level = np.maximum(products, 0.1 * mean)
    for _ in range(3):
        a = np.sum(n * nodes * products / level**2) / np.sum(n * nodes**2 / level**2)
        level = np.maximum(a * nodes, 1e-3 * mean)
    assert level[0] > 10 * a * nodes[0]
    np.testing.assert_allclose(_scatter._trend(n, nodes, products), (a, 0), rtol=1e-10)


# --- the differences from the trend --------------------------------------------------------------


def test_a_constant_is_shrunk_by_the_errors_of_two_cosines():
    noise = 1 + 0.5 + 1 + 0.5 * np.sqrt(0.5)  # of the constant and of half a wave
    np.testing.assert_allclose(_scatter._shrunk(np.full(4, 2.0)), 2 * (1 - noise / 16))


def test_a_wave_is_shrunk_by_the_errors_of_its_octave():
    wave = np.array([1.0, -1, -1, 1])
    noise = 1 + 1 - 0.5 * np.sqrt(0.5)  # of a wave and of one and a half
    np.testing.assert_allclose(_scatter._shrunk(2 * wave), 2 * wave * (1 - noise / 16))
    np.testing.assert_allclose(_scatter._shrunk(0.5 * wave), 0, atol=1e-15)
    np.testing.assert_allclose(_scatter._shrunk(0 * wave), 0, atol=1e-15)


@pytest.mark.parametrize("n", [2, 7, 16, 33, 64])
def test_every_octave_has_its_own_factor(n):
    waves = np.cos(np.pi * np.outer(np.arange(n), np.arange(n) + 0.5) / n)
    waves /= np.sqrt(np.sum(waves**2, axis=1))[:, np.newaxis]
    amplitude = 3.0 / (1 + np.arange(n) // 4) * (-1.0) ** np.arange(n)
    expected = np.zeros(n)
    for low, high in ((0, 2), (2, 4), (4, 8), (8, 16), (16, 32), (32, 64)):
        k = np.arange(low, min(high, n))
        noise = np.sum(1 + 0.5 * np.cos(np.pi * k / n))
        for i in k:
            factor = max(1 - noise / np.sum(amplitude[k] ** 2), 0)
            expected += factor * amplitude[i] * waves[i]
    np.testing.assert_allclose(_scatter._shrunk(amplitude @ waves), expected, atol=1e-12)


def excess_of_two(total, measured):
    """Return the excess at two nodes with 36 effective galaxies each, where a is 0."""
    products = np.subtract(total, measured)
    b = np.mean(products)
    excess, error = products / b - 1, np.asarray(total) / b / 6
    power = np.sum((excess / error) ** 2)
    return b, excess * (1 - 2.5 / power)  # 1.5 for the constant, 1 for half a wave


@pytest.mark.parametrize("level", [1.0, 0.01])
@pytest.mark.parametrize("noise", [[0.0, 0.0, 0.0], [0.5, 0.375, 0.25]])
def test_the_excess_at_two_nodes(noise, level):
    """Bins of the weights 1 and 4, and one of 2 whose galaxies are shared."""
    weight, noise = np.array([1.0, 2, 4]), level * np.array(noise)
    product = level * np.array([2.5, 1.5, 0.5]) + noise
    sums = sums_of([20, 20, 20], weight, product / weight, noise / weight)
    variance = _scatter.variance_by_weight(sums)
    total = [(2 * product[0] + product[1]) / 3, (product[1] + 2 * product[2]) / 3]
    known = [(2 * noise[0] + noise[1]) / 3, (noise[1] + 2 * noise[2]) / 3]
    b, excess = excess_of_two(total, known)
    assert variance.a == 0
    assert variance.b == pytest.approx(b, rel=1e-12)
    np.testing.assert_allclose(variance.nodes, [40 / 30, 100 / 30])
    np.testing.assert_allclose(variance.excess, excess, rtol=1e-12)


def test_a_variance_is_at_least_a_twentieth_of_the_trend():
    weight, noise = np.array([1.0, 2, 4]), np.array([0.0, 0.0, 1.0])
    product = np.array([3.0, 1.0, 0.1])
    sums = sums_of([20, 20, 20], weight, product / weight, noise / weight)
    variance = _scatter.variance_by_weight(sums)
    b, excess = excess_of_two([7 / 3, 1.2 / 3], [0, 2 / 3])
    assert variance.b == pytest.approx(b, rel=1e-12)
    assert excess[1] < -1
    np.testing.assert_allclose(variance.excess, [excess[0], -0.95], rtol=1e-12)


def test_a_sum_of_both_laws_has_no_excess():
    n, weight = np.full(50, 20), np.geomspace(0.5, 20, 50)
    variance = _scatter.variance_by_weight(sums_of(n, weight, 0.25 + 0.125 / weight + 0.1, 0.1))
    np.testing.assert_allclose((variance.a, variance.b), (0.25, 0.125), rtol=1e-9)
    assert len(variance.nodes) == 16
    np.testing.assert_allclose(variance.excess, 0, atol=1e-9)


def test_measurement_errors_larger_than_the_scatter():
    variance = _scatter.variance_by_weight(sums_of([20, 20, 20], [1, 2, 4], 0.1, 0.2))
    assert (variance.a, variance.b) == (0, 0)
    np.testing.assert_allclose(variance.nodes, [40 / 30, 100 / 30])
    np.testing.assert_array_equal(variance.excess, [0, 0])


@pytest.mark.parametrize("n", [19, 20])
def test_sixty_galaxies_are_needed(n):
    variance = _scatter.variance_by_weight(sums_of([n, 20, 20], [1, 2, 4], 0.1))
    assert (variance is None) == (n == 19)


# --- the variance of galaxies --------------------------------------------------------------------


VARIANCE = VarianceByWeight(0.5, 2.0, np.array([1.0, 2.0, 4.0]), np.array([1.0, -0.5, 0.5]))


@pytest.mark.parametrize(
    ("weight", "factor"), [(0.5, 2), (1, 2), (1.5, 1.25), (2, 0.5), (3, 1), (4, 1.5), (8, 1.5)]
)
def test_at_between_and_beyond_nodes(weight, factor):
    assert VARIANCE.weighted(weight) == pytest.approx((0.5 * weight + 2) * factor, rel=1e-12)
    assert VARIANCE(weight) == pytest.approx((0.5 + 2 / weight) * factor, rel=1e-12)


def test_a_weight_of_zero_has_the_variance_of_the_lowest_node():
    np.testing.assert_allclose(VARIANCE.weighted([0, 1]), [2 * 2, 2.5 * 2])
    np.testing.assert_allclose(VARIANCE([[0, 1], [2, 0]]), [[5, 5], [0.75, 5]])


def test_the_trend_alone():
    variance = VarianceByWeight(0.5, 2.0, np.array([1.0, 2.0]), np.zeros(2))
    weight = np.array([0.25, 1.0, 1.5, 8.0])
    np.testing.assert_allclose(variance.weighted(weight), 0.5 * weight + 2)
    np.testing.assert_allclose(variance(weight), 0.5 + 2 / weight)


def test_ellipticities_of_known_dispersion():
    """Two weights whose dispersions are 0.2 and 0.4, with a measurement error of 0.1 in both."""
    rng = np.random.default_rng(5)
    n = 4000
    weight = np.where(np.arange(n) % 4 == 0, 8.0, 1.0)
    sigma = np.hypot(np.where(weight > 1, 0.2, 0.4), 0.1)
    e1, e2 = sigma * rng.normal(size=(2, n))
    catalog = catalog_of(e1=e1, e2=e2, weight=weight, sigma_m=np.full(n, 0.1))
    variance = _scatter.variance_by_weight(scatter_by_weight(catalog))
    # The relative error of a variance from both components of n galaxies is 1 / sqrt(n).
    assert variance(8.0) == pytest.approx(0.04, abs=4 * 0.05 / np.sqrt(1000))
    assert variance(1.0) == pytest.approx(0.16, abs=4 * 0.17 / np.sqrt(3000))

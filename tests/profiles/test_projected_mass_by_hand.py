# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Means and errors in circles and rings of small maps, by sums over their pixels."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.cosmology import FlatLambdaCDM
from astropy.table import QTable
from lenses import tangent_wcs

from lensmap import ConvergenceMap
from lensmap.cosmology import get_cosmology, sigma_crit
from lensmap.profiles import _projected_mass, projected_mass, zeta_c
from lensmap.utils import MapWarning

CENTER, SHAPE, PIXEL = SkyCoord(150, 0, unit="deg"), (21, 21), 1.0  # arcmin
MIDDLE = np.hypot(*(np.indices(SHAPE) - 10)) * PIXEL  # arcmin from the center, which is a pixel
OPTIONS = {"z_lens": 0.3, "z_source": 1.0}
INNER, RING = 3.05 * u.arcmin, [5.05, 7.05] * u.arcmin
COSMOLOGY = get_cosmology(None)


def _map(smoothing=None, mask=None, uncertainty=True):
    rng = np.random.default_rng(1)
    data, error = rng.normal(0.1, 0.3, SHAPE), rng.uniform(0.1, 0.4, SHAPE)
    meta = {"parameters": {"smoothing": smoothing}}
    return ConvergenceMap(data, error if uncertainty else None, mask,
                          tangent_wcs(CENTER, SHAPE, PIXEL), meta)


def _kappa_to_mass(angle, cosmology=COSMOLOGY):
    mpc = (angle * cosmology.angular_diameter_distance(0.3)).to_value(u.Mpc * u.rad)
    return np.pi * mpc**2 * sigma_crit(0.3, 1.0, cosmology).to_value(u.solMass / u.Mpc**2)


@pytest.mark.parametrize("smoothing", [None, "1.2 arcmin"])
def test_a_circle_and_a_ring(smoothing):
    kappa = _map(smoothing)
    circle, ring = MIDDLE <= 3.05, (MIDDLE >= 5.05) & (MIDDLE <= 7.05)

    def variance(used):
        n = np.count_nonzero(used)
        patch = 0 if smoothing is None else n / (4 * np.pi * 1.2**2)
        independent = n if smoothing is None else min(n, 1 + patch)
        return np.mean(kappa.uncertainty.array[used] ** 2) / independent

    table = projected_mass(kappa, CENTER, INNER, background=RING, **OPTIONS)
    means = kappa.data[circle].mean(), kappa.data[ring].mean()
    factor = _kappa_to_mass(INNER)
    np.testing.assert_allclose(table["kappa_mean"], means[0])
    np.testing.assert_allclose(table["kappa_background"], means[1])
    np.testing.assert_allclose(table["mass"].value, factor * (means[0] - means[1]), rtol=1e-6)
    error = factor * np.sqrt(variance(circle) + variance(ring))
    np.testing.assert_allclose(table["mass_err"].value, error, rtol=1e-6)
    assert table["mass"].unit == table["mass_err"].unit == u.solMass
    assert table["unmasked_fraction"][0] == pytest.approx(29 / (np.pi * 3.05**2), rel=1e-4)
    alone = projected_mass(kappa, CENTER, INNER, **OPTIONS)
    np.testing.assert_allclose(alone["mass"].value, factor * means[0], rtol=1e-6)
    np.testing.assert_allclose(
        alone["mass_err"].value, factor * np.sqrt(variance(circle)), rtol=1e-6
    )
    assert alone["kappa_background"][0] == 0 and alone.meta == {}


def test_a_cosmology_without_structure_is_enough():
    cosmology = FlatLambdaCDM(60, 0.4)
    table = projected_mass(_map(), CENTER, INNER, cosmology=cosmology, **OPTIONS)
    expected = _kappa_to_mass(INNER, cosmology) * _map().data[MIDDLE <= 3.05].mean()
    np.testing.assert_allclose(table["mass"].value, expected, rtol=1e-6)


def test_each_lens_has_its_redshift_and_its_ring():
    kappa, z = _map(), [0.2, 0.3, 0.3]
    positions = kappa.wcs.pixel_to_world([8, 10, 10], [9, 10, 10])
    options = {"z_source": 1.0, "background": [1.2, 1.6] * u.Mpc}
    table = projected_mass(kappa, positions, 0.8 * u.Mpc, z_lens=z, **options)
    for i in range(3):
        alone = projected_mass(kappa, positions[i], 0.8 * u.Mpc, z_lens=z[i], **options)
        for name in ("mass", "mass_err", "kappa_background", "unmasked_fraction"):
            np.testing.assert_allclose(u.Quantity(table[name][i]).value,
                                       u.Quantity(alone[name][0]).value)


@pytest.mark.parametrize(("angle", "n"), [(1.0001, 5), (0.6, 1)])
def test_the_edge_of_a_circle_and_its_fraction(angle, n):
    table = projected_mass(_map(), CENTER, angle * u.arcmin, **OPTIONS)
    used = MIDDLE <= angle
    assert np.count_nonzero(used) == n
    assert table["kappa_mean"][0] == pytest.approx(_map().data[used].mean())
    expected = min(n / (np.pi * angle**2), 1)
    assert table["unmasked_fraction"][0] == pytest.approx(expected, rel=1e-4)


def test_half_of_a_circle():
    """With 29 pixels in a circle, 14 are less than half of its area and 15 are enough."""
    circle = np.argwhere(MIDDLE <= 3.05)
    for kept, given in ((14, False), (15, True)):
        mask = np.zeros(SHAPE, dtype=bool)
        mask[tuple(circle[kept:].T)] = True
        kappa = _map(mask=mask)
        if given:
            table = projected_mass(kappa, CENTER, INNER, **OPTIONS)
            mean = kappa.data[~mask & (MIDDLE < 3.05)].mean()
            assert table["kappa_mean"][0] == pytest.approx(mean)
            continue
        with pytest.warns(MapWarning, match="mass is NaN at 1 of 1 positions, where less than"):
            table = projected_mass(kappa, CENTER, INNER, **OPTIONS)
        for name in ("mass", "mass_err", "kappa_mean", "kappa_background"):
            assert np.isnan(table[name][0])
        assert table["unmasked_fraction"][0] == pytest.approx(kept / (np.pi * 3.05**2), rel=1e-4)


def test_a_ring_that_is_masked():
    mask = MIDDLE > 4
    with (
        pytest.warns(MapWarning, match="1 of 1 positions, where no pixel of the background"),
        pytest.warns(MapWarning, match="only 2 of 3 random positions"),
    ):
        table = projected_mass(_map(mask=mask), CENTER, INNER, background=RING, n_random=3, rng=0,
                               **OPTIONS)
    assert np.isnan(table["mass"][0]) and np.isnan(table["mass_err"][0])
    assert np.isfinite(table["kappa_mean"][0])


@pytest.mark.parametrize(
    ("values", "expected"),
    [([np.nan] * 3, np.nan), ([1, np.nan, np.nan], np.nan), ([1, 3, np.nan], 1.0),
     ([1, 2, 3], None)],
)
def test_the_scatter_of_few_places(values, expected, monkeypatch):
    monkeypatch.setattr(_projected_mass, "_mean_kappa",
                        lambda *args: (np.array(values, float), np.zeros(3), None, None))
    arguments = _map(), np.array([1e-3]), None, 3, np.random.default_rng(0)
    if expected is None:
        expected = np.sqrt(2 / 3)
        found = _projected_mass._scatter_at_random(*arguments)
    else:
        n_good = np.count_nonzero(np.isfinite(values))
        with pytest.warns(MapWarning, match=f"only {n_good} of 3 random positions"):
            found = _projected_mass._scatter_at_random(*arguments)
    np.testing.assert_allclose(found, expected)


class _First:
    """In place of random numbers: the unmasked pixels in their order."""

    def integers(self, n, size):
        return np.arange(size) * 7 % n


@pytest.mark.parametrize("ring", [None, RING])
def test_the_scatter_at_random_places(ring, monkeypatch):
    mask = MIDDLE > 8
    monkeypatch.setattr(_projected_mass, "seeded_generator", lambda rng: (_First(), {"rng": 5}))
    kappa = _map(mask=mask)
    table = projected_mass(kappa, CENTER, INNER, background=ring, n_random=30, **OPTIONS)
    places = np.argwhere(~mask)[np.arange(30) * 7 % np.count_nonzero(~mask)]
    values = []
    for place in places:
        distance = np.hypot(*(np.indices(SHAPE) - place[:, np.newaxis, np.newaxis]))
        circle = (distance <= 3.05) & ~mask
        if np.count_nonzero(circle) < 0.5 * np.pi * 3.05**2:
            continue
        value = kappa.data[circle].mean()
        if ring is not None:
            value -= kappa.data[(distance >= 5.05) & (distance <= 7.05) & ~mask].mean()
        values.append(value)
    assert 10 < len(values) < 30
    np.testing.assert_allclose(table["mass_err"].value, _kappa_to_mass(INNER) * np.std(values),
                               rtol=1e-6)
    assert table.meta == {"rng": 5}


@pytest.mark.parametrize("with_ring", [False, True])
def test_the_scatter_for_many_sizes_is_interpolated(with_ring, monkeypatch):
    """A scatter that is a power of the radius is the same at the nodes and between them."""
    asked = []

    def means(kappa, positions, angles, rings):
        asked.append((angles[0], None if rings is None else tuple(rings[0] / angles[0])))
        values = np.tile([1.0, -1.0], len(positions) // 2) * angles**-0.7
        return values, 0 * values, None, None

    def run(sizes, ratios):
        asked.clear()
        sizes = np.asarray(sizes)
        rings = sizes[:, np.newaxis] * np.asarray(ratios) if with_ring else None
        monkeypatch.setattr(_projected_mass, "_mean_kappa", means)
        found = _projected_mass._scatter_at_random(_map(), sizes, rings, 4, _First())
        np.testing.assert_allclose(found, sizes**-0.7, rtol=1e-10)
        return [size for size, _ in asked], [ratio for _, ratio in asked]

    many = np.append(np.linspace(1e-3, 3e-3, 9), 2e-3)  # nine sizes, one of them twice
    nodes, ratios = run(many, [2.0, 3.0])
    np.testing.assert_allclose(nodes, np.geomspace(1e-3, 3e-3, 8))
    if with_ring:
        np.testing.assert_allclose(ratios, [(2.0, 3.0)] * 8)
        # Rings in other proportions are measured one by one.
        assert run(many, [[2.0, 3.0]] * 9 + [[2.0, 4.0]])[0] == many.tolist()
        few = [1e-3, 1e-3, 1e-3]
        assert run(few, [[2.0, 3.0], [2.0, 4.0], [2.0, 3.0]])[0] == few[:2]
    # Eight sizes are, too, and each only once.
    assert run([*many[:8], many[0]], [2.0, 3.0])[0] == many[:8].tolist()


def test_a_radius_below_half_a_pixel():
    projected_mass(_map(), CENTER, 0.51 * u.arcmin, **OPTIONS)
    with pytest.raises(ValueError, match="radius must be at least half a pixel"):
        projected_mass(_map(), CENTER, 0.49 * u.arcmin, **OPTIONS)


def test_no_error_without_an_uncertainty_and_no_positions():
    table = projected_mass(_map(uncertainty=False), CENTER, INNER, **OPTIONS)
    assert np.isnan(table["mass_err"][0])
    table = projected_mass(_map(), SkyCoord([], [], unit="deg"), INNER, **OPTIONS)
    assert len(table) == 0


def test_zeta_by_hand():
    profile = QTable({
        "radius_low": [1.0, 2, 4, 8] * u.arcmin, "radius_high": [2.0, 4, 8, 16] * u.arcmin,
        "g_t": [0.4, 0.3, 0.2, 0.1], "g_err": [0.01, 0.02, 0.03, 0.04],
    })
    log2, outer = np.log(2), 2 / (1 - (6 / 12) ** 2)
    weights = [2 * np.log(2 / 1.5), 2 * log2, 2 * np.log(1.5) + outer * np.log(8 / 6),
               outer * np.log(1.5)]
    zeta, error = zeta_c(profile, 1.5 * u.arcmin, 6 * u.arcmin, 12 * u.arcmin)
    assert zeta == pytest.approx(np.dot(weights, profile["g_t"]), rel=1e-12)
    assert error == pytest.approx(np.sqrt(np.sum((weights * profile["g_err"]) ** 2)), rel=1e-12)
    # Bins outside of the radii do not matter, and the ends of the profile may be used.
    profile["g_t"][[0, 3]] = np.nan
    zeta, _ = zeta_c(profile, 2 * u.arcmin, 4 * u.arcmin, 8 * u.arcmin)
    assert zeta == pytest.approx(2 * log2 * 0.3 + 2 / (1 - 1 / 4) * log2 * 0.2)

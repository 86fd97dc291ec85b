# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Filaments of maps whose ridges are known."""

import numpy as np
import pytest
from astropy import units as u
from lenses import CENTERS, ORIENTATIONS, tangent_wcs
from scipy.ndimage import gaussian_filter

from lensmap import ConvergenceMap
from lensmap.filaments import (
    azimuthal_excess,
    filament_significance,
    find_filaments,
    ridge_strength,
)
from lensmap.filaments._skeleton import skeleton_arcs

SHAPE = (90, 110)


def _map(data, mask=None, uncertainty=None, center=CENTERS["dec 45"], **orientation):
    wcs = tangent_wcs(center, data.shape, 0.5, **orientation)
    uncertainty = None if uncertainty is None else np.full(data.shape, uncertainty)
    return ConvergenceMap(data, uncertainty, mask, wcs)


def _bridge(noise=0.0, seed=0):
    """Two peaks of 1 and 0.8 that a curved ridge of 0.4 joins."""
    y, x = np.indices(SHAPE)
    curve = 45 + 12 * np.sin(np.pi * (x - 25) / 60)
    data = 0.4 * np.exp(-((y - curve) ** 2) / 18) * ((x >= 25) & (x <= 85))
    for a, b, height in ((25, 45, 0.8), (85, 45, 1.0)):
        data = np.maximum(data, height * np.exp(-((x - a) ** 2 + (y - b) ** 2) / 32))
    return data + noise * gaussian_filter(np.random.default_rng(seed).normal(size=SHAPE), 2)


def test_the_ridge_between_two_peaks():
    kappa = _map(_bridge())
    found = find_filaments(kappa, 0.3, by="kappa")
    assert len(found) == 1 and len(found.maxima) == 2
    row, path = found.table[0], found.paths[0]
    assert row["persistence"] == pytest.approx(0.8 - row["kappa_saddle"])
    # from the lower maximum to the higher one, along the curve
    x, y = kappa.wcs.world_to_pixel(path)
    np.testing.assert_allclose([x[0], y[0], x[-1], y[-1]], [25, 45, 85, 45], atol=0.1)
    middle = (x > 35) & (x < 75)
    np.testing.assert_allclose(y[middle], 45 + 12 * np.sin(np.pi * (x[middle] - 25) / 60), atol=1)
    t = np.linspace(0, 1, 400)
    curve = np.hypot(np.diff(60 * t), np.diff(12 * np.sin(np.pi * t))).sum() * 0.5
    assert row["length"].to_value(u.arcmin) == pytest.approx(curve, rel=0.06)
    assert row["excess"] > 0.2


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_the_threshold_is_in_its_unit(orientation):
    kappa = _map(_bridge(), uncertainty=0.1, **ORIENTATIONS[orientation])
    depth = find_filaments(kappa, 0.01, by="kappa").table["persistence"].max()
    for by, sigma in (("kappa", 1.0), ("uncertainty", 0.1), ("scatter", kappa.data.std())):
        assert len(find_filaments(kappa, 0.99 * depth / sigma, by=by)) == 1
        assert len(find_filaments(kappa, 1.01 * depth / sigma, by=by)) == 0
    found = find_filaments(kappa, 0.5, by="uncertainty")
    assert found.table["persistence_sigma"][0] == pytest.approx(10 * depth)


def test_noise_is_canceled_and_does_not_break_the_ridge():
    found = find_filaments(_map(_bridge(0.3)), 0.3, by="kappa")
    assert len(found) == 1
    x, y = _map(_bridge()).wcs.world_to_pixel(found.paths[0])
    assert max(np.hypot(x[0] - 25, y[0] - 45), np.hypot(x[-1] - 85, y[-1] - 45)) < 4
    away = np.abs(y - (45 + 12 * np.sin(np.pi * np.clip(x - 25, 0, 60) / 60)))
    assert away.max() < 6


@pytest.mark.parametrize("seed", range(4))
def test_paths_are_connected_and_end_at_lasting_maxima(seed):
    image = gaussian_filter(np.random.default_rng(seed).normal(size=(100, 100)), 2.5)
    image /= image.std()
    mask = np.zeros(image.shape, dtype=bool)
    mask[40:60, 30:45] = True
    for cut in (0.3, 1.5):
        arcs, maxima = skeleton_arcs(image, cut, mask)
        tops = {tuple(m) for m in maxima.tolist()}
        assert len(arcs) > 3
        for arc in arcs:
            assert np.abs(np.diff(arc.pixels, axis=0)).max() == 1
            assert tuple(arc.pixels[0]) in tops and tuple(arc.pixels[-1]) in tops
            assert not mask[tuple(arc.pixels.T)].any()
            assert arc.persistence >= cut
            values = image[tuple(arc.pixels.T)]
            assert values[0] <= values[-1]
        # every lasting maximum hangs on the skeleton: islands are joined by lasting saddles
        ends = {tuple(e) for arc in arcs for e in (arc.pixels[0].tolist(), arc.pixels[-1].tolist())}
        assert ends == tops


def test_a_ring_has_a_filament_around_its_lake():
    y, x = np.indices((60, 60)) - 30
    angle, radius = np.arctan2(y, x), np.hypot(y, x)
    data = np.exp(-((radius - 18) ** 2) / 18) * (1 + 0.2 * np.cos(angle - 0.3))
    found = find_filaments(_map(data), 0.5, by="kappa")
    assert len(found) == 1 and len(found.maxima) == 1
    path = found.paths[0]
    assert path[0].separation(path[-1]) < 1 * u.arcsec
    assert found.table["length"][0].to_value(u.arcmin) == pytest.approx(2 * np.pi * 9, rel=0.1)


def test_significance_beside_noise():
    rng = np.random.default_rng(5)
    noise = [0.5 * gaussian_filter(rng.normal(size=SHAPE), 2) for _ in range(30)]
    kappa = _map(_bridge() + noise[0])
    found = find_filaments(kappa, 0.3, by="kappa", min_length="10 arcmin")
    rated, false = filament_significance(kappa, found, noise[1:])
    assert rated.table["excess"][0] > 5 * rated.table["excess_err"][0] and false < 0.5
    assert rated.table["n_false"][0] == 0 and "n_false" not in found.table.colnames
    low = find_filaments(kappa, 0.05, by="kappa", min_length="10 arcmin")
    rated, more = filament_significance(kappa, low, noise[1:6])
    assert more > false and rated.table["n_false"].max() > 1


def test_ridges_of_noise_are_not_significant():
    rng = np.random.default_rng(6)
    noise = [gaussian_filter(rng.normal(size=SHAPE), 2) for _ in range(20)]
    cut = 2 * np.std(noise[0])
    found = find_filaments(_map(noise[0]), cut, by="kappa")
    rated, false = filament_significance(_map(noise[0]), found, noise[1:])
    # They stand out along themselves, but noise maps have as many.
    finite = np.isfinite(rated.table["excess"])
    assert np.median((rated.table["excess"] / rated.table["excess_err"])[finite]) > 1.5
    assert np.median(rated.table["n_false"][finite]) > 0.2 * false


@pytest.mark.slow
def test_two_halos_are_no_filament():
    y, x = np.indices(SHAPE)
    data = sum(np.exp(-np.hypot(x - a, y - 45) / 3) for a in (25, 85))
    rng = np.random.default_rng(7)
    noise = [0.05 * gaussian_filter(rng.normal(size=SHAPE), 2) for _ in range(20)]
    found = find_filaments(_map(data + noise[0]), 1e-3, by="kappa", min_length="20 arcmin")
    rated, _ = filament_significance(_map(data + noise[0]), found, noise[1:])
    # What is between them has no excess: that of the halos at its ends does not count.
    assert len(rated) > 0 and np.all(rated.table["excess"] < 3 * rated.table["excess_err"])


def test_none_is_a_table_without_rows_and_short_ones_are_left_out():
    flat = find_filaments(_map(np.zeros(SHAPE)), 1.0, by="kappa")
    usual = find_filaments(_map(_bridge()), 0.3, by="kappa")
    assert len(flat) == 0 and flat.table.colnames == usual.table.colnames
    assert flat.table["length"].unit == u.arcmin and flat.paths == []
    assert len(find_filaments(_map(_bridge()), 0.3, by="kappa", min_length="50 arcmin")) == 0


@pytest.mark.parametrize("connectivity", ["pixels", "triangles"])
def test_a_ridge_across_the_border(connectivity):
    kappa = _map(_bridge()[:, :70])  # the ridge leaves the map at x = 69, at its crest
    closed = find_filaments(kappa, 0.2, by="kappa", connectivity=connectivity)
    assert len(closed) == 0
    found = find_filaments(kappa, 0.2, by="kappa", border="open", connectivity=connectivity)
    assert len(found) == 1
    x, y = kappa.wcs.world_to_pixel(found.paths[0])
    crest = 45 + 12 * np.sin(np.pi * (69 - 25) / 60)
    np.testing.assert_allclose([x[0], y[0]], [69, crest], atol=0.6)
    np.testing.assert_allclose([x[-1], y[-1]], [25, 45], atol=0.1)
    row, along_border = found.table[0], kappa.data[:, -1]
    assert row["kappa_saddle"] == along_border.max()
    assert row["persistence"] == pytest.approx(along_border.max() - along_border.min(), abs=1e-3)


def test_a_ridge_into_masked_pixels_and_its_significance():
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:, 50:62] = True
    kappa = _map(_bridge(), mask)
    assert len(find_filaments(kappa, 0.2, by="kappa")) == 0
    found = find_filaments(kappa, 0.2, by="kappa", border="open")
    ends = [[round(float(n)) for n in kappa.wcs.world_to_pixel(path[0])] for path in found.paths]
    assert sorted(x for x, _ in ends) == [49, 62]
    noise = [np.zeros(SHAPE), 1e-3 * np.random.default_rng(1).normal(size=SHAPE)]
    noise.append(_bridge())
    _, n_false = filament_significance(kappa, found, noise)
    assert n_false == pytest.approx(2 / 3)  # the third map has the same two, by the same border


def test_a_persistent_maximum_on_the_border_has_no_path_of_its_own():
    y, x = np.indices(SHAPE)
    data = np.exp(-((x - 109) ** 2 + (y - 40) ** 2) / 50)
    found = find_filaments(_map(data), 0.3, by="kappa", border="open")
    assert len(found) == 0 and found.maxima["x"].tolist() == [109]


@pytest.mark.parametrize(("name", "value"), [("border", "torus"), ("connectivity", "eight")])
def test_borders_and_connectivities_are_checked(name, value):
    with pytest.raises(ValueError, match=name):
        find_filaments(_map(_bridge()), 0.3, by="kappa", **{name: value})


def test_ridges_of_the_filter():
    kappa = _map(_bridge())
    strength = ridge_strength(kappa, [1, 2] * u.arcmin)
    x = np.arange(40, 71)
    on = strength[np.rint(45 + 12 * np.sin(np.pi * (x - 25) / 60)).astype(int), x]
    assert on.min() > 5 * np.median(strength)
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:10] = True
    assert np.all(np.isnan(ridge_strength(_map(_bridge(), mask), 1 * u.arcmin)[:10]))


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_arms_of_a_cluster_by_direction(orientation):
    center = CENTERS["dec 75"]
    wcs = tangent_wcs(center, (100, 100), 0.5, **ORIENTATIONS[orientation])
    y, x = np.indices((100, 100))
    sky = wcs.pixel_to_world(x, y).icrs
    angle, theta = center.position_angle(sky).deg, center.separation(sky).arcmin
    data = np.exp(-theta / 3)
    for arm in (110, 340):
        across = theta * np.sin(np.radians(angle - arm))
        ahead = np.cos(np.radians(angle - arm)) > 0
        data = data + 0.1 * ahead * np.exp(-(across**2) / 2)
    rng = np.random.default_rng(2)
    noise = [0.1 * gaussian_filter(rng.normal(size=data.shape), 1.5) for _ in range(40)]
    kappa = ConvergenceMap(data + noise[0], wcs=wcs)
    table = azimuthal_excess(kappa, center, [5, 20] * u.arcmin, noise[1:])
    found = table["angle"][table["is_peak"]].to_value(u.deg)
    for arm in (110, 340):
        assert np.any(np.abs((found - arm + 180) % 360 - 180) <= 10)
    assert len(found) <= 4


def test_bad_input():
    kappa = _map(_bridge())
    with pytest.raises(ValueError, match="kappa must have an uncertainty"):
        find_filaments(kappa, by="uncertainty")
    with pytest.raises(ValueError, match="by must be one of"):
        find_filaments(kappa, by="sigma")
    constant = _map(np.full(SHAPE, 0.1))
    with pytest.raises(ValueError, match="kappa must have values that vary, not the same value"):
        find_filaments(constant)
    with np.errstate(over="ignore"):
        with pytest.raises(ValueError, match="that vary, not values whose square overflows"):
            find_filaments(_map(1e200 * _bridge()), smoothing=None)
    with pytest.raises(ValueError, match="threshold must be positive"):
        find_filaments(kappa, 0)
    with pytest.raises(ValueError, match="kappa must have at least one unmasked pixel"):
        find_filaments(_map(_bridge(), np.ones(SHAPE, dtype=bool)))
    found = find_filaments(kappa, 0.3, by="kappa")
    for function in (
        lambda noise: filament_significance(kappa, found, noise),
        lambda noise: azimuthal_excess(kappa, CENTERS["dec 45"], [1, 9] * u.arcmin, noise),
    ):
        with pytest.raises(ValueError, match="noise_maps must contain at least two maps, not 1"):
            function([np.zeros(SHAPE)])
        with pytest.raises(ValueError, match="noise_maps must have the shape of the map"):
            function([np.zeros((3, 3))])

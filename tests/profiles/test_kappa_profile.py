# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Profiles of maps that are known."""

import tracemalloc

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from lenses import CENTERS, ORIENTATIONS, SIS, tangent_wcs

from lensmap import ConvergenceMap
from lensmap.profiles import azimuthal_profile, kappa_profile

SHAPE = (120, 100)

# What a map says that was not smoothed.
WHITE = {"parameters": {"smoothing": None}}


def _map(center, *, uncertainty=None, mask=None, meta=None, value=None, scale=0.5, **orientation):
    wcs = tangent_wcs(center, SHAPE, scale, **orientation)
    y, x = np.indices(SHAPE)
    sky = wcs.pixel_to_world(x, y)
    theta = sky.separation(center)
    direction = center.icrs.position_angle(sky.icrs)
    data = SIS(1.0).kappa(theta.arcmin) if value is None else value(theta, direction)
    uncertainty = None if uncertainty is None else np.full(SHAPE, uncertainty)
    return ConvergenceMap(data, uncertainty, mask, wcs, meta)


@pytest.mark.parametrize("name", CENTERS)
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_rings_of_an_isothermal_sphere(name, orientation):
    center = CENTERS[name]
    kappa = _map(center, **ORIENTATIONS[orientation])
    profile = kappa_profile(kappa, center, [2, 4, 8, 16] * u.arcmin)
    expected = 1 / (profile["radius_low"] + profile["radius_high"]).to_value(u.arcmin)
    np.testing.assert_allclose(profile["kappa"], expected, rtol=0.02)
    area = np.pi * np.diff(np.array([2, 4, 8, 16]) ** 2) / 0.25
    np.testing.assert_allclose(profile["n_pixels"], area, rtol=0.05)


def test_masked_pixels_do_not_count():
    center = CENTERS["equator"]
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:, 45:] = True
    kappa = _map(center, mask=mask)
    profile = kappa_profile(kappa, center, [3, 6] * u.arcmin)
    assert profile["n_pixels"][0] < 0.5 * np.pi * 27 / 0.25
    assert profile["kappa"][0] == pytest.approx(1 / 9, rel=0.03)


def test_lengths_and_several_positions():
    center = CENTERS["dec 45"]
    kappa = _map(center)
    from lensmap.cosmology import get_cosmology

    scale = get_cosmology().angular_diameter_distance(0.3) / u.rad
    lengths = ([2, 4] * u.arcmin * scale).to(u.Mpc)
    one = kappa_profile(kappa, center, lengths, z_lens=0.3)
    same = kappa_profile(kappa, center, [2, 4] * u.arcmin)
    assert one["kappa"][0] == pytest.approx(same["kappa"][0])
    other = center.directional_offset_by(30 * u.deg, 6 * u.arcmin)
    both = kappa_profile(kappa, SkyCoord([center, other]), [2, 4] * u.arcmin)
    second = kappa_profile(kappa, other, [2, 4] * u.arcmin)
    n = same["n_pixels"][0], second["n_pixels"][0]
    mean = (n[0] * same["kappa"][0] + n[1] * second["kappa"][0]) / sum(n)
    assert both["kappa"][0] == pytest.approx(mean)
    assert both["kappa_err"][0] == pytest.approx(abs(same["kappa"][0] - mean), rel=0.05)


@pytest.mark.parametrize("smoothing", [None, 1.0])
def test_the_error_of_rings_of_noise(smoothing):
    rng = np.random.default_rng(0)
    pulls = []
    for _ in range(60):
        kappa = _map(CENTERS["equator"], value=lambda *_: rng.normal(size=SHAPE), meta=WHITE)
        said = 1.0
        if smoothing is not None:
            kappa = kappa.smooth(smoothing * u.arcmin)
            said = 1 / np.sqrt(4 * np.pi * (smoothing / 0.5) ** 2)
        kappa = ConvergenceMap(kappa.data, np.full(SHAPE, said), None, kappa.wcs, kappa.meta)
        profile = kappa_profile(kappa, CENTERS["equator"], [0, 2, 4, 8, 16] * u.arcmin)
        pulls.append(profile["kappa"] / profile["kappa_err"])
    np.testing.assert_allclose(np.std(pulls, axis=0), 1.0, atol=0.25)


def test_no_error_where_nobody_knows_the_noise():
    center = CENTERS["equator"]
    for kappa in (_map(center, uncertainty=0.02), _map(center, meta=WHITE)):
        assert np.isnan(kappa_profile(kappa, center, [2, 4] * u.arcmin)["kappa_err"][0])
        assert np.all(np.isnan(azimuthal_profile(kappa, center, [2, 4] * u.arcmin)["excess_err"]))


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_ray_is_found_at_its_position_angle(orientation):
    center = CENTERS["dec 75"]

    def ray(theta, direction):
        away = np.abs((direction.deg - 110 + 180) % 360 - 180)
        return np.where(away < 10, 0.1, 0.0)

    kappa = _map(center, value=ray, uncertainty=0.02, meta=WHITE, **ORIENTATIONS[orientation])
    profile = azimuthal_profile(kappa, center, [5, 20] * u.arcmin, n_bins=36)
    assert profile["angle"][np.argmax(profile["kappa"])] == 110 * u.deg
    assert profile["kappa"].max() == pytest.approx(0.1)
    assert abs(np.mean(profile["excess"])) < 1e-12
    np.testing.assert_allclose(profile["excess_err"], 0.02 / np.sqrt(profile["n_pixels"]))


def test_sectors_may_overlap_and_correlated_noise_counts():
    kappa = _map(CENTERS["equator"], uncertainty=0.02, meta={"smoothed_by": ["1 arcmin"]})
    narrow, wide = (
        azimuthal_profile(kappa, CENTERS["equator"], [5, 20] * u.arcmin, width=width)
        for width in (1.0, 3.0)
    )
    np.testing.assert_allclose(wide["n_pixels"], 3 * narrow["n_pixels"], rtol=0.15)
    patch = 4 * np.pi * 2.0**2  # of a Gaussian of two pixels
    expected = 0.02 / np.sqrt(1 + wide["n_pixels"] / patch)
    np.testing.assert_allclose(wide["excess_err"], expected, rtol=1e-3)


def test_bad_input():
    center = CENTERS["equator"]
    kappa = _map(center)
    far = SkyCoord(200, 40, unit="deg")
    with pytest.raises(TypeError, match="kappa must be a ConvergenceMap"):
        kappa_profile(kappa.data, center, [1, 2] * u.arcmin)
    with pytest.raises(ValueError, match="no unmasked pixel is"):
        kappa_profile(kappa, far, [1, 2] * u.arcmin)
    with pytest.raises(ValueError, match="no unmasked pixel is"):
        azimuthal_profile(kappa, far, [1, 2] * u.arcmin)
    with pytest.raises(ValueError, match="radii must be two radii, the inner and the outer"):
        azimuthal_profile(kappa, center, [1, 2, 3] * u.arcmin)
    with pytest.raises(ValueError, match="position must be one position, not 2"):
        azimuthal_profile(kappa, SkyCoord([1, 2], [1, 2], unit="deg"), [1, 2] * u.arcmin)


def test_a_small_circle_on_a_large_map_is_small_work():
    center = CENTERS[next(iter(CENTERS))]
    wcs = tangent_wcs(center, (1000, 1000), 0.2)
    kappa = ConvergenceMap(np.zeros((1000, 1000)), wcs=wcs)
    kappa_profile(kappa, center, [0, 1] * u.arcmin)
    tracemalloc.start()
    kappa_profile(kappa, center, [0, 1, 2] * u.arcmin)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < kappa.data.nbytes

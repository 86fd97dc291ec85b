# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Every estimator obeys the contract; and at length: random galaxies, other processes, coverage."""

import pickle
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from multiprocessing import get_context

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st
from lenses import (
    CENTERS,
    NFW,
    ORIENTATIONS,
    SIS,
    catalog_columns,
    pixel_sky,
    reconstructed_data,
    shear_of,
    tangent_wcs,
    uniform_sky,
)

from lensmap import CNNReconstructor, MaskedCNN, MaximumEntropy, ShearCatalog, WienerFilter
from lensmap.cosmology import convergence_power
from lensmap.estimators import ApertureMass, MCALens, SparseReconstructor, load_estimators
from lensmap.flatsky import convergence_to_shear, mode_power
from lensmap.testing import check_estimator

ALL = {name: cls for name, cls in load_estimators().items() if cls.geometry == "plane"}
NETWORKS = (CNNReconstructor, MaskedCNN)
LINEAR = {name: cls for name, cls in ALL.items() if cls.linear}
CONVERGENCE = {name: cls for name, cls in LINEAR.items() if cls.quantity == "kappa"}

LAWS = ["1a", "1b", "1c", "2a", "2b", "3a", "3b", "4a", "4b", "5", "6", "7", "8a", "8b", "9", "10",
        "11", "12", "13", "14", "15"]

# Most estimators of lensmap fit nothing to the data, and see galaxies at all distances.
NOT_FOR_ALL = {"14", "15"}
# Beyond the edges it has no galaxies, in place of zero shear or a period.
NOT_FOR_APERTURES = {"1b", "1c", "14"}
SLOW = {"10", "11"}
NOT_LINEAR = {"1b", "1c", "2b", "3a", "10"}

every = pytest.mark.parametrize("cls", ALL.values(), ids=ALL)
linear = pytest.mark.parametrize("cls", LINEAR.values(), ids=LINEAR)


@every
@pytest.mark.parametrize(
    "law", [pytest.param(law, marks=pytest.mark.slow if law in SLOW else ()) for law in LAWS]
)
def test_the_contract(cls, law):
    (result,) = check_estimator(cls, laws=[law]).results
    skipped = law in NOT_FOR_ALL | (set() if cls.linear else NOT_LINEAR)
    if cls is ApertureMass:
        skipped = law in NOT_FOR_APERTURES
    assert result.status == ("skipped" if skipped else "holds"), result


@pytest.mark.parametrize(
    "parameters", [{"filter": "schirmer"}, {"filter": "matched"}, {"exact": True}],
    ids=["schirmer", "matched", "exact"],
)
def test_the_other_filters_and_exact_sums(parameters):
    laws = ["1a", "2a", "2b", "3a", "3b", "4a", "7"]
    if "filter" in parameters:
        laws += ["8a", "14", "15"]
    report = check_estimator("apmass", laws=laws, **parameters)
    skipped = [one.number for one in report.results if one.status == "skipped"]
    assert skipped == (["14"] if parameters.get("filter") == "schirmer" else [])


def test_15_tiles_of_a_local_network():
    (result,) = check_estimator("cnn", laws=["15"], network="h21like").results
    assert result.status == "holds"


@pytest.mark.slow
def test_15_tiles_of_a_deeper_network():
    (result,) = check_estimator("cnn", laws=["15"], network="cha2025").results
    assert result.status == "holds"


def test_linear_and_others():
    assert LINEAR.keys() == {"ks", "wiener", "apmass"} and not any(cls.linear for cls in NETWORKS)


# --- at length ------------------------------------------------------------------------------


@pytest.mark.slow
@linear
@given(seed=st.integers(0, 2**32 - 1))
def test_symmetries_and_linearity_of_many_catalogs(cls, seed):
    check_estimator(cls, laws=["2a", "2b", "3a", "4a"], seed=seed)


@pytest.mark.slow
@every
def test_8_another_process_gives_the_same(cls):
    columns, estimator = _noise(8), cls(**cls.contract.settings)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        data = pool.submit(reconstructed_data, estimator, columns, WCS_SMALL).result()
    wcs = pickle.loads(pickle.dumps(WCS_SMALL))  # as there: a pickle rounds the pixel scale
    here = estimator.reconstruct(ShearCatalog(columns, "generic", "celestial", "shear"), wcs)
    np.testing.assert_array_equal(data, here.data)


CENTER = SkyCoord(150, 2, unit="deg")
SHAPE = (24, 30)
WCS_SMALL = tangent_wcs(CENTER, SHAPE, 0.5)


def _noise(seed, n=1500, center=CENTER, radius=0.14):
    """Return columns of galaxies with random ellipticities and weights."""
    rng = np.random.default_rng(seed)
    sky = uniform_sky(center, radius, n, rng)
    e = 0.25 * (rng.normal(size=n) + 1j * rng.normal(size=n))
    return catalog_columns(sky, e, weight=rng.uniform(0.5, 2, n))


def _map(cls, columns, wcs=WCS_SMALL, mask=None, **parameters):
    estimator = cls(**{**cls.contract.settings, **parameters})
    return estimator.reconstruct(ShearCatalog(columns, "generic", "celestial", "shear"), wcs, mask)


# --- 6. and 10. with galaxies at random positions -----------------------------------------------

# Every place and every orientation, once.
SKIES = list(zip(CENTERS, ORIENTATIONS, strict=True))


@pytest.mark.slow
@every
@pytest.mark.parametrize(("place", "orientation"), SKIES)
def test_6_an_elongated_lens_behind_random_galaxies(cls, place, orientation):
    """A bar of five halos, off the center of the field, at position angle 35 deg."""
    center, pa = CENTERS[place], 35 * u.deg
    middle = center.directional_offset_by(250 * u.deg, 4 * u.arcmin)
    halos = [
        (middle.directional_offset_by(pa + (0 if step > 0 else 180) * u.deg, abs(step) * u.arcmin),
         NFW(kappa_s=0.05, theta_s=1.0))
        for step in (-3, -1.5, 0, 1.5, 3)
    ]
    wcs = tangent_wcs(center, (80, 80), 0.4, **ORIENTATIONS[orientation])
    sky = uniform_sky(center, 0.45, 60_000, np.random.default_rng(6))
    gamma, kappa_true = shear_of(sky, halos)
    columns = catalog_columns(sky, gamma / (1 - kappa_true))
    given = dict(cls.contract.noiseless)
    if cls in NETWORKS:
        given["pixel_scale"] = 0.4 * u.arcmin
    kappa = _map(cls, columns, wcs, **given)
    values = np.where(kappa.mask, 0, kappa.data)
    y, x = np.indices(values.shape)
    near = pixel_sky(wcs)
    near_middle = near.separation(middle).reshape(values.shape) < 6 * u.arcmin
    weight = np.where(near_middle, np.clip(values - 0.02, 0, None), 0)
    x0, y0 = ((weight * v).sum() / weight.sum() for v in (x, y))
    offset = wcs.pixel_to_world(x0, y0).icrs.separation(middle)
    assert offset < 0.2 * u.arcmin  # half a pixel
    # second moments on the sky: east and north of the middle
    angle = middle.position_angle(near).rad.reshape(values.shape)
    distance = middle.separation(near).arcmin.reshape(values.shape)
    east, north = distance * np.sin(angle), distance * np.cos(angle)
    moments = (weight * (north + 1j * east) ** 2).sum()
    found = np.degrees(np.angle(moments) / 2) % 180
    assert abs((found - 35 + 90) % 180 - 90) < 3
    assert abs(moments) / (weight * distance**2).sum() > 0.4  # it is elongated at all


# The density of random galaxies in a single aperture scatters too much for aperture masses.
@pytest.mark.slow
@pytest.mark.parametrize("cls", CONVERGENCE.values(), ids=CONVERGENCE)
@pytest.mark.parametrize("lens", [NFW(), SIS()], ids=["NFW", "SIS"])
@pytest.mark.parametrize(("place", "orientation"), SKIES)
def test_10_a_known_lens_behind_random_galaxies(cls, place, orientation, lens):
    """What is measured is shear, here: the effect of 1 - kappa has a test of its own."""
    center = CENTERS[place]
    position = center.directional_offset_by(120 * u.deg, 3.3 * u.arcmin)
    wcs = tangent_wcs(center, (120, 120), 0.4, **ORIENTATIONS[orientation])
    sky = uniform_sky(center, 0.6, 250_000, np.random.default_rng(10))
    sky = sky[sky.separation(position) > 0.15 * u.arcmin]  # the SIS's shear has no bound
    gamma, _ = shear_of(sky, [(position, lens)])
    kappa = _map(cls, catalog_columns(sky, gamma), wcs)
    values = np.where(kappa.mask, -1, kappa.data)
    # half a pixel: the maximum, by a parabola through its neighbors
    y0, x0 = np.unravel_index(values.argmax(), values.shape)
    peak = wcs.pixel_to_world(*_parabola(values, x0, y0)).icrs
    assert peak.separation(position) < 0.2 * u.arcmin
    theta = pixel_sky(wcs).separation(position).arcmin.reshape(values.shape)
    truth = _seen_profile(cls, lens, density=250_000 / (np.pi * 36**2))
    rings = [(theta > r) & (theta < r + 0.8) for r in (0, 1, 2, 3, 5, 8, 12)]
    excess = np.array([np.mean(kappa.data[ring] - truth(theta[ring])) for ring in rings])
    sheet = excess[-1]
    scale = np.array([np.mean(truth(theta[ring])) for ring in rings])
    assert -0.025 < sheet < 0.001  # the mean of the lens over the field
    # the profile, ring by ring: 3 per cent of what is there, and the noise of the positions
    assert np.all(np.abs(excess - sheet) < 0.03 * scale + 0.003 * scale[0])
    b = [np.abs(np.mean(kappa.kappa_b[ring])) for ring in rings]
    assert max(b) < 0.01 * scale[0]


def _parabola(values, x0, y0):
    """Return the sub-pixel maximum next to a pixel."""
    def along(left, middle, right):
        return 0.5 * (left - right) / (left - 2 * middle + right)

    middle = values[y0, x0]
    dx = along(values[y0, x0 - 1], middle, values[y0, x0 + 1])
    dy = along(values[y0 - 1, x0], middle, values[y0 + 1, x0])
    return x0 + dx, y0 + dy


@lru_cache
def _seen_profile(cls, lens, density):
    """Return kappa of a lens (arcmin) as the estimator is to show it: its known response.

    By direct integration on a fine grid, apart from lensmap's own transforms.
    """
    step, n = 0.05, 1601
    y, x = (np.indices((n, n)) - n // 2) * step
    theta = np.hypot(x, y)
    theta[n // 2, n // 2] = 0.38 * step  # the mean distance within the central pixel
    arcmin = np.radians(1 / 60)
    ell = 2 * np.pi * np.fft.fftfreq(n, step * arcmin)
    response = cls.contract.response(
        cls(**cls.contract.settings), ell, ell[:, np.newaxis], 0.4 * arcmin, density / arcmin**2
    )
    seen = np.fft.ifft2(np.fft.fft2(np.fft.ifftshift(lens.kappa(theta))) * response).real
    radius = np.arange(0, 320) * step
    return lambda t: np.where(
        t < 15, np.interp(t, radius, seen[0, :320]), lens.kappa(np.maximum(t, 1))
    )


# --- 11. the uncertainty --------------------------------------------------------------------


HOLE = np.zeros(SHAPE, dtype=bool)
HOLE[8:13, 8:13] = True

# What networks say of their errors is learned on simulated skies, and tested on those. The errors
# of maximum-entropy maps have tests of their own: their prior is not Gaussian. So have those of
# maps with active coefficients, which few realizations of noise have, and with high values.
COVERAGE = [
    (name, kind.name)
    for name, cls in ALL.items()
    for kind in cls.uncertainties
    if cls not in (MaximumEntropy, MCALens, SparseReconstructor)
    and not (issubclass(cls, CNNReconstructor) and kind.meaning == "total")
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "uncertainty"), COVERAGE)
def test_11_the_uncertainty_covers_its_own_target(name, uncertainty):
    """Noise: independent noise. Total: the distance from independent truths of the prior.

    There is a hole and an edge in the field.
    """
    cls, columns, maps = ALL[name], _noise(11), []
    # What is wider than the padded field is not in the posterior, and that of the suite is small.
    parameters = {"padding": 3.0} if cls is WienerFilter and uncertainty == "posterior" else {}
    kappa = _map(
        cls, columns, mask=HOLE, uncertainty=uncertainty, n_realizations=200, **parameters
    )
    total = kappa.meta["uncertainty"] == "total"
    assert total == (uncertainty == "posterior")
    rng = np.random.default_rng(11)
    power = mode_power((96, 96), np.radians(0.5 / 60), lambda ell: convergence_power(ell, 1.0))
    x, y = WCS_SMALL.world_to_pixel(SkyCoord(columns["ra"], columns["dec"], unit="deg"))
    inside = (x > -0.5) & (y > -0.5) & (x < SHAPE[1] - 0.5) & (y < SHAPE[0] - 0.5)
    at = tuple(np.rint(v[inside]).astype(int) for v in (y, x))
    for _ in range(400):
        e = 0.25 * (rng.normal(size=1500) + 1j * rng.normal(size=1500))
        truth = 0.0
        if total:
            field = np.fft.ifft2(np.sqrt(power) * np.fft.fft2(rng.normal(size=power.shape))).real
            truth = field[: SHAPE[0], : SHAPE[1]]
            # x is to the west: the celestial basis is the other handedness
            e[inside] += np.conj(convergence_to_shear(field))[at]
        found = _map(cls, {**columns, "e1": e.real, "e2": e.imag}, mask=HOLE, **parameters)
        maps.append(found.data - truth)
    ratio = kappa.uncertainty.array / np.sqrt(np.mean(np.square(maps), axis=0))
    inner = ratio[6:-6, 6:-6]
    if cls in NETWORKS:
        # Noise through a network is not Gaussian: a few realizations decide a pixel's scatter.
        assert abs(np.nanmedian(inner) - 1) < 0.1 and abs(np.nanmean(ratio) - 1) < 0.15
        return
    assert abs(np.nanmean(inner) - 1) < 0.04
    assert np.nanstd(inner) < 0.08
    if uncertainty != "analytic":  # which is good within the edges
        assert abs(np.nanmean(ratio) - 1) < 0.04

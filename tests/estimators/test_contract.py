# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The laws that every registered estimator obeys; the numbers are those of the conventions page.

What an estimator needs for its laws, and the analytic truth that its maps are held against where
estimators differ, stands at the top.
"""

import copy
import pickle
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from multiprocessing import get_context

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.nddata import StdDevUncertainty
from astropy.table import Table
from astropy.wcs import WCS
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

from lensmap import (
    CNNReconstructor,
    ConvergenceMap,
    KaiserSquires,
    MaskedCNN,
    ShearCatalog,
    WienerFilter,
)
from lensmap.cosmology import convergence_power
from lensmap.estimators import load_estimators
from lensmap.flatsky import convergence_to_shear, mode_power
from lensmap.utils import CatalogWarning

ALL = load_estimators()
NETWORKS = (CNNReconstructor, MaskedCNN)
LINEAR = {name: cls for name, cls in ALL.items() if cls.linear}
SEEDS = st.integers(0, 2**32 - 1)

every = pytest.mark.parametrize("cls", ALL.values(), ids=ALL)
linear = pytest.mark.parametrize("cls", LINEAR.values(), ids=LINEAR)

# What an estimator is given for its laws. The Wiener filter is linear for a given noise: measured
# from the ellipticities, it changes with them; and its laws hold to the tolerance of its equations.
GIVEN = {
    WienerFilter: {"sigma_e": 0.25, "tolerance": 1e-7},
    # on the map's own pixels, so that counts are those of its pixels
    CNNReconstructor: {"sigma_e": 0.25, "pixel_scale": 0.5 * u.arcmin},
    MaskedCNN: {"sigma_e": 0.25, "pixel_scale": 0.5 * u.arcmin, "fill_holes": False},
}

# A network is only as symmetric as it has learned to be, but for the mean over all symmetries.
SYMMETRIC = dict.fromkeys(NETWORKS, {"symmetrize": True})

# The same where the truth is the target: what is wider than the padded field is not in its error,
# and that of the suite is small.
WIDE = {WienerFilter: {"padding": 3.0}}

# The same for galaxies without shape noise.
NOISELESS = {WienerFilter: {"sigma_e": 0.02}}

# How a lens is seen whose profile is to be compared.
SHARP = {**GIVEN, KaiserSquires: {"smoothing": 1 * u.arcmin}}

# Estimators that take what is outside of the data as zero shear, on which a plate of constant
# shear has edges. To the others it is what it may be: a part of a field without structure.
ZERO_OUTSIDE = {name: cls for name, cls in LINEAR.items() if cls is KaiserSquires}
OPEN_OUTSIDE = {name: cls for name, cls in LINEAR.items() if name not in ZERO_OUTSIDE}

CENTER = SkyCoord(150, 2, unit="deg")
SHAPE = (24, 30)
WCS_SMALL = tangent_wcs(CENTER, SHAPE, 0.5)


def _noise(seed, n=1500, center=CENTER, radius=0.14):
    """Return columns of galaxies with random ellipticities and weights."""
    rng = np.random.default_rng(seed)
    sky = uniform_sky(center, radius, n, rng)
    e = 0.25 * (rng.normal(size=n) + 1j * rng.normal(size=n))
    return catalog_columns(sky, e, weight=rng.uniform(0.5, 2, n))


def _estimator(cls, **parameters):
    return cls(**{**GIVEN.get(cls, {}), **parameters})


def _map(cls, columns, wcs=WCS_SMALL, mask=None, **parameters):
    estimator = _estimator(cls, **parameters)
    return estimator.reconstruct(ShearCatalog(columns, "generic"), wcs, mask)


def _with_shear(columns, e):
    return {**columns, "e1": e.real, "e2": e.imag}


def _close(found, expected, sign=1, atol=2e-7):
    np.testing.assert_allclose(found.data, sign * expected.data, atol=atol)
    np.testing.assert_array_equal(found.mask, expected.mask)


# --- 1. no shear, no mass -------------------------------------------------------------------


@linear
def test_1_zero_shear_is_a_zero_map(cls):
    columns = _noise(1)
    kappa = _map(cls, _with_shear(columns, np.zeros(1500, dtype=complex)))
    assert np.all(kappa.data[~kappa.mask] == 0) and np.all(kappa.kappa_b[~kappa.mask] == 0)


@linear
def test_1_constant_shear_is_no_mass_in_a_periodic_field(cls):
    columns = catalog_columns(pixel_sky(WCS_SMALL), np.full(24 * 30, 0.05 - 0.02j))
    kappa = _map(cls, columns, padding=1)
    # single precision, and what north turns over a quarter of a degree at dec 2
    assert np.abs(kappa.data).max() < 2e-5 and np.abs(kappa.kappa_b).max() < 2e-5


@pytest.mark.parametrize("cls", OPEN_OUTSIDE.values(), ids=OPEN_OUTSIDE)
def test_1_constant_shear_in_a_padded_square_is_no_structure(cls):
    """The gradient of kappa is one of the shear's derivatives: there is none."""
    n = 40
    wcs = tangent_wcs(SkyCoord(150, 0, unit="deg"), (n, n), 0.5)
    columns = catalog_columns(pixel_sky(wcs), np.full(n * n, 0.05 + 0j))
    kappa = _map(cls, columns, wcs, **NOISELESS[cls])
    middle = kappa.data[n // 4 : 3 * n // 4, n // 4 : 3 * n // 4]
    assert np.ptp(middle) < 0.02 * 0.05  # the plate's edge leaves 0.12 of it there


@pytest.mark.parametrize("cls", ZERO_OUTSIDE.values(), ids=ZERO_OUTSIDE)
def test_1_constant_shear_in_a_padded_square_has_the_analytic_response(cls):
    """A plate of constant shear: what its edge does to the middle is known in closed form."""
    n = 40
    wcs = tangent_wcs(SkyCoord(150, 0, unit="deg"), (n, n), 0.5)
    columns = catalog_columns(pixel_sky(wcs), np.full(n * n, 0.05 + 0j))
    kappa = _map(cls, columns, wcs, padding=4, smoothing=0.5 * u.arcmin)
    y, x = np.indices((n, n)) - (n - 1) / 2
    expected = np.zeros((n, n))
    for i, j in np.ndindex(7, 7):  # the transform repeats the square every four sides
        for sx, sy in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
            dx, dy = 4 * n * (i - 3) + sx * n / 2 - x, 4 * n * (j - 3) + sy * n / 2 - y
            expected += sx * sy * (np.arctan(dy / dx) - np.arctan(dx / dy)) / (2 * np.pi)
    middle = np.s_[n // 4 : 3 * n // 4, n // 4 : 3 * n // 4]
    np.testing.assert_allclose(kappa.data[middle], 0.05 * expected[middle], atol=2e-4)
    assert 0.003 < np.abs(kappa.data[middle]).max() < 0.16 * 0.05


@pytest.mark.parametrize("cls", NETWORKS)
def test_1_zero_shear_is_little_mass_for_a_network(cls):
    """The bound is a tenth of the scatter of a map of noise alone."""
    columns = _noise(1)
    kappa = _map(cls, _with_shear(columns, np.zeros(1500, dtype=complex)))
    assert np.abs(kappa.data[~kappa.mask]).max() < 0.01 and kappa.kappa_b is None


# --- 2. linearity ---------------------------------------------------------------------------


@pytest.mark.parametrize("cls", NETWORKS)
def test_2_weights_have_no_scale_and_rows_no_order_for_a_network(cls):
    _check_weights_and_order(cls, seed=2, factor=37.0)


@linear
@given(seed=SEEDS, factor=st.floats(1e-3, 1e3))
def test_2_weights_have_no_scale_and_rows_no_order(cls, seed, factor):
    _check_weights_and_order(cls, seed, factor)


def _check_weights_and_order(cls, seed, factor):
    columns = _noise(seed)
    kappa = _map(cls, columns)
    _close(_map(cls, {**columns, "weight": columns["weight"] * factor}), kappa)
    order = np.random.default_rng(seed).permutation(1500)
    _close(_map(cls, {name: values[order] for name, values in columns.items()}), kappa)


@linear
@given(seed=SEEDS, a=st.floats(-1, 1), b=st.floats(-1, 1))
def test_2_maps_add_like_shears(cls, seed, a, b):
    columns = _noise(seed)
    first = columns["e1"] + 1j * columns["e2"]
    second = np.roll(first, 7) * 1j
    expected = a * _map(cls, columns).data + b * _map(cls, _with_shear(columns, second)).data
    found = _map(cls, _with_shear(columns, a * first + b * second))
    np.testing.assert_allclose(found.data, expected, atol=2e-7)


# --- 3. E and B -----------------------------------------------------------------------------


@linear
@given(seed=SEEDS)
def test_3_turning_all_galaxies_by_45_deg_exchanges_e_and_b(cls, seed):
    columns = _noise(seed)
    e = columns["e1"] + 1j * columns["e2"]
    kappa, turned = _map(cls, columns), _map(cls, _with_shear(columns, 1j * e))
    np.testing.assert_allclose(turned.data, -kappa.kappa_b, atol=2e-7)
    np.testing.assert_allclose(turned.kappa_b, kappa.data, atol=2e-7)


@linear
def test_3_b_has_the_same_sign_on_a_mirrored_image(cls):
    columns = _noise(3, n=4000)
    kappa = _map(cls, columns)
    mirrored = _map(cls, columns, tangent_wcs(CENTER, SHAPE, 0.5, flip=True))
    np.testing.assert_allclose(mirrored.data[:, ::-1], kappa.data, atol=1e-6)
    np.testing.assert_allclose(mirrored.kappa_b[:, ::-1], kappa.kappa_b, atol=1e-6)


# --- 4. symmetries --------------------------------------------------------------------------


@pytest.mark.parametrize("cls", NETWORKS)
def test_4_a_mirrored_sky_is_a_mirrored_map_for_a_network(cls):
    _check_mirror(cls, seed=4)


@linear
@given(seed=SEEDS)
def test_4_a_mirrored_sky_is_a_mirrored_map(cls, seed):
    _check_mirror(cls, seed)


def _check_mirror(cls, seed):
    columns, given = _noise(seed), SYMMETRIC.get(cls, {})
    mirrored = {**columns, "ra": 2 * CENTER.ra.deg - columns["ra"], "e2": -columns["e2"]}
    kappa, other = _map(cls, columns, **given), _map(cls, mirrored, **given)
    np.testing.assert_allclose(other.data[:, ::-1], kappa.data, atol=2e-6)
    if kappa.kappa_b is not None:
        np.testing.assert_allclose(other.kappa_b[:, ::-1], -kappa.kappa_b, atol=2e-6)


@every
@pytest.mark.parametrize("turns", [1, 2, 3])
def test_4_a_turned_image_is_a_turned_map(cls, turns):
    columns, given = _noise(4), SYMMETRIC.get(cls, {})
    straight = _map(cls, columns, tangent_wcs(CENTER, (24, 24), 0.5), **given)
    turned = _map(cls, columns, tangent_wcs(CENTER, (24, 24), 0.5, angle=90.0 * turns), **given)
    # the sky turns against the image; which way is told by a position
    target = straight.wcs.pixel_to_world(20, 12)
    x, y = (int(np.rint(v)) for v in turned.wcs.world_to_pixel(target))
    k = next(k for k in range(4) if np.rot90(_spot(), k)[y, x])
    np.testing.assert_allclose(np.rot90(straight.data, k), turned.data, atol=2e-6)
    if straight.kappa_b is not None:
        np.testing.assert_allclose(np.rot90(straight.kappa_b, k), turned.kappa_b, atol=2e-6)


def _spot():
    spot = np.zeros((24, 24), dtype=bool)
    spot[12, 20] = True
    return spot


# --- 5. rows that cannot be used ------------------------------------------------------------


@every
@pytest.mark.parametrize("name", ["ra", "dec", "e1", "e2", "weight"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_5_a_bad_row_changes_nothing_but_a_warning_and_a_count(cls, name, value):
    columns = _noise(5)
    more = {key: np.append(values, values[0]) for key, values in columns.items()}
    more[name][-1] = value
    with pytest.warns(CatalogWarning, match=rf"1 of 1501 rows are left out: 1 {name} not finite"):
        kappa = _map(cls, more)
    assert kappa.meta["n_left_out"] == 1
    np.testing.assert_array_equal(kappa.data, _map(cls, columns).data)


# --- 6. anywhere on the sky -----------------------------------------------------------------


@every
@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("place", CENTERS)
def test_6_an_elongated_lens_comes_back_at_its_place_and_position_angle(cls, place, orientation):
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
    given = {**NOISELESS, **dict.fromkeys(NETWORKS, {"pixel_scale": 0.4 * u.arcmin})}
    kappa = _map(cls, columns, wcs, **given.get(cls, {}))
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


# --- 7. masks -------------------------------------------------------------------------------


@every
def test_7_masked_pixels_have_no_influence_and_are_masked(cls):
    columns = _noise(7)
    mask = np.zeros(SHAPE, dtype=bool)
    mask[8:14, 10:18] = True
    kappa = _map(cls, columns, mask=mask)
    assert np.all(kappa.mask[mask]) and np.all(np.isnan(kappa.data[mask]))
    assert np.all(kappa.counts[mask] == 0) and not kappa.mask[2, 2]
    x, y = WCS_SMALL.world_to_pixel(SkyCoord(columns["ra"], columns["dec"], unit="deg"))
    inside = (y > 7.5) & (y < 13.5) & (x > 9.5) & (x < 17.5)
    assert kappa.meta["n_masked"] == inside.sum() > 50
    wild = {**columns, "e1": np.where(inside, 0.9, columns["e1"])}
    np.testing.assert_array_equal(_map(cls, wild, mask=mask).data, kappa.data)


# --- 8. no state ----------------------------------------------------------------------------


def _reconstruct(estimator, columns):
    return estimator.reconstruct(ShearCatalog(columns, "generic"), WCS_SMALL)


@every
def test_8_calling_twice_copying_and_sending_give_the_same(cls):
    columns = _noise(8)
    estimator = _estimator(cls, uncertainty="rotations", n_realizations=3, rng=5)
    before = repr(estimator)
    first = _reconstruct(estimator, columns)
    twins = [
        estimator,
        copy.deepcopy(estimator),
        pickle.loads(pickle.dumps(estimator)),
        estimator.replace(),
        eval(before, {cls.__name__: cls}),  # repr is how it is made
    ]
    for twin in twins:
        assert repr(twin) == before
        again = _reconstruct(twin, columns)
        np.testing.assert_array_equal(again.data, first.data)
        np.testing.assert_array_equal(again.uncertainty.array, first.uncertainty.array)


@every
@pytest.mark.slow
def test_8_another_process_gives_the_same(cls):
    columns, estimator = _noise(8), cls()
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        data = pool.submit(reconstructed_data, estimator, columns, WCS_SMALL).result()
    np.testing.assert_array_equal(data, _reconstruct(estimator, columns).data)


@every
def test_8_a_seed_sequence_is_not_used_up(cls):
    estimator = cls(
        uncertainty="rotations", n_realizations=2, rng=np.random.SeedSequence(1, spawn_key=(2,))
    )
    first, second = (_reconstruct(estimator, _noise(8)) for _ in range(2))
    np.testing.assert_array_equal(first.uncertainty.array, second.uncertainty.array)


# --- 9. files -------------------------------------------------------------------------------


@every
def test_9_slice_write_read_keeps_all(cls, tmp_path):
    mask = np.zeros(SHAPE, dtype=bool)
    mask[5:8, 9:12] = True
    kappa = _map(cls, _noise(9), mask=mask, uncertainty="rotations", n_realizations=2)
    part = kappa[3:20, 4:28]
    part.write(tmp_path / "k.fits")
    back = ConvergenceMap.read(tmp_path / "k.fits")
    assert type(back.wcs) is WCS and back.wcs.array_shape == (17, 24)
    assert back.unit == u.dimensionless_unscaled
    sky = part.wcs.pixel_to_world(3, 5)
    assert sky.separation(kappa.wcs.pixel_to_world(7, 8)) < 1e-6 * u.arcsec
    assert sky.separation(back.wcs.pixel_to_world(3, 5)) < 1e-6 * u.arcsec
    assert isinstance(back.uncertainty, StdDevUncertainty)
    np.testing.assert_array_equal(back.data, kappa.data[3:20, 4:28])
    np.testing.assert_array_equal(back.mask, kappa.mask[3:20, 4:28])
    np.testing.assert_array_equal(back.uncertainty.array, kappa.uncertainty.array[3:20, 4:28])
    np.testing.assert_array_equal(back.counts, kappa.counts[3:20, 4:28])
    if kappa.kappa_b is not None:
        np.testing.assert_array_equal(back.kappa_b, kappa.kappa_b[3:20, 4:28])
    assert back.meta == kappa.meta and back.meta["estimator"] == cls.__name__


# --- 10. a known mass -----------------------------------------------------------------------


@linear
@pytest.mark.parametrize("lens", [NFW(), SIS()], ids=["NFW", "SIS"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("place", CENTERS)
def test_10_a_known_lens_has_its_place_and_profile(cls, place, orientation, lens):
    """What is measured is shear, here: the effect of 1 - kappa has a test of its own."""
    center = CENTERS[place]
    position = center.directional_offset_by(120 * u.deg, 3.3 * u.arcmin)
    wcs = tangent_wcs(center, (120, 120), 0.4, **ORIENTATIONS[orientation])
    sky = uniform_sky(center, 0.6, 250_000, np.random.default_rng(10))
    sky = sky[sky.separation(position) > 0.15 * u.arcmin]  # the SIS's shear has no bound
    gamma, _ = shear_of(sky, [(position, lens)])
    kappa = _map(cls, catalog_columns(sky, gamma), wcs, **SHARP[cls])
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
    f = np.fft.fftfreq(n, step)
    ell = 2 * np.pi * np.hypot(f, f[:, np.newaxis]) * 180 * 60 / np.pi  # step is in arcmin
    if cls is KaiserSquires:
        radian = np.radians(1 / 60)
        response = np.exp(-0.5 * (ell * radian) ** 2)
    else:
        # signal over signal and noise, mode by mode, of the mean in pixels of 0.4 arcmin
        window = np.outer(np.sinc(0.4 * f), np.sinc(0.4 * f))
        nodes = np.geomspace(1, ell.max(), 300)
        log_power = np.log(convergence_power(nodes, 1.0))
        signal = np.exp(np.interp(np.log(np.maximum(ell, 1)), np.log(nodes), log_power)) * window**2
        noise = SHARP[cls]["sigma_e"] ** 2 / density * np.radians(1 / 60) ** 2
        nyquist = np.maximum(np.abs(f), np.abs(f[:, np.newaxis])) < 0.5 / 0.4
        response = window * nyquist * signal / (signal + noise)
    seen = np.fft.ifft2(np.fft.fft2(np.fft.ifftshift(lens.kappa(theta))) * response).real
    radius = np.arange(0, 320) * step
    return lambda t: np.where(
        t < 15, np.interp(t, radius, seen[0, :320]), lens.kappa(np.maximum(t, 1))
    )


# --- 11. the uncertainty --------------------------------------------------------------------


HOLE = np.zeros(SHAPE, dtype=bool)
HOLE[8:13, 8:13] = True

# What networks say of their errors is learned on simulated skies, and tested on those.
COVERAGE = [
    (name, kind.name)
    for name, cls in ALL.items()
    for kind in cls.uncertainties
    if kind.name != "network"
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "uncertainty"), COVERAGE)
def test_11_the_uncertainty_covers_its_own_target(name, uncertainty):
    """Noise: independent noise. Total: the distance from independent truths of the prior.

    There is a hole and an edge in the field.
    """
    cls, columns, maps = ALL[name], _noise(11), []
    parameters = {} if uncertainty != "posterior" else WIDE[cls]
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
        found = _map(cls, _with_shear(columns, e), mask=HOLE, **parameters)
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


# --- a table will do ------------------------------------------------------------------------


@every
def test_a_table_that_says_its_convention_will_do(cls):
    columns = _noise(12)
    table = Table(
        {**columns, "e2": -columns["e2"]}, meta={"convention": "euclidean", "kind": "shear"}
    )
    kappa = _estimator(cls).reconstruct(table, WCS_SMALL)
    np.testing.assert_array_equal(kappa.data, _map(cls, columns).data)
    assert kappa.meta["convention"] == "euclidean"

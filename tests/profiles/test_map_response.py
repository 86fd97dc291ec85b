# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The map of halos as the estimator makes it, against sums over pixels that are written down."""

import cmath
import math
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from lenses import tangent_wcs
from plain_lens import LogLens

from lensmap import ConvergenceMap
from lensmap.profiles._halo_parameters import HaloValues
from lensmap.profiles._map_response import MapResponse

CENTER = SkyCoord(150, 0, unit="deg")
N = 15
WCS = tangent_wcs(CENTER, (N, N), 0.5)
SCALE = math.radians(0.5 / 60)  # of a pixel
PARAMETERS = {"padding": 1.0, "reduced_shear_iterations": 0, "scheme": "nearest",
              "fill_holes": False, "smoothing": "0.4 arcmin"}
META = {"estimator": "KaiserSquires", "parameters": PARAMETERS}
# The first halo is 0.2 pixels beside the center of a pixel.
POSITIONS = WCS.pixel_to_world(np.array([4, 10]), np.array([6, 9]))
HALOS = [
    HaloValues(math.log(0.2), math.log(2.0), 0.2 * SCALE, -0.1 * SCALE),
    HaloValues(math.log(0.1), math.log(3.0), 0.0, 1.3 * SCALE),
]
INVERSE = np.array([0.3, 0.6])


def _map(meta=META, mask=None, counts=None):
    return ConvergenceMap(np.zeros((N, N)), None, mask, WCS, meta, counts=counts)


class _Recorder:
    """An estimator that keeps what it is to map."""

    def reconstruct(self, catalog, wcs):
        self.catalog, self.wcs = catalog, wcs
        return SimpleNamespace(data="the map")


def _shear_by_hand(x, y):
    """Return the reduced shear at a pixel, whose x axis points to the west."""
    gamma, kappa = 0.0, 0.0
    for (x_halo, y_halo), halo, inverse in zip([(4, 6), (10, 9)], HALOS, INVERSE, strict=True):
        offset = SCALE * complex(x_halo - x, y - y_halo) - complex(halo.east, halo.north)
        theta = max(abs(offset), SCALE / 3)
        mass, c = math.exp(halo.ln_m200c), math.exp(halo.ln_c200c)
        excess = mass * (0.5 * c - 0.2 * math.log(theta))
        gamma -= inverse * excess * abs(offset / theta) ** 2 * cmath.exp(2j * cmath.phase(offset))
        kappa += inverse * mass * (1 - 0.1 * c * math.log(theta))
    return gamma / (1 - kappa)


def test_one_galaxy_for_each_pixel_with_galaxies():
    counts = np.zeros((N, N), dtype=int)
    pixels = {(6, 4): 1, (9, 10): 5, (0, 0): 2, (14, 3): 1, (6, 5): 7}  # (y, x)
    for pixel, n in pixels.items():
        counts[pixel] = n
    estimator = _Recorder()
    response = MapResponse(_map(counts=counts), estimator, POSITIONS, INVERSE, [LogLens()] * 2)
    assert response.kappa(HALOS) == "the map"
    catalog = estimator.catalog
    x, y = estimator.wcs.world_to_pixel(catalog.skycoord)
    places = zip(np.rint(y).astype(int), np.rint(x).astype(int), strict=True)
    found = {(int(y), int(x)): k for k, (y, x) in enumerate(places)}
    assert found.keys() == pixels.keys() and len(catalog) == 5
    for (y, x), k in found.items():
        assert catalog.weight[k] == pixels[y, x]
        shear = _shear_by_hand(x, y)
        assert abs(complex(catalog.e1[k], catalog.e2[k]) - shear) < 1e-5 * abs(shear)


def test_without_counts_each_pixel_that_is_not_masked_has_a_galaxy():
    mask = np.ones((N, N), dtype=bool)
    mask[3, 4:7] = False
    estimator = _Recorder()
    response = MapResponse(_map(mask=mask), estimator, POSITIONS, INVERSE, [LogLens()] * 2)
    response.kappa(HALOS)
    x, y = WCS.world_to_pixel(estimator.catalog.skycoord)
    np.testing.assert_allclose([x, y], [[4, 5, 6], [3, 3, 3]], atol=1e-6)
    np.testing.assert_array_equal(estimator.catalog.weight, 1)


def test_the_map_is_the_inversion_in_fourier_space():
    meta = {**META, "parameters": {**PARAMETERS, "smoothing": None}}
    response = MapResponse.of_map(_map(meta), POSITIONS, INVERSE, [LogLens()] * 2)
    shear = np.array([[_shear_by_hand(x, y) for x in range(N)] for y in range(N)])
    k = np.fft.fftfreq(N)
    k_x, k_y = k, k[:, np.newaxis]
    square = k_x**2 + k_y**2
    square[0, 0] = 1.0
    # In the basis of the pixels, whose x axis points to the west, the sign of g2 is the other one.
    g1, g2 = np.fft.fft2(shear.real), np.fft.fft2(-shear.imag)
    expected = np.fft.ifft2(((k_x**2 - k_y**2) * g1 + 2 * k_x * k_y * g2) / square).real
    np.testing.assert_allclose(response.kappa(HALOS), expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("smoothing", [None, "0.4 arcmin", "2 arcmin"])
def test_the_estimator_is_that_of_the_map(smoothing):
    parameters = {**PARAMETERS, "smoothing": smoothing, "padding": 1.5, "fill_holes": True}
    kappa = _map({**META, "parameters": parameters})
    estimator = MapResponse.of_map(kappa, POSITIONS, INVERSE, [LogLens()] * 2)._estimator
    assert estimator.padding == 1.5 and estimator.fill_holes
    if smoothing is None:
        assert estimator.smoothing is None
    else:
        assert estimator.smoothing.to_value("arcmin") == pytest.approx(float(smoothing.split()[0]))


@pytest.mark.parametrize("change", [
    {"estimator": "WienerFilter"}, {"cutout_of": [40, 40]}, {"resampled_by": "lensmap"},
    {"parameters": {"smoothing": "0.4 arcmin"}}, {"parameters": {**PARAMETERS, "padding": 0.5}},
])
def test_maps_that_were_made_in_an_unknown_way(change):
    assert MapResponse.of_map(_map(META | change), POSITIONS, INVERSE, [LogLens()] * 2) is None
    assert MapResponse.of_map(_map(), POSITIONS, INVERSE, [LogLens()] * 2) is not None

# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What works in pixels refuses pixels that are not square, and is right after reprojection."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from lenses import tangent_wcs

from lensmap import ConvergenceMap, fit_nfw
from lensmap.filaments import find_filaments, ridge_strength
from lensmap.peaks import aperture_mass, find_multiscale_peaks, find_segments, unmasked_area
from lensmap.statistics import (
    kappa_correlation,
    kappa_moments,
    kappa_pdf,
    pixel_relation,
    power_spectrum,
)

N, DEC = 120, 60.0
CENTER = SkyCoord(150, DEC, unit="deg")
SIGMA = 2.0  # arcmin


def _blob(wcs):
    """Return a map of a round Gaussian of 2 arcmin."""
    y, x = np.indices((N, N))
    theta = wcs.pixel_to_world(x, y).separation(CENTER).to_value(u.arcmin)
    kappa = 0.1 * np.exp(-(theta**2) / (2 * SIGMA**2))
    return ConvergenceMap(kappa, np.full((N, N), 0.01), wcs=wcs, kappa_b=kappa / 7)


def _plate_carree(sheared=False):
    """Return pixels of 0.25 x 0.5 arcmin; or rhombs of 0.5 arcmin."""
    wcs = WCS(naxis=2)
    if sheared:
        wcs = tangent_wcs(CENTER, (N, N), 0.5)
        wcs.wcs.pc = [[1.0, -0.5], [0.0, 1.0]]
        return wcs
    wcs.wcs.ctype, wcs.wcs.crval = ["RA---CAR", "DEC--CAR"], [150, 0]
    wcs.wcs.cdelt = [-0.5 / 60, 0.5 / 60]
    wcs.wcs.crpix = [N / 2 + 0.5, N / 2 + 0.5 - DEC * 120]
    wcs.array_shape = (N, N)
    return wcs


IN_SQUARES = {
    "smooth": lambda kappa: kappa.smooth(1 * u.arcmin),
    "power": power_spectrum,
    "segments": find_segments,
    "aperture mass": lambda kappa: aperture_mass(kappa, 2 * u.arcmin),
    "multiscale": lambda kappa: find_multiscale_peaks(kappa, [2] * u.arcmin),
    "filaments": find_filaments,
    "ridges": lambda kappa: ridge_strength(kappa, [2] * u.arcmin),
    "moments of smoothed maps": lambda kappa: kappa_moments(kappa, [1] * u.arcmin),
    "fit": lambda kappa: fit_nfw(kappa, CENTER, z_lens=0.3, z_source=1.0),
}
IN_PIXELS_OF_ONE_SIZE = {
    "pdf": kappa_pdf,
    "moments": kappa_moments,
    "relation": lambda kappa: pixel_relation(kappa, kappa),
    "correlation": lambda kappa: kappa_correlation(
        kappa, min_sep="1 arcmin", max_sep="9 arcmin", n_patches=0
    ),
}


@pytest.mark.parametrize("sheared", [False, True])
@pytest.mark.parametrize("name", IN_SQUARES)
def test_other_pixels_are_refused(name, sheared):
    kappa = _blob(_plate_carree(sheared))
    with pytest.raises(ValueError, match="must have square pixels, .* reproject the map"):
        IN_SQUARES[name](kappa)


@pytest.mark.parametrize("name", IN_PIXELS_OF_ONE_SIZE)
def test_pixels_of_several_sizes_are_refused(name):
    wcs = _plate_carree()
    wcs.wcs.cdelt = [-0.5, 0.5]
    wcs.wcs.crpix = [60.5, 0.5]
    kappa = ConvergenceMap(np.random.default_rng(1).normal(size=(N, N)), wcs=wcs)
    with pytest.raises(ValueError, match="kappa must have pixels of one size"):
        IN_PIXELS_OF_ONE_SIZE[name](kappa)


def test_oblong_pixels_of_one_size_have_the_same_statistics():
    oblong = _blob(_plate_carree())
    square = _blob(tangent_wcs(CENTER, (N, N), 0.25))  # twice the blob on the area
    pairs = {"min_sep": "1 arcmin", "max_sep": "4 arcmin", "n_bins": 3, "n_patches": 0}
    # Correlations of kappa minus its mean over the map: the means are added again.
    one, other = (
        unmasked_area(kappa).value * (kappa_correlation(kappa, **pairs)["xi"]
                                      + kappa.data.mean() ** 2)
        for kappa in (oblong, square)
    )
    np.testing.assert_allclose(one, other, rtol=0.03)


def test_reprojected_maps_are_right():
    """The spectrum, the size and the aperture mass of a Gaussian are known."""
    oblong = _blob(_plate_carree()).replace(uncertainty=None, kappa_b=None)
    kappa = oblong.reproject(tangent_wcs(CENTER, (N, N), 0.25))
    kappa = ConvergenceMap(kappa.data, np.full((N, N), 0.01), kappa.mask, kappa.wcs)
    edges = np.linspace(1440, 2880, 5)
    power, right = (power_spectrum(one, edges=edges)["power"] for one in (kappa, _blob(kappa.wcs)))
    np.testing.assert_allclose(power.value, right.value, rtol=0.04)
    segment = find_segments(kappa, 2.0).table[0]
    assert float(segment["semimajor"] / segment["semiminor"]) == pytest.approx(1, abs=0.01)
    assert segment["semimajor"].value == pytest.approx(1.55, rel=0.02)
    y, x = np.indices((N, N))
    theta = kappa.wcs.pixel_to_world(x, y).separation(CENTER).to_value(u.arcmin)
    ring = aperture_mass(kappa, 2 * u.arcmin)[np.abs(theta - 4) < 0.05]
    assert np.ptp(ring) < 0.02 * np.nanmax(aperture_mass(kappa, 2 * u.arcmin))


def test_areas_add_up():
    """Pixels of a plate carree far from the equator have the cosine of their declination."""
    wcs = _plate_carree()
    expected = (N / 120) ** 2 * np.cos(np.radians(DEC))
    assert unmasked_area(_blob(wcs)).to_value(u.deg**2) == pytest.approx(expected, rel=1e-4)

# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""A lens comes back at its place on pixels of every kind: beyond the cut, sliced, gwcs."""

import copy

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import ICRS, SkyCoord
from astropy.wcs import WCS
from astropy.wcs.wcsapi import HighLevelWCSWrapper, SlicedLowLevelWCS

from lensmap import ConvergenceMap, KaiserSquires, ShearCatalog
from lensmap.grid import tangent_wcs
from lensmap.masks import pixel_mask

LENS = SkyCoord(180.1, 2.05, unit="deg")
HOLE = SkyCoord(179.9, 1.95, unit="deg")
ESTIMATOR = KaiserSquires(smoothing=2 * u.arcmin)


@pytest.fixture(scope="module")
def catalog():
    """Galaxies without shape noise behind a softened isothermal sphere."""
    rng = np.random.default_rng(1)
    offsets = rng.uniform(-0.8, 0.8, (2, 30_000)) * u.deg
    sky = LENS.spherical_offsets_by(*offsets)
    shear = 0.008 / np.hypot(sky.separation(LENS).deg, 0.03)
    angle = 2 * (np.pi / 2 - sky.position_angle(LENS).rad)
    return ShearCatalog({"ra": sky.ra.deg, "dec": sky.dec.deg, "e1": -shear * np.cos(angle),
                         "e2": -shear * np.sin(angle)}, convention="celestial", kind="shear")


def peak_of(kappa):
    y, x = np.unravel_index(np.nanargmax(kappa.data), kappa.shape)
    return kappa.wcs.pixel_to_world(x, y)


def check(kappa, catalog):
    """Check the place of the lens, its height, the B-mode, and the galaxies on the map."""
    assert peak_of(kappa).separation(LENS) < 1.1 * u.arcmin
    assert 0.2 < np.nanmax(kappa.data) < 0.26
    assert np.nanmax(np.abs(kappa.kappa_b)) < 0.02
    assert kappa.shape == (60, 60) and kappa.mask.mean() < 0.05
    x, y = kappa.wcs.world_to_pixel(LENS)
    assert kappa.data[int(np.rint(y)), int(np.rint(x))] > 0.9 * np.nanmax(kappa.data)
    x, y = kappa.wcs.world_to_pixel(catalog.skycoord)
    n = np.count_nonzero((np.abs(x - 29.5) < 30) & (np.abs(y - 29.5) < 30))
    assert kappa.counts.sum() == pytest.approx(n, rel=0.02) and n > 10_000
    cut = kappa.cutout(LENS, 6 * u.arcmin)
    assert np.nanmax(cut.data) == np.nanmax(kappa.data)


@pytest.mark.parametrize("projection", ["CAR", "CYP", "SFL", "MOL", "AIT"])
def test_pixels_beyond_180_degrees_from_the_reference(catalog, projection, tmp_path):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"RA---{projection}", f"DEC--{projection}"]
    if projection == "CYP":
        wcs.wcs.set_pv([(2, 1, 1.0), (2, 2, 1.0)])
    wcs.wcs.crval, wcs.wcs.cdelt, wcs.wcs.crpix = [0, 0], [-1 / 60, 1 / 60], [0, 0]
    x, y = wcs.wcs_world2pix(179.999999, 2.0, 1)
    wcs.wcs.crpix = np.array([30.5, 30.5]) - [x, y]
    wcs.array_shape = (60, 60)
    kappa = ESTIMATOR.reconstruct(catalog, wcs)
    check(kappa, catalog)
    # The header of the file is that of the projection, and the map comes back.
    kappa.write(tmp_path / "k.fits")
    again = ConvergenceMap.read(tmp_path / "k.fits")
    np.testing.assert_array_equal(again.data, kappa.data)
    assert peak_of(again).separation(peak_of(kappa)).arcsec < 1e-6
    # Smoothed, resampled, cut and masked maps have the same sky.
    tangent = tangent_wcs(LENS, (40, 40), 1 * u.arcmin)
    assert peak_of(kappa.reproject(tangent)).separation(LENS) < 1.1 * u.arcmin
    assert peak_of(kappa[5:55, 3:50]).separation(LENS) < 1.1 * u.arcmin
    mask = pixel_mask((kappa.mask, wcs), tangent)
    assert mask.mean() < 0.02


def test_a_lens_on_either_side_of_the_cut_is_one_lens(catalog):
    """The same pixels with another reference point give the same map."""
    maps = []
    for crval in (0.0, 180.0, 300.0):
        wcs = WCS(naxis=2)
        wcs.wcs.ctype = ["RA---CAR", "DEC--CAR"]
        wcs.wcs.crval, wcs.wcs.cdelt = [crval, 0], [-1 / 60, 1 / 60]
        wcs.wcs.crpix = [30.5 + (180 - crval) * 60, 30.5 - 120]
        wcs.array_shape = (60, 60)
        maps.append(ESTIMATOR.reconstruct(catalog, wcs))
    for other in maps[1:]:
        # Rounding may move a galaxy at the border of two pixels.
        np.testing.assert_allclose(other.data, maps[0].data, atol=2e-3)
        assert abs(other.counts - maps[0].counts).sum() < 10


def gwcs_of_plane():
    gwcs = pytest.importorskip("gwcs")
    from astropy.modeling import models as m
    from gwcs.coordinate_frames import CelestialFrame, Frame2D

    turn = (m.Shift(-29.5) & m.Shift(-29.5)) | (m.Scale(-1 / 60) & m.Scale(1 / 60)) | (
        m.Pix2Sky_TAN() | m.RotateNative2Celestial(180, 2, 180))
    wcs = gwcs.WCS([(Frame2D(name="pix", unit=(u.pix, u.pix)), turn),
                    (CelestialFrame(reference_frame=ICRS()), None)])
    wcs.array_shape = (60, 60)
    return wcs


def sliced():
    whole = tangent_wcs(SkyCoord(180, 2, unit="deg"), (100, 100), 1 * u.arcmin)
    return SlicedLowLevelWCS(whole, (slice(20, 80), slice(20, 80)))


@pytest.mark.parametrize("make", [gwcs_of_plane, sliced, lambda: HighLevelWCSWrapper(sliced())],
                         ids=["gwcs", "sliced", "high level"])
def test_any_celestial_wcs_of_the_common_interface(catalog, make, tmp_path):
    wcs = make()
    kappa = ESTIMATOR.reconstruct(catalog, wcs)
    check(kappa, catalog)
    plain = ESTIMATOR.reconstruct(catalog, tangent_wcs(SkyCoord(180, 2, unit="deg"), (60, 60),
                                                       1 * u.arcmin))
    np.testing.assert_allclose(kappa.data, plain.data, atol=5e-3)
    resampled = plain.reproject(wcs)
    assert resampled.shape == (60, 60)
    np.testing.assert_allclose(resampled.data[~resampled.mask], plain.data[~resampled.mask],
                               atol=1e-4)
    assert kappa[10:50, 10:50].shape == (40, 40)
    assert copy.deepcopy(kappa).wcs.array_shape == (60, 60)
    from lensmap.masks import SkyMask

    disc = SkyMask((kappa.data > 0.1, wcs))
    assert disc.excluded_sky(LENS) and not disc.excluded_sky(HOLE)
    with pytest.raises(ValueError, match="a FITS header cannot hold .*reproject the map"):
        kappa.write(tmp_path / "k.fits")


def test_nearly_singular_pixels_are_refused(catalog):
    wcs = tangent_wcs(SkyCoord(180, 2, unit="deg"), (40, 40), 1 * u.arcmin)
    header = wcs.to_header()
    for eps in (1e-2, 1e-6):
        other = WCS(header)
        other.wcs.pc = [[1, 1], [1, 1 + eps]]
        other.array_shape = (40, 40)
        with pytest.raises(ValueError, match="less elongated than 100 : 1.*nearly singular"):
            ESTIMATOR.reconstruct(catalog, other)


def test_maps_that_are_too_large(catalog, monkeypatch):
    monkeypatch.setenv("LENSMAP_MEMORY_LIMIT", "6 GiB")
    large = tangent_wcs(LENS, (30_000, 30_000), 0.1 * u.arcsec)
    kappa = ConvergenceMap(np.zeros((4, 4)), wcs=tangent_wcs(LENS, (4, 4), 1 * u.arcmin))
    for call in (lambda: ESTIMATOR.reconstruct(catalog, large), lambda: kappa.reproject(large),
                 lambda: pixel_mask((np.ones((4, 4)), kappa.wcs), large)):
        with pytest.raises(MemoryError, match="30000 x 30000 pixels would need"):
            call()

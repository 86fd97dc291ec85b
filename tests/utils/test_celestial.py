# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Celestial WCS: frames, axes in any order, and projections whose pixels pass 180 degrees."""

import pickle

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import NDDataRef
from astropy.wcs import WCS
from astropy.wcs.wcsapi import HighLevelWCSWrapper, SlicedLowLevelWCS

from lensmap.utils import PlaneWCS, celestial_plane, check_celestial_wcs, pixel_to_sky, sky_to_pixel

SHAPE = (24, 30)
PLACE = SkyCoord(180.1, 2.0, unit="deg")

# Cylindrical, pseudo-cylindrical, conic and other projections that are cut at 180 degrees, with
# their parameters PV2_m.
PROJECTIONS = {
    "CAR": (), "CEA": (0.9,), "MER": (), "CYP": (1.0, 0.8), "SFL": (), "PAR": (), "MOL": (),
    "AIT": (), "HPX": (), "COE": (45.0,), "COD": (45.0,), "COP": (45.0,),
    "BON": (45.0,), "PCO": (),
}


def header_of(projection, lon, lat=0.0, **cards):
    """Return a header with the reference point at a position on the sky."""
    header = fits.Header()
    header.update({
        "CTYPE1": f"RA---{projection}", "CTYPE2": f"DEC--{projection}", "CRVAL1": lon,
        "CRVAL2": lat, "CRPIX1": 0.0, "CRPIX2": 0.0, "CDELT1": -1 / 60, "CDELT2": 1 / 60,
        "CUNIT1": "deg", "CUNIT2": "deg", "RADESYS": "ICRS",
    })
    for i, value in enumerate(PROJECTIONS.get(projection, ())):
        header[f"PV2_{i + 1}"] = value
    header.update(cards)
    return header


def centered(header, place, shape=SHAPE):
    """Return a WCS whose image is centered on a place, and the native longitude of the place."""
    wcs = WCS(header)
    native = wcs.wcs.s2p([[place.ra.deg, place.dec.deg]], 1)
    wcs.wcs.crpix = (np.array(shape[::-1]) + 1) / 2 - native["pixcrd"][0]
    wcs.array_shape = shape
    return wcs, native["phi"][0]


def on_the_cut(projection, **cards):
    """Return a WCS whose image is centered on the native meridian of 180 degrees."""
    lat = 45.0 if PROJECTIONS[projection] and projection[:2] in ("CO", "BO") else 0.0
    header = header_of(projection, 0.0, lat, **cards)
    # The reference point is moved until the place has a native longitude of 180 degrees.
    low, high = (PLACE.ra.deg - 240, PLACE.ra.deg - 120)
    for _ in range(45):
        middle = (low + high) / 2
        header["CRVAL1"] = middle
        wcs, phi = centered(header, PLACE)
        low, high = (low, middle) if phi % 360 < 180 else (middle, high)
    return wcs


@pytest.mark.parametrize("projection", PROJECTIONS)
def test_all_pixels_are_on_the_sky_and_found_again(projection):
    wcs = on_the_cut(projection)
    y, x = np.indices(SHAPE)
    assert 0.2 < np.isnan(wcs.all_pix2world(x, y, 0)[0]).mean() < 0.8
    whole = check_celestial_wcs(wcs)
    lon, lat = pixel_to_sky(whole, x, y)
    assert np.isfinite(lon).all()
    sky = SkyCoord(lon, lat, unit="deg")
    # Neighboring pixels are neighbors on the sky, across the cut as well.
    step = sky[:, 1:].separation(sky[:, :-1]).arcmin
    assert step.max() < 1.1 * step.min() and sky[12, 15].separation(PLACE).arcmin < 2
    back = sky_to_pixel(whole, lon.ravel(), lat.ravel())
    np.testing.assert_allclose(back, [x.ravel(), y.ravel()], atol=1e-6)
    # Astropy's own methods agree, and so do copies, parts and pickles.
    np.testing.assert_allclose(whole.world_to_pixel(sky), [x, y], atol=1e-6)
    for copy in (whole.deepcopy(), pickle.loads(pickle.dumps(whole))):
        assert copy.pixel_to_world(29, 23).separation(sky[23, 29]).arcsec < 1e-6
        assert copy.array_shape == SHAPE
    part = check_celestial_wcs(whole.slice((slice(4, 20), slice(10, 28))))
    assert part.array_shape == (16, 18)
    assert part.pixel_to_world(2, 3).separation(sky[7, 12]).arcsec < 1e-6


# Where no pixel passes the cut, wcslib itself is the truth.
VARIATIONS = {
    "plain": {},
    "rotated": {"CDELT1": 1 / 60, "PC1_1": 0.8, "PC1_2": -0.6, "PC2_1": 0.6, "PC2_2": 0.8},
    "latitude": {"CRVAL2": 25.0},
    "pole": {"LONPOLE": 150.0, "CRVAL2": -10.0},
    "fiducial": {"PV1_0": 0.0, "PV1_1": 20.0, "PV1_2": 0.0, "CRVAL2": 5.0},
}
CASES = [
    (projection, name) for projection in PROJECTIONS for name, cards in VARIATIONS.items()
    # The fiducial point of conic projections is not on the equator.
    if not (projection in ("COE", "COD", "COP", "BON") and "CRVAL2" in cards)
]


@pytest.mark.parametrize(("projection", "name"), CASES)
def test_the_sky_continues_smoothly_beyond_the_cut(projection, name):
    wcs = on_the_cut(projection, **VARIATIONS[name])
    whole = check_celestial_wcs(wcs)
    y, x = np.indices(SHAPE)
    plain = np.stack(wcs.all_pix2world(x, y, 0))
    lon, lat = pixel_to_sky(whole, x, y)
    known = np.isfinite(plain[0])
    assert 0.2 < known.mean() < 0.8
    np.testing.assert_allclose(lat[known], plain[1][known], atol=1e-9)
    np.testing.assert_allclose((lon[known] - plain[0][known] + 180) % 360 - 180, 0, atol=1e-9)
    # The second differences along rows stay small across the cut: the continuation is smooth.
    vectors = SkyCoord(lon, lat, unit="deg").cartesian.xyz.value
    assert np.abs(np.diff(vectors, n=2, axis=2)).max() < 2e-6
    assert np.isfinite(lon).all()


@pytest.mark.parametrize("projection", ["SFL", "MOL", "AIT", "CAR"])
def test_corners_of_the_whole_sky_stay_off_the_sky(projection):
    wcs = WCS(header_of(projection, 0.0, CDELT1=-2.0, CDELT2=2.0, CRPIX1=100.5, CRPIX2=50.5))
    wcs.array_shape = (100, 200)
    whole = check_celestial_wcs(wcs)
    assert whole is wcs
    y, x = np.indices((100, 200))
    lon, _ = pixel_to_sky(whole, x, y)
    assert np.isnan(lon[0, 0]) and np.isfinite(lon[50, 100])


@pytest.mark.parametrize("crval", [0.0, 90.0, 180.0, 270.0])
def test_whole_sky_plate_carree_with_any_reference(crval):
    """Column i holds RA i to i + 1, wherever the reference point is."""
    wcs = WCS(header_of("CAR", crval, CDELT1=1.0, CDELT2=1.0, CRPIX1=0.5 + crval, CRPIX2=90.5))
    wcs.array_shape = (180, 360)
    ra = np.arange(0.5, 360)
    x, y = sky_to_pixel(check_celestial_wcs(wcs), ra, np.full(360, 5.5))
    np.testing.assert_allclose(x, np.arange(360), atol=1e-9)
    np.testing.assert_allclose(y, 95, atol=1e-9)


def test_pixels_within_the_projection_keep_their_wcs():
    for header in (header_of("CAR", 180.0), header_of("TAN", 180.0, 2.0), header_of("SFL", 170.0)):
        wcs, _ = centered(header, PLACE)
        assert check_celestial_wcs(wcs) is wcs


def test_distortion_beyond_the_cut_is_refused():
    wcs = on_the_cut("CAR")
    header = wcs.to_header()
    header.update({"CTYPE1": "RA---CAR-SIP", "CTYPE2": "DEC--CAR-SIP", "A_ORDER": 2, "B_ORDER": 2,
                   "A_2_0": 1e-6, "B_0_2": 1e-6})
    wcs = WCS(header)
    wcs.array_shape = SHAPE
    with pytest.raises(ValueError, match="distortions whose pixels pass it: move CRVAL"):
        check_celestial_wcs(wcs)


# --- frames ----------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [("HPLN", "HPLT"), ("HGLN", "HGLT"), ("ELON", "ELAT"),
                                   ("HLON", "HLAT"), ("SLON", "SLAT"), ("TLON", "TLAT"),
                                   ("MALN", "MALT")])
def test_other_frames_are_refused(names):
    """Astropy takes the ecliptic and helioecliptic longitudes for right ascensions."""
    cards = {f"CTYPE{i + 1}": f"{name}-TAN" for i, name in enumerate(names)}
    wcs, _ = centered(header_of("TAN", 180.0, 2.0), PLACE)
    wcs.wcs.ctype = list(cards.values())
    with pytest.raises(ValueError, match=f"wcs must be in an equatorial .*{names[0]}-TAN"):
        check_celestial_wcs(wcs)


@pytest.mark.parametrize("radesys", ["GAPPT", "GCRS", "ICRF", "FOO"])
def test_unknown_equatorial_systems_are_refused(radesys):
    wcs, _ = centered(header_of("TAN", 180.0, 2.0, RADESYS=radesys), PLACE)
    with pytest.raises(ValueError, match=f"RADESYS = '{radesys}'.*correct RADESYS"):
        check_celestial_wcs(wcs)


@pytest.mark.parametrize("radesys", ["ICRS", "FK5", "FK4", "FK4-NO-E"])
def test_known_equatorial_systems(radesys):
    wcs, _ = centered(header_of("TAN", 180.0, 2.0, RADESYS=radesys), PLACE)
    assert check_celestial_wcs(wcs) is wcs


def test_linear_axes_are_refused():
    wcs, _ = centered(header_of("TAN", 180.0, 2.0), PLACE)
    wcs.wcs.ctype = ["RA", "DEC"]
    with pytest.raises(ValueError, match="a projection onto the sky.*are linear"):
        check_celestial_wcs(wcs)


def test_singular_matrix():
    wcs, _ = centered(header_of("TAN", 180.0, 2.0), PLACE)
    wcs.wcs.cd = [[1e-3, 1e-3], [1e-3, 1e-3]]
    with pytest.raises(ValueError, match="wcs must be a valid WCS"):
        check_celestial_wcs(wcs)


@pytest.mark.parametrize("side", [2e3, 1e9])
def test_pixels_of_an_absurd_size(side):
    wcs, _ = centered(header_of("TAN", 180.0, 2.0), PLACE)
    wcs.wcs.cd = [[-side, 0], [0, side]]
    with pytest.raises(ValueError, match="wcs must have pixels of at most 1000 deg, not "):
        check_celestial_wcs(wcs)


# --- axes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "axes",
    ["RA DEC FREQ", "DEC RA FREQ", "FREQ RA DEC", "FREQ DEC RA", "RA FREQ DEC", "DEC FREQ RA",
     "STOKES RA FREQ DEC", "RA DEC FREQ STOKES"],
)
def test_axes_in_any_order(axes):
    kinds = {"RA": ("RA---TAN", 180.0, -1 / 60, 31), "DEC": ("DEC--TAN", 2.0, 1 / 60, 23),
             "FREQ": ("FREQ", 1.4e9, 1e6, 1), "STOKES": ("STOKES", 1.0, 1.0, 1)}
    header = fits.Header({"WCSAXES": len(axes.split())})
    for i, name in enumerate(axes.split(), start=1):
        ctype, crval, cdelt, n = kinds[name]
        header.update({f"CTYPE{i}": ctype, f"CRVAL{i}": crval, f"CDELT{i}": cdelt,
                       f"CRPIX{i}": (n + 1) / 2})
    shape = tuple(kinds[name][3] for name in reversed(axes.split()))
    wcs, index = celestial_plane(WCS(header), shape)
    plane = np.empty(shape)[index]
    assert plane.shape == wcs.array_shape and check_celestial_wcs(wcs) is wcs
    latitude_first = axes.index("DEC") < axes.index("RA")
    assert plane.shape == ((31, 23) if latitude_first else (23, 31))
    # One step along the pixel axis of right ascension is one arcminute to the west.
    step = (0, 1) if latitude_first else (1, 0)
    middle = [(n - 1) / 2 for n in wcs.array_shape[::-1]]
    place = wcs.pixel_to_world(middle[0] + step[0], middle[1] + step[1])
    truth = SkyCoord(180, 2, unit="deg").directional_offset_by(270 * u.deg, 1 * u.arcmin)
    assert place.separation(truth).arcsec < 1e-2


def test_several_planes_are_asked_for():
    header = header_of("TAN", 180.0, 2.0, WCSAXES=3, CTYPE3="FREQ", CRVAL3=1.0, CDELT3=1.0)
    with pytest.raises(ValueError, match="of one image, not of 5 planes"):
        celestial_plane(WCS(header), (5, 10, 12))
    wcs, index = celestial_plane(WCS(header), (10, 12))  # the third axis is in the header only
    assert wcs.naxis == 2 and wcs.array_shape == (10, 12) and len(index) == 2


def test_axes_that_are_not_on_the_sky():
    header = header_of("TAN", 180.0, 2.0, WCSAXES=3, CTYPE1="FREQ", CUNIT1="Hz",
                       CTYPE3="RA---TAN", CRVAL3=180.0, CUNIT3="deg")
    with pytest.raises(ValueError, match="celestial along the axes of the image"):
        celestial_plane(WCS(header), (10, 12))


# --- Astropy's common interface --------------------------------------------------------------


def test_sliced_wcs_is_that_of_the_part():
    wcs, _ = centered(header_of("TAN", 180.0, 2.0), PLACE)
    part = NDDataRef(np.zeros(SHAPE), wcs=wcs)[4:20, 10:28]
    low = SlicedLowLevelWCS(wcs, (slice(4, 20), slice(10, 28)))
    for other in (part.wcs, low, HighLevelWCSWrapper(low)):
        plane = check_celestial_wcs(other)
        assert isinstance(plane, PlaneWCS) and plane.array_shape == (16, 18)
        x, y = np.array([0.0, 17.0]), np.array([0.0, 15.0])
        lon, lat = pixel_to_sky(plane, x, y)
        truth = wcs.pixel_to_world(x + 10, y + 4)
        assert SkyCoord(lon, lat, unit="deg").separation(truth).arcsec.max() < 1e-8
        np.testing.assert_allclose(sky_to_pixel(plane, lon, lat), [x, y], atol=1e-8)
        assert plane.slice((slice(2, 9), slice(3, 10))).array_shape == (7, 7)
        copied = pickle.loads(pickle.dumps(plane))
        assert copied.pixel_to_world(3, 4).separation(plane.pixel_to_world(3, 4)).arcsec < 1e-9
    with pytest.raises(ValueError, match="header cannot hold"):
        check_celestial_wcs(low).to_header()


def test_one_axis_and_no_wcs_are_refused():
    wcs, _ = centered(header_of("TAN", 180.0, 2.0), PLACE)
    with pytest.raises(ValueError, match="two-dimensional"):
        check_celestial_wcs(SlicedLowLevelWCS(wcs, (slice(None), 3)))
    with pytest.raises(TypeError, match="another WCS of Astropy's common interface"):
        check_celestial_wcs("image.fits")


def test_gwcs():
    gwcs = pytest.importorskip("gwcs")
    from astropy.coordinates import ICRS
    from astropy.modeling import models as m
    from gwcs.coordinate_frames import CelestialFrame, Frame2D

    turn = (m.Shift(-14.5) & m.Shift(-11.5)) | (m.Scale(-1 / 60) & m.Scale(1 / 60)) | (
        m.Pix2Sky_TAN() | m.RotateNative2Celestial(180, 2, 180))
    wcs = gwcs.WCS([(Frame2D(name="pix", unit=(u.pix, u.pix)), turn),
                    (CelestialFrame(reference_frame=ICRS()), None)])
    with pytest.raises(ValueError, match="set wcs.array_shape"):
        check_celestial_wcs(wcs)
    wcs.array_shape = SHAPE
    plane = check_celestial_wcs(wcs)
    same = WCS(header_of("TAN", 180.0, 2.0, CRPIX1=15.5, CRPIX2=12.5))
    x, y = np.array([0.0, 14.5, 29.0]), np.array([0.0, 11.5, 23.0])
    truth = same.pixel_to_world(x, y)
    lon, lat = pixel_to_sky(plane, x, y)
    assert SkyCoord(lon, lat, unit="deg").separation(truth).arcsec.max() < 1e-6
    np.testing.assert_allclose(sky_to_pixel(plane, lon, lat), [x, y], atol=1e-6)

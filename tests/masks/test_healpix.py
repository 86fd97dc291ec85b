# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""HEALPix and HealSparse masks in every layout, against a disc on the sky and against hpgeom."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import MaskedColumn, Table
from astropy_healpix import HEALPix

from lensmap.grid import tangent_wcs
from lensmap.masks import SkyMask, pixel_mask

hpgeom = pytest.importorskip("hpgeom")

NSIDE = 64
UNSEEN = -1.6375e30
CENTER, RADIUS = SkyCoord(150.0, 2.0, unit="deg"), 3 * u.deg
FRAMES = {"C": "icrs", "G": "galactic", "E": "barycentricmeanecliptic"}

# Positions whose HEALPix pixel lies wholly inside or outside the disc.
_RNG = np.random.default_rng(5)
SKY = CENTER.directional_offset_by(_RNG.uniform(0, 360, 4000) * u.deg,
                                   6 * np.sqrt(_RNG.uniform(0, 1, 4000)) * u.deg)
INSIDE = CENTER.separation(SKY) < RADIUS
SURE = np.abs(CENTER.separation(SKY) - RADIUS) > 0.7 * hpgeom.nside_to_resolution(NSIDE) * u.deg


def disc(system, nested):
    """Return whether the center of each pixel lies in the disc, in a frame and an order."""
    lon, lat = hpgeom.pixel_to_angle(NSIDE, np.arange(12 * NSIDE**2), nest=nested)
    return CENTER.separation(SkyCoord(lon, lat, unit="deg", frame=FRAMES[system])) < RADIUS


def check(source, **options):
    """Check that what is excluded is the disc, as a mask and as a footprint."""
    for exclude, expected in (("inside", INSIDE), ("outside", ~INSIDE)):
        found = SkyMask(source, exclude=exclude, **options).excluded_sky(SKY)
        np.testing.assert_array_equal(found[SURE], expected[SURE])


def write(path, table, **cards):
    hdu = fits.table_to_hdu(table)
    hdu.header.update({"PIXTYPE": "HEALPIX", "NSIDE": NSIDE, "ORDERING": "RING", "COORDSYS": "C",
                       "INDXSCHM": "IMPLICIT"} | cards)
    hdu.name = "MAP"
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, overwrite=True)
    return path


@pytest.mark.parametrize("system", FRAMES)
@pytest.mark.parametrize("order", ["RING", "NESTED"])
@pytest.mark.parametrize("layout", ["column", "rows", "explicit", "partial"])
def test_layouts(tmp_path, system, order, layout):
    inside = disc(system, order == "NESTED")
    cards = {"COORDSYS": system, "ORDERING": order}
    values = inside.astype(np.float32)
    if layout == "column":
        table = Table({"MASK": values})
    elif layout == "rows":  # as healpy writes
        table = Table({"TEMPERATURE": values.reshape(-1, 1024)})
    else:
        pixels = np.flatnonzero(inside)
        pixels = np.append(pixels, np.flatnonzero(~inside)[::50])
        pixels = np.random.default_rng(1).permutation(pixels)
        table = Table({"PIXEL": pixels, "SIGNAL": values[pixels]})
        cards |= {"INDXSCHM": "EXPLICIT"} if layout == "explicit" else {"OBJECT": "PARTIAL"}
    path = write(tmp_path / "m.fits", table, **cards)
    check(path)
    with fits.open(path) as hdus:
        check(hdus)
        check(hdus["MAP"])


@pytest.mark.parametrize("kind", ["UNSEEN", "NaN", "masked", "bool", "uint8", "big-endian"])
def test_pixels_without_a_value_are_off_the_map(tmp_path, kind):
    """A mask that holds UNSEEN elsewhere is that of the file that lists its pixels only."""
    inside = disc("C", False)
    column = {
        "UNSEEN": np.where(inside, 1.0, UNSEEN).astype(np.float32),
        "NaN": np.where(inside, 1.0, np.nan),
        "masked": MaskedColumn(np.ones(inside.size, np.int16), mask=~inside, fill_value=-1),
        "bool": inside, "uint8": inside.astype(np.uint8), "big-endian": inside.astype(">f4"),
    }[kind]
    check(write(tmp_path / "m.fits", Table({"MASK": column})))


def test_weights_bits_and_columns(tmp_path):
    inside = disc("C", False)
    fraction = np.where(inside, 0.9, 0.2)
    path = str(write(tmp_path / "m.fits", Table({"FRAC": fraction, "FLAGS": inside * 6 + 1})))
    check(f"{path}[MAP][FRAC]", above=0.5)
    check(f"{path}[1][flags]", bits=2)
    check(f"{path}[1][flags]", bits="0x6")
    with pytest.raises(ValueError, match=r"several columns.*FRAC, FLAGS; name one.*\[MAP\]\[FLAGS"):
        SkyMask(path)
    with pytest.raises(ValueError, match="no column 'N'; its columns are FRAC, FLAGS"):
        SkyMask(f"{path}[1][N]")
    with pytest.raises(ValueError, match="bits must be given for the column 'FLAGS'"):
        SkyMask(f"{path}[1][FLAGS]")


@pytest.mark.parametrize("system", FRAMES)
@pytest.mark.parametrize("order", ["ring", "nested"])
def test_arrays_with_their_pixelization(system, order):
    inside = disc(system, order == "nested")
    check((inside, HEALPix(NSIDE, order, frame=SkyCoord(0, 0, unit="deg",
                                                        frame=FRAMES[system]).frame)))


def test_pixels_of_a_map(tmp_path):
    wcs = tangent_wcs(CENTER, (60, 60), 6 * u.arcmin)
    values = disc("C", True)
    path = write(tmp_path / "m.fits", Table({"MASK": values}), ORDERING="NESTED")
    y, x = np.indices((60, 60))
    sky = wcs.pixel_to_world(x, y)
    expected = values[hpgeom.angle_to_pixel(NSIDE, sky.ra.deg, sky.dec.deg)]
    np.testing.assert_array_equal(pixel_mask(path, wcs), expected)
    assert 500 < expected.sum() < 3200


@pytest.mark.parametrize(
    ("cards", "words"),
    [
        ({"ORDERING": "NONE"}, "ORDERING of a HEALPix map must be RING or NESTED"),
        ({"NSIDE": 100}, "NSIDE of a HEALPix map must be a power of 2, not 100"),
        ({"NSIDE": 32}, "a HEALPix map of nside 32 must have 12288 pixels"),
        ({"COORDSYS": "X"}, "COORDSYS of a HEALPix map must be C .*, not 'X'"),
    ],
)
def test_headers_that_are_wrong(tmp_path, cards, words):
    path = write(tmp_path / "m.fits", Table({"MASK": disc("C", False)}), **cards)
    with pytest.raises(ValueError, match=f"cannot read the mask file .*{words}"):
        SkyMask(path)


def test_frame_that_is_not_named(tmp_path):
    path = write(tmp_path / "m.fits", Table({"MASK": disc("C", False)}), COORDSYS="")
    with pytest.warns(UserWarning, match="does not name its frame .*equatorial"):
        mask = SkyMask(path)
    assert mask.excluded_sky(CENTER)


def test_a_probability_map_is_no_moc(tmp_path):
    table = Table({"UNIQ": [16, 17], "PROBDENSITY": [0.5, 0.5]})
    write(tmp_path / "m.fits", table, ORDERING="NUNIQ")
    with pytest.raises(ValueError, match="a multi-order map with values, not a MOC"):
        SkyMask(tmp_path / "m.fits")


# --- HealSparse --------------------------------------------------------------------------------


def sparse_map(kind):
    healsparse = pytest.importorskip("healsparse")
    pixels = np.flatnonzero(disc("C", True))
    others = np.flatnonzero(~disc("C", True))[::7]
    options = {"bool": {"dtype": bool}, "packed": {"dtype": bool, "bit_packed": True},
               "wide": {"dtype": healsparse.WIDE_MASK, "wide_mask_maxbits": 20}}.get(kind)
    dtype = {"int": np.int16, "flags": np.int32, "weight": np.float32}.get(kind)
    sparse = healsparse.HealSparseMap.make_empty(16, NSIDE, **(options or {"dtype": dtype}))
    if kind in ("bool", "packed"):
        sparse[pixels] = True
    elif kind == "wide":
        sparse.set_bits_pix(pixels, [3, 17])
        sparse.set_bits_pix(others, [5])
    else:
        one, zero = {"int": (1, 0), "flags": (6, 1), "weight": (0.9, 0.2)}[kind]
        sparse[pixels] = np.full(len(pixels), one, dtype)
        sparse[others] = np.full(len(others), zero, dtype)
    return sparse


@pytest.mark.parametrize(
    ("kind", "options"),
    [("bool", {}), ("packed", {}), ("int", {}), ("flags", {"bits": "1,2"}),
     ("weight", {"above": 0.5}), ("wide", {"bits": 17}), ("wide", {"bits": "0x8"})],
)
@pytest.mark.parametrize("name", ["m.hs", "m.fits", "m.hsp"])
def test_healsparse(tmp_path, kind, options, name):
    sparse = sparse_map(kind)
    sparse.write(str(tmp_path / name))
    check(sparse, **options)
    check(tmp_path / name, **options)


@pytest.mark.parametrize("kind", ["flags", "wide"])
def test_flags_of_healsparse_are_asked_for(kind):
    with pytest.raises(ValueError, match="bits must be given for the HealSparse map"):
        SkyMask(sparse_map(kind))


def test_healsparse_without_its_package(tmp_path, monkeypatch):
    import sys

    sparse_map("bool").write(str(tmp_path / "m.hs"))
    monkeypatch.setitem(sys.modules, "healsparse", None)
    with pytest.raises(ImportError, match=r"a HealSparse mask needs .*pip install healsparse"):
        SkyMask(tmp_path / "m.hs")

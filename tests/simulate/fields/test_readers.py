# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Files of public simulations, written here in their own forms."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from lenses import tangent_wcs

from lensmap import ConvergenceMap
from lensmap.simulate import (
    LensingField,
    read_field,
    read_kappatng,
    read_lenstools,
    read_massivenus,
)

N = 16
KAPPA = np.random.default_rng(1).normal(0, 0.03, (N, N))


def _fits(path, values=KAPPA, **cards):
    hdu = fits.PrimaryHDU(np.asarray(values, dtype=np.float32))
    hdu.header.update(cards)
    hdu.writeto(path)
    return path


def _binary(path, values=KAPPA, before=N, after=N):
    with open(path, "wb") as file:
        np.array([before], "<i4").tofile(file)
        values.astype("<f8").tofile(file)
        np.array([after], "<i4").tofile(file)
    return path


def _hdf5(path, planes=(1, 23, 40)):
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        file.attrs["about"] = "test"
        for plane in planes:
            file[f"z{plane:02d}/kappa"] = plane * KAPPA
        file.create_group("header")
    return path


def _check(field, values, side, z_source):
    assert isinstance(field, LensingField)
    np.testing.assert_allclose(field.kappa.data, values, rtol=1e-6)
    assert field.kappa.pixel_scale.to_value(u.arcmin) == pytest.approx(side * 60 / N, rel=1e-5)
    assert field.z_source == z_source and len(field.halos) == 0
    middle = field.wcs.pixel_to_world((N - 1) / 2, (N - 1) / 2)
    assert middle.separation(SkyCoord(180, 0, unit="deg")) < 1e-6 * u.deg
    expected = LensingField.from_kappa(field.kappa).gamma
    np.testing.assert_array_equal(field.gamma, expected)


def test_massivenus(tmp_path):
    path = _fits(tmp_path / "WLconv_z2.50_0001r.fits", ANGLE=3.5)
    field = read_massivenus(path)
    _check(field, KAPPA, 3.5, 2.5)
    assert field.gamma.dtype == np.complex64
    assert read_massivenus(path, z_source=1.0).z_source == 1.0
    other = _fits(tmp_path / "map.fits", ANGLE=3.5)
    with pytest.raises(ValueError, match="z_source must be given: .* no redshift, as 'WLconv"):
        read_massivenus(other)
    assert read_massivenus(other, z_source=0.5).z_source == 0.5


def test_lenstools(tmp_path):
    path = _fits(tmp_path / "map.fits", ANGLE=2.0)
    _check(read_lenstools(path), KAPPA, 2.0, None)
    assert read_lenstools(path, z_source=1).z_source == 1.0
    bare = _fits(tmp_path / "bare.fits")
    with pytest.raises(ValueError, match="width must be given: .* has no keyword ANGLE"):
        read_lenstools(bare)
    _check(read_lenstools(bare, width=2 * u.deg), KAPPA, 2.0, None)
    oblong = _fits(tmp_path / "oblong.fits", KAPPA[:8], ANGLE=2.0)
    with pytest.raises(ValueError, match=r"width must be left out .* not square: .* \(8, 16\)"):
        read_lenstools(oblong)
    with pytest.raises(ValueError, match="must be a two-dimensional"):
        read_lenstools(_fits(tmp_path / "cube.fits", np.zeros((2, 3, 4)), ANGLE=2.0))
    (tmp_path / "text.fits").write_text("nothing")
    with pytest.raises(ValueError, match="because it is not a FITS file"):
        read_lenstools(tmp_path / "text.fits")
    fits.PrimaryHDU().writeto(tmp_path / "empty.fits")
    with pytest.raises(ValueError, match="holds no image"):
        read_lenstools(tmp_path / "empty.fits")


def test_kappatng_hdf5(tmp_path):
    path = _hdf5(tmp_path / "run001.hdf5")
    _check(read_kappatng(path, source_plane=23), 23 * KAPPA, 5.0, 1.034)
    _check(read_kappatng(path, source_plane=40), 40 * KAPPA, 5.0, None)
    assert read_kappatng(path, source_plane=40, z_source=2.568).z_source == 2.568
    with pytest.raises(ValueError, match="not 7: the file has the source planes 1, 23, 40"):
        read_kappatng(path, source_plane=7)
    with pytest.raises(ValueError, match="source_plane must be the number .* planes 1, 23, 40"):
        read_kappatng(path)
    _check(read_kappatng(_hdf5(tmp_path / "one.h5", (23,))), 23 * KAPPA, 5.0, 1.034)
    with pytest.raises(ValueError, match="the file has no source plane"):
        read_kappatng(_hdf5(tmp_path / "none.h5", ()), source_plane=23)
    (tmp_path / "text.h5").write_text("nothing")
    with pytest.raises(ValueError, match="cannot be opened as HDF5"):
        read_kappatng(tmp_path / "text.h5", source_plane=23)
    with pytest.raises(ValueError, match="source_plane must be at least 1, not 0"):
        read_kappatng(path, source_plane=0)


def test_kappatng_binary(tmp_path):
    _check(read_kappatng(_binary(tmp_path / "kappa23.dat")), KAPPA, 5.0, 1.034)
    path = _binary(tmp_path / "kappa30.dat")
    _check(read_kappatng(path), KAPPA, 5.0, None)
    _check(read_kappatng(path, source_plane=23), KAPPA, 5.0, 1.034)
    cut = tmp_path / "cut.dat"
    cut.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="or it is truncated: .* 16 pixels.*2056 bytes.* 1956"):
        read_kappatng(cut)
    (tmp_path / "empty.dat").write_bytes(b"")
    with pytest.raises(ValueError, match="truncated: its first number gives 0 pixels"):
        read_kappatng(tmp_path / "empty.dat")
    with pytest.raises(ValueError, match="first and last number .* are 16 and 17"):
        read_kappatng(_binary(tmp_path / "other.dat", after=17))


def test_any_array(tmp_path):
    _check(read_field(KAPPA, width=2 * u.deg, z_source=1.0), KAPPA, 2.0, 1.0)
    _check(read_field(KAPPA, pixel_scale="7.5 arcmin"), KAPPA, 2.0, None)
    np.save(tmp_path / "a.npy", KAPPA)
    _check(read_field(tmp_path / "a.npy", width="2 deg"), KAPPA, 2.0, None)
    _check(read_field(str(_fits(tmp_path / "a.fits", ANGLE=2.0))), KAPPA, 2.0, None)
    _check(read_field(_fits(tmp_path / "b.fits"), width="2 deg"), KAPPA, 2.0, None)
    oblong = read_field(KAPPA[:8], pixel_scale=1 * u.arcmin, center=SkyCoord(10, 60, unit="deg"))
    assert oblong.shape == (8, 16)
    middle = oblong.wcs.pixel_to_world(7.5, 3.5)
    assert middle.ra.deg == pytest.approx(10) and middle.dec.deg == pytest.approx(60)
    whole = read_field((100 * KAPPA).astype(int), width="1 deg")
    assert whole.gamma.dtype == np.complex128


def test_a_file_with_a_place_on_the_sky_keeps_it(tmp_path):
    wcs = tangent_wcs(SkyCoord(30, 40, unit="deg"), (N, N), 0.7, angle=30)
    ConvergenceMap(KAPPA, wcs=wcs).write(tmp_path / "a.fits")
    field = read_field(tmp_path / "a.fits", z_source=1)
    at = field.wcs.pixel_to_world(3, 4)
    assert at.separation(wcs.pixel_to_world(3, 4)) < 1e-6 * u.arcsec
    with pytest.raises(ValueError, match="center must be None .* use LensingField.to_wcs"):
        read_field(tmp_path / "a.fits", center=SkyCoord(0, 0, unit="deg"))


def test_files_with_a_place_on_the_sky_are_maps_of_square_pixels(tmp_path):
    wcs = tangent_wcs(SkyCoord(30, 40, unit="deg"), (N, N), 0.7)
    header = wcs.to_header()
    fits.PrimaryHDU(KAPPA[None], header).writeto(tmp_path / "cube.fits")
    with pytest.raises(ValueError, match=r"cube.fits' must be a two-.* shape \(1, 16, 16"):
        read_field(tmp_path / "cube.fits")
    header["CDELT1"] *= 2
    fits.PrimaryHDU(KAPPA, header).writeto(tmp_path / "wide.fits")
    with pytest.raises(ValueError, match="a factor of 2: reproject the map"):
        read_field(tmp_path / "wide.fits")


@pytest.mark.parametrize("shape", [(1, 1), (1, 16), (16, 1)])
def test_field_without_shear(shape, tmp_path):
    path = _fits(tmp_path / "row.fits", np.ones(shape))
    with pytest.raises(ValueError, match=r"row.fits' must have at least 2 x 2 pixels, not the"):
        read_field(path, z_source=1, pixel_scale=1 * u.arcmin)


def test_periodic_maps():
    field = read_field(KAPPA, width="1 deg", padding=1)
    np.testing.assert_array_equal(
        field.gamma, LensingField.from_kappa(field.kappa, padding=1).gamma
    )


def test_what_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(ValueError, match="width must be left out if pixel_scale is given"):
        read_field(KAPPA, width="1 deg", pixel_scale="1 arcmin")
    message = "pixel_scale must be given, or width: the map has no celestial WCS"
    with pytest.raises(ValueError, match=message):
        read_field(KAPPA)
    with pytest.raises(ValueError, match="c.fits' has no celestial WCS"):
        read_field(_fits(tmp_path / "c.fits"))
    with pytest.raises(TypeError, match="width must be an angle with a unit"):
        read_field(KAPPA, width=2)
    with pytest.raises(TypeError, match="pixel_scale must be an angle with a unit"):
        read_field(KAPPA, pixel_scale=2)
    with pytest.raises(ValueError, match=r"the map must be a two-dim.* of the shape \(16,\)"):
        read_field(KAPPA[0], width="1 deg")
    with pytest.raises(TypeError, match="values of the map must be real numbers, not complex128"):
        read_field(KAPPA + 0j, width="1 deg")
    with pytest.raises(TypeError, match="center must be a SkyCoord of one position, or None"):
        read_field(KAPPA, width="1 deg", center=(10, 20))
    (tmp_path / "a.npy").write_text("nothing")
    with pytest.raises(ValueError, match="cannot read the map in NumPy's .npy format"):
        read_field(tmp_path / "a.npy", width="1 deg")
    for read in (read_field, read_lenstools, read_massivenus, read_kappatng):
        with pytest.raises(FileNotFoundError, match="there is no file"):
            read(tmp_path / "WLconv_z1.00_0001r.fits")

# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Fields: shear from convergence, other places on the sky, files whole or not at all."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import QTable
from astropy.wcs import Sip
from lenses import NFW, ORIENTATIONS, pixel_sky, shear_of, tangent_wcs

from lensmap import ConvergenceMap
from lensmap.cosmology import SourceRedshifts
from lensmap.halos import halo_table
from lensmap.simulate import LensingField

CENTER = SkyCoord(150, 2, unit="deg")
SHAPE = (24, 30)
WCS = tangent_wcs(CENTER, SHAPE, 0.5)
HALOS = halo_table(
    SkyCoord([150.01, 149.95], [2.02, 1.97], unit="deg"),
    [0.3, 0.5],
    [1e14, 3e14] * u.solMass,
    [4.0, 3.5],
    [0.1, 0.0],
    [30, 0] * u.deg,
)
SUFFIXES = (".fits", ".fits.gz", ".h5", ".hdf5")


def _kappa(seed=1, mask=None, wcs=WCS, dtype=float):
    values = np.random.default_rng(seed).normal(0.01, 0.05, wcs.array_shape).astype(dtype)
    return ConvergenceMap(values, wcs=wcs, mask=mask, meta={"origin": "test"})


def test_a_field_is_unpacked_as_convergence_and_halos():
    field = LensingField.from_kappa(_kappa(), halos=HALOS, z_source=1)
    kappa, halos = field
    assert kappa is field.kappa and len(halos) == 2
    assert field.z_source == 1.0 and field.shape == SHAPE
    assert "24 x 30 pixels; 2 halos; z_source=1.0" in repr(field)
    with pytest.raises(AttributeError):
        field.z_source = 2


def test_the_shear_of_a_wave_is_known():
    # kappa = cos(k x) has gamma1 = kappa; along y gamma1 = -kappa, on the diagonal gamma2 = kappa
    n = 32
    wcs = tangent_wcs(CENTER, (n, n), 0.5)
    y, x = np.indices((n, n)) * 2 * np.pi / n
    for wave, factor in ((2 * x, 1), (3 * y, -1), (2 * x + 2 * y, 1j)):
        field = LensingField.from_kappa(ConvergenceMap(np.cos(wave), wcs=wcs), padding=1)
        np.testing.assert_allclose(field.gamma, factor * np.cos(wave), atol=1e-12)


def test_a_constant_makes_no_shear_and_masked_pixels_are_the_mean():
    constant = ConvergenceMap(np.full(SHAPE, 0.3), wcs=WCS)
    np.testing.assert_allclose(LensingField.from_kappa(constant).gamma, 0, atol=1e-12)
    mask = np.zeros(SHAPE, dtype=bool)
    mask[3:9, 4:8] = True
    field = LensingField.from_kappa(_kappa(mask=mask))
    filled = np.where(mask, _kappa().data[~mask].mean(), _kappa().data)
    expected = LensingField.from_kappa(ConvergenceMap(filled, wcs=WCS)).gamma
    np.testing.assert_allclose(field.gamma, expected, atol=1e-12)
    assert np.isnan(field.reduced_shear[mask]).all()
    assert np.isfinite(field.reduced_shear[~mask]).all()


def test_precision_is_kept():
    assert LensingField.from_kappa(_kappa(dtype=np.float32)).gamma.dtype == np.complex64
    assert LensingField.from_kappa(_kappa()).gamma.dtype == np.complex128


def test_reduced_shear():
    field = LensingField.from_kappa(_kappa())
    np.testing.assert_allclose(field.reduced_shear * (1 - field.kappa.data), field.gamma)


@pytest.mark.parametrize("orientation", ORIENTATIONS.values(), ids=ORIENTATIONS)
def test_the_shear_of_a_cluster_is_the_analytic_one(orientation):
    wcs = tangent_wcs(CENTER, (128, 128), 0.5, **orientation)
    lens, position = NFW(0.1, 4.0), SkyCoord(150.1, 2.06, unit="deg")
    sky = pixel_sky(wcs)
    gamma, kappa = shear_of(sky, [(position, lens)])
    field = LensingField.from_kappa(ConvergenceMap(kappa.reshape(128, 128), wcs=wcs))
    # The tests' own way from the pixel basis to the sky: the direction of +x at each pixel.
    y, x = np.indices((128, 128))
    ahead = wcs.pixel_to_world(x.ravel() + 0.5, y.ravel()).icrs
    behind = wcs.pixel_to_world(x.ravel() - 0.5, y.ravel()).icrs
    phi = np.pi / 2 - behind.position_angle(ahead).rad
    found = field.gamma.ravel()
    right_handed = orientation.get("flip", False)
    found = (found if right_handed else found.conj()) * np.exp(2j * phi)
    theta = sky.separation(position).to_value(u.arcmin)
    ring = (theta > 3) & (theta < 15)
    assert np.abs(gamma[ring]).max() > 0.04
    np.testing.assert_allclose(found[ring], gamma[ring], atol=3e-3)


def test_the_same_pixels_elsewhere():
    field = LensingField.from_kappa(_kappa(), halos=HALOS, z_source=1)
    x, y = WCS.world_to_pixel(field.halo_positions)
    for center in (SkyCoord(0, 75, unit="deg"), SkyCoord(30, -89.9, unit="deg")):
        for orientation in ORIENTATIONS.values():
            wcs = tangent_wcs(center, SHAPE, 0.505, **orientation)
            moved = field.to_wcs(wcs)
            np.testing.assert_array_equal(moved.gamma, field.gamma)
            np.testing.assert_array_equal(moved.kappa.data, field.kappa.data)
            np.testing.assert_allclose(wcs.world_to_pixel(moved.halo_positions), (x, y), atol=1e-6)
            assert moved.kappa.meta == field.kappa.meta and moved.z_source == 1
    assert len(LensingField.from_kappa(_kappa()).to_wcs(WCS).halos) == 0


def test_other_pixels_are_refused():
    field = LensingField.from_kappa(_kappa())
    with pytest.raises(ValueError, match=r"array_shape of the field, \(24, 30.* not \(30, 24"):
        field.to_wcs(tangent_wcs(CENTER, (30, 24), 0.5))
    with pytest.raises(ValueError, match="pixels of 0.5 arcmin, .* not 0.52 arcmin"):
        field.to_wcs(tangent_wcs(CENTER, SHAPE, 0.52))
    with pytest.raises(TypeError, match="wcs must be an astropy.wcs.WCS"):
        field.to_wcs("here")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    "z_source", [None, 1.5, SourceRedshifts.smail(0.3, 1.2)], ids=["none", "one", "many"]
)
@pytest.mark.parametrize("halos", [None, HALOS], ids=["no halos", "halos"])
def test_what_is_written_comes_back(tmp_path, suffix, z_source, halos):
    mask = np.zeros(SHAPE, dtype=bool)
    mask[2, 3] = True
    field = LensingField.from_kappa(_kappa(mask=mask), z_source=z_source, halos=halos)
    path = tmp_path / f"field{suffix}"
    field.write(path)
    again = LensingField.read(path)
    np.testing.assert_array_equal(again.kappa.data, field.kappa.data)
    np.testing.assert_array_equal(again.kappa.mask, mask)
    np.testing.assert_array_equal(again.gamma, field.gamma)
    assert again.gamma.dtype == field.gamma.dtype
    assert again.kappa.meta == field.kappa.meta
    assert again.wcs.wcs.compare(field.wcs.wcs, tolerance=1e-12)
    assert again.halos.colnames == field.halos.colnames and len(again.halos) == len(field.halos)
    for name in field.halos.colnames:
        assert np.all(again.halos[name] == field.halos[name])
    if isinstance(z_source, SourceRedshifts):
        np.testing.assert_allclose(again.z_source.pdf, z_source.pdf)
    else:
        assert again.z_source == z_source
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_single_precision_files(tmp_path, suffix):
    field = LensingField.from_kappa(_kappa())
    field.write(tmp_path / f"a{suffix}", dtype="float32")
    again = LensingField.read(tmp_path / f"a{suffix}")
    assert again.gamma.dtype == np.complex64 and again.kappa.data.dtype == np.float32
    np.testing.assert_allclose(again.gamma, field.gamma, rtol=1e-5, atol=1e-8)
    with pytest.raises(ValueError, match="dtype must be one of None, 'float32', 'float64'"):
        field.write(tmp_path / f"b{suffix}", dtype="float16")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_further_columns_of_halos_come_along(tmp_path, suffix):
    halos = QTable(HALOS)
    halos["name"], halos["members"], halos["r200c"] = ["a", "bc"], [30, 12], [1.0, 1.5] * u.Mpc
    LensingField.from_kappa(_kappa(), halos=halos).write(tmp_path / f"a{suffix}")
    again = LensingField.read(tmp_path / f"a{suffix}").halos
    assert again["name"].tolist() == ["a", "bc"] and again["members"].tolist() == [30, 12]
    assert again["r200c"].unit == u.Mpc and again["r200c"].value.tolist() == [1.0, 1.5]
    assert again.colnames == [*HALOS.colnames, "name", "members", "r200c"]


def test_hdf5_cannot_hold_distortions(tmp_path):
    wcs = WCS.deepcopy()
    a = np.zeros((3, 3))
    a[2, 0] = 1e-4
    wcs.wcs.ctype = ["RA---TAN-SIP", "DEC--TAN-SIP"]
    wcs.sip = Sip(a, a, None, None, wcs.wcs.crpix)
    field = LensingField.from_kappa(ConvergenceMap(np.zeros(SHAPE), wcs=wcs))
    with pytest.raises(ValueError, match="distortions, which lensmap cannot write to HDF5"):
        field.write(tmp_path / "a.h5")
    field.write(tmp_path / "a.fits")
    assert [path.name for path in tmp_path.iterdir()] == ["a.fits"]


def test_others_read_the_fits_file(tmp_path):
    field = LensingField.from_kappa(_kappa(), halos=HALOS, z_source=1.5)
    field.write(tmp_path / "a.fits")
    np.testing.assert_array_equal(ConvergenceMap.read(tmp_path / "a.fits").data, field.kappa.data)
    with fits.open(tmp_path / "a.fits", checksum=True) as hdus:
        assert hdus[0].header["ZSRC"] == 1.5 and hdus["GAMMA1"].header["BASIS"] == "PIXEL"
        np.testing.assert_array_equal(hdus["GAMMA2"].data, field.gamma.imag)
        assert hdus["HALOS"].columns.names[:2] == ["ra", "dec"]
        assert hdus["HALOS"].columns["m200c"].unit == "solMass"
        hdus.verify("exception")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_files_are_whole_or_not_there(tmp_path, suffix, monkeypatch):
    field = LensingField.from_kappa(_kappa())
    path = tmp_path / f"a{suffix}"
    field.write(path)
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="overwrite=True replaces it"):
        field.write(path)
    monkeypatch.setattr("os.replace", lambda *names: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        field.write(path, overwrite=True)
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_files_of_another_kind_are_refused(tmp_path):
    kappa = _kappa()
    kappa.write(tmp_path / "kappa.fits")
    with pytest.raises(ValueError, match="holds no shear, .* by LensingField.from_kappa"):
        LensingField.read(tmp_path / "kappa.fits")
    (tmp_path / "a.h5").write_text("nothing")
    with pytest.raises(ValueError, match="cannot be opened as HDF5"):
        LensingField.read(tmp_path / "a.h5")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        LensingField.read(tmp_path / "b.h5")
    with pytest.raises(ValueError, match="path must end in one of .fits, .*, not 'a.txt'"):
        LensingField.from_kappa(kappa).write(tmp_path / "a.txt")
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file["other"] = 1
    with pytest.raises(ValueError, match="holds no shear"):
        LensingField.read(tmp_path / "c.h5")


def test_wrong_parts_are_refused():
    kappa = _kappa()
    gamma = np.zeros(SHAPE, dtype=complex)
    with pytest.raises(TypeError, match="kappa must be a ConvergenceMap, not ndarray"):
        LensingField(kappa.data, gamma)
    with pytest.raises(TypeError, match="gamma must be an array of complex"):
        LensingField(kappa, gamma.real)
    with pytest.raises(ValueError, match=r"gamma must have the shape of kappa, .* not \(30, 24"):
        LensingField(kappa, gamma.T)
    with pytest.raises(ValueError, match="gamma must be finite"):
        LensingField(kappa, gamma * np.nan)
    with pytest.raises(ValueError, match="z_source must be between 0.001 and 100, .*, not -1"):
        LensingField(kappa, gamma, z_source=-1)
    with pytest.raises(TypeError, match="z_source must be a number"):
        LensingField(kappa, gamma, z_source="1")
    with pytest.raises(ValueError, match="padding must be a number of at least 1, not 0.5"):
        LensingField.from_kappa(kappa, padding=0.5)
    with pytest.raises(TypeError, match="kappa must be a ConvergenceMap, not ndarray"):
        LensingField.from_kappa(kappa.data)
    with pytest.raises(ValueError, match="every pixel of kappa is masked"):
        LensingField.from_kappa(_kappa(mask=np.ones(SHAPE, dtype=bool)))


def test_tables_of_halos():
    sky = SkyCoord([10, 11], [1, 2], unit="deg")
    table = QTable(HALOS)
    table.remove_columns(["ra", "dec"])
    table["position"], table["name"] = sky.galactic, ["a", "b"]
    field = LensingField.from_kappa(_kappa(), halos=table)
    np.testing.assert_allclose(field.halos["ra"].value, [10, 11])
    assert field.halos.colnames == [*HALOS.colnames, "name"]
    assert "position" in table.colnames  # the user's own table stays as it is
    with pytest.raises(ValueError, match="the table lacks redshift, m200c"):
        LensingField.from_kappa(_kappa(), halos=QTable({"ra": [1], "dec": [1]}))
    with pytest.raises(TypeError, match="halos must be an astropy Table or None, not dict"):
        LensingField.from_kappa(_kappa(), halos={})


def test_pixels_that_are_no_squares_are_refused():
    wcs = tangent_wcs(CENTER, (24, 30), 1.0)
    wide = wcs.deepcopy()
    wide.wcs.cdelt = [-2 / 60, 1 / 60]
    with pytest.raises(ValueError, match="kappa must have square pixels, .* factor of 2:"):
        LensingField.from_kappa(ConvergenceMap(np.zeros((24, 30)), wcs=wide))
    field = LensingField.from_kappa(ConvergenceMap(np.zeros((24, 30)), wcs=wcs))
    skew = wcs.deepcopy()
    skew.wcs.cdelt = [-0.5 / 60, 2 / 60]  # of the same area
    with pytest.raises(ValueError, match="wcs must have square pixels, .* factor of 4:"):
        field.to_wcs(skew)

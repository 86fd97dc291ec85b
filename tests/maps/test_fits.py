# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The FITS form: what is written comes back, whole or not at all, and others can read it."""

import tempfile
import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import CCDData, StdDevUncertainty, VarianceUncertainty
from astropy.wcs import WCS, DistortionLookupTable, FITSFixedWarning, Sip
from denied_files import deny_new_files
from hypothesis import given, settings
from hypothesis import strategies as st

from lensmap import ConvergenceMap
from lensmap.utils import LensmapWarning

SHAPE = (12, 17)
META = {
    "estimator": "Test",
    "convention": "euclidean",
    "n_galaxies": np.int64(42),
    "parameters": {"smoothing": "0.6 arcmin", "deep": {"list": [1, None, 2.5], "yes": True}},
    "nothing": None,
    "number": -1e-300,
    "text with 'quotes', Ümläut and \"more\"": "κ",
}


def make_wcs(projection="TAN", axes=("RA", "DEC")):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"{name:-<5}{projection}" for name in axes]
    wcs.wcs.crval = [150.123456789012, 2.2]
    wcs.wcs.crpix = [7.3, 5.1]
    c, s = np.cos(0.4), np.sin(0.4)
    wcs.wcs.cd = np.array([[-c, s], [s, c]]) * 0.01 / 3
    wcs.array_shape = SHAPE
    return wcs


def make_sip():
    wcs = make_wcs()
    wcs.wcs.ctype = ["RA---TAN-SIP", "DEC--TAN-SIP"]
    a = np.zeros((3, 3))
    a[2, 0], a[1, 1] = 2e-3, 1e-3
    wcs.sip = Sip(a, a.T.copy(), None, None, wcs.wcs.crpix)
    return wcs


def make_tpv():
    wcs = make_wcs("TPV")
    wcs.wcs.set_pv([(1, 1, 1.01), (1, 4, 0.5), (2, 1, 0.99)])
    return wcs


WCS_OF_ALL_KINDS = {
    "TAN": make_wcs(),
    "SIP": make_sip(),
    "TPV": make_tpv(),
    "ZEA": make_wcs("ZEA"),
    "CAR": make_wcs("CAR"),
    "galactic": make_wcs("TAN", ("GLON", "GLAT")),
}


def make_map(wcs=None, meta=META):
    rng = np.random.default_rng(1)
    mask = np.zeros(SHAPE, dtype=bool)
    mask[4:6, 3:9] = True
    return ConvergenceMap(
        rng.normal(size=SHAPE), wcs=make_wcs() if wcs is None else wcs, mask=mask, meta=meta,
        uncertainty=rng.uniform(1, 2, SHAPE), kappa_b=rng.normal(size=SHAPE),
        counts=rng.poisson(3, SHAPE),
    )


def assert_same(one, other):
    for name in ("data", "mask", "kappa_b", "counts"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    assert isinstance(one.uncertainty, StdDevUncertainty)
    np.testing.assert_array_equal(one.uncertainty.array, other.uncertainty.array)
    assert one.unit == other.unit == u.dimensionless_unscaled
    assert one.meta == other.meta
    assert type(one.wcs) is WCS and one.wcs.array_shape == other.wcs.array_shape
    ny, nx = other.shape
    y, x = np.array([0, 0, ny - 1, ny - 1]), np.array([0, nx - 1, 0, nx - 1])
    apart = one.wcs.pixel_to_world(x, y).separation(other.wcs.pixel_to_world(x, y))
    assert (apart < 1e-5 * u.arcsec).all()


class TestRoundTrip:
    @pytest.mark.parametrize("kind", WCS_OF_ALL_KINDS)
    @pytest.mark.parametrize("suffix", [".fits", ".fits.gz"])
    def test_every_projection(self, kind, suffix, tmp_path):
        kappa = make_map(WCS_OF_ALL_KINDS[kind])
        path = tmp_path / f"k{suffix}"
        kappa.write(path)
        assert_same(ConvergenceMap.read(path), kappa)
        with open(path, "rb") as file:
            assert (file.read(2) == b"\x1f\x8b") == (suffix == ".fits.gz")

    @settings(max_examples=25)  # each writes a file
    @given(
        y=st.tuples(st.integers(0, SHAPE[0] - 1), st.integers(1, SHAPE[0])),
        x=st.tuples(st.integers(0, SHAPE[1] - 1), st.integers(1, SHAPE[1])),
        kind=st.sampled_from(sorted(WCS_OF_ALL_KINDS)),
    )
    def test_slice_write_read(self, y, x, kind):
        view = np.s_[y[0] : y[0] + y[1], x[0] : x[0] + x[1]]
        kappa = make_map(WCS_OF_ALL_KINDS[kind])
        with tempfile.TemporaryDirectory() as folder:
            kappa[view].write(f"{folder}/k.fits")
            part = ConvergenceMap.read(f"{folder}/k.fits")
        assert_same(part, kappa[view])
        place = kappa.wcs.pixel_to_world(x[0], y[0])
        assert place.separation(part.wcs.pixel_to_world(0, 0)) < 1e-5 * u.arcsec

    def test_a_map_minus_its_file(self, tmp_path):
        # A header keeps 14 digits: the WCS is not the same to the last bit.
        kappa = ConvergenceMap(np.ones(SHAPE), wcs=make_wcs())
        kappa.write(tmp_path / "k.fits")
        assert not (kappa - ConvergenceMap.read(tmp_path / "k.fits")).data.any()

    def test_kappa_alone(self, tmp_path):
        kappa = ConvergenceMap(np.ones(SHAPE, dtype=np.float32), wcs=make_wcs())
        kappa.write(tmp_path / "k.fits")
        again = ConvergenceMap.read(tmp_path / "k.fits")
        assert again.kappa_b is again.uncertainty is again.counts is None
        assert again.data.dtype == np.float32 and again.data.dtype.isnative
        assert not again.mask.any() and again.meta == {}

    @pytest.mark.parametrize(
        "meta",
        [
            {"estimator": None, "n_galaxies": None, "parameters": None, "convention": None},
            {"estimator": "Schätzer" * 20, "n_galaxies": "many", "parameters": [1]},
        ],
    )
    def test_meta_of_any_kind(self, meta, tmp_path):
        make_map(meta=meta).write(tmp_path / "k.fits")
        assert ConvergenceMap.read(tmp_path / "k.fits").meta == meta

    def test_what_json_does_not_know_becomes_text(self, tmp_path):
        meta = {"array": np.arange(3), "angle": 2 * u.deg, "odd": {(1, 2): 3}, 7: "seven"}
        make_map(meta=meta).write(tmp_path / "k.fits")
        assert ConvergenceMap.read(tmp_path / "k.fits").meta == {
            "array": [0, 1, 2], "angle": "2.0 deg", "odd": "{(1, 2): 3}", "7": "seven"
        }


class TestForOthers:
    @pytest.fixture
    def path(self, tmp_path):
        make_map().write(tmp_path / "k.fits")
        return tmp_path / "k.fits"

    def test_extensions(self, path):
        with fits.open(path, checksum=True) as hdus:  # a wrong checksum would warn
            assert [hdu.name for hdu in hdus] == [
                "PRIMARY", "KAPPA_B", "UNCERT", "MASK", "COUNTS", "META"
            ]
            for hdu in hdus[:-1]:
                assert hdu.data.shape == SHAPE
                assert hdu.header["BUNIT"] == ""
                assert WCS(hdu.header).has_celestial
                assert "CHECKSUM" in hdu.header and "DATASUM" in hdu.header
            assert hdus["MASK"].data.dtype == np.uint8
            np.testing.assert_array_equal(hdus["MASK"].data == 1, make_map().mask)
            header = hdus[0].header
            assert (header["ESTIMATR"], header["CONVENTN"], header["NGAL"], header["SMOOTH"]) == (
                "Test", "euclidean", 42, "0.6 arcmin"
            )

    def test_the_file_meets_the_standard(self, path):
        with fits.open(path) as hdus:
            hdus.verify("exception")

    def test_plain_fits_and_wcs(self, path):
        kappa = make_map()
        data, header = fits.getdata(path), fits.getheader(path)
        np.testing.assert_array_equal(data, kappa.data)
        place = kappa.wcs.pixel_to_world(11, 3)
        np.testing.assert_allclose(WCS(header).world_to_pixel(place), (11, 3), atol=1e-6)

    def test_ccddata(self, path):
        kappa = make_map()
        image = CCDData.read(path)
        assert image.unit == u.dimensionless_unscaled
        np.testing.assert_array_equal(image.mask, kappa.mask)
        assert isinstance(image.uncertainty, StdDevUncertainty)
        np.testing.assert_array_equal(image.uncertainty.array, kappa.uncertainty.array)
        place = SkyCoord(150.13, 2.21, unit="deg")
        np.testing.assert_allclose(
            image.wcs.world_to_pixel(place), kappa.wcs.world_to_pixel(place), atol=1e-6
        )


def write_image(path, *, bunit=None, shape=SHAPE, wcs=True, extension=False):
    header = make_wcs().to_header() if wcs else fits.Header()
    if bunit is not None:
        header["BUNIT"] = bunit
    hdu = (fits.ImageHDU if extension else fits.PrimaryHDU)(np.ones(shape, ">f4"), header)
    fits.HDUList([fits.PrimaryHDU(), hdu] if extension else [hdu]).writeto(path)
    return path


class TestReadingOtherFiles:
    @pytest.mark.parametrize("bunit", [None, "", "1", "dimensionless"])
    def test_dimensionless_in_other_words(self, bunit, tmp_path):
        kappa = ConvergenceMap.read(write_image(tmp_path / "k.fits", bunit=bunit))
        assert kappa.unit == u.dimensionless_unscaled and (kappa.data == 1).all()

    def test_image_in_an_extension(self, tmp_path):
        assert ConvergenceMap.read(write_image(tmp_path / "k.fits", extension=True)).shape == SHAPE

    @pytest.mark.parametrize(
        "options, message",
        [
            ({"bunit": "Jy"}, "its BUNIT is 'Jy'"),
            ({"bunit": "furlong"}, "its BUNIT is 'furlong'"),
            ({"shape": (2, 3, 4)}, "not of 2 planes"),
            ({"wcs": False}, "must have celestial axes"),
        ],
    )
    def test_what_is_no_map(self, options, message, tmp_path):
        with pytest.raises(ValueError, match=message):
            ConvergenceMap.read(write_image(tmp_path / "k.fits", **options))

    def test_no_image_at_all(self, tmp_path):
        fits.PrimaryHDU().writeto(tmp_path / "k.fits")
        with pytest.raises(ValueError, match="no image"):
            ConvergenceMap.read(tmp_path / "k.fits")


class TestWholeOrNotAtAll:
    @pytest.fixture
    def path(self, tmp_path):
        make_map().write(tmp_path / "k.fits")
        return tmp_path / "k.fits"

    def test_a_file_that_exists(self, path):
        before = path.read_bytes()
        with pytest.raises(OSError, match="exists"):
            (2 * make_map()).write(path)
        assert path.read_bytes() == before
        (2 * make_map()).write(path, overwrite=True)
        assert_same(ConvergenceMap.read(path), 2 * make_map())

    @pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
    def test_interrupted(self, error, path, monkeypatch):
        before = path.read_bytes()

        def half(self, file, **options):
            file.write(b"SIMPLE  =")
            raise error

        monkeypatch.setattr(fits.HDUList, "writeto", half)
        with pytest.raises(type(error)):
            make_map().write(path, overwrite=True)
        assert path.read_bytes() == before
        assert [item.name for item in path.parent.iterdir()] == ["k.fits"]
        with pytest.raises(type(error)):
            make_map().write(path.with_name("new.fits"))
        assert [item.name for item in path.parent.iterdir()] == ["k.fits"]

    def test_read_only_directory(self, tmp_path, monkeypatch):
        deny_new_files(monkeypatch)
        with pytest.raises(PermissionError, match="cannot write to the directory"):
            make_map().write(tmp_path / "k.fits")
        assert not list(tmp_path.iterdir())

    def test_missing_directory(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="no"):
            make_map().write(tmp_path / "no" / "k.fits")

    def test_tables_of_distortions(self, tmp_path):
        wcs = make_wcs()
        wcs.cpdis1 = DistortionLookupTable(np.zeros((2, 2), np.float32), (1, 1), (1, 1), (5, 5))
        with pytest.raises(ValueError, match="reproject the map to a WCS without"):
            make_map(wcs).write(tmp_path / "k.fits")
        assert not list(tmp_path.iterdir())


def test_a_variance_of_another_program_is_read_as_one(tmp_path):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.cdelt = ["RA---TAN", "DEC--TAN"], [-0.01, 0.01]
    ccd = CCDData(
        np.zeros((4, 5)), uncertainty=VarianceUncertainty(np.full((4, 5), 0.04)), unit="", wcs=wcs
    )
    ccd.write(tmp_path / "ccd.fits")
    kappa = ConvergenceMap.read(tmp_path / "ccd.fits")
    np.testing.assert_allclose(kappa.uncertainty.array, 0.2)


def test_a_file_that_is_none_is_named(tmp_path):
    (tmp_path / "broken.fits").write_bytes(b"no such thing" * 300)
    with pytest.raises(ValueError, match=r"broken.fits', because it is not a FITS file"):
        ConvergenceMap.read(tmp_path / "broken.fits")


# --- damaged files ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Write a map with all extensions, and return the bytes of its file."""
    path = tmp_path_factory.mktemp("whole") / "kappa.fits"
    shape = (32, 40)
    wcs = make_wcs()
    wcs.array_shape = shape
    kappa = np.random.default_rng(1).normal(0, 0.1, shape)
    ConvergenceMap(kappa, uncertainty=np.ones(shape), counts=np.ones(shape), wcs=wcs,
                   meta={"estimator": "Test"}).write(path)
    return path.read_bytes()


# In the header, the data and the padding of extensions, and between the latter. Astropy 7.0 leaves
# a file open whose header is cut.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("n", [0, 1, 2879, 2880, 8000, 13100, 17200, 40000, -2880, -1])
def test_a_map_cut_in_transfer(whole, tmp_path, n):
    (tmp_path / "cut.fits").write_bytes(whole[:n])
    with pytest.raises(ValueError, match="cut.fits'[,:] .*: copy the file again") as caught:
        ConvergenceMap.read(tmp_path / "cut.fits")
    assert "buffer" not in str(caught.value)


def test_a_map_cut_between_hdus(whole, tmp_path):
    (tmp_path / "whole.fits").write_bytes(whole)
    with fits.open(tmp_path / "whole.fits") as hdus:
        starts = [hdu.fileinfo()["hdrLoc"] for hdu in hdus][1:]
    for i, start in enumerate(starts, start=1):
        (tmp_path / "cut.fits").write_bytes(whole[:start])
        with pytest.raises(ValueError, match=f"after {i} of {len(starts) + 1} HDUs: copy the file"):
            ConvergenceMap.read(tmp_path / "cut.fits")


def test_changed_data_do_not_match_their_checksum(whole, tmp_path):
    data = bytearray(whole)
    position = data.index(b"END" + 77 * b" ")
    position += 2880 - position % 2880 + 800
    data[position:position + 8] = bytes(8)
    (tmp_path / "changed.fits").write_bytes(data)
    with pytest.warns(LensmapWarning, match="changed.fits' do not match .*DATASUM of 'PRIMARY'"):
        ConvergenceMap.read(tmp_path / "changed.fits")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [("CRVAL1", "east", "text in place of a number"), ("CRVAL2", 400.0, "no valid WCS .Ill-cond"),
     ("CTYPE1", "RA---XXX", "no valid WCS .Unrecognized projection"),
     ("PC1_1", 0.0, "singular|matrix")],
)
def test_a_map_with_a_wrong_header(whole, tmp_path, key, value, message):
    path = tmp_path / "wrong.fits"
    path.write_bytes(whole)
    fits.setval(path, key, value=value)
    if key == "PC1_1":
        fits.setval(path, "PC1_2", value=0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        with pytest.raises(ValueError, match=f"wrong.fits'.*{message}"):
            ConvergenceMap.read(path)


@pytest.mark.parametrize("kind", [StdDevUncertainty, VarianceUncertainty])
def test_a_negative_uncertainty(tmp_path, kind):
    sigma = np.ones(SHAPE)
    sigma[3, 4] = -1.0
    with pytest.raises(ValueError, match="uncertainty must be 0 or positive, not negative in 1 of"):
        ConvergenceMap(np.zeros(SHAPE), wcs=make_wcs(), uncertainty=kind(sigma))
    mask = sigma < 0
    masked = ConvergenceMap(np.zeros(SHAPE), wcs=make_wcs(), uncertainty=kind(sigma), mask=mask)
    assert np.isnan(masked.uncertainty.array[3, 4])
    CCDData(np.zeros(SHAPE), wcs=make_wcs(), unit="", uncertainty=kind(sigma)).write(
        tmp_path / "negative.fits"
    )
    with pytest.raises(ValueError, match="negative.fits': uncertainty must be 0 or positive"):
        ConvergenceMap.read(tmp_path / "negative.fits")

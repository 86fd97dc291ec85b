# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap reconstruct``: every option, and everything that can go wrong."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from denied_files import deny_new_files
from cli_records import code_of, validated

from lensmap import ConvergenceMap, KaiserSquires, check_convention
from lensmap.cli import main
from lensmap.estimators import Estimator

CENTER = SkyCoord(210.0, 40.0, unit="deg")
LENS = SkyCoord(210.02, 40.03, unit="deg")


def make_table(n=3000, seed=3, **columns):
    """Galaxies behind a singular isothermal sphere (celestial signs) with little shape noise."""
    rng = np.random.default_rng(seed)
    dec = CENTER.dec.deg + rng.uniform(-0.1, 0.1, n)
    ra = CENTER.ra.deg + rng.uniform(-0.1, 0.1, n) / np.cos(CENTER.dec.rad)
    sky = SkyCoord(ra, dec, unit="deg")
    angle = np.pi / 2 - LENS.position_angle(sky).rad  # from east through north
    tangential = 0.1 / np.maximum(LENS.separation(sky).arcmin, 0.7)
    noise = 0.02 * (rng.standard_normal(n) + 1j * rng.standard_normal(n))
    e = -tangential * np.exp(2j * angle) + noise
    meta = {"convention": "celestial", "kind": "shear"}
    return Table({"ra": ra, "dec": dec, "e1": e.real, "e2": e.imag} | columns, meta=meta)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of one's own with a catalog, to work in."""
    make_table().write(tmp_path / "cat.ecsv")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def reconstruct(*words, catalog="cat.ecsv", output="k.fits"):
    return main(["reconstruct", catalog, "-o", output, "--no-check", *words])


def peak(kappa):
    y, x = np.unravel_index(np.nanargmax(kappa.data), kappa.shape)
    return kappa.wcs.pixel_to_world(x, y)


class TestOptions:
    def test_the_lens_is_found(self, folder, capsys):
        assert reconstruct("--pixel-scale", "0.3arcmin", "--smoothing", "0.6arcmin") == 0
        out, err = capsys.readouterr()
        assert "3000 galaxies used" in out and "written: k.fits" in out
        assert err == ""
        kappa = ConvergenceMap.read("k.fits")
        assert peak(kappa).separation(LENS) < 0.5 * u.arcmin
        assert kappa.pixel_scale.to_value(u.arcmin) == pytest.approx(0.3)
        assert kappa.meta["parameters"]["smoothing"] == "0.6 arcmin"
        assert kappa.uncertainty is None and kappa.kappa_b is not None
        assert [item.name for item in folder.iterdir() if item.suffix != ".ecsv"] == ["k.fits"]

    def test_columns_and_formats(self, folder):
        table = make_table(w=np.ones(3000))
        table.meta.clear()
        table.rename_columns(["ra", "dec", "e1", "e2"], ["x", "y", "p", "q"])
        table.write("cat.csv")
        columns = "ra=x,dec=y,e1=p,e2=q,weight=w"
        declared = "--convention", "celestial", "--kind", "shear"
        assert reconstruct("--columns", columns, *declared, catalog="cat.csv") == 0
        assert peak(ConvergenceMap.read("k.fits")).separation(LENS) < 0.5 * u.arcmin
        table.write("cat.dat", format="ascii.csv")
        assert reconstruct(
            "--columns", columns, *declared, "--format", "ascii.csv", "--overwrite",
            catalog="cat.dat",
        ) == 0

    def test_hdu(self, folder):
        hdus = [fits.PrimaryHDU(), fits.table_to_hdu(Table({"a": [1]}))]
        table = make_table()
        table.meta = {"CONVENTN": "celestial", "KIND": "shear"}  # FITS has short keywords
        hdus.append(fits.table_to_hdu(table))
        hdus[2].name = "SHEAR"
        fits.HDUList(hdus).writeto("cat.fits")
        assert reconstruct("--hdu", "2", catalog="cat.fits") == 0
        assert reconstruct("--hdu", "SHEAR", "--overwrite", catalog="cat.fits") == 0

    @pytest.mark.parametrize(
        "convention, signs",
        [("celestial", (1, 1)), ("euclidean", (1, -1)), ("iau", (-1, 1)), ("-1,1", (-1, 1)),
         ("-1,-1", (-1, -1)), ("(1, -1)", (1, -1))],
    )
    def test_conventions(self, convention, signs, folder):
        table = make_table()
        table.meta.clear()
        table["e1"] *= signs[0]
        table["e2"] *= signs[1]
        table.write("other.ecsv")
        words = f"--convention={convention}", "--kind", "shear"
        assert reconstruct(*words, catalog="other.ecsv") == 0
        kappa = ConvergenceMap.read("k.fits")
        assert peak(kappa).separation(LENS) < 0.5 * u.arcmin
        reconstruct(output="truth.fits")
        truth = ConvergenceMap.read("truth.fits")
        np.testing.assert_allclose(kappa.data, truth.data, atol=1e-12)
        np.testing.assert_allclose(kappa.kappa_b, truth.kappa_b, atol=1e-12)

    def test_the_convention_of_the_file_counts(self, folder):
        table = make_table()
        table["e2"] *= -1
        table.meta["convention"] = "euclidean"
        table.write("other.ecsv")
        assert reconstruct(catalog="other.ecsv") == 0
        kappa = ConvergenceMap.read("k.fits")
        assert kappa.meta["convention"] == "euclidean"
        assert peak(kappa).separation(LENS) < 0.5 * u.arcmin

    def test_no_smoothing(self, folder):
        assert reconstruct("--smoothing", "none", "--method", "ks") == 0
        assert ConvergenceMap.read("k.fits").meta["parameters"]["smoothing"] is None

    def test_defaults_are_the_estimators(self, folder):
        assert reconstruct() == 0
        parameters = ConvergenceMap.read("k.fits").meta["parameters"]
        expected = KaiserSquires().get_params()
        assert parameters == expected | {"smoothing": str(expected["smoothing"])}

    def test_masks_and_footprints(self, folder, capsys):
        # Two holes away from the lens, and a footprint that leaves out what is north.
        holes = SkyCoord([209.94, 210.06], [39.95, 39.94], unit="deg")
        (folder / "one.reg").write_text("icrs\ncircle(209.94,39.95,90\")\n")
        Table({"ra": [210.06], "dec": [39.94], "radius": [0.025]}).write("two.csv")
        (folder / "foot.reg").write_text("icrs\nbox(210,40.0,0.6d,0.14d,0)\n")
        words = ["--mask", "one.reg", "--mask", "two.csv", "--footprint", "foot.reg"]
        assert reconstruct(*words) == 0
        kappa = ConvergenceMap.read("k.fits")
        x, y = np.rint(kappa.wcs.world_to_pixel(holes)).astype(int)
        assert kappa.mask[y, x].all()
        yy, xx = np.indices(kappa.shape)
        sky = kappa.wcs.pixel_to_world(xx, yy)
        assert kappa.mask[abs(sky.dec.deg - 40) > 0.071].all()
        near = LENS.separation(sky) < 2 * u.arcmin
        assert not kappa.mask[near & (abs(sky.dec.deg - 40) < 0.069)].any()
        assert kappa.meta["n_masked"] > 0
        assert f"{kappa.meta['n_masked']} masked" in capsys.readouterr().out

    def test_flags_and_fractions(self, folder, capsys):
        wcs = WCS(naxis=2)
        wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], [210.0, 40.0]
        wcs.wcs.crpix, wcs.wcs.cdelt = [50.5, 50.5], [-0.003, 0.003]
        flags = np.zeros((100, 100), np.int32)
        flags[:30] |= 1
        flags[:, ::2] |= 32
        header = wcs.to_header()
        mask = fits.ImageHDU(flags, header, name="DQM")
        mask.header.update({"MP_BAD": 0, "MP_DET": 5})
        science = fits.ImageHDU(flags * 0.5, header, name="SCI")
        fits.HDUList([fits.PrimaryHDU(), science, mask]).writeto("flags.fits")
        weight = np.where(np.indices((100, 100))[1] < 20, 0.1, 0.9)
        fits.writeto("weight.fits", weight, header)
        assert reconstruct("--mask", "flags.fits") == 1
        assert "HDU 1 (SCI), HDU 2 (DQM); name one, as in 'flags.fits:DQM'" in (
            capsys.readouterr().err)
        assert reconstruct("--mask", "flags.fits:DQM") == 1
        error = capsys.readouterr().err
        assert "--mask-bits must be given for HDU 2 (DQM) of flags.fits" in error
        assert "such as --mask-bits BAD,DET" in error
        assert reconstruct("--mask", "flags.fits:NONE") == 1
        assert "no HDU 'NONE'" in capsys.readouterr().err
        assert reconstruct("--mask-bits", "0") != 0
        assert "--mask-bits needs --mask" in capsys.readouterr().err
        for bits in ("BAD", "0", "0x1"):
            assert reconstruct(
                "--mask", "flags.fits:DQM", "--mask-bits", bits, "--footprint", "weight.fits",
                "--footprint-above", "0.5", "--overwrite",
            ) == 0
            kappa = ConvergenceMap.read("k.fits")
            yy, xx = np.indices(kappa.shape)
            x, y = wcs.world_to_pixel(kappa.wcs.pixel_to_world(xx, yy))
            expected = (y < 29.5) | (x < 19.5) | (y > 99.5) | (x > 99.5) | (y < -0.5)
            off = np.minimum.reduce([abs(y - 29.5), abs(x - 19.5), abs(y - 99.5), abs(x - 99.5)])
            assert kappa.mask[expected & (off > 0.01)].all() and expected.sum() > 200
            assert not kappa.mask[~expected & (off > 4) & (kappa.counts > 0)].any()
        # An output that is the file of a mask would be lost.
        assert main(["reconstruct", "cat.ecsv", "-o", "flags.fits", "--overwrite", "--mask",
                     "flags.fits:DQM"]) != 0
        assert "is the input file of --mask, which would be lost" in capsys.readouterr().err

    def test_the_pixels_of_an_image(self, folder):
        wcs = WCS(naxis=2)
        wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
        wcs.wcs.crval = [210.0, 40.0]
        wcs.wcs.crpix = [20, 25]
        c, s = 0.006 * np.cos(0.5), 0.006 * np.sin(0.5)
        wcs.wcs.cd = [[-c, s], [s, c]]
        image = fits.ImageHDU(np.zeros((2, 50, 40)), wcs.to_header())
        fits.HDUList([fits.PrimaryHDU(), image]).writeto("image.fits")
        assert reconstruct("--wcs", "image.fits") == 0
        kappa = ConvergenceMap.read("k.fits")
        assert kappa.shape == (50, 40)
        place = wcs.pixel_to_world(30, 40)
        np.testing.assert_allclose(kappa.wcs.world_to_pixel(place), (30, 40), atol=1e-6)
        assert peak(kappa).separation(LENS) < 0.5 * u.arcmin

    def test_an_image_of_several(self, folder, capsys):
        header = WCS(naxis=2)
        header.wcs.ctype, header.wcs.crval = ["RA---TAN", "DEC--TAN"], [210.0, 40.0]
        header.wcs.crpix, header.wcs.cdelt = [20, 25], [-0.006, 0.006]
        header = header.to_header()
        same = [fits.ImageHDU(np.zeros((50, 40)), header, name=name) for name in ("SCI", "WHT")]
        fits.HDUList([fits.PrimaryHDU(), *same]).writeto("image.fits")
        fits.HDUList([fits.PrimaryHDU(), *same, fits.ImageHDU(np.zeros((60, 40)), header, "CCD2"),
                      fits.ImageHDU(np.zeros((60, 40)), name="FLAT")]).writeto("many.fits")
        assert reconstruct("--wcs", "image.fits") == 0
        assert reconstruct("--wcs", "many.fits", "--overwrite") == 1
        assert ("the images in 'many.fits' have different pixels: give --wcs many.fits:HDU, with "
                "one of HDU 1 (SCI), 2 (WHT), 3 (CCD2)") in capsys.readouterr().err
        for name in ("many.fits:CCD2", "many.fits:ccd2,1", "many.fits[3]"):
            assert reconstruct("--wcs", name, "--overwrite") == 0
            assert ConvergenceMap.read("k.fits").shape == (60, 40)
        for name in ("FLAT", "CCD3", "7"):
            assert reconstruct("--wcs", f"many.fits:{name}", "--overwrite") == 1
            assert f"not the HDU '{name}'" in capsys.readouterr().err

    def test_uncertainty_of_rotations(self, folder, capsys):
        assert reconstruct("--uncertainty", "5", "--seed", "7") == 0
        out, err = capsys.readouterr()
        kappa = ConvergenceMap.read("k.fits")
        assert kappa.meta["parameters"]["n_realizations"] == 5
        assert kappa.meta["parameters"]["rng"] == 7
        assert np.isfinite(kappa.uncertainty.array[~kappa.mask]).all()
        assert f"highest peak: {np.nanmax(kappa.snr):.1f} sigma" in out
        assert err == ""  # nobody looks at a bar in a file
        reconstruct("--uncertainty", "5", "--seed", "8", output="other.fits")
        other = ConvergenceMap.read("other.fits")
        assert not np.array_equal(other.uncertainty.array, kappa.uncertainty.array, equal_nan=True)

    def test_a_bar_for_those_who_watch(self, folder, capsys, monkeypatch):
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        assert reconstruct("--uncertainty", "5") == 0
        assert "5/5" in capsys.readouterr().err

    def test_analytic_uncertainty(self, folder):
        assert reconstruct("--uncertainty", "analytic") == 0
        kappa = ConvergenceMap.read("k.fits")
        assert kappa.meta["parameters"]["uncertainty"] == "analytic"
        assert (kappa.uncertainty.array[~kappa.mask] > 0).all()

    def test_wiener_with_its_posterior_error(self, folder):
        words = ["--method", "wiener", "--z-source", "1.5", "--uncertainty", "posterior"]
        assert reconstruct(*words, "--seed", "3") == 0
        kappa = ConvergenceMap.read("k.fits")
        assert kappa.meta["estimator"] == "WienerFilter" and kappa.meta["uncertainty"] == "total"
        parameters = kappa.meta["parameters"]
        assert (parameters["z_source"], parameters["rng"]) == (1.5, 3)
        assert peak(kappa).separation(LENS) < 0.6 * u.arcmin
        assert (kappa.uncertainty.array[~kappa.mask] > 0).all()

    def test_wiener_expects_the_matter_in_front_of_the_galaxies(self, folder, capsys):
        table = Table.read("cat.ecsv")
        table["redshift"] = np.where(np.arange(len(table)) % 2, 0.5, 0.9)
        table.write("deep.ecsv")
        assert main(["reconstruct", "deep.ecsv", "-o", "k.fits", "--method", "wiener",
                     "--no-check", "--uncertainty", "posterior:3"]) == 0
        kappa = ConvergenceMap.read("k.fits")
        assert kappa.meta["parameters"]["z_source"] == pytest.approx(0.7, abs=0.001)
        assert kappa.meta["parameters"]["n_realizations"] == 3
        said = capsys.readouterr().out
        assert "expected: the matter in front of redshift 0.7" in said
        assert "times its error about the truth" in said

    @pytest.mark.filterwarnings("ignore:the lensing power that WienerFilter measures")
    def test_wiener_without_redshifts_fits_the_power(self, folder, capsys):
        assert reconstruct("--method", "wiener", "--json", "k.json") == 0
        said = capsys.readouterr().out
        assert "prior: power fitted to the catalog, " in said and "redshift None" not in said
        fit = validated(folder / "k.json")["prior_power"]
        assert fit["amplitude"] > 0 and 0 < fit["prior_weight"] <= 1
        assert ConvergenceMap.read("k.fits").meta["prior_power"] == fit
        assert reconstruct("--method", "wiener", "--z-source", "1", "--json", "k.json",
                           "--overwrite") == 0
        assert validated(folder / "k.json")["prior_power"] is None
        assert "in front of redshift 1" in capsys.readouterr().out

    @pytest.mark.filterwarnings("ignore:the network .* was not trained for data .* ellipticities")
    def test_network_with_its_own_error(self, folder, capsys):
        words = ["--method", "cnn", "--network", "lensmap", "--uncertainty", "network"]
        assert reconstruct(*words) == 0
        kappa = ConvergenceMap.read("k.fits")
        assert kappa.meta["estimator"] == "CNNReconstructor"
        assert kappa.meta["uncertainty"] == "total"
        assert peak(kappa).separation(LENS) < 0.6 * u.arcmin
        said = capsys.readouterr()
        assert "times its error about the truth" in said.out
        assert "TensorFlow" not in said.err and "oneDNN" not in said.err

    def test_plot(self, folder, capsys):
        pytest.importorskip("matplotlib")
        assert reconstruct("--plot", "k.png", "--uncertainty", "analytic") == 0
        assert (folder / "k.png").read_bytes().startswith(b"\x89PNG")
        assert "written: k.fits, k.png" in capsys.readouterr().out

    def test_compressed(self, folder):
        assert reconstruct(output="k.fits.gz") == 0
        assert ConvergenceMap.read("k.fits.gz").shape


class TestTheCheck:
    def test_it_warns_and_goes_on(self, folder, capsys, monkeypatch):
        table = make_table()["ra", "dec", "e1", "e2"].copy()
        result = check_convention(table, n_rotations=30, rng=0)
        wrong = type(result)(**(vars(result) | {"handedness": "mirrored"}))
        monkeypatch.setattr("lensmap.diagnostics.check_convention", lambda *args, **kw: wrong)
        words = ["reconstruct", "cat.ecsv", "-o", "k.fits"]
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            assert main(words) == 0
            err = capsys.readouterr().err
            assert err.count("\n") == 1 and "clearly wrong" in err and "'euclidean'" in err
            assert main([*words, "--overwrite", "--no-check"]) == 0
            assert capsys.readouterr().err == ""


def spoiled(**columns):
    table = make_table()
    for name, values in columns.items():
        table[name] = values
    return table


def without(*names):
    table = make_table()
    table.remove_columns(names)
    return table


def in_unit(name, unit):
    table = make_table()
    table[name].unit = unit
    return table


class TestWhatGoesWrong:
    @pytest.mark.parametrize(
        "table, message",
        [
            (without("e2"), "e2"),
            (in_unit("ra", "m"), "unit"),
            (in_unit("e1", "Jy"), "unit"),
            (spoiled(e1=np.full(3000, np.nan)), "no usable row"),
            (spoiled(weight=np.zeros(3000)), "weight"),
            (make_table()[:0], "no usable row"),
        ],
    )
    def test_bad_catalogs(self, table, message, folder, capsys):
        table.write("bad.ecsv")
        assert reconstruct(catalog="bad.ecsv") == 1
        self._one_line(capsys, message)
        assert sorted(item.name for item in folder.iterdir()) == ["bad.ecsv", "cat.ecsv"]

    @staticmethod
    def _one_line(capsys, *words):
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1 and err.startswith("lensmap: error: ")
        assert "Traceback" not in err
        for word in words:
            assert word in err

    def test_nan_rows_are_counted(self, folder, capsys):
        e1 = np.array(make_table()["e1"])
        e1[:7] = np.nan
        spoiled(e1=e1).write("nan.ecsv")
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            assert reconstruct(catalog="nan.ecsv") == 0
        out, err = capsys.readouterr()
        assert err.count("\n") == 1 and "7 of 3000" in err and err.startswith("lensmap: warning: ")
        assert ConvergenceMap.read("k.fits").meta["n_galaxies"] == 2993

    def test_one_galaxy_and_duplicates(self, folder):
        make_table()[:1].write("one.ecsv")
        assert reconstruct(catalog="one.ecsv") == 0
        table = make_table()
        table["ra"], table["dec"] = 210.0, 40.0
        table.write("same.ecsv")
        assert reconstruct("--overwrite", catalog="same.ecsv") == 0

    @pytest.mark.parametrize(
        "words, message",
        [
            (["--method", "magic"], "--method must be one of ks, wiener"),
            (["--method", "wiener", "--smoothing", "1arcmin"],
             "--smoothing does not apply to --method wiener, only to ks"),
            (["--method", "wiener", "--z-source", "-1"], "--z-source must be between 0.001 and"),
            (["--z-source", "1"], "--z-source does not apply to --method ks, only to wiener"),
            (["--network", "lensmap"], "--network does not apply to --method ks, only to cnn"),
            (["--no-symmetrize"], "--symmetrize does not apply to --method ks, only to cnn"),
            (["--method", "ks:tuned"], "--method must be given by its parameters here"),
            (["--method", "ks(smoothing=1arcmin"], "--method must be of the form NAME"),
            (["--method", "ks(width=1)"], "width must be the name of a parameter of KaiserSquires"),
            (["--method", "no.py:Mine"], "--method must name a Python file that exists"),
            (["--uncertainty", "analytic", "--scheme", "cloud-in-cell"],
             "--scheme must be 'nearest' with --uncertainty analytic, not 'cloud-in-cell'"),
            (["--method", "wiener", "--tolerance", "2"], "--tolerance must be between 0 and 1"),
            (["--method", "cnn", "--network", "deep"], "there is no network 'deep'"),
            (["--uncertainty", "posterior"],
             "--uncertainty for --method ks must be analytic or rotations[:N] or none, not "
             "posterior"),
            (["--pixel-scale", "20deg"], "--pixel-scale must be smaller than the side of the area"),
            (["--convention", "left"], "'left'"),
            (["--frame", "mars"], "'mars'"),
            (["--columns", "kidz"], "'kidz'"),
            (["--columns", "ra=nowhere"], "'nowhere'"),
            (["--mask", "no.reg"], "no.reg"),
            (["--mask", "broken.reg"], "broken.reg"),
            (["--wcs", "no.fits"], "there is no file 'no.fits'"),
            (["--wcs", "flat.fits"], "has a celestial WCS in its header"),
            (["--wcs", "far.fits"], "3000 lie outside"),
            (["--wcs", "far.fits", "--pixel-scale", "1arcmin"], "3000 lie outside"),
            (["--footprint", "far.reg"], "3000 are masked"),
            (["--plot", "k.foo"], "--plot must end in one of"),
            (["--plot", "k.fits"], "--plot must end in one of"),
            (["--seed", "-1"], "--seed must be at least 0, not -1"),
        ],
    )
    def test_bad_options(self, words, message, folder, capsys):
        pytest.importorskip("matplotlib")
        (folder / "broken.reg").write_text("hello\n")
        (folder / "far.reg").write_text("icrs\ncircle(10,10,1d)\n")
        fits.PrimaryHDU(np.zeros((3, 3))).writeto("flat.fits")
        wcs = WCS(naxis=2)
        wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
        wcs.wcs.crval = [10, 10]
        wcs.wcs.cdelt = [-0.01, 0.01]
        fits.PrimaryHDU(np.zeros((9, 9)), wcs.to_header()).writeto("far.fits")
        before = sorted(folder.iterdir())
        assert reconstruct(*words) == code_of(message)
        self._one_line(capsys, message)
        assert sorted(folder.iterdir()) == before

    @pytest.mark.parametrize(
        "words",
        [["--pixel-scale", "0.3"], ["--pixel-scale", "none"], ["--smoothing", "wide"],
         ["--uncertainty", "1"], ["--columns", "ra=x,dec"], ["--kind", "odd"], ["--seed", "x"]],
    )
    def test_wrong_usage(self, words, folder, capsys):
        with pytest.raises(SystemExit) as stop:
            reconstruct(*words)
        assert stop.value.code == 2
        assert f"argument {words[0]}" in capsys.readouterr().err

    @pytest.mark.parametrize("name", ["no.fits", "broken.fits"])
    def test_no_catalog(self, name, folder, capsys):
        (folder / "broken.fits").write_text("hello")
        assert reconstruct(catalog=name) == 1
        self._one_line(capsys, name)
        with pytest.raises((OSError, ValueError)):
            reconstruct("--debug", catalog=name)

    @pytest.mark.parametrize("existing", ["k.fits", "k.png"])
    def test_output_exists(self, existing, folder, capsys, monkeypatch):
        pytest.importorskip("matplotlib")
        monkeypatch.setattr(
            "lensmap.cli.commands._reconstruct.read_catalog",
            lambda arguments: pytest.fail("it worked"),
        )
        (folder / existing).write_text("mine")
        assert reconstruct("--plot", "k.png") == 1
        self._one_line(capsys, existing, "exists", "overwrite")
        assert (folder / existing).read_text() == "mine"
        assert len(list(folder.iterdir())) == 2

    def test_overwrite(self, folder):
        (folder / "k.fits").write_text("old")
        assert reconstruct("--overwrite") == 0
        assert ConvergenceMap.read("k.fits").shape

    def test_the_same_file_twice(self, folder, capsys):
        pytest.importorskip("matplotlib")
        assert reconstruct("--json", "./same", "--log", "same") == 1
        self._one_line(capsys, "is named twice")

    def test_read_only_directory(self, folder, capsys, monkeypatch):
        deny_new_files(monkeypatch)
        assert reconstruct() == 1
        self._one_line(capsys, "cannot write to the directory")

    def test_missing_directory(self, folder, capsys):
        assert reconstruct(output="no/k.fits") == 1
        self._one_line(capsys, "'no' does not exist")

    @pytest.mark.parametrize("error, code", [(KeyboardInterrupt, 130), (OSError, 1)])
    def test_interrupted(self, error, code, folder, capsys, monkeypatch):
        def stop(*args, **options):
            raise error

        (folder / "k.fits").write_text("old")
        for target in (
            (Estimator, "reconstruct"), (fits.HDUList, "writeto")
        ):
            with monkeypatch.context() as patch:
                patch.setattr(*target, stop)
                assert reconstruct("--overwrite") == code
            assert (folder / "k.fits").read_text() == "old"
            assert sorted(item.name for item in folder.iterdir()) == ["cat.ecsv", "k.fits"]
            assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.filterwarnings("always::lensmap.utils.ConventionWarning")  # they are the point
class TestAfterTheFact:
    """What the first users did."""

    def test_a_wrong_convention_warns_by_itself(self, folder, capsys):
        code = main(["reconstruct", "cat.ecsv", "-o", "k.fits", "--convention", "euclidean"])
        err = capsys.readouterr().err
        assert code == 0 and (folder / "k.fits").exists()
        assert "'euclidean' (as given) is clearly wrong" in err and "should be 'celestial'" in err

    def test_the_catalog_is_not_overwritten(self, folder, capsys):
        before = (folder / "cat.ecsv").read_bytes()
        assert reconstruct("--overwrite", output="./cat.ecsv") == 1
        assert "is the catalog, which would be lost" in capsys.readouterr().err
        assert (folder / "cat.ecsv").read_bytes() == before

    def test_an_hdu_that_is_not_there(self, folder, capsys):
        table = make_table()
        table.meta.clear()
        table.write("cat.fits")
        assert reconstruct("--hdu", "7", catalog="cat.fits") == 1
        error = capsys.readouterr().err
        assert "--hdu must be the number or name of one table in 'cat.fits', not 7" in error
        assert not (folder / "k.fits").exists()

    def test_a_check_that_cannot_be_made_stops_nothing(self, folder, capsys, monkeypatch):
        monkeypatch.setattr(
            "lensmap.cli._convention_check._test", lambda *args, **kwargs: (None, "it cannot")
        )
        make_table(n=2, ra=np.array([10.0, 170.0]), dec=np.zeros(2)).write("wide.ecsv")
        fits.PrimaryHDU(np.zeros((5, 5)), header_at(10.0, 0.0)).writeto("image.fits")
        words = ["reconstruct", "wide.ecsv", "-o", "k.fits", "--wcs", "image.fits"]
        assert main(words) == 0
        assert "of the ellipticities could not be tested" in capsys.readouterr().err

    def test_one_galaxy_with_noise(self, folder, capsys):
        make_table(n=1).write("one.ecsv")
        assert reconstruct("--uncertainty", "5", catalog="one.ecsv") == 0

    def test_far_too_many_pixels(self, folder, capsys):
        assert reconstruct("--pixel-scale", "0.01arcsec") == 1
        assert "the map would have" in capsys.readouterr().err

    @pytest.mark.slow
    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to be tidy about")
    def test_a_batch_system_may_end_it(self, folder):
        code = (
            "import os, signal, lensmap.cli.commands._reconstruct as r\n"
            "r.read_catalog = lambda _: os.kill(os.getpid(), signal.SIGTERM)\n"
            "import sys\n"
            "from lensmap.cli import main\n"
            "sys.exit(main(['reconstruct', 'cat.ecsv', '-o', 'k.fits', '--no-check']))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True)
        assert done.returncode == 143
        assert [item.name for item in folder.iterdir()] == ["cat.ecsv"]


def header_at(ra, dec):
    """A header of square pixels of 1 arcmin around a position."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ["RA---TAN", "DEC--TAN"], [ra, dec], [3, 3]
    wcs.wcs.cdelt = [-1 / 60, 1 / 60]
    return wcs.to_header()


@pytest.mark.filterwarnings("default::lensmap.utils.MapWarning")
def test_advice_is_in_options(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    make_table(300).write("shear.ecsv")
    words = ["reconstruct", "shear.ecsv", "-o", "k.fits", "--no-check", "--smoothing", "none"]
    assert main([*words, "--pixel-scale", "0.2arcmin"]) == 0
    err = capsys.readouterr().err
    assert "for example with --smoothing 1arcmin, or use larger pixels" in err

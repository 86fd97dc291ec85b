# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap simulate survey`` and ``cluster``: catalogs that go to maps, and their truth."""

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import QTable, Table
from cli_records import code_of
from simulate_command import SMALL, names, only_error, same, simulate

from lensmap import ConvergenceMap, ShearCatalog
from lensmap.cli import main
from lensmap.masks import SkyMask, pixel_mask
from lensmap.simulate import LensingField


class TestSurvey:
    @pytest.mark.parametrize("suffix", ["fits", "fits.gz", "ecsv", "h5", "hdf5", "parquet", "csv"])
    def test_a_catalog_goes_to_a_map(self, suffix, series, own_folder, capsys):
        if suffix == "parquet":
            pytest.importorskip("pyarrow")
        field = series / "field_0001.fits"
        cat = f"cat.{suffix}"
        assert simulate("survey", "-o", cat, "--field", field, "--density", 3,
                        "--sigma-e", 0.05, "--measurement-error", 0) == 0
        assert f"written: {cat}" in capsys.readouterr().out
        # a CSV file has no meta
        declared = {"convention": "celestial", "kind": "shear"} if suffix == "csv" else {}
        catalog = ShearCatalog.read(cat, **declared)
        assert (catalog.convention, catalog.kind) == ("celestial", "shear")
        assert len(catalog) == pytest.approx(3 * 96**2, rel=0.05)
        if suffix != "csv":
            meta = Table.read(cat, **({"path": "table"} if suffix[0] == "h" else {})).meta
            assert meta["CONVENTN"] == "celestial" and meta["KIND"] == "shear"
            assert meta["SEED"] == 0 and meta["LENSED"]
        options = [word for name, value in declared.items() for word in (f"--{name}", value)]
        assert main([
            "reconstruct", cat, "-o", "k.fits", "--wcs", str(field), "--smoothing", "3arcmin",
            "--no-check", *options,
        ]) == 0
        found, truth = ConvergenceMap.read("k.fits"), LensingField.read(field).kappa
        assert np.corrcoef(found.data.ravel(), truth.data.ravel())[0, 1] > 0.5
        assert names() == sorted([cat, "k.fits"])

    def test_a_field_is_drawn_with_its_truth(self, series, own_folder, capsys):
        truth = [word for name in ("t.fits", "t.h5", "t.ecsv") for word in ("--truth", name)]
        assert simulate("survey", "-o", "c.fits", *SMALL, "--density", 1, *truth) == 0
        # the first field of the series
        assert same("t.fits", series / "field_0000.fits") and same("t.h5", "t.fits")
        halos = QTable.read("t.ecsv")
        assert len(halos) == len(LensingField.read("t.fits").halos)
        assert halos["m200c"].unit == u.solMass
        assert f"{len(halos)} halos" in capsys.readouterr().out
        catalog = Table.read("c.fits")
        assert np.all(catalog["redshift"] == np.float32(0.6))
        assert {"g1_true", "kappa_true", "e1_int"} <= set(catalog.colnames)

    def test_seeds(self, series, own_folder):
        words = ["--field", series / "field_0000.fits", "--density", 1]
        tables = []
        for name, seed in (("a", 0), ("b", 0), ("c", 1)):
            assert simulate("survey", "-o", f"{name}.fits", *words, "--seed", seed) == 0
            tables.append(Table.read(f"{name}.fits"))
        assert np.array_equal(tables[0]["e1"], tables[1]["e1"])
        assert not np.array_equal(tables[0]["ra"][:100], tables[2]["ra"][:100])

    def test_numbers_and_presets(self, series, own_folder):
        words = ["survey", "-o", "c.fits", "--overwrite", "--field", series / "field_0000.fits"]
        assert simulate(*words, "--density", 2, "--sigma-e", 0.3, "--measurement-error", 0.1) == 0
        table = Table.read("c.fits")
        assert np.allclose(table["sigma_m"], 0.1) and np.allclose(table["sigma_e"], 0.3)
        assert np.std(table["e1"]) == pytest.approx(np.hypot(0.3, 0.1), rel=0.03)
        assert simulate(*words, "--preset", "lsst_y1", "--density", 2) == 0
        table = Table.read("c.fits")
        assert np.allclose(table["sigma_e"], 0.26) and np.all(table["sigma_m"] == 0)
        assert len(table) == pytest.approx(2 * 96**2, rel=0.05)

    def test_a_preset_knows_the_redshifts(self, own_folder):
        words = ["survey", "-o", "c.fits", *SMALL[:5], "--preset", "lsst_y10", "--density", 1]
        assert simulate(*words, "--truth", "t.h5") == 0
        assert LensingField.read("t.h5").z_source.mean == pytest.approx(1.05, abs=0.01)
        assert Table.read("c.fits")["redshift"].mean() == pytest.approx(1.05, abs=0.05)

    def test_it_says_which_redshifts_the_galaxies_have(self, series, own_folder, capsys):
        field = ["--field", series / "field_0000.fits"]
        np.save("map.npy", np.zeros((32, 32)))
        foreign = ["--field", "map.npy", "--pixel-scale", "3arcmin"]
        cases = [
            ([*field, "--preset", "lsst_y10"], "redshifts: all at 0.6, that of the field"),
            ([*foreign, "--preset", "lsst_y10"], "redshifts: mean 1.0"),
            ([*foreign, "--z-source", "lsst_y10"], "redshifts: mean 1.0"),
            ([*field, "--z-source", "lsst_y10", "--null"], "redshifts: mean 1.0"),
            (foreign, "redshifts: not known"),
        ]
        for words, said in cases:
            assert simulate("survey", "-o", "c.fits", *words, "--density", 1, "--overwrite") == 0
            assert said in capsys.readouterr().out

    def test_a_field_has_its_galaxies_where_it_says(self, series, own_folder, capsys):
        field = series / "field_0000.fits"
        assert simulate("survey", "-o", "c.fits", "--field", field, "--z-source", "lsst_y1") == 1
        error = only_error(capsys)
        assert "--z-source lsst_y1 cannot be given" in error
        assert "was made for sources at 0.6, which the galaxies must have, too" in error
        assert names() == []

    def test_no_lensing(self, own_folder, capsys):
        assert simulate("survey", "-o", "c.fits", *SMALL, "--density", 1, "--null") == 0
        table = Table.read("c.fits")
        assert not np.any(table["g1_true"]) and not np.any(table["kappa_true"])
        assert not table.meta["LENSED"] and "no lensing" in capsys.readouterr().out

    def test_masks(self, series, own_folder):
        field = series / "field_0000.fits"
        words = ["--field", field, "--density", 1]
        (own_folder / "star.reg").write_text('icrs\ncircle(180.0, 0.0, 20\')\n')
        assert simulate(
            "survey", "-o", "c.fits", *words, "--mask", "star.reg", "--random-mask", 0.3,
            "--write-mask", "m.fits",
        ) == 0
        wcs = LensingField.read(field).wcs
        random = pixel_mask(SkyMask("m.fits"), wcs)
        assert random.mean() == pytest.approx(0.3, abs=0.01)
        sky = ShearCatalog.read("c.fits").skycoord
        assert not SkyMask(["star.reg", "m.fits"]).excluded_sky(sky).any()
        assert len(sky) == pytest.approx(96**2 * (1 - (random | pixel_mask(
            SkyMask("star.reg"), wcs)).mean()), rel=0.1)
        assert main([
            "reconstruct", "c.fits", "-o", "k.fits", "--wcs", str(field), "--mask", "m.fits",
            "--no-check",
        ]) == 0
        assert np.all(ConvergenceMap.read("k.fits").mask[random])

    def test_elsewhere(self, series, own_folder):
        field = series / "field_0000.fits"
        for words in (["--field", field], SMALL):
            assert simulate(
                "survey", "-o", "c.fits", *words, "--center", "30.5,-45", "--density", 1,
                "--overwrite", "--truth", "t.fits",
            ) == 0
            table, moved = Table.read("c.fits"), LensingField.read("t.fits")
            assert table["ra"].mean() == pytest.approx(30.5, abs=0.05)
            assert table["dec"].mean() == pytest.approx(-45, abs=0.05)
            np.testing.assert_allclose(moved.wcs.wcs.crval, [30.5, -45])
            np.testing.assert_array_equal(moved.kappa.data, LensingField.read(field).kappa.data)

    def test_maps_of_simulations(self, own_folder):
        h5py = pytest.importorskip("h5py")
        kappa = np.random.default_rng(1).normal(0, 0.02, (32, 32))
        hdu = fits.PrimaryHDU(kappa)
        hdu.writeto("plain.fits")
        hdu.header["ANGLE"] = 1.6
        hdu.writeto("WLconv_z1.50_0001r.fits")
        hdu.writeto("lenstools.fits")
        np.save("map.npy", kappa)
        with h5py.File("tng.h5", "w") as file:
            file["z23/kappa"] = kappa
        cases = [
            (["plain.fits", "--width", "1.6deg"], None, 3),
            (["map.npy", "--pixel-scale", "3arcmin", "--z-source", "0.7"], 0.7, 3),
            (["WLconv_z1.50_0001r.fits"], 1.5, 3),
            (["WLconv_z1.50_0001r.fits", "--z-source", "1.4"], 1.4, 3),
            (["lenstools.fits", "--center", "10,20"], None, 3),
            (["tng.h5", "--width", "1.6deg", "--source-plane", "23"], 1.034, 3),
        ]
        for words, z_source, scale in cases:
            assert simulate(
                "survey", "-o", "c.fits", "--field", *words, "--density", 1, "--truth", "t.fits",
                "--overwrite",
            ) == 0
            field = LensingField.read("t.fits")
            assert field.z_source == z_source
            assert field.kappa.pixel_scale.to_value(u.arcmin) == pytest.approx(scale, rel=1e-3)

    @pytest.mark.parametrize(
        "words, message",
        [
            (["-o", "c.txt"], "must end in one of .fits"),
            (["-o", "no/c.fits"], "the directory 'no' does not exist"),
            (["-o", "mine.fits"], "exists; --overwrite replaces it"),
            (["--preset", "euclid"], "there is no survey preset 'euclid'"),
            (["--density", "-1"], "--density must be one positive and finite density"),
            (["--density", "9e5"], "a catalog of 4e+10 galaxies would need"),
            (["--density", "1e-6"], "no galaxy was drawn on the map"),
            (["--sigma-e", "0.9"], "--sigma-e must be above 0"),
            (["--measurement-error", "des"], "must be 'hsc', a number"),
            (["--measurement-error", "-1"], "a finite number of at least 0"),
            (["--mask", "no.reg"], "--mask: there is no file 'no.reg'"),
            (["--random-mask", "1.5"], "--random-mask must be the masked fraction"),
            (["--write-mask", "m.fits"], "--write-mask needs --random-mask"),
            (["--random-mask", "0.1", "--write-mask", "m.reg"],
             "--write-mask must end in one of .fits, .fit, .fits.gz, .fit.gz, not 'm.reg'"),
            (["--null", "--truth", "t.fits"], "--truth cannot be given, because"),
            (["--truth", "c.fits"], "--truth: the file 'c.fits' is named twice"),
            (["--truth", "t.txt"], "must end in one of"),
            (["--z-source", "1", "2"], "--z-source must be one redshift"),
            (["--z-source", "-1"], "--z-source must be between 0.001 and 100"),
            (["--seed", "-1"], "seed must be at least 0"),
            (["--field", "no.fits"], "there is no file 'no.fits'"),
            (["-o", "mine.fits", "--field", "mine.fits"],
             "--output: 'mine.fits' is the input file of --field, which would be lost"),
            (["--field", "mine.fits"], "the field 'mine.fits', because it is not a FITS file"),
            (["--field", "mine.h5"], "cannot be opened as HDF5"),
            (["--field", "map.npy"],
             "--pixel-scale must be given, or --width: 'map.npy' has no celestial WCS"),
            (["--field", "map.npy", "--width", "400deg"],
             "kappa must be at most 25 deg wide, for the flat sky, not 390.8 deg: correct"),
            (["--field", "map.npy", "--source-plane", "3"], "--source-plane applies only to files"),
            (["--field", "map.npy", "--shape", "8", "8"],
             "--shape cannot be given, because the file 'map.npy' defines this"),
        ],
    )
    def test_bad_values(self, words, message, own_folder, capsys):
        for name in ("mine.fits", "mine.h5"):
            (own_folder / name).write_text("mine")
        np.save("map.npy", np.zeros((16, 16)))
        before = names()
        small = [] if "--field" in words or "9e5" in words else SMALL
        words = [*small, *words] if "-o" in words else ["-o", "c.fits", *small, *words]
        assert simulate("survey", *words) == code_of(message)
        assert message in only_error(capsys)
        assert names() == before

    def test_a_field_says_its_own_redshift(self, series, own_folder, capsys):
        field = series / "field_0000.fits"
        words = ["survey", "-o", "c.fits", "--field", field]
        assert simulate(*words, "--z-source", 1, "--width", "1deg") == 2
        reason = f"because the file {str(field)!r} defines this"
        assert f"--width, --z-source cannot be given, {reason}" in only_error(capsys)


class TestCluster:
    def test_coma(self, own_folder, capsys):
        words = ["--preset", "coma", "--shape", 32, 32, "--pixel-scale", "4arcmin"]
        assert simulate("cluster", "-o", "k.fits", *words, "--survey", "c.fits") == 0
        out = capsys.readouterr().out
        assert "z = 0.0231, M200c = 7.4e+14 solMass" in out and "written: k.fits, c.fits" in out
        field = LensingField.read("k.fits")
        y, x = np.unravel_index(np.argmax(field.kappa.data), field.shape)
        assert abs(x - 15.5) <= 1.5 and abs(y - 15.5) <= 1.5
        assert simulate("survey", "-o", "again.fits", "--field", "k.fits") == 0
        np.testing.assert_array_equal(
            Table.read("c.fits")["e1"], Table.read("again.fits")["e1"]
        )

    def test_ones_own(self, own_folder):
        words = ["--mass", "5e14", "--z-lens", "0.3", "--ellipticity", "0.2", *SMALL]
        words += ["--center", "30,40", "--concentration", "5", "--substructure", "0"]
        assert simulate("cluster", "-o", "k.h5", *words) == 0
        assert simulate("cluster", "-o", "b.fits", *words, "--background") == 0
        alone, both = LensingField.read("k.h5"), LensingField.read("b.fits")
        assert len(alone.halos) == 1 < len(both.halos)
        assert (alone.halos["c200c"][0], alone.halos["redshift"][0]) == (5, 0.3)
        behind = both.kappa.data - alone.kappa.data
        assert 0.001 < behind.std() < 0.05 and alone.z_source == 0.6

    @pytest.mark.parametrize(
        "words, message",
        [
            ([], "give --preset NAME, or both --mass and --z-lens"),
            (["--mass", "1e14"], "the cluster is not defined"),
            (["--preset", "virgo"], "there is no cluster preset 'virgo'"),
            (["--preset", "coma", "--mass", "1e14"], "--mass cannot be given, because"),
            (["--mass", "-1", "--z-lens", "0.2"], "positive"),
            (["--mass", "1e14", "--z-lens", "-0.2"], "at least 0"),
            (["--mass", "1e14", "--z-lens", "2"],
             "--z-lens must be lower than --z-source, not 2"),
            (["--preset", "coma", "--pixel-scale", "1deg"], "holds only up to 25 deg"),
            (["--preset", "coma", "--substructure", "2"], "--substructure must be a fraction"),
            (["--preset", "coma", "--z-source", "1", "2"], "--z-source must be one redshift"),
            (["--preset", "coma", "--survey", "k.fits"], "the file 'k.fits' is named twice"),
            (["--preset", "coma", "--survey", "c.txt"], "must end in one of"),
            (["--preset", "coma", "-o", "k.txt"], "must end in"),
        ],
    )
    def test_bad_values(self, words, message, own_folder, capsys):
        assert simulate("cluster", "-o", "k.fits", *words) == code_of(message)
        assert message in only_error(capsys)
        assert names() == []

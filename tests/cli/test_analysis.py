# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap peaks``, ``profile`` and ``filaments``: from files to files."""

import json

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import QTable, Table
from cli_records import validated
from python_forms import python_forms
from regions import Regions

from lensmap import ConvergenceMap, KaiserSquires, NFWHalo, ShearCatalog, make_wcs
from lensmap.cli import main
from lensmap.cli.commands._demo import demo_table
from lensmap.cosmology import SourceRedshifts
from lensmap.peaks import false_peaks
from lensmap.profiles import projected_mass

TRUTH = demo_table().meta


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A catalog and its map, with two clusters of which all is known."""
    folder = tmp_path_factory.mktemp("analysis")
    table = demo_table()
    table.write(folder / "shear.fits")
    catalog = ShearCatalog(table)
    estimator = KaiserSquires(smoothing=1 * u.arcmin, uncertainty="analytic")
    estimator.reconstruct(catalog, make_wcs(catalog, 0.4 * u.arcmin)).write(folder / "kappa.fits")
    Table({"RA": [TRUTH["TRUTHRA1"], TRUTH["TRUTHRA2"]],
           "DEC": [TRUTH["TRUTHDE1"], TRUTH["TRUTHDE2"]],
           "z": [0.3, 0.35], "name": ["A", "B"]}).write(folder / "clusters.csv")
    return folder


@pytest.fixture
def run(folder, tmp_path, capsys):
    """Run a command; words that begin with + are files of the folder, with = new ones."""

    def run(*words):
        names = {"+": folder, "=": tmp_path}
        words = [str(names[w[0]] / w[1:]) if w[0] in names else w for w in map(str, words)]
        code = main(words)
        return code, *capsys.readouterr()

    return run


def test_peaks(run, tmp_path):
    code, out, _ = run("peaks", "+kappa.fits", "-o", "=p.ecsv", "--regions", "=p.reg",
                       "--plot", "=p.png", "--radius", "90arcsec")
    assert code == 0 and "2 peaks" in out and "at_edge" in out
    written = ", ".join(str(tmp_path / name) for name in ("p.ecsv", "p.reg", "p.png"))
    assert out.endswith(f"written: {written}\n")
    peaks = QTable.read(tmp_path / "p.ecsv")
    truth = SkyCoord(TRUTH["TRUTHRA1"], TRUTH["TRUTHDE1"], unit="deg")
    assert SkyCoord(peaks["ra"], peaks["dec"])[0].separation(truth) < 0.5 * u.arcmin
    assert len(Regions.read(tmp_path / "p.reg")) == 2
    assert (tmp_path / "p.png").stat().st_size > 10_000
    assert "kappa.fits" in peaks.meta["map"]
    code, out, err = run("peaks", "+kappa.fits", "-o", "=p.ecsv")
    assert code == 1 and "exists" in err and "--overwrite" in err


def test_a_text_table_has_all_digits(run, tmp_path):
    """Though fewer are shown."""
    for name in ("p.csv", "p.ecsv"):
        assert run("peaks", "+kappa.fits", "-o", f"={name}")[0] == 0
    text, full = (QTable.read(tmp_path / name) for name in ("p.csv", "p.ecsv"))
    for name in ("ra", "kappa", "snr"):
        np.testing.assert_array_equal(text[name], full[name].value)
    assert full["snr"].info.format == ".2f"


def test_masses_of_peaks(run, tmp_path):
    code, out, _ = run("peaks", "+kappa.fits", "-o", "=p.xml", "--mass-within", "1Mpc", "--z-lens",
                       0.3, "--z-source", 1, "--ring", "8arcmin", "12arcmin")
    assert code == 0 and "mass_err" in out
    peaks = QTable.read(tmp_path / "p.xml", format="votable")
    # Of the halo of 1e15 solar masses, 1 Mpc has a cylinder of about 7e14.
    halo = NFWHalo(TRUTH["TRUTHM1"] * u.solMass, TRUTH["TRUTHC1"], 0.3)
    cylinder = np.pi * halo.mean_surface_density(1 * u.Mpc) * u.Mpc**2
    assert abs(peaks["mass"][0] - cylinder) < 3 * peaks["mass_err"][0]
    assert peaks["mass_err"][0] < 0.3 * cylinder


def test_errors_of_masses_at_random_positions(run, folder, tmp_path):
    words = ["peaks", "+kappa.fits", "-o", "=p.ecsv", "--mass-within", "1Mpc", "--z-lens", 0.3,
             "--z-source", 1, "--mass-randoms", 40, "--seed", 3]
    assert run(*words)[0] == 0
    peaks = QTable.read(tmp_path / "p.ecsv")
    kappa = ConvergenceMap.read(folder / "kappa.fits")
    expected = projected_mass(kappa, peaks, 1 * u.Mpc, z_lens=0.3, z_source=1.0, n_random=40, rng=3)
    np.testing.assert_allclose(peaks["mass_err"].value, expected["mass_err"].value)


def test_masses_of_peaks_for_a_redshift_distribution(run, folder, tmp_path):
    assert run("peaks", "+kappa.fits", "-o", "=n.ecsv", "--mass-within", "1Mpc", "--z-lens", 0.3,
               "--z-source", "lsst_y10")[0] == 0
    peaks = QTable.read(tmp_path / "n.ecsv")
    kappa, sources = ConvergenceMap.read(folder / "kappa.fits"), SourceRedshifts.preset("lsst_y10")
    expected = projected_mass(kappa, peaks, 1 * u.Mpc, z_lens=0.3, z_source=sources)
    np.testing.assert_allclose(peaks["mass"].value, expected["mass"].value)


@pytest.mark.filterwarnings("always::lensmap.utils.LensmapWarning")
def test_advice_is_that_of_the_command(run, folder, tmp_path):
    """Each message names options of the command at hand."""
    kappa = ConvergenceMap.read(folder / "kappa.fits")
    kappa.replace(uncertainty=None).write(tmp_path / "plain.fits")
    kappa.replace(meta={**kappa.meta, "parameters": {}}).write(tmp_path / "unknown.fits")
    masses = ["--mass-within", "1Mpc", "--z-lens", 0.3, "--z-source", 1]
    stack = ["profile", "+shear.fits", "--at", "+clusters.csv", "--z-lens", 0.3, "--z-source", 1,
             "--radii", "0.3Mpc", "2.5Mpc", "--no-check"]
    for words, advice in (
        (["peaks", "=plain.fits"],
         "such as --uncertainty rotations of 'lensmap reconstruct'"),
        (["peaks", "=unknown.fits", *masses], "at random positions, such as --mass-randoms 200"),
        ([*stack, "--bootstrap", 20], "or set neither --bootstrap nor --jackknife"),
        ([*stack, "--bootstrap", 20, "--fit"],
         "a larger --bootstrap, or neither --bootstrap nor --jackknife"),
        ([*stack[:3], "1,1", *stack[4:]], "--at must lie in the survey"),
        (["reconstruct", "+shear.fits", "-o", "=k.fits", "--method", "wiener", "--z-source", 1,
          "--max-iterations", 2, "--pixel-scale", "1arcmin", "--uncertainty", "none", "--no-check"],
         "increase --max-iterations or --tolerance"),
    ):
        error = run(*words)[2]
        assert advice in error and python_forms(error) == []


def test_no_peaks_and_other_units(run):
    code, out, _ = run("peaks", "+kappa.fits", "--threshold", 90)
    assert code == 0 and out.startswith("0 peaks\n") and len(out.splitlines()) == 2
    code, out, _ = run("peaks", "+kappa.fits", "--by", "kappa", "--threshold", "0.15")
    assert code == 0 and out.startswith("1 peak\n") and "written" not in out
    code, out, _ = run("peaks", "+kappa.fits", "--troughs", "--threshold", 3)
    assert code == 0 and "-" in out


def test_the_number_of_false_peaks_comes_with_the_map(run, tmp_path):
    words = ["reconstruct", "+shear.fits", "-o", "=k.fits", "--no-check", "--smoothing", "1arcmin",
             "--pixel-scale", "0.8arcmin", "--uncertainty"]
    code, out, _ = run(*words, 20, "--json", "=r.json")
    assert code == 0 and "expected false peaks, by 30 maps of noise: " in out
    kappa = ConvergenceMap.read(tmp_path / "k.fits")
    rows = validated(tmp_path / "r.json")["false_peaks"]["thresholds"]
    for sign in ("peaks", "troughs"):
        expected = false_peaks(kappa, [3, 4, 5], troughs=sign == "troughs")
        assert [row[f"n_{sign}"] for row in rows] == list(expected["n_false"])
    for more, options in (
        ([], {}),
        (["--troughs"], {"troughs": True}),
        (["--min-separation", "9arcmin"], {"min_separation": "9 arcmin"}),
    ):
        code, out, _ = run("peaks", "=k.fits", "--threshold", 3, *more,
                           "-o", "=p.fits", "--json", "=p.json", "--overwrite")
        (row,) = false_peaks(kappa, 3, **options)
        assert code == 0 and f"{row['n_false']:.1f}" in out and "mean of 30 maps of noise" in out
        record = validated(tmp_path / "p.json")
        assert (record["n_false"], record["n_false_err"]) == (row["n_false"], row["n_false_err"])
        assert record["n_noise_maps"] == 30 and record["n_false_unknown"] is None
        peaks = QTable.read(tmp_path / "p.fits")
        assert peaks.meta["N_FALSE"] == row["n_false"] and "n_false" in peaks.colnames
    out = run("peaks", "=k.fits", "--threshold", 2.5, "-o", "=q.fits")[1]
    assert "unknown, because the record of noise peaks begins at snr = 3: give a higher" in out
    assert "begins" in QTable.read(tmp_path / "q.fits").meta["n_false_unknown"]


def test_without_noise_maps_the_number_of_false_peaks_is_not_known(run, tmp_path):
    code, out, _ = run("peaks", "+kappa.fits", "--json", "=p.json")
    assert code == 0 and "unknown, because the map has no record of noise peaks: make the" in out
    record = validated(tmp_path / "p.json")
    assert record["n_false"] is None and "no record" in record["n_false_unknown"]


def test_profile_and_fit(run, tmp_path):
    words = ["profile", "+shear.fits", "--at", f"{TRUTH['TRUTHRA1']},{TRUTH['TRUTHDE1']}",
             "--z-lens", 0.3, "--z-source", 1, "--radii", "0.3Mpc", "2.5Mpc", "--bins", 8]
    code, out, _ = run(*words, "--fit", "-o", "=p.ecsv", "--plot", "=p.png")
    assert code == 0 and "delta_sigma" in out and "of 8 bins" in out
    low, high = (float(w) for w in out.split("68%:")[1].split()[0:3:2])
    assert low < 1.1e15 and high > 0.9e15
    profile = QTable.read(tmp_path / "p.ecsv")
    assert len(profile) == 8 and profile["radius"].unit == u.Mpc
    assert (tmp_path / "p.png").stat().st_size > 10_000
    wider = run(*words, "--fit", "--structure", "--concentration", "relation", "--json", "=w")[1]
    assert "M200c" in wider and wider != out
    record = json.loads((tmp_path / "w").read_text("utf-8"))["fit"]
    assert record["structure"] is True and record["power"] == "halofit"
    boot = run(*words, "--bootstrap", 20)[1]
    assert "g_err" in boot and "M200c" not in boot


@pytest.mark.filterwarnings("ignore:the fit did not converge")
def test_a_fit_without_a_halo(run):
    code, out, err = run("profile", "+shear.fits", "--at", "36.99,12.65", "--z-lens", 0.3,
                         "--z-source", 1, "--radii", "0.2Mpc", "1Mpc", "--fit")
    assert code == 0 and "M200c < " in out and "c200c" not in out
    assert "no halo: the best fit is at a limit of the search range of ln_m200c" in out


def test_a_stack_in_angles(run):
    code, out, _ = run("profile", "+shear.fits", "--at", "+clusters.csv", "--radii", "1arcmin",
                       "8arcmin", "--bins", 3)
    assert code == 0 and "arcmin" in out and "delta_sigma" not in out


def test_a_jackknife_of_patches(run, tmp_path):
    rows = [f"{36.8 + 0.05 * (i % 4)},{12.4 + 0.05 * (i // 4)}" for i in range(12)]
    (tmp_path / "many.csv").write_text("\n".join(["ra,dec", *rows]))
    code, _, _ = run("profile", "+shear.fits", "--at", "=many.csv", "--radii", "2arcmin", "8arcmin",
                     "--bins", 3, "--jackknife", 10, "-o", "=j.ecsv")
    profile = QTable.read(tmp_path / "j.ecsv")
    assert code == 0 and profile.meta["errors"] == "jackknife"
    assert profile.meta["n_patches"] == 10 and np.shape(profile.meta["covariance"]) == (3, 3)


def test_a_stack_of_lenses_at_their_own_redshifts(run, tmp_path):
    words = ["profile", "+shear.fits", "--at", "+clusters.csv", "--radii", "0.3Mpc", "2.5Mpc",
             "--bins", 4, "--z-source", 1]
    code, out, _ = run(*words, "--z-lens", "z", "-o", "=p.ecsv", "--fit")
    profile = QTable.read(tmp_path / "p.ecsv")
    assert code == 0 and "M200c" in out and profile.meta["z_lens"] == pytest.approx(0.325)
    one = run(*words, "--z-lens", 0.3, "-o", "=q.ecsv")
    assert one[0] == 0
    assert np.any(QTable.read(tmp_path / "q.ecsv")["n_pairs"] != profile["n_pairs"])


def test_filaments(run, tmp_path):
    code, out, _ = run("filaments", "+kappa.fits", "--threshold", 1, "--smoothing", "1arcmin",
                       "-o", "=f.ecsv", "--regions", "=f.reg", "--plot", "=f.png")
    assert code == 0 and " above a persistence of 1 x" in out
    table = QTable.read(tmp_path / "f.ecsv")
    lines = (tmp_path / "f.reg").read_text().splitlines()
    assert len(table) >= 1 and sum("segment(" in line for line in lines) == len(table)
    corners = np.array(lines[2].split("(")[1].split(")")[0].split(","), dtype=float).reshape(-1, 2)
    assert np.all(np.abs(corners - [36.97, 12.5]) < 0.4)
    assert (tmp_path / "f.png").stat().st_size > 10_000
    assert run("filaments", "+kappa.fits", "--threshold", 99)[1].startswith("0 filaments")
    code, out, _ = run("filaments", "+kappa.fits", "--threshold", 1, "--smoothing", "1arcmin",
                       "--border", "open", "--connectivity", "triangles")
    assert code == 0 and int(out.split()[0]) > len(table)


SCAN = ["filaments", "--catalog", "+shear.fits", "--scan", "--around",
        f"{TRUTH['TRUTHRA1']},{TRUTH['TRUTHDE1']}", "--radii", "2arcmin", "8arcmin",
        "--core-width", "0.8arcmin", "--z-source", 1, "--directions", 12, "--no-check"]


def test_filament_scan(run, tmp_path):
    """The other cluster lies in the direction of the highest significance."""
    code, out, _ = run(*SCAN, "--z-lens", 0.3, "--threshold", 0.2, "-o", "=s.ecsv",
                       "--regions", "=s.reg", "--plot", "=s.png", "--json", "=s.json")
    assert code == 0 and "5% of skies without filaments exceed" in out and "M200c = (" in out
    table = QTable.read(tmp_path / "s.ecsv")
    first, second = (SkyCoord(TRUTH[f"TRUTHRA{i}"], TRUTH[f"TRUTHDE{i}"], unit="deg")
                     for i in (1, 2))
    direction = first.position_angle(second).deg
    best = table["angle"][np.argmax(table["snr"])].to_value(u.deg)
    assert abs((best - direction + 180) % 360 - 180) <= 30
    record = validated(tmp_path / "s.json")
    assert record["n_peaks"] == np.count_nonzero(table["is_peak"]) >= 1
    assert [one["snr"] for one in record["directions"]] == pytest.approx(list(table["snr"]))
    assert record["cluster"]["m200c_msun"] == pytest.approx(1e15, rel=0.6)
    lines = (tmp_path / "s.reg").read_text().splitlines()
    assert sum("segment(" in line for line in lines) == record["n_peaks"]
    assert (tmp_path / "s.png").stat().st_size > 10_000


def test_filament_scan_of_a_round_or_no_cluster_and_with_random_skies(run, tmp_path):
    code, _, err = run(*SCAN, "--no-cluster", "--skies", 9, "-o", "=s.ecsv")
    assert code == 0, err
    table = QTable.read(tmp_path / "s.ecsv")
    assert np.all(np.isin(np.round(np.asarray(table["false_probability"]) * 10, 6),
                          np.arange(1, 11)))
    assert run(*SCAN, "--z-lens", 0.3, "--round", "--json", "=r.json")[0] == 0
    assert validated(tmp_path / "r.json")["cluster"]["ellipticity"] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["peaks", "=none.fits"], "there is no file"),
        (["peaks", "+shear.fits"], "is not a convergence map"),
        (["peaks", "+clusters.csv"], "it is not a FITS file"),
        (["peaks", "+kappa.fits", "-o", "=p.doc"], "must end in one of"),
        (["peaks", "+kappa.fits", "--regions", "=p.txt"],
         "--regions must end in .reg, .ds9 or .crtf, not '"),
        (["peaks", "+kappa.fits", "--plot", "=p.doc"], "--plot must end in one of ."),
        (["peaks", "+kappa.fits", "--mass-within", "1Mpc", "--z-lens", 0.3],
         "--z-source must be the redshift of the galaxies that made the map, or their"),
        (["peaks", "+kappa.fits", "--mass-within", "0Mpc", "--z-lens", 0.3, "--z-source", 1],
         "--mass-within must be a positive angle or length"),
        (["peaks", "+kappa.fits", "--mass-within", "1Mpc", "--z-lens", 1.3, "--z-source", 1],
         "--z-lens must be lower than --z-source, not 1.3: --z-source is 1.0"),
        (["filaments", "+kappa.fits", "--regions", "=p.txt"], "--regions must end in .reg"),
        (["filaments", "+kappa.fits", "--threshold", "-1"], "threshold must be positive"),
        (SCAN, "--z-lens must be the redshift of the cluster, not None: give it, or fit no "
         "cluster (--no-cluster)"),
        ([*SCAN, "--z-lens", 0.3, "--around", "120,50"], "--around must lie within"),
        ([*SCAN, "--z-lens", 0.3, "--power", "emulator"], "--power must be one of"),
        (["profile", "+shear.fits", "--at", "1,1", "--radii", "1", "2"], "angles or two"),
        (["profile", "+shear.fits", "--at", "1,1", "--radii", "2deg", "1deg"],
         "--radii must be the inner radius and then"),
        (["profile", "+shear.fits", "--at", "1,1", "--radii", "1kg", "2kg"], "two positive"),
        (["profile", "+shear.fits", "--at", "=no.csv", "--radii", "1deg", "2deg"], "no file"),
        (["profile", "+shear.fits", "--at", "1,1", "--radii", "1Mpc", "2Mpc"],
         "--z-lens must be given if --radii has a unit of length (Mpc)"),
        (["profile", "+shear.fits", "--at", "+clusters.csv", "--radii", "1Mpc", "2Mpc", "--z-lens",
          "redshift"], "has no column 'redshift', only 'RA', 'DEC', 'z', 'name'"),
        (["profile", "+shear.fits", "--at", "+clusters.csv", "--radii", "1Mpc", "2Mpc", "--z-lens",
          "name"], "the column 'name' of"),
        (["profile", "+shear.fits", "--at", "+clusters.csv", "--radii", "1Mpc", "2Mpc", "--z-lens",
          "z", "--behind", "lens"], "--margin must be None for a catalog without redshifts"),
        (["profile", "+shear.fits", "--at", "1,1", "--radii", "1Mpc", "2Mpc", "--z-lens", 0.3,
          "--behind", "lens"], "--behind needs the redshifts of the galaxies"),
        (["profile", "+shear.fits", "--at", "+clusters.csv", "--radii", "1arcmin", "2arcmin",
          "--jackknife", 50], "--jackknife must be at most the number of positions, 2"),
        (["profile", "+shear.fits", "--at", "1,1", "--z-lens", "0.3", "--z-source", "1", "--radii",
          "1arcmin", "9arcmin", "--fit", "--structure", "--power", "emulator"],
         "--power must be one of 'halofit', 'camb'"),
        (["profile", "+shear.fits", "--at", "1,1", "--radii", "1deg", "2deg"],
         "no source galaxy is within"),
    ],
)
def test_one_clear_line_for_bad_input(words, message, run, tmp_path):
    code, out, err = run(*words)
    assert code == 1 and out == "" and message in err and err.count("lensmap:") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["filaments"], "the command needs a map, or --scan"),
        (["filaments", "--scan", "--around", "1,1"], "--scan needs --catalog"),
        (["filaments", "--scan", "--catalog", "+shear.fits"], "--scan needs --around"),
        (["filaments", "+kappa.fits", "--z-lens", 0.3], "--z-lens needs --scan"),
        ([*SCAN, "--smoothing", "1arcmin"], "--smoothing has no effect with --scan"),
        (["peaks", "+kappa.fits", "--mass-within", "1Mpc"], "--mass-within needs --z-lens"),
        (["peaks", "+kappa.fits", "--ring", "1deg", "2deg"], "--ring needs --mass-within"),
        (["peaks", "+kappa.fits", "--mass-randoms", 9], "--mass-randoms needs --mass-within"),
        (["peaks", "+kappa.fits", "--z-lens", "0.3"], "--z-lens needs --mass-within"),
        (["peaks", "+kappa.fits", "--z-source", "-1"], "--z-source needs --mass-within"),
        (["profile", "+shear.fits", "--at", "1,1", "--radii", "1deg", "2deg", "--fit"],
         "--fit and --behind lens need --z-lens"),
        (["profile", "+shear.fits", "--at", "1,1", "--radii", "1Mpc", "2Mpc", "--z-lens", "z"],
         "--z-lens must be a number, or the name of a column if --at names a table, not 'z'"),
        (["profile", "+shear.fits", "--at", "1,1", "--radii", "1deg", "2deg", "--jackknife", 5],
         "--jackknife needs a table of positions as --at"),
        (["profile", "+shear.fits", "--at", "1,1", "--radii", "1deg", "2deg", "--structure"],
         "--structure needs --fit"),
        (["profile", "+shear.fits", "--at", "1,1", "--radii", "1deg", "2deg", "--power", "camb"],
         "--power needs --structure"),
        (["profile", "+shear.fits", "--at", "1,1", "--radii", "1deg", "2deg", "--concentration", 5],
         "--concentration needs --fit"),
    ],
)
def test_combinations_of_options_are_wrong_usage(words, message, run, tmp_path):
    code, out, err = run(*words)
    assert code == 2 and out == "" and message in err and err.count("lensmap:") == 1
    assert list(tmp_path.iterdir()) == []


def test_peaks_of_a_masked_map(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with fits.open(folder / "kappa.fits") as hdus:
        hdus["MASK"].data[:] = 1
        hdus.writeto("masked.fits", checksum=True)
    assert main(["peaks", "masked.fits", "-o", "p.ecsv"]) == 1
    error = "lensmap: error: the map 'masked.fits' has only masked pixels\n"
    assert capsys.readouterr().err == error and not (tmp_path / "p.ecsv").exists()

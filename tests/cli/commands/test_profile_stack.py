# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap profile`` of a survey with known clusters: weights, random positions, wrong centers."""

import hashlib
from functools import partial

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable
from cli_records import validated
from cluster_survey import CONCENTRATION, MASS, ClusterSurvey, sky_of

from lensmap import ShearCatalog, fit_nfw, shear_profile
from lensmap.cli import main
from lensmap.profiles import apply_boost, boost_factor, correct_reduced_shear, subtract_random
from lensmap.provenance import read_provenance

EDGES = np.geomspace(0.25, 1.6, 6)
PROFILE = ["profile", "shear.fits", "--z-lens", "z", "--radii", "0.25Mpc", "1.6Mpc", "--bins", "5",
           "--no-check", "--overwrite", "--quiet"]
WEIGHTS = ["--at", "lenses.ecsv", "--lens-weight", "richness"]
RANDOMS = ["--randoms", "randoms.ecsv", "--random-weight", "richness"]
DENSITY = "solMass / Mpc2"


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    """The survey, with its tables in a folder."""
    survey = ClusterSurvey()
    survey.folder = tmp_path_factory.mktemp("survey")
    for name in ("lenses", "randoms"):
        getattr(survey, name).write(survey.folder / f"{name}.ecsv")
    survey.sources.write(survey.folder / "shear.fits")
    off = survey.lenses["ra_off", "dec_off", "z"]
    off.rename_columns(["ra_off", "dec_off"], ["ra", "dec"])
    off.write(survey.folder / "off.ecsv")
    survey.catalog = ShearCatalog.read(survey.folder / "shear.fits")
    return survey


@pytest.fixture
def profile_of(survey, monkeypatch):
    """Run the command, and return its table and its record, which follows the schema."""
    monkeypatch.chdir(survey.folder)

    def run(*words):
        assert main([*PROFILE, *map(str, words), "-o", "p.ecsv", "--json", "p.json"]) == 0
        return QTable.read("p.ecsv"), validated("p.json")

    return run


def measured(survey, table, **options):
    """Return the profile that the functions of Python measure."""
    return shear_profile(survey.catalog, sky_of(table), EDGES * u.Mpc, z_lens=table["z"], **options)


def assert_same(table, expected):
    assert set(table.colnames) == set(expected.colnames)
    for name in expected.colnames:
        unit = getattr(expected[name], "unit", None)
        assert getattr(table[name], "unit", None) == unit
        np.testing.assert_allclose(
            *(np.asarray(getattr(one[name], "value", one[name])) for one in (table, expected)),
            rtol=1e-10, err_msg=name,
        )


def test_randoms_and_boost_give_the_true_surface_density(survey, profile_of):
    words = [*WEIGHTS, "--fit", "--concentration", CONCENTRATION]
    table, record = profile_of(*words, *RANDOMS, "--boost", "--correct-reduced-shear")
    truth = survey.true_delta_sigma(EDGES, survey.lenses["richness"])
    value, error = (table[name].to_value(DENSITY) for name in ("delta_sigma", "delta_sigma_err"))
    error = np.hypot(error, value * table["boost_delta_sigma_err"] / table["boost_delta_sigma"])
    error = np.asarray(error)
    assert np.all(error < 0.08 * truth)
    assert np.all(np.abs(value - truth) < 3 * error)
    assert np.sum(((value - truth) / error) ** 2) < 15  # 5 bins
    assert np.average(value / truth, weights=error**-2) == pytest.approx(1, abs=0.03)
    assert record["fit"]["m200c_msun"] == pytest.approx(MASS, rel=0.06)
    plain, low = profile_of(*words, "--correct-reduced-shear")
    assert np.all(plain["delta_sigma"].to_value(DENSITY)[:4] < 0.92 * truth[:4])
    assert low["fit"]["m200c_msun"] < 0.85 * MASS
    # The record alone gives the fit again.
    np.testing.assert_allclose(
        record["fit"]["chi2"], np.sum(((table["g_t"] - _model(survey, record)) / table["g_err"])**2)
    )


def _model(survey, record):
    """Return the shear of the fit, from the numbers of the record alone."""
    bins = record["bins"]
    profile = QTable({
        "radius_low": [row["radius_low_mpc"] for row in bins] * u.Mpc,
        "radius_high": [row["radius_high_mpc"] for row in bins] * u.Mpc,
        "radius": [row["radius_mpc"] for row in bins] * u.Mpc,
        "g_t": [row["g_t"] for row in bins], "g_err": [row["g_err"] for row in bins],
        "sigma_crit": [row["sigma_crit_msun_per_mpc2"] for row in bins] * u.Unit(DENSITY),
        "efficiency_ratio": [row["efficiency_ratio"] for row in bins],
    }, meta={"z_lens": record["z_lens"]})
    fit = fit_nfw(profile, z_lens=record["z_lens"], concentration=record["fit"]["c200c"])
    assert fit.m200c.to_value("solMass") == pytest.approx(record["fit"]["m200c_msun"], rel=1e-4)
    return fit.model()


def test_the_command_and_python_are_the_same(survey, profile_of):
    words = [*WEIGHTS, *RANDOMS, "--boost", "--fit", "--correct-reduced-shear",
             "--miscentering", "0.2,0.3Mpc", "--jackknife", 12, "--seed", 3]
    table, record = profile_of(*words)
    measure = partial(measured, survey, errors="jackknife", n_patches=12, rng=3)
    profile, reference = (
        measure(one, lens_weight=one["richness"]) for one in (survey.lenses, survey.randoms)
    )
    profile = apply_boost(profile, boost_factor(profile, reference))
    profile = subtract_random(profile, reference)
    fit = fit_nfw(profile, z_lens=profile.meta["z_lens"], miscentering=(0.2, 0.3 * u.Mpc))
    profile = correct_reduced_shear(profile, fit)
    assert_same(table, profile)
    for name in ("covariance", "covariance_delta_sigma"):
        np.testing.assert_allclose(table.meta[name], profile.meta[name], rtol=1e-10)
    np.testing.assert_allclose(record["covariance"], profile.meta["covariance"], rtol=1e-10)
    np.testing.assert_allclose(record["covariance_delta_sigma_msun2_per_mpc4"],
                               profile.meta["covariance_delta_sigma"], rtol=1e-10)
    for name in ("boost", "boost_err", "g_t_random", "n_pairs_random", "weight"):
        np.testing.assert_allclose([row[name] for row in record["bins"]], profile[name], rtol=1e-10)
    for name in ("delta_sigma", "delta_sigma_x", "delta_sigma_err_random", "sigma_crit"):
        np.testing.assert_allclose([row[f"{name}_msun_per_mpc2"] for row in record["bins"]],
                                   profile[name].to_value(DENSITY), rtol=1e-10)
    assert record["n_positions"] == 42 and record["n_random_positions"] == 200
    assert record["lens_weight"] == pytest.approx(survey.lenses["richness"].sum())
    assert 28 < record["n_effective_positions"] < 42
    assert record["delta_sigma_of"] == "shear" and record["errors_from"] == "jackknife"
    # The fit, in the record and in the table.
    for found in (record["fit"], read_provenance("p.ecsv")["results"]["fit"]):
        assert found["m200c_msun"] == pytest.approx(fit.m200c.to_value("solMass"), rel=1e-8)
        assert found["m200c_low_msun"] < found["m200c_msun"] < found["m200c_high_msun"]
        assert found["chi2"] == pytest.approx(fit.chi2) and found["degrees_of_freedom"] == 3
        assert found["concentration"] == "prior"
        assert found["miscentering"] == {"fraction": 0.2, "sigma_mpc": 0.3}
        assert found["priors"]["c200c"]["scatter_ln"] > 0.3
        assert found["parameters"] == ["ln_m200c", "ln_c200c"]
        np.testing.assert_allclose(found["covariance"], fit.covariance, rtol=1e-6)
    assert read_provenance("p.ecsv")["results"]["n_random_positions"] == 200
    # The inputs, among them the random positions.
    inputs = {one["option"]: one for one in record["inputs"]}
    digest = hashlib.sha256((survey.folder / "randoms.ecsv").read_bytes()).hexdigest()
    assert inputs["--randoms"]["path"] == "randoms.ecsv"
    assert inputs["--randoms"]["sha256"] == digest
    assert record["arguments"]["miscentering"] == "0.2,0.3Mpc"


def test_weights_by_hand(survey, profile_of):
    table, record = profile_of(*WEIGHTS, "--z-source", 1)
    sums, norm = np.zeros((2, len(EDGES) + 1))
    for i, w in enumerate(survey.lenses["richness"]):
        shear, ring = survey.tangential(i, EDGES)
        sums += w * np.bincount(ring + 1, shear, len(EDGES) + 1)
        norm += w * np.bincount(ring + 1, minlength=len(EDGES) + 1)
    np.testing.assert_allclose(table["g_t"], (sums / norm)[1:-1], rtol=2e-3)
    np.testing.assert_allclose(table["weight"], norm[1:-1], rtol=2e-3)
    equal, _ = profile_of("--at", "lenses.ecsv", "--z-source", 1)
    assert np.all(np.abs(equal["g_t"] / table["g_t"] - 1) > 1e-4)
    assert record["n_random_positions"] is None and record["fit"] is None


def test_wrong_centers(survey, profile_of):
    """A fit that knows of them finds the mass that a fit of the right centers finds."""
    words = ["--fit", "--concentration", CONCENTRATION, *RANDOMS[:2], "--boost"]
    right = profile_of("--at", "lenses.ecsv", *words)[1]["fit"]
    naive = profile_of("--at", "off.ecsv", *words)[1]["fit"]
    sigma = np.degrees(0.3 / survey.distance(0.3)) * 60
    words = ["--at", "off.ecsv", *words]
    fitted = profile_of(*words, "--miscentering", f"0.4,{sigma}arcmin")[1]["fit"]
    assert naive["m200c_msun"] < 0.9 * right["m200c_msun"]
    assert fitted["m200c_msun"] == pytest.approx(right["m200c_msun"], rel=0.06)
    assert fitted["m200c_msun"] == pytest.approx(MASS, rel=0.08)
    assert fitted["chi2"] < 15 < naive["chi2"]  # 5 bins
    assert naive["miscentering"] is None and naive["concentration"] == CONCENTRATION
    assert fitted["miscentering"] == {"fraction": 0.4, "sigma_arcmin": pytest.approx(sigma)}


def test_one_position_with_randoms(survey, profile_of, capsys):
    """One lens redshift holds for the random positions as well."""
    row = survey.lenses[0]
    at = f"{row['ra']},{row['dec']}"
    words = [word for word in PROFILE if word != "--quiet"]
    words[words.index("z")] = "0.3"
    assert main([*words, "--at", at, *RANDOMS[:2], "--boost"]) == 0
    out = capsys.readouterr().out
    assert "boost_delta_sigma" in out
    assert "the profile around 200 random positions is subtracted, after the boost factor" in out


def test_bootstrap_of_lenses_and_randoms(survey, profile_of):
    table, _ = profile_of("--at", "lenses.ecsv", *RANDOMS[:2], "--bootstrap", 30)
    profile, reference = (
        measured(survey, one, errors="bootstrap", n_bootstrap=30, rng=0)
        for one in (survey.lenses, survey.randoms)
    )
    assert_same(table, subtract_random(profile, reference))


def _usage(words, capsys):
    """Return the exit code of a command without outputs, and its error."""
    try:
        code = main([*map(str, words)])
    except SystemExit as error:
        code = error.code
    return code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--at", "30,1", "--lens-weight", "w"],
         "--lens-weight needs a table of positions as --at"),
        (["--at", "no.ecsv", "--boost"], "--boost needs --randoms"),
        (["--at", "no.ecsv", "--random-weight", "w"], "--random-weight needs --randoms"),
        (["--at", "no.ecsv", "--miscentering", "0.2,0.3Mpc"], "--miscentering needs --fit"),
        (["--at", "no.ecsv", "--correct-reduced-shear"], "--correct-reduced-shear needs --fit"),
        (["--at", "30,1", "--miscentering", "1.2,0.3Mpc"], "F,SIGMA: a fraction"),
        (["--at", "30,1", "--miscentering", "0.2"], "such as 0.2,0.3Mpc, not '0.2'"),
        (["--at", "30,1", "--miscentering", "0.2,0.3"], "a positive length or angle"),
        (["--at", "30,1", "--miscentering", "0.2,-0.3Mpc"], "a positive length or angle"),
        (["--at", "30,1", "--miscentering", "x,0.3Mpc"], "F,SIGMA"),
    ],
)
def test_wrong_usage_is_told_before_files_are_read(words, message, survey, monkeypatch, capsys):
    monkeypatch.chdir(survey.folder)
    (survey.folder / "damaged.fits").write_text("no catalog")
    words = ["profile", "damaged.fits", "--radii", "1arcmin", "9arcmin", *words]
    code, error = _usage(words, capsys)
    assert code == 2 and message in error and "Traceback" not in error


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--randoms", "no.ecsv"], "--randoms: there is no file 'no.ecsv'"),
        (["--randoms", "few.ecsv"], "the table 'few.ecsv' has no column 'z', only 'ra', 'dec'"),
        (["--lens-weight", "mass"], "the table 'lenses.ecsv' has no column 'mass', only"),
        (["--randoms", "lenses.ecsv", "--random-weight", "mass"], "has no column 'mass'"),
        (["--randoms", "pair.ecsv", "--jackknife", 3],
         "--jackknife must be at most the number of random positions in 'pair.ecsv', 2, not 3"),
        (["--lens-weight", "dec"], "must hold weights of at least 0, one of them above 0, but is"),
        (["--randoms", "lenses.ecsv", "-o", "lenses.ecsv"], "would be lost"),
    ],
)
def test_tables_are_checked_before_the_catalog_is_read(words, message, survey, monkeypatch, capsys):
    monkeypatch.chdir(survey.folder)
    (survey.folder / "damaged.fits").write_text("no catalog")
    survey.randoms["ra", "dec"][:2].write("few.ecsv", overwrite=True)
    survey.randoms[:2].write("pair.ecsv", overwrite=True)
    words = ["profile", "damaged.fits", "--at", "lenses.ecsv", "--z-lens", "z", "--radii",
             "0.25Mpc", "1.6Mpc", *words]
    code, error = _usage(words, capsys)
    assert code == 1 and message in error and error.count("lensmap:") == 1


def test_options_from_a_file(survey, profile_of):
    words = [*WEIGHTS, *RANDOMS, "--boost", "--fit", "--miscentering", "0.2,0.3Mpc"]
    table, _ = profile_of(*words, "--save-config", "options.toml")
    again = ["profile", "shear.fits", "--config", "options.toml", "-o", "q.ecsv", "--overwrite"]
    assert main(again) == 0
    assert_same(QTable.read("q.ecsv"), table)


@pytest.mark.filterwarnings("ignore:the fit did not converge", "always:--correct-reduced-shear")
def test_no_correction_without_a_halo(survey, monkeypatch, capsys):
    monkeypatch.chdir(survey.folder)
    far = SkyCoord(33.4, 0.2, unit="deg")  # in the part without clusters
    words = [word for word in PROFILE if word != "--quiet"]
    words[words.index("z")] = "0.3"
    words += ["--at", f"{far.ra.deg},{far.dec.deg}", "--fit", "--correct-reduced-shear"]
    assert main([*words, "-o", "f.ecsv"]) == 0
    found = capsys.readouterr().err
    assert "--correct-reduced-shear has no effect, because --fit found no halo" in found
    assert QTable.read("f.ecsv").meta["delta_sigma_of"] == "reduced shear"

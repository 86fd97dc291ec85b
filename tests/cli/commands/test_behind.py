# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``--behind`` in all commands that read a catalog, and p(z) on the command line."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable, Table
from cli_records import code_of, validated

from lensmap import ConvergenceMap, ShearCatalog
from lensmap.cli import main
from lensmap.cli.commands._demo import demo_table
from lensmap.profiles import projected_mass, shear_profile
from lensmap.provenance import read_provenance

TRUTH = demo_table().meta
CENTER = f"{TRUTH['TRUTHRA1']},{TRUTH['TRUTHDE1']}"
GRID = np.linspace(0, 3, 61)
PZ = ["--columns", "pz=pdf", "--z-grid", "0,3,61"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The demo catalog with p(z), whose sources are at 1, among galaxies in front of the lens."""
    folder = tmp_path_factory.mktemp("behind")
    table, rng = demo_table(), np.random.default_rng(4)
    n = len(table)
    redshift = np.where(rng.random(n) < 0.7, 1.0, 0.25)
    redshift[:100] = -99
    pdf = np.exp(-0.5 * ((GRID - redshift[:, np.newaxis]) / 0.05) ** 2)
    pdf[:100] = np.nan
    front = redshift < 1
    table["e1"][front], table["e2"][front] = rng.normal(0, 0.2, (2, np.count_nonzero(front)))
    table["redshift"], table["pdf"] = redshift, pdf.astype(np.float32)
    table["inverse"] = np.where(front, 0.0, 3.5e-16)
    table.write(folder / "shear.fits")
    table[:500].write(folder / "few.fits")
    Table({"ra": [TRUTH["TRUTHRA1"], TRUTH["TRUTHRA2"]],
           "dec": [TRUTH["TRUTHDE1"], TRUTH["TRUTHDE2"]], "z": [0.3, 0.35]}).write(
        folder / "clusters.ecsv")
    np.savetxt(folder / "grid.txt", GRID)
    return folder


@pytest.fixture
def run(folder, tmp_path, monkeypatch, capsys):
    """Run a command in the folder; return its code, its record and what it printed."""
    monkeypatch.chdir(folder)

    def run(*words):
        record = tmp_path / "record.json"
        code = main([*map(str, words), "--json", str(record), "--overwrite"])
        return code, validated(record), capsys.readouterr()

    return run


pytestmark = pytest.mark.filterwarnings("ignore::lensmap.utils.LensmapWarning")


@pytest.mark.parametrize("options", [[], PZ, ["--columns", "pz=pdf", "--z-grid", "grid.txt"]])
def test_a_map_of_the_galaxies_behind_a_lens(run, folder, tmp_path, options):
    name = tmp_path / "kappa.fits"
    code, record, text = run("reconstruct", "shear.fits", "-o", name, "--behind", 0.3, "--margin",
                             0.2, *options, "--uncertainty", "analytic", "--no-check")
    facts = record["catalog"]
    selection = facts["source_selection"]
    with_pz = bool(options)
    low = "P(z > 0.5) below 0.98" if with_pz else "redshift not above 0.5"
    missing = "no p(z)" if with_pz else "no redshift"
    n_all = len(Table.read(folder / "shear.fits"))
    assert code == 0 and facts["n_left_out"][missing] == 100
    assert facts["n_galaxies"] + facts["n_left_out"][low] + 100 == n_all == selection["n_given"]
    assert selection["by"] == ("pz" if with_pz else "redshift") and selection["margin"] == 0.2
    assert selection["redshifts"]["mean"] == pytest.approx(1, abs=2e-3)
    assert selection["redshifts"]["effective"] == pytest.approx(1, abs=0.01)
    assert (f"sources behind z = 0.3 (margin 0.2): {facts['n_galaxies']} of {n_all} galaxies, mean "
            "redshift 1.0") in text.out
    kappa = ConvergenceMap.read(name)
    assert kappa.meta["catalog"]["source_selection"] == selection
    assert read_provenance(name)["catalog"]["n_left_out"] == facts["n_left_out"]
    # The masses of its peaks need no source redshift.
    _, record, _ = run("peaks", name, "--mass-within", "0.5Mpc", "--z-lens", 0.3)
    center = SkyCoord(TRUTH["TRUTHRA1"], TRUTH["TRUTHDE1"], unit="deg")
    peak = record["peaks"][0]
    at = SkyCoord(peak["ra_deg"], peak["dec_deg"], unit="deg")
    assert at.separation(center) < 1 * u.arcmin
    expected = projected_mass(kappa, at, 0.5 * u.Mpc, z_lens=0.3, z_source=1.0)["mass"][0]
    assert peak["mass_msun"] == pytest.approx(expected.value, rel=0.01)


def test_a_map_for_the_wiener_filter_has_the_redshift_of_its_galaxies(run, tmp_path):
    for options in ([], PZ):
        _, record, _ = run("reconstruct", "few.fits", "-o", tmp_path / "k.fits", "--method",
                           "wiener", "--behind", 0.3, *options, "--no-check", "--pixel-scale",
                           "2arcmin")
        assert record["parameters"]["z_source"] == pytest.approx(1, abs=2e-3)


def test_profiles_behind_one_lens_and_behind_each(run, folder, tmp_path):
    words = ["profile", "shear.fits", "--radii", "0.3Mpc", "2.5Mpc", "--bins", 4, "--no-check"]
    one = ["--at", CENTER, "--z-lens", 0.3]
    _, by_number, text = run(*words, *one, "--behind", 0.3)
    _, by_lens, _ = run(*words, *one, "--behind", "lens", "--fit")
    assert by_lens["bins"] == by_number["bins"] and by_lens["n_pairs_left_out"] == 0
    assert text.out.startswith("sources behind z = 0.3 (margin 0.1): ")
    assert by_lens["fit"]["m200c_msun"] == pytest.approx(1e15, rel=0.25)
    # Selected by hand
    table = Table.read(folder / "shear.fits")
    catalog = ShearCatalog(table[table["redshift"] > 0.4])
    center = SkyCoord(TRUTH["TRUTHRA1"], TRUTH["TRUTHDE1"], unit="deg")
    bins = np.geomspace(0.3, 2.5, 5) * u.Mpc
    profile = shear_profile(catalog, center, bins, z_lens=0.3)
    assert [row["n_pairs"] for row in by_lens["bins"]] == profile["n_pairs"].tolist()
    many = ["--at", "clusters.ecsv", "--z-lens", "z"]
    for options in ([], PZ):
        _, record, _ = run(*words, *many, "--behind", "lens", "--margin", 0.2, *options, "-o",
                           tmp_path / "p.ecsv")
        assert record["margin"] == 0.2 and record["n_pairs_left_out"] > 100
        assert record["min_probability"] == (0.98 if options else None)
        assert QTable.read(tmp_path / "p.ecsv").meta["margin"] == 0.2
    _, record, _ = run(*words, *one, "--inverse-sigma-crit", "inverse")
    np.testing.assert_array_equal(
        [row["n_pairs"] for row in record["bins"]], profile["n_pairs"]
    )
    assert 1 / record["bins"][0]["delta_sigma_msun_per_mpc2"] * record["bins"][0][
        "g_t"] == pytest.approx(3.5e-16, rel=1e-6)


@pytest.mark.parametrize("options", [[], PZ])
def test_structure_takes_the_redshifts_of_the_selected_galaxies(run, options):
    words = ["profile", "shear.fits", "--radii", "0.3Mpc", "2.5Mpc", "--bins", 4, "--no-check",
             "--at", CENTER, "--z-lens", 0.3, "--fit", "--behind", 0.3, *options]
    fits = [run(*words, *more)[1]["fit"]
            for more in ([], ["--structure"], ["--structure", "--z-source", 1])]
    alone, by_selection, by_number = (np.sqrt(fit["covariance"][0][0]) for fit in fits)
    assert alone < by_selection == pytest.approx(by_number, rel=0.05)


@pytest.mark.parametrize(
    "options",
    [[], ["--behind", "lens"], ["--behind", 0.3, "--inverse-sigma-crit", "inverse"]],
)
def test_structure_needs_one_redshift_distribution(run, options):
    words = ["profile", "shear.fits", "--radii", "0.3Mpc", "2.5Mpc", "--at", "clusters.ecsv",
             "--z-lens", "z", "--fit", "--structure"]
    code, _, text = run(*words, *options)
    assert code == 2 and "--structure needs --z-source, or --behind with one redsh" in text.err


def test_check_and_inject(run, tmp_path):
    code, record, text = run("check", "shear.fits", "--behind", 0.3, "--rotations", 40)
    assert code == 0
    assert record["n_left_out"] == record["catalog"]["n_left_out"]
    assert record["n_galaxies"] == record["catalog"]["n_galaxies"] < 25_000
    assert text.out.startswith("sources behind z = 0.3")
    words = ["inject", "shear.fits", "-o", tmp_path / "h.ecsv", "--mass", 1e15, "--z-lens", 0.3,
             "-n", 1, "--halos", 2, "--no-check"]
    code, record, text = run(*words, "--behind", 0.3, *PZ)
    assert code == 0 and record["catalog"]["source_selection"]["by"] == "pz"
    assert "sources behind z = 0.3" in text.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--margin", 0.1], "--margin needs --behind"),
        (["--min-probability", 0.9], "--min-probability needs --behind"),
        (["--behind", 0.3, "--columns", "redshift=none"],
         "--behind needs the redshifts of the galaxies: name their column by --columns redshift="),
        (["--behind", 0.3, "--min-probability", 0.9], "--min-probability needs p(z)"),
        (["--behind", 3], "lie in front of galaxies of the catalog, not 3"),
        (["--columns", "pz=pdf"], "--z-grid must be given for a catalog with p(z), not None"),
        ([*PZ[:2], "--z-grid", "0,3,60"], "--z-grid must have as many redshifts as the column"),
        ([*PZ[:2], "--z-grid", "3,0,61"], "--z-grid must be START,STOP,N, such as 0,4,401, or"),
        ([*PZ[:2], "--z-grid", "clusters.ecsv"], "--z-grid must be START,STOP,N, such as"),
        ([*PZ[:2], "--z-grid", "none.txt"], "none.txt"),
        (["--z-grid", "0,3,61"], "--z-grid must be None for a catalog without p(z)"),
    ],
)
def test_wrong_options(run, tmp_path, words, message):
    code, record, _ = run("reconstruct", "few.fits", "-o", tmp_path / "k.fits", "--no-check",
                          *words)
    assert code == code_of(message) and message in record["errors"][0]["message"]
    assert not (tmp_path / "k.fits").exists()


@pytest.mark.parametrize("words", [["--behind", "lens"], ["--behind", "-1"], ["--behind", "1,2"],
                                   ["--behind", 0.3, "--margin", "x"],
                                   ["--behind", 0.3, "--min-probability", 2]])
def test_wrong_usage(folder, tmp_path, words):
    command = ["reconstruct", folder / "few.fits", "-o", tmp_path / "k.fits", *words]
    with pytest.raises(SystemExit, match="2"):
        main([*map(str, command)])

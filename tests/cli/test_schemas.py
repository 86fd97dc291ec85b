# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The JSON records of all commands follow the schema that lensmap has for them."""

import jsonschema
import pytest
from astropy import units as u
from astropy.table import QTable, Table
from cli_records import SCHEMAS, numbers, validated
from simulate_command import SMALL

from lensmap.cli import main
from lensmap.cli._exit_codes import ExitCode
from lensmap.cli._parser import _COMMANDS
from lensmap.cli.commands._demo import demo_table
from lensmap.utils import PROVENANCE_SCHEMA

HALO = ["--mass", "1e15", "--z-lens", "0.3", "--z-source", "1"]
TRUTH = demo_table().meta
CENTER = f"{TRUTH['TRUTHRA1']},{TRUTH['TRUTHDE1']}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a catalog and its map."""
    folder = tmp_path_factory.mktemp("schemas")
    demo_table().write(folder / "shear.fits")
    words = ["reconstruct", "shear.fits", "-o", "kappa.fits", "--uncertainty", "analytic"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main([*words, "--no-check", "--json", "reconstruct.json"]) == 0
    return folder


@pytest.fixture
def record_of(folder, monkeypatch):
    """Run a command in the folder and return its record, which follows the schema."""
    monkeypatch.chdir(folder)

    def run(*words, code=0):
        assert main([*map(str, words), "--json", "record.json", "--overwrite"]) == code
        return validated(folder / "record.json")

    return run


def names_of(modules, above=""):
    """Return the names of all commands."""
    for module in modules:
        name = f"{above} {module.NAME}".strip()
        yield from names_of(module.COMMANDS, name) if hasattr(module, "COMMANDS") else [name]


def test_every_command_has_a_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMAS)
    names = [*names_of(_COMMANDS), "no command"]
    references = [one["$ref"].rpartition("/")[2].replace("%20", " ") for one in SCHEMAS["oneOf"]]
    assert sorted(references) == sorted(names) == sorted(
        SCHEMAS["$defs"].keys()
        - {"catalog", "input", "output", "matrix", "message", "record", "shape", "declaration",
           "convention_check", "prior_power", "binning", "false_peaks", "run_settings",
           "source_selection"}
    )
    assert {SCHEMAS["$defs"][name]["properties"]["command"].get("const") for name in names} == {
        *names_of(_COMMANDS), None
    }


def test_the_schema_knows_all_codes():
    known = SCHEMAS["$defs"]["record"]["properties"]
    assert known["status"]["enum"] == [code.status for code in ExitCode]
    assert known["exit_code"]["enum"] == [int(code) for code in ExitCode]
    assert known["schema"]["const"] == PROVENANCE_SCHEMA


def test_reconstruct(folder):
    record = validated(folder / "reconstruct.json")
    assert record["outputs"][0]["path"] == "kappa.fits" and record["uncertainty"] == "noise"
    assert record["peak_ra_deg"] == pytest.approx(TRUTH["TRUTHRA1"], abs=0.01)
    assert record["peak_dec_deg"] == pytest.approx(TRUTH["TRUTHDE1"], abs=0.01)
    assert record["peak_snr"] > 10 and record["pixel_scale_arcmin"] == pytest.approx(0.4)
    assert record["n_galaxies"] == 30500


def test_reconstruct_without_an_uncertainty(record_of):
    record = record_of("reconstruct", "shear.fits", "-o", "plain.fits", "--no-check")
    assert record["peak_snr"] is None and record["uncertainty"] is None


@pytest.mark.filterwarnings("ignore::lensmap.utils.ConventionWarning")
def test_check(record_of):
    right = record_of("check", "shear.fits", "--rotations", 40)
    assert right["status"] == "done" and right["possible_conventions"] == ["celestial"]
    words = ["check", "shear.fits", "--rotations", 40, "--convention", "euclidean"]
    wrong = record_of(*words, code=3)
    assert wrong["status"] == "wrong" and wrong["handedness"] == "mirrored"
    assert len(wrong["choices"]) == 4 and wrong["area_deg2"] > 0


def test_check_undecided(record_of, folder):
    Table.read(folder / "shear.fits")[:300].write(folder / "few.fits", overwrite=True)
    record = record_of("check", "few.fits", "--rotations", 40, code=4)
    assert record["status"] == "undecided" and len(record["possible_conventions"]) == 4


def test_peaks(record_of):
    record = record_of("peaks", "kappa.fits", "--mass-within", "1Mpc", "--z-lens", 0.3,
                       "--z-source", 1)
    assert record["n_peaks"] == len(record["peaks"]) == 2
    assert record["peaks"][0]["mass_msun"] == pytest.approx(8e14, rel=0.5)
    assert record["peaks"][0]["ra_deg"] == pytest.approx(TRUTH["TRUTHRA1"], abs=0.01)
    assert record_of("peaks", "kappa.fits", "--threshold", 90)["peaks"] == []


def test_profile(record_of):
    words = ["profile", "shear.fits", "--at", CENTER, "--bins", 4]
    record = record_of(*words, "--radii", "0.3Mpc", "2.5Mpc", "--z-lens", 0.3, "--z-source", 1,
                       "--fit")
    assert record["bins"][0]["radius_low_mpc"] == pytest.approx(0.3)
    assert record["fit"]["m200c_msun"] == pytest.approx(1e15, rel=0.5)
    record = record_of(*words, "--radii", "1arcmin", "9arcmin")
    assert record["bins"][3]["radius_high_arcmin"] == pytest.approx(9) and record["fit"] is None


def test_filaments(record_of):
    record = record_of("filaments", "kappa.fits", "--threshold", 1, "--smoothing", "1arcmin")
    assert record["n_filaments"] == len(record["filaments"]) >= 1


def test_inject(record_of):
    record = record_of("inject", "shear.fits", "-o", "h.ecsv", *HALO, "-n", 1, "--halos", 2,
                       "--no-check")
    assert record["n_halos"] == 2 and record["halos"][0]["m200c_msun"] == 1e15


def test_simulate(record_of):
    record = record_of("simulate", "fields", "-o", "f", "-n", 1, *SMALL, "--workers", 1)
    assert record["pixel_scale_arcmin"] == 3 and record["n_existing"] == 0
    words = ["simulate", "survey", "-o", "c.fits", "--density", 1]
    record = record_of(*words, "--field", "f/field_0000.fits")
    assert record["lensed"] and record["mean_redshift"] == pytest.approx(0.6)
    record = record_of(*words, *SMALL, "--null")
    assert not record["lensed"] and record["shear_rms"] is None
    record = record_of("simulate", "cluster", "-o", "k.fits", "--mass", 5e14, "--z-lens", 0.3,
                       *SMALL, "--survey", "s.fits", "--substructure", 0)
    assert record["clusters"][0]["m200c_msun"] == pytest.approx(5e14)
    assert record["catalog"]["n_galaxies"] > 1000


def test_demo(record_of):
    pytest.importorskip("matplotlib")
    record = record_of("demo")
    assert len(record["outputs"]) == 3 and record["peaks"][0]["true_m200c_msun"] == 1e15


@pytest.mark.parametrize(("words", "rows"), [
    (["peaks", "kappa.fits", "--mass-within", "1Mpc", "--z-lens", 0.3, "--z-source", 1], "peaks"),
    (["profile", "shear.fits", "--at", CENTER, "--bins", 3, "--radii", "0.3Mpc", "2Mpc", "--z-lens",
      0.3, "--z-source", 1, "--no-check"], "bins"),
    (["filaments", "kappa.fits", "--threshold", 1, "--smoothing", "1arcmin"], "filaments"),
])
def test_numbers_read_by_the_schema_alone_are_those_of_the_table(words, rows, record_of, folder):
    record = record_of(*words, "-o", "table.ecsv")
    table = QTable.read(folder / "table.ecsv")
    compared = set()
    for place, number in numbers(record):
        if place[0] == rows and place[2] in table.colnames:
            assert u.allclose(number, table[place[2]][place[1]], rtol=1e-12), place
            compared.add(place[2])
    assert len(record[rows]) == len(table) and len(compared) >= 5


def test_failures(record_of, folder):
    record = record_of("check", "no.fits", code=1)
    assert record["errors"][0]["code"] == "not_found"
    assert record["errors"][0]["parameter"] == "catalog"
    with pytest.raises(SystemExit):
        main(["peaks", "--json", str(folder / "usage.json")])
    assert validated(folder / "usage.json")["status"] == "usage"

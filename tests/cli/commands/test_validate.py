# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap validate``: its options, its files and its messages."""

import re
import shutil

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from cli_records import validated
from one_process import resources_in_this_process  # noqa: F401  a fixture
from simulate_command import simulate

from lensmap.cli import main
from lensmap.cli._parser import parse_words
from lensmap.cli.commands._validate import _setups

SMALL = ["--shape", "64", "64", "--pixel-scale", "0.8arcmin", "--masked", "0", "--coma", "0",
         "--tuning", "1", "--workers", "1"]

OWN = """
from lensmap import KaiserSquires

def wide():
    return KaiserSquires(smoothing="3 arcmin")
"""


@pytest.mark.usefixtures("resources_in_this_process")
def test_the_same_command_goes_on(tmp_path, monkeypatch, capsys):
    """Without the report, whose figures take most of the time."""
    fields, commands = [], []

    def write_report(results, command, overwrite):
        assert overwrite
        fields.append(results.n_fields["fields"])
        commands.append(command)
        return "report.html"

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("lensmap.validation.write_report", write_report)
    words = ["validate", "-o", "out", "--null", "1", *SMALL, "--resolution", "none", "-e", "ks150"]
    for n in ("1", "2"):
        assert main([*words, "-n", n]) == 0
        assert "ks150" in capsys.readouterr().out
    assert fields == [1, 2] and commands[1] == f"lensmap {' '.join(words)} -n 2"
    assert main([*words, "-n", "2", "--seed", "5"]) == 1
    assert "seed was 0 and is now 5" in capsys.readouterr().err and len(fields) == 2


@pytest.mark.slow
def test_a_report(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_estimators.py").write_text(OWN)
    words = ["validate", "-o", "out", "-n", "2", "--null", "1", *SMALL, "--resolution", "none",
             "-e", "ks150,ks:tuned,own_estimators.py:wide"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "2 fields" in said and "wide" in said and "written: out/report.html" in said
    page = (tmp_path / "out" / "report.html").read_text()
    assert "lensmap validate -o out -n 2" in page and "Null fields" in page
    first = Table.read("out/results.ecsv")
    assert main([*words, "--json", "r.json"]) == 0  # all is there: the same
    assert len(validated("r.json")["scores"]) == 3
    assert len(Table.read("out/results.ecsv")) == len(first) > 100
    assert main([*words, "--seed", "5"]) == 1
    assert "with other settings: --seed was 0 and is now 5" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.usefixtures("resources_in_this_process")
def test_units_of_options_do_not_matter(tmp_path, monkeypatch):
    """The page and the table are the same, byte for byte, apart from times and the command."""
    monkeypatch.chdir(tmp_path)
    contents = []
    for scale in ("0.4arcmin", "24arcsec"):
        assert main(["validate", "-o", "out", "-n", "2", "--null", "1", "--masked", "1",
                     "--coma", "0", "--shape", "64", "64", "--pixel-scale", scale, "--tuning", "1",
                     "--workers", "1", "--resolution", "none", "-e", "ks150,wiener:tuned"]) == 0
        folder = tmp_path / "out"
        page = (folder / "report.html").read_text()
        for times in (r"<pre>.*?</pre>", r"<p>lensmap \S+; .*? minutes .*?</p>",
                      r"<h2[^>]*>Time and memory</h2>.*"):
            page, n = re.subn(times, "", page, flags=re.DOTALL)
            assert n == 1, times
        table = Table.read(folder / "results.ecsv")
        table = table[(table["quantity"] != "seconds") & (table["table"] != "resources")]
        contents.append((page, "\n".join(table.pformat(max_lines=-1, max_width=-1)),
                         [list(row) for row in table]))
        area = 2 * (64 * 0.4 / 60) ** 2
        peaks = table[(table["table"] == "purity") & (table["quantity"] == "n")]["value"]
        assert all(f"<td>{n / area:.1f}</td>" in page for n in peaks)
        shutil.rmtree(folder)
    one, other = contents
    assert one[:2] == other[:2] and repr(one[2]) == repr(other[2])


def test_the_pixel_scale_is_the_same_in_any_unit():
    setups = [_setups(parse_words(
        ["validate", "-o", "out", "--shape", "64", "64", "--pixel-scale", scale]))[0]
        for scale in ("0.4arcmin", "24arcsec")]
    assert setups[0].describe() == setups[1].describe()
    np.testing.assert_array_equal(*(setup.draw(1).truth for setup in setups))


def test_commas_within_parentheses_do_not_separate():
    arguments = parse_words(
        ["validate", "-o", "out", "-e", "ks(smoothing=2arcmin, padding=3),wiener , mine.py:A"]
    )
    assert arguments.estimators == ["ks(smoothing=2arcmin, padding=3)", "wiener", "mine.py:A"]


def test_presets_are_checked_when_the_option_is_read(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["validate", "-o", "out", "--preset", "euclid"])
    message = capsys.readouterr().err
    assert ended.value.code == 2 and "cha2025, masked" in message and "'euclid'" in message


@pytest.mark.slow
def test_given_maps(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    simulate("fields", "-o", "maps", "-n", "3", "--shape", "64", "64", "--pixel-scale", "0.8arcmin",
             "--workers", "1", "--seed", "1")
    files = sorted(str(path) for path in (tmp_path / "maps").glob("*.fits"))
    words = ["validate", "-o", "out", "--z-source", "1", "--null", "0", "--masked", "0", "--coma",
             "0", "--tuning", "1", "--workers", "1", "-e", "ks150,ks:tuned", "--truth", *files]
    assert main([*words, "-n", "3"]) == 1
    message = "--truth must name at least 4 files (3 fields and 1 for tuning), not 3"
    assert message in capsys.readouterr().err
    assert main([*words, "-n", "2", "--shape", "64", "64"]) == 1
    assert "--shape must be left out with --truth" in capsys.readouterr().err
    assert main([*words, "-n", "2"]) == 0
    scores = Table.read("out/scores.ecsv")
    assert sorted(set(scores["field"])) == [0, 1] and np.all(scores["n_pixels"] == 64 * 64)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-e", "glimpse"], "not 'glimpse'"),
        (["--coma", "2", "-e", "ks150"], "--coma must be 0 (none), or at least 4, not 2"),
        (["--density", "-3", "-e", "ks150"], "density"),
    ],
)
def test_errors(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["validate", "-o", "out", "-n", "1", *words]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_mock_of_coma(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # the last of an option counts
    words = ["validate", "-o", "out", "-n", "1", "--null", "0", *SMALL, "--coma", "4"]
    assert main([*words, "-e", "ks150"]) == 0
    table = Table.read("out/results.ecsv")
    mass = {row["quantity"]: row["value"] for row in table[table["table"] == "coma_masses"]}
    assert mass["true"] == pytest.approx(7.4)
    assert 3 < mass["mean"] < 14 and mass["mean_low"] < mass["mean"] < mass["mean_high"]
    arms = table[(table["table"] == "coma_arms") & (table["quantity"] == "found")]
    assert len(arms) == 6 and np.all((arms["value"] >= 0) & (arms["value"] <= 1))
    assert "Mocks of Coma" in (tmp_path / "out" / "report.html").read_text()


FIELDS = ["-n", "2", "--null", "1", *SMALL, "--resolution", "none"]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Exported fields, and the maps of them by another program: half of the true kappa."""
    folder = tmp_path_factory.mktemp("exported")
    assert main(["validate", "--export-fields", str(folder), *FIELDS,
                 "--json", str(folder / "e.json")]) == 0
    assert validated(folder / "e.json")["n_fields"] == 2
    (folder / "half").mkdir()
    for path in sorted((folder / "shear").iterdir()):
        name = path.name.replace("-shear.fits", "")
        kappa = fits.getdata(folder / "truth" / f"{name}-truth.fits")
        fits.writeto(folder / "half" / f"{name}.fits", 0.5 * kappa, fits.getheader(path, "G1"))
    return folder


@pytest.mark.usefixtures("resources_in_this_process")
def test_maps_of_another_program_have_a_row(exported, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("lensmap.validation.write_report", lambda *args, **kwargs: "report.html")
    words = ["validate", "-o", "out", *FIELDS, "-e", "ks150", "--json", "r.json",
             "--maps", f"other code={exported / 'half'}"]
    assert main(words) == 0
    rows = {row["estimator"]: row for row in validated("r.json")["scores"]}
    assert list(rows) == ["ks150", "other code"]
    assert rows["other code"]["pearson_r"] == pytest.approx(1)
    assert rows["other code"]["slope"] == pytest.approx(2)
    assert main([*words, "--seed", "5"]) == 1
    assert "fields of other settings: --seed was 0 and is now 5" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--maps", "half"], 1, "--maps must be NAME=DIR, not 'half'"),
        (["--maps", "ks150=half"], 1, "those of --estimators, not 'ks150' twice"),
        (["--maps", "a=half", "--maps", "a=half"], 1, "'a' twice"),
        (["--maps", "a=none"], 1, "there is no folder 'none' with maps"),
        (["--maps", "truth=half"], 1, "no key 'truth'"),
        (["--maps", "a=half", "-n", "3"], 1, "exported fields without 'fields-0002'"),
        (["--maps", "a=half", "--density", "10"], 1, "fields of other settings: "),
        (["--export-fields", "half"], 2, "not allowed with argument"),
    ],
)
def test_errors_about_maps(words, code, message, exported, monkeypatch, capsys):
    monkeypatch.chdir(exported)
    command = ["validate", "-o", "out", *FIELDS, "-e", "ks150", *words]
    try:
        assert main(command) == code
    except SystemExit as ended:
        assert ended.code == code
    assert message in capsys.readouterr().err
    assert not (exported / "out").exists()


def test_an_export_has_no_maps_and_a_validation_a_folder(exported, monkeypatch, capsys):
    monkeypatch.chdir(exported)
    assert main(["validate", "--export-fields", "again", "--maps", "a=half"]) == 1
    assert "--maps must be left out with --export-fields" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["validate", "-n", "2"])
    assert "one of the arguments -o/--output --export-fields is req" in capsys.readouterr().err
    (exported / "options.toml").write_text('output = "out"\n')
    assert parse_words(["validate", "--config", "options.toml"]).output == "out"
    words = ["validate", "--config", "options.toml", "--export-fields", "again"]
    assert parse_words(words).output is None

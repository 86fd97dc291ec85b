# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Files of options: what they may hold, and what the command line overrides."""

import tomllib

import pytest
from astropy import units as u

from lensmap.cli import main
from lensmap.cli._config import write_config
from lensmap.cli._parser import UsageError, parse_words

INJECT = ["inject", "cat.fits", "-o", "h.ecsv", "--mass", "1e14", "--z-lens", "0.3"]


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Write a file of options in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def write(text):
        (tmp_path / "run.toml").write_text(text)
        return ["--config", "run.toml"]

    return write


def test_every_kind_of_option(config):
    words = config(
        'output = "k.fits"\npixel-scale = "0.3arcmin"\nmask = ["a.reg", "b.reg"]\n'
        'footprint = "f.fits"\nconvention = "-1,1"\nno-check = true\noverwrite = false\nseed = 7\n'
        'smoothing = "none"\nhdu = 2\ncolumns = "ra=RA,dec=DEC"\nuncertainty = 30\n'
    )
    arguments = parse_words(["reconstruct", "cat.fits", *words])
    assert arguments.output == "k.fits" and arguments.pixel_scale == 0.3 * u.arcmin
    assert arguments.mask == ["a.reg", "b.reg"] and arguments.footprint == ["f.fits"]
    assert arguments.convention == "-1,1" and arguments.no_check and not arguments.overwrite
    assert (arguments.rng, arguments.hdu, arguments.smoothing) == (7, "2", "none")
    assert arguments.columns == "ra=RA,dec=DEC" and arguments.kind is None
    assert arguments.uncertainty == {"uncertainty": "rotations", "n_realizations": 30}
    # The types of files, by which they are checked, are those of the command line.
    plain = parse_words(["reconstruct", "cat.fits", "-o", "k.fits", "--mask", "a.reg"])
    assert type(arguments.output) is type(plain.output)
    assert type(arguments.mask[0]) is type(plain.mask[0])


def test_command_line_over_file_over_default(config):
    words = config('smoothing = "2arcmin"\nmask = ["a.reg"]\nseed = 7\nmethod = "wiener"\n')
    words += ["-o", "k.fits", "--mask", "b.reg", "--method", "ks"]
    arguments = parse_words(["reconstruct", "cat.fits", *words])
    assert arguments.mask == ["b.reg"] and arguments.estimator == "ks"
    assert arguments.smoothing == "2arcmin" and arguments.rng == 7


def test_an_option_excludes_those_that_exclude_it(config):
    words = config("z-source = 0.7\nthreshold = 5.0\n")
    arguments = parse_words([*INJECT, *words, "--z-source", "lsst_y1", "--peak-density", "3"])
    assert arguments.z_source == "lsst_y1"
    assert arguments.peak_density == 3 and arguments.threshold == 4.0


def test_several_values(config):
    words = config('shape = [32, 64]\nz-source = [0.6, 1.5]\nnumber = 3\noutput = "f"\n')
    arguments = parse_words(["simulate", "fields", *words])
    assert arguments.shape == [32, 64] and arguments.z_source == [0.6, 1.5]
    assert arguments.number == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("smothing = 1", "'run.toml' sets 'smothing', but this command has no option"),
        ("pixel_scale = 1", "'--pixel_scale'; the most similar option is '--pixel-scale'"),
        ("config = 'a'", "this command has no option '--config'"),
        ("[map]\nsmoothing = 1", "this command has no option '--map'"),
        ("smoothing = ", "'run.toml' is not a TOML file"),
        ("smoothing = true", "the value of 'smoothing' must be a string or number, not True"),
        ("smoothing = ['1arcmin']", "'smoothing' must be a string or number, not ['1arcmin']"),
        ("no-check = 'yes'", "'no-check' must be true or false, not 'yes'"),
        ("mask = [['a']]", "'mask' must be a string or number, or a list of them"),
        ("seed = 2026-01-01", "'seed' must be a string or number"),
        ("smoothing = 1", "'run.toml': argument --smoothing: the value must be a positive"),
        ("kind = 'odd'", "'run.toml': argument --kind: invalid choice: 'odd'"),
    ],
)
def test_what_cannot_be_read_is_wrong_usage(text, message, config, capsys):
    words = ["reconstruct", "cat.fits", "-o", "k.fits", *config(text)]
    with pytest.raises(SystemExit) as stop:
        main(words)
    error = capsys.readouterr().err
    assert stop.value.code == 2 and message in error
    assert error.startswith("usage: lensmap reconstruct")


def test_a_file_that_is_not_there(config, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["check", "cat.fits", "--config", "no.toml"])
    assert stop.value.code == 2
    assert "--config: there is no file 'no.toml'" in capsys.readouterr().err


def test_what_is_required_may_stand_in_the_file_and_is_missed_elsewhere(config):
    assert parse_words(["reconstruct", "cat.fits", *config("output = 'k.fits'")]).output == "k.fits"
    with pytest.raises(UsageError, match="required: -o/--output"):
        parse_words(["reconstruct", "cat.fits", *config("seed = 1")])
    with pytest.raises(UsageError, match="required: CAT"):
        parse_words(["reconstruct", *config("output = 'k.fits'")])


WORDS = [
    ["reconstruct", "cat.fits", "-o", "k.fits", "--smoothing", "1arcmin", "--mask", "a.reg",
     "--mask", "b.reg", "--uncertainty", "30", "--convention=-1,1", "--no-check", "--threads", "2"],
    [*INJECT, "--peak-density", "3", "-n", "4", "--z-source", "1.2"],
    ["simulate", "fields", "-o", "f", "-n", "3", "--z-source", "0.6", "1.5", "--shape", "32", "64"],
    ["profile", "cat.fits", "--at=-10,35", "--radii", "1arcmin", "20arcmin", "--z-lens", "0.3"],
    ["check", "cat.fits"],
]


@pytest.mark.parametrize("words", WORDS, ids=[words[0] for words in WORDS])
def test_a_saved_run_is_the_same_run(words, config, tmp_path):
    first = parse_words([*words, "--save-config", "saved.toml"])
    config("")
    write_config(first.settings, tmp_path / "run.toml", overwrite=True)
    again = parse_words([*words[:2], "--config", "run.toml"])
    skipped = ("words", "settings", "config", "save_config")
    one, two = ({k: repr(v) for k, v in vars(a).items() if k not in skipped}
                for a in (first, again))
    assert one == two
    content = tomllib.loads((tmp_path / "run.toml").read_text())
    assert "config" not in content and "save-config" not in content
    assert all(value is not False for value in content.values())


def test_the_file_is_written_with_the_run(config, tmp_path, capsys):
    (tmp_path / "cat.fits").touch()
    words = ["check", "cat.fits", "--rotations", "40", "--save-config", "saved.toml"]
    assert main(words) == 1  # the catalog is empty
    assert tomllib.loads((tmp_path / "saved.toml").read_text()) == {"rotations": 40, "seed": 0}
    assert main(words) == 1 and "saved" not in capsys.readouterr().err.splitlines()[-1]
    words[3] = "50"
    assert main(words) == 1 and "--overwrite replaces it" in capsys.readouterr().err
    assert main([*words, "--overwrite"]) == 1
    assert tomllib.loads((tmp_path / "saved.toml").read_text())["rotations"] == 50

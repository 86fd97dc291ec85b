# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The options of estimators are those that their classes declare, plug-ins included."""

import argparse
import json
import subprocess
import sys

import numpy as np
import pytest
from astropy import units as u

from lensmap import ConvergenceMap
from lensmap.cli import main
from lensmap.cli._config import write_config
from lensmap.cli._estimator_options import make_estimator, uncertainty_type
from lensmap.cli._parser import parse_words
from lensmap.cli.commands._demo import demo_table
from lensmap.estimators import ROTATIONS, Uncertainty, load_estimators

# An estimator of another package: rotations only, and parameters of every type.
PLUG_IN = '''
from astropy import units as u
import numpy as np
from lensmap.estimators import Estimator, Inversion


class Flat(Estimator):
    """A constant map.

    Parameters
    ----------
    value : float
        The convergence. It is the same everywhere.
    side_width : `~astropy.units.Quantity`
        The width of nothing, 100% unused.
    flavor : {"plain", "noisy"}
        The flavor of the map.
    inverted : bool
        Whether the sign is reversed.
    threads : int
        A name that an option of every command has.
    uncertainty : str or None
        As of `lensmap.Estimator`.
    n_realizations, rng : int
        As of `lensmap.Estimator`.
    """

    def __init__(self, *, value=0.5, side_width=2 * u.arcmin, flavor="plain", inverted=False,
                 threads=1, uncertainty=None, n_realizations=100, rng=0):
        self.value, self.side_width, self.flavor = value, side_width, flavor
        self.inverted, self.threads = inverted, threads
        self.uncertainty, self.n_realizations, self.rng = uncertainty, n_realizations, rng
        self.check_parameters()

    def invert(self, grid, state):
        sign = -1 if self.inverted else 1
        return Inversion(np.full(grid.shape, sign * float(self.value)))
'''


@pytest.fixture
def plug_in(tmp_path, monkeypatch):
    """Install a package with the estimator ``flat`` and one that is broken."""
    site = tmp_path / "site"
    info = site / "flatmaps-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "flatmaps.py").write_text(PLUG_IN)
    (site / "brokenmaps.py").write_text("1 / 0")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: flatmaps\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[lensmap.estimators]\nflat = flatmaps:Flat\nbroken = brokenmaps:No\n"
    )
    monkeypatch.syspath_prepend(site)
    monkeypatch.chdir(tmp_path)
    demo_table()[:2000].write(tmp_path / "cat.fits")
    yield tmp_path
    sys.modules.pop("flatmaps", None)


def estimator_of(*words):
    return make_estimator(parse_words(["reconstruct", "cat.fits", "-o", "k.fits", *words]))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "KaiserSquires()"),
        (["--smoothing", "90arcsec", "--padding", "3"],
         "KaiserSquires(smoothing='90.0 arcsec', padding=3.0)"),
        (["--smoothing", "none", "--fill-holes"], "KaiserSquires(smoothing=None, fill_holes=True)"),
        (["--method", "ks(padding=3)", "--smoothing", "2arcmin"],
         "KaiserSquires(smoothing='2.0 arcmin', padding=3)"),
        (["--method", "ks(rng=5)"], "KaiserSquires(rng=5)"),
        (["--method", "ks(rng=5)", "--seed", "6"], "KaiserSquires(rng=6)"),
        (["--uncertainty", "analytic"], "KaiserSquires(uncertainty='analytic')"),
        (["--uncertainty", "30"], "KaiserSquires(uncertainty='rotations', n_realizations=30)"),
        (["--uncertainty", "rotations"], "KaiserSquires(uncertainty='rotations')"),
        (["--method", "wiener", "--uncertainty", "posterior:7", "--z-source", "0.8"],
         "WienerFilter(z_source=0.8, uncertainty='posterior', n_realizations=7)"),
        (["--method", "wiener", "--max-iterations", "50", "--dtype", "float32"],
         "WienerFilter(max_iterations=50, dtype='float32')"),
        (["--method", "masked-cnn", "--no-fill-holes", "--symmetrize", "--tile-size", "256"],
         "MaskedCNN(symmetrize=True, fill_holes=False, tile_size=256)"),
        (["--method", "cnn:cha2025"], "CNNReconstructor(network='cha2025')"),
        (["--method", "cnn:cha2025", "--network", "h21like"],
         "CNNReconstructor(network='h21like')"),
        (["--method", "h21like"], "CNNReconstructor(network='h21like')"),
        (["--method", "cnn", "--confidence", "0.95", "--uncertainty", "network"],
         "CNNReconstructor(uncertainty='network', confidence=0.95)"),
    ],
)
def test_words_become_parameters(words, expected):
    assert repr(estimator_of(*words)) == expected


def test_every_parameter_that_has_a_type_has_an_option():
    arguments = parse_words(["reconstruct", "cat.fits", "-o", "k.fits"])
    for method, cls in load_estimators().items():
        for option in cls.options:
            if option.type is None:
                assert option.name not in arguments.estimator_options
            elif option.name in arguments.estimator_options:
                assert method in arguments.estimator_options[option.name]
            else:  # what the command has by itself
                assert option.name in ("uncertainty", "n_realizations", "rng", "pixel_scale")


@pytest.mark.parametrize("words", [["--smoothing", "wide"], ["--padding", "x"], ["--dtype", "f4"],
                                   ["--max-iterations", "1.5"], ["--uncertainty", "posterior:1"]])
def test_what_no_method_takes_is_wrong_usage(words, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["reconstruct", "cat.fits", "-o", "k.fits", *words])
    assert stop.value.code == 2 and f"argument {words[0]}: " in capsys.readouterr().err


def test_options_in_a_file(tmp_path):
    words = ["--method", "masked-cnn", "--no-fill-holes", "--symmetrize", "--tile-size", "256",
             "--save-config", "x.toml"]
    first = parse_words(["reconstruct", "cat.fits", "-o", "k.fits", *words])
    assert first.settings["fill-holes"] is False and first.settings["symmetrize"] is True
    write_config(first.settings, tmp_path / "run.toml", overwrite=False)
    again = parse_words(["reconstruct", "cat.fits", "--config", str(tmp_path / "run.toml")])
    assert repr(make_estimator(again)) == repr(make_estimator(first))


KINDS = {"rotations": ROTATIONS, "posterior": Uncertainty("posterior", "total"),
         "analytic": Uncertainty("analytic", "noise", with_map=True)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("analytic", {"uncertainty": "analytic"}),
        ("posterior", {"uncertainty": "posterior"}),
        ("posterior:20", {"uncertainty": "posterior", "n_realizations": 20}),
        ("rotations", {"uncertainty": "rotations"}),
        ("rotations:30", {"uncertainty": "rotations", "n_realizations": 30}),
        ("30", {"uncertainty": "rotations", "n_realizations": 30}),
        ("none", {"uncertainty": None}),
    ],
)
def test_uncertainty(text, expected):
    assert uncertainty_type(KINDS)(text) == expected


@pytest.mark.parametrize("text", ["1", "0", "-3", "2.5", "lots", "", "analytic:5", "rotations:1",
                                  "rotations:", "network"])
def test_bad_uncertainty(text):
    with pytest.raises(argparse.ArgumentTypeError, match="rotations"):
        uncertainty_type(KINDS)(text)


class TestPlugIn:
    def test_own_parameters_reach_the_command_line(self, plug_in, capsys):
        words = ["reconstruct", "cat.fits", "-o", "k.fits", "--method", "flat", "--no-check"]
        own = ["--value", "0.25", "--side-width", "90arcsec", "--flavor", "noisy", "--inverted"]
        assert main([*words, *own, "--json", "r.json"]) == 0
        kappa = ConvergenceMap.read("k.fits")
        assert np.unique(kappa.data[~kappa.mask]) == [-0.25]
        record = json.loads((plug_in / "r.json").read_text())
        assert record["estimator"] == "Flat" and record["parameters"]["flavor"] == "noisy"
        # The broken one is told once, and stops nothing.
        assert [one["code"] for one in record["warnings"]] == ["broken_plugin"] * 2
        error = capsys.readouterr().err
        assert error.count("'broken' of the package flatmaps cannot be loaded (ZeroDivision") == 1

    def test_help(self, plug_in, capsys):
        with pytest.raises(SystemExit) as stop:
            main(["reconstruct", "--help"])
        text = " ".join(capsys.readouterr().out.split())
        assert stop.value.code == 0
        assert "--value X the convergence (default for flat: 0.5)" in text
        assert (
            "--side-width ANGLE the width of nothing, 100% unused "
            "(default for flat: 2arcmin)"
        ) in text
        assert "--flavor plain|noisy the flavor of the map (default for flat: plain)" in text
        assert (
            "--inverted, --no-inverted whether the sign is reversed "
            "(default for flat: no)"
        ) in text
        names = "masked-cnn, sphere-ks, sphere-wiener, flat, NAME:VARIANT"
        assert names in text.replace("sphere- ", "sphere-")  # a line may end at the hyphen

    @pytest.mark.filterwarnings("ignore::lensmap.utils.LensmapWarning")
    def test_a_name_that_is_taken_has_no_option_but_a_parameter(self, plug_in):
        estimator = estimator_of("--method", "flat(threads=3)", "--threads", "2")
        assert (estimator.threads, estimator.side_width) == (3, 2 * u.arcmin)

    def test_a_method_with_rotations_only(self, plug_in, capsys):
        words = ["reconstruct", "cat.fits", "-o", "k.fits", "--method", "flat"]
        assert main([*words, "--uncertainty", "analytic"]) == 2
        assert capsys.readouterr().err.endswith(
            "error: --uncertainty for --method flat must be rotations[:N] or none, not analytic\n"
        )
        assert main([*words, "--smoothing", "1arcmin"]) == 2
        assert capsys.readouterr().err.endswith(
            "error: --smoothing does not apply to --method flat, only to ks, ksplus, sphere-ks: "
            "leave out --smoothing or choose another method\n"
        )
        assert main([*words[:-1], "ks", "--value", "1"]) == 2
        assert "--value does not apply to --method ks, only to flat" in capsys.readouterr().err

    def test_from_a_file(self, plug_in):
        (plug_in / "own_maps.py").write_text(PLUG_IN)
        words = ["reconstruct", "cat.fits", "-o", "k.fits", "--no-check", "--method"]
        assert main([*words, "own_maps.py:Flat(value=0.75)"]) == 0
        kappa = ConvergenceMap.read("k.fits")
        assert np.unique(kappa.data[~kappa.mask]) == [0.75]


def test_help_loads_no_tensorflow():
    code = (
        "import sys\n"
        "from lensmap.cli import main\n"
        "try:\n"
        "    main(['reconstruct', '--help'])\n"
        "except SystemExit as end:\n"
        "    sys.exit(end.code or any(name in sys.modules for name in ('keras', 'tensorflow')))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and "--tile-size" in done.stdout

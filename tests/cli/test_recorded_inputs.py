# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Files that are a part of a word, such as a preset file in ``--columns``, are inputs of a run."""

import hashlib
import json
from pathlib import Path

import pytest
from cli_records import validated

from lensmap import ConvergenceMap, ShearCatalog
from lensmap.cli import main
from lensmap.cli._file_types import ColumnsText, EstimatorText
from lensmap.cli.commands._demo import demo_table
from lensmap.diagnostics import summarize_catalog
from lensmap.provenance import read_provenance, verify

PRESET = """kind = "shear"
convention = "celestial"
columns = {ra = "A", dec = "D", e1 = "e1", e2 = "e2", weight = "weight"}
"""
CODE = "from lensmap import KaiserSquires as Mine\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory, with a catalog, a preset for it and an estimator."""
    table = demo_table()[::60]
    table.rename_columns(["ra", "dec"], ["A", "D"])
    table.write(tmp_path / "shear.fits")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "own.toml").write_text(PRESET)
    (tmp_path / "mine.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def digest(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def test_a_preset_file_and_a_python_file(folder):
    words = ["reconstruct", "shear.fits", "-o", "k.fits", "--no-check", "--pixel-scale", "3arcmin",
             "--columns", "sub/own.toml,weight=none", "--method", "mine.py:Mine(smoothing=4arcmin)"]
    assert main([*words, "--json", "k.json"]) == 0
    record = validated("k.json")
    assert {item["option"]: (item["path"], item["sha256"]) for item in record["inputs"]} == {
        "the catalog": ("shear.fits", digest("shear.fits")),
        "--columns": ("own.toml", digest("sub/own.toml")),
        "--method": ("mine.py", digest("mine.py")),
    }
    for facts in (record["catalog"], ConvergenceMap.read("k.fits").meta["catalog"]):
        assert (facts["preset"], facts["preset_sha256"]) == ("own.toml", digest("sub/own.toml"))
    assert read_provenance("k.fits")["inputs"] == record["inputs"]
    assert str(folder) not in json.dumps(record)
    assert verify("k.fits", inputs="sub").verdict == "right"
    Path("sub/own.toml").write_text(PRESET + "\n")
    Path("mine.py").write_text(CODE + "\n")
    findings = verify("k.fits", inputs="sub").findings
    assert [(one.code, Path(one.path).name) for one in findings] == [
        ("input_changed", "own.toml"), ("input_changed", "mine.py"),
    ]


def test_a_summary_names_the_preset_file(folder, capsys):
    sha256 = digest("sub/own.toml")
    summary = summarize_catalog(ShearCatalog.read("shear.fits", "sub/own.toml"))
    assert (summary.preset, summary.preset_sha256) == ("sub/own.toml", sha256)
    assert f"preset: sub/own.toml, SHA-256 {sha256[:12]}..." in str(summary)
    words = ["check", "shear.fits", "--columns", "sub/own.toml", "--rotations", "30"]
    assert main([*words, "--json", "c.json"]) in (0, 4)
    assert validated("c.json")["preset_sha256"] == sha256
    plain = summarize_catalog(ShearCatalog.read("shear.fits", {"ra": "A", "dec": "D"}))
    assert plain.preset_sha256 is None


@pytest.mark.parametrize(("text", "file"), [
    ("own.toml", "own.toml"),
    ("a b/own.TOML , m=none", "a b/own.TOML"),
    ("hsc-y3,ra=RA", None),
    ("ra=RA,dec=DEC", None),
])
def test_the_file_of_columns(text, file):
    assert ColumnsText(text).file == (file or text)


@pytest.mark.parametrize(("text", "file"), [
    ("mine.py:Mine", "mine.py"),
    ("copy (1)/mine.py:Mine(a=1, b=(2, 3))", "copy (1)/mine.py"),
    ("w.h5", "w.h5"),
    ("cnn:runs/w.h5", "runs/w.h5"),
    ("cnn(network=runs/w.h5)", "runs/w.h5"),
    ("masked-cnn:w.h5(symmetrize=yes)", "w.h5"),
    ("ks(smoothing=1arcmin)", None),
    ("cnn:cha2025", None),
    ("ks(", None),
])
def test_the_file_of_an_estimator(text, file):
    assert EstimatorText(text).file == (file or text)

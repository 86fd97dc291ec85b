# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap check``: what it says of catalogs of which the convention is known."""

import warnings

import pytest
from astropy.table import Table

from lensmap.cli import main
from lensmap.cli.commands._demo import demo_table


@pytest.fixture
def catalog(tmp_path):
    """The catalog of the demo, which is celestial and has two clusters."""
    table = demo_table()
    truth = table.meta
    Table(
        {"RA": [truth["TRUTHRA1"], truth["TRUTHRA2"]],
         "DEC": [truth["TRUTHDE1"], truth["TRUTHDE2"]]}
    ).write(tmp_path / "clusters.csv")
    table.meta = {"KIND": "shear"}
    table.write(tmp_path / "cat.fits")
    return tmp_path / "cat.fits"


def check(*words):
    """Run it with few rotations, and warnings as a user sees them."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        return main(["check", *map(str, words), "--rotations", "40"])


def test_right_convention(catalog, capsys):
    assert check(catalog, "--convention", "celestial") == 0
    out, err = capsys.readouterr()
    assert "galaxies:         30500" in out and "convention: celestial (as given)" in out
    assert "handedness: confirmed" in out and "wrong" not in out
    assert "the convention 'celestial' (as given) is right: handedness confirmed at +" in out
    assert "kind:             shear (as declared in the table's meta; not tested" in out
    assert "wrong" not in err and "INFO" not in out + err


@pytest.mark.parametrize(
    "convention, handedness", [("euclidean", "mirrored"), ("-1,-1", "confirmed")]
)
def test_wrong_convention_with_known_clusters(convention, handedness, catalog, capsys):
    code = check(
        catalog, f"--convention={convention}", "--at", catalog.with_name("clusters.csv")
    )
    out, err = capsys.readouterr()
    assert code == 3
    assert f"handedness: {handedness}" in out and "mean kappa at 2 positions" in out
    assert "is clearly wrong, it should be 'celestial': handedness" in out
    assert "lensmap: warning: the convention" in err and "'celestial'" in err


def test_positions_elsewhere(catalog, tmp_path, capsys):
    Table({"ra": [1.0], "dec": [1.0]}).write(tmp_path / "far.csv")
    assert check(catalog, "--at", tmp_path / "far.csv") == 1
    assert "none of the 1 positions" in capsys.readouterr().err


def test_positions_are_read_before_the_work(capsys, tmp_path):
    (tmp_path / "no.fits").touch()
    assert check(tmp_path / "no.fits", "--at", tmp_path / "no.csv") == 1
    err = capsys.readouterr().err
    assert "no.csv" in err and err.count("\n") == 1


def test_too_few_rotations(catalog, capsys):
    words = ["--convention", "celestial", "--rotations", "3"]
    assert main(["check", str(catalog), *words]) == 1
    assert "at least 30" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    "convention, code, verdict",
    [
        ("celestial", 3, "clearly wrong, it should be 'euclidean'"),
        ("euclidean", 0, "the convention 'euclidean' (as given) is right"),
    ],
)
def test_cosmos(convention, code, verdict, cosmos_path, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert main([
            "check", str(cosmos_path / "cosmos_shear.fits"), "--convention", convention,
            "--at", str(cosmos_path / "cosmos_xray_clusters.txt"),
        ]) == code
    out, err = capsys.readouterr()
    assert verdict in out and "sigma, mean kappa at 64 positions)" in out
    assert ("clearly wrong" in err) == (code == 3)

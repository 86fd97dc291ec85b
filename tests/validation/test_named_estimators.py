# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Estimators by name."""

import pytest
from astropy import units as u

from lensmap import CNNReconstructor, KaiserSquires, WienerFilter
from lensmap.simulate import HaloModelField
from lensmap.validation import ValidationSetup, long_estimators, named_estimators

SKY = HaloModelField(z_source=1.0, shape=(64, 64), pixel_scale=0.8 * u.arcmin)
SETUP = ValidationSetup(sky=SKY)

OWN = """
from lensmap import KaiserSquires

class Mine(KaiserSquires):
    pass

made = Mine(smoothing="3 arcmin")

def make():
    return made

number = 3
"""


def test_all_that_there_are():
    names = ["ks150", "wiener", "ks", "lensmap", "cha2025"]
    found = named_estimators(names, SETUP, n_tuning=2, workers=1)
    assert list(found) == names
    assert found["ks150"].smoothing == 150 * u.arcsec
    assert isinstance(found["ks"], KaiserSquires) and isinstance(found["wiener"], WienerFilter)
    assert found["ks"].smoothing != found["ks150"].smoothing
    assert found["lensmap"].uncertainty == "network" and found["cha2025"].uncertainty is None
    more = long_estimators(found)
    assert list(more) == ["wiener posterior", "lensmap x 8", "lensmap 95 %", "cha2025 x 8"]
    assert more["lensmap x 8"].symmetrize and more["lensmap 95 %"].confidence == 0.95
    assert isinstance(more["cha2025 x 8"], CNNReconstructor)


def test_those_of_the_user(tmp_path, monkeypatch):
    path = tmp_path / "some_estimators.py"
    path.write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    found = named_estimators(
        [f"{path}:Mine", "some_estimators:made", f"{path}:make", "lensmap:KaiserSquires"], SETUP
    )
    assert list(found) == ["Mine", "made", "make", "KaiserSquires"]
    assert found["made"] is found["make"] and found["made"].smoothing == 3 * u.arcmin
    with pytest.raises(ValueError, match="has no 'Other'"):
        named_estimators([f"{path}:Other"], SETUP)
    with pytest.raises(ValueError, match="must be an estimator, or make one, not 3"):
        named_estimators([f"{path}:number"], SETUP)
    with pytest.raises(ValueError, match=r"must have reconstruct\(grid\)"):
        named_estimators(["builtins:dict"], SETUP)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["glimpse"], "there is no estimator 'glimpse': there are ks150, ks, wiener"),
        (["ks150", "ks150"], "names must differ, but two estimators are called 'ks150'"),
        (["nowhere.py:A"], "there is no file 'nowhere.py'"),
    ],
)
def test_bad_names(names, message):
    with pytest.raises(ValueError, match=message):
        named_estimators(names, SETUP)

# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Estimators by name, and their tuning."""

import pytest
from astropy import units as u

from lensmap import CNNReconstructor, KaiserSquires, MaximumEntropy, WienerFilter
from lensmap.estimators import MCALens
from lensmap.simulate import HaloModelField
from lensmap.validation import ValidationSetup, long_estimators, named_estimators, tune_linear

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


def test_names_mean_the_same_as_everywhere():
    names = ["ks150", "ks", "wiener(z_source=0.8)", "lensmap", "cnn:cha2025"]
    found = named_estimators(names, SETUP)
    assert list(found) == names
    assert found["ks150"].smoothing == 150 * u.arcsec
    assert repr(found["ks"]) == "KaiserSquires()"
    assert found["wiener(z_source=0.8)"].z_source == 0.8
    assert found["lensmap"].uncertainty == "network" and found["cnn:cha2025"].uncertainty is None
    more = long_estimators(found)
    assert list(more) == ["wiener(z_source=0.8) posterior", "lensmap x 8", "lensmap 95 %",
                          "cnn:cha2025 x 8"]
    assert more["lensmap x 8"].symmetrize and more["lensmap 95 %"].confidence == 0.95
    assert isinstance(more["cnn:cha2025 x 8"], CNNReconstructor)


def test_tuned_estimators_are_those_of_tune_linear():
    found = named_estimators(["wiener:tuned", "ks:tuned", "ks:tuned(padding=3)", "me:tuned",
                              "mcalens:tuned"], SETUP,
                             n_tuning=2, seed=1, workers=1)
    expected = tune_linear(SETUP, 2, seed=1, workers=1)
    assert isinstance(found["wiener:tuned"], WienerFilter)
    assert repr(found["wiener:tuned"]) == repr(expected.wiener)
    assert repr(found["ks:tuned"]) == repr(expected.kaiser_squires)
    assert found["ks:tuned(padding=3)"].padding == 3
    for label, cls in (("me:tuned", MaximumEntropy), ("mcalens:tuned", MCALens)):
        assert isinstance(found[label], cls)
        for name in ("power", "z_source", "cosmology"):
            assert repr(getattr(found[label], name)) == repr(getattr(expected.wiener, name))
    assert found["ks:tuned(padding=3)"].smoothing == expected.kaiser_squires.smoothing


def test_files_of_the_user(tmp_path):
    path = tmp_path / "some_estimators.py"
    path.write_text(OWN)
    found = named_estimators([f"{path}:Mine", f"{path}:made", f"{path}:make"], SETUP)
    assert list(found) == ["Mine", "made", "make"] and isinstance(found["Mine"], KaiserSquires)
    assert found["made"] is found["make"] and found["made"].smoothing == 3 * u.arcmin
    with pytest.raises(ValueError, match="must name an object that the file .*, not 'Other'"):
        named_estimators([f"{path}:Other"], SETUP)
    with pytest.raises(TypeError, match="estimator must be an Estimator, .* not int"):
        named_estimators([f"{path}:number"], SETUP)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["glimpse"], "estimator must be one of ks, wiener, .*ks150, .*, not 'glimpse'"),
        (["ks150", "ks150"], "names must be different from each other, not 'ks150' twice"),
        (["nowhere.py:A"], "estimator must name a Python file that exists"),
        (["ks:tuned", "cnn:tuned"], "or MaximumEntropy or MCALens, not CNNReconstructor"),
        (["ks:tuned(smoothing=2arcmin)"], "smoothing must be left out of a KaiserSquires"),
    ],
)
def test_bad_names_are_found_before_tuning(names, message, monkeypatch):
    monkeypatch.setattr("lensmap.validation._tuning.tune_linear", None)
    with pytest.raises(ValueError, match=message):
        named_estimators(names, SETUP)

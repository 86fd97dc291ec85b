# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The contract suite finds what is wrong, by its name, and passes what is right."""

import ast
import importlib.util
import os
import pickle
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from scipy.ndimage import shift

from lensmap import Estimator, KaiserSquires
from lensmap.estimators import ROTATIONS, Inversion, Uncertainty
from lensmap.flatsky import gaussian_smooth, near_data
from lensmap.testing import ContractError, check_estimator

ALL_LAWS = ["1a", "1b", "1c", "2a", "2b", "3a", "3b", "4a", "4b", "5", "6", "7", "8a", "8b", "9",
            "10", "11", "12", "13", "14", "15"]

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorials" / "own_estimator.py"


def broken_laws(cls, laws, **parameters):
    """Return the numbers of the laws that a class breaks, and the error."""
    with pytest.raises(ContractError) as caught:
        check_estimator(cls, laws=laws, **parameters)
    return [result.number for result in caught.value.report.broken], caught.value


# --- what is right ------------------------------------------------------------------------------


def tutorial_estimator():
    """Return the class of the tutorial, without the comparison that the page makes with it."""
    tree = ast.parse(TUTORIAL.read_text(encoding="utf-8"))
    wanted = [
        node for node in tree.body
        if isinstance(node, ast.ClassDef)
        or isinstance(node, (ast.Import, ast.ImportFrom)) and "matplotlib" not in ast.dump(node)
    ]
    module = types.ModuleType("own_estimator")
    sys.modules["own_estimator"] = module  # where pickle looks for it
    exec(compile(ast.Module(wanted, []), str(TUTORIAL), "exec"), vars(module))
    return module.LocalPower


# What the suite skips for an estimator that is not linear, fits nothing and sees everything.
SKIPPED = {
    **dict.fromkeys(["1b", "1c", "2b", "3a", "10"], "linear is False"),
    "14": "measure returns None",
    "15": "reach is None: galaxies at all distances contribute",
}


@pytest.mark.parametrize("law", ALL_LAWS)
def test_the_estimator_of_the_tutorial_obeys_the_contract(law):
    (result,) = check_estimator(tutorial_estimator(), laws=[law]).results
    assert result.status == ("skipped" if law in SKIPPED else "holds")
    assert result.reason == SKIPPED.get(law, "")


def test_all_laws_are_checked_where_none_are_named():
    with pytest.raises(ContractError) as caught:
        check_estimator(Raising)
    numbers = [result.number for result in caught.value.report.results]
    assert numbers == ALL_LAWS


class Plain(Estimator):
    """The divergence of the smoothed shear that a difference of neighbors measures: it is local."""

    linear = True

    def __init__(self, *, width: float = 2.0):
        self.width = width
        self.check_parameters()

    def reach(self, pixel_scale):
        """Return the radius of the kernel of the smoothing, and one pixel."""
        return (8 * self.width + 1) * pixel_scale

    def invert(self, grid, state):
        shear = np.where(near_data(grid.count > 0, 1), grid.shear, 0)
        smooth = gaussian_smooth(shear.real, self.width)
        return Inversion(np.gradient(smooth, axis=1), unsupported=grid.count == 0)


def test_a_local_estimator_has_the_map_of_the_field_in_its_tiles():
    report = check_estimator(Plain, laws=["15"])
    assert [result.status for result in report.results] == ["holds"]


class Calibrated(KaiserSquires):
    """Kaiser-Squires that measures a mean weight on its way."""

    def measure(self, grid):
        return np.array([grid.sum_w.sum(), grid.count.sum()])

    def fit(self, sums):
        return {"mean": sums[0] / sums[1]}


def test_sums_that_add():
    report = check_estimator(Calibrated, laws=["14"])
    assert [result.status for result in report.results] == ["holds"]


def test_a_report_lists_each_law():
    report = check_estimator("ks", laws=["2a", "14"])
    lines = str(report).splitlines()
    assert lines[0] == "The contract of KaiserSquires" and len(lines) == 3
    assert "2a the scale of weights and the order of rows do not matter: holds (" in lines[1]
    assert lines[2].endswith("skipped (measure returns None)")


@pytest.mark.slow
def test_it_needs_neither_pytest_nor_simulations():
    code = """
import sys
for name in ("pytest", "hypothesis", "lensmap.simulate", "lensmap.validation"):
    sys.modules[name] = None
from lensmap.testing import check_estimator
print(len(check_estimator("ks", laws=["1a", "3a", "8a", "9", "11", "13"]).results))
"""
    folder = Path(importlib.util.find_spec("lensmap").origin).parent.parent
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(folder)},
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "6"


# --- what is wrong ------------------------------------------------------------------------------


class Changed(KaiserSquires):
    """Kaiser-Squires with a mistake."""

    def change(self, kappa, kappa_b):
        raise NotImplementedError

    def invert(self, grid, state):
        inversion = super().invert(grid, state)
        kappa, kappa_b = self.change(inversion.kappa, inversion.kappa_b)
        return inversion._replace(kappa=kappa, kappa_b=kappa_b)


class WrongSign(Changed):
    """Of the whole convention."""

    def change(self, kappa, kappa_b):
        return -kappa, -kappa_b


class EAndBExchanged(Changed):
    """B in the place of E."""

    def change(self, kappa, kappa_b):
        return kappa_b, kappa


class WrongB(Changed):
    """The sign of B alone."""

    def change(self, kappa, kappa_b):
        return kappa, -kappa_b


class HalfAPixel(Changed):
    """A map that lies half a pixel to the right."""

    def change(self, kappa, kappa_b):
        return tuple(shift(plane, (0, 0.5), order=3, mode="nearest") for plane in (kappa, kappa_b))


class HalfAPixelUp(Changed):
    """The same, up."""

    def change(self, kappa, kappa_b):
        return tuple(shift(plane, (0.5, 0), order=3, mode="nearest") for plane in (kappa, kappa_b))


class MirroredX(Changed):
    """A map that is mirrored left to right."""

    def change(self, kappa, kappa_b):
        return kappa[:, ::-1], kappa_b[:, ::-1]


class MirroredY(Changed):
    """A map that is mirrored upside down."""

    def change(self, kappa, kappa_b):
        return kappa[::-1], kappa_b[::-1]


class Transposed(Changed):
    """A map with x and y exchanged, where it is square."""

    def change(self, kappa, kappa_b):
        if kappa.shape[0] != kappa.shape[1]:
            return kappa, kappa_b
        return kappa.T, kappa_b.T


class TooLow(Changed):
    """A map that misses a tenth of the mass."""

    def change(self, kappa, kappa_b):
        return 0.9 * kappa, 0.9 * kappa_b


class NotLinear(Changed):
    """A map that is damped where it is high."""

    def change(self, kappa, kappa_b):
        return np.tanh(kappa), np.tanh(kappa_b)


class Offset(Changed):
    """A map with a mean of its own."""

    def change(self, kappa, kappa_b):
        return kappa + 0.01, kappa_b


@pytest.mark.parametrize(
    ("cls", "laws"),
    [
        (WrongSign, ["1c", "6", "10"]),
        (EAndBExchanged, ["3a", "3b", "4a", "6", "10"]),
        (WrongB, ["3a"]),
        (HalfAPixel, ["3b", "4a", "4b", "6", "10"]),
        (HalfAPixelUp, ["4b", "6", "10"]),
        (MirroredX, ["4b", "6", "10"]),
        (MirroredY, ["4b", "6", "10"]),
        (Transposed, ["4b", "6", "10"]),
        (TooLow, ["1c", "10"]),
        (NotLinear, ["2b"]),
        (Offset, ["1a", "1b", "2b"]),
    ],
)
def test_each_mistake_is_found_by_its_law(cls, laws):
    numbers, error = broken_laws(cls, laws)
    assert numbers == laws
    assert str(error).startswith(f"{cls.__name__} breaks {len(laws)} of {len(laws)} laws:\n")


def test_mistakes_of_the_tutorials_estimator_are_found():
    """It is not linear and has no B-mode: the lens on the sky finds them."""
    right = tutorial_estimator()

    def changed(change):
        def invert(self, grid, state):
            inversion = right.invert(self, grid, state)
            return inversion._replace(kappa=change(inversion.kappa))

        return type("Wrong", (right,), {"invert": invert})

    for change in (
        lambda kappa: -kappa,
        lambda kappa: shift(kappa, (0, 0.5), order=3, mode="nearest"),
        lambda kappa: shift(kappa, (0.5, 0), order=3, mode="nearest"),
        lambda kappa: kappa[:, ::-1],
        lambda kappa: kappa[::-1],
    ):
        assert broken_laws(changed(change), ["6"])[0] == ["6"]


def test_the_message_has_what_was_measured_and_what_is_allowed():
    _, error = broken_laws(WrongSign, laws=["6"])
    assert isinstance(error, AssertionError)
    assert str(error).splitlines() == [
        "WrongSign breaks 1 of 1 laws:",
        "  6 an elongated lens has its place and position angle anywhere on the sky: broken (no "
        "kappa above 0.02 within 6 arcmin of the lens (equator, north up, east left); allowed: a "
        "peak)",
    ]
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)


class Counting(KaiserSquires):
    """An estimator that remembers."""

    calls = [0]

    def invert(self, grid, state):
        self.calls[0] += 1
        inversion = super().invert(grid, state)
        return inversion._replace(kappa=inversion.kappa + 1e-3 * self.calls[0])


class Forgetful(KaiserSquires):
    """An estimator whose parameter is not stored as it was given."""

    def __init__(self, *, smoothing=1 * u.arcmin, steps: int = 3):
        super().__init__(smoothing=smoothing)
        self.steps = steps + 1


class Certain(KaiserSquires):
    """An estimator whose noise is too small by a half."""

    def noise(self, grid, state, rng):
        return [0.5 * plane for plane in super().noise(grid, state, rng)]


class Sure(Estimator):
    """An estimator whose uncertainty is 0 somewhere."""

    uncertainties = (Uncertainty("own", "total", with_map=True), ROTATIONS)

    def __init__(self, *, uncertainty: str | None = None):
        self.uncertainty = uncertainty
        self.check_parameters()

    def invert(self, grid, state):
        error = np.ones(grid.shape)
        error[10, 10] = 0
        return Inversion(np.zeros(grid.shape), uncertainty=error)


class Spoiled(Calibrated):
    """Sums that do not add."""

    def measure(self, grid):
        return super().measure(grid) ** 2


class Longer(Plain):
    """An estimator that reaches farther than it says."""

    def reach(self, pixel_scale):
        return 2 * pixel_scale


class Raising(KaiserSquires):
    """An estimator that does not work."""

    def invert(self, grid, state):
        raise RuntimeError("out of luck")


@pytest.mark.parametrize(
    ("cls", "law", "message"),
    [
        (Counting, "8a", "difference of kappa of the second call 0.00"),
        (Forgetful, "8a", "repr Forgetful(steps=5) of replace(); allowed: Forgetful(steps=4)"),
        (Certain, "11", "|ratio - 1| of 'rotations' and independent noise 0."),
        (Sure, "11", "1 pixels with an uncertainty 'own' of 0 or less; allowed: 0"),
        (Spoiled, "14", "relative difference of the fits 0."),
        (Longer, "15", "difference of kappa of the tile"),
        (Raising, "2a", "RuntimeError: out of luck; allowed: no error"),
    ],
)
def test_other_mistakes(cls, law, message):
    numbers, error = broken_laws(cls, laws=[law])
    assert numbers == [law] and message in str(error)


def test_local_classes_cannot_be_sent_to_another_process():
    class Local(KaiserSquires):
        pass

    _, error = broken_laws(Local, laws=["8a"])
    assert "local object" in str(error) or "Can't pickle" in str(error)


# --- arguments ----------------------------------------------------------------------------------


class OnACube(Plain):
    """An estimator for other pixels."""

    geometry = "cube"


@pytest.mark.parametrize(
    ("cls", "laws", "error", "message"),
    [
        (int, None, TypeError, "cls must be a subclass of lensmap.Estimator"),
        (OnACube, None, TypeError, "cls must be a class of estimators on the plane or the sphere"),
        ("ks", ["1a", "99"], ValueError, "laws must contain only numbers of .*, not '99'"),
        ("kss", None, ValueError, "estimator must be one of ks"),
    ],
)
def test_bad_arguments(cls, laws, error, message):
    with pytest.raises(error, match=message):
        check_estimator(cls, laws=laws)


def test_parameters_are_given_to_all_laws():
    check_estimator(KaiserSquires, laws=["2a", "4a"], padding=1.5, dtype="float32")
    _, error = broken_laws(KaiserSquires, laws=["2a"], padding=0.5)
    assert "padding must be a finite number of at least 1" in str(error)

# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Options of estimators: one source for names, kinds, defaults and help."""

import inspect
from typing import Literal

import pytest
from astropy import units as u

from lensmap import CNNReconstructor, KaiserSquires, MaskedCNN, WienerFilter
from lensmap.cosmology import SourceRedshifts
from lensmap.estimators import Estimator, Option, load_estimators, make_estimator


def _options(cls):
    return {option.name: option for option in cls.options}


@pytest.mark.parametrize("cls", load_estimators().values(), ids=load_estimators())
def test_each_parameter_has_an_option_with_a_help(cls):
    options = _options(cls)
    parameters = list(inspect.signature(cls).parameters.values())
    assert [p.name for p in parameters] == list(options)
    for parameter in parameters:
        option = options[parameter.name]
        assert option.default is parameter.default
        assert len(option.help) > 10 and "`" not in option.help and "\n" not in option.help
        assert option.type is not None


def test_kinds_and_choices():
    ks, wiener, cnn = map(_options, (KaiserSquires, WienerFilter, CNNReconstructor))
    assert ks["smoothing"][1:3] == (u.Quantity, u.arcmin) and ks["smoothing"].allow_none
    assert ks["padding"].type is float and not ks["padding"].allow_none
    assert ks["scheme"].choices == ("nearest", "cloud-in-cell")
    assert ks["uncertainty"].choices == ("analytic", "rotations") and ks["uncertainty"].allow_none
    assert ks["rng"].type is int and ks["fill_holes"].type is bool
    assert wiener["z_source"].type is float and wiener["z_source"].is_source_redshift
    assert wiener["cosmology"].type is str
    assert cnn["network"].type is str and cnn["confidence"].choices == (0.68, 0.95)


def test_other_defaults_of_the_same_parameters():
    """MaskedCNN is CNNReconstructor with another default: signature, help and repr follow."""
    one, other = _options(CNNReconstructor), _options(MaskedCNN)
    assert [name for name in one if one[name] != other[name]] == ["fill_holes"]
    assert inspect.signature(MaskedCNN).parameters["fill_holes"].default is True
    masked = MaskedCNN(symmetrize=True)
    assert masked.fill_holes and repr(masked) == "MaskedCNN(symmetrize=True)"
    assert masked.replace(fill_holes=False).get_params() == {
        **CNNReconstructor().get_params(), "symmetrize": True
    }
    with pytest.raises(TypeError, match="keys of defaults .* 'color' is not one"):
        class Colored(CNNReconstructor, defaults={"color": 1}):
            pass


class Own(Estimator):
    """An estimator with few words.

    Parameters
    ----------
    width, height : float
        A side of the box. More is said here.
    order : str
        The ``order`` of `lensmap.estimators.Estimator`.
    depth : {1, 2, None}
        Without an annotation.
    kind : {a few, or many}
        Which nobody can read.
    """

    options = (Option("level", float, None, 1.0, (1.0, 2.0), "declared by hand"),)

    def __init__(self, *, width=5.0, height: float | None = None, level=1.0, free=None,
                 scale=2 * u.arcmin, order: Literal["first", "second"] = "first",
                 depth=1, kind="few", n_realizations=100):
        self.width, self.height, self.level, self.free = width, height, level, free
        self.scale, self.order, self.n_realizations = scale, order, n_realizations
        self.depth, self.kind = depth, kind

    def invert(self, grid, state):
        raise AssertionError("never called")


def test_options_of_an_estimator_of_ones_own():
    options = _options(Own)
    assert options["width"][1:] == (float, None, 5.0, None, "A side of the box", False, False)
    assert options["height"][1:] == (float, None, None, None, "A side of the box", True, False)
    assert options["level"].help == "declared by hand"
    assert options["free"][1:] == (None, None, None, None, "", True, False)
    assert options["scale"][1:3] == (u.Quantity, u.arcmin)
    assert options["order"].choices == ("first", "second")
    assert options["order"].help == "The order of Estimator"
    assert options["depth"][1:] == (int, None, 1, (1, 2), "Without an annotation", True, False)
    assert options["kind"][1:5] == (str, None, "few", None)
    # what the base class says of a parameter that the class does not describe
    assert options["n_realizations"].help.startswith("The number of random realizations")
    with pytest.raises(TypeError, match="Bad.options declares an option 'radius'"):
        class Bad(Own):
            options = (Option("radius"),)


_TEXT_ANNOTATIONS = """
from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Optional

import lensmap.estimators as le
from lensmap.estimators import Estimator

if TYPE_CHECKING:
    from lensmap.cosmology import SourceRedshifts
    from nowhere import Shape


class PlugIn(Estimator):
    def __init__(self, *, width: float | None = None, depth: Optional[int] = None,
                 kind: Literal["thin", "thick"] = "thin", flag: bool = False,
                 z_source: SourceRedshifts | float | None = None, shape: Shape = 3.0,
                 other: any words at all = 2, option: le.Option | None = None):
        self.width, self.depth, self.kind, self.flag = width, depth, kind, flag
        self.z_source, self.shape, self.other, self.option = z_source, shape, other, option

    def invert(self, grid, state):
        raise AssertionError("never called")


class Heir(PlugIn, defaults={"kind": "thick"}):
    pass
"""


def test_annotations_that_are_text(tmp_path):
    """``from __future__ import annotations`` changes nothing: names may be unknown at run time."""
    text = _TEXT_ANNOTATIONS.replace("other: any words at all", "other: 'any words at all'")
    (tmp_path / "plug_in.py").write_text(text)
    for name in ("PlugIn", "Heir"):
        options = _options(type(make_estimator(f"{tmp_path / 'plug_in.py'}:{name}")))
        assert options["width"].type is float and options["width"].allow_none
        assert options["depth"].type is int and options["depth"].allow_none
        assert options["kind"].choices == ("thin", "thick") and not options["kind"].allow_none
        assert options["flag"].type is bool
        assert options["z_source"].type is float and options["z_source"].is_source_redshift
        assert options["shape"].type is float and not options["shape"].allow_none
        assert options["other"].type is int
        assert options["option"].type is None
    assert options["width"].parse("2") == 2.0 and options["depth"].parse("none") is None
    assert options["flag"].parse("yes") is True


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        (_options(KaiserSquires)["smoothing"], "0.6arcmin", 0.6 * u.arcmin),
        (_options(KaiserSquires)["smoothing"], "none", None),
        (_options(KaiserSquires)["padding"], "3", 3.0),
        (_options(KaiserSquires)["fill_holes"], "yes", True),
        (_options(KaiserSquires)["fill_holes"], "False", False),
        (_options(KaiserSquires)["dtype"], "float32", "float32"),
        (_options(WienerFilter)["max_iterations"], "20", 20),
        (_options(CNNReconstructor)["confidence"], "0.95", 0.95),
        (_options(CNNReconstructor)["network"], "none", "none"),
    ],
)
def test_a_text_is_a_value(option, text, value):
    parsed = option.parse(text)
    assert parsed == value and type(parsed) is type(value)


@pytest.mark.parametrize(
    ("option", "text", "message"),
    [
        (_options(KaiserSquires)["smoothing"], "3", "smoothing must be an angle with a unit"),
        (_options(KaiserSquires)["padding"], "much", "padding must be a number, not 'much'"),
        (_options(KaiserSquires)["padding"], "none", "padding must be a number"),
        (_options(KaiserSquires)["fill_holes"], "2", "fill_holes must be true or false"),
        (_options(KaiserSquires)["dtype"], "int", "dtype must be one of 'float64', 'float32'"),
        (_options(WienerFilter)["max_iterations"], "2.5", "must be a whole number"),
        (_options(WienerFilter)["power"], "theory", "power must be one of 'halofit', 'camb'"),
        (_options(WienerFilter)["z_source"], "lsst", "z_source must be a redshift or .*y10"),
    ],
)
def test_bad_texts(option, text, message):
    with pytest.raises(ValueError, match=message):
        option.parse(text)


def test_names_of_redshift_distributions():
    """They mean the same as an option, in a specification and in Python."""
    mean = SourceRedshifts.preset("lsst_y10").mean
    option = _options(WienerFilter)["z_source"]
    assert option.parse("0.8") == 0.8 and option.parse("none") is None
    estimators = [
        WienerFilter(z_source=option.parse("lsst_y10")),
        WienerFilter(z_source="lsst_y10"),
        make_estimator("wiener(z_source=lsst_y10)"),
        WienerFilter().replace(z_source="lsst_y10"),
    ]
    assert all(one.z_source.mean == mean for one in estimators)
    with pytest.raises(ValueError, match="z_source must be a redshift or the name of a redshift"):
        WienerFilter(z_source="hsc")

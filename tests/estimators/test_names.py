# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Estimators by name, from texts, from files and from other packages."""

import importlib.util
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from worker_functions import mark_and_path
from astropy import units as u

from lensmap import (
    CNNReconstructor,
    KaiserSquires,
    MaskedCNN,
    MaximumEntropy,
    WienerFilter,
)
from lensmap.estimators import (
    ApertureMass,
    Estimator,
    KaiserSquiresPlus,
    MCALens,
    SparseReconstructor,
    SphericalKaiserSquires,
    SphericalWiener,
    available_estimators,
    get_estimator,
    load_estimators,
    make_estimator,
)
from lensmap.utils import (
    ParameterError,
    code_files_of,
    load_code_file,
    run_tasks,
    to_plain,
)

OWN = {"ks": KaiserSquires, "wiener": WienerFilter, "me": MaximumEntropy,
       "mcalens": MCALens, "sparse": SparseReconstructor, "ksplus": KaiserSquiresPlus,
       "apmass": ApertureMass, "cnn": CNNReconstructor, "masked-cnn": MaskedCNN,
       "sphere-ks": SphericalKaiserSquires, "sphere-wiener": SphericalWiener}


def test_own_names():
    assert available_estimators() == list(OWN) and load_estimators() == OWN
    assert all(get_estimator(name) is cls for name, cls in OWN.items())
    with pytest.raises(ValueError, match="no estimator 'nn'; there are 'ks', 'wiener', 'me'"):
        get_estimator("nn")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("ks", KaiserSquires()),
        (" ks ", KaiserSquires()),
        ("ks150", KaiserSquires(smoothing="150 arcsec", dtype="float32")),
        ("ks150(padding=3)", KaiserSquires(smoothing="150 arcsec", padding=3, dtype="float32")),
        ("ks()", KaiserSquires()),
        ("ks(smoothing='0.8 arcmin')", KaiserSquires(smoothing=0.8 * u.arcmin)),
        ("ks(smoothing=0.8arcmin, padding=3)", KaiserSquires(smoothing="0.8 arcmin", padding=3)),
        ("ks(smoothing=None,dtype=float32)", KaiserSquires(smoothing=None, dtype="float32")),
        ("wiener(z_source=0.8)", WienerFilter(z_source=0.8)),
        ("wiener(power=([1, 10], [1e-9, 1e-10]))", WienerFilter(power=([1, 10], [1e-9, 1e-10]))),
        ("cnn:cha2025", CNNReconstructor(network="cha2025")),
        ("masked-cnn:lensmap(symmetrize=True)", MaskedCNN(symmetrize=True)),
        ("lensmap", CNNReconstructor()),
        ("h21like(pixel_scale=0.41arcmin)",
         CNNReconstructor(network="h21like", pixel_scale="0.41 arcmin")),
        (KaiserSquires, KaiserSquires()),
        (KaiserSquires(padding=3), KaiserSquires(padding=3)),
    ],
)
def test_a_text_is_an_estimator(spec, expected):
    made = make_estimator(spec)
    assert type(made) is type(expected) and repr(made) == repr(expected)


def test_changes_win():
    assert make_estimator("ks(padding=3)", padding=4, rng=1).get_params()["padding"] == 4
    assert make_estimator(KaiserSquires(padding=3), rng=1).padding == 3
    assert make_estimator(KaiserSquires, rng=1).rng == 1
    assert make_estimator("cnn:cha2025", network="h21like").network == "h21like"


def test_a_file_of_weights_is_a_network(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no card"):
        make_estimator(str(tmp_path / "mine.h5"))


def test_tuned_is_for_those_who_can():
    def tune(estimator):
        return estimator.replace(smoothing=1.3 * u.arcmin)

    assert make_estimator("ks:tuned(padding=3)", tune=tune).padding == 3
    assert make_estimator("ks:tuned", tune=tune).smoothing == 1.3 * u.arcmin
    with pytest.raises(ValueError, match="can tune parameters, because they simulate fields"):
        make_estimator("ks:tuned")


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("kss", ValueError, "must be one of ks, wiener, .*lensmap, not 'kss': the possible"),
        ("", ValueError, "must be one of"),
        ("(padding=3)", ValueError, "must be of the form NAME"),
        ("ks(padding=3", ValueError, "must be of the form NAME"),
        ("ks(3)", ValueError, r"must be of the form NAME\(key=value"),
        ("ks(**{})", ValueError, r"must be of the form NAME\(key=value"),
        (
            "ks(padding=__import__('os').getpid())", ValueError,
            r"must be of the form NAME\(key=value",
        ),
        ("ks(padding=3)(padding=4)", ValueError, r"must be of the form NAME\(key=value"),
        ("ks(color=3)", TypeError, "color must be the name of a parameter of KaiserSquires: the "),
        ("ks(padding=0)", ValueError, "padding must be a finite number of at least 1"),
        ("ks(smoothing=3)", TypeError, "smoothing must be an angle with a unit"),
        ("ks:1arcmin", ValueError, "must be 'ks' without a variant"),
        ("cnn:deepmass", ValueError, "there is no network 'deepmass'"),
        ("nowhere.py:A", ValueError, "must name a Python file that exists, not .*nowhere.py"),
        (3, TypeError, "must be an Estimator, a subclass of Estimator or a text .*, not int"),
        (int, TypeError, "must be an object with the method 'reconstruct'"),
    ],
)
def test_bad_specifications(spec, error, message):
    with pytest.raises(error, match=message):
        make_estimator(spec)


# --- files --------------------------------------------------------------------------------------

FILE = """
import numpy as np
from lensmap.estimators import Estimator, Inversion

class Flat(Estimator):
    "A map of one value."
    def __init__(self, *, value: float = 0.5):
        self.value = value
        self.check_parameters()
    def invert(self, grid, state):
        return Inversion(np.full(grid.shape, self.value))

high = Flat(value=2.0)

def low():
    return Flat(value=-2.0)

number = 3
"""


@pytest.fixture
def own_file(tmp_path):
    path = tmp_path / "flat.py"
    path.write_text(FILE, encoding="utf-8")
    return path


def test_a_class_in_a_file(own_file):
    flat = make_estimator(f"{own_file}:Flat(value=3.0)")
    assert isinstance(flat, Estimator) and repr(flat) == "Flat(value=3.0)"
    assert type(make_estimator(f"{own_file}:Flat")) is type(flat)
    assert make_estimator(f"{own_file}:high").value == 2
    assert make_estimator(f"{own_file}:high", value=4).value == 4
    assert make_estimator(f"{own_file}:low").value == -2
    with pytest.raises(ValueError, match="must name an object that .*, not 'nothing'"):
        make_estimator(f"{own_file}:nothing")
    with pytest.raises(TypeError, match="must be an Estimator"):
        make_estimator(f"{own_file}:number")


@pytest.mark.parametrize("name", ["random.py", "numpy.py", "my.flat.py", "class.py", "a (1).py",
                                  "lensmap.py"])
def test_any_name_of_a_file(tmp_path, name):
    (tmp_path / name).write_text(FILE, encoding="utf-8")
    before = list(sys.path)
    assert make_estimator(f"{tmp_path / name}:Flat(value=3.0)").value == 3
    assert sys.path == before and importlib.import_module("random").random() < 1


def test_two_files_of_one_name(tmp_path):
    for folder, value in (("one", 1.0), ("two", 2.0)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "flat.py").write_text(
            f"from beside import VALUE\n{FILE}\nhere = Flat(value=VALUE)\n", encoding="utf-8"
        )
        (tmp_path / folder / "beside.py").write_text(f"VALUE = {value}\n", encoding="utf-8")
    one, two = (make_estimator(f"{tmp_path}/{folder}/flat.py:here") for folder in ("one", "two"))
    assert (one.value, two.value) == (1.0, 2.0) and type(one) is not type(two)
    assert "beside" not in sys.modules


def test_a_changed_file_is_loaded_again(own_file):
    assert make_estimator(f"{own_file}:low").value == -2
    changed = FILE.replace("-2.0", "-5.0")
    own_file.write_text(changed, encoding="utf-8")
    assert make_estimator(f"{own_file}:low").value == -5


@pytest.mark.parametrize(
    ("code", "message"),
    [("1 +", "raises SyntaxError"), ("\n1 / 0", "raises ZeroDivisionError in line 2"),
     ("import no_such_module", "raises ModuleNotFoundError in line 1: No module named"),
     ("raise SystemExit(3)", "raises SystemExit in line 1")],
)
def test_a_file_with_errors(tmp_path, code, message):
    (tmp_path / "wrong.py").write_text(code, encoding="utf-8")
    with pytest.raises(ParameterError, match=message) as caught:
        make_estimator(f"{tmp_path / 'wrong.py'}:Flat")
    assert "wrong.py" in str(caught.value)
    with pytest.raises(ParameterError, match="a Python file that exists, not .*missing.py"):
        make_estimator(f"{tmp_path / 'missing.py'}:Flat")


# --- workers ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_workers_load_the_same_files(tmp_path):
    estimators = []
    for folder, value in (("one", 1.0), ("two", 2.0)):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "random.py"
        path.write_text(FILE + f"Flat.mark = {value}\n", encoding="utf-8")
        estimators.append(make_estimator(f"{path}:Flat"))
    outcomes = list(run_tasks(mark_and_path, estimators, range(2), workers=2))
    assert [outcome.value[0] for outcome in outcomes] == [1.0, 2.0]
    assert not any(str(tmp_path) in entry for outcome in outcomes for entry in outcome.value[1])


def test_workers_refuse_a_changed_file(own_file):
    estimator = make_estimator(f"{own_file}:high")
    pickled = pickle.dumps(estimator)
    (name, path), = code_files_of(pickled).items()
    assert path == str(own_file.resolve()) and pickle.loads(pickled).value == 2
    own_file.write_text(FILE + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match="is not the one with which the run began"):
        load_code_file(path, name)


def test_settings_of_runs_hold_the_digest_of_the_code(own_file):
    one = to_plain(make_estimator(f"{own_file}:high"))
    own_file.write_text(FILE + "\n# changed\n", encoding="utf-8")
    other = to_plain(make_estimator(f"{own_file}:high"))
    assert one.keys() == other.keys() == {"class", "code_sha256", "value"}
    assert one["code_sha256"] != other["code_sha256"]
    assert "code_sha256" not in to_plain(KaiserSquires())


# --- other packages -----------------------------------------------------------------------------


def _install(folder, package, entries, source=FILE):
    """Make a package that was installed, as far as an interpreter can see."""
    (folder / package).mkdir(parents=True)
    (folder / package / "__init__.py").write_text(
        f"print('{package} is loaded')\n{source}", encoding="utf-8"
    )
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = [f"{name} = {value}" for name, value in entries.items()]
    (info / "entry_points.txt").write_text("[lensmap.estimators]\n" + "\n".join(lines) + "\n")


def _run(folder, code):
    lensmap = Path(importlib.util.find_spec("lensmap").origin).parent.parent
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), str(lensmap)])},
    )


def test_another_package_adds_an_estimator(tmp_path):
    _install(tmp_path, "flatmaps", {"flat": "flatmaps:Flat"})
    run = _run(tmp_path, """
import numpy as np
from astropy.coordinates import SkyCoord
from lensmap import ShearCatalog
from lensmap.estimators import available_estimators, make_estimator
from lensmap.grid import tangent_wcs
print(available_estimators())
flat = make_estimator("flat(value=0.25)")
catalog = ShearCatalog({"ra": [10.0], "dec": [0.0], "e1": [0.1], "e2": [0.0]}, "generic")
kappa = flat.reconstruct(catalog, tangent_wcs(SkyCoord(10, 0, unit="deg"), (4, 5), "1 arcmin"))
print(flat, np.unique(kappa.data), kappa.meta["estimator"], flat.options[0].type)
""")
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == [
        "['ks', 'wiener', 'me', 'mcalens', 'sparse', 'ksplus', 'apmass', 'cnn', "
        "'masked-cnn', 'sphere-ks', 'sphere-wiener', 'flat']",
        "flatmaps is loaded",  # when it is used, and not before
        "Flat(value=0.25) [0.25] Flat <class 'float'>",
    ]


@pytest.mark.slow
def test_another_package_is_a_method_of_the_command_line(tmp_path):
    _install(tmp_path, "flatmaps", {"flat": "flatmaps:Flat"})
    run = _run(tmp_path, """
from importlib.resources import files
from lensmap import ConvergenceMap
from lensmap.cli import main
catalog = str(files("lensmap") / "data" / "demo_catalog.fits")
words = ["reconstruct", catalog, "-o", "k.fits", "--no-check", "--method", "flat(value=0.25)"]
print(main(words), ConvergenceMap.read("k.fits").meta["estimator"])
""")
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[0] == "flatmaps is loaded"
    assert run.stdout.splitlines()[-1] == "0 Flat"


@pytest.mark.slow
def test_a_taken_name_is_an_error_that_names_both(tmp_path):
    _install(tmp_path, "flatmaps", {"flat": "flatmaps:Flat", "ks": "flatmaps:Flat"})
    _install(tmp_path, "plainmaps", {"flat": "plainmaps:Flat"})
    run = _run(tmp_path, """
from lensmap.estimators import available_estimators, make_estimator
print(available_estimators(), make_estimator("wiener"))
for name in ("flat", "ks"):
    try:
        make_estimator(name)
    except ValueError as error:
        print(error)
""")
    assert run.returncode == 0, run.stderr
    names, flat, ks = run.stdout.splitlines()
    assert names == (
        "['ks', 'wiener', 'me', 'mcalens', 'sparse', 'ksplus', 'apmass', 'cnn', "
        "'masked-cnn', 'sphere-ks', 'sphere-wiener', 'flat'] WienerFilter()"
    )
    assert "'flat' is registered by flatmaps and by plainmaps" in flat
    assert "'ks' is registered by lensmap and by flatmaps" in ks


@pytest.mark.slow
def test_a_broken_package_never_stops_lensmap(tmp_path):
    _install(tmp_path, "flatmaps", {"flat": "flatmaps:Flat", "none": "flatmaps:Missing",
                                    "number": "flatmaps:number", "odd": "not a module!"})
    _install(tmp_path, "brokenmaps", {"broken": "brokenmaps:Flat"}, "1 / 0")
    run = _run(tmp_path, """
import warnings
from lensmap.estimators import available_estimators, load_estimators, make_estimator
print(available_estimators(), make_estimator("ks"))
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    print(list(load_estimators()))
print(sorted({one.message.code for one in caught}))
warnings.simplefilter("ignore")
try:
    make_estimator("broken")
except ValueError as error:
    print(error)
for one in caught:
    print(one.message)
""")
    assert run.returncode == 0, run.stderr
    lines = [line for line in run.stdout.splitlines() if not line.endswith("is loaded")]
    assert lines[0].endswith("'broken', 'flat', 'none', 'number', 'odd'] KaiserSquires()")
    assert lines[1:4] == [
        "['ks', 'wiener', 'me', 'mcalens', 'sparse', 'ksplus', 'apmass', 'cnn', "
        "'masked-cnn', 'sphere-ks', 'sphere-wiener', 'flat']",
        "['broken_plugin']",
        "the estimator 'broken' of the package brokenmaps cannot be loaded: the preceding warning "
        "states the cause",
    ]
    text = "\n".join(lines)
    assert "'broken' of the package brokenmaps cannot be loaded (ZeroDivisionError: " in text
    assert "flatmaps:number is not a subclass of lensmap.Estimator" in text

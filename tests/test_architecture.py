# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The plan of the house: which room of lensmap may import which, and where heavy packages enter.

The import graph is read from the sources, imports inside functions included; nothing is imported.
"""

import ast
import graphlib
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

# The doors that are open at any time.
DOORS = {
    "typing": set(),
    "utils": set(),
    "data": set(),
    "provenance": {"utils"},
    "scores": {"utils"},
    "flatsky": {"utils"},
    "sphere": {"utils"},
    "masks": {"utils"},
    "catalog": {"utils", "masks"},
    "grid": {"utils", "catalog", "masks", "flatsky", "sphere"},
    "maps": {"utils", "flatsky", "sphere"},
    "cosmology": {"utils"},
    "estimators": {
        *["utils", "catalog", "grid", "masks", "maps", "flatsky", "sphere", "cosmology"],
    },
    "testing": {"utils", "catalog", "grid", "maps", "estimators", "sphere"},
    "halos": {"utils", "cosmology"},
    "simulate": {
        *["utils", "flatsky", "sphere", "masks", "catalog", "grid", "maps", "cosmology", "halos"],
    },
    "networks": {"utils", "scores", "flatsky", "grid", "maps", "cosmology", "simulate"},
    "diagnostics": {"utils", "flatsky", "sphere", "catalog", "grid"},
    **dict.fromkeys(
        ["peaks", "profiles"],
        {"utils", "masks", "catalog", "maps", "cosmology", "halos"},
    ),
    # The matched filter works on the shear, with a halo and large-scale structure in the model.
    "filaments": {
        *["utils", "flatsky", "catalog", "grid", "maps", "cosmology", "halos", "profiles"],
    },
    "statistics": {"utils", "scores", "flatsky", "catalog", "grid", "maps", "peaks"},
    # The rooms whose results are drawn.
    "plotting": {
        *["utils", "catalog", "grid", "maps", "sphere", "diagnostics"],
        *["peaks", "profiles", "filaments", "statistics"],
    },
}
DOORS["injection"] = set(DOORS)
DOORS["validation"] = set(DOORS)
DOORS["survey"] = set(DOORS)
DOORS["cli"] = set(DOORS)

# Annotations may use the names of `lensmap.typing` everywhere.
for _doors in DOORS.values():
    _doors.add("typing")
DOORS["typing"].clear()

# The doors that open only while a function runs.
DOORS_IN_FUNCTIONS = {
    # ConvergenceMap.plot, the only one that opens upwards, and ConvergenceMap.surface_density
    "maps": {"plotting", "cosmology"},
    "catalog": {"cosmology"},  # the redshift distribution of a catalog
    "estimators": {"networks", "halos"},  # halos for matched filters
    "provenance": {"networks"},  # the cards of the networks that come with lensmap
    "profiles": {"estimators"},  # the response of a map to a halo
    "typing": {"catalog", "cosmology", "maps", "masks"},  # for type checkers only
}

# The only files that lie beside the rooms, with the rooms that they may import.
TOP_FILES = {"__init__": set(), "__main__": {"cli"}, "_version": set(), "_lazy": set()}

# Packages that only some folders may import, and packages that only one room may import when it is
# itself imported: elsewhere they wait inside functions.
ONLY_IN = dict.fromkeys(["matplotlib", "mpl_toolkits"], {"plotting", "validation/report"})
AT_MODULE_LEVEL_ONLY_IN = {
    **dict.fromkeys(ONLY_IN, "plotting"),
    **dict.fromkeys(["keras", "tensorflow", "jax", "torch"], "networks"),
    # It keeps a current cosmology: one door leads to it, and leaves all as it was.
    "colossus": "nowhere",
    # They load matplotlib (mocpy in its older releases).
    **dict.fromkeys(["regions", "mocpy", "astropy.visualization"], "plotting"),
}

FLATSKY_PACKAGES = {"numpy", "scipy", *sys.stdlib_module_names}

# Functions that import the module named by their first argument.
IMPORTERS = {"import_module", "__import__", "import_optional"}


@dataclass(frozen=True)
class Import:
    """One module that a file imports."""

    module: str  # absolute, for example "lensmap.grid.binning" or "astropy.wcs"
    names: tuple  # what is taken from it: ("WCS",), or () for "import module"
    line: int
    at_module_level: bool

    @property
    def full_names(self):
        """The dotted names of all that is imported, of which the last part may be no module."""
        return [f"{self.module}.{name}" for name in self.names] or [self.module]

    def is_from(self, package):
        return any(f"{name}.".startswith(f"{package}.") for name in self.full_names)


class ImportReader(ast.NodeVisitor):
    """Collect the imports of a file that belongs to ``package``."""

    def __init__(self, package):
        self.package = package
        self.depth = 0  # in how many functions (or blocks for type checkers) the visitor is
        self.imports = []

    def add(self, node, module, names=(), level=0):
        if level:
            parents = self.package.split(".")
            module = ".".join(parents[: len(parents) - level + 1] + ([module] if module else []))
        self.imports.append(Import(module, tuple(names), node.lineno, self.depth == 0))

    def visit_Import(self, node):
        for alias in node.names:
            self.add(node, alias.name)

    def visit_ImportFrom(self, node):
        self.add(node, node.module, [alias.name for alias in node.names], node.level)

    def visit_Call(self, node):
        name = getattr(node.func, "attr", getattr(node.func, "id", None))
        argument = node.args[0] if node.args else None
        if name in IMPORTERS and isinstance(getattr(argument, "value", None), str):
            module = argument.value.lstrip(".")
            self.add(node, module, level=len(argument.value) - len(module))
        self.generic_visit(node)

    def visit_later(self, *nodes):
        self.depth += 1
        for node in nodes:
            self.visit(node)
        self.depth -= 1

    def visit_function(self, node):
        self.visit_later(*ast.iter_child_nodes(node))

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = visit_function

    def visit_If(self, node):
        if ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            self.visit_later(*node.body)  # it never runs: what stands there is not loaded
            for other in node.orelse:
                self.visit(other)
        else:
            self.generic_visit(node)


def read_imports(path, source):
    """Return the imports of one file, whose path is relative to the package's folder."""
    reader = ImportReader(".".join(["lensmap", *path.parts[:-1]]))
    reader.visit(ast.parse(source))
    return reader.imports


def is_private(name):
    return name.startswith("_") and not name.endswith("__")


def rooms_of(imported):
    """Return the rooms that an import of lensmap leads to, "" for the top of the package."""
    parts = imported.module.split(".")
    if len(parts) > 1:
        return {parts[1]}
    return {name if name in DOORS or name in TOP_FILES else "" for name in imported.names or [""]}


def faults_within(room, imported):
    """Yield what is wrong with an import of lensmap itself."""
    if imported.module == "lensmap" and imported.names == ("__version__",):
        return
    allowed = DOORS[room] if room in DOORS else TOP_FILES[room]
    in_functions = set(DOORS) if room == "__init__" else DOORS_IN_FUNCTIONS.get(room, set())
    at_home = {room, "_version", "_lazy"}
    if room == "cli":
        at_home.add("")  # it does what a user does, by the same door
    for target in sorted(rooms_of(imported) - at_home):
        if target == "":
            yield "imports from the top of lensmap; name the room"
        elif target in in_functions and target not in allowed:
            if imported.at_module_level:
                yield f"imports {target} outside a function"
        elif target not in allowed:
            yield f"imports {target}, which is not upstream of it"
        # The package's own modules and sub-packages stay behind its `__init__`.
        if imported.module.count(".") > 1 or any(
            is_private(part) for name in imported.full_names for part in name.split(".")[2:]
        ):
            yield f"imports from within {target}; names come from lensmap.{target}"


def faults_without(room, folder, imported):
    """Yield what is wrong with an import of another package."""
    package = imported.module.split(".")[0]
    for name in imported.full_names:
        if any(is_private(part) for part in name.split(".")):
            yield f"imports the private {name}"
    for name, homes in ONLY_IN.items():
        if imported.is_from(name) and not homes & {room, folder}:
            yield f"imports {name}, which only {' and '.join(sorted(homes))} may"
    for name, home in AT_MODULE_LEVEL_ONLY_IN.items():
        if imported.is_from(name) and imported.at_module_level and room != home:
            yield f"imports {name} outside a function"
    if room == "flatsky" and package not in FLATSKY_PACKAGES:
        yield f"imports {package}, but flatsky knows numpy and scipy only"
    if room == "__init__" and imported.at_module_level and package not in sys.stdlib_module_names:
        yield f"imports {package}, which makes `import lensmap` slow"


def find_faults(path, source):
    """Return what is wrong with the imports of one file, as lines to print.

    Parameters
    ----------
    path : `pathlib.Path`
        Relative to the package's folder.
    source : str
        What stands in the file.
    """
    room = path.parts[0] if len(path.parts) > 1 else path.stem
    if room not in (DOORS if len(path.parts) > 1 else TOP_FILES):
        return [f"{path}: {room} is not a room of the house"]
    faults = []
    if not path.stem.startswith("_"):
        faults.append(f"{path}: a module is private: its name begins with an underscore")
    for imported in read_imports(path, source):
        if imported.is_from("lensmap"):
            found = faults_within(room, imported)
        else:
            found = faults_without(room, path.parent.as_posix(), imported)
        faults += [f"{path}:{imported.line}: {room} {fault}" for fault in found]
    return faults


def package_files():
    """Return the Python files of lensmap as it is installed, without importing it."""
    folder = Path(importlib.util.find_spec("lensmap").origin).parent
    return {path.relative_to(folder): path for path in sorted(folder.rglob("*.py"))}


def test_house():
    files = package_files()
    rooms = {path.parts[0] for path in files if len(path.parts) > 1}
    assert {"utils", "catalog", "maps", "estimators"} <= rooms, "the package was not found"
    faults = [
        fault
        for path, file in files.items()
        for fault in find_faults(path, file.read_text(encoding="utf-8"))
    ]
    assert not faults, "\n" + "\n".join(faults)


def test_plan_has_an_upstream():
    order = list(graphlib.TopologicalSorter(DOORS).static_order())  # raises if there is a circle
    assert set(order) == set(DOORS)
    assert not any(doors & DOORS[room] for room, doors in DOORS_IN_FUNCTIONS.items())


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("grid/_a.py", "from lensmap.catalog import ShearCatalog"),
        ("grid/_a.py", "from ..catalog import ShearCatalog"),
        ("grid/_a.py", "from .. import catalog, masks"),
        ("grid/_a.py", "from . import _loops"),
        ("grid/_a.py", "from ._loops import f"),
        ("grid/_a.py", "import lensmap.grid._loops"),
        ("grid/_a.py", "from lensmap import __version__"),
        ("grid/_a.py", "from lensmap._version import version"),
        ("grid/_a.py", "from __future__ import annotations"),
        ("grid/_a.py", "from numpy import __version__"),
        ("maps/_a.py", "def f():\n    from lensmap.plotting import plot_map"),
        ("maps/_a.py", "class A:\n    def f(self):\n        from ..plotting import plot_map"),
        ("maps/_a.py", "if TYPE_CHECKING:\n    import keras"),
        ("estimators/_a.py", "def f():\n    import lensmap.networks"),
        ("validation/report/_a.py", "from lensmap.validation.measures import f"),
        ("networks/_a.py", "import keras\nfrom tensorflow import signal"),
        ("validation/_a.py", "from lensmap import plotting\ndef f():\n    import tensorflow"),
        ("validation/report/_a.py", "def f():\n    import matplotlib"),
        ("plotting/_a.py", "import matplotlib\nfrom astropy.visualization import simple_norm"),
        ("masks/_a.py", "def f():\n    from regions import Regions\n    import_optional('mocpy')"),
        ("flatsky/_a.py", "import math\nimport numpy as np\nfrom scipy.fft import rfft2"),
        ("cli/_a.py", "from lensmap import estimators\nfrom lensmap.plotting import plot_map"),
        ("cli/_a.py", "def f():\n    from lensmap import KaiserSquires"),
        ("__init__.py", "def __getattr__(name):\n    from lensmap.maps import ConvergenceMap"),
        ("__main__.py", "from lensmap.cli import main"),
    ],
)
def test_good_import(path, source):
    assert find_faults(Path(path), source) == []


@pytest.mark.parametrize(
    ("path", "source", "fault"),
    [
        # A door that does not exist, in every way to write it.
        ("catalog/_a.py", "from lensmap.grid import ShearGrid", "imports grid, which"),
        ("catalog/_a.py", "from lensmap import grid", "imports grid, which"),
        ("catalog/_a.py", "import lensmap.grid.binning", "imports grid, which"),
        ("catalog/_a.py", "from ..grid.binning import f", "imports grid, which"),
        ("catalog/_a.py", "from .. import utils, grid", "imports grid, which"),
        ("catalog/deep/_a.py", "from ...grid import f", "imports grid, which"),
        ("catalog/_a.py", "import_module('lensmap.grid')", "imports grid, which"),
        ("catalog/_a.py", "importlib.import_module('..grid', __package__)", "imports grid, which"),
        ("catalog/_a.py", "def f():\n    from lensmap.grid import f", "imports grid, which"),
        ("catalog/_a.py", "if TYPE_CHECKING:\n    import lensmap.grid", "imports grid, which"),
        ("catalog/_a.py", "try:\n    import lensmap.grid\nfinally:\n    f()", "_a.py:2: catalog"),
        ("peaks/_a.py", "from lensmap.estimators import f", "imports estimators, which"),
        ("validation/_a.py", "from lensmap.cli import main", "imports cli, which"),
        ("flatsky/_a.py", "from lensmap.grid import f", "imports grid, which"),
        ("__main__.py", "from lensmap.maps import ConvergenceMap", "imports maps, which"),
        # A door that opens only in functions.
        ("maps/_a.py", "from lensmap.plotting import f", "imports plotting outside"),
        ("estimators/_a.py", "class A:\n    import lensmap.networks", "imports networks outside"),
        ("estimators/_a.py", "def f():\n    import lensmap.plotting", "imports plotting, which"),
        ("__init__.py", "from lensmap.maps import ConvergenceMap", "imports maps outside"),
        # No door at all.
        ("catalog/_a.py", "from lensmap import KaiserSquires", "from the top of lensmap"),
        ("catalog/_a.py", "from .. import KaiserSquires", "from the top of lensmap"),
        ("catalog/_a.py", "from lensmap import *", "from the top of lensmap"),
        ("catalog/_a.py", "import lensmap", "from the top of lensmap"),
        ("catalog/_a.py", "from lensmap.drawer import f", "imports drawer, which"),
        ("catalog/_a.py", "from lensmap.utils._files import f", "names come from lensmap.utils"),
        ("catalog/_a.py", "from lensmap.utils import _files", "names come from lensmap.utils"),
        ("catalog/_a.py", "from lensmap.utils.deep import f", "names come from lensmap.utils"),
        ("peaks/_a.py", "import lensmap.maps._pixels", "names come from lensmap.maps"),
        # No room.
        ("drawer/_a.py", "", "drawer is not a room"),
        ("catalog/a.py", "", "its name begins with an underscore"),
        ("helpers.py", "", "helpers is not a room"),
        ("catalog.py", "", "catalog is not a room"),
        # Heavy packages.
        ("maps/_a.py", "def f():\n    import matplotlib.pyplot as plt", "which only plotting and"),
        ("maps/_a.py", "def f():\n    import_optional('matplotlib')", "which only plotting and"),
        ("maps/_a.py", "from mpl_toolkits import axes_grid1", "which only plotting and"),
        ("maps/_a.py", "from astropy import visualization", "imports astropy.visualization"),
        ("masks/_a.py", "from regions import Regions", "imports regions outside"),
        ("estimators/_a.py", "import keras", "imports keras outside"),
        ("estimators/_a.py", "from tensorflow.signal import rfft2d", "imports tensorflow outside"),
        ("estimators/_a.py", "if TYPE_CHECKING:\n    f()\nelse:\n    import keras", "keras out"),
        ("flatsky/_a.py", "from astropy import units", "numpy and scipy only"),
        ("__init__.py", "import astropy", "makes `import lensmap` slow"),
        # The private parts of other packages.
        ("maps/_a.py", "import numpy._core", "imports the private numpy._core"),
        ("maps/_a.py", "def f():\n    from scipy import _lib", "imports the private scipy._lib"),
        ("maps/_a.py", "from regions._utils.wcs_helpers import f", "imports the private regions._"),
    ],
)
def test_bad_import(path, source, fault):
    faults = find_faults(Path(path), source)
    assert any(fault in line for line in faults), faults

# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The public names of lensmap: each addition or removal is a line of ``public_names.txt``."""

import ast
import importlib
import importlib.util
from pathlib import Path

PACKAGE = Path(importlib.util.find_spec("lensmap").origin).parent
LISTED = (Path(__file__).parent / "public_names.txt").read_text(encoding="utf-8").split()

# Annotations and the contract suite are for authors of code, and do not count.
NOT_COUNTED = ("lensmap.testing.", "lensmap.typing.")
MOST = 221


def declared_names():
    """Return the public names that the packages' stubs declare, such as ``lensmap.maps.X``."""
    names = []
    for stub in PACKAGE.glob("*/__init__.pyi"):
        for node in ast.parse(stub.read_text(encoding="utf-8")).body:
            if isinstance(node, (ast.Assign, ast.AnnAssign)):
                names += [f"lensmap.{stub.parent.name}.{n}" for n in ast.literal_eval(node.value)]
    return names


def test_public_names_are_listed():
    assert sorted(declared_names()) == sorted(LISTED)


def test_public_names_are_few():
    assert len([name for name in LISTED if not name.startswith(NOT_COUNTED)]) <= MOST


def test_public_names_resolve():
    for name in LISTED:
        package, _, attribute = name.rpartition(".")
        if package != "lensmap.networks":  # they load Keras; the tests of networks use them
            assert getattr(importlib.import_module(package), attribute) is not None, name


def test_top_level_names_are_public():
    import lensmap

    names = {name.rpartition(".")[2] for name in LISTED}
    assert set(lensmap.__all__) - {"__version__"} <= names

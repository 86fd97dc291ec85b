# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Files beside the modules that an installed lensmap needs: tox runs this on the built wheel."""

import importlib.util
from pathlib import Path

import pytest

PACKAGE = Path(importlib.util.find_spec("lensmap").origin).parent
PACKAGES = sorted(path.parent for path in PACKAGE.rglob("__init__.py"))


def test_types_are_marked():
    assert (PACKAGE / "py.typed").is_file()


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_lazy_packages_have_their_stub(folder):
    lazy = "lazy_exports" in (folder / "__init__.py").read_text(encoding="utf-8")
    assert (folder / "__init__.pyi").is_file() == lazy


def test_there_are_lazy_packages():
    assert sum((folder / "__init__.pyi").is_file() for folder in PACKAGES) > 15


def test_schemas_of_the_command_line():
    assert (PACKAGE / "cli" / "schemas.json").is_file()


@pytest.mark.parametrize("pattern", ["demo_catalog.fits", "networks/*.json", "networks/*.h5"])
def test_data(pattern):
    assert list((PACKAGE / "data").glob(pattern))

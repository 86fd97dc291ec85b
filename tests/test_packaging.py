# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The conda recipe must agree with ``pyproject.toml``."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RECIPE = ROOT / "packaging" / "recipe.yaml"

pytestmark = pytest.mark.skipif(not RECIPE.exists(), reason="the sources are not here")

# Names of packages that differ in conda-forge.
CONDA = {"astropy": "astropy-base", "setuptools_scm": "setuptools-scm"}


def _normalized(requirements):
    pairs = (re.fullmatch(r"([\w-]+)\s*>=\s*([\d.]+)", one).groups() for one in requirements)
    return {(CONDA.get(name, name), version) for name, version in pairs}


def _section(name):
    text = RECIPE.read_text(encoding="utf-8")
    lines = re.search(rf"^  {name}:\n((?:    - .*\n)+)", text, flags=re.MULTILINE)[1]
    return {line for line in re.findall(r"    - (.*)", lines) if line != "pip"}


def test_the_recipe_has_the_dependencies_of_the_package():
    with (ROOT / "pyproject.toml").open("rb") as file:
        content = tomllib.load(file)
    project = content["project"]
    python = f"python {project['requires-python']}"
    assert _normalized(_section("run")) == _normalized([*project["dependencies"], python])
    assert _normalized(_section("host")) == _normalized([*content["build-system"]["requires"],
                                                         python])
    entry_point = f"lensmap = {project['scripts']['lensmap']}"
    assert entry_point in RECIPE.read_text(encoding="utf-8")

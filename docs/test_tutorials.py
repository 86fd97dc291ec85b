# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The tutorials are scripts that anyone can run: public names only, and nothing of one machine.

They run when the documentation is built.
"""

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).resolve().parent / "tutorials").glob("*.py"))


def imported(tree):
    """Yield the modules and names of lensmap that a script imports, the name "" for a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "lensmap":
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "lensmap":
                    yield alias.name, ""


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_only_public_names(script):
    found = list(imported(ast.parse(script.read_text())))
    assert found
    for module, name in found:
        # A room, and no file of one: those may move.
        assert module.count(".") <= 1 and "._" not in module, module
        assert not name or name in import_module(module).__all__, f"{module}.{name}"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_nothing_of_one_machine(script):
    text = script.read_text()
    tree = ast.parse(text)
    # Strings of the code, and the prose.
    assert not re.search(r"(?<![\w:/])/(home|tmp|work|Users|root|mnt)\b|[A-Z]:\\\\", text)
    # What is written goes where the system keeps temporary files.
    writes = re.search(r"\.(write|writeto|save|savefig|to_csv)\(|write_regions\(|\btrain\(", text)
    assert not writes or "TemporaryDirectory()" in text
    title = ast.get_docstring(tree).splitlines()
    assert title[1] == "=" * len(title[0])


def test_there_are_tutorials():
    assert len(SCRIPTS) >= 7

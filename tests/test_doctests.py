# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""No example in a docstring is passed over when the examples run as tests."""

import ast
import doctest
import importlib
import importlib.util
from pathlib import Path

import pytest

PACKAGE = Path(importlib.util.find_spec("lensmap").origin).parent


def written_examples(path):
    """Return the names of the classes and functions of a file that have examples."""
    documented = (ast.ClassDef, ast.FunctionDef)
    names = set()

    def visit(node, prefix):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, documented):
                name = f"{prefix}.{child.name}"
                if ">>>" in (ast.get_docstring(child) or ""):
                    names.add(name)
                visit(child, name)

    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    visit(ast.parse(path.read_text(encoding="utf-8")), module)
    return module, names


FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if written_examples(path)[1]]


def test_there_are_examples():
    assert len(FILES) > 15


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_examples_are_collected(path):
    module, written = written_examples(path)
    # The package's names are resolved, and so have their public __module__.
    package = importlib.import_module(".".join(module.split(".")[:2]))
    for name in package.__all__:
        getattr(package, name)
    tests = doctest.DocTestFinder().find(importlib.import_module(module), module)
    assert written <= {test.name for test in tests if test.examples}

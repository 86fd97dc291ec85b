# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Every public function, constructor and method has annotations, read with `inspect`."""

import importlib
import inspect
from pathlib import Path

import pytest

LISTED = (Path(__file__).parent / "public_names.txt").read_text(encoding="utf-8").split()
PACKAGES = sorted({name.rpartition(".")[0] for name in LISTED} - {"lensmap.typing"})


def functions_of(name, item):
    """Yield the names and functions that a public object stands for."""
    if inspect.isfunction(item):
        yield name, item
    elif inspect.isclass(item):
        for attribute, value in vars(item).items():
            value = getattr(value, "__func__", value)  # of a static method or class method
            generated = value.__qualname__ if inspect.isfunction(value) else ""
            # dataclasses, named tuples and their like write constructors themselves
            written = inspect.isfunction(value) and value.__code__.co_filename.endswith(".py")
            public = attribute == "__init__" or not attribute.startswith("_")
            if written and public and not generated.startswith("namedtuple"):
                yield f"{name}.{attribute}", value


def missing_annotations(function):
    """Return the parameters of a function, and "return", that have no annotation."""
    parameters = list(inspect.signature(function).parameters.values())
    if parameters and parameters[0].name in ("self", "cls"):
        parameters = parameters[1:]
    missing = [p.name for p in parameters if p.annotation is p.empty]
    if "return" not in function.__annotations__ and function.__name__ != "__init__":
        missing.append("return")
    return missing


@pytest.mark.parametrize("package", PACKAGES)
def test_public_names_are_annotated(package):
    faults = {}
    for name in importlib.import_module(package).__all__:
        item = getattr(importlib.import_module(package), name)
        for full_name, function in functions_of(f"{package}.{name}", item):
            if missing := missing_annotations(function):
                faults[full_name] = missing
    assert not faults


def test_a_missing_annotation_is_seen():
    def function(a: int, b) -> None: ...

    class Thing:
        def method(self, a: int): ...

    assert missing_annotations(function) == ["b"]
    assert dict(functions_of("Thing", Thing)) == {"Thing.method": Thing.method}
    assert missing_annotations(Thing.method) == ["return"]

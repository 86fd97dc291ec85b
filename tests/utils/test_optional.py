# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""A package that is missing is named, with what to install."""

import sys

import pytest

from lensmap.utils import import_optional


def test_imports():
    assert import_optional("json", purpose="a test", install="nothing") is sys.modules["json"]


def test_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "mocpy", None)  # None there means: not to be had
    with pytest.raises(ImportError) as caught:
        import_optional("mocpy", purpose="a MOC mask", install="'lensmap[moc]'")
    message = str(caught.value)
    assert message.startswith("a MOC mask needs the package 'mocpy'")
    assert "python -m pip install 'lensmap[moc]'" in message
    assert caught.value.__cause__ is not None


def test_broken_dependency_is_told(tmp_path, monkeypatch):
    (tmp_path / "half_there.py").write_text("import surely_not_installed")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match="'half_there'.*surely_not_installed"):
        import_optional("half_there", purpose="a test", install="it")

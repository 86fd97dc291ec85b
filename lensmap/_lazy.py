# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Lazy names of packages, declared once in the stub (``__init__.pyi``) beside each ``__init__``.

Type checkers read the stub; at run time the same lines say which private module has which name.
The ``__all__`` of a stub holds the public names. The other names are for lensmap's own packages.
"""

import ast
import sys
from importlib import import_module
from pathlib import Path

__all__ = ["lazy_exports"]

# Public names whose module is not loaded yet: from a private module to (name, public package).
_awaited: dict[str, list[tuple[str, str]]] = {}


def lazy_exports(package, file):
    """Return the ``__getattr__``, ``__dir__`` and ``__all__`` of a package.

    Parameters
    ----------
    package : str
        The package's ``__name__``.
    file : str
        The package's ``__file__``; the stub lies beside it.

    Returns
    -------
    tuple
        Two functions and a list of the public names.
    """
    modules, public = _read_stub(Path(file))
    if package.count(".") == 1:
        for name in public:
            _awaited.setdefault(_leaf(package, modules[name], name), []).append((name, package))

    def __getattr__(name):
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{modules[name]}"), name)
        _set_public_modules()
        return value

    def __dir__():
        return sorted({*vars(sys.modules[package]), *modules})

    return __getattr__, __dir__, public


def _read_stub(init):
    """Return the private modules of all names, and the public names."""
    modules, public = {}, []
    for node in ast.parse(init.with_suffix(".pyi").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            modules.update({alias.asname or alias.name: node.module for alias in node.names})
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            public = ast.literal_eval(node.value)  # the only value of a stub is __all__
    return modules, public


def _leaf(package, module, name):
    """Return the dotted private module that defines a name, through sub-packages."""
    folder = Path(__file__).parent.joinpath(*package.split(".")[1:], module)
    full = f"{package}.{module}"
    if not folder.is_dir():
        return full
    modules, _ = _read_stub(folder / "__init__.py")
    return _leaf(full, modules[name], name)


def _set_public_modules():
    """Give public classes and functions of loaded modules the package as ``__module__``.

    Pickles and the documentation then have the public path.
    """
    for leaf in [leaf for leaf in _awaited if leaf in sys.modules]:
        values = vars(sys.modules[leaf])
        later = []
        for name, package in _awaited.pop(leaf):
            if name not in values:  # the module is still being imported
                later.append((name, package))
            elif getattr(values[name], "__module__", None) == leaf:
                values[name].__module__ = package
        if later:
            _awaited[leaf] = later

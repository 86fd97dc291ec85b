# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Lazy imports of the names of a package, as listed in its stub ``__init__.pyi``.

Type checkers read the stub. At run time, `lazy_exports` reads the same file to find the private
module that defines each name, and imports this module when the name is first used. The ``__all__``
of the stub lists the public names. Its other names are for use within lensmap only.
"""

import ast
import sys
from functools import cache
from importlib import import_module
from pathlib import Path

__all__ = ["lazy_exports"]

# The public names defined in private modules that are not loaded yet. Keys are the private
# modules, values are lists of (name, public package).
_awaited: dict[str, list[tuple[str, str]]] = {}


def lazy_exports(package, file):
    """Return the ``__getattr__``, ``__dir__`` and ``__all__`` for a package with lazy imports.

    Parameters
    ----------
    package : str
        The package's ``__name__``.
    file : str
        The package's ``__file__``; the stub ``__init__.pyi`` is in the same folder.

    Returns
    -------
    tuple
        The functions ``__getattr__`` and ``__dir__``, and the list of public names.
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


@cache  # the stub of a sub-package is needed for each of its names
def _read_stub(init):
    """Return the names in the stub of a package.

    ``init`` is the path of the package's ``__init__.py``; the stub ``__init__.pyi`` lies next to
    it. The first result is a dict from each name to the private module that defines it. The second
    is the list of public names, the value of ``__all__``.
    """
    modules, public = {}, []
    for node in ast.parse(init.with_suffix(".pyi").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            modules.update({alias.asname or alias.name: node.module for alias in node.names})
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            public = ast.literal_eval(node.value)  # the only value of a stub is __all__
    return modules, public


def _leaf(package, module, name):
    """Return the dotted path of the private module that defines a name.

    If the name comes from a sub-package, the stub of the sub-package is read in turn.
    """
    folder = Path(__file__).parent.joinpath(*package.split(".")[1:], module)
    full = f"{package}.{module}"
    if not folder.is_dir():
        return full
    modules, _ = _read_stub(folder / "__init__.py")
    return _leaf(full, modules[name], name)


def _set_public_modules():
    """Set ``__module__`` of public classes and functions to their public package.

    Pickles and the documentation then refer to the public path instead of the private module.
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

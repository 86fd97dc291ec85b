# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""lensmap: from weak-lensing shear catalogs to mass maps on the sky.

The names below are resolved when they are first used, so that ``import lensmap`` is quick and
loads neither TensorFlow nor matplotlib.
"""

from lensmap._lazy import lazy_exports as _lazy_exports

_exported, _names, __all__ = _lazy_exports(__name__, __file__)
__all__ = [*__all__, "__version__"]


def __getattr__(name):
    if name != "__version__":
        return _exported(name)
    try:
        from lensmap._version import version
    except ModuleNotFoundError:  # a source tree that was never built
        return "0.0.0+unknown"
    return version


def __dir__():
    return sorted({*_names(), *__all__})

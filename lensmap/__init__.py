# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""lensmap: from weak-lensing shear catalogues to mass maps on the sky.

The names below are resolved when they are first used, so that ``import lensmap`` is quick and
loads neither TensorFlow nor matplotlib.
"""

from importlib import import_module as _import_module

_EXPORTS = {
    "ShearCatalog": "lensmap.catalog",
    "ShearGrid": "lensmap.grid",
    "make_wcs": "lensmap.grid",
    "SkyMask": "lensmap.masks",
    "ConvergenceMap": "lensmap.maps",
    "Estimator": "lensmap.estimators",
    "CNNReconstructor": "lensmap.estimators",
    "MaskedCNN": "lensmap.estimators",
    "KaiserSquires": "lensmap.estimators",
    "WienerFilter": "lensmap.estimators",
    "SourceRedshifts": "lensmap.cosmology",
    "NFWHalo": "lensmap.halos",
    "HaloModelField": "lensmap.simulate",
    "ClusterField": "lensmap.simulate",
    "LensingField": "lensmap.simulate",
    "MockSurvey": "lensmap.simulate",
    "find_peaks": "lensmap.peaks",
    "fit_nfw": "lensmap.profiles",
    "shear_profile": "lensmap.profiles",
    "check_convention": "lensmap.diagnostics",
    "LensmapWarning": "lensmap.utils",
}

__all__ = [*_EXPORTS, "__version__"]


def __getattr__(name):
    if name in _EXPORTS:
        return getattr(_import_module(_EXPORTS[name]), name)
    if name == "__version__":
        try:
            return _import_module("lensmap._version").version
        except ModuleNotFoundError:  # a source tree that was never built
            return "0.0.0+unknown"
    raise AttributeError(f"module 'lensmap' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__})

# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Estimators by name: those of lensmap, and those that other installed packages register."""

from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from lensmap.estimators._base import Estimator
from lensmap.utils import LensmapWarning, warn_user

__all__ = ["available_estimators", "get_estimator", "load_estimators"]

#: The entry point group in which other packages register estimators.
GROUP = "lensmap.estimators"

# lensmap's own estimators: the private module and the class of each name.
_OWN = {
    "ks": ("_kaiser_squires", "KaiserSquires"),
    "wiener": ("_wiener", "WienerFilter"),
    "me": ("_maximum_entropy", "MaximumEntropy"),
    "mcalens": ("_mca_lens", "MCALens"),
    "sparse": ("_sparse", "SparseReconstructor"),
    "ksplus": ("_kaiser_squires_plus", "KaiserSquiresPlus"),
    "apmass": ("_aperture_mass", "ApertureMass"),
    "cnn": ("_cnn", "CNNReconstructor"),
    "masked-cnn": ("_cnn", "MaskedCNN"),
    "sphere-ks": ("_spherical_kaiser_squires", "SphericalKaiserSquires"),
    "sphere-wiener": ("_spherical_wiener", "SphericalWiener"),
}


def available_estimators() -> list[str]:
    """Return the names of all estimators, without importing other packages.

    Returns
    -------
    list of str
        The names of lensmap's own estimators, followed by the names that other installed packages
        register in the entry point group ``lensmap.estimators``.

    Examples
    --------
    >>> from lensmap.estimators import available_estimators
    >>> "ks" in available_estimators()
    True
    """
    return [*_OWN, *sorted({point.name for point in _plug_ins()} - _OWN.keys())]


def get_estimator(name: str) -> type[Estimator]:
    """Return an estimator class by name.

    Parameters
    ----------
    name : str
        One of `available_estimators`.

    Returns
    -------
    type
        The estimator class.

    Raises
    ------
    ValueError
        If no estimator has this name, if two packages register the name, or if the registered class
        cannot be loaded.

    Warns
    -----
    LensmapWarning
        If the registered class cannot be loaded (code ``"broken_plugin"``).
    """
    points = [point for point in _plug_ins() if point.name == name]
    packages = (["lensmap"] if name in _OWN else []) + sorted(map(_package, points))
    if not packages:
        names = ", ".join(map(repr, available_estimators()))
        raise ValueError(f"there is no estimator {name!r}; there are {names}")
    if len(packages) > 1:
        raise ValueError(
            f"the estimator name {name!r} is registered by {' and by '.join(packages)}: uninstall "
            "one of these packages, or give the class of the estimator instead of its name"
        )
    if name in _OWN:
        module, cls = _OWN[name]
        return getattr(import_module(f"lensmap.estimators.{module}"), cls)
    loaded = _load(points[0])
    if loaded is None:
        raise ValueError(
            f"the estimator {name!r} of the package {packages[0]} cannot be loaded: the preceding "
            "warning states the cause"
        )
    return loaded


def load_estimators() -> dict[str, type[Estimator]]:
    """Return all estimator classes that can be loaded.

    Names that two packages register are left out.

    Returns
    -------
    dict
        The estimator classes, keyed by name.

    Warns
    -----
    LensmapWarning
        For each estimator that is left out.
    """
    classes = {}
    for name in available_estimators():
        try:
            classes[name] = get_estimator(name)
        except ValueError as error:
            warn_user(
                f"an estimator is left out: {error}", LensmapWarning, "broken_plugin", "estimator"
            )
    return classes


def _plug_ins() -> list[EntryPoint]:
    """Return the entry points of the estimators of other packages, without duplicates."""
    # If the folder of a package is on sys.path twice, its entry points are listed twice.
    unique = {(point.name, point.value, _package(point)): point
              for point in entry_points(group=GROUP)}
    return list(unique.values())


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value


def _load(point: EntryPoint) -> type[Estimator] | None:
    """Return the estimator class of an entry point; warn and return None if it cannot be loaded."""
    try:
        cls = point.load()
        if not (isinstance(cls, type) and issubclass(cls, Estimator)):
            raise TypeError(f"{point.value} is not a subclass of lensmap.Estimator")
    except Exception as error:  # imports of other packages may raise any error
        warn_user(
            f"the estimator {point.name!r} of the package {_package(point)} cannot be loaded "
            f"({type(error).__name__}: {error})",
            LensmapWarning,
            "broken_plugin",
            "estimator",
        )
        return None
    return cls

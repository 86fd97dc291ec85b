# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The class `Case`: an estimator class under test, with test catalogs and comparisons of maps."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord

from lensmap.catalog import ShearCatalog
from lensmap.estimators import Contract, Estimator
from lensmap.grid import ShearGrid
from lensmap.testing._report import Broken, Skipped
from lensmap.testing._sky import catalog_columns, tangent_wcs, uniform_sky

__all__ = [
    "CENTER",
    "Case",
    "LAWS",
    "Law",
    "SCALE",
    "WCS_OF_NOISE",
    "law",
    "laws_of",
    "noise_columns",
]

Columns = Mapping[str, np.ndarray]

#: The center of the field of random galaxies.
CENTER = SkyCoord(150, 2, unit="deg")

#: The side of a pixel, arcmin.
SCALE = 0.5

#: The WCS of a map of the random galaxies. Its sides differ, so that swapped axes are detected.
WCS_OF_NOISE = tangent_wcs(CENTER, (48, 60), SCALE)

# The number of galaxies and the radius (degrees) of the circle that they fill: about two galaxies
# per pixel, in a circle that encloses the map.
_N_GALAXIES, _RADIUS = 9500, 0.33


@lru_cache(maxsize=4)
def noise_columns(seed: int) -> dict[str, np.ndarray]:
    """Return catalog columns of galaxies with random ellipticities and weights.

    A column ``sigma_e`` gives the intrinsic dispersion of the ellipticities. Without this column,
    estimators would measure the noise from the ellipticities. A map that depends on the measured
    noise is not linear in the ellipticities.

    Parameters
    ----------
    seed : int
        The seed of the random galaxies.

    Returns
    -------
    dict
        The columns, arrays keyed by name. They are cached and must not be changed.
    """
    rng = np.random.default_rng(seed)
    sky = uniform_sky(CENTER, _RADIUS, _N_GALAXIES, rng)
    e = 0.25 * (rng.normal(size=_N_GALAXIES) + 1j * rng.normal(size=_N_GALAXIES))
    return catalog_columns(
        sky, e, weight=rng.uniform(0.5, 2, _N_GALAXIES), sigma_e=np.full(_N_GALAXIES, 0.25)
    )


class Case:
    """An estimator class under test, whose maps are on a plane.

    Parameters
    ----------
    cls : type
        The estimator class.
    parameters : mapping
        Parameters of the class in all tests. They take precedence over the settings that the class
        declares for tests (``contract.settings``).
    seed : int
        The seed of the random galaxies.
    """

    #: The pixels of a map of the random galaxies.
    pixels: Any = WCS_OF_NOISE

    def __init__(
        self, cls: type[Estimator], parameters: Mapping[str, Any], seed: int = 1
    ) -> None:
        self.cls, self.parameters, self.seed = cls, dict(parameters), seed
        self.contract: Contract = cls.contract
        self.profiles: dict[str, Callable] = {}
        self.closest: tuple[float, str, str] = (-1.0, "", "")
        self.options = {option.name for option in cls.options}
        self.kinds = {kind.name: kind for kind in cls.uncertainties}

    # --- maps -------------------------------------------------------------------------------

    def estimator(self, *more: Mapping[str, Any], **parameters: Any) -> Estimator:
        """Return an estimator of the tested class, with the parameters that a test needs.

        The parameters come from, in order of increasing precedence: the settings that the class
        declares for tests, the parameters given to `check_estimator`, the mappings in ``more``, and
        ``**parameters``.
        """
        given = dict(self.contract.settings) | self.parameters
        for mapping in (*more, parameters):
            given |= mapping
        return self.cls(**given)

    def map(
        self, columns: Columns, wcs: Any = None, mask: object = None,
        *more: Mapping[str, Any], **parameters: Any,
    ) -> Any:
        """Return the map that the tested estimator class makes from the columns of a catalog.

        The map is on the pixels of ``wcs`` (None: ``pixels``), with an optional ``mask``. The
        mappings in ``more`` and ``**parameters`` hold parameters of the estimator; later ones take
        precedence.
        """
        catalog = ShearCatalog(dict(columns), "generic", "celestial", "shear")
        estimator = self.estimator(*more, **parameters)
        return estimator.reconstruct(catalog, self.pixels if wcs is None else wcs, mask)

    def grid(self, estimator: Estimator, catalog: ShearCatalog, wcs: Any = None) -> Any:
        """Return the grid of a catalog on the pixels of ``wcs`` (None: ``pixels``)."""
        return ShearGrid.from_catalog(
            catalog, self.pixels if wcs is None else wcs, scheme=estimator.scheme,
            sigma_e=estimator.sigma_e, extra_sums=estimator.extra_sums,
        )

    def noise(self) -> dict[str, np.ndarray]:
        """Return the catalog columns of galaxies with random ellipticities, as a new dict."""
        return dict(noise_columns(self.seed))

    # --- comparisons ------------------------------------------------------------------------

    def at_most(self, measured: float, allowed: float, quantity: str) -> None:
        """Raise `Broken`, the error of a broken law, if a number is too large or NaN.

        ``quantity`` names the measured number in the error message.
        """
        measured = float(measured)
        words = (f"{quantity} {measured:.3g}", f"at most {allowed:.3g}")
        if not measured <= allowed:  # NaN is not
            raise Broken(*words)
        nearness = measured / allowed if allowed > 0 else 0.0
        if nearness >= self.closest[0]:
            self.closest = (nearness, *words)

    def true(self, condition: bool, measured: str, allowed: str) -> None:
        """Raise `Broken`, the error of a broken law, if a condition is false.

        The texts ``measured`` and ``allowed`` describe the measured and the allowed value in the
        error message.
        """
        if not condition:
            raise Broken(measured, allowed)

    def same(
        self, one: Any, other: Any, quantity: str, tolerance: float = 0.0
    ) -> None:
        """Raise `Broken`, the error of a broken law, if two arrays differ.

        The tolerance is absolute. Both arrays must have NaN in the same pixels. ``quantity`` names
        the arrays in the error message.
        """
        one, other = np.asarray(one), np.asarray(other)
        self.true(one.shape == other.shape, f"{quantity} of shape {one.shape}", str(other.shape))
        empty = np.isnan(one) != np.isnan(other) if one.dtype.kind == "f" else np.zeros(1, bool)
        self.true(
            not empty.any(), f"{quantity}: {np.count_nonzero(empty)} pixels NaN in one only", "0"
        )
        difference = np.abs(one.astype(float) - other.astype(float))
        largest = 0.0 if np.isnan(difference).all() else np.nanmax(difference)
        self.at_most(largest, tolerance, f"difference of {quantity}")

    def same_maps(
        self, one: Any, other: Any, quantity: str, tolerance: float = 0.0
    ) -> None:
        """Raise `Broken`, the error of a broken law, if two maps differ.

        The maps must have the same mask, and the same kappa and B-mode within an absolute
        tolerance. ``quantity`` names the maps
        in the error message.
        """
        self.same(one.mask, other.mask, f"the mask of {quantity}")
        self.same(one.data, other.data, f"kappa of {quantity}", tolerance)
        self.true(
            (one.kappa_b is None) == (other.kappa_b is None), f"{quantity} with a B-mode",
            "both or none",
        )
        if one.kappa_b is not None:
            self.same(one.kappa_b, other.kappa_b, f"kappa_b of {quantity}", tolerance)

    # --- conditions for skipping a law ------------------------------------------------------

    def need(self, condition: object, reason: str) -> None:
        """Skip a test for a given reason (raise `Skipped`) if a condition is false."""
        if not condition:
            raise Skipped(reason)

    def need_linear(self) -> None:
        """Skip a test (raise `Skipped`) unless the estimator class declares ``linear = True``."""
        self.need(self.cls.linear, "linear is False")

    def need_parameter(self, name: str) -> None:
        """Skip a test (raise `Skipped`) if the estimator class has no parameter of this name."""
        self.need(name in self.options, f"there is no parameter {name!r}")


@dataclass(frozen=True)
class Law:
    """A law: one property that estimator classes must have, and the function that tests it.

    Attributes
    ----------
    number : str
        The number of the law, with a letter if the law has several parts.
    name : str
        The law in a few words.
    function : callable
        A function of a `Case`, the estimator class under test. It raises `Broken` if the class
        breaks the law, and `Skipped` if the law does not apply to the class.
    geometry : {"plane", "sphere"} or None
        The geometry of the maps that the function tests; None for both.
    """

    number: str
    name: str
    function: Callable[[Any], None]
    geometry: str | None = "plane"


#: All laws, in order.
LAWS: list[Law] = []


def laws_of(geometry: str) -> list[Law]:
    """Return the laws for estimators of a geometry, sorted by number."""
    laws = [law for law in LAWS if law.geometry in (geometry, None)]
    return sorted(laws, key=lambda law: (int(law.number.rstrip("abc")), law.number))


def law(
    number: str, name: str, geometry: str | None = "plane"
) -> Callable[[Callable[[Any], None]], Callable[[Any], None]]:
    """Make a decorator that registers a function as the test of a law.

    Parameters
    ----------
    number : str
        The number of the law, with a letter if the law has several parts.
    name : str
        The law in a few words.
    geometry : {"plane", "sphere"} or None
        The geometry of the maps that the function tests; None for both.

    Returns
    -------
    callable
        A decorator that returns the function unchanged.
    """

    def register(function):
        LAWS.append(Law(number, name, function, geometry))
        return function

    return register

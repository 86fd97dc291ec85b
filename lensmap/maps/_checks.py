# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Check of a convergence map that is given as a parameter."""

from typing import Literal

from lensmap.maps._convergence_map import ConvergenceMap
from lensmap.maps._pixels import check_pixels
from lensmap.utils import ParameterError, ParameterTypeError

__all__ = ["check_map", "has_total_error"]


def has_total_error(kappa: ConvergenceMap) -> bool:
    """Return whether the uncertainty of a map is its total error about the true convergence.

    Kappa divided by a total error is no signal-to-noise ratio: it is about as high where there is
    no structure in the truth as the prior makes it.
    """
    return kappa.uncertainty is not None and kappa.meta.get("uncertainty") == "total"


def check_map(
    kappa: object,
    name: str = "kappa",
    *,
    quantity: str | None = None,
    unmasked: bool = False,
    pixels: Literal["square", "equal"] | None = None,
) -> None:
    """Check that a parameter is a map.

    Parameters
    ----------
    kappa : object
        The value of the parameter.
    name : str
        The name of the parameter, for the error message.
    quantity : str or None
        The required quantity of the map, such as ``"kappa"``. It is compared with
        ``meta["quantity"]``; without this entry, a map is taken as a map of kappa. None allows any
        quantity.
    unmasked : bool
        Whether the map must have at least one unmasked pixel.
    pixels : {"square", "equal"} or None
        ``"square"``: the pixels must be squares of one size, as for methods that measure distances
        in pixels. ``"equal"``: they must have one size, as for methods that give all pixels the
        same weight. None allows any pixels.

    Raises
    ------
    TypeError
        If the value is not a `ConvergenceMap`.
    ValueError
        If the map is one of another quantity, its pixels are not as required, or ``unmasked`` is
        True and all pixels are masked.
    """
    if not isinstance(kappa, ConvergenceMap):
        raise ParameterTypeError(name, "a ConvergenceMap", type(kappa).__name__)
    held = kappa.meta.get("quantity", "kappa")
    if quantity is not None and held != quantity:
        raise ParameterError(name, f"a map of {quantity}", f"of {held}")
    if unmasked and kappa.mask.all():
        raise ParameterError(name, "at least one unmasked pixel", verb="have")
    if pixels is not None:
        check_pixels(kappa.wcs, kappa.shape, name, square=pixels == "square")

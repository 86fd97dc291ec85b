# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Check of a convergence map that is given as a parameter."""

from lensmap.maps._convergence_map import ConvergenceMap
from lensmap.utils import ParameterError, ParameterTypeError

__all__ = ["check_map"]


def check_map(
    kappa: object, name: str = "kappa", *, quantity: str | None = None, unmasked: bool = False
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

    Raises
    ------
    TypeError
        If the value is not a `ConvergenceMap`.
    ValueError
        If the map is one of another quantity, or if ``unmasked`` is True and all pixels are masked.
    """
    if not isinstance(kappa, ConvergenceMap):
        raise ParameterTypeError(name, "a ConvergenceMap", type(kappa).__name__)
    held = kappa.meta.get("quantity", "kappa")
    if quantity is not None and held != quantity:
        raise ParameterError(name, f"a map of {quantity}", f"of {held}")
    if unmasked and kappa.mask.all():
        raise ParameterError(name, "at least one unmasked pixel", verb="have")

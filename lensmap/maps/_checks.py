# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Checks of maps that users give."""

from lensmap.maps._convergence_map import ConvergenceMap
from lensmap.utils import ParameterError, ParameterTypeError

__all__ = ["check_map"]


def check_map(kappa: object, name: str = "kappa", *, quantity: str | None = None) -> None:
    """Refuse what is no map, or a map of another quantity.

    Parameters
    ----------
    kappa : object
        The argument of the user.
    name : str
        The name of the parameter, for the error message.
    quantity : str or None
        The quantity that the map must hold, such as ``"kappa"``, as its ``meta["quantity"]`` says;
        a map that does not say holds kappa. None allows any.

    Raises
    ------
    TypeError
        If it is no `ConvergenceMap`.
    ValueError
        If it holds another quantity.
    """
    if not isinstance(kappa, ConvergenceMap):
        raise ParameterTypeError(name, "a ConvergenceMap", type(kappa).__name__)
    held = kappa.meta.get("quantity", "kappa")
    if quantity is not None and held != quantity:
        raise ParameterError(name, f"a map of {quantity}", f"of {held}")

# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Optional dependencies, imported when they are first needed."""

from importlib import import_module
from types import ModuleType

__all__ = ["import_optional"]


def import_optional(name: str, *, purpose: str, install: str) -> ModuleType:
    """Import an optional dependency.

    Parameters
    ----------
    name : str
        The module to import.
    purpose : str
        The feature that needs the module, as the subject of the error message, such as
        ``"a plot"``.
    install : str
        The argument of ``pip install`` that installs the module.

    Returns
    -------
    module
        The imported module.

    Raises
    ------
    ImportError
        If the module cannot be imported; the message says what to install.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(
            f"{purpose} needs the package {name!r}, which cannot be imported ({error}); "
            f"install it with: python -m pip install {install}"
        ) from error

# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Packages that not every user has, imported at the last moment."""

from importlib import import_module

__all__ = ["import_optional"]


def import_optional(name, *, purpose, install):
    """Import a package that is needed for one purpose only.

    Parameters
    ----------
    name : str
        The module to import.
    purpose : str
        What needs it, as the subject of the error message.
    install : str
        What to give to ``pip install``.

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

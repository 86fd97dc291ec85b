# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The warnings of lensmap, a tree below `astropy.utils.exceptions.AstropyUserWarning`."""

import sys
import warnings

from astropy.utils.exceptions import AstropyUserWarning

__all__ = ["LensmapWarning", "CatalogWarning", "ConventionWarning", "MapWarning", "warn_user"]


class LensmapWarning(AstropyUserWarning):
    """The base class of all warnings of lensmap."""


class CatalogWarning(LensmapWarning):
    """Something about the rows or columns of a catalogue that the user should know."""


class ConventionWarning(CatalogWarning):
    """The declared sign convention or ellipticity kind is doubtful."""


class MapWarning(LensmapWarning):
    """Something about a map that the user should know, such as a dropped uncertainty."""


def warn_user(message, category):
    """Warn about the line of the user's that called lensmap, however deep it is.

    Parameters
    ----------
    message : str
        The text.
    category : type
        The class of the warning.
    """
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and _is_ours(frame):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def _is_ours(frame):
    return frame.f_globals.get("__name__", "").partition(".")[0] == "lensmap"

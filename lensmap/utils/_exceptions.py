# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Errors about parameters, and the warnings of lensmap.

Both serialize to the same record, ``{"code", "parameter", "message"}``, for pipelines.
"""

import sys
import warnings

from astropy.utils.exceptions import AstropyUserWarning

__all__ = [
    "CatalogWarning",
    "ConventionWarning",
    "LensmapWarning",
    "MapWarning",
    "ParameterError",
    "ParameterTypeError",
    "warn_user",
]


class ParameterError(ValueError):
    """A parameter with a value that is not allowed.

    The message reads "PARAMETER must VERB ALLOWED, not FOUND: REMEDY". The command line shows it
    with the name of its option in place of the parameter.

    Parameters
    ----------
    parameter : str
        The name of the parameter.
    allowed : str
        The allowed values, such as ``"at least 1"``.
    found : str or None
        The given value as text; None leaves it out of the message.
    remedy : str or None
        What the user can do, if that is not plain from ``allowed``.
    verb : str
        The verb between ``must`` and ``allowed``.

    Attributes
    ----------
    parameter, allowed, found, remedy, verb : str or None
        As given.
    code : str
        ``"parameter"``, for records.
    """

    code = "parameter"

    def __init__(self, parameter, allowed, found=None, remedy=None, *, verb="be"):
        self.parameter, self.allowed, self.found = parameter, allowed, found
        self.remedy, self.verb = remedy, verb
        super().__init__(self.describe())

    def __reduce__(self):
        # The default would call the class with the message alone.
        return _rebuild, (
            type(self), self.parameter, self.allowed, self.found, self.remedy, self.verb
        )

    def describe(self, name=None):
        """Return the message.

        Parameters
        ----------
        name : str or None
            The name to show for the parameter, such as an option; None takes its own.

        Returns
        -------
        str
            One sentence.
        """
        text = f"{name or self.parameter} must {self.verb} {self.allowed}"
        if self.found is not None:
            text += f", not {self.found}"
        return text if self.remedy is None else f"{text}: {self.remedy}"

    def to_record(self):
        """Return the error as plain values.

        Returns
        -------
        dict
            ``code``, ``parameter`` and ``message``.
        """
        return {"code": self.code, "parameter": self.parameter, "message": str(self)}


class ParameterTypeError(ParameterError, TypeError):
    """A parameter of the wrong type; also a `TypeError`."""

    code = "parameter_type"


def _rebuild(cls, parameter, allowed, found, remedy, verb):
    return cls(parameter, allowed, found, remedy, verb=verb)


class LensmapWarning(AstropyUserWarning):
    """The base class of all warnings of lensmap.

    Attributes
    ----------
    code : str
        A stable name for the cause of the warning, such as ``"rows_left_out"``.
    parameter : str or None
        The parameter or column that the warning is about; None where it is about no single one.
    """

    code = "lensmap"
    parameter = None

    def to_record(self):
        """Return the warning as plain values.

        Returns
        -------
        dict
            ``code``, ``parameter`` and ``message``.
        """
        return {"code": self.code, "parameter": self.parameter, "message": str(self)}


class CatalogWarning(LensmapWarning):
    """Something about the rows or columns of a catalog that the user should know."""

    code = "catalog"


class ConventionWarning(CatalogWarning):
    """The declared sign convention or ellipticity kind is doubtful."""

    code = "convention"


class MapWarning(LensmapWarning):
    """Something about a map that the user should know, such as a dropped uncertainty."""

    code = "map"


def warn_user(message, category, code=None, parameter=None):
    """Warn about the line of the user's that called lensmap, however deep it is.

    Parameters
    ----------
    message : str
        The text.
    category : type
        The class of the warning, `LensmapWarning` or below.
    code : str or None
        A stable name for the cause; None takes that of the class.
    parameter : str or None
        The parameter or column that the warning is about.
    """
    warning = category(message)
    warning.code = category.code if code is None else code
    warning.parameter = parameter
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and _is_ours(frame):
        level, frame = level + 1, frame.f_back
    warnings.warn(warning, stacklevel=level)


def _is_ours(frame):
    return frame.f_globals.get("__name__", "").partition(".")[0] == "lensmap"

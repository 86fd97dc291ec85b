# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Errors about parameters, and the warnings of lensmap.

Each can be converted to a dict with ``code``, ``parameter`` and ``message``, for pipelines.
"""

import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from astropy.utils.exceptions import AstropyUserWarning

from lensmap.utils._text import printable

__all__ = [
    "CatalogWarning",
    "ConventionWarning",
    "InUseError",
    "IncompleteRunError",
    "LensmapWarning",
    "LostExecutorError",
    "MapWarning",
    "OtherSettingsError",
    "OutputExistsError",
    "ParameterError",
    "ParameterTypeError",
    "RunError",
    "without_warnings",
    "warn_user",
]


# `{name}` or `{name=value}`, where the value may be a dict.
_PLACEHOLDER = re.compile(r"\{([a-z]\w*)(?:=((?:[^{}]|\{[^{}]*\})+))?\}")


class ParameterError(ValueError):
    """An error about a parameter whose value is not allowed.

    The message reads "PARAMETER must VERB ALLOWED, not FOUND: REMEDY". On the command line, the
    message names options in place of parameters.

    Parameters
    ----------
    parameter : str
        The name of the parameter.
    allowed : str
        The allowed values, such as ``"at least 1"``. Other parameters are written as placeholders:
        ``{name}``, or ``{name=value}`` where the value is a Python literal.
    found : str or None
        The given value as text. If None, the message does not show the value.
    remedy : str or None
        The advice to the user, which may contain placeholders. None if the advice follows from
        ``allowed``.
    verb : str
        The verb between ``must`` and ``allowed``.

    Attributes
    ----------
    parameter, allowed, found, remedy, verb : str or None
        The parts of the message.
    code : str
        ``"parameter"``, a stable name for errors of this class.

    Examples
    --------
    >>> from lensmap.utils import ParameterError
    >>> print(ParameterError("by", "'kappa'", "'snr'", "or set {uncertainty='analytic'}"))
    by must be 'kappa', not 'snr': or set uncertainty='analytic'
    """

    code = "parameter"

    def __init__(
        self,
        parameter: str,
        allowed: str,
        found: str | None = None,
        remedy: str | None = None,
        *,
        verb: str = "be",
    ) -> None:
        self.parameter, self.allowed, self.found = parameter, allowed, found
        self.remedy, self.verb = remedy, verb
        super().__init__(self.describe())

    def __reduce__(self):
        # The default would call the class with the message alone.
        return _rebuild, (
            type(self), self.parameter, self.allowed, self.found, self.remedy, self.verb
        )

    def describe(self, show: Callable[[str, str | None], str] | None = None) -> str:
        """Return the message.

        Parameters
        ----------
        show : callable or None
            A function ``show(name, value)`` that returns the text for each parameter in the
            message, such as the name of an option. ``value`` is the Python literal of a
            placeholder as a str; None if the placeholder has no value. If None, parameters are
            shown as ``name`` and ``name=value``.

        Returns
        -------
        str
            The message, one sentence.
        """
        show = _as_in_python if show is None else show
        text = f"{show(self.parameter, None)} must {self.verb} {_filled(self.allowed, show)}"
        if self.found is not None:
            text += f", not {self.found}"
        # The text may hold names from files, whose control characters a terminal would obey.
        return printable(text if self.remedy is None else f"{text}: {_filled(self.remedy, show)}")

    def to_record(self) -> dict[str, str | None]:
        """Return the parts of the error as a dict of plain values.

        Returns
        -------
        dict
            ``code``, ``parameter`` and ``message``.
        """
        return {"code": self.code, "parameter": self.parameter, "message": str(self)}


@contextmanager
def named_parameter(name, new_name):
    """Raise errors about a parameter of an inner function about one of the caller instead.

    Parameters
    ----------
    name, new_name : str
        The parameter in the errors of the block, and the one that names the same thing outside.
    """
    try:
        yield
    except ParameterError as error:
        if error.parameter != name:
            raise
        raise type(error)(
            new_name, error.allowed, error.found, error.remedy, verb=error.verb
        ) from error


class ParameterTypeError(ParameterError, TypeError):
    """An error about a parameter of the wrong type; also a `TypeError`."""

    code = "parameter_type"


class RunError(Exception):
    """An error about the files of a run, or about the folder in which it stores its results.

    The argument is the message. It may refer to parameters by the placeholders ``{name}`` and
    ``{name=value}``.

    Attributes
    ----------
    code : str
        A stable name for the cause of the error, such as ``"in_use"``.
    """

    code = "run"

    def __str__(self) -> str:
        return self.describe()

    def describe(self, show: Callable[[str, str | None], str] | None = None) -> str:
        """Return the message, in which parameters are shown as on the command line or in Python.

        ``show(name, value)`` returns the text for each parameter in the message. ``value`` is a
        Python literal as a str, or None. If ``show`` is None, parameters are shown as ``name`` and
        ``name=value``.
        """
        return printable(_filled(self.args[0], _as_in_python if show is None else show))

    def to_record(self) -> dict[str, str | None]:
        """Return the parts of the error as a dict of plain values.

        Returns
        -------
        dict
            ``code``, ``parameter`` (None) and ``message``.
        """
        return {"code": self.code, "parameter": None, "message": str(self)}


class InUseError(RunError, RuntimeError):
    """An error about a folder that another run is using."""

    code = "in_use"


class IncompleteRunError(RuntimeError):
    """An error about a run in which some tasks succeeded and others failed."""


class LostExecutorError(IncompleteRunError):
    """An error about an executor of the user that can run no more tasks."""


class OutputExistsError(RunError, FileExistsError):
    """An error about a file that exists and may not be replaced."""

    code = "file_exists"


class OtherSettingsError(RunError, ValueError):
    """An error about a folder that holds a run with other settings."""

    code = "other_settings"


def _filled(template, show):
    """Return a message in which the placeholders ``{name}`` and ``{name=value}`` are replaced.

    ``show(name, value)`` returns the text that replaces a placeholder; ``value`` is None for a
    placeholder without a value.
    """
    return _PLACEHOLDER.sub(lambda match: show(match[1], match[2]), template)


def _as_in_python(name, value):
    return name if value is None else f"{name}={value}"


def _rebuild(cls, parameter, allowed, found, remedy, verb):
    return cls(parameter, allowed, found, remedy, verb=verb)


class LensmapWarning(AstropyUserWarning):
    """The base class of all warnings of lensmap.

    Attributes
    ----------
    code : str
        A stable name for the cause of the warning, such as ``"rows_left_out"``.
    parameter : str or None
        The parameter or column that the warning concerns; None if it concerns no single one.
    template : str or None
        The message with ``{name}`` in place of the name of a parameter and ``{name=value}`` in
        place of a suggested setting, which Python and the command line write in different ways.
        None if the message has no such placeholders.
    """

    code = "lensmap"
    parameter: str | None = None
    template: str | None = None

    def describe(self, show: Callable[[str, str | None], str] | None = None) -> str:
        """Return the message, in which parameters are shown as on the command line or in Python.

        ``show(name, value)`` returns the text for each parameter in the message. ``value`` is a
        Python literal as a str, or None. If ``show`` is None, parameters are shown as ``name`` and
        ``name=value``.
        """
        if self.template is None:
            return str(self)
        return _filled(self.template, _as_in_python if show is None else show)

    def to_record(self) -> dict[str, str | None]:
        """Return the parts of the warning as a dict of plain values.

        Returns
        -------
        dict
            ``code``, ``parameter`` and ``message``.
        """
        return {"code": self.code, "parameter": self.parameter, "message": str(self)}


class CatalogWarning(LensmapWarning):
    """A warning about rows or columns of a catalog."""

    code = "catalog"


class ConventionWarning(CatalogWarning):
    """A warning about a doubtful sign convention or kind of ellipticity (shear or distortion)."""

    code = "convention"


class MapWarning(LensmapWarning):
    """A warning about a map, such as an uncertainty that an operation cannot keep."""

    code = "map"


# The categories and codes of warnings that the present thread does not issue.
_LEFT_OUT: ContextVar[tuple[type[LensmapWarning] | str, ...]] = ContextVar("left out", default=())


@contextmanager
def without_warnings(*categories: type[LensmapWarning] | str) -> Iterator[None]:
    """Issue no warnings of some categories or codes within a ``with`` block.

    Unlike `warnings.catch_warnings`, this changes nothing in other threads, and other threads
    change nothing here.

    Parameters
    ----------
    *categories : type or str
        `LensmapWarning` or subclasses of it, or the codes of warnings.
    """
    token = _LEFT_OUT.set((*_LEFT_OUT.get(), *categories))
    try:
        yield
    finally:
        _LEFT_OUT.reset(token)


def warn_user(message, category, code=None, parameter=None, *, placeholders=False):
    """Issue a warning that points to the line of user code that called lensmap.

    Parameters
    ----------
    message : str
        The message.
    category : type
        The class of the warning, `LensmapWarning` or a subclass.
    code : str or None
        A stable name for the cause. If None, the code of the class.
    parameter : str or None
        The parameter or column that the warning concerns; None if it concerns no single one.
    placeholders : bool
        Whether the message refers to parameters by the placeholders ``{name}`` and
        ``{name=value}``.
    """
    code = category.code if code is None else code
    left_out = _LEFT_OUT.get()
    categories = tuple(item for item in left_out if isinstance(item, type))
    if code in left_out or issubclass(category, categories):
        return
    message = printable(message)  # names from files may have control characters
    warning = category(_filled(message, _as_in_python) if placeholders else message)
    warning.template = message if placeholders else None
    warning.code = code
    warning.parameter = parameter
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and _is_ours(frame):
        level, frame = level + 1, frame.f_back
    warnings.warn(warning, stacklevel=level)


def _is_ours(frame):
    return frame.f_globals.get("__name__", "").partition(".")[0] == "lensmap"

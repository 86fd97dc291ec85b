# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Provenance in each written file: versions, date, and the run of a command."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from lensmap import __version__
from lensmap.utils._exceptions import ParameterError

__all__ = [
    "PROVENANCE_SCHEMA",
    "RUN_RECORD",
    "add_provenance",
    "creation_date",
    "current_run",
    "package_versions",
    "plain",
    "provenance",
    "recording",
]

#: The version of the form of these records.
PROVENANCE_SCHEMA = 1

#: The name of the file that a command writes to a folder of results, with their digests.
RUN_RECORD = "run.json"

# Packages whose version may change numbers. Those of networks count only once they are loaded.
_PACKAGES = ("numpy", "scipy", "astropy")
_IF_LOADED = ("keras", "tensorflow", "jax", "torch")

_DATE = "SOURCE_DATE_EPOCH"

_RUN: ContextVar[dict[str, Any] | None] = ContextVar("lensmap_run", default=None)


def creation_date() -> datetime:
    """Return the date for the files of this run, in UTC and without fractions of a second.

    Returns
    -------
    `datetime.datetime`
        The present time. If the environment variable SOURCE_DATE_EPOCH is set, the time that it
        gives as seconds since 1970, so that a repeated run gives the same files bit for bit.

    Raises
    ------
    ParameterError
        If SOURCE_DATE_EPOCH is not a whole number.
    """
    text = os.environ.get(_DATE)
    if text is None:
        return datetime.now(timezone.utc).replace(microsecond=0)
    try:
        return datetime.fromtimestamp(int(text), timezone.utc)
    except (ValueError, OverflowError, OSError):
        raise ParameterError(
            _DATE, "a number of seconds since 1970", repr(text),
            "correct or unset this environment variable",
        ) from None


def package_versions() -> dict[str, str]:
    """Return the versions of Python, lensmap and the packages on which its numbers depend.

    Returns
    -------
    dict
        The versions, keyed by the name of the package. Keras and its backend are among them if
        they are loaded.
    """
    names = [*_PACKAGES, *(name for name in _IF_LOADED if name in sys.modules)]
    versions = {"python": ".".join(map(str, sys.version_info[:3])), "lensmap": __version__}
    for name in names:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:  # the package runs from a source tree
            versions[name] = getattr(sys.modules.get(name), "__version__", "unknown")
    return versions


@contextmanager
def recording(run: Mapping[str, Any] | None) -> Iterator[None]:
    """Record a run in all files that a block writes.

    Parameters
    ----------
    run : dict or None
        The command line, the inputs and so on, of types that `plain` converts. None
        records no run.

    Yields
    ------
    None
        Nothing.
    """
    token = _RUN.set(None if run is None else dict(run))
    try:
        yield
    finally:
        _RUN.reset(token)


def current_run() -> dict[str, Any] | None:
    """Return what files record about the present run, to pass it to another process.

    Returns
    -------
    dict or None
        The entries; None outside of `recording`.
    """
    run = _RUN.get()
    return None if run is None else dict(run)


def add_provenance(**entries: Any) -> None:
    """Add entries to what the files of the present run record; without a run, do nothing.

    Parameters
    ----------
    **entries
        The entries, such as ``catalog``. They replace earlier entries of the same names.
    """
    run = _RUN.get()
    if run is not None:
        run.update(entries)


def provenance(**entries: Any) -> dict[str, Any]:
    """Return what a file records about its making.

    Parameters
    ----------
    **entries
        Further entries for this file, such as ``results``.

    Returns
    -------
    dict
        ``schema``, ``lensmap`` (the version), ``date``, ``versions``; the entries of the run, if a
        command or `recording` makes the file; and the further entries. All values are of types
        that JSON can hold.
    """
    record = {
        "schema": PROVENANCE_SCHEMA,
        "lensmap": __version__,
        "date": creation_date().isoformat(),
        "versions": package_versions(),
        **(_RUN.get() or {}),
        **entries,
    }
    return json.loads(json.dumps(plain(record), allow_nan=False))


def plain(value: Any) -> Any:
    """Convert a value to types that JSON can hold.

    Parameters
    ----------
    value : object
        Numbers, arrays, strings, paths, mappings and sequences. Numbers that are masked or not
        finite become None, because JSON has no NaN.

    Returns
    -------
    object
        None, bool, int, float, str, list or dict.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if hasattr(value, "tolist") and getattr(value, "unit", None) is None:
        value = value.tolist()  # numpy's numbers and arrays; masked values become None
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)

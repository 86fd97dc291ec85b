# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Errors about files that do not exist, and addresses that are no files."""

import re
from pathlib import Path

from lensmap.typing import PathLike
from lensmap.utils._exceptions import ParameterError

__all__ = ["check_no_address", "missing_file"]

# `pathlib` joins the slashes of "s3://bucket/file". One letter is a drive of Windows.
_ADDRESS = re.compile("[A-Za-z][A-Za-z0-9+.-]+:/+")


def check_no_address(path: PathLike, parameter: str = "path") -> None:
    """Raise an error if a path is the address of an object store or of a web page.

    Parameters
    ----------
    path : path-like
        The path.
    parameter : str
        The parameter that names it.

    Raises
    ------
    ParameterError
        If the path is an address, and no file of this name exists.
    """
    if _ADDRESS.match(str(path)) and not Path(path).exists():
        raise ParameterError(
            parameter, "on a local or network file system", repr(str(path)),
            "object stores and web addresses are neither read nor written: use a local copy",
        )


def missing_file(
    path: PathLike, parameter: str = "path", text: str = "there is no file {!r}"
) -> Exception:
    """Return the error about a file or folder that does not exist.

    Parameters
    ----------
    path : path-like
        The file or folder.
    parameter : str
        The parameter that names it.
    text : str
        The message about a path that is no address, in which the path takes the place of ``{!r}``.

    Returns
    -------
    Exception
        The error, a ParameterError about an address.
    """
    try:
        check_no_address(path, parameter)
    except ParameterError as error:
        return error
    return FileNotFoundError(text.format(str(path)))

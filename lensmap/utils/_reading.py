# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""One error for all ways in which a file can be damaged."""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from astropy.wcs import WcsError

from lensmap.utils._addresses import check_no_address
from lensmap.utils._exceptions import LensmapWarning, warn_user
from lensmap.utils._text import list_names

__all__ = ["check_datasums", "reading"]

# astropy only warns about FITS files that end too early, and leaves out what follows.
_DAMAGE = (
    "File may have been truncated",
    "Error validating header",
    "(?s).*a floating-point value was expected",
)

# The texts of errors and warnings that have a known cause, and the cause.
_CAUSES = {
    "truncated": "it ends too early",
    "too small for requested array": "it ends too early",
    "Header size is not multiple": "it ends too early",
    "greater than file size": "it ends too early",
    "No SIMPLE card found": "it is not a FITS file",
    "Empty or corrupt FITS file": "it is empty or not a FITS file",
    "a floating-point value was expected": "its header has text in place of a number of the WCS",
}

# These errors say what is wrong, and the file may be intact.
_OTHER = (FileNotFoundError, PermissionError, MemoryError, ImportError, NotImplementedError)


class _FileError(ValueError):
    """An error whose message names the file."""


@contextmanager
def reading(
    path: object, noun: str, remedy: str = "copy the file again from its source, or make it anew"
) -> Iterator[None]:
    """Turn the errors of readers into a ValueError that names the file and says what to do.

    The readers of damaged files raise errors of any class, whose text is meant for programmers; the
    original error is the cause of the ValueError.
    FITS files that end too early are errors.

    Parameters
    ----------
    path : path-like
        The file.
    noun : str
        What the file holds, such as ``"map"``.
    remedy : str
        The advice about damaged files.

    Raises
    ------
    ValueError
        If the block raises an error about the content of the file, or if the file is an address of
        an object store or a web page.
    """
    check_no_address(str(path))
    name = repr(str(path))
    try:
        if Path(str(path)).is_dir():
            raise _FileError(f"cannot read the {noun} {name}: it is a directory, not a file")
        with _damage_noticed() as damage:
            yield
        if damage:
            raise _damaged(noun, name, damage[0], remedy)
    except _OTHER as error:
        # pyarrow raises this for types that a damaged file asks for.
        if type(error).__module__.startswith("pyarrow") and isinstance(error, NotImplementedError):
            raise _damaged(noun, name, error, remedy) from error
        raise
    except ValueError as error:
        if isinstance(error, _FileError) or str(path) in str(error):
            raise  # the message names the file
        if _is_of_lensmap(error):
            raise _FileError(f"cannot read the {noun} {name}: {error}") from error
        raise _damaged(noun, name, error, remedy) from error
    except Exception as error:  # noqa: BLE001
        raise _damaged(noun, name, error, remedy) from error


@contextmanager
def _damage_noticed() -> Iterator[list[Warning]]:
    """Collect the warnings about damage; all others are shown as before."""
    damage: list[Warning] = []
    with warnings.catch_warnings():
        before = warnings.showwarning

        def show(message, category, filename, lineno, file=None, line=None):
            if any(re.match(text, str(message)) for text in _DAMAGE):
                damage.append(message)
            else:
                before(message, category, filename, lineno, file, line)

        # Errors would leave the file open, which astropy is about to return.
        for text in _DAMAGE:
            warnings.filterwarnings("always", text)
        warnings.showwarning = show
        yield damage


def _damaged(noun: str, name: str, error: Exception, remedy: str) -> _FileError:
    cause = next((words for text, words in _CAUSES.items() if text in str(error)), None)
    if isinstance(error, WcsError):
        lines = str(error).splitlines()
        cause = f"its header has no valid WCS ({lines[min(1, len(lines) - 1)].strip().rstrip('.')})"
        remedy = "correct the header"
    why = f"because {cause}" if cause else "which is damaged, incomplete or of another format"
    return _FileError(f"cannot read the {noun} {name}, {why}: {remedy}")


def _is_of_lensmap(error: Exception) -> bool:
    """Return whether lensmap raised an error, so that its text is meant for users."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    module = "" if trace is None else trace.tb_frame.f_globals.get("__name__", "")
    return module.partition(".")[0] == "lensmap"


def check_datasums(hdus: Any, path: object, noun: str) -> None:
    """Warn if data of a FITS file do not match their checksum, the keyword DATASUM.

    Parameters
    ----------
    hdus : `~astropy.io.fits.HDUList`
        The open file, before data are changed.
    path : path-like
        The file.
    noun : str
        What the file holds, such as ``"map"``.
    """
    wrong = [hdu.name or "PRIMARY" for hdu in hdus
             if "DATASUM" in hdu.header and hdu.verify_datasum() == 0]
    if wrong:
        warn_user(
            f"the data of the {noun} {str(path)!r} do not match the checksum in the header, "
            f"DATASUM of {list_names(wrong)}: the file is damaged, or another program changed the "
            "data and not the checksum",
            LensmapWarning,
            "checksum",
        )

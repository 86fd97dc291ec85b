# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The folder in which `recover_halos` stores the recovered halos of each realization."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lensmap.utils import RunFolder

if TYPE_CHECKING:
    from lensmap.typing import PathLike

__all__ = ["open_run", "read_run", "stored_seed"]

_KIND, _SCHEMA = "recovery of halos", 1

# Increase this number whenever a change of the code gives different results for the same settings.
_ALGORITHM = 1


def open_run(
    folder: PathLike, settings: dict, *, overwrite: bool = False, take_over: bool = False
) -> RunFolder:
    """Open the folder in which `recover_halos` stores its results, for writing.

    Parameters
    ----------
    folder : path-like
        The folder; created if it does not exist.
    settings : dict
        The settings of `recover_halos` that all realizations share, keyed by name.
    overwrite : bool
        Whether to remove the realizations that are already in the folder.
    take_over : bool
        Whether to take over the folder of a run that was killed. A run that is still alive
        can then no longer write to the folder.

    Returns
    -------
    `lensmap.utils.RunFolder`
        The open folder.
    """
    return RunFolder(
        folder, settings, schema=_SCHEMA, kind=_KIND, algorithm=_ALGORITHM, overwrite=overwrite,
        take_over=take_over, remedy="use another folder, or start anew with {overwrite=True}",
    )


def read_run(folder: PathLike) -> RunFolder:
    """Open the folder in which `recover_halos` has stored its results, for reading.

    Parameters
    ----------
    folder : path-like
        The folder.

    Returns
    -------
    `lensmap.utils.RunFolder`
        The open folder.
    """
    return RunFolder.read(folder, schema=_SCHEMA, kind=_KIND)


def stored_seed(folder: PathLike) -> int | None:
    """Return the random seed stored in a folder of `recover_halos`.

    Parameters
    ----------
    folder : path-like
        The folder.

    Returns
    -------
    int or None
        The seed; None if the folder holds no results.
    """
    try:
        return read_run(folder).settings["seed"]
    except FileNotFoundError:
        return None

# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The run folder of `recover_halos`."""

from lensmap.utils import RunFolder

__all__ = ["open_run", "read_run", "stored_seed"]

_KIND, _SCHEMA = "recovery of halos", 1

# To be raised whenever the same settings give other numbers.
_ALGORITHM = 1


def open_run(folder, settings, *, overwrite=False, take_over=False):
    """Open the folder for a run.

    Parameters
    ----------
    folder, settings, overwrite, take_over : object
        As for `lensmap.utils.RunFolder`.

    Returns
    -------
    `lensmap.utils.RunFolder`
        The folder.
    """
    return RunFolder(
        folder, settings, schema=_SCHEMA, kind=_KIND, algorithm=_ALGORITHM, overwrite=overwrite,
        take_over=take_over, remedy="use another folder, or start anew with {overwrite=True}",
    )


def read_run(folder):
    """Open the folder for reading.

    Parameters
    ----------
    folder : path-like
        The folder.

    Returns
    -------
    `lensmap.utils.RunFolder`
        The folder.
    """
    return RunFolder.read(folder, schema=_SCHEMA, kind=_KIND)


def stored_seed(folder):
    """Return the seed of an earlier run.

    Parameters
    ----------
    folder : path-like
        The folder.

    Returns
    -------
    int or None
        None if there was no such run.
    """
    try:
        return read_run(folder).settings["seed"]
    except FileNotFoundError:
        return None

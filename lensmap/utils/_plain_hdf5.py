# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""HDF5 files that refer to other files."""

from collections.abc import Iterator
from typing import Any

from lensmap.utils._text import printable

__all__ = ["check_plain_hdf5"]


def check_plain_hdf5(file: Any, path: object) -> None:
    """Check that all data of an HDF5 file lie in the file itself.

    Parameters
    ----------
    file : h5py.File
        The open file.
    path : path-like
        The path of the file, for the error message.

    Raises
    ------
    ValueError
        If the file has an external link, a virtual dataset or a dataset whose values are stored
        in another file.
    """
    for name, kind in _outside_data(file):
        raise ValueError(
            f"the file {str(path)!r} takes data from other files: {printable(name)!r} is {kind}; "
            "copy all data into one file, for example with h5py's Group.copy and "
            "expand_external=True"
        )


def _outside_data(item: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Find data of a group or dataset that lie in other files, without opening those.

    Parameters
    ----------
    item : h5py.Group or h5py.Dataset
        The group, including all groups below it, or the dataset.
    name : str
        The name of ``item`` for the results.

    Yields
    ------
    tuple of str
        The name of a link or dataset, and what it is, such as ``"an external link"``.
    """
    import h5py

    waiting, seen = [(name, item)], set()
    while waiting:
        place, item = waiting.pop()
        if isinstance(item, h5py.Dataset):
            if item.is_virtual:
                yield place, "a virtual dataset"
            elif item.external:
                yield place, "a dataset with external storage"
        elif isinstance(item, h5py.Group):
            token = h5py.h5o.get_info(item.id)
            if (token.fileno, token.addr) in seen:  # groups may contain each other
                continue
            seen.add((token.fileno, token.addr))
            for key in item:
                link = item.get(key, getlink=True)
                if isinstance(link, h5py.ExternalLink):
                    yield f"{place}/{key}", "an external link"
                elif isinstance(link, h5py.HardLink):
                    waiting.append((f"{place}/{key}", item[key]))

# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Names of the sheared versions of a galaxy, as surveys write them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

__all__ = ["UNSHEARED", "VERSIONS", "version_codes", "version_of"]

#: The versions: without artificial shear, and with g1 or g2 of plus or minus the step. The number
#: of a version is its place here.
VERSIONS = ("noshear", "1p", "1m", "2p", "2m")

UNSHEARED = 0

# A column with more names of other kinds is not one of versions.
_MAX_OTHERS = 100

_SPELLINGS = {
    **{name: UNSHEARED for name in ("noshear", "ns", "unsheared", "no_shear", "00")},
    **{
        f"{prefix}{name}": number
        for number, name in enumerate(VERSIONS) if number != UNSHEARED
        for prefix in ("", "sheared_", "shear_", "mcal_", "g")
    },
}


def version_of(name: Any) -> int | None:
    """Return the index of a sheared version of a galaxy from the name of the version.

    Parameters
    ----------
    name : str or bytes
        The name, such as ``"ns"``, ``"1p"`` or ``"sheared_1p"``, in upper or lower case.

    Returns
    -------
    int or None
        The index in `VERSIONS` (noshear, 1p, 1m, 2p, 2m). None if the name is not the name of a
        version.
    """
    text = name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
    return _SPELLINGS.get(text.strip().lower())


def version_codes(names: Iterable[Any]) -> tuple[np.ndarray, list[str]]:
    """Return the indices of the sheared versions of galaxies that a column names.

    Parameters
    ----------
    names : array_like
        The names of the versions, strings or bytes, ``(n,)``.

    Returns
    -------
    codes : `numpy.ndarray`
        The indices in `VERSIONS` (noshear, 1p, 1m, 2p, 2m), int8, ``(n,)``; -1 for other names,
        such as those of versions with a sheared point-spread function.
    others : list of str
        The names that are not in `VERSIONS`.
    """
    values = np.asarray(names)
    codes = np.full(len(values), -1, dtype=np.int8)
    left = np.ones(len(values), dtype=bool)
    others: list[str] = []
    while left.any() and len(others) < _MAX_OTHERS:
        first = int(np.argmax(left))
        name = values[first]
        same = values == name
        number = version_of(name)
        if number is None:
            others.append(name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name))
        else:
            codes[same] = number
        left &= ~same
        left[first] = False  # NaN differs from itself
    return codes, others

# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Sign conventions of ellipticities, and their conversion to the celestial convention.

In the ``"celestial"`` convention x points to the east (increasing right ascension) and y to the
north. A galaxy with e1 > 0 is elongated east-west, and one with e2 > 0 from the north-east to the
south-west. No other module of lensmap converts sign conventions.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from lensmap.utils import ParameterError

__all__ = [
    "CONVENTIONS",
    "Convention",
    "Response",
    "convention_signs",
    "convention_name",
    "to_celestial",
    "columns_to_celestial",
    "response_to_celestial",
    "versions_to_celestial",
]

#: The name of a convention, or the signs ``(s1, s2)``.
Convention: TypeAlias = str | Sequence[int]

#: A mean shear response: a number or ``((r11, r12), (r21, r22))``.
Response: TypeAlias = float | tuple[tuple[float, float], tuple[float, float]]

CONVENTIONS: dict[str, tuple[int, int]] = {
    "celestial": (1, 1),
    # x to the west, as in an image with north up and east left
    "euclidean": (1, -1),
    # position angle from north through east: e = |e| (cos 2 PA, sin 2 PA)
    "iau": (-1, 1),
}
"""The named conventions, and the signs that convert their (e1, e2) to celestial."""


def convention_signs(convention: Convention) -> tuple[int, int]:
    """Return the signs that convert ellipticities to the celestial convention.

    Parameters
    ----------
    convention : str or tuple of int
        A name in `CONVENTIONS`, or the signs as a pair ``(s1, s2)`` or as a string such as
        ``"-1,1"``.

    Returns
    -------
    tuple of int
        The factors ``(s1, s2)`` of e1 and e2, each 1 or -1.

    Raises
    ------
    ValueError
        If ``convention`` is neither a known name nor a pair of signs.
    """
    if isinstance(convention, str) and convention in CONVENTIONS:
        return CONVENTIONS[convention]
    try:
        s1, s2 = convention.strip("()").split(",") if isinstance(convention, str) else convention
        signs = float(s1), float(s2)
    except (TypeError, ValueError):
        signs = None
    if signs is not None and set(signs) <= {1.0, -1.0}:
        return int(signs[0]), int(signs[1])
    raise ParameterError(
        "convention",
        f"one of {', '.join(map(repr, CONVENTIONS))} or a pair of signs (s1, s2), each 1 or -1",
        repr(convention),
    )


def convention_name(convention: Convention) -> str:
    """Return the name of a convention, or its signs as text if it has no name.

    Parameters
    ----------
    convention : str or tuple of int
        As for ``convention_signs``.

    Returns
    -------
    str
        The name or the signs, such as ``"euclidean"`` or ``"(-1, -1)"``.
    """
    signs = convention_signs(convention)
    for name, named_signs in CONVENTIONS.items():
        if named_signs == signs:
            return name
    return f"({signs[0]}, {signs[1]})"


def to_celestial(
    e1: np.ndarray, e2: np.ndarray, convention: Convention
) -> tuple[np.ndarray, np.ndarray]:
    """Convert ellipticities to the celestial convention.

    Parameters
    ----------
    e1, e2 : `numpy.ndarray`
        The components of the ellipticities in the given convention.
    convention : str or tuple of int
        As for ``convention_signs``.

    Returns
    -------
    tuple of `numpy.ndarray`
        The components in the celestial convention. A component that keeps its sign is not copied.
    """
    s1, s2 = convention_signs(convention)
    return (e1 if s1 == 1 else np.negative(e1)), (e2 if s2 == 1 else np.negative(e2))


def columns_to_celestial(columns: dict[str, np.ndarray], convention: Convention) -> None:
    """Convert ellipticities, additive biases and responses to the celestial convention, in place.

    The additive biases c1 and c2 change sign with e1 and e2. The off-diagonal elements of the
    response relate one component to the other, so they change sign if exactly one of the two
    components does.

    Parameters
    ----------
    columns : dict
        The columns, keyed by lensmap's column names, in the given convention. The dict is
        modified: columns that change sign are replaced by new arrays.
    convention : str or tuple of int
        As for ``convention_signs``.
    """
    s1, s2 = convention_signs(convention)
    signs = {"e1": s1, "e2": s2, "c1": s1, "c2": s2, "r12": s1 * s2, "r21": s1 * s2}
    for name, sign in signs.items():
        if name in columns and sign == -1:
            columns[name] = np.negative(columns[name])


def response_to_celestial(
    response: Response | None, convention: Convention
) -> Response | None:
    """Convert a mean response to the celestial convention.

    Parameters
    ----------
    response : float, tuple or None
        The mean response: a number or ``((r11, r12), (r21, r22))`` in the given convention.
    convention : str or tuple of int
        As for ``convention_signs``.

    Returns
    -------
    float, tuple or None
        The response in the celestial convention, in the same form as ``response``.
    """
    if not isinstance(response, tuple):
        return response
    s1, s2 = convention_signs(convention)
    (r11, r12), (r21, r22) = response
    return (r11, s1 * s2 * r12), (s1 * s2 * r21, r22)


def versions_to_celestial(codes: np.ndarray, convention: Convention) -> np.ndarray:
    """Convert the indices of sheared versions of galaxies to the celestial convention.

    A sheared version of a galaxy is measured on an image with a small artificial shear. If the
    conversion changes the sign of e1 or e2, it also changes the sign of this component of the
    artificial shear, so that the versions with positive and negative shear are exchanged.

    Parameters
    ----------
    codes : `numpy.ndarray`
        The version of each row in the given convention, ``(n,)``: 0 without artificial shear, 1
        and 2 with positive and negative g1, 3 and 4 with positive and negative g2, and -1 for
        other versions.
    convention : str or tuple of int
        As for ``convention_signs``.

    Returns
    -------
    `numpy.ndarray`
        The versions in the celestial convention, ``(n,)``.
    """
    s1, s2 = convention_signs(convention)
    swapped = [0, *((1, 2) if s1 == 1 else (2, 1)), *((3, 4) if s2 == 1 else (4, 3)), -1]
    return np.array(swapped, dtype=codes.dtype)[codes]

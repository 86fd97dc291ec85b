# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The signs of ellipticities: the only module of lensmap that changes one.

In the ``"celestial"`` convention x points to the east (increasing right ascension) and y to the
north: e1 > 0 is elongated east-west, e2 > 0 along north-east / south-west.
"""

import numpy as np

__all__ = [
    "CONVENTIONS",
    "convention_signs",
    "convention_name",
    "to_celestial",
    "columns_to_celestial",
    "response_to_celestial",
]

CONVENTIONS = {
    "celestial": (1, 1),
    # x to the west, as in an image with north up and east left
    "euclidean": (1, -1),
    # position angle from north through east: e = |e| (cos 2 PA, sin 2 PA)
    "iau": (-1, 1),
}
"""The named conventions, and the signs that bring their (e1, e2) to celestial."""


def convention_signs(convention):
    """Return the signs that bring ellipticities of a convention to celestial ones.

    Parameters
    ----------
    convention : str or tuple of int
        A name in `CONVENTIONS`, or the signs ``(s1, s2)`` themselves, also written ``"-1,1"``.

    Returns
    -------
    tuple of int
        ``(s1, s2)``, each 1 or -1.

    Raises
    ------
    ValueError
        If the name is not known or the signs are not 1 or -1.
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
    raise ValueError(
        f"convention must be one of {', '.join(map(repr, CONVENTIONS))} or a pair of signs (s1, "
        f"s2), each 1 or -1, not {convention!r}"
    )


def convention_name(convention):
    """Return how a convention is written: its name if it has one, else its signs.

    Parameters
    ----------
    convention : str or tuple of int
        As for `convention_signs`.

    Returns
    -------
    str
        Such as ``"euclidean"`` or ``"(-1, -1)"``.
    """
    signs = convention_signs(convention)
    for name, known in CONVENTIONS.items():
        if known == signs:
            return name
    return f"({signs[0]}, {signs[1]})"


def to_celestial(e1, e2, convention):
    """Bring ellipticities to the celestial convention.

    Parameters
    ----------
    e1, e2 : `numpy.ndarray`
        The components, in ``convention``.
    convention : str or tuple of int
        As for `convention_signs`.

    Returns
    -------
    tuple of `numpy.ndarray`
        The celestial components; a component that keeps its sign is not copied.
    """
    s1, s2 = convention_signs(convention)
    return (e1 if s1 == 1 else np.negative(e1)), (e2 if s2 == 1 else np.negative(e2))


def columns_to_celestial(columns, convention):
    """Bring all columns of a catalog that have a handedness to the celestial convention.

    The additive biases c are ellipticities themselves; the response relates a component to a
    component, so that its off-diagonal elements change sign if just one of both does.

    Parameters
    ----------
    columns : dict
        From lensmap's names to arrays, in ``convention``; changed in place, the arrays are not.
    convention : str or tuple of int
        As for `convention_signs`.
    """
    s1, s2 = convention_signs(convention)
    signs = {"e1": s1, "e2": s2, "c1": s1, "c2": s2, "r12": s1 * s2, "r21": s1 * s2}
    for name, sign in signs.items():
        if name in columns and sign == -1:
            columns[name] = np.negative(columns[name])


def response_to_celestial(response, convention):
    """Bring a mean response to the celestial convention, as `columns_to_celestial` does.

    Parameters
    ----------
    response : float or tuple
        A number or ``((r11, r12), (r21, r22))``, in ``convention``.
    convention : str or tuple of int
        As for `convention_signs`.

    Returns
    -------
    float or tuple
        Of the same form.
    """
    if np.ndim(response) == 0:
        return response
    s1, s2 = convention_signs(convention)
    (r11, r12), (r21, r22) = response
    return (r11, s1 * s2 * r12), (s1 * s2 * r21, r22)

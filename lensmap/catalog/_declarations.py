# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Checks of the declared convention, kind, frame and response of a catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lensmap.catalog._columns import documented_differences
from lensmap.catalog._convention import Response, convention_name
from lensmap.utils import ConventionWarning, ParameterError, warn_user

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from lensmap.catalog._shear_catalog import ShearCatalog

__all__ = ["DEFAULTS", "check_response", "warn_of_differences"]

#: The convention, kind, frame and response of a table without any declaration.
DEFAULTS = {"convention": "celestial", "kind": "shear", "frame": "icrs", "response": None}


def check_response(response: float | ArrayLike | None) -> Response | None:
    """Check a mean shear response, and convert a matrix to a tuple of tuples.

    Parameters
    ----------
    response : float, array_like or None
        The mean shear response: a number, a 2 x 2 matrix or None.

    Returns
    -------
    float, tuple or None
        A number, ``((r11, r12), (r21, r22))``, or None if ``response`` is None.

    Raises
    ------
    ValueError
        If the response is neither a number nor a 2 x 2 matrix, or is not finite.
    """
    if response is None:
        return None
    try:
        matrix = np.asarray(response, dtype=float)
    except (TypeError, ValueError):
        matrix = np.full(1, np.nan)
    if matrix.shape not in ((), (2, 2)) or not np.all(np.isfinite(matrix)):
        raise ParameterError("response", "a finite number or a 2 x 2 matrix", repr(response))
    if matrix.ndim == 0:
        return float(matrix)
    (r11, r12), (r21, r22) = matrix.tolist()
    return (r11, r12), (r21, r22)


def warn_of_differences(catalog: ShearCatalog, preset: str | None, meta: dict[str, Any]) -> None:
    """Warn if a catalog's declaration differs from the survey's documentation or the table's meta.

    Parameters
    ----------
    catalog : ShearCatalog
        The catalog with its declared convention, kind, frame and response.
    preset : str or None
        The name of the survey's column preset.
    meta : dict
        The declaration in the table's meta, as returned by ``declared_meta``.

    Warns
    -----
    ConventionWarning
        If the declarations differ.
    """
    differences = documented_differences(preset, catalog.convention, catalog.kind)
    if differences:
        warn_user(
            f"the column names are those of {preset!r}, for which {' and '.join(differences)} is "
            "documented; the declaration is used: `lensmap check` tests the convention",
            ConventionWarning,
            "differs_from_survey",
            "convention",
        )
    if "convention" in meta:
        meta = meta | {"convention": convention_name(meta["convention"])}
    differences = [
        f"{name}={value!r} (declared: {getattr(catalog, name)!r})"
        for name, value in meta.items()
        if getattr(catalog, name) != value
    ]
    if differences:
        warn_user(
            f"the table's meta has {' and '.join(differences)}; the declaration is used",
            ConventionWarning,
            "differs_from_file",
            "convention",
        )

# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Declarations of the convention, kind, frame and response in the meta of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lensmap.catalog._convention import Response

if TYPE_CHECKING:
    from astropy.table import Table

    from lensmap.catalog.files import TableSource

__all__ = ["declared_meta", "declaring_meta"]


def declared_meta(table: Table | TableSource) -> dict[str, Any]:
    """Return the convention, kind, frame and response that a table's meta declares.

    Parameters
    ----------
    table : `~astropy.table.Table` or TableSource
        The table.

    Returns
    -------
    dict
        The values of ``convention``, ``kind``, ``frame`` and ``response``, as for the parameters
        of `ShearCatalog`. Only those that the meta declares are included.

    Raises
    ------
    ValueError
        If the response is a string that does not hold four numbers.
    """
    folded = {str(key).lower(): value for key, value in table.meta.items()}
    if "conventn" in folded:  # FITS keywords have eight characters
        folded.setdefault("convention", folded["conventn"])
    declared: dict[str, Any] = {
        key: folded[key] for key in ("convention", "kind", "frame", "response") if key in folded
    }
    if isinstance(declared.get("frame"), str):
        declared["frame"] = declared["frame"].lower()
    if isinstance(declared.get("response"), str):
        try:
            r11, r12, r21, r22 = map(float, declared["response"].split())
        except ValueError:
            raise ValueError(
                "the table's meta must have its response as a number or as four in a string, 'r11 "
                f"r12 r21 r22', not {declared['response']!r}"
            ) from None
        declared["response"] = ((r11, r12), (r21, r22))
    return declared


def declaring_meta(kind: str, frame: str, response: Response | None) -> dict[str, Any]:
    """Return the meta of a table whose ellipticities are in the celestial convention.

    Parameters
    ----------
    kind, frame, response
        As for `ShearCatalog`.

    Returns
    -------
    dict
        The meta, which ``declared_meta`` reads. Its keys are valid FITS header keywords.
    """
    meta: dict[str, Any] = {"CONVENTN": "celestial", "KIND": kind, "FRAME": frame}
    if response is not None:
        numbers = np.ravel(response).tolist()
        meta["RESPONSE"] = response if np.ndim(response) == 0 else " ".join(map(str, numbers))
    return meta

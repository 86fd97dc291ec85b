# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Catalogs with several sheared versions of each galaxy, as metadetection writes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import log

from lensmap.catalog._convention import Convention, Response, versions_to_celestial
from lensmap.catalog._names import shown
from lensmap.catalog._preset import VARIANT
from lensmap.catalog._selection import column_of
from lensmap.catalog._shear_response import response_of_versions, sums_of_versions
from lensmap.catalog._unused_columns import ColumnChoice
from lensmap.catalog._version_names import UNSHEARED, VERSIONS, version_codes
from lensmap.utils import ParameterError

if TYPE_CHECKING:
    from astropy.table import Table

    from lensmap.catalog._shear_catalog import ShearCatalog
    from lensmap.catalog.files import TableSource

__all__ = [
    "MIN_DISPERSION",
    "MIN_GALAXIES_OF_PART",
    "as_response",
    "check_response",
    "check_versions",
    "checked_version_sums",
    "has_all_versions",
    "read_versions",
    "refuse_other_columns",
    "response_of_part",
    "variance_weights",
]

#: A part of a catalog with fewer galaxies has the response of the whole catalog.
MIN_GALAXIES_OF_PART = 500_000

_MAX_RELATIVE_ERROR = 0.05

#: The lowest intrinsic dispersion per component, where the stated errors exceed the scatter.
MIN_DISPERSION = 0.05

_NAMES = ", ".join(VERSIONS)

# Columns whose name has such a part are searched for the names of versions.
_HINTS = re.compile("step|variant|version|shear_?type", re.IGNORECASE)
_MAX_LOOKED_AT = 10_000


def read_versions(
    table: Table | TableSource, choice: ColumnChoice, rows: np.ndarray | None, has_response: bool
) -> np.ndarray | None:
    """Return which sheared version of a galaxy each selected row holds.

    A version is measured on images with one artificial shear, or without artificial shear.

    Parameters
    ----------
    table : `~astropy.table.Table` or TableSource
        The table.
    choice : ColumnChoice
        The chosen columns.
    rows : `numpy.ndarray` or None
        True for the selected rows, bool, ``(n,)``. None selects all rows.
    has_response : bool
        Whether the user or the table's meta gives the mean response.

    Returns
    -------
    `numpy.ndarray` or None
        The versions of the selected rows, as indices in ``VERSIONS`` (noshear, 1p, 1m, 2p, 2m); -1
        for other versions. None if the table has no column that names the versions.

    Raises
    ------
    ValueError
        If the galaxies without artificial shear are missing, if a sheared version is missing and
        the response is not known, or if a column that the catalog does not use names versions.
    """
    column = choice.mapping.get(VARIANT)
    if column is None:
        if VARIANT not in choice.left_out:
            refuse_other_columns(table)
        return None
    names = column_of({column: table[column]}, column).data
    names = names if rows is None else names[rows]
    if len(names) == 0:
        return None
    codes, others = version_codes(names)
    n_rows = np.bincount(codes[codes >= 0], minlength=len(VERSIONS))
    found = [name for name, n in zip(VERSIONS, n_rows, strict=True) if n]
    missing = [name for name in VERSIONS if name not in found]
    if not found:
        raise ParameterError(
            "columns",
            f"a column of the versions {_NAMES} of each galaxy for 'variant'",
            repr(shown(column)),
            f"the column holds {', '.join(map(shown, others[:6])) or 'nothing'}; if it is "
            "something else, leave it out by {columns={'variant': None}}",
            verb="name",
        )
    # Catalogs of metacalibration have the response of each galaxy in columns.
    has_response = has_response or "r11" in choice.mapping or "r22" in choice.mapping
    if VERSIONS[UNSHEARED] in missing or (missing and not has_response):
        _refuse_missing(shown(column), found, missing)
    return codes


def has_all_versions(codes: np.ndarray | None) -> bool:
    """Return whether a catalog has rows of all sheared versions, from which the response follows.

    Parameters
    ----------
    codes : `numpy.ndarray` or None
        The version of each row, ``(n,)``, as indices in ``VERSIONS``; -1 for other versions. None
        if the catalog has no versions.
    """
    return codes is not None and bool(np.isin(np.arange(len(VERSIONS)), codes).all())


def refuse_other_columns(table: Table | TableSource) -> None:
    """Raise an error if a column such as ``shear_type`` holds names of sheared versions.

    Examples of such names are noshear and 1p. Only columns whose names suggest versions are read.

    Parameters
    ----------
    table : `~astropy.table.Table` or TableSource
        The table.
    """
    for name in filter(_HINTS.search, table.colnames):
        try:
            values = np.asarray(table[name][:_MAX_LOOKED_AT])
        except (TypeError, ValueError):  # the catalog can do without a column that cannot be read
            continue
        if values.ndim != 1 or values.dtype.kind not in "USO":
            continue
        codes, _ = version_codes(values)
        if len(np.unique(codes[codes >= 0])) > 1:
            raise ParameterError(
                "columns",
                "the column of the sheared versions of each galaxy",
                remedy=f"the rows are several versions of each galaxy, which {shown(name)!r} "
                f"names; give {{columns={{'variant': {name!r}}}}} to measure the response from "
                "them, or {columns={'variant': None}} if the rows are different galaxies",
                verb="name",
            )


def _refuse_missing(column: str, found: list[str], missing: list[str]) -> None:
    """Raise the error about missing sheared versions of the galaxies.

    ``column`` is the column that names the versions. ``found`` and ``missing`` are the names of the
    versions that the selected rows have and lack.
    """
    has = f"the selected rows have only {', '.join(found)} in the column {column!r}"
    if VERSIONS[UNSHEARED] in missing:
        raise ParameterError(
            "where",
            "the galaxies without artificial shear (noshear or ns)",
            remedy=f"of the versions {_NAMES} of each galaxy, {has}",
            verb="select",
        )
    raise ParameterError(
        "response",
        "given for a catalog without all sheared versions of the galaxies",
        remedy=f"the ellipticities respond to shear by less than 1, and how much is measured from "
        f"the versions {_NAMES}; {has}; keep {', '.join(missing)}, too, or give the mean response "
        "of the survey, as in {response=0.8}",
    )


def variance_weights(
    codes: np.ndarray, e1: np.ndarray, e2: np.ndarray, sigma_m: np.ndarray
) -> np.ndarray:
    r"""Return inverse-variance weights, by the same rule for all sheared versions.

    The weight is :math:`1 / (\sigma_e^2 + \sigma_m^2)` with the intrinsic dispersion
    :math:`\sigma_e` per component of the galaxies without artificial shear (Sheldon et al. 2023,
    OJAp 6, 17).

    Parameters
    ----------
    codes : `numpy.ndarray`
        The version of each row, ``(n,)``, as indices in ``VERSIONS``; -1 for other versions.
    e1, e2 : `numpy.ndarray`
        The ellipticities, ``(n,)``.
    sigma_m : `numpy.ndarray`
        The measurement errors per component, ``(n,)``: their squares are the means of the
        variances of e1 and e2.

    Returns
    -------
    `numpy.ndarray`
        The weights, ``(n,)``.
    """
    rows = codes == UNSHEARED
    measurement = np.square(sigma_m, dtype=float)
    noise = measurement[rows]
    excess = 0.5 * (np.square(e1[rows], dtype=float) + np.square(e2[rows], dtype=float)) - noise
    intrinsic = max(float(np.mean(excess)), MIN_DISPERSION**2)
    for _ in range(5):
        # Galaxies with small errors determine the intrinsic dispersion best.
        weight = np.square(1.0 / (intrinsic + noise))
        intrinsic = max(float(np.sum(weight * excess) / np.sum(weight)), MIN_DISPERSION**2)
    log.info(
        "lensmap: the catalog has no weights: those of the inverse variance are used, 1 / (sigma_e"
        f"^2 + sigma_m^2) with the intrinsic dispersion sigma_e = {np.sqrt(intrinsic):.3f} of e1 "
        "and e2"
    )
    return 1.0 / (intrinsic + measurement)


def checked_version_sums(
    codes: np.ndarray, columns: Mapping[str, np.ndarray], convention: Convention
) -> np.ndarray:
    """Sum the ellipticities of the sheared versions, and check the error of the response.

    The response of the galaxies to shear follows from the differences between their versions,
    which are measured on images with different artificial shears.

    Parameters
    ----------
    codes : `numpy.ndarray`
        The version of each row in the celestial convention, ``(n,)``, as indices in ``VERSIONS``;
        -1 for other versions.
    columns : dict
        The columns in the celestial convention, arrays ``(n,)``, keyed by lensmap's column names.
    convention : str or tuple of int
        The convention of the columns in the file, for error messages.

    Returns
    -------
    `numpy.ndarray`
        The sums of w, w e1 and w e2 in patches of the sky for the versions 1p, 1m, 2p and 2m,
        ``(n_patches, 4, 3)``, from which ``response_of_versions`` computes the response.

    Raises
    ------
    ValueError
        If a version has no usable row, or the error of the response exceeds 5 per cent.
    """
    n_rows = np.bincount(codes[codes >= 0], minlength=len(VERSIONS))
    check_versions(n_rows, convention)
    ra, dec, e1, e2 = (columns[name] for name in ("ra", "dec", "e1", "e2"))
    sums = sums_of_versions(codes, ra, dec, e1, e2, columns.get("weight"))
    check_response(sums, n_rows[UNSHEARED])
    return sums


def check_versions(
    n_rows: np.ndarray, convention: Convention, needed: Sequence[int] = range(len(VERSIONS))
) -> None:
    """Raise a ValueError if a sheared version of the galaxies has no row.

    Parameters
    ----------
    n_rows : `numpy.ndarray`
        The number of usable rows of each version in ``VERSIONS``, ``(5,)``, in the celestial
        convention.
    convention : str or tuple of int
        The convention of the columns, in which the message names the versions.
    needed : sequence of int
        The versions that must have rows, as indices in ``VERSIONS`` in the convention of the
        columns.
    """
    celestial = versions_to_celestial(np.asarray(needed), convention)
    if not n_rows[celestial].all():
        empty = [
            VERSIONS[code] for code, n in zip(needed, n_rows[celestial], strict=True) if n == 0
        ]
        several = len(empty) > 1
        raise ValueError(
            f"no usable row is left of the version{'s' * several} {', '.join(empty)} of the "
            "galaxies: check the condition on rows, and the values in the rows of "
            f"{'these versions' if several else 'this version'}"
        )


def check_response(sums: np.ndarray, n_galaxies: int) -> None:
    """Log the mean response of galaxies, and raise an error if it is not known well enough.

    Parameters
    ----------
    sums : `numpy.ndarray`
        The sums over the sheared versions in patches of the sky, ``(n_patches, 4, 3)``.
    n_galaxies : int
        The number of galaxies, for messages.

    Raises
    ------
    ValueError
        If the error of the response exceeds 5 per cent.
    """
    mean, error = _mean_response(sums)
    if not error <= _MAX_RELATIVE_ERROR * mean:
        raise ParameterError(
            "response",
            "given for a catalog whose own response has an error of more than 5 per cent",
            remedy=f"the sheared versions of {n_galaxies} galaxies give {mean:.3g} +- {error:.2g}; "
            "use more galaxies, or give the mean response of the survey, as in {response=0.8}",
        )
    log.info(
        f"lensmap: the mean response of {n_galaxies} galaxies to shear is {mean:.4f} +- "
        f"{error:.4f}, from their sheared versions"
    )


def _mean_response(sums: np.ndarray) -> tuple[float, float]:
    """Return the mean of the diagonal elements of the response matrix, and its standard error.

    ``sums`` are the sums of w, w e1 and w e2 over the sheared versions of the galaxies in patches
    of the sky, ``(n_patches, 4, 3)``.
    """
    response, error = response_of_versions(sums)
    return 0.5 * float(np.trace(response)), 0.5 * float(np.hypot(error[0, 0], error[1, 1]))


def response_of_part(
    whole: ShearCatalog, part: ShearCatalog, select: Callable[[ShearCatalog], ShearCatalog] | None
) -> dict[str, Any]:
    """Measure the response of a part of a catalog from the sheared versions of its galaxies.

    A sheared version of the galaxies is measured on images with an artificial shear. The part keeps
    the response of the whole catalog if the part is too small, or if its response cannot be
    measured.

    Parameters
    ----------
    whole, part : ShearCatalog
        The catalog with its sheared versions, and a part of the catalog.
    select : callable or None
        A function that selects the same part of the catalog of a sheared version. None if there is
        no such function, for example for rows that are selected by number.

    Returns
    -------
    dict
        The attributes of the part that hold its response and its sheared versions.
    """
    assert whole._version_sums is not None
    mean, error = _mean_response(whole._version_sums)
    text = f"lensmap: {len(part)} galaxies have the mean response {mean:.4f} +- {error:.4f} of all"
    if len(part) < MIN_GALAXIES_OF_PART:
        log.info(f"{text}, because they are fewer than {MIN_GALAXIES_OF_PART}")
        return {"_sheared": {}}
    if select is None or not whole._sheared:
        log.info(f"{text}, because rows that are selected by number are not known in the versions")
        return {"_sheared": {}}
    sheared = {code: select(catalog) for code, catalog in whole._sheared.items()}
    every = [part, *sheared.values()]
    codes = np.repeat([UNSHEARED, *sheared], [len(catalog) for catalog in every])
    names = [name for name in ("ra", "dec", "e1", "e2", "weight") if part[name] is not None]
    columns = {name: np.concatenate([catalog[name] for catalog in every]) for name in names}
    try:
        sums = checked_version_sums(codes, columns, whole.convention)
    except ValueError:
        log.info(f"{text}, because their own response has an error of more than 5 per cent")
        return {"_sheared": {}}
    return {"_sheared": sheared, "_version_sums": sums, "response": as_response(sums)[0]}


def as_response(sums: np.ndarray) -> tuple[Response, Response]:
    """Return the mean response and its error as tuples of tuples.

    Parameters
    ----------
    sums : `numpy.ndarray`
        The sums of w, w e1 and w e2 over the sheared versions of the galaxies in patches of the
        sky, ``(n_patches, 4, 3)``.

    Returns
    -------
    response, error : tuple
        The response ``((r11, r12), (r21, r22))`` and its standard error.
    """
    response, error = (matrix.tolist() for matrix in response_of_versions(sums))
    return (tuple(response[0]), tuple(response[1])), (tuple(error[0]), tuple(error[1]))

# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The response of a survey with several sheared versions of each galaxy, from all partitions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lensmap.catalog._cleaning import usable_rows
from lensmap.catalog._columns import used_columns
from lensmap.catalog._convention import (
    Response,
    columns_to_celestial,
    response_to_celestial,
    versions_to_celestial,
)
from lensmap.catalog._loading import load_columns, select_rows
from lensmap.catalog._metadetection import (
    MIN_DISPERSION,
    as_response,
    check_response,
    check_versions,
)
from lensmap.catalog._needed import needed_columns
from lensmap.catalog._no_rows import NoRowsError
from lensmap.catalog._preset import VARIANT
from lensmap.catalog._selection import column_of
from lensmap.catalog._selection_response import (
    selection_response,
    selection_sums,
    sheared_columns,
)
from lensmap.catalog._shear_response import sums_of_versions
from lensmap.catalog._unused_columns import ColumnChoice
from lensmap.catalog._version_names import UNSHEARED, VERSIONS, version_codes
from lensmap.catalog.files import TableSource

__all__ = [
    "MeasuredNumbers", "SurveyNumbers", "VersionReader", "measure_selection", "measure_versions",
]

# Variances of the measurement are binned in this range, by equal steps of their logarithm.
_VARIANCES, _N_BINS = (1e-10, 1e6), 4096


@dataclass(frozen=True)
class SurveyNumbers:
    """Numbers of a survey with sheared versions of its galaxies, with which its parts are read.

    Attributes
    ----------
    response : float, tuple or None
        The mean response in the convention of the columns. None if the response columns are used.
    measured : tuple or None
        The measured mean response in the celestial convention, and its standard error, each
        ``((r11, r12), (r21, r22))``. None if the response is not measured.
    dispersion : float or None
        The intrinsic dispersion of the ellipticities per component, from which the weights are
        computed. None if the survey has weights, or no errors of the ellipticities.
    """

    response: Response | None
    measured: tuple[Response, Response] | None
    dispersion: float | None


@dataclass(frozen=True)
class MeasuredNumbers:
    """All that is measured from the whole survey before a part of it is read.

    Attributes
    ----------
    versions : SurveyNumbers or None
        The numbers from the sheared versions of the galaxies. None without such versions.
    selection : tuple or None
        The response of galaxies with response columns to their selection in the convention of the
        columns, ``((r11, r12), (r21, r22))``. None if there is none, or if it is not used.
    """

    versions: SurveyNumbers | None
    selection: tuple[tuple[float, float], tuple[float, float]] | None


@dataclass(frozen=True)
class VersionReader:
    """The settings with which rows of all sheared versions are read.

    Attributes
    ----------
    choice : ColumnChoice
        The columns.
    convention : str
        The convention of e1 and e2.
    where : str or None
        The condition on rows.
    units : dict
        The units that the user gives, keyed by lensmap's column names.
    max_ellipticity : float
        The largest modulus of the ellipticity of a usable row.
    """

    choice: ColumnChoice
    convention: str
    where: str | None
    units: Mapping[str, Any]
    max_ellipticity: float

    def read(self, table: TableSource) -> tuple[np.ndarray, dict[str, np.ndarray]] | None:
        """Return the versions of the usable rows of a table, and their columns.

        Both are in the celestial convention. The result is None without usable rows.
        """
        mapping = self.choice.mapping
        found = needed_columns(table, used_columns(table.colnames, self.choice, self.where))
        try:
            rows = select_rows(found, self.choice, self.where)
        except NoRowsError:
            return None
        codes, _ = version_codes(column_of(found, mapping[VARIANT]).data)
        codes = codes if rows is None else codes[rows]
        arrays, masked = load_columns(found, mapping, rows, self.units)
        if len(codes) == 0:
            return None
        good, _ = usable_rows(arrays, masked, self.max_ellipticity, mapping)
        if good is not None:
            arrays = {name: values[good] for name, values in arrays.items()}
            codes = codes[good]
        columns_to_celestial(arrays, self.convention)
        return versions_to_celestial(codes, self.convention), arrays


def measure_versions(
    reader: VersionReader,
    tables: Callable[[], Iterable[TableSource]],
    response: Response | None,
) -> SurveyNumbers:
    """Measure the response of a survey and the dispersion of its ellipticities.

    Both come from sums over its partitions.

    Parameters
    ----------
    reader : VersionReader
        The settings with which rows are read.
    tables : callable
        A function that returns the tables of all partitions; it is called once or twice, or not
        at all if nothing must be measured.
    response : float, tuple or None
        The given mean response, in the convention of the columns. If None, it is measured, unless
        the survey lacks sheared versions and has responses in columns.

    Returns
    -------
    SurveyNumbers
        The response and the dispersion.

    Raises
    ------
    ValueError
        If a version has no usable row, or the error of the response exceeds 5 per cent.
    """
    mapping = reader.choice.mapping
    dispersion = None
    if "weight" not in mapping and "sigma_m" in mapping:
        dispersion = _dispersion(_parts(reader, tables))
    if response is not None:
        return SurveyNumbers(response, None, dispersion)
    n_rows = np.zeros(len(VERSIONS), dtype=np.int64)
    sums = []
    for codes, arrays in _parts(reader, tables):
        n_rows += np.bincount(codes[codes >= 0], minlength=len(VERSIONS))
        weight = arrays.get("weight")
        if dispersion is not None:
            weight = 1.0 / (dispersion**2 + np.square(arrays["sigma_m"], dtype=float))
        sums.append(_sums(codes, arrays, weight))
    if not n_rows.all() and {"r11", "r22"} & mapping.keys():
        return SurveyNumbers(None, None, dispersion)
    check_versions(n_rows, reader.convention)
    total = np.concatenate(sums)
    check_response(total, int(n_rows[UNSHEARED]))
    measured = as_response(total)
    # The conversion is its own inverse.
    own = response_to_celestial(measured[0], reader.convention)
    return SurveyNumbers(own, measured, dispersion)


def measure_selection(
    reader: VersionReader, tables: Callable[[], Iterable[TableSource]]
) -> np.ndarray | None:
    """Measure the response of a survey to the selection of its galaxies.

    Parameters
    ----------
    reader : VersionReader
        The settings with which rows are read.
    tables : callable
        A function that returns the tables of all partitions; it is called once.

    Returns
    -------
    `numpy.ndarray` or None
        The response in the convention of the columns, ``(2, 2)``. None if the catalog has no
        responses of galaxies, or if its selection does not depend on shear.
    """
    choice, where = reader.choice, reader.where
    if not {"r11", "r22"} & choice.mapping.keys():
        return None
    total = np.zeros((1, len(VERSIONS) - 1, 3))
    for table in tables():
        names = used_columns(table.colnames, choice, where)
        names += sheared_columns(table.colnames, choice, where)
        found = needed_columns(table, dict.fromkeys(names))
        sums = selection_sums(found, choice, where, reader.max_ellipticity)
        if sums is None:
            return None
        total += sums
    return selection_response(total)


def _parts(
    reader: VersionReader, tables: Callable[[], Iterable[TableSource]]
) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """Iterate over the versions and the columns of the usable rows of the partitions."""
    for table in tables():
        part = reader.read(table)
        if part is not None:
            yield part


def _sums(
    codes: np.ndarray, arrays: Mapping[str, np.ndarray], weight: np.ndarray | None
) -> np.ndarray:
    """Return the sums of w, w e1 and w e2 of the sheared versions in patches, ``(n, 4, 3)``."""
    if np.any(codes == UNSHEARED):
        ra, dec, e1, e2 = (arrays[name] for name in ("ra", "dec", "e1", "e2"))
        return sums_of_versions(codes, ra, dec, e1, e2, weight)
    sums = np.zeros((1, len(VERSIONS) - 1, 3))  # the patches are those of unsheared galaxies
    for code in range(UNSHEARED + 1, len(VERSIONS)):
        rows = codes == code
        w = np.ones(np.count_nonzero(rows)) if weight is None else weight[rows].astype(float)
        sums[0, code - 1] = [w.sum(), *((w * arrays[name][rows]).sum() for name in ("e1", "e2"))]
    return sums


def _dispersion(parts: Iterable[tuple[np.ndarray, dict[str, np.ndarray]]]) -> float:
    """Return the intrinsic dispersion of the ellipticities per component of all partitions.

    The estimate is that of ``variance_weights``, with sums in narrow bins of the variance of the
    measurement in place of sums over galaxies.
    """
    edges = np.geomspace(*_VARIANCES, _N_BINS - 1)
    n, noise, excess = np.zeros((3, _N_BINS))
    for codes, arrays in parts:
        rows = codes == UNSHEARED
        variance = np.square(arrays["sigma_m"][rows], dtype=float)
        squares = [np.square(arrays[name][rows], dtype=float) for name in ("e1", "e2")]
        bins = np.searchsorted(edges, variance)
        n += np.bincount(bins, minlength=_N_BINS)
        noise += np.bincount(bins, variance, minlength=_N_BINS)
        excess += np.bincount(bins, 0.5 * sum(squares) - variance, minlength=_N_BINS)
    filled = n > 0
    n, noise, excess = n[filled], noise[filled] / n[filled], excess[filled]
    if len(n) == 0:
        return MIN_DISPERSION
    intrinsic = max(excess.sum() / n.sum(), MIN_DISPERSION**2)
    for _ in range(5):
        weight = np.square(1.0 / (intrinsic + noise))
        intrinsic = max((weight * excess).sum() / (weight * n).sum(), MIN_DISPERSION**2)
    return float(np.sqrt(intrinsic))

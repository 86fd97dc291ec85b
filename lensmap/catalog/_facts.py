# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Record of the source catalog in output files: columns, counts and calibration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lensmap.catalog._calibration import Calibration
from lensmap.catalog._source_redshifts import add_redshifts, redshift_distribution, redshift_facts

if TYPE_CHECKING:
    from lensmap.catalog._shear_catalog import ShearCatalog

__all__ = ["add_facts", "calibration_facts", "catalog_facts", "selection_facts"]


def selection_facts(catalog: ShearCatalog) -> dict[str, Any]:
    """Return the columns of a catalog, and the numbers of its rows.

    Parameters
    ----------
    catalog : ShearCatalog
        The catalog.

    Returns
    -------
    dict
        ``columns``, the table's column names keyed by lensmap's; ``preset``, and the digest
        ``preset_sha256`` if it is a file of the user; ``where`` and ``max_ellipticity``;
        ``n_galaxies``; ``n_not_selected``, the rows that do not fulfill the condition ``where``;
        ``n_left_out``, the number of rows left out for each cause; and ``source_selection``, the
        selection of galaxies behind a lens, with ``redshifts``, the redshift distribution of the
        selected galaxies (None without redshifts). It is None without a selection.
    """
    return {
        "columns": dict(catalog.column_names),
        # The name of a file without its folder, which may tell more than it should.
        "preset": catalog.preset and Path(catalog.preset).name,
        "preset_sha256": catalog.preset_sha256,
        "where": catalog.where,
        "max_ellipticity": catalog.max_ellipticity,
        "n_galaxies": len(catalog),
        "n_not_selected": catalog.n_not_selected,
        "n_left_out": dict(catalog.n_left_out),
        "source_selection": _source_selection(catalog),
    }


def _source_selection(catalog: ShearCatalog) -> dict[str, Any] | None:
    """Return the selection of galaxies behind a lens with their redshift distribution."""
    selection = catalog.source_selection
    if selection is None:
        return None
    redshifts = None
    if catalog.pz is not None or catalog["redshift"] is not None:
        redshifts = redshift_facts(*redshift_distribution(catalog), selection["z_lens"])
    return {**selection, "redshifts": redshifts}


def add_facts(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Add the numbers of rows in the facts about two parts of a catalog.

    Parameters
    ----------
    first, second : dict
        The results of `selection_facts` for the two parts.

    Returns
    -------
    dict
        The facts about both parts, with the columns of the first.
    """
    if not first or not second:
        return {}
    causes = {**first["n_left_out"], **second["n_left_out"]}
    selection = first["source_selection"]
    if selection is not None and second["source_selection"] is not None:
        selection = _add_selections(selection, second["source_selection"])
    return {
        **first,
        **{name: first[name] + second[name] for name in ("n_galaxies", "n_not_selected")},
        "n_left_out": {
            cause: first["n_left_out"].get(cause, 0) + second["n_left_out"].get(cause, 0)
            for cause in causes
        },
        "source_selection": selection,
    }


def _add_selections(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Add the numbers and redshift distributions of two parts of a catalog behind a lens."""
    redshifts = None
    if first["redshifts"] is not None and second["redshifts"] is not None:
        redshifts = add_redshifts(first["redshifts"], second["redshifts"], first["z_lens"])
    n_given = first["n_given"] + second["n_given"]
    return {**first, "n_given": n_given, "redshifts": redshifts}


def calibration_facts(calibration: Calibration) -> dict[str, Any]:
    """Return the shear calibration that is applied to weighted means.

    Parameters
    ----------
    calibration : Calibration
        The sums over the catalog.

    Returns
    -------
    dict
        ``m``, the mean multiplicative bias; ``c1`` and ``c2``, the mean additive bias in the
        celestial convention; ``response``, the matrix that divides the ellipticities, ``(2, 2)``,
        and ``response_error``. None where the catalog has no such column, or the response is 1 by
        definition.
    """
    def mean(total: float | None) -> float | None:
        return None if total is None or not calibration.sum_w > 0 else total / calibration.sum_w

    has_response = (
        calibration.kind == "distortion" or calibration.response is not None
        or calibration.has_response or calibration.sum_versions is not None
    )
    return {
        "m": None if calibration.sum_wm is None else calibration.m,
        "c1": mean(calibration.sum_wc1),
        "c2": mean(calibration.sum_wc2),
        "response": calibration.matrix.tolist() if has_response else None,
        "response_error": (
            None if calibration.matrix_error is None else calibration.matrix_error.tolist()
        ),
    }


def catalog_facts(catalog: ShearCatalog) -> dict[str, Any]:
    """Return what files record about a catalog.

    Parameters
    ----------
    catalog : ShearCatalog
        The catalog.

    Returns
    -------
    dict
        The entries of `selection_facts`, and ``calibration`` with those of `calibration_facts`.
    """
    calibration = Calibration.from_catalog(catalog, by_weight=False)
    return {**selection_facts(catalog), "calibration": calibration_facts(calibration)}

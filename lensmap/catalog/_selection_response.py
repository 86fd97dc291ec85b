# Licensed under a 3-clause BSD style license - see LICENSE.rst
r"""The selection response of catalogs with a response for each galaxy.

Catalogs of metacalibration and AnaCal have the response of each ellipticity in columns. A selection
by a quantity that depends on shear, such as a signal-to-noise ratio, adds a response to the mean:

.. math:: R^\mathrm{S}_{ij} = \frac{\langle e_i \rangle_{S_{j+}} - \langle e_i \rangle_{S_{j-}}}
          {2 \Delta}

Here e is measured without artificial shear, and :math:`S_{j\pm}` is the selection by quantities
that are measured with an artificial shear of :math:`\pm\Delta` (Sheldon & Huff 2017, ApJ 841, 24).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import log

from lensmap.catalog._cleaning import usable_rows
from lensmap.catalog._loading import load_columns
from lensmap.catalog._names import ColumnNames, shown
from lensmap.catalog._selection import RowSelection, columns_in, computed_column
from lensmap.catalog._shear_response import SHEAR_STEP, response_of_versions
from lensmap.catalog._values import column_values
from lensmap.catalog._version_names import UNSHEARED, VERSIONS
from lensmap.utils import ParameterError

if TYPE_CHECKING:
    from lensmap.catalog._unused_columns import ColumnChoice

__all__ = [
    "add_selection_response", "check_responses", "selection_response", "selection_sums",
    "sheared_columns", "sheared_weights",
]

_RESPONSES = (("r11", "r12"), ("r21", "r22"))

# Integers and booleans with such a name are selections by what depends on shear. Others, such as
# masks of the sky, do not respond.
_RESPONDING = re.compile("sel|snr|s2n|size|det", re.IGNORECASE)

_UNSHEARED_SUFFIX = re.compile("_(noshear|unsheared|ns|0)$", re.IGNORECASE)
# Columns of a group in an HDF5 file, such as "catalog/unsheared/snr".
_UNSHEARED_GROUP = re.compile("(^|/)(noshear|unsheared|ns)/", re.IGNORECASE)


def sheared_columns(names: Iterable[str], choice: ColumnChoice, where: str | None) -> list[str]:
    """Return the columns of a table from which the selection response follows.

    These are columns with the values measured with artificial shear, or columns without artificial
    shear and their derivatives with respect to shear.

    Parameters
    ----------
    names : iterable of str
        The column names of the table.
    choice : ColumnChoice
        The chosen columns.
    where : str or None
        The condition on rows.

    Returns
    -------
    list of str
        The names of the columns in the table. Columns that the table lacks are left out.
    """
    table = ColumnNames(names)
    columns = _columns_of(table, choice, where)
    if not _has_responses(choice):
        columns += [
            choice.mapping[name] for name in ("e1", "e2", "weight") if name in choice.mapping
        ]
    texts = [_sheared(name, code, table) for name in columns for code in range(1, len(VERSIONS))]
    return [column for text in texts if text for column in columns_in(text, table)]


def sheared_weights(names: ColumnNames, choice: ColumnChoice) -> dict[str, str]:
    """Return the weights with artificial shear of a table, under lensmap's name of the weight.

    Parameters
    ----------
    names : ColumnNames
        The column names of the table.
    choice : ColumnChoice
        The chosen columns.

    Returns
    -------
    dict
        The columns or expressions, keyed by ``"weight_1p"`` and so on. It is empty if the weights
        do not depend on shear, or if their derivatives are in the responses.
    """
    weight = choice.mapping.get("weight")
    if weight not in names.names or _derivative(weight, 1, names) is not None:
        return {}
    found = {f"weight_{VERSIONS[code]}": _sheared(weight, code, names)
             for code in range(1, len(VERSIONS))}
    return {name: text for name, text in found.items() if text}


def check_responses(names: ColumnNames, choice: ColumnChoice) -> None:
    """Raise an error if the ellipticities are uncalibrated and their response is not used.

    Parameters
    ----------
    names : ColumnNames
        The column names of the table.
    choice : ColumnChoice
        The chosen columns.

    Raises
    ------
    ValueError
        If no response is chosen, but the table has the columns from which it follows.
    """
    if not _has_responses(choice):
        _refuse_unused(names, choice)


def add_selection_response(
    table: Mapping[str, Any],
    choice: ColumnChoice,
    where: str | None,
    arrays: dict[str, np.ndarray],
    max_ellipticity: float,
) -> None:
    """Add the selection response to the responses of the galaxies, in place.

    Parameters
    ----------
    table : dict
        The columns, keyed by their names in the table.
    choice : ColumnChoice
        The chosen columns.
    where : str or None
        The condition on rows.
    arrays : dict
        The columns of the selected rows, keyed by lensmap's column names, in the convention of the
        table. The dict is modified: responses are replaced by new arrays.
    max_ellipticity : float
        The largest modulus of the ellipticity of a usable row.

    Raises
    ------
    ValueError
        If a column of the condition depends on shear, but the table lacks its values with
        artificial shear; or if no response is chosen, but the table has the columns from which the
        response of the ellipticities follows.
    """
    if not _has_responses(choice):
        _refuse_unused(ColumnNames(table), choice)
        return
    response = choice.selection_response
    if response is None:
        sums = selection_sums(table, choice, where, max_ellipticity)
        if sums is None:
            return
        response = selection_response(sums)
    for row, numbers in zip(_RESPONSES, response, strict=True):
        for name, number in zip(row, numbers, strict=True):
            if name in arrays:
                arrays[name] = arrays[name] + arrays[name].dtype.type(number)


def selection_response(sums: np.ndarray) -> np.ndarray:
    """Return the response to a selection, ``(2, 2)``, and log it.

    Parameters
    ----------
    sums : `numpy.ndarray`
        The sums that `selection_sums` returns; those of the parts of a catalog add up.
    """
    response, _ = response_of_versions(sums)
    log.info(
        f"lensmap: the selection response, {response[0, 0]:+.4f} and {response[1, 1]:+.4f}, is "
        "added to the responses of the galaxies; it is measured by selections with artificial shear"
    )
    return response


def selection_sums(
    table: Mapping[str, Any], choice: ColumnChoice, where: str | None, max_ellipticity: float
) -> np.ndarray | None:
    """Sum the ellipticities over the galaxies that are selected with artificial shear.

    Parameters
    ----------
    table, choice, where, max_ellipticity
        As for `add_selection_response`.

    Returns
    -------
    `numpy.ndarray` or None
        The sums of w, w e1 and w e2 for the four artificial shears, ``(1, 4, 3)``. None if the
        selection does not depend on shear.

    Raises
    ------
    ValueError
        If a column of the condition depends on shear, but the table lacks its values with
        artificial shear.
    """
    names = ColumnNames(table)
    substitutes = {
        name: _substitutes(name, names, table[name], choice)
        for name in _columns_of(names, choice, where)
    }
    weight = choice.mapping.get("weight")
    missing = [name for name, found in substitutes.items() if found is None and name != weight]
    if missing:
        _refuse(missing, where)
    responding = {name: found for name, found in substitutes.items() if found}
    return _sums(table, choice, where, responding, max_ellipticity) if responding else None


def _has_responses(choice: ColumnChoice) -> bool:
    return "r11" in choice.mapping or "r22" in choice.mapping


def _columns_of(names: ColumnNames, choice: ColumnChoice, where: str | None) -> list[str]:
    """Return the columns of the table that the condition ``where`` uses, and the weight column.

    The weight column is left out if the table has its derivatives with respect to shear, because
    the responses of the galaxies then include them.
    """
    columns = [] if where is None else RowSelection(where).columns(names.names, choice.mapping)
    weight = choice.mapping.get("weight")
    # Where the weights have derivatives, the responses of the galaxies contain these.
    if weight in names.names and _derivative(weight, 1, names) is None:
        columns.append(weight)
    return list(dict.fromkeys(columns))


def _substitutes(
    name: str, names: ColumnNames, column: Any, choice: ColumnChoice
) -> list[str] | None:
    """Return the column names or expressions that replace a column in each sheared version.

    ``name`` is the name of the column in the table, and ``column`` its values. The list is empty if
    the column does not depend on shear, such as a position. The result is None if the column may
    depend on shear, but the table lacks its values with artificial shear.
    """
    found = [_sheared(name, code, names) for code in range(1, len(VERSIONS))]
    if all(found):
        return [text for text in found if text]
    if name in (choice.mapping.get(ours) for ours in ("ra", "dec", "redshift")):
        return []
    kind = np.asarray(getattr(column, "value", column)).dtype.kind
    return None if kind == "f" or (kind in "iub" and _RESPONDING.search(name)) else []


def _sheared(name: str, code: int, names: ColumnNames) -> str | None:
    """Return the column or expression with the values of a column in one sheared version.

    ``name`` is the name of the column in the table, and ``code`` the index of the version in
    ``VERSIONS``. None if the table has neither the values with this artificial shear nor the
    derivative of the column with respect to shear.
    """
    version = VERSIONS[code]
    stem = _UNSHEARED_SUFFIX.sub("", name)
    texts = [f"{stem}_{version}", f"{stem}_sheared_{version}", f"sheared_{version}_{stem}"]
    texts += [_UNSHEARED_GROUP.sub(rf"\g<1>{new}/", name)
              for new in (version, f"sheared_{version}") if _UNSHEARED_GROUP.search(name)]
    for text in texts:
        found = names.find(text)
        if found is not None:
            return found
    derivative = _derivative(name, 1 if version[0] == "1" else 2, names)
    if derivative is None:
        return None
    sign = "+" if version[1] == "p" else "-"
    return f"`{name}` {sign} {SHEAR_STEP} * `{derivative}`"


def _derivative(name: str, component: int, names: ColumnNames) -> str | None:
    """Return the column with the derivative of a column with respect to shear; None if missing.

    ``name`` is the name of the column in the table, and ``component`` is that of the shear, 1 or 2.
    """
    words = name.split("_")
    texts = [f"{name}_g{component}"] + [
        "_".join([*words[:i], f"d{words[i]}", *words[i + 1:], f"dg{component}"])
        for i in range(len(words))
    ]
    return next((found for text in texts if (found := names.find(text)) is not None), None)


def _refuse_unused(names: ColumnNames, choice: ColumnChoice) -> None:
    """Raise an error if the ellipticities are uncalibrated and their response is not used.

    The error is raised for tables with the columns from which the response can be computed, unless
    the user leaves the response out.
    """
    e1, e2 = choice.mapping["e1"], choice.mapping["e2"]
    if {"r11", "r22"} & choice.left_out:
        return
    derivatives = [_derivative(name, i, names) for i, name in ((1, e1), (2, e2))]
    sheared = [[_sheared(name, code, names) for code in codes]
               for name, codes in ((e1, (1, 2)), (e2, (3, 4)))]
    weight = choice.mapping.get("weight")
    if all(derivatives):
        lines = list(derivatives)
        if weight is not None:
            changes = [_derivative(weight, i, names) for i in (1, 2)]
            if not all(changes):
                raise ParameterError(
                    "columns",
                    f"the derivatives of the weight {shown(weight)!r} with respect to shear",
                    remedy=f"the response of {shown(e1)} and {shown(e2)} follows from their "
                    f"derivatives and from d{shown(weight)}_dg1 and d{shown(weight)}_dg2, which "
                    "are missing; add them to the catalog, leave out the weight by "
                    "{columns={'weight': None}}, or give the mean response, as in {response=0.2}",
                    verb="have",
                )
            lines = [f"{own} + {e} * {change} / {weight}"
                     for own, e, change in zip(derivatives, (e1, e2), changes, strict=True)]
    elif all(all(texts) for texts in sheared):
        lines = [f"({plus} - {minus}) / {2 * SHEAR_STEP}" for plus, minus in sheared]
    else:
        return
    raise ParameterError(
        "columns",
        "the response of the ellipticities",
        remedy=f"{shown(e1)} and {shown(e2)} are not calibrated, but the catalog has what gives "
        f"their response to shear; give {{columns={{'r11': {lines[0]!r}, 'r22': {lines[1]!r}}}}}, "
        "or the mean response, as in {response=0.7}",
        verb="name",
    )


def _refuse(missing: list[str], where: str | None) -> None:
    """Raise the error about a condition whose selection response cannot be measured.

    ``missing`` are the columns in the condition that depend on shear, and whose values with
    artificial shear the table lacks. ``where`` is the condition.
    """
    stems = [_UNSHEARED_SUFFIX.sub("", name) for name in missing]
    wanted = ", ".join(f"{shown(stem)}_{version}" for stem in stems for version in VERSIONS[1:])
    raise ParameterError(
        "where",
        "columns whose values with artificial shear are in the catalog",
        repr(where),
        f"a selection by {', '.join(map(shown, missing))} responds to shear, and the columns that "
        f"give this selection response are missing: {wanted}; add them to the catalog, or give the "
        "mean response with that of the selection, as in {response=0.7}",
        verb="select by",
    )


def _sums(
    table: Mapping[str, Any],
    choice: ColumnChoice,
    where: str | None,
    substitutes: Mapping[str, list[str]],
    max_ellipticity: float,
) -> np.ndarray:
    """Return the sums of w, w e1 and w e2 over the selection in each version, ``(1, 4, 3)``.

    The four selections use the values of the columns with artificial shear; the ellipticities are
    those without artificial shear. ``substitutes`` has the columns or expressions of the four
    versions, keyed by the column that they replace.
    """
    mapping = {name: choice.mapping[name] for name in ("ra", "dec", "e1", "e2")}
    arrays, masked = load_columns(table, mapping, None, {})
    good, _ = usable_rows(arrays, masked, max_ellipticity, mapping)
    good = np.ones(len(arrays["ra"]), dtype=bool) if good is None else good
    weight = choice.mapping.get("weight")
    sums = np.zeros((1, len(VERSIONS) - 1, 3))
    for code in range(UNSHEARED + 1, len(VERSIONS)):
        sheared = dict(table) | {
            name: computed_column(table, texts[code - 1]) for name, texts in substitutes.items()
        }
        rows = good.copy()
        if where is not None:
            rows &= RowSelection(where).rows(sheared, choice.mapping)[0]
        w = np.ones(len(rows))
        if weight is not None:
            w, bad = column_values(computed_column(sheared, weight), "weight", weight)
            rows &= np.isfinite(w) & (w >= 0) & (True if bad is None else ~bad)
        w = w[rows]
        sums[0, code - 1] = [np.sum(w, dtype=float)] + [
            np.sum(w * arrays[name][rows], dtype=float) for name in ("e1", "e2")
        ]
    return sums

# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Selection of the rows of a catalog that have usable values in all columns."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lensmap.catalog._names import shown
from lensmap.catalog._ranges import PLACEHOLDERS, RANGES, TOLERANCE, UPPER_PLACEHOLDERS, Range
from lensmap.utils import ParameterError

__all__ = ["check_weights", "usable_rows", "without_bad_redshifts"]

# Squares of the weights must neither overflow nor underflow: weights of single precision beyond
# these limits are converted to double precision, and others of double precision are refused.
_SINGLE_LIMITS = (1e-12, 1e12)
_DOUBLE_LIMITS = (1e-100, 1e100)

_HIGHEST_PLACEHOLDER = max(PLACEHOLDERS)

# Rows that are searched at once, few enough for the cache of the processor.
_CHUNK = 100_000

# A column with more implausible values than both of these limits holds another quantity than its
# name suggests.
_MAX_IMPLAUSIBLE_FRACTION, _MAX_IMPLAUSIBLE_VALUES = 0.5, 50


class _Rows:
    """The usable rows of a catalog, and the number of unusable rows for each cause.

    ``good`` is True for usable rows, bool, ``(n,)``, or None while all rows are usable. ``causes``
    is a dict from each cause to a number of rows.
    """

    def __init__(self, n_rows: int) -> None:
        self.good: np.ndarray | None = None
        self.causes: dict[str, int] = {}
        self._n_rows = n_rows

    def leave_out(self, bad: np.ndarray, cause: str) -> int:
        """Mark rows as unusable, and count them under a cause.

        ``bad`` is True for the rows to mark, bool, ``(n,)``. Return the number of these rows that
        were usable before.
        """
        if self.good is None:
            self.good = np.ones(self._n_rows, dtype=bool)
        bad = bad & self.good
        count = int(np.count_nonzero(bad))
        if count:
            self.causes[cause] = self.causes.get(cause, 0) + count
            self.good &= ~bad
        return count


def usable_rows(
    columns: dict[str, np.ndarray],
    masked: dict[str, np.ndarray],
    max_ellipticity: float,
    names: Mapping[str, str] | None = None,
) -> tuple[np.ndarray | None, dict[str, int]]:
    """Select the usable rows, and count the unusable rows by cause.

    Parameters
    ----------
    columns : dict
        The columns, arrays ``(n,)``, keyed by lensmap's column names. Ra and dec are in degrees.
    masked : dict
        Boolean arrays ``(n,)``, True where the table has no value, keyed by lensmap's column names.
    max_ellipticity : float
        The largest modulus of the ellipticity of a usable row.
    names : dict or None
        The table's column names, keyed by lensmap's column names, for error messages. None uses
        lensmap's names.

    Returns
    -------
    good : `numpy.ndarray` or None
        True for usable rows, bool, ``(n,)``. None if all rows are usable, so that the catalog
        need not be copied.
    left_out : dict
        The number of unusable rows for each cause. A row with several causes counts only under
        the first.

    Raises
    ------
    ValueError
        If most values of an optional column are not plausible.
    """
    rows = _Rows(len(columns["ra"]))
    largest = {}
    for name, values in columns.items():
        if name == "redshift":
            continue  # a map needs no redshift, so a galaxy without one is usable
        if name in masked:
            rows.leave_out(~np.isfinite(values) | masked[name], f"{name} not finite")
        lowest, highest = _extremes(values)  # NaN if there is a NaN
        if not (np.isfinite(lowest) and np.isfinite(highest)):
            finite = np.isfinite(values)
            rows.leave_out(~finite, f"{name} not finite")
            lowest, highest = _finite_extremes(values)
        largest[name] = max(-lowest, highest)
        if lowest <= highest and not _is_plausible(name, lowest, highest):
            _leave_out_implausible(rows, name, values, names or {})
    if not np.hypot(largest["e1"], largest["e2"]) <= max_ellipticity:
        modulus_squared = np.square(columns["e1"], dtype=float)
        modulus_squared += np.square(columns["e2"], dtype=float)
        # Comparisons with NaN are False, so rows with NaN, counted above, are not counted again.
        with np.errstate(invalid="ignore"):
            rows.leave_out(modulus_squared > max_ellipticity**2, f"|e| above {max_ellipticity:g}")
    return (rows.good if rows.causes else None), rows.causes


def _is_plausible(name: str, lowest: float, highest: float) -> bool:
    """Return whether all values of a column are plausible, given its lowest and highest value."""
    allowed = RANGES[name]
    if name != "ra" and not lowest > _HIGHEST_PLACEHOLDER:
        return False  # in the range of some columns, but a placeholder nevertheless
    return bool(allowed.contains(np.array([lowest, highest])).all())


def _leave_out_implausible(
    rows: _Rows, name: str, values: np.ndarray, names: Mapping[str, str]
) -> None:
    """Mark rows as unusable whose value in a column is not plausible.

    Such a value is a placeholder for a missing value, such as -99, or outside the range that is
    plausible for the column. ``name`` is lensmap's name of the column, and ``names`` has the
    table's column names, keyed by lensmap's names.
    """
    allowed = RANGES[name]
    if values.dtype.itemsize < 4:  # half precision does not hold all placeholders
        values = values.astype(np.float32)
    finite = np.isfinite(values)
    bad = ~allowed.contains(values) & finite
    # Right ascensions from -180 to 180 deg have -99 among them.
    placeholders = bad if name == "ra" else values <= _HIGHEST_PLACEHOLDER
    for number in _placeholders_among(values[(bad | placeholders) & finite]):
        found = np.isclose(values, number, rtol=TOLERANCE, atol=0.0)
        rows.leave_out(found, f"{name} is {number:g} (placeholder)")
        bad &= ~found
    if bad.any():
        _check_meaning(name, values, bad, allowed, names)
        negative = allowed.low == 0.0 and bool((values[bad] < 0.0).all())
        cause = f"negative {name}" if negative else f"{name} outside {allowed.text()}"
        rows.leave_out(bad, allowed.cause or cause)


def _placeholders_among(values: np.ndarray) -> list[float]:
    """Return the known placeholders for missing values, such as -99, that occur in ``values``."""
    return [
        number for number in PLACEHOLDERS + UPPER_PLACEHOLDERS
        if np.isclose(values, number, rtol=TOLERANCE, atol=0.0).any()
    ]


def _check_meaning(
    name: str, values: np.ndarray, bad: np.ndarray, allowed: Range, names: Mapping[str, str]
) -> None:
    """Raise an error if most values of an optional column are not plausible.

    The column then holds another quantity than its name says. ``name`` is lensmap's name of the
    column, ``bad`` is True for implausible values, ``allowed`` is the plausible range, and
    ``names`` has the table's column names, keyed by lensmap's names.
    """
    n_bad = int(np.count_nonzero(bad))
    limit = max(_MAX_IMPLAUSIBLE_FRACTION * len(values), _MAX_IMPLAUSIBLE_VALUES)
    if name in ("ra", "dec", "e1", "e2", "weight") or n_bad <= limit:
        return
    theirs = shown(names.get(name, name))
    low, high = np.min(values[bad]), np.max(values[bad])
    raise ParameterError(
        "columns",
        f"a column with values in {allowed.text()} for {name!r}",
        repr(theirs),
        f"{n_bad} of {len(values)} values are outside, and range from {low:.4g} to {high:.4g}; if "
        f"the column holds another quantity, leave it out by {{columns={{{name!r}: None}}}}",
        verb="name",
    )


def without_bad_redshifts(
    redshift: np.ndarray, masked: np.ndarray | None
) -> tuple[np.ndarray, int]:
    """Replace redshifts that are missing, placeholders or not plausible by NaN.

    Parameters
    ----------
    redshift : `numpy.ndarray`
        The redshifts, ``(n,)``.
    masked : `numpy.ndarray` or None
        True where the table has no value, bool, ``(n,)``.

    Returns
    -------
    redshift : `numpy.ndarray`
        The redshifts, ``(n,)``, NaN for galaxies without a redshift.
    n_implausible : int
        The number of redshifts that are placeholders for missing values or not plausible.
    """
    allowed = RANGES["redshift"]
    lowest, highest = _extremes(redshift)
    if masked is None and lowest > allowed.low and highest < allowed.high:
        return redshift, 0
    implausible = ~allowed.contains(redshift) & ~np.isnan(redshift)
    if masked is not None:
        implausible &= ~masked
    bad = implausible if masked is None else implausible | masked
    if not bad.any():
        return redshift, 0
    missing = redshift.dtype.type(np.nan)
    return np.where(bad, missing, redshift), int(np.count_nonzero(implausible))


def check_weights(weight: np.ndarray) -> np.ndarray:
    """Return weights whose squares neither overflow nor underflow.

    Only relative weights matter, so weights may be of any size that double precision holds.

    Parameters
    ----------
    weight : `numpy.ndarray`
        The weights of the usable rows, ``(n,)``, not negative.

    Returns
    -------
    `numpy.ndarray`
        The weights; in double precision if single precision does not hold their squares.

    Raises
    ------
    ValueError
        If double precision does not hold the squares of the weights.
    """
    highest = _extremes(weight)[1]
    if not highest > 0.0:
        return weight
    low, high = _DOUBLE_LIMITS
    if not low <= highest <= high:
        raise ParameterError(
            "weight", f"a maximum from {low:g} to {high:g}", f"{highest:.3g}",
            "only relative weights matter, so rescale the column in the table", verb="have",
        )
    low, high = _SINGLE_LIMITS
    if weight.dtype.itemsize < 8 and not low <= highest <= high:
        return weight.astype(float)
    return weight.astype(np.float32) if weight.dtype.itemsize < 4 else weight


def _extremes(values: np.ndarray) -> tuple[float, float]:
    """Return the lowest and the highest value; both are NaN if there is a NaN or no value."""
    if len(values) == 0:
        return np.nan, np.nan
    return float(values.min()), float(values.max())


def _finite_extremes(values: np.ndarray) -> tuple[float, float]:
    """Return the lowest and the highest finite value; inf and -inf if there is none."""
    low, high = np.inf, -np.inf
    for start in range(0, len(values), _CHUNK):
        chunk = values[start:start + _CHUNK]
        chunk = chunk[np.isfinite(chunk)]
        if len(chunk):
            low, high = min(low, float(chunk.min())), max(high, float(chunk.max()))
    return low, high

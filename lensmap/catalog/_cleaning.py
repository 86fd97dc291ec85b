# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Selection of the usable rows of a catalog."""

import numpy as np

__all__ = ["usable_rows"]


def usable_rows(
    columns: dict[str, np.ndarray], masked: dict[str, np.ndarray], max_ellipticity: float
) -> tuple[np.ndarray | None, dict[str, int]]:
    """Select the usable rows, and count the unusable rows by cause.

    Parameters
    ----------
    columns : dict
        The columns by lensmap's names, arrays ``(n,)``. Ra and dec are in degrees.
    masked : dict
        Boolean arrays ``(n,)`` by lensmap's column names, True where the table has no value.
    max_ellipticity : float
        The largest modulus of the ellipticity of a usable row.

    Returns
    -------
    good : `numpy.ndarray` or None
        True for usable rows, bool, ``(n,)``. None if all rows are usable, so that the catalog
        need not be copied.
    left_out : dict
        The number of unusable rows for each cause. A row with several causes counts only under
        the first.
    """
    good = np.ones(len(columns["ra"]), dtype=bool)
    left_out: dict[str, int] = {}

    def leave_out(bad: np.ndarray, cause: str) -> None:
        bad &= good
        count = int(np.count_nonzero(bad))
        if count:
            left_out[cause] = count
            good[...] &= ~bad

    for name, values in columns.items():
        if name == "redshift":
            continue  # a map needs no redshift, so a galaxy without one is usable
        bad = ~np.isfinite(values)
        if name in masked:
            bad |= masked[name]
        leave_out(bad, f"{name} not finite")
    # Comparisons with NaN are False, so rows with NaN, counted above, are not counted again.
    with np.errstate(invalid="ignore"):
        leave_out(np.abs(columns["dec"]) > 90.0, "dec outside -90..90 deg")
        leave_out((columns["ra"] < -360.0) | (columns["ra"] > 720.0), "ra outside -360..720 deg")
        if "weight" in columns:
            leave_out(columns["weight"] < 0.0, "negative weight")
        for name in ("sigma_m", "sigma_e"):
            if name in columns:
                leave_out(columns[name] < 0.0, f"negative {name}")
        modulus_squared = np.square(columns["e1"], dtype=float)
        modulus_squared += np.square(columns["e2"], dtype=float)
        leave_out(modulus_squared > max_ellipticity**2, f"|e| above {max_ellipticity:g}")
    return (good if left_out else None), left_out

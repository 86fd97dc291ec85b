# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Which rows of a catalog can be used."""

import numpy as np

__all__ = ["usable_rows"]


def usable_rows(columns, masked, max_ellipticity):
    """Find the rows that can be used, and count why the others cannot.

    Parameters
    ----------
    columns : dict
        From lensmap's column names to arrays of one length; ra and dec in degrees.
    masked : dict
        From column names to boolean arrays that are True where the table has no value.
    max_ellipticity : float
        Rows with a larger modulus of the ellipticity are left out.

    Returns
    -------
    good : `numpy.ndarray` or None
        Bool, one per row; None if all rows are good, which saves a copy of the catalog.
    left_out : dict
        From the cause to the number of rows; each row is counted under its first cause only.
    """
    good = np.ones(len(columns["ra"]), dtype=bool)
    left_out = {}

    def leave_out(bad, cause):
        bad &= good
        count = int(np.count_nonzero(bad))
        if count:
            left_out[cause] = count
            good[...] &= ~bad

    for name, values in columns.items():
        if name == "redshift":
            continue  # a map needs none; what does need it will ask
        bad = ~np.isfinite(values)
        if name in masked:
            bad |= masked[name]
        leave_out(bad, f"{name} not finite")
    # NaN compares as False and was counted above.
    with np.errstate(invalid="ignore"):
        leave_out(np.abs(columns["dec"]) > 90.0, "dec outside -90..90 deg")
        leave_out((columns["ra"] < -360.0) | (columns["ra"] > 720.0), "ra outside -360..720 deg")
        if "weight" in columns:
            leave_out(columns["weight"] < 0.0, "negative weight")
        for name in ("sigma_m", "sigma_e"):
            if name in columns:
                leave_out(columns[name] < 0.0, f"negative {name}")
        modulus = np.square(columns["e1"], dtype=float)
        modulus += np.square(columns["e2"], dtype=float)
        leave_out(modulus > max_ellipticity**2, f"|e| above {max_ellipticity:g}")
    return (good if left_out else None), left_out

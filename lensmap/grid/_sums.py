# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The sums over galaxies that a `ShearGrid` holds, each array made once and added to in place."""

import numpy as np

from lensmap.utils import check_choice

__all__ = ["EXTRA_SUMS", "SUMS", "add_galaxies", "columns_there", "empty_extra_sums", "empty_sums"]

#: The arrays of a `ShearGrid`.
SUMS = ("sum_we", "sum_w", "sum_w2", "sum_wc", "sum_w2v_m", "sum_w2v_e", "count")

#: The arrays that a `ShearGrid` has on request: the values that are summed, of squared weights.
EXTRA_SUMS = {
    # The squared modulus of the ellipticity, not calibrated: with sum_we it gives the scatter.
    "sum_w2e2": lambda assignment: np.square(np.abs(assignment.shear), dtype=float),
}


def columns_there(assignment):
    """Say which of the sums there are for the columns of a catalog.

    Parameters
    ----------
    assignment : PixelAssignment
        Of its galaxies.

    Returns
    -------
    dict
        From the names of sums that are not there without a column to bool.
    """
    catalog = assignment.catalog
    return {
        "sum_wc": catalog["c1"] is not None or catalog["c2"] is not None,
        "sum_w2v_m": catalog["sigma_m"] is not None,
        "sum_w2v_e": catalog["sigma_e"] is not None,
    }


def empty_sums(assignment):
    """Return the arrays of a grid without galaxies.

    Parameters
    ----------
    assignment : PixelAssignment
        Of galaxies with the same columns.

    Returns
    -------
    dict
        From the names in `SUMS` to arrays of zeros, ``(ny, nx)``, or None.
    """
    shape, there = assignment.shape, columns_there(assignment)
    types = {"sum_we": complex, "sum_wc": complex, "count": np.int64}
    return {
        name: np.zeros(shape, types.get(name, float)) if there.get(name, True) else None
        for name in SUMS
    }


def empty_extra_sums(assignment, names):
    """Return the arrays of `EXTRA_SUMS` of a grid without galaxies.

    Parameters
    ----------
    assignment : PixelAssignment
        The galaxies to be added.
    names : sequence of str
        Some of `EXTRA_SUMS`.

    Returns
    -------
    dict
        From names to arrays of zeros, ``(ny, nx)``.

    Raises
    ------
    ValueError
        If there is no such sum.
    """
    return {
        check_choice(name, "extra_sums", tuple(EXTRA_SUMS)): np.zeros(assignment.shape)
        for name in names
    }


def add_galaxies(assignment, arrays, extra):
    """Add galaxies to the sums, in place.

    Parameters
    ----------
    assignment : PixelAssignment
        The galaxies and their pixels.
    arrays, extra : dict
        As of `empty_sums` and `empty_extra_sums`.
    """
    w = assignment.weight
    square_w = None if w is None else np.square(w, dtype=float)

    def weighted(values, weight):
        return values if weight is None else values * weight

    ones = np.ones(len(assignment.pixel)) if w is None else None
    sums = [
        (arrays["sum_we"].real, weighted(assignment.shear.real, w)),
        (arrays["sum_we"].imag, weighted(assignment.shear.imag, w)),
        (arrays["sum_w"], ones if w is None else w),
    ]
    c = _additive(assignment)
    if c is not None:
        sums += [
            (arrays["sum_wc"].real, weighted(c.real, w)),
            (arrays["sum_wc"].imag, weighted(c.imag, w)),
        ]
    squares = [(arrays["sum_w2"], ones if w is None else square_w)]
    for ours, name in (("sum_w2v_m", "sigma_m"), ("sum_w2v_e", "sigma_e")):
        values = assignment.column(name)
        if values is not None:
            squares.append((arrays[ours], weighted(np.square(values, dtype=float), square_w)))
    squares += [
        (array, weighted(EXTRA_SUMS[name](assignment), square_w)) for name, array in extra.items()
    ]
    for power, pairs in ((1, sums), (2, squares)):
        onto, columns = zip(*pairs, strict=True)
        assignment.sums(*columns, power=power, onto=onto)
    assignment.add_counts(arrays["count"])


def _additive(assignment):
    """Return the additive bias of the galaxies in the pixel basis, None if there is none."""
    c1, c2 = assignment.column("c1"), assignment.column("c2")
    if c1 is None and c2 is None:
        return None
    zeros = np.zeros(len(assignment.pixel), dtype=np.float32)
    return assignment.to_pixel_basis(zeros if c1 is None else c1, zeros if c2 is None else c2)

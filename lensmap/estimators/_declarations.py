# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Declared uncertainties of an estimator, and the arrays that an inversion returns."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np

__all__ = ["ROTATIONS", "Inversion", "Uncertainty"]


class Uncertainty(NamedTuple):
    """One kind of uncertainty that an estimator can give.

    Attributes
    ----------
    name : str
        The value of the parameter ``uncertainty`` that selects it.
    meaning : {"noise", "total"}
        ``"noise"``: the scatter about the filtered truth; ``"total"``: the error about the truth.
        The map keeps it as ``meta["uncertainty"]``.
    with_map : bool
        True: `Estimator.invert` returns it with the map. False: it is the root mean square of
        `Estimator.noise` over ``n_realizations`` realizations.
    from_galaxies : bool
        Whether the realizations are inversions of randomly rotated galaxies, so that a
        `~lensmap.ShearGrid`, which has no galaxies, is not enough.
    """

    name: str
    meaning: Literal["noise", "total"]
    with_map: bool = False
    from_galaxies: bool = False


#: The scatter of maps of randomly rotated galaxies, which every estimator has.
ROTATIONS = Uncertainty("rotations", "noise", from_galaxies=True)


class Inversion(NamedTuple):
    """The result of an inversion: arrays on the pixels of the grid.

    Attributes
    ----------
    kappa : `numpy.ndarray`
        The convergence, ``(ny, nx)``.
    kappa_b : `numpy.ndarray` or None
        The B-mode in the pixel basis, ``(ny, nx)``; None if the method has none.
    unsupported : `numpy.ndarray` or None
        Bool, ``(ny, nx)``: the pixels without galaxies near them, which the map masks; None masks
        none.
    inpainted : `numpy.ndarray` or None
        Bool, ``(ny, nx)``: the masked pixels that the method inpaints well, which
        ``fill_holes=True`` unmasks; None unmasks none.
    uncertainty : `numpy.ndarray` or None
        The uncertainty, ``(ny, nx)``, where the chosen one comes with the map; else None.
    meta : mapping or None
        Facts for the ``meta`` of the map, of types that FITS and JSON can hold; None adds none.
    """

    kappa: np.ndarray
    kappa_b: np.ndarray | None = None
    unsupported: np.ndarray | None = None
    inpainted: np.ndarray | None = None
    uncertainty: np.ndarray | None = None
    meta: Mapping[str, object] | None = None

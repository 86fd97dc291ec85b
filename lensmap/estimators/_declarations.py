# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Declared uncertainties of an estimator, and the arrays that an inversion returns."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np

__all__ = ["POSTERIOR", "ROTATIONS", "Inversion", "Uncertainty"]


class Uncertainty(NamedTuple):
    """One kind of uncertainty that an estimator offers.

    Attributes
    ----------
    name : str
        The value of the parameter ``uncertainty`` that selects this kind.
    meaning : {"noise", "total"}
        The error that the uncertainty describes. ``"noise"`` is the scatter of the map about the
        true convergence as filtered by the method. ``"total"`` is the error with respect to the
        true convergence itself. The word is stored in the map as ``meta["uncertainty"]``.
    with_map : bool
        If True, `Estimator.invert` returns the uncertainty with the map. If False, the uncertainty
        is the root mean square of `Estimator.noise` over ``n_realizations`` realizations.
    from_galaxies : bool
        Whether the realizations are inversions of randomly rotated galaxies. They require a
        catalog, because a `~lensmap.ShearGrid` has no single galaxies.
    """

    name: str
    meaning: Literal["noise", "total"]
    with_map: bool = False
    from_galaxies: bool = False


#: The scatter of maps of randomly rotated galaxies, which every estimator offers.
ROTATIONS = Uncertainty("rotations", "noise", from_galaxies=True)

#: The scatter of samples of the posterior about the map, which estimators with a prior offer.
POSTERIOR = Uncertainty("posterior", "total")


class Inversion(NamedTuple):
    """The result of an inversion: arrays on the pixels of the grid.

    Attributes
    ----------
    kappa : `numpy.ndarray`
        The convergence, ``(ny, nx)``.
    kappa_b : `numpy.ndarray` or None
        The B-mode in the basis of the pixel axes, ``(ny, nx)``. None if the method has no B-mode.
    unsupported : `numpy.ndarray` or None
        True for pixels without galaxies near them, bool, ``(ny, nx)``. These pixels are masked in
        the map. None masks no further pixels.
    inpainted : `numpy.ndarray` or None
        True for masked pixels that the method inpaints well, bool, ``(ny, nx)``. With
        ``fill_holes=True``, these pixels are unmasked. None unmasks no pixels.
    uncertainty : `numpy.ndarray` or None
        The uncertainty, ``(ny, nx)``. None unless the chosen kind of uncertainty is declared with
        ``with_map=True``.
    meta : mapping or None
        Entries to add to the ``meta`` of the map, of types that FITS and JSON can hold. None adds
        no entries.
    """

    kappa: np.ndarray
    kappa_b: np.ndarray | None = None
    unsupported: np.ndarray | None = None
    inpainted: np.ndarray | None = None
    uncertainty: np.ndarray | None = None
    meta: Mapping[str, object] | None = None

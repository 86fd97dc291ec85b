# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`Contract`: what the laws of `lensmap.testing.check_estimator` need to know of an estimator."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from lensmap.estimators._base import Estimator

#: Estimator, multipoles along x and y, pixel side and density to a transfer function.
Response: TypeAlias = "Callable[[Estimator, np.ndarray, np.ndarray, float, float], np.ndarray]"

__all__ = ["Contract"]


@dataclass(frozen=True)
class Contract:
    """What the laws of the contract suite need to know of an estimator.

    Laws for which a class declares nothing are skipped, and `lensmap.testing.check_estimator` says
    so. Each mapping holds parameters that are added to ``settings`` for some of the laws.

    Attributes
    ----------
    settings : mapping
        Parameters for all laws, such as a given noise, of which the map is then linear.
    symmetric : mapping
        Parameters with which mirrored and rotated skies give mirrored and rotated maps.
    noiseless : mapping
        Parameters for galaxies without shape noise.
    periodic : mapping or None
        Parameters that take the field as periodic; None: the method cannot.
    outside : {"zero", "open"} or None
        What the method takes for the shear beyond the data: zero, or unknown; None: not declared.
    aperture : mapping
        Where ``outside`` is ``"zero"``, parameters that pad the field with zeros to four times its
        side and smooth by half an arcminute at most.
    response : callable or None
        The transfer function of the method for noise-free galaxies, or None where it is not known
        in closed form. ``response(estimator, ell_x, ell_y, pixel_scale, density)`` gets multipoles
        along the axes (`numpy.ndarray`, radian^-1), the side of a pixel (radian) and the number of
        galaxies per steradian, and returns the amplitude of the map over that of the truth.
    zero_bound : float
        The largest absolute value of a map of galaxies with zero shear.
    tolerance : float
        The largest difference of two maps that are the same to rounding, for shears of order 0.3.
    """

    settings: Mapping[str, object] = field(default_factory=dict)
    symmetric: Mapping[str, object] = field(default_factory=dict)
    noiseless: Mapping[str, object] = field(default_factory=dict)
    periodic: Mapping[str, object] | None = None
    outside: Literal["zero", "open"] | None = None
    aperture: Mapping[str, object] = field(default_factory=dict)
    response: "Response | None" = None
    zero_bound: float = 0.0
    tolerance: float = 2e-7

# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`Contract`: declared properties of an estimator, for `lensmap.testing.check_estimator`."""

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
    """Declared properties of an estimator, for the laws of the contract suite.

    `lensmap.testing.check_estimator` reports laws as skipped if the class does not declare the
    property that they test. The mappings hold parameters that are added to ``settings`` for some
    of the laws.

    Attributes
    ----------
    settings : mapping
        Parameters for all laws, such as a fixed noise level, which makes the map linear.
    symmetric : mapping
        Parameters with which mirrored and rotated skies give mirrored and rotated maps.
    noiseless : mapping
        Parameters for galaxies without shape noise.
    periodic : mapping or None
        Parameters for a periodic field; None if the method does not support one.
    outside : {"zero", "open"} or None
        The assumed shear outside the data: zero, or unknown (``"open"``); None declares nothing.
    aperture : mapping
        Parameters for ``outside="zero"`` that pad the field with zeros to four times its side, and
        smooth by at most half an arcminute.
    response : callable or None
        The transfer function of the method for noise-free galaxies; None if it has no closed form.
        ``response(estimator, ell_x, ell_y, pixel_scale, density)`` takes multipoles along the axes
        (`numpy.ndarray`, radian^-1), the side of a pixel (radian) and the number of galaxies per
        steradian, and returns the amplitude of the map divided by that of the true convergence.
    zero_bound : float
        The largest absolute value of a map of galaxies with zero shear.
    tolerance : float
        The largest difference of two maps that are equal up to rounding, for shears of order 0.3.
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

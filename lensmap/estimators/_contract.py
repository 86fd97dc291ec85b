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
    """Declared properties of an estimator, which the contract suite tests.

    The suite, `lensmap.testing.check_estimator`, consists of laws, each of which tests one
    property. If the class does not declare the property, the law is reported as skipped. The
    attributes that are mappings hold parameters of the estimator. Those other than ``settings``
    apply to some of the laws only, in addition to ``settings``.

    Attributes
    ----------
    settings : mapping
        Parameters of the estimator for all laws, such as a fixed noise level, which makes the map
        linear.
    symmetric : mapping
        Parameters with which mirrored and rotated fields give mirrored and rotated maps.
    noiseless : mapping
        Parameters for laws with galaxies without shape noise.
    periodic : mapping or None
        Parameters for laws with a periodic field. None if the method does not support periodic
        fields.
    outside : {"zero", "open"} or None
        The shear that the method assumes outside the data: zero (``"zero"``) or unknown
        (``"open"``). None declares nothing.
    aperture : mapping
        Parameters for the test of ``outside="zero"`` with aperture masses. They must pad the field
        with zeros to four times its side, and smooth by at most half an arcminute.
    response : callable or None
        The transfer function of the method for noise-free galaxies. None if it has no closed form.
        ``response(estimator, ell_x, ell_y, pixel_scale, density)`` takes the multipoles along the
        axes (`numpy.ndarray`, radian^-1), the side of a pixel (radian) and the number of galaxies
        per steradian. It returns the amplitude of the map divided by that of the true convergence.
    zero_bound : float
        The largest allowed absolute value of a map of galaxies with zero shear.
    tolerance : float
        The largest allowed difference between two maps that should be equal up to rounding errors,
        for shears of order 0.3.
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

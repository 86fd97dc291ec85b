# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The kinds of network input, whose channels are computed from a binned catalog."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lensmap.flatsky import normalized_smooth
from lensmap.networks._multiscale_inputs import MULTISCALE_CHANNELS, multiscale_inputs
from lensmap.utils import MapWarning, warn_user

if TYPE_CHECKING:
    from lensmap.grid import ShearGrid

__all__ = ["INPUTS", "MEASUREMENT_ERROR", "InputKind", "GridArrays"]

#: The name of the input channel that holds the measurement error of the shear.
MEASUREMENT_ERROR = "measurement error"

# The measurement error per component assumed for catalogs without sigma_m: the rms, weighted by the
# inverse variance, of the measurement errors of Subaru/HSC galaxies down to 24.5 mag.
_ASSUMED_ERROR = 0.055

# The Gaussian smoothing of the inputs of `h21like`, after Hong et al. 2021.
_SMOOTHING_PIXELS = 1.0


@dataclass(frozen=True)
class GridArrays:
    """The arrays from which network inputs are computed, from a binned or a simulated catalog.

    Attributes
    ----------
    shear : `numpy.ndarray`
        The weighted mean reduced shear in the basis of the pixel axes, complex, ``(ny, nx)``; 0 in
        pixels without galaxies.
    inverse_variance : `numpy.ndarray`
        The inverse variance of the mean shear per component, ``(ny, nx)``; 0 in pixels without
        galaxies.
    measurement_error : `numpy.ndarray` or None
        The weighted rms measurement error of the shear per component in each pixel, ``(ny, nx)``;
        0 in pixels without galaxies. None if the measurement errors are unknown.
    pixel_scale : float
        The pixel scale, arcmin.
    """

    shear: np.ndarray
    inverse_variance: np.ndarray
    measurement_error: np.ndarray | None
    pixel_scale: float

    @classmethod
    def from_grid(cls, grid: "ShearGrid") -> "GridArrays":
        """Compute the arrays from a grid of binned shear.

        Parameters
        ----------
        grid : `lensmap.grid.ShearGrid`
            The binned reduced shear.

        Returns
        -------
        GridArrays
            The arrays for the grid.
        """
        sigma = grid.sigma
        inverse_variance = np.zeros(grid.shape, dtype=np.float32)
        has_galaxies = np.isfinite(sigma)
        np.divide(1.0, sigma**2, out=inverse_variance, where=has_galaxies, casting="same_kind")
        error = grid.measurement_error
        error = None if error is None else error.astype(np.float32)
        scale = float(grid.pixel_frame.scale.to_value("arcmin"))
        return cls(grid.shear, inverse_variance, error, scale)


@dataclass(frozen=True)
class InputKind:
    """A kind of network input: its channels and their symmetries.

    Attributes
    ----------
    make : callable
        The function that computes the input from ``GridArrays``. It returns the channels, float32
        ``(ny, nx, n)``, and the unit of the network's output, a number or an array ``(ny, nx)``.
    channels : tuple of str
        The names of the channels.
    quarter, mirror : `numpy.ndarray`
        The factor, 1 or -1, that multiplies each channel if the field is rotated by 90 degrees from
        +x to +y (``quarter``) or mirrored in x (``mirror``), ``(n,)``.
    extended : `numpy.ndarray`
        Whether padding beyond the field repeats the edge values of a channel, bool, ``(n,)``. The
        other channels are padded with 0.
    """

    make: Callable[[GridArrays], tuple[np.ndarray, float | np.ndarray]]
    channels: tuple[str, ...]
    quarter: np.ndarray
    mirror: np.ndarray
    extended: np.ndarray

    @property
    def signs(self) -> tuple[np.ndarray, np.ndarray]:
        """The factors of the channels under a quarter turn and under a reflection, ``(n,)`` each.

        The factors are the attributes ``quarter`` and ``mirror``. `apply_symmetry` takes them as
        its parameter ``signs``.
        """
        return self.quarter, self.mirror


def _multiscale(arrays):
    return multiscale_inputs(arrays.shear, arrays.inverse_variance, arrays.pixel_scale)


def _measurement_error(arrays):
    """Return the measurement error of the shear per component in each pixel, ``(ny, nx)``.

    If the measurement errors are unknown, a warning is given, and a typical value is used in all
    pixels with galaxies.
    """
    if arrays.measurement_error is not None:
        return arrays.measurement_error.astype(np.float32, copy=False)
    warn_user(
        "the network needs the measurement errors of the ellipticities, but the catalog has no "
        f"column sigma_m: {_ASSUMED_ERROR}, the value of Subaru/HSC, is assumed for all galaxies",
        MapWarning,
        "measurement_error_assumed",
        "sigma_m",
    )
    return np.where(arrays.inverse_variance > 0, np.float32(_ASSUMED_ERROR), 0)


def _paper(arrays):
    """Return the input channels g1, g2 and measurement error, and the unit of the output.

    The channels, ``(ny, nx, 3)``, are weighted means over the galaxies of each pixel, without
    smoothing (Cha et al. 2025, sec. 2.3). They are 0 in pixels without galaxies. The unit is 1,
    because the output of the network is kappa itself.
    """
    shear = arrays.shear
    return np.stack([shear.real, shear.imag, _measurement_error(arrays)], -1, dtype=np.float32), 1.0


def _smoothed(arrays):
    """Return smoothed input channels g1, g2 and measurement error, and the unit of the output.

    The channels, ``(ny, nx, 3)``, are smoothed to fill empty pixels (Hong et al. 2021). All pixels
    with galaxies have the same weight in the smoothing. The unit is 1, because the output of the
    network is kappa itself.
    """
    has_galaxies = (arrays.inverse_variance > 0).astype(np.float32)
    shear, _ = normalized_smooth(
        (has_galaxies * arrays.shear).astype(np.complex64), has_galaxies, _SMOOTHING_PIXELS
    )
    error, _ = normalized_smooth(
        has_galaxies * _measurement_error(arrays), has_galaxies, _SMOOTHING_PIXELS
    )
    return np.stack([shear.real, shear.imag, error], -1, dtype=np.float32), 1.0


def _starts_with(names, *starts):
    return np.array([name.startswith(starts) for name in names])


_PAPER_CHANNELS = ("g1", "g2", MEASUREMENT_ERROR)
_PAPER_SIGNS = (np.array([-1, -1, 1]), np.array([1, -1, 1]), np.zeros(3, dtype=bool))

#: The kinds of network input by name.
INPUTS = {
    "multiscale": InputKind(
        _multiscale,
        MULTISCALE_CHANNELS,
        np.ones(len(MULTISCALE_CHANNELS), dtype=int),
        np.where(_starts_with(MULTISCALE_CHANNELS, "B"), -1, 1),
        _starts_with(MULTISCALE_CHANNELS, "log", "gain"),
    ),
    "paper": InputKind(_paper, _PAPER_CHANNELS, *_PAPER_SIGNS),
    "smoothed": InputKind(_smoothed, _PAPER_CHANNELS, *_PAPER_SIGNS),
}

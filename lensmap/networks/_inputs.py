# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The kinds of network input: channels from a binned catalog."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lensmap.flatsky import normalized_smooth
from lensmap.networks._multiscale_inputs import MULTISCALE_CHANNELS, multiscale_inputs
from lensmap.utils import MapWarning, warn_user

if TYPE_CHECKING:
    from lensmap.grid import ShearGrid

__all__ = ["INPUTS", "InputKind", "GridArrays"]

# The measurement error per component assumed for catalogs without sigma_m: the rms of Subaru/HSC
# down to 24.5 mag, weighted by the inverse variance.
_ASSUMED_ERROR = 0.055

# The smoothing of the inputs of `h21like`, after Hong et al. 2021.
_SMOOTHING_PIXELS = 1.0


@dataclass(frozen=True)
class GridArrays:
    """The arrays from which network inputs are computed, binned or simulated.

    Attributes
    ----------
    shear : `numpy.ndarray`
        The weighted mean reduced shear in the pixel basis, complex, ``(ny, nx)``; 0 in pixels
        without galaxies.
    inverse_variance : `numpy.ndarray`
        The inverse variance of the mean shear per component, ``(ny, nx)``; 0 in pixels without
        galaxies.
    measurement_error : `numpy.ndarray` or None
        The weighted rms measurement error of the ellipticities in each pixel, per component,
        ``(ny, nx)``; 0 in pixels without galaxies. None if it is unknown.
    pixel_scale : float
        The side of a pixel, arcmin.
    """

    shear: np.ndarray
    inverse_variance: np.ndarray
    measurement_error: np.ndarray | None
    pixel_scale: float

    @classmethod
    def from_grid(cls, grid: "ShearGrid") -> "GridArrays":
        """Return the arrays of a grid.

        Parameters
        ----------
        grid : `lensmap.grid.ShearGrid`
            The binned reduced shear.

        Returns
        -------
        GridArrays
            The arrays of the grid.
        """
        sigma = grid.sigma
        inverse_variance = np.zeros(grid.shape, dtype=np.float32)
        has_galaxies = np.isfinite(sigma)
        np.divide(1.0, sigma**2, out=inverse_variance, where=has_galaxies, casting="same_kind")
        error = None
        if grid.sum_w2v_m is not None:
            error = np.zeros(grid.shape, dtype=np.float32)
            np.divide(grid.sum_w2v_m, grid.sum_w2, out=error, where=grid.sum_w2 > 0,
                      casting="same_kind")
            error = np.sqrt(error)
        scale = float(grid.pixel_frame.scale.to_value("arcmin"))
        return cls(grid.shear, inverse_variance, error, scale)


@dataclass(frozen=True)
class InputKind:
    """A kind of network input.

    Attributes
    ----------
    make : callable
        Computes from ``GridArrays`` the channels, float32 ``(ny, nx, n)``, and the unit of the
        network's output: a number or ``(ny, nx)``.
    channels : tuple of str
        The names of the channels.
    quarter, mirror : `numpy.ndarray`
        The factors, ``(n,)``, by which a quarter turn and a mirror in x multiply each channel, as
        for `apply_symmetry`.
    extended : `numpy.ndarray`
        Bool, ``(n,)``: the channels that continue beyond the field with their values at its edge.
        The others are 0 there.
    """

    make: Callable[[GridArrays], tuple[np.ndarray, float | np.ndarray]]
    channels: tuple[str, ...]
    quarter: np.ndarray
    mirror: np.ndarray
    extended: np.ndarray

    @property
    def signs(self) -> tuple[np.ndarray, np.ndarray]:
        """The argument ``signs`` of `apply_symmetry`."""
        return self.quarter, self.mirror


def _multiscale(arrays):
    return multiscale_inputs(arrays.shear, arrays.inverse_variance, arrays.pixel_scale)


def _measurement_error(arrays):
    """Return the measurement errors, float32; warn and assume one where they are unknown."""
    if arrays.measurement_error is not None:
        return arrays.measurement_error.astype(np.float32, copy=False)
    warn_user(
        "the catalog has no sigma_m, whose mean in each pixel is an input of the network: "
        f"{_ASSUMED_ERROR}, the value of Subaru/HSC, is assumed for all galaxies",
        MapWarning,
        "measurement_error_assumed",
        "sigma_m",
    )
    return np.where(arrays.inverse_variance > 0, np.float32(_ASSUMED_ERROR), 0)


def _paper(arrays):
    """Return mean g1, mean g2 and mean measurement error, unsmoothed (Cha et al. 2025, sec. 2.3).

    The means are weighted; all three are 0 in pixels without galaxies.
    """
    shear = arrays.shear
    return np.stack([shear.real, shear.imag, _measurement_error(arrays)], -1, dtype=np.float32), 1.0


def _smoothed(arrays):
    """Return the channels of `_paper`, smoothed to fill empty pixels (Hong et al. 2021).

    All pixels with galaxies have the same weight, as in `_paper`.
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


_PAPER_CHANNELS = ("g1", "g2", "measurement error")
_PAPER_SIGNS = (np.array([-1, -1, 1]), np.array([1, -1, 1]), np.zeros(3, dtype=bool))

#: The kinds of input by name.
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

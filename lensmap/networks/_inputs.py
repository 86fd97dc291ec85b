# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""From a binned catalog to the channels of a network, for each kind of input that there is."""

from dataclasses import dataclass

import numpy as np

from lensmap.flatsky import normalized_smooth
from lensmap.networks._multiscale_inputs import MULTISCALE_CHANNELS, multiscale_inputs
from lensmap.utils import MapWarning, warn_user

__all__ = ["INPUTS", "InputKind", "GridArrays"]

#: What stands for the measurement error of galaxies of which it is not known: the root mean square
#: of Subaru/HSC down to 24.5 mag, weighted with the inverse variance.
USUAL_MEASUREMENT_ERROR = 0.055

# The smoothing of the inputs of `h21like`, in pixels.
_SMOOTHING = 1.0


@dataclass(frozen=True)
class GridArrays:
    """What networks are fed with, as plain arrays: of a `~lensmap.grid.ShearGrid`, or simulated.

    Attributes
    ----------
    shear : `numpy.ndarray`
        Complex, ``(ny, nx)``: the weighted mean reduced shear in the pixel basis; 0 without
        galaxies.
    inverse_variance : `numpy.ndarray`
        Of the mean shear per component, ``(ny, nx)``; 0 without galaxies.
    measurement_error : `numpy.ndarray` or None
        The weighted root mean square of the measurement errors in each pixel, ``(ny, nx)``; 0
        without galaxies. None if it is not known.
    pixel_scale : float
        Arcminutes.
    """

    shear: np.ndarray
    inverse_variance: np.ndarray
    measurement_error: np.ndarray | None
    pixel_scale: float

    @classmethod
    def from_grid(cls, grid):
        """Take the arrays of a grid.

        Parameters
        ----------
        grid : `lensmap.grid.ShearGrid`
            The grid.

        Returns
        -------
        GridArrays
            Its arrays.
        """
        sigma = grid.sigma
        inverse_variance = np.zeros(grid.shape, dtype=np.float32)
        known = np.isfinite(sigma)
        np.divide(1.0, sigma**2, out=inverse_variance, where=known, casting="same_kind")
        error = None
        if grid.sum_w2v_m is not None:
            error = np.zeros(grid.shape, dtype=np.float32)
            np.divide(grid.sum_w2v_m, grid.sum_w2, out=error, where=grid.sum_w2 > 0,
                      casting="same_kind")
            error = np.sqrt(error)
        scale = float(grid.pixel_frame.scale.to_value("arcmin"))
        return cls(grid.shear, inverse_variance, error, scale)

    def known_error(self):
        """Return the measurement errors, the usual one where they are not known.

        Returns
        -------
        `numpy.ndarray`
            Float32, ``(ny, nx)``; 0 without galaxies.

        Warns
        -----
        MapWarning
            If they are not known.
        """
        if self.measurement_error is not None:
            return self.measurement_error.astype(np.float32, copy=False)
        warn_user(
            "the catalog has no sigma_m, of which the network needs the mean in each pixel: "
            f"{USUAL_MEASUREMENT_ERROR} is taken for all galaxies, the value of Subaru/HSC",
            MapWarning,
            "measurement_error_assumed",
            "sigma_m",
        )
        return np.where(self.inverse_variance > 0, np.float32(USUAL_MEASUREMENT_ERROR), 0)


@dataclass(frozen=True)
class InputKind:
    """A kind of input.

    Attributes
    ----------
    make : callable
        From `GridArrays` to the channels, float32 ``(ny, nx, n)``, and the unit of what the network
        returns: a number or ``(ny, nx)``.
    channels : tuple of str
        What they are.
    quarter, mirror : `numpy.ndarray`
        What a quarter turn and a mirror in x multiply each channel by, as for `turned`.
    extended : `numpy.ndarray`
        Bool: the channels that go on beyond the field as they are at its edge; others are 0 there.
    """

    make: object
    channels: tuple
    quarter: np.ndarray
    mirror: np.ndarray
    extended: np.ndarray

    @property
    def signs(self):
        """The pair that `turned` asks for."""
        return self.quarter, self.mirror


def _multiscale(arrays):
    return multiscale_inputs(arrays.shear, arrays.inverse_variance, arrays.pixel_scale)


def _paper(arrays):
    """Return mean g1, mean g2 and mean measurement error, unsmoothed (Cha et al. 2025, sec. 2.3).

    The means are weighted ones; pixels without galaxies are 0 in all three.
    """
    shear = arrays.shear
    return np.stack([shear.real, shear.imag, arrays.known_error()], -1, dtype=np.float32), 1.0


def _smoothed(arrays):
    """Return the same three, smoothed (Hong et al. 2021, to fill empty pixels).

    Pixels with galaxies count alike, as they do for `_paper`.
    """
    there = (arrays.inverse_variance > 0).astype(np.float32)
    shear, _ = normalized_smooth((there * arrays.shear).astype(np.complex64), there, _SMOOTHING)
    error, _ = normalized_smooth(there * arrays.known_error(), there, _SMOOTHING)
    return np.stack([shear.real, shear.imag, error], -1, dtype=np.float32), 1.0


def _is(names, *starts):
    return np.array([name.startswith(starts) for name in names])


_PAPER_CHANNELS = ("g1", "g2", "measurement error")
_PAPER_SIGNS = (np.array([-1, -1, 1]), np.array([1, -1, 1]), np.zeros(3, dtype=bool))

#: The kinds of input by name.
INPUTS = {
    "multiscale": InputKind(
        _multiscale,
        MULTISCALE_CHANNELS,
        np.ones(len(MULTISCALE_CHANNELS), dtype=int),
        np.where(_is(MULTISCALE_CHANNELS, "B"), -1, 1),
        _is(MULTISCALE_CHANNELS, "log", "gain"),
    ),
    "paper": InputKind(_paper, _PAPER_CHANNELS, *_PAPER_SIGNS),
    "smoothed": InputKind(_smoothed, _PAPER_CHANNELS, *_PAPER_SIGNS),
}

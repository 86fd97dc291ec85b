# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`Starlet`: isotropic undecimated wavelets on a flat grid."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from lensmap.utils import ParameterError, check_choice, check_count

__all__ = ["Starlet"]

# The cubic B-spline filter.
_FILTER = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16


class Starlet:
    r"""The starlet transform, an isotropic undecimated wavelet transform.

    A field is smoothed with cubic B-splines whose width doubles from scale to scale,
    :math:`c_{j + 1} = h_j * c_j` with :math:`c_0` the field. The coefficients are the differences
    :math:`w_j = c_j - c_{j + 1}` and the last smooth field. In the second generation, they are
    :math:`w_j = c_j - h_j * c_{j + 1}`, so that fields made of positive coefficients are positive.

    Parameters
    ----------
    shape : tuple of int
        The shape of the fields, ``(ny, nx)``.
    n_scales : int
        The number of wavelet scales, at least 1. Scale j has structures of some :math:`2^j` pixels.
        The filter of the last scale must not be wider than the field.
    generation : {1, 2}
        The generation of the transform.
    boundary : {"reflect", "periodic", "zero"}
        The field beyond its edges: its mirror image, its period, or 0.

    Raises
    ------
    TypeError, ValueError
        If a parameter is out of range.

    References
    ----------
    Starck, Fadili & Murtagh 2007, IEEE Trans. Image Process. 16, 297 (both generations); Starck,
    Murtagh & Bertero 2011, Handbook of Mathematical Methods in Imaging, 1489.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        n_scales: int,
        *,
        generation: Literal[1, 2] = 1,
        boundary: Literal["reflect", "periodic", "zero"] = "reflect",
    ) -> None:
        self.shape = shape
        self.n_scales = check_count(n_scales, "n_scales", minimum=1)
        self.generation = check_choice(generation, "generation", (1, 2))
        self.boundary = check_choice(boundary, "boundary", ("reflect", "periodic", "zero"))
        largest = int(np.log2(max(min(shape) - 1, 1)))
        if n_scales > largest:
            raise ParameterError(
                "n_scales", f"at most {largest} for a field of {shape[0]} x {shape[1]} pixels",
                str(n_scales), "the filter of the last scale is wider than the field",
            )
        self._smoothing = [
            tuple(_smoothing_matrix(n, 2**j, boundary) for n in shape) for j in range(n_scales)
        ]

    def transform(self, field: ArrayLike) -> np.ndarray:
        """Return the wavelet coefficients of a field.

        Parameters
        ----------
        field : array_like
            The field, real or complex, ``(ny, nx)``. Its precision is kept.

        Returns
        -------
        `numpy.ndarray`
            The coefficients of each scale, the finest first, and the smooth field,
            ``(n_scales + 1, ny, nx)``.
        """
        smooth = self._checked(field, self.shape)
        coefficients = np.empty((self.n_scales + 1, *self.shape), smooth.dtype)
        for j in range(self.n_scales):
            wider = self._smoothed(smooth, j)
            np.subtract(
                smooth, wider if self.generation == 1 else self._smoothed(wider, j),
                out=coefficients[j],
            )
            smooth = wider
        coefficients[-1] = smooth
        return coefficients

    def reconstruct(self, coefficients: ArrayLike) -> np.ndarray:
        """Return the field with given coefficients, the inverse of `transform`.

        Parameters
        ----------
        coefficients : array_like
            The coefficients, ``(n_scales + 1, ny, nx)``.

        Returns
        -------
        `numpy.ndarray`
            The field, ``(ny, nx)``.
        """
        coefficients = self._checked(coefficients, (self.n_scales + 1, *self.shape))
        if self.generation == 1:
            return coefficients.sum(axis=0)
        field = coefficients[-1]
        for j in reversed(range(self.n_scales)):
            field = self._smoothed(field, j) + coefficients[j]
        return field

    def adjoint(self, coefficients: ArrayLike) -> np.ndarray:
        """Apply the adjoint of `transform`, for gradients of functions of the coefficients.

        Parameters
        ----------
        coefficients : array_like
            Coefficients, ``(n_scales + 1, ny, nx)``.

        Returns
        -------
        `numpy.ndarray`
            The field whose scalar product with any field is that of the coefficients with the
            transform of the field, ``(ny, nx)``.
        """
        coefficients = self._checked(coefficients, (self.n_scales + 1, *self.shape))
        field = coefficients[-1]
        for j in reversed(range(self.n_scales)):
            one = coefficients[j]
            removed = one if self.generation == 1 else self._smoothed(one, j, adjoint=True)
            field = self._smoothed(field - removed, j, adjoint=True) + one
        return field

    def noise(self, variance: ArrayLike = 1.0) -> np.ndarray:
        """Return the standard deviation of the coefficients of noise without correlations.

        It follows from the squares of the wavelets, without simulations, and is exact at edges.

        Parameters
        ----------
        variance : float or array_like
            The variance of the noise in each pixel, ``(ny, nx)``; a number for the same variance in
            all pixels.

        Returns
        -------
        `numpy.ndarray`
            The standard deviations, ``(n_scales + 1, ny, nx)``.
        """
        variance = np.broadcast_to(np.asarray(variance, dtype=float), self.shape)
        result = np.empty((self.n_scales + 1, *self.shape))
        narrow = tuple(sparse.identity(n, format="csr") for n in self.shape)
        for j, step in enumerate(self._smoothing):
            wide = tuple(h @ one for h, one in zip(step, narrow, strict=True))
            removed = wide
            if self.generation == 2:
                removed = tuple(h @ one for h, one in zip(step, wide, strict=True))
            # A wavelet is the difference of two products of functions of y and of x.
            result[j] = sum(
                factor * _along_axes([a.multiply(b) for a, b in zip(one, other, strict=True)],
                                     variance)
                for factor, one, other in (
                    (1, narrow, narrow), (-2, narrow, removed), (1, removed, removed)
                )
            )
            narrow = wide
        result[-1] = _along_axes([one.multiply(one) for one in narrow], variance)
        return np.sqrt(np.maximum(result, 0.0, out=result), out=result)

    def _smoothed(self, field: np.ndarray, j: int, adjoint: bool = False) -> np.ndarray:
        """Return a field smoothed with the filter of scale j, or with the adjoint of the filter."""
        precision = field.real.dtype
        matrices = [one.T if adjoint else one for one in self._smoothing[j]]
        return _along_axes([one.astype(precision, copy=False) for one in matrices], field)

    def _checked(self, values: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
        values = np.asarray(values)
        if values.dtype.kind not in "fc":
            values = values.astype(float)
        if values.shape != shape:
            raise ValueError(f"the array must have the shape {shape}, not {values.shape}")
        return values


def _along_axes(matrices: list, field: np.ndarray) -> np.ndarray:
    """Return a field multiplied by one matrix along y and by another along x."""
    along_y, along_x = matrices
    return np.ascontiguousarray((along_x @ (along_y @ field).T).T)


def _smoothing_matrix(n: int, step: int, boundary: str) -> sparse.csr_matrix:
    """Return the matrix that smooths along an axis of n pixels with a filter of given spacing."""
    rows = np.arange(n)
    columns = rows[:, np.newaxis] + step * np.arange(-2, 3)
    values = np.broadcast_to(_FILTER, columns.shape)
    if boundary == "periodic":
        columns = columns % n
    elif boundary == "reflect":
        # The mirror lies on the edge, so that the first pixel follows itself.
        columns = columns % (2 * n)
        columns = np.minimum(columns, 2 * n - 1 - columns)
    else:
        values = np.where((columns >= 0) & (columns < n), values, 0.0)
        columns = np.clip(columns, 0, n - 1)
    matrix = sparse.coo_matrix(
        (values.ravel(), (np.repeat(rows, 5), columns.ravel())), shape=(n, n)
    )
    return matrix.tocsr()

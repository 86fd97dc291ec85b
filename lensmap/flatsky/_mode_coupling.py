# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The coupling of Fourier modes by a mask, and its inverse (MASTER) on a flat grid."""

from functools import cached_property

import numpy as np
import scipy.fft

from lensmap.flatsky._multipoles import (
    MultipoleBins,
    even_part,
    odd_part,
    outer_edges,
    padded_to_even,
    split_bins,
)
from lensmap.utils import check_memory, n_threads

__all__ = ["ModeCoupling"]

# The number of parts of a bin in which the response to a spectrum is computed.
_N_PARTS = 4


class ModeCoupling:
    r"""The pseudo-spectrum of a weighted field, and the spectrum that causes it.

    The field f is multiplied by weights w. The pseudo-spectrum :math:`P` is the power of w f,
    averaged over the modes k of each bin b. It is normalized such that a white field without pixel
    window has :math:`P = C`. Its expectation is

    .. math:: P_b = \frac{1}{N_b} \sum_{k \in b} \sum_q \frac{|W(k - q)|^2}{K \sum w^2}\,
              e^{i s (\phi_q - \phi_k)}\, p(q)^2\, C(q) ,

    with the Fourier transform W of the weights, the number K of modes, and the pixel window p. For
    a scalar field, s = 0. For shear, with the modes E + i B, s = 0 for the sum of the E-mode and
    B-mode spectra, :math:`EE + BB + i (BE - EB)`, and s = 4 for their difference,
    :math:`EE - BB + i (BE + EB)`, whose pseudo-spectrum is the product of opposite modes. The sums
    over modes are products of the autocorrelation of w and the Fourier transforms of the rings, so
    that the time is that of one transform for each bin.

    The spectrum is taken as proportional to :math:`1 / \ell` (or constant) within each bin. The
    equations of all bins are solved together.

    Parameters
    ----------
    weight : `numpy.ndarray`
        The weights, ``(ny, nx)``; 0 in pixels without data.
    sides : tuple of float
        The height and the width of a pixel in radians.
    edges : `numpy.ndarray`
        The edges of the multipole bins, strictly increasing, ``(n_bins + 1,)``.
    other : `numpy.ndarray` or None
        The weights of the second field of a cross-spectrum; None if they are the same.
    spin : {0, 2}
        The spin of the field or fields: 0 for convergence, 2 for shear.
    smoothed : int
        The number of times that the field is averaged over a pixel.
    padding : float
        The ratio of the side of the zero-padded grid to that of the field, at least 1. With 1, the
        field is periodic. With 2, the coupling of a field that continues beyond the grid is exact.
    outer : bool
        Whether to solve for the spectrum outside the bins as well. Without it, the spectrum is
        taken as 0 there.
    slope : float
        The logarithmic slope of the spectrum within a bin, -1 or 0.
    mean_removed : bool
        Whether the weighted mean of each field is subtracted before it is multiplied by the
        weights, for spin 0. The power that this removes is part of the equations.

    Attributes
    ----------
    ell, n_modes : `numpy.ndarray`
        The mean multipole and the number of independent complex modes in each bin, ``(n_bins,)``,
        the latter for the area of the grid without padding.
    bins : MultipoleBins
        The bins of the result and those outside them.
    kept : slice
        The bins of the result.

    Raises
    ------
    MemoryError
        If the transforms would not fit into memory, when they are first needed.

    References
    ----------
    Hivon et al. 2002, ApJ 567, 2, eqs. 14-16 and A31; Kogut et al. 2003, ApJS 148, 161, appendix A
    (E and B); Alonso et al. 2019, MNRAS 484, 4127, sect. 2.1.3 and 2.6 (flat sky, covariance).
    """

    def __init__(
        self,
        weight: np.ndarray,
        sides: tuple[float, float],
        edges: np.ndarray,
        *,
        other: np.ndarray | None = None,
        spin: int = 0,
        smoothed: int = 1,
        padding: float = 2.0,
        outer: bool = True,
        slope: float = -1.0,
        mean_removed: bool = False,
    ) -> None:
        self.weight, self.other = weight, weight if other is None else other
        self.spin, self.sides = spin, sides
        self.shape = padded_to_even(weight.shape, padding)
        all_edges, self.kept = np.asarray(edges, dtype=float), slice(0, len(edges) - 1)
        if outer:
            all_edges, self.kept = outer_edges(edges, self.shape, sides)
        self.bins = MultipoleBins(self.shape, sides, all_edges)
        self._total = float(np.sum(self.weight * self.other, dtype=float))
        self._smoothed, self._slope, self._mean_removed = smoothed, slope, mean_removed
        area = float(np.prod(weight.shape)) / float(np.prod(self.shape))
        self.ell = self.bins.ell[self.kept]
        # Modes of a real field at opposite frequencies are complex conjugates.
        self.n_modes = self.bins.n_modes[self.kept] * area / 2

    @cached_property
    def _kernels(self) -> np.ndarray:
        """The Fourier transforms of the rings, ``(1 or 3, n, n_separations)``, for all n bins."""
        n_bins, n_kernels = len(self.bins.n_modes), 3 if self.spin else 1
        size = (self.shape[0] // 2 + 1) * (self.shape[1] // 2 + 1)
        ny, nx = self.weight.shape
        check_memory(
            8.0 * size * (n_bins * n_kernels + 4 * n_kernels + 60),
            f"the power spectrum of {ny} x {nx} pixels in {n_bins} bins",
            "use larger pixels or fewer bins",
        )
        kernels = np.empty((n_kernels, n_bins, size))
        for index, n_modes in enumerate(self.bins.n_modes):
            for target, kernel in zip(
                kernels[:, index], self.bins.transforms(index, self.spin), strict=True
            ):
                np.divide(kernel.ravel(), n_modes, out=target)
        return kernels

    @cached_property
    def _parts(self) -> tuple[MultipoleBins, np.ndarray]:
        """The parts of the bins, and the indices of the parts that have modes."""
        parts = MultipoleBins(self.shape, self.sides, split_bins(self.bins.edges, _N_PARTS))
        return parts, np.flatnonzero(parts.n_modes)

    @property
    def window_ell(self) -> np.ndarray:
        """The multipoles at which the windows are given, ``(n_ell,)``."""
        parts, used = self._parts
        return parts.ell[used]

    @cached_property
    def responses(self) -> list[np.ndarray]:
        """The pseudo-spectra of all n bins per unit of power at `window_ell`.

        The list has the real array ``(n, n_ell)`` of spin 0, and for spin 2 also the complex array
        of the difference of the E-mode and the B-mode.
        """
        parts, used = self._parts
        even, odd = self._correlation(self.weight, self.other)
        scale = self._total * float(np.prod(self.shape))
        exponent = 2 * self._smoothed
        rows = np.array([
            self._products(parts.transforms(int(part), self.spin, exponent), even, odd)
            for part in used
        ]) / scale  # (n_ell, 1 or 2, n)
        responses = [response.T for response in np.moveaxis(rows, 1, 0)]
        responses[0] = responses[0].real
        if self._mean_removed:
            responses[0] = responses[0] + self._mean_response(parts, used, exponent) / scale
        return responses

    @cached_property
    def matrices(self) -> list[np.ndarray]:
        """The pseudo-spectra of all n bins per unit of mean power in each bin, ``(n, n)``."""
        parts, used = self._parts
        shape = np.ones(len(used)) if self._slope == 0 else parts.inverse_ell[used]
        n_modes = parts.n_modes[used]
        in_bin = used[:, np.newaxis] // _N_PARTS == np.arange(len(self.bins.n_modes))
        weighted = in_bin * shape[:, np.newaxis] * (
            (n_modes @ in_bin) / ((n_modes * shape) @ in_bin)
        )
        return [response @ weighted for response in self.responses]

    def _mean_response(
        self, parts: MultipoleBins, used: np.ndarray, exponent: int
    ) -> np.ndarray:
        r"""Return the change of the response by the subtraction of the weighted means.

        The mean of a field is its zero mode over that of the weights, so that the change is

        .. math:: - 2 \frac{W^*(k)}{W(0)} \langle f(k) f^*(0) \rangle
                  + \frac{|W(k)|^2}{W(0)^2} \langle |f(0)|^2 \rangle

        for weighted fields f. The result is normalized like the products of kernels,
        ``(n_bins, n_parts)``.
        """
        workers = n_threads(self.shape[0] * self.shape[1])
        ny, nx = self.weight.shape
        maps = [self.weight, self.other]
        modes = [scipy.fft.rfft2(plane, self.shape, workers=workers) for plane in maps]
        totals = [float(plane.sum()) for plane in maps]
        window = parts.window(exponent)

        def over_parts(one: np.ndarray, two: np.ndarray) -> np.ndarray:
            product = parts.folded_half((one * np.conj(two)).real) * window
            return parts.mean(product, normalized=False)[used]

        zero = over_parts(*modes) / (totals[0] * totals[1])
        result = np.empty((len(self.bins.n_modes), len(used)))
        for row, n_modes in enumerate(self.bins.n_modes):
            ring = self.bins.ring_of_half(row) / n_modes
            result[row] = 0.0
            # The weights, filtered by the ring of one bin, times the weights of the other field.
            for i, j in ((0, 1), (1, 0)):
                plane = scipy.fft.irfft2(ring * modes[j], self.shape, workers=workers)[:ny, :nx]
                plane *= maps[i]
                result[row] -= over_parts(
                    modes[j], scipy.fft.rfft2(plane, self.shape, workers=workers)
                ) / totals[j]
                if self.weight is self.other:
                    result[row] *= 2
                    break
            result[row] += zero * float(plane.sum())
        return result * float(np.prod(self.shape))

    def _correlation(self, one: np.ndarray, two: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the even and the odd part of the correlation of two maps, ``(n_separations,)``."""
        workers = n_threads(self.shape[0] * self.shape[1])
        modes = scipy.fft.rfft2(one, self.shape, workers=workers)
        modes *= np.conj(
            modes if two is one else scipy.fft.rfft2(two, self.shape, workers=workers)
        )
        # The real part makes the correlation of different maps symmetric, like the rings of modes.
        plane = scipy.fft.irfft2(modes.real, self.shape, workers=workers)
        return even_part(plane).ravel(), odd_part(plane).ravel()

    def _products(
        self, kernels: list[np.ndarray] | np.ndarray, even: np.ndarray, odd: np.ndarray
    ) -> np.ndarray:
        """Return the products of kernels and a correlation with the kernels of all bins.

        The result has the shape ``(1, n_bins)`` for spin 0 and ``(2, n_bins)`` for spin 2.
        """
        flat = [kernel.ravel() for kernel in kernels]
        scalar = self._kernels[0] @ (even * flat[0])
        if not self.spin:
            return scalar[np.newaxis].astype(complex)
        cosine, sine = self._kernels[1:]
        real = cosine @ (even * flat[1]) + sine @ (even * flat[2])
        imaginary = cosine @ (odd * flat[2]) - sine @ (odd * flat[1])
        return np.array([scalar, real + 1j * imaginary])

    # --- spectra ----------------------------------------------------------------------------

    def pseudo_spectra(
        self, field: np.ndarray, other: np.ndarray | None = None, *, weights: int = 0
    ) -> np.ndarray:
        """Measure the pseudo-spectra of a weighted field, or of two fields.

        Parameters
        ----------
        field : `numpy.ndarray`
            The weights times the values, 0 in pixels without data, ``(ny, nx)``. Shear is complex,
            in the basis of the pixel axes.
        other : `numpy.ndarray` or None
            The second field; None if it is the first one.
        weights : int
            The normalization: 0 for the weights of both fields, 1 or 2 for the weights of the first
            or the second field alone, as for the power of noise.

        Returns
        -------
        `numpy.ndarray`
            The pseudo-spectra in all bins: ``(1, n)`` for spin 0; complex, ``(2, n)`` for spin 2,
            of sum and difference.
        """
        one = self._modes(field)
        two = one if other is None else self._modes(other)
        power = one * np.conj(two)
        planes = [power]
        if self.spin:
            opposite = np.roll(two[::-1, ::-1], (1, 1), axis=(0, 1))
            planes.append(one * opposite * self.bins.unrotation())
        unit = self.sides[0] * self.sides[1] / self._norm(weights)
        result = np.empty((len(planes), len(self.bins.n_modes)), complex)
        for target, plane in zip(result, planes, strict=True):
            target[:] = unit * self.bins.mean_of_all(plane)
        return result if self.spin else result.real

    def _norm(self, weights: int) -> float:
        if weights == 0:
            return self._total
        return float(np.sum(np.square(self.weight if weights == 1 else self.other, dtype=float)))

    def _modes(self, field: np.ndarray) -> np.ndarray:
        return scipy.fft.fft2(field, self.shape, workers=n_threads(int(np.prod(self.shape))))

    def white_noise(
        self, variance: np.ndarray, *, smoothed: int = 1, weights: int = 0
    ) -> np.ndarray:
        """Return the expected pseudo-spectrum of noise, ``(n,)``.

        Parameters
        ----------
        variance : `numpy.ndarray`
            The noise variance of the weighted field, of each component for shear, ``(ny, nx)``.
        smoothed : int
            With 2 (cloud-in-cell), the noise of neighboring pixels is correlated, and ``variance``
            is the variance of each pixel alone.
        weights : int
            The normalization, as for `pseudo_spectra`.

        Returns
        -------
        `numpy.ndarray`
            The pseudo-spectrum of a scalar field, or of E and of B each, in all bins.
        """
        level = self.sides[0] * self.sides[1] / self._norm(weights)
        level *= float(np.sum(variance, dtype=float))
        shape = np.ones(len(self.bins.n_modes))
        if smoothed == 2:
            # The squares of the fractions of a galaxy in its four pixels add up to 4/9 on average.
            shape = 9 / 4 * self.bins.mean(self.bins.window(4))
        return level * shape

    def solve(self, pseudo: np.ndarray) -> np.ndarray:
        """Return the spectra that cause pseudo-spectra, in the bins of the result.

        Parameters
        ----------
        pseudo : `numpy.ndarray`
            The pseudo-spectra in all bins, from `pseudo_spectra`.

        Returns
        -------
        `numpy.ndarray`
            The mean spectra of the modes of each bin in steradians: ``(1, n_bins)`` for spin 0;
            EE, BB, EB and BE, ``(4, n_bins)``, for spin 2.
        """
        spectra = [np.linalg.solve(m, p)[self.kept]
                   for m, p in zip(self.matrices, pseudo, strict=True)]
        if not self.spin:
            return np.array(spectra)
        plus, minus = spectra
        return np.array([(plus + minus).real, (plus - minus).real,
                         (minus - plus).imag, (minus + plus).imag]) / 2

    def windows(self) -> np.ndarray:
        """Return the windows of the bins: the response of the solution to a spectrum.

        Returns
        -------
        `numpy.ndarray`
            The response to the power at ``window_ell``: ``(1, n_bins, n_ell)`` for spin 0; the EE
            and the BB power per unit of E-mode power, ``(2, n_bins, n_ell)``, for spin 2.
        """
        windows = [np.linalg.solve(m, r)[self.kept].real
                   for m, r in zip(self.matrices, self.responses, strict=True)]
        if not self.spin:
            return np.array(windows)
        plus, minus = windows
        return np.array([plus + minus, plus - minus]) / 2

    # --- covariance -------------------------------------------------------------------------

    def scatter(self, one: np.ndarray, two: np.ndarray) -> list[np.ndarray]:
        r"""Return the coupling of the errors of two bins by two maps of variance.

        The modes of a field with the variance v(x) have the covariance V(k - k'), the Fourier
        transform of v. The result is the mean of :math:`V_1 V_2^*` over the modes of each pair of
        bins, normalized like the pseudo-spectra; for spin 2, also that with the factor
        :math:`\cos 4 (\phi_k - \phi_{k'})`.

        Parameters
        ----------
        one, two : `numpy.ndarray`
            The maps of the variance, ``(ny, nx)``.

        Returns
        -------
        list of `numpy.ndarray`
            One matrix for spin 0 and two for spin 2, ``(n, n)`` each, for all bins.
        """
        even, odd = self._correlation(one, two)
        rows = np.array([
            self._products(self._kernels[:, index], even, odd)
            for index in range(len(self.bins.n_modes))
        ]).real / self._total**2
        return list(np.moveaxis(rows, 1, 0))

    def propagate(self, covariances: list[np.ndarray]) -> list[np.ndarray]:
        """Return the covariance of the solution from that of the pseudo-spectra.

        Parameters
        ----------
        covariances : list of `numpy.ndarray`
            The covariance of the pseudo-spectra in all bins, ``(n, n)`` each: one matrix for spin
            0; those of EE, of BB, of EE with BB, and of EB for spin 2.

        Returns
        -------
        list of `numpy.ndarray`
            The covariance of the solution, ``(n_bins, n_bins)``: one matrix for spin 0; those of
            EE, of BB and of EB for spin 2.
        """
        inverse = [np.linalg.inv(matrix)[self.kept].real for matrix in self.matrices]
        if not self.spin:
            return [inverse[0] @ covariances[0] @ inverse[0].T]
        same, mixed = (inverse[0] + inverse[1]) / 2, (inverse[0] - inverse[1]) / 2
        ee, bb, eb_cross, eb = covariances

        def combined(first, second):
            cross = first @ eb_cross @ second.T
            return first @ ee @ first.T + second @ bb @ second.T + cross + cross.T

        return [combined(same, mixed), combined(mixed, same), inverse[1] @ eb @ inverse[1].T]

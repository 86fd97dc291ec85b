# Licensed under a 3-clause BSD style license - see LICENSE.rst
r"""Many halos on a periodic grid, painted in Fourier space.

The Fourier transform of an elliptical halo is that of a circular one, stretched. Each of its
multipoles is a function of the wave number that varies smoothly with the size, truncation and
ellipticity of the halo, so that a few radial functions span them all. The halos are added to the
grid as points, weighted by the coefficient of one function; the grid is transformed and multiplied
by that function. No mass is lost, not even in the far wings.

Pixels hold means over their area. A cusp has power beyond the Nyquist frequency, which is aliased
to lower frequencies. Including it makes an unresolved halo a single pixel without ripples.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.fft

from lensmap.simulate.halo_model._multipoles import N_ALIAS_ZONES, multipole_tables

__all__ = ["HaloPainter", "Halos"]


class Halos(NamedTuple):
    """Halos to paint, as arrays ``(n,)``.

    Attributes
    ----------
    x, y : `numpy.ndarray`
        Pixel positions; whole numbers for unresolved halos.
    resolved : `numpy.ndarray`
        Bool: whether pixels resolve the halo.
    weight : `numpy.ndarray`
        The sum of kappa over all pixels, ``(n_sources, n)``.
    scale : `numpy.ndarray`
        The scale radius in pixels.
    tau : `numpy.ndarray`
        The truncation radius in scale radii.
    ellipticity, angle : `numpy.ndarray`
        (a - b) / (a + b), and the angle of the long axis from +x to +y in radians.
    """

    x: np.ndarray
    y: np.ndarray
    resolved: np.ndarray
    weight: np.ndarray
    scale: np.ndarray
    tau: np.ndarray
    ellipticity: np.ndarray
    angle: np.ndarray


class HaloPainter:
    """Paints halos on a periodic grid.

    Parameters
    ----------
    shape : tuple of int
        The shape of the grid, ``(ny, nx)``.
    dtype : numpy.dtype
        ``float32`` or ``float64``: the precision of the transforms.
    """

    def __init__(self, shape: tuple[int, int], dtype: np.dtype | type = np.float32) -> None:
        self.shape = shape
        self.dtype = np.dtype(dtype)
        # Pickled with the painter: singular vectors made on another machine differ by rounding.
        self._tables = multipole_tables()
        self._unresolved_table = multipole_tables(resolved=False)[0]
        self._functions: dict[tuple | str, np.ndarray] = {}

    def __getstate__(self):
        # They are about 100 MB, and a worker computes them in less time than sending them takes.
        return {**self.__dict__, "_functions": {}}

    def paint(self, halos: Halos) -> np.ndarray:
        """Return the Fourier transform of the convergence of halos, averaged over pixels.

        Parameters
        ----------
        halos : Halos
            The halos.

        Returns
        -------
        `numpy.ndarray`
            Complex, ``(n_sources, ny, nx // 2 + 1)``, as from `scipy.fft.rfft2`.
        """
        ny, nx = self.shape
        complex_ = np.complex64 if self.dtype == np.float32 else np.complex128
        total = np.zeros((len(halos.weight), ny, nx // 2 + 1), dtype=complex_)
        self._add_unresolved(total, _select(halos, ~halos.resolved))
        self._add_circular(total, _select(halos, halos.resolved))
        self._add_elliptical(total, _select(halos, halos.resolved & (halos.ellipticity > 0)))
        return total

    def _add_unresolved(self, total, halos):
        """Add round halos at the centers of pixels, with their aliased power."""
        if len(halos.x) == 0:
            return
        table = self._unresolved_table
        pixel = self._pixels(np.rint(halos.x), np.rint(halos.y), self.shape)
        for r, coefficient in enumerate(table.coefficients(halos)):
            function = self._cached(
                ("unresolved", r), lambda: self._aliased_function(table, r)  # noqa: B023
            )
            for s, weight in enumerate(halos.weight):
                total[s] += function * self._transform(pixel, weight * coefficient, self.shape)

    def _add_circular(self, total, halos):
        """Add the circular part of resolved halos, on a grid of half pixels that is folded."""
        if len(halos.x) == 0:
            return
        fine = tuple(2 * n for n in self.shape)
        pixels, shares = self._spread(2 * halos.x, 2 * halos.y, fine)
        table = self._tables[0]
        sums = np.zeros((len(total), fine[0], fine[1] // 2 + 1), dtype=total.dtype)
        for r, coefficient in enumerate(table.coefficients(halos)):
            function = self._cached(
                ("circular", r),
                lambda: table.function(r, _wave_vectors(fine, 2)[0]).astype(  # noqa: B023
                    self.dtype
                ),
            )
            for s, weight in enumerate(halos.weight):
                values = (weight * coefficient)[:, np.newaxis] * shares
                transform = self._transform(pixels, values, fine)
                transform *= function
                sums[s] += transform
        window = self._cached("fine window", lambda: self._window_ratio(fine, 2))
        for s, transform in enumerate(sums):
            transform *= window
            total[s] += _fold(transform, self.shape)

    def _add_elliptical(self, total, halos):
        """Add the higher multipoles of resolved halos, whose aliased power is negligible."""
        if len(halos.x) == 0:
            return
        pixels, shares = self._spread(halos.x, halos.y, self.shape)
        sums = np.zeros_like(total)
        for m in (2, 4):
            table = self._tables[m]
            phases = np.cos(m * halos.angle), np.sin(m * halos.angle)
            for r, coefficient in enumerate(table.coefficients(halos)):
                for phase, wave in zip(phases, (np.cos, np.sin), strict=True):
                    function = self._cached(
                        (m, r, wave), lambda: self._multipole(table, r, m, wave)  # noqa: B023
                    )
                    for s, weight in enumerate(halos.weight):
                        values = (weight * coefficient * phase)[:, np.newaxis] * shares
                        sums[s] += function * self._transform(pixels, values, self.shape)
        total += sums * self._cached("window", lambda: self._window_ratio(self.shape, 1))

    # --- the grid ---------------------------------------------------------------------------

    def _cached(self, key, make):
        """Return a function on the grid of wave numbers, computed at its first use."""
        if key not in self._functions:
            self._functions[key] = make()
        return self._functions[key]

    def _aliased_function(self, table, r):
        """Return a radial function times the pixel window, with aliased wave numbers added."""
        ny, nx = self.shape
        kx = 2 * np.pi * scipy.fft.rfftfreq(nx)[np.newaxis, :]
        ky = 2 * np.pi * scipy.fft.fftfreq(ny)[:, np.newaxis]
        total = np.zeros((ny, nx // 2 + 1))
        for j, i in np.ndindex(2 * N_ALIAS_ZONES + 1, 2 * N_ALIAS_ZONES + 1):
            x, y = kx + 2 * np.pi * (i - N_ALIAS_ZONES), ky + 2 * np.pi * (j - N_ALIAS_ZONES)
            window = np.sinc(x / (2 * np.pi)) * np.sinc(y / (2 * np.pi))
            total += table.function(r, np.hypot(x, y)) * window
        return total.astype(self.dtype)

    def _multipole(self, table, r, m, wave):
        k, angle = _wave_vectors(self.shape, 1)
        return (table.function(r, k) * wave(m * angle)).astype(self.dtype)

    def _window_ratio(self, shape, cells_per_pixel):
        """Return the window of a pixel divided by that of the cubic spline of `_spread`."""
        y = scipy.fft.fftfreq(shape[0])[:, np.newaxis]
        x = scipy.fft.rfftfreq(shape[1])[np.newaxis, :]
        pixel = np.sinc(cells_per_pixel * y) * np.sinc(cells_per_pixel * x)
        return (pixel / (np.sinc(y) * np.sinc(x)) ** 4).astype(self.dtype)

    def _transform(self, pixel, values, shape):
        """Return the Fourier transform of values summed into pixels."""
        field = np.bincount(pixel.ravel(), values.ravel(), minlength=shape[0] * shape[1])
        return scipy.fft.rfft2(field.reshape(shape).astype(self.dtype))

    @staticmethod
    def _pixels(x, y, shape):
        ny, nx = shape
        return y.astype(np.intp) % ny * nx + x.astype(np.intp) % nx

    def _spread(self, x, y, shape):
        """Spread points by a cubic spline over 16 cells: flat indices and shares, ``(n, 16)``."""
        left, below = np.floor(x), np.floor(y)
        along_x, along_y = _spline_shares(x - left), _spline_shares(y - below)
        pixels = np.stack(
            [self._pixels(left + i, below + j, shape) for j in range(-1, 3) for i in range(-1, 3)],
            axis=-1,
        )
        shares = np.stack([b * a for b in along_y for a in along_x], axis=-1)
        return pixels, shares


def _spline_shares(f):
    """Return the shares of a point in its four neighbors, by a cubic B-spline."""
    return (
        (1 - f) ** 3 / 6,
        (3 * f**3 - 6 * f**2 + 4) / 6,
        (-3 * f**3 + 3 * f**2 + 3 * f + 1) / 6,
        f**3 / 6,
    )


def _wave_vectors(shape, cells_per_pixel):
    """Return the moduli of wave vectors (times pixels) and their angles from +x to +y."""
    ky = 2 * np.pi * cells_per_pixel * scipy.fft.fftfreq(shape[0])[:, np.newaxis]
    kx = 2 * np.pi * cells_per_pixel * scipy.fft.rfftfreq(shape[1])[np.newaxis, :]
    return np.hypot(kx, ky), np.arctan2(ky, kx)


def _fold(fine, shape):
    """Return the Fourier transform of every second element along both axes, from that of all."""
    ny, nx = shape
    rows = fine[:ny] + fine[ny:]
    half = nx // 2
    # rfft2 leaves out half of the columns: the conjugates of those at the opposite wave number.
    mirrored = np.conj(np.roll(rows[::-1], 1, axis=0)[:, nx - half : nx + 1])[:, ::-1]
    return rows[:, : half + 1] + mirrored


def _select(halos, which):
    return Halos(
        *(
            values[:, which] if name == "weight" else values[which]
            for name, values in zip(halos._fields, halos, strict=True)
        )
    )

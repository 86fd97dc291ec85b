# Licensed under a 3-clause BSD style license - see LICENSE.rst
r"""Add the convergence of many halos to a periodic grid, in Fourier space.

The Fourier transform of an elliptical halo is a stretched transform of a circular halo. Each of its
multipoles is a function of the wave number that varies smoothly with the size, truncation and
ellipticity of the halo, so that a few radial functions span the multipoles of all halos. For each
radial function, the halos are added to the grid as points weighted by their coefficients. The grid
is then Fourier transformed and multiplied by the radial function. No mass is lost, not even in the
outer wings of a halo.

Each pixel holds the mean over its area. The cusp of a halo has power beyond the Nyquist frequency,
which is aliased to lower frequencies. Because this aliased power is included, an unresolved halo
fills a single pixel and has no ripples around it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.fft

from lensmap.simulate.halo_model._multipoles import N_ALIAS_ZONES, multipole_tables

__all__ = ["HaloPainter", "Halos"]


class Halos(NamedTuple):
    """The properties of halos that are added to a convergence grid, as arrays ``(n,)``.

    Attributes
    ----------
    x, y : `numpy.ndarray`
        Pixel positions of the centers; whole numbers for unresolved halos.
    resolved : `numpy.ndarray`
        Bool, True for halos that span several pixels. All others are painted round.
    weight : `numpy.ndarray`
        The sum over all pixels of the convergence of the halo, for each source redshift,
        ``(n_sources, n)``.
    scale : `numpy.ndarray`
        The scale radius in pixels.
    tau : `numpy.ndarray`
        The truncation radius in scale radii.
    ellipticity, angle : `numpy.ndarray`
        The ellipticity (a - b) / (a + b), and the angle of the long axis in radians, from +x to +y.
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
    """Add the convergence of many NFW halos to a periodic grid, in Fourier space.

    Parameters
    ----------
    shape : tuple of int
        The shape of the grid in pixels, ``(ny, nx)``.
    dtype : numpy.dtype
        The precision of the Fourier transforms, ``float32`` or ``float64``.
    """

    def __init__(self, shape: tuple[int, int], dtype: np.dtype | type = np.float32) -> None:
        self.shape = shape
        self.dtype = np.dtype(dtype)
        # The tables are pickled with the painter, because singular vectors computed on another
        # machine may differ by rounding.
        self._tables = multipole_tables()
        self._unresolved_table = multipole_tables(resolved=False)[0]
        self._functions: dict[tuple | str, np.ndarray] = {}

    def __getstate__(self):
        # The cached functions take about 100 MB. A worker computes them faster than it receives
        # them.
        return {**self.__dict__, "_functions": {}}

    def paint(self, halos: Halos) -> np.ndarray:
        """Return the Fourier transform of the summed convergence of halos, averaged over pixels.

        Parameters
        ----------
        halos : Halos
            The positions, weights and shapes of the halos.

        Returns
        -------
        `numpy.ndarray`
            The complex transform for each source redshift, as returned by `scipy.fft.rfft2`,
            ``(n_sources, ny, nx // 2 + 1)``.
        """
        ny, nx = self.shape
        complex_ = np.complex64 if self.dtype == np.float32 else np.complex128
        total = np.zeros((len(halos.weight), ny, nx // 2 + 1), dtype=complex_)
        self._add_unresolved(total, _select(halos, ~halos.resolved))
        self._add_circular(total, _select(halos, halos.resolved))
        self._add_elliptical(total, _select(halos, halos.resolved & (halos.ellipticity > 0)))
        return total

    def _add_unresolved(self, total, halos):
        """Add the transforms of unresolved halos to ``total``, in place.

        Unresolved halos are round and lie at the centers of pixels. Power beyond the Nyquist
        frequency is aliased, as for a halo that is averaged over pixels.
        """
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
        """Add the monopoles (azimuthal means) of resolved halos to ``total``, in place.

        The halos are added to a grid of half pixels. Folding the transform of this grid to the grid
        of the map aliases the power beyond the Nyquist frequency.
        """
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
        """Add the multipoles 2 and 4 of resolved elliptical halos to ``total``, in place.

        The power of these multipoles beyond the Nyquist frequency is negligible.
        """
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
        """Return the array cached under a key; at the first use, ``make()`` computes the array."""
        if key not in self._functions:
            self._functions[key] = make()
        return self._functions[key]

    def _aliased_function(self, table, r):
        """Return a radial function times the pixel window, with aliasing, ``(ny, nx // 2 + 1)``.

        The function is number ``r`` of the multipole table. At each wave vector of the grid, the
        product is summed over the wave vectors that alias to it.
        """
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
        """Return the Fourier window of a pixel divided by that of the B-spline that spreads points.

        Multiplication by the ratio replaces the spline, with which `_spread` assigns points to
        cells, by the mean over a pixel. ``shape`` is the shape of the grid of cells.
        """
        y = scipy.fft.fftfreq(shape[0])[:, np.newaxis]
        x = scipy.fft.rfftfreq(shape[1])[np.newaxis, :]
        pixel = np.sinc(cells_per_pixel * y) * np.sinc(cells_per_pixel * x)
        return (pixel / (np.sinc(y) * np.sinc(x)) ** 4).astype(self.dtype)

    def _transform(self, pixel, values, shape):
        """Return the Fourier transform of a grid in which values are summed at given pixels.

        ``pixel`` holds the indices of the flattened grid, and ``values`` has the same shape. The
        transform is that of `scipy.fft.rfft2`, ``(ny, nx // 2 + 1)``.
        """
        field = np.bincount(pixel.ravel(), values.ravel(), minlength=shape[0] * shape[1])
        return scipy.fft.rfft2(field.reshape(shape).astype(self.dtype))

    @staticmethod
    def _pixels(x, y, shape):
        ny, nx = shape
        return y.astype(np.intp) % ny * nx + x.astype(np.intp) % nx

    def _spread(self, x, y, shape):
        """Spread each point over the 16 nearest cells of a grid by a cubic B-spline.

        Return the indices of the cells in the flattened grid, and the fraction of the point in each
        cell, both ``(n, 16)``.
        """
        left, below = np.floor(x), np.floor(y)
        along_x, along_y = _spline_shares(x - left), _spline_shares(y - below)
        pixels = np.stack(
            [self._pixels(left + i, below + j, shape) for j in range(-1, 3) for i in range(-1, 3)],
            axis=-1,
        )
        shares = np.stack([b * a for b in along_y for a in along_x], axis=-1)
        return pixels, shares


def _spline_shares(f):
    """Return the fractions of a point in its four nearest cells along an axis (cubic B-spline).

    ``f`` is the distance of the point from the center of the cell below it, in cells.
    """
    return (
        (1 - f) ** 3 / 6,
        (3 * f**3 - 6 * f**2 + 4) / 6,
        (-3 * f**3 + 3 * f**2 + 3 * f + 1) / 6,
        f**3 / 6,
    )


def _wave_vectors(shape, cells_per_pixel):
    """Return the moduli and angles of the wave vectors of a grid, each ``(ny, nx // 2 + 1)``.

    The moduli are in radians per map pixel, and the angles in radians, from +x to +y. The grid has
    ``cells_per_pixel`` cells along the side of a map pixel.
    """
    ky = 2 * np.pi * cells_per_pixel * scipy.fft.fftfreq(shape[0])[:, np.newaxis]
    kx = 2 * np.pi * cells_per_pixel * scipy.fft.rfftfreq(shape[1])[np.newaxis, :]
    return np.hypot(kx, ky), np.arctan2(ky, kx)


def _fold(fine, shape):
    """Alias the Fourier transform of a grid of half pixels to the grid of pixels.

    The four wave vectors that alias to each mode are added, which gives four times the transform of
    every second element along both axes.

    Parameters
    ----------
    fine : `numpy.ndarray`
        The transform of the grid of half pixels, as returned by `scipy.fft.rfft2`.
    shape : tuple of int
        The shape of the grid of pixels, ``(ny, nx)``.

    Returns
    -------
    `numpy.ndarray`
        The transform, ``(ny, nx // 2 + 1)``.
    """
    ny, nx = shape
    rows = fine[:ny] + fine[ny:]
    half = nx // 2
    # rfft2 leaves out half of the columns. They are the complex conjugates of the columns at the
    # opposite wave vectors.
    mirrored = np.conj(np.roll(rows[::-1], 1, axis=0)[:, nx - half : nx + 1])[:, ::-1]
    return rows[:, : half + 1] + mirrored


def _select(halos, which):
    return Halos(
        *(
            values[:, which] if name == "weight" else values[which]
            for name, values in zip(halos._fields, halos, strict=True)
        )
    )

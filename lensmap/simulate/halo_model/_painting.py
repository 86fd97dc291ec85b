# Licensed under a 3-clause BSD style license - see LICENSE.rst
r"""Many halos onto a periodic grid at once, in Fourier space.

The transform of an elliptical halo is the circular one's, stretched. Expanded in multipoles of
the angle, each is a function of the wave number that varies smoothly with the halo's size,
truncation and ellipticity, so that a few common radial functions span them all: the halos are
put onto the grid as points with the coefficients of these functions, a transform is made of
each, and multiplied by its function. All mass is there, also that in the far wings.

Pixels hold the mean over their area. Of a cusp that has structure below the grid's last frequency:
it folds back to lower ones, which is what makes a point on a pixel one pixel and no ripples.
"""

from typing import NamedTuple

import numpy as np
import scipy.fft

from lensmap.simulate.halo_model._multipoles import FOLDS, multipole_tables

__all__ = ["HaloPainter", "Halos"]


class Halos(NamedTuple):
    """Halos as they are painted, each an array ``(n,)``.

    Attributes
    ----------
    x, y : `numpy.ndarray`
        Pixel positions; those of halos that are not resolved are whole numbers.
    resolved : `numpy.ndarray`
        Bool: whether pixels show where in them a halo lies, and its shape.
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
    """Paints halos onto a periodic grid of one shape.

    Parameters
    ----------
    shape : tuple of int
        ``(ny, nx)``.
    dtype : numpy.dtype
        ``float32`` or ``float64``: the precision of the transforms.
    """

    def __init__(self, shape, dtype=np.float32):
        self.shape = tuple(shape)
        self.dtype = np.dtype(dtype)
        # Kept here, so that they travel: made anew elsewhere, they might differ by rounding.
        self._tables = multipole_tables()
        self._points = multipole_tables(points=True)[0]
        self._functions = {}

    def __getstate__(self):
        # A hundred megabytes that another process makes in less time than it takes to send them.
        return {**self.__dict__, "_functions": {}}

    def paint(self, halos):
        """Return the transform of the halos' convergence, as means over pixels.

        Parameters
        ----------
        halos : Halos
            The halos.

        Returns
        -------
        `numpy.ndarray`
            Complex, ``(n_sources, ny, nx // 2 + 1)``: as of `scipy.fft.rfft2`.
        """
        ny, nx = self.shape
        complex_ = np.complex64 if self.dtype == np.float32 else np.complex128
        total = np.zeros((len(halos.weight), ny, nx // 2 + 1), dtype=complex_)
        self._add_points(total, _select(halos, ~halos.resolved))
        self._add_circular(total, _select(halos, halos.resolved))
        self._add_elliptical(total, _select(halos, halos.resolved & (halos.ellipticity > 0)))
        return total

    def _add_points(self, total, halos):
        """Add halos on the centers of pixels, with all that folds back."""
        if len(halos.x) == 0:
            return
        table = self._points
        pixel = self._pixels(np.rint(halos.x), np.rint(halos.y), self.shape)
        for r, coefficient in enumerate(table.coefficients(halos)):
            function = self._kept(
                ("points", r), lambda: self._folded_function(table, r)  # noqa: B023
            )
            for s, weight in enumerate(halos.weight):
                total[s] += function * self._transform(pixel, weight * coefficient, self.shape)

    def _add_circular(self, total, halos):
        """Add the circular part of halos anywhere, on a grid of half pixels that is folded."""
        if len(halos.x) == 0:
            return
        fine = tuple(2 * n for n in self.shape)
        pixels, shares = self._clouds(2 * halos.x, 2 * halos.y, fine)
        table = self._tables[0]
        sums = np.zeros((len(total), fine[0], fine[1] // 2 + 1), dtype=total.dtype)
        for r, coefficient in enumerate(table.coefficients(halos)):
            function = self._kept(
                ("circular", r),
                lambda: table.function(r, _waves(fine, 2)[0]).astype(self.dtype),  # noqa: B023
            )
            for s, weight in enumerate(halos.weight):
                values = (weight * coefficient)[:, np.newaxis] * shares
                transform = self._transform(pixels, values, fine)
                transform *= function
                sums[s] += transform
        window = self._kept("window", lambda: self._cloud_window(fine, 2))
        for s, whole in enumerate(sums):
            whole *= window
            total[s] += _fold(whole, self.shape)

    def _add_elliptical(self, total, halos):
        """Add the higher multipoles; they have less of a cusp, and nothing is folded."""
        if len(halos.x) == 0:
            return
        pixels, shares = self._clouds(halos.x, halos.y, self.shape)
        sums = np.zeros_like(total)
        for m in (2, 4):
            table = self._tables[m]
            turns = np.cos(m * halos.angle), np.sin(m * halos.angle)
            for r, coefficient in enumerate(table.coefficients(halos)):
                for turn, wave in zip(turns, (np.cos, np.sin), strict=True):
                    function = self._kept(
                        (m, r, wave), lambda: self._multipole(table, r, m, wave)  # noqa: B023
                    )
                    for s, weight in enumerate(halos.weight):
                        values = (weight * coefficient * turn)[:, np.newaxis] * shares
                        sums[s] += function * self._transform(pixels, values, self.shape)
        total += sums * self._kept("coarse window", lambda: self._cloud_window(self.shape, 1))

    # --- the grid ---------------------------------------------------------------------------

    def _kept(self, key, make):
        """Return a function on the grid of wave numbers, worked out once."""
        if key not in self._functions:
            self._functions[key] = make()
        return self._functions[key]

    def _folded_function(self, table, r):
        """Return a radial function times the pixel's window, with what folds back to each mode."""
        ny, nx = self.shape
        kx = 2 * np.pi * scipy.fft.rfftfreq(nx)[np.newaxis, :]
        ky = 2 * np.pi * scipy.fft.fftfreq(ny)[:, np.newaxis]
        total = np.zeros((ny, nx // 2 + 1))
        for j, i in np.ndindex(2 * FOLDS + 1, 2 * FOLDS + 1):
            x, y = kx + 2 * np.pi * (i - FOLDS), ky + 2 * np.pi * (j - FOLDS)
            window = np.sinc(x / (2 * np.pi)) * np.sinc(y / (2 * np.pi))
            total += table.function(r, np.hypot(x, y)) * window
        return total.astype(self.dtype)

    def _multipole(self, table, r, m, wave):
        k, phase = _waves(self.shape, 1)
        return (table.function(r, k) * wave(m * phase)).astype(self.dtype)

    def _cloud_window(self, shape, per_pixel):
        """Return the window of a pixel over that of sharing points by a cubic spline."""
        y = scipy.fft.fftfreq(shape[0])[:, np.newaxis]
        x = scipy.fft.rfftfreq(shape[1])[np.newaxis, :]
        pixel = np.sinc(per_pixel * y) * np.sinc(per_pixel * x)
        return (pixel / (np.sinc(y) * np.sinc(x)) ** 4).astype(self.dtype)

    def _transform(self, pixel, values, shape):
        field = np.bincount(pixel.ravel(), values.ravel(), minlength=shape[0] * shape[1])
        return scipy.fft.rfft2(field.reshape(shape).astype(self.dtype))

    @staticmethod
    def _pixels(x, y, shape):
        ny, nx = shape
        return y.astype(np.intp) % ny * nx + x.astype(np.intp) % nx

    def _clouds(self, x, y, shape):
        """Return the 16 places next to each point, ``(n, 16)``, and its shares in them."""
        left, below = np.floor(x), np.floor(y)
        along_x, along_y = _spline_shares(x - left), _spline_shares(y - below)
        pixels = np.stack(
            [self._pixels(left + i, below + j, shape) for j in range(-1, 3) for i in range(-1, 3)],
            axis=-1,
        )
        shares = np.stack([b * a for b in along_y for a in along_x], axis=-1)
        return pixels, shares


def _spline_shares(f):
    """Return the shares of a point, by a cubic spline, in the four places next to it."""
    return (
        (1 - f) ** 3 / 6,
        (3 * f**3 - 6 * f**2 + 4) / 6,
        (-3 * f**3 + 3 * f**2 + 3 * f + 1) / 6,
        f**3 / 6,
    )


def _waves(shape, per_pixel):
    """Return the moduli of wave numbers (times pixels) and their angles from +x to +y."""
    ky = 2 * np.pi * per_pixel * scipy.fft.fftfreq(shape[0])[:, np.newaxis]
    kx = 2 * np.pi * per_pixel * scipy.fft.rfftfreq(shape[1])[np.newaxis, :]
    return np.hypot(kx, ky), np.arctan2(ky, kx)


def _fold(fine, shape):
    """Return the transform of every second element, of that of all, both ways."""
    ny, nx = shape
    rows = fine[:ny] + fine[ny:]
    half = nx // 2
    # Columns beyond the half that is there are those of the opposite wave number, conjugated.
    mirrored = np.conj(np.roll(rows[::-1], 1, axis=0)[:, nx - half : nx + 1])[:, ::-1]
    return rows[:, : half + 1] + mirrored


def _select(halos, which):
    return Halos(
        *(
            values[:, which] if name == "weight" else values[which]
            for name, values in zip(halos._fields, halos, strict=True)
        )
    )

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

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import scipy.fft

from lensmap.halos import truncated_nfw_fourier
from lensmap.utils import chunk_slices

__all__ = ["HaloPainter", "Halos"]

# The tables of coefficients: sizes (scale radius times wave number), truncations, ellipticities.
_N_SIZES, _N_TAUS, _N_ELLIPTICITIES = 110, 24, 6
_TAU_RANGE = (1.0, 120.0)
_MAX_ELLIPTICITY = 0.6

# How many radial functions each multipole has, for halos that pixels resolve and for others.
_RANKS = {0: 15, 2: 11, 4: 7}
_RANK_POINTS = 5

# What pixels do not resolve is truncated within so many pixels at most, and what they do resolve
# not within so many: the tables hold no more.
_LARGEST_POINT = 8.0
_SMALLEST_RESOLVED = 0.8


# How many zones beyond the first fold back to it, on each side.
_FOLDS = 3


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
        self._tables = {m: _table(m, rank) for m, rank in _RANKS.items()}
        self._points = _table(0, _RANK_POINTS, points=True)
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
        """Add halos on the centres of pixels, with all that folds back."""
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
        for j, i in np.ndindex(2 * _FOLDS + 1, 2 * _FOLDS + 1):
            x, y = kx + 2 * np.pi * (i - _FOLDS), ky + 2 * np.pi * (j - _FOLDS)
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


class _Table:
    """The radial functions of one multipole, and the coefficients by a halo's parameters."""

    # Wave numbers times pixels: from a box of 20 000 pixels to the corner of the last zone.
    log_k = np.linspace(
        np.log(2 * np.pi / 20_000), np.log((2 * _FOLDS + 1) * np.pi * np.sqrt(2)), 190
    )

    def __init__(self, m, rank, *, points):
        self.m, self.points = m, points
        # Scale radii in pixels. Resolved halos: from those that are cut at their scale radius.
        low, high = 1e-3, _LARGEST_POINT / _TAU_RANGE[0]
        if not points:
            low, high = _SMALLEST_RESOLVED / _TAU_RANGE[1], 600.0
        self.log_scale = np.linspace(np.log(low), np.log(high), _N_SIZES)
        self.log_tau = np.linspace(*np.log(_TAU_RANGE), _N_TAUS)
        self.ellipticity = np.zeros(1)
        if not points:
            self.ellipticity = np.linspace(0.0, _MAX_ELLIPTICITY, _N_ELLIPTICITIES)
        profiles = self._multipoles()  # (size, tau, ellipticity, k)
        flat = profiles.reshape(-1, len(self.log_k))
        _, _, rows = np.linalg.svd(flat[self._possible().ravel()], full_matrices=False)
        self.functions = rows[:rank]
        values = flat @ self.functions.T
        self._values = values.reshape(*profiles.shape[:3], rank).astype(np.float32)

    def _possible(self):
        """Say which combinations of size and truncation occur, so that rank is spent on them."""
        size = np.exp(self.log_scale)[:, None] * np.exp(self.log_tau)[None, :]
        good = size < _LARGEST_POINT if self.points else size > _SMALLEST_RESOLVED
        shape = (*size.shape, len(self.ellipticity))
        return np.broadcast_to(good[..., np.newaxis], shape)

    def _multipoles(self):
        r"""Return the multipoles of the transforms of elliptical halos.

        The transform at the angle phi from the long axis is the circular one at
        :math:`k \sqrt{\cos^2\phi / q + q \sin^2\phi}`.
        """
        n_angles = 16  # of a quarter: the trapezoidal rule is exact far beyond the multipoles used
        phi = (np.arange(n_angles) + 0.5) * np.pi / (2 * n_angles)
        fine = np.linspace(np.log(1e-7), np.log(1e6), 4000)
        result = np.empty((_N_SIZES, _N_TAUS, len(self.ellipticity), len(self.log_k)))
        for j, tau in enumerate(np.exp(self.log_tau)):
            profile = truncated_nfw_fourier(np.exp(fine), tau)
            for n, e in enumerate(self.ellipticity):
                q = (1 - e) / (1 + e)
                stretch = np.log(np.cos(phi) ** 2 / q + q * np.sin(phi) ** 2) / 2
                place = (
                    self.log_scale[:, None, None] + self.log_k[:, None] + stretch
                )
                values = np.interp(place, fine, profile)
                weight = np.cos(self.m * phi) * (2 if self.m else 1) / n_angles
                result[:, j, n] = values @ weight
        return result

    def function(self, r, k):
        """Return a radial function at wave numbers (times pixels)."""
        place = np.log(np.maximum(k, np.exp(self.log_k[0])))
        return np.interp(place, self.log_k, self.functions[r])

    def coefficients(self, halos):
        """Return the coefficients of halos for each radial function, ``(n_functions, n)``.

        By linear interpolation between the nodes of the table.
        """
        i, fi = _place(np.log(halos.scale), self.log_scale)
        j, fj = _place(np.log(halos.tau), self.log_tau)
        n_sizes, n_taus, n_e, rank = self._values.shape
        corners = [
            ((i + di) * n_taus + j + dj, (fi if di else 1 - fi) * (fj if dj else 1 - fj))
            for di in (0, 1)
            for dj in (0, 1)
        ]
        if n_e > 1:
            n, fn = _place(halos.ellipticity, self.ellipticity)
            corners = [
                (row * n_e + n + dn, share * (fn if dn else 1 - fn))
                for row, share in corners
                for dn in (0, 1)
            ]
        rows = self._values.reshape(-1, rank)
        result = np.empty((rank, len(halos.x)), dtype=np.float32)
        # A few thousand at a time, so that what is added up stays near the processor.
        for part in chunk_slices(len(halos.x), 4096):
            total = 0.0
            for row, share in corners:
                total = total + rows[row[part]] * share[part, np.newaxis].astype(np.float32)
            result[:, part] = total.T
        return result


def _place(values, nodes):
    """Return the node below each value and how far it is from it to the next (evenly spaced)."""
    place = (values - nodes[0]) / (nodes[1] - nodes[0])
    place = np.clip(place, 0.0, len(nodes) - 1.000001)
    below = place.astype(np.intp)
    return below, place - below


@lru_cache(maxsize=16)
def _table(m, rank, points=False):
    return _Table(m, rank, points=points)

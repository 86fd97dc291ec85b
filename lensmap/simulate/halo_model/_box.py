# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""One draw of the sky in a periodic box: planes of matter, their halos, and the Born sum.

Everything that does not depend on the draw is worked out once and travels to other processes.
"""

import numpy as np
import scipy.fft
from astropy import units as u

from lensmap.cosmology import convergence_power
from lensmap.flatsky import mode_ell, pixel_window, shear_kernel
from lensmap.halos import nfw_mass, radius_200c, truncated_nfw_mass
from lensmap.simulate.halo_model._large_scale import LognormalField, white_noise
from lensmap.simulate.halo_model._painting import HaloPainter, Halos
from lensmap.simulate.halo_model._planes import Statistics, farthest, make_planes, mass_to_kappa
from lensmap.simulate.halo_model._resolution import resolution_transfer

__all__ = ["Box"]

# The large-scale density is smooth: a pixel of it is so many of the map's, on a side.
_COARSE = 2

# How thick a plane is at most, comoving Mpc.
_THICKNESS = 190.0

_MAX_ELLIPTICITY = 0.6
_CONCENTRATIONS = (1.0, 30.0)

# Rare halos form from the matter within such a radius, comoving Mpc.
_FORMATION = 2.5

# How often the power of the large-scale density is corrected: then it is right to a per cent.
_STEPS = 2

# Halos whose r200c is smaller than this (pixels) are centered on a pixel, and those below the
# second number are round: pixels would not show it.
_RESOLVED = 2.0
_SHAPED = 2.5


class Box:
    """What is known of a field before it is drawn.

    Parameters
    ----------
    cosmology : `~astropy.cosmology.FLRW`
        With sigma8 and n in its meta; flat.
    z_sources : tuple of float or SourceRedshifts
        The source redshifts.
    shape : tuple of int
        ``(ny, nx)`` of the whole box, even.
    pixel : float
        The side of a pixel in radians.
    physics : HaloPhysics
        What is assumed of halos.
    resolution : None, str or callable
        As for `resolution_transfer`.
    dtype : numpy.dtype
        ``float32`` or ``float64``.
    """

    def __init__(self, cosmology, z_sources, shape, pixel, physics, resolution, dtype):
        self.shape, self.pixel, self.physics = tuple(shape), float(pixel), physics
        self.dtype = np.dtype(dtype)
        statistics = Statistics(cosmology, physics, farthest(z_sources))
        self.planes = make_planes(statistics, z_sources, _THICKNESS)
        self._coarse_shape = tuple(n // _COARSE for n in self.shape)
        coarse_ell = _half(mode_ell(self._coarse_shape, self.pixel * _COARSE))
        self._fields, self._tracers = zip(
            *(self._large_scale(statistics, plane, coarse_ell) for plane in self.planes),
            strict=True,
        )
        ell = _half(mode_ell(self.shape, self.pixel))
        self._rest = [
            self._unresolved(statistics, i, z_source, ell) for i, z_source in enumerate(z_sources)
        ]
        self._window = _half(pixel_window(self.shape)).astype(self.dtype)
        self._transfer = resolution_transfer(ell, resolution).astype(self.dtype)
        self._tables(cosmology, z_sources)
        self._painter = HaloPainter(self.shape, self.dtype)

    # --- before the draws -------------------------------------------------------------------

    def _large_scale(self, statistics, plane, ell):
        """Return the density of a plane and its tracers: with halos, it has the power of matter.

        Tracers are no linear functions of the density, so that its power is found in steps.
        """
        nodes = np.geomspace(ell[ell > 0].min(), ell.max(), 300)
        k = nodes / plane.distance
        place = np.log(np.maximum(ell, nodes[0]))

        def on_grid(values):
            return np.interp(place, np.log(nodes), values)

        per_pixel = plane.distance**2 * plane.thickness * (self.pixel * _COARSE) ** 2
        target = on_grid(statistics.large_scale_power(k, plane.z) / per_pixel)
        # Halos are spread evenly over a pixel of the density.
        spread = _half(pixel_window(self._coarse_shape))
        responses = [on_grid(part) * spread for part in statistics.group_responses(k, plane.z)]
        smoothing = np.exp(-0.5 * (ell * _FORMATION / plane.distance) ** 2)
        power = target / (plane.smooth + sum(responses)) ** 2
        for step in range(_STEPS + 1):
            field = LognormalField(power, self._coarse_shape, self.dtype, smoothing=smoothing)
            tracers = [field.tracer(bias) for bias in plane.group_biases]
            if step < _STEPS:
                found = field.power_with(plane.smooth, responses, tracers)
                power = power * np.clip(target / np.maximum(found, 1e-300), 0.5, 2.0)
        return field, tracers

    def _unresolved(self, statistics, source, z_source, ell):
        """Return the amplitude of what neither painted halos nor planes hold: small halos.

        They are so many to a pixel that their sum is Gaussian.
        """
        nodes = np.geomspace(max(ell[ell > 0].min(), 1.0), ell.max(), 200)
        inside = np.zeros(nodes.shape)
        coarse_limit = np.pi / (self.pixel * _COARSE)
        for plane in self.planes:
            k = nodes / plane.distance
            # The coarse grid ends at its Nyquist frequency.
            power = np.where(
                nodes < coarse_limit, statistics.large_scale_power(k, plane.z), 0.0
            ) + statistics.one_halo_power(k, plane.z)
            inside += plane.weights[source] ** 2 * power / (plane.distance**2 * plane.thickness)
        whole = convergence_power(nodes, z_source, statistics.cosmology)
        rest = np.maximum(whole - inside, 0.0)
        values = np.interp(np.log(np.maximum(ell, 1.0)), np.log(nodes), rest)
        values[0, 0] = 0.0
        return (np.sqrt(values) / self.pixel).astype(self.dtype)

    def _tables(self, cosmology, z_sources):
        """Keep what halos need by redshift."""
        z = np.geomspace(1e-4, farthest(z_sources), 3000)
        self._z = z
        self._chi = cosmology.comoving_distance(z).to_value(u.Mpc)
        distance = cosmology.angular_diameter_distance(z).to_value(u.Mpc)
        # The angle (pixels) of r200c of a solar mass.
        radius = radius_200c(1 * u.solMass, z, cosmology).to_value(u.Mpc)
        self._size = radius / distance / self.pixel
        self._strength = [mass_to_kappa(z, s, cosmology) / self.pixel**2 for s in z_sources]

    # --- a draw -----------------------------------------------------------------------------

    def draw(self, rng):
        """Draw a sky.

        Parameters
        ----------
        rng : `numpy.random.Generator`
            The source of random numbers.

        Returns
        -------
        kappa_hat : `numpy.ndarray`
            The transform of the convergence (of pixel means), ``(n_sources, ny, nx // 2 + 1)``.
        halos : dict
            Arrays ``(n,)`` of all painted halos: x, y (pixels of the box), redshift, mass (M200c,
            solar masses), concentration, ellipticity, angle (radians, from +x to +y).
        """
        n_sources = len(self._strength)
        smooth = np.zeros((n_sources, *self._coarse_shape), dtype=self.dtype)
        parts = []
        for plane, field, tracers in zip(self.planes, self._fields, self._tracers, strict=True):
            density, rare = field.draw(rng)
            for s, weight in enumerate(plane.weights):
                smooth[s] += self.dtype.type(weight * plane.smooth) * density
            parts.append(self._draw_halos(plane, [t(density, rare) for t in tracers], rng))
        halos = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        self._dress(halos, rng)
        total = self._painter.paint(self._as_painted(halos))
        noise = white_noise(self.shape, rng, self.dtype)
        for s in range(n_sources):
            rest = self._refined(scipy.fft.rfft2(smooth[s])) + noise * self._rest[s]
            total[s] += rest * self._window
            total[s] *= self._transfer
            # The mean density of the box is that of the universe.
            total[s, 0, 0] = 0.0
        return total, halos

    def _draw_halos(self, plane, densities, rng):
        """Draw the halos of a plane, by the density of each group: where, how far, how heavy."""
        ny, nx = self._coarse_shape
        area = (self.pixel * _COARSE) ** 2
        cells, values = [], []
        for j, (number, density) in enumerate(zip(plane.group_numbers, densities, strict=True)):
            total = np.cumsum(density, dtype=float)
            n = rng.poisson(total[-1] * number * area)
            # Sorted, they are found in the order in which the sums lie in memory.
            place = np.sort(rng.random(n)) * total[-1]
            cells.append(np.searchsorted(total, place, side="right"))
            low, high = plane.group_cumulative[j : j + 2]
            values.append(low + rng.random(n) * (high - low))
        cell = np.minimum(np.concatenate(cells), ny * nx - 1)
        n = len(cell)
        log_mass = np.interp(np.concatenate(values), plane.cumulative, plane.log_mass)
        concentration = np.interp(log_mass, plane.log_mass, plane.log_concentration)
        jitter = rng.random((2, n)) * _COARSE - 0.5
        distance = np.cbrt(plane.near**3 + rng.random(n) * (plane.far**3 - plane.near**3))
        return {
            "x": cell % nx * _COARSE + jitter[0],
            "y": cell // nx * _COARSE + jitter[1],
            "redshift": np.interp(distance, self._chi, self._z),
            "mass": np.exp(log_mass),
            "concentration": concentration,  # ln c, until it is dressed with its scatter
        }

    def _dress(self, halos, rng):
        """Add what differs from halo to halo: concentration, ellipticity and orientation."""
        n, physics = len(halos["x"]), self.physics
        scatter = rng.standard_normal(n, dtype=np.float32) * physics.concentration_scatter
        halos["concentration"] = np.clip(
            np.exp(halos["concentration"] + scatter), *_CONCENTRATIONS
        )
        ellipticity = rng.standard_normal(n, dtype=np.float32) * physics.ellipticity_scatter
        ellipticity += physics.mean_ellipticity
        halos["ellipticity"] = np.clip(ellipticity, 0.0, _MAX_ELLIPTICITY).astype(float)
        halos["angle"] = rng.random(n, dtype=np.float32).astype(float) * np.pi
        halos["size"] = np.interp(halos["redshift"], self._z, self._size)
        halos["size"] *= np.cbrt(halos["mass"])
        # Pixels do not show where in them a small halo lies, nor its shape.
        halos["resolved"] = halos["size"] > _RESOLVED
        for name in ("x", "y"):
            halos[name] = np.where(halos["resolved"], halos[name], np.rint(halos[name]))
        halos["ellipticity"][halos["size"] < _SHAPED] = 0.0

    def _as_painted(self, halos):
        c = halos["concentration"]
        tau = self.physics.truncation * c
        mass = halos["mass"] * truncated_nfw_mass(tau) / nfw_mass(c)
        weight = np.stack([mass * np.interp(halos["redshift"], self._z, s)
                           for s in self._strength])
        return Halos(halos["x"], halos["y"], halos["resolved"], weight, halos["size"] / c, tau,
                     halos["ellipticity"], halos["angle"])

    def _refined(self, coarse):
        """Return the transform on the fine grid of a field on the coarse one."""
        (ny, nx), (cy, cx) = self.shape, self._coarse_shape
        fine = np.zeros((ny, nx // 2 + 1), dtype=coarse.dtype)
        # The Nyquist frequency of an even grid stands for two, and is left out.
        positive, negative, along_x = (cy + 1) // 2, (cy - 1) // 2, (cx + 1) // 2
        fine[:positive, :along_x] = coarse[:positive, :along_x]
        fine[ny - negative :, :along_x] = coarse[cy - negative :, :along_x]
        # The center of a coarse pixel lies between those of the fine ones that it covers.
        shift = (_COARSE - 1) / 2
        phase_y = np.exp(-2j * np.pi * shift * scipy.fft.fftfreq(ny))[:, np.newaxis]
        phase_x = np.exp(-2j * np.pi * shift * scipy.fft.rfftfreq(nx))[np.newaxis, :]
        fine *= (_COARSE**2 * phase_y).astype(coarse.dtype)
        fine *= phase_x.astype(coarse.dtype)
        return fine

    def kappa(self, kappa_hat):
        """Return the convergence of a transform, ``(ny, nx)``."""
        return scipy.fft.irfft2(kappa_hat, self.shape)

    def gamma(self, kappa_hat):
        """Return the complex shear (pixel basis) of a transform, ``(ny, nx)``."""
        kernel = _half(shear_kernel(self.shape))
        first = scipy.fft.irfft2(kappa_hat * kernel.real.astype(self.dtype), self.shape)
        second = scipy.fft.irfft2(kappa_hat * kernel.imag.astype(self.dtype), self.shape)
        return first + 1j * second


def _half(plane):
    """Return the half of a plane of modes that `scipy.fft.rfft2` has."""
    return plane[:, : plane.shape[1] // 2 + 1]

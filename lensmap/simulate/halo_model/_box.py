# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Random convergence fields in a periodic box, summed over lens planes (Born approximation).

A `Box` computes the tables that all its random fields share once, when it is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import scipy.fft
from astropy import units as u

from lensmap.cosmology import convergence_power
from lensmap.flatsky import mode_ell, pixel_window, shear_kernel
from lensmap.halos import nfw_mass, radius_200c, truncated_nfw_mass
from lensmap.simulate.halo_model._large_scale import LognormalField, white_noise
from lensmap.simulate.halo_model._multipoles import MAX_ELLIPTICITY
from lensmap.simulate.halo_model._painting import HaloPainter, Halos
from lensmap.simulate.halo_model._planes import (
    HaloPhysics,
    HaloStatistics,
    highest_redshift,
    make_planes,
    mass_to_kappa,
)
from lensmap.simulate.halo_model._resolution import Resolution, resolution_transfer
from lensmap.utils import check_memory

if TYPE_CHECKING:
    from astropy.cosmology import FLRW

    from lensmap.typing import RedshiftLike

__all__ = ["Box"]

# The side of a coarse pixel in pixels of the map. The large-scale density is smooth, so it is drawn
# on a coarse grid.
_COARSE_FACTOR = 2

# In comoving Mpc.
_MAX_PLANE_THICKNESS_MPC = 190.0

_CONCENTRATION_RANGE = (1.0, 30.0)

# The comoving radius of the region that collapses into a rare halo.
_FORMATION_RADIUS_MPC = 2.5

# After this number of corrections, the power of the large-scale density is accurate to a percent.
_N_POWER_CORRECTIONS = 2

# Limits on r200c, in pixels. Halos smaller than the first limit are moved to the center of a pixel,
# because the map does not show where in the pixel they lie. Halos smaller than the second limit are
# painted round, because the map does not show their shape.
_MIN_RESOLVED_RADIUS = 2.0
_MIN_ELLIPTICAL_RADIUS = 2.5


class Box:
    """A periodic area of the sky in which random convergence fields are drawn.

    Parameters
    ----------
    cosmology : `~astropy.cosmology.FLRW`
        A flat cosmology with ``sigma8`` and ``n`` in its ``meta``.
    z_sources : sequence of float or SourceRedshifts
        The source redshifts or redshift distributions. Each has a convergence field of its own.
    shape : tuple of int
        The shape of the whole box in pixels, ``(ny, nx)``. Both numbers must be even.
    pixel : float
        The side of a pixel in radians.
    physics : HaloPhysics
        The assumed properties of the halos.
    resolution : None, str or callable
        The simulation whose finite resolution is imitated: ``"massivenus"``, or a function that
        returns the factor on the Fourier amplitudes for given multipoles. None for no such factor.
    dtype : numpy.dtype
        The floating-point precision, ``float32`` or ``float64``.
    power : {"halofit", "camb"}
        What computes the matter power spectrum; see `lensmap.cosmology.nonlinear_power`.

    Attributes
    ----------
    memory : float
        An estimate of the peak memory in bytes while a field is drawn.

    Raises
    ------
    MemoryError
        If the box would not fit into memory.
    """

    def __init__(
        self,
        cosmology: FLRW,
        z_sources: Sequence[RedshiftLike],
        shape: tuple[int, int],
        pixel: float,
        physics: HaloPhysics,
        resolution: Resolution,
        dtype: np.dtype,
        power: str = "halofit",
    ) -> None:
        self.shape, self.pixel, self.physics = shape, float(pixel), physics
        self.dtype = np.dtype(dtype)
        statistics = HaloStatistics(cosmology, physics, highest_redshift(z_sources), power)
        self.planes = make_planes(statistics, z_sources, _MAX_PLANE_THICKNESS_MPC)
        self.memory = self._estimate_memory(len(z_sources))
        check_memory(
            self.memory, f"a field in a box of {shape[0]} x {shape[1]} pixels",
            "use fewer or larger pixels, less padding or a higher min_mass",
        )
        self._coarse_shape = shape[0] // _COARSE_FACTOR, shape[1] // _COARSE_FACTOR
        coarse_ell = _half(mode_ell(self._coarse_shape, self.pixel * _COARSE_FACTOR))
        self._fields, self._tracers = zip(
            *(self._large_scale(statistics, plane, coarse_ell) for plane in self.planes),
            strict=True,
        )
        ell = _half(mode_ell(self.shape, self.pixel))
        self._small_halos = [
            self._small_halo_amplitude(statistics, i, z_source, ell)
            for i, z_source in enumerate(z_sources)
        ]
        self._window = _half(pixel_window(self.shape)).astype(self.dtype)
        self._transfer = resolution_transfer(ell, resolution).astype(self.dtype)
        self._tabulate_redshifts(cosmology, z_sources)
        self._painter = HaloPainter(self.shape, self.dtype)

    def _estimate_memory(self, n_sources):
        """Return an estimate of the peak memory (bytes) while a field is drawn, with all tables."""
        pixels = float(self.shape[0] * self.shape[1])
        n_halos = sum(plane.group_numbers.sum() for plane in self.planes) * pixels * self.pixel**2
        single = self.dtype.itemsize == 4
        painter = 22e6 * self.dtype.itemsize / 4  # the tables of halo profiles
        kept = pixels * ((7 if single else 10) + (3.05 if single else 4.2) * len(self.planes))
        # Halos are drawn before the maps are made. While they are painted, the maps of all sources
        # are in memory, too.
        maps = pixels * ((112 if single else 168) + (22 if single else 44) * (n_sources - 1))
        return painter + kept + max(12 * pixels + 310 * n_halos, maps + 230 * n_halos)

    # --- before the draws -------------------------------------------------------------------

    def _large_scale(self, statistics, plane, ell):
        """Return the `LognormalField` of a lens plane, and a list of functions for its halos.

        The list has one function for each mass group (halos of similar mass). It converts the drawn
        matter density to the number density of the halos. Diffuse matter and halos together must
        have the power spectrum of the matter. Because the number density is not linear in the
        matter density, the power of the matter density is found by iteration. ``ell`` are the
        multipoles of the grid of coarse pixels.
        """
        nodes = np.geomspace(ell[ell > 0].min(), ell.max(), 300)
        k = nodes / plane.distance
        log_ell = np.log(np.maximum(ell, nodes[0]))

        def on_grid(values):
            return np.interp(log_ell, np.log(nodes), values)

        pixel_volume = plane.distance**2 * plane.thickness * (self.pixel * _COARSE_FACTOR) ** 2
        target = on_grid(statistics.large_scale_power(k, plane.z) / pixel_volume)
        # Halos have uniform random positions within a coarse pixel, which smooths their density.
        window = _half(pixel_window(self._coarse_shape))
        responses = [
            on_grid(response) * window for response in statistics.group_responses(k, plane.z)
        ]
        smoothing = np.exp(-0.5 * (ell * _FORMATION_RADIUS_MPC / plane.distance) ** 2)
        power = target / (plane.diffuse_response + sum(responses)) ** 2
        for step in range(_N_POWER_CORRECTIONS + 1):
            field = LognormalField(power, self._coarse_shape, self.dtype, smoothing=smoothing)
            tracers = [field.tracer(bias) for bias in plane.group_biases]
            if step < _N_POWER_CORRECTIONS:
                total = field.total_power(plane.diffuse_response, responses, tracers)
                power = power * np.clip(target / np.maximum(total, 1e-300), 0.5, 2.0)
        return field, tracers

    def _small_halo_amplitude(self, statistics, source, z_source, ell):
        """Return the Fourier amplitudes of the Gaussian noise that stands for small halos.

        These are halos below the lowest mass of individually simulated halos. The power of the
        noise is the difference between the convergence power and the power of individual halos and
        diffuse matter. Each pixel has so many small halos that their sum is Gaussian. ``source`` is
        the index of the source redshift ``z_source``, and ``ell`` are the multipoles of the grid.
        """
        nodes = np.geomspace(max(ell[ell > 0].min(), 1.0), ell.max(), 200)
        included = np.zeros(nodes.shape)
        coarse_nyquist = np.pi / (self.pixel * _COARSE_FACTOR)
        for plane in self.planes:
            k = nodes / plane.distance
            # The coarse grid has no power beyond its Nyquist frequency.
            power = np.where(
                nodes < coarse_nyquist, statistics.large_scale_power(k, plane.z), 0.0
            ) + statistics.one_halo_power(k, plane.z)
            included += plane.weights[source] ** 2 * power / (plane.distance**2 * plane.thickness)
        total = convergence_power(
            nodes, z_source, statistics.cosmology, power=statistics.power
        )
        missing = np.maximum(total - included, 0.0)
        values = np.interp(np.log(np.maximum(ell, 1.0)), np.log(nodes), missing)
        values[0, 0] = 0.0
        return (np.sqrt(values) / self.pixel).astype(self.dtype)

    def _tabulate_redshifts(self, cosmology, z_sources):
        """Tabulate distances, halo sizes and lensing strengths on a grid of redshifts.

        The tables hold the comoving distance (Mpc), the r200c of a halo of one solar mass (pixels),
        and, for each source redshift, the convergence of one solar mass in a pixel.
        """
        z = np.geomspace(1e-4, highest_redshift(z_sources), 3000)
        self._z = z
        self._chi = cosmology.comoving_distance(z).to_value(u.Mpc)
        distance = cosmology.angular_diameter_distance(z).to_value(u.Mpc)
        radius = radius_200c(1 * u.solMass, z, cosmology).to_value(u.Mpc)
        self._size = radius / distance / self.pixel  # r200c of one solar mass, pixels
        self._strength = [mass_to_kappa(z, s, cosmology) / self.pixel**2 for s in z_sources]

    # --- a draw -----------------------------------------------------------------------------

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Draw the Fourier transform of a random convergence field in the box, and its halos.

        Parameters
        ----------
        rng : `numpy.random.Generator`
            The random number generator.

        Returns
        -------
        kappa_hat : `numpy.ndarray`
            The Fourier transform, as in `scipy.fft.rfft2`, of the convergence averaged over pixels,
            ``(n_sources, ny, nx // 2 + 1)``.
        halos : dict
            The properties of all individually simulated halos as arrays ``(n,)``, keyed by name:
            ``x`` and ``y`` (pixel positions in the box), ``redshift``, ``mass`` (M200c in solar
            masses), ``concentration`` (c200c), ``ellipticity``, ``angle`` (of the long axis,
            radians from +x to +y), ``size`` (r200c in pixels) and ``resolved`` (bool, True if
            r200c exceeds 2 pixels).
        """
        n_sources = len(self._strength)
        diffuse = np.zeros((n_sources, *self._coarse_shape), dtype=self.dtype)
        plane_halos = []
        for plane, field, tracers in zip(self.planes, self._fields, self._tracers, strict=True):
            density, smooth = field.draw(rng)
            for s, weight in enumerate(plane.weights):
                diffuse[s] += self.dtype.type(weight * plane.diffuse_response) * density
            densities = [tracer(density, smooth) for tracer in tracers]
            plane_halos.append(self._draw_halos(plane, densities, rng))
        halos = {
            name: np.concatenate([columns[name] for columns in plane_halos])
            for name in plane_halos[0]
        }
        self._draw_shapes(halos, rng)
        total = self._painter.paint(self._to_paint(halos))
        noise = white_noise(self.shape, rng, self.dtype)
        for s in range(n_sources):
            unpainted = self._refined(scipy.fft.rfft2(diffuse[s])) + noise * self._small_halos[s]
            total[s] += unpainted * self._window
            total[s] *= self._transfer
            # A zero mean: the mean density of the box is that of the universe.
            total[s, 0, 0] = 0.0
        return total, halos

    def _draw_halos(self, plane, densities, rng):
        """Draw the positions, redshifts, masses and median concentrations of halos in a lens plane.

        ``densities`` holds the number density of halos in units of its mean, ``(ny, nx)``, for each
        mass group. Return a dict of arrays ``(n,)``; ``"concentration"`` is the median ln c200c.
        """
        ny, nx = self._coarse_shape
        area = (self.pixel * _COARSE_FACTOR) ** 2
        cells, values = [], []
        for j, (number, density) in enumerate(zip(plane.group_numbers, densities, strict=True)):
            total = np.cumsum(density, dtype=float)
            n = rng.poisson(total[-1] * number * area)
            # Sorted, so that searchsorted reads memory in order.
            place = np.sort(rng.random(n)) * total[-1]
            cells.append(np.searchsorted(total, place, side="right"))
            low, high = plane.group_cumulative[j : j + 2]
            values.append(low + rng.random(n) * (high - low))
        cell = np.minimum(np.concatenate(cells), ny * nx - 1)
        n = len(cell)
        log_mass = np.interp(np.concatenate(values), plane.cumulative, plane.log_mass)
        log_concentration = np.interp(log_mass, plane.log_mass, plane.log_concentration)
        jitter = rng.random((2, n)) * _COARSE_FACTOR - 0.5
        distance = np.cbrt(plane.near**3 + rng.random(n) * (plane.far**3 - plane.near**3))
        return {
            "x": cell % nx * _COARSE_FACTOR + jitter[0],
            "y": cell // nx * _COARSE_FACTOR + jitter[1],
            "redshift": np.interp(distance, self._chi, self._z),
            "mass": np.exp(log_mass),
            "concentration": log_concentration,  # the median ln c; `_draw_shapes` adds the scatter
        }

    def _draw_shapes(self, halos, rng):
        """Draw concentrations, ellipticities and orientations of halos, and compute their sizes.

        The arrays ``(n,)`` are added to the dict ``halos`` in place.
        """
        n, physics = len(halos["x"]), self.physics
        scatter = rng.standard_normal(n, dtype=np.float32) * physics.concentration_scatter
        halos["concentration"] = np.clip(
            np.exp(halos["concentration"] + scatter), *_CONCENTRATION_RANGE
        )
        ellipticity = rng.standard_normal(n, dtype=np.float32) * physics.ellipticity_scatter
        ellipticity += physics.mean_ellipticity
        halos["ellipticity"] = np.clip(ellipticity, 0.0, MAX_ELLIPTICITY).astype(float)
        halos["angle"] = rng.random(n, dtype=np.float32).astype(float) * np.pi
        halos["size"] = np.interp(halos["redshift"], self._z, self._size)
        halos["size"] *= np.cbrt(halos["mass"])
        halos["resolved"] = halos["size"] > _MIN_RESOLVED_RADIUS
        for name in ("x", "y"):
            halos[name] = np.where(halos["resolved"], halos[name], np.rint(halos[name]))
        halos["ellipticity"][halos["size"] < _MIN_ELLIPTICAL_RADIUS] = 0.0

    def _to_paint(self, halos):
        c = halos["concentration"]
        tau = self.physics.truncation * c
        mass = halos["mass"] * truncated_nfw_mass(tau) / nfw_mass(c)
        weight = np.stack([mass * np.interp(halos["redshift"], self._z, s)
                           for s in self._strength])
        return Halos(halos["x"], halos["y"], halos["resolved"], weight, halos["size"] / c, tau,
                     halos["ellipticity"], halos["angle"])

    def _refined(self, coarse):
        """Convert the Fourier transform of the diffuse convergence to the pixels of the box.

        Diffuse matter is drawn on coarse pixels, and ``coarse`` is the transform of its convergence
        on these pixels. Both transforms are those of `scipy.fft.rfft2`.
        """
        (ny, nx), (cy, cx) = self.shape, self._coarse_shape
        fine = np.zeros((ny, nx // 2 + 1), dtype=coarse.dtype)
        # On an even grid, the Nyquist mode stands for both signs of the frequency, so it is left
        # out.
        positive, negative, along_x = (cy + 1) // 2, (cy - 1) // 2, (cx + 1) // 2
        fine[:positive, :along_x] = coarse[:positive, :along_x]
        fine[ny - negative :, :along_x] = coarse[cy - negative :, :along_x]
        # The center of a coarse pixel lies between the centers of its fine pixels.
        shift = (_COARSE_FACTOR - 1) / 2
        phase_y = np.exp(-2j * np.pi * shift * scipy.fft.fftfreq(ny))[:, np.newaxis]
        phase_x = np.exp(-2j * np.pi * shift * scipy.fft.rfftfreq(nx))[np.newaxis, :]
        fine *= (_COARSE_FACTOR**2 * phase_y).astype(coarse.dtype)
        fine *= phase_x.astype(coarse.dtype)
        return fine

    def kappa(self, kappa_hat: np.ndarray) -> np.ndarray:
        """Compute the convergence for one source redshift, ``(ny, nx)``, from its transform.

        ``kappa_hat`` is one of the transforms that `draw` returns, ``(ny, nx // 2 + 1)``.
        """
        return scipy.fft.irfft2(kappa_hat, self.shape)

    def gamma(self, kappa_hat: np.ndarray) -> np.ndarray:
        """Compute the complex shear in the pixel basis for one source redshift, ``(ny, nx)``.

        ``kappa_hat`` is one of the transforms of the convergence that `draw` returns,
        ``(ny, nx // 2 + 1)``.
        """
        kernel = _half(shear_kernel(self.shape))
        first = scipy.fft.irfft2(kappa_hat * kernel.real.astype(self.dtype), self.shape)
        second = scipy.fft.irfft2(kappa_hat * kernel.imag.astype(self.dtype), self.shape)
        return first + 1j * second


def _half(plane):
    """Return the first nx // 2 + 1 columns of an array ``(ny, nx)``, as in `scipy.fft.rfft2`."""
    return plane[:, : plane.shape[1] // 2 + 1]

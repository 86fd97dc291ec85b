# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The pixels of a convergence map, as the data of a halo fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u
from scipy import linalg
from scipy.ndimage import gaussian_filter

from lensmap.halos import NFWLens
from lensmap.maps import map_sources
from lensmap.profiles._efficiency import Efficiency
from lensmap.profiles._fit_data import FitData, fit_radii, offsets_within, reduced_shear
from lensmap.profiles._map_response import MapResponse
from lensmap.profiles._radii import describe_positions
from lensmap.utils import ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from astropy.coordinates import SkyCoord
    from astropy.cosmology import FLRW

    from lensmap.maps import ConvergenceMap
    from lensmap.profiles._halo_parameters import HaloValues
    from lensmap.typing import RedshiftLike

__all__ = ["map_data"]

# The spacing of the fitted pixels in units of the smoothing, and the limit of their number.
_PIXEL_SPACING = 1.5
_MAX_PIXELS = 1500

# The smallest distance of masked pixels in units of the outer radius, if it is not known how they
# change the map. At this distance, the mass of 1e15 solar masses at redshift 0.3 changes by 3 per
# cent; at half of it, by 15 per cent.
_MIN_DISTANCE = 0.8


class _MapData:
    """The convergence of pixels around halos, up to a constant.

    Parameters
    ----------
    values : `numpy.ndarray`
        Convergence of the fitted pixels, ``(n,)``.
    used : `numpy.ndarray`
        Bool, ``(ny, nx)``: which pixels of a window around the halos are fitted.
    offsets : `numpy.ndarray`
        Complex offsets (east + i north, radians) of the pixels of the window from each halo,
        ``(n_halos, ny, nx)``.
    min_theta : float
        The smallest separation at which the model is evaluated, radians.
    smoothing : float
        Standard deviation of the Gaussian smoothing of the map, pixels.
    whiten : callable
        Function that decorrelates the noise of the fitted pixels and scales it to variance 1.
    inverse : `numpy.ndarray`
        Mean inverse critical surface density for each halo, Mpc2 / solMass (proper Mpc),
        ``(n_halos,)``.
    lenses : list of `~lensmap.halos.NFWLens`
        One lens model for each halo.
    from_reduced_shear : bool
        Whether the map was reconstructed from reduced shear.
    response : callable or None
        Function that returns the fitted pixels of the map of given halos, as the estimator makes it
        of their shear, ``(n,)``; None if it is not known how the map was made.
    """

    unit = "pixels"

    def __init__(
        self,
        values: np.ndarray,
        used: np.ndarray,
        offsets: np.ndarray,
        min_theta: float,
        smoothing: float,
        whiten: Callable[[np.ndarray], np.ndarray],
        inverse: np.ndarray,
        lenses: list[NFWLens],
        from_reduced_shear: bool,
        response: Callable[[Sequence[HaloValues]], np.ndarray] | None,
    ) -> None:
        self._values, self._used, self._whiten = values, used, whiten
        self._offsets, self._min_theta, self._smoothing = offsets, min_theta, smoothing
        self._inverse, self._lenses = inverse, lenses
        self._from_reduced_shear, self._response = from_reduced_shear, response
        self._correction, self.adapts = np.zeros(len(values)), response is not None
        # Shear does not determine the mass sheet, so the residuals are made orthogonal to a
        # constant.
        self._constant = whiten(np.ones(len(values)))
        self._constant /= np.linalg.norm(self._constant)
        self.n = self.n_independent = len(values)

    @property
    def measured(self) -> np.ndarray:
        return self._values - self._values.mean()

    def efficiency(self, i: int) -> tuple[float, float]:
        return self._inverse[i], 1.0

    def model(self, halos: Sequence[HaloValues]) -> np.ndarray:
        kappa = self._kappa(halos)
        return kappa - kappa.mean()

    def _kappa(self, halos: Sequence[HaloValues]) -> np.ndarray:
        kappa = np.zeros(self._used.shape)
        for i, halo in enumerate(halos):
            theta = np.abs(self._offsets[i] - (halo.east + 1j * halo.north))
            theta = np.maximum(theta, self._min_theta)
            nodes = np.geomspace(theta.min(), 30 * theta.max(), 500)
            sigma, excess = self._lenses[i].surface_density(nodes, halo.ln_m200c, halo.ln_c200c)
            profile = sigma * self._inverse[i]
            if self._from_reduced_shear:
                profile = _kappa_of_reduced_shear(nodes, profile, excess * self._inverse[i])
            kappa += np.interp(np.log(theta), np.log(nodes), profile)
        if self._smoothing > 0:
            kappa = gaussian_filter(kappa, self._smoothing, mode="nearest")
        return kappa[self._used] + self._correction

    def adapt(self, halos: Sequence[HaloValues]) -> None:
        """Correct the model by the effect of edges, holes and finite size on the map of halos.

        The difference between the map of these halos and their model is added to the model. It
        changes much less with the parameters than the model itself.

        Parameters
        ----------
        halos : sequence of HaloValues
            The best-fit halos.
        """
        assert self._response is not None
        self._correction = self._response(halos) - (self._kappa(halos) - self._correction)

    def residuals(self, halos: Sequence[HaloValues]) -> np.ndarray:
        difference = self._whiten(self._values - self._kappa(halos))
        return difference - self._constant * (self._constant @ difference)


def _kappa_of_reduced_shear(
    theta: np.ndarray, kappa: np.ndarray, gamma: np.ndarray
) -> np.ndarray:
    r"""Return the convergence that is reconstructed from the reduced shear of a round halo.

    The reconstruction uses the reduced shear in place of the shear in
    :math:`\kappa(\theta) = 2 \int_\theta^\infty \gamma_t\, d\ln\theta - \gamma_t`. ``theta`` are
    increasing radii, and ``kappa`` and ``gamma`` are the true convergence and tangential shear at
    these radii, ``(n,)`` each. The result has the shape ``(n,)``.
    """
    g = reduced_shear(gamma, kappa)
    step = np.diff(np.log(theta)) * (g[1:] + g[:-1])
    return np.append(np.cumsum(step[::-1])[::-1], 0.0) - g


def map_data(
    kappa: ConvergenceMap,
    positions: SkyCoord,
    z_lens: np.ndarray,
    z_source: RedshiftLike | None,
    radii: u.Quantity | None,
    cosmology: FLRW,
) -> FitData:
    """Select the pixels around halos, as the data of a halo fit.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map, with an uncertainty.
    positions : `~astropy.coordinates.SkyCoord`
        Positions of the halos, ``(n_halos,)``.
    z_lens : `numpy.ndarray`
        Redshifts of the halos, ``(n_halos,)``.
    z_source : float, `~lensmap.SourceRedshifts` or None
        The redshift of the source galaxies, or their distribution. None takes the distribution that
        the map records, if it does.
    radii : `~astropy.units.Quantity` or None
        ``(inner, outer)``: the range of radii around each halo, angles or proper lengths. None uses
        0.2 to 2.5 Mpc.
    cosmology : `~astropy.cosmology.FLRW`
        The cosmology.

    Returns
    -------
    FitData
        The convergence of the selected pixels, with its model.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, the map has no uncertainty or no known smoothing, or no pixel
        is usable.
    """
    if kappa.uncertainty is None:
        raise ParameterError(
            "data", "an uncertainty if it is a map",
            remedy="reconstruct the map with {uncertainty='analytic'} or "
            "{uncertainty='rotations'}",
            verb="have",
        )
    if kappa.smoothing is None:
        raise ParameterError(
            "data", "a known Gaussian smoothing if it is a map", "an unknown one",
            "fit a map that KaiserSquires reconstructed, the catalog or its shear profile",
            verb="have",
        )
    z_source = map_sources(kappa, z_source)
    y, x = np.indices(kappa.shape)
    sky = kappa.wcs.pixel_to_world(x.ravel(), y.ravel())
    offsets, used = offsets_within(positions, sky, z_lens, radii, cosmology)
    used = used.reshape(kappa.shape) & ~kappa.mask & (kappa.uncertainty.array > 0)
    if not used.any():
        raise ParameterError(
            "position", "on the map", f"at {describe_positions(positions)}",
            "no unmasked pixel is in the range of {radii} around any position", verb="lie",
        )
    smoothing = kappa.smoothing_pixels
    offsets = offsets.reshape(len(positions), *kappa.shape)
    used = _thin(used, np.abs(offsets[0]), smoothing)
    rows, columns = np.nonzero(used)
    # To smooth the model at a fitted pixel, its values within 4 sigma of the pixel are needed.
    reach = int(np.ceil(4 * smoothing)) + 1
    window = np.s_[
        max(0, rows.min() - reach) : rows.max() + reach + 1,
        max(0, columns.min() - reach) : columns.max() + reach + 1,
    ]
    efficiency = Efficiency.from_sources(z_source, z_lens, cosmology)
    inverse = np.array([efficiency.inverse_sigma_crit(i, np.zeros(1, dtype=int))[0][0]
                        for i in range(len(positions))])
    lenses = [NFWLens(float(z), cosmology) for z in z_lens]
    response = MapResponse.of_map(kappa, positions, inverse, lenses)
    if response is None and "estimator" in kappa.meta:
        limits = fit_radii(radii, z_lens, cosmology)
        _check_distance_of_holes(kappa.mask, offsets, limits[:, 1])
    return _MapData(
        values=kappa.data[used],
        used=used[window],
        offsets=offsets[(slice(None), *window)],
        # The profile diverges at the center: a pixel there takes the value at a third of a pixel.
        min_theta=kappa.pixel_scale.to_value(u.rad) / 3,
        smoothing=smoothing,
        whiten=_whitening(rows, columns, kappa.uncertainty.array[used], smoothing),
        inverse=inverse,
        lenses=lenses,
        from_reduced_shear="estimator" in kappa.meta,
        response=None if response is None else lambda halos: response.kappa(halos)[used],
    )


def _check_distance_of_holes(mask: np.ndarray, offsets: np.ndarray, outer: np.ndarray) -> None:
    """Raise an error if masked pixels are near a halo on a map whose response is not known.

    ``mask`` is that of the map, ``(ny, nx)``. ``offsets`` are the offsets of its pixels from each
    halo, ``(n_halos, ny, nx)``, and ``outer`` is the outer radius of the fit, ``(n_halos,)``, both
    in radians.
    """
    if not mask.any():
        return
    distance = np.abs(offsets)[:, mask].min(axis=1)
    i = np.argmin(distance / outer)
    if distance[i] < _MIN_DISTANCE * outer[i]:
        allowed, found = (np.degrees(x) * 60 for x in (_MIN_DISTANCE * outer[i], distance[i]))
        raise ParameterError(
            "position",
            f"at least {allowed:.3g} arcmin from masked pixels in a cutout or a resampled map, "
            f"for these {{radii}}",
            f"{found:.3g} arcmin from one",
            "fit the whole map before it is cut or resampled, for which the effect of masked "
            "pixels is known, or fit the catalog",
            verb="lie",
        )


def _thin(used: np.ndarray, distance: np.ndarray, smoothing: float) -> np.ndarray:
    """Return which usable pixels to fit: those on a regular grid, bool, ``(ny, nx)``.

    The grid contains the pixel closest to the first halo. Its spacing is about 1.5 times the
    smoothing, because closer pixels are strongly correlated and add little information. The spacing
    is larger if the covariance matrix of the fitted pixels would otherwise be too large. Without
    smoothing, all usable pixels are fitted. ``used``, bool, ``(ny, nx)``, marks the usable pixels.
    ``distance`` is the separation of each pixel from the first halo, ``(ny, nx)``. ``smoothing`` is
    the standard deviation of the Gaussian smoothing of the map in pixels.
    """
    step = max(1, round(_PIXEL_SPACING * smoothing))
    y, x = np.unravel_index(np.argmin(distance), distance.shape)
    while True:
        grid = np.zeros_like(used)
        grid[y % step :: step, x % step :: step] = True
        if smoothing == 0 or np.count_nonzero(used & grid) <= _MAX_PIXELS:
            return used & grid
        step += 1


def _whitening(
    rows: np.ndarray, columns: np.ndarray, sigma: np.ndarray, smoothing: float
) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that decorrelates the noise of pixels and scales it to variance 1.

    ``rows`` and ``columns`` are the positions of the n pixels, and ``sigma`` is their noise,
    ``(n,)`` each. ``smoothing`` is the standard deviation of the Gaussian smoothing of the map in
    pixels. The function takes and returns an array ``(n,)``.
    """
    if smoothing == 0:
        return lambda values: values / sigma
    square = (rows[:, np.newaxis] - rows) ** 2 + (columns[:, np.newaxis] - columns) ** 2
    # The correlation of smoothed white noise. It is approximate in maps with holes.
    correlation = np.exp(-square / (4 * smoothing**2))
    correlation[np.diag_indices_from(correlation)] += 1e-6
    factor = linalg.cholesky(correlation, lower=True)
    return lambda values: linalg.solve_triangular(factor, values / sigma, lower=True)

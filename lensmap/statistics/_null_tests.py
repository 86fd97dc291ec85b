# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Null tests: stacks at random positions, B-modes, split halves and PSF leakage."""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

import numpy as np
from astropy.table import QTable
from astropy.wcs import WCS
from numpy.typing import ArrayLike

from lensmap.catalog import Calibration, ShearCatalog, as_shear_catalog
from lensmap.maps import ConvergenceMap, check_map, each_noise_map, has_total_error
from lensmap.statistics._relation import PixelRelation, pixel_relation
from lensmap.typing import CatalogLike, MapLike, PositionLike, RNGLike
from lensmap.utils import (
    ParameterError,
    as_generator,
    as_skycoord,
    check_count,
    rounding_level,
    seeded_generator,
    set_formats,
)

__all__ = ["BModeTest", "Stack", "b_mode_test", "psf_leakage", "split_halves", "stack_at"]


class Stack(NamedTuple):
    """The mean of a map at a set of positions, compared with sets of random positions.

    Attributes
    ----------
    mean : float
        The mean of the map at the positions.
    random_mean, random_std : float
        The average and the standard deviation, over the random sets, of the mean of the map at the
        positions of a set. A set is the displaced list of positions.
    significance : float
        ``(mean - random_mean) / random_std``.
    p_value : float
        The fraction of random sets with a mean at least as high as ``mean``. It is at least
        1 / (n + 1) for n random sets, because ``mean`` itself is counted.
    n_positions : int
        The number of positions on unmasked pixels.
    """

    mean: float
    random_mean: float
    random_std: float
    significance: float
    p_value: float
    n_positions: int


class BModeTest(NamedTuple):
    """The B-mode of a map in units of the noise.

    Attributes
    ----------
    rms : float
        The rms of the ratio of B-mode to uncertainty, which is 1 for noise alone.
    rms_err : float
        The error of ``rms``, from the number of independent pixels or from the scatter between
        noise maps.
    excess : float
        The significance ``(rms - 1) / rms_err``. With noise maps, the mean rms of the noise maps
        replaces 1.
    highest : float
        The largest absolute ratio of B-mode to uncertainty.
    """

    rms: float
    rms_err: float
    excess: float
    highest: float


class _Reconstructs(Protocol):
    """An object with the method ``reconstruct``, which makes a map from a catalog."""

    def reconstruct(
        self, catalog: ShearCatalog, wcs: WCS | None, mask: object
    ) -> ConvergenceMap: ...


def stack_at(
    kappa: ConvergenceMap,
    positions: PositionLike,
    *,
    n_random: int = 1000,
    rng: RNGLike = None,
    b_mode: bool = False,
) -> Stack:
    """Average a map at positions, and compare the mean with the mean at random positions.

    At the positions of clusters, a high mean is expected. As null tests, the mean at the positions
    of stars, or the mean of the B-mode, should be consistent with the mean at random positions.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    positions : `~astropy.coordinates.SkyCoord` or `~astropy.table.Table`
        The positions. Positions on masked pixels or outside the map are left out.
    n_random : int
        The number of random sets. Each set is the whole list, displaced by one random vector with
        periodic edges of the map, so that it is clustered like ``positions``. Positions that then
        lie on masked pixels are left out of the set.
    rng : int, `numpy.random.SeedSequence`, `numpy.random.Generator` or None
        Seed or generator for the random positions; None draws a new seed in each call.
    b_mode : bool
        Whether to average the B-mode instead of kappa.

    Returns
    -------
    Stack
        The mean at the positions, the means at random positions, and the significance.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, or no position is on an unmasked pixel.
    """
    check_map(kappa, pixels="equal")
    check_count(n_random, "n_random", minimum=2)
    values = kappa.kappa_b if b_mode else kappa.data
    if values is None:
        raise ParameterError(
            "kappa", "a B-mode for {b_mode=True}",
            remedy="this map has none; use a map that KaiserSquires reconstructed", verb="have",
        )
    unmasked = ~kappa.mask & np.isfinite(values)
    ny, nx = kappa.shape
    x, y = (np.rint(v) for v in kappa.wcs.world_to_pixel(as_skycoord(positions)))
    with np.errstate(invalid="ignore"):
        on_map = (x >= 0) & (x < nx) & (y >= 0) & (y < ny)
    x, y = x[on_map].astype(int), y[on_map].astype(int)
    usable = unmasked[y, x]
    x, y = x[usable], y[usable]
    if len(x) == 0:
        raise ValueError(
            f"none of the {len(on_map)} positions lies on an unmasked pixel of the map: check that "
            "the positions and the map are of the same field"
        )
    reach = int(np.ceil(3 * kappa.smoothing_pixels)) + 1
    means = _displaced_means(
        np.where(unmasked, values, np.nan), y, x, n_random, reach, as_generator(rng)
    )
    mean, scatter = float(values[y, x].mean()), float(means.std(ddof=1))
    if not scatter > rounding_level(values):
        raise ParameterError(
            "kappa", "values that vary", "the same value at all random positions", verb="have"
        )
    return Stack(
        mean, float(means.mean()), scatter, float((mean - means.mean()) / scatter),
        float((1 + np.count_nonzero(means >= mean)) / (n_random + 1)), len(x),
    )


def _displaced_means(values, y, x, n_sets, reach, rng):
    """Return the mean of a map at positions that are displaced as a whole, ``(n_sets,)``.

    ``values`` is NaN in masked pixels, ``y`` and ``x`` are the pixels of the positions. Sets that
    are displaced by at most ``reach`` pixels, or of which fewer than half lie on unmasked pixels,
    are drawn anew, unless the map has few others.
    """
    (ny, nx), means = values.shape, []
    minimum = len(x) / 2
    while len(means) < n_sets:
        dy, dx = rng.integers(ny), rng.integers(nx)
        at = values[(y + dy) % ny, (x + dx) % nx]
        at = at[np.isfinite(at)]
        is_far = max(min(dy, ny - dy), min(dx, nx - dx)) > min(reach, ny // 8, nx // 8)
        if is_far and len(at) >= minimum and len(at):
            means.append(at.mean())
        else:
            minimum *= 0.99
    return np.array(means)


def b_mode_test(
    kappa: ConvergenceMap, *, noise_maps: Iterable[MapLike] | None = None
) -> BModeTest:
    r"""Test whether the B-mode of a map is consistent with noise.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        A map with a B-mode and an uncertainty of the kind ``noise``.
    noise_maps : iterable or None
        At least 5 noise-only maps of randomly rotated galaxies from the same estimator, as
        `~lensmap.ConvergenceMap` or arrays ``(ny, nx)``. The scatter of their rms is the error of
        the rms of the B-mode. (E-mode maps may be used, because the E- and B-modes of rotated
        galaxies have the same noise.) If None, the error is computed from the smoothing of the map,
        which must be known, as it is for `~lensmap.KaiserSquires` maps.

    Returns
    -------
    BModeTest
        The rms of the B-mode, the error of the rms and the significance of the excess.

    Raises
    ------
    TypeError, ValueError
        If the map has no B-mode, or no uncertainty, or an uncertainty of the kind ``total``; or if
        the smoothing of the map is unknown and ``noise_maps`` is None.

    Notes
    -----
    Without noise maps, the noise is assumed to be white noise smoothed with a Gaussian of standard
    deviation s, which is correlated over an area :math:`4 \pi s^2`.
    """
    check_map(kappa, unmasked=True)
    if kappa.kappa_b is None:
        raise ParameterError(
            "kappa", "a B-mode",
            remedy="this map has none, like all maps from networks; use a map that "
            "KaiserSquires reconstructed",
            verb="have",
        )
    if kappa.uncertainty is None or has_total_error(kappa):
        raise ParameterError(
            "kappa",
            "an uncertainty that contains the noise only",
            None if kappa.uncertainty is None else "the total error about the true convergence",
            "reconstruct the map with {uncertainty='analytic'} or {uncertainty='rotations'}",
            verb="have",
        )
    level = rounding_level(kappa.data, kappa.kappa_b)
    good = ~kappa.mask & np.isfinite(kappa.kappa_b) & (kappa.uncertainty.array > level)
    if not good.any():
        raise ParameterError(
            "kappa",
            "at least one unmasked pixel with a finite B-mode and a positive uncertainty",
            remedy="this map has none",
            verb="have",
        )
    sigma = kappa.uncertainty.array[good]
    ratio = kappa.kappa_b[good] / sigma
    if noise_maps is None:
        mean, error = 1.0, 1 / np.sqrt(2 * _independent_squares(kappa, len(ratio)))
    else:
        noise = [_rms(data[good] / sigma) for data in each_noise_map(noise_maps, kappa, minimum=5)]
        mean, error = np.mean(noise), np.std(noise, ddof=1)
    rms = _rms(ratio)
    return BModeTest(rms, float(error), float((rms - mean) / error), float(np.abs(ratio).max()))


def _rms(values):
    return float(np.sqrt(np.nanmean(values**2)))


def _independent_squares(kappa, n):
    r"""Return the effective number N of pixels with independent squared noise, among n pixels.

    N is at most n, because smoothing correlates the noise of neighboring pixels. The relative
    error of the mean square of the noise is :math:`\sqrt{2 / N}`.
    """
    if kappa.smoothing is None:
        raise ParameterError(
            "kappa",
            "a known smoothing if {noise_maps} is None",
            "an unknown one",
            "give {noise_maps}, or a map that KaiserSquires reconstructed",
            verb="have",
        )
    # Noise has the correlation exp(-r^2 / 4 s^2). The square of the noise has the square of this
    # correlation, which covers half the area.
    return max(1.0, n / max(1.0, 2 * np.pi * kappa.smoothing_pixels**2))


def split_halves(
    estimator: _Reconstructs,
    catalog: CatalogLike,
    wcs: WCS | None = None,
    mask: object = None,
    *,
    rng: RNGLike = None,
) -> tuple[PixelRelation, ConvergenceMap]:
    """Compare the maps made from two random halves of the galaxies of a catalog.

    Both maps have the same signal and independent noise.

    Parameters
    ----------
    estimator : Estimator
        An estimator, such as `~lensmap.KaiserSquires`.
    catalog : `~lensmap.ShearCatalog` or `~astropy.table.Table`
        The galaxies.
    wcs : `~astropy.wcs.WCS` or None
        The WCS of the maps. None uses a WCS that covers the catalog.
    mask : array_like, region, path-like, list or None
        The mask, as for the method ``reconstruct`` of the estimator. None masks nothing.
    rng : int, `numpy.random.SeedSequence`, `numpy.random.Generator` or None
        Seed or generator for the random split; None draws a new seed in each call.

    Returns
    -------
    relation : PixelRelation
        Correlation and slopes of the map of one half against the map of the other.
    difference : `~lensmap.ConvergenceMap`
        Half of the difference of the two maps: a noise-only map with the noise level of the map of
        all galaxies. ``meta`` contains the ``seed``.

    Raises
    ------
    TypeError, ValueError
        If ``reconstruct`` raises the error, or if there are fewer than 2 galaxies.
    """
    catalog = as_shear_catalog(catalog)
    if len(catalog) < 2:
        raise ParameterError("catalog", "at least 2 galaxies", str(len(catalog)), verb="have")
    rng, seed = seeded_generator(rng)
    order = rng.permutation(len(catalog))
    n_half = len(order) // 2
    first = estimator.reconstruct(catalog.select(np.sort(order[:n_half])), wcs, mask)
    second = estimator.reconstruct(catalog.select(np.sort(order[n_half:])), first.wcs, mask)
    halves = [half.replace(uncertainty=None, kappa_b=None, counts=None) for half in (first, second)]
    difference = (halves[0] - halves[1]) * 0.5
    difference.meta |= seed
    return pixel_relation(first, second), difference


def psf_leakage(catalog: CatalogLike, psf_e1: ArrayLike, psf_e2: ArrayLike) -> QTable:
    r"""Measure the leakage of the PSF ellipticity into the shear.

    The model :math:`g = \alpha\, e_\mathrm{PSF} + c` is fitted to both components together, with a
    common leakage :math:`\alpha` and complex c.

    Parameters
    ----------
    catalog : `~lensmap.ShearCatalog` or `~astropy.table.Table`
        The galaxies.
    psf_e1, psf_e2 : array_like
        The ellipticity of the PSF at each galaxy, ``(n,)``, in the celestial convention (x east, y
        north).

    Returns
    -------
    `~astropy.table.QTable`
        One row, with the columns ``alpha``, ``alpha_err``, ``c1`` and ``c2`` (the components of c)
        and ``c_err`` (the error of each of ``c1`` and ``c2``).

    Raises
    ------
    TypeError, ValueError
        If the ellipticities have the wrong length, are not finite or do not vary.

    References
    ----------
    Jarvis et al. 2016, MNRAS 460, 2245, sec. 8.
    """
    catalog = as_shear_catalog(catalog)
    psf = np.asarray(psf_e1, dtype=float) + 1j * np.asarray(psf_e2, dtype=float)
    if psf.shape != (len(catalog),):
        raise ValueError(
            f"psf_e1 and psf_e2 must have one value for each of the {len(catalog)} galaxies, not "
            f"the shape {psf.shape}"
        )
    if not np.all(np.isfinite(psf)):
        raise ValueError(
            f"psf_e1 and psf_e2 must be finite, but are NaN or infinite for "
            f"{np.count_nonzero(~np.isfinite(psf))} of {len(psf)} galaxies: leave out these "
            "galaxies"
        )
    shear = Calibration.from_catalog(catalog).shear(catalog)
    w = np.ones(len(catalog)) if catalog.weight is None else np.asarray(catalog.weight, float)
    mean, mean_psf = (np.average(v, weights=w) for v in (shear, psf))
    centered = psf - mean_psf
    square = np.sum(w * np.abs(centered) ** 2)
    if not square > 0:
        raise ValueError(
            "psf_e1 and psf_e2 must vary over the galaxies with nonzero weight, but are constant: "
            "the leakage cannot be measured"
        )
    alpha = np.sum(w * ((shear - mean) * np.conj(centered)).real) / square
    c = mean - alpha * mean_psf
    residual = shear - alpha * psf - c
    # The mean square of the two components.
    noise = 0.5 * np.abs(residual) ** 2
    alpha_err = np.sqrt(np.sum(w**2 * noise * np.abs(centered) ** 2)) / square
    c_err = np.sqrt(np.sum(w**2 * noise)) / np.sum(w)
    c_err = np.hypot(c_err, alpha_err * np.abs(mean_psf) / np.sqrt(2))
    table = QTable({"alpha": [alpha], "alpha_err": [alpha_err], "c1": [c.real], "c2": [c.imag],
                    "c_err": [c_err]})
    return set_formats(table, {"alpha alpha_err": ".4f"}, others=".3g")

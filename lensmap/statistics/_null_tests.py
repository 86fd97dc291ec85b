# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tests that a map without errors passes: random places, B-modes, halves, and the PSF."""

from typing import NamedTuple

import numpy as np
from astropy.table import QTable

from lensmap.catalog import Calibration, as_shear_catalog
from lensmap.maps import check_map, each_noise_map
from lensmap.statistics._relation import pixel_relation
from lensmap.utils import (
    as_generator,
    as_skycoord,
    check_count,
    seeded_generator,
    set_formats,
)

__all__ = ["BModeTest", "Stack", "b_mode_test", "psf_leakage", "split_halves", "stack_at"]


class Stack(NamedTuple):
    """A map at some positions, beside random ones.

    Attributes
    ----------
    mean : float
        The mean of the map at the positions.
    random_mean, random_std : float
        The mean and the scatter of the same mean over sets of random places.
    significance : float
        The difference of the means over the scatter.
    p_value : float
        The part of the random sets that are as high; at least 1 / (n + 1).
    n_positions : int
        The positions that lie on open pixels.
    """

    mean: float
    random_mean: float
    random_std: float
    significance: float
    p_value: float
    n_positions: int


class BModeTest(NamedTuple):
    """The B-mode of a map in units of its noise.

    Attributes
    ----------
    rms : float
        Of the B-mode over the uncertainty: 1 if there is only noise.
    rms_err : float
        Its error, from the number of independent pixels or from the scatter of noise maps.
    excess : float
        ``(rms - 1) / rms_err``; with noise maps, their mean in place of 1.
    highest : float
        The largest modulus anywhere, in sigma.
    """

    rms: float
    rms_err: float
    excess: float
    highest: float


def stack_at(kappa, positions, *, n_random=1000, rng=None, b_mode=False):
    """Average a map at positions, and compare with random places on its open pixels.

    At clusters this is the signal; of a B-mode, or at stars, it must be none.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    positions : `~astropy.coordinates.SkyCoord` or `~astropy.table.Table`
        The positions; those on masked pixels or off the map are left out.
    n_random : int
        How many sets of as many random places.
    rng : None, int or `numpy.random.Generator`
        The seed or generator of the random places.
    b_mode : bool
        Whether the B-mode is averaged instead.

    Returns
    -------
    Stack
        The means and the significance.

    Raises
    ------
    TypeError, ValueError
        If a parameter cannot be used, or no position is on an open pixel.
    """
    check_map(kappa)
    check_count(n_random, "n_random", minimum=2)
    if b_mode and kappa.kappa_b is None:
        raise ValueError("the map has no B-mode")
    values = kappa.kappa_b if b_mode else kappa.data
    open_ = ~kappa.mask & np.isfinite(values)
    ny, nx = kappa.shape
    x, y = (np.rint(v) for v in kappa.wcs.world_to_pixel(as_skycoord(positions)))
    with np.errstate(invalid="ignore"):
        there = (x >= 0) & (x < nx) & (y >= 0) & (y < ny)
    x, y = x[there].astype(int), y[there].astype(int)
    there = open_[y, x]
    x, y = x[there], y[there]
    if len(x) == 0:
        raise ValueError("none of the positions lies on a pixel of the map that is not masked")
    pool, rng = values[open_], as_generator(rng)
    means = np.array([
        pool[rng.integers(len(pool), size=len(x))].mean() for _ in range(n_random)
    ])
    mean = float(values[y, x].mean())
    return Stack(
        mean, float(means.mean()), float(means.std(ddof=1)),
        float((mean - means.mean()) / means.std(ddof=1)),
        float((1 + np.count_nonzero(means >= mean)) / (n_random + 1)), len(x),
    )


def b_mode_test(kappa, *, noise_maps=None):
    """Compare the B-mode of a map with its noise.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        A map with a B-mode and an uncertainty about ``noise``.
    noise_maps : iterable or None
        Maps of noise alone by the same estimator, of randomly turned galaxies, as
        `~lensmap.ConvergenceMap` or arrays ``(ny, nx)``, at least 5: their scatter says how well
        the rms is known. (Turning makes E and B noise of the same kind.) None takes it from the
        smoothing, for maps that say theirs, as those of `~lensmap.KaiserSquires` do.

    Returns
    -------
    BModeTest
        How large it is.

    Raises
    ------
    TypeError, ValueError
        If the map has no B-mode or no uncertainty, or one about the truth, or if it does not say
        how it was smoothed and there are no noise maps.

    Notes
    -----
    Without noise maps, noise is taken as correlated over :math:`4 \\pi s^2` of the smoothing s.
    """
    check_map(kappa)
    if kappa.kappa_b is None:
        raise ValueError("the map has no B-mode: networks make none")
    if kappa.uncertainty is None or kappa.meta.get("uncertainty") == "total":
        raise ValueError(
            "the map must have an uncertainty about noise, as of uncertainty='analytic' or "
            "'rotations'"
        )
    good = ~kappa.mask & np.isfinite(kappa.kappa_b) & (kappa.uncertainty.array > 0)
    if not good.any():
        raise ValueError("the map has no pixel that is not masked")
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
    """Return how many of n squares of the noise of pixels are independent."""
    if kappa.smoothing is None:
        raise ValueError(
            "kappa does not say what Gaussian it was smoothed with, as Kaiser-Squires maps do, so "
            "that the correlation of its noise is not known: give noise_maps"
        )
    # The squares of noise with the correlation exp(-r^2 / 4 s^2) have that of half the area.
    return max(1.0, n / max(1.0, 2 * np.pi * kappa.smoothing_pixels**2))


def split_halves(estimator, catalog, wcs=None, mask=None, *, rng=None):
    """Map two random halves of the galaxies, which have the same sky and other noise.

    Parameters
    ----------
    estimator : object
        With ``reconstruct(catalog, wcs, mask)``, such as `~lensmap.KaiserSquires`.
    catalog : `~lensmap.ShearCatalog` or `~astropy.table.Table`
        The galaxies.
    wcs, mask : object
        As for ``reconstruct``.
    rng : None, int or `numpy.random.Generator`
        The seed or generator by which galaxies are in one half or the other; None draws a seed.

    Returns
    -------
    relation : PixelRelation
        Of the one half with the other.
    difference : `~lensmap.ConvergenceMap`
        Half of the difference: noise alone, at the level of the map of all galaxies. Its meta
        has the ``seed``.

    Raises
    ------
    TypeError, ValueError
        As ``reconstruct``, and if there are fewer than 2 galaxies.
    """
    catalog = as_shear_catalog(catalog)
    if len(catalog) < 2:
        raise ValueError("catalog must have at least 2 galaxies to be split")
    rng, seed = seeded_generator(rng)
    order = rng.permutation(len(catalog))
    half = len(order) // 2
    one = estimator.reconstruct(catalog.select(np.sort(order[:half])), wcs, mask)
    other = estimator.reconstruct(catalog.select(np.sort(order[half:])), one.wcs, mask)
    plain = [m.replace(uncertainty=None, kappa_b=None, counts=None) for m in (one, other)]
    difference = (plain[0] - plain[1]) * 0.5
    difference.meta |= seed
    return pixel_relation(one, other), difference


def psf_leakage(catalog, psf_e1, psf_e2):
    r"""Measure how much of the ellipticity of the PSF, or of stars, is in the shear of galaxies.

    The linear regression :math:`g = \alpha\, e_\mathrm{PSF} + c`, of both components together.

    Parameters
    ----------
    catalog : `~lensmap.ShearCatalog` or `~astropy.table.Table`
        The galaxies.
    psf_e1, psf_e2 : array_like
        The ellipticity of the PSF at each galaxy, ``(n,)``, in the celestial convention.

    Returns
    -------
    `~astropy.table.QTable`
        One row, with the columns ``alpha``, ``alpha_err``, ``c1``, ``c2``, ``c_err`` (the error of
        either).

    Raises
    ------
    TypeError, ValueError
        If the arrays have other lengths, are not finite or do not vary.

    References
    ----------
    Jarvis et al. 2016, MNRAS 460, 2245, sec. 8.
    """
    catalog = as_shear_catalog(catalog)
    psf = np.asarray(psf_e1, dtype=float) + 1j * np.asarray(psf_e2, dtype=float)
    if psf.shape != (len(catalog),) or not np.all(np.isfinite(psf)):
        raise ValueError(
            f"psf_e1 and psf_e2 must be finite numbers for each of {len(catalog)} galaxies, not of "
            f"the shape {psf.shape}"
        )
    shear = Calibration.from_catalog(catalog).shear(catalog)
    w = np.ones(len(catalog)) if catalog.weight is None else np.asarray(catalog.weight, float)
    mean, mean_psf = (np.average(v, weights=w) for v in (shear, psf))
    away = psf - mean_psf
    square = np.sum(w * np.abs(away) ** 2)
    if not square > 0:
        raise ValueError("psf_e1 and psf_e2 must vary over the galaxies")
    alpha = np.sum(w * ((shear - mean) * np.conj(away)).real) / square
    c = mean - alpha * mean_psf
    residual = shear - alpha * psf - c
    # The squares of one component.
    noise = 0.5 * np.abs(residual) ** 2
    alpha_err = np.sqrt(np.sum(w**2 * noise * np.abs(away) ** 2)) / square
    c_err = np.sqrt(np.sum(w**2 * noise)) / np.sum(w)
    c_err = np.hypot(c_err, alpha_err * np.abs(mean_psf) / np.sqrt(2))
    table = QTable({"alpha": [alpha], "alpha_err": [alpha_err], "c1": [c.real], "c2": [c.imag],
                    "c_err": [c_err]})
    return set_formats(table, {"alpha alpha_err": ".4f"}, others=".3g")

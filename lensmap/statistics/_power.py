# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The power spectrum of a convergence map, and the cross-spectrum of two maps."""

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
from astropy import units as u
from astropy.table import QTable
from numpy.typing import ArrayLike

from lensmap.flatsky import ModeCoupling
from lensmap.maps import ConvergenceMap, check_map, each_noise_map, same_pixels
from lensmap.statistics._spectra import (
    Component,
    check_coupling,
    edge_weights,
    multipole_edges,
    pair_scatter,
    spectrum_table,
    square_sides,
)
from lensmap.utils import ParameterError, check_choice, check_count, set_formats

__all__ = ["power_spectrum"]

# The largest fraction of pixels without shear for which the power of a map of shear is measured. It
# lowers the power by up to twice this fraction.
_MAX_MISSING_FRACTION = 0.01


def power_spectrum(
    kappa: ConvergenceMap,
    other: ConvergenceMap | None = None,
    *,
    n_bins: int = 20,
    edges: ArrayLike | None = None,
    taper: float = 0.1,
    weights: ArrayLike | None = None,
    noise_maps: Iterable[Any] | None = None,
    smoothed: int = 1,
    masked: Literal["decoupled", "pseudo"] = "decoupled",
) -> QTable:
    r"""Measure the power spectrum of a map, or the cross-spectrum of two maps.

    The map is multiplied by weights: 0 in masked pixels, and with a taper at the edges. Weights
    couple the modes of the map. The spectrum is the solution of the MASTER equations,

    .. math:: P_b = \sum_{b'} M_{bb'}\, C_{b'} + N_b , \qquad
              M_{bb'} = \frac{1}{N_b} \sum_{k \in b} \sum_{q \in b'}
              \frac{|W(k - q)|^2}{K \sum w^2}\, p(q)^2\, s(q) ,

    with the power :math:`P_b` of the weighted map in bins of the multipole, its noise :math:`N_b`,
    the Fourier transform W of the weights w, the number K of modes, the window p of a pixel, and
    the shape :math:`s \propto 1 / \ell` of the spectrum within a bin. The weighted mean is
    subtracted from the map, and the equations account for it.

    This holds for maps that were complete before they were masked, such as simulated ones. In a map
    made from shear with holes, the convergence itself is wrong, also outside the holes. Measure
    `shear_power_spectrum` in this case, or inpaint the holes with
    `lensmap.estimators.KaiserSquiresPlus`, whose maps have less of this error.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    other : `~lensmap.ConvergenceMap` or None
        A second map on the same pixels, for the cross-spectrum; it may have its own mask. None
        measures the spectrum of ``kappa``.
    n_bins : int
        The number of bins, logarithmically spaced from twice the fundamental multipole
        :math:`2 \pi / L` of the shorter side L to half of the Nyquist multipole, but at least as
        wide as the fundamental multipole. Small maps therefore have fewer bins.
    edges : array_like or None
        The edges of the multipole bins, strictly increasing, ``(n_bins + 1,)``. None makes
        ``n_bins`` bins. Above half of the Nyquist multipole, aliased power is not corrected.
    taper : float
        The width over which the weight falls to 0 at each edge, as a fraction of the side, from 0
        to 0.5.
    weights : array_like or None
        The weights of the pixels, such as an apodized mask, ``(ny, nx)``, finite and not negative.
        They multiply the taper. None gives all unmasked pixels the same weight.
    noise_maps : iterable or None
        Noise-only maps of ``kappa``, `~lensmap.ConvergenceMap` or arrays ``(ny, nx)``, or, with
        ``other``, pairs of noise-only maps of both. Their mean power is subtracted. None does not
        subtract noise.
    smoothed : int
        The number of times that the map is averaged over a pixel: 1 for galaxies binned to the
        nearest pixel, 2 for cloud-in-cell, 0 for maps sampled at the centers of pixels.
    masked : {"decoupled", "pseudo"}
        ``"decoupled"`` solves the equations above. ``"pseudo"`` only divides the power of the
        weighted map by the mean square of the weights and by the squared window of a pixel, for any
        map: with holes, the power is too low on scales larger than the holes, and too high on small
        scales.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each bin: ``ell`` (the mean multipole of the modes), ``ell_low`` and
        ``ell_high`` (the edges), ``power`` (:math:`C_\ell` averaged over the modes, steradians),
        ``power_err``, ``n_modes`` (the number of independent complex modes of the unmasked field),
        ``noise`` (the power of the noise that was subtracted, with ``noise_maps``), ``covariance``
        (a row of the covariance of the bins, for a Gaussian field, steradians squared) and, if
        decoupled, ``window``: the response of the bin to the power at the multipoles
        ``meta["window_ell"]``. The expected power of a theory is ``table["window"] @ C`` with the
        theory C at these multipoles. The power is not corrected for the smoothing of the map.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, all pixels are masked, the pixels are not square, or more than 1
        per cent of the pixels of a map had no shear and were not inpainted, unless ``masked`` is
        ``"pseudo"``.

    References
    ----------
    Hivon et al. 2002, ApJ 567, 2, eqs. 14-16 (MASTER); Alonso et al. 2019, MNRAS 484, 4127,
    sect. 2.6 (flat sky); Efstathiou 2004, MNRAS 349, 603, sect. 4 (covariance).
    """
    maps = [kappa] if other is None else [kappa, other]
    for item, name in zip(maps, ("kappa", "other"), strict=False):
        check_map(item, name, unmasked=True)
        if masked != "pseudo":
            _check_complete(item, name)
    check_choice(masked, "masked", ("decoupled", "pseudo"))
    check_count(smoothed, "smoothed")
    if other is not None and not (
        kappa.shape == other.shape and same_pixels(kappa.wcs, other.wcs, kappa.shape)
    ):
        raise ParameterError(
            "other", "a map on the pixels of {kappa}", remedy="reproject it to the wcs of {kappa}"
        )
    sides = square_sides(kappa.wcs, kappa.shape, "kappa")
    window = edge_weights(kappa.shape, taper, weights)
    all_weights = [np.where(item.mask, 0.0, window) for item in maps]
    for weight, name in zip(all_weights, ("kappa", "other"), strict=False):
        if not weight.any():
            raise ParameterError(name, "an unmasked pixel of positive weight", verb="have")
    coupling = ModeCoupling(
        all_weights[0], sides, multipole_edges(edges, n_bins, kappa.shape, sides),
        other=None if other is None else all_weights[1], smoothed=smoothed, mean_removed=True,
    )
    check_coupling(coupling, solved=masked == "decoupled")
    fields = [_weighted(item.data, w) for item, w in zip(maps, all_weights, strict=True)]
    power = coupling.pseudo_spectra(*fields)[0]
    noise = _mean_noise(noise_maps, maps, all_weights, coupling)
    covariance = _covariance(coupling, fields, power)
    return _table(coupling, power, noise, covariance, smoothed, masked)


def _check_complete(kappa: ConvergenceMap, name: str) -> None:
    """Raise an error if a map was made from shear with holes that were not inpainted."""
    if "estimator" not in kappa.meta or kappa.meta.get("holes") == "inpainted":
        return
    missing = float(kappa.meta.get("missing_fraction", np.mean(kappa.mask)))
    if missing > _MAX_MISSING_FRACTION:
        raise ParameterError(
            name,
            "made from shear without holes",
            f"from shear that is missing in {missing:.0%} of the pixels",
            "a map of shear with holes has too little power, also outside the holes; measure the "
            "E-mode and B-mode power with lensmap.statistics.shear_power_spectrum of a "
            "lensmap.ShearGrid, or compute the biased power with {masked='pseudo'}",
        )


def _weighted(values: ArrayLike, weight: np.ndarray) -> np.ndarray:
    """Return weights times a map minus its weighted mean, ``(ny, nx)``."""
    weighted = np.where(weight > 0, values, 0.0) * weight
    return weighted - weight * (weighted.sum() / weight.sum())


def _mean_noise(
    noise_maps: Iterable[Any] | None,
    maps: list[ConvergenceMap],
    weights: list[np.ndarray],
    coupling: ModeCoupling,
) -> np.ndarray | None:
    """Return the mean pseudo-spectrum of noise-only maps, ``(n,)``, or None if there are none."""
    if noise_maps is None:
        return None
    total, n_maps = np.zeros(len(coupling.bins.n_modes)), 0
    for item in noise_maps:
        members = [item] if len(maps) == 1 else list(item)
        if len(members) != len(maps):
            raise ParameterError(
                "noise_maps", "pairs of noise-only maps of {kappa} and {other}", verb="contain"
            )
        fields = []
        for member, own, weight in zip(members, maps, weights, strict=True):
            (noise,) = each_noise_map([member], own, minimum=1)
            if not np.all(np.isfinite(noise[weight > 0])):
                raise ParameterError("noise_maps", "finite in the unmasked pixels of the map")
            fields.append(_weighted(noise, weight))
        total += coupling.pseudo_spectra(*fields)[0]
        n_maps += 1
    if n_maps == 0:
        raise ParameterError("noise_maps", "at least one map", "0", verb="contain")
    return total / n_maps


def _covariance(
    coupling: ModeCoupling, fields: list[np.ndarray], power: np.ndarray
) -> np.ndarray:
    """Return the covariance of the pseudo-spectrum of Gaussian fields, ``(n, n)``."""
    cache: dict = {}
    both = Component(np.abs(power), coupling.weight * coupling.other)
    own = pair_scatter(coupling, [both], [both], [1.0], cache)
    if len(fields) == 1:
        return 2 * own
    one, two = (
        [Component(coupling.pseudo_spectra(field, weights=i)[0], np.square(weight))]
        for i, field, weight in zip((1, 2), fields, (coupling.weight, coupling.other), strict=True)
    )
    return own + pair_scatter(coupling, one, two, [1.0], cache)


def _table(
    coupling: ModeCoupling,
    power: np.ndarray,
    noise: np.ndarray | None,
    covariance: np.ndarray,
    smoothed: int,
    masked: str,
) -> QTable:
    """Return the table of `power_spectrum` from the pseudo-spectra of the maps and of the noise."""
    kept = coupling.kept
    signal = power if noise is None else power - noise
    if masked == "decoupled":
        def solved(pseudo: np.ndarray) -> np.ndarray:
            return coupling.solve(pseudo[np.newaxis])[0]

        (covariance,) = coupling.propagate([covariance])
    else:
        pixel = coupling.bins.mean(coupling.bins.window(2 * smoothed))[kept]

        def solved(pseudo: np.ndarray) -> np.ndarray:
            return pseudo[kept] / pixel

        covariance = covariance[kept, kept] / np.outer(pixel, pixel)
    table = spectrum_table(coupling)
    table["power"] = solved(signal) * u.sr
    table["power_err"] = np.sqrt(np.diag(covariance)) * u.sr
    table["n_modes"] = coupling.n_modes
    if noise is not None:
        table["noise"] = solved(noise) * u.sr
    table["covariance"] = covariance * u.sr**2
    if masked == "decoupled":
        table["window"] = coupling.windows()[0]
        table.meta["window_ell"] = coupling.window_ell.tolist()
    table.meta["masked"] = masked
    return set_formats(table, {"ell ell_low ell_high": ".1f"}, others=".3g")

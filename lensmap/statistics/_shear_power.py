# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The E-mode and B-mode power spectra of the shear on a grid."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import QTable
from numpy.typing import ArrayLike

from lensmap.flatsky import ModeCoupling
from lensmap.grid import ShearGrid
from lensmap.maps import same_pixels
from lensmap.statistics._spectra import (
    Component,
    check_coupling,
    edge_weights,
    multipole_edges,
    pair_scatter,
    spectrum_table,
    square_sides,
)
from lensmap.utils import ParameterError, ParameterTypeError, set_formats

__all__ = ["shear_power_spectrum"]

# The number of times that the shear is averaged over a pixel.
_SMOOTHED = {"nearest": 1, "cloud-in-cell": 2}

# The factors of the two matrices of `ModeCoupling.scatter` in the mean of cos^2, of sin^2 and of
# cos 4 of the angles between modes.
_COSINE, _SINE, _DOUBLE = [0.5, 0.5], [0.5, -0.5], [0.0, 1.0]


def shear_power_spectrum(
    grid: ShearGrid,
    other: ShearGrid | None = None,
    *,
    n_bins: int = 20,
    edges: ArrayLike | None = None,
    taper: float = 0.0,
    noise: str | Iterable[Any] | None = "analytic",
) -> QTable:
    r"""Measure the E-mode and B-mode power spectra of shear with holes, or of two sets of galaxies.

    The sums of weight times shear in the pixels are the shear times weights w, which are 0 in
    holes. The weights couple the modes of the shear, also E-modes with B-modes. With the modes
    E + i B of the weighted shear, the sum and the difference of the spectra decouple into the
    MASTER equations

    .. math:: P^\pm_b = \sum_{b'} M^\pm_{bb'}\, (C^{EE} \pm C^{BB})_{b'} + N^\pm_b , \qquad
              M^\pm_{bb'} = \frac{1}{N_b} \sum_{k \in b} \sum_{q \in b'}
              \frac{|W(k - q)|^2}{K \sum w^2}\, a^\pm p(q)^2\, s(q) ,

    with :math:`a^+ = 1` and :math:`a^- = e^{4 i (\phi_q - \phi_k)}`, where :math:`\phi` is the
    direction of a mode, and all else as for `power_spectrum`. The results are the spectra of the
    reduced shear. They are unbiased with holes of any size, because the shear of the galaxies, and
    not a map, is measured.

    Parameters
    ----------
    grid : `~lensmap.ShearGrid`
        The shear of the galaxies, from `lensmap.ShearGrid.from_catalog`.
    other : `~lensmap.ShearGrid` or None
        The shear of other galaxies on the same pixels, for the cross-spectrum. None measures the
        spectra of ``grid``.
    n_bins : int
        The number of bins, as for `power_spectrum`.
    edges : array_like or None
        The edges of the multipole bins, as for `power_spectrum`.
    taper : float
        The width over which the weight falls to 0 at each edge, as a fraction of the side, from 0
        to 0.5.
    noise : "analytic", iterable or None
        The noise whose power is subtracted. ``"analytic"`` is that of ``grid.noise_sum``; a
        cross-spectrum of different galaxies has none. An iterable of noise-only grids, such as
        those of `lensmap.grid.noise_realizations`, gives their mean power; with ``other``, it is
        an iterable of pairs of grids. None subtracts nothing.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each bin: ``ell`` (the mean multipole of the modes), ``ell_low`` and
        ``ell_high`` (the edges), ``ee``, ``bb`` and ``eb`` (the spectra averaged over the modes,
        steradians; EB in the celestial basis, for a cross-spectrum the mean of EB and BE), their
        errors ``ee_err``, ``bb_err`` and ``eb_err``, ``n_modes`` (the number of independent complex
        modes of the field without holes), ``noise`` (the power that was subtracted from ``ee`` and
        from ``bb``), the rows ``ee_covariance``, ``bb_covariance`` and ``eb_covariance`` of the
        covariance of the bins, for Gaussian fields (steradians squared), and ``window`` and
        ``leakage``: the responses of ``ee`` and of ``bb`` to E-mode power at the multipoles
        ``meta["window_ell"]``. The expected E-mode power of a theory is ``table["window"] @ C``.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, the grid has no galaxies, its noise is not known, or its pixels
        are not square.

    References
    ----------
    Kogut et al. 2003, ApJS 148, 161, appendix A (coupling of E and B); Alonso et al. 2019, MNRAS
    484, 4127, sect. 2.1.3 and 2.6 (flat sky); Nicola et al. 2021, JCAP 03, 067 (shear catalogs,
    noise, covariance); Asgari et al. 2021, A&A 645, A104 (what spectra of surveys are used for).
    """
    grids = [grid] if other is None else [grid, other]
    for item, name in zip(grids, ("grid", "other"), strict=False):
        if not isinstance(item, ShearGrid):
            raise ParameterTypeError(
                name, "a ShearGrid", type(item).__name__,
                "bin a catalog with lensmap.ShearGrid.from_catalog",
            )
    if other is not None and not (
        grid.shape == other.shape and same_pixels(grid.wcs, other.wcs, grid.shape)
    ):
        raise ParameterError(
            "other", "on the pixels of {grid}", remedy="bin both catalogs with the same wcs"
        )
    if isinstance(noise, str) and noise != "analytic":
        raise ParameterError("noise", "'analytic', None or noise-only grids", repr(noise))
    sides = square_sides(grid.wcs, grid.shape, "grid")
    window = edge_weights(grid.shape, taper)
    weights = [item.sum_w * window for item in grids]
    for weight, name in zip(weights, ("grid", "other"), strict=False):
        if not weight.any():
            raise ParameterError(name, "galaxies of positive weight", verb="have")
    smoothed = [_SMOOTHED[item.scheme] for item in grids]
    if len(set(smoothed)) > 1:
        raise ParameterError(
            "other", f"binned with the scheme of {{grid}}, {grids[0].scheme!r}",
            repr(grids[1].scheme),
        )
    coupling = ModeCoupling(
        weights[0], sides, multipole_edges(edges, n_bins, grid.shape, sides),
        other=None if other is None else weights[1], spin=2, smoothed=smoothed[0],
    )
    check_coupling(coupling)
    measurement = _Measurement(coupling, grids, window, smoothed[0])
    return measurement.table(noise)


class _Measurement:
    """The pseudo-spectra of one or two grids, of their noise, and their covariance."""

    def __init__(
        self, coupling: ModeCoupling, grids: list[ShearGrid], window: np.ndarray, smoothed: int
    ) -> None:
        self.coupling, self.grids, self.window, self.smoothed = coupling, grids, window, smoothed
        self.power = self._pseudo(grids)

    def _pseudo(self, grids: list[ShearGrid]) -> np.ndarray:
        """Return the pseudo-spectra of the sum and of the difference of E and B, ``(2, n)``."""
        return self.coupling.pseudo_spectra(*(item.sum_wg * self.window for item in grids))

    def noise_power(self, noise: str | Iterable[Any] | None) -> np.ndarray:
        """Return the pseudo-spectra of the noise, ``(2, n)``."""
        result = np.zeros_like(self.power)
        if noise is None or (isinstance(noise, str) and len(self.grids) == 2):
            return result
        if isinstance(noise, str):
            variance = self._noise_variance(self.grids[0])
            if variance is None:
                raise ParameterError(
                    "noise", "None or noise-only grids for this grid", "'analytic'",
                    "the noise of the galaxies is not known; give ShearGrid the sigma_e of the "
                    "galaxies",
                )
            result[0] = 2 * self.coupling.white_noise(variance, smoothed=self.smoothed)
            return result
        n_grids = 0
        for item in noise:
            members: list[Any] = list(item) if isinstance(item, (tuple, list)) else [item]
            if len(members) != len(self.grids) or not all(
                isinstance(member, ShearGrid) and member.shape == own.shape
                for member, own in zip(members, self.grids, strict=False)
            ):
                raise ParameterError(
                    "noise", "noise-only grids on the pixels of {grid}, or pairs of them with "
                    "{other}", verb="contain",
                )
            result += self._pseudo(members)
            n_grids += 1
        if n_grids == 0:
            raise ParameterError("noise", "at least one grid", "0", verb="contain")
        return result / n_grids

    def _noise_variance(self, grid: ShearGrid) -> np.ndarray | None:
        """Return the noise variance of the weighted shear, ``(ny, nx)``; None if not known."""
        variance = grid.noise_sum * self.window**2
        total = float(np.sum(variance, dtype=float))
        return variance if np.isfinite(total) and total > 0 else None

    def _components(
        self, index: int, noise: np.ndarray
    ) -> tuple[list[Component], list[Component], list[Component]]:
        """Return the variances of the modes of one grid: of E, of B, and their geometric mean.

        ``noise`` is the pseudo-spectrum of its noise in E and in B, ``(n,)``.
        """
        grid = self.grids[index]
        plus, minus = self.coupling.pseudo_spectra(
            grid.sum_wg * self.window, weights=index + 1
        ).real
        signal = [np.maximum((plus + sign * minus) / 2 - noise, 0.0) for sign in (1, -1)]
        signal.append(np.sqrt(signal[0] * signal[1]))
        square = np.square((self.coupling.weight, self.coupling.other)[index])
        variance = self._noise_variance(grid)
        if variance is None or not np.any(noise):
            return tuple([Component(s + noise, square)] for s in signal)  # type: ignore
        variance = variance * (self.coupling.sides[0] * self.coupling.sides[1])
        level = variance.sum() / square.sum()
        part = Component(np.maximum(noise, 0.0) / level, variance)
        return tuple([Component(s, square), part] for s in signal)  # type: ignore

    def covariances(self, noise: np.ndarray, analytic: bool) -> list[np.ndarray]:
        """Return the covariances of the pseudo-spectra of EE, BB, EE with BB, and EB."""
        cache: dict = {}

        def scatter(one, two, factors):
            return pair_scatter(self.coupling, one, two, factors, cache)

        if len(self.grids) == 1:
            e, b, mixed = self._components(0, noise[0].real / 2)
            return [2 * scatter(e, e, _COSINE), 2 * scatter(b, b, _COSINE),
                    2 * scatter(mixed, mixed, _SINE), scatter(e, b, _DOUBLE)]
        parts = []
        for index, grid in enumerate(self.grids):
            variance = self._noise_variance(grid) if analytic else None
            level = np.zeros(len(self.power[0])) if variance is None else (
                self.coupling.white_noise(variance, smoothed=self.smoothed, weights=index + 1)
            )
            parts.append(self._components(index, level))
        (e1, b1, mixed1), (e2, b2, mixed2) = parts
        product = self.coupling.weight * self.coupling.other
        plus, minus = self.power.real
        both = [Component(np.abs(p), product) for p in ((plus + minus) / 2, (plus - minus) / 2)]
        e, b = ([part] for part in both)
        mixed = [Component(np.sqrt(both[0].power * both[1].power), product)]
        return [
            scatter(e1, e2, _COSINE) + scatter(e, e, _COSINE),
            scatter(b1, b2, _COSINE) + scatter(b, b, _COSINE),
            scatter(mixed1, mixed2, _SINE) + scatter(mixed, mixed, _SINE),
            (scatter(e1, b2, _DOUBLE) + scatter(b1, e2, _DOUBLE)) / 4
            + scatter(e, b, _DOUBLE) / 2,
        ]

    def table(self, noise: str | Iterable[Any] | None) -> QTable:
        """Return the table of `shear_power_spectrum`."""
        coupling = self.coupling
        noise_power = self.noise_power(noise)
        ee, bb, eb, be = coupling.solve(self.power - noise_power)
        noise_ee, noise_bb = coupling.solve(noise_power)[:2]
        covariances = coupling.propagate(self.covariances(noise_power, isinstance(noise, str)))
        window, leakage = coupling.windows()
        table = spectrum_table(coupling)
        table["ee"], table["bb"] = ee * u.sr, bb * u.sr
        # The B-mode has the other sign on a mirrored image.
        table["eb"] = self.grids[0].parity * (eb + be) / 2 * u.sr
        for name, covariance in zip(("ee", "bb", "eb"), covariances, strict=True):
            table[f"{name}_err"] = np.sqrt(np.diag(covariance)) * u.sr
        table["n_modes"] = coupling.n_modes
        table["noise"] = (noise_ee + noise_bb) / 2 * u.sr
        for name, covariance in zip(("ee", "bb", "eb"), covariances, strict=True):
            table[f"{name}_covariance"] = covariance * u.sr**2
        table["window"], table["leakage"] = window, leakage
        table.meta["window_ell"] = coupling.window_ell.tolist()
        return set_formats(table, {"ell ell_low ell_high": ".1f"}, others=".3g")

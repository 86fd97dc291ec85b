# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`ApertureMass`: the tangential shear about each pixel, weighted with a compensated filter."""

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple, cast

import numpy as np
from astropy import units as u
from astropy.wcs import WCS

from lensmap.catalog import ShearCatalog
from lensmap.estimators._base import Estimator
from lensmap.estimators._binning import make_grid
from lensmap.estimators._contract import Contract
from lensmap.estimators._declarations import ROTATIONS, Inversion, Uncertainty
from lensmap.estimators._fitted_power import FieldSums
from lensmap.estimators._matched_filter import NoiseSums, matched_filter
from lensmap.estimators._prior import check_theory
from lensmap.estimators._support import Support, data_support
from lensmap.estimators._target import Target
from lensmap.flatsky import (
    ApertureFilter,
    ApertureKernels,
    ApertureSums,
    aperture_kernels,
    direct_aperture_sums,
    filter_transfer,
    schirmer_filter,
    schneider_filter,
)
from lensmap.grid import DEFAULT_PIXEL_SCALE, PixelAssignment, ShearGrid, make_wcs
from lensmap.maps import ConvergenceMap
from lensmap.typing import (
    AngleLike,
    CatalogLike,
    CosmologyLike,
    ProgressLike,
    RedshiftLike,
    SeedLike,
)
from lensmap.utils import (
    MapWarning,
    ParameterError,
    check_angle,
    check_choice,
    check_count,
    check_number,
    warn_user,
)

__all__ = ["ApertureMass"]

# The smallest radius that sums over pixels resolve.
_MIN_RADIUS_PIXELS = 2.0

# The radii in pixels below which sums over pixels differ from those over galaxies by more than 5
# per cent of the noise. Schirmer's filter is as narrow as x_c, and falls to 0 in the center. The
# core of the halo of the matched filter is smaller than usual pixels at any radius.
_ACCURATE_RADIUS_PIXELS = {"schneider": 8.0, "schirmer": 24.0, "matched": 8.0}

# The radii in pixels of the maps whose pixels the estimator chooses.
_CHOSEN_RADIUS_PIXELS = {"schneider": 15.0, "schirmer": 30.0, "matched": 15.0}

# Galaxies contribute from pixels next to the aperture, and decide within this distance of it which
# pixels have data.
_MARGIN_PIXELS = 6.0

# Sums of weights below this fraction of the largest one are rounding errors.
_ROUNDING = 1e-9


class _State(NamedTuple):
    """Data shared by the inversions of a grid and of its noise realizations.

    ``radius`` is in pixels, ``fraction`` the fraction of each aperture on data, and
    ``inverse_norm`` the factor by which sums are divided, None for sums over single galaxies.
    """

    filter: ApertureFilter
    radius: float
    kernels: ApertureKernels
    inverse_norm: np.ndarray | None
    fraction: np.ndarray
    support: Support


def _aperture_response(estimator, ell_x, ell_y, pixel_scale, density):
    """Return the transfer function of `ApertureMass`, that of the filter U.

    The result is the amplitude of the map divided by that of the true convergence, at the
    multipoles ``ell_x`` and ``ell_y`` (radian^-1). The kernels are corrected for the pixels, whose
    side ``pixel_scale`` (radian) has no effect. ``density``, the number of galaxies per steradian,
    decides a matched filter only.
    """
    power = (estimator.sigma_e or 0.0) ** 2 / density
    radius = estimator.radius.to_value(u.rad)
    return filter_transfer(estimator._filter(power), radius * np.hypot(ell_x, ell_y))


class ApertureMass(Estimator):
    r"""The aperture mass: the filtered tangential shear in the aperture about each pixel.

    .. math:: M_\mathrm{ap} = \pi R^2\, \frac{\sum_i w_i\, Q(\theta_i)\, e_{\mathrm{t}, i}}
              {\sum_i w_i}, \qquad
              \sigma^2 = (\pi R^2)^2\, \frac{\sum_i w_i^2\, Q^2(\theta_i)\, |e_i|^2 / 2}
              {\left(\sum_i w_i\right)^2}

    The sums are over the galaxies with weights w and tangential ellipticities
    :math:`e_\mathrm{t}` at distances :math:`\theta` of at most R from the center of a pixel. The
    map is this signal, its B-mode the same for the cross component :math:`e_\times`, and the
    uncertainty the noise of both, so that ``map.snr`` is the significance. The expected signal is
    the convergence filtered with U, whose integral is 0: a mass sheet has no effect.

    .. math:: \langle M_\mathrm{ap} \rangle = \int U(\theta)\, \kappa(\theta)\, d^2\theta, \qquad
              U(\theta) = 2 \int_\theta^R \frac{Q(\theta')}{\theta'}\, d\theta' - Q(\theta)

    This is the signal with the filter of Schneider,
    :math:`Q = (1 + l) (2 + l) / (\pi R^2)\, x^2 (1 - x^2)^l` with :math:`x = \theta / R`. The
    filter of Schirmer,
    :math:`Q \propto \tanh(x / x_c) / (x / x_c) / (1 + e^{6 - 150 x} + e^{50 x - 47})`, and the
    matched filter are those of a lens whose shear is a template :math:`\tau`. Their signal is the
    amplitude of the lens in units of the template:

    .. math:: A = \frac{\sum_i w_i\, Q(\theta_i)\, e_{\mathrm{t}, i}}
              {\sum_i w_i\, Q(\theta_i)\, \tau(\theta_i)}

    The template of Schirmer's filter is the filter itself. The matched filter,
    :math:`\hat Q = \hat\tau / (P_\epsilon + P_\kappa)`, is the best one for an NFW halo with the
    shear :math:`\tau` among shape noise of the power :math:`P_\epsilon`, measured in the field, and
    large-scale structure of the power :math:`P_\kappa`.

    The map is no convergence: its quantity is ``"aperture mass"``, and fits of halos, masses and
    profiles refuse it. Use `lensmap.find_peaks` on it.

    Parameters
    ----------
    radius : `~astropy.units.Quantity` or str
        The radius R of the aperture, an angle.
    filter : {"schneider", "schirmer", "matched"}
        The filter Q of the tangential shear.
    order : int
        The order l of Schneider's filter, at least 1.
    x_c : float
        The radius in units of R beyond which Schirmer's filter falls like 1/x, above 0 and at most
        1. Values about 0.1 suit clusters of galaxies.
    halo_mass : float
        The mass M200c of the halo of the matched filter in solar masses, without h. The
        concentration is that of `lensmap.halos.concentration`.
    z_lens : float
        The redshift of the halo of the matched filter.
    z_source : float, str or `lensmap.cosmology.SourceRedshifts`
        The redshift of the galaxies for the matched filter, or their redshift distribution or its
        name.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology of the matched filter; None is ``"massivenus"``, the default cosmology of
        lensmap.
    min_fraction : float
        The smallest fraction of the area of an aperture that must lie on data, from 0 to 1. Pixels
        with less are masked.
    exact : bool
        Whether to sum over the single galaxies of each aperture instead of over pixels, which takes
        minutes on large maps. It needs a catalog.
    scheme : {"nearest", "cloud-in-cell"}
        The scheme that assigns galaxies to pixels, without ``exact``.
    fill_holes : bool
        Whether masked pixels get values if enough of their apertures lies on data.
    uncertainty : None, "galaxies" or "rotations"
        The kind of uncertainty; None gives no uncertainty. Both kinds are the noise of the map.
        ``"galaxies"`` is the :math:`\sigma` above, which is exact for galaxies with random
        orientations, whatever the mask and the weights. ``"rotations"`` is the scatter of maps of
        randomly rotated galaxies, whose peaks `lensmap.find_peaks` counts as false.
    n_realizations : int
        The number of random rotations of the galaxies. Each rotation gives two noise maps, the
        E-mode and the B-mode.
    rng : int or `numpy.random.SeedSequence`
        The seed of the random rotations.
    sigma_e : float or None
        The intrinsic dispersion of the ellipticities per component for the noise power of the
        matched filter; None takes the column ``sigma_e`` or, without this column, measures the
        dispersion as a function of the weight.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or out of range.

    Warns
    -----
    MapWarning
        If the radius is a few pixels only, or no aperture has enough data.

    Notes
    -----
    Near edges and holes, the sums are over the galaxies that exist. This leaves the noise right,
    and the signal of a lens in the center with a template as well. With Schneider's filter, the
    signal is right on average over directions. The mean fraction of the apertures on data is
    ``meta["mean_fraction"]``, and `covered_fraction` returns the fraction for each pixel.

    Sums over pixels need radii of many pixels. For pure noise, with cloud-in-cell and the filter of
    Schneider, they differ from the exact sums by 2 per cent of the scatter of the map for a radius
    of 15 pixels, and by 1 per cent for 30 pixels. With the filter of Schirmer, it is 9 and 3 per
    cent. With the matched filter, it is 7 to 17 per cent for pixels of 0.4 arcmin and any radius,
    because the core of the halo is smaller than a pixel. The noise of the map allows for this. At
    the edge of the map and at holes, the part of a galaxy that cloud-in-cell assigns to pixels
    without data is lost. Distances are those on the plane of the pixels.

    Galaxies measure the reduced shear, which is used as the shear. This makes the signal of massive
    clusters too high, by some :math:`\kappa` where the filter has its weight. The expected signal
    of a model should be that of its reduced shear.

    References
    ----------
    Schneider 1996, MNRAS 283, 837; Schneider et al. 1998, MNRAS 296, 873; Schirmer et al. 2007,
    A&A 462, 875; Maturi et al. 2005, A&A 442, 851.

    Examples
    --------
    >>> from lensmap.estimators import ApertureMass
    >>> ApertureMass(radius="8 arcmin", filter="schirmer").replace(x_c=0.15)
    ApertureMass(radius='8.0 arcmin', filter='schirmer', x_c=0.15)
    """

    linear = True
    quantity = "aperture mass"
    extra_sums = ("sum_w2e2_whole",)
    uncertainties = (Uncertainty("galaxies", "noise", with_map=True), ROTATIONS)
    # The radius in pixels follows from the mean side of a pixel, which differs by some 1e-5 between
    # a tile and the field.
    contract = Contract(
        settings={"radius": 4 * u.arcmin}, response=_aperture_response, tolerance=1e-6
    )

    def __init__(
        self,
        *,
        radius: AngleLike = 5 * u.arcmin,
        filter: Literal["schneider", "schirmer", "matched"] = "schneider",
        order: int = 1,
        x_c: float = 0.12,
        halo_mass: float = 3e14,
        z_lens: float = 0.3,
        z_source: RedshiftLike | str = 1.0,
        cosmology: CosmologyLike = None,
        min_fraction: float = 0.5,
        exact: bool = False,
        scheme: Literal["nearest", "cloud-in-cell"] = "cloud-in-cell",
        fill_holes: bool = False,
        uncertainty: str | None = "galaxies",
        n_realizations: int = 100,
        rng: SeedLike = 0,
        sigma_e: float | None = None,
    ) -> None:
        self.radius = check_angle(radius, "radius")
        self.filter = check_choice(filter, "filter", ("schneider", "schirmer", "matched"))
        self.order = check_count(order, "order", minimum=1)
        self.x_c = check_number(x_c, "x_c", "above 0 and at most 1", low=1e-6, high=1)
        self.halo_mass, self.z_lens = halo_mass, z_lens
        self.z_source, self.cosmology = check_theory(z_source, cosmology)
        self._check_halo()
        self.min_fraction = check_number(
            min_fraction, "min_fraction", "from 0 to 1", low=0, high=1
        )
        self.exact = bool(exact)
        self.scheme = scheme
        self.fill_holes = bool(fill_holes)
        self.uncertainty = uncertainty
        self.n_realizations = n_realizations
        self.rng = rng
        if sigma_e is not None:
            check_number(sigma_e, "sigma_e", "None or a positive number", low=1e-300)
        self.sigma_e = sigma_e
        self.check_parameters()

    def _check_halo(self) -> None:
        """Raise an error if the halo of the matched filter is not in front of the galaxies."""
        check_number(
            self.halo_mass, "halo_mass", "a mass in solar masses, from 1e10 to 1e17",
            low=1e10, high=1e17,
        )
        check_number(self.z_lens, "z_lens", "a redshift above 0 and at most 10", low=1e-4, high=10)
        if self.z_source is None:
            raise ParameterError("z_source", "a redshift or a redshift distribution", "None")
        if isinstance(self.z_source, (int, float)) and not self.z_source > self.z_lens:
            raise ParameterError(
                "z_source", "larger than {z_lens}", f"{self.z_source:g}",
                f"the lens is at {self.z_lens:g}",
            )

    @property
    def needs_galaxies(self) -> bool:
        """Whether `invert` needs the single galaxies: with ``exact``."""
        return self.exact

    def reach(self, pixel_scale: u.Quantity) -> u.Quantity:
        """Return the largest distance at which galaxies contribute to a pixel of the map.

        Parameters
        ----------
        pixel_scale : `~astropy.units.Quantity`
            The side of a pixel, an angle.

        Returns
        -------
        `~astropy.units.Quantity`
            The radius of the aperture and six pixels.
        """
        return self.radius + _MARGIN_PIXELS * pixel_scale

    def survey_pixel_scale(self, density: float) -> u.Quantity:
        """Return the side of the pixels of the tiles of a survey, if the user gives none.

        Parameters
        ----------
        density : float
            The number of galaxies per square arcminute.

        Returns
        -------
        `~astropy.units.Quantity`
            The side of a pixel: as for other estimators, but at most 1/15 of the radius (1/30 for
            the filter of Schirmer).
        """
        return min(super().survey_pixel_scale(density), self._pixel_scale())

    def _pixel_scale(self) -> u.Quantity:
        return (self.radius / _CHOSEN_RADIUS_PIXELS[self.filter]).to(u.arcmin)

    def for_tiles(self) -> "ApertureMass":
        """Return the estimator for the tiles of a survey: itself, without ``exact``.

        Returns
        -------
        ApertureMass
            The estimator.

        Raises
        ------
        ValueError
            If ``exact`` is True, because tiles hold sums over pixels and no single galaxies.
        """
        if self.exact:
            raise ParameterError(
                "exact", "False for a survey", "True",
                "tiles hold sums over pixels; use small pixels instead",
            )
        return self

    def choose_pixels(self, catalog: ShearCatalog, wcs: WCS | None, *, masked: bool) -> Target:
        """Choose the pixels of the map, and check that apertures fit on them.

        Parameters
        ----------
        catalog : ShearCatalog
            The galaxies.
        wcs : `~astropy.wcs.WCS` or None
            The requested pixels of the map. None takes pixels of 0.4 arcmin or, if that is smaller,
            of 1/15 of the radius (1/30 for Schirmer's filter).
        masked : bool
            Whether the user gave a mask.

        Returns
        -------
        Target
            The pixels of the inversion and of the map.

        Raises
        ------
        ValueError
            If the field is too small for the radius.
        """
        if wcs is None:
            wcs = make_wcs(catalog, min(DEFAULT_PIXEL_SCALE, self._pixel_scale()))
        target = super().choose_pixels(catalog, wcs, masked=masked)
        scale, (ny, nx) = target.frame.scale, target.frame.wcs.array_shape
        largest = np.sqrt(ny * nx / np.pi / max(self.min_fraction, 1e-3)) * scale
        if self.radius > largest:
            raise ParameterError(
                "radius",
                f"at most {largest.to(u.arcmin):.3g} on this field of {ny} x {nx} pixels of "
                f"{scale.to(u.arcmin):.3g}",
                str(self.radius),
                "no larger aperture has enough of its area on the field; check the unit",
            )
        return target

    # --- the filter -------------------------------------------------------------------------

    def _filter(self, noise_power: float) -> ApertureFilter:
        """Return the filter for galaxies whose noise has the given power (steradians)."""
        if self.filter == "schneider":
            return schneider_filter(self.order)
        if self.filter == "schirmer":
            return schirmer_filter(self.x_c)
        return matched_filter(
            self.radius.to_value(u.rad), noise_power, self.halo_mass, self.z_lens, self.z_source,
            self.cosmology,
        )

    def measure(self, grid: ShearGrid) -> NoiseSums | None:
        """Return the sums from which the noise power of a matched filter follows.

        Parameters
        ----------
        grid : `lensmap.ShearGrid`
            The binned galaxies of the field, or of a part of it.

        Returns
        -------
        object or None
            The sums. None for other filters.
        """
        return NoiseSums(FieldSums(grid)) if self.filter == "matched" else None

    def compact(self, sums: NoiseSums | None) -> NoiseSums | None:
        """Return the sums of one tile without its grid.

        Parameters
        ----------
        sums : object or None
            The result of `measure` for a tile.

        Returns
        -------
        object or None
            Sums for `fit` that take little memory.
        """
        return None if sums is None else sums.compact()

    def fit(self, sums: NoiseSums | None) -> float | None:
        """Return the noise power of the convergence, for a matched filter.

        Parameters
        ----------
        sums : object or None
            The sum of the results of `measure`.

        Returns
        -------
        float or None
            The noise power in steradians. None for other filters.
        """
        return None if sums is None else sums.power()

    # --- the map ----------------------------------------------------------------------------

    def check(self, grid: ShearGrid) -> None:
        """Warn if the radius is only a few pixels.

        Parameters
        ----------
        grid : `lensmap.ShearGrid`
            The binned reduced shear.
        """
        radius = float(self.radius / grid.pixel_frame.scale)
        if not self.exact and radius < _ACCURATE_RADIUS_PIXELS[self.filter]:
            warn_user(
                f"{{radius}} is only {radius:.1f} pixels, so that sums over pixels differ from "
                "sums over galaxies by more than 5 per cent of the noise: use smaller pixels or "
                "{exact=True}",
                MapWarning,
                "coarse_pixels",
                "radius",
                placeholders=True,
            )

    def prepare(self, grid: ShearGrid, fitted: float | None) -> _State:
        """Return the filter, the transforms of its kernels, and the masks of the map.

        Parameters
        ----------
        grid : `lensmap.ShearGrid`
            The binned reduced shear.
        fitted : float or None
            The noise power that `fit` returned.

        Returns
        -------
        object
            What `invert` needs.

        Raises
        ------
        ValueError
            If the radius is below two pixels, without ``exact``.
        """
        scale = grid.pixel_frame.scale
        radius = float(self.radius / scale)
        if not self.exact and radius < _MIN_RADIUS_PIXELS:
            raise ParameterError(
                "radius", f"at least two pixels ({2 * scale.to(u.arcmin):.3g})", str(self.radius),
                "use smaller pixels or {exact=True}",
            )
        filter = self._filter(0.0 if fitted is None else fitted)
        kernels = aperture_kernels(filter, radius, grid.shape, grid.scheme)
        covered = ~(grid.mask | data_support(grid, False, 0.0).unsupported)
        fraction = kernels.fraction(covered)
        norm = kernels.norm_sum(grid.sum_w)
        positive = norm > _ROUNDING * norm.max()
        enough = positive & (fraction >= self.min_fraction)
        inpainted = grid.mask & enough if self.fill_holes else None
        inverse_norm = None
        if not self.exact:
            inverse_norm = np.divide(filter.factor, norm, out=np.zeros_like(norm), where=positive)
        return _State(filter, radius, kernels, inverse_norm, fraction, Support(~enough, inpainted))

    def invert(self, grid: ShearGrid, state: _State) -> Inversion:
        """Sum the tangential and the cross shear in the aperture about each pixel.

        Parameters
        ----------
        grid : `lensmap.ShearGrid`
            The binned reduced shear.
        state : object
            The result of `prepare`.

        Returns
        -------
        Inversion
            The aperture mass, its B-mode, and the noise if ``uncertainty`` is ``"galaxies"``.
        """
        gain = grid.calibration.gain
        with_noise = self.uncertainty == "galaxies"
        if state.inverse_norm is None:
            sums = self._direct_sums(grid, state)
            inverse_norm = np.divide(
                state.filter.factor, sums.norm, out=np.zeros(grid.shape), where=sums.norm > 0
            )
            shear, square = sums.shear, sums.square
        else:
            inverse_norm = state.inverse_norm
            shear, square = state.kernels.shear_sum(grid.sum_wg), np.zeros(())
            if with_noise:
                square = state.kernels.square_sum(grid.extra["sum_w2e2_whole"] * (0.5 * gain**2))
        signal = shear * inverse_norm
        noise = np.sqrt(np.maximum(square, 0.0)) * inverse_norm if with_noise else None
        unmasked = ~(grid.mask | state.support.unsupported)
        meta = {
            "radius_arcmin": float(self.radius.to_value(u.arcmin)),
            "normalization": "integral of U kappa" if state.filter.template is None else
                             "1 for the template",
            "mean_fraction": float(state.fraction[unmasked].mean()) if unmasked.any() else 0.0,
            "zero_mode": "a mass sheet has no effect: the filter is compensated",
        }
        return Inversion(signal.real, signal.imag, *state.support, noise, meta)

    def _direct_sums(self, grid: ShearGrid, state: _State) -> ApertureSums:
        """Return the sums over the single galaxies of each aperture."""
        galaxies = grid.galaxies
        assert galaxies is not None
        variance = np.square(np.abs(galaxies.weighted_ellipticity))
        variance *= 0.5 * grid.calibration.gain**2
        return direct_aperture_sums(
            state.filter, state.radius, grid.shape, (galaxies.x, galaxies.y), grid.galaxy_shear,
            galaxies.weight, variance,
        )

    def _map_of(
        self,
        grid: ShearGrid,
        assignment: PixelAssignment | None,
        target: Target,
        progress: ProgressLike = None,
    ) -> ConvergenceMap:
        kappa = super()._map_of(grid, assignment, target, progress)
        if kappa.mask.all():
            warn_user(
                f"all pixels of the map are masked, because no aperture of {self.radius} has "
                f"{self.min_fraction:.0%} of its area on data: use a smaller {{radius}} or "
                "{min_fraction}",
                MapWarning,
                "empty_map",
                "radius",
                placeholders=True,
            )
        return kappa

    # --- more than one map ------------------------------------------------------------------

    def reconstruct_radii(
        self,
        catalog: CatalogLike | ShearGrid,
        radii: u.Quantity | Iterable[AngleLike],
        wcs: WCS | None = None,
        mask: object = None,
        *,
        progress: ProgressLike = None,
    ) -> list[ConvergenceMap]:
        """Make maps with several radii of the aperture; galaxies are binned once.

        Parameters
        ----------
        catalog : ShearCatalog, `~astropy.table.Table` or ShearGrid
            The galaxies, as for `reconstruct`.
        radii : `~astropy.units.Quantity`
            The radii, angles, ``(n,)``. They take the place of the parameter ``radius``.
        wcs : `~astropy.wcs.WCS` or None
            The pixels of the maps. None takes pixels that suit the smallest radius.
        mask : object or None
            Anything that `lensmap.masks.SkyMask` accepts. None masks nothing.
        progress : None, bool or callable
            How to show the progress of the noise realizations of each map.

        Returns
        -------
        list of ConvergenceMap
            One map for each radius, equal to that of `reconstruct` with this radius and the same
            pixels.

        Raises
        ------
        TypeError, ValueError
            If an argument is invalid, or if no galaxy with nonzero weight is on the map.
        """
        each: Any = radii if isinstance(radii, (list, tuple)) else np.atleast_1d(cast(Any, radii))
        angles = [check_angle(radius, "radii") for radius in each]
        if not angles:
            raise ParameterError("radii", "at least one angle", "empty", verb="hold")
        estimators = [self.replace(radius=radius) for radius in angles]
        smallest = min(estimators, key=lambda one: one.radius)
        grid, assignment, target = make_grid(smallest, catalog, wcs, mask)
        return [one._map_of(grid, assignment, target, progress) for one in estimators]

    def covered_fraction(
        self, catalog: CatalogLike | ShearGrid, wcs: WCS | None = None, mask: object = None
    ) -> np.ndarray:
        """Return the fraction of the area of each aperture that lies on data.

        Parameters
        ----------
        catalog : ShearCatalog, `~astropy.table.Table` or ShearGrid
            The galaxies, as for `reconstruct`.
        wcs : `~astropy.wcs.WCS` or None
            The pixels of the map. None takes those of `reconstruct`.
        mask : object or None
            Anything that `lensmap.masks.SkyMask` accepts. None masks nothing.

        Returns
        -------
        `numpy.ndarray`
            The fraction from 0 to 1, ``(ny, nx)``, on the pixels of the inversion, which are those
            of the map unless these are far from squares.
        """
        plain: Any = self.replace(uncertainty=None)
        grid, _, _ = make_grid(plain, catalog, wcs, mask)
        return plain.prepare(grid, plain.fit(plain.measure(grid))).fraction

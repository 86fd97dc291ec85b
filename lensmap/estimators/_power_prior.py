# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`PowerPriorEstimator`: estimators whose prior has a power spectrum that may be fitted."""

import functools
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from astropy import units as u
from astropy.wcs import WCS

from lensmap.estimators._base import Estimator
from lensmap.estimators._binning import make_grid
from lensmap.estimators._dressing import to_map
from lensmap.estimators._fitted_power import FieldSums, FittedPower, fit_power, theory_table
from lensmap.estimators._prior import check_prior_power, check_theory, describe_prior_power
from lensmap.flatsky import interpolate_power, mode_power, padded_shape
from lensmap.grid import ShearGrid
from lensmap.maps import ConvergenceMap
from lensmap.typing import CatalogLike, RNGLike, SeedLike
from lensmap.utils import check_choice, check_count, check_number, seeded_generator

__all__ = ["CLOUD_IN_CELL", "PowerPriorEstimator", "meta_of_power", "pixel_variance"]

# With cloud-in-cell, the squares of the fractions of a galaxy in its four pixels add up to this on
# average. The noise variance is divided by this number: otherwise, pixels taken as independent
# would have too little noise on large scales, as if there were more galaxies.
CLOUD_IN_CELL = 4 / 9


class PowerPriorEstimator(Estimator):
    """Base class of estimators on planes whose prior has the power spectrum of the convergence.

    A subclass sets its own parameters first, and then all others by ``_set_parameters``.

    Attributes
    ----------
    power : {"halofit", "camb"}, callable or tuple
        What computes the matter power spectrum of the theory, or the power spectrum of the
        convergence.
    z_source, cosmology : object or None
        The source redshift and the cosmology of the theoretical power spectrum. Without
        ``z_source``, the amplitude and the cutoff of the spectrum are fitted to the field.
    padding : float
        The ratio of the side of the periodic grid to that of the field, at least 1.
    tolerance, max_iterations : float, int
        The accuracy at which the solver stops, and its largest number of iterations.
    dtype : {"float64", "float32"}
        The floating-point precision.
    """

    power: Any
    z_source: Any
    cosmology: Any
    padding: float
    tolerance: float
    max_iterations: int
    dtype: str = "float64"

    def _set_parameters(
        self,
        *,
        power: Any,
        z_source: Any,
        cosmology: Any,
        padding: float,
        tolerance: float,
        max_iterations: int,
        scheme: Any,
        fill_holes: bool,
        uncertainty: str | None,
        n_realizations: int,
        rng: SeedLike,
        sigma_e: float | None,
        dtype: str,
    ) -> None:
        """Check the parameters that all of these estimators have, and set them."""
        self.power = check_prior_power(power)
        self.z_source, self.cosmology = check_theory(z_source, cosmology)
        self.padding = check_number(padding, "padding", "finite and at least 1", low=1)
        self.tolerance = check_number(
            tolerance, "tolerance", "between 0 and 1", low=1e-15, high=0.99
        )
        self.max_iterations = check_count(max_iterations, "max_iterations", minimum=1)
        self.scheme = scheme
        self.fill_holes = bool(fill_holes)
        self.uncertainty = uncertainty
        self.n_realizations = n_realizations
        self.rng = rng
        if sigma_e is not None:
            check_number(sigma_e, "sigma_e", "None or positive", low=1e-300)
        self.sigma_e = sigma_e
        self.dtype = check_choice(dtype, "dtype", ("float64", "float32"))
        self.check_parameters()

    def sample(
        self,
        catalog: CatalogLike | ShearGrid,
        wcs: WCS | None = None,
        mask: object = None,
        *,
        n_samples: int = 10,
        rng: RNGLike = None,
    ) -> Iterator[ConvergenceMap]:
        """Yield samples of the posterior: possible maps of the true convergence.

        Their scatter about the map of ``reconstruct`` is the error of that map with respect to the
        true convergence. The samples also give the error of quantities that are not linear in the
        map, such as peak heights.

        Parameters
        ----------
        catalog : ShearCatalog, `~astropy.table.Table` or ShearGrid
            The galaxies, or a grid in which they are already binned.
        wcs : `~astropy.wcs.WCS` or None
            The pixels of the maps. None uses a WCS that covers the catalog.
        mask : object or None
            Anything that `lensmap.masks.SkyMask` accepts. None masks nothing.
        n_samples : int
            The number of samples.
        rng : None, int or `numpy.random.Generator`
            Seed or generator for the samples. None draws a new seed in each call. The seed is
            stored in the ``meta`` of the maps.

        Yields
        ------
        ConvergenceMap
            One sample, with mask and galaxy counts. It has no B-mode, because the prior has none.

        Raises
        ------
        TypeError, ValueError
            If an argument is invalid, or if no galaxy with nonzero weight is on the map.
        """
        check_count(n_samples, "n_samples", minimum=1)
        # Without an uncertainty from rotations, a ShearGrid is accepted in place of a catalog.
        plain = self.replace(uncertainty=None)
        grid, _, target = make_grid(plain, catalog, wcs, mask)
        rng, seed = seeded_generator(rng)
        state = plain.prepare(grid, plain.fit(plain.measure(grid)))
        mean = plain.invert(grid, state)
        for i in range(0, n_samples, 2):
            for deviation in list(plain._deviations(grid, state, rng))[: n_samples - i]:
                sample = mean._replace(
                    kappa=mean.kappa + deviation, kappa_b=None,
                    meta={**(mean.meta or {}), "sample": "of the posterior", **seed},
                )
                yield to_map(plain, grid, sample, target)

    @property
    def fits_model(self) -> bool:
        """Whether the power spectrum is fitted: if it is not given, and ``z_source`` is None."""
        return isinstance(self.power, str) and self.z_source is None

    def measure(self, grid: ShearGrid) -> FieldSums | None:
        """Return the binned shear of a field, to which `fit` fits the power spectrum.

        Parameters
        ----------
        grid : `lensmap.ShearGrid`
            The binned galaxies of the field, or of a part of it.

        Returns
        -------
        object or None
            An object that holds the grid and can be added to those of other grids. None if
            ``power`` is a spectrum or ``z_source`` is given.
        """
        return FieldSums(grid) if self.fits_model else None

    def compact(self, sums: FieldSums | None) -> FieldSums | None:
        """Return the power of a tile in place of its binned shear.

        Parameters
        ----------
        sums : object or None
            The result of `measure` for a tile.

        Returns
        -------
        object or None
            Sums for `fit` that take little memory.
        """
        return None if sums is None else sums.compact(self.dtype)

    def fit(self, sums: FieldSums | None) -> FittedPower | None:
        """Fit the amplitude and the small-scale cutoff of the power spectrum to the shear.

        Parameters
        ----------
        sums : object or None
            The sum of the results of `measure` over all parts of the field or survey.

        Returns
        -------
        object or None
            The fitted spectrum, or None if ``power`` is a spectrum or ``z_source`` is given. The
            fitted spectrum is a named tuple of numbers:

            - ``amplitude``, ``amplitude_error``: the factor A on the theory, and its error;
            - ``cutoff``, ``ln_cutoff_error``: the multipole of the cutoff on small scales, and the
              error of its natural logarithm;
            - ``prior_weight``: the share of the prior in the amplitude, from 0 to 1;
            - ``noise_ratio``: the fitted noise power divided by that expected from the catalog;
            - ``significance``: the significance of the signal in sigma, without the prior;
            - ``e_minus_b``: the significance from the E-mode minus the B-mode power alone.

        Warns
        -----
        MapWarning
            If the sums do not determine the amplitude.
        """
        if sums is None:
            return None
        return fit_power(sums, self._table(), self.dtype, type(self).__name__)

    def noise(
        self, grid: ShearGrid, state: Any, rng: np.random.Generator
    ) -> Iterable[np.ndarray]:
        """Return one realization of the error of the map.

        Parameters
        ----------
        grid : `lensmap.ShearGrid`
            The grid of randomly rotated galaxies or, for ``"posterior"``, the grid of the map.
        state : object
            The result of `prepare`.
        rng : `numpy.random.Generator`
            Generator for the samples of the posterior.

        Returns
        -------
        iterable of `numpy.ndarray`
            Two arrays ``(ny, nx)``: noise maps of the rotated galaxies, or the deviations of two
            samples of the posterior from the map.
        """
        if self.uncertainty == "posterior":
            return self._deviations(grid, state, rng)
        return self._rotated_noise(grid, state, rng)

    def _rotated_noise(
        self, grid: ShearGrid, state: Any, rng: np.random.Generator
    ) -> Iterable[np.ndarray]:
        """Return two maps, ``(ny, nx)``, of randomly rotated galaxies."""
        return super().noise(grid, state, rng)

    @abstractmethod
    def _deviations(
        self, grid: ShearGrid, state: Any, rng: np.random.Generator
    ) -> Iterable[np.ndarray]:
        """Return two samples of the posterior minus the map.

        Parameters
        ----------
        grid : `lensmap.ShearGrid`
            The grid of the map.
        state : object
            The result of `prepare` for the grid.
        rng : `numpy.random.Generator`
            Generator for the samples.

        Returns
        -------
        iterable of `numpy.ndarray`
            Two arrays, ``(ny, nx)``.
        """

    def describe_params(self) -> dict[str, object]:
        """Return the parameters in the form stored in the metadata of a map.

        Returns
        -------
        dict
            The values of the parameters, keyed by name. A tabulated power spectrum is described by
            the number of its multipoles, the lowest and the highest.
        """
        return describe_prior_power(super().describe_params(), self.power)

    def _mode_power(self, grid: ShearGrid, fitted: FittedPower | None) -> np.ndarray:
        """Return the prior power of each mode of the padded grid.

        ``fitted`` is the power spectrum that `fit` returned; None if no spectrum was fitted.
        """
        return mode_power(
            padded_shape(grid.shape, self.padding),
            grid.pixel_frame.scale.to_value(u.rad),
            functools.partial(self._power_of, fitted=fitted),
            smoothed=2 if grid.scheme == "cloud-in-cell" else 1,
        )

    @staticmethod
    def _variance(grid: ShearGrid) -> np.ndarray:
        """Return the noise variance of the shear of each pixel as if pixels were independent."""
        return pixel_variance(grid)

    def _power_of(self, ell, fitted):
        if not isinstance(self.power, str):
            return self.power(ell) if callable(self.power) else interpolate_power(ell, *self.power)
        theory = interpolate_power(ell, *self._table())
        return theory if fitted is None else fitted.power(ell, theory)

    def _table(self):
        """Return the theoretical power spectrum as a table ``(ell, C_ell)``, which is cached."""
        try:
            return _kept_theory(self.z_source, self.cosmology, self.power)
        except TypeError:  # the cosmology is not hashable, so there is no cache
            return _theory(self.z_source, self.cosmology, self.power)


def pixel_variance(grid: ShearGrid) -> np.ndarray:
    """Return the noise variance of the shear of each pixel as if pixels were independent."""
    return grid.sigma**2 / (CLOUD_IN_CELL if grid.scheme == "cloud-in-cell" else 1)


def meta_of_power(fitted: FittedPower | None) -> dict[str, object]:
    """Return the metadata of a map with the power spectrum that was fitted; empty if none was."""
    return {} if fitted is None else {"prior_power": fitted.meta()}


def _theory(z_source, cosmology, code):
    """Return the theoretical power spectrum of the convergence as a table ``(ell, C_ell)``.

    If ``z_source`` is None, the spectrum is that of `theory_table`, whose amplitude is fitted to
    the field. ``code`` is what computes the matter power spectrum.
    """
    from lensmap.cosmology import convergence_power

    if z_source is None:
        return theory_table(cosmology, code)
    ell = np.geomspace(1.0, 1e7, 400)
    return ell, convergence_power(ell, z_source, cosmology, power=code)


_kept_theory = functools.lru_cache(maxsize=8)(_theory)

# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The estimator contract: parameters from the signature, and one ``reconstruct`` for all."""

import dataclasses
import numbers
from abc import ABC, abstractmethod
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

import numpy as np
from astropy import units as u

from lensmap.catalog import as_shear_catalog
from lensmap.estimators._working_pixels import OtherPixels, conformal_wcs
from lensmap.grid import PixelAssignment, ShearGrid, make_wcs, noise_realizations
from lensmap.maps import ConvergenceMap
from lensmap.masks import SkyMask, pixel_mask
from lensmap.utils import (
    MapWarning,
    Parametrized,
    as_generator,
    check_celestial_wcs,
    check_choice,
    check_count,
    track,
    warn_user,
)

__all__ = ["Estimator", "Inversion"]

# The uncertainties that come with the map; the others are made of many more maps.
_WITH_THE_MAP = ("analytic", "network")


class Inversion(NamedTuple):
    """What an estimator makes of a grid: arrays only.

    Attributes
    ----------
    kappa : `numpy.ndarray`
        ``(ny, nx)``.
    kappa_b : `numpy.ndarray` or None
        The B-mode in the pixel basis, ``(ny, nx)``.
    unsupported : `numpy.ndarray` or None
        Bool, ``(ny, nx)``: the pixels without data near them.
    bridged : `numpy.ndarray` or None
        Bool, ``(ny, nx)``: the masked pixels that the method bridges well, if asked to.
    uncertainty : `numpy.ndarray` or None
        ``(ny, nx)``: where the method itself says how wrong it may be, and was asked to.
    """

    kappa: np.ndarray
    kappa_b: np.ndarray | None
    unsupported: np.ndarray | None = None
    bridged: np.ndarray | None = None
    uncertainty: np.ndarray | None = None


class Estimator(Parametrized, ABC):
    """Base class of all estimators, also of a user's own.

    A concrete estimator has an ``__init__`` with keyword-only parameters that have defaults and
    are stored under their own names, and the mathematics in ``_invert``. Nothing is written to
    ``self`` after that. It has the parameters below, too, or this class's values for them.

    Attributes
    ----------
    uncertainty : None or str
        ``"rotations"``: the scatter of reconstructions of randomly turned galaxies;
        ``"analytic"``, ``"posterior"`` or ``"network"``, where the estimator knows it; None: no
        uncertainty.
    n_realizations : int
        The number of random realisations that an uncertainty is made of.
    rng : int or `numpy.random.SeedSequence`
        The seed; each call starts from it anew.
    fill_holes : bool
        Whether masked pixels that the method bridges well get values.

    Examples
    --------
    >>> import numpy as np
    >>> from lensmap.estimators import Estimator, Inversion
    >>> class Nothing(Estimator):
    ...     "An estimator that finds no mass anywhere."
    ...     def _invert(self, grid):
    ...         return Inversion(np.zeros(grid.shape), None, grid.count == 0)
    >>> Nothing()
    Nothing()
    """

    uncertainty = None
    n_realizations = 100
    rng = 0
    fill_holes = False
    sigma_e = None
    scheme = "nearest"

    #: Whether the map is linear in the ellipticities, as the contract of estimators has it.
    linear = False

    #: The values that ``uncertainty`` may have.
    uncertainties = (None, "rotations")

    #: What each uncertainty is about: the filtered truth (noise) or the truth (total).
    _meanings = {
        "rotations": "noise", "analytic": "noise", "posterior": "total", "network": "total"
    }

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        for parameter in cls._signature():
            if parameter.kind is not parameter.KEYWORD_ONLY or parameter.default is parameter.empty:
                raise TypeError(
                    f"{cls.__name__}.__init__ must have keyword-only parameters with defaults; "
                    f"{parameter.name!r} is not one"
                )

    # --- parameters -------------------------------------------------------------------------

    def __repr__(self):
        changed = []
        for parameter in self._signature():
            value = getattr(self, parameter.name)
            if repr(value) != repr(parameter.default):
                text = f"{str(value)!r}" if isinstance(value, u.Quantity) else repr(value)
                changed.append(f"{parameter.name}={text}")
        return f"{type(self).__name__}({', '.join(changed)})"

    def _check_common(self):
        """Check the parameters that all estimators share; concrete ones call it when made."""
        check_choice(self.uncertainty, "uncertainty", self.uncertainties)
        check_count(self.n_realizations, "n_realizations", minimum=2)
        if not isinstance(self.rng, np.random.SeedSequence):
            check_count(self.rng, "rng")
        check_choice(self.scheme, "scheme", ("nearest", "cloud-in-cell"))

    # --- the work ---------------------------------------------------------------------------

    @abstractmethod
    def _invert(self, grid):
        """Make a map of a grid.

        Parameters
        ----------
        grid : `lensmap.grid.ShearGrid`
            The binned reduced shear, in the basis of the pixel axes.

        Returns
        -------
        Inversion
            Arrays.
        """

    def _inverter(self, grid):
        """Return what is called as ``_invert`` for this grid, and for noise on the same pixels.

        An estimator that has much to prepare does so once here, since nothing is kept in it.
        """
        return self._invert

    def _check_grid(self, grid):  # noqa: B027
        """Warn of a grid that the method does not suit; once for each map."""

    def _analytic_noise(self, grid):
        """Return the noise of kappa, ``(ny, nx)``, where ``uncertainties`` has "analytic"."""
        raise NotImplementedError(f"{type(self).__name__} knows no analytic noise")

    def _realizations(self, grid, assignment, invert):
        """Yield, ``n_realizations`` times, maps whose root mean square is the uncertainty.

        Parameters
        ----------
        grid : `lensmap.grid.ShearGrid`
            The grid of the map.
        assignment : `lensmap.grid.PixelAssignment` or None
            The galaxies; None where the user gave a grid.
        invert : callable
            What `_inverter` gave.

        Yields
        ------
        tuple of `numpy.ndarray`
            ``(ny, nx)`` each; here the E- and the B-mode of randomly turned galaxies. Turning all
            galaxies by 45 degrees turns E into B: both are noise of the same kind. Their mean over
            all rotations is exactly 0, so that none is subtracted.
        """
        for noise in noise_realizations(
            assignment, n_realizations=self.n_realizations, rng=self._generator(), grid=grid
        ):
            inversion = invert(noise)
            yield tuple(p for p in (inversion.kappa, inversion.kappa_b) if p is not None)

    def _generator(self):
        """Return a fresh generator: each call starts from the seed anew."""
        return as_generator(self.rng)

    def reconstruct(self, catalog, wcs=None, mask=None, *, progress=None):
        """Make a mass map of a catalogue.

        Parameters
        ----------
        catalog : ShearCatalog, `~astropy.table.Table` or ShearGrid
            The galaxies; a table needs lensmap's column names, and says its convention and kind
            in its meta. A grid that was binned already (for catalogues larger than memory) has
            its WCS and mask.
        wcs : `~astropy.wcs.WCS` or None
            The pixels of the map: any celestial WCS with its ``array_shape``. None makes one
            that covers the catalogue. On pixels that are far from squares, the map is made on a
            tangent plane and resampled; an uncertainty from rotations is made of resampled noise
            maps, an analytic one is lost with a warning.
        mask : object or None
            What `lensmap.masks.SkyMask` takes: galaxies inside are left out, pixels are masked.
        progress : None, bool or callable
            Shows how far the noise realisations are, as for `lensmap.utils.track`.

        Returns
        -------
        ConvergenceMap
            Kappa, the B-mode if the method has one, mask, counts, uncertainty if asked for.

        Raises
        ------
        TypeError, ValueError
            If an argument cannot be used, or no galaxy with a weight is on the map.
        """
        grid, assignment, target = self._prepare(catalog, wcs, mask)
        self._check_grid(grid)
        invert = self._inverter(grid)
        inversion = invert(grid)
        kappa = self._dress(grid, inversion, target)
        if self.uncertainty is None or self.uncertainty in _WITH_THE_MAP:
            return kappa
        realizations = track(
            self._realizations(grid, assignment, invert),
            self.n_realizations,
            progress,
            "realisations",
        )
        mask = self._mask_of(grid, inversion)

        def finish(plane):
            if target is None:
                return plane
            return self._brought_to(target, ConvergenceMap(plane, wcs=grid.wcs, mask=mask)).data

        error = _root_mean_square(finish(plane) for planes in realizations for plane in planes)
        meaning = self._meanings[self.uncertainty]
        return ConvergenceMap(
            kappa, uncertainty=error, meta={**kappa.meta, "uncertainty": meaning}
        )

    def _prepare(self, catalog, wcs, mask):
        """Check and bin.

        Returns
        -------
        grid : ShearGrid
            On pixels on which shear can be inverted.
        assignment : PixelAssignment or None
            The galaxies in it; None where the user gave a grid.
        target : object or None
            Other pixels, which `_brought_to` brings maps to.
        """
        if isinstance(catalog, ShearGrid):
            return self._prepare_grid(catalog, wcs, mask), None, None
        catalog = as_shear_catalog(catalog)
        wcs = make_wcs(catalog) if wcs is None else check_celestial_wcs(wcs)
        working = conformal_wcs(wcs, catalog.frame)
        target = None
        if working is not wcs:
            mask, target = self._on_other_pixels(mask, wcs)
        grid, assignment = self._bin(catalog, working, mask)
        return grid, assignment, target

    def _on_other_pixels(self, mask, wcs):
        """Return a mask that is tied to the user's pixels, and what brings maps back to them."""
        if mask is None:
            return None, OtherPixels(wcs, None)
        # What a mask says of pixels, it says of those of the user's WCS.
        pixels = pixel_mask(mask, wcs)
        return SkyMask((pixels, wcs)), OtherPixels(wcs, None if self.fill_holes else pixels)

    def _bin(self, catalog, wcs, mask):
        """Return the grid of the galaxies, and where each of them is."""
        assignment = PixelAssignment(catalog, wcs, mask, scheme=self.scheme)
        grid = ShearGrid.from_assignment(assignment, sigma_e=self.sigma_e)
        _require_galaxies(grid, len(catalog))
        if mask is not None and grid.n_masked == 0:
            if not (grid.mask & ~assignment.frame.off_sky).any():
                warn_user(
                    "mask excludes no galaxy and no pixel: is it of this field?",
                    MapWarning,
                    "mask_without_effect",
                    "mask",
                )
        return grid, assignment

    def _brought_to(self, target, kappa):
        """Return a map on the pixels of ``target``."""
        return target.resample(kappa)

    def _prepare_grid(self, grid, wcs, mask):
        if wcs is not None or mask is not None:
            raise TypeError("a ShearGrid has its own WCS and mask: wcs and mask must be None")
        if self.uncertainty == "rotations":
            others = [repr(name) for name in self.uncertainties if name not in (None, "rotations")]
            raise ValueError(
                "uncertainty='rotations' needs the galaxies, not a ShearGrid; "
                + (f"use {' or '.join(others)} or " if others else "")
                + "give the catalogue"
            )
        if conformal_wcs(grid.wcs, grid.frame) is not grid.wcs:
            raise ValueError(
                "the pixels of the grid are far from squares of one size; bin the galaxies on "
                "another WCS, such as that of make_wcs"
            )
        if self.sigma_e is not None:
            grid = dataclasses.replace(grid, sigma_e=self.sigma_e)
        _require_galaxies(grid, grid.n_used + grid.n_outside + grid.n_masked)
        return grid

    def _mask_of(self, grid, inversion):
        mask = grid.mask if inversion.unsupported is None else grid.mask | inversion.unsupported
        if self.fill_holes and inversion.bridged is not None:
            mask = mask & ~inversion.bridged
        return mask

    def _dress(self, grid, inversion, target):
        """Make a map of the arrays; resample it if there is another ``target`` WCS."""
        if not isinstance(inversion, Inversion) or np.shape(inversion.kappa) != grid.shape:
            raise TypeError(
                f"{type(self).__name__}._invert must return an Inversion of arrays of the shape "
                f"{grid.shape} (ny, nx), not {type(inversion).__name__}"
            )
        kappa_b, error = inversion.kappa_b, inversion.uncertainty
        kappa = ConvergenceMap(
            inversion.kappa,
            wcs=grid.wcs,
            mask=self._mask_of(grid, inversion),
            uncertainty=self._analytic_noise(grid) if self.uncertainty == "analytic" else error,
            # A mirrored image turns E + i B into its conjugate: on the sky B has one sign.
            kappa_b=None if kappa_b is None else kappa_b * grid.parity,
            counts=grid.count,
            meta=self._meta(grid),
        )
        return kappa if target is None else self._brought_to(target, kappa)

    def _meta(self, grid):
        parameters = {name: _described(value) for name, value in self.get_params().items()}
        meta = {
            "estimator": type(self).__name__,
            "parameters": parameters,
            "convention": grid.convention,
            "kind": grid.kind,
            "frame": grid.frame,
            "n_galaxies": grid.n_used,
            "n_outside": grid.n_outside,
            "n_masked": grid.n_masked,
            "n_left_out": grid.n_left_out,
            "zero_mode": "set to 0: the mass sheet is not measured",
            "versions": {name: _version(name) for name in ("lensmap", "numpy", "astropy")},
        }
        if self.uncertainty in _WITH_THE_MAP:
            meta["uncertainty"] = self._meanings[self.uncertainty]
        return meta


def _root_mean_square(planes):
    """Return the root mean square of maps that come one at a time."""
    total, n_maps = 0.0, 0
    for plane in planes:
        total = total + np.square(plane, dtype=float)
        n_maps += 1
    return np.sqrt(total / n_maps)


def _described(value):
    """Return a parameter as a file can hold it: objects as the words that they have for it."""
    plain = value is None or isinstance(value, (str, bool, numbers.Number, list, tuple, dict))
    return value if plain else str(value)


def _version(name):
    try:
        return version(name)
    except PackageNotFoundError:  # a source tree that was not installed
        return "unknown"


def _require_galaxies(grid, n_total):
    if grid.n_used == 0:
        raise ValueError(
            f"no galaxy is left on the map: of {n_total}, {grid.n_outside} are outside wcs and "
            f"{grid.n_masked} are masked"
        )
    if not np.any(grid.sum_w > 0):
        raise ValueError(f"all {grid.n_used} galaxies on the map have a weight of 0")

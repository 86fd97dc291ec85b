# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`Estimator`: the base class of all estimators, which provides their method ``reconstruct``."""

import hashlib
import inspect
import numbers
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Literal, Self

import numpy as np
from scipy.special import ndtr, stdtrit
from astropy import units as u
from astropy.wcs import WCS

from lensmap.catalog import ShearCatalog
from lensmap.estimators._binning import make_grid
from lensmap.estimators._contract import Contract
from lensmap.estimators._declarations import ROTATIONS, Inversion, Uncertainty
from lensmap.estimators._dressing import check_inversion, mask_of, to_map
from lensmap.estimators._noise_maps import summarize_noise
from lensmap.estimators._options import Option, read_options
from lensmap.estimators._parameters import check_signature, representation, with_defaults
from lensmap.estimators._target import Target, conformal_frame
from lensmap.grid import (
    DEFAULT_PIXEL_SCALE,
    PixelAssignment,
    PixelFrame,
    ShearGrid,
    make_wcs,
    noise_realizations,
)
from lensmap.maps import ConvergenceMap
from lensmap.typing import CatalogLike, ProgressLike
from lensmap.utils import (
    ParameterError,
    Parametrized,
    as_generator,
    check_choice,
    check_count,
    track,
)

__all__ = ["Estimator"]

# The mean number of galaxies per pixel of the tiles of a survey, and the largest side of a pixel.
_GALAXIES_PER_PIXEL = 1.5
_MAX_SURVEY_SCALE = 2 * u.arcmin


class Estimator(Parametrized, ABC):
    """Base class of all estimators.

    A subclass *must implement*

    - ``__init__``, unless it has no parameters. All parameters are keyword-only, have defaults,
      and are stored as attributes of the same name. `check_parameters` is called at the end.
    - `invert`: the inversion itself, from the shear on a grid to the arrays of the map.

    A subclass *may override*, in the order in which `reconstruct` calls the methods,

    - `choose_pixels`: the pixels of the inversion, if they differ from the pixels of the map;
    - `check`: warnings about a grid for which the method is not suited;
    - `measure`: the sums over a part of the data from which a model is fitted, such as a noise
      model; `fit`: this model, once for a whole field or survey; `compact`: smaller sums;
    - `prepare`: the data that all inversions of a grid and of its noise realizations share;
    - `noise`: one realization of the error, for uncertainties that `invert` does not return;
    - `describe_params`: the parameters as stored in the metadata of the map;
    - `reach`: the largest distance at which galaxies contribute to a pixel;
    - `survey_pixel_scale`: the pixels of the tiles of a survey;
    - `needs_galaxies`: whether the inversion needs the single galaxies of the grid.

    Attributes are set only in ``__init__``. Data that are computed later are returned by `prepare`
    and passed to `invert` as ``state``. The attributes below are declared on the class. The last
    six, ``uncertainty`` to ``scheme``, are the values used for classes whose ``__init__`` has no
    such parameter.

    Attributes
    ----------
    options : tuple of Option
        Descriptions of the parameters, for command lines and documentation. They are read from the
        signature and the docstring. Options that a class declares take precedence.
    variant : str or None
        The parameter that ``VARIANT`` sets in the text ``"NAME:VARIANT"`` for `make_estimator`: in
        ``"cnn:cha2025"``, it is ``network``. None if the estimator has no variants.
    geometry : {"plane", "sphere"}
        The geometry of the pixels on which `invert` works.
    quantity : str
        The physical quantity of the map, stored as ``meta["quantity"]``. Mass fits require
        ``"kappa"``.
    extra_sums : tuple of str
        The sums over galaxies that the method needs in addition to the standard sums of a grid,
        as keys of ``extra`` of a `lensmap.ShearGrid`.
    linear : bool
        Whether the map is linear in the ellipticities, for a fixed noise level.
    residual_shear : bool
        Whether the method may invert shear from which a part was subtracted, whose convergence is
        added to the map afterwards. This is right for linear methods without a prior.
    uncertainties : tuple of Uncertainty
        The kinds of uncertainty that the estimator offers. A map without uncertainty is always
        possible.
    contract : Contract
        Declared properties, which `lensmap.testing.check_estimator` tests.
    uncertainty : str or None
        The name of one of ``uncertainties``. None gives maps without uncertainty.
    n_realizations : int
        The number of random realizations for an uncertainty.
    rng : int or `numpy.random.SeedSequence`
        The seed of the random realizations. Every call of `reconstruct` starts from this seed.
    fill_holes : bool
        Whether masked pixels get values where the method can inpaint them.
    sigma_e : float or None
        The intrinsic dispersion of ellipticities per component; None takes the column ``sigma_e``
        or, without this column, measures the dispersion as a function of the weight.
    scheme : {"nearest", "cloud-in-cell"}
        The scheme that assigns galaxies to pixels.

    Examples
    --------
    >>> import numpy as np
    >>> from lensmap.estimators import Estimator, Inversion
    >>> class Empty(Estimator):
    ...     "An estimator that finds no mass anywhere."
    ...     def invert(self, grid, state):
    ...         return Inversion(np.zeros(grid.shape), unsupported=grid.count == 0)
    >>> Empty()
    Empty()
    """

    #: :meta hide-value:
    options: ClassVar[tuple[Option, ...]] = ()
    #: :meta hide-value:
    variant: ClassVar[str | None] = None
    #: :meta hide-value:
    geometry: ClassVar[Literal["plane", "sphere"]] = "plane"
    #: :meta hide-value:
    quantity: ClassVar[str] = "kappa"
    #: :meta hide-value:
    linear: ClassVar[bool] = False
    #: :meta hide-value:
    residual_shear: ClassVar[bool] = False
    #: :meta hide-value:
    uncertainties: ClassVar[tuple[Uncertainty, ...]] = (ROTATIONS,)
    #: :meta hide-value:
    extra_sums: ClassVar[tuple[str, ...]] = ()
    #: :meta hide-value:
    contract: ClassVar[Contract] = Contract()

    uncertainty: str | None = None
    n_realizations: int = 100
    rng: int | np.random.SeedSequence = 0
    fill_holes: bool = False
    sigma_e: float | None = None
    scheme: str = "nearest"

    def __init_subclass__(cls, defaults: dict[str, object] | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if defaults is not None:
            setattr(cls, "__init__", with_defaults(cls.__init__, defaults))
        check_signature(cls)
        cls.options = read_options(cls, cls.__dict__.get("options", ()))

    # --- parameters -------------------------------------------------------------------------

    def __repr__(self) -> str:
        return representation(self)

    @property
    def chosen_uncertainty(self) -> Uncertainty | None:
        """The `Uncertainty` selected by the parameter ``uncertainty``, or None."""
        return next((kind for kind in self.uncertainties if kind.name == self.uncertainty), None)

    @property
    def fits_model(self) -> bool:
        """Whether `measure` and `fit` fit a model to the galaxies of a field or survey.

        By default, this is True for classes that override `measure`. Without a model, the galaxies
        of a survey are read once less.
        """
        return type(self).measure is not Estimator.measure

    def check_parameters(self) -> None:
        """Check the parameters that all estimators share; call it at the end of ``__init__``.

        Raises
        ------
        TypeError, ValueError
            If the value of one of these parameters is not allowed.
        """
        names = tuple(kind.name for kind in self.uncertainties)
        check_choice(self.uncertainty, "uncertainty", (None, *names))
        check_count(self.n_realizations, "n_realizations", minimum=2)
        if not isinstance(self.rng, np.random.SeedSequence):
            check_count(self.rng, "rng")
        check_choice(self.scheme, "scheme", ("nearest", "cloud-in-cell"))

    @property
    def needs_galaxies(self) -> bool:
        """Whether `invert` needs the single galaxies, ``grid.galaxies``; by default, it does not.

        Such an estimator maps catalogs only, neither grids nor the tiles of a survey.
        """
        return False

    def describe_params(self) -> dict[str, object]:
        """Return the parameters in the form stored in the metadata of a map.

        Returns
        -------
        dict
            The values of the parameters, keyed by name. Objects of types that a FITS file cannot
            hold are converted to strings.
        """
        plain = (str, bool, numbers.Number, list, tuple, dict, type(None))
        return {
            name: value if isinstance(value, plain) else str(value)
            for name, value in self.get_params().items()
        }

    # --- the method: what authors write -----------------------------------------------------

    @abstractmethod
    def invert(self, grid: ShearGrid, state: Any) -> Inversion:
        """Invert the shear on a grid.

        Parameters
        ----------
        grid : `lensmap.ShearGrid`
            The binned reduced shear, in the basis of the pixel axes.
        state : object
            The result of `prepare`, for this grid or for a grid with the same pixels, mask and
            weights. For example, grids of randomly rotated galaxies are inverted with the state
            for the original galaxies.

        Returns
        -------
        Inversion
            The map and its masks. The uncertainty is included if the chosen kind of uncertainty is
            declared with ``with_map=True``.
        """

    def choose_pixels(self, catalog: ShearCatalog, wcs: WCS | None, *, masked: bool) -> Target:
        """Choose the pixels of the inversion and of the map.

        Parameters
        ----------
        catalog : ShearCatalog
            The galaxies.
        wcs : `~astropy.wcs.WCS` or None
            The requested pixels of the map. If None, the estimator chooses the pixels.
        masked : bool
            Whether the user gave a mask, which may be a boolean array on the pixels of ``wcs``.

        Returns
        -------
        Target
            The pixels of the inversion and of the map. By default, both are the pixels of ``wcs``.
            If those are far from squares of equal size, the inversion is made on the pixels of a
            tangent plane instead.
        """
        wcs = make_wcs(catalog) if wcs is None else wcs
        return Target(conformal_frame(PixelFrame(wcs, catalog.frame), catalog.frame), wcs)

    def check(self, grid: ShearGrid) -> None:  # noqa: B027
        """Warn if the method is not suited for a grid; called once for each map.

        Parameters
        ----------
        grid : `lensmap.ShearGrid`
            The binned reduced shear.
        """

    def measure(self, grid: ShearGrid) -> Any:
        """Compute the sums over galaxies to which `fit` fits a model, such as a noise model.

        Parameters
        ----------
        grid : `lensmap.ShearGrid`
            The binned galaxies of the field, or of a part of it.

        Returns
        -------
        object
            The sums, which must support ``+``: the sums of two parts of a catalog, or of two tiles
            without common galaxies, add up to the sums of the whole. The default is None, for
            methods without a fitted model.
        """
        return None

    def compact(self, sums: Any) -> Any:
        """Return sums of one tile in a form that takes less memory, for surveys of many tiles.

        Parameters
        ----------
        sums : object
            The result of `measure`, to which no further galaxies of the same pixels will be added.

        Returns
        -------
        object
            Sums for `fit`, which support ``+``. The default is ``sums`` itself.
        """
        return sums

    def fit(self, sums: Any) -> Any:
        """Fit a model to the sums of a whole field or survey.

        Parameters
        ----------
        sums : object
            The sum of the results of `measure` over all parts of the field or survey.

        Returns
        -------
        object
            The fitted model, which is passed to `prepare`. The default is None.
        """
        return None

    def prepare(self, grid: ShearGrid, fitted: Any) -> Any:
        """Return the data that the inversions of a grid and of its noise realizations share.

        Parameters
        ----------
        grid : `lensmap.ShearGrid`
            The binned reduced shear.
        fitted : object
            The model that `fit` returned.

        Returns
        -------
        object
            The shared data, such as a loaded network or a mask of pixels near galaxies. They are
            passed to `invert` as ``state``. The default is None.
        """
        return None

    def noise(
        self, grid: ShearGrid, state: Any, rng: np.random.Generator
    ) -> Iterable[np.ndarray]:
        """Return one realization of the error of the map.

        Parameters
        ----------
        grid : `lensmap.ShearGrid`
            Randomly rotated galaxies, drawn anew for each call, if the chosen `Uncertainty` has
            ``from_galaxies=True``. Otherwise, the grid of the map.
        state : object
            The result of `prepare` for the grid of the map.
        rng : `numpy.random.Generator`
            Generator for further random numbers. The galaxies are already rotated.

        Returns
        -------
        iterable of `numpy.ndarray`
            Arrays ``(ny, nx)`` whose root mean square over all realizations is the uncertainty.
            By default, these are the E-mode and the B-mode of the inversion of ``grid``. A rotation
            of all galaxies by 45 degrees exchanges E and B, so both have the same noise. No mean is
            subtracted, because the mean over all rotations is exactly 0.
        """
        inversion = self.invert(grid, state)
        return [plane for plane in (inversion.kappa, inversion.kappa_b) if plane is not None]

    def reach(self, pixel_scale: u.Quantity) -> u.Quantity | None:
        """Return the largest distance at which galaxies contribute to a pixel of the map.

        Parameters
        ----------
        pixel_scale : `~astropy.units.Quantity`
            The side of a pixel, an angle.

        Returns
        -------
        `~astropy.units.Quantity` or None
            The distance, an angle. A tile that is mapped with a margin of this width around it has
            the same map as in the whole field. None if galaxies at all distances contribute. The
            maps of tiles then differ from the map of the whole field; the docstring of the class
            should state by how much.
        """
        return None

    def survey_pixel_scale(self, density: float) -> u.Quantity:
        """Return the side of the pixels of the tiles of a survey, if the user gives none.

        Parameters
        ----------
        density : float
            The number of galaxies per square arcminute.

        Returns
        -------
        `~astropy.units.Quantity`
            The side of a pixel, an angle. By default, 0.4 arcmin, or more if there are fewer than
            1.5 galaxies per pixel.
        """
        side = np.sqrt(_GALAXIES_PER_PIXEL / max(density, 1e-3)) * u.arcmin
        return min(max(DEFAULT_PIXEL_SCALE, side), _MAX_SURVEY_SCALE)

    def for_tiles(self) -> Self:
        """Return the estimator with which the tiles of a survey are mapped.

        Returns
        -------
        Estimator
            By default, the estimator itself.
        """
        return self

    def digest(self) -> str | None:
        """Return a digest of what decides the map besides the parameters and lensmap itself.

        A run that is resumed with another digest is refused.

        Returns
        -------
        str or None
            The SHA-256 digest of the source code of a class that is not part of lensmap. None for
            classes of lensmap, and if the source code is not known.
        """
        if type(self).__module__.partition(".")[0] == "lensmap":
            return None
        try:
            source = inspect.getsource(type(self))
        except (OSError, TypeError):  # a class of an interactive session
            return None
        return hashlib.sha256(source.encode()).hexdigest()

    # --- the work ---------------------------------------------------------------------------

    def reconstruct(
        self,
        catalog: CatalogLike | ShearGrid,
        wcs: WCS | None = None,
        mask: object = None,
        *,
        progress: ProgressLike = None,
    ) -> ConvergenceMap:
        """Make a mass map from a shear catalog.

        Parameters
        ----------
        catalog : ShearCatalog, `~astropy.table.Table` or ShearGrid
            The galaxies. A table must have lensmap's column names. Its ``meta`` should declare
            the sign convention and the kind of the ellipticities, shear or distortion. A grid, for
            example of a catalog that does not fit into memory, has its own WCS and mask.
        wcs : `~astropy.wcs.WCS` or None
            The pixels of the map: any celestial WCS with its ``array_shape``. If None, a WCS that
            covers the catalog. If the pixels are far from squares, the map is made on a tangent
            plane and resampled. An uncertainty from rotations is then computed from resampled noise
            maps, and an analytic uncertainty is dropped with a warning.
        mask : object or None
            Anything that `lensmap.masks.SkyMask` accepts. Galaxies that the mask excludes are left
            out, and pixels that it excludes are masked. None masks nothing.
        progress : None, bool or callable
            How to show the progress of the noise realizations, as for ``lensmap.utils.track``. None
            shows no progress.

        Returns
        -------
        ConvergenceMap
            The convergence, the B-mode if the method has one, the mask, the galaxy counts per
            pixel, and the uncertainty if one was chosen. If the uncertainty is noise from randomly
            rotated galaxies, the map also has the peaks of these noise maps, ``noise_peaks``.

        Raises
        ------
        TypeError, ValueError
            If an argument is invalid, or if no galaxy with nonzero weight is on the map.
        """
        self.check_parameters()
        return self._map_of(*make_grid(self, catalog, wcs, mask), progress)

    def _map_of(
        self,
        grid: ShearGrid,
        assignment: PixelAssignment | None,
        target: Target,
        progress: ProgressLike = None,
    ) -> ConvergenceMap:
        """Return the map of binned galaxies, with its uncertainty.

        ``grid``, ``assignment`` and ``target`` are the results of ``make_grid``. ``progress`` is
        that of `reconstruct`.
        """
        self.check(grid)
        state = self.prepare(grid, self.fit(self.measure(grid)))
        inversion = self.invert(grid, state)
        check_inversion(self, grid, inversion)
        kappa = to_map(self, grid, inversion, target)
        kind = self.chosen_uncertainty
        if kind is None or kind.with_map:
            return kappa
        masked = mask_of(self, grid, inversion)
        errors = self._errors_on_map(grid, assignment, target, state, masked, progress)
        error, noise_peaks = summarize_noise(
            (planes for planes, _ in errors),
            self.n_realizations,
            kappa.mask,
            with_peaks=(
                isinstance(kappa, ConvergenceMap) and kind.from_galaxies and kind.meaning == "noise"
            ),
        )
        if kind.meaning == "total":
            # Two maps from each realization. The root mean square of a few scatters itself, so that
            # the interval of one Gaussian sigma would cover less than 68 per cent of the truth.
            error = error * stdtrit(2 * self.n_realizations, ndtr(1.0))
        record = {} if noise_peaks is None else {"noise_peaks": noise_peaks}
        return kappa.replace(
            uncertainty=error, meta={**kappa.meta, "uncertainty": kind.meaning}, **record
        )

    def realizations(
        self,
        catalog: CatalogLike | ShearGrid,
        wcs: WCS | None = None,
        mask: object = None,
        *,
        progress: ProgressLike = None,
    ) -> Iterator[np.ndarray]:
        """Yield random maps of the error, whose root mean square is the uncertainty of the map.

        The errors of neighboring pixels are correlated. The error of a quantity that is summed over
        pixels, such as the mean convergence within an aperture, is therefore its scatter over these
        maps.

        Parameters
        ----------
        catalog, wcs, mask, progress
            As for `reconstruct`.

        Yields
        ------
        `numpy.ndarray`
            The error on the pixels of the map, ``(ny, nx)``; NaN in masked pixels. Each of the
            ``n_realizations`` realizations yields one or two maps.

        Raises
        ------
        TypeError, ValueError
            As for `reconstruct`, or if the chosen uncertainty is not made from realizations.

        Examples
        --------
        >>> import numpy as np
        >>> from lensmap import HaloModelField, KaiserSquires, MockSurvey
        >>> field = HaloModelField(z_source=1.5, shape=(64, 64)).draw(rng=3)
        >>> catalog = MockSurvey.preset("cha2025").observe(field, rng=4)
        >>> estimator = KaiserSquires(uncertainty="rotations", n_realizations=20)
        >>> errors = estimator.realizations(catalog, field.wcs)
        >>> scatter = np.std([error[20:40, 20:40].mean() for error in errors])
        """
        self.check_parameters()
        kind = self.chosen_uncertainty
        if kind is None or kind.with_map:
            names = [repr(one.name) for one in self.uncertainties if not one.with_map]
            raise ParameterError(
                "uncertainty", f"{' or '.join(names)} for realizations of the error",
                repr(self.uncertainty),
            )
        return self._user_realizations(*make_grid(self, catalog, wcs, mask), progress)

    def _user_realizations(self, grid, assignment, target, progress):
        """Yield the arrays of `realizations`; the parameters are those of ``_map_of``."""
        self.check(grid)
        state = self.prepare(grid, self.fit(self.measure(grid)))
        masked = mask_of(self, grid, self.invert(grid, state))
        for errors, mask in self._errors_on_map(
            grid, assignment, target, state, masked, progress
        ):
            for error in errors:
                yield np.where(mask, np.nan, error)

    def _errors_on_map(self, grid, assignment, target, state, masked, progress):
        """Yield the arrays of each realization, and the mask, on the pixels of the map.

        ``masked`` is the mask on the pixels of the inversion.
        """
        realizations = self._realizations(grid, assignment, state)
        for planes in track(realizations, self.n_realizations, progress, "realizations"):
            yield target.to_user(list(planes), masked)

    def _realizations(
        self, grid: ShearGrid, assignment: PixelAssignment | None, state: Any
    ) -> Iterator[Iterable[np.ndarray]]:
        """Yield the arrays of each noise realization, as returned by `noise`.

        Parameters
        ----------
        grid : `lensmap.ShearGrid`
            The grid of the map.
        assignment : ``lensmap.grid.PixelAssignment`` or None
            The galaxies to rotate and their pixels. None if the user gave a grid, which is possible
            only for an uncertainty that needs no galaxies.
        state : object
            The result of `prepare` for the grid of the map.

        Yields
        ------
        iterable of `numpy.ndarray`
            The arrays of one of the ``n_realizations`` realizations.
        """
        rng = as_generator(self.rng)
        kind = self.chosen_uncertainty
        if kind is not None and kind.from_galaxies:
            for rotated in noise_realizations(
                assignment, n_realizations=self.n_realizations, rng=rng, grid=grid
            ):
                yield self.noise(rotated, state, rng)
        else:
            for _ in range(self.n_realizations):
                yield self.noise(grid, state, rng)

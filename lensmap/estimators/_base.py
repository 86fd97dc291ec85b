# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`Estimator`: the base class of all estimators, with one ``reconstruct`` for all of them."""

import numbers
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Literal

import numpy as np
from astropy import units as u
from astropy.wcs import WCS

from lensmap.catalog import ShearCatalog
from lensmap.estimators._binning import make_grid
from lensmap.estimators._contract import Contract
from lensmap.estimators._declarations import ROTATIONS, Inversion, Uncertainty
from lensmap.estimators._dressing import check_inversion, mask_of, to_map
from lensmap.estimators._options import Option, read_options
from lensmap.estimators._parameters import check_signature, representation, with_defaults
from lensmap.estimators._target import Target, conformal_frame
from lensmap.grid import PixelAssignment, PixelFrame, ShearGrid, make_wcs, noise_realizations
from lensmap.maps import ConvergenceMap
from lensmap.typing import CatalogLike, ProgressLike
from lensmap.utils import Parametrized, as_generator, check_choice, check_count, track

__all__ = ["Estimator"]


class Estimator(Parametrized, ABC):
    """Base class of all estimators.

    *Must implement*

    - ``__init__`` with keyword-only parameters that have defaults and are stored under their own
      names, and a call of `check_parameters` at its end. (A class without parameters needs none.)
    - `invert`: the inversion itself, arrays in and arrays out.

    *May override*, in the order in which `reconstruct` calls them

    - `choose_pixels`: the pixels of the inversion, where they are not those of the map;
    - `check`: warnings about a grid that the method does not suit;
    - `measure` and `fit`: a model fitted to the data, such as a noise model, once for a whole field
      or survey;
    - `prepare`: the state that inversions on the same pixels share;
    - `noise`: one realization of the error, for uncertainties that do not come with the map;
    - `describe_params`: the parameters as stored in the metadata of the map;
    - `reach`: the distance from which galaxies contribute to a pixel.

    Nothing is written to ``self`` after ``__init__``: state is returned by `prepare` and passed to
    `invert`. The attributes below are declared on the class, and those of the parameters
    (``uncertainty`` to ``scheme``) serve classes without such a parameter.

    Attributes
    ----------
    options : tuple of Option
        Descriptions of the parameters, for command lines and documentation. They are read from the
        signature and the docstring; options that a class sets take precedence.
    variant : str or None
        The parameter that ``VARIANT`` sets in ``"NAME:VARIANT"``, see `make_estimator`. None if
        names of the estimator have no variants.
    geometry : {"plane", "sphere"}
        The pixels that `invert` works on.
    quantity : str
        The quantity of the map, kept as ``meta["quantity"]``; mass fits need ``"kappa"``.
    extra_sums : tuple of str
        Sums over the galaxies that the method needs besides the usual ones: keys of ``extra`` of a
        `lensmap.ShearGrid`.
    linear : bool
        Whether the map is linear in the ellipticities for a given noise.
    uncertainties : tuple of Uncertainty
        The kinds of uncertainty besides None.
    contract : Contract
        Declared properties, for the laws of `lensmap.testing.check_estimator`.
    uncertainty : str or None
        The name of one of ``uncertainties``; None for maps without uncertainty.
    n_realizations : int
        The number of random realizations for an uncertainty.
    rng : int or `numpy.random.SeedSequence`
        The seed of the random realizations; each call starts from it anew.
    fill_holes : bool
        Whether masked pixels that the method inpaints well get values.
    sigma_e : float or None
        The intrinsic dispersion of ellipticities per component; None takes the column ``sigma_e``,
        and measures it where there is none.
    scheme : {"nearest", "cloud-in-cell"}
        How galaxies are assigned to pixels.

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
        """The `Uncertainty` that the parameter ``uncertainty`` names; None without one."""
        return next((kind for kind in self.uncertainties if kind.name == self.uncertainty), None)

    def check_parameters(self) -> None:
        """Check the parameters that all estimators share; call it at the end of ``__init__``.

        Raises
        ------
        TypeError, ValueError
            If one of them is not allowed.
        """
        names = tuple(kind.name for kind in self.uncertainties)
        check_choice(self.uncertainty, "uncertainty", (None, *names))
        check_count(self.n_realizations, "n_realizations", minimum=2)
        if not isinstance(self.rng, np.random.SeedSequence):
            check_count(self.rng, "rng")
        check_choice(self.scheme, "scheme", ("nearest", "cloud-in-cell"))

    def describe_params(self) -> dict[str, object]:
        """Return the parameters in the form stored in the metadata of a map.

        Returns
        -------
        dict
            From names to numbers, strings and other types that a FITS file can hold; other objects
            as their `str`.
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
            The result of `prepare` for this grid, or for a grid with the same pixels, mask and
            weights, such as that of the galaxies before their rotation.

        Returns
        -------
        Inversion
            The map with its masks, and its uncertainty if the chosen kind comes with the map.
        """

    def choose_pixels(self, catalog: ShearCatalog, wcs: WCS | None, *, masked: bool) -> Target:
        """Choose the pixels of the inversion and of the map.

        Parameters
        ----------
        catalog : ShearCatalog
            The galaxies.
        wcs : `~astropy.wcs.WCS` or None
            The requested pixels of the map; None leaves the choice to the estimator.
        masked : bool
            Whether there is a mask, which may be an array on the pixels of ``wcs``.

        Returns
        -------
        Target
            By default the pixels of ``wcs``, or a tangent plane where those are far from squares of
            equal size.
        """
        wcs = make_wcs(catalog) if wcs is None else wcs
        return Target(conformal_frame(PixelFrame(wcs, catalog.frame), catalog.frame), wcs)

    def check(self, grid: ShearGrid) -> None:  # noqa: B027
        """Warn of a grid that the method does not suit; called once for each map.

        Parameters
        ----------
        grid : `lensmap.ShearGrid`
            The binned reduced shear.
        """

    def measure(self, grid: ShearGrid) -> Any:
        """Return the sums over the data that `fit` uses.

        Parameters
        ----------
        grid : `lensmap.ShearGrid`
            The binned galaxies, all or some of them.

        Returns
        -------
        object
            Sums that support ``+``: those of two parts of a catalog, or of two tiles without common
            galaxies, add up to those of the whole. None by default, if the method fits nothing.
        """
        return None

    def fit(self, sums: Any) -> Any:
        """Fit a model to the sums of a whole field or survey.

        Parameters
        ----------
        sums : object
            The sum of the results of `measure` for all parts.

        Returns
        -------
        object
            The fitted model, for `prepare`; None by default.
        """
        return None

    def prepare(self, grid: ShearGrid, fitted: Any) -> Any:
        """Return the state shared by inversions of this grid and of noise on the same pixels.

        Parameters
        ----------
        grid : `lensmap.ShearGrid`
            The binned reduced shear.
        fitted : object
            The result of `fit`.

        Returns
        -------
        object
            The state for `invert`, such as a loaded network or a support mask; None by default.
        """
        return None

    def noise(
        self, grid: ShearGrid, state: Any, rng: np.random.Generator
    ) -> Iterable[np.ndarray]:
        """Return one realization of the error of the map.

        Parameters
        ----------
        grid : `lensmap.ShearGrid`
            Randomly rotated galaxies, drawn anew for each call, if the uncertainty is made from the
            galaxies (`Uncertainty`); else the grid of the map.
        state : object
            The result of `prepare` for the grid of the map.
        rng : `numpy.random.Generator`
            Generator for the realization, other than that of the rotations.

        Returns
        -------
        iterable of `numpy.ndarray`
            Planes ``(ny, nx)`` whose root mean square over all realizations is the uncertainty.
            By default the E- and the B-mode of the inversion of ``grid``. Rotating all galaxies by
            45 degrees exchanges E and B, so that both have the same noise. The mean over all
            rotations is exactly 0, so that no mean is subtracted.
        """
        inversion = self.invert(grid, state)
        return [plane for plane in (inversion.kappa, inversion.kappa_b) if plane is not None]

    def reach(self, pixel_scale: u.Quantity) -> u.Quantity | None:
        """Return the distance from which galaxies contribute to a pixel of the map.

        Parameters
        ----------
        pixel_scale : `~astropy.units.Quantity`
            The side of a pixel, an angle.

        Returns
        -------
        `~astropy.units.Quantity` or None
            An angle: a tile with a margin of this width has the same map as in the whole field.
            None if galaxies at all distances contribute, so that tiles have an error, which the
            description of the class states.
        """
        return None

    # --- the work ---------------------------------------------------------------------------

    def reconstruct(
        self,
        catalog: CatalogLike | ShearGrid,
        wcs: WCS | None = None,
        mask: object = None,
        *,
        progress: ProgressLike = None,
    ) -> ConvergenceMap:
        """Make a mass map of a catalog.

        Parameters
        ----------
        catalog : ShearCatalog, `~astropy.table.Table` or ShearGrid
            The galaxies. A table has lensmap's column names, and declares its convention and kind
            in its meta. A grid, such as one of a catalog larger than memory, brings its WCS and
            mask.
        wcs : `~astropy.wcs.WCS` or None
            The pixels of the map: any celestial WCS with its ``array_shape``. None makes one
            that covers the catalog. On pixels that are far from squares, the map is made on a
            tangent plane and resampled; an uncertainty from rotations is made of resampled noise
            maps, an analytic one is lost with a warning.
        mask : object or None
            What `lensmap.masks.SkyMask` takes: galaxies inside are left out, pixels are masked.
            None masks none.
        progress : None, bool or callable
            Shows the progress of the noise realizations, as for ``lensmap.utils.track``; None is
            silent.

        Returns
        -------
        ConvergenceMap
            Kappa, the B-mode if the method has one, mask, counts, and the uncertainty if one was
            chosen.

        Raises
        ------
        TypeError, ValueError
            If an argument is invalid, or no galaxy with a weight is on the map.
        """
        self.check_parameters()
        grid, assignment, target = make_grid(self, catalog, wcs, mask)
        self.check(grid)
        state = self.prepare(grid, self.fit(self.measure(grid)))
        inversion = self.invert(grid, state)
        check_inversion(self, grid, inversion)
        kappa = to_map(self, grid, inversion, target)
        kind = self.chosen_uncertainty
        if kind is None or kind.with_map:
            return kappa
        realizations = track(
            self._realizations(grid, assignment, state),
            self.n_realizations,
            progress,
            "realizations",
        )
        masked = mask_of(self, grid, inversion)
        error = _root_mean_square(
            plane for planes in realizations for plane in target.to_user(list(planes), masked)[0]
        )
        return kappa.replace(uncertainty=error, meta={**kappa.meta, "uncertainty": kind.meaning})

    def _realizations(
        self, grid: ShearGrid, assignment: PixelAssignment | None, state: Any
    ) -> Iterator[Iterable[np.ndarray]]:
        """Yield the planes of each realization of the error."""
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


def _root_mean_square(planes):
    """Return the root mean square of maps that come one at a time."""
    total, n_maps = 0.0, 0
    for plane in planes:
        total = total + np.square(plane, dtype=float)
        n_maps += 1
    return np.sqrt(total / n_maps)

# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The class `MockSurvey`, which draws the shear catalog of a survey behind a known field."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.table import Table
from astropy.wcs.utils import proj_plane_pixel_area
from numpy.typing import ArrayLike

from lensmap.catalog import ShearCatalog
from lensmap.cosmology import SourceRedshifts, check_z_source
from lensmap.grid import PixelFrame, ShearGrid
from lensmap.masks import SkyMask
from lensmap.simulate.surveys._checks import check_surface_density
from lensmap.simulate.surveys._ellipticities import IntrinsicEllipticities, compose
from lensmap.simulate.surveys._gridded import SamplerCache
from lensmap.simulate.surveys._interpolation import (
    INTERPOLATIONS,
    as_fields,
    lensing_at,
    mean_field,
)
from lensmap.simulate.surveys._measurement_error import MeasurementError
from lensmap.simulate.surveys._positions import draw_positions
from lensmap.simulate.surveys._presets import SURVEYS, survey_parameters
from lensmap.utils import (
    ParameterError,
    Parametrized,
    as_generator,
    check_choice,
    check_memory,
)

if TYPE_CHECKING:
    from astropy.wcs import WCS

    from lensmap.maps import ConvergenceMap
    from lensmap.simulate.fields import LensingField
    from lensmap.typing import MaskLike, RNGLike

__all__ = ["MockSurvey", "check_catalog_memory"]

_BYTES_PER_GALAXY = 200.0  # the peak memory while a catalog is drawn

_PER_AREA = u.arcmin**-2

_DEFAULTS = SURVEYS["cha2025"]

_TRUTH = ("g1_true", "g2_true", "kappa_true", "e1_int", "e2_int", "magnitude")


@dataclass(frozen=True, eq=False, kw_only=True)
class MockSurvey(Parametrized):
    r"""Mock shear catalogs with random positions, shapes, measurement errors and weights.

    Each galaxy is given an intrinsic ellipticity with a dispersion of ``sigma_e`` per component.
    The reduced shear at the position of the galaxy is then applied without approximation, and a
    random measurement error is added. Not included are magnification, blending and clustering of
    sources, contamination by cluster members, intrinsic alignments, and redshift errors.

    The default values are those of the preset ``"cha2025"``.

    Attributes
    ----------
    density : `~astropy.units.Quantity` or str
        The mean number of galaxies per solid angle. The number of galaxies on a map is drawn from a
        Poisson distribution.
    sigma_e : float
        The intrinsic dispersion of the ellipticities :math:`(a - b) / (a + b)` per component,
        above 0 and at most 0.49.
    measurement_error : {"hsc"}, float or callable
        The measurement error of the ellipticities per component: ``"hsc"`` for the
        magnitude-dependent error of Subaru/HSC (``hsc_measurement_error``), a number for the same
        error in all galaxies (0 for no error), or a function that returns the errors for given
        magnitudes.
    z_source : float, `lensmap.cosmology.SourceRedshifts` or None
        The redshift of the galaxies or their redshift distribution. If a single field is observed,
        the ``z_source`` of the field takes precedence. None leaves the redshifts unknown.
    magnitude_limit : float
        The magnitude of the faintest galaxies. Up to this limit, the number counts are
        :math:`\propto 10^{0.31 m}`.
    m5 : float
        The magnitude of a point source with a signal-to-noise ratio of 5, used for ``"hsc"`` only.
    mask : mask-like or None
        The mask of regions without galaxies, in any form that `lensmap.masks.SkyMask` accepts. None
        excludes nothing.
    interpolation : {"spline", "bilinear", "nearest"}
        The interpolation of the field between the centers of its pixels. ``"spline"`` is a smooth
        function that preserves the mean over each pixel, so that a catalog binned on the same
        pixels has the power spectrum of the field. If a peak fills a single pixel, the function
        reaches 1.4 times the pixel value at the center of the peak and -0.27 times the pixel value
        next to the peak. ``"bilinear"`` does not oscillate, but blurs the field: at a wavelength of
        two pixels, the power falls to a quarter. ``"nearest"`` also preserves the mean over each
        pixel, but has steps.

    Raises
    ------
    TypeError
        If ``density`` has no unit, or a parameter has the wrong type.
    ValueError
        If a parameter is out of range.

    See Also
    --------
    MockSurvey.preset : Known surveys.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astropy.coordinates import SkyCoord
    >>> from lensmap import make_wcs
    >>> from lensmap.simulate import MockSurvey
    >>> wcs = make_wcs(SkyCoord([10.0, 10.2], [-0.1, 0.1], unit="deg"), 0.4 * u.arcmin)
    >>> survey = MockSurvey(density=30 / u.arcmin**2, sigma_e=0.25)
    >>> catalog = survey.observe(None, wcs, rng=1)  # no lensing: shape noise only
    >>> catalog.convention, catalog["sigma_m"] is None
    ('celestial', False)
    """

    density: u.Quantity = _DEFAULTS["density"]
    sigma_e: float = _DEFAULTS["sigma_e"]
    measurement_error: str | float | Callable[[np.ndarray], ArrayLike] = (
        _DEFAULTS["measurement_error"]
    )
    z_source: float | SourceRedshifts | None = None
    magnitude_limit: float = _DEFAULTS["magnitude_limit"]
    m5: float = _DEFAULTS["m5"]
    mask: MaskLike | None = None
    interpolation: str = "spline"
    _samplers: SamplerCache = field(default_factory=SamplerCache, init=False, repr=False)

    def __post_init__(self) -> None:
        # This is the only way for a frozen dataclass to normalize its attributes.
        object.__setattr__(self, "density", check_surface_density(self.density, "density"))
        if self.z_source is not None:
            object.__setattr__(self, "z_source", check_z_source(self.z_source))
        check_choice(self.interpolation, "interpolation", INTERPOLATIONS)
        _ = self.intrinsic, self.measurement, self._sky_mask  # checks their parameters

    def __getstate__(self):
        # The cached properties are not pickled, so another process computes them again.
        return {item.name: getattr(self, item.name) for item in fields(self)}

    @staticmethod
    def available_presets() -> list[str]:
        """Return the names of the known surveys for which parameters are predefined.

        Returns
        -------
        list of str
            The names that `preset` accepts, such as ``"lsst_y10"``.
        """
        return list(SURVEYS)

    @classmethod
    def preset(cls, name: str, **changes: Any) -> MockSurvey:
        """Make a model of a known survey.

        Parameters
        ----------
        name : {"cha2025", "lsst_y1", "lsst_y10", "hsc_y3", "cosmos"}
            The name of the survey. ``"cha2025"`` is that of Cha et al. 2025, with 33 galaxies per
            square arcminute and HSC measurement errors. ``"lsst_y1"`` and ``"lsst_y10"`` are the
            LSST source samples after one and ten years, with effective densities of 10 and 27
            galaxies per square arcminute and with redshift distributions. ``"hsc_y3"`` is the HSC
            survey after three years, with an effective density of 19.9. An effective density
            already accounts for measurement errors, so the galaxies of these surveys have no
            measurement errors. ``"cosmos"`` is the HST catalog of COSMOS with a density of 64,
            where ``sigma_e`` includes the measurement errors.
        **changes
            Parameters of `MockSurvey` that replace or supplement those of the preset.

        Returns
        -------
        MockSurvey
            The survey.

        Raises
        ------
        ValueError
            If the preset does not exist.

        References
        ----------
        Cha et al. 2025, ApJ; LSST DESC 2018, arXiv:1809.01669, appendix D; Li et al. 2022, PASJ
        74, 421.
        """
        parameters = survey_parameters(name)
        if "z_source" in parameters:
            parameters["z_source"] = SourceRedshifts.preset(parameters["z_source"])
        return cls(**{**parameters, **changes})

    @cached_property
    def intrinsic(self) -> IntrinsicEllipticities:
        """The distribution of intrinsic ellipticities, an ``IntrinsicEllipticities``."""
        return IntrinsicEllipticities(self.sigma_e)

    @cached_property
    def measurement(self) -> MeasurementError:
        """The model of magnitudes, measurement errors and weights, a ``MeasurementError``."""
        return MeasurementError(
            self.measurement_error, self.sigma_e, self.magnitude_limit, self.m5
        )

    @cached_property
    def _sky_mask(self):
        if self.mask is None or isinstance(self.mask, SkyMask):
            return self.mask
        return SkyMask(self.mask)

    @property
    def expected_density(self) -> u.Quantity:
        """The mean number of galaxies per square arcminute in areas that are not masked."""
        return self.density.to(_PER_AREA)

    @property
    def effective_density(self) -> u.Quantity:
        r"""The effective number density of galaxies per square arcminute.

        It is :math:`n \langle \sigma_e^2 / (\sigma_e^2 + \sigma_m^2) \rangle`, which is the density
        of galaxies without measurement errors that would give the same shape noise.

        References
        ----------
        Chang et al. 2013, MNRAS 434, 2121.
        """
        return self.expected_density * self.sigma_e**2 * self.measurement.weight_quantiles.mean()

    def observe(
        self,
        field: LensingField | ConvergenceMap | Sequence[LensingField] | None,
        wcs: WCS | None = None,
        rng: RNGLike = None,
    ) -> ShearCatalog:
        r"""Draw a random shear catalog of the survey, lensed by a field.

        Parameters
        ----------
        field : LensingField, ConvergenceMap, sequence of LensingField or None
            The field that lenses the galaxies. None is a null field, without lensing. The shear of
            a convergence map is computed by `LensingField.from_kappa`. A sequence must hold fields
            on the same pixels, in order of increasing ``z_source``, and requires the ``z_source``
            of the survey. The lensing of a galaxy is then interpolated linearly in redshift between
            the fields, and between redshift 0 and the first field. Beyond the last field, it is the
            lensing of the last field.
        wcs : `~astropy.wcs.WCS` or None
            The WCS to which the field is moved on the sky, as by `LensingField.to_wcs`. None does
            not move the field. For a null field, the WCS of the map that the galaxies cover.
        rng : None, int, `~numpy.random.SeedSequence` or `~numpy.random.Generator`
            Seed or generator. None draws a new seed in each call. For the same pixels and mask, the
            same seed gives the same galaxies, intrinsic shapes and measurement errors behind any
            field.

        Returns
        -------
        ShearCatalog
            The catalog, with celestial ellipticities in ICRS, ``weight``, ``sigma_m``, ``sigma_e``
            and, if known, ``redshift``. Additional columns hold the true values: ``g1_true`` and
            ``g2_true`` (celestial reduced shear), ``kappa_true``, ``e1_int`` and ``e2_int``
            (ellipticity before lensing) and ``magnitude``. There are no galaxies in masked pixels
            of the field.

        Raises
        ------
        TypeError
            If ``field`` or ``wcs`` has the wrong type.
        ValueError
            If ``field`` cannot be moved to ``wcs``, ``field`` and ``wcs`` are both None, ``field``
            is a sequence but the survey has no ``z_source``, or no galaxy lies on the map.
        MemoryError
            If the catalog would not fit into memory.
        """
        # Separate random streams, so that drawing redshifts does not change the shapes.
        position_rng, shape_rng, error_rng, redshift_rng = as_generator(rng).spawn(4)
        lens_fields, wcs = as_fields(field, wcs)
        check_catalog_memory(self, wcs)
        density = self.expected_density.value
        mask = _joined_mask(self._sky_mask, lens_fields)
        lon, lat, x, y = draw_positions(wcs, density, mask, position_rng)
        n = len(lon)
        if n == 0:
            raise ValueError(
                f"no galaxy was drawn on the map, at a density of {self.density:.3g}: raise the "
                "density of the survey, enlarge the map or mask less of it"
            )
        redshift = self._redshifts(lens_fields, n, redshift_rng)
        kappa, g = np.zeros(n), np.zeros(n, dtype=complex)
        if lens_fields:
            kappa, gamma = lensing_at(lens_fields, x, y, redshift, self.interpolation)
            g = _to_celestial(_reduced(kappa, gamma), wcs, lon, lat, x, y)
        e_s = self.intrinsic.draw(n, shape_rng)
        magnitude, sigma_m = self.measurement.draw(n, error_rng)
        e = compose(e_s, g)
        e += sigma_m * (error_rng.standard_normal(n) + 1j * error_rng.standard_normal(n))
        columns = {
            "e1": e.real,
            "e2": e.imag,
            "weight": self.measurement.weights(sigma_m),
            "sigma_m": sigma_m,
            "sigma_e": np.full(n, self.sigma_e),
            **({} if redshift is None else {"redshift": redshift}),
            **dict(zip(_TRUTH, (g.real, g.imag, kappa, e_s.real, e_s.imag, magnitude))),
        }
        columns = {name: values.astype(np.float32) for name, values in columns.items()}
        return ShearCatalog(
            Table({"ra": lon, "dec": lat, **columns}, copy=False),
            "generic",
            "celestial",
            "shear",
            frame="icrs",
            max_ellipticity=np.inf,  # noise is unbounded, and no galaxy is excluded
            extra_columns=_TRUTH,
        )

    def observe_grid(
        self,
        field: LensingField | ConvergenceMap | Sequence[LensingField] | None,
        wcs: WCS | None = None,
        rng: RNGLike = None,
    ) -> ShearGrid:
        """Draw a random shear grid on the pixels of a field, without making a catalog.

        A shear grid holds the weighted mean ellipticity and the sums of weights in each pixel. The
        grid has nearly the same statistics as a catalog from `observe` that is binned by
        `lensmap.ShearGrid.from_catalog`, but takes a fiftieth of the time. All galaxies in a pixel
        have the shear of the pixel, and their mean ellipticity has a Gaussian distribution. The
        survey caches the computations for the last WCS.

        Parameters
        ----------
        field, wcs, rng
            The field or fields that lens the galaxies (None for no lensing), the WCS to which the
            field is moved, and the seed, as for `observe`. For a sequence of fields, all galaxies
            have the mean lensing for the redshift distribution of the survey.

        Returns
        -------
        ShearGrid
            The grid, in the pixel basis and in single precision. It may have no galaxies.

        Raises
        ------
        TypeError, ValueError
            If a parameter is invalid, as for `observe`.
        """
        generator = as_generator(rng)
        lens_fields, wcs = as_fields(field, wcs)
        if len(lens_fields) > 1:
            lens_fields = [mean_field(lens_fields, self._require_redshifts())]
        sampler = self._samplers.get(
            wcs, self.expected_density.value, self._sky_mask, self.intrinsic, self.measurement
        )
        return sampler.draw(lens_fields[0] if lens_fields else None, generator)

    def _require_redshifts(self):
        if self.z_source is None:
            raise ParameterError(
                "z_source", "given to the survey if {field} is a list", "None",
                "it gives the redshifts of the galaxies",
            )
        return self.z_source

    def _redshifts(self, lens_fields, n, rng):
        """Draw the redshifts of n galaxies, ``(n,)``, or return None if they are unknown.

        ``lens_fields`` is the list of fields that lens the galaxies. The source redshift of a
        single field takes precedence over that of the survey.
        """
        if len(lens_fields) > 1:
            z_source = self._require_redshifts()
        else:
            z_source = lens_fields[0].z_source if lens_fields else None
            z_source = self.z_source if z_source is None else z_source
        if z_source is None or isinstance(z_source, float):
            return None if z_source is None else np.full(n, z_source)
        return z_source.sample(n, rng)


def check_catalog_memory(survey: MockSurvey, wcs: WCS) -> None:
    """Raise an error if the catalog of a mock survey on a map would not fit into memory.

    Parameters
    ----------
    survey : MockSurvey
        The survey.
    wcs : `~astropy.wcs.WCS`
        The WCS of the map.

    Raises
    ------
    MemoryError
        If the catalog would not fit into memory.
    """
    ny, nx = wcs.array_shape
    area = proj_plane_pixel_area(wcs) * u.deg**2 * float(ny) * nx
    n = float((survey.expected_density * area).to_value(u.one))
    check_memory(
        _BYTES_PER_GALAXY * n, f"a catalog of {n:.2g} galaxies",
        "use a lower density or a smaller map",
    )


def _joined_mask(mask, lens_fields):
    """Return a list of the masks of the survey and of the fields, or None if nothing is masked.

    ``mask`` is the mask of the survey or None, and ``lens_fields`` is the list of fields that lens
    the galaxies.
    """
    masks = [] if mask is None else [mask]
    masks += [one.kappa.mask for one in lens_fields if one.kappa.mask.any()]
    return masks or None


def _reduced(kappa, gamma):
    """Return the reduced shear gamma / (1 - kappa), which is large but finite where kappa is 1."""
    remainder = 1 - kappa
    remainder[remainder == 0] = np.finfo(float).eps
    return gamma / remainder


def _to_celestial(g, wcs, lon, lat, x, y):
    """Convert the reduced shear at each galaxy from the pixel basis to the celestial basis.

    ``lon`` and ``lat`` are the ICRS coordinates in degrees, ``x`` and ``y`` the 0-based pixel
    positions of the galaxies on ``wcs``, and ``g`` is complex; all are ``(n,)``.
    """
    frame = PixelFrame(wcs)
    pixel = np.floor(y + 0.5).astype(np.intp) * frame.shape[1] + np.floor(x + 0.5).astype(np.intp)
    if frame.parity < 0:
        g = np.conj(g)
    # This is the inverse of PixelFrame.to_pixel_basis.
    return g * np.conj(frame.rotation(lon, lat, pixel))

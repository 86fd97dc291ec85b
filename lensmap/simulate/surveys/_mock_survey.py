# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`MockSurvey`: what a survey would see of a field that is known."""

from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
from astropy import units as u
from astropy.table import Table

from lensmap.catalog import ShearCatalog
from lensmap.cosmology import SourceRedshifts, check_z_source
from lensmap.grid import PixelFrame
from lensmap.masks import SkyMask
from lensmap.simulate.surveys._ellipticities import IntrinsicEllipticities, compose
from lensmap.simulate.surveys._gridded import GridSampler
from lensmap.simulate.surveys._interpolation import (
    INTERPOLATIONS,
    as_fields,
    lensing_at,
    mean_field,
)
from lensmap.simulate.surveys._measurement_error import MeasurementError
from lensmap.simulate.surveys._positions import draw_positions
from lensmap.simulate.surveys._presets import SURVEYS, survey_parameters
from lensmap.utils import as_generator, check_choice

__all__ = ["MockSurvey"]

_PER_AREA = u.arcmin**-2

_TRUTH = ("g1_true", "g2_true", "kappa_true", "e1_int", "e2_int", "magnitude")


@dataclass(frozen=True, eq=False, kw_only=True)
class MockSurvey:
    r"""Galaxies behind a field: random positions, shapes, measurement errors and weights.

    Each galaxy has an intrinsic ellipticity with a dispersion of ``sigma_e`` per component, is
    sheared exactly by the reduced shear at its place, and measured with an error of its own.
    Left out are what would need more than a convergence map: magnification and the crowding of
    sources, galaxies of the lenses themselves, intrinsic alignments, and errors of the redshifts.

    Attributes
    ----------
    density : `~astropy.units.Quantity` or str
        The number of galaxies per solid angle. Their number on a map is Poisson.
    sigma_e : float
        The intrinsic dispersion of the ellipticities :math:`(a - b) / (a + b)` per component,
        above 0 and at most 0.49.
    measurement_error : {"hsc"}, float or callable
        The error of a measured ellipticity per component: of Subaru/HSC at the galaxy's
        magnitude (`hsc_measurement_error`), the same for all (0 for none), or a function from
        magnitudes to errors.
    z_source : float, `lensmap.cosmology.SourceRedshifts` or None
        The redshift of the galaxies or its distribution, where the field leaves it open: a field
        for sources at one redshift has its galaxies there. None leaves redshifts unknown.
    magnitude_limit : float
        The faintest magnitude; number counts are :math:`\propto 10^{0.31 m}` up to it.
    m5 : float
        The magnitude at which a point source has a signal-to-noise ratio of 5, for ``"hsc"``.
    mask : object or None
        What `lensmap.masks.SkyMask` takes: there are no galaxies inside.
    interpolation : {"spline", "bilinear", "nearest"}
        How the field goes on between the centers of its pixels. The pixels' means are all that
        is known. ``"spline"`` is the smooth function with exactly these means, so that a
        catalog binned on the same pixels has the field's own power; it is 1.4 times as high
        in the middle of a peak that fills one pixel, and swings to -0.27 of it beside.
        ``"bilinear"`` never swings, but blurs: power at two pixels per wave is down to a
        quarter. ``"nearest"`` keeps the means and has steps.

    Raises
    ------
    TypeError
        If ``density`` has no unit, or a parameter is of the wrong kind.
    ValueError
        If a parameter is out of range.

    See Also
    --------
    MockSurvey.preset : Surveys whose numbers are known.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astropy.coordinates import SkyCoord
    >>> from lensmap import make_wcs
    >>> from lensmap.simulate import MockSurvey
    >>> wcs = make_wcs(SkyCoord([10.0, 10.2], [-0.1, 0.1], unit="deg"), 0.4 * u.arcmin)
    >>> survey = MockSurvey(density=30 / u.arcmin**2, sigma_e=0.25)
    >>> catalog = survey.observe(None, wcs, rng=1)  # no lensing: shape noise alone
    >>> catalog.convention, catalog["sigma_m"] is None
    ('celestial', False)
    """

    density: u.Quantity = 33 * _PER_AREA
    sigma_e: float = 0.24
    measurement_error: object = "hsc"
    z_source: float | SourceRedshifts | None = None
    magnitude_limit: float = 24.5
    m5: float = 27.0
    mask: object = None
    interpolation: str = "spline"

    def __post_init__(self):
        # The class is frozen for its users; its parameters are brought into one form here.
        object.__setattr__(self, "density", _check_density(self.density))
        if self.z_source is not None:
            object.__setattr__(self, "z_source", check_z_source(self.z_source))
        check_choice(self.interpolation, "interpolation", INTERPOLATIONS)
        _ = self.intrinsic, self.measurement, self._sky_mask  # complain now, not at work

    def __getstate__(self):
        # What is worked out from the parameters is worked out again in another process.
        return {item.name: getattr(self, item.name) for item in fields(self)}

    @staticmethod
    def available_presets():
        """Return the names that `preset` takes.

        Returns
        -------
        list of str
            Such as ``"lsst_y10"``.
        """
        return list(SURVEYS)

    @classmethod
    def preset(cls, name, **changes):
        """Make a survey whose numbers are known.

        Parameters
        ----------
        name : {"cha2025", "lsst_y1", "lsst_y10", "hsc_y3", "cosmos"}
            Cha et al. 2025 (33 galaxies per square arcminute, HSC errors); the source samples of
            LSST after one and ten years (10 and 27, effective, with their redshifts); HSC after
            three years (19.9, effective); the HST catalog of COSMOS (64, errors within
            its ``sigma_e``). An effective density counts the measurement errors already, so that
            galaxies have none besides.
        **changes
            Other parameters of `MockSurvey`, or other values.

        Returns
        -------
        MockSurvey
            The survey.

        Raises
        ------
        ValueError
            If there is no such preset.

        References
        ----------
        Cha et al. 2025, ApJ; LSST DESC 2018, arXiv:1809.01669, appendix D; Li et al. 2022, PASJ
        74, 421.
        """
        parameters = survey_parameters(name)
        if "z_source" in parameters:
            parameters["z_source"] = SourceRedshifts.preset(parameters["z_source"])
        return cls(**{**parameters, **changes})

    def replace(self, **changes):
        """Return the same survey with other parameters.

        Parameters
        ----------
        **changes
            What changes.

        Returns
        -------
        MockSurvey
            The new survey.
        """
        return replace(self, **changes)

    @cached_property
    def intrinsic(self):
        """The `IntrinsicEllipticities` of the galaxies."""
        return IntrinsicEllipticities(self.sigma_e)

    @cached_property
    def measurement(self):
        """The `MeasurementError` of the galaxies."""
        return MeasurementError(
            self.measurement_error, self.sigma_e, self.magnitude_limit, self.m5
        )

    @cached_property
    def _sky_mask(self):
        if self.mask is None or isinstance(self.mask, SkyMask):
            return self.mask
        return SkyMask(self.mask)

    @property
    def expected_density(self):
        """The mean number of galaxies per square arcminute outside of the mask."""
        return self.density.to(_PER_AREA)

    @property
    def effective_density(self):
        r"""The density of galaxies without measurement errors that would be worth as much.

        :math:`n \langle \sigma_e^2 / (\sigma_e^2 + \sigma_m^2) \rangle`, per square arcminute.

        References
        ----------
        Chang et al. 2013, MNRAS 434, 2121.
        """
        return self.expected_density * self.sigma_e**2 * self.measurement.weight_quantiles.mean()

    def observe(self, field, wcs=None, rng=None):
        r"""Draw a catalog.

        Parameters
        ----------
        field : LensingField, ConvergenceMap, sequence of LensingField or None
            What lenses the galaxies. The shear of a convergence map is that of
            `LensingField.from_kappa`. A sequence holds fields of rising ``z_source`` on the same
            pixels, and needs ``z_source``: convergence and shear of each galaxy are linear in
            redshift between them, and from nothing at redshift 0 to the first; beyond the last
            one they are those of the last. None is a sky without lensing.
        wcs : `~astropy.wcs.WCS` or None
            Where on the sky the field is put, see `LensingField.to_wcs`; None leaves it where it
            is. Without a field it says where the galaxies are.
        rng : None, int, `~numpy.random.SeedSequence` or `~numpy.random.Generator`
            The source of random numbers. The same seed gives the same galaxies with the same
            shapes and errors on the same pixels with the same mask, whatever lenses them.

        Returns
        -------
        ShearCatalog
            Celestial ellipticities in ICRS, with ``weight``, ``sigma_m``, ``sigma_e`` and, if
            known, ``redshift``; and the truth in further columns: ``g1_true`` and ``g2_true``
            (reduced shear, celestial), ``kappa_true``, ``e1_int`` and ``e2_int`` (before
            lensing), ``magnitude``. There are no galaxies in masked pixels of the field.

        Raises
        ------
        TypeError, ValueError
            If ``field`` or ``wcs`` cannot be used, redshifts are needed and not known, or there
            is no galaxy on the map.
        """
        # Each has its own: whether redshifts are drawn does not change the galaxies' shapes.
        places, shapes, errors, depths = as_generator(rng).spawn(4)
        skies, wcs = as_fields(field, wcs)
        density = self.expected_density.value
        lon, lat, x, y = draw_positions(wcs, density, _joined_mask(self._sky_mask, skies), places)
        n = len(lon)
        if n == 0:
            raise ValueError(
                f"there is no galaxy on the map: density is {self.density:.3g}, and the mask "
                "leaves too little of the sky"
            )
        redshift = self._redshifts(skies, n, depths)
        kappa, g = np.zeros(n), np.zeros(n, dtype=complex)
        if skies:
            kappa, gamma = lensing_at(skies, x, y, redshift, self.interpolation)
            g = _to_celestial(_reduced(kappa, gamma), wcs, lon, lat, x, y)
        e_s = self.intrinsic.draw(n, shapes)
        magnitude, sigma_m = self.measurement.draw(n, errors)
        e = compose(e_s, g)
        e += sigma_m * (errors.standard_normal(n) + 1j * errors.standard_normal(n))
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
            max_ellipticity=np.inf,  # noise may take an ellipticity anywhere, and none is cut
            extra_columns=_TRUTH,
        )

    def observe_grid(self, field, wcs=None, rng=None):
        """Draw what a catalog would be after binning on the pixels of the field.

        Its statistics are those of `observe` and `lensmap.ShearGrid.from_catalog`, in a fiftieth
        of the time, see `GridSampler`. What belongs to the pixels is worked out in the first
        call and kept for fields on the same WCS.

        Parameters
        ----------
        field, wcs, rng
            As for `observe`. The galaxies of a sequence of fields have the mean lensing of
            their distribution of redshifts.

        Returns
        -------
        ShearGrid
            In the pixel basis, single precision.

        Raises
        ------
        TypeError, ValueError
            As for `observe`; a grid may be empty.
        """
        rng = as_generator(rng)
        skies, wcs = as_fields(field, wcs)
        if len(skies) > 1:
            skies = [mean_field(skies, self._known_redshifts())]
        sampler = self.__dict__.get("_sampler")
        if sampler is None or not sampler.fits(wcs):
            density = self.expected_density.value
            sampler = GridSampler(wcs, density, self._sky_mask, self.intrinsic, self.measurement)
            self.__dict__["_sampler"] = sampler
        return sampler.draw(skies[0] if skies else None, rng)

    def _known_redshifts(self):
        if self.z_source is None:
            raise ValueError("a sequence of fields needs the redshifts of the galaxies: z_source")
        return self.z_source

    def _redshifts(self, skies, n, rng):
        """Return the redshifts of n galaxies, None where nothing says them."""
        if len(skies) > 1:
            z_source = self._known_redshifts()
        else:
            z_source = skies[0].z_source if skies else None
            z_source = self.z_source if z_source is None else z_source
        if z_source is None or isinstance(z_source, float):
            return None if z_source is None else np.full(n, z_source)
        return z_source.sample(n, rng)


def _check_density(density):
    if isinstance(density, str):
        try:
            density = u.Quantity(density)
        except (TypeError, ValueError):
            raise ValueError(
                f"density must be a number per solid angle such as '33 / arcmin2', not {density!r}"
            ) from None
    if not isinstance(density, u.Quantity) or not density.unit.is_equivalent(_PER_AREA):
        raise TypeError(
            f"density must be a number per solid angle, such as 33 / u.arcmin**2, not {density!r}"
        )
    if not density.isscalar or not np.isfinite(density) or not density > 0:
        raise ValueError(f"density must be one positive finite number, not {density}")
    return density


def _joined_mask(mask, skies):
    """Return the mask of the survey and of the fields together."""
    masks = [] if mask is None else [mask]
    masks += [one.kappa.mask for one in skies if one.kappa.mask.any()]
    return masks or None


def _reduced(kappa, gamma):
    """Return the reduced shear; at a kappa of exactly 1 it is very large, which is what it is."""
    rest = 1 - kappa
    rest[rest == 0] = np.finfo(float).eps
    return gamma / rest


def _to_celestial(g, wcs, lon, lat, x, y):
    """Turn reduced shear from the pixel basis to the celestial one at each galaxy."""
    frame = PixelFrame(wcs)
    pixel = np.floor(y + 0.5).astype(np.intp) * frame.shape[1] + np.floor(x + 0.5).astype(np.intp)
    if frame.parity < 0:
        g = np.conj(g)
    # The inverse of PixelFrame.to_pixel_basis.
    return g * np.conj(frame.rotation(lon, lat, pixel))

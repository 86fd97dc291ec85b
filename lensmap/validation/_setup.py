# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`ValidationSetup`: the skies and the data on which methods are compared."""

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from astropy import units as u
from astropy.table import QTable

from lensmap.cosmology import SourceRedshifts, get_cosmology
from lensmap.grid import ShearGrid
from lensmap.maps import ConvergenceMap
from lensmap.simulate import HaloModelField, LensingField, MockSurvey, random_mask
from lensmap.utils import as_generator, check_choice, check_count, check_number, match_name
from lensmap.validation._given_fields import GivenFields

__all__ = ["Observation", "ValidationSetup", "series_seed"]

# What fields are drawn for. Each purpose has series of its own.
_PURPOSES = ("validation", "tuning", "calibration", "null")

# Halos with less are not handed on: no map shows them.
_LEAST_HALO = 5e13 * u.solMass

# What presets say beyond the numbers of the survey: its sky, and z0 of its redshifts
# ~ z^2 exp(-z / z0).
_PAPER = {"z_source": 2.5, "resolution": "massivenus"}
_PRESETS = {
    "cha2025": {"sky": _PAPER},
    "masked": {"survey": "cha2025", "sky": {**_PAPER, "mask_fraction": 1 / 3}},
    "hsc_y3": {"depth": 0.278},
    "cosmos": {"depth": 0.340, "sky": {"shape": (192, 192), "pixel_scale": 0.4 * u.arcmin}},
}

# The seeds that users and training have are below this.
_ORDINARY_BITS = 64


def series_seed(purpose, seed=0):
    """Return the seed of a series of fields that no training has seen.

    The name of the purpose, read as a number, stands above the 64 bits of ``seed``. Series of two
    purposes therefore never share a field, and neither does one of them share any with a
    series, for training or else, whose seed is a number below 2**64.

    Parameters
    ----------
    purpose : {"validation", "tuning", "calibration", "null"}
        To score methods; to choose the parameters of those that are to be scored; to calibrate
        their error bars; skies without lensing.
    seed : int
        Which series, from 0 to below 2**64.

    Returns
    -------
    int
        What `lensmap.simulate.draw_fields` takes for a seed.

    Raises
    ------
    TypeError, ValueError
        If there is no such purpose, or the seed is no whole number of that range.

    Examples
    --------
    >>> from lensmap.validation import series_seed
    >>> series_seed("validation") > 2**64, series_seed("validation", 1) - series_seed("validation")
    (True, 1)
    """
    check_choice(purpose, "purpose", _PURPOSES)
    if check_count(seed, "seed") >= 2**_ORDINARY_BITS:
        raise ValueError(f"seed must be below 2**{_ORDINARY_BITS}, not {seed}")
    return (int.from_bytes(purpose.encode(), "big") << _ORDINARY_BITS) + int(seed)


class Observation(NamedTuple):
    """A field and what a survey would see of it.

    Attributes
    ----------
    truth : `numpy.ndarray`
        The convergence, ``(ny, nx)``, known in masked pixels, too.
    grid : ShearGrid
        The binned data, with the mask.
    halos : `~astropy.table.QTable`
        The halos of at least 5e13 solar masses, as of `lensmap.halos.halo_table`; no rows where
        none are known.
    """

    truth: np.ndarray
    grid: ShearGrid
    halos: QTable


@dataclass(frozen=True, eq=False, kw_only=True)
class ValidationSetup:
    """Skies of a halo model and a survey of them, field by field.

    It has ``prepare`` and ``draw`` and may stand wherever `lensmap.simulate.draw_fields` takes a
    model.

    Attributes
    ----------
    z_source : float or `lensmap.cosmology.SourceRedshifts`
        The redshift of the sources, or their distribution.
    density : `~astropy.units.Quantity` or str
        Galaxies per solid angle.
    sigma_e : float
        The intrinsic dispersion of ellipticities per component.
    measurement_error : {"hsc"}, float or callable
        The error of a measured ellipticity per component, as for `lensmap.simulate.MockSurvey`.
    magnitude_limit, m5 : float
        Of the survey, for ``"hsc"``.
    pixel_scale : `~astropy.units.Quantity` or str
        The side of a pixel, an angle.
    shape : tuple of int
        ``(ny, nx)``, even.
    resolution : None, "massivenus" or callable
        The resolution of a simulation to be imitated, as for `lensmap.simulate.HaloModelField`.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        As for `lensmap.simulate.HaloModelField`.
    mask_fraction : float
        How much of each field is masked, from 0 to below 1, with holes and a ragged edge
        that differ from field to field (`lensmap.simulate.random_mask`).
    null : bool
        Whether there is no lensing at all: the truth is 0.
    fields : GivenFields or None
        The true maps, field by field, for sources at ``z_source``; their pixels are those of the
        set-up then, whatever ``pixel_scale`` and ``shape`` say. None draws them.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or out of range.

    Examples
    --------
    >>> from astropy import units as u
    >>> from lensmap.validation import ValidationSetup
    >>> setup = ValidationSetup(z_source=1.0, shape=(64, 64), pixel_scale=0.8 * u.arcmin)
    >>> truth, grid, halos = setup.draw(rng=1)
    >>> truth.shape, grid.shape
    ((64, 64), (64, 64))
    """

    z_source: float | SourceRedshifts
    density: u.Quantity = 33 / u.arcmin**2
    sigma_e: float = 0.24
    measurement_error: object = "hsc"
    magnitude_limit: float = 24.5
    m5: float = 27.0
    pixel_scale: u.Quantity = 0.41 * u.arcmin
    shape: tuple = (512, 512)
    resolution: object = None
    cosmology: object = None
    mask_fraction: float = 0.0
    null: bool = False
    fields: GivenFields | None = None

    def __post_init__(self):
        if self.fields is not None:
            if not isinstance(self.fields, GivenFields):
                raise TypeError(f"fields must be GivenFields or None, not {self.fields!r}")
            # Frozen or not: here it is made.
            object.__setattr__(self, "shape", tuple(self.fields.shape))
            object.__setattr__(self, "pixel_scale", self.fields.pixel_scale)
        check_number(self.mask_fraction, "mask_fraction", "from 0 to below 1", low=0, high=0.99)
        if not isinstance(self.null, bool):
            raise TypeError(f"null must be a bool, not {self.null!r}")
        _ = self.model, self.survey  # complain now, not at work

    @staticmethod
    def available_presets():
        """Return the names that `preset` takes.

        Returns
        -------
        list of str
            Such as ``"masked"``.
        """
        return list(dict.fromkeys([*_PRESETS, *MockSurvey.available_presets()]))

    @classmethod
    def preset(cls, name, **changes):
        """Make the set-up of a survey whose numbers are known.

        Parameters
        ----------
        name : str
            ``"cha2025"``: sources at redshift 2.5 and the resolution of the simulation in
            that paper; ``"masked"``: the same with a third of each field masked; ``"cosmos"``:
            the HST field; ``"hsc_y3"``; or another preset of `lensmap.simulate.MockSurvey`.
        **changes
            Other parameters, or other values.

        Returns
        -------
        ValidationSetup
            The set-up.

        Raises
        ------
        ValueError
            If there is no such preset.

        References
        ----------
        Cha et al. 2025, ApJ, section 2 (MassiveNuS: Liu et al. 2018, JCAP 03, 049). Redshifts of
        HSC and COSMOS: those of galaxies brighter than i = 24.5 and 26, Coil et al. 2004, ApJ
        617, 765.
        """
        own = _PRESETS.get(match_name(_PRESETS, name), {})
        survey = MockSurvey.preset(own.get("survey", name))
        names = ("density", "sigma_e", "measurement_error", "magnitude_limit", "m5")
        parameters = {key: getattr(survey, key) for key in names}
        if survey.z_source is not None:
            parameters["z_source"] = survey.z_source
        if "depth" in own:
            parameters["z_source"] = SourceRedshifts.smail(own["depth"], 1.0)
        return cls(**parameters | own.get("sky", {}) | changes)

    def replace(self, **changes):
        """Return the same set-up with other parameters.

        Parameters
        ----------
        **changes
            What changes.

        Returns
        -------
        ValidationSetup
            The new set-up.
        """
        return replace(self, **changes)

    @cached_property
    def model(self):
        """The `lensmap.simulate.HaloModelField` of the fields, or those that were given."""
        if self.fields is not None:
            return self.fields
        return HaloModelField(
            z_source=self.z_source,
            shape=self.shape,
            pixel_scale=self.pixel_scale,
            resolution=self.resolution,
            cosmology=self.cosmology,
        )

    @cached_property
    def survey(self):
        """The `lensmap.simulate.MockSurvey`, without a mask: that belongs to each field."""
        return MockSurvey(
            density=self.density,
            sigma_e=self.sigma_e,
            measurement_error=self.measurement_error,
            magnitude_limit=self.magnitude_limit,
            m5=self.m5,
        )

    @property
    def wcs(self):
        """The `~astropy.wcs.WCS` of all fields."""
        return self.model.wcs

    def prepare(self):
        """Work out all that does not depend on a draw, some seconds of work, if not yet done.

        Returns
        -------
        ValidationSetup
            The set-up itself.
        """
        if not self.null:
            self.model.prepare()
        return self

    def draw(self, rng=None):
        """Draw a field and observe it.

        Parameters
        ----------
        rng : None, int, `~numpy.random.SeedSequence` or `numpy.random.Generator`
            The source of random numbers; None is different in each call. The field, the galaxies
            and the mask have streams of their own: with another survey, the field is the same.

        Returns
        -------
        Observation
            The truth, the binned data and the halos.
        """
        rng = as_generator(rng)
        galaxies, holes = rng.spawn(2)
        if self.null:
            nothing = np.zeros(self.model.shape, dtype=np.float32)
            field = LensingField(
                ConvergenceMap(nothing, wcs=self.wcs), nothing.astype(np.complex64)
            )
        else:
            field = self.model.draw(rng)
        truth = field.kappa.data
        if self.mask_fraction:
            mask = random_mask(self.wcs, self.mask_fraction, holes) | field.kappa.mask
            field = replace(field, kappa=ConvergenceMap(field.kappa, mask=mask))
        halos = field.halos[field.halos["m200c"] >= _LEAST_HALO]
        return Observation(truth, self.survey.observe_grid(field, rng=galaxies), halos)

    def describe(self):
        """Return the parameters as a file can hold them.

        Returns
        -------
        dict
            From names to numbers and words.
        """
        parts = {item.name: getattr(self, item.name) for item in fields(self)}
        parts["cosmology"] = get_cosmology(self.cosmology).name or "unnamed"
        return {name: _described(value) for name, value in parts.items()}


def _described(value):
    if isinstance(value, tuple):
        return [int(n) for n in value]
    if isinstance(value, u.Quantity):
        return str(value)
    plain = value is None or isinstance(value, (str, bool, int, float))
    return value if plain else getattr(value, "__name__", repr(value))

# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`ValidationSetup`: the simulated fields and the survey on which estimators are compared."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

import numpy as np
from astropy import units as u
from astropy.table import QTable

from lensmap.cosmology import SourceRedshifts
from lensmap.grid import ShearGrid
from lensmap.maps import ConvergenceMap
from lensmap.simulate import HaloModelField, LensingField, MockSurvey, random_mask
from lensmap.typing import RNGLike
from lensmap.utils import (
    ParameterError,
    ParameterTypeError,
    as_generator,
    check_choice,
    check_count,
    check_number,
)
from lensmap.validation._facts import setup_facts
from lensmap.validation._given_fields import GivenFields
from lensmap.validation._presets import available_presets, preset_parameters

__all__ = ["Observation", "ValidationSetup", "series_seed"]

# Fields drawn for one purpose are never used for another purpose.
_PURPOSES = ("validation", "tuning", "calibration", "null")

# Less massive halos are below the detection limit of any map.
_MIN_HALO_MASS = 5e13 * u.solMass

_BYTES_PER_PIXEL = 170.0  # peak memory of mock observations, per pixel of the field

# User seeds and training seeds are below 2**64.
_SEED_BITS = 64


def series_seed(
    purpose: Literal["validation", "tuning", "calibration", "null"], seed: int = 0
) -> int:
    """Return the seed of a series of simulated fields that no training uses.

    The seed is above 2**64 and different for each purpose: the letters of ``purpose`` form its
    high bits, and ``seed`` its lowest 64 bits. Fields drawn for different purposes are therefore
    always different. They also differ from all training fields and from all fields drawn with a
    seed of your own below 2**64.

    Parameters
    ----------
    purpose : {"validation", "tuning", "calibration", "null"}
        The use of the fields: ``"validation"`` to score estimators, ``"tuning"`` to tune their
        parameters, ``"calibration"`` to calibrate their error bars, ``"null"`` for null fields.
    seed : int
        The number of the series, from 0 to below 2**64.

    Returns
    -------
    int
        The ``seed`` to pass to `lensmap.simulate.draw_fields`.

    Raises
    ------
    TypeError, ValueError
        If ``purpose`` is not one of these, or ``seed`` is not an integer in this range.

    Examples
    --------
    >>> from lensmap.validation import series_seed
    >>> series_seed("validation") > 2**64, series_seed("validation", 1) - series_seed("validation")
    (True, 1)
    """
    check_choice(purpose, "purpose", _PURPOSES)
    if check_count(seed, "seed") >= 2**_SEED_BITS:
        raise ParameterError("seed", f"below 2**{_SEED_BITS}", str(seed))
    return (int.from_bytes(purpose.encode(), "big") << _SEED_BITS) + int(seed)


class Observation(NamedTuple):
    """A simulated field and a mock observation of it.

    Attributes
    ----------
    truth : `numpy.ndarray`
        The true convergence, ``(ny, nx)``, including masked pixels.
    grid : ShearGrid
        The binned shear data, with the mask.
    halos : `~astropy.table.QTable`
        The halos with M200c of at least 5e13 solar masses, in the format of
        `lensmap.halos.halo_table`. The table is empty if the halos of the field are unknown.
    """

    truth: np.ndarray
    grid: ShearGrid
    halos: QTable


@dataclass(frozen=True, eq=False, kw_only=True)
class ValidationSetup:
    """Simulated fields and a mock survey of them.

    A set-up is a model for `lensmap.simulate.draw_fields`, which calls ``prepare`` and ``draw``.

    Attributes
    ----------
    sky : HaloModelField, GivenFields or object
        The model of the true convergence. Other classes need the attributes and methods
        ``prepare()``, ``draw(rng)``, ``replace()``, ``wcs``, ``shape``, ``pixel_scale``,
        ``z_source``, ``resolution`` and ``cosmology``. ``z_source`` is one redshift or one
        redshift distribution.
    survey : MockSurvey
        The galaxy density and the ellipticity noise.
    mask_fraction : float
        The fraction of each field that is masked, from 0 to below 1. Each field has different
        holes and a different ragged edge (`lensmap.simulate.random_mask`).
    null : bool
        Whether to draw null fields, in which galaxies are not lensed and the true convergence is 0.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or out of range.

    Examples
    --------
    >>> from astropy import units as u
    >>> from lensmap.simulate import HaloModelField
    >>> from lensmap.validation import ValidationSetup
    >>> sky = HaloModelField(z_source=1.0, shape=(64, 64), pixel_scale=0.8 * u.arcmin)
    >>> truth, grid, halos = ValidationSetup(sky=sky).draw(rng=1)
    >>> truth.shape, grid.shape
    ((64, 64), (64, 64))
    """

    sky: HaloModelField | GivenFields
    survey: MockSurvey = field(default_factory=MockSurvey)
    mask_fraction: float = 0.0
    null: bool = False

    def __post_init__(self):
        _check_sky(self.sky)
        if not isinstance(self.survey, MockSurvey):
            raise ParameterTypeError("survey", "a MockSurvey", repr(self.survey))
        check_number(self.mask_fraction, "mask_fraction", "from 0 to below 1", low=0, high=0.99)
        if not isinstance(self.null, bool):
            raise ParameterTypeError("null", "True or False", repr(self.null))

    @staticmethod
    def available_presets() -> list[str]:
        """Return the names of all presets.

        Returns
        -------
        list of str
            The names that `preset` accepts.
        """
        return available_presets()

    @classmethod
    def preset(cls, name: str, **changes: Any) -> "ValidationSetup":
        """Make the set-up of a published survey or simulation from its name.

        Parameters
        ----------
        name : str
            The name of the preset. ``"cha2025"`` has sources at redshift 2.5 and the resolution of
            the simulation in that paper; ``"masked"`` is the same with a third of each field
            masked; ``"cosmos"`` is the HST COSMOS field; ``"hsc_y3"`` is Subaru HSC Year 3. Presets
            of `lensmap.simulate.MockSurvey` with source redshifts are accepted too.
        **changes
            Parameters of the set-up to change from the preset.

        Returns
        -------
        ValidationSetup
            The set-up.

        Raises
        ------
        ValueError
            If there is no preset with this name.

        References
        ----------
        Cha et al. 2025, ApJ, section 2 (MassiveNuS: Liu et al. 2018, JCAP 03, 049). The redshift
        distributions of HSC and COSMOS are those of galaxies brighter than i = 24.5 and 26 in Coil
        et al. 2004, ApJ 617, 765.

        Examples
        --------
        >>> from lensmap.validation import ValidationSetup
        >>> setup = ValidationSetup.preset("cha2025")
        >>> near = setup.replace(sky=setup.sky.replace(z_source=1.0))
        >>> near.sky.z_source, near.sky.resolution
        (1.0, 'massivenus')
        """
        return cls(**preset_parameters(name) | changes)

    def replace(self, **changes: Any) -> "ValidationSetup":
        """Return a copy with some parameters changed.

        Parameters
        ----------
        **changes
            The new values of the parameters to change.

        Returns
        -------
        ValidationSetup
            The new set-up.
        """
        return replace(self, **changes)

    def estimate_memory(self) -> float:
        """Estimate the memory that a process needs to draw a field.

        Returns
        -------
        float
            The peak memory in bytes, excluding Python and its libraries.
        """
        ny, nx = self.sky.shape
        survey = _BYTES_PER_PIXEL * ny * nx
        if self.null or not hasattr(self.sky, "estimate_memory"):
            return survey
        return survey + self.sky.estimate_memory()

    def prepare(self) -> "ValidationSetup":
        """Compute and keep the quantities that all fields share; the first call takes some seconds.

        Returns
        -------
        ValidationSetup
            This object.
        """
        if not self.null:
            self.sky.prepare()
        return self

    def draw(self, rng: RNGLike = None) -> Observation:
        """Draw a simulated field and a mock observation of it.

        Parameters
        ----------
        rng : None, int, `~numpy.random.SeedSequence` or `numpy.random.Generator`
            Seed or generator. None draws a new seed in each call. Separate random streams are used
            for the field, the galaxies and the mask, so the field does not depend on the survey.

        Returns
        -------
        Observation
            The true convergence, the binned shear data and the halos.
        """
        rng = as_generator(rng)
        galaxies, holes = rng.spawn(2)
        lensing = self._null_field() if self.null else self.sky.draw(rng)
        truth = lensing.kappa.data
        if self.mask_fraction:
            mask = random_mask(self.sky.wcs, self.mask_fraction, holes) | lensing.kappa.mask
            lensing = replace(lensing, kappa=ConvergenceMap(lensing.kappa, mask=mask))
        halos = lensing.halos[lensing.halos["m200c"] >= _MIN_HALO_MASS]
        return Observation(truth, self.survey.observe_grid(lensing, rng=galaxies), halos)

    def _null_field(self):
        zeros = np.zeros(self.sky.shape, dtype=np.float32)
        return LensingField(ConvergenceMap(zeros, wcs=self.sky.wcs), zeros.astype(np.complex64))

    def describe(self) -> dict:
        """Return all parameters as plain values (numbers, text, lists, dicts) that files can store.

        Returns
        -------
        dict
            The values of ``sky``, ``survey``, ``mask_fraction`` and ``null``. Quantities are in
            fixed units, which are part of the keys.
        """
        return setup_facts(self)


def _check_sky(sky):
    needed = ("prepare", "draw", "replace", "wcs", "shape", "pixel_scale", "z_source",
              "resolution", "cosmology")
    missing = [name for name in needed if not hasattr(sky, name)]
    if missing:
        raise ParameterTypeError(
            "sky", "a HaloModelField, GivenFields or an object with the same attributes", repr(sky),
            f"this object lacks {', '.join(missing)}",
        )
    if not isinstance(sky.z_source, SourceRedshifts) and np.ndim(sky.z_source) > 0:
        raise ParameterError(
            "sky", "a model with a single z_source, a redshift or a distribution",
            f"one with z_source={sky.z_source!r}",
        )

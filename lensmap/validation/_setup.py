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

# Each purpose has series of fields that no other purpose has.
_PURPOSES = ("validation", "tuning", "calibration", "null")

# Lighter halos are no clusters: no map shows them.
_MIN_HALO_MASS = 5e13 * u.solMass

_BYTES_PER_PIXEL = 170.0  # of a survey of a field, while it is observed

# Seeds of users and of training are below 2**64.
_SEED_BITS = 64


def series_seed(
    purpose: Literal["validation", "tuning", "calibration", "null"], seed: int = 0
) -> int:
    """Return the seed of a series of fields that no training has seen.

    The name of the purpose, read as a number, stands above the 64 bits of ``seed``. Two purposes
    therefore never share a field, and none shares a field with a series, of training or of a user,
    whose seed is below 2**64.

    Parameters
    ----------
    purpose : {"validation", "tuning", "calibration", "null"}
        To score estimators; to tune their parameters; to calibrate their error bars; null fields.
    seed : int
        The number of the series, from 0 to below 2**64.

    Returns
    -------
    int
        The ``seed`` of `lensmap.simulate.draw_fields`.

    Raises
    ------
    TypeError, ValueError
        If the purpose is none of these, or the seed is no whole number of that range.

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
    """A field and the data that a survey takes of it.

    Attributes
    ----------
    truth : `numpy.ndarray`
        The convergence, ``(ny, nx)``, also in masked pixels.
    grid : ShearGrid
        The binned data, with the mask.
    halos : `~astropy.table.QTable`
        The halos of at least 5e13 solar masses, as of `lensmap.halos.halo_table`; without rows
        where the halos of a field are unknown.
    """

    truth: np.ndarray
    grid: ShearGrid
    halos: QTable


@dataclass(frozen=True, eq=False, kw_only=True)
class ValidationSetup:
    """Simulated fields and a mock survey of them.

    It has ``prepare`` and ``draw``, so `lensmap.simulate.draw_fields` takes it as a model.

    Attributes
    ----------
    sky : HaloModelField, GivenFields or object
        The true convergence fields: an object with ``prepare()``, ``draw(rng)``, ``replace()``,
        ``wcs``, ``shape``, ``pixel_scale``, ``z_source``, ``resolution`` and ``cosmology``, for
        sources at one redshift or of one distribution.
    survey : MockSurvey
        The galaxies, with the noise of their ellipticities.
    mask_fraction : float
        The fraction of each field that is masked, from 0 to below 1, with holes and a ragged edge
        that differ from field to field (`lensmap.simulate.random_mask`).
    null : bool
        Whether the fields are null fields: galaxies without lensing, with a true convergence of 0.

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
            raise ParameterTypeError("null", "a bool", repr(self.null))

    @staticmethod
    def available_presets() -> list[str]:
        """Return the names of all presets.

        Returns
        -------
        list of str
            The names that `preset` takes.
        """
        return available_presets()

    @classmethod
    def preset(cls, name: str, **changes: Any) -> "ValidationSetup":
        """Make the set-up of a survey whose numbers are known.

        Parameters
        ----------
        name : str
            ``"cha2025"``: sources at redshift 2.5 and the resolution of the simulation in that
            paper; ``"masked"``: the same with a third of each field masked; ``"cosmos"``: the HST
            field; ``"hsc_y3"``; or a preset of `lensmap.simulate.MockSurvey` that has source
            redshifts.
        **changes
            Parameters of the set-up that differ from the preset.

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
        """Return the same set-up with other parameters.

        Parameters
        ----------
        **changes
            The parameters that change.

        Returns
        -------
        ValidationSetup
            The new set-up.
        """
        return replace(self, **changes)

    def estimate_memory(self) -> float:
        """Estimate the memory of a process that draws fields.

        Returns
        -------
        float
            The largest memory at any time in bytes, without the program itself.
        """
        ny, nx = self.sky.shape
        survey = _BYTES_PER_PIXEL * ny * nx
        if self.null or not hasattr(self.sky, "estimate_memory"):
            return survey
        return survey + self.sky.estimate_memory()

    def prepare(self) -> "ValidationSetup":
        """Do the work that all fields share, some seconds in the first call.

        Returns
        -------
        ValidationSetup
            The set-up itself.
        """
        if not self.null:
            self.sky.prepare()
        return self

    def draw(self, rng: RNGLike = None) -> Observation:
        """Draw a field and observe it.

        Parameters
        ----------
        rng : None, int, `~numpy.random.SeedSequence` or `numpy.random.Generator`
            Seed or generator; None is different in each call. The field, the galaxies and the
            mask have random streams of their own, so the field does not depend on the survey.

        Returns
        -------
        Observation
            The truth, the binned data and the halos.
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
        """Return all parameters as plain values in fixed units, for files.

        Returns
        -------
        dict
            ``sky``, ``survey``, ``mask_fraction`` and ``null``; see ``lensmap.utils.to_plain``.
        """
        return setup_facts(self)


def _check_sky(sky):
    needed = ("prepare", "draw", "replace", "wcs", "shape", "pixel_scale", "z_source",
              "resolution", "cosmology")
    missing = [name for name in needed if not hasattr(sky, name)]
    if missing:
        raise ParameterTypeError(
            "sky", "a HaloModelField, GivenFields or an object like these", repr(sky),
            f"it has no {', '.join(missing)}",
        )
    if not isinstance(sky.z_source, SourceRedshifts) and np.ndim(sky.z_source) > 0:
        raise ParameterError("sky", "one z_source", repr(sky.z_source), verb="have")

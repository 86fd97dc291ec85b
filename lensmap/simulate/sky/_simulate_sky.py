# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`simulate_sky`: a mock survey of the curved sky, as a folder of files."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap.catalog import write_hats
from lensmap.cosmology import SourceRedshifts
from lensmap.halos import halo_table
from lensmap.maps import HealpixMap
from lensmap.masks import SkyMask
from lensmap.simulate.halo_model import HaloModelField, HaloPhysics
from lensmap.simulate.sky._field import SkyField, draw_field
from lensmap.simulate.sky._footprint import CELLS, Footprint, StarHoles
from lensmap.simulate.sky._galaxies import (
    STAR_STREAM,
    SkyLensing,
    SkyTask,
    galaxies_of_pixel,
    true_kappa_of_cell,
)
from lensmap.simulate.sky._memory import check_sky_memory
from lensmap.simulate.sky._powers import SkyPowers
from lensmap.simulate.surveys import MockSurvey, check_surface_density
from lensmap.sphere import HealpixPixels, LensingInterpolator
from lensmap.utils import (
    ParameterError,
    ParameterTypeError,
    RunFolder,
    atomic_write,
    check_count,
    exact_dumps,
    run_tasks,
    to_plain,
    write_table,
)

if TYPE_CHECKING:
    from lensmap.typing import CosmologyLike, PathLike, ProgressLike, RedshiftLike

__all__ = ["MIN_NSIDE", "SkyFiles", "read_sky", "simulate_sky"]

_KIND = "mock sky"

_SCHEMA = 1

# Increased whenever the same settings give different numbers.
_ALGORITHM = 2

#: With fewer pixels, the smooth parts of halos would be wider than their compensation.
MIN_NSIDE = 256

_MAX_NSIDE = 16384

_ROWS_PER_PARTITION = 1e6

_KAPPA_NAME, _HALOS_NAME, _GALAXIES_NAME = "kappa_true.fits", "halos.fits", "galaxies"

# The number of the stream of random numbers of the matter.
_FIELD_STREAM = 1


class SkyFiles(NamedTuple):
    """The files of a mock survey of the sky.

    Attributes
    ----------
    galaxies : `pathlib.Path`
        The HATS folder of the galaxies.
    kappa : `pathlib.Path`
        The map of the true convergence.
    halos : `pathlib.Path`
        The table of halos.
    n_galaxies, n_halos : int
        The numbers of galaxies and of halos in the footprint.
    area : `~astropy.units.Quantity`
        The solid angle of the footprint, masks and holes included.
    """

    galaxies: Path
    kappa: Path
    halos: Path
    n_galaxies: int
    n_halos: int
    area: u.Quantity


def read_sky(folder: PathLike) -> SkyFiles:
    """Return the files of a mock survey that `simulate_sky` made.

    Parameters
    ----------
    folder : path-like
        The folder.

    Returns
    -------
    SkyFiles
        The files.

    Raises
    ------
    FileNotFoundError
        If the folder holds no mock survey, or an unfinished one.
    ValueError
        If the folder holds a run of another kind or another version.
    """
    run = RunFolder.read(folder, schema=_SCHEMA, kind=_KIND)
    notes = run.notes("sky")
    galaxies, kappa, halos = (
        run.path / name for name in (_GALAXIES_NAME, _KAPPA_NAME, _HALOS_NAME)
    )
    if not notes or not all(path.exists() for path in (galaxies, kappa, halos)):
        raise FileNotFoundError(
            f"the mock survey in {str(run.path)!r} is not finished: repeat the call that made it"
        )
    area = (notes["area_sr"] * u.sr).to(u.deg**2)
    return SkyFiles(galaxies, kappa, halos, notes["n_galaxies"], notes["n_halos"], area)


def simulate_sky(
    folder: PathLike,
    footprint: u.Quantity | str | HealpixMap,
    survey: MockSurvey | None = None,
    *,
    center: SkyCoord | None = None,
    z_source: RedshiftLike | None = None,
    cosmology: CosmologyLike = None,
    power: str = "halofit",
    nside: int = 4096,
    min_mass: u.Quantity = 3e13 * u.solMass,
    truncation: float = 2.5,
    concentration_scatter: float = 0.37,
    star_density: u.Quantity | str | None = None,
    reduced_shear: bool = True,
    truth_nside: int | None = None,
    seed: int = 0,
    workers: int | None = None,
    executor: Executor | Callable[[], Executor] | None = None,
    progress: ProgressLike = None,
    take_over: bool = False,
) -> SkyFiles:
    r"""Simulate a survey of the curved sky, with its true convergence and its halos.

    The convergence is the sum of halos and of a Gaussian field. Halos above ``min_mass`` are drawn
    from the mass function, trace the linear density in each lens plane with their bias, and are
    truncated NFW halos with scatter in concentration. The mass of each is taken from a Gaussian of
    1 deg around it. The power of the Gaussian field is chosen so that the whole has the non-linear
    power of matter, up to the multipole ``2 * nside``. Near a halo, its convergence and shear at
    each galaxy are those of the formula, so that cores are not smoothed by pixels.

    The same call resumes an interrupted run. Galaxies depend on ``seed`` and on their position
    only, not on the number of workers.

    Parameters
    ----------
    folder : path-like
        The folder; created if it does not exist.
    footprint : `~astropy.units.Quantity`, str or HealpixMap
        The part of the sky: the solid angle of a disk, or a map in ICRS whose unmasked pixels are
        covered.
    survey : MockSurvey or None
        The density, ellipticities, measurement errors, redshifts and mask of the survey. If None,
        ``MockSurvey()``. Its mask must be defined on the sky. ``interpolation`` is not used.
    center : `~astropy.coordinates.SkyCoord` or None
        The center of the disk. If None, RA 180 deg, Dec 0. It must be None for a map.
    z_source : float, SourceRedshifts or None
        The redshift of the galaxies, or their redshift distribution. If None, that of the survey,
        or 1 if it has none. All galaxies have the mean lensing for the distribution, whatever
        their own redshift.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        A flat cosmology or its name; None is ``"massivenus"``. See
        `lensmap.cosmology.get_cosmology`.
    power : {"halofit", "camb"}
        What computes the matter power spectrum; see `lensmap.cosmology.nonlinear_power`.
    nside : int
        The resolution of the smooth part of the convergence, a power of 2 from 256 to 16384.
    min_mass : `~astropy.units.Quantity`
        The lowest M200c of the halos.
    truncation : float
        The truncation radius of halos in units of r200c, between 1 and 4.
    concentration_scatter : float
        The standard deviation of ln c200c at a given mass and redshift, at most 0.6.
    star_density : `~astropy.units.Quantity`, str or None
        The number of bright stars per solid angle. Each has a hole with a radius of 0.3 to 3
        arcmin, as in `star_holes`. None makes no holes.
    reduced_shear : bool
        Whether galaxies are lensed by the reduced shear. If False, by the shear.
    truth_nside : int or None
        The resolution of the map of the true convergence, a power of 2 from 64 to 16384. None is
        ``nside``.
    seed : int
        The seed of all random numbers.
    workers : int or None
        The number of worker processes that draw galaxies. If None, one for each CPU, but no more
        than fit into memory.
    executor : `concurrent.futures.Executor`, callable or None
        An executor, or a callable that makes one. If None, new processes draw the galaxies.
    progress : None, bool or callable
        True shows a progress bar. A callable is called as ``progress(done, total)`` after each
        partition of galaxies. None or False shows nothing.
    take_over : bool
        Whether to take over the folder of a run that was killed. A run that is still alive
        can then no longer write to the folder.

    Returns
    -------
    SkyFiles
        A named tuple: the paths ``galaxies``, ``kappa`` and ``halos``, the numbers ``n_galaxies``
        and ``n_halos``, and the ``area`` of the footprint. ``galaxies`` is a HATS folder of
        celestial ellipticities in ICRS with ``weight``, ``sigma_m``, ``sigma_e`` and ``redshift``;
        its columns ``g1_true``, ``g2_true`` and ``kappa_true`` hold the shear that was applied and
        the convergence at each galaxy. ``kappa`` is a map of the convergence, averaged over
        pixels, that `HealpixMap.read` reads. ``halos`` is a table as made by
        `lensmap.halos.halo_table`, the most massive first.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, the folder holds a run with other settings, or no galaxy was
        drawn.
    ImportError
        If ducc0, pyarrow or hpgeom is not installed (``lensmap[survey]``).
    MemoryError
        If the sky would not fit into memory.
    RuntimeError
        If another run holds the folder.
    OSError
        If the disk is full.

    Notes
    -----
    Not included are magnification, clustering of sources, deflection between lens planes, and the
    correlation of matter between lens planes. The large-scale field is Gaussian; the skewness of
    the convergence is due to the halos. Halos at redshifts below 0.02 are part of the field.

    References
    ----------
    Cooray & Sheth 2002, Phys. Rep. 372, 1 (halo model); Baltz, Marshall & Oguri 2009, JCAP 01, 015
    (truncated halos); Reinecke, Belkner & Carron 2023, A&A 678, A165 (transforms).

    Examples
    --------
    >>> from astropy import units as u
    >>> from lensmap.simulate import MockSurvey, simulate_sky
    >>> survey = MockSurvey.preset("lsst_y10")
    >>> files = simulate_sky("mock", 1000 * u.deg**2, survey)  # doctest: +SKIP
    """
    survey = MockSurvey() if survey is None else survey
    if not isinstance(survey, MockSurvey):
        raise ParameterTypeError("survey", "a MockSurvey or None", repr(survey))
    z_source = z_source if z_source is not None else survey.z_source
    model = HaloModelField(
        z_source=1.0 if z_source is None else z_source, cosmology=cosmology, power=power,
        min_mass=min_mass, truncation=truncation, concentration_scatter=concentration_scatter,
    )
    if not isinstance(model.z_source, (float, int, SourceRedshifts)):
        raise ParameterTypeError("z_source", "one redshift or SourceRedshifts", repr(z_source))
    area = Footprint(footprint, center)
    plan = _Plan(
        model, survey, area, check_nside(nside, "nside", MIN_NSIDE),
        check_nside(nside if truth_nside is None else truth_nside, "truth_nside", CELLS.nside),
        _stars_per_cell(star_density), bool(reduced_shear), check_count(seed, "seed"),
    )
    check_sky_memory(area, plan.nside, plan.truth_nside)
    with RunFolder(
        folder, plan.settings(), schema=_SCHEMA, kind=_KIND, algorithm=_ALGORITHM,
        products=(_KAPPA_NAME, _HALOS_NAME), take_over=take_over,
    ) as run:
        return _Run(run, plan, workers, executor).fill(progress)


def check_nside(value: int, name: str, low: int) -> int:
    """Check that a parameter is a power of 2 in a range, and return it."""
    nside = check_count(value, name, minimum=1)
    if nside & (nside - 1) or not low <= nside <= _MAX_NSIDE:
        raise ParameterError(name, f"a power of 2 from {low} to {_MAX_NSIDE}", str(nside))
    return nside


def _stars_per_cell(density):
    if density is None:
        return 0.0
    density = check_surface_density(density, "star_density")
    return float(density.to_value(u.sr**-1)) * CELLS.area


class _Plan(NamedTuple):
    """The checked parameters of a mock sky."""

    model: HaloModelField
    survey: MockSurvey
    footprint: Footprint
    nside: int
    truth_nside: int
    stars_per_cell: float
    reduced_shear: bool
    seed: int

    @property
    def z_source(self) -> Any:
        """The redshift of the galaxies as a float, or their redshift distribution."""
        z_source: Any = self.model.z_source
        return z_source if isinstance(z_source, SourceRedshifts) else float(z_source)

    @property
    def physics(self) -> HaloPhysics:
        """The assumed properties of the halos."""
        return HaloPhysics(
            min_mass=float(self.model.min_mass.to_value(u.solMass)),
            truncation=self.model.truncation,
            concentration_scatter=self.model.concentration_scatter,
            concentration_factor=1.0, mean_ellipticity=0.0, ellipticity_scatter=0.0,
        )

    @property
    def order(self) -> int:
        """The HEALPix order of the partitions, the lowest with few enough galaxies."""
        density = float(self.survey.expected_density.to_value(u.sr**-1))
        cells = _ROWS_PER_PARTITION / (density * CELLS.area)
        return int(np.clip(CELLS.order - math.floor(math.log(max(cells, 1), 4)), 0, CELLS.order))

    def settings(self) -> dict[str, Any]:
        """Return all settings that the files depend on, for the run folder."""
        survey = {
            name: value for name, value in self.survey.get_params().items()
            if name not in ("mask", "z_source", "interpolation")
        }
        mask = self.survey.mask
        if mask is not None:
            mask = hashlib.sha256(exact_dumps(mask)).hexdigest()
        footprint = dict(self.footprint.settings)
        if "covered" in footprint:
            covered = np.ascontiguousarray(footprint["covered"], "<i8")
            footprint["covered"] = hashlib.sha256(covered.tobytes()).hexdigest()
        return {
            "footprint": footprint, "survey": to_plain(survey), "mask": mask,
            "z_source": self.z_source, "cosmology": self.model.cosmology,
            "power": self.model.power, "nside": self.nside, "min_mass": self.model.min_mass,
            "truncation": self.model.truncation,
            "concentration_scatter": self.model.concentration_scatter,
            "stars_per_cell": self.stars_per_cell, "reduced_shear": self.reduced_shear,
            "truth_nside": self.truth_nside, "seed": self.seed,
        }


class _Run:
    """The work in the folder of a mock sky."""

    def __init__(
        self,
        run: RunFolder,
        plan: _Plan,
        workers: int | None,
        executor: Executor | Callable[[], Executor] | None,
    ) -> None:
        self._run, self._plan = run, plan
        self._tasks = partial(run_tasks, workers=workers, executor=executor)
        self._paths = [run.path / name for name in (_GALAXIES_NAME, _KAPPA_NAME, _HALOS_NAME)]

    def fill(self, progress: ProgressLike) -> SkyFiles:
        """Make the files that do not exist yet."""
        galaxies, kappa, halos = self._paths
        notes = self._run.notes("sky")
        if not (notes.get("n_galaxies") and all(path.exists() for path in self._paths)):
            task, matter = self._prepare()
            table = self._halo_table(matter)
            if not halos.exists():
                with atomic_write(halos) as temporary:
                    write_table(table, temporary, "fits")
            if not kappa.exists():
                self._true_kappa(task).write(kappa)
            n_galaxies = self._write_galaxies(task, galaxies, progress)
            notes = {
                "n_galaxies": n_galaxies, "n_halos": len(table),
                "area_sr": self._plan.footprint.area,
            }
            self._run.note("sky", notes)
        area = (self._plan.footprint.area * u.sr).to(u.deg**2)
        return SkyFiles(galaxies, kappa, halos, notes["n_galaxies"], notes["n_halos"], area)

    def _prepare(self) -> tuple[SkyTask, SkyField]:
        """Draw the matter, and return what its galaxies depend on and the matter."""
        plan = self._plan
        lmax = 2 * plan.nside
        powers = SkyPowers(
            plan.model.cosmology, plan.z_source, plan.physics, lmax, plan.model.power
        )
        sequence = np.random.SeedSequence(plan.seed, spawn_key=(_FIELD_STREAM,))
        matter = draw_field(
            powers, plan.physics, plan.z_source, plan.nside, plan.footprint,
            np.random.default_rng(sequence),
        )
        smooth = LensingInterpolator(
            matter.kappa, lmax, *plan.footprint.lon_lat, math.degrees(plan.footprint.cell_radius)
        )
        mask = plan.survey.mask
        if mask is not None and not isinstance(mask, SkyMask):
            mask = SkyMask(mask)
        stars = StarHoles(plan.stars_per_cell, plan.seed, STAR_STREAM)
        return SkyTask(
            SkyLensing(smooth, matter.halos, matter.reach, matter.profiles), plan.survey, mask,
            plan.footprint, stars if plan.stars_per_cell else None, plan.z_source,
            plan.reduced_shear, plan.seed, plan.order, HealpixPixels(plan.truth_nside),
        ), matter

    def _halo_table(self, matter):
        """Return the table of the halos in the footprint, the most massive first."""
        halos = matter.halos
        finest = HealpixPixels(1 << 29).at(halos.lon, halos.lat)
        halos = halos.select(self._plan.footprint.contains(finest, halos.lon, halos.lat))
        halos = halos.select(np.argsort(-halos.mass, kind="stable"))
        return halo_table(
            SkyCoord(halos.lon, halos.lat, unit="deg"), halos.redshift, halos.mass * u.solMass,
            halos.concentration,
        )

    def _true_kappa(self, task):
        parts = _values(self._tasks(true_kappa_of_cell, task, self._plan.footprint.index.tolist()))
        index, kappa = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        plan = self._plan
        return HealpixMap(kappa, plan.truth_nside, index, meta={
            "origin": "simulate_sky", "seed": plan.seed, "cosmology": plan.model.cosmology.name,
            "z_source": repr(plan.z_source), "power": plan.model.power,
            "truncation": plan.model.truncation,
        })

    def _write_galaxies(self, task, folder, progress):
        """Write the galaxies, and return their number."""
        children = 2 * (CELLS.order - task.order)
        pixels = np.unique(self._plan.footprint.index >> children).tolist()
        counts: list[int] = []

        def partitions() -> Iterator[tuple[int, int, dict[str, np.ndarray]]]:
            values = _values(self._tasks(galaxies_of_pixel, task, pixels))
            for pixel, columns in zip(pixels, values, strict=True):
                counts.append(len(columns["ra"]))
                yield task.order, pixel, columns

        write_hats(
            folder, partitions(), name="galaxies", total=len(pixels), overwrite=True,
            progress=progress,
        )
        return sum(counts)


def _values(outcomes):
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error
        yield outcome.value

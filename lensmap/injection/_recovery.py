# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Injection and recovery: the detection of injected halos in maps of observed galaxies."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable, Table

from lensmap.estimators import Estimator
from lensmap.halos import concentration, halos_from_table, radius_200c
from lensmap.injection._inject import Injector
from lensmap.injection._positions import draw_positions, max_halos
from lensmap.injection._result import HaloRecovery
from lensmap.injection._run import open_run, stored_seed
from lensmap.maps import has_total_error
from lensmap.masks import SkyMask
from lensmap.peaks import (
    detection_image,
    find_peaks,
    match_peaks,
    peaks_at_density,
    unmasked_area,
)
from lensmap.profiles import projected_mass
from lensmap.utils import (
    LensmapWarning,
    ParameterError,
    ParameterTypeError,
    as_generator,
    check_angle,
    check_choice,
    check_count,
    check_number,
    check_plausible,
    check_rising,
    track,
    without_warnings,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from astropy.wcs import WCS
    from numpy.typing import ArrayLike

    from lensmap.catalog import ShearCatalog
    from lensmap.halos import NFWHalo
    from lensmap.maps import ConvergenceMap
    from lensmap.typing import (
        AngleLike,
        CatalogLike,
        CosmologyLike,
        MaskLike,
        PathLike,
        ProgressLike,
        RedshiftLike,
        RNGLike,
    )

__all__ = ["recover_halos"]

# The minimum separation of injected halos in units of the matching radius, so that no peak can
# belong to two halos.
_MIN_SEPARATION_RADII = 5

# The default number of halos in a realization, if the map has room for them.
_DEFAULT_N_HALOS = 10

# A halo at a peak of the original map is recovered if it adds at least this fraction of the final
# height of the peak.
_MIN_ADDED_FRACTION = 0.5

# Projected masses are measured within this radius (proper), after subtraction of the mean surface
# density in the ring.
_MASS_RADIUS = 1 * u.Mpc
_BACKGROUND_RING = [2, 3] * u.Mpc


def recover_halos(
    catalog: CatalogLike,
    estimator: Estimator,
    m200c: u.Quantity,
    z_lens: ArrayLike,
    *,
    z_source: RedshiftLike | None = None,
    wcs: WCS | None = None,
    mask: MaskLike | None = None,
    n_halos: int | None = None,
    n_realizations: int = 20,
    threshold: float | u.Quantity = 4.0,
    by: str = "snr",
    radius: AngleLike = "2 arcmin",
    min_separation: AngleLike = "2 arcmin",
    cosmology: CosmologyLike = None,
    rng: RNGLike = None,
    folder: PathLike | None = None,
    overwrite: bool = False,
    take_over: bool = False,
    progress: ProgressLike = None,
) -> HaloRecovery:
    """Measure the fraction of injected halos that are recovered as peaks of mass maps.

    Each realization injects halos into the catalog at random, well separated positions, as
    `inject_halos` does, and reconstructs the map. A halo is **matched** if a peak above the
    threshold lies within ``radius`` of the halo; the matching is one to one. A matched halo is
    **recovered** if the halo causes the peak. This is the case if, before injection, no peak
    matches the halo and the map is below the threshold at the pixel where the peak appears; or if
    the injection adds at least half of the height of the peak.

    Real structure stays in the map, where it hides some halos and raises others above the
    threshold. In each realization, the rate of chance matches is measured at an equal number of
    control positions without a halo, and the number of noise peaks in a map of randomly rotated
    galaxies.

    Parameters
    ----------
    catalog : `~lensmap.ShearCatalog` or `~astropy.table.Table`
        The galaxies.
    estimator : `~lensmap.estimators.Estimator`
        The estimator that reconstructs the maps.
    m200c : `~astropy.units.Quantity`
        The halo masses M200c, one or several in increasing order; 0 injects no halo.
    z_lens : float or array_like
        The halo redshifts, one or several in increasing order. All combinations of mass and
        redshift are injected equally often.
    z_source : float, `~lensmap.SourceRedshifts` or None
        The redshift of the galaxies, or their redshift distribution. If None, the column
        ``redshift`` of the catalog.
    wcs : `~astropy.wcs.WCS` or None
        The WCS of the maps, with its ``array_shape``. If None, a WCS that covers the catalog.
    mask : object
        The masked area, in any form that `lensmap.masks.SkyMask` accepts. No halo is injected on
        masked pixels. None masks nothing.
    n_halos : int or None
        The number of halos in each realization. Two halos are separated by at least 5 times
        ``radius``, and by at least the sum of their r200c. None injects as many halos as fit on the
        map, but at most 10.
    n_realizations : int
        The number of realizations. Each realization has one map with halos and one noise-only map.
    threshold : float or `~astropy.units.Quantity`
        The minimum height of a peak, in units of ``by``. Alternatively, a number density of peaks,
        with a unit of inverse solid angle: the threshold is then chosen such that the map before
        injection has this density of peaks.
    by : {"snr", "kappa"}
        The quantity in which peaks are detected: signal-to-noise ratio or convergence. The noise in
        the ratio is the uncertainty of the map before injection, for all maps. Only if the
        estimator predicts a total uncertainty with each map (as some networks do), each map has its
        own uncertainty.
    radius : `~astropy.units.Quantity` or str
        The maximum separation of a halo and its peak, an angle.
    min_separation : `~astropy.units.Quantity` or str
        The minimum separation of peaks, an angle, as for `lensmap.find_peaks`.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        The cosmology or its name; None is ``"massivenus"``. See
        `lensmap.cosmology.get_cosmology`.
    rng : None, int or `numpy.random.Generator`
        Seed or generator for the positions of the halos, the rotations of the galaxies and
        redshifts drawn from a distribution. None uses the seed stored in ``folder``, or draws a new
        seed if there is none.
    folder : path-like or None
        The folder that stores the result of each realization; created if it does not exist. The
        same call resumes an interrupted run. A call with a larger ``n_realizations`` adds
        realizations. None stores nothing.
    overwrite : bool
        Whether to remove the realizations that are already in the folder.
    take_over : bool
        Whether to take over the folder of a run that was killed. A run that is still alive
        can then no longer write to the folder.
    progress : None, bool or callable
        True shows a progress bar. A callable is called as ``progress(done, total)`` after each
        realization. None or False shows nothing.

    Returns
    -------
    HaloRecovery
        The injected halos and their peaks, with recovery rates, masses and offsets.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, the map has no room for the halos, or the folder contains
        realizations with other parameters or galaxies.
    RuntimeError
        If another run uses the folder.
    """
    if rng is None and folder is not None and not overwrite:
        rng = stored_seed(folder)
    trial = _Trial(catalog, estimator, z_source, wcs, mask, by, radius, min_separation, cosmology,
                   rng)
    trial.prepare(m200c, z_lens, n_halos, threshold)
    check_count(n_realizations, "n_realizations", minimum=1)
    if folder is None:
        recovery = HaloRecovery.empty(trial.settings, trial.facts)
        for _, record in trial.realizations(range(n_realizations), progress):
            recovery = recovery.with_realization(**record)
        return recovery
    trial.draw(0)  # raises if the map has no room for the halos, before the folder is created
    with open_run(folder, trial.settings, overwrite=overwrite, take_over=take_over) as run:
        run.note("facts", trial.facts)
        missing = run.missing(max([n_realizations, *(i + 1 for i in run.numbers())]))
        for i, record in trial.realizations(missing, progress):
            run.save(i, record)
        return HaloRecovery.from_run(run)


@dataclass
class _Trial:
    """An injection-and-recovery test: the galaxies, the map before injection and the settings.

    All realizations share this object. The attributes have the meaning of the parameters of
    `recover_halos`.
    """

    catalog: CatalogLike
    estimator: Estimator
    z_source: RedshiftLike | None
    wcs: WCS | None
    mask: MaskLike | None
    by: str
    radius: Any
    min_separation: Any
    cosmology: CosmologyLike
    rng: Any

    def __post_init__(self) -> None:
        if not isinstance(self.estimator, Estimator):
            raise ParameterTypeError(
                "estimator", "an Estimator, such as KaiserSquires()", type(self.estimator).__name__
            )
        if self.estimator.geometry != "plane":
            raise ParameterTypeError(
                "estimator", "an Estimator that makes maps on a plane",
                f"{type(self.estimator).__name__}, which makes maps of the sphere",
            )
        check_choice(self.by, "by", ("snr", "kappa"))
        self.radius = check_angle(self.radius, "radius").to(u.arcmin)
        self.min_separation = check_angle(
            self.min_separation, "min_separation", allow_zero=True
        ).to(u.arcmin)
        if self.rng is None or isinstance(self.rng, np.random.Generator):
            self.rng = int(as_generator(self.rng).integers(2**62))
        self.seed = check_count(self.rng, "rng")
        if self.mask is not None and not isinstance(self.mask, SkyMask):
            self.mask = SkyMask(self.mask)  # each realization would read the files again
        self.injector = Injector(self.catalog, self.z_source, self.cosmology, self.seed)
        self.catalog = self.injector.catalog

    def prepare(
        self,
        m200c: u.Quantity,
        z_lens: ArrayLike,
        n_halos: int | None,
        threshold: float | u.Quantity,
    ) -> None:
        """Reconstruct the map before injection, and derive the attributes that depend on this map.

        These include the detection threshold, the peaks of the map, and the number of halos in each
        realization. The parameters are those of `recover_halos`.
        """
        masses, redshifts = _check_masses(m200c), _check_redshifts(z_lens)
        self.injector.efficiency(redshifts)  # raises for lenses behind all galaxies
        self.kinds = [self._kind(mass, z) for mass, z in product(masses, redshifts)]
        self.kappa = self.estimator.reconstruct(self.catalog, self.wcs, self.mask)
        # Halos are recovered by the same ratio, whatever its meaning.
        is_total = self.by == "snr" and has_total_error(self.kappa)
        self.column = "kappa_over_error" if is_total else self.by
        self.detection_image = detection_image(self.kappa, self.column)
        self.threshold = self._threshold(threshold)
        self.peaks = self._peaks_of(self.kappa)
        self.halo_separation = _MIN_SEPARATION_RADII * self.radius.to_value(u.rad)
        if n_halos is None:
            max_size = max(kind["size"] for kind in self.kinds)
            n_halos = min(
                _DEFAULT_N_HALOS, max_halos(self.kappa, max_size, self.halo_separation)
            )
        self.n_halos = check_count(n_halos, "n_halos", minimum=1)
        self.masses, self.redshifts = masses, redshifts

    def _kind(self, mass: u.Quantity, z: float) -> dict:
        """Return the properties of halos of one M200c and redshift, keyed by name.

        The keys are ``m200c``, ``redshift``, ``c200c``, ``mass_true`` (the projected mass within
        1 Mpc after background subtraction) and ``size`` (the angle of r200c in radians).
        """
        cosmology = self.injector.cosmology
        if mass == 0:
            return {"m200c": mass, "redshift": z, "c200c": np.nan, "size": 0.0,
                    "mass_true": 0 * u.solMass}
        distance = cosmology.angular_diameter_distance(z)
        c200c = float(concentration(mass, z, cosmology))
        kind = {"m200c": mass, "redshift": z, "c200c": c200c}
        halo = cast("NFWHalo", halos_from_table(QTable([kind]), cosmology)[0])
        radii = u.Quantity([_MASS_RADIUS, *_BACKGROUND_RING])
        projected = (np.pi * radii**2 * halo.mean_surface_density(radii)).to(u.solMass)
        area_ratio = _MASS_RADIUS**2 / (_BACKGROUND_RING[1] ** 2 - _BACKGROUND_RING[0] ** 2)
        background = (projected[2] - projected[1]) * area_ratio
        size = float((radius_200c(mass, z, cosmology) / distance).to_value(u.one))  # radians
        return {**kind, "size": size, "mass_true": projected[0] - background}

    def _threshold(self, threshold: float | u.Quantity) -> float:
        """Return the minimum height of a peak, as a signal-to-noise ratio or a convergence.

        If ``threshold`` is a number density of peaks, the height is chosen such that the map before
        injection has this density of peaks.
        """
        if not isinstance(threshold, u.Quantity) or threshold.unit == u.dimensionless_unscaled:
            allowed = "a positive number or a density of peaks, such as 10 / u.deg**2"
            number = float(check_number(threshold, "threshold", allowed, low=1e-300))
            unit = "a convergence" if self.by == "kappa" else "a signal-to-noise ratio"
            check_plausible(number, "threshold", unit)
            return number
        peaks = find_peaks(self.kappa, 0.0, by=self.column, min_separation=self.min_separation)
        highest = peaks_at_density(peaks, threshold, self.kappa)
        if len(highest) == 0:
            raise ParameterError(
                "threshold", "a density that gives at least one peak on the map", str(threshold)
            )
        # The mean of the lowest peak above the threshold and the highest peak below it.
        adjacent = peaks[self.column][len(highest) - 1 : len(highest) + 1]
        return float(np.mean([*adjacent, 0.0][:2]))

    @cached_property
    def settings(self) -> dict:
        """The settings of the injection-and-recovery test, strings and numbers keyed by name."""
        z_source, content = self.injector.z_source, self.estimator.digest()
        return ({} if content is None else {"weights_or_code_sha256": content}) | {
            "m200c": self.masses.to_value(u.solMass).tolist(),
            "redshift": self.redshifts.tolist(),
            "z_source": z_source if isinstance(z_source, float) else repr(z_source),
            "cosmology": str(self.injector.cosmology), "estimator": repr(self.estimator),
            "n_halos": self.n_halos, "by": self.by, "threshold": self.threshold,
            "radius": float(self.radius.value),
            "min_separation": float(self.min_separation.value), "seed": self.seed,
            "n_galaxies": len(self.catalog), "galaxies": _checksum(self.catalog),
            "shape": list(self.kappa.shape), "pixels": zlib.crc32(self.kappa.mask.tobytes()),
            "wcs": self.kappa.wcs.to_header_string(relax=True),
        }

    def realizations(
        self, numbers: Iterable[int], progress: ProgressLike
    ) -> Iterator[tuple[int, dict]]:
        """Compute the realizations with the given numbers, one after the other.

        Yields
        ------
        number : int
            The number of the realization, from 0.
        result : dict
            The table of halos and their peaks (``halos``), the counts of control positions
            (``controls``) and the number of peaks in the noise-only map (``noise_peaks``).
        """
        # All positions are drawn first, to fail early if the map has no room for the halos.
        drawn = [(i, *self.draw(i)) for i in numbers]
        for i, halos, controls in track(drawn, len(drawn), progress, "realizations"):
            # The same warnings were already issued for the map before injection.
            with without_warnings(LensmapWarning):
                rows, control_counts = self.recover(halos, controls)
                n_noise_peaks = self.noise_peaks(i)
            yield i, {"halos": rows, "controls": control_counts, "noise_peaks": n_noise_peaks}

    @property
    def facts(self) -> dict:
        """Two properties of the map before injection, as a dict.

        The keys are ``area``, the unmasked area (deg2), and ``n_peaks``, the number of peaks.
        """
        return {"area": float(unmasked_area(self.kappa).value), "n_peaks": len(self.peaks)}

    def draw(self, i: int) -> tuple[QTable, SkyCoord]:
        """Draw random positions for the halos of realization i, and control positions.

        Return the table of halos, without the columns of their peaks, and the control positions, at
        which no halo is injected.
        """
        numbers = i * self.n_halos + np.arange(self.n_halos)
        kinds = [self.kinds[k % len(self.kinds)] for k in numbers]
        halos = QTable({
            "realization": np.full(self.n_halos, i),
            **{name: u.Quantity([kind[name] for kind in kinds])
               if isinstance(kinds[0][name], u.Quantity) else [kind[name] for kind in kinds]
               for name in ("m200c", "redshift", "c200c", "mass_true")},
        })
        sizes = np.array([kind["size"] for kind in kinds])
        rng = self._generators(i)[0]
        positions, controls = draw_positions(
            self.kappa, sizes, self.halo_separation, rng, self.n_halos
        )
        halos.add_columns([positions.ra.to(u.deg), positions.dec.to(u.deg)], [1, 1],
                          ["ra", "dec"])
        return halos, controls

    def _generators(self, i: int) -> list[np.random.Generator]:
        """Return two random generators for realization i.

        The first draws the positions of halos, the second the rotations of galaxies.
        """
        return as_generator(np.random.SeedSequence(self.seed, spawn_key=(i,))).spawn(2)

    def _map_of(self, catalog: ShearCatalog) -> ConvergenceMap:
        """Reconstruct the map of a catalog.

        The map is given the uncertainty of the map before injection, unless the estimator predicts
        a total uncertainty with each map.
        """
        kind, estimator = self.estimator.chosen_uncertainty, self.estimator
        # Halos do not change the noise. It is not estimated again, which may take many maps.
        if kind is not None and not (kind.with_map and kind.meaning == "total"):
            estimator = estimator.replace(uncertainty=None)
        kappa = estimator.reconstruct(catalog, self.wcs, self.mask)
        if kappa.uncertainty is None and self.kappa.uncertainty is not None:
            kappa = kappa.replace(uncertainty=self.kappa.uncertainty)
        return kappa

    def _peaks_of(self, kappa: ConvergenceMap) -> Table:
        return find_peaks(
            kappa, self.threshold, by=self.column, min_separation=self.min_separation
        )

    def noise_peaks(self, i: int) -> int:
        """Return the number of peaks in the map of randomly rotated galaxies of realization i."""
        return len(self._peaks_of(self._map_of(self.injector.rotated(self._generators(i)[1]))))

    def recover(self, halos: QTable, controls: SkyCoord) -> tuple[QTable, dict[str, int]]:
        """Inject halos into the catalog, and find the peaks of the map at the halos.

        Return the table of halos with additional columns for the matching peaks, and a dict with
        the number of control positions (``n``) and the numbers of control positions that match a
        peak (``matched``) and that count as recovered (``recovered``).
        """
        kappa = self._map_of(self.injector.inject(halos))
        peaks = self._peaks_of(kappa)
        for name, values in self._match(peaks, halos).items():
            halos[name] = values
        halos["mass_map"] = self._masses(kappa, halos)
        matches = self._match(peaks, QTable({"ra": controls.ra, "dec": controls.dec}))
        return halos, {"n": len(controls), **{
            name: int(matches[name].sum()) for name in ("matched", "recovered")
        }}

    def _match(self, peaks: Table, positions: QTable) -> dict[str, Any]:
        """Match the peaks of a map with injected halos to the positions of halos or controls.

        Return the columns of `HaloRecovery.halos` that describe the matching peak, keyed by name:
        whether there is one (``matched``), whether the map before injection has one (``already``),
        whether the halo causes the peak (``recovered``), and the position and height of the peak.
        """
        match, n = match_peaks(peaks, positions, self.radius), len(positions)
        original_match = match_peaks(self.peaks, positions, self.radius)
        peak, row = match["peak"], match["reference"]
        matched, already = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
        matched[row], already[original_match["reference"]] = True, True

        def column(values: Any) -> np.ndarray:
            unit = getattr(values, "unit", None)
            result = np.full(n, np.nan)
            result[row] = values if unit is None else values.value
            return result if unit is None else result * unit

        y, x = peaks["y_peak"][peak], peaks["x_peak"][peak]
        height, original = np.asarray(peaks[self.column])[peak], self.detection_image[y, x]
        caused = height - original >= _MIN_ADDED_FRACTION * height
        caused |= ~already[row] & (original < self.threshold)
        recovered = np.zeros(n, dtype=bool)
        recovered[row] = caused
        return {
            "matched": matched, "already": already, "recovered": recovered,
            "peak_ra": column(peaks["ra"][peak]), "peak_dec": column(peaks["dec"][peak]),
            "kappa": column(np.asarray(peaks["kappa"])[peak]), "snr": column(peaks["snr"][peak]),
            "kappa_before": column(self.kappa.data[y, x]), "offset": column(match["separation"]),
        }

    def _masses(self, kappa: ConvergenceMap, halos: QTable) -> u.Quantity:
        """Return the projected mass within 1 Mpc of the peak of each halo, in solar masses.

        The mean surface density in a ring from 2 to 3 Mpc is subtracted. The mass is NaN for halos
        without a matching peak, and in maps of other quantities than the convergence.
        """
        result = np.full(len(halos), np.nan) * u.solMass
        if kappa.meta.get("quantity", "kappa") != "kappa":
            return result
        rows = np.flatnonzero(halos["matched"])
        if len(rows):
            positions = QTable({"ra": halos["peak_ra"][rows], "dec": halos["peak_dec"][rows]})
            result[rows] = projected_mass(
                kappa, positions, _MASS_RADIUS, z_lens=halos["redshift"][rows],
                z_source=self.injector.z_source,
                background=_BACKGROUND_RING, cosmology=self.injector.cosmology,
            )["mass"]
        return result


def _check_masses(m200c: u.Quantity) -> u.Quantity:
    """Check one or several halo masses, and return them in solar masses as an array ``(n,)``."""
    if not isinstance(m200c, u.Quantity) or not m200c.unit.is_equivalent(u.solMass):
        raise ParameterTypeError(
            "m200c", "masses with a unit, such as [1e14, 2e14] * u.solMass", repr(m200c)
        )
    masses = np.atleast_1d(m200c.to_value(u.solMass))
    _check_list(masses, "m200c", "0 or more", 0.0)
    check_plausible(masses[masses > 0], "m200c", "a halo mass")
    return masses * u.solMass


def _check_redshifts(z_lens: ArrayLike) -> np.ndarray:
    """Check one or several halo redshifts, and return them as an array ``(n,)``."""
    redshifts = np.atleast_1d(np.asarray(z_lens, dtype=float))
    _check_list(redshifts, "z_lens", "positive", 1e-4)
    check_plausible(redshifts, "z_lens", "a lens redshift")
    return redshifts


def _check_list(values: np.ndarray, name: str, allowed: str, low: float) -> None:
    """Check that an array holds one number, or several in increasing order.

    Each number must be at least ``low``. ``name`` is the parameter, and ``allowed`` describes the
    allowed numbers, both for the error message.
    """
    if values.ndim != 1 or len(values) == 0:
        raise ParameterError(
            name, "a number or a one-dimensional sequence of numbers",
            f"an array of the shape {values.shape}",
        )
    for value in values:
        check_number(float(value), name, allowed, low=low)
    if len(values) > 1:
        check_rising(values, name, "one number, or several in strictly increasing order")


def _checksum(catalog: ShearCatalog) -> int:
    """Return the CRC-32 checksum of the positions, ellipticities, weights, redshifts and p(z)."""
    columns = (
        catalog.ra, catalog.dec, catalog.e1, catalog.e2, catalog.weight, catalog["redshift"],
        catalog.pz, catalog.z_grid,
    )
    total = 0
    for column in columns:
        data: Any = b"" if column is None else np.ascontiguousarray(column)
        total = zlib.crc32(data, total)
    return total

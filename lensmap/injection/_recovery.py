# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`recover_halos`: which halos a map of a user's own galaxies would show, had they been there."""

import warnings
import zlib
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from astropy import units as u
from astropy.table import QTable

from lensmap.estimators import Estimator
from lensmap.halos import concentration, halos_from_table, radius_200c
from lensmap.injection._inject import Injector
from lensmap.injection._places import draw_places, most_halos
from lensmap.injection._result import HaloRecovery
from lensmap.injection._run import open_run, stored_seed
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
    as_generator,
    check_angle,
    check_choice,
    check_count,
    check_number,
    check_rising,
    track,
)

__all__ = ["recover_halos"]

# Two halos are at least so many radii of a match apart: each has its own peak, and no other's.
_RADII_APART = 5

# Halos in a realization, where the map has room for them.
_USUAL_HALOS = 10

# A peak where there was one before is that of the halo if so much of its height is.
_OWN_PART = 0.5

# Masses are those within this radius, less what the mean in a ring would be there.
_WITHIN = 1 * u.Mpc
_RING = [2, 3] * u.Mpc


def recover_halos(
    catalog,
    estimator,
    m200c,
    z_lens,
    *,
    z_source=None,
    wcs=None,
    mask=None,
    n_halos=None,
    n_realizations=20,
    threshold=4.0,
    by="snr",
    radius="2 arcmin",
    min_separation="2 arcmin",
    cosmology=None,
    rng=None,
    folder=None,
    overwrite=False,
    take_over=False,
    progress=None,
):
    """Put halos in front of real galaxies, and count those that a map shows.

    In each realization, halos are put at random places of the map, apart from each other
    (`inject_halos`), and the map is made anew. A halo is **matched** if a peak above the threshold
    is within ``radius`` of it, one to one. It is **recovered** if that peak is there because of it:
    no peak was there before and the map was below the threshold at that pixel, or else at least
    half of the peak's height is new. What is on the sky stays in the map: it hides halos, and lifts
    others above the threshold. The same is asked of as many places without a halo; what they give
    is chance. A map of the same galaxies, each turned at random, says how many peaks are noise.

    Parameters
    ----------
    catalog : `~lensmap.ShearCatalog` or `~astropy.table.Table`
        The galaxies.
    estimator : `~lensmap.estimators.Estimator`
        What makes the maps.
    m200c : `~astropy.units.Quantity`
        The masses of the halos, one or several, rising; of 0 is no halo.
    z_lens : float or array_like
        Their redshifts, one or several, rising. Each mass is put at each redshift, all equally
        often.
    z_source : float, `~lensmap.SourceRedshifts` or None
        As for `inject_halos`.
    wcs, mask : object
        As for `lensmap.estimators.Estimator.reconstruct`. There are no halos on masked pixels of
        the map.
    n_halos : int or None
        How many halos are in one realization; None puts as many as have room, and 10 at most. Any
        two are at least 5 ``radius`` apart, and the sum of their r200c.
    n_realizations : int
        How many maps with halos are made, and how many of noise.
    threshold : float or `~astropy.units.Quantity`
        What a peak exceeds, in units of ``by``; or a number per solid angle: as many peaks the
        map has without halos.
    by : {"snr", "kappa"}
        Signal to noise, by the uncertainty of the map without halos (of networks that say their
        own, by that of each map), or the convergence.
    radius : `~astropy.units.Quantity` or str
        The largest distance of a peak from its halo, an angle.
    min_separation : `~astropy.units.Quantity` or str
        Of closer peaks the highest counts, as in `lensmap.find_peaks`.
    cosmology : `~astropy.cosmology.FLRW`, str or None
        As for `lensmap.cosmology.get_cosmology`.
    rng : None, int or `numpy.random.Generator`
        The same seed gives the same halos at the same places, and the same noise. None draws a
        seed, or takes that of ``folder``.
    folder : path-like or None
        A folder that keeps each realization; made if need be. The same call resumes an interrupted
        run, and one with more realizations adds to them: those in the folder are not made again.
        None keeps none.
    overwrite : bool
        Whether realizations in the folder are removed first.
    take_over : bool
        Whether the folder is taken from another run that has it, which is dead.
    progress : None, bool or callable
        As for `lensmap.utils.track`.

    Returns
    -------
    HaloRecovery
        The halos and what became of them; rates, masses and places.

    Raises
    ------
    TypeError, ValueError
        If a parameter cannot be used, halos have no room, or the folder holds realizations of other
        parameters or galaxies.
    RuntimeError
        If another run has the folder.
    """
    if rng is None and folder is not None and not overwrite:
        rng = stored_seed(folder)
    trial = _Trial(catalog, estimator, z_source, wcs, mask, by, radius, min_separation, cosmology,
                   rng)
    trial.prepare(m200c, z_lens, n_halos, threshold)
    check_count(n_realizations, "n_realizations", minimum=1)
    if folder is None:
        done = HaloRecovery.empty(trial.settings, trial.facts)
        for _, record in trial.realizations(range(n_realizations), progress):
            done = done.with_realization(**record)
        return done
    trial.draw(0)  # halos without room are refused before there is a folder
    with open_run(folder, trial.settings, overwrite=overwrite, take_over=take_over) as run:
        run.note("facts", trial.facts)
        missing = run.missing(max([n_realizations, *(i + 1 for i in run.numbers())]))
        for i, record in trial.realizations(missing, progress):
            run.save(i, record)
        return HaloRecovery.from_run(run)


@dataclass
class _Trial:
    """All that the realizations have in common."""

    catalog: object
    estimator: Estimator
    z_source: object
    wcs: object
    mask: object
    by: str
    radius: u.Quantity
    min_separation: u.Quantity
    cosmology: object
    rng: object

    def __post_init__(self):
        if not isinstance(self.estimator, Estimator):
            raise TypeError(
                f"estimator must be an Estimator, not {type(self.estimator).__name__}"
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
            self.mask = SkyMask(self.mask)  # read once
        self.injector = Injector(self.catalog, self.z_source, self.cosmology, self.seed)
        self.catalog = self.injector.catalog

    def prepare(self, m200c, z_lens, n_halos, threshold):
        """Make the map without halos, and settle what depends on it."""
        masses, redshifts = _check_masses(m200c), _check_redshifts(z_lens)
        self.injector.efficiency(redshifts)  # refuses lenses behind the galaxies before the work
        self.kinds = [self._kind(mass, z) for mass, z in product(masses, redshifts)]
        self.kappa = self.estimator.reconstruct(self.catalog, self.wcs, self.mask)
        self.detection_image = detection_image(self.kappa, self.by)
        self.threshold = self._threshold(threshold)
        self.peaks = self._peaks_of(self.kappa)
        self.closest = _RADII_APART * self.radius.to_value(u.rad)
        sizes = [kind["size"] for kind in self.kinds]
        if n_halos is None:
            n_halos = min(_USUAL_HALOS, most_halos(self.kappa, max(sizes), self.closest))
        self.n_halos = check_count(n_halos, "n_halos", minimum=1)
        self.masses, self.redshifts = masses, redshifts

    def _kind(self, mass, z):
        """Return what halos of a mass and a redshift have in common."""
        cosmology = self.injector.cosmology
        if mass == 0:
            return {"m200c": mass, "redshift": z, "c200c": np.nan, "size": 0.0,
                    "mass_true": 0 * u.solMass}
        distance = cosmology.angular_diameter_distance(z)
        c200c = float(concentration(mass, z, cosmology))
        kind = {"m200c": mass, "redshift": z, "c200c": c200c}
        (halo,) = halos_from_table(QTable([kind]), cosmology)
        radii = u.Quantity([_WITHIN, *_RING])
        within = (np.pi * radii**2 * halo.mean_surface_density(radii)).to(u.solMass)
        ring = (within[2] - within[1]) * _WITHIN**2 / (_RING[1] ** 2 - _RING[0] ** 2)
        size = float((radius_200c(mass, z, cosmology) / distance).to_value(u.one))
        return {**kind, "size": size, "mass_true": within[0] - ring}

    def _threshold(self, threshold):
        if not isinstance(threshold, u.Quantity) or threshold.unit == u.dimensionless_unscaled:
            return float(check_number(threshold, "threshold", "positive or a density", low=1e-300))
        every = find_peaks(self.kappa, 0.0, by=self.by, min_separation=self.min_separation)
        highest = peaks_at_density(every, threshold, self.kappa)
        if len(highest) == 0:
            raise ParameterError("threshold", "at least one peak on the map", str(threshold))
        between = every[self.by][len(highest) - 1 : len(highest) + 1]
        return float(np.mean([*between, 0.0][:2]))

    @cached_property
    def settings(self):
        """What must be the same for realizations to belong together, in plain words and numbers."""
        z_source = self.injector.z_source
        return {
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

    def realizations(self, numbers, progress):
        """Yield the number and the record of each of some realizations."""
        # Whatever has no room is told before the work, and the places are the same when it is done.
        drawn = [(i, *self.draw(i)) for i in numbers]
        for i, halos, controls in track(drawn, len(drawn), progress, "realizations"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", LensmapWarning)  # said of the map without halos
                rows, chance = self.recover(halos, controls)
                noise = self.noise_peaks(i)
            yield i, {"halos": rows, "controls": chance, "noise_peaks": noise}

    @property
    def facts(self):
        """What there is to know of the map without halos."""
        return {"area": float(unmasked_area(self.kappa).value), "n_peaks": len(self.peaks)}

    def draw(self, i):
        """Return the halos of a realization, and places without."""
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
        places, controls = draw_places(self.kappa, sizes, self.closest, rng, self.n_halos)
        halos.add_columns([places.ra.to(u.deg), places.dec.to(u.deg)], [1, 1], ["ra", "dec"])
        return halos, controls

    def _generators(self, i):
        return as_generator(np.random.SeedSequence(self.seed, spawn_key=(i,))).spawn(2)

    def _map_of(self, catalog):
        """Return a map of other ellipticities, with the uncertainty of the first if it has none."""
        kind, plain = self.estimator.chosen_uncertainty, self.estimator
        # The noise, and what takes many maps, is that of the galaxies without halos.
        if kind is not None and not (kind.with_map and kind.meaning == "total"):
            plain = plain.replace(uncertainty=None)
        kappa = plain.reconstruct(catalog, self.wcs, self.mask)
        if kappa.uncertainty is None and self.kappa.uncertainty is not None:
            kappa = kappa.replace(uncertainty=self.kappa.uncertainty)
        return kappa

    def _peaks_of(self, kappa):
        return find_peaks(kappa, self.threshold, by=self.by, min_separation=self.min_separation)

    def noise_peaks(self, i):
        """Return how many peaks a map of turned galaxies has."""
        return len(self._peaks_of(self._map_of(self.injector.turned(self._generators(i)[1]))))

    def recover(self, halos, controls):
        """Return what became of halos, and how many controls were matched and recovered."""
        kappa = self._map_of(self.injector.inject(halos))
        peaks = self._peaks_of(kappa)
        found = self._found(peaks, halos)
        for name, values in found.items():
            halos[name] = values
        halos["mass_map"] = self._masses(kappa, halos)
        chance = self._found(peaks, QTable({"ra": controls.ra, "dec": controls.dec}))
        return halos, {"n": len(controls), **{
            name: int(chance[name].sum()) for name in ("matched", "recovered")
        }}

    def _found(self, peaks, places):
        """Return the columns that say which peak a place has."""
        match, n = match_peaks(peaks, places, self.radius), len(places)
        before = match_peaks(self.peaks, places, self.radius)
        peak, place = match["peak"], match["reference"]
        matched, already = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
        matched[place], already[before["reference"]] = True, True

        def column(values):
            unit = getattr(values, "unit", None)
            result = np.full(n, np.nan)
            result[place] = values if unit is None else values.value
            return result if unit is None else result * unit

        y, x = peaks["y_peak"][peak], peaks["x_peak"][peak]
        height, was = np.asarray(peaks[self.by])[peak], self.detection_image[y, x]
        new = height - was >= _OWN_PART * height
        new |= ~already[place] & (was < self.threshold)
        recovered = np.zeros(n, dtype=bool)
        recovered[place] = new
        return {
            "matched": matched, "already": already, "recovered": recovered,
            "peak_ra": column(peaks["ra"][peak]), "peak_dec": column(peaks["dec"][peak]),
            "kappa": column(np.asarray(peaks["kappa"])[peak]), "snr": column(peaks["snr"][peak]),
            "kappa_before": column(self.kappa.data[y, x]), "offset": column(match["separation"]),
        }

    def _masses(self, kappa, halos):
        """Return the masses that the map has at the peaks of halos."""
        result = np.full(len(halos), np.nan) * u.solMass
        rows = np.flatnonzero(halos["matched"])
        if len(rows):
            at = QTable({"ra": halos["peak_ra"][rows], "dec": halos["peak_dec"][rows]})
            result[rows] = projected_mass(
                kappa, at, _WITHIN, z_lens=halos["redshift"][rows],
                z_source=self.injector.z_source,
                background=_RING, cosmology=self.injector.cosmology,
            )["mass"]
        return result


def _check_masses(m200c):
    if not isinstance(m200c, u.Quantity) or not m200c.unit.is_equivalent(u.solMass):
        raise TypeError(
            f"m200c must be masses with a unit, such as [1e14, 2e14] * u.solMass, not {m200c!r}"
        )
    masses = np.atleast_1d(m200c.to(u.solMass))
    _check_list(masses.value, "m200c", "0 or more", 0.0)
    return masses


def _check_redshifts(z_lens):
    redshifts = np.atleast_1d(np.asarray(z_lens, dtype=float))
    _check_list(redshifts, "z_lens", "positive", 1e-4)
    return redshifts


def _check_list(values, name, allowed, low):
    if values.ndim != 1 or len(values) == 0:
        raise ParameterError(name, "one number or several", f"of shape {values.shape}")
    for value in values:
        check_number(float(value), name, allowed, low=low)
    if len(values) > 1:
        check_rising(values, name, "one number or several that rise")


def _checksum(catalog):
    """Return a number that other galaxies would hardly have."""
    columns = (catalog.ra, catalog.dec, catalog.e1, catalog.e2, catalog.weight, catalog["redshift"])
    total = 0
    for column in columns:
        total = zlib.crc32(b"" if column is None else np.ascontiguousarray(column), total)
    return total

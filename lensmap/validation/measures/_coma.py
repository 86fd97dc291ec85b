# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The mock of Coma many times over: its mass, and its arms beside skies that have none."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from lensmap.filaments import find_filaments
from lensmap.grid import ShearGrid
from lensmap.profiles import azimuthal_profile, fit_nfw, shear_profile, structure_covariance
from lensmap.scores import mean_and_error
from lensmap.simulate import ClusterField, MockSurvey
from lensmap.utils import as_generator

__all__ = ["ComaSky", "arm_rates", "measure_coma", "pool_masses_of_coma"]

Z_LENS, Z_SOURCE = 0.0231, 1.0
_BINS = np.geomspace(0.2, 2.5, 11) * u.Mpc
RADII = [28, 90] * u.arcmin
_N_DIRECTIONS, _WIDTH = 72, 4.0

# The persistence of a path, in standard deviations of the map.
_CUT = 2.0

# How near a direction is that of an arm, degrees, and how near a path follows it, arcmin.
_NEAR, _BESIDE = 15.0, 8.0

#: How high the excess of an arm is, in units of its scatter in other skies; and which part of its
#: length paths follow.
THRESHOLDS = {"excess": (2.0, 2.5, 3.0), "paths": (0.5, 0.7, 0.9)}

_MASS = u.Unit("1e14 solMass")


@dataclass(frozen=True, eq=False)
class ComaSky:
    """Mocks of Coma with its three arms, and the same skies without; as Cha et al. 2025 saw it.

    It has ``prepare`` and ``draw`` and may stand where `lensmap.simulate.draw_fields` takes a
    model. The cluster and its arms are those of ``ClusterField.preset("coma")``, on skies with
    large-scale structure and with 38 galaxies per square arcminute.
    """

    @cached_property
    def with_arms(self):
        """The `~lensmap.simulate.ClusterField`."""
        return ClusterField.preset("coma", background=True)

    @cached_property
    def without(self):
        """The same without arms."""
        return ClusterField.preset("coma", background=True, filaments=())

    @property
    def center(self):
        """Where the cluster is."""
        return self.with_arms.center

    @property
    def mass(self):
        """M200c of the cluster, 1e14 solar masses."""
        return float(self.with_arms.clusters[0].m200c.to_value(_MASS))

    @property
    def angles(self):
        """The position angles of the arms, degrees."""
        return np.array([arm.angle.to_value(u.deg) for arm in self.with_arms.filaments])

    @cached_property
    def _covariance(self):
        return structure_covariance(_BINS, z_lens=Z_LENS, z_source=Z_SOURCE)

    def prepare(self):
        """Work out all that does not depend on a draw.

        Returns
        -------
        ComaSky
            The sky itself.
        """
        self.with_arms.prepare()
        self.without.prepare()
        _ = self._covariance
        return self

    def draw(self, rng):
        """Draw a sky with the arms and without, and weigh the cluster by the first.

        Parameters
        ----------
        rng : `numpy.random.SeedSequence`
            The source of random numbers: the structure and the galaxies are the same in both.

        Returns
        -------
        grids : tuple of ShearGrid
            With arms, and without.
        mass : tuple of float
            M200c of an NFW fit to the tangential shear, and its 68 per cent interval, 1e14 solar
            masses.
        """
        survey = MockSurvey.preset("cha2025", density=38 / u.arcmin**2)
        sky, galaxies = as_generator(rng).bit_generator.seed_seq.spawn(2)
        field = self.with_arms.draw(sky)
        catalog = survey.observe(field, rng=galaxies)
        bare = survey.observe_grid(self.without.draw(sky), rng=galaxies)
        return (ShearGrid.from_catalog(catalog, field.wcs), bare), self._weigh(catalog)

    def _weigh(self, catalog):
        profile = shear_profile(catalog, self.center, _BINS, z_lens=Z_LENS, z_source=Z_SOURCE)
        fit = fit_nfw(profile, z_lens=Z_LENS, z_source=Z_SOURCE, covariance=self._covariance)
        return tuple(
            float(m.to_value(_MASS)) for m in (fit.m200c, fit.m200c_low, fit.m200c_high)
        )


def measure_coma(sky, drawn, estimators, *, keep_maps=False):
    """Measure what estimators make of a mock of Coma.

    Parameters
    ----------
    sky : ComaSky
        What was drawn.
    drawn : tuple
        What `ComaSky.draw` gave.
    estimators : dict
        From names to estimators.
    keep_maps : bool
        Whether the maps with arms and their paths are kept.

    Returns
    -------
    dict
        ``mass``: the fit and its interval; ``profiles``, ``(n_maps, 2, n_directions)``: mean
        kappa by direction, with arms and without; ``shares``, ``(n_maps, 2, n_arms)``: which part
        of the length of each arm paths follow.
    """
    grids, mass = drawn
    profiles, shares, kept, paths = [], [], [], []
    for estimator in estimators.values():
        kappas = [
            estimator.reconstruct(grid).replace(uncertainty=None, meta=None) for grid in grids
        ]
        found = [find_filaments(kappa, _CUT) for kappa in kappas]
        profiles.append([
            azimuthal_profile(kappa, sky.center, RADII, n_bins=_N_DIRECTIONS, width=_WIDTH)["kappa"]
            for kappa in kappas
        ])
        shares.append([_shares(one.paths, sky) for one in found])
        kept.append(np.where(kappas[0].mask, np.nan, kappas[0].data).astype(np.float16))
        paths.append(_joined(found[0].paths))
    record = {"mass": np.array(mass), "profiles": np.array(profiles), "shares": np.array(shares)}
    if keep_maps:
        record["maps"] = np.array(kept)
        record["paths"] = {str(i): path for i, path in enumerate(paths)}
    return record


def _joined(paths):
    """Return RA and Dec of paths in one array ``(2, n)``, with NaN between two of them."""
    gap = np.full((2, 1), np.nan)
    parts = [part for path in paths for part in (np.array([path.ra.deg, path.dec.deg]), gap)]
    return np.concatenate(parts, axis=1) if parts else np.zeros((2, 0))


def _shares(paths, sky):
    """Return how much of the length of each arm, from 0 to 1, paths follow."""
    rings = np.linspace(*RADII.to_value(u.arcmin), 13)
    share = np.zeros(len(sky.angles))
    if not paths:
        return share
    places = SkyCoord(np.concatenate([p.ra.deg for p in paths]),
                      np.concatenate([p.dec.deg for p in paths]), unit="deg")
    distance = sky.center.separation(places).to_value(u.arcmin)
    direction = sky.center.position_angle(places).rad
    for i, angle in enumerate(np.radians(sky.angles)):
        along = distance * np.cos(direction - angle)
        beside = np.abs(distance * np.sin(direction - angle)) < _BESIDE
        share[i] = np.mean(np.histogram(along[beside], rings)[0] > 0)
    return share


def excess_significance(records, which, sky):
    """Return the significance of the excess by direction, and at the arms.

    The mean profile of the skies without arms is taken out. Their scatter about it, which is that
    of the sky and the same in all directions, is the error; a sky is never among those that it is
    compared with.

    Parameters
    ----------
    records : list of dict
        What `measure_coma` gave for each sky.
    which : int
        The map, from 0.
    sky : ComaSky
        What they are of.

    Returns
    -------
    snr : `numpy.ndarray`
        With arms, and without: ``(n_skies, 2, n_directions)``.
    at_arms : `numpy.ndarray`
        The highest near the direction of each arm, ``(n_skies, 2, n_arms)``.

    Raises
    ------
    ValueError
        If there are fewer than four skies.
    """
    profiles = np.array([record["profiles"][which] for record in records])
    if len(profiles) < 4:
        raise ValueError(f"the scatter needs at least four skies, not {len(profiles)}")
    excess = profiles - np.nanmean(profiles, axis=-1, keepdims=True)
    snr = np.empty_like(excess)
    for i in range(len(excess)):
        others = np.delete(excess[:, 1], i, axis=0)
        scatter = np.sqrt(np.mean(np.var(others, axis=0, ddof=1)))
        snr[i] = (excess[i] - others.mean(axis=0)) / scatter
    directions = np.arange(excess.shape[-1]) * (360.0 / excess.shape[-1])
    away = np.abs((directions - sky.angles[:, np.newaxis] + 180) % 360 - 180)
    near = away <= _NEAR
    return snr, np.stack([np.max(snr[..., one], axis=-1) for one in near], axis=-1)


def arm_rates(records, which, sky):
    """Return how often arms are found, and how often the same test finds them where none are.

    Parameters
    ----------
    records, which, sky : object
        As for `excess_significance`.

    Returns
    -------
    list of dict
        For each way and threshold: ``test``, ``threshold``, ``found`` and ``false``, parts of all
        arms, with ``..._err`` from sky to sky.
    """
    _, at_arms = excess_significance(records, which, sky)
    shares = np.array([record["shares"][which] for record in records])
    rows = []
    for test, values in (("excess", at_arms), ("paths", shares)):
        for threshold in THRESHOLDS[test]:
            # by sky, since the arms of one are not independent
            rates = np.mean(values >= threshold, axis=-1)
            found, found_err = mean_and_error(rates[:, 0])
            false, false_err = mean_and_error(rates[:, 1])
            rows.append({"test": test, "threshold": threshold, "found": found,
                         "found_err": found_err, "false": false, "false_err": false_err})
    return rows


def pool_masses_of_coma(records, sky):
    """Return how the fitted masses lie about the true one.

    Parameters
    ----------
    records, sky : object
        As for `excess_significance`.

    Returns
    -------
    dict
        ``true``, ``mean``, ``scatter`` and the mean ends of the intervals, ``mean_low`` and
        ``mean_high``, 1e14 solar masses; ``log_ratio``, the mean of ln(fit / truth), and
        ``covered``, the part of the 68 per cent intervals that hold the truth, with ``..._err``.
    """
    best, low, high = np.array([record["mass"] for record in records]).T
    ratio, ratio_err = mean_and_error(np.log(best / sky.mass))
    covered, covered_err = mean_and_error((low <= sky.mass) & (sky.mass <= high))
    return {
        "true": sky.mass, "mean": float(best.mean()), "scatter": float(best.std(ddof=1)),
        "mean_low": float(np.mean(low)), "mean_high": float(np.mean(high)),
        "log_ratio": ratio, "log_ratio_err": ratio_err,
        "covered": covered, "covered_err": covered_err,
    }

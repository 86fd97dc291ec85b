# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""NFW masses and the detection of filament arms in mocks of the Coma cluster."""

from collections.abc import Sequence

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable

from lensmap.filaments import find_filaments
from lensmap.profiles import azimuthal_profile
from lensmap.scores import mean_and_error
from lensmap.validation._parts import TRUTH
from lensmap.validation.measures._base import Measure, table_of_each
from lensmap.validation.measures._coma_sky import ComaSky

__all__ = ["Coma", "arm_rates", "excess_significance", "pool_coma_masses"]

# Inner and outer radius of the annulus in which to search for arms.
_RADII = [28, 90] * u.arcmin
_N_DIRECTIONS, _WIDTH_ARCMIN = 72, 4.0

# Minimum persistence of a filament path, in standard deviations of the map.
_MIN_PERSISTENCE = 2.0

# Maximum angle between an arm and an excess of kappa, and maximum distance between an arm and a
# filament path, for them to count as a detection of the arm.
_MAX_ANGLE_DEG, _MAX_DISTANCE_ARCMIN = 15.0, 8.0

# Detection thresholds: for "excess", the excess of kappa along an arm in units of its scatter
# between the other fields; for "paths", the fraction of the length of an arm with a path nearby.
_THRESHOLDS = {"excess": (2.0, 2.5, 3.0), "paths": (0.5, 0.7, 0.9)}

_MIN_FIELDS = 4  # for the scatter between fields


class Coma(Measure):
    """NFW masses of mocks of the Coma cluster, and the detection of its filament arms by two tests.

    The table ``coma_arms`` has a row for each ``test`` (``"excess"`` of kappa in the direction of
    an arm, or ``"paths"`` of detected filaments near the arm) and each ``threshold`` of this test.
    ``found`` is the fraction of arms detected, and ``false`` the rate of false detections in the
    same fields without arms. The table ``coma_masses`` compares the masses from NFW fits with the
    true mass, with the columns described in `pool_coma_masses`.
    """

    name = "coma"
    parts = ("coma",)
    keys = {"coma_arms": ("test", "threshold"), "coma_masses": ()}

    def measure(self, field):
        record = {TRUTH: {"mass": np.array(field.mass)}}
        for name, pair in field.maps.items():
            record[name] = _measure_arms(field.sky, pair, keep_map=field.number == 0)
        return record

    def pool(self, records):
        if not records.has("coma"):
            return {}
        sky = ComaSky()
        tables = {}
        if len(records.parts["coma"]) >= _MIN_FIELDS:
            tables["coma_arms"] = table_of_each(records.names(), lambda name: QTable(arm_rates(
                records.each("coma", name, "profiles"), records.each("coma", name, "shares"), sky
            )))
        masses = pool_coma_masses(records.each("coma", TRUTH, "mass"), sky)
        return {**tables, "coma_masses": QTable([{"estimator": "NFW fit", **masses}])}

    def section(self, page, results):
        if "coma_masses" not in results.tables:
            return
        from lensmap.validation.report._figures_clusters import plot_arms
        from lensmap.validation.report._figures_maps import plot_cluster_maps

        page.section(
            "Mocks of Coma", "No public shear catalog of Coma is known. These are mocks: a "
            "cluster at redshift 0.0231 with substructure and three arms, on fields with "
            "large-scale structure, with 38 galaxies per square arcminute. Each field is mapped "
            "with the arms and without.",
        )
        sky, records = ComaSky(), results.records_of(self.name)
        _mass_table(page, results.tables["coma_masses"][0])
        first = next(record for record in records.parts["coma"] if "map" in record.get(
            results.names[0], {}))
        page.figure(
            "coma", plot_cluster_maps({name: first[name] for name in results.names},
                                      sky.with_arms.wcs),
            "The first mock, with the paths of filaments above a persistence of 2 sigma (Cha et "
            "al. 2025, fig. 10).",
        )
        if "coma_arms" not in results.tables:
            return
        snr = {name: excess_significance(records.each("coma", name, "profiles"), sky)[0]
               for name in results.names}
        page.figure("arms", plot_arms(snr, sky.angles, page.styles),
                    "The excess of kappa by direction, 28 to 90 arcmin from the center (Cha et "
                    "al. 2025, fig. 11), means over fields; vertical lines: the arms.")
        page.text("The fraction of the arms that a test finds, and the fraction that the same test "
                  "finds without arms. The tests: the excess along an arm in units of its scatter "
                  "in other fields, and the fraction of the length of an arm that paths follow.")
        page.table(("", "test", "threshold", "found", "without arms"), [
            [str(row["estimator"]), str(row["test"]), page.number(row["threshold"], None, 1),
             page.number(row["found"], row["found_err"], 2),
             page.number(row["false"], row["false_err"], 2)]
            for row in results.tables["coma_arms"]
        ])


def _mass_table(page, masses):
    page.table(("NFW fits to the shear, M200c in 1e14 solar masses", ""), [
        ["true mass", page.number(masses["true"], None, 2)],
        ["mean of the fits", page.number(masses["mean"], None, 2)],
        ["standard deviation of the fits", page.number(masses["scatter"], None, 2)],
        ["mean lower end of the 68 % intervals", page.number(masses["mean_low"], None, 2)],
        ["mean upper end of the 68 % intervals", page.number(masses["mean_high"], None, 2)],
        ["mean of ln(fit / true mass)", page.number(masses["log_ratio"], masses["log_ratio_err"])],
        ["fraction of intervals with the true mass",
         page.number(masses["covered"], masses["covered_err"], 2)],
    ])


def _measure_arms(sky, pair, keep_map):
    """Measure the azimuthal profile of kappa, and which parts of the arms are near a filament.

    ``pair`` has the map of the field with arms and the map of the same field without arms. The
    result is a dict of arrays whose first axis runs over these two maps: ``profiles``,
    ``(2, n_directions)``, and ``shares``, the fraction of the length of each arm near which a
    filament is detected, ``(2, n_arms)``. If ``keep_map`` is True, it also has the ``map`` with
    arms and the ``paths`` of its filaments.
    """
    kappas = [kappa.replace(uncertainty=None, meta=None) for kappa in pair]
    filaments = [find_filaments(kappa, _MIN_PERSISTENCE) for kappa in kappas]
    profiles = [
        azimuthal_profile(kappa, sky.center, _RADII, n_bins=_N_DIRECTIONS, width=_WIDTH_ARCMIN)[
            "kappa"]
        for kappa in kappas
    ]
    record = {"profiles": np.array(profiles),
              "shares": np.array([_shares(one.paths, sky) for one in filaments])}
    if keep_map:
        kappa = kappas[0]
        record["map"] = np.where(kappa.mask, np.nan, kappa.data).astype(np.float16)
        record["paths"] = _joined(filaments[0].paths)
    return record


def _joined(paths):
    """Return RA and Dec of all filament paths in degrees, ``(2, n)``, with NaN after each path."""
    gap = np.full((2, 1), np.nan)
    parts = [part for path in paths for part in (np.array([path.ra.deg, path.dec.deg]), gap)]
    return np.concatenate(parts, axis=1) if parts else np.zeros((2, 0))


def _shares(paths, sky):
    """Return the fraction of the length of each arm that has a detected filament nearby.

    ``paths`` are the positions along each detected filament, a list of SkyCoord. The fractions are
    from 0 to 1, ``(n_arms,)``.
    """
    rings = np.linspace(*_RADII.to_value(u.arcmin), 13)
    share = np.zeros(len(sky.angles))
    if not paths:
        return share
    positions = SkyCoord(np.concatenate([p.ra.deg for p in paths]),
                         np.concatenate([p.dec.deg for p in paths]), unit="deg")
    distance = sky.center.separation(positions).to_value(u.arcmin)
    direction = sky.center.position_angle(positions).rad
    for i, angle in enumerate(np.radians(sky.angles)):
        along = distance * np.cos(direction - angle)
        near = np.abs(distance * np.sin(direction - angle)) < _MAX_DISTANCE_ARCMIN
        share[i] = np.mean(np.histogram(along[near], rings)[0] > 0)
    return share


def excess_significance(
    profiles: Sequence[np.ndarray], sky: ComaSky
) -> tuple[np.ndarray, np.ndarray]:
    """Return the signal-to-noise ratio of the excess of kappa by direction, and near the arms.

    The mean over directions is subtracted from each profile. The excess of a profile is its
    difference from the mean profile of the fields without arms. The noise is the scatter between
    the fields without arms, averaged over directions. For each field, this mean and this scatter
    are over the other fields only.

    Parameters
    ----------
    profiles : sequence of `numpy.ndarray`
        The profile of kappa by direction with arms and without, ``(2, n_directions)`` for each
        field.
    sky : ComaSky
        The model of the mocks of Coma, with the directions of the arms.

    Returns
    -------
    snr : `numpy.ndarray`
        The signal-to-noise ratio with arms and without, ``(n_fields, 2, n_directions)``.
    at_arms : `numpy.ndarray`
        The highest signal-to-noise ratio near the direction of each arm, ``(n_fields, 2,
        n_arms)``.

    Raises
    ------
    ValueError
        If there are fewer than four fields.
    """
    if len(profiles) < _MIN_FIELDS:
        raise ValueError(
            f"the scatter between the mocks of Coma needs at least {_MIN_FIELDS} mocks, not "
            f"{len(profiles)}: measure more of them (n_coma)"
        )
    kappa = np.array(profiles)
    excess = kappa - np.nanmean(kappa, axis=-1, keepdims=True)
    snr = np.empty_like(excess)
    for i in range(len(excess)):
        others = np.delete(excess[:, 1], i, axis=0)
        scatter = np.sqrt(np.mean(np.var(others, axis=0, ddof=1)))
        snr[i] = (excess[i] - others.mean(axis=0)) / scatter
    directions = np.arange(excess.shape[-1]) * (360.0 / excess.shape[-1])
    offset = np.abs((directions - sky.angles[:, np.newaxis] + 180) % 360 - 180)
    near = offset <= _MAX_ANGLE_DEG
    return snr, np.stack([np.max(snr[..., one], axis=-1) for one in near], axis=-1)


def arm_rates(
    profiles: Sequence[np.ndarray], shares: Sequence[np.ndarray], sky: ComaSky
) -> list[dict]:
    """Return the detection rates of arms, and the false-detection rates in fields without arms.

    Parameters
    ----------
    profiles : sequence of `numpy.ndarray`
        The profile of kappa by direction with arms and without, ``(2, n_directions)`` for each
        field.
    shares : sequence of `numpy.ndarray`
        The fraction of the length of each arm that has a filament path nearby, in the field with
        arms and without, ``(2, n_arms)`` for each field.
    sky : ComaSky
        The model of the mocks of Coma, with the directions of the arms.

    Returns
    -------
    list of dict
        A dict for each test and threshold: ``test``, ``threshold``, and the fractions of all arms
        detected in the fields with arms (``found``) and without (``false``), with errors from the
        scatter between fields in ``..._err``.
    """
    _, at_arms = excess_significance(profiles, sky)
    rows = []
    for test, values in (("excess", at_arms), ("paths", np.array(shares))):
        for threshold in _THRESHOLDS[test]:
            # Average each field first, since the arms of one field are not independent.
            rates = np.mean(values >= threshold, axis=-1)
            found, found_err = mean_and_error(rates[:, 0])
            false, false_err = mean_and_error(rates[:, 1])
            rows.append({"test": test, "threshold": threshold, "found": found,
                         "found_err": found_err, "false": false, "false_err": false_err})
    return rows


def pool_coma_masses(masses: Sequence[np.ndarray], sky: ComaSky) -> dict[str, float]:
    """Compare the masses from NFW fits with the true mass of the cluster.

    Parameters
    ----------
    masses : sequence of `numpy.ndarray`
        The best-fit M200c and the ends of its 68 per cent interval, in 1e14 solar masses, ``(3,)``
        for each field.
    sky : ComaSky
        The model of the mocks of Coma, with the true mass of the cluster.

    Returns
    -------
    dict
        In 1e14 solar masses: the ``true`` mass, the ``mean`` and ``scatter`` of the fits, and the
        mean ends of the intervals, ``mean_low`` and ``mean_high``. Also ``log_ratio``, the mean of
        ln(fit / true mass), and ``covered``, the fraction of the 68 per cent intervals that
        contain the true mass, with their errors in ``..._err``.
    """
    best, low, high = np.array(masses).T
    ratio, ratio_err = mean_and_error(np.log(best / sky.mass))
    covered, covered_err = mean_and_error((low <= sky.mass) & (sky.mass <= high))
    return {
        "true": sky.mass, "mean": float(best.mean()), "scatter": float(best.std(ddof=1)),
        "mean_low": float(np.mean(low)), "mean_high": float(np.mean(high)),
        "log_ratio": ratio, "log_ratio_err": ratio_err,
        "covered": covered, "covered_err": covered_err,
    }

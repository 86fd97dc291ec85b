# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""All that a validation measures on one field."""

import json

import numpy as np

from lensmap.maps import ConvergenceMap
from lensmap.scores import coverage_in_bins, distance_to_mask
from lensmap.validation._compare import error_about_truth, field_scores
from lensmap.validation.measures._clusters import ClusterReference, measure_clusters
from lensmap.validation.measures._pixel_counts import NULL_EDGES, count_pairs, count_pixels
from lensmap.validation.measures._residuals import measure_residuals
from lensmap.validation.measures._scales import Scales

__all__ = ["COVERAGE_COLUMNS", "measure_field", "measure_null", "scores_of"]

#: What is kept of the tables of `coverage_in_bins`.
COVERAGE_COLUMNS = ("bin_low", "bin_high", "n", "coverage", "half_width", "bias", "rms")

# The 68 per cent interval of what is called an error.
_PERCENT = 68


def measure_field(field, setup, *, clusters=True, keep_maps=False):
    """Measure the maps of a field.

    Parameters
    ----------
    field : FieldMaps
        The field.
    setup : ValidationSetup
        What it is of.
    clusters : bool
        Whether clusters are counted.
    keep_maps : bool
        Whether the maps themselves are kept, in half precision.

    Returns
    -------
    dict
        What `RecordFolder.save` takes.
    """
    truth, grid, halos = field.observation
    mask, scale = field.mask, setup.sky.pixel_scale
    maps = [np.asarray(kappa.data, dtype=float) for kappa in field.maps.values()]
    record = {
        "scores": json.dumps(field_scores(field, setup)),
        "counts": np.array([count_pixels(values[~mask]) for values in (truth, *maps)]),
        "relation": np.array([count_pairs(truth[~mask], values[~mask]) for values in maps]),
        "scales": Scales(mask, scale).measure(truth, maps),
        "residuals": measure_residuals(truth, maps, mask, distance_to_mask(grid.mask, scale)),
        "coverage": np.array([_coverage(truth, kappa, mask) for kappa in field.maps.values()]),
    }
    if clusters:
        true_map = ConvergenceMap(truth, mask=mask, wcs=grid.wcs)
        reference = ClusterReference(true_map, halos, setup.sky.z_source, setup.sky.cosmology)
        record["clusters"] = measure_clusters(reference, maps, rng=field.number)
    if keep_maps:
        planes = np.where(mask, np.nan, np.array([truth, *maps]))
        record["maps"] = planes.astype(np.float16)
    return record


def _coverage(truth, kappa, mask):
    """Return the coverage in bins, ``(n_columns, n_bins)``, NaN where there is no such error."""
    error = error_about_truth(kappa)
    if isinstance(error, dict):
        error = error.get(_PERCENT)
    known = error is not None
    table = coverage_in_bins(truth, kappa.data, error if known else 0.0, mask)
    columns = np.array([np.asarray(table[name], dtype=float) for name in COVERAGE_COLUMNS])
    return columns if known else np.full_like(columns, np.nan)


def measure_null(field, setup):
    """Measure the maps of a field without lensing.

    Parameters
    ----------
    field, setup : object
        As for `measure_field`.

    Returns
    -------
    dict
        What `RecordFolder.save` takes.
    """
    mask = field.mask
    return {
        "scores": json.dumps(field_scores(field, setup), default=_number),
        "counts": np.array([count_pixels(np.asarray(kappa.data, dtype=float)[~mask], NULL_EDGES)
                            for kappa in field.maps.values()]),
    }


def _number(quantity):
    """Return a quantity, which is a density of peaks per square degree, as JSON can hold it."""
    return float(quantity.value)


def scores_of(records):
    """Return the rows of `compare` that records hold.

    Parameters
    ----------
    records : list of dict
        What `measure_field` or `measure_null` gave for each field.

    Returns
    -------
    list of dict
        One for each field and estimator.
    """
    return [row for record in records for row in json.loads(str(record["scores"]))]

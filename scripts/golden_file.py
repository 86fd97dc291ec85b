# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The file of golden.py: results as JSON, and the comparison of two of them."""

import dataclasses
import hashlib
import json

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table

from lensmap.catalog import ShearCatalog
from lensmap.grid import ShearGrid
from lensmap.injection import HaloRecovery
from lensmap.maps import ConvergenceMap
from lensmap.profiles import NFWFit
from lensmap.simulate import LensingField

#: What is called otherwise in the file, such as columns: new name to old name.
OLD_NAMES = {}

#: How far numbers may differ, in units of the largest of those that belong together.
TOLERANCE = 1e-6
#: Processors differ in the order of the sums of convolutions.
LOOSER = {"networks": 5e-4}

#: An array of so many elements is written as it is.
SHORT = 8


def parts_of(value):
    """Return the parts of a result that is made of several, or None."""
    for kind, split in _SPLIT.items():
        if isinstance(value, kind):
            return split(value)
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return value._asdict()
    if dataclasses.is_dataclass(value):
        names = [item.name for item in dataclasses.fields(value)]
        return {name: getattr(value, name) for name in names if not name.startswith("_")}
    if isinstance(value, (list, tuple)) and not all(np.isscalar(one) for one in value):
        return {f"{number:02d}": one for number, one in enumerate(value)}
    return None


def _of_map(kappa):
    error = kappa.uncertainty
    return {"data": kappa.data, "mask": kappa.mask, "counts": kappa.counts, "B": kappa.kappa_b,
            "error": None if error is None else error.array}


def _of_field(field):
    return {"kappa": field.kappa.data, "gamma": field.gamma, "halos": field.halos}


def _of_catalog(catalog):
    table = catalog.table
    return {"convention": catalog.convention, "kind": catalog.kind,
            **{name: table[name] for name in table.colnames}}


def _of_grid(grid):
    return {"g1": grid.g1, "g2": grid.g2, "weight": grid.weight, "sigma": grid.sigma,
            "count": grid.count, "mask": grid.mask,
            "galaxies": [grid.n_used, grid.n_outside, grid.n_masked, grid.n_left_out]}


def _of_fit(fit):
    return {"m200c": fit.m200c, "low": fit.m200c_low, "high": fit.m200c_high, "c200c": fit.c200c,
            "values": fit.values, "covariance": fit.covariance, "chi2": fit.chi2,
            "n_data": fit.n_data, "success": bool(fit.success), "position": fit.position}


def _of_recovery(recovery):
    return {"halos": recovery.halos, "summary": recovery.summary(), "cells": recovery.cells(2),
            "false": recovery.false_positives(), "chance": recovery.chance,
            "threshold": recovery.threshold, "density": recovery.peak_density}


def _of_positions(sky):
    return {"ra": sky.icrs.ra.deg, "dec": sky.icrs.dec.deg}


_SPLIT = {
    ConvergenceMap: _of_map,
    LensingField: _of_field,
    ShearCatalog: _of_catalog,
    ShearGrid: _of_grid,
    NFWFit: _of_fit,
    HaloRecovery: _of_recovery,
    SkyCoord: _of_positions,
    Table: lambda table: {name: table[name] for name in table.colnames},
    dict: dict,
}


def flatten(value, name=""):
    """Yield the name and the JSON of each number, text and array of a result."""
    parts = parts_of(value)
    if parts is None:
        yield name, leaf(value)
        return
    for key, part in parts.items():
        key = OLD_NAMES.get(str(key), str(key))
        yield from flatten(part, f"{name}/{key}" if name else key)


def leaf(value):
    """Return the JSON of a number, a text or an array."""
    if isinstance(value, str):
        return OLD_NAMES.get(value, value)
    if value is None or isinstance(value, bool):
        return value
    unit = str(getattr(value, "unit", None) or "")
    array = np.asarray(getattr(value, "value", value))
    if array.dtype.kind in "USO":
        return of_texts([OLD_NAMES.get(str(one), str(one)) for one in array.ravel()])
    if array.dtype.kind == "c":
        array = np.stack([array.real, array.imag], axis=-1)
    if array.ndim == 0 and not unit:
        return number(array)
    if array.size <= SHORT:
        values = [number(one) for one in array.ravel()]
        return {"unit": unit, "values": values} if unit else values
    return of_array(array, unit)


def of_texts(texts):
    """Return the JSON of an array of texts."""
    if len(texts) <= SHORT:
        return texts
    digest = hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]
    return {"texts": len(texts), "sha256": digest}


def of_array(array, unit):
    """Return the summary of an array; ``stats`` are mean, standard deviation and extremes."""
    values = array.astype(float)
    finite = values[np.isfinite(values)]
    some = values.ravel()[np.linspace(0, values.size - 1, 6).astype(int)[1:-1]]
    result = {"shape": list(array.shape), "sha256": digest_of(values)}
    if unit:
        result["unit"] = unit
    if finite.size < values.size:
        result["finite"] = int(finite.size)
    if finite.size:
        stats = (finite.mean(), finite.std(), finite.min(), finite.max())
        result["stats"] = [number(one) for one in stats]
    result["some"] = [number(one) for one in some]
    return result


def digest_of(values):
    """Return a digest of numbers, rounded to a millionth of the decade of the largest."""
    largest = np.max(np.abs(values), initial=0, where=np.isfinite(values))
    if largest > 0:
        values = np.round(values / 10.0 ** (np.ceil(np.log10(largest)) - 6))
    # Neither zeros nor what is no number have signs.
    values = np.where(np.isnan(values), np.nan, values + 0.0)
    text = f"{values.shape}".encode() + np.ascontiguousarray(values).tobytes()
    return hashlib.sha256(text).hexdigest()[:16]


def number(value):
    """Return a number with 8 significant digits; what is not finite, as a text."""
    value = value.item() if isinstance(value, np.generic | np.ndarray) else value
    if isinstance(value, (bool, int)):
        return value
    return float(f"{value:.8g}") if np.isfinite(value) else str(value)


def text_of(results):
    """Return the text of the file: a line for each result, sorted."""
    sections = []
    for section, entries in sorted(results.items()):
        lines = (f"  {json.dumps(key)}: {json.dumps(value, sort_keys=True)}"
                 for key, value in sorted(entries.items()))
        sections.append(f" {json.dumps(section)}: {{\n" + ",\n".join(lines) + "\n }")
    return "{\n" + ",\n".join(sections) + "\n}\n"


def differences(old, new, tolerance, exact):
    """Yield what differs between the JSON of two results, in words."""
    if isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
        for key in sorted(old.keys() - (set() if exact else {"sha256"})):
            told = differences(old[key], new[key], tolerance, exact)
            yield from (f"{key}: {text}" for text in told)
    elif not same(old, new, tolerance):
        yield f"{json.dumps(old)} is now {json.dumps(new)}"


def same(old, new, tolerance):
    """Return whether two leaves agree: numbers of a list to the tolerance times the largest."""
    one, two = (value if isinstance(value, list) else [value] for value in (old, new))
    if len(one) != len(two):
        return False
    numbers = [value for value in one if isinstance(value, float)]
    allowed = tolerance * max(map(abs, numbers), default=0.0)
    return all(
        abs(a - b) <= allowed + 1e-12 if isinstance(a, float) and isinstance(b, (int, float))
        else a == b
        for a, b in zip(one, two, strict=True)
    )


def compare(old, new, exact):
    """Return all differences of two files, a line for each."""
    lines = []
    for section in sorted(old.keys() | new.keys()):
        before, after = old.get(section, {}), new.get(section, {})
        tolerance = LOOSER.get(section, TOLERANCE)
        for key in sorted(before.keys() | after.keys()):
            if key not in after or key not in before:
                lines.append(f"{section}: {key}: {'gone' if key in before else 'new'}")
                continue
            told = differences(before[key], after[key], tolerance, exact)
            lines += [f"{section}: {key}: {text}" for text in told]
    return lines

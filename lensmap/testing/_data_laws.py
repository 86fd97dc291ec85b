# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tests of estimator classes on invalid rows, masks, copies, files, tables and parts of fields.

A law is one property that every class for the reconstruction of mass maps must have. Each function
here tests one law for `check_estimator`: the laws with the numbers 5, 7 to 9 and 12 to 15.
"""

import copy
import pickle
import tempfile
import warnings
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.nddata import StdDevUncertainty
from astropy.table import Table
from astropy.wcs import WCS

from lensmap.catalog import ShearCatalog
from lensmap.maps import ConvergenceMap
from lensmap.testing._case import CENTER, SCALE, WCS_OF_NOISE, Case, law
from lensmap.testing._report import Skipped
from lensmap.testing._sky import catalog_columns, tangent_wcs, uniform_sky
from lensmap.utils import CatalogWarning

__all__: list[str] = []

# Sides in pixels: the tile whose map is compared with that of the whole field, the part of the
# field outside the margin of the tile, and the largest field for which the law is tested.
_TILE_PIXELS, _OUTER_PIXELS, _MAX_FIELD_PIXELS = 24, 8, 400


# --- 5. invalid rows ------------------------------------------------------------------------


@law("5", "rows that are not finite change nothing but a warning and a count", None)
def bad_rows(case: Case) -> None:
    """Require that an estimator leaves out catalog rows with NaN or infinity.

    It must count these rows in the metadata of the map, and warn about them.
    """
    columns = case.noise()
    kappa = case.map(columns)
    for name in ("ra", "dec", "e1", "e2", "weight"):
        for value in (np.nan, np.inf):
            more = {key: np.append(values, values[0]) for key, values in columns.items()}
            more[name][-1] = value
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                other = case.map(more)
            warned = any(issubclass(one.category, CatalogWarning) for one in caught)
            case.true(warned, f"no CatalogWarning for {name}={value}", "one")
            n_left_out = other.meta["n_left_out"]
            case.true(n_left_out == 1, f"n_left_out {n_left_out} for {name}={value}", "1")
            case.same_maps(other, kappa, f"{name}={value}")


# --- 7. masks -------------------------------------------------------------------------------


@law("7", "masked pixels have no influence and are masked")
def masks(case: Case) -> None:
    """Require that masked pixels are NaN, and that galaxies in them do not change the map."""
    columns, mask = case.noise(), np.zeros(WCS_OF_NOISE.array_shape, dtype=bool)
    mask[8:14, 10:18] = True
    kappa = case.map(columns, WCS_OF_NOISE, mask)
    case.true(kappa.mask[mask].all(), f"{(~kappa.mask[mask]).sum()} unmasked in the hole", "0")
    case.true(np.isnan(kappa.data[mask]).all(), "values in masked pixels", "NaN")
    case.true(not kappa.mask.all(), "all pixels masked", "the hole, and pixels without galaxies")
    x, y = WCS_OF_NOISE.world_to_pixel(SkyCoord(columns["ra"], columns["dec"], unit="deg"))
    inside = (y > 7.5) & (y < 13.5) & (x > 9.5) & (x < 17.5)
    n_masked = kappa.meta["n_masked"]
    case.true(n_masked == inside.sum(), f"n_masked {n_masked}", str(inside.sum()))
    changed = {**columns, "e1": np.where(inside, 0.9, columns["e1"])}
    case.same_maps(case.map(changed, WCS_OF_NOISE, mask), kappa, "other galaxies in the hole")


# --- 8. no hidden state ---------------------------------------------------------------------


def _with_rotations(case, **more):
    """Return estimator parameters for an uncertainty from three random rotations of the galaxies.

    The parameters include a seed. Parameters that the tested class does not have are left out.
    Keyword arguments replace or supplement the parameters.
    """
    parameters = {"uncertainty": "rotations", "n_realizations": 3, "rng": 5} | more
    parameters = {name: value for name, value in parameters.items() if name in case.options}
    if "rotations" not in case.kinds:
        parameters.pop("uncertainty", None)
    return parameters


@law("8a", "calling twice and copies give identical results", None)
def no_state(case: Case) -> None:
    """Require the same map from an estimator in two calls, and from each of its copies.

    The copies include a pickled estimator, and an estimator made by evaluating the ``repr``.
    """
    columns = case.noise()
    estimator = case.estimator(**_with_rotations(case))
    before = repr(estimator)

    def reconstruct(one):
        catalog = ShearCatalog(dict(columns), "generic", "celestial", "shear")
        return one.reconstruct(catalog, case.pixels)

    first = reconstruct(estimator)
    copies = {
        "the second call": lambda: estimator,
        "a deep copy": lambda: copy.deepcopy(estimator),
        "a pickle": lambda: pickle.loads(pickle.dumps(estimator)),
        "replace()": estimator.replace,
        "its repr": lambda: eval(before, {case.cls.__name__: case.cls}),
    }
    for name, make in copies.items():
        twin = make()
        case.true(repr(twin) == before, f"repr {repr(twin)} of {name}", before)
        again = reconstruct(twin)
        case.same_maps(again, first, name)
        if first.uncertainty is not None:
            case.same(again.uncertainty.array, first.uncertainty.array, f"uncertainty of {name}")


@law("8b", "a seed is not used up", None)
def seeds(case: Case) -> None:
    """Require the same uncertainty in two maps made with the same `~numpy.random.SeedSequence`.

    A `~numpy.random.SeedSequence` counts the seeds that it has spawned. An estimator must not
    change this count, or the second map would have other random numbers.
    """
    case.need_parameter("rng")
    seed = np.random.SeedSequence(1, spawn_key=(2,))
    given = _with_rotations(case, n_realizations=2, rng=seed)
    case.need("uncertainty" in given, "there is no uncertainty from rotations")
    estimator = case.estimator(**given)
    first, second = (
        estimator.reconstruct(
            ShearCatalog(case.noise(), "generic", "celestial", "shear"), case.pixels
        )
        for _ in range(2)
    )
    case.same(second.uncertainty.array, first.uncertainty.array, "the uncertainty")


# --- 9. files -------------------------------------------------------------------------------


@law("9", "a part of a map survives a file")
def files(case: Case) -> None:
    """Require that a cutout of a map is the same after it is written to a FITS file and read back.

    This includes values, mask, WCS and metadata.
    """
    mask = np.zeros(WCS_OF_NOISE.array_shape, dtype=bool)
    mask[5:8, 9:12] = True
    kappa = case.map(case.noise(), WCS_OF_NOISE, mask, _with_rotations(case, n_realizations=2))
    view = np.s_[3:40, 4:50]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kappa.fits"
        kappa[view].write(path)
        back = ConvergenceMap.read(path)
    case.true(type(back.wcs) is WCS, f"wcs is a {type(back.wcs).__name__}", "WCS")
    case.true(back.unit == u.dimensionless_unscaled, f"unit {back.unit}", "dimensionless")
    separation = back.wcs.pixel_to_world(3, 5).separation(kappa.wcs.pixel_to_world(7, 8))
    case.at_most(separation.to_value(u.arcsec), 1e-6, "arcsec between the pixels")
    case.same(back.data, kappa.data[view], "kappa")
    case.same(back.mask, kappa.mask[view], "the mask")
    case.same(back.counts, kappa.counts[view], "the counts")
    if kappa.kappa_b is not None:
        case.same(back.kappa_b, kappa.kappa_b[view], "kappa_b")
    if kappa.uncertainty is not None:
        case.true(isinstance(back.uncertainty, StdDevUncertainty), "another uncertainty", "sigma")
        case.same(back.uncertainty.array, kappa.uncertainty.array[view], "the uncertainty")
    meta = kappa[view].meta
    case.true(back.meta == meta, f"meta {back.meta}", str(meta))
    case.true(
        back.meta["estimator"] == case.cls.__name__, f"estimator {back.meta['estimator']}",
        case.cls.__name__,
    )
    case.true(
        back.meta["quantity"] == case.cls.quantity, f"quantity {back.meta['quantity']}",
        case.cls.quantity,
    )


# --- 12 and 13. tables and geometries -------------------------------------------------------


@law("12", "a table that declares its convention gives the same map", None)
def tables(case: Case) -> None:
    """Require that a table in another convention of e2 gives the same map.

    The metadata of the table declare the ``"euclidean"`` convention, in which e2 has the opposite
    sign.
    """
    columns = case.noise()
    table = Table(
        {**columns, "e2": -columns["e2"]}, meta={"convention": "euclidean", "kind": "shear"}
    )
    kappa = case.estimator().reconstruct(table, case.pixels)
    case.same_maps(kappa, case.map(columns), "the table")
    convention = kappa.meta["convention"]
    case.true(convention == "euclidean", f"convention {convention}", "euclidean")


class _OtherPixels:
    """A stand-in for a grid of pixels with a geometry that the tested class does not support."""

    def __init__(self, geometry):
        self.geometry = geometry


@law("13", "pixels of another geometry are one TypeError", None)
def other_geometry(case: Case) -> None:
    """Require a TypeError for pixels of an unsupported geometry, ``"plane"`` or ``"sphere"``.

    The message must name the geometry.
    """
    other = _OtherPixels("plane" if case.cls.geometry == "sphere" else "sphere")
    try:
        case.estimator().reconstruct(other)
    except TypeError as error:
        text = str(error)
        case.true(other.geometry in text, f"the message {text!r}", f"one with {other.geometry!r}")
    else:
        case.true(False, "no error", "TypeError")


# --- 14 and 15. parts of a field ------------------------------------------------------------


@law("14", "sums of two parts of a catalog add up to those of the whole", None)
def sums_add(case: Case) -> None:
    """Require the same fitted model from a whole catalog and from two parts of it.

    An estimator fits its model, such as a noise power spectrum, to sums over galaxies. The sums of
    the two parts are added before the fit.
    """
    columns, estimator = case.noise(), case.estimator()
    catalog = ShearCatalog(columns, "generic", "celestial", "shear")
    middle = len(columns["ra"]) // 3
    parts = (np.s_[:middle], np.s_[middle:], np.s_[:])
    grids = [case.grid(estimator, catalog.select(part)) for part in parts]
    one, other, whole = (estimator.measure(grid) for grid in grids)
    case.need(whole is not None, "measure returns None")
    fits = [_numbers(estimator.fit(sums)) for sums in (one + other, whole)]
    case.need(fits[0] is not None, "fit returns no numbers that can be compared")
    case.at_most(
        np.max(np.abs(fits[0] - fits[1]) / np.maximum(np.abs(fits[1]), 1e-300)), 1e-6,
        "relative difference of the fits",
    )


def _numbers(value):
    """Return the numbers in an estimator's fitted model as a one-dimensional array.

    Return None if the model holds objects that are not numbers.
    """
    if isinstance(value, dict):
        value = list(value.values())
    elif hasattr(value, "__dict__") and not isinstance(value, np.ndarray):
        value = list(vars(value).values())
    try:
        return np.concatenate([np.ravel(np.asarray(part, dtype=float)) for part in
                               (value if isinstance(value, (list, tuple)) else [value])])
    except (TypeError, ValueError):
        return None


@law("15", "a tile with its margin gives the map of the whole field")
def tiles(case: Case) -> None:
    """Require that the map of a tile with a margin equals that part of the map of the whole field.

    The width of the margin is the distance from which galaxies contribute to the map, as declared
    by the estimator.
    """
    estimator = case.estimator()
    reach = estimator.reach(SCALE * u.arcmin)
    if reach is None:
        raise Skipped("reach is None: galaxies at all distances contribute")
    margin = int(np.ceil(reach.to_value(u.arcmin) / SCALE))
    n = _TILE_PIXELS + 2 * (margin + _OUTER_PIXELS)
    case.need(n <= _MAX_FIELD_PIXELS, f"the field would need {n} pixels a side")
    wcs = tangent_wcs(CENTER, (n, n), SCALE)
    rng = np.random.default_rng(case.seed)
    n_galaxies = 3 * n**2
    sky = uniform_sky(CENTER, 0.75 * n * SCALE / 60, n_galaxies, rng)
    e = 0.25 * (rng.normal(size=n_galaxies) + 1j * rng.normal(size=n_galaxies))
    catalog = ShearCatalog(catalog_columns(sky, e), "generic", "celestial", "shear")
    whole = case.grid(estimator, catalog, wcs)
    fitted = estimator.fit(estimator.measure(whole))
    with_margin = slice(_OUTER_PIXELS, n - _OUTER_PIXELS)
    part = case.grid(estimator, catalog, wcs.slice((with_margin, with_margin)))
    tile = slice(margin + _OUTER_PIXELS, margin + _OUTER_PIXELS + _TILE_PIXELS)
    inner = slice(margin, margin + _TILE_PIXELS)
    one, other = (
        estimator.invert(grid, estimator.prepare(grid, fitted)).kappa[view, view]
        for grid, view in ((whole, tile), (part, inner))
    )
    case.same(other, one, "kappa of the tile", 10 * case.contract.tolerance)

# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tests of estimator classes on the sphere: mirrored and rotated skies, masks and files.

A law is one property that every class for the reconstruction of mass maps must have. Each function
here tests one law for `check_estimator`, for classes with the geometry ``"sphere"``.
"""

import tempfile
from pathlib import Path

import numpy as np

from lensmap.maps import HealpixMap
from lensmap.testing._case import law
from lensmap.testing._data_laws import _with_rotations
from lensmap.testing._sphere_case import SphereCase
from lensmap.utils import has_suffix

__all__: list[str] = []


def _moved(kappa, lon, lat):
    """Return kappa and the B-mode of a map at the pixels whose centers are ``lon``, ``lat``."""
    nested = kappa.pixels.at(lon, lat)
    place = np.minimum(np.searchsorted(kappa.index, nested), len(kappa.index) - 1)
    has_pixel = kappa.index[place] == nested
    values = [np.where(has_pixel, kappa.data[place], np.nan)]
    if kappa.kappa_b is not None:
        values.append(np.where(has_pixel, kappa.kappa_b[place], np.nan))
    return values


@law("4a", "a mirrored sky gives a mirrored map", "sphere")
def mirrored_sky(case: SphereCase) -> None:
    """Require that a catalog mirrored in declination gives a mirrored map.

    In the mirrored catalog, e2 changes sign. The pixels of HEALPix are the same on both sides of
    the equator. The E-mode must be mirrored. The B-mode must be mirrored and change sign.
    """
    columns, settings = case.noise(), case.contract.symmetric
    mirrored = {**columns, "dec": -columns["dec"], "e2": -columns["e2"]}
    kappa = case.map(columns, None, None, settings)
    lon, lat = kappa.pixels.centers(kappa.index)
    other = _moved(case.map(mirrored, None, None, settings), lon, -lat)
    tolerance = 10 * case.contract.tolerance
    case.same(other[0], kappa.data, "kappa", tolerance)
    if kappa.kappa_b is not None:
        case.same(other[1], -kappa.kappa_b, "kappa_b", tolerance)


@law("4b", "a rotated sky gives a rotated map", "sphere")
def rotated_sky(case: SphereCase) -> None:
    """Require that a catalog rotated about the pole by quarter turns gives a rotated map."""
    columns, settings = case.noise(), case.contract.symmetric
    kappa = case.map(columns, None, None, settings)
    lon, lat = kappa.pixels.centers(kappa.index)
    for angle in (90, 180, 270):
        rotated = case.map({**columns, "ra": (columns["ra"] + angle) % 360}, None, None, settings)
        other = _moved(rotated, lon + angle, lat)
        tolerance = 10 * case.contract.tolerance
        case.same(other[0], kappa.data, f"kappa, {angle} deg", tolerance)
        if kappa.kappa_b is not None:
            case.same(other[1], kappa.kappa_b, f"kappa_b, {angle} deg", tolerance)


def _hole(case, columns):
    """Return a mask of some pixels with galaxies, whether galaxies are in it, and its pixels."""
    from astropy_healpix import HEALPix

    grid = HEALPix(case.pixels.nside, "nested", frame=case.pixels.frame)
    nested = case.pixels.at(columns["ra"], columns["dec"])
    hole = np.unique(nested)[20:60:4]
    inside = np.zeros(case.pixels.n_pixels, dtype=bool)
    inside[hole] = True
    return (inside, grid), inside[nested], hole


@law("7", "masked pixels have no influence and are masked", "sphere")
def masks(case: SphereCase) -> None:
    """Require that masked pixels are NaN, and that galaxies in them do not change the map."""
    columns = case.noise()
    mask, inside, hole = _hole(case, columns)
    kappa = case.map(columns, None, mask)
    masked = np.isin(kappa.index, hole)
    case.true(masked.sum() == len(hole), f"{masked.sum()} pixels of the hole", str(len(hole)))
    case.true(kappa.mask[masked].all(), f"{(~kappa.mask[masked]).sum()} unmasked in the hole", "0")
    case.true(np.isnan(kappa.data[masked]).all(), "values in masked pixels", "NaN")
    case.true(not kappa.mask.all(), "all pixels masked", "the hole, and pixels without galaxies")
    n_masked = kappa.meta["n_masked"]
    case.true(n_masked == inside.sum(), f"n_masked {n_masked}", str(inside.sum()))
    changed = {**columns, "e1": np.where(inside, 0.9, columns["e1"])}
    case.same_maps(case.map(changed, None, mask), kappa, "other galaxies in the hole")


@law("9", "a map survives a file", "sphere")
def files(case: SphereCase) -> None:
    """Require that a map is the same after it is written to a FITS file and read back.

    If the package healsparse is installed, the unmasked pixels must survive a HealSparse file, too.
    """
    columns = case.noise()
    kappa = case.map(columns, None, _hole(case, columns)[0], _with_rotations(case))
    names = ["kappa.fits"]
    try:
        import healsparse  # noqa: F401
    except ImportError:
        pass
    else:
        names.append("kappa.hsp")
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            kappa.write(Path(folder) / name)
            back = HealpixMap.read(Path(folder) / name)
            kept = ~kappa.mask if has_suffix(name, (".hsp",)) else np.ones(len(kappa.data), bool)
            case.true(back.pixels == kappa.pixels, f"pixels {back.pixels}", str(kappa.pixels))
            for part in ("index", "data", "mask", "counts", "kappa_b"):
                values = getattr(kappa, part)
                if values is not None:
                    case.same(getattr(back, part), values[kept], f"{part} of {name}")
            if kappa.uncertainty is not None:
                error = kappa.uncertainty.array[kept]
                case.same(back.uncertainty.array, error, f"the uncertainty of {name}")
            case.true(back.meta == kappa.meta, f"meta {back.meta}", str(kappa.meta))
    for name, expected in (("estimator", case.cls.__name__), ("quantity", case.cls.quantity)):
        case.true(kappa.meta[name] == expected, f"{name} {kappa.meta[name]}", expected)

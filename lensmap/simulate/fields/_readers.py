# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Readers for the convergence maps of public simulations."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS

from lensmap.grid import PixelFrame
from lensmap.maps import ConvergenceMap
from lensmap.simulate.fields._files import open_hdf5, read_hdf5_map, require_file
from lensmap.simulate.fields._flat_wcs import flat_wcs
from lensmap.simulate.fields._lensing_field import LensingField
from lensmap.utils import (
    HDF5_SUFFIXES,
    ParameterError,
    check_angle,
    check_count,
    has_suffix,
    printable,
    reading,
)

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from numpy.typing import ArrayLike

    from lensmap.typing import AngleLike, PathLike, RedshiftLike

__all__ = ["read_field", "read_kappatng", "read_lenstools", "read_massivenus"]

# The redshifts of the source planes of kappaTNG, keyed by the number of the plane.
_KAPPATNG_REDSHIFTS = {23: 1.034}

_KAPPATNG_WIDTH = 5 * u.deg


def read_field(
    source: ArrayLike | PathLike,
    *,
    width: AngleLike | None = None,
    pixel_scale: AngleLike | None = None,
    center: SkyCoord | None = None,
    z_source: RedshiftLike | None = None,
    padding: float = 2.0,
) -> LensingField:
    """Make a lensing field, with shear, from any convergence map on square pixels.

    Parameters
    ----------
    source : array_like or path-like
        The convergence, dimensionless, as an array, ``(ny, nx)``, or as a FITS, HDF5 or NumPy
        ``.npy`` file. The first index is y, the second x. Of an HDF5 file, the only dataset of two
        dimensions is read, or the dataset ``kappa``. A celestial WCS in a FITS file is used unless
        ``width`` or ``pixel_scale`` is given; so is the FITS keyword ANGLE, the side in degrees.
    width : `~astropy.units.Quantity`, str or None
        The angular side of a square map.
    pixel_scale : `~astropy.units.Quantity`, str or None
        The angular side of a pixel, to be given instead of ``width``.
    center : `~astropy.coordinates.SkyCoord` or None
        The center of a map without a WCS. The map is placed on a tangent plane with north up and
        east left. If None, RA 180 deg, Dec 0.
    z_source : float, `lensmap.cosmology.SourceRedshifts` or None
        The redshift of the sources or their redshift distribution. None if it is unknown.
    padding : float
        The size of the padded map in units of the size of the map, used to compute the shear. See
        `LensingField.from_kappa`.

    Returns
    -------
    LensingField
        The field, with the floating-point precision of the map.

    Raises
    ------
    TypeError
        If ``width`` or ``pixel_scale`` has no unit, ``center`` is not a single position, or the
        values of the map are not real.
    ValueError
        If ``width`` and ``pixel_scale`` are both given, if neither is given for a map without a
        WCS, if ``center`` is given for a map with a WCS, or if the map is not two-dimensional. Also
        if ``width`` is given for a map that is not square, or if the pixels are not square.
    FileNotFoundError
        If the file does not exist.

    Examples
    --------
    >>> import numpy as np
    >>> from lensmap.simulate import read_field
    >>> field = read_field(np.zeros((64, 64)), width="30 arcmin", z_source=1.0)
    >>> field.kappa.pixel_scale.to("arcmin").round(3)
    <Quantity 0.469 arcmin>
    """
    if width is not None and pixel_scale is not None:
        raise ParameterError(
            "width", "left out if {pixel_scale} is given", remedy="give only one of the two"
        )
    label = "the map"
    if isinstance(source, (str, os.PathLike)):
        label = repr(str(source))
        source, header = _read_image(source)
        if width is None and pixel_scale is None and header is not None:
            wcs = WCS(header)
            if wcs.has_celestial:
                return _celestial_field(source, wcs, center, z_source, padding, label)
            width = _header_width(header)
    values = np.asarray(source)
    if values.dtype.kind not in "iuf":
        raise TypeError(f"the values of {label} must be real numbers, not {values.dtype}")
    return _flat_field(values, width, pixel_scale, center, z_source, padding, label)


def read_lenstools(
    path: PathLike,
    *,
    width: AngleLike | None = None,
    center: SkyCoord | None = None,
    z_source: RedshiftLike | None = None,
    padding: float = 2.0,
) -> LensingField:
    """Read a convergence map written by LensTools, and compute its shear.

    The FITS keyword ANGLE holds the side of the map in degrees.

    Parameters
    ----------
    path : path-like
        The FITS file.
    width : `~astropy.units.Quantity`, str or None
        The angular side of the map. If None, it is read from the FITS header.
    center, z_source, padding
        The center of the map on the sky, the redshift of the sources, and the size of the padded
        map in units of the size of the map, as for `read_field`.

    Returns
    -------
    LensingField
        The field.

    Raises
    ------
    ValueError
        If the side of the map is neither given nor in the FITS header, the map is not square, or
        the file is not a FITS image.
    FileNotFoundError
        If the file does not exist.
    """
    values, header = _read_image(path, ("fits",))
    if width is None:
        width = _header_width(header)
    if width is None:
        raise ParameterError(
            "width", "given",
            remedy=f"the header of {str(path)!r} has no keyword ANGLE, which would "
            "give the side of the map in degrees",
        )
    return _flat_field(values, width, None, center, z_source, padding, repr(str(path)))


def read_massivenus(
    path: PathLike,
    *,
    width: AngleLike | None = None,
    center: SkyCoord | None = None,
    z_source: RedshiftLike | None = None,
    padding: float = 2.0,
) -> LensingField:
    """Read a convergence map of the MassiveNuS simulations, and compute its shear.

    Parameters
    ----------
    path : path-like
        A FITS file such as ``Maps25/WLconv_z2.50_0001r.fits``, with 512 x 512 pixels over a side of
        3.5 deg.
    width : `~astropy.units.Quantity`, str or None
        The angular side of the map. If None, it is read from the FITS header.
    center : `~astropy.coordinates.SkyCoord` or None
        The center of the map on the sky. If None, RA 180 deg, Dec 0.
    z_source : float, `lensmap.cosmology.SourceRedshifts` or None
        The redshift of the sources or their redshift distribution. If None, the redshift in the
        name of the file.
    padding : float
        The size of the padded map in units of the size of the map, used to compute the shear.

    Returns
    -------
    LensingField
        The field.

    Raises
    ------
    ValueError
        If ``z_source`` is None and the name of the file has no redshift, or for the reasons listed
        at `read_lenstools`.
    FileNotFoundError
        If the file does not exist.

    References
    ----------
    Liu et al. 2018, JCAP 03, 049.
    """
    if z_source is None:
        match = re.search(r"_z(\d+\.\d+)_", Path(path).name)
        if match is None:
            raise ParameterError(
                "z_source",
                "given",
                remedy=f"the name of {str(path)!r} holds no redshift, as "
                "'WLconv_z2.50_0001r.fits' does",
            )
        z_source = float(match[1])
    return read_lenstools(path, width=width, center=center, z_source=z_source, padding=padding)


def read_kappatng(
    path: PathLike,
    *,
    source_plane: int | None = None,
    width: AngleLike = _KAPPATNG_WIDTH,
    center: SkyCoord | None = None,
    z_source: RedshiftLike | None = None,
    padding: float = 2.0,
) -> LensingField:
    """Read a convergence map of the kappaTNG simulations, and compute its shear.

    Parameters
    ----------
    path : path-like
        An HDF5 file (``.h5``, ``.hdf5``) with datasets such as ``z23/kappa``, or the binary file of
        one source plane, such as ``kappa23.dat``. A binary file holds the number of pixels along a
        side (int32), the pixels (float64), and the number of pixels along a side again.
    source_plane : int or None
        The number of the source plane, 1 to 40. If None, the only plane in an HDF5 file, or the
        number in the name of a binary file.
    width : `~astropy.units.Quantity` or str
        The angular side of the map.
    center : `~astropy.coordinates.SkyCoord` or None
        The center of the map on the sky. If None, RA 180 deg, Dec 0.
    z_source : float, `lensmap.cosmology.SourceRedshifts` or None
        The redshift of the source plane. If None, 1.034 for plane 23, and unknown for all other
        planes.
    padding : float
        The size of the padded map in units of the size of the map, used to compute the shear.

    Returns
    -------
    LensingField
        The field.

    Raises
    ------
    ValueError
        If an HDF5 file does not have the source plane, ``source_plane`` is None and an HDF5 file
        has several planes, or the file is broken.
    FileNotFoundError
        If the file does not exist.
    ImportError
        If the file is HDF5 and h5py is missing.

    References
    ----------
    Osato, Liu & Haiman 2021, MNRAS 502, 5593.
    """
    if source_plane is not None:
        check_count(source_plane, "source_plane", minimum=1)
    require_file(path)
    if has_suffix(path, HDF5_SUFFIXES):
        values, source_plane = _read_kappatng_hdf5(path, source_plane)
    else:
        values = _read_kappatng_binary(path)
        number = re.search(r"kappa(\d+)", Path(path).stem)
        if source_plane is None and number is not None:
            source_plane = int(number[1])
    if z_source is None and source_plane is not None:
        z_source = _KAPPATNG_REDSHIFTS.get(source_plane)
    return _flat_field(values, width, None, center, z_source, padding, repr(str(path)))


def _read_kappatng_hdf5(path, source_plane):
    """Return the convergence of a source plane in a kappaTNG file, and the number of the plane.

    ``source_plane`` is the number of the plane; None takes the only plane in the HDF5 file.
    """
    with open_hdf5(path) as file:
        names = {name: re.fullmatch(r"z(\d+)", name) for name in file}
        planes = {int(m[1]): name for name, m in names.items() if m and "kappa" in file[name]}
        content = "the file has " + (
            f"the source planes {', '.join(map(str, sorted(planes)))}"
            if planes else "no source plane, a dataset such as 'z23/kappa'"
        )
        if source_plane is None:
            if len(planes) != 1:
                raise ParameterError(
                    "source_plane", f"the number of a source plane in {str(path)!r}", "None",
                    content,
                )
            (source_plane,) = planes
        if source_plane not in planes:
            raise ParameterError(
                "source_plane", f"the number of a source plane in {str(path)!r}",
                str(source_plane), content,
            )
        return read_hdf5_map(file, f"{planes[source_plane]}/kappa", path), source_plane


def _read_kappatng_binary(path):
    """Return the convergence in a binary file of kappaTNG, ``(n, n)``.

    The little-endian file holds n (int32), the pixels (float64), and n again.
    """
    raw = Path(path).read_bytes()
    n = int(np.frombuffer(raw[:4], "<i4")[0]) if len(raw) >= 4 else 0
    expected = 8 + 8 * n * n
    if n < 1 or len(raw) != expected:
        raise ValueError(
            f"{str(path)!r} is not a binary map of kappaTNG, or it is truncated: its first number "
            f"gives {n} pixels along a side, which take {expected} bytes, but the file has "
            f"{len(raw)} bytes"
        )
    last = int(np.frombuffer(raw[-4:], "<i4")[0])
    if last != n:
        raise ValueError(
            f"{str(path)!r} is not a binary map of kappaTNG, or it is damaged: its first and last "
            f"number must both be the pixels along a side, but are {n} and {last}"
        )
    return np.frombuffer(raw, "<f8", n * n, 4).reshape(n, n).astype(float)


def _read_hdf5_image(path):
    """Return the only map in an HDF5 file, or its dataset ``kappa``."""
    maps = []

    def note(name, item):
        if len(getattr(item, "shape", None) or ()) == 2:
            maps.append(name)

    with open_hdf5(path) as file:
        file.visititems(note)
        names = [name for name in maps if name.rpartition("/")[2] == "kappa"] or maps
        if len(names) != 1:
            shown = ", ".join(printable(name) for name in names[:5]) or "none"
            raise ValueError(
                f"{str(path)!r} must hold one map, a dataset (ny, nx), or one with the name "
                f"'kappa', but its maps are: {shown}"
            )
        return read_hdf5_map(file, names[0], path)


def _read_image(path, formats=("fits", "hdf5", "npy")):
    """Return the first image in a file and its FITS header; the header is None for other files."""
    require_file(path)
    if "npy" in formats and Path(path).suffix.lower() == ".npy":
        with reading(path, "map in NumPy's .npy format"):
            return np.load(path, allow_pickle=False), None
    if "hdf5" in formats and has_suffix(path, HDF5_SUFFIXES):
        return _read_hdf5_image(path), None
    with reading(path, "map"), fits.open(path, memmap=False) as hdus:
        hdu = next((h for h in hdus if h.is_image and h.data is not None), None)
        if hdu is None:
            raise ValueError(f"the FITS file {str(path)!r} holds no image, so no map")
        return hdu.data.astype(hdu.data.dtype.newbyteorder("=")), hdu.header.copy()


def _header_width(header):
    """Return the angular width of a map from the LensTools keyword ANGLE, or None without it."""
    width = header.get("ANGLE")
    return None if width is None else width * u.deg


def _celestial_field(values, wcs, center, z_source, padding, label):
    """Make a `LensingField` from the convergence values ``(ny, nx)`` of a map with a celestial WCS.

    ``center`` must be None. ``label`` is the name of the map in error messages.
    """
    if center is not None:
        raise ParameterError(
            "center", f"None for {label}, whose WCS already places it on the sky",
            remedy="to move the field, read it without {center} and use LensingField.to_wcs",
        )
    _require_image(values, label)
    kappa = ConvergenceMap(values, wcs=wcs)
    return LensingField.from_kappa(kappa, z_source=z_source, padding=padding)


def _flat_field(values, width, pixel_scale, center, z_source, padding, label):
    """Make a `LensingField` from the convergence values ``(ny, nx)`` of a map without a WCS.

    The map is placed on square pixels of a tangent plane, whose ``width`` or ``pixel_scale`` is an
    angle. ``label`` is the name of the map in error messages.
    """
    _require_image(values, label)
    if width is not None:
        if values.shape[0] != values.shape[1]:
            raise ParameterError(
                "width", "left out for a map that is not square",
                remedy=f"{label} has the shape {values.shape} (ny, nx); call read_field with "
                "{pixel_scale} instead",
            )
        pixel_scale = check_angle(width, "width") / values.shape[0]
    if pixel_scale is None:
        raise ParameterError(
            "pixel_scale", "given, or {width}",
            remedy=f"{label} has no celestial WCS that would tell its pixel scale",
        )
    wcs = flat_wcs(values.shape, check_angle(pixel_scale, "pixel_scale"), center)
    _ = PixelFrame(wcs).parity  # raises an error if the field exceeds the tangent plane
    kappa = ConvergenceMap(values, wcs=wcs)
    return LensingField.from_kappa(kappa, z_source=z_source, padding=padding)


def _require_image(values, label):
    if np.ndim(values) != 2:
        raise ValueError(
            f"{label} must be a two-dimensional image (ny, nx), not an array of the shape "
            f"{np.shape(values)}"
        )
    if min(values.shape) < 2:
        raise ValueError(
            f"{label} must have at least 2 x 2 pixels, not the shape {np.shape(values)}: a single "
            "pixel, or a row of them, has no shear"
        )

# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Convergence maps of public simulations, as they come."""

import re
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS

from lensmap.grid import PixelFrame
from lensmap.maps import ConvergenceMap
from lensmap.simulate.fields._files import open_hdf5
from lensmap.simulate.fields._flat_wcs import flat_wcs
from lensmap.simulate.fields._lensing_field import LensingField
from lensmap.utils import HDF5_SUFFIXES, check_angle, check_count, has_suffix

__all__ = ["read_field", "read_kappatng", "read_lenstools", "read_massivenus"]

# The source planes of kappaTNG whose redshift lensmap knows; for others the user says it.
_KAPPATNG_REDSHIFTS = {23: 1.034}

_KAPPATNG_WIDTH = 5 * u.deg


def read_field(
    source, *, width=None, pixel_scale=None, center=None, z_source=None, padding=2.0
):
    """Make a field of any convergence map on square pixels.

    Parameters
    ----------
    source : array_like or path-like
        The convergence, ``(ny, nx)``; or a file: FITS (a celestial WCS in it counts, unless
        ``width`` or ``pixel_scale`` is given), or numpy's ``.npy``.
    width : `~astropy.units.Quantity`, str or None
        The side of a square map.
    pixel_scale : `~astropy.units.Quantity`, str or None
        The side of a pixel, instead.
    center : `~astropy.coordinates.SkyCoord` or None
        Where the map is put: north up, east left, on a tangent plane. None is RA 180 deg, Dec 0.
    z_source : float, `lensmap.cosmology.SourceRedshifts` or None
        For which sources the convergence is.
    padding : float
        As for `LensingField.from_kappa`, which makes the shear.

    Returns
    -------
    LensingField
        With the precision of the map.

    Raises
    ------
    TypeError
        If ``width`` or ``pixel_scale`` has no unit, or ``center`` is no position.
    ValueError
        If the size of the pixels is said twice or not at all, the map is not two-dimensional, a
        map with ``width`` is not square, or the pixels of a file's WCS are no squares.
    FileNotFoundError
        If there is no such file.

    Examples
    --------
    >>> import numpy as np
    >>> from lensmap.simulate import read_field
    >>> field = read_field(np.zeros((64, 64)), width="30 arcmin", z_source=1.0)
    >>> field.kappa.pixel_scale.to("arcmin").round(3)
    <Quantity 0.469 arcmin>
    """
    if width is not None and pixel_scale is not None:
        raise ValueError("width and pixel_scale say the same thing: give one of them")
    what = "the map"
    if isinstance(source, (str, Path)) or hasattr(source, "__fspath__"):
        what = repr(str(source))
        source, header = _read_image(source)
        if width is None and pixel_scale is None and header is not None:
            wcs = WCS(header)
            if wcs.has_celestial:
                if center is not None:
                    raise ValueError(
                        f"{what} says where it is: LensingField.to_wcs puts it elsewhere"
                    )
                if np.ndim(source) != 2:
                    raise ValueError(
                        f"{what} must be two-dimensional (ny, nx), not of shape {np.shape(source)}"
                    )
                kappa = ConvergenceMap(source, wcs=wcs)
                return LensingField.from_kappa(kappa, z_source=z_source, padding=padding)
            width = _card_width(header)
    values = np.asarray(source)
    if values.dtype.kind not in "iuf":
        raise TypeError(f"{what} must hold real numbers, not {values.dtype}")
    return _flat_field(values, width, pixel_scale, center, z_source, padding, what)


def read_lenstools(path, *, width=None, center=None, z_source=None, padding=2.0):
    """Read a convergence map of LensTools: a FITS image with its side, ANGLE, in degrees.

    Parameters
    ----------
    path : path-like
        The file.
    width : `~astropy.units.Quantity`, str or None
        The side of the map, where the header does not say it.
    center, z_source, padding
        As for `read_field`.

    Returns
    -------
    LensingField
        The field.

    Raises
    ------
    ValueError
        If there is no ANGLE and none is given, the map is not square, or the file is no FITS
        image.
    FileNotFoundError
        If there is no such file.
    """
    values, header = _read_image(path, ("fits",))
    if width is None:
        width = _card_width(header)
    if width is None:
        raise ValueError(
            f"{str(path)!r} has no card ANGLE in its header: width= says the side of the map"
        )
    return _flat_field(values, width, None, center, z_source, padding, repr(str(path)))


def read_massivenus(path, *, width=None, center=None, z_source=None, padding=2.0):
    """Read a convergence map of MassiveNuS.

    Parameters
    ----------
    path : path-like
        A file such as ``Maps25/WLconv_z2.50_0001r.fits``: 512 x 512 pixels, 3.5 deg.
    width : `~astropy.units.Quantity`, str or None
        The side of the map; None takes the header's ANGLE.
    center : `~astropy.coordinates.SkyCoord` or None
        As for `read_field`.
    z_source : float or None
        The redshift of the sources; None takes it from the name of the file.
    padding : float
        As for `read_field`.

    Returns
    -------
    LensingField
        The field.

    Raises
    ------
    ValueError
        If neither the name nor ``z_source`` says the redshift; otherwise as `read_lenstools`.
    FileNotFoundError
        If there is no such file.

    References
    ----------
    Liu et al. 2018, JCAP 03, 049.
    """
    if z_source is None:
        found = re.search(r"_z(\d+\.\d+)_", Path(path).name)
        if found is None:
            raise ValueError(
                f"the name of {str(path)!r} does not say the redshift, as in "
                "WLconv_z2.50_0001r.fits: z_source= does"
            )
        z_source = float(found[1])
    return read_lenstools(path, width=width, center=center, z_source=z_source, padding=padding)


def read_kappatng(
    path, *, source_plane=None, width=_KAPPATNG_WIDTH, center=None, z_source=None, padding=2.0
):
    """Read a convergence map of kappaTNG.

    Parameters
    ----------
    path : path-like
        HDF5 (``.h5``, ``.hdf5``) with datasets such as ``z23/kappa``; or the binary form of one
        plane, such as ``kappa23.dat``: the number of pixels along a side (int32), the pixels
        (float64), and the number again.
    source_plane : int or None
        Which source plane of an HDF5 file, 1 to 40. None takes the only one there, and with
        the binary form the number in the name.
    width : `~astropy.units.Quantity` or str
        The side of the map.
    center : `~astropy.coordinates.SkyCoord` or None
        As for `read_field`.
    z_source : float or None
        The redshift of the plane. None takes what lensmap knows, which is that of plane 23,
        1.034, and leaves that of others open.
    padding : float
        As for `read_field`.

    Returns
    -------
    LensingField
        The field.

    Raises
    ------
    ValueError
        If there is no such plane (the message lists those there), the plane is not said, or the
        file is broken.
    FileNotFoundError
        If there is no such file.
    ImportError
        If it is HDF5 and h5py is missing.

    References
    ----------
    Osato, Liu & Haiman 2021, MNRAS 502, 5593.
    """
    if source_plane is not None:
        check_count(source_plane, "source_plane", minimum=1)
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {str(path)!r}")
    if has_suffix(path, HDF5_SUFFIXES):
        values, source_plane = _read_kappatng_hdf5(path, source_plane)
    else:
        values = _read_kappatng_binary(path)
        number = re.search(r"kappa(\d+)", Path(path).stem)
        if source_plane is None and number is not None:
            source_plane = int(number[1])
    if z_source is None:
        z_source = _KAPPATNG_REDSHIFTS.get(source_plane)
    return _flat_field(values, width, None, center, z_source, padding, repr(str(path)))


def _read_kappatng_hdf5(path, source_plane):
    """Return the map of a plane, and which one it is."""
    with open_hdf5(path) as file:
        names = {name: re.fullmatch(r"z(\d+)", name) for name in file}
        planes = {int(m[1]): name for name, m in names.items() if m and "kappa" in file[name]}
        there = ", ".join(f"{name}/kappa" for name in planes.values()) or "none"
        if source_plane is None:
            if len(planes) != 1:
                raise ValueError(
                    f"source_plane says which dataset of {str(path)!r} is meant; there are: {there}"
                )
            (source_plane,) = planes
        if source_plane not in planes:
            raise ValueError(
                f"{str(path)!r} has no dataset z{source_plane:02d}/kappa; there are: {there}"
            )
        return file[planes[source_plane]]["kappa"][()], source_plane


def _read_kappatng_binary(path):
    """Return the map of a file with its side before and after the pixels, little-endian."""
    raw = Path(path).read_bytes()
    n = int(np.frombuffer(raw[:4], "<i4")[0]) if len(raw) >= 4 else 0
    expected = 8 + 8 * n * n
    if n < 1 or len(raw) != expected:
        raise ValueError(
            f"{str(path)!r} is no binary map of kappaTNG, or it is cut off: it says {n} pixels "
            f"along a side, which are {expected} bytes, but has {len(raw)}"
        )
    if int(np.frombuffer(raw[-4:], "<i4")[0]) != n:
        raise ValueError(
            f"{str(path)!r} is no binary map of kappaTNG: it begins with {n}, the pixels along a "
            "side, but does not end with it"
        )
    return np.frombuffer(raw, "<f8", n * n, 4).reshape(n, n).astype(float)


def _read_image(path, kinds=("fits", "npy")):
    """Return the pixels of a file, and its header if it is FITS."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {str(path)!r}")
    if "npy" in kinds and Path(path).suffix.lower() == ".npy":
        try:
            return np.load(path, allow_pickle=False), None
        except (ValueError, EOFError) as error:
            raise ValueError(f"{str(path)!r} is no array of numpy's: {error}") from error
    try:
        with fits.open(path, memmap=False) as hdus:
            hdu = next((h for h in hdus if h.is_image and h.data is not None), None)
            if hdu is None:
                raise ValueError(f"{str(path)!r} holds no image")
            return hdu.data.astype(hdu.data.dtype.newbyteorder("=")), hdu.header.copy()
    except OSError as error:
        raise ValueError(f"{str(path)!r} is no FITS file, or it is broken") from error


def _card_width(header):
    """Return the side of the map that a LensTools header says, None if it says none."""
    width = header.get("ANGLE")
    return None if width is None else width * u.deg


def _flat_field(values, width, pixel_scale, center, z_source, padding, what):
    """Dress a flat map of square pixels as a field."""
    if values.ndim != 2:
        raise ValueError(f"{what} must be two-dimensional (ny, nx), not {values.shape}")
    if width is not None:
        if values.shape[0] != values.shape[1]:
            raise ValueError(
                f"{what} is not square, but {values.shape} (ny, nx), so that one width does not "
                "say how large it is: read_field takes pixel_scale="
            )
        pixel_scale = check_angle(width, "width") / values.shape[0]
    if pixel_scale is None:
        raise ValueError(f"how large the pixels of {what} are is not known: give width= or "
                         "pixel_scale=")
    wcs = flat_wcs(values.shape, check_angle(pixel_scale, "pixel_scale"), center)
    _ = PixelFrame(wcs).parity  # refuses what no tangent plane can hold
    kappa = ConvergenceMap(values, wcs=wcs)
    return LensingField.from_kappa(kappa, z_source=z_source, padding=padding)

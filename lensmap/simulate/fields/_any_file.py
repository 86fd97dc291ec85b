# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Reading of a field from a file of any supported kind, which its name and content show."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from astropy.io import fits

from lensmap.simulate.fields._files import open_hdf5, require_file
from lensmap.simulate.fields._lensing_field import LensingField
from lensmap.simulate.fields._readers import read_field, read_kappatng, read_massivenus
from lensmap.utils import FITS_SUFFIXES, HDF5_SUFFIXES, ParameterError, has_suffix, reading

if TYPE_CHECKING:
    from lensmap.typing import AngleLike, PathLike, RedshiftLike

__all__ = ["FIELD_SUFFIXES", "defines_pixels", "has_shear", "read_any_field"]

#: The suffixes of the files of fields.
FIELD_SUFFIXES = (*FITS_SUFFIXES, *HDF5_SUFFIXES, ".npy", ".dat")


def read_any_field(
    path: PathLike,
    *,
    width: AngleLike | None = None,
    pixel_scale: AngleLike | None = None,
    source_plane: int | None = None,
    z_source: RedshiftLike | None = None,
) -> LensingField:
    """Read a field: one written by lensmap, or a convergence map of another program.

    Parameters
    ----------
    path : path-like
        The file: a field of `LensingField.write`, a map of MassiveNuS or kappaTNG, or any
        convergence map that `read_field` reads.
    width, pixel_scale : `~astropy.units.Quantity`, str or None
        The angular side of the map or of a pixel, if the file does not hold it.
    source_plane : int or None
        The source plane of a kappaTNG file, as for `read_kappatng`.
    z_source : float, `lensmap.cosmology.SourceRedshifts` or None
        The redshift of the sources or their redshift distribution, if the file does not hold it.

    Returns
    -------
    LensingField
        The field.

    Raises
    ------
    TypeError, ValueError
        If the file holds no field, or a parameter is missing or does not apply to the file.
    FileNotFoundError
        If the file does not exist.
    """
    require_file(path)
    if has_shear(path):
        given = {"width": width, "pixel_scale": pixel_scale, "source_plane": source_plane,
                 "z_source": z_source}
        _refuse(path, given)
        return LensingField.read(path)
    sizes: dict[str, Any] = {} if width is None else {"width": width}
    if defines_pixels(path, z_source, source_plane):
        _refuse(path, {"pixel_scale": pixel_scale})
        if _is_massivenus(path, z_source):
            return read_massivenus(path, **sizes)
        return read_kappatng(path, source_plane=source_plane, z_source=z_source, **sizes)
    return read_field(path, pixel_scale=pixel_scale, z_source=z_source, **sizes)


def has_shear(path: PathLike) -> bool:
    """Return whether a file holds shear and convergence, as written by `LensingField.write`.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    bool
        False for convergence maps.
    """
    if has_suffix(path, HDF5_SUFFIXES):
        with open_hdf5(path) as file:
            return "gamma1" in file
    if has_suffix(path, FITS_SUFFIXES):
        with reading(path, "field"), fits.open(path) as hdus:
            return "GAMMA1" in hdus
    return False


def defines_pixels(
    path: PathLike, z_source: RedshiftLike | None = None, source_plane: int | None = None
) -> bool:
    """Return whether the format of a convergence map defines its pixel scale.

    Parameters
    ----------
    path : path-like
        The file.
    z_source : float, `lensmap.cosmology.SourceRedshifts` or None
        The source redshift that is given for the file. A MassiveNuS file with a redshift of the
        user is read as any FITS image.
    source_plane : int or None
        The source plane that is given for the file.

    Returns
    -------
    bool
        True for maps of MassiveNuS and kappaTNG.
    """
    if has_suffix(path, (".dat",)) or _is_massivenus(path, z_source):
        return True
    if not has_suffix(path, HDF5_SUFFIXES):
        return False
    if source_plane is not None:
        return True
    with open_hdf5(path) as file:
        return any(re.fullmatch(r"z\d+", name) for name in file)


def _is_massivenus(path, z_source):
    return z_source is None and re.search(r"^WLconv_z\d+\.\d+_", Path(path).name) is not None


def _refuse(path, given):
    for name, value in given.items():
        if value is not None:
            raise ParameterError(name, f"left out, because the file {str(path)!r} defines it")

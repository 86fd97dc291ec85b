# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Read and write a `LensingField` as a FITS or HDF5 file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.table import QTable, Table
from astropy.wcs import WCS

from lensmap.cosmology import SourceRedshifts
from lensmap.maps import ConvergenceMap
from lensmap.utils import (
    FITS_SUFFIXES,
    HDF5_SUFFIXES,
    ParameterError,
    atomic_write,
    check_choice,
    check_memory,
    check_plain_hdf5,
    has_suffix,
    import_optional,
    missing_file,
    printable,
    reading,
    recorded_hdf5_file,
    write_hdus,
)

if TYPE_CHECKING:
    import h5py

    from lensmap.simulate.fields._lensing_field import LensingField
    from lensmap.typing import PathLike

__all__ = [
    "check_field_file",
    "field_format",
    "open_hdf5",
    "read_hdf5_map",
    "read_field_file",
    "require_file",
    "write_field_file",
]


def require_file(path: PathLike) -> None:
    """Raise FileNotFoundError if a path is not an existing file."""
    if not Path(path).is_file():
        raise missing_file(path)


def field_format(path: PathLike) -> Literal["fits", "hdf5"]:
    """Return the format of a field file, according to the suffix of its name.

    Parameters
    ----------
    path : path-like
        The path of the file. The file need not exist.

    Returns
    -------
    {"fits", "hdf5"}
        The format.

    Raises
    ------
    ValueError
        If the suffix is not that of a FITS or HDF5 file.
    """
    if has_suffix(path, FITS_SUFFIXES):
        return "fits"
    if has_suffix(path, HDF5_SUFFIXES):
        return "hdf5"
    suffixes = ", ".join(FITS_SUFFIXES + HDF5_SUFFIXES)
    raise ParameterError("path", f"one of {suffixes}", repr(Path(path).name.lower()), verb="end in")


def open_hdf5(path: PathLike) -> h5py.File:
    """Open an HDF5 file for reading, with a clear error if the file is missing or broken.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    h5py.File
        The open file, a context manager.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file is not HDF5, is broken, or takes data from other files.
    ImportError
        If h5py is missing.
    """
    h5py = import_optional("h5py", purpose="HDF5", install="h5py")
    require_file(path)
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise ValueError(
            f"{str(path)!r} cannot be opened as HDF5: the file has another format or is damaged"
        ) from error
    try:
        check_plain_hdf5(file, path)
    except BaseException:
        file.close()
        raise
    return file


def write_field_file(
    field: LensingField, path: PathLike, *, overwrite: bool = False, dtype: str | None = None
) -> None:
    """Write a lensing field to a FITS or HDF5 file, according to the suffix of the path.

    The parameters are those of `LensingField.write`.
    """
    check_choice(dtype, "dtype", (None, "float32", "float64"))
    kappa, gamma = field.kappa, field.gamma
    if dtype is not None:
        kappa = kappa.replace(data=kappa.data.astype(dtype))
        gamma = gamma.astype({"float32": "complex64", "float64": "complex128"}[dtype])
    write = {"fits": _write_fits, "hdf5": _write_hdf5}[field_format(path)]
    with atomic_write(path, overwrite=overwrite) as temporary:
        write(temporary, kappa, gamma, field.halos, field.z_source)


def read_field_file(path: PathLike) -> dict:
    """Read a FITS or HDF5 file of a lensing field.

    Return the attributes of `LensingField` as a dict: ``kappa``, ``gamma``, ``halos`` and
    ``z_source``.
    """
    read = {"fits": _read_fits, "hdf5": _read_hdf5}[field_format(path)]
    require_file(path)
    with reading(path, "field"):
        return read(path)


def check_field_file(path: PathLike) -> None:
    """Check that a file holds a complete `LensingField`, without reading its arrays.

    Parameters
    ----------
    path : path-like
        The file.

    Raises
    ------
    ValueError
        If the file is truncated or broken, or does not hold a `LensingField`.
    """
    with reading(path, "field"):
        if field_format(path) == "hdf5":
            with open_hdf5(path) as file:
                names = set(file)
        else:
            with fits.open(path) as hdus:
                names = {hdu.name.lower() for hdu in hdus}  # iterating reads every header
    if not names >= {"gamma1", "gamma2"}:
        raise _no_shear(path)


def _no_shear(path):
    return ValueError(
        f"{str(path)!r} holds no shear, so LensingField.write did not make it: if it holds a "
        "convergence map, read the map by ConvergenceMap.read and compute its shear by "
        "LensingField.from_kappa"
    )


def _write_fits(path, kappa, gamma, halos, z_source):
    kappa.write(path, format="fits", overwrite=True)
    with fits.open(path, memmap=False) as opened:
        hdus = [hdu.copy() for hdu in opened]
    if isinstance(z_source, float):
        hdus[0].header["ZSRC"] = (z_source, "redshift of the sources")
    header = kappa.wcs.to_header(relax=True)
    header["BUNIT"] = ("", "dimensionless")
    for name, values in (("GAMMA1", gamma.real), ("GAMMA2", gamma.imag)):
        hdus.append(fits.ImageHDU(np.ascontiguousarray(values), header, name=name))
        hdus[-1].header["BASIS"] = ("PIXEL", "components along the pixels' +x, +y")
    hdus.append(fits.table_to_hdu(Table(halos)))
    hdus[-1].name = "HALOS"
    if isinstance(z_source, SourceRedshifts):
        hdus.append(fits.table_to_hdu(Table({"z": z_source.z, "pdf": z_source.pdf})))
        hdus[-1].name = "NZ"
    write_hdus(hdus, path)


def _read_fits(path):
    kappa = ConvergenceMap.read(path, format="fits")
    with fits.open(path, memmap=False) as hdus:
        if "GAMMA1" not in hdus or "GAMMA2" not in hdus:
            raise _no_shear(path)
        z_source = hdus[0].header.get("ZSRC")
        if "NZ" in hdus:
            table = Table.read(hdus["NZ"])
            z_source = SourceRedshifts(table["z"], table["pdf"])
        return {
            "kappa": kappa,
            "gamma": _complex(hdus["GAMMA1"].data, hdus["GAMMA2"].data),
            "halos": QTable.read(hdus["HALOS"]) if "HALOS" in hdus else None,
            "z_source": z_source,
        }


def _complex(real, imag):
    """Combine two real arrays to a complex array in the byte order of this machine."""
    single = real.dtype.itemsize == 4
    result = np.empty(real.shape, dtype=np.complex64 if single else np.complex128)
    result.real, result.imag = real, imag
    return result


def _write_hdf5(path, kappa, gamma, halos, z_source):
    if kappa.wcs.has_distortion:
        raise ValueError(
            "the WCS of the field has distortions, which lensmap cannot write to HDF5: choose a "
            "file name that ends in .fits"
        )
    with recorded_hdf5_file(path) as file:
        file["kappa"] = kappa.data
        file["gamma1"], file["gamma2"] = gamma.real, gamma.imag
        if kappa.mask.any():
            file["mask"] = kappa.mask
        file.attrs["wcs"] = kappa.wcs.to_header_string(relax=True)
        file.attrs["meta"] = json.dumps(kappa.meta, default=str)
        if isinstance(z_source, float):
            file.attrs["z_source"] = z_source
        elif z_source is not None:
            file["z_source/z"], file["z_source/pdf"] = z_source.z, z_source.pdf
        # Tracking the order of creation keeps the order of the columns; HDF5 sorts by name
        # otherwise.
        group = file.create_group("halos", track_order=True)
        for name in halos.colnames:
            values = np.asarray(getattr(halos[name], "value", halos[name]))
            if values.dtype.kind == "U":
                values = values.astype("S")
            column = group.create_dataset(name, data=values)
            if getattr(halos[name], "unit", None) is not None:
                column.attrs["unit"] = halos[name].unit.to_string()


def _read_hdf5(path):
    with open_hdf5(path) as file:
        if "gamma1" not in file or "gamma2" not in file:
            raise _no_shear(path)
        if "kappa" not in file or "wcs" not in file.attrs:
            raise ValueError(
                f"{str(path)!r} lacks the dataset 'kappa' or the attribute 'wcs', so "
                f"LensingField.write did not make it: its datasets are {', '.join(file)}"
            )
        shape = file["kappa"].shape
        arrays = {
            name: read_hdf5_map(file, name, path, shape)
            for name in ("kappa", "gamma1", "gamma2", "mask") if name in file
        }
        kappa = ConvergenceMap(
            arrays["kappa"],
            mask=arrays.get("mask"),
            wcs=WCS(fits.Header.fromstring(file.attrs["wcs"])),
            meta=json.loads(file.attrs.get("meta", "{}")),
        )
        return {
            "kappa": kappa,
            "gamma": _complex(arrays["gamma1"], arrays["gamma2"]),
            "halos": _halos_in(file),
            "z_source": _z_source_in(file),
        }


def read_hdf5_map(file, name, path, shape=None):
    """Read a map in an HDF5 file, after a check of its shape and size.

    Parameters
    ----------
    file : h5py.File
        The open file.
    name : str
        The name of the dataset.
    path : path-like
        The path of the file, for error messages.
    shape : tuple of int or None
        The required shape; None for any map.

    Returns
    -------
    `numpy.ndarray`
        The map, ``(ny, nx)``.

    Raises
    ------
    ValueError
        If it is not a map of real numbers of this shape.
    MemoryError
        If it does not fit into memory.
    """
    dataset = file[name]
    wanted = "two dimensions" if shape is None else f"the shape {shape} of its map"
    found = getattr(dataset, "shape", None)
    if found is None or len(found) != 2 or shape not in (None, found):
        raise ValueError(
            f"the dataset {printable(name)!r} in {str(path)!r} must have {wanted}, not the shape "
            f"{found}: the file is damaged, or lensmap did not make it"
        )
    if dataset.dtype.kind not in "fiub":
        raise ValueError(
            f"the dataset {printable(name)!r} in {str(path)!r} must hold real numbers, not "
            f"{dataset.dtype}"
        )
    check_memory(dataset.nbytes, f"the map of {found[0]} x {found[1]} pixels in {str(path)!r}",
                 "choose another file")
    return dataset[()]


def _halos_in(file):
    """Return the halo table in an HDF5 file, or None if the file has no halos."""
    halos = QTable()
    for name, column in file.get("halos", {}).items():
        values = column[()]
        halos[name] = values.astype("U") if values.dtype.kind == "S" else values
        if "unit" in column.attrs:
            halos[name] = u.Quantity(values, column.attrs["unit"])
    return halos if halos.colnames else None


def _z_source_in(file):
    """Return the source redshift or redshift distribution in an HDF5 file; None if it has none."""
    if "z_source" in file:
        return SourceRedshifts(file["z_source/z"][()], file["z_source/pdf"][()])
    return float(file.attrs["z_source"]) if "z_source" in file.attrs else None

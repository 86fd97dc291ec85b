# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Files of maps on HEALPix pixels: FITS tables and HealSparse."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits

from lensmap.maps._fits import meta_hdus, meta_to_json, read_meta, readable_cards
from lensmap.sphere import HealpixPixels
from lensmap.utils import (
    add_checksums,
    atomic_write,
    check_datasums,
    check_number_of_hdus,
    frame_of_healpix,
    has_suffix,
    healpix_coordsys,
    import_healsparse,
    reading,
    record_cards,
    write_hdus,
)

if TYPE_CHECKING:
    from lensmap.maps._healpix_map import HealpixMap
    from lensmap.typing import PathLike

__all__ = ["is_healpix_file", "read_healpix", "write_healpix"]

_HEALSPARSE_SUFFIXES = (".hsp", ".hs")

# healpy's value of pixels without data.
_UNSEEN = -1.6375e30

# The cards of a HealSparse file with the frame and with the metadata of the map as JSON.
_FRAME_CARD, _META_CARD = "LMFRAME", "LMMETA"

# The resolution of the coverage map of HealSparse files, as HealSparse recommends.
_MAX_COVERAGE_NSIDE = 32

# The columns of the parts of a map in FITS, and the fields in HealSparse.
_COLUMNS = {"data": "KAPPA", "kappa_b": "KAPPA_B", "uncertainty": "UNCERT", "mask": "MASK",
            "counts": "COUNTS"}


def write_healpix(kappa: HealpixMap, path: PathLike, *, overwrite: bool) -> None:
    """Write a map to a FITS table or a HealSparse file.

    Parameters
    ----------
    kappa : HealpixMap
        The map.
    path : path-like
        The file, whose suffix determines the format.
    overwrite : bool
        Whether to replace an existing file.
    """
    write = _write_healsparse if has_suffix(path, _HEALSPARSE_SUFFIXES) else _write_fits
    with atomic_write(path, overwrite=overwrite) as temporary:
        write(kappa, temporary)


def is_healpix_file(path: PathLike) -> bool:
    """Return whether a file is a map on HEALPix pixels.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    bool
        True for a FITS file with a HEALPix table or a HealSparse map. False for others, and for
        files that cannot be read.
    """
    try:
        # Those who read the file get its warnings.
        with warnings.catch_warnings(action="ignore"), fits.open(path) as hdus:
            return any(
                str(hdu.header.get("PIXTYPE", "")).strip().upper() in ("HEALPIX", "HEALSPARSE")
                for hdu in hdus
            )
    except Exception:  # noqa: BLE001  a damaged file may raise any error, also when it is read
        return False


def _parts(kappa):
    """Return the arrays of a map, keyed by the names of their columns."""
    parts = {
        "data": kappa.data,
        "kappa_b": kappa.kappa_b,
        "uncertainty": None if kappa.uncertainty is None else kappa.uncertainty.array,
        "mask": kappa.mask.astype(np.uint8),
        "counts": kappa.counts,
    }
    return {_COLUMNS[name]: array for name, array in parts.items() if array is not None}


def _write_fits(kappa, path):
    columns = [fits.Column("PIXEL", "K", array=kappa.index)]
    for name, array in _parts(kappa).items():
        code = {"u": "B", "i": "K", "f": "E" if array.dtype.itemsize == 4 else "D"}
        columns.append(fits.Column(name, code[array.dtype.kind], array=array))
    table = fits.BinTableHDU.from_columns(columns, name="KAPPA")
    frame = healpix_coordsys(kappa.pixels.frame)
    for key, value, comment in (
        ("PIXTYPE", "HEALPIX", "pixelization"),
        ("ORDERING", "NESTED", "scheme of the pixel indices"),
        ("NSIDE", kappa.nside, "resolution"),
        ("INDXSCHM", "EXPLICIT", "the pixel indices are a column"),
        ("OBJECT", "PARTIAL", "part of the sphere"),
        ("COORDSYS", frame, "C equatorial, G galactic, E ecliptic"),
        ("BAD_DATA", _UNSEEN, "masked pixels are NaN"),
        *((key, *card) for key, card in readable_cards(kappa.meta).items()),
    ):
        table.header[key] = (value, comment)
    write_hdus([fits.PrimaryHDU(), table, *meta_hdus(kappa.meta)], path)


def _write_healsparse(kappa, path):
    healsparse = import_healsparse("a HealSparse file")
    parts = {name.lower(): array for name, array in _parts(kappa).items()}
    dtype = [(name, array.dtype.newbyteorder("=").str) for name, array in parts.items()]
    sparse = healsparse.HealSparseMap.make_empty(
        min(_MAX_COVERAGE_NSIDE, kappa.nside), kappa.nside, dtype=dtype, primary="kappa"
    )
    # Pixels without a value of kappa are not part of a HealSparse map.
    unmasked = ~kappa.mask
    values = np.zeros(np.count_nonzero(unmasked), dtype=dtype)
    for name, array in parts.items():
        values[name] = array[unmasked]
    sparse.update_values_pix(kappa.index[unmasked], values)
    cards = {key: card[0] for key, card in readable_cards(kappa.meta).items()}
    sparse.metadata = {
        **cards, **record_cards(), _FRAME_CARD: kappa.pixels.frame,
        _META_CARD: meta_to_json(kappa.meta),
    }
    sparse.write(str(path), clobber=True)
    with fits.open(path, mode="update") as file:
        add_checksums(file)


def read_healpix(cls: type[HealpixMap], path: PathLike) -> HealpixMap:
    """Read a map from a FITS table or a HealSparse file.

    Parameters
    ----------
    cls : type
        The class `HealpixMap`.
    path : path-like
        The file.

    Returns
    -------
    HealpixMap
        The map.
    """
    with reading(path, "map"), fits.open(path) as hdus:
        check_datasums(hdus, path, "map")
        if "SPARSE" in hdus:
            return _read_healsparse(cls, path)
        check_number_of_hdus(hdus)
        table = next(
            (hdu for hdu in hdus if hdu.header.get("PIXTYPE", "").strip() == "HEALPIX"), None
        )
        if table is None:
            raise ValueError(
                f"{str(path)!r} is not a map on HEALPix pixels: no table has the card "
                "PIXTYPE= 'HEALPIX'; read images with ConvergenceMap.read"
            )
        return _read_table(cls, hdus, table, path)


def _read_table(cls, hdus, table, path):
    header = table.header
    nest = header.get("ORDERING", "RING").strip().upper().startswith("NEST")
    frame = frame_of_healpix(header, f"the HEALPix map in {str(path)!r}", "path")
    pixels = HealpixPixels(int(header["NSIDE"]), frame)
    columns = {name.upper(): name for name in table.columns.names}
    index = None
    if header.get("INDXSCHM", "IMPLICIT").strip() == "EXPLICIT":
        index = np.array(table.data.field(0), dtype=np.int64).ravel()
    names = {part: columns[name] for part, name in _COLUMNS.items() if name in columns}
    if "data" not in names:
        others = table.columns.names[0 if index is None else 1:]
        if len(others) != 1:
            raise ValueError(
                f"no column of {str(path)!r} is named KAPPA, and it has the columns "
                f"{', '.join(others)}: name the column of the convergence KAPPA"
            )
        names["data"] = others[0]
    arrays = {}
    for part, name in names.items():
        values = np.array(table.data[name])
        arrays[part] = values.astype(values.dtype.newbyteorder("=")).ravel()
    data = arrays.pop("data")
    data = np.where(data == data.dtype.type(_UNSEEN), np.nan, data)
    if "mask" in arrays:
        arrays["mask"] = arrays["mask"] != 0
    return cls(data, pixels, index, meta=read_meta(hdus), nest=nest, **arrays)


def _read_healsparse(cls, path):
    healsparse = import_healsparse("a HealSparse file")
    sparse = healsparse.HealSparseMap.read(str(path))
    index = sparse.valid_pixels
    metadata = dict(sparse.metadata or {})
    pixels = HealpixPixels(sparse.nside_sparse, metadata.get(_FRAME_CARD, "icrs"))
    values = sparse[index]
    meta = json.loads(metadata.get(_META_CARD, "{}"))
    if values.dtype.names is None:
        if values.dtype.kind != "f":
            raise ValueError(
                f"{str(path)!r} holds {values.dtype} values, and kappa is a real number: give a "
                "file of kappa, not of a mask"
            )
        return cls(values, pixels, index, meta=meta)
    fields = {part: name.lower() for part, name in _COLUMNS.items()}
    arrays = {part: values[name] for part, name in fields.items() if name in values.dtype.names}
    if "data" not in arrays:
        raise ValueError(
            f"no field of {str(path)!r} is named 'kappa'; its fields are "
            f"{', '.join(values.dtype.names)}"
        )
    if "mask" in arrays:
        arrays["mask"] = arrays["mask"] != 0
    return cls(arrays.pop("data"), pixels, index, meta=meta, **arrays)

# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Reading of what a file records about its making."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lensmap.utils import (
    FITS_SUFFIXES,
    HDF5_SUFFIXES,
    PROVENANCE_CARD,
    has_suffix,
    import_optional,
    missing_file,
    reading,
)

if TYPE_CHECKING:
    from lensmap.typing import PathLike

__all__ = ["is_fits", "read_provenance"]


def read_provenance(path: PathLike) -> dict[str, Any]:
    """Read what a file of lensmap records about its making.

    Parameters
    ----------
    path : path-like
        A file that lensmap wrote: FITS, ECSV, HDF5, Parquet, VOTable, the card of a network, or
        the JSON file of ``--json``.

    Returns
    -------
    dict
        ``schema``, ``lensmap`` (the version), ``date`` and ``versions``. If a command wrote the
        file, also ``command``, ``command_line``, ``arguments``, ``inputs`` (each with its size and
        digest) and, for commands that read a catalog, ``declaration`` and ``catalog`` (columns,
        rows left out, calibration). Empty if the file records nothing.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from astropy.coordinates import SkyCoord
    >>> from lensmap import ConvergenceMap, make_wcs
    >>> from lensmap.provenance import read_provenance
    >>> wcs = make_wcs(SkyCoord([10.0, 10.2], [-0.1, 0.1], unit="deg"), "1 arcmin")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "kappa.fits"
    ...     ConvergenceMap(np.zeros(wcs.array_shape), wcs=wcs).write(path)
    ...     sorted(read_provenance(path))
    ['date', 'lensmap', 'schema', 'versions']
    """
    if not Path(path).exists():
        raise missing_file(path, text="there is no file {!r}: check the path")
    read = _reader_of(path)
    if read is None:
        return {}
    with reading(path, "record"):
        return dict(read(path))


def is_fits(path: PathLike) -> bool:
    """Return whether a file is FITS, by its name or its first bytes."""
    return has_suffix(path, FITS_SUFFIXES) or _first_bytes(path).startswith(b"SIMPLE")


def _first_bytes(path):
    with open(path, "rb") as file:
        return file.read(16)


def _reader_of(path: PathLike) -> Callable | None:
    if is_fits(path):
        return _of_fits
    for suffixes, start, read in _READERS:
        if has_suffix(path, suffixes) or _first_bytes(path).startswith(start):
            return read
    return None


def _of_fits(path):
    from astropy.io import fits

    with fits.open(path) as hdus:
        texts = [hdu.header[PROVENANCE_CARD] for hdu in hdus if PROVENANCE_CARD in hdu.header]
    return json.loads(texts[0]) if texts else {}


def _of_ecsv(path):
    from astropy.table import Table

    return Table.read(path, format="ascii.ecsv").meta.get("provenance", {})


def _of_parquet(path):
    from astropy.table.meta import get_header_from_yaml

    parquet = import_optional("pyarrow.parquet", purpose="Parquet", install="'lensmap[io]'")
    text = (parquet.read_metadata(path).metadata or {}).get(b"table_meta_yaml")
    header = get_header_from_yaml(text.decode("utf-8").split("\n")) if text else {}
    return header.get("meta", {}).get("provenance", {})


def _of_hdf5(path):
    h5py = import_optional("h5py", purpose="HDF5", install="h5py")
    with h5py.File(path) as file:
        text = file.attrs.get("provenance")
    return _of_card(path) if text is None else json.loads(bytes(text))


def _of_card(path):
    """Return the record in the card of a network, of which a file holds the weights."""
    card = Path(path).with_suffix(".json")
    return _of_json(card) if card.is_file() else {}


def _of_votable(path):
    from astropy.io.votable import parse

    infos = [info for resource in parse(path).resources for info in resource.infos]
    texts = [info.value for info in infos if info.name == "provenance"]
    return json.loads(texts[0]) if texts else {}


def _of_json(path):
    content = json.loads(Path(path).read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        return {}
    if {"schema", "lensmap", "command", "status"} <= content.keys():
        return content
    return content.get("provenance", {})


_READERS = (
    ((".ecsv",), b"# %ECSV", _of_ecsv),
    (HDF5_SUFFIXES, b"\x89HDF", _of_hdf5),
    ((".keras",), b"PK", _of_card),
    ((".parquet", ".parq"), b"PAR1", _of_parquet),
    ((".vot", ".votable", ".xml"), b"<?xml", _of_votable),
    ((".json",), b"{", _of_json),
)

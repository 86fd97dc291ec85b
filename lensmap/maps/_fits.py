# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The FITS format of maps, registered with astropy's unified input and output interface.

The primary HDU holds kappa. The extensions KAPPA_B, UNCERT, MASK (uint8, 1 = masked) and COUNTS
have the same celestial header as the primary HDU, and a BUNIT card. The extension META is a table
with the metadata, NOISE_PEAKS a table of the peaks of noise maps. The names UNCERT and MASK are
those that `~astropy.nddata.CCDData` uses, so that it can read the files, too.
"""

import json
import numbers
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u
from astropy.io import fits, registry
from astropy.nddata import InverseVariance, StdDevUncertainty, VarianceUncertainty
from astropy.table import Table
from astropy.wcs import WCS

from lensmap.maps._noise_peaks import (
    NOISE_PEAKS_HDU,
    noise_peaks_from_hdu,
    noise_peaks_to_hdu,
)
from lensmap.typing import PathLike
from lensmap.utils import (
    FITS_SUFFIXES,
    ParameterError,
    atomic_write,
    celestial_plane,
    check_datasums,
    check_number_of_hdus,
    has_suffix,
    header_wcs,
    reading,
    write_hdus,
)

if TYPE_CHECKING:
    from lensmap.maps._convergence_map import ConvergenceMap

__all__ = [
    "celestial_header", "meta_hdus", "meta_to_json", "read_fits", "read_meta",
    "readable_cards", "register_fits", "write_fits",
]


def write_fits(
    kappa: "ConvergenceMap", filename: PathLike, *, overwrite: bool = False
) -> None:
    """Write a map to a FITS file; an interrupted call leaves no incomplete file.

    Parameters
    ----------
    kappa : ConvergenceMap
        The map to write.
    filename : path-like
        The path of the file.
    overwrite : bool
        Whether to replace an existing file.

    Raises
    ------
    FileExistsError
        If the file exists and ``overwrite`` is False.
    PermissionError
        If the directory cannot be written to.
    ValueError
        If the WCS has distortions that a header cannot hold.
    """
    header = celestial_header(kappa.wcs)
    hdus = [fits.PrimaryHDU(kappa.data, header)]
    for name, values in (
        ("KAPPA_B", kappa.kappa_b),
        ("UNCERT", None if kappa.uncertainty is None else kappa.uncertainty.array),
        ("MASK", kappa.mask.astype(np.uint8)),
        ("COUNTS", kappa.counts),
    ):
        if values is not None:
            hdus.append(fits.ImageHDU(values, header, name=name))
            if name == "UNCERT":
                hdus[-1].header["UTYPE"] = ("StdDevUncertainty", "standard deviation")
    if kappa.noise_peaks is not None:
        hdus.append(noise_peaks_to_hdu(kappa.noise_peaks))
    for key, value in readable_cards(kappa.meta).items():
        hdus[0].header[key] = value
    hdus += meta_hdus(kappa.meta)
    with atomic_write(filename, overwrite=overwrite) as temporary:
        write_hdus(hdus, temporary, **_networks(kappa.meta))


def read_fits(filename: PathLike) -> "ConvergenceMap":
    """Read a map written by lensmap, or any FITS image of the convergence with a celestial WCS.

    Parameters
    ----------
    filename : path-like
        The path of the file.

    Returns
    -------
    ConvergenceMap
        The map that was read.

    Raises
    ------
    ValueError
        If the first image of the file is not two-dimensional, has no celestial WCS, or is not
        dimensionless; if the uncertainty is negative; or if the file is damaged or incomplete.

    Warns
    -----
    LensmapWarning
        If data do not match their checksum, the keyword DATASUM.
    """
    from lensmap.maps._convergence_map import ConvergenceMap  # it imports this module

    # astropy's registry passes an open file.
    filename = getattr(filename, "name", filename)
    with reading(filename, "map"), fits.open(filename) as hdus:
        check_number_of_hdus(hdus)
        check_datasums(hdus, filename, "map")
        image = next((hdu for hdu in hdus if hdu.is_image and hdu.data is not None), None)
        if image is None:
            raise ValueError(f"{str(filename)!r} is not a convergence map: the file has no image")
        _check_unit(image.header.get("BUNIT", ""), filename)
        try:
            wcs, plane = celestial_plane(header_wcs(image.header, hdus), image.data.shape)
        except ParameterError as error:
            raise ValueError(f"{str(filename)!r} is not a convergence map: its {error}") from error
        planes = {
            hdu.name: _native(hdu.data[plane] if hdu.data.ndim == image.data.ndim else hdu.data)
            for hdu in hdus
            if hdu is not image and hdu.is_image and hdu.data is not None
        }
        mask = planes.get("MASK")
        return ConvergenceMap(
            _native(image.data[plane]),
            wcs=wcs,
            mask=None if mask is None else mask != 0,
            uncertainty=_read_uncertainty(hdus, planes.get("UNCERT"), filename),
            kappa_b=planes.get("KAPPA_B"),
            counts=planes.get("COUNTS"),
            meta=read_meta(hdus),
            noise_peaks=(
                noise_peaks_from_hdu(hdus[NOISE_PEAKS_HDU]) if NOISE_PEAKS_HDU in hdus else None
            ),
        )


def _read_uncertainty(hdus, values, filename):
    """Return the uncertainty of a map, an astropy uncertainty object, from the extension UNCERT.

    ``values`` is the array of the extension. The keyword UTYPE says whether it holds standard
    deviations, variances or inverse variances. If ``values`` is None, the file has no such
    extension, and the result is None.
    """
    if values is None:
        return None
    name = hdus["UNCERT"].header.get("UTYPE", "StdDevUncertainty")
    kinds = {cls.__name__: cls for cls in (StdDevUncertainty, VarianceUncertainty, InverseVariance)}
    if name not in kinds:
        raise ValueError(
            f"the keyword UTYPE in the extension UNCERT of {str(filename)!r} must be one of "
            f"{', '.join(kinds)}, not {name!r}"
        )
    return kinds[name](values)


def _check_unit(unit, filename):
    unit = str(unit).strip()
    if unit.lower() in ("", "1", "dimensionless"):
        return
    if u.Unit(unit, parse_strict="silent") != u.dimensionless_unscaled:
        raise ValueError(
            f"{str(filename)!r} is not a convergence map: its BUNIT is {unit!r}, but kappa has no "
            "unit"
        )


def register_fits(cls: type) -> None:
    """Register the FITS format for ``ConvergenceMap.read`` and ``ConvergenceMap.write``.

    The function is called when `ConvergenceMap` is imported.

    Parameters
    ----------
    cls : type
        The class `ConvergenceMap`.
    """
    registry.register_reader("fits", cls, read_fits, force=True)
    registry.register_writer("fits", cls, write_fits, force=True)
    registry.register_identifier("fits", cls, _is_fits, force=True)


def _is_fits(origin, filepath, fileobj, *args, **kwargs):
    return filepath is not None and has_suffix(filepath, FITS_SUFFIXES)


def celestial_header(wcs: WCS) -> fits.Header:
    """Return the FITS header of the images of a map.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        The celestial WCS of the map.

    Returns
    -------
    `~astropy.io.fits.Header`
        The cards of the WCS, and a BUNIT card.

    Raises
    ------
    ValueError
        If a FITS header cannot hold the WCS.
    """
    if isinstance(wcs, WCS) and any(
        table is not None for table in (wcs.cpdis1, wcs.cpdis2, wcs.det2im1, wcs.det2im2)
    ):
        raise ValueError(
            "the WCS of the map has distortion tables, which lensmap cannot write to a FITS "
            "header: reproject the map to a WCS without distortions first"
        )
    header = wcs.to_header(relax=True)
    if isinstance(wcs, WCS) and wcs.sip is not None:
        # to_header drops the suffix that announces SIP terms.
        header["CTYPE1"], header["CTYPE2"] = (
            name if name.endswith("-SIP") else f"{name}-SIP" for name in wcs.wcs.ctype
        )
    # The FITS unit of a dimensionless quantity is blank; many readers do not understand "1".
    header["BUNIT"] = ("", "dimensionless")
    return header


def meta_hdus(meta: dict) -> list[fits.BinTableHDU]:
    """Return the table with the metadata of a map, for `read_meta`; none if there are none.

    Parameters
    ----------
    meta : dict
        The metadata.

    Returns
    -------
    list of `~astropy.io.fits.BinTableHDU`
        At most one table.
    """
    if not meta:
        return []
    table = Table(
        {
            # Keys are written as JSON, like values, because FITS tables can hold only ASCII.
            "key": [_to_json(str(key))[1:-1] for key in meta],
            "value": [_to_json(value) for value in meta.values()],
        }
    )
    hdu = fits.table_to_hdu(table)
    hdu.name = "META"
    return [hdu]


def read_meta(hdus: fits.HDUList) -> dict:
    """Return the metadata of a map from the table that `meta_hdus` made; empty without it."""
    if "META" not in hdus:
        return {}
    table = Table.read(hdus["META"])
    return {json.loads(f'"{row["key"]}"'): json.loads(str(row["value"])) for row in table}


def meta_to_json(meta: dict) -> str:
    """Return the metadata of a map as one JSON text."""
    return "{" + ", ".join(f"{_to_json(str(k))}: {_to_json(v)}" for k, v in meta.items()) + "}"


def readable_cards(meta: dict) -> dict:
    """Return FITS header cards with the most important metadata of a map, for human readers."""
    parameters, binning = meta.get("parameters"), meta.get("binning")
    facts = {
        "ESTIMATR": (meta.get("estimator"), "lensmap estimator"),
        "CONVENTN": (meta.get("convention"), "sign convention of the catalog"),
        "NETWORK": (meta.get("weights_edition"), "edition of the network"),
        "NGAL": (meta.get("n_galaxies"), "galaxies used"),
        "BINNING": (
            binning.get("factor") if isinstance(binning, dict) else None,
            "image pixels along the side of a map pixel",
        ),
        "SMOOTH": (
            # The smoothing of the estimator. It would be wrong for a map that was smoothed again.
            parameters.get("smoothing")
            if isinstance(parameters, dict) and "smoothed_by" not in meta
            else None,
            "Gaussian sigma",
        ),
    }
    cards: dict[str, tuple] = {}
    for key, (value, comment) in facts.items():
        if isinstance(value, numbers.Integral):
            cards[key] = (int(value), comment)
        elif value is not None:
            # Cards can hold only ASCII, and 28 characters fit next to the comment.
            cards[key] = (str(value).encode("ascii", "replace").decode()[:28], comment)
    return cards


def _networks(meta):
    """Return the entry of the provenance about the network that made a map; empty without one."""
    if not isinstance(meta.get("weights"), str):
        return {}
    parameters = meta.get("parameters")
    name = parameters.get("network") if isinstance(parameters, dict) else None
    return {"networks": [{
        "name": Path(str(name)).name, "edition": meta.get("weights_edition"),
        "sha256": meta["weights"],
    }]}


def _to_json(value):
    """Convert a value of the metadata to JSON text; types that JSON lacks become strings."""

    def convert(item):
        if isinstance(item, np.generic):
            return item.item()
        if isinstance(item, np.ndarray) and not isinstance(item, u.Quantity):
            return item.tolist()
        return str(item)

    try:
        return json.dumps(value, default=convert)
    except TypeError:  # a dictionary with keys that are not strings, such as tuples
        return json.dumps(str(value))


def _native(data):
    """Return a copy of an array in the byte order of this machine."""
    return np.array(data, dtype=data.dtype.newbyteorder("="))

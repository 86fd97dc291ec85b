# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The FITS form of a map, registered with astropy's unified reading and writing.

Primary: kappa. Extensions: KAPPA_B, UNCERT, MASK (uint8, 1 = excluded) and COUNTS, each with the
celestial header and a BUNIT card, and META, a table of what is known of the map. The names are
those that `~astropy.nddata.CCDData` looks for, so that it reads such a file, too.
"""

import json
import numbers

import numpy as np
from astropy import units as u
from astropy.io import fits, registry
from astropy.nddata import InverseVariance, StdDevUncertainty, VarianceUncertainty
from astropy.table import Table
from astropy.wcs import WCS

from lensmap.utils import FITS_SUFFIXES, atomic_write, has_suffix

__all__ = ["read_fits", "write_fits", "register_fits"]


def write_fits(kappa, filename, *, overwrite=False):
    """Write a map, whole or not at all.

    Parameters
    ----------
    kappa : ConvergenceMap
        The map.
    filename : path-like
        Where to.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    FileExistsError
        If the file exists and ``overwrite`` is False.
    PermissionError
        If the directory cannot be written to.
    ValueError
        If the WCS has distortions that a header cannot hold.
    """
    header = _celestial_header(kappa.wcs)
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
    for key, value in _readable_cards(kappa.meta).items():
        hdus[0].header[key] = value
    if kappa.meta:
        meta = Table(
            {
                # JSON for the keys, too: FITS knows ASCII only.
                "key": [_to_json(str(key))[1:-1] for key in kappa.meta],
                "value": [_to_json(value) for value in kappa.meta.values()],
            }
        )
        hdus.append(fits.table_to_hdu(meta))
        hdus[-1].name = "META"
    with atomic_write(filename, overwrite=overwrite) as temporary:
        fits.HDUList(hdus).writeto(temporary, overwrite=True, checksum=True)


def read_fits(filename):
    """Read a map that lensmap wrote, or any celestial image of a convergence.

    Parameters
    ----------
    filename : path-like
        The file.

    Returns
    -------
    ConvergenceMap
        The map.

    Raises
    ------
    ValueError
        If its first image is not two-dimensional, has no celestial WCS, or has a unit.
    """
    from lensmap.maps._convergence_map import ConvergenceMap  # which registers this function

    # astropy's registry gives an open file
    filename = getattr(filename, "name", filename)
    with _opened(filename) as hdus:
        image = next((hdu for hdu in hdus if hdu.is_image and hdu.data is not None), None)
        if image is None or image.data.ndim != 2:
            raise ValueError(
                f"{str(filename)!r} is no convergence map: its first image is "
                + ("missing" if image is None else f"{image.data.ndim}-dimensional")
            )
        _check_unit(image.header.get("BUNIT", ""), filename)
        wcs = WCS(image.header, hdus)
        if not wcs.has_celestial:
            raise ValueError(f"{str(filename)!r} has no celestial WCS")
        planes = {
            hdu.name: _native(hdu.data)
            for hdu in hdus
            if hdu is not image and hdu.is_image and hdu.data is not None
        }
        mask = planes.get("MASK")
        return ConvergenceMap(
            _native(image.data),
            wcs=wcs,
            mask=None if mask is None else mask != 0,
            uncertainty=_read_uncertainty(hdus, planes.get("UNCERT"), filename),
            kappa_b=planes.get("KAPPA_B"),
            counts=planes.get("COUNTS"),
            meta=_read_meta(hdus),
        )


def _opened(filename):
    try:
        return fits.open(filename)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ValueError(f"{str(filename)!r} is no FITS file") from error


def _read_uncertainty(hdus, values, filename):
    """Return the uncertainty as its UTYPE says what it is: astropy writes variances, too."""
    if values is None:
        return None
    name = hdus["UNCERT"].header.get("UTYPE", "StdDevUncertainty")
    kinds = {cls.__name__: cls for cls in (StdDevUncertainty, VarianceUncertainty, InverseVariance)}
    if name not in kinds:
        raise ValueError(f"{str(filename)!r}: UNCERT is a {name!r}, which lensmap does not know")
    return kinds[name](values)


def _check_unit(unit, filename):
    unit = str(unit).strip()
    if unit.lower() in ("", "1", "dimensionless"):
        return
    if u.Unit(unit, parse_strict="silent") != u.dimensionless_unscaled:
        raise ValueError(f"{str(filename)!r} is no convergence map: its BUNIT is {unit!r}")


def register_fits(cls):
    """Register FITS with the ``read`` and ``write`` of ``ConvergenceMap`` (once, at import)."""
    registry.register_reader("fits", cls, read_fits, force=True)
    registry.register_writer("fits", cls, write_fits, force=True)
    registry.register_identifier("fits", cls, _is_fits, force=True)


def _is_fits(origin, filepath, fileobj, *args, **kwargs):
    return filepath is not None and has_suffix(filepath, FITS_SUFFIXES)


def _celestial_header(wcs):
    if any(table is not None for table in (wcs.cpdis1, wcs.cpdis2, wcs.det2im1, wcs.det2im2)):
        raise ValueError(
            "the WCS has distortion tables, which a header cannot hold: reproject the map first"
        )
    header = wcs.to_header(relax=True)
    if wcs.sip is not None:
        # to_header forgets the suffix that says that there are SIP terms
        header["CTYPE1"], header["CTYPE2"] = (
            name if name.endswith("-SIP") else f"{name}-SIP" for name in wcs.wcs.ctype
        )
    # A dimensionless quantity has a blank unit; "1" is not a unit that readers understand.
    header["BUNIT"] = ("", "dimensionless")
    return header


def _readable_cards(meta):
    """Return the few facts that a person looks for in a header, as far as they are known."""
    parameters = meta.get("parameters")
    facts = {
        "ESTIMATR": (meta.get("estimator"), "lensmap estimator"),
        "CONVENTN": (meta.get("convention"), "declared convention of the catalog"),
        "NGAL": (meta.get("n_galaxies"), "galaxies used"),
        "SMOOTH": (
            # of the estimator alone; a map that was smoothed again says so in its META only
            parameters.get("smoothing")
            if isinstance(parameters, dict) and "smoothed_by" not in meta
            else None,
            "Gaussian sigma",
        ),
    }
    cards = {}
    for key, (value, comment) in facts.items():
        if isinstance(value, numbers.Integral):
            cards[key] = (int(value), comment)
        elif value is not None:
            # A card has room for so many characters beside its comment, and knows ASCII only.
            cards[key] = (str(value).encode("ascii", "replace").decode()[:28], comment)
    return cards


def _to_json(value):
    """Return the value as JSON; what JSON does not know becomes a string."""

    def plain(item):
        if isinstance(item, np.generic):
            return item.item()
        if isinstance(item, np.ndarray) and not isinstance(item, u.Quantity):
            return item.tolist()
        return str(item)

    try:
        return json.dumps(value, default=plain)
    except TypeError:  # a dictionary with keys such as tuples
        return json.dumps(str(value))


def _read_meta(hdus):
    if "META" not in hdus:
        return {}
    table = Table.read(hdus["META"])
    return {json.loads(f'"{row["key"]}"'): json.loads(str(row["value"])) for row in table}


def _native(data):
    """Return a copy in the machine's byte order: the file is closed after reading."""
    return np.array(data, dtype=data.dtype.newbyteorder("="))

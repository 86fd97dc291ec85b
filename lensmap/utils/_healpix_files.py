# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Files of HEALPix pixels, whether masks or maps: the frame of the sphere, and HealSparse."""

from types import ModuleType
from typing import Any

from lensmap.utils._exceptions import MapWarning, ParameterError, warn_user
from lensmap.utils._optional import import_optional

__all__ = ["frame_of_healpix", "healpix_coordsys", "import_healsparse"]

# COORDSYS of HEALPix FITS files, and the frames. The ecliptic is the mean one of J2000.
_FRAMES = {
    "C": "icrs", "CEL": "icrs", "CELESTIAL": "icrs", "ICRS": "icrs", "EQUATORIAL": "icrs",
    "Q": "icrs", "G": "galactic", "GALACTIC": "galactic", "E": "barycentricmeanecliptic",
    "ECLIPTIC": "barycentricmeanecliptic",
}

# The frames that a HEALPix FITS file can name, and its words for them.
_COORDSYS = {"icrs": "C", "galactic": "G", "barycentricmeanecliptic": "E"}


def frame_of_healpix(header: Any, content: str, parameter: str) -> str:
    """Return the celestial frame that the header of a HEALPix FITS file names.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        The header of the table.
    content : str
        The content and the name of the file, as the subject of messages, such as
        ``"the HEALPix mask in 'm.fits'"``.
    parameter : str
        The parameter of the warning.

    Returns
    -------
    str
        The name of the frame in `astropy.coordinates`.

    Raises
    ------
    ValueError
        If the header names an unknown frame.

    Warns
    -----
    MapWarning
        If the header does not name the frame.
    """
    system = str(header.get("COORDSYS", header.get("SKYCOORD", ""))).strip().upper()
    if system == "":
        warn_user(
            f"{content} does not name its frame (COORDSYS): equatorial coordinates are assumed",
            MapWarning,
            "frame_assumed",
            parameter,
        )
        return "icrs"
    if system not in _FRAMES:
        raise ValueError(
            f"COORDSYS of a HEALPix map must be C (equatorial), G (galactic) or E (ecliptic), not "
            f"{system!r}"
        )
    return _FRAMES[system]


def healpix_coordsys(frame: str) -> str:
    """Return the value of COORDSYS for a frame.

    Parameters
    ----------
    frame : str
        The name of the frame in `astropy.coordinates`.

    Returns
    -------
    str
        The value, one letter.

    Raises
    ------
    ParameterError
        If a HEALPix FITS file cannot name this frame.
    """
    if frame not in _COORDSYS:
        raise ParameterError(
            "pixels", f"in one of the frames {', '.join(_COORDSYS)} for a HEALPix table in FITS",
            f"in {frame!r}",
            "write a HealSparse file (.hsp), which records any frame, or make the map in one of "
            "these frames",
        )
    return _COORDSYS[frame]


def import_healsparse(purpose: str) -> ModuleType:
    """Return the package ``healsparse``, or raise an ImportError that says how to install it.

    Parameters
    ----------
    purpose : str
        The feature that needs the package, as the subject of the error message.

    Returns
    -------
    module
        The package.
    """
    return import_optional("healsparse", purpose=purpose, install="healsparse")

# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Region files of peaks for DS9 and CARTA."""

from __future__ import annotations

from typing import TYPE_CHECKING

from astropy import units as u
from astropy.table import Table

from lensmap.utils import ParameterError, as_skycoord, atomic_write, check_angle, has_suffix

if TYPE_CHECKING:
    from regions import Regions

    from lensmap.typing import AngleLike, PathLike, PositionLike

__all__ = ["peak_regions", "write_regions"]

_FORMATS = {(".reg", ".ds9"): "ds9", (".crtf",): "crtf"}


def peak_regions(peaks: PositionLike, radius: AngleLike = "2 arcmin") -> Regions:
    """Return a circular region around each peak.

    Parameters
    ----------
    peaks : `~astropy.table.Table` or `~astropy.coordinates.SkyCoord`
        The peaks. If a table has a column ``id``, the circles are labeled with the ``id`` and, if
        the table has this column, the ``snr``.
    radius : `~astropy.units.Quantity` or str
        The radius of the circles, an angle.

    Returns
    -------
    `regions.Regions`
        The circles.
    """
    from regions import CircleSkyRegion, Regions

    radius = check_angle(radius, "radius")
    positions = as_skycoord(peaks, "peaks")
    labels = _labels(peaks, len(positions))
    return Regions(
        [
            CircleSkyRegion(one, radius.to(u.arcsec), meta={"text": label} if label else None)
            for one, label in zip(positions, labels, strict=True)
        ]
    )


def write_regions(
    peaks: PositionLike,
    path: PathLike,
    radius: AngleLike = "2 arcmin",
    *,
    overwrite: bool = False,
) -> None:
    """Write a circle around each peak to a region file of DS9 or CARTA.

    Parameters
    ----------
    peaks : `~astropy.table.Table` or `~astropy.coordinates.SkyCoord`
        The peaks, as for ``peak_regions``.
    path : path-like
        The file: ``.reg`` or ``.ds9`` for DS9, ``.crtf`` for CARTA and CASA.
    radius : `~astropy.units.Quantity` or str
        The radius of the circles, an angle.
    overwrite : bool
        Whether to replace an existing file.

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, or the file has another suffix.
    FileExistsError
        If the file exists and ``overwrite`` is False.
    """
    file_format = region_format(path)
    circles = peak_regions(peaks, radius)
    with atomic_write(path, overwrite=overwrite) as temporary:
        circles.write(temporary, format=file_format, overwrite=True)


def region_format(path: PathLike, name: str = "path") -> str:
    """Return the format of a region file, determined from its suffix.

    Parameters
    ----------
    path : path-like
        The file.
    name : str
        The name of the parameter, for the error message.

    Returns
    -------
    str
        The name of the format in the regions package.

    Raises
    ------
    ValueError
        If the suffix belongs to no format.
    """
    for suffixes, file_format in _FORMATS.items():
        if has_suffix(path, suffixes):
            return file_format
    raise ParameterError(name, ".reg, .ds9 or .crtf", repr(str(path)), verb="end in")


def _labels(peaks: PositionLike, n: int) -> list[str | None]:
    if not isinstance(peaks, Table) or "id" not in peaks.colnames:
        return [None for _ in range(n)]
    if "snr" not in peaks.colnames:
        return [str(number) for number in peaks["id"]]
    column, unit = "snr", "sigma"
    if "kappa_over_error" in peaks.colnames:
        column, unit = "kappa_over_error", "times the error"
    return [
        f"{number} ({height:.1f} {unit})" if height == height else str(number)
        for number, height in zip(peaks["id"], peaks[column], strict=True)
    ]

# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Peaks as regions, for DS9 and CARTA."""

from astropy import units as u

from lensmap.utils import as_skycoord, atomic_write, check_angle, has_suffix

__all__ = ["peak_regions", "write_regions"]

_FORMATS = {(".reg", ".ds9"): "ds9", (".crtf",): "crtf"}


def peak_regions(peaks, radius="2 arcmin"):
    """Return a circle around each peak.

    Parameters
    ----------
    peaks : `~astropy.table.Table` or `~astropy.coordinates.SkyCoord`
        Positions; a table's columns ``id`` and ``snr`` become labels.
    radius : `~astropy.units.Quantity` or str
        An angle.

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


def write_regions(peaks, path, radius="2 arcmin", *, overwrite=False):
    """Write a circle around each peak to a file that DS9 or CARTA opens.

    Parameters
    ----------
    peaks : `~astropy.table.Table` or `~astropy.coordinates.SkyCoord`
        As for `peak_regions`.
    path : path-like
        The file: ``.reg`` or ``.ds9`` for DS9, ``.crtf`` for CARTA and CASA.
    radius : `~astropy.units.Quantity` or str
        An angle.
    overwrite : bool
        Whether a file that exists is replaced.

    Raises
    ------
    ValueError
        If the file has another suffix.
    FileExistsError
        If the file exists.
    """
    file_format = region_format(path)
    circles = peak_regions(peaks, radius)
    with atomic_write(path, overwrite=overwrite) as temporary:
        circles.write(temporary, format=file_format, overwrite=True)


def region_format(path, name="path"):
    """Return the format of regions that a suffix stands for.

    Parameters
    ----------
    path : path-like
        The file.
    name : str
        What it is called in the error message.

    Returns
    -------
    str
        The format by its name in regions.

    Raises
    ------
    ValueError
        If it stands for none.
    """
    for suffixes, file_format in _FORMATS.items():
        if has_suffix(path, suffixes):
            return file_format
    raise ValueError(f"{name} must end in .reg, .ds9 or .crtf, not {str(path)!r}")


def _labels(peaks, n):
    names = getattr(peaks, "colnames", [])
    if "id" not in names:
        return [None] * n
    if "snr" not in names:
        return [str(number) for number in peaks["id"]]
    return [
        f"{number} ({snr:.1f} sigma)" if snr == snr else str(number)
        for number, snr in zip(peaks["id"], peaks["snr"], strict=True)
    ]

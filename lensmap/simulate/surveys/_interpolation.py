# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What a field does at the place and the redshift of each galaxy."""

from dataclasses import replace

import numpy as np
from scipy import ndimage

from lensmap.maps import ConvergenceMap, same_pixels
from lensmap.simulate.fields import LensingField, filled
from lensmap.utils import check_celestial_wcs, chunk_slices, thread_map

__all__ = ["INTERPOLATIONS", "as_fields", "lensing_at", "mean_field"]

INTERPOLATIONS = ("spline", "bilinear", "nearest")

_CHUNK = 250_000


def as_fields(field, wcs):
    """Return what was given for a field as a list of `LensingField`, empty for no lensing.

    Parameters
    ----------
    field : LensingField, ConvergenceMap, sequence of LensingField or None
        As for `MockSurvey.observe`.
    wcs : `~astropy.wcs.WCS` or None
        Where the pixels are put; None leaves them where they are.

    Returns
    -------
    fields : list of LensingField
        One, several of rising source redshift on the same pixels, or none.
    wcs : `~astropy.wcs.WCS`
        Where they are.

    Raises
    ------
    TypeError, ValueError
        If the field cannot be used, or there is neither field nor ``wcs``.
    """
    if wcs is not None:
        check_celestial_wcs(wcs)
    if field is None:
        if wcs is None:
            raise ValueError("field=None is a sky without lensing, which needs a wcs")
        return [], wcs
    if isinstance(field, ConvergenceMap):
        field = LensingField.from_kappa(field)
    fields = [field] if isinstance(field, LensingField) else _as_list(field)
    if wcs is not None:
        fields = [one.to_wcs(wcs) for one in fields]
    elif not all(
        one.shape == fields[0].shape and same_pixels(one.wcs, fields[0].wcs, one.shape)
        for one in fields[1:]
    ):
        raise ValueError("the fields of a sequence must have the same pixels and WCS")
    return fields, fields[0].wcs


def _as_list(field):
    if not isinstance(field, (list, tuple)) or not all(
        isinstance(one, LensingField) for one in field
    ):
        raise TypeError(
            "field must be a LensingField, a ConvergenceMap, a list of LensingField of rising "
            f"z_source, or None, not {type(field).__name__}"
        )
    redshifts = [one.z_source for one in field]
    if not redshifts or not all(isinstance(z, float) for z in redshifts):
        raise ValueError(
            "each field of a sequence needs a redshift, one number, as its z_source; found "
            f"{redshifts}"
        )
    if not np.all(np.diff(redshifts) > 0):
        raise ValueError(f"the fields of a sequence must be of rising z_source, not {redshifts}")
    return list(field)


def lensing_at(fields, x, y, redshift, interpolation):
    """Interpolate convergence and shear at galaxies.

    Parameters
    ----------
    fields : list of LensingField
        As `as_fields` gives them, at least one.
    x, y : `numpy.ndarray`
        0-based pixel positions on the map, ``(n,)``.
    redshift : `numpy.ndarray` or None
        Of the galaxies, ``(n,)``; only asked for if there are several fields. Between their
        source redshifts, and between 0 (no lensing) and the first, the lensing is linear in
        redshift; beyond the last it is that of the last.
    interpolation : {"spline", "bilinear", "nearest"}
        How it goes on between the pixels.

    Returns
    -------
    kappa : `numpy.ndarray`
        ``(n,)``.
    gamma : `numpy.ndarray`
        Complex, ``(n,)``, in the pixel basis.
    """
    if len(fields) == 1:
        return _at(_Interpolator(fields[0], interpolation), x, y)
    kappa, gamma = np.zeros(len(x)), np.zeros(len(x), dtype=complex)
    for field, share in zip(fields, _shares(fields, redshift), strict=True):
        rows = np.flatnonzero(share)
        one_kappa, one_gamma = _at(_Interpolator(field, interpolation), x[rows], y[rows])
        kappa[rows] += share[rows] * one_kappa
        gamma[rows] += share[rows] * one_gamma
    return kappa, gamma


def _shares(fields, redshift):
    """Yield how much of each field there is in the lensing of sources at redshifts."""
    nodes = [0.0, *(field.z_source for field in fields)]
    for i in range(1, len(nodes)):
        yield np.interp(redshift, nodes, np.eye(len(nodes))[i])


def mean_field(fields, z_source):
    """Return the mean lensing of sources at a redshift or a distribution of redshifts.

    Parameters
    ----------
    fields : list of LensingField
        Several, as `as_fields` gives them.
    z_source : float or `lensmap.cosmology.SourceRedshifts`
        The redshift of the sources or its distribution.

    Returns
    -------
    LensingField
        With the halos of the last field.
    """
    if isinstance(z_source, float):
        redshift = np.array([z_source])
    else:
        redshift = z_source.quantile((np.arange(10_000) + 0.5) / 10_000)
    shares = [share.mean() for share in _shares(fields, redshift)]
    kappa = sum(share * field.kappa.data for share, field in zip(shares, fields, strict=True))
    gamma = sum(share * field.gamma for share, field in zip(shares, fields, strict=True))
    return replace(
        fields[-1], kappa=ConvergenceMap(kappa, wcs=fields[-1].wcs), gamma=gamma, z_source=z_source
    )


def _at(interpolator, x, y):
    parts = thread_map(
        lambda rows: interpolator(x[rows], y[rows]), chunk_slices(len(x), _CHUNK)
    )
    if not parts:
        return np.zeros(0), np.zeros(0, dtype=complex)
    return tuple(np.concatenate(pieces) for pieces in zip(*parts, strict=True))


class _Interpolator:
    """Kappa and gamma of one field between its pixel centers.

    A map holds the means of its pixels. The spline is the smooth (quadratic) function that has
    these means: galaxies that are binned on the same pixels give the map back, neither blurred
    nor sharpened. A quadratic B-spline averaged over a pixel is the cubic one, so that the
    filter for cubic interpolation gives its coefficients. Bilinear interpolation blurs the map
    by about a pixel; the nearest pixel keeps the means and has steps.
    """

    def __init__(self, field, interpolation):
        self._order = {"spline": 2, "bilinear": 1, "nearest": 0}[interpolation]
        planes = [filled(field.kappa), field.gamma.real, field.gamma.imag]
        if interpolation == "spline":
            planes = [
                ndimage.spline_filter(values, order=3, output=float, mode="reflect")
                for values in planes
            ]
        self._planes = planes

    def __call__(self, x, y):
        kappa, gamma1, gamma2 = (
            ndimage.map_coordinates(
                values, (y, x), output=float, order=self._order, mode="reflect", prefilter=False
            )
            for values in self._planes
        )
        return kappa, gamma1 + 1j * gamma2

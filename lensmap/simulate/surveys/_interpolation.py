# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Interpolate convergence and shear at the position and redshift of each galaxy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from lensmap.maps import ConvergenceMap, same_pixels
from lensmap.simulate.fields import LensingField, filled
from lensmap.utils import (
    ParameterError,
    ParameterTypeError,
    check_celestial_wcs,
    chunk_slices,
    thread_map,
)

if TYPE_CHECKING:
    from astropy.wcs import WCS

    from lensmap.typing import RedshiftLike

__all__ = ["INTERPOLATIONS", "as_fields", "lensing_at", "mean_field"]

# The order of the spline, keyed by the name of the interpolation.
_SPLINE_ORDERS = {"spline": 2, "bilinear": 1, "nearest": 0}

INTERPOLATIONS = tuple(_SPLINE_ORDERS)

_GALAXIES_PER_CHUNK = 250_000

# The number of quantiles of a redshift distribution over which the lensing is averaged.
_N_QUANTILES = 10_000


def as_fields(
    field: LensingField | ConvergenceMap | Sequence[LensingField] | None, wcs: WCS | None
) -> tuple[list[LensingField], WCS]:
    """Convert the parameter ``field`` of `MockSurvey.observe` to a list of fields with one WCS.

    Parameters
    ----------
    field : LensingField, ConvergenceMap, sequence of LensingField or None
        One or several fields, or None for no lensing. The shear of a convergence map is computed.
    wcs : `~astropy.wcs.WCS` or None
        The WCS to which the fields are moved on the sky. None does not move the fields.

    Returns
    -------
    fields : list of LensingField
        The fields, on the same pixels and in order of increasing source redshift. The list is
        empty for no lensing.
    wcs : `~astropy.wcs.WCS`
        The WCS of the fields, or the given WCS if there is no field.

    Raises
    ------
    TypeError
        If ``field`` or ``wcs`` has the wrong type.
    ValueError
        If ``field`` and ``wcs`` are both None, or the fields of a sequence have different pixels or
        are not in order of increasing source redshift.
    """
    if wcs is not None:
        wcs = check_celestial_wcs(wcs)
    if field is None:
        if wcs is None:
            raise ParameterError(
                "wcs", "given if {field=None}",
                remedy="galaxies without lensing need a WCS that places them on the sky",
            )
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
        raise ParameterError(
            "field", "a list of fields that all have the same shape and WCS",
            remedy="if only their WCS differ, give {wcs}, to which all fields are then moved",
        )
    return fields, fields[0].wcs


def _as_list(field):
    if not isinstance(field, (list, tuple)) or not all(
        isinstance(one, LensingField) for one in field
    ):
        raise ParameterTypeError(
            "field",
            "a LensingField, a ConvergenceMap, a list of LensingField with increasing z_source, or "
            "None",
            type(field).__name__,
        )
    redshifts = [one.z_source for one in field]
    if not redshifts or not all(isinstance(z, float) for z in redshifts):
        raise ParameterError(
            "field", "a list of at least one field, each with a single redshift as its z_source",
            f"a list with the z_source {redshifts}",
        )
    if not np.all(np.diff(redshifts) > 0):
        raise ParameterError(
            "field", "a list of fields with strictly increasing z_source",
            f"a list with the z_source {redshifts}",
        )
    return list(field)


def lensing_at(
    fields: Sequence[LensingField],
    x: np.ndarray,
    y: np.ndarray,
    redshift: np.ndarray | None,
    interpolation: str,
) -> tuple[np.ndarray, np.ndarray]:
    """Interpolate convergence and shear at the positions and redshifts of galaxies.

    For several fields, convergence and shear are interpolated linearly in redshift between the
    fields, and between redshift 0 (no lensing) and the first field. Galaxies beyond the source
    redshift of the last field have the lensing of the last field.

    Parameters
    ----------
    fields : sequence of LensingField
        The fields, as returned by `as_fields`. There must be at least one.
    x, y : `numpy.ndarray`
        0-based pixel positions of the galaxies, ``(n,)``.
    redshift : `numpy.ndarray` or None
        The redshifts of the galaxies, ``(n,)``. They are not used for a single field, and may then
        be None.
    interpolation : {"spline", "bilinear", "nearest"}
        The interpolation between pixels.

    Returns
    -------
    kappa : `numpy.ndarray`
        The convergence, ``(n,)``.
    gamma : `numpy.ndarray`
        The complex shear in the pixel basis, ``(n,)``.
    """
    if len(fields) == 1:
        return _interpolated(_Interpolator(fields[0], interpolation), x, y)
    kappa, gamma = np.zeros(len(x)), np.zeros(len(x), dtype=complex)
    for field, weight in zip(fields, _redshift_weights(fields, redshift), strict=True):
        rows = np.flatnonzero(weight)
        interpolator = _Interpolator(field, interpolation)
        field_kappa, field_gamma = _interpolated(interpolator, x[rows], y[rows])
        kappa[rows] += weight[rows] * field_kappa
        gamma[rows] += weight[rows] * field_gamma
    return kappa, gamma


def _redshift_weights(fields, redshift):
    """Yield, for each field, its weights in the linear interpolation to n source redshifts.

    The weights are an array ``(n,)``. Between redshift 0 (no lensing) and the first field, only the
    first field has a weight above 0.
    """
    nodes = [0.0, *(field.z_source for field in fields)]
    for i in range(1, len(nodes)):
        yield np.interp(redshift, nodes, np.eye(len(nodes))[i])


def mean_field(fields: Sequence[LensingField], z_source: RedshiftLike) -> LensingField:
    """Interpolate fields to a source redshift, or average them over a redshift distribution.

    Parameters
    ----------
    fields : sequence of LensingField
        Two or more fields, as returned by `as_fields`.
    z_source : float or `lensmap.cosmology.SourceRedshifts`
        The redshift of the sources or their redshift distribution.

    Returns
    -------
    LensingField
        The interpolated or mean field, with the halos of the last field.
    """
    if isinstance(z_source, float):
        redshift = np.array([z_source])
    else:
        levels = (np.arange(_N_QUANTILES) + 0.5) / _N_QUANTILES
        redshift = np.asarray(z_source.quantile(levels))
    weights = [weight.mean() for weight in _redshift_weights(fields, redshift)]
    kappa = sum(weight * field.kappa.data for weight, field in zip(weights, fields, strict=True))
    gamma = sum(weight * field.gamma for weight, field in zip(weights, fields, strict=True))
    return replace(
        fields[-1], kappa=ConvergenceMap(kappa, wcs=fields[-1].wcs), gamma=gamma, z_source=z_source
    )


def _interpolated(interpolator, x, y):
    """Return the convergence and complex shear of a field at pixel positions, each ``(n,)``.

    ``interpolator`` is an `_Interpolator`. Several threads compute parts of the result.
    """
    chunks = thread_map(
        lambda rows: interpolator(x[rows], y[rows]), chunk_slices(len(x), _GALAXIES_PER_CHUNK)
    )
    if not chunks:
        return np.zeros(0), np.zeros(0, dtype=complex)
    return tuple(np.concatenate(values) for values in zip(*chunks, strict=True))


class _Interpolator:
    """Interpolate the convergence and shear of one field between the centers of its pixels.

    Each pixel of a map holds the mean over its area. The interpolation ``"spline"`` is the
    quadratic spline that has the same pixel means. Galaxies binned on the same pixels then
    reproduce the map, neither blurred nor sharpened. The average of a quadratic B-spline over a
    pixel is a cubic B-spline, so the prefilter of cubic spline interpolation gives the coefficients
    of the quadratic spline. ``"bilinear"`` blurs the map by about a pixel. ``"nearest"`` preserves
    the pixel means, but has steps at the edges of pixels.
    """

    def __init__(self, field, interpolation):
        self._order = _SPLINE_ORDERS[interpolation]
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

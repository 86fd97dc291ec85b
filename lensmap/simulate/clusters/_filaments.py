# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The class `Filament`, a straight filament of matter at a cluster, and its lensing signal."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from astropy import units as u
from numpy.typing import ArrayLike

from lensmap.cosmology import get_cosmology
from lensmap.flatsky import isolated_shear
from lensmap.utils import ParameterError, ParameterTypeError, check_number

if TYPE_CHECKING:
    from lensmap.halos import NFWHalo

__all__ = ["Arm", "Filament", "arm_lensing", "arm_profile"]

# The Gaussian profile across a filament is neglected beyond this number of standard deviations.
_MAX_DEVIATION = 5.0


@dataclass(frozen=True, kw_only=True)
class Filament:
    r"""A straight filament that starts at a cluster.

    The convergence of the filament, which is added to the convergence of the rest of the field, is

    .. math:: \kappa(s, t) = \kappa_\mathrm{excess}(s) \, A(s) \, e^{-t^2 / 2 \sigma^2} .

    Here s is the distance from the center of the cluster along the filament, and t is the distance
    from the axis of the filament. The taper A is 1 except near the two ends, where it falls to 0 as
    half a period of a cosine: between ``start + taper`` and ``start``, and between
    ``length - taper`` and ``length``.

    Attributes
    ----------
    angle : `~astropy.units.Quantity`
        The position angle of the filament at the cluster, from north through east. In a field with
        north up and east left, the angle from the +x axis of the pixels towards +y is ``angle`` +
        90 deg.
    length : `~astropy.units.Quantity`
        The distance of the far end from the center of the cluster: an angle, or a proper length at
        the cluster.
    width : `~astropy.units.Quantity`
        The standard deviation of the Gaussian profile across the filament, an angle or a proper
        length. The full width at half maximum is 2.355 times larger.
    excess : float
        The convergence on the axis of the filament, positive.
    outer_excess : float or None
        The convergence on the axis at the far end. ``excess`` is then the convergence at the near
        end, and the convergence on the axis is linear in s. If None, ``excess`` everywhere.
    start : `~astropy.units.Quantity` or None
        The distance of the near end from the center of the cluster, an angle or a proper length. If
        None, the r200c of the cluster.
    taper : `~astropy.units.Quantity` or None
        The length over which the convergence falls to 0 at each end, an angle or a proper length.
        If None, ``width``.
    cluster : int
        The index of the cluster to which the filament is attached, from 0.

    Raises
    ------
    TypeError
        If a parameter has no unit, or a unit of the wrong kind.
    ValueError
        If a parameter is not finite or not positive.

    Examples
    --------
    >>> from astropy import units as u
    >>> from lensmap.simulate import Filament
    >>> arm = Filament(angle=110 * u.deg, length=2.5 * u.Mpc, width=6 * u.arcmin, excess=0.01)
    >>> arm.start is None  # at r200c
    True
    """

    angle: u.Quantity
    length: u.Quantity
    width: u.Quantity
    excess: float
    outer_excess: float | None = None
    start: u.Quantity | None = None
    taper: u.Quantity | None = None
    cluster: int = 0

    def __post_init__(self) -> None:
        angle = self.angle
        if not isinstance(angle, u.Quantity) or not angle.unit.is_equivalent(u.deg):
            raise ParameterTypeError(
                "angle", "an angle with a unit, such as 110 * u.deg", repr(angle)
            )
        if not angle.isscalar or not np.isfinite(angle):
            raise ParameterError("angle", "one finite angle", str(angle))
        for name in ("length", "width", "start", "taper"):
            value = getattr(self, name)
            if value is not None or name in ("length", "width"):
                _check_size(value, name, allow_zero=name == "start")
        for name in ("excess", "outer_excess"):
            value = getattr(self, name)
            if value is None and name == "outer_excess":
                continue
            check_number(value, name, "a positive finite convergence", low=np.finfo(float).tiny)
        if isinstance(self.cluster, bool) or not isinstance(self.cluster, numbers.Integral):
            raise ParameterTypeError(
                "cluster", "the number of a cluster, counted from 0", repr(self.cluster)
            )

    def arm(
        self, halo: NFWHalo, x: float, y: float, direction: float, pixel_scale: u.Quantity
    ) -> Arm:
        """Convert the filament to pixel units.

        Parameters
        ----------
        halo : lensmap.halos.NFWHalo
            The cluster.
        x, y : float
            The pixel position of the center of the cluster.
        direction : float
            The direction of the filament in radians, from +x to +y.
        pixel_scale : `~astropy.units.Quantity`
            The angular side of a pixel.

        Returns
        -------
        Arm
            The filament, with lengths in pixels.

        Raises
        ------
        ValueError
            If the filament is shorter than its two tapers, or narrower than a pixel.
        """
        cosmology = get_cosmology(halo.cosmology, structure=False)
        distance = cosmology.angular_diameter_distance(halo.z_lens).to(u.Mpc)

        def pixels(size):
            if not size.unit.is_equivalent(u.rad):
                size = (size / distance).to_value(u.one) * u.rad
            return float((size / pixel_scale).to_value(u.one))

        start = pixels(halo.r200c if self.start is None else self.start)
        end, width = pixels(self.length), pixels(self.width)
        taper = width if self.taper is None else pixels(self.taper)
        if end - start < 2 * taper:
            raise ParameterError(
                "length",
                f"at least start + 2 taper = {(start + 2 * taper) * pixel_scale:.4g}",
                f"{end * pixel_scale:.4g}",
                f"this filament has a start of {start * pixel_scale:.4g} and a taper of "
                f"{taper * pixel_scale:.4g}",
            )
        if width < 1:
            raise ParameterError(
                "width", f"at least the side of a pixel, {pixel_scale:.4g}",
                f"{width * pixel_scale:.4g}",
            )
        outer = self.excess if self.outer_excess is None else self.outer_excess
        return Arm(x, y, direction, start, end, width, taper, float(self.excess), float(outer))


class Arm(NamedTuple):
    """A filament of a cluster in pixel units.

    Attributes
    ----------
    x, y : float
        The pixel position of the center of the cluster.
    direction : float
        The direction of the filament in radians, from +x to +y.
    start, end, width, taper : float
        The distances of the two ends from the center of the cluster, the width (standard
        deviation) and the length of the tapers, in pixels.
    excess, outer_excess : float
        The convergence on the axis at the start and at the end, before tapering.
    """

    x: float
    y: float
    direction: float
    start: float
    end: float
    width: float
    taper: float
    excess: float
    outer_excess: float

    @property
    def sum(self) -> float:
        """The sum of the filament's convergence over all pixels, inside and outside the field."""
        # Each taper contributes half of its length. If the excess is linear, its mean can be used,
        # because the filament is symmetric about its middle.
        length = self.end - self.start - self.taper
        mean = (self.excess + self.outer_excess) / 2
        return float(mean * length * self.width * np.sqrt(2 * np.pi))


def arm_profile(arm: Arm, s: ArrayLike) -> np.ndarray:
    """Return the convergence on the axis of a filament, with the taper at the two ends.

    Parameters
    ----------
    arm : Arm
        The filament.
    s : array_like
        Distances from the center of the cluster along the filament, in pixels.

    Returns
    -------
    `numpy.ndarray`
        The convergence, with the same shape as ``s``.
    """
    s = np.asarray(s, dtype=float)
    fraction = np.clip((s - arm.start) / (arm.end - arm.start), 0, 1)
    excess = arm.excess + fraction * (arm.outer_excess - arm.excess)
    rise = np.clip(np.minimum(s - arm.start, arm.end - s) / arm.taper, 0, 1)
    return excess * (1 - np.cos(np.pi * rise)) / 2


def arm_lensing(arms: Sequence[Arm], shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    r"""Return the convergence and shear of filaments, averaged over pixels.

    Parameters
    ----------
    arms : sequence of Arm
        The filaments. Their mass outside the field contributes to the shear, too.
    shape : tuple of int
        The shape of the field in pixels, ``(ny, nx)``.

    Returns
    -------
    kappa, gamma : `numpy.ndarray`
        Convergence and complex shear in double precision, ``(ny, nx)``.
    """
    (low_y, high_y), (low_x, high_x) = (_extent(arms, axis, n) for axis, n in enumerate(shape))
    region = (high_y - low_y, high_x - low_x)
    kappa = np.zeros(region)
    for arm in arms:
        kappa += _pixel_means(arm, low_x, low_y, region)
    field = np.s_[-low_y : shape[0] - low_y, -low_x : shape[1] - low_x]
    return kappa[field].copy(), isolated_shear(kappa)[field].copy()


def _extent(arms, axis, n):
    """Return the first and one past the last pixel of a range that contains the field and all mass.

    The range is along one axis, 0 for y and 1 for x, on which the field has n pixels. The mass is
    that of the filaments ``arms``.
    """
    low, high = 0.0, float(n)
    for arm in arms:
        center = (arm.y, arm.x)[axis]
        along = (np.sin(arm.direction), np.cos(arm.direction))[axis]
        for s in (arm.start, arm.end):
            low = min(low, center + s * along - _MAX_DEVIATION * arm.width)
            high = max(high, center + s * along + _MAX_DEVIATION * arm.width)
    return int(np.floor(low)), int(np.ceil(high))


def _pixel_means(arm, low_x, low_y, shape):
    """Return the convergence of a filament averaged over pixels, ``(ny, nx)``.

    The averages are Gaussian quadratures with 2 x 2 points. The first pixel of the array lies at
    ``(low_x, low_y)``, in pixels of the field.
    """
    result = np.zeros(shape)
    y, x = np.meshgrid(
        np.arange(shape[0]) + low_y - arm.y, np.arange(shape[1]) + low_x - arm.x, indexing="ij"
    )
    cos, sin = np.cos(arm.direction), np.sin(arm.direction)
    step = 0.5 / np.sqrt(3)
    for step_y in (-step, step):
        for step_x in (-step, step):
            along = (x + step_x) * cos + (y + step_y) * sin
            across = (y + step_y) * cos - (x + step_x) * sin
            result += arm_profile(arm, along) * np.exp(-((across / arm.width) ** 2) / 2) / 4
    return result


def _check_size(value, name, *, allow_zero):
    units = (u.rad, u.Mpc)
    if not isinstance(value, u.Quantity) or not any(map(value.unit.is_equivalent, units)):
        raise ParameterTypeError(
            name, "an angle or a length with a unit, such as 6 * u.arcmin or 2 * u.Mpc",
            repr(value),
        )
    if not value.isscalar or not np.isfinite(value) or value < 0 or (value == 0 and not allow_zero):
        sign = "non-negative" if allow_zero else "positive"
        raise ParameterError(name, f"one {sign} finite angle or length", str(value))

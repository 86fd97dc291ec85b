# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tests of estimator classes on known lenses and on noise.

A law is one property that every class for the reconstruction of mass maps must have. Some functions
here each test one law for `check_estimator`: law 6 is about the positions of lenses on the
sky, law 10 about mass profiles, and law 11 about uncertainties.
"""

from functools import lru_cache

import numpy as np
from astropy import units as u

from lensmap.testing._case import SCALE, WCS_OF_NOISE, Case, law
from lensmap.testing._report import Broken
from lensmap.testing._sky import (
    CENTERS,
    NFW,
    ORIENTATIONS,
    SIS,
    catalog_columns,
    lattice,
    pixel_sky,
    shear_of,
    tangent_wcs,
)

__all__: list[str] = []

# The side of a field with a lens in pixels, and the number of galaxies along the side of a pixel.
_N_PIXELS, _N_LATTICE = 64, 2

# A bar of halos: its position angle (degrees), the positions of the halos along it (arcmin), and
# the distance of its middle from the center of the field.
_PA, _STEPS, _OFFSET = 35.0, (-3, -1.5, 0, 1.5, 3), 4 * u.arcmin

# For the profiles: the pixel scale in arcmin, and the number of galaxies along the side of a pixel.
_PROFILE_SCALE, _PROFILE_LATTICE = 0.6, 3

# The inner radii of the rings in which profiles are compared, and the width of the rings, arcmin.
_RINGS, _RING_WIDTH = (0, 1, 2, 3, 5, 8, 12), 0.8


@lru_cache(maxsize=64)
def _bar(place, orientation):
    """Return the middle of a bar of five halos, the WCS of a map, and sheared source galaxies.

    Parameters
    ----------
    place : str
        The position of the field on the sky, a key of ``CENTERS``.
    orientation : str
        The orientation of the map, a key of ``ORIENTATIONS``.

    Returns
    -------
    middle : `~astropy.coordinates.SkyCoord`
        The middle of the bar.
    wcs : `~astropy.wcs.WCS`
        The WCS of the map.
    columns : dict
        The columns of the source galaxies, with reduced shears and without noise.
    """
    center = CENTERS[place]
    middle = center.directional_offset_by(250 * u.deg, _OFFSET)
    halos = [
        (middle.directional_offset_by((_PA + (0 if step > 0 else 180)) * u.deg,
                                      abs(step) * u.arcmin), NFW(kappa_s=0.05, theta_s=1.0))
        for step in _STEPS
    ]
    wcs = tangent_wcs(center, (_N_PIXELS, _N_PIXELS), SCALE, **ORIENTATIONS[orientation])
    sky = lattice(wcs, _N_LATTICE)
    gamma, kappa = shear_of(sky, halos)
    return middle, wcs, catalog_columns(sky, gamma / (1 - kappa))


@law("6", "an elongated lens has its place and position angle anywhere on the sky")
def elongated_lens(case: Case) -> None:
    """Require the true position and position angle of a bar of halos on maps all over the sky."""
    for place in CENTERS:
        for orientation in ORIENTATIONS:
            middle, wcs, columns = _bar(place, orientation)
            kappa = case.map(columns, wcs, None, case.contract.noiseless)
            where = f"({place}, {orientation})"
            offset, angle, elongation = _shape(kappa, middle, where)
            case.at_most(offset / SCALE, 0.25, f"offset in pixels {where}")
            case.at_most(angle, 3.0, f"error of the position angle in deg {where}")
            case.true(elongation > 0.4, f"elongation {elongation:.2f} {where}", "above 0.4")


def _shape(kappa, middle, where):
    """Measure the position and shape of a bar of halos from the moments of kappa on a map.

    Parameters
    ----------
    kappa : `~lensmap.ConvergenceMap`
        The map.
    middle : `~astropy.coordinates.SkyCoord`
        The true middle of the bar.
    where : str
        The place and orientation of the map, for the error message.

    Returns
    -------
    offset : float
        The distance between the measured and the true middle, arcmin.
    error : float
        The absolute error of the position angle, degrees.
    elongation : float
        The modulus of the ellipticity from second moments.
    """
    values = np.where(kappa.mask, 0, kappa.data)
    sky = pixel_sky(kappa.wcs)
    distance = middle.separation(sky).arcmin.reshape(values.shape)
    weight = np.where(distance < 6, np.clip(values - 0.02, 0, None), 0)
    if weight.sum() <= 0:
        raise Broken(f"no kappa above 0.02 within 6 arcmin of the lens {where}", "a peak")
    y, x = np.indices(values.shape)
    x0, y0 = ((weight * v).sum() / weight.sum() for v in (x, y))
    offset = kappa.wcs.pixel_to_world(x0, y0).icrs.separation(middle).arcmin
    angle = middle.position_angle(sky).rad.reshape(values.shape)
    east, north = distance * np.sin(angle), distance * np.cos(angle)
    moments = (weight * (north + 1j * east) ** 2).sum()
    position_angle = np.degrees(np.angle(moments) / 2)
    error = abs((position_angle - _PA + 90) % 180 - 90)
    return offset, error, abs(moments) / (weight * distance**2).sum()


@lru_cache(maxsize=64)
def _lens(name, place, orientation):
    """Return a lens, its position, the WCS of a map, and the columns of sheared source galaxies.

    Parameters
    ----------
    name : {"NFW", "SIS"}
        The mass profile of the lens.
    place : str
        The position of the field on the sky, a key of ``CENTERS``.
    orientation : str
        The orientation of the map, a key of ``ORIENTATIONS``.
    """
    lens = {"NFW": NFW(), "SIS": SIS()}[name]
    center = CENTERS[place]
    position = center.directional_offset_by(120 * u.deg, 3.3 * u.arcmin)
    wcs = tangent_wcs(
        center, (_N_PIXELS, _N_PIXELS), _PROFILE_SCALE, **ORIENTATIONS[orientation]
    )
    sky = lattice(wcs, _PROFILE_LATTICE)
    sky = sky[sky.separation(position) > 0.15 * u.arcmin]  # the shear of an SIS diverges
    gamma, _ = shear_of(sky, [(position, lens)])
    return lens, position, wcs, catalog_columns(sky, gamma)


@law("10", "a known lens has its place and profile")
def known_lens(case: Case) -> None:
    """Require the expected peak position and kappa profile for NFW and SIS lenses.

    The expected profile is the true profile after the response that the estimator class declares: a
    factor on Fourier modes, such as a smoothing. The ellipticities of the galaxies are the shear,
    not the reduced shear.
    """
    case.need_linear()
    case.need(case.contract.response is not None, "contract.response is not declared")
    for name in ("NFW", "SIS"):
        for place in CENTERS:
            for orientation in ORIENTATIONS:
                _check_profile(case, name, place, orientation)


def _check_profile(case, name, place, orientation):
    lens, position, wcs, columns = _lens(name, place, orientation)
    where = f"({name}, {place}, {orientation})"
    kappa = case.map(columns, wcs)
    values = np.where(kappa.mask, -1, kappa.data)
    y0, x0 = np.unravel_index(values.argmax(), values.shape)
    case.true(
        0 < y0 < values.shape[0] - 1 and 0 < x0 < values.shape[1] - 1,
        f"the maximum at the edge {where}", "at the lens",
    )
    peak = wcs.pixel_to_world(*_parabola(values, x0, y0)).icrs
    offset = peak.separation(position).arcmin / _PROFILE_SCALE
    case.at_most(offset, 0.4, f"offset of the peak in pixels {where}")
    theta = pixel_sky(wcs).separation(position).arcmin.reshape(values.shape)
    expected = _expected_profile(case, name, lens)(theta)
    rings = [(theta > r) & (theta < r + _RING_WIDTH) for r in _RINGS]
    excess = np.array([np.mean((kappa.data - expected)[ring]) for ring in rings])
    scale = np.array([np.mean(expected[ring]) for ring in rings])
    sheet = excess[-1]
    case.true(-0.03 < sheet < 0.001, f"mass sheet {sheet:.3g} {where}", "-0.03 to 0.001")
    # The allowed error is 3 per cent of the profile, plus an allowance for the pixelated center.
    error = np.abs(excess - sheet) / (0.03 * scale + 0.003 * scale[0])
    case.at_most(error.max(), 1.0, f"error of the profile over the allowed error {where}")
    if kappa.kappa_b is not None:
        b = max(np.abs(np.mean(kappa.kappa_b[ring])) for ring in rings)
        case.at_most(b / scale[0], 0.01, f"kappa_b over kappa at the center {where}")


def _parabola(values, x0, y0):
    """Return the position (x, y) of a maximum to a fraction of a pixel.

    A parabola along each axis passes through the highest pixel ``(x0, y0)`` of ``values`` and its
    two neighbors.
    """
    def along(left, middle, right):
        return 0.5 * (left - right) / (left - 2 * middle + right)

    middle = values[y0, x0]
    dx = along(values[y0, x0 - 1], middle, values[y0, x0 + 1])
    dy = along(values[y0 - 1, x0], middle, values[y0 + 1, x0])
    return x0 + dx, y0 + dy


def _expected_profile(case, name, lens):
    """Return the expected profile of a lens on a map: a function from radius (arcmin) to kappa.

    It is the true kappa of the lens after the response that the estimator class declares: a factor
    on Fourier modes, such as a smoothing. The response is applied on a fine grid, without
    lensmap's Fourier transforms. The function is cached in ``case.profiles``.
    """
    if name in case.profiles:
        return case.profiles[name]
    step, n = 0.05, 1601
    y, x = (np.indices((n, n)) - n // 2) * step
    theta = np.hypot(x, y)
    theta[n // 2, n // 2] = 0.38 * step  # the mean distance within the central pixel
    arcmin = np.radians(1 / 60)
    ell = 2 * np.pi * np.fft.fftfreq(n, step * arcmin)
    response = case.contract.response(
        case.estimator(), ell, ell[:, np.newaxis], _PROFILE_SCALE * arcmin,
        (_PROFILE_LATTICE / (_PROFILE_SCALE * arcmin)) ** 2,
    )
    smoothed = np.fft.ifft2(np.fft.fft2(np.fft.ifftshift(lens.kappa(theta))) * response).real
    radius = np.arange(0, 320) * step
    row = smoothed[0, :320]

    def profile(t):
        return np.where(t < 15, np.interp(t, radius, row), lens.kappa(np.maximum(t, 1)))

    case.profiles[name] = profile
    return profile


# --- 11. the uncertainty --------------------------------------------------------------------

# The number of noise maps whose scatter is compared with the uncertainty.
_N_NOISE = 16


@law("11", "an uncertainty is that of its own target")
def uncertainties(case: Case) -> None:
    """Require that the noise uncertainty of a map agrees with the scatter of noise maps.

    An uncertainty that stands for the total error is only required to be positive. Its size could
    be tested only on fields drawn from the prior of the method.
    """
    case.need_parameter("uncertainty")
    case.need(case.kinds, "uncertainties are not declared")
    columns = case.noise()
    given = {"n_realizations": _N_NOISE} if "n_realizations" in case.options else {}
    scatter = None
    for name, kind in case.kinds.items():
        kappa = case.map(columns, WCS_OF_NOISE, None, given, uncertainty=name)
        meaning = kappa.meta.get("uncertainty")
        case.true(meaning == kind.meaning, f"meta['uncertainty'] {meaning!r}", repr(kind.meaning))
        error = kappa.uncertainty.array[~kappa.mask]
        case.true(
            np.isfinite(error).all() and (error > 0).all(),
            f"{np.count_nonzero(~(error > 0))} pixels with an uncertainty {name!r} of 0 or less",
            "0",
        )
        if kind.meaning == "noise":
            scatter = _scatter(case, columns) if scatter is None else scatter
            inner = np.s_[8:-8, 8:-8]  # analytic noise is wrong near the edges
            ratio = np.nanmean((kappa.uncertainty.array / scatter)[inner])
            # The noise of a network's map is not Gaussian: few realizations dominate the scatter.
            allowed = 0.2 if case.cls.linear else 0.3
            case.at_most(abs(ratio - 1), allowed, f"|ratio - 1| of {name!r} and independent noise")


def _scatter(case, columns):
    """Return the root mean square of kappa over noise maps, ``(ny, nx)``.

    Each noise map has the galaxies in ``columns`` with new random ellipticities. If the maps have a
    B-mode, each B-mode counts as a further noise map.
    """
    rng, n = np.random.default_rng([case.seed, 11]), len(columns["ra"])
    total = 0.0
    for _ in range(_N_NOISE):
        e = 0.25 * (rng.normal(size=n) + 1j * rng.normal(size=n))
        kappa = case.map({**columns, "e1": e.real, "e2": e.imag})
        planes = [kappa.data] if kappa.kappa_b is None else [kappa.data, kappa.kappa_b]
        total = total + sum(np.square(plane) for plane in planes) / len(planes)
    return np.sqrt(total / _N_NOISE)

# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tests of estimator classes on the sphere: known lenses, and noise.

A law is one property that every class for the reconstruction of mass maps must have. Some functions
here each test one law for `check_estimator`, for classes with the geometry ``"sphere"``: law 6 is
about the positions of lenses on the sky, law 10 about mass profiles, and law 11 about
uncertainties.
"""

from functools import lru_cache

import numpy as np
from astropy import units as u
from scipy.special import eval_legendre

from lensmap.sphere import HealpixPixels
from lensmap.testing._case import law
from lensmap.testing._report import Broken
from lensmap.testing._sky import CENTERS, NFW, catalog_columns, shear_of
from lensmap.testing._sphere_case import SphereCase, pixel_centers

__all__: list[str] = []

# The pixels of maps with a lens, 27 arcmin, and the pixels whose centers are source galaxies.
_NSIDE, _SOURCE_NSIDE = 128, 256

# The radius of the field, degrees.
_RADIUS_DEG = 7.0

# A bar of halos: its position angle (degrees), the positions of the halos along it, and the
# distance of its middle from the center of the field (degrees).
_PA, _STEPS_DEG, _OFFSET_DEG = 35.0, (-2, -1, 0, 1, 2), 1.0
_BAR_HALO = NFW(kappa_s=0.05, theta_s=50.0)

# The lens of the profiles, and the inner radii and the width of their rings (degrees).
_LENS = NFW(kappa_s=0.1, theta_s=60.0)
_RINGS_DEG, _RING_WIDTH_DEG = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0), 0.5

# The number of noise maps whose scatter is compared with the uncertainty.
_N_NOISE = 10


@lru_cache(maxsize=8)
def _sources(place):
    """Return the positions of source galaxies in a circle about a position of ``CENTERS``."""
    from astropy.coordinates import SkyCoord

    pixels = HealpixPixels(_SOURCE_NSIDE)
    sky = SkyCoord(*pixels.centers(np.arange(pixels.n_pixels)), unit="deg")
    return sky[sky.separation(CENTERS[place]).deg < _RADIUS_DEG]


@lru_cache(maxsize=8)
def _bar(place):
    """Return the middle of a bar of five halos, and the columns of sheared source galaxies."""
    middle = CENTERS[place].directional_offset_by(250 * u.deg, _OFFSET_DEG * u.deg)
    halos = [
        (middle.directional_offset_by((_PA + (0 if step > 0 else 180)) * u.deg, abs(step) * u.deg),
         _BAR_HALO) for step in _STEPS_DEG
    ]
    sky = _sources(place)
    gamma, kappa = shear_of(sky, halos)
    return middle, catalog_columns(sky, gamma / (1 - kappa))


@law("6", "an elongated lens has its place and position angle anywhere on the sky", "sphere")
def elongated_lens(case: SphereCase) -> None:
    """Require the true position and position angle of a bar of halos on maps all over the sky.

    The pixels are those of ICRS and, at two places, of the galactic frame.
    """
    for place in CENTERS:
        middle, columns = _bar(place)
        frames = ["icrs"] + ["galactic"] * (place in ("equator", "next to the pole"))
        for frame in frames:
            pixels = HealpixPixels(_NSIDE, frame)
            kappa = case.map(columns, pixels, None, case.contract.noiseless)
            where = f"({place}, {frame})"
            offset, angle, elongation = _shape(kappa, middle, where)
            scale = pixels.scale.to_value(u.deg)
            case.at_most(offset / scale, 0.4, f"offset in pixels {where}")
            case.at_most(angle, 3.0, f"error of the position angle in deg {where}")
            case.true(elongation > 0.3, f"elongation {elongation:.2f} {where}", "above 0.3")


def _shape(kappa, middle, where):
    """Measure a bar of halos from the moments of kappa within 4 deg of its true middle.

    Return the offset of its middle (deg), the error of its position angle (deg), and the modulus of
    its ellipticity from second moments.
    """
    sky = pixel_centers(kappa).icrs
    distance, angle = middle.separation(sky).deg, middle.position_angle(sky).rad
    values = np.where(kappa.mask, 0, kappa.data)
    near = distance < 4
    floor = 0.4 * values[near].max()
    weight = np.where(near, np.clip(values - floor, 0, None), 0)
    if not weight.sum() > 0:
        raise Broken(f"no positive kappa within 4 deg of the lens {where}", "a peak")
    east, north = distance * np.sin(angle), distance * np.cos(angle)
    offset = np.hypot(*((weight * v).sum() / weight.sum() for v in (east, north)))
    moments = (weight * (north + 1j * east) ** 2).sum()
    error = abs((np.degrees(np.angle(moments) / 2) - _PA + 90) % 180 - 90)
    return offset, error, abs(moments) / (weight * distance**2).sum()


@law("10", "a known lens has its place and profile", "sphere")
def known_lens(case: SphereCase) -> None:
    """Require the expected peak position and kappa profile for NFW lenses.

    The expected profile is the true profile after the response that the estimator class declares,
    a factor on multipoles. The ellipticities of the galaxies are the shear.
    """
    case.need_linear()
    case.need(case.contract.response is not None, "contract.response is not declared")
    settings = case.contract.noiseless
    for place in ("dec 45", "next to the pole", "across RA 0"):
        position = CENTERS[place].directional_offset_by(120 * u.deg, 0.7 * u.deg)
        sky = _sources(place)
        sky = sky[sky.separation(position) > 6 * u.arcmin]
        gamma, _ = shear_of(sky, [(position, _LENS)])
        kappa = case.map(catalog_columns(sky, gamma), HealpixPixels(_NSIDE), None, settings)
        centers = pixel_centers(kappa)
        theta = centers.separation(position).deg
        where = f"({place})"
        peak = centers[np.nanargmax(np.where(kappa.mask, np.nan, kappa.data))]
        case.at_most(peak.separation(position).to_value(u.deg) / 0.458, 1.0,
                     f"offset of the highest pixel in pixels {where}")
        expected = _expected_profile(case, settings)(theta)
        rings = [(theta >= r) & (theta < r + _RING_WIDTH_DEG) for r in _RINGS_DEG]
        excess = np.array([np.mean((kappa.data - expected)[ring]) for ring in rings])
        scale = np.array([np.mean(expected[ring]) for ring in rings])
        error = np.abs(excess - excess[-1]) / (0.04 * scale + 0.01 * scale[0])
        case.at_most(error.max(), 1.0, f"error of the profile over the allowed error {where}")
        if kappa.kappa_b is not None:
            b = max(np.abs(np.mean(kappa.kappa_b[ring])) for ring in rings)
            case.at_most(b / scale[0], 0.02, f"kappa_b over kappa at the center {where}")


def _expected_profile(case, settings):
    """Return the expected profile of the lens: a function from radius (deg) to kappa.

    The true kappa is expanded in Legendre polynomials, multiplied by the response of the class, and
    summed again, without lensmap's transforms. The function is cached in ``case.profiles``.
    """
    if "NFW" not in case.profiles:
        lmax = 2 * _NSIDE
        theta = np.concatenate([np.linspace(0, 0.2, 1001)[1:], np.linspace(0.2, np.pi, 4001)[1:]])
        width = np.gradient(theta)
        ell = np.arange(2.0, lmax + 1)
        profile = _LENS.kappa(np.degrees(theta) * 60) * np.sin(theta) * width
        radius = np.radians(np.linspace(0, 8, 161))
        density = (_SOURCE_NSIDE**2 * 12) / (4 * np.pi)
        side = np.sqrt(HealpixPixels(_NSIDE).area)
        response = case.contract.response(
            case.estimator(settings), ell, np.zeros_like(ell), side, density
        )
        smooth = np.zeros(len(radius))
        for one, factor in zip(ell, response, strict=True):
            moment = 2 * np.pi * np.sum(profile * eval_legendre(int(one), np.cos(theta)))
            smooth += (2 * one + 1) / (4 * np.pi) * factor * moment * eval_legendre(
                int(one), np.cos(radius))
        degrees = np.degrees(radius)
        case.profiles["NFW"] = lambda t: np.interp(t, degrees, smooth)
    return case.profiles["NFW"]


@law("11", "an uncertainty is that of its own target", "sphere")
def uncertainties(case: SphereCase) -> None:
    """Require that the noise uncertainty of a map agrees with the scatter of noise maps.

    An uncertainty that stands for the total error is only required to be positive, because its size
    could be tested only on skies drawn from the prior of the method.
    """
    case.need_parameter("uncertainty")
    case.need(case.kinds, "uncertainties are not declared")
    columns = case.noise()
    given = {"n_realizations": _N_NOISE} if "n_realizations" in case.options else {}
    scatter = None
    for name, kind in case.kinds.items():
        kappa = case.map(columns, None, None, given, uncertainty=name)
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
            inner = ~kappa.mask & (kappa.counts > 0)
            ratio = np.mean(kappa.uncertainty.array[inner]) / np.mean(scatter[inner])
            case.at_most(abs(ratio - 1), 0.2, f"|ratio - 1| of {name!r} and independent noise")


def _scatter(case, columns):
    """Return the root mean square of kappa over independent noise maps, ``(n,)``."""
    rng, n = np.random.default_rng([case.seed, 11]), len(columns["ra"])
    total = 0.0
    for _ in range(_N_NOISE):
        e = 0.25 * (rng.normal(size=n) + 1j * rng.normal(size=n))
        kappa = case.map({**columns, "e1": e.real, "e2": e.imag})
        planes = [kappa.data] if kappa.kappa_b is None else [kappa.data, kappa.kappa_b]
        total = total + sum(np.square(plane) for plane in planes) / len(planes)
    return np.sqrt(total / _N_NOISE)

# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tests of estimator classes on zero shear, linearity, E- and B-modes, mirror images and rotations.

A law is one property that every class for the reconstruction of mass maps must have. Each function
here tests one law for `check_estimator`: the laws with the numbers 1 to 4.
"""

import numpy as np
from astropy.coordinates import SkyCoord

from lensmap.testing._case import CENTER, SCALE, WCS_OF_NOISE, Case, law
from lensmap.testing._sky import catalog_columns, pixel_sky, tangent_wcs

__all__: list[str] = []

# The shear in a square of constant shear, and the side of the square in pixels.
_PLATE, _N_PLATE = 0.05, 40


def _with_shear(columns, e):
    return {**columns, "e1": e.real, "e2": e.imag}


def _complex(columns):
    return columns["e1"] + 1j * columns["e2"]


# --- 1. no shear, no mass -------------------------------------------------------------------


@law("1a", "zero shear gives a zero map", None)
def zero_shear(case: Case) -> None:
    """Require that kappa is zero on a map of galaxies with zero ellipticity."""
    columns = case.noise()
    kappa = case.map(_with_shear(columns, np.zeros(len(columns["ra"]), dtype=complex)))
    unmasked = ~kappa.mask
    case.true(unmasked.any(), "no unmasked pixel", "some")
    case.at_most(np.abs(kappa.data[unmasked]).max(), case.contract.zero_bound, "largest |kappa|")
    if kappa.kappa_b is not None:
        largest = np.abs(kappa.kappa_b[unmasked]).max()
        case.at_most(largest, case.contract.zero_bound, "largest |kappa_b|")


@law("1b", "constant shear in a periodic field gives a zero map")
def periodic_shear(case: Case) -> None:
    """Require that kappa is zero on a map of a periodic field with constant shear."""
    case.need_linear()
    case.need(case.contract.periodic is not None, "contract.periodic is not declared")
    sky = pixel_sky(WCS_OF_NOISE)
    columns = catalog_columns(sky, np.full(len(sky), 0.05 - 0.02j))
    kappa = case.map(columns, WCS_OF_NOISE, None, case.contract.periodic or {})
    # The bound allows for single precision, and for the rotation of north across the field: over
    # half a degree at declination 2, constant celestial shear is not constant in the pixel basis.
    case.at_most(np.abs(kappa.data).max(), 2e-5, "largest |kappa|")
    if kappa.kappa_b is not None:
        case.at_most(np.abs(kappa.kappa_b).max(), 2e-5, "largest |kappa_b|")


@law("1c", "constant shear in a padded square has the known response")
def padded_shear(case: Case) -> None:
    """Require the expected kappa in the central half of a square of constant shear.

    The expected kappa depends on how the estimator class treats the area outside the data. If the
    class sets the shear there to zero, kappa has a known closed form. If the class leaves the shear
    there unknown, kappa is constant.
    """
    case.need_linear()
    outside = case.contract.outside
    case.need(outside is not None, "contract.outside is not declared")
    wcs = tangent_wcs(SkyCoord(150, 0, unit="deg"), (_N_PLATE, _N_PLATE), SCALE)
    columns = catalog_columns(pixel_sky(wcs), np.full(_N_PLATE**2, _PLATE + 0j))
    settings = case.contract.aperture if outside == "zero" else case.contract.noiseless
    kappa = case.map(columns, wcs, None, settings)
    middle = np.s_[_N_PLATE // 4 : 3 * _N_PLATE // 4, _N_PLATE // 4 : 3 * _N_PLATE // 4]
    if outside == "open":
        # The gradient of kappa is a combination of derivatives of the shear, which vanish here.
        case.at_most(np.ptp(kappa.data[middle]), 0.02 * _PLATE, "range of kappa in the middle")
        return
    expected = _PLATE * _plate_response()[middle]
    difference = np.abs(kappa.data[middle] - expected).max()
    case.at_most(difference, 2e-4, "difference from the response of a square aperture")
    largest = np.abs(kappa.data[middle]).max()
    case.true(
        0.003 < largest < 0.16 * _PLATE, f"largest |kappa| {largest:.3g}",
        f"between 0.003 and {0.16 * _PLATE:.3g}",
    )


def _plate_response():
    """Return kappa / gamma in each pixel of a square of constant shear with zero shear around it.

    The closed form is summed over the periodic images of the square, because the Fourier transform
    of the padded map repeats the square at intervals of four times its side.
    """
    n = _N_PLATE
    y, x = np.indices((n, n)) - (n - 1) / 2
    response = np.zeros((n, n))
    for i, j in np.ndindex(7, 7):
        for sx, sy in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
            dx, dy = 4 * n * (i - 3) + sx * n / 2 - x, 4 * n * (j - 3) + sy * n / 2 - y
            response += sx * sy * (np.arctan(dy / dx) - np.arctan(dx / dy)) / (2 * np.pi)
    return response


# --- 2. weights, order, linearity -----------------------------------------------------------


@law("2a", "the scale of weights and the order of rows do not matter", None)
def weights_and_order(case: Case) -> None:
    """Require that neither a common factor on all weights nor the order of the galaxies matters."""
    columns, rng = case.noise(), np.random.default_rng(case.seed)
    kappa = case.map(columns)
    factor = 10 ** rng.uniform(-3, 3)
    scaled = case.map({**columns, "weight": columns["weight"] * factor})
    case.same_maps(scaled, kappa, "rescaled weights", case.contract.tolerance)
    order = rng.permutation(len(columns["ra"]))
    permuted = case.map({name: values[order] for name, values in columns.items()})
    case.same_maps(permuted, kappa, "permuted rows", case.contract.tolerance)


@law("2b", "maps add like shears", None)
def linearity(case: Case) -> None:
    """Require that an estimator is linear in the ellipticities.

    The map of a linear combination of two sets of ellipticities must be the same linear combination
    of their maps.
    """
    case.need_linear()
    columns, (a, b) = case.noise(), np.random.default_rng(case.seed).uniform(-1, 1, 2)
    first = _complex(columns)
    second = np.roll(first, 7) * 1j
    expected = a * case.map(columns).data + b * case.map(_with_shear(columns, second)).data
    both = case.map(_with_shear(columns, a * first + b * second))
    case.same(both.data, expected, "the sum", case.contract.tolerance)


# --- 3. E and B -----------------------------------------------------------------------------


@law("3a", "a rotation of all galaxies by 45 deg exchanges E and B", None)
def e_and_b(case: Case) -> None:
    """Require that a rotation of all galaxies by 45 deg exchanges the E- and the B-mode.

    The rotation multiplies the ellipticities by i. The new E-mode must be minus the old B-mode, and
    the new B-mode the old E-mode.
    """
    case.need_linear()
    columns = case.noise()
    kappa = case.map(columns)
    case.need(kappa.kappa_b is not None, "there is no B-mode")
    b_mode = np.asarray(kappa.kappa_b)
    rotated = case.map(_with_shear(columns, 1j * _complex(columns)))
    case.same(rotated.data, -b_mode, "E after and -B before", case.contract.tolerance)
    case.same(rotated.kappa_b, kappa.data, "B after and E before", case.contract.tolerance)


@law("3b", "maps on a mirrored image show the same sky")
def mirrored_image(case: Case) -> None:
    """Require the same kappa on the sky from a map and from its mirror image.

    The x axis of the map points to the west, that of the mirror image to the east.
    """
    columns = case.noise()
    settings = case.contract.symmetric
    kappa = case.map(columns, WCS_OF_NOISE, None, settings)
    flipped = tangent_wcs(CENTER, WCS_OF_NOISE.array_shape, SCALE, flip=True)
    other = case.map(columns, flipped, None, settings)
    tolerance = 10 * case.contract.tolerance
    case.same(other.data[:, ::-1], kappa.data, "kappa", tolerance)
    if kappa.kappa_b is not None:
        case.same(np.asarray(other.kappa_b)[:, ::-1], kappa.kappa_b, "kappa_b", tolerance)


# --- 4. symmetries --------------------------------------------------------------------------


@law("4a", "a mirrored sky gives a mirrored map")
def mirrored_sky(case: Case) -> None:
    """Require that a catalog mirrored in right ascension gives a mirrored map.

    In the mirrored catalog, e2 changes sign. The E-mode must be mirrored. The B-mode must be
    mirrored and change sign.
    """
    columns, settings = case.noise(), case.contract.symmetric
    mirrored = {**columns, "ra": 2 * CENTER.ra.deg - columns["ra"], "e2": -columns["e2"]}
    kappa = case.map(columns, WCS_OF_NOISE, None, settings)
    other = case.map(mirrored, WCS_OF_NOISE, None, settings)
    tolerance = 10 * case.contract.tolerance
    case.same(other.data[:, ::-1], kappa.data, "kappa", tolerance)
    if kappa.kappa_b is not None:
        case.same(np.asarray(other.kappa_b)[:, ::-1], -kappa.kappa_b, "kappa_b", tolerance)


@law("4b", "an image rotated by quarter turns shows the same sky")
def quarter_turns(case: Case) -> None:
    """Require the same kappa on the sky from maps rotated by 0, 90, 180 and 270 degrees."""
    columns, settings, n = case.noise(), case.contract.symmetric, 48
    straight_wcs = tangent_wcs(CENTER, (n, n), SCALE)
    straight = case.map(columns, straight_wcs, None, settings)
    spot = np.zeros((n, n), dtype=bool)
    spot[n // 2, n - 4] = True
    target = straight_wcs.pixel_to_world(n - 4, n // 2)
    for turns in (1, 2, 3):
        wcs = tangent_wcs(CENTER, (n, n), SCALE, angle=90.0 * turns)
        rotated = case.map(columns, wcs, None, settings)
        x, y = (int(np.rint(v)) for v in wcs.world_to_pixel(target))
        k = next(k for k in range(4) if np.rot90(spot, k)[y, x])
        tolerance = 10 * case.contract.tolerance
        case.same(np.rot90(straight.data, k), rotated.data, f"kappa, {turns} turns", tolerance)
        if straight.kappa_b is not None:
            case.same(
                np.rot90(straight.kappa_b, k), rotated.kappa_b, f"kappa_b, {turns} turns", tolerance
            )

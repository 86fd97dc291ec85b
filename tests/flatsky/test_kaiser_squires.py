# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The kernel against lenses and apertures that are known in closed form."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lenses import NFW, SIS
from astropy.io import fits

from lensmap.flatsky import (
    convergence_to_shear,
    mirror_x,
    rotate90,
    shear_kernel,
    shear_to_convergence,
)


def _field(lens, n, scale, x0=0.0, y0=0.0):
    """Return (gamma, kappa, theta) of a lens on an n x n grid; offsets in pixels."""
    y, x = (np.indices((n, n)) - (n - 1) / 2) * scale
    dx, dy = x - x0 * scale, y - y0 * scale
    theta = np.hypot(dx, dy)
    gamma = -lens.gamma_t(theta) * np.exp(2j * np.arctan2(dy, dx))
    return gamma, lens.kappa(theta), theta


@pytest.mark.parametrize("lens", [NFW(), SIS()], ids=["NFW", "SIS"])
def test_a_known_lens_comes_back(lens):
    gamma, kappa, theta = _field(lens, 512, 0.25)
    found = shear_to_convergence(gamma)
    # Rings, because the cusp between the pixels rings from pixel to pixel.
    rings = [(theta > r) & (theta < 1.1 * r) for r in (4, 8, 15, 25, 40)]
    excess = np.array([np.mean(found.real[ring] - kappa[ring]) for ring in rings])
    # the sheet is not measured: one constant is free
    assert -0.01 < excess[-1] < 0
    np.testing.assert_allclose(excess, excess[-1], atol=5e-5)
    assert all(np.abs(found.imag[ring]).max() < 1e-3 for ring in rings)


def test_mass_makes_tangential_shear():
    y, x = np.indices((129, 129)) - 64
    kappa = np.exp(-0.5 * (x**2 + y**2) / 2**2)  # its mass is 8 pi
    gamma = convergence_to_shear(kappa, padding=4)
    assert gamma[64, 76].real < 0  # along +x: elongated along y
    assert gamma[76, 64].real > 0
    assert gamma[72, 72].imag < 0  # along the diagonal: elongated across it
    # outside of it the shear is that of a point: mass / (pi theta^2)
    np.testing.assert_allclose(gamma[64, 76].real, -8 / 12**2, rtol=0.01)


@given(st.integers(3, 24), st.integers(3, 24), st.integers(0, 2**32 - 1))
def test_there_and_back(ny, nx, seed):
    """Odd or even, with the frequencies at the edge (and the sheet) excepted."""
    kappa = np.random.default_rng(seed).normal(size=(ny, nx))
    modes = np.fft.fft2(kappa)
    modes[0, 0] = 0
    if ny % 2 == 0:
        modes[ny // 2] = 0
    if nx % 2 == 0:
        modes[:, nx // 2] = 0
    kappa = np.fft.ifft2(modes).real
    back = shear_to_convergence(convergence_to_shear(kappa), padding=1)
    np.testing.assert_allclose(back, kappa, atol=1e-12)


@given(st.integers(2, 20), st.integers(2, 20), st.integers(0, 2**32 - 1))
def test_symmetries_are_exact(ny, nx, seed):
    rng = np.random.default_rng(seed)
    gamma = rng.normal(size=(ny, nx)) + 1j * rng.normal(size=(ny, nx))
    for padding in (1, 2):
        kappa = shear_to_convergence(gamma, padding=padding)
        mirrored = shear_to_convergence(mirror_x(gamma, 2), padding=padding)
        np.testing.assert_allclose(mirrored, mirror_x(kappa, 0), atol=1e-12)
        turned = shear_to_convergence(rotate90(gamma, 2), padding=padding)
        np.testing.assert_allclose(turned, rotate90(kappa, 0), atol=1e-12)


def test_quarter_turn_goes_from_x_to_y():
    field = np.zeros((5, 5))
    field[2, 4] = 1  # on +x
    assert rotate90(field, 0)[4, 2] == 1  # on +y
    assert rotate90(field, 2)[4, 2] == -1
    # A unit shear on +x after k quarter turns: where it is, and its sign.
    for k, (row, column, sign) in enumerate([(2, 4, 1), (4, 2, -1), (2, 0, 1), (0, 2, -1)]):
        for turns in (k, k - 4):
            turned = rotate90(np.stack([field, 0 * field]), 2, turns)
            assert turned[0, row, column] == sign and np.count_nonzero(turned) == 1
    for function in (rotate90, mirror_x):
        with pytest.raises(ValueError, match="spin must be 0 or 2"):
            function(field, 1)


def _square_response(n, period, n_images=6):
    """Return kappa of a unit g1 in a square of n pixels that is repeated every ``period``.

    The second derivative of log r integrates to an arctangent at each corner.
    """
    y, x = np.indices((n, n)) - (n - 1) / 2
    total = np.zeros((n, n))
    for j in range(-n_images, n_images + 1):
        for i in range(-n_images, n_images + 1):
            for sx in (-1, 1):
                for sy in (-1, 1):
                    dx = period * i + sx * n / 2 - x
                    dy = period * j + sy * n / 2 - y
                    total += sx * sy * (np.arctan(dy / dx) - np.arctan(dx / dy))
    return total / (2 * np.pi)


def test_constant_shear_makes_no_mass_where_it_is_periodic():
    assert np.abs(shear_to_convergence(np.full((32, 32), 0.1 + 0.05j), padding=1)).max() < 1e-15


@pytest.mark.parametrize("padding", [2, 4])
def test_constant_shear_in_a_square_has_the_analytic_response(padding):
    n = 128
    found = shear_to_convergence(np.full((n, n), 1.0 + 0j), padding=padding).real
    expected = _square_response(n, padding * n)
    middle = slice(n // 4, 3 * n // 4)
    assert 0.06 < np.abs(expected[middle, middle]).max() < 0.17
    np.testing.assert_allclose(found[middle, middle], expected[middle, middle], atol=2e-3)


def test_single_precision_is_kept_and_good():
    gamma, _, _ = _field(NFW(), 128, 0.4)
    single = shear_to_convergence(gamma.astype(np.complex64))
    assert single.dtype == np.complex64
    double = shear_to_convergence(gamma)
    np.testing.assert_allclose(single, double, atol=1e-6)
    np.testing.assert_array_equal(double, shear_to_convergence(gamma, padding=2))


def test_kernel_has_modulus_one_and_is_protected():
    kernel = shear_kernel((6, 7))
    modulus = np.abs(kernel)
    modulus[0, 0] = 1
    modulus[3] = 1  # the frequency that stands for both signs
    np.testing.assert_allclose(modulus, 1)
    with pytest.raises(ValueError, match="read-only"):
        kernel[0, 0] = 1


def test_the_map_of_another_code():
    """A public test patch of Euclid's code, LE3 2D-MASS-WL 2.5, with its E-mode and B-mode.

    The codes differ in the zero mode and in the modes of the Nyquist frequency.
    """
    folder = Path(os.environ.get("LENSMAP_DATA", "")).absolute().parent / "reference"
    if not folder.joinpath("euclid_patch").is_dir():
        pytest.skip("there is no folder reference/euclid_patch next to LENSMAP_DATA")
    shear, kappa = (
        fits.getdata(folder / "euclid_patch" / name)[:2].astype(float)
        for name in ("shear_map.fits", "convergence_map.fits")
    )
    found = np.fft.fft2(shear_to_convergence(shear[0] + 1j * shear[1], padding=1))
    expected = np.fft.fft2(kappa[0] + 1j * kappa[1])
    ny, nx = expected.shape
    for modes in (found, expected):
        modes[0, 0] = modes[ny // 2] = modes[:, nx // 2] = 0
    assert np.abs(found - expected).max() < 1e-8 * np.abs(expected).max()

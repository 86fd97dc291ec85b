# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Amplitudes by generalized least squares against matrices."""

import numpy as np

from lensmap.filaments._least_squares import ArmAmplitudes
from lensmap.flatsky import WienerSolver, convergence_to_shear, mode_power


def test_amplitudes_are_those_of_linear_algebra():
    rng = np.random.default_rng(1)
    shape, big = (9, 10), (14, 15)
    power = mode_power(big, np.radians(0.02), lambda ell: 1e-8 / (1 + (ell / 150) ** 1.2))
    variance = 0.002 * rng.uniform(0.3, 3, shape)
    variance[2:4, 3:6] = np.inf
    used = np.isfinite(variance).ravel()
    templates, derivatives = (
        np.where(np.isfinite(variance), rng.normal(size=(n, *shape)) + 1j * rng.normal(
            size=(n, *shape)), 0) for n in (3, 2)
    )
    precision, pull = np.array([2000.0, 0.0]), np.array([0.05, 0.3])
    shear = 0.05 * (rng.normal(size=shape) + 1j * rng.normal(size=shape))
    solver = WienerSolver(variance, power, tolerance=1e-12)
    amplitudes = ArmAmplitudes(solver, variance, templates, derivatives, precision)

    # The covariance as a matrix of both components of all used pixels.
    ny, nx = shape
    unit = np.eye(big[0] * big[1]).reshape(-1, *big)
    kernel = np.array([convergence_to_shear(k)[:ny, :nx].ravel()[used] for k in unit]).T
    kernel = np.concatenate([kernel.real, kernel.imag])
    first = np.fft.ifft2(power).real
    j, i = (v.ravel() for v in np.indices(big))
    signal = first[(j[:, None] - j) % big[0], (i[:, None] - i) % big[1]]
    noise = np.diag(np.tile(variance.ravel()[used], 2))

    def flat(fields):
        part = np.reshape(fields, (-1, ny * nx))[:, used]
        return np.concatenate([part.real, part.imag], axis=1)

    def covariance(matrix):
        return matrix @ signal @ matrix.T + noise

    t, m, d = flat(templates), flat(derivatives), flat(shear)[0]
    inverse = np.linalg.inv(covariance(kernel))
    middle = np.linalg.inv(m @ inverse @ m.T + np.diag(precision))
    k = inverse - inverse @ m.T @ middle @ m @ inverse
    for row in range(3):
        information = t[row] @ k @ t[row]
        estimate = t[row] @ (k @ d - inverse @ m.T @ middle @ (precision * pull)) / information
        assert np.isclose(amplitudes.measure(shear, pull)[row], estimate, rtol=1e-8)
        assert np.isclose(amplitudes.error[row], information**-0.5, rtol=1e-8)
        # The weights rotated back by 45 degrees see the structure in their cross component.
        weights = t[row] @ k / information
        n = len(weights) // 2
        rotated = np.concatenate([weights[n:], -weights[:n]])
        assert np.isclose(amplitudes.cross_error[row],
                          np.sqrt(rotated @ covariance(kernel) @ rotated), rtol=1e-8)
        assert np.isclose(amplitudes.measure_cross(shear)[row],
                          weights @ np.concatenate([-d[n:], d[:n]]), rtol=1e-8)
    gram = t @ k @ t.T
    scale = np.sqrt(np.diag(gram))
    np.testing.assert_allclose(amplitudes.correlation, gram / np.outer(scale, scale), rtol=1e-8)

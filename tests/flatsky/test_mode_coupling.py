# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The coupling of modes by masks, against sums over all pairs of modes and against NaMaster."""

from pathlib import Path

import numpy as np
import pytest

from lensmap.flatsky import ModeCoupling, spaced_edges

# Maps and band powers of NaMaster's public benchmark of flat fields (LSSTDESC/NaMaster, BSD).
NAMASTER = Path(__file__).parents[1] / "data" / "namaster_masked.npz"
SIDES = (0.011, 0.013)


@pytest.fixture(scope="module")
def namaster():
    with np.load(NAMASTER) as data:
        return {name: data[name].astype(float) for name in data.files}


def _as_namaster(data, **settings):
    """Bins of 20 multipoles on the pixels as they are; modes outside the bins are dropped."""
    return ModeCoupling(
        data["mask"], tuple(np.radians(data["sides_deg"])), np.arange(2, 503, 20.0),
        padding=1, outer=False, slope=0, smoothed=0, **settings,
    )


def test_scalar_spectrum_of_namaster(namaster):
    coupling = _as_namaster(namaster)
    (power,) = coupling.solve(coupling.pseudo_spectra(namaster["mask"] * namaster["t"]))
    np.testing.assert_allclose(power, namaster["scalar"][:, 1], rtol=1e-5)


def test_shear_spectra_of_namaster(namaster):
    """The y axis of U runs the other way; NaMaster's white noise is subtracted from its spectra."""
    mask, coupling = namaster["mask"], _as_namaster(namaster, spin=2)
    pseudo = coupling.pseudo_spectra(mask * (namaster["q"] - 1j * namaster["u"]))
    level = 8.7814e-10 / np.prod(coupling.sides)
    pseudo[0] -= 2 * coupling.white_noise(level * mask**2)
    ee, bb, eb, be = coupling.solve(pseudo)
    _, right_ee, right_eb, right_be, right_bb = namaster["shear"].T
    np.testing.assert_allclose(ee, right_ee, rtol=1e-4)
    np.testing.assert_allclose(bb, right_bb, atol=1e-4 * right_ee.min())
    np.testing.assert_allclose(eb, -right_eb, atol=1e-4 * right_ee.min())
    np.testing.assert_allclose(be, -right_be, atol=1e-4 * right_ee.min())


def _mode_by_mode(coupling, mean_removed):
    """The expected pseudo-spectra of all bins, summed over parts of equal power, mode by mode.

    The result has the shape ``(2, n_ell, n)``: a scalar field or the sum of E and B, and their
    difference.
    """
    spin, shape = coupling.spin, coupling.shape
    crop = tuple(slice(n) for n in coupling.weight.shape)
    y, x = np.indices(shape)
    ly, lx = (np.fft.fftfreq(n, side) * 2 * np.pi
              for n, side in zip(shape, coupling.sides, strict=True))
    ell, angle = np.hypot(ly[:, None], lx), np.arctan2(ly[:, None], lx)
    parts, used = coupling._parts
    part, ring = (np.digitize(ell, bins.edges) - 1 for bins in (parts, coupling.bins))
    window = np.outer(*(np.sinc(np.fft.fftfreq(n)) for n in shape)) ** 2
    n_bins = len(coupling.bins.n_modes)
    expected = np.zeros((2, len(parts.n_modes), n_bins), complex)

    def weighted(weight, wave):
        wave = wave[crop]
        if mean_removed:
            wave = wave - (weight * wave).sum() / weight.sum()
        return np.fft.fft2(weight * wave, shape)

    for j, i in np.ndindex(shape):
        wave = np.exp(2j * np.pi * (j * y / shape[0] + i * x / shape[1]))
        rotation = np.exp(1j * spin * angle[j, i])
        one = weighted(coupling.weight, wave * rotation)
        two = weighted(coupling.other, wave * rotation)
        # The mode at the opposite frequency has the same rotation.
        opposite = weighted(coupling.other, wave.conj() * rotation)
        opposite = np.roll(opposite[::-1, ::-1], (1, 1), (0, 1))
        unrotated = one * opposite * np.exp(-4j * angle)
        if (j, i) == (0, 0):
            unrotated[:] = 0  # the zero mode has no direction
        unrotated[0, 0] = 0
        for b in range(n_bins):
            expected[0, part[j, i], b] += (one * two.conj())[ring == b].mean() * window[j, i]
            expected[1, part[j, i], b] += unrotated[ring == b].mean() * window[j, i]
    return expected[:, used] / (np.sum(coupling.weight * coupling.other) * np.prod(shape))


@pytest.mark.parametrize("padding", [1, 2])
@pytest.mark.parametrize("case", ["scalar", "mean", "shear", "cross", "cross of means"])
def test_coupling_is_the_sum_over_pairs_of_modes(case, padding):
    """On few pixels of an odd and an even side, and with weights of no symmetry."""
    rng = np.random.default_rng(7)
    weight, other = rng.uniform(0, 1, (2, 7, 8)) * (rng.uniform(size=(2, 7, 8)) > 0.3)
    mean_removed = "mean" in case
    coupling = ModeCoupling(
        weight, SIDES, np.array([60.0, 130, 180]), padding=padding, mean_removed=mean_removed,
        other=other if "cross" in case else None, spin=2 if case in ("shear", "cross") else 0,
    )
    expected = _mode_by_mode(coupling, mean_removed)
    if padding == 2:
        assert coupling.shape[0] % 2 == coupling.shape[1] % 2 == 0
    scale = np.abs(expected[0]).max()
    np.testing.assert_allclose(
        coupling.responses[0], expected[0].real.T, atol=1e-10 * scale, rtol=0
    )
    if coupling.spin:
        # Modes at the Nyquist frequency have two directions, which only the last bins contain.
        inner = coupling.window_ell < 0.9 * np.pi / max(SIDES)
        kept = coupling.bins.ell < 0.9 * np.pi / max(SIDES)
        np.testing.assert_allclose(
            coupling.responses[1][kept][:, inner], expected[1].T[kept][:, inner],
            atol=1e-10 * scale, rtol=0,
        )


def test_no_mask():
    """A periodic field without a mask has no coupling, and E and B do not mix."""
    coupling = ModeCoupling(np.ones((12, 16)), SIDES, np.array([50.0, 100, 170]), spin=2, padding=1)
    pixel = coupling.bins.mean(coupling.bins.window(2))
    plus, minus = coupling.matrices
    off = plus - np.diag(np.diag(plus))
    np.testing.assert_allclose(off, 0, atol=1e-12)
    np.testing.assert_allclose(np.diag(plus)[coupling.kept], pixel[coupling.kept], rtol=0.05)
    np.testing.assert_allclose(minus[coupling.kept], plus[coupling.kept], atol=1e-12)


def test_windows_sum_to_one_over_their_bin():
    """A spectrum that falls with the multipole comes back exactly."""
    rng = np.random.default_rng(2)
    weight = (rng.uniform(size=(48, 40)) > 0.2).astype(float)
    coupling = ModeCoupling(weight, (1e-3, 1e-3), np.array([300.0, 500, 900, 1500]))
    parts, used = coupling._parts
    spectrum = 1e-6 * parts.inverse_ell[used]
    (power,) = coupling.windows() @ spectrum
    np.testing.assert_allclose(power, 1e-6 * coupling.bins.inverse_ell[coupling.kept], rtol=1e-9)


def test_noise():
    """The mean of noise maps is that of the variance, with and without shared galaxies."""
    rng = np.random.default_rng(3)
    weight = rng.uniform(size=(32, 32))
    variance = rng.uniform(size=(32, 32))
    coupling = ModeCoupling(weight, (1e-3, 1e-3), np.array([400.0, 900, 1500]), spin=2)
    mean = np.mean([
        coupling.pseudo_spectra(np.sqrt(variance) * (real + 1j * imaginary))
        for real, imaginary in rng.normal(size=(300, 2, 32, 32))
    ], axis=0)
    np.testing.assert_allclose(mean[0], 2 * coupling.white_noise(variance), rtol=0.1)
    np.testing.assert_allclose(mean[1], 0, atol=0.1 * mean[0].real.max())


def test_edges():
    edges = spaced_edges(100, 10_000, 10, 50)
    assert edges[0] == 100 and edges[-1] == 10_000 and len(edges) == 11
    assert np.all(np.diff(edges) >= 50 * (1 - 1e-9)) and np.diff(edges)[0] < 60
    np.testing.assert_allclose(spaced_edges(100, 1600, 4, 10), [100, 200, 400, 800, 1600])
    assert len(spaced_edges(100, 400, 10, 100)) == 4

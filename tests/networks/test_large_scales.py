# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The large scales of a network's map."""

import numpy as np
import pytest
from astropy import units as u
from scipy.ndimage import gaussian_filter

from lensmap.flatsky import convergence_to_shear, multiscale_convergence
from lensmap.networks import GridArrays, as_network
from lensmap.networks._large_scales import large_scale_correction
from lensmap.simulate import HaloModelField
from lensmap.validation import ValidationSetup

SCALE = 0.5


@pytest.fixture(scope="module")
def sky():
    """A smooth mass whose shear feels what is beyond the field, and its noisy data."""
    rng = np.random.default_rng(5)
    n = 768
    kappa = gaussian_filter(rng.normal(size=(n, n)), 14, mode="wrap")
    kappa *= 0.02 / kappa.std()
    shear = convergence_to_shear(kappa, padding=1)
    inner = (slice(256, 512), slice(250, 506))
    kappa, shear = kappa[inner], shear[inner]
    noise = 0.1
    shear = shear + noise * (rng.normal(size=shear.shape) + 1j * rng.normal(size=shear.shape))
    weight = np.full(kappa.shape, 1 / noise**2, dtype=np.float32)
    return kappa - kappa.mean(), GridArrays(shear, weight, None, SCALE)


def test_it_finds_a_mass_that_a_map_lacks(sky):
    kappa, arrays = sky
    found = large_scale_correction(arrays, np.zeros_like(kappa), 8)
    assert found.dtype == np.float32 and found.shape == kappa.shape
    r = np.corrcoef(found.ravel(), kappa.ravel())[0, 1]
    assert r > 0.9
    assert np.std(found - kappa) < 0.4 * np.std(kappa)
    # Kaiser-Squires takes the shear outside for zero.
    (naive,) = multiscale_convergence(arrays.shear, [8])
    assert r > np.corrcoef(naive.real.ravel(), kappa.ravel())[0, 1] + 0.05


def test_it_changes_nothing_of_a_map_that_is_right(sky):
    kappa, arrays = sky
    change = large_scale_correction(arrays, kappa, 18)
    assert np.std(change) < 0.25 * np.std(kappa)


def test_it_leaves_small_scales_alone(sky):
    kappa, arrays = sky
    y, x = np.indices(kappa.shape)
    waves = 0.05 * np.cos(2 * np.pi * x / 16)
    with_waves = large_scale_correction(arrays, kappa + waves, 18)
    without = large_scale_correction(arrays, kappa, 18)
    assert np.abs(with_waves - without)[24:-24, 24:-24].max() < 0.02 * 0.05


def test_it_goes_as_the_data_where_these_have_holes(sky):
    kappa, arrays = sky
    weight = arrays.inverse_variance.copy()
    weight[:, :90] = 0
    weight[120:150, 150:190] = 0
    shear = np.where(weight > 0, arrays.shear, 0)
    found = large_scale_correction(GridArrays(shear, weight, None, SCALE), np.zeros_like(kappa), 8)
    seen = weight > 0
    assert np.corrcoef(found[seen], kappa[seen])[0, 1] > 0.9
    assert np.all(np.isfinite(found))


def test_without_data_or_signal_it_does_nothing(sky):
    kappa, arrays = sky
    nothing = GridArrays(np.zeros_like(arrays.shear), np.zeros(kappa.shape, np.float32), None, 0.5)
    assert not large_scale_correction(nothing, kappa, 18).any()
    rng = np.random.default_rng(1)
    noise = 0.1 * (rng.normal(size=kappa.shape) + 1j * rng.normal(size=kappa.shape))
    dark = GridArrays(noise, arrays.inverse_variance, None, SCALE)
    assert np.std(large_scale_correction(dark, np.zeros_like(kappa), 18)) < 0.002


@pytest.mark.parametrize("shape", [(5, 64), (64, 130), (66, 71)])
def test_any_shape(shape):
    arrays = GridArrays(np.full(shape, 0.01 + 0j), np.ones(shape, np.float32), None, SCALE)
    assert large_scale_correction(arrays, np.zeros(shape), 18).shape == shape


def test_it_turns_with_the_map(sky):
    kappa, arrays = sky
    turned = GridArrays(-np.rot90(arrays.shear), np.rot90(arrays.inverse_variance), None, SCALE)
    one = large_scale_correction(arrays, np.zeros_like(kappa), 18)
    other = large_scale_correction(turned, np.zeros_like(kappa), 18)
    np.testing.assert_allclose(other, np.rot90(one), atol=0.01 * np.std(one))


@pytest.mark.slow
def test_the_network_of_lensmap_is_better_for_it():
    from dataclasses import replace

    with_ = as_network("lensmap")
    setup = ValidationSetup(sky=HaloModelField(z_source=1.5, shape=(256, 256)))
    without = replace(with_, architecture=replace(with_.architecture, large_scales=None))
    assert with_.architecture.large_scales is not None
    gain = []
    for seed in range(3):
        truth, grid, _ = setup.draw(seed)
        errors = [np.std(network.predict(grid).kappa - truth) for network in (with_, without)]
        gain.append(errors[1] - errors[0])
    assert np.mean(gain) > 0
    assert setup.sky.pixel_scale == 0.41 * u.arcmin

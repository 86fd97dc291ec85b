# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The description of the channels, and inputs of a catalog outside of lensmap's networks."""

import keras
import numpy as np
import pytest
from astropy import units as u

from lensmap import HaloModelField, MockSurvey
from lensmap.networks import INPUTS, Architecture, Network, input_channels, make_inputs


@pytest.mark.parametrize("kind", list(INPUTS))
def test_each_channel_has_its_row(kind):
    table = input_channels(kind)
    assert tuple(table["name"]) == INPUTS[kind].channels
    assert list(table["channel"]) == list(range(len(table)))
    assert len(set(table["formula"])) == len(table) and all(table["formula"])


def test_an_unknown_kind():
    with pytest.raises(ValueError, match="inputs must be one of 'multiscale', 'paper', 'smoothed'"):
        input_channels("shear")


@pytest.fixture(scope="module")
def grid():
    field = HaloModelField(z_source=1.5, shape=(64, 64), pixel_scale=0.5 * u.arcmin).draw(rng=3)
    return MockSurvey.preset("cha2025").observe_grid(field, rng=4)


@pytest.mark.parametrize("kind", list(INPUTS))
def test_inputs_are_those_of_a_network_in_lensmap(kind, grid):
    """A network without weights of its own returns one of its channels."""
    n_channels = len(INPUTS[kind].channels)
    image = keras.Input((None, None, n_channels))
    kernel = np.zeros((1, 1, n_channels, 1), "f4")
    kernel[0, 0, 0] = 1
    layer = keras.layers.Conv2D(1, 1, use_bias=False)
    model = keras.Model(image, layer(image))
    layer.set_weights([kernel])
    planes, unit = make_inputs(grid, kind)
    assert planes.shape == (64, 64, n_channels) and planes.dtype == np.float32
    kappa = Network(model, Architecture(kind)).predict(grid).kappa
    np.testing.assert_allclose(planes[..., 0] * unit, kappa, atol=1e-6)


def test_the_formulas(grid):
    """Independently of the code of the inputs: noise, weights and the smoothed E-mode."""
    from lensmap.flatsky import gaussian_smooth, shear_to_convergence

    planes, noise = make_inputs(grid, "multiscale")
    names = list(input_channels("multiscale")["name"])
    channel = {name: planes[..., i] for i, name in enumerate(names)}
    weight = np.where(np.isfinite(grid.sigma), noise**2 / grid.sigma**2, 0.0)
    np.testing.assert_allclose(channel["weight"], weight, rtol=1e-4)
    np.testing.assert_allclose(channel["log noise"], np.log(noise / 0.115), atol=1e-5)
    np.testing.assert_allclose(channel["log pixel"], np.log(0.5 / 0.41), atol=1e-4)
    kappa = shear_to_convergence(weight * grid.shear, padding=1.5)
    np.testing.assert_allclose(channel["E"], kappa.real / noise, atol=5e-3)
    np.testing.assert_allclose(channel["B"], kappa.imag / noise, atol=5e-3)
    smooth = gaussian_smooth(kappa.real.astype("f4"), 3.0) / (noise / (2 * np.sqrt(np.pi) * 3))
    inner = np.s_[16:-16, 16:-16]  # the smoothing in Fourier space differs at the edges
    assert np.corrcoef(channel["E 3"][inner].ravel(), smooth[inner].ravel())[0, 1] > 0.99
    shear, _ = make_inputs(grid, "paper")
    np.testing.assert_allclose(shear[..., 0] + 1j * shear[..., 1], grid.shear, atol=1e-6)

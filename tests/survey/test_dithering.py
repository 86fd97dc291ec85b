# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The mean of the maps of a tile on several lattices, and its error."""

import numpy as np
import pytest
from astropy import units as u
from small_survey import galaxies, write_survey

from lensmap import KaiserSquires
from lensmap.survey import map_survey
from lensmap.survey._dithering import mean_of_layers

N, N_MAPS = 64 * 40, 400


def layers_of(noise, first=0, kappa=1.0, error=0.2):
    index = np.arange(first, first + N)
    sampled = np.flatnonzero(index % 64 == 32)
    return {
        "index": index, "weight": np.ones(N, np.float32), "counts": np.ones(N, np.int32),
        "kappa": np.full(N, kappa, np.float32), "error": np.full(N, error, np.float32),
        "unmasked": np.ones(N, np.float32), "sampled": sampled,
        "samples": noise[index[sampled] // 64].astype(np.float32),
    }


@pytest.mark.parametrize("rho", [1.0, 0.8, 0.2])
def test_error_is_that_of_the_mean_of_correlated_maps(rho):
    rng = np.random.default_rng(1)
    common, *own = rng.standard_normal((5, N // 64 + 4, N_MAPS))
    noises = [0.2 * (np.sqrt(rho) * common + np.sqrt(1 - rho) * one) for one in own]
    mean = mean_of_layers([
        layers_of(noise, first, kappa) for noise, first, kappa in
        zip(noises, (0, 64, 10, 0), (1.0, 2.0, 3.0, 4.0), strict=True)
    ])
    np.testing.assert_array_equal(mean["index"], np.arange(64, N))
    np.testing.assert_array_equal(mean["kappa"], 2.5)
    np.testing.assert_array_equal(mean["counts"], 1)
    expected = 0.2 * np.sqrt((1 + 3 * rho) / 4)
    np.testing.assert_allclose(mean["error"], expected, rtol=0.03)
    # The realizations of the mean are kept, for the correlation with neighboring tiles.
    pixels = mean["index"][mean["sampled"]]
    np.testing.assert_array_equal(pixels, np.arange(96, N, 64))
    np.testing.assert_allclose(mean["samples"], np.mean(noises, axis=0)[1:N // 64], atol=1e-6)


def test_total_errors_are_fully_correlated():
    maps = [layers_of(np.zeros((N // 64 + 1, 1)), error=error) for error in (0.1, 0.3)]
    for layers in maps:
        del layers["samples"], layers["sampled"]
    np.testing.assert_allclose(mean_of_layers(maps)["error"], 0.2)


@pytest.mark.slow
def test_errors_of_dithered_maps_cover_the_noise(tmp_path):
    """Without shear, the map is its noise: also where the maps of tiles are blended."""
    columns = galaxies(side=3.6, density=0.6)
    rng = np.random.default_rng(5)
    for name in ("e1", "e2"):
        columns[name] = rng.normal(0, 0.3, len(columns["ra"]))
    source = str(write_survey(tmp_path / "hats", columns))
    # Half a pixel is much of the smoothing, so that the noise of the lattices differs.
    estimator = KaiserSquires(smoothing=2 * u.arcmin, uncertainty="rotations", n_realizations=12)
    survey = map_survey(
        source, estimator, tmp_path / "survey", dither=4, pixel_scale=4 * u.arcmin, nside=1024,
        tile_order=5, margin=0.8 * u.deg, workers=1, large_scales=False, products=False,
    )
    values = {name: [] for name in ("kappa", "kappa_b", "error", "edge", "n_tiles")}
    for block in survey.blocks():
        used = np.isfinite(block.layers["kappa"])
        for name, parts in values.items():
            parts.append(block.layers[name][used])
    values = {name: np.concatenate(parts) for name, parts in values.items()}
    inside = values["edge"] > 0.15
    blended = inside & (values["n_tiles"] > 1)
    assert blended.sum() > 500
    for pixels in (inside, blended):
        # Some 400 independent values of E and B.
        pull = np.concatenate([
            values[name][pixels] / values["error"][pixels] for name in ("kappa", "kappa_b")
        ])
        assert np.std(pull) == pytest.approx(1, abs=0.08)

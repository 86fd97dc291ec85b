# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The map of a survey from the maps of its tiles."""

import numpy as np
import pytest

from lensmap.survey._blending import blend
from lensmap.survey._tile_files import TileFiles

N = 256  # the pixels of a tile of order 3 at order 7
N_MAPS = 4000


def part(weight, kappa, error=0.2, unmasked=1.0, outside=0.0, counts=0, samples=None):
    """The layers of a tile in the pixels of tile 40, of which every 64th has noise samples."""
    layers = {
        "index": 40 * N + np.arange(N),
        "weight": np.broadcast_to(weight, N).astype(np.float32),
        "kappa": np.broadcast_to(kappa, N).astype(np.float32),
        "error": np.broadcast_to(error, N).astype(np.float32),
        "unmasked": np.broadcast_to(unmasked, N).astype(np.float32),
        "outside": np.broadcast_to(outside, N).astype(np.float32),
        "counts": np.broadcast_to(counts, N).astype(np.int32),
    }
    if samples is not None:
        layers |= {"sampled": np.arange(32, N, 64), "samples": samples.astype(np.float32)}
    return layers


@pytest.fixture
def blended(tmp_path):
    def make(*parts):
        files = TileFiles(str(tmp_path), "run")
        for number, layers in enumerate(parts):
            files.write(number, 3, 7, layers, {})
        return blend(files, range(len(parts)), 40, N)
    return make


def test_values_are_means_with_the_weights(blended):
    ramp = np.linspace(0.01, 0.99, N)
    layers = blended(part(ramp, 1.0), part(1 - ramp, 3.0))
    np.testing.assert_allclose(layers["kappa"], ramp + 3 * (1 - ramp), rtol=1e-6)
    assert np.all(layers["n_tiles"] == 2)
    assert not layers["mask"].any()


def test_masked_pixels_of_one_tile_do_not_count(blended):
    layers = blended(part(0.5, 1.0), part(0.5, 3.0, unmasked=np.where(np.arange(N) < 10, 0.25, 1)))
    assert np.all(layers["kappa"][:10] == 1)
    np.testing.assert_allclose(layers["kappa"][10:], 2)
    np.testing.assert_allclose(layers["unmasked"][:10], 0.625)


def test_masked_pixels_of_all_tiles_are_masked_within_the_footprint(blended):
    unmasked = np.where(np.arange(N) < 10, 0.0, 1.0)
    outside = np.where(np.arange(N) >= 200, 1.0, 0.0)
    layers = blended(part(1.0, 1.0, unmasked=unmasked, outside=outside))
    assert layers["mask"][:10].all() and not layers["mask"][10:200].any()
    assert layers["mask"][200:].all()  # outside, as products need it
    assert np.isfinite(layers["unmasked"]).tolist() == [i < 200 for i in range(N)]
    assert np.isnan(layers["kappa"][:10]).all() and np.isnan(layers["kappa"][200:]).all()
    assert np.isfinite(layers["kappa"][10:200]).all()


def test_tiles_without_a_value_do_not_count(blended):
    """A quality map such as the redshift has no value where a tile has no such galaxies."""
    holes = [np.arange(N) < 20, np.arange(N) < 10]
    parts = [part(0.25, 0.0), part(0.75, 0.0)]
    for layers, hole, value in zip(parts, holes, (0.6, 1.0), strict=True):
        layers["redshift"] = np.where(hole, np.nan, value).astype(np.float32)
    found = blended(*parts)["redshift"]
    assert np.isnan(found[:10]).all()
    np.testing.assert_array_equal(found[10:20], 1.0)
    np.testing.assert_allclose(found[20:], 0.9, rtol=1e-6)


def test_counts_add_up(blended):
    layers = blended(part(0.5, 1.0, counts=3), part(0.5, 1.0))
    assert layers["counts"].dtype == np.int32
    assert layers["counts"].sum() == 3 * N


@pytest.mark.parametrize("rho", [1.0, 0.9, 0.3])
def test_error_is_the_scatter_of_blended_realizations(blended, rho):
    rng = np.random.default_rng(1)
    common, *own = rng.standard_normal((3, 4, N_MAPS))
    one, other = (0.2 * (np.sqrt(rho) * common + np.sqrt(1 - rho) * mine) for mine in own)
    layers = blended(part(0.6, 0.0, samples=one), part(0.4, 0.0, samples=other))
    scatter = np.std(0.6 * one + 0.4 * other, axis=-1)
    np.testing.assert_allclose(layers["error"][32::64], scatter, rtol=0.04)
    expected = 0.2 * np.sqrt(0.36 + 0.16 + 2 * 0.24 * rho)
    np.testing.assert_allclose(layers["error"], expected, rtol=0.04)


def test_errors_without_realizations_add_up_as_fully_correlated(blended):
    layers = blended(part(0.25, 0.0, error=0.1), part(0.75, 0.0, error=0.3))
    np.testing.assert_allclose(layers["error"], 0.25, rtol=1e-6)


def test_damaged_file_of_a_tile_is_named(tmp_path, blended):
    blended(part(1.0, 1.0))
    path = tmp_path / "000000.npz"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"000000.npz' of a tile is damaged: delete it"):
        blend(TileFiles(str(tmp_path), "run"), [0], 40, N)


def test_facts_are_those_of_the_same_run_and_galaxies_only(tmp_path):
    files = TileFiles(str(tmp_path), "run")
    files.write(7, 3, 7, part(1.0, 1.0), {"n_galaxies": 5, "stamp": "run", "galaxies": "abc"})
    assert files.facts(7, "abc")["n_galaxies"] == 5
    assert files.facts(7, "other") is None
    assert TileFiles(str(tmp_path), "another").facts(7, "abc") is None
    assert files.facts(8, "abc") is None

# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The galaxies of a tile: equal sums from chunks of any size, and memory that does not grow."""

import functools
import tracemalloc

import numpy as np
import pytest
from hats_folders import galaxies_in

from lensmap.catalog import Calibration, HatsCatalog, write_hats
from lensmap.estimators import make_estimator
from lensmap.survey._frozen import Frozen
from lensmap.survey._seconds import Seconds
from lensmap.survey._tile_galaxies import TileGalaxies
from lensmap.survey._tile_map import TileTask
from lensmap.survey._tiles import Tile

pytest.importorskip("pyarrow")
pytest.importorskip("hpgeom")

# The order and the pixel of the tile.
ORDER, PIXEL = 4, 1030


def galaxies_of(folder, n_galaxies, max_rows, method="ks(uncertainty=rotations)"):
    """Return the galaxies of a tile whose partitions have ``n_galaxies`` each."""
    if not folder.exists():
        parts = [(5, 4 * PIXEL + i, galaxies_in(5, 4 * PIXEL + i, n_galaxies)) for i in range(4)]
        for _, _, columns in parts:
            columns |= {"psf_e1": 0.1 * columns["e2"], "psf_e2": 0.1 * columns["e1"]}
        write_hats(folder, parts, convention="celestial", kind="shear")
    source = HatsCatalog(folder)
    source.chunks_within_pixels = functools.partial(
        source.chunks_within_pixels, max_rows=max_rows
    )
    tile = Tile(ORDER, PIXEL, 1.0)
    task = TileTask(
        source, make_estimator(method), None, None, order=ORDER, margin=1.0, nside=512, scale=0.2,
        also={"psf": ("psf_e1", "psf_e2")},
    )
    frozen = Frozen(Calibration(), None, None)
    return lambda: TileGalaxies(task, frozen, tile, tile.lattice(task.scale), Seconds())


@pytest.mark.parametrize("scheme", ["nearest", "cloud-in-cell"])
def test_sums_do_not_depend_on_the_size_of_chunks(scheme, tmp_path):
    method = f"ks(uncertainty=rotations, scheme={scheme})"
    whole, parts = (galaxies_of(tmp_path / "h", 500, n, method)() for n in (10**6, 37))
    assert whole.grid.n_used == parts.grid.n_used == whole.counts.sum() == 2000
    np.testing.assert_array_equal(parts.counts, whole.counts)
    np.testing.assert_allclose(parts.grid.sum_we, whole.grid.sum_we, atol=1e-12)
    np.testing.assert_array_equal(parts.grid.count, whole.grid.count)
    for mine, theirs in zip(parts.also["psf"], whole.also["psf"], strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-12)
    for mine, theirs in zip(parts.realizations(2, 5), whole.realizations(2, 5), strict=True):
        np.testing.assert_allclose(mine.sum_we, theirs.sum_we, atol=1e-6)
        rotated = np.abs(mine.sum_we[mine.sum_w > 0]) ** 2
        original = np.abs(whole.grid.sum_we[whole.grid.sum_w > 0]) ** 2
        assert not np.allclose(rotated, original)


@pytest.mark.parametrize(
    ("method", "bytes_per_galaxy"), [("ks", 20), ("ks(uncertainty=rotations)", 40)]
)
def test_memory_hardly_grows_with_the_number_of_galaxies(method, bytes_per_galaxy, tmp_path):
    peaks = []
    for n_galaxies in (10_000, 60_000):
        bin_them = galaxies_of(tmp_path / str(n_galaxies), n_galaxies, 5000, method)
        bin_them()  # what is imported and cached once
        tracemalloc.start()
        result = bin_them()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert result.counts.sum() == 4 * n_galaxies
    assert peaks[1] - peaks[0] < bytes_per_galaxy * 4 * 50_000

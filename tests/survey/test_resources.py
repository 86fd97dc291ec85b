# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The memory and the disk that a survey map needs, and what its pixels average."""

import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from astropy import units as u

from lensmap import KaiserSquires
from lensmap.sphere import HealpixPixels, pixel_window
from lensmap.survey import Plan
from lensmap.survey._plan import largest_map, make_plan
from lensmap.survey._resources import check_resources, needed_disk
from lensmap.survey._tiles import Tile


def plan_of(nside=1024, memory=1e6, disk=1e6, pixel_scale=2.0):
    return Plan(
        nside, pixel_scale * u.arcmin, 4, 2 * u.deg, (1, 2, 3, 4), 1000, 25 * u.deg**2, 1.0,
        memory, disk,
    )


def test_disk_is_that_of_the_tiles_that_are_missing(tmp_path):
    plan = plan_of()
    assert needed_disk(plan, tmp_path, 4) == 1e6
    assert needed_disk(plan, tmp_path, 2) == 5e5
    n_pixels = 25 / (HealpixPixels(1024).area * np.degrees(1) ** 2)
    assert needed_disk(plan, tmp_path, 4, ["fits", "moc"]) == pytest.approx(1e6 + 60 * n_pixels)
    (tmp_path / "tiles").mkdir()
    (tmp_path / "tiles" / "000001.npz").write_bytes(bytes(300_000))
    assert needed_disk(plan, tmp_path, 4) == 7e5
    (tmp_path / "tiles" / "000002.npz").write_bytes(bytes(900_000))
    assert needed_disk(plan, tmp_path, 4) == 0


@pytest.mark.parametrize("turn", [0.0, 45.0])
def test_memory_is_that_of_the_largest_tile(turn):
    """Tiles near the poles are larger than others, and turned ones than upright ones."""
    order, scale, margin = 3, 2 / 60, 2.0
    tiles = [0, 20, 63, 300, 700]
    largest = largest_map(tiles, order, scale, margin, turn)
    sizes = {
        tile: np.prod(Tile(order, tile, margin).lattice(scale, turn=turn).shape)
        for tile in [*tiles, *range(0, 64, 3)]  # a whole base pixel at the pole
    }
    assert largest == max(sizes[tile] for tile in tiles)
    assert largest_map([*sizes], order, scale, margin, turn) >= 0.98 * max(sizes.values())
    assert max(sizes.values()) > 1.05 * min(sizes.values())
    if turn:
        assert largest > 1.3 * largest_map(tiles, order, scale, margin, 0.0)
        plans = [
            make_plan(
                KaiserSquires(), np.arange(64), n_galaxies=10**6, area=50.0, density=5.0,
                pixel_scale=2 * u.arcmin, nside=2048, tile_order=order, margin=margin * u.deg,
                turn=angle,
            ) for angle in (0.0, turn)
        ]
        assert plans[1].memory > 1.1 * plans[0].memory
        assert plans[1].disk == plans[0].disk


def test_what_does_not_fit_is_an_error(tmp_path, monkeypatch):
    check_resources(plan_of(), tmp_path, 4)
    with pytest.raises(MemoryError, match="a tile of order 4 would need .* smaller tiles"):
        check_resources(plan_of(memory=1e17), tmp_path, 4)
    # The memory of the machines of a cluster is not known.
    check_resources(plan_of(memory=1e17), tmp_path, 4, on_this_machine=False)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=9e5))
    with pytest.raises(ValueError, match="folder must lie on a disk with 0.001 GB of free space"):
        check_resources(plan_of(), tmp_path, 4)
    check_resources(plan_of(), tmp_path, 3)


def test_coarse_pixels_halve_the_amplitude_at_the_multipole_that_is_named():
    text = plan_of(nside=256).smoothed_away
    ell = float(text.partition("multipole ")[2].partition(";")[0])
    assert pixel_window(256, int(ell))[-1] == pytest.approx(0.5, abs=0.01)
    assert "nside 2048 keeps" in text
    assert plan_of(nside=2048).smoothed_away is None

# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tests of all products of a survey in one pass: whole files, or none."""

import sys
from pathlib import Path

import numpy as np
import pytest
from writing_commands import file_size_limit

from lensmap.maps import HealpixMap
from lensmap.survey import HealpixTable, HealSparseFile, HipsFolder, MocFile, write_products
from lensmap.survey.products import Block, standard_files
from lensmap.utils import OutputExistsError


def products(folder):
    """Return one product of each kind."""
    return [
        HealSparseFile(folder / "kappa.hsp", "kappa"),
        HealSparseFile(folder / "quality.hsp", ["density", "n_tiles"]),
        HealpixTable(folder / "kappa.fits", ["kappa", "error", "counts"]),
        MocFile(folder / "footprint.fits"),
        HipsFolder(folder / "hips"),
    ]


def content(folder):
    """Return the bytes of all files of a folder, keyed by their path."""
    return {path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(Path(folder).rglob("*")) if path.is_file()}


class Stopped(Exception):
    """The error of a source of blocks."""


def stopped(blocks, n):
    """Yield some blocks, and then fail."""
    for i, block in enumerate(blocks):
        if i == n:
            raise Stopped
        yield block


def test_an_error_leaves_nothing_and_old_files_as_they_were(sky, tmp_path):
    with pytest.raises(Stopped):
        write_products(products(tmp_path), stopped(sky.blocks(4), 20), sky.nside)
    assert list(tmp_path.iterdir()) == []
    write_products(products(tmp_path), sky.blocks(4), sky.nside)
    before = content(tmp_path)
    assert {"hips/properties", "hips/Moc.fits", "kappa.hsp"} < set(before)
    with pytest.raises(Stopped):
        write_products(
            products(tmp_path), stopped(sky.blocks(4), 20), sky.nside, overwrite=True
        )
    assert content(tmp_path) == before


def test_overwrite(sky, tmp_path):
    first = list(sky.blocks(3))
    write_products(products(tmp_path), first, sky.nside)
    before = content(tmp_path)
    for product in products(tmp_path):
        with pytest.raises(OutputExistsError, match="overwrite=True"):
            write_products([product], first, sky.nside)
    assert content(tmp_path) == before
    write_products(products(tmp_path), first[:3], sky.nside, overwrite=True)
    after = content(tmp_path)
    # No tile of the earlier HiPS is left.
    assert set(after) < set(before)
    assert not any(path.name.startswith(".") for path in tmp_path.iterdir())


def test_a_folder_that_is_no_hips_is_never_replaced(sky, tmp_path):
    (tmp_path / "hips").mkdir()
    (tmp_path / "hips" / "thesis.tex").write_text("all of it")
    with pytest.raises(FileExistsError, match="exists and is not a HiPS folder"):
        write_products(products(tmp_path), sky.blocks(3), sky.nside, overwrite=True)
    assert content(tmp_path) == {"hips/thesis.tex": b"all of it"}


def test_an_empty_folder_becomes_a_hips(sky, tmp_path):
    (tmp_path / "hips").mkdir()
    write_products([HipsFolder(tmp_path / "hips")], sky.blocks(3), sky.nside)
    assert (tmp_path / "hips" / "properties").is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
@pytest.mark.parametrize("which", range(5))
def test_full_disk(sky, tmp_path, which):
    product = products(tmp_path)[which]
    # Each product has a file that is larger than this; the coverage of HealSparse files has 98 kB.
    limit = 2000 if isinstance(product, MocFile) else 150_000
    with file_size_limit(limit), pytest.raises(OSError, match="cannot write to .*free some space"):
        write_products([product], sky.blocks(3), sky.nside)
    assert list(tmp_path.iterdir()) == []


def test_a_map_is_a_source(tmp_path):
    rng = np.random.default_rng(1)
    index = np.sort(rng.choice(12 * 512**2, 3000, replace=False))
    kappa = HealpixMap(
        rng.normal(size=3000), 512, index, uncertainty=np.full(3000, 0.1),
        counts=rng.integers(1, 5, 3000), mask=rng.random(3000) < 0.2, meta={"estimator": "Test"},
    )
    write_products([HealSparseFile(tmp_path / "kappa.hsp", "kappa"),
                    HealpixTable(tmp_path / "kappa.fits", ["kappa", "error", "counts"])], kappa)
    unmasked = ~kappa.mask
    for name in ("kappa.hsp", "kappa.fits"):
        read = HealpixMap.read(tmp_path / name)
        np.testing.assert_array_equal(read.index, kappa.index[unmasked])
        np.testing.assert_array_equal(read.data, kappa.data[unmasked].astype(np.float32))
        assert read.meta == {"estimator": "Test"}
    np.testing.assert_array_equal(read.counts, kappa.counts[unmasked])


def test_standard_files():
    files = standard_files("folder", ["kappa", "mask", "density", "n_tiles"])
    assert [(Path(file.path).name, file.layers) for file in files] == [
        ("kappa.hsp", "kappa"), ("footprint.hsp", "mask"),
        ("quality.hsp", ["density", "n_tiles"]),
    ]


def test_no_data(tmp_path):
    empty = [Block(3, 5, {"kappa": np.full(256, np.nan)})]
    hips = [Block(3, 5, {"kappa": np.full(4096, np.nan)})]
    for blocks, nside, product in (
        ([], 128, HealSparseFile(tmp_path / "a.hsp", "kappa")),
        (empty, 128, HealSparseFile(tmp_path / "a.hsp", "kappa")),
        (empty, 128, HealpixTable(tmp_path / "a.fits", ["kappa"])),
        (hips, 512, HipsFolder(tmp_path / "hips")),
    ):
        with pytest.raises(ValueError, match="source must have at least one pixel with data"):
            write_products([product], blocks, nside)
        assert list(tmp_path.iterdir()) == []


def test_bad_arguments(tmp_path, sky):
    kappa = HealpixMap([0.1], 128, [3])
    file = HealSparseFile(tmp_path / "a.hsp", "kappa")
    with pytest.raises(TypeError, match="nside must be given with blocks"):
        write_products([file], sky.blocks(3))
    with pytest.raises(ValueError, match="nside must be None or that of the map, 128, not 256"):
        write_products([file], kappa, 256)
    with pytest.raises(TypeError, match="products must consist of HealSparseFile"):
        write_products(["a.hsp"], kappa)
    with pytest.raises(ValueError, match="products must be written to different paths"):
        write_products([file, HealSparseFile(tmp_path / "a.hsp", "mask")], kappa)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        write_products([HipsFolder(tmp_path / "no" / "hips")], sky.blocks(3), sky.nside)

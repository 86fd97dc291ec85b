# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Tests of HealSparse files, held against those that healsparse itself writes."""

import numpy as np
import pytest
from astropy.io import fits

from lensmap import SkyMask
from lensmap.provenance import read_provenance, verify
from lensmap.survey.products import Block, HealSparseFile, standard_files, write_products

healsparse = pytest.importorskip("healsparse")

UNSEEN = np.float32(-1.6375e30)


@pytest.fixture(scope="module")
def folder(sky, tmp_path_factory):
    """The standard files of a survey, written in one pass."""
    folder = tmp_path_factory.mktemp("survey")
    write_products(
        standard_files(folder, sky.layers), sky.blocks(3), sky.nside,
        meta={"estimator": "KaiserSquires", "uncertainty": "noise"},
    )
    return folder


def own_map(sky, name):
    """Return the map of a layer as a user of healsparse would make it."""
    layer = sky.layers[name]
    if name == "mask":
        sparse = healsparse.HealSparseMap.make_empty(32, sky.nside, bool, bit_packed=True)
        sparse[np.flatnonzero(~layer)] = True
        return sparse
    sentinel = 0 if layer.dtype.kind == "i" else None
    sparse = healsparse.HealSparseMap.make_empty(32, sky.nside, layer.dtype, sentinel=sentinel)
    valid = np.flatnonzero(np.isfinite(layer) if sentinel is None else layer > 0)
    sparse[valid] = layer[valid]
    return sparse


def own_quality(sky):
    dtype = [("density", "f4"), ("n_tiles", "i4")]
    sparse = healsparse.HealSparseMap.make_empty(32, sky.nside, dtype, primary="density")
    valid = np.flatnonzero(np.isfinite(sky.layers["density"]))
    values = np.zeros(len(valid), dtype)
    for name, _ in dtype:
        values[name] = sky.layers[name][valid]
    sparse[valid] = values
    return sparse


def assert_same_file(path, expected, tmp_path):
    """Compare the data and the cards with those of the file that healsparse writes."""
    expected.write(str(tmp_path / "expected.hsp"), nocompress=True)
    with fits.open(path) as ours, fits.open(tmp_path / "expected.hsp") as theirs:
        assert [hdu.name for hdu in ours] == [hdu.name for hdu in theirs] == ["COV", "SPARSE"]
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(np.array(one.data), np.array(other.data))
            assert np.array(one.data).dtype == np.array(other.data).dtype
            for key in other.header:
                if key not in ("EXTEND", "COMMENT"):
                    assert one.header[key] == other.header[key], key


@pytest.mark.parametrize("name", ["kappa", "error", "counts", "mask", "quality"])
def test_files_are_those_of_healsparse(sky, folder, tmp_path, name):
    expected = own_quality(sky) if name == "quality" else own_map(sky, name)
    path = folder / {"mask": "footprint.hsp"}.get(name, f"{name}.hsp")
    assert_same_file(path, expected, tmp_path)
    read = healsparse.HealSparseMap.read(str(path))
    np.testing.assert_array_equal(read.valid_pixels, expected.valid_pixels)
    pixels = np.arange(len(sky.layers["kappa"]))[::7]
    for field in read.dtype.names or [None]:
        one, other = (m if field is None else m[field] for m in (read, expected))
        np.testing.assert_array_equal(one.get_values_pix(pixels), other.get_values_pix(pixels))


@pytest.mark.parametrize("name", ["kappa", "counts", "footprint", "quality"])
def test_parts_of_files(sky, folder, name):
    path = str(folder / f"{name}.hsp")
    whole = healsparse.HealSparseMap.read(path)
    (covered,) = np.nonzero(whole.coverage_mask)
    part = healsparse.HealSparseMap.read(path, pixels=covered[[1, 4]])
    inside = np.isin(whole.valid_pixels >> 8, covered[[1, 4]])
    assert 0 < np.count_nonzero(inside) < len(inside)
    np.testing.assert_array_equal(part.valid_pixels, whole.valid_pixels[inside])
    np.testing.assert_array_equal(part[part.valid_pixels], whole[part.valid_pixels])


def test_files_do_not_depend_on_the_blocks(sky, folder, tmp_path):
    write_products(
        standard_files(tmp_path, sky.layers), sky.mixed_blocks(), sky.nside,
        meta={"estimator": "KaiserSquires", "uncertainty": "noise"},
    )
    for path in folder.iterdir():
        with fits.open(path) as ours, fits.open(tmp_path / path.name) as theirs:
            for one, other in zip(ours, theirs, strict=True):
                assert one.header["DATASUM"] == other.header["DATASUM"], path.name


def test_records_and_checksums(folder):
    assert len(list(folder.iterdir())) == 5
    for path in folder.iterdir():
        assert verify(path).findings == []
        assert read_provenance(path)["schema"] == 1
        metadata = healsparse.HealSparseMap.read(str(path)).metadata
        assert metadata["ESTIMATR"] == "KaiserSquires"
        assert metadata["LMMETA"] == '{"estimator": "KaiserSquires", "uncertainty": "noise"}'
        assert metadata["LMFRAME"] == "icrs"
        layer = {"quality": None, "footprint": "mask"}.get(path.stem, path.stem)
        assert metadata.get("LMLAYER") == layer


def test_the_footprint_is_a_mask_of_lensmap(sky, folder):
    from astropy.coordinates import SkyCoord

    from lensmap.sphere import HealpixPixels

    index = np.arange(0, len(sky.layers["mask"]), 101)
    position = SkyCoord(*HealpixPixels(sky.nside).centers(index), unit="deg")
    excluded = SkyMask(folder / "footprint.hsp", exclude="outside").excluded_sky(position)
    np.testing.assert_array_equal(excluded, sky.layers["mask"][index])


def test_values_that_are_not_finite_in_other_fields(tmp_path):
    n = 4**4
    layers = {
        "density": np.where(np.arange(n) < 5, 2.0, np.nan), "n_tiles": np.full(n, 3),
        "sigma_e": np.where(np.arange(n) < 2, np.inf, 0.3),
    }
    path = tmp_path / "quality.hsp"
    write_products(
        [HealSparseFile(path, ["n_tiles", "density", "sigma_e"], "density")],
        [Block(5, 40, layers)], 512,
    )
    read = healsparse.HealSparseMap.read(str(path))
    np.testing.assert_array_equal(read.valid_pixels, 40 * n + np.arange(5))
    values = read[np.arange(40 * n, 40 * n + 6)]
    expected = np.float32([UNSEEN, UNSEEN, 0.3, 0.3, 0.3, UNSEEN])
    np.testing.assert_array_equal(values["sigma_e"], expected)
    np.testing.assert_array_equal(values["n_tiles"], [3] * 5 + [np.iinfo(np.int32).min])


@pytest.mark.parametrize("nside", [128, 1024])
def test_other_resolutions(tmp_path, nside):
    n = (nside // 8) ** 2
    mask = np.arange(n) % 3 > 0
    layers = {"kappa": np.where(mask, np.nan, np.arange(n)), "mask": mask}
    write_products(standard_files(tmp_path, layers), [Block(3, 500, layers)], nside)
    expected = 500 * n + np.arange(0, n, 3)
    for name in ("kappa", "footprint"):
        read = healsparse.HealSparseMap.read(str(tmp_path / f"{name}.hsp"))
        np.testing.assert_array_equal(read.valid_pixels, expected)
    kappa = healsparse.HealSparseMap.read(str(tmp_path / "kappa.hsp"))
    np.testing.assert_array_equal(kappa[expected], np.arange(0, n, 3))


@pytest.mark.parametrize(
    ("layers", "primary", "words"),
    [
        ("kapa", None, "layers must be among those of the survey, counts, .*, not 'kapa'"),
        ([], None, "names of one or more layers"),
        (["kappa", "kappa"], None, "different from each other, not 'kappa' twice"),
        (["kappa", "mask"], None, "layers of numbers, if there are several, not 'mask'"),
        (["kappa", "error"], "counts", "primary must be one of the layers kappa, error"),
    ],
)
def test_bad_layers(sky, tmp_path, layers, primary, words):
    with pytest.raises(ValueError, match=words):
        write_products(
            [HealSparseFile(tmp_path / "a.hsp", layers, primary)], sky.blocks(3), sky.nside
        )
    assert list(tmp_path.iterdir()) == []

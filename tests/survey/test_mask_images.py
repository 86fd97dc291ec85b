# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Surveys whose mask is one image for each patch."""

import json
import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from regions import CircleSkyRegion
from small_survey import galaxies, write_survey

from lensmap import KaiserSquires
from lensmap.cli import main
from lensmap.grid import tangent_wcs
from lensmap.masks import SkyMask
from lensmap.survey import map_survey

KS = KaiserSquires(smoothing=8 * u.arcmin)
OPTIONS = {
    "pixel_scale": 3 * u.arcmin, "nside": 1024, "tile_order": 4, "margin": 1.2 * u.deg,
    "workers": 1, "large_scales": False,
}
SIZE, OVERLAP = 60, 6


@pytest.fixture(scope="module")
def sky(tmp_path_factory):
    """A survey, the image of its mask, and the same image cut into patches that overlap."""
    folder = tmp_path_factory.mktemp("patches")
    hats = write_survey(folder / "hats", galaxies(side=2.0, density=1.0))
    wcs = tangent_wcs(SkyCoord(40, 30, unit="deg"), (150, 150), 1 * u.arcmin)
    rng = np.random.default_rng(2)
    y, x = np.indices((150, 150))
    data = np.zeros((150, 150), np.uint8)
    for cx, cy, radius in zip(*rng.uniform(10, 140, (2, 30)), rng.uniform(1, 6, 30), strict=True):
        data[np.hypot(x - cx, y - cy) < radius] = 1
    fits.writeto(folder / "whole.fits", data, wcs.to_header())
    (folder / "masks").mkdir()
    for i in range(0, 150, SIZE - OVERLAP):
        for j in range(0, 150, SIZE - OVERLAP):
            part = (slice(i, min(i + SIZE, 150)), slice(j, min(j + SIZE, 150)))
            header = wcs[part].to_header()
            fits.writeto(folder / "masks" / f"{i}-{j}.fits", data[part], header)
    return folder, hats, SkyMask.from_images(folder / "whole.fits")


def layers_of(survey):
    parts = [
        {name: values[np.isfinite(block.layers["unmasked"])]
         for name, values in block.layers.items()} for block in survey.blocks()
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


@pytest.mark.slow
def test_patches_mask_as_the_image_from_which_they_are_cut(sky, tmp_path):
    folder, hats, whole = sky
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the images cover all galaxies
        one = map_survey(hats, KS, tmp_path / "one", mask=whole, **OPTIONS)
        two = map_survey(hats, KS, tmp_path / "two", mask=folder / "masks", **OPTIONS)
    assert one.plan["n_masked"] == two.plan["n_masked"] > 100
    assert one.tiles["n_masked"].tolist() == two.tiles["n_masked"].tolist()
    assert one.tiles["n_masked"].sum() >= one.plan["n_masked"]
    first, second = layers_of(one), layers_of(two)
    for name in ("kappa", "unmasked", "counts", "density"):
        np.testing.assert_allclose(first[name], second[name], rtol=1e-5, atol=1e-8)
    assert first["counts"].sum() == one.plan["n_galaxies"] - one.plan["n_masked"]
    # An image of the same pixels that is read whole masks the same galaxies.
    plain = map_survey(hats, KS, tmp_path / "three", mask=folder / "whole.fits", **OPTIONS)
    assert plain.plan["n_masked"] == one.plan["n_masked"]


@pytest.mark.slow
@pytest.mark.filterwarnings("default:.*lie on none of the images")
def test_galaxies_without_image_are_masked_and_counted(sky, tmp_path, capsys):
    folder, hats, _ = sky
    masks = tmp_path / "some"
    masks.mkdir()
    for path in (folder / "masks").glob("*-0.fits"):  # the eastern third of the survey
        (masks / path.name).write_bytes(path.read_bytes())
    hole = CircleSkyRegion(SkyCoord(40.9, 30, unit="deg"), 0.1 * u.deg)
    with pytest.warns(UserWarning, match=r"\d+ of 14400 galaxies lie on none of the images"):
        survey = map_survey(hats, KS, tmp_path / "s", mask=[masks, hole], **OPTIONS)
    lon = survey.to_map()
    ra, _ = lon.pixels.centers(lon.index[~lon.mask])
    assert 40.2 < ra.min() < 40.45
    assert lon.mask[lon.pixels.at([40.9], [30.0]) == lon.index].all()
    record = tmp_path / "r.json"
    words = ["survey", str(hats), "-o", str(tmp_path / "c"), "--method", "ks", "--smoothing",
             "8arcmin", "--pixel-scale", "3arcmin", "--nside", "1024", "--tile-order", "4",
             "--margin", "1.2deg", "--no-large-scales", "--workers", "1", "--dry-run",
             "--mask", str(masks), "--json", str(record)]
    assert main(words) == 0
    found = json.loads(record.read_text())
    assert [one["code"] for one in found["warnings"]] == ["uncovered"]
    assert "some" in [one["path"] for one in found["inputs"]]
    words[3], words[-3] = str(tmp_path / "d"), f"{masks}/*.fits"
    assert main(words) == 0
    again = json.loads(record.read_text())
    assert again["warnings"] == found["warnings"]
    assert again["density_per_arcmin2"] == found["density_per_arcmin2"]
    # Changed masks are other settings.
    path = next(masks.iterdir())
    with fits.open(path) as hdus:
        fits.writeto(path, 1 - hdus[0].data[:-1], hdus[0].header, overwrite=True)
    capsys.readouterr()
    assert main(words) == 1
    assert "mask was" in capsys.readouterr().err

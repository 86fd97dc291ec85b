# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``--wcs`` with images of many small pixels, of which a map joins blocks."""

import time

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS, DistortionLookupTable
from cli_records import validated

from lensmap import ConvergenceMap, coarsened_wcs
from lensmap.cli import main
from lensmap.grid import tangent_wcs
from lensmap.utils import _memory

CENTER = SkyCoord(210.0, 40.0, unit="deg")
LENS = SkyCoord(210.02, 40.03, unit="deg")
N_GALAXIES, SIDE_ARCMIN = 4000, 10.0


def write_catalog(path):
    """Write galaxies behind a singular isothermal sphere."""
    rng = np.random.default_rng(3)
    half = SIDE_ARCMIN / 60 / 2
    dec = CENTER.dec.deg + rng.uniform(-half, half, N_GALAXIES)
    ra = CENTER.ra.deg + rng.uniform(-half, half, N_GALAXIES) / np.cos(CENTER.dec.rad)
    sky = SkyCoord(ra, dec, unit="deg")
    angle = np.pi / 2 - LENS.position_angle(sky).rad
    tangential = 0.1 / np.maximum(LENS.separation(sky).arcmin, 0.7)
    noise = 0.02 * (rng.standard_normal(N_GALAXIES) + 1j * rng.standard_normal(N_GALAXIES))
    e = -tangential * np.exp(2j * angle) + noise
    Table({"ra": ra, "dec": dec, "e1": e.real, "e2": e.imag},
          meta={"convention": "celestial", "kind": "shear"}).write(path)


def write_image(path, n, scale, **cards):
    """Write the header of an image of n x n pixels, and no data, which take no disk space."""
    wcs = tangent_wcs(CENTER, (n, n), scale)
    header = fits.Header([("SIMPLE", True), ("BITPIX", -32), ("NAXIS", 2), ("NAXIS1", n),
                          ("NAXIS2", n)])
    header.extend(wcs.to_header(), update=True)
    header.update(cards)
    text = header.tostring()
    with open(path, "wb") as file:
        file.write(text.encode())
        file.truncate(-(-(len(text) + 4 * n**2) // 2880) * 2880)
    return wcs


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a catalog, and an image of 6000 x 6000 pixels of 0.1 arcsec."""
    monkeypatch.chdir(tmp_path)
    write_catalog("cat.ecsv")
    write_image("image.fits", 6000, 0.1 * u.arcsec)
    return tmp_path


def reconstruct(*words, image="image.fits"):
    return main(["reconstruct", "cat.ecsv", "-o", "k.fits", "--no-check", "--wcs", image, *words])


def check_map(image, factor, kappa):
    """Check that the pixels of a map are blocks of those of an image, and find the lens."""
    ny, nx = image.array_shape
    assert kappa.shape == (-(-ny // factor), -(-nx // factor))
    expected = coarsened_wcs(image, factor * 0.1 * u.arcsec)
    for x, y in ((0, 0), (7.5, 3.5)):
        place = expected.pixel_to_world(x, y)
        np.testing.assert_allclose(kappa.wcs.world_to_pixel(place), (x, y), atol=1e-6)
    y, x = np.unravel_index(np.nanargmax(kappa.data), kappa.shape)
    assert kappa.wcs.pixel_to_world(x, y).separation(LENS) < 0.5 * u.arcmin


def test_the_default(folder, capsys):
    image = tangent_wcs(CENTER, (6000, 6000), 0.1 * u.arcsec)
    assert reconstruct("--json", "k.json") == 0
    out, err = capsys.readouterr()
    record, kappa = validated(folder / "k.json"), ConvergenceMap.read("k.fits")
    binning = record["binning"]
    # 40 galaxies per square arcmin: 1.5 of them in a pixel of 0.19 arcmin.
    assert binning["factor"] == pytest.approx(116, abs=3)
    density = N_GALAXIES / 6000**2
    assert binning["galaxies_per_image_pixel"] == pytest.approx(density, rel=0.03)
    assert binning["image_pixel_scale_arcmin"] == pytest.approx(0.1 / 60)
    assert (binning["chosen_by"], binning["image_shape"]) == ("density", [6000, 6000])
    assert kappa.meta["binning"] == binning
    assert fits.getheader("k.fits")["BINNING"] == binning["factor"]
    check_map(image, binning["factor"], kappa)
    assert 1.3 < N_GALAXIES / kappa.data.size < 1.7
    assert err.count("\n") == 1 and "--pixel-scale image keeps the pixels of the image" in err
    assert f"blocks of {binning['factor']} x {binning['factor']} pixels of image.fits" in err
    assert reconstruct("--quiet", "--overwrite") == 0
    assert capsys.readouterr().err == ""


def test_a_pixel_scale(folder, capsys):
    image = tangent_wcs(CENTER, (6000, 6000), 0.1 * u.arcsec)
    assert reconstruct("--pixel-scale", "0.4arcmin", "--json", "k.json") == 0
    record, kappa = validated(folder / "k.json"), ConvergenceMap.read("k.fits")
    assert record["binning"]["factor"] == 240 and kappa.shape == (25, 25)
    assert record["binning"]["chosen_by"] == "pixel-scale"
    check_map(image, 240, kappa)
    assert "blocks of 240 x 240 pixels of image.fits: 0.4 arcmin" in capsys.readouterr().err


def test_the_pixels_of_the_image(folder, capsys):
    write_image("small.fits", 150, 4 * u.arcsec)  # 0.18 galaxies per pixel
    assert reconstruct("--pixel-scale", "image", "--json", "k.json", image="small.fits") == 0
    assert ConvergenceMap.read("k.fits").shape == (150, 150)
    assert validated(folder / "k.json")["binning"] is None
    assert capsys.readouterr().err == "" and "BINNING" not in fits.getheader("k.fits")
    assert reconstruct("--overwrite", image="small.fits") == 0
    assert ConvergenceMap.read("k.fits").shape == (50, 50)
    # Pixels with 0.6 galaxies are kept.
    write_image("larger.fits", 80, 7.5 * u.arcsec)
    assert reconstruct("--overwrite", image="larger.fits") == 0
    assert ConvergenceMap.read("k.fits").shape == (80, 80)


def test_a_saved_word(folder):
    write_image("small.fits", 150, 4 * u.arcsec)
    assert reconstruct("--pixel-scale", "image", "--save-config", "c.toml",
                       image="small.fits") == 0
    assert 'pixel-scale = "image"' in (folder / "c.toml").read_text()
    assert main(["reconstruct", "cat.ecsv", "--config", "c.toml", "--overwrite"]) == 0
    assert ConvergenceMap.read("k.fits").shape == (150, 150)


def test_an_image_with_distortions(folder):
    write_image("sip.fits", 6000, 0.1 * u.arcsec, CTYPE1="RA---TAN-SIP", CTYPE2="DEC--TAN-SIP",
                A_ORDER=2, B_ORDER=2, A_2_0=2e-6, B_1_1=-3e-6)
    image = WCS(fits.getheader("sip.fits"))
    assert reconstruct("--pixel-scale", "0.2arcmin", image="sip.fits") == 0
    kappa = ConvergenceMap.read("k.fits")
    assert kappa.shape == (50, 50) and kappa.wcs.sip is not None
    x, y = np.array([-0.5, 10, 49.5]), np.array([49.5, 20, -0.5])
    distance = kappa.wcs.pixel_to_world(x, y).separation(
        image.pixel_to_world(120 * (x + 0.5) - 0.5, 120 * (y + 0.5) - 0.5)
    )
    assert distance.max() < 1e-6 * 0.1 * u.arcsec


def test_an_image_with_distortion_tables(folder, capsys, monkeypatch):
    image = tangent_wcs(CENTER, (60, 60), 10 * u.arcsec)
    image.cpdis1, image.cpdis2 = (
        DistortionLookupTable(np.ones((3, 3), np.float32), (1, 1), (1, 1), (30, 30)) for _ in "xy"
    )
    hdus = image.to_fits(relax=True)
    hdus[0].data = np.zeros((60, 60))
    hdus.writeto("tables.fits")
    monkeypatch.setattr("lensmap.cli.commands._reconstruct.read_catalog",
                        lambda arguments: pytest.fail("it began"))
    assert reconstruct(image="tables.fits") == 1
    err = capsys.readouterr().err
    assert "--wcs must be an image without distortion tables, unlike 'tables.fits'" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--pixel-scale", "20deg"], "--pixel-scale must be smaller than the side of the image"),
        (["--pixel-scale", "0.04arcsec"], "--pixel-scale must be at least half of the pixel scale "
                                          "of the image, 0.1 arcsec, not 0.04 arcsec"),
    ],
)
def test_errors_before_the_catalog_is_read(words, message, folder, capsys, monkeypatch):
    monkeypatch.setattr("lensmap.cli.commands._reconstruct.read_catalog",
                        lambda arguments: pytest.fail("it began"))
    assert reconstruct(*words) == 1
    err = capsys.readouterr().err
    assert message in err and err.count("\n") == 1 and not (folder / "k.fits").exists()


def test_the_word_needs_an_image(folder, capsys):
    for command in (["reconstruct", "cat.ecsv", "-o", "k.fits"],
                    ["inject", "cat.ecsv", "-o", "h.ecsv", "--mass", "2e14", "--z-lens", "0.3",
                     "--z-source", "1"]):
        assert main([*command, "--pixel-scale", "image"]) == 2
        assert "--pixel-scale image needs --wcs" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        reconstruct("--pixel-scale", "images")
    assert "or the word image, not 'images'" in capsys.readouterr().err


def test_an_image_of_900_million_pixels(folder, capsys, monkeypatch):
    monkeypatch.setenv("LENSMAP_MEMORY_LIMIT", "16 GiB")
    write_image("huge.fits", 30_000, 0.02 * u.arcsec)
    start = time.process_time()
    assert reconstruct(image="huge.fits") == 0
    assert ConvergenceMap.read("k.fits").meta["binning"]["factor"] == pytest.approx(580, rel=0.03)
    capsys.readouterr()
    monkeypatch.setattr("lensmap.cli.commands._reconstruct.read_catalog",
                        lambda arguments: pytest.fail("it began"))
    assert reconstruct("--pixel-scale", "image", "--overwrite", image="huge.fits") == 1
    err = capsys.readouterr().err
    assert "a map of 30000 x 30000 pixels would need 46.1 GiB of memory" in err
    assert "leave out this option" in err and err.count("\n") == 1
    assert time.process_time() - start < 5


def test_a_dense_catalog_on_too_many_pixels(folder, capsys, monkeypatch):
    """Without binning, the map itself is refused."""
    write_image("small.fits", 80, 7.5 * u.arcsec)
    monkeypatch.setattr(_memory, "_held_memory", lambda: 0)
    monkeypatch.setenv("LENSMAP_MEMORY_LIMIT", "100 kB")
    assert reconstruct(image="small.fits") == 1
    assert "a map of 80 x 80 pixels would need 344 KiB" in capsys.readouterr().err


def test_a_smoothing_far_beyond_the_field(folder, capsys):
    assert reconstruct("--smoothing", "400deg") == 1
    err = capsys.readouterr().err
    assert "--smoothing must be at most" in err and "arcmin" in err and "check the unit" in err
    assert not (folder / "k.fits").exists()


def test_injection(folder, capsys):
    assert main(["inject", "cat.ecsv", "-o", "h.ecsv", "--mass", "8e14", "--z-lens", "0.3",
                 "--z-source", "1", "-n", "1", "--no-check", "--wcs", "image.fits",
                 "--pixel-scale", "1arcmin", "--json", "h.json"]) == 0
    assert validated(folder / "h.json")["binning"]["factor"] == 600
    assert "blocks of 600 x 600 pixels" in capsys.readouterr().err

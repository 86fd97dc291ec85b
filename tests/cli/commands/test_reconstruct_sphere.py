# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap reconstruct`` on HEALPix pixels, and commands that are given such a map."""

import json
import re

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from cli_records import validated

from lensmap import ShearCatalog
from lensmap.cli import main
from lensmap.estimators import SphericalKaiserSquires, SphericalWiener
from lensmap.maps import HealpixMap
from lensmap.sphere import HealpixPixels

pytest.importorskip("ducc0")

LENS = SkyCoord(150, 30, unit="deg")
COMMON = ["--no-check", "--smoothing", "20arcmin", "--nside", "128"]


def galaxies(n=6000):
    """Return galaxies behind a Gaussian mass of 20 arcmin."""
    rng = np.random.default_rng(1)
    sky = LENS.directional_offset_by(
        rng.uniform(0, 360, n) * u.deg, 1.5 * np.sqrt(rng.random(n)) * u.deg
    )
    x = sky.separation(LENS).to_value("arcmin") / 20
    shear = 0.3 * (2 / x**2 * (1 - np.exp(-(x**2) / 2)) - np.exp(-(x**2) / 2))
    e = -shear * np.exp(2j * (np.pi / 2 - LENS.position_angle(sky).rad))
    e += 0.1 * (rng.standard_normal((2, n)).T @ [1, 1j])
    table = {"ra": sky.ra.deg, "dec": sky.dec.deg, "e1": e.real, "e2": e.imag,
             "redshift": np.full(n, 0.8)}
    return Table(table, meta={"convention": "celestial", "kind": "shear"})


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A folder with a catalog and its map on HEALPix pixels, in both formats."""
    folder = tmp_path_factory.mktemp("sphere")
    galaxies().write(folder / "cat.ecsv")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in ("k.fits", "k.hsp"):
            assert main(["reconstruct", "cat.ecsv", "-o", name, "--method", "sphere-ks", *COMMON,
                         "--uncertainty", "4", "--json", f"{name}.json"]) == 0
    return folder


@pytest.fixture
def folder(inputs, tmp_path, monkeypatch):
    """A folder of one's own with the catalog and the maps, to work in."""
    for path in inputs.iterdir():
        (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_map_is_that_of_python(folder):
    catalog = ShearCatalog(galaxies())
    expected = SphericalKaiserSquires(
        smoothing="20 arcmin", uncertainty="rotations", n_realizations=4, z_source=0.8
    ).reconstruct(catalog, 128)
    kappa = HealpixMap.read("k.fits")
    np.testing.assert_array_equal(kappa.index, expected.index)
    np.testing.assert_array_equal(kappa.data, expected.data)
    np.testing.assert_array_equal(kappa.uncertainty.array, expected.uncertainty.array)
    assert kappa.meta["parameters"] == expected.meta["parameters"]
    sparse = HealpixMap.read("k.hsp")  # without masked pixels
    np.testing.assert_array_equal(sparse.data, expected.data[~expected.mask])
    assert sparse.meta["estimator"] == "SphericalKaiserSquires"


def test_the_record(folder):
    for name in ("k.fits", "k.hsp"):
        record = validated(folder / f"{name}.json")
        assert (record["nside"], record["sky_frame"]) == (128, "icrs")
        kappa = HealpixMap.read("k.fits")
        assert record["shape"] == [len(kappa.data)]
        assert record["pixel_scale_arcmin"] == pytest.approx(27.4839, rel=1e-5)
        assert record["masked_fraction"] == pytest.approx(kappa.mask.mean())
        assert record["n_galaxies"] == 6000 and record["false_peaks"] is None
        place = SkyCoord(record["peak_ra_deg"], record["peak_dec_deg"], unit="deg")
        assert place.separation(LENS) < 30 * u.arcmin
        assert record["peak_snr"] == pytest.approx(np.nanmax(kappa.snr))
        assert record["peak_kappa"] == pytest.approx(kappa.at(place))
        assert [one["path"] for one in record["outputs"]] == [name]


def test_words_and_galactic_pixels(folder, capsys):
    assert main(["reconstruct", "cat.ecsv", "-o", "g.fits", "--method", "sphere-wiener", "--nside",
                 "64", "--sky-frame", "galactic", "--no-check", "--uncertainty", "posterior:2",
                 "--tolerance", "1e-3"]) == 0
    out, err = capsys.readouterr()
    kappa = HealpixMap.read("g.fits")
    assert f"{len(kappa.data)} galactic HEALPix pixels of nside 64 (55 arcmin)" in out
    assert "times its error about the truth" in out and "redshift 0.8" in out and err == ""
    assert kappa.pixels == HealpixPixels(64, "galactic")
    assert kappa.meta["parameters"]["tolerance"] == 1e-3
    expected = SphericalWiener(
        z_source=0.8, uncertainty="posterior", n_realizations=2, tolerance=1e-3
    ).reconstruct(ShearCatalog(galaxies()), HealpixPixels(64, "galactic"))
    np.testing.assert_array_equal(kappa.data, expected.data)


def test_default_pixels_and_the_config_file(folder):
    words = ["reconstruct", "cat.ecsv", "--method", "sphere-ks", "--no-check"]
    assert main([*words, "-o", "a.fits", "--smoothing", "60arcmin", "--gaps", "zero"]) == 0
    kappa = HealpixMap.read("a.fits")
    assert kappa.nside == 128 and kappa.meta["parameters"]["gaps"] == "zero"
    assert main([*words, "-o", "b.fits", "--nside", "32", "--sky-frame", "galactic",
                 "--save-config", "c.toml"]) == 0
    assert main(["reconstruct", "cat.ecsv", "-o", "d.fits", "--config", "c.toml"]) == 0
    assert HealpixMap.read("d.fits").pixels == HealpixPixels(32, "galactic")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--nside", "64"], "--nside cannot be given, because --method ks makes a map on a plane; "
                            "--pixel-scale gives the size of its pixels"),
        (["--method", "wiener", "--sky-frame", "icrs"], "--sky-frame cannot be given, because"),
        (["-o", "x.hsp"], "--output x.hsp is the name of a HealSparse file, and --method ks makes "
                          "a map on a plane: give a name that ends in .fits"),
        (["--method", "sphere-ks", "--pixel-scale", "1arcmin"],
         "--pixel-scale cannot be given, because --method sphere-ks makes a map on HEALPix pixels"),
        (["--method", "sphere-ks", "--wcs", "k.fits"], "--wcs cannot be given, because --method"),
        (["--method", "sphere-ks", "--plot", "k.png"], "--plot cannot be given, because --method"),
        (["--method", "sphere-ks", "--sky-frame", "galactic"], "--sky-frame needs --nside"),
        (["--method", "sphere-ks", "--padding", "2"], "--padding does not apply to --method sph"),
    ],
)
def test_options_that_do_not_go_together(folder, capsys, words, message):
    assert main(["reconstruct", "cat.ecsv", "-o", "x.fits", "--no-check", *words]) == 2
    out, err = capsys.readouterr()
    assert f"lensmap: error: {message}" in err and out == ""
    assert not [path for path in folder.iterdir() if path.name.startswith("x.")]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-o", "x.fits", "--nside", "100"], "--nside must be a power of 2 .* 64 and 128"),
        (["-o", "x.txt"], r"--output must end in one of .fits, .*\.hsp, .hs, not 'x.txt'"),
        (["-o", "x.fits", "--z-source", "none"], "--z-source must be a redshift or the name"),
    ],
)
def test_wrong_values(folder, capsys, words, message):
    command = ["reconstruct", "cat.ecsv", "--no-check", "--method", "sphere-ks", *words]
    assert main(command) in (1, 2)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("lensmap: error: ") and re.search(message, line)


@pytest.mark.parametrize("name", ["k.fits", "k.hsp"])
@pytest.mark.parametrize(
    "words",
    [["peaks", "{}"], ["filaments", "{}"], ["check", "{}"],
     ["profile", "{}", "--at", "150,30", "--radii", "1arcmin", "9arcmin"],
     ["reconstruct", "{}", "-o", "x.fits"]],
    ids=lambda words: words[0],
)
def test_commands_that_do_not_take_such_a_map(folder, capsys, name, words):
    command = [word.format(name) for word in words]
    assert main([*command, "--json", "error.json"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{name!r} is a map on HEALPix pixels" in line
    (error,) = json.loads((folder / "error.json").read_text())["errors"]
    needs_plane = words[0] in ("peaks", "filaments")
    assert error["code"] == "healpix_map"
    assert error["parameter"] == ("map" if needs_plane else "catalog")
    assert ("cutout(wcs)" in line) == needs_plane


def test_a_cutout_is_a_map_on_a_plane(folder):
    from lensmap.grid import tangent_wcs

    wcs = tangent_wcs(LENS, (40, 40), 5 * u.arcmin)
    HealpixMap.read("k.fits").cutout(wcs).write("part.fits")
    assert main(["peaks", "part.fits", "--by", "kappa", "--threshold", "0.03", "-o", "p.ecsv",
                 "--min-separation", "30arcmin"]) == 0
    peaks = Table.read("p.ecsv")
    place = SkyCoord(peaks["ra"][0], peaks["dec"][0], unit="deg")
    assert place.separation(LENS) < 20 * u.arcmin


@pytest.mark.parametrize("method", ["sphere-ks", "sphere-wiener"])
def test_commands_without_maps_of_the_sphere(folder, capsys, method):
    assert main(["inject", "cat.ecsv", "--mass", "2e14", "--z-lens", "0.4", "--z-source", "1",
                 "-o", "h.ecsv", "--method", method]) == 2
    assert f"--method {method} makes maps of the sphere, and this" in capsys.readouterr().err
    assert main(["validate", "-o", "v", "-e", method, "-n", "1", "--workers", "1"]) in (1, 2)
    err = capsys.readouterr().err
    assert "only methods that make maps on a plane" in err and "Traceback" not in err

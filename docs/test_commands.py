# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The shell commands of the pages and of the README do what they say."""

import os
import re
import shlex
import textwrap
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from survey_files import kids, write_survey_files

from lensmap.cli import main
from lensmap.grid import tangent_wcs

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    page
    for page in [ROOT / "README.rst", *sorted((ROOT / "docs").rglob("*.rst"))]
    if "gallery" not in page.parts  # made from the tutorials, which run when the pages are made
    and re.search(r"^ +\$ lensmap ", page.read_text(), flags=re.MULTILINE)
]

# A dozen commands, seven surveys, or a whole validation. Each command has quick tests of its own in
# tests/cli.
SLOW = {"command_line", "networks", "recipes", "validation"}

# The catalogs of these pages declare their convention and kind; those of the others stand for
# catalogs of any origin, which the commands have to declare.
_DECLARED = ("command_line", "command_records", "networks", "peaks", "profiles")


def commands(page):
    """Return the words of each line that begins with ``$ lensmap``."""
    text = page.read_text().replace("\\\n", " ")
    return [
        shlex.split(line)
        for line in re.findall(r"^ +\$ lensmap (.*)$", text, flags=re.MULTILINE)
    ]


def write_catalogs(page):
    """Write the catalogs that the commands of a page read, where the commands are run."""
    galaxies = Table.read(files("lensmap") / "data" / "demo_catalog.fits")
    declared = {name: galaxies.meta[name] for name in ("CONVENTN", "KIND")}
    galaxies.meta = declared if page.stem in _DECLARED else {}
    galaxies.write("shear.fits")
    galaxies.meta.clear()
    hsc_galaxies(galaxies).write("hsc.fits")
    center = SkyCoord(36.91, 12.57, unit="deg")
    header = tangent_wcs(center, (1000, 1000), 2 * u.arcsec).to_header()
    fits.writeto("image.fits", np.zeros((1000, 1000), np.uint8), header)
    if page.stem == "networks":
        write_network_and_maps()
    if page.stem == "profiles":
        write_positions(center)
        redshift = np.where(np.arange(len(galaxies)) % 4 == 0, 0.25, 1.0)
        z_grid = np.linspace(0, 2, 101)
        galaxies["pdf"] = np.exp(-0.5 * ((z_grid - redshift[:, np.newaxis]) / 0.06) ** 2)
        galaxies.write("pz.fits")
    if page.stem == "recipes":
        write_survey_files()
        kids().write("kids_with_m.fits")
    if page.stem == "catalogs":
        own = galaxies["ra", "dec", "weight"]
        own["g"] = np.column_stack([galaxies["e1"], galaxies["e2"]])
        own["var_e"] = galaxies["sigma_m"] ** 2
        own.write("own.fits")
        ours = Table({"ALPHA": galaxies["ra"], "DELTA": galaxies["dec"], "e1": galaxies["e1"]})
        ours["e2"] = -galaxies["e2"]  # "euclidean", as the file of columns says
        ours["var_e"] = own["var_e"]
        ours["flag"] = np.zeros(len(ours), int)
        ours.write("ours.fits")
        columns = re.search(r"code-block:: toml\n\n((?: {4}.*\n|\n)+)", page.read_text())
        Path("ours.toml").write_text(textwrap.dedent(columns[1]))


def write_network_and_maps():
    """Write a Keras model of the user, and convergence maps of another program."""
    import keras

    from lensmap.networks import Architecture, Network, save_network

    image = keras.Input((None, None, 3))
    model = keras.Model(image, keras.layers.Conv2D(1, 9, padding="same")(image))
    save_network(Network(model, Architecture("smoothed", reach=4)), "mine.keras")
    Path("my_maps").mkdir()
    rng = np.random.default_rng(1)
    for i in range(2):
        np.save(f"my_maps/map_{i}.npy", rng.normal(0, 0.02, (64, 64)))


def write_positions(center):
    """Write a sample of clusters, all of which are near the one of the catalog, and randoms."""
    rng = np.random.default_rng(1)
    for name, n, width in (("clusters", 15, 0.02), ("randoms", 60, 0.2)):
        ra, dec = (
            angle + rng.uniform(-width, width, n) for angle in (center.ra.deg, center.dec.deg)
        )
        table = Table({"ra": ra, "dec": dec, "z": np.full(n, 0.3)})
        if name == "clusters":
            table["richness"] = rng.uniform(20, 80, n)
        table.write(f"{name}.ecsv")


def hsc_galaxies(galaxies):
    """Return a table of galaxies under the column names of HSC, with distortions."""
    factor = 2 / (1 + galaxies["e1"] ** 2 + galaxies["e2"] ** 2)
    shape = "i_hsmshaperegauss_"
    hsc = Table({"i_ra": galaxies["ra"], "i_dec": galaxies["dec"]})
    hsc[f"{shape}e1"] = galaxies["e1"] * factor
    hsc[f"{shape}e2"] = galaxies["e2"] * factor
    hsc[f"{shape}derived_weight"] = galaxies["weight"]
    hsc[f"{shape}derived_shear_bias_m"] = np.full(len(hsc), -0.1)
    hsc["weak_lensing_flag"] = hsc["b_mode_mask"] = np.ones(len(hsc), int)
    hsc["i_flag"] = np.zeros(len(hsc), int)
    hsc["photoz_best"] = hsc["mizuki_photoz_best"] = np.full(len(hsc), 0.9)
    return hsc


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=page.stem, marks=[pytest.mark.slow] if page.stem in SLOW else [])
        for page in PAGES
    ],
)
def test_commands_of_a_page_succeed(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # One worker, which is this process: new ones would spend most of their time on imports.
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0}, raising=False)
    write_catalogs(page)
    for words in commands(page):
        if words == ["--version"]:
            continue  # argparse ends the process
        assert main(words) == 0, words

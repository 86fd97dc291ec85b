# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""A small survey map with errors and a leak of the PSF, from which tests of its analysis read."""

import numpy as np
import pytest
from astropy import units as u
from small_survey import galaxies, write_survey

from lensmap import KaiserSquires
from lensmap.catalog import HatsCatalog
from lensmap.survey import map_survey

#: The fraction of the PSF's ellipticity that leaks into that of the galaxies.
LEAK = 0.1


@pytest.fixture(scope="session")
def analyzed(tmp_path_factory):
    """The map of a survey into which a field leaks, beside one that does not."""
    columns = galaxies(side=4.0, density=1.0, sigma_e=0.1)
    # Both are random fields, as strong as the shear; only the first one leaks.
    rng = np.random.default_rng(3)
    modes = rng.normal(0, 0.02, (2, 2, 40)) + 1j * rng.normal(0, 0.02, (2, 2, 40))
    x = np.radians(columns["ra"]) * np.cos(np.radians(columns["dec"]))
    y = np.radians(columns["dec"])
    for name, field in zip(("psf", "other"), modes, strict=True):
        ell = rng.uniform(150, 800, 40)
        angle = rng.uniform(0, 2 * np.pi, 40)
        waves = np.exp(1j * (np.outer(x, ell * np.cos(angle)) + np.outer(y, ell * np.sin(angle))))
        columns[f"{name}_e1"], columns[f"{name}_e2"] = (waves @ field.T).real.T
    for name in ("e1", "e2"):
        columns[name] = columns[name] + LEAK * columns[f"psf_{name}"]
    folder = tmp_path_factory.mktemp("analyzed")
    return map_survey(
        HatsCatalog(write_survey(folder / "hats", columns)),
        KaiserSquires(smoothing=6 * u.arcmin, uncertainty="rotations", n_realizations=6),
        folder / "survey", also_map=("psf_e1,psf_e2", "other_e1,other_e2"), nside=1024,
        pixel_scale=3 * u.arcmin, tile_order=5, margin=0.8 * u.deg, workers=1, large_scales=False,
    )

# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Real sky: the HST COSMOS catalog and its X-ray clusters, from the shell to the stack."""

import subprocess
import sys

import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from lensmap import ConvergenceMap, ShearCatalog, check_convention

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def clusters(cosmos_path):
    ra, dec = np.loadtxt(cosmos_path / "cosmos_xray_clusters.txt", usecols=(1, 2), unpack=True)
    assert len(ra) == 72
    return SkyCoord(ra, dec, unit="deg")


def _stack(values, mask, rows, columns, rng):
    """Return the mean at the positions, and its significance against 1000 random sets."""
    good = np.argwhere(~mask)
    sets = good[rng.integers(len(good), size=(1000, len(rows)))]
    random = values[sets[..., 0], sets[..., 1]].mean(axis=1)
    mean = values[rows, columns].mean()
    return mean, (mean - random.mean()) / random.std()


def test_mass_at_the_x_ray_clusters(cosmos_path, clusters, tmp_path):
    output = tmp_path / "cosmos.fits"
    subprocess.run(
        [sys.executable, "-m", "lensmap", "reconstruct", str(cosmos_path / "cosmos_shear.fits"),
         "-o", str(output), "--convention", "euclidean", "--pixel-scale", "0.3arcmin",
         "--smoothing", "0.6arcmin", "--no-check"],
        check=True, capture_output=True,
    )
    kappa = ConvergenceMap.read(output)
    x, y = (np.rint(v).astype(int) for v in kappa.wcs.world_to_pixel(clusters))
    on_map = (x >= 0) & (y >= 0) & (x < kappa.shape[1]) & (y < kappa.shape[0])
    on_map[on_map] = ~kappa.mask[y[on_map], x[on_map]]
    assert on_map.sum() >= 65  # the others lie outside the shear catalog
    rng = np.random.default_rng(1)
    mean, significance = _stack(kappa.data, kappa.mask, y[on_map], x[on_map], rng)
    assert mean == pytest.approx(0.0256, abs=0.002)  # another public code: .0256 +- .0024
    assert significance > 8
    mean_b, significance_b = _stack(kappa.kappa_b, kappa.mask, y[on_map], x[on_map], rng)
    assert abs(mean_b) < 0.005 and abs(significance_b) < 3


@pytest.mark.parametrize(
    ("declared", "handedness", "sign"),
    [
        ("euclidean", "confirmed", "confirmed"),
        ("celestial", "mirrored", "confirmed"),
        ("iau", "confirmed", "reversed"),
    ],
)
def test_the_convention_is_found(cosmos_path, clusters, declared, handedness, sign):
    catalog = ShearCatalog.read(
        cosmos_path / "cosmos_shear.fits", convention=declared, kind="shear"
    )
    result = check_convention(catalog, positions=clusters, n_rotations=40, rng=0)
    assert (result.handedness, result.sign) == (handedness, sign)
    assert result.suggestions == ["euclidean"]
    assert abs(result.sign_significance) > 8

# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The response that sheared versions of galaxies give, with its error."""

import numpy as np
import pytest
from sheared_galaxies import RESPONSE, SHEARS, Galaxies

from lensmap.catalog._convention import versions_to_celestial
from lensmap.catalog._patches import SkyPatches
from lensmap.catalog._shear_response import add_versions, response_of_versions, sums_of_versions
from lensmap.catalog._version_names import version_codes, version_of


def columns_of(galaxies, cut=0.0):
    parts = [galaxies.version(name) for name in SHEARS]
    parts = [{k: v[part["snr"] > cut] for k, v in part.items()} for part in parts]
    codes = np.repeat(np.arange(5), [len(part["ra"]) for part in parts])
    return codes, {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def sums_of(galaxies, weighted=False, cut=0.0):
    codes, c = columns_of(galaxies, cut)
    weight = 1 / (0.25**2 + c["sigma"] ** 2) if weighted else None
    return sums_of_versions(codes, c["ra"], c["dec"], c["e1"], c["e2"], weight)


def test_matrix_of_all_galaxies():
    response, error = response_of_versions(sums_of(Galaxies(2000, alone=0)))
    assert response == pytest.approx(RESPONSE, abs=1e-9)
    assert np.all(error < 1e-9)  # the noise of the versions is the same


def test_error_covers_the_truth():
    """Over skies where versions lose galaxies at random, the pull has a dispersion of 1."""
    pulls = []
    for seed in range(60):
        galaxies = Galaxies(3000, alone=0, seed=seed)
        rng = np.random.default_rng(1000 + seed)
        galaxies.lost = {name: rng.random(3000) < 0.05 for name in SHEARS}
        response, error = response_of_versions(sums_of(galaxies))
        pulls.append((response - RESPONSE) / error)
    assert np.std(pulls) == pytest.approx(1, abs=0.2)  # 60 x 4 pulls of 75 patches or less
    assert abs(np.mean(pulls)) < 0.3


@pytest.mark.parametrize("weighted", [False, True])
def test_selection_and_weights_respond(weighted):
    """The response is the derivative of the mean ellipticity of the selected galaxies."""
    galaxies = Galaxies(40_000, alone=0)
    response, _ = response_of_versions(sums_of(galaxies, weighted, cut=10.0))

    def mean(shear):
        galaxies.shear = np.reshape(shear, (2, 1)) * np.ones(40_000)
        m = galaxies.measured("noshear")
        w = (m["snr"] > 10) / (0.25**2 + m["sigma"] ** 2) if weighted else m["snr"] > 10.0
        return np.array([np.average(m["e1"], weights=w), np.average(m["e2"], weights=w)])

    h = 0.03
    truth = np.transpose([(mean((h, 0)) - mean((-h, 0))) / (2 * h),
                          (mean((0, h)) - mean((0, -h))) / (2 * h)])
    assert response == pytest.approx(truth, abs=0.015)
    assert np.trace(response) > 1.04 * np.trace(RESPONSE)


@pytest.mark.parametrize("signs", [(1, 1), (1, -1), (-1, 1), (-1, -1)])
def test_signs(signs):
    """The response of flipped components has the signs of both, that of one twice."""
    codes, c = columns_of(Galaxies(2000, alone=0))
    codes = versions_to_celestial(codes, signs)
    c |= {"e1": signs[0] * c["e1"], "e2": signs[1] * c["e2"]}
    sums = sums_of_versions(codes, c["ra"], c["dec"], c["e1"], c["e2"], None)
    assert response_of_versions(sums)[0] == pytest.approx(RESPONSE * np.outer(signs, signs))
    assert versions_to_celestial(np.array([-1, 0]), signs).tolist() == [-1, 0]


def test_sums_of_parts():
    one, other = (sums_of(Galaxies(4000, seed=seed)) for seed in (1, 2))
    both, error = response_of_versions(add_versions(one, other))
    mean = (response_of_versions(one)[0] + response_of_versions(other)[0]) / 2
    assert both == pytest.approx(mean, abs=3e-4)
    same, same_error = response_of_versions(add_versions(one, one))
    assert same == pytest.approx(response_of_versions(one)[0])
    assert same_error == pytest.approx(response_of_versions(one)[1])
    assert add_versions(None, None) is None
    with pytest.raises(ValueError, match="only one"):
        add_versions(one, None)


def test_too_few_galaxies_have_no_error():
    codes, c = np.arange(5), {k: np.ones(5) for k in ("ra", "dec", "e1", "e2")}
    response, error = response_of_versions(sums_of_versions(codes, weight=None, **c))
    assert response == pytest.approx(np.zeros((2, 2)))
    assert error.shape == (2, 2) and np.all(np.isinf(error))


@pytest.mark.parametrize("values", [[0.3, -0.1], [0.3, -0.1, 0.0, 0.5, 0.0]])
def test_error_of_patches_of_equal_weight(values):
    """The jackknife of a mean is its standard error; patches without galaxies do not count."""
    values = np.array(values)
    sums = np.zeros((len(values) + 2, 4, 3))
    sums[1:-1, :, 0] = 2.0  # the weight of all versions
    sums[1:-1, 0, 2] = 2.0 * values  # e2 of 1p
    sums[1:-1, 3, 1] = 2.0 * 3 * values  # e1 of 2m
    response, error = response_of_versions(sums, 0.05)
    mean = np.mean(values) / 0.1
    standard = np.std(values, ddof=1) / np.sqrt(len(values)) / 0.1
    np.testing.assert_allclose(response, [[0, -3 * mean], [mean, 0]], atol=1e-12)
    np.testing.assert_allclose(error, [[0, 3 * standard], [standard, 0]], atol=1e-12)


def test_patches_are_those_of_the_unsheared_galaxies():
    codes, c = columns_of(Galaxies(160, alone=0))
    # The 160 galaxies of each version make 8 patches of 20.
    assert sums_of_versions(codes, c["ra"], c["dec"], c["e1"], c["e2"], None).shape == (8, 4, 3)


@pytest.mark.parametrize("center", [(0.0, 0.0), (10.0, 89.9), (359.9, -45.0)])
def test_patches_hold_equal_numbers(center):
    rng = np.random.default_rng(1)
    ra = np.remainder(center[0] + rng.uniform(-1, 1, 20_000), 360)
    dec = np.minimum(center[1] + rng.uniform(-1, 1, 20_000), 89.99)
    patches = SkyPatches(ra, dec)
    counts = np.bincount(patches.index_of(ra, dec), minlength=len(patches))
    assert len(patches) == 128 and counts.min() > 140 and counts.max() < 175
    moved = patches.index_of(ra + 1e-4, dec) != patches.index_of(ra, dec)
    assert np.mean(moved) < 0.02  # versions of a galaxy are hardly ever in two patches


def test_patches_of_one_place():
    patches = SkyPatches(np.zeros(100), np.zeros(100))
    assert set(patches.index_of(np.zeros(3), np.zeros(3))) == {0}


@pytest.mark.parametrize("name, number", [
    ("ns", 0), ("NOSHEAR", 0), (b"unsheared", 0), ("1p", 1), ("1M ", 2), ("sheared_2p", 3),
    ("2m", 4), ("1p_psf", None), ("", None), (3, None),
])
def test_names(name, number):
    assert version_of(name) == number


@pytest.mark.parametrize("dtype", ["U8", "S8", object])
def test_codes(dtype):
    codes, others = version_codes(np.array(["2p", "ns", "1p_psf", "1p", "ns"], dtype=dtype))
    assert codes.tolist() == [3, 0, -1, 1, 0] and others == ["1p_psf"]
    assert version_codes(np.array([], dtype=dtype))[1] == []

# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Clusters of maps that are the truth, and of such that are not."""

import numpy as np
import pytest
from astropy import units as u

from lensmap.maps import ConvergenceMap
from lensmap.simulate import HaloModelField
from lensmap.validation import ValidationSetup
from lensmap.validation.measures._clusters import (
    ClusterReference,
    measure_clusters,
    pool_completeness,
    pool_masses,
    pool_purity,
)

SKY = HaloModelField(z_source=1.5, shape=(160, 160), pixel_scale=0.6 * u.arcmin)
SETUP = ValidationSetup(sky=SKY)


@pytest.fixture(scope="module")
def records():
    found = []
    for seed in range(3):
        truth, grid, halos = SETUP.draw(seed)
        reference = ClusterReference(ConvergenceMap(truth, wcs=grid.wcs), halos, SKY.z_source)
        mirrored = truth[::-1, ::-1].copy()
        found.append(measure_clusters(reference, [truth, 0.5 * truth, mirrored]))
    return found


def test_the_truth_finds_all(records):
    found = pool_completeness(records, 0, "paper", "all")
    some = found["n"] > 0
    assert found["n"].sum() > 30 and np.all(found["rate"][some] == 1)
    # where a bin has so few that chance would find them all, nothing is left to be corrected
    np.testing.assert_allclose(found["corrected"][np.isfinite(found["corrected"])], 1)
    assert np.isfinite(found["corrected"][:4]).all()
    assert pool_purity(records, 0, "paper", "all")["n"] >= found["n"].sum()
    # halos are where their peaks are, if they are heavy
    halos = pool_completeness(records, 0, "halo", "all")
    heavy = halos["bin_low"] >= 1.5e14 * u.solMass
    assert np.sum(halos["n"][heavy]) >= 5
    matched = np.nansum((halos["rate"] * halos["n"])[heavy]) / np.sum(halos["n"][heavy])
    assert matched > 0.8


def test_masses(records):
    table, line = pool_masses(records, 0)
    np.testing.assert_allclose(table["ratio"][table["n"] > 0], 1)
    assert line["slope"] == pytest.approx(1) and line["r"] == pytest.approx(1)
    table, line = pool_masses(records, 1)
    np.testing.assert_allclose(table["ratio"][table["n"] > 0], 0.5)
    assert line["slope"] == pytest.approx(0.5) and line["true_on_map"] == pytest.approx(2)


def test_a_map_of_another_sky_finds_by_chance(records):
    for definition in ("paper", "halo"):
        for ranking in ("all", "highest"):
            found = pool_completeness(records, 2, definition, ranking)
            n = found["n"].sum()
            corrected = np.nansum(found["corrected"] * found["n"]) / n
            assert corrected < 0.25  # three small fields
            assert np.nanmax(found["chance"]) > 0 or ranking == "highest"
    assert pool_purity(records, 2, "paper", "highest")["corrected"] < 0.3


def test_the_highest_are_as_many_as_asked_for(records):
    area = 3 * 160 * 160 * (0.6 / 60) ** 2
    for which in range(3):
        assert pool_purity(records, which, "halo", "highest")["n"] == pytest.approx(
            20 * area, abs=2
        )


def test_without_halos_there_is_one_definition():
    truth, grid, halos = SETUP.draw(5)
    reference = ClusterReference(ConvergenceMap(truth, wcs=grid.wcs), halos[:0], SKY.z_source)
    assert list(reference.tables) == ["paper"]
    record = measure_clusters(reference, [truth])
    assert "completeness_halo" not in record and record["map_mass"].shape[0] == 1

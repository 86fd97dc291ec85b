# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Clusters of maps that are the truth, and of such that are not."""

import numpy as np
import pytest
from astropy import units as u

from lensmap.maps import ConvergenceMap
from lensmap.simulate import HaloModelField
from lensmap.validation import ValidationSetup
from lensmap.validation.measures import Records
from lensmap.validation.measures._cluster_matches import ClusterReference, match_clusters
from lensmap.validation.measures._clusters import (
    definitions_of,
    detection_difference,
    pool_completeness,
    pool_detection,
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
        maps = {"same": truth, "half": 0.5 * truth, "mirrored": mirrored}
        found.append(match_clusters(reference, maps))
    return Records({"fields": found}, estimators=dict.fromkeys(maps, {}))


@pytest.mark.slow
def test_the_truth_finds_all(records):
    found = pool_completeness(records, "same", "paper", "all")
    some = found["n"] > 0
    assert found["n"].sum() > 30 and np.all(found["rate"][some] == 1)
    # where a bin has so few that chance would find them all, nothing is left to be corrected
    np.testing.assert_allclose(found["corrected"][np.isfinite(found["corrected"])], 1)
    assert np.isfinite(found["corrected"][:4]).all()
    assert pool_purity(records, "same", "paper", "all")["n"] >= found["n"].sum()
    # halos are where their peaks are, if they are heavy
    halos = pool_completeness(records, "same", "halo", "all")
    heavy = halos["bin_low"] >= 1.5e14 * u.solMass
    assert np.sum(halos["n"][heavy]) >= 5
    matched = np.nansum((halos["rate"] * halos["n"])[heavy]) / np.sum(halos["n"][heavy])
    assert matched > 0.8


def test_masses(records):
    table, line = pool_masses(records, "same")
    np.testing.assert_allclose(table["ratio"][table["n"] > 0], 1)
    assert line["slope"] == pytest.approx(1) and line["r"] == pytest.approx(1)
    table, line = pool_masses(records, "half")
    np.testing.assert_allclose(table["ratio"][table["n"] > 0], 0.5)
    assert line["slope"] == pytest.approx(0.5) and line["true_on_map"] == pytest.approx(2)


def test_a_map_of_another_sky_finds_by_chance(records):
    for definition in ("paper", "halo"):
        for ranking in ("all", "highest"):
            found = pool_completeness(records, "mirrored", definition, ranking)
            n = found["n"].sum()
            corrected = np.nansum(found["corrected"] * found["n"]) / n
            assert corrected < 0.25  # three small fields
            assert np.nanmax(found["chance"]) > 0 or ranking == "highest"
    assert pool_purity(records, "mirrored", "paper", "highest")["corrected"] < 0.3


def test_the_highest_are_as_many_as_asked_for(records):
    area = 3 * 160 * 160 * (0.6 / 60) ** 2
    for name in ("same", "half", "mirrored"):
        assert pool_purity(records, name, "halo", "highest")["n"] == pytest.approx(
            20 * area, abs=2
        )


def test_without_halos_there_is_one_definition():
    truth, grid, halos = SETUP.draw(5)
    reference = ClusterReference(ConvergenceMap(truth, wcs=grid.wcs), halos[:0], SKY.z_source)
    assert list(reference.tables) == ["paper"]
    record = match_clusters(reference, {"map": truth})
    assert "completeness_halo" not in record["map"]
    assert record["map"]["mass"].shape == record["truth"]["mass"].shape
    assert definitions_of(Records({"fields": [record]}, estimators={"map": {}})) == ["paper"]


def test_detection_is_that_of_all_heavy_clusters(records):
    for name in ("same", "mirrored"):
        by_mass = pool_completeness(records, name, "halo", "all")
        heavy = by_mass[by_mass["bin_low"] > 0.9e14 * u.solMass]
        total = pool_detection(records, name, "halo", "all")
        assert len(total) == 1 and total["n"] == heavy["n"].sum()
        assert total["rate"][0] == pytest.approx(
            np.nansum(heavy["rate"] * heavy["n"]) / heavy["n"].sum()
        )
    difference, error = detection_difference(records, ("same", "mirrored"), "paper", "all")
    rates = [pool_detection(records, name, "paper", "all")["corrected"][0]
             for name in ("same", "mirrored")]
    assert difference == pytest.approx(rates[0] - rates[1]) and difference > 4 * error > 0
    assert detection_difference(records, ("same", "same"), "paper", "all") == (0, 0)

# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What is made of the records of mocks of Coma; the mocks themselves are in the command's test."""

import numpy as np
import pytest

from lensmap.validation.measures import ComaSky, Records
from lensmap.validation.measures._coma import arm_rates, excess_significance, pool_coma_masses

N = 40


@pytest.fixture(scope="module")
def records():
    """Skies of which the arms are a bump of five sigma, by one map, and none by another."""
    rng = np.random.default_rng(1)
    directions = np.arange(72) * 5.0
    away = np.abs((directions - ComaSky().angles[:, np.newaxis] + 180) % 360 - 180)
    arms = 0.005 * np.sum(away <= 5, axis=0)
    found = []
    for _ in range(N):
        sky = 0.001 * rng.normal(size=(2, 1, 72))
        profiles = np.repeat(0.02 + sky, 2, axis=1)
        profiles[0, 0] += arms
        shares = np.zeros((2, 2, 3))
        shares[0, 0] = 0.8
        mass = 7.4 * np.exp(0.3 * rng.normal())
        found.append({"truth": {"mass": np.array([mass, mass * 0.74, mass * 1.35])}} | {
            name: {"profiles": profiles[i], "shares": shares[i]}
            for i, name in enumerate(("sharp", "blind"))
        })
    return Records({"coma": found})


def arrays(records, name):
    return [records.each("coma", name, array) for array in ("profiles", "shares")]


def test_arms_that_are_there_are_found(records):
    snr, at_arms = excess_significance(arrays(records, "sharp")[0], ComaSky())
    assert snr.shape == (N, 2, 72) and at_arms.shape == (N, 2, 3)
    assert np.mean(at_arms[:, 0]) == pytest.approx(5.5, abs=1)
    assert np.std(snr[:, 1]) == pytest.approx(1, abs=0.1)
    rows = arm_rates(*arrays(records, "sharp"), ComaSky())
    rates = {(row["test"], row["threshold"]): row for row in rows}
    assert rates["excess", 3.0]["found"] > 0.95 and rates["excess", 3.0]["false"] < 0.1
    assert rates["paths", 0.7]["found"] == 1 and rates["paths", 0.9]["found"] == 0
    assert rates["paths", 0.7]["false"] == 0


def test_arms_that_are_not_there_are_not(records):
    rows = {row["threshold"]: row for row in arm_rates(*arrays(records, "blind"), ComaSky())
            if row["test"] == "excess"}
    for threshold in (2.0, 2.5, 3.0):
        row = rows[threshold]
        assert row["found"] == row["false"]  # the same skies
        assert 0 < row["found_err"] < 0.2 or row["found"] == 0


def test_masses(records):
    found = pool_coma_masses(records.each("coma", "truth", "mass"), ComaSky())
    assert found["true"] == pytest.approx(7.4)
    assert abs(found["log_ratio"]) < 4 * found["log_ratio_err"]
    assert found["covered"] == pytest.approx(0.68, abs=0.2)
    assert 0 < found["mean"] - found["mean_low"] < found["mean_high"] - found["mean"]


def test_few_skies(records):
    with pytest.raises(ValueError, match="at least 4 mocks, not 3"):
        excess_significance(arrays(records, "sharp")[0][:3], ComaSky())

# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Estimators on the same simulated data."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable

from lensmap import ConvergenceMap, KaiserSquires, WienerFilter
from lensmap.scores import score_map
from lensmap.simulate import HaloModelField
from lensmap.validation import ValidationSetup, compare, contrast, tune_linear

SKY = HaloModelField(z_source=1.0, shape=(64, 64), pixel_scale=0.8 * u.arcmin)
SETUP = ValidationSetup(sky=SKY)
ESTIMATORS = {
    "ks": KaiserSquires(smoothing=1.5 * u.arcmin),
    "wiener": WienerFilter(z_source=1.0, uncertainty="posterior", n_realizations=5),
}


class Fixed:
    """An estimator of somebody else's, which makes the same of everything."""

    def __init__(self, mask=None, error=None, **meta):
        self.mask, self.error, self.meta = mask, error, meta

    def reconstruct(self, grid):
        data = 0.02 * np.random.default_rng(1).standard_normal(grid.shape)
        error = None if self.error is None else np.full(data.shape, self.error)
        return ConvergenceMap(
            data, wcs=SKY.wcs, mask=self.mask, uncertainty=error, meta=self.meta
        )


@pytest.fixture(scope="module")
def scores():
    return compare(ESTIMATORS, SETUP, 4, seed=2, workers=1)


def test_a_row_for_each_field_and_estimator(scores):
    assert isinstance(scores, QTable) and len(scores) == 8
    assert list(scores["field"]) == [0, 0, 1, 1, 2, 2, 3, 3]
    assert list(scores["estimator"][:2]) == ["ks", "wiener"]
    assert np.all(scores["seconds"] > 0 * u.s)
    assert np.all((scores["pearson_r"] > 0.1) & (scores["pearson_r"] < 0.95))
    assert np.all(scores["n_pixels"] == 64 * 64) and np.all(scores["n_masked"] == 0)
    wiener = scores[scores["estimator"] == "wiener"]
    assert np.mean(wiener["coverage_68"]) == pytest.approx(0.75, abs=0.1)
    assert np.isnan(scores["coverage_68"][scores["estimator"] == "ks"]).all()
    assert scores.meta["seed"] == 2 and scores.meta["setup"]["sky"]["shape"] == [64, 64]
    assert "smoothing='1.5 arcmin'" in scores.meta["estimators"]["ks"]["repr"]


def test_scores_are_those_of_the_maps(scores):
    seen = []

    def visit(number, observation, maps):
        assert list(maps) == ["ks"]
        seen.append((number, score_map(observation.truth, maps["ks"].data, maps["ks"].mask)))

    progress = []
    table = compare(
        {"ks": ESTIMATORS["ks"]}, SETUP, 2, seed=2, first=1, workers=1, visit=visit,
        progress=lambda done, total: progress.append((done, total)),
    )
    assert [number for number, _ in seen] == [1, 2] and progress == [(1, 2), (2, 2)]
    for row, (number, expected) in zip(table, seen, strict=True):
        assert row["field"] == number
        for name, value in expected.items():
            np.testing.assert_equal(row[name], value)
    # the same fields, whatever else is compared, and wherever the series begins
    before = scores[(scores["estimator"] == "ks") & np.isin(scores["field"], [1, 2])]
    np.testing.assert_array_equal(table["rmse"], before["rmse"])


@pytest.mark.slow
def test_workers_change_nothing(scores):
    together = compare(ESTIMATORS, SETUP, 4, seed=2, workers=2)
    for name in scores.colnames:
        if name not in ("seconds", "estimator"):
            np.testing.assert_array_equal(together[name], scores[name], err_msg=name)
    other = compare({"ks": ESTIMATORS["ks"]}, SETUP, 1, seed=3, workers=1)
    assert other["rmse"][0] != scores["rmse"][0]


def test_fields_are_drawn_by_a_given_executor(scores):
    submitted = []

    class Counting(ThreadPoolExecutor):
        def submit(self, *arguments):
            submitted.append(arguments)
            return super().submit(*arguments)

    with Counting(2) as pool:
        table = compare({"ks": ESTIMATORS["ks"]}, SETUP, 2, seed=2, executor=pool)
        assert len(submitted) == 2
        again = tune_linear(SETUP, 1, smoothings=[1.0] * u.arcmin, executor=pool)
        assert len(submitted) == 3
    before = scores[(scores["estimator"] == "ks") & (scores["field"] < 2)]
    np.testing.assert_array_equal(table["rmse"], before["rmse"])
    alone = tune_linear(SETUP, 1, smoothings=[1.0] * u.arcmin, workers=1)
    np.testing.assert_array_equal(again.scores["rmse"], alone.scores["rmse"])


def test_a_table_can_be_kept(scores, tmp_path):
    scores.write(tmp_path / "scores.ecsv")
    again = QTable.read(tmp_path / "scores.ecsv")
    assert again.meta == scores.meta
    np.testing.assert_array_equal(again["loss"], scores["loss"])
    assert again["seconds"].unit == u.s


def test_all_are_scored_on_the_same_pixels():
    mask = np.zeros((64, 64), dtype=bool)
    mask[:, :10] = True
    estimators = {"all": Fixed(), "some": Fixed(mask=mask)}
    table = compare(estimators, SETUP, 1, workers=1)
    assert list(table["n_pixels"]) == [64 * 54] * 2
    assert list(table["n_masked"]) == [0, 640]
    assert table["rmse"][0] == table["rmse"][1]
    masked = compare(estimators, SETUP.replace(mask_fraction=0.3), 1, workers=1)
    assert masked["n_pixels"][0] < 0.7 * 64 * 64
    assert masked["n_masked"][1] < 640


def test_noise_is_no_error_about_the_truth():
    estimators = {
        "total": Fixed(error=10.0, uncertainty="total"),
        "unsaid": Fixed(error=10.0),
        "68 per cent": Fixed(error=10.0, uncertainty="total", confidence=0.68),
        "95 per cent": Fixed(error=10.0, uncertainty="total", confidence=0.95),
        "noise": Fixed(error=10.0, uncertainty="noise"),
    }
    table = compare(estimators, SETUP, 1, workers=1)
    np.testing.assert_array_equal(table["coverage_68"], [1, 1, 1, np.nan, np.nan])
    np.testing.assert_array_equal(table["coverage_95"], [1, 1, np.nan, 1, np.nan])


def test_a_sky_without_lensing():
    table = compare({"ks": ESTIMATORS["ks"]}, SETUP.replace(null=True), 3, workers=1)
    assert table.meta["series"] == "null"
    assert np.all(table["kappa_min"] < 0) and np.all(table["kappa_max"] > 0)
    assert table["peaks_3"].unit == u.deg**-2
    assert "pearson_r" not in table.colnames
    assert np.all(np.abs(table["mean"]) < 0.1 * table["rms"])


# --- two of them ----------------------------------------------------------------------------


def test_contrast(scores):
    table = contrast(scores, "wiener", "ks")
    assert list(table["metric"]) == ["pearson_r", "rmse", "loss", "loss_h21"]
    a, b = (scores["rmse"][scores["estimator"] == name] for name in ("wiener", "ks"))
    row = table[1]
    assert row["n_fields"] == 4
    assert row["difference"] == pytest.approx(np.mean(a - b))
    assert row["mean_ratio"] == pytest.approx(np.mean(a / b)) and row["mean_ratio"] < 1
    assert row["ratio_of_sums"] == pytest.approx(a.sum() / b.sum())
    # the order of the rows is nobody's business
    shuffled = scores[[7, 2, 5, 0, 3, 6, 1, 4]]
    assert contrast(shuffled, "wiener", "ks", ["rmse"])["difference"][0] == row["difference"]


def test_what_cannot_be_contrasted(scores):
    with pytest.raises(ValueError, match="rows of the estimator 'cnn': .* of 'ks', 'wiener'"):
        contrast(scores, "cnn", "ks")
    with pytest.raises(ValueError, match="scores must have columns named 'beauty'"):
        contrast(scores, "wiener", "ks", ["beauty"])
    with pytest.raises(ValueError, match="rows of the same fields for 'wiener' and 'ks'"):
        contrast(scores[:7], "wiener", "ks")
    with pytest.raises(TypeError, match="a table returned by compare, not dict"):
        contrast({}, "wiener", "ks")


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((ESTIMATORS, "cha2025"), {}, TypeError, "setup must be a ValidationSetup, not str"),
        ((ESTIMATORS["ks"], SETUP), {}, TypeError, "estimators must be a dict .* KaiserSquires"),
        (({}, SETUP), {}, ValueError, "at least one estimator"),
        (({1: ESTIMATORS["ks"]}, SETUP), {}, TypeError, "strings as keys, not 1"),
        (({"ks": KaiserSquires}, SETUP, 0), {}, ValueError, "n_fields must be at least 1"),
        (({"truth": ESTIMATORS["ks"]}, SETUP), {}, ValueError, "no key 'truth'"),
        (({"ks": 3}, SETUP), {}, TypeError, r"a method reconstruct\(grid\), not 3 as 'ks'"),
        ((ESTIMATORS, SETUP), {"visit": 3}, TypeError, "visit must be None or a function"),
        ((ESTIMATORS, SETUP), {"seed": -1}, ValueError, "seed must be at least 0"),
        ((ESTIMATORS, SETUP), {"workers": 0}, ValueError, "workers must be at least 1"),
        ((ESTIMATORS, SETUP), {"above": np.inf}, ValueError, "above must be finite"),
        ((ESTIMATORS, SETUP), {"progress": 1}, TypeError,
         "progress must be True, False, None or a function .*, not 1"),
    ],
)
def test_bad_arguments(arguments, options, error, message):
    with pytest.raises(error, match=message):
        compare(*arguments, **options)


def test_an_estimator_must_return_a_map_of_the_grid():
    class Liar:
        def reconstruct(self, grid):
            return np.zeros((3, 3))

    with pytest.raises(ValueError, match="'liar' must return a map of the shape of the grid"):
        compare({"liar": Liar()}, SETUP, 1, workers=1)

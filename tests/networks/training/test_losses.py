# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Losses against numbers worked out by hand, and what is smallest where."""

import numpy as np
import pytest

from lensmap.networks import map_loss
from lensmap.networks.training._losses import LEVELS
from lensmap.scores import focal_weights


def test_focal_weights():
    kappa = np.array([[0.0, 0.1], [-0.1, 0.2]])
    np.testing.assert_allclose(focal_weights(kappa, 1), [[1, 1.5], [1.5, 2]])
    np.testing.assert_allclose(focal_weights(kappa, 6), [[1, 1.5**6], [1.5**6, 64]])
    np.testing.assert_array_equal(focal_weights(kappa, 0), np.ones((2, 2)))
    assert np.all(np.isfinite(focal_weights(np.zeros((2, 2)), 6)))


def test_of_one_plane_is_a_weighted_square():
    truth = np.array([1.0, 2.0])
    weight = np.array([1.0, 3.0])
    y_true = np.stack([truth, weight, np.zeros(2)], -1)[np.newaxis, np.newaxis]
    y_pred = np.array([0.5, 1.0])[np.newaxis, np.newaxis, :, np.newaxis]
    loss = map_loss(y_true.astype("f4"), y_pred.astype("f4"))
    assert float(loss) == pytest.approx((0.25 + 3) / 2)


def _loss(error, widths):
    y_true = np.stack([error, np.zeros_like(error), np.ones_like(error)], -1)
    y_pred = np.stack([np.zeros_like(error), *(np.full_like(error, np.log(w)) for w in widths)], -1)
    return float(map_loss(y_true[np.newaxis].astype("f4"), y_pred[np.newaxis].astype("f4")))


def test_widths_are_best_where_they_hold_what_they_say():
    error = np.random.default_rng(1).standard_normal((300, 300))
    best = [np.quantile(np.abs(error), level) for level in LEVELS]
    assert best == pytest.approx([1, 2], abs=0.02)
    least = _loss(error, best)
    for i in range(2):
        for factor in (0.9, 1.1):
            other = list(best)
            other[i] *= factor
            assert _loss(error, other) > least

# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Series of fields: the same whatever the number of workers."""

import numpy as np
import pytest
from astropy import units as u

from lensmap.simulate import HaloModelField, draw_fields, field_seed

MODEL = HaloModelField(z_source=0.6, shape=(32, 32), pixel_scale=2 * u.arcmin)


def _fields(**options):
    return list(draw_fields(MODEL, seed=4, **options))


def _data(**options):
    return [field.kappa.data for field in _fields(**options)]


def _pixel_centers(field):
    return field.kappa.wcs.wcs_pix2world(np.indices(field.shape).reshape(2, -1).T, 0)


@pytest.mark.slow
def test_workers_change_nothing():
    alone, together = (_fields(n_fields=2, workers=workers) for workers in (1, 2))
    assert len(alone) == len(together) == 2
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.kappa.data, other.kappa.data)
        np.testing.assert_array_equal(one.gamma, other.gamma)
        assert len(one.halos) > 5 and one.halos.colnames == other.halos.colnames
        for name in one.halos.colnames:
            np.testing.assert_array_equal(one.halos[name], other.halos[name])
        np.testing.assert_array_equal(_pixel_centers(one), _pixel_centers(other))


def test_a_field_depends_on_its_number_alone():
    alone = _data(n_fields=4, workers=1)
    assert not np.array_equal(alone[0], alone[1])
    # a field is known by its number, wherever a series begins
    np.testing.assert_array_equal(_data(n_fields=1, first=2, workers=1)[0], alone[2])
    np.testing.assert_array_equal(MODEL.draw(field_seed(4, 3)).kappa.data, alone[3])
    rest = _data(n_fields=4, skip={0, 2}, workers=1)
    assert len(rest) == 2
    np.testing.assert_array_equal(rest[1], alone[3])


def test_something_may_be_done_where_fields_are_drawn():
    deviations = list(draw_fields(MODEL, 3, workers=1, then=_deviation))
    assert deviations == [np.std(f.kappa.data) for f in draw_fields(MODEL, 3, workers=1)]


def _deviation(field, seed):
    assert isinstance(seed, np.random.SeedSequence)
    return np.std(field.kappa.data)


def test_progress_is_reported():
    seen = []
    list(draw_fields(MODEL, 2, workers=1, progress=lambda done, total: seen.append((done, total))))
    assert seen == [(1, 2), (2, 2)]
    assert list(draw_fields(MODEL, 0)) == []


def test_a_model_can_be_drawn_from():
    with pytest.raises(TypeError, match="model must be an object with the methods prepare"):
        draw_fields("x", 2)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_fields": -1}, ValueError, "n_fields must be at least 0"),
        ({"n_fields": 1, "workers": 0}, ValueError, "workers must be at least 1"),
        ({"n_fields": 1, "seed": 1.5}, TypeError, "seed must be a whole number"),
    ],
)
def test_bad_numbers_say_why(options, error, message):
    with pytest.raises(error, match=message):
        list(draw_fields(MODEL, **options))

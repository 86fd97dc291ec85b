# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The signs, from an ellipse that is drawn on the sky and measured in each basis."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensmap.catalog import CONVENTIONS, convention_name, convention_signs, to_celestial
from lensmap.catalog._convention import (
    columns_to_celestial,
    response_to_celestial,
    versions_to_celestial,
)


def measure(pa, modulus, x_to, y_to):
    """Return (e1, e2) of an ellipse from its second moments along two directions on the sky.

    ``pa`` and the directions are position angles in degrees, from north through east. The
    moments are of the ellipse itself, so that nothing is said about conventions here.
    """
    q = (1 - modulus) / (1 + modulus)  # the axis ratio
    major = np.radians(pa)
    east_north = np.array([np.sin(major), np.cos(major)]), np.array([np.cos(major), -np.sin(major)])
    moments = np.outer(east_north[0], east_north[0]) + q**2 * np.outer(east_north[1], east_north[1])
    axes = np.array([[np.sin(np.radians(a)), np.cos(np.radians(a))] for a in (x_to, y_to)])
    (xx, xy), (_, yy) = axes @ moments @ axes.T
    norm = xx + yy + 2 * np.sqrt(xx * yy - xy**2)
    return (xx - yy) / norm, 2 * xy / norm


EAST, NORTH, WEST = 90, 0, -90


@given(pa=st.floats(-180, 180), modulus=st.floats(0.0, 0.9))
def test_the_ellipse_of_the_sky(pa, modulus):
    angle = np.radians(90 - pa)  # from east through north
    expected = modulus * np.cos(2 * angle), modulus * np.sin(2 * angle)
    measured = {
        "celestial": measure(pa, modulus, EAST, NORTH),
        "euclidean": measure(pa, modulus, WEST, NORTH),
        # the position angle is counted from north, towards east
        "iau": measure(pa, modulus, NORTH, EAST),
        # x to the north and y to the west: the celestial axes after a quarter turn
        (-1, -1): measure(pa, modulus, NORTH, WEST),
    }
    for convention, e in measured.items():
        found = to_celestial(np.array([e[0]]), np.array([e[1]]), convention)
        np.testing.assert_allclose(np.ravel(found), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("pa", "celestial", "euclidean", "iau"),
    [
        (0, (-1, 0), (-1, 0), (1, 0)),  # north-south
        (45, (0, 1), (0, -1), (0, 1)),  # north-east to south-west
        (90, (1, 0), (1, 0), (-1, 0)),  # east-west
        (135, (0, -1), (0, 1), (0, -1)),  # north-west to south-east
    ],
)
def test_four_ellipses(pa, celestial, euclidean, iau):
    """The picture in the documentation, as numbers."""
    for name, numbers in (("celestial", celestial), ("euclidean", euclidean), ("iau", iau)):
        e1, e2 = np.array(numbers, dtype=float)
        signs = CONVENTIONS[name]
        assert (signs[0] * e1, signs[1] * e2) == pytest.approx(celestial)
        found = to_celestial(np.array([e1]), np.array([e2]), name)
        assert np.ravel(found) == pytest.approx(celestial)
    modulus = 0.4
    np.testing.assert_allclose(
        measure(pa, modulus, EAST, NORTH), modulus * np.array(celestial), atol=1e-12
    )


@given(st.sampled_from([(1, 1), (1, -1), (-1, 1), (-1, -1)]))
def test_names_and_signs(signs):
    name = convention_name(signs)
    assert convention_signs(name) == convention_signs(signs) == signs
    s1, s2 = signs
    for written in (f"{s1},{s2}", f"({s1}, {s2})", [s1, s2], np.array(signs), (float(s1), s2)):
        assert convention_signs(written) == signs
    assert (name in CONVENTIONS) == (signs != (-1, -1))


@pytest.mark.parametrize(
    "wrong",
    ["Celestial", "", "1", "1,2", "1,1,1", "a,b", (1,), (1, 0), (1.5, 1), (-1.2, 1), 1, None,
     (1, None), (np.nan, 1)],
)
def test_no_convention(wrong):
    for function in (convention_signs, convention_name):
        with pytest.raises(ValueError, match="one of 'celestial', 'euclidean', 'iau' or a pair"):
            function(wrong)


# For each pair of signs: e1 and c1, e2 and c2, the off-diagonal elements of the response, and what
# the versions -1, noshear, 1p, 1m, 2p, 2m become.
CONVERTED = pytest.mark.parametrize(
    ("signs", "first", "second", "off_diagonal", "versions"),
    [
        ((1, 1), 1, 1, 1, [-1, 0, 1, 2, 3, 4]),
        ((1, -1), 1, -1, -1, [-1, 0, 1, 2, 4, 3]),
        ((-1, 1), -1, 1, -1, [-1, 0, 2, 1, 3, 4]),
        ((-1, -1), -1, -1, 1, [-1, 0, 2, 1, 4, 3]),
    ],
)


@CONVERTED
def test_everything_with_a_direction_is_converted(signs, first, second, off_diagonal, versions):
    names = ("e1", "c1", "e2", "c2", "r12", "r21", "r11", "r22", "weight")
    columns = {name: np.array([2.0 + i, 0.5]) for i, name in enumerate(names) if name != "c2"}
    before = {name: values.copy() for name, values in columns.items()}
    columns_to_celestial(columns, signs)
    factors = dict(zip(names, [first, first, second, second, *[off_diagonal] * 2, 1, 1, 1]))
    assert set(columns) == set(before)
    for name, values in columns.items():
        np.testing.assert_array_equal(values, factors[name] * before[name])
    response = response_to_celestial(((0.7, 0.2), (0.05, 0.6)), signs)
    assert response == ((0.7, off_diagonal * 0.2), (off_diagonal * 0.05, 0.6))
    assert response_to_celestial(0.7, signs) == 0.7 and response_to_celestial(None, signs) is None
    codes = versions_to_celestial(np.array([-1, 0, 1, 2, 3, 4], dtype=np.int8), signs)
    assert codes.tolist() == versions and codes.dtype == np.int8


def test_memory():
    """A component that keeps its sign is not copied, and none is changed in place."""
    e1, e2 = np.array([0.1]), np.array([0.2])
    found = to_celestial(e1, e2, "euclidean")
    assert found[0] is e1 and found[1].tolist() == [-0.2] and e2.tolist() == [0.2]

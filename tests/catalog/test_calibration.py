# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""A known shear comes back through every calibration, and sums over parts are those of the whole.

Galaxies come in pairs of opposite intrinsic ellipticity, so that their mean is the shear exactly.
"""

import numpy as np
import pytest
from astropy.wcs import WCS
from catalogs import shear_catalog
from hypothesis import given
from hypothesis import strategies as st

from lensmap import ShearGrid
from lensmap.catalog import Calibration, convention_signs

G = 0.03 - 0.02j
C = 0.004 + 0.007j
CENTER = (30.0, -40.0)


def make_wcs(cdelt=-0.1):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = CENTER
    wcs.wcs.crpix = [2, 2]
    wcs.wcs.cdelt = [cdelt, 0.1]
    wcs.array_shape = (3, 3)
    return wcs


def pairs(n=50, rms=0.25, seed=1):
    """Return intrinsic ellipticities whose weighted mean is 0, and the weights."""
    rng = np.random.default_rng(seed)
    e = rms * (rng.normal(size=n) + 1j * rng.normal(size=n))
    w = rng.uniform(0.5, 2.0, n)
    return np.concatenate([e, -e]), np.concatenate([w, w])


def table_of(e, w=None, **columns):
    n = len(e)
    ra, dec = np.full(n, CENTER[0]), np.full(n, CENTER[1])
    table = {"ra": ra, "dec": dec, "e1": e.real, "e2": e.imag}
    if w is not None:
        table["weight"] = w
    return table | {name: np.broadcast_to(value, n).copy() for name, value in columns.items()}


def shear_of(catalog, cdelt=-0.1):
    """Return the celestial shear of the central pixel, where all galaxies are."""
    grid = ShearGrid.from_catalog(catalog, make_wcs(cdelt))
    g = grid.g1[1, 1] + 1j * grid.g2[1, 1]
    # An ordinary image has x to the west: its g2 has the other sign.
    return np.conj(g) if cdelt < 0 else g


CDELT = pytest.mark.parametrize("cdelt", [-0.1, 0.1])


@CDELT
def test_shear(cdelt):
    intrinsic, w = pairs()
    assert shear_of(shear_catalog(table_of(intrinsic + G, w)), cdelt) == pytest.approx(G, abs=1e-7)


def test_weights_count():
    e = np.array([0.1 + 0j, 0.4 + 0j])
    assert shear_of(shear_catalog(table_of(e, np.array([3.0, 1.0])))) == pytest.approx(0.175)


@CDELT
def test_m_and_c(cdelt):
    """Biased measurements e = (1 + m) g + c, where m differs from galaxy to galaxy.

    The weighted mean of m is -0.1; dividing galaxy by galaxy would give another answer.
    """
    intrinsic, w = pairs()
    m = np.random.default_rng(2).uniform(-0.5, 0.3, len(w))
    m += -0.1 - np.average(m, weights=w)
    measured = intrinsic + (1 - 0.1) * G + C
    catalog = shear_catalog(table_of(measured, w, m=m, c1=C.real, c2=C.imag))
    assert shear_of(catalog, cdelt) == pytest.approx(G, abs=1e-7)


def test_one_additive_component():
    intrinsic, w = pairs()
    catalog = shear_catalog(table_of(intrinsic + G + 1j * C.imag, w, c2=C.imag))
    assert shear_of(catalog) == pytest.approx(G, abs=1e-7)


def test_c_has_the_convention_of_the_catalog():
    """c1 and c2 are in the signs of e1 and e2: an iau catalog has iau biases."""
    intrinsic, w = pairs()
    table = table_of(intrinsic + G + C, w, c1=-C.real, c2=C.imag)
    table["e1"] = -table["e1"]
    assert shear_of(shear_catalog(table, convention="iau")) == pytest.approx(G, abs=1e-7)
    table = table_of(intrinsic + G + C, w, c1=C.real, c2=-C.imag)
    table["e2"] = -table["e2"]
    assert shear_of(shear_catalog(table, convention="euclidean")) == pytest.approx(G, abs=1e-7)


def distort(shapes, g):
    """Return distortions after shear: exact, Bernstein & Jarvis 2002, eq. 2-13."""
    delta = 2 * g / (1 + abs(g) ** 2)
    root = np.sqrt(1 - abs(delta) ** 2)
    real = (shapes * np.conj(delta)).real
    return (shapes + delta + delta / abs(delta) ** 2 * (1 - root) * (real - abs(delta) ** 2)) / (
        1 + real
    )


@pytest.mark.parametrize("known", ["sigma_e", "measured", "sigma_m"])
@CDELT
def test_distortions(known, cdelt):
    """A ring of distortions |e| = 0.5 that is sheared exactly has the mean 2 R g, R = 1 - 0.125."""
    g = 1e-3 * G
    ring = 0.5 * np.exp(2j * np.pi * np.arange(64) / 64)
    assert distort(ring, g).mean() == pytest.approx(2 * (1 - 0.125) * g, rel=1e-4)
    e, columns = distort(ring, g), {}
    if known == "sigma_e":
        columns["sigma_e"] = np.sqrt(0.125)
    elif known == "sigma_m":
        # Measurement errors that double the squares, in pairs of opposite sign.
        noise = 0.5 * np.exp(1j * np.angle(ring)) * 1j
        e = np.concatenate([e + noise, e - noise])
        columns["sigma_m"] = np.sqrt(0.125)
    catalog = shear_catalog(table_of(e, **columns), kind="distortion")
    assert Calibration.from_catalog(catalog).responsivity == pytest.approx(0.875, rel=1e-5)
    assert shear_of(catalog, cdelt) == pytest.approx(g, rel=2e-3)
    # Taken for shear, the same numbers would be 1.75 times too large: kinds are never guessed.
    assert shear_of(shear_catalog(table_of(e)), cdelt) == pytest.approx(1.75 * g, rel=2e-3)


def test_distortions_with_m_and_c():
    """Mandelbaum et al. 2018, eq. A: (<e> / 2R - <c>) / (1 + <m>)."""
    ring, w = 0.5 * np.exp(2j * np.pi * np.arange(64) / 64), None
    e = ring + 2 * 0.875 * ((1 - 0.2) * G + C)
    catalog = shear_catalog(
        table_of(e, w, m=-0.2, c1=C.real, c2=C.imag, sigma_e=np.sqrt(0.125)), kind="distortion"
    )
    assert shear_of(catalog) == pytest.approx(G, abs=1e-7)


R = np.array([[0.70, 0.10], [-0.05, 0.62]])


def respond(matrix, g):
    e1, e2 = np.asarray(matrix) @ [g.real, g.imag]
    return e1 + 1j * e2


def metacal(**changes):
    intrinsic, w = pairs()
    rng = np.random.default_rng(3)
    # Galaxies respond differently; the weighted mean is R. The mean of e / R would not be g.
    spread = rng.normal(0, 0.3, len(w))
    spread -= np.average(spread, weights=w)
    columns = {
        "r11": R[0, 0] + spread, "r12": R[0, 1] - spread, "r21": R[1, 0] + spread,
        "r22": R[1, 1] + 0 * spread,
    }
    return table_of(intrinsic + respond(R, G), w, **(columns | changes))


@CDELT
def test_response_columns(cdelt):
    assert shear_of(shear_catalog(metacal()), cdelt) == pytest.approx(G, abs=1e-7)


@CDELT
def test_response_columns_turn_with_the_convention(cdelt):
    """In a euclidean catalog both e and g have the other e2: r12 and r21 change sign, too."""
    table = metacal()
    table |= {"e2": -table["e2"], "r12": -table["r12"], "r21": -table["r21"]}
    catalog = shear_catalog(table, convention="euclidean")
    assert shear_of(catalog, cdelt) == pytest.approx(G, abs=1e-7)


@CDELT
@pytest.mark.parametrize("convention", ["euclidean", "iau", "-1,-1"])
def test_response_that_is_given_in_a_convention(convention, cdelt):
    intrinsic, w = pairs()
    s1, s2 = convention_signs(convention)
    # What is measured follows from the shear by R in the catalog's own signs.
    e = intrinsic + respond(R, complex(s1 * G.real, s2 * G.imag))
    catalog = shear_catalog(table_of(e, w), convention=convention, response=R)
    assert shear_of(catalog, cdelt) == pytest.approx(G, abs=1e-7)


@CDELT
@pytest.mark.parametrize("response", [0.7, R, 1.0])
def test_response_that_is_given(response, cdelt):
    intrinsic, w = pairs()
    matrix = response * np.eye(2) if np.ndim(response) == 0 else response
    catalog = shear_catalog(table_of(intrinsic + respond(matrix, G), w), response=response)
    assert shear_of(catalog, cdelt) == pytest.approx(G, abs=1e-7)


def test_given_response_goes_before_the_columns():
    table = metacal(r11=5.0, r12=0.0, r21=0.0, r22=5.0)
    assert shear_of(shear_catalog(table, response=R)) == pytest.approx(G, abs=1e-7)


@pytest.mark.parametrize("name", ["r11", "r22"])
def test_one_number_for_both_components(name):
    intrinsic, w = pairs()
    catalog = shear_catalog(table_of(intrinsic + 0.6 * G, w, **{name: 0.6}))
    assert shear_of(catalog) == pytest.approx(G, abs=1e-7)


def test_response_and_m():
    intrinsic, w = pairs()
    e = intrinsic + respond(R, 1.1 * G)
    assert shear_of(shear_catalog(table_of(e, w, m=0.1), response=R)) == pytest.approx(G, abs=1e-7)


@pytest.mark.parametrize(
    "response", ["wide", [1, 2], np.ones((3, 3)), np.nan, [[1, 0], [0, np.inf]]]
)
def test_wrong_response(response):
    with pytest.raises(ValueError, match="response must be a finite number, a 2 x 2 matrix"):
        shear_catalog(table_of(np.zeros(2)), response=response)


@pytest.mark.parametrize(
    "response", [0.0, -1.0, [[1, 1], [1, 1]], [[1, 0], [0, -1]], [[-1, 0], [0, -1]]]
)
def test_singular_response(response):
    with pytest.raises(ValueError, match="the mean response must be positive, but it is"):
        shear_of(shear_catalog(table_of(np.zeros(2)), response=response))


def test_m_that_is_none():
    """Rows with an implausible m do not get so far, unless one makes the sums by hand."""
    with pytest.raises(ValueError, match="m must be between -1 and 1, but is 24.5: .*magnitudes"):
        Calibration(sum_w=2.0, sum_wm=49.0).m
    with pytest.raises(ValueError, match="no usable row is left of 2: 2 m outside -1..1"):
        shear_catalog(table_of(np.zeros(2), m=24.5))


def test_dispersions_that_are_none():
    with pytest.raises(ValueError, match="from 0 to 1 per component.*are e1, e2 and sigma_m"):
        shear_of(shear_catalog(table_of(np.full(4, 0.1), sigma_m=0.5), kind="distortion"))


@pytest.mark.parametrize("columns", [{}, {"m": 0.1}, {"r11": 0.7}, {"sigma_e": 0.3}])
@pytest.mark.parametrize("kind", ["shear", "distortion"])
def test_weights_of_zero(columns, kind):
    """Nothing is known, and that is said; unless nothing has to be known."""
    calibration = Calibration.from_catalog(
        shear_catalog(table_of(np.full(3, 0.1), np.zeros(3), **columns), kind=kind)
    )
    if kind == "distortion" or "m" in columns or "r11" in columns:
        with pytest.raises(ValueError, match="all weights are 0"):
            calibration.factors(), calibration.m
    else:
        assert calibration.factors() == (1, 0) and calibration.m == 0
    if "sigma_e" not in columns:
        with pytest.raises(ValueError, match="all weights are 0"):
            calibration.noise_squares()


def test_noise_squares():
    """The scatter is split into what is intrinsic and what is measured."""
    rng = np.random.default_rng(4)
    n = 40_000
    sigma_m = rng.uniform(0.1, 0.3, n)
    normal = rng.normal(size=(4, n))
    e = 0.2 * (normal[0] + 1j * normal[1]) + sigma_m * (normal[2] + 1j * normal[3])
    w = rng.uniform(0.5, 1.5, n)

    def of(*args, **columns):
        return Calibration.from_catalog(shear_catalog(table_of(*args, **columns)))

    intrinsic, measurement = of(e, w, sigma_m=sigma_m).noise_squares()
    assert intrinsic == pytest.approx(0.04, rel=0.03) and measurement
    total, measurement = of(e, w).noise_squares()
    expected = 0.04 + np.average(sigma_m**2, weights=w**2)
    assert total == pytest.approx(expected, rel=0.02) and not measurement
    assert of(e, w, sigma_m=sigma_m).noise_squares(0.5) == (0.25, True)
    assert of(e, w, sigma_e=0.2).noise_squares() == (None, False)
    # Errors that are said to be larger than the scatter leave nothing, not less than nothing.
    assert of(e, w, sigma_m=1.0).noise_squares() == (0.0, True)


@pytest.mark.parametrize("response", [R, 0.7, 1.0])
def test_each_galaxy_by_hand(response):
    """Galaxies without noise, e = R ((1 + m) g + c) with the mean m: each gives its own shear."""
    rng = np.random.default_rng(5)
    g = 0.1 * (rng.normal(size=6) + 1j * rng.normal(size=6))
    m = np.array([0.3, -0.1] * 3)
    matrix = response * np.eye(2) if np.ndim(response) == 0 else response
    e = np.array([respond(matrix, 1.1 * one + C) for one in g])
    columns = {"m": m, "c1": C.real, "c2": C.imag, "sigma_e": np.arange(1, 7) / 10}
    catalog = shear_catalog(table_of(e, **columns, sigma_m=0.2), response=response)
    calibration = Calibration.from_catalog(catalog)
    np.testing.assert_allclose(calibration.shear(catalog), g)
    np.testing.assert_allclose(calibration.over_response(catalog), 1.1 * g + C)
    # The variance of R^-1 e, a mean over the components, of isotropic noise of the variance 1.
    gain_squared = np.sum(np.linalg.inv(matrix) ** 2) / 2 / 1.1**2
    assert calibration.gain**2 == pytest.approx(gain_squared)
    variance = (np.arange(1, 7) / 10) ** 2 + 0.2**2
    np.testing.assert_allclose(calibration.noise_variance(catalog), variance * gain_squared)


def test_dispersion_by_hand():
    """Squares per component of 0.02 and 0.08 with the weights 1 and 3: (0.02 + 9 x 0.08) / 10."""
    table = table_of(np.array([0.2, 0.4j]), np.array([1.0, 3.0]))
    calibration = Calibration.from_catalog(shear_catalog(table))
    assert calibration.noise_squares() == (pytest.approx(0.074), False)
    catalog = shear_catalog(table | {"sigma_m": np.array([0.1, 0.2])})
    intrinsic, measurement = Calibration.from_catalog(catalog).noise_squares()
    assert intrinsic == pytest.approx(0.074 - (0.01 + 9 * 0.04) / 10) and measurement is True
    variance = Calibration.from_catalog(catalog).noise_variance(catalog)
    np.testing.assert_allclose(variance, intrinsic + np.array([0.01, 0.04]))


def test_response_of_sheared_versions():
    """Two patches, in which e1 of 1p is 0.01 and 0.02 and nothing else responds."""
    sums = np.zeros((2, 4, 3))
    sums[:, :, 0], sums[:, 0, 1] = 1.0, [0.01, 0.02]
    calibration = Calibration(sum_versions=sums)
    np.testing.assert_allclose(calibration.matrix, [[0.75, 0], [0, 0]])
    np.testing.assert_allclose(calibration.matrix_error, [[0.25, 0], [0, 0]])
    assert Calibration().matrix_error is None


def test_nothing_is_there_without_galaxies():
    catalog = shear_catalog(table_of(*pairs()))
    calibration = Calibration.from_catalog(catalog)
    assert calibration + Calibration() == calibration
    assert len(calibration.sum_by_weight) > 1 and len(Calibration().sum_by_weight) == 0
    # The bins of weight are neither needed for the shear nor compared.
    without = Calibration.from_catalog(catalog, by_weight=False)
    assert len(without.sum_by_weight) == 0 and without == calibration
    versions = [Calibration(sum_versions=scale * np.ones((2, 4, 3))) for scale in (1, 2)]
    assert versions[0] == versions[1]
    for name in ("sum_wr11", "sum_wr12", "sum_wr21", "sum_wr22"):
        assert getattr(Calibration(), name) == 0


# --- parts and the whole ---------------------------------------------------------------------


@given(
    cut=st.integers(1, 29),
    with_weight=st.booleans(),
    single=st.booleans(),
    names=st.sets(
        st.sampled_from(["m", "sigma_m", "sigma_e", "r11", "r22", "r12", "r21", "c1", "c2"])
    ),
)
def test_sums_add(cut, with_weight, single, names):
    rng = np.random.default_rng(cut)
    table = table_of(rng.normal(0, 0.2, 30) + 1j * rng.normal(0, 0.2, 30))
    table |= {name: rng.uniform(0.1, 0.9, 30) for name in sorted(names)}
    if with_weight:
        table["weight"] = rng.uniform(0, 1, 30)
    if single:
        table = {name: np.asarray(values, dtype=np.float32) for name, values in table.items()}
    catalog = shear_catalog(table)
    added = (
        Calibration.from_catalog(catalog.select(slice(cut)))
        + Calibration.from_catalog(catalog.select(slice(cut, None)))
    )
    whole = Calibration.from_catalog(catalog)
    for name in Calibration.__dataclass_fields__:
        mine, theirs = getattr(added, name), getattr(whole, name)
        exact = theirs is None or not name.startswith("sum_")
        assert mine == (theirs if exact else pytest.approx(theirs, rel=1e-6))


@pytest.mark.parametrize(
    ("changes", "kwargs", "words"),
    [
        ({}, {"kind": "distortion"}, "different kind .* 'shear' and 'distortion'"),
        ({}, {"response": 0.7}, "different response"),
        ({"r11": 0.7}, {}, "different has_response"),
        ({"m": 0.1}, {}, "cannot be added if only one of them has the column m"),
        ({"sigma_m": 0.1}, {}, "has the column sigma_m"),
        ({"sigma_e": 0.1}, {}, "has the column sigma_e"),
    ],
)
def test_different_catalogs_do_not_add(changes, kwargs, words):
    one = Calibration.from_catalog(shear_catalog(table_of(np.zeros(3))))
    other = Calibration.from_catalog(shear_catalog(table_of(np.zeros(3), **changes), **kwargs))
    with pytest.raises(ValueError, match=words):
        one + other


def test_only_calibrations_add():
    with pytest.raises(TypeError):
        Calibration.from_catalog(shear_catalog(table_of(np.zeros(3)))) + 1

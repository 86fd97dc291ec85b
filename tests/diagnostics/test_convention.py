# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The check on catalogs of which the convention is known, and on pure noise."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from catalogs import shear_catalog
from lenses import NFW, catalog_columns, shear_of, uniform_sky
from scipy import stats

from lensmap import ShearCatalog, check_convention
from lensmap.diagnostics import summarize_catalog
from lensmap.diagnostics._convention import _decision, _handedness_at, _threshold
from lensmap.utils import ConventionWarning

CENTER = SkyCoord(0.1, 50, unit="deg")
HALOS = [
    (CENTER.directional_offset_by(angle * u.deg, distance * u.arcmin), NFW(kappa_s, 1.5))
    for angle, distance, kappa_s in ((10, 8, 0.15), (130, 11, 0.12), (250, 6, 0.15))
]


def _columns(halos, n=20_000, noise=0.25, seed=1, radius=0.35):
    rng = np.random.default_rng(seed)
    sky = uniform_sky(CENTER, radius, n, rng)
    gamma, kappa = shear_of(sky, halos)
    g = gamma / (1 - kappa)
    e_s = noise * (rng.normal(size=n) + 1j * rng.normal(size=n))
    return catalog_columns(sky, (e_s + g) / (1 + np.conj(g) * e_s))


COLUMNS = _columns(HALOS)
AT = SkyCoord([position for position, _ in HALOS])


@pytest.mark.parametrize("at", [None, AT], ids=["skewness", "positions"])
@pytest.mark.parametrize(
    ("declared", "handedness", "sign"),
    [
        ("celestial", "confirmed", "confirmed"),
        ("euclidean", "mirrored", "confirmed"),
        ("iau", "mirrored", "reversed"),
        ((-1, -1), "confirmed", "reversed"),
    ],
)
def test_finds_the_true_convention(declared, handedness, sign, at):
    result = check_convention(shear_catalog(COLUMNS, None, declared), at, n_rotations=50, rng=0)
    assert (result.handedness, result.sign) == (handedness, sign)
    assert result.suggestions == ["celestial"]
    assert result.verdict == ("right" if declared == "celestial" else "wrong")
    assert result.sign_from == ("skewness" if at is None else "positions")
    best = result.choices["convention"][np.argmax(result.choices["skewness"])]
    assert best == "celestial"
    text = str(result)
    assert ("clearly wrong" in text) == (declared != "celestial") and "sigma" in text


def test_noise_alone_is_undecided():
    result = check_convention(shear_catalog(_columns([], seed=3)), n_rotations=50, rng=0)
    assert (result.handedness, result.sign) == ("undecided", "undecided")
    assert result.verdict == "undecided" and len(result.suggestions) == 4
    assert "the galaxies do not decide whether the convention 'celestial'" in str(result)


@pytest.mark.slow
@pytest.mark.parametrize("positions", [None, CENTER])
def test_false_alarms_are_rarer_than_one_in_a_hundred(positions):
    alarms = 0
    for seed in range(100):
        columns = _columns([], n=1500, seed=seed, radius=0.2)
        result = check_convention(shear_catalog(columns), positions, n_rotations=30, rng=0)
        alarms += result.verdict == "wrong"
    assert alarms < 2


def test_thresholds_of_few_rotations_and_two_tests():
    """Noise of unknown scatter exceeds the threshold as rarely as a Gaussian exceeds 3 sigma."""
    rng = np.random.default_rng(5)
    n, expected = 50, 2 * stats.norm.sf(3)
    scatter = np.sqrt(rng.chisquare(n, (2, 1_000_000)) / n)
    ratios = np.abs(rng.normal(size=(2, 1_000_000)) / scatter)
    for n_tests in (1, 2):
        rate = np.mean(ratios[:n_tests].max(axis=0) > _threshold(n, n_tests))
        assert rate == pytest.approx(expected, rel=0.1)
    assert _threshold(50) == pytest.approx(3.16, abs=0.01)
    assert _threshold(100_000) == pytest.approx(3, abs=0.001)


def test_the_catalog_is_left_alone_and_the_seed_decides():
    catalog = shear_catalog(COLUMNS)
    before = catalog.e1.copy()
    first, second = (check_convention(catalog, n_rotations=30, rng=4) for _ in range(2))
    assert first.handedness_significance == second.handedness_significance
    np.testing.assert_array_equal(catalog.e1, before)


def test_bad_arguments():
    catalog = shear_catalog(COLUMNS)
    with pytest.raises(ValueError, match="n_rotations must be at least 30"):
        check_convention(catalog, n_rotations=5, rng=0)
    with pytest.raises(TypeError, match="positions must be a SkyCoord or None"):
        check_convention(catalog, positions=[(1, 2)], rng=0)
    with pytest.raises(ValueError, match="none of the 1 positions"):
        check_convention(catalog, positions=SkyCoord([90], [0], unit="deg"), rng=0)


def test_a_constant_bias_is_no_handedness():
    """In a long field that lies askew, a constant ellipticity has E and B of its own."""
    rng = np.random.default_rng(7)
    n = 60_000
    along, across = rng.uniform(-0.5, 0.5, n), rng.uniform(-0.12, 0.12, n)
    turn = np.radians(-22)
    e = 0.25 * (rng.normal(size=n) + 1j * rng.normal(size=n)) + 0.03
    columns = {
        "ra": 40 + along * np.cos(turn) - across * np.sin(turn),
        "dec": along * np.sin(turn) + across * np.cos(turn),
        "e1": e.real,
        "e2": e.imag,
    }
    result = check_convention(shear_catalog(columns), n_rotations=60, rng=0)
    assert result.handedness == "undecided" and abs(result.handedness_significance) < 3


# --- positions, surveys and kinds ------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 3])
@pytest.mark.parametrize(
    ("convention", "handedness", "sign"),
    [
        ("celestial", "confirmed", "confirmed"),
        ("euclidean", "mirrored", "confirmed"),
        ("iau", "mirrored", "reversed"),
        ((-1, -1), "confirmed", "reversed"),
    ],
)
def test_a_known_cluster_decides_the_handedness(convention, handedness, sign, seed):
    """A cluster decides the handedness of galaxies whose E and B power do not."""
    columns = _columns([(CENTER, NFW(0.12, 1.5))], n=6000, seed=seed)
    result = check_convention(shear_catalog(columns, None, convention), CENTER, rng=0)
    assert abs(result.power_significance) < 3
    assert (result.handedness, result.sign) == (handedness, sign)
    assert result.handedness_from == "positions" and abs(result.handedness_significance) > 3
    assert result.verdict == ("right" if convention == "celestial" else "wrong")
    assert result.suggestions == ["celestial"]
    evidence = f"{handedness} ({result.handedness_significance:+.1f} sigma, kappa at 1 position;"
    assert f"handedness: {evidence}" in str(result)
    alone = check_convention(shear_catalog(columns, None, convention), rng=0)
    assert alone.handedness == "undecided" and alone.verdict != "right"


def test_evidence_that_contradicts_itself_is_undecided():
    assert _handedness_at(6.6, 0.4) == pytest.approx(6.588, abs=1e-3)
    assert _handedness_at(0.4, -6.6) == pytest.approx(-6.588, abs=1e-3)
    assert _decision(6.6, 3.0, "yes", "no", [6.6, -2.9]) == "yes"
    assert _decision(-6.6, 3.0, "yes", "no", [2.9, -6.6]) == "no"
    assert _decision(6.6, 3.0, "yes", "no", [6.6, -3.1]) == "undecided"
    assert _decision(2.9, 3.0, "yes", "no") == "undecided"


HSC = {"ra": "i_ra", "dec": "i_dec", "e1": "i_hsmshaperegauss_e1", "e2": "i_hsmshaperegauss_e2"}


def _hsc_table():
    """Return the galaxies as HSC writes them: distortions in the celestial convention."""
    e = COLUMNS["e1"] + 1j * COLUMNS["e2"]
    e = np.where(np.abs(e) < 1, e, 0.5)
    e = 2 * e / (1 + np.abs(e) ** 2)
    columns = COLUMNS | {"e1": e.real, "e2": e.imag}
    return Table({HSC.get(name, name): values for name, values in columns.items()})


def test_what_the_survey_documents():
    table = _hsc_table()
    result = check_convention(table, n_rotations=40, rng=0)
    assert (result.origin, result.survey, result.documented) == ("survey", "hsc_y3", "celestial")
    assert result.verdict == "right"
    words = "'celestial' (as documented for the survey 'hsc_y3') is right: handedness confirmed at"
    assert words in result.conclusion and "declared" not in str(result)
    with pytest.warns(ConventionWarning, match="documents convention 'celestial'"):
        wrong = ShearCatalog(table, convention="iau")
    result = check_convention(wrong, n_rotations=40, rng=0)
    assert result.verdict == "wrong" and result.documented == "celestial"
    assert "documents 'celestial', which the galaxies allow" in result.conclusion
    table[HSC["e2"]] *= -1  # a table that was changed
    result = check_convention(table, n_rotations=40, rng=0)
    assert result.verdict == "wrong" and "probably changed" in result.conclusion


@pytest.mark.parametrize("kind", ["shear", "distortion"])
@pytest.mark.parametrize("true_kind", ["shear", "distortion"])
@pytest.mark.parametrize("known", ["sigma_e", "sigma_m", None])
def test_hints_about_the_kind(kind, true_kind, known):
    """The dispersion of the galaxies is a hint; no kind is ever called right."""
    rng = np.random.default_rng(8)
    sigma, n = {"shear": 0.26, "distortion": 0.37}[true_kind], 20_000
    e = sigma * (rng.normal(size=n) + 1j * rng.normal(size=n))
    columns = {"ra": rng.uniform(0, 1, n), "dec": rng.uniform(0, 1, n)}
    if known == "sigma_m":  # the measurement errors hide the intrinsic dispersion
        e += 0.3 * (rng.normal(size=n) + 1j * rng.normal(size=n))
        columns["sigma_m"] = np.full(n, 0.3)
    if known == "sigma_e":
        columns["sigma_e"] = np.full(n, sigma)
    e = np.where(np.abs(e) < 2, e, 0)
    catalog = shear_catalog(columns | {"e1": e.real, "e2": e.imag}, kind=kind)
    summary = summarize_catalog(catalog)
    assert (summary.kind_hint is None) == (kind == true_kind)
    if kind != true_kind:
        assert f"kind={true_kind!r}" in summary.kind_hint and "doubtful" in str(summary)
    assert f"{kind} (as given; not tested on the galaxies)" in str(summary)
    calibrated = shear_catalog(columns | {"e1": e.real, "e2": e.imag}, kind=kind, response=1.0)
    assert summarize_catalog(calibrated).kind_hint is None

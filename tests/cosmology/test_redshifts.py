# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Source redshifts: moments, quantiles and draws of a known distribution."""

import numpy as np
import pytest

from lensmap.cosmology import SourceRedshifts, check_z_source, lensing_efficiency


def test_the_lsst_sources_have_their_published_mean_and_median():
    sources = SourceRedshifts.preset("lsst_y10")
    assert sources.mean == pytest.approx(1.05, abs=0.005)
    assert sources.quantile(0.5) == pytest.approx(0.87, abs=0.01)
    assert SourceRedshifts.preset("lsst_y1").mean < sources.mean


def test_a_triangle_has_its_closed_form():
    sources = SourceRedshifts([0.0, 1.0], [0.0, 7.0])  # n(z) = 2 z
    assert sources.pdf[1] == pytest.approx(2.0)
    assert sources.mean == pytest.approx(2 / 3)
    np.testing.assert_allclose(sources.quantile([0, 0.25, 1]), [0, 0.5, 1])


def test_draws_follow_the_density():
    sources = SourceRedshifts.smail(0.3, 1.2)
    z = sources.sample(200_000, rng=3)
    assert z.mean() == pytest.approx(sources.mean, abs=4 * z.std() / np.sqrt(len(z)))
    for q in (0.1, 0.5, 0.9):
        assert np.mean(z < sources.quantile(q)) == pytest.approx(q, abs=0.005)
    np.testing.assert_array_equal(z, sources.sample(200_000, rng=np.random.default_rng(3)))


def test_a_gap_holds_no_sources():
    sources = SourceRedshifts([0.0, 1.0, 1.001, 2.0, 2.001, 3.0], [1, 1, 0, 0, 1, 1])
    z = sources.sample(20_000, rng=1)
    assert not np.any((z > 1.001) & (z < 2.0))


@pytest.mark.parametrize(
    ("z", "pdf", "message"),
    [
        ([0.5], [1.0], "of the same length, at least 2"),
        ([0.5, 1.0], [1.0, 1.0, 1.0], "of the shapes"),
        ([1.0, 0.5], [1.0, 1.0], "z must be finite, non-negative and strictly increasing"),
        ([-0.1, 0.5], [1.0, 1.0], "non-negative"),
        ([0.1, np.inf], [1.0, 1.0], "strictly increasing"),
        ([0.1, 0.5], [1.0, -1.0], "pdf must be finite, non-negative"),
        ([0.1, 0.5], [0.0, 0.0], "not 0 everywhere"),
    ],
)
def test_what_is_no_distribution_says_why(z, pdf, message):
    with pytest.raises(ValueError, match=message):
        SourceRedshifts(z, pdf)


def test_bad_parameters_say_why():
    with pytest.raises(ValueError, match="z0 must be a positive number, not 0"):
        SourceRedshifts.smail(0, 1)
    with pytest.raises(ValueError, match="choose one of 'lsst_y1', 'lsst_y10'"):
        SourceRedshifts.preset("euclid")
    assert SourceRedshifts.available_presets() == ["lsst_y1", "lsst_y10"]
    with pytest.raises(ValueError, match="fraction must be a .* between 0 and 1"):
        SourceRedshifts.preset("lsst_y1").quantile(1.5)


def test_a_source_redshift_is_a_positive_number_or_a_distribution():
    sources = SourceRedshifts.preset("lsst_y1")
    assert check_z_source(sources) is sources and check_z_source(1) == 1.0
    for value in (-1.0, 0.0, np.nan, 1e3):
        with pytest.raises(ValueError, match="z_source must be between 0.001 and 100"):
            check_z_source(value)
    for value in ("1", True, None, [1.0]):
        with pytest.raises(TypeError, match="z_source must be a number .* or a SourceRedshifts"):
            check_z_source(value)


def test_the_effective_redshift_has_the_mean_lensing_efficiency():
    plane = SourceRedshifts([1.0999, 1.1, 1.1001], [0, 1, 0])
    assert plane.effective_redshift(0.3, "Planck18") == pytest.approx(1.1, abs=1e-6)
    sources = SourceRedshifts.preset("lsst_y1")
    for z_lens in (0.1, 0.5):
        same = lensing_efficiency(z_lens, sources.effective_redshift(z_lens))
        assert same == pytest.approx(lensing_efficiency(z_lens, sources), rel=1e-5)
    with pytest.raises(ValueError, match="z_lens must be positive and lower than the redshift"):
        plane.effective_redshift(1.2)
